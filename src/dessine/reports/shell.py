"""The parts every page is made of: the page itself, sections, tables, figures. What a page tells belongs to its author.

Functions take text and return HTML; they escape what they are given. Only `body` and `content` are HTML already.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Any

STYLE = """
:root { --ink: #1d2430; --soft: #5b6472; --line: #dfe3e8; --wash: #f5f7f9; --mark: #1f5fa8; color-scheme: light; }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; color: var(--ink); background: #fff; margin: 0; }
main { max-width: 62rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .4rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.4rem 0 .8rem; padding-bottom: .25rem; border-bottom: 1px solid var(--line); }
p { margin: .4rem 0; max-width: 52rem; }
.quiet { color: var(--soft); } .bad { color: #a31515; } .good { color: #1b6e35; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .92rem; }
caption { text-align: left; color: var(--soft); padding-bottom: .3rem; }
th, td { padding: .3rem .9rem .3rem 0; text-align: left; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; } tbody th { font-weight: 500; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tr.best { background: #eaf5ec; }
dl { display: grid; grid-template-columns: minmax(7rem, max-content) 1fr; gap: .2rem 1.2rem;
  margin: .6rem 0; font-size: .95rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
figure { margin: 1rem 0 1.6rem; } figcaption { color: var(--soft); font-size: .92rem; margin-top: .3rem; }
img { max-width: 100%; height: auto; display: block; } img[hidden] { display: none; }
pre { background: var(--wash); border: 1px solid var(--line); border-radius: 4px; padding: .8rem; overflow-x: auto;
  font: .85rem/1.45 ui-monospace, "DejaVu Sans Mono", monospace; margin: .6rem 0; }
summary { cursor: pointer; color: var(--mark); padding: .2rem 0; }
.slider { display: flex; flex-wrap: wrap; align-items: center; gap: .4rem 1rem; margin: .4rem 0 .8rem; }
.slider input { flex: 1 1 16rem; min-width: 0; accent-color: var(--mark); height: 1.8rem; }
.slider output { min-width: 8rem; font-variant-numeric: tabular-nums; }
:focus-visible { outline: 2px solid var(--mark); outline-offset: 2px; }
@media (max-width: 34rem) {
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; } main { padding-top: 1rem; }
}
@media print { main { max-width: none; } .slider { display: none; } }
"""


def page(title: str, body: str, script: str = "") -> str:
    """A whole page. body: HTML, with a heading of its own; script: JavaScript that runs when the body is there.

    The page forbids itself to fetch anything, and to run any other script, whatever `body` holds.
    """
    source = f"'sha256-{base64.b64encode(sha256(script.encode()).digest()).decode()}'" if script else "'none'"
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {source}; base-uri 'none'"
    head = [
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title>",
        '<link rel="icon" href="data:,">',  # or the browser asks for favicon.ico
        f"<style>{STYLE}</style>",
    ]
    end = f"<script>{script}</script>\n" if script else ""
    top = '<!doctype html>\n<html lang="en">\n<head>\n' + "\n".join(head)
    return f"{top}\n</head>\n<body>\n<main>\n{body}\n</main>\n{end}</body>\n</html>\n"


def section(heading: str, *content: str) -> str:
    """Content under a heading; nothing at all where there is no content."""
    inner = "\n".join(part for part in content if part)
    return f"<section>\n<h2>{escape(heading)}</h2>\n{inner}\n</section>" if inner else ""


def figure(png_path: Path, caption: str) -> str:
    """A picture, PNG or GIF, with its bytes in the page. The caption is also what a screen reader says."""
    said = escape(caption)
    return f'<figure><img src="{data_uri(png_path)}" alt="{said}"><figcaption>{said}</figcaption></figure>'


def data_uri(path: Path) -> str:
    """The picture itself, where an address would stand."""
    kind = "gif" if path.suffix.lower() == ".gif" else "png"
    return f"data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def table(
    heads: Sequence[str], rows: Iterable[Sequence[Any]], caption: str = "", numbers_from: int = 1, best: Sequence[int] = ()
) -> str:
    """A table that scrolls by itself where it is wider than the screen. Numbers of type float are shown with 4 digits.

    numbers_from: the first column that is set flush right; best: rows to mark.
    """
    flush = [' class="n"' if i >= numbers_from else "" for i in range(len(heads))]
    lines = [f"<caption>{escape(caption)}</caption>"] if caption else []
    top = "".join(f'<th scope="col"{flush[i]}>{escape(head)}</th>' for i, head in enumerate(heads))
    lines.append(f"<thead><tr>{top}</tr></thead>\n<tbody>")
    for i, row in enumerate(rows):
        cells = "".join(
            f'<th scope="row"{flush[0]}>{_text(v)}</th>' if j == 0 else f"<td{flush[j]}>{_text(v)}</td>"
            for j, v in enumerate(row)
        )
        lines.append(f'<tr class="best">{cells}</tr>' if i in best else f"<tr>{cells}</tr>")
    inner = "\n".join(lines)
    name = escape(caption or heads[0])
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{name}"><table>\n{inner}\n</tbody></table></div>'


def facts(pairs: Mapping[str, Any]) -> str:
    """Names and what they stand for; what is None or empty is left out."""
    told = {name: v for name, v in pairs.items() if v not in (None, "", [], {})}
    inner = "\n".join(f"<dt>{escape(name)}</dt><dd>{_text(v)}</dd>" for name, v in told.items())
    return f"<dl>\n{inner}\n</dl>" if told else ""


def _text(v: Any) -> str:
    if v is None or v != v:
        return "–"
    return escape(f"{v:.4g}" if isinstance(v, float) else str(v))

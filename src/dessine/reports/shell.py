"""The parts every page is made of: the page itself, sections, tables, figures. What a page tells belongs to its author.

HTML is `Markup`, which escapes all text that comes into it. What is text alone can nowhere become a tag, whoever wrote it: tags
stand in constants only.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from markupsafe import Markup

Source = Callable[[Path], str]
"""Where a page has a picture from: an address, or the picture itself."""

STYLE = Markup("""
:root { --ink: #1d2430; --soft: #5b6472; --line: #dfe3e8; --wash: #f5f7f9; --paper: #fff; --mark: #1f5fa8;
  --bad: #a31515; --good: #1b6e35; --best: #eaf5ec; --c0: #0072b2; --c1: #d55e00; --c2: #008f6b; --c3: #a8568a; --c4: #8a6d00;
  --c5: #56606e; color-scheme: light dark; }
@media screen and (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ee; --soft: #a3acb9; --line: #343c48; --wash: #1b212a; --paper: #12161c; --mark: #7db4f0;
    --bad: #ff9d94; --good: #7fd49a; --best: #173322; --c0: #56b4e9; --c1: #f5923e; --c2: #2fc79a; --c3: #dd9cc4; --c4: #e3c84a;
    --c5: #b4bcc8; }
  img { background: #fff; border-radius: 3px; }
}
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; color: var(--ink); background: var(--paper);
  margin: 0; }
main { max-width: 62rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .4rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.4rem 0 .8rem; padding-bottom: .25rem; border-bottom: 1px solid var(--line); }
p { margin: .4rem 0; max-width: 52rem; } p, li { overflow-wrap: anywhere; }
.quiet { color: var(--soft); } .bad { color: var(--bad); } .good { color: var(--good); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .92rem; }
th, td { padding: .3rem .9rem .3rem 0; text-align: left; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; } tbody th { font-weight: 500; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tr.best { background: var(--best); }
dl { display: grid; grid-template-columns: minmax(7rem, max-content) 1fr; gap: .2rem 1.2rem;
  margin: .6rem 0; font-size: .95rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
figure { margin: 1rem 0 1.6rem; } figcaption { color: var(--soft); font-size: .92rem; margin-top: .3rem; }
img { max-width: 100%; height: auto; display: block; } img[hidden] { display: none; }
pre { background: var(--wash); border: 1px solid var(--line); border-radius: 4px; padding: .8rem; overflow-x: auto;
  font: .85rem/1.45 ui-monospace, "DejaVu Sans Mono", monospace; margin: .6rem 0; }
summary { cursor: pointer; color: var(--mark); padding: .2rem 0; }
a { color: var(--mark); }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 13rem), 1fr)); gap: .8rem; }
.cards figure { margin: 0; } .cards figcaption { overflow-wrap: anywhere; }
.slider { display: flex; flex-wrap: wrap; align-items: center; gap: .4rem 1rem; margin: .4rem 0 .8rem; }
.slider input { flex: 1 1 16rem; min-width: 0; accent-color: var(--mark); height: 1.8rem; }
.slider output { min-width: 8rem; font-variant-numeric: tabular-nums; }
.curves { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); gap: 1rem 1.6rem; }
.curves figure { margin: 0; min-width: 0; } .curves svg { width: 100%; height: auto; display: block; }
.curves h3 { font-size: .95rem; font-weight: 600; margin: 0; overflow-wrap: anywhere; }
.curves text { fill: var(--soft); font-size: 12px; } .curves .rule { stroke: var(--line); stroke-width: 1; }
.curves polyline { fill: none; stroke-width: 2; stroke-linejoin: round; vector-effect: non-scaling-stroke; }
.curves polygon { stroke: none; opacity: .18; } .curves circle { stroke: none; }
.key { display: inline-flex; align-items: center; gap: .35rem; margin-right: .9rem; font-size: .85rem; color: var(--soft);
  overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.key svg { width: 1.6rem; height: .7rem; flex: none; }
.c0 { stroke: var(--c0); fill: var(--c0); } .c1 { stroke: var(--c1); fill: var(--c1); stroke-dasharray: 7 3; }
.c2 { stroke: var(--c2); fill: var(--c2); stroke-dasharray: 2 3; }
.c3 { stroke: var(--c3); fill: var(--c3); stroke-dasharray: 9 3 2 3; }
.c4 { stroke: var(--c4); fill: var(--c4); stroke-dasharray: 12 4; }
.c5 { stroke: var(--c5); fill: var(--c5); stroke-dasharray: 1 4; }
:focus-visible { outline: 2px solid var(--mark); outline-offset: 2px; }
@media (max-width: 34rem) {
  .scroll td:last-child:not(.n) { min-width: 11rem; }
  section:not(.samples) > figure, figure.wide { overflow-x: auto; } section:not(.samples) > figure > img { max-width: 40rem; }
  figure.wide > img { width: 52rem; max-width: none; max-height: none; }
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; } main { padding-top: 1rem; }
}
@media print { :root { color-scheme: light; } main { max-width: none; } .slider { display: none; } }
""")


def page(title: str, body: str, script: str = "") -> Markup:
    """A whole page. body: HTML, with a heading of its own; script: JavaScript, as `Markup`, that runs when the body is there.

    The page forbids itself to fetch anything, and to run any other script, whatever `body` holds.
    """
    digest = base64.b64encode(sha256(script.encode()).digest()).decode()
    policy = POLICY.format(Markup("'sha256-{}'").format(digest) if script else Markup("'none'"))
    head = Markup('<meta http-equiv="Content-Security-Policy" content="{}">\n<style>{}</style>').format(policy, STYLE)
    running = Markup("<script>{}</script>\n").format(script) if script else ""
    return PAGE.format(head=head, title=title, body=body, script=running)


def served(title: str, body: str, style: str, script: str) -> Markup:
    """A page whose style and script have addresses of their own. Whoever serves it says what it may do."""
    head = Markup('<link rel="stylesheet" href="{}">').format(style)
    running = Markup('<script src="{}"></script>\n').format(script) if script else Markup()
    return PAGE.format(head=head, title=title, body=body, script=running)


POLICY = Markup("default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {}; base-uri 'none'")
PAGE = Markup("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
{head}
</head>
<body>
<main>
{body}
</main>
{script}</body>
</html>
""")
"""An icon is named, or the browser asks for favicon.ico."""


def joined(parts: Iterable[str]) -> Markup:
    """HTML and text, line by line; what is empty is left out."""
    return Markup("\n").join(part for part in parts if part)


def prose(text: str) -> Markup:
    """A sentence, in which what stands between `backticks` is something to type."""
    said, code = (Markup("{}"), Markup("<code>{}</code>"))
    parts = text.split("`") if text.count("`") % 2 == 0 else [text]
    return Markup().join((code if i % 2 else said).format(part) for i, part in enumerate(parts))


def section(heading: str, *content: str) -> Markup:
    """Content under a heading; nothing at all where there is no content."""
    inner = joined(content)
    return Markup("<section>\n<h2>{}</h2>\n{}\n</section>").format(heading, inner) if inner else Markup()


def figure(path: Path, caption: str, source: Source | None = None) -> Markup:
    """A picture, PNG or GIF, with its bytes in the page, or from `source`. The caption is also what a screen reader says."""
    made = Markup('<figure><img src="{0}" alt="{1}"><figcaption>{1}</figcaption></figure>')
    return made.format((source or data_uri)(path), caption)


def slider(last: int, said: str, at: str = "at") -> Markup:
    """What moves through pictures 0 to `last`, and begins at the last, of which `said` is told. at: its id in the page"""
    made = Markup(
        '<div class="slider"><label for="{0}">Step</label><input type="range" id="{0}" min="0" max="{1}" value="{1}">'
        '<output for="{0}">{2}</output></div>'
    )
    return made.format(at, last, said)


def beside(pictures: Iterable[tuple[Path, str, str]]) -> Markup:
    """Pictures side by side, as many as the screen has room for: path, caption, and the address that a click leads to."""
    card = Markup('<figure><a href="{2}"><img src="{0}" alt="{1}"></a><figcaption>{1}</figcaption></figure>')
    cards = joined(card.format(data_uri(path), caption, address) for path, caption, address in pictures)
    return Markup('<div class="cards">\n{}\n</div>').format(cards) if cards else Markup()


def link(address: str, text: str) -> Markup:
    """Text that leads to an address beside the page."""
    return Markup('<a href="{}">{}</a>').format(address, text)


def data_uri(path: Path) -> str:
    """The picture itself, where an address would stand."""
    kind = "gif" if path.suffix.lower() == ".gif" else "png"
    return f"data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def table(
    heads: Sequence[str], rows: Iterable[Sequence[Any]], caption: str = "", numbers_from: int = 1, best: Sequence[int] = ()
) -> Markup:
    """A table that scrolls by itself where it is wider than the screen. Floats are shown with 4 digits.

    numbers_from: the first column that is set flush right; best: rows to mark.
    """
    flush = [Markup(' class="n"') if i >= numbers_from else "" for i in range(len(heads))]
    top = Markup().join(Markup('<th scope="col"{}>{}</th>').format(flush[i], head) for i, head in enumerate(heads))
    lines = []
    for i, row in enumerate(rows):
        first, others = Markup('<th scope="row"{}>{}</th>'), Markup("<td{}>{}</td>")
        cells = Markup().join((others if j else first).format(flush[j], _text(v)) for j, v in enumerate(row))
        lines.append(Markup("<tr{}>{}</tr>").format(Markup(' class="best"') if i in best else "", cells))
    return TABLE.format(
        name=caption or heads[0],
        caption=Markup('<p class="quiet">{}</p>\n').format(caption) if caption else "",
        top=top,
        rows=joined(lines),
    )


TABLE = Markup("""{caption}<div class="scroll" tabindex="0" role="region" aria-label="{name}"><table>
<thead><tr>{top}</tr></thead>
<tbody>
{rows}
</tbody></table></div>""")


def facts(pairs: Mapping[str, Any]) -> Markup:
    """Names and what they stand for; what is None or empty is left out."""
    told = {name: v for name, v in pairs.items() if v not in (None, "", [], {})}
    inner = joined(Markup("<dt>{}</dt><dd>{}</dd>").format(name, _text(v)) for name, v in told.items())
    return Markup("<dl>\n{}\n</dl>").format(inner) if told else Markup()


def folded(summary: str, content: str) -> Markup:
    """Content that opens at a click on its summary."""
    return Markup("<details><summary>{}</summary>{}</details>").format(summary, content)


def preformatted(text: str) -> Markup:
    """Text with its own line breaks."""
    return Markup('<pre tabindex="0">{}</pre>').format(text)


def _text(v: Any) -> str:
    if isinstance(v, Markup):
        return v
    if v is None or v != v:
        return "–"
    if isinstance(v, float):
        return f"{v:,.0f}" if 1e4 <= abs(v) < 1e15 else f"{v:.4g}"
    return str(v)

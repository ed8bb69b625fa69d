"""report.html of a sweep: tables and pictures in one file that opens without a network."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from dessine.intervals import summarise_repeats
from dessine.runs.files import write_atomically
from dessine.sweeps.results import Results, main_effect, samples

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #222; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; border-bottom: 1px solid #ddd; }
table { border-collapse: collapse; font-size: 13.5px; } .wide { overflow-x: auto; }
th, td { padding: .25rem .7rem; text-align: left; border-bottom: 1px solid #eee; }
td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; } tr.best td { background: #eef7ee; }
img { max-width: 100%; display: block; margin: 1rem 0; } pre { background: #f6f6f6; padding: .8rem; overflow-x: auto; }
.bad { color: #a40000; } .quiet { color: #777; }
"""


def save_page(results: Results, path: Path, title: str, pictures: Sequence[Path], spec: str, command: str) -> Path:
    """Write the page; `pictures` are put into it. spec: the text of sweep.yaml."""
    counts: dict[str, int] = {}
    for row in results.rows:
        counts[row.status] = counts.get(row.status, 0) + 1
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{len(results.rows)} runs: {', '.join(f'{n} {status}' for status, n in sorted(counts.items()))}. "
        "Only completed runs are compared. Values are those at the end of the run.</p>",
    ]
    if command:
        parts.append(f"<pre>{escape(command)}</pre>")
    parts += [_settings(results, metric, way) for metric, way in results.metrics.items()]
    parts += [_differences(results, metric) for metric in results.metrics]
    if pictures:
        parts.append("<h2>Pictures</h2>")
    for picture in pictures:
        data = base64.b64encode(picture.read_bytes()).decode()
        parts.append(f'<img alt="{escape(picture.stem)}" src="data:image/png;base64,{data}">')
    parts.append(_failures(results))
    parts += ["<h2>The sweep</h2>", f"<pre>{escape(spec)}</pre>"]
    body = "\n".join(part for part in parts if part)
    write_atomically(path, document(title, body))
    return path


def document(title: str, body: str) -> str:
    """A whole page."""
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><link rel="icon" href="data:,"><style>{STYLE}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def _settings(results: Results, metric: str, way: str) -> str:
    """Mean, interval and spread of each setting, the best first."""
    rows: list[tuple[float, list[Any]]] = []
    for runs in results.settings().values():
        told = summarise_repeats(np.array(list(samples(runs, metric).values())))
        if told["count"]:
            cells = [axis.name(runs[0].values) for axis in results.axes]
            seconds = [r.seconds for r in runs if r.seconds is not None]
            numbers = [told["mean"], *told["interval"], told["std"], told["count"], np.mean(seconds) if seconds else np.nan]
            rows.append((told["mean"], [*cells, *(_number(x) for x in numbers)]))
    if not rows:
        return ""
    rows.sort(key=lambda row: row[0], reverse=way == "max")
    heads = [*(axis.label for axis in results.axes), "mean", "95 % from", "to", "std", "n", "seconds"]
    first = len(results.axes)
    better = "larger" if way == "max" else "smaller"
    return f"<h2>{escape(metric)} by setting <span class=quiet>({better} is better)</span></h2>" + _table(
        heads, [r for _, r in rows], first
    )


def _differences(results: Results, metric: str) -> str:
    """Each point of each axis against the first, seed by seed."""
    rows = []
    for axis in results.axes:
        if axis.drawn or not 1 < len(axis.points) <= 50:
            continue
        effect = main_effect(results, axis, metric)
        if effect.seeds < 2:
            continue
        for i, point in enumerate(axis.points[1:], 1):
            low, high = effect.difference_low[i], effect.difference_high[i]
            sure = "yes" if low > 0 or high < 0 else "no"
            names = [axis.label, axis.name(point), axis.name(axis.points[0])]
            rows.append([*names, *(_number(x) for x in (effect.difference[i], low, high, effect.seeds)), sure])
    if not rows:
        return ""
    heads = ["axis", "value", "against", "difference", "95 % from", "to", "seeds", "zero excluded"]
    note = "<p class=quiet>Paired: the same seeds on both sides, over the settings of the other axes that both completed.</p>"
    return f"<h2>{escape(metric)}: paired differences</h2>{note}" + _table(heads, rows, 3)


def _failures(results: Results) -> str:
    rows = [[r.run.path.name, r.status, r.reason] for r in results.rows if r.status in ("failed", "lost", "interrupted")]
    return "<h2 class=bad>Not completed</h2>" + _table(["cell", "status", "reason"], rows, 3) if rows else ""


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], numbers_from: int) -> str:
    """numbers_from: the first column that is set flush right."""
    top = "".join(f"<th>{escape(head)}</th>" for head in heads)
    lines = [
        "<tr>"
        + "".join(f"<td{' class=n' if i >= numbers_from else ''}>{escape(str(v))}</td>" for i, v in enumerate(row))
        + "</tr>"
        for row in rows
    ]
    return f"<div class=wide><table><thead><tr>{top}</tr></thead><tbody>\n" + "\n".join(lines) + "\n</tbody></table></div>"


def _number(x: float) -> str:
    return "–" if x != x else f"{x:.4g}"

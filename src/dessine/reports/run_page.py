"""report.html of a run: what it reached, what it drew over time, its curves, its config, and where all that comes from.

A page can be made of any run, at any time: what is not there yet, or cannot be read, is left out.
"""

from __future__ import annotations

import json
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from dessine.intervals import summarise_repeats
from dessine.plots.compare import save_comparison
from dessine.reports.shell import data_uri, facts, figure, folded, joined, page, preformatted, section, table
from dessine.runs.collection import Row
from dessine.runs.comparison import Track, settings
from dessine.runs.files import write_atomically

MOST_FRAMES = 60
LAST_LINES = 200
GOOD = {"completed": "good", "failed": "bad", "broken": "bad", "lost": "bad"}
CAPTIONS = {
    "learning": "Success and loss on the test examples as the network learns",
    "losses": "The loss of each player, mean over the batch",
    "discriminator": "What the discriminator says of real and of generated examples",
    "w_estimate": "The estimate of W: lower is better, within one run",
    "scores": "What samples score over time",
    "rotation": "How much the joint gradient field turns: 0 is descent, 1 pure rotation",
    "critic_moves": "Moves of the critic in a turn",
    "critic_gradient": "How steep the critic is at real, generated and interpolated points",
    "confusion": "Who is taken for whom, on the test examples",
    "mistakes": "Mistakes, worst first: true class, then what the network named",
    "weight_spread": "How the weights of each layer are spread, over time",
    "gradients": "Gradient norm and relative size of the update, layer by layer",
    "samples": "Examples drawn by the generator",
    "interpolation": "Each row goes from one latent to another",
}

SCRIPT = Markup("""
for (const box of document.querySelectorAll('.samples')) {
  const frames = [...box.querySelectorAll('img')];
  const slider = box.querySelector('input');
  const said = box.querySelector('output');
  const show = () => {
    const at = Number(slider.value);
    frames.forEach((frame, i) => { frame.hidden = i !== at; });
    said.textContent = frames[at].dataset.step;
    slider.setAttribute('aria-valuetext', frames[at].dataset.step);
  };
  slider.addEventListener('input', show);
  show();
}
""")


def save_run_page(row: Row, path: Path) -> Path:
    """Write the page of the run `row` to `path`."""
    write_atomically(path, run_page(row))
    return path


def run_page(row: Row) -> Markup:
    """The page as HTML."""
    track, summary = Track(row), _json(row.path / "summary.json")
    parts = [
        _head(row),
        section("Results", _results(row, track, summary), _last(track)),
        section("Diagnosis", _diagnosis(summary.get("diagnosis"))),
        section("Samples over time", samples(row.path / "samples")),
        section("Curves", *_pictures(row.path / "plots") or _drawn(row)),
        section("Scores", *_scores(row.path / "eval")),
        section("Config", _config(row)),
        section("Where it comes from", _provenance(row)),
        section("Log", _log(row.path / "log.txt")),
    ]
    return page(row.name, joined(parts), SCRIPT)


def _head(row: Row) -> Markup:
    name = row.spec.get("name")
    began = datetime.fromtimestamp(row.began).astimezone().strftime("%Y-%m-%d %H:%M")
    steps = f"at step {row.step:,}" if row.step is not None else ""
    if row.step is not None and row.steps and row.steps != row.step:
        steps += f" of {row.steps:,}"
    took = f"took {_span(row.seconds)}" if row.seconds is not None else ""
    seeds = f"seed {row.seed}" if row.seed is not None else ""
    if row.seed is not None and (row.repeats or 1) > 1:
        seeds = f"{row.repeats} repeats, seeds {row.seed} to {row.seed + (row.repeats or 1) - 1}"
    told = " · ".join(part for part in (steps, seeds, f"began {began}", took) if part)
    status = Markup('<p><strong class="{}">{}</strong> {}</p>').format(GOOD.get(row.status, "quiet"), row.status, told)
    reason = Markup('<p class="bad">{}</p>').format(row.reason) if row.reason else ""
    heading = Markup("<h1>{}</h1>").format(name or row.name)
    folder = Markup('<p class="quiet">{}</p>').format(row.name)
    return Markup("<header>\n{}\n</header>").format(joined([heading, status, folder, reason]))


def _results(row: Row, track: Track, summary: dict[str, Any]) -> Markup:
    """One line for each goal; then whatever else the game has summed up."""
    goals, best, rows = row.info.get("goals"), summary.get("best"), []
    told_of = goals if isinstance(goals, dict) else {}
    for goal, way in told_of.items():
        told = summarise_repeats(np.array([track.last(goal, r) for r in range(track.repeats)]))
        if not told["count"]:
            continue
        low, high = told["interval"]
        sure = [f"{low:.4g} to {high:.4g}" if low == low else None, told["count"]] if track.repeats > 1 else []
        most = best.get(goal, {}) if isinstance(best, dict) else {}
        at = f"{most['step']:,}" if isinstance(most.get("step"), int) else None
        better = "larger" if way == "max" else "smaller"
        rows.append([goal, better, told["mean"], *sure, most.get("value"), at])
    several = ["95 % interval", "repeats"] if track.repeats > 1 else []
    heads = ["metric", "better", "at the end", *several, "best", "at step"]
    made = table(heads, rows, numbers_from=2) if rows else Markup()
    own = {
        key: v for key, v in summary.items() if key not in ("last", "best", "status", "step", "reason", "diagnosis", *told_of)
    }
    return made + facts({_words(key): _line(v) for key, v in own.items()})


def _diagnosis(told: Any) -> Markup:
    """The verdict, the numbers behind it and what to try, as they were when the run ended."""
    if not isinstance(told, dict) or not {"verdict", "words"} <= told.keys():
        return Markup()
    sort = {"healthy": "good", "unknown": "quiet"}.get(told["verdict"], "bad")
    since = f" since step {told['first_bad_step']:,}" if isinstance(told.get("first_bad_step"), int) else ""
    said = Markup('<p><strong class="{}">{}</strong>{}: {}</p>').format(sort, told["verdict"], since, told["words"])
    numbers = _listed(told, "evidence")
    rows = [[one.get("name"), _source(one, told), one.get("threshold"), one.get("why"), one.get("value")] for one in numbers]
    evidence = table(["number", "taken from", "threshold", "why there", "value"], rows, numbers_from=4) if rows else ""
    with_change, without = Markup("<li><code>{}</code>: {}</li>"), Markup("<li>{1}</li>")
    tried = [(str(one.get("override") or ""), str(one.get("why") or "")) for one in _listed(told, "advice")]
    items = Markup().join((with_change if change else without).format(change, why) for change, why in tried)
    advice = Markup("<p>What to try, one thing at a time:</p><ul>{}</ul>").format(items) if items else ""
    notes = told.get("notes")
    noted = [Markup('<p class="quiet">{}</p>').format(note) for note in (notes if isinstance(notes, list) else [])]
    return joined([said, evidence, advice, *noted])


def _source(one: dict[str, Any], told: dict[str, Any]) -> str:
    """What a number of the diagnosis was taken from: it is seldom the last line, which stands among the results."""
    lines, count = told.get("lines"), one.get("count")
    of = lines.get("of") if isinstance(lines, dict) else None
    median = f"median of the last {of} lines of metrics" if isinstance(of, int) and of else "metrics"
    drawn = f", {count:,} samples" if isinstance(count, int) else ""
    source = str(one.get("source", "metrics"))
    return (median if source == "metrics" else source) + drawn


def _listed(told: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = told.get(key)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _last(track: Track) -> Markup:
    """Every metric of the last record."""
    if not track.records:
        return Markup()
    values = {name: summarise_repeats(np.array(v)) for name, v in track.records[-1][1].items()}
    rows = [[name, told["mean"], told["std"]] for name, told in values.items() if told["count"]]
    many = track.repeats > 1
    heads = ["metric", "mean over repeats", "standard deviation"] if many else ["metric", "value"]
    made = table(heads, rows if many else [row[:2] for row in rows])
    return folded(f"All {len(rows)} metrics of the last record", made) if rows else Markup()


def samples(folder: Path) -> Markup:
    """Pictures named step_0000100.png, one at a time, under a slider."""
    frames = [path for path in sorted(folder.glob("step_*.png")) if _is_picture(path)]
    every = len(frames)
    if every > MOST_FRAMES:
        frames = [frames[i] for i in np.linspace(0, every - 1, MOST_FRAMES).round().astype(int)]
    if not frames:
        return Markup()
    images, last = [], len(frames) - 1
    for i, frame in enumerate(frames):
        digits = frame.stem.removeprefix("step_")
        step = f"step {int(digits):,}" if digits.isdecimal() else digits
        hidden = Markup("") if i == last else Markup(" hidden")
        made = Markup('<img src="{0}" alt="Samples at {1}" data-step="{1}"{2}>')
        images.append(made.format(data_uri(frame), step, hidden))
    if not last:
        return Markup("<figure>{}<figcaption>Samples at {}</figcaption></figure>").format(images[0], step)
    slider = Markup(
        '<div class="slider"><label for="at">Step</label><input type="range" id="at" min="0" max="{0}" value="{0}">'
        '<output for="at">{1}</output></div>'
    )
    shown = Markup('<div class="samples">{}\n<figure>\n{}\n</figure></div>').format(slider.format(last, step), joined(images))
    few = Markup('<p class="quiet">{} of {} pictures, evenly chosen.</p>').format(MOST_FRAMES, every)
    return shown + (few if every > MOST_FRAMES else "")


def _pictures(folder: Path) -> list[Markup]:
    found = [path for path in sorted(folder.glob("*.png")) if _is_picture(path)]
    order = {stem: i for i, stem in enumerate(CAPTIONS)}
    found.sort(key=lambda path: order.get(path.stem, len(order)))
    return [figure(path, CAPTIONS.get(path.stem, path.stem.replace("_", " "))) for path in found]


def _drawn(row: Row) -> list[Markup]:
    """Curves of a run that has drawn none itself: it is not finished, or was told not to."""
    one = settings([row])[0][0]
    goals = row.info.get("goals")
    known = [name for track in one.tracks for name in track.names()]
    names = [name for name in (goals if isinstance(goals, dict) else {}) if name in known] or known[:2]
    if not names:
        return []
    with tempfile.TemporaryDirectory() as folder:
        panels = {name: {one.label: one.curve(name, "step")} for name in names}
        picture = save_comparison(Path(folder) / "curves.png", panels, str(row.spec.get("name") or row.name))
        return [figure(picture, f"{', '.join(names)} so far")]


def _scores(folder: Path) -> list[Markup]:
    """What `dessine eval` has left: numbers, then pictures."""
    made = []
    for path in sorted(folder.glob("*.json")):
        told = {key: v for key, v in _json(path).items() if key not in ("run", "pictures")}
        means = {key: v for key, v in told.items() if isinstance(v, dict) and {"mean", "std"} <= v.keys()}
        rows = [[_words(key), v["mean"], v["std"], v.get("count")] for key, v in means.items()]
        made.append(table(["score", "mean", "standard deviation", "count"], rows) if rows else Markup())
        made.append(facts({_words(key): _line(v) for key, v in told.items() if key not in means}))
    return [*made, *_pictures(folder)]


def _config(row: Row) -> Markup:
    resolved, own = _read(row.path / "config.yaml"), _read(row.path / "source.yaml")
    parts = []
    if own.strip():
        parts += [Markup("<p>As it was written:</p>"), preformatted(own)]
    overrides = row.info.get("overrides")
    if overrides:
        parts += [Markup("<p>With, from the command line:</p>"), preformatted("\n".join(map(str, overrides)))]
    if resolved:
        parts.append(folded("With every default written out", preformatted(resolved)))
    return joined(parts)


def _provenance(row: Row) -> Markup:
    info = row.info
    told = info.get("git")
    git = told if isinstance(told, dict) else {}
    commit = git.get("commit")
    changed = " (with changes that were not committed)" if commit and git.get("dirty") else ""
    versions = info.get("versions")
    resumes = info.get("resumes")
    return facts(
        {
            "command": info.get("command"),
            "started": info.get("started"),
            "ended": info.get("ended"),
            "resumed": "; ".join(_line(one) for one in resumes) if isinstance(resumes, list) else None,
            "data": info.get("data"),
            "data checksum": info.get("data_checksum"),
            "versions": ", ".join(f"{name} {v}" for name, v in versions.items()) if isinstance(versions, dict) else None,
            "commit": f"{commit}{changed}" if commit else None,
            "machine": info.get("host"),
            "platform": info.get("platform"),
            "cores": info.get("cpus"),
            "folder": row.path.resolve(),
        }
    )


def _log(path: Path) -> Markup:
    lines = _read(path).splitlines()
    if not lines:
        return Markup()
    kept = "\n".join(lines[-LAST_LINES:])
    told = f"the last {LAST_LINES} of {len(lines):,} lines" if len(lines) > LAST_LINES else f"{len(lines)} lines"
    return folded(f"log.txt, {told}", preformatted(kept))


def _words(key: str) -> str:
    return key.replace("_", " ")


def _line(v: Any) -> str:
    """Plain data in one line."""
    if isinstance(v, bool) or v is None:
        return "–" if v is None else str(v).lower()
    if isinstance(v, float):
        return f"{v:.4g}"
    if isinstance(v, dict):
        return ", ".join(f"{_words(key)} {_line(one)}" for key, one in v.items())
    return "[" + ", ".join(map(_line, v)) + "]" if isinstance(v, list) else str(v)


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def _is_picture(path: Path) -> bool:
    """Whether it begins as a PNG does: a killed process may leave an empty file."""
    try:
        with path.open("rb") as file:
            return file.read(8) == b"\x89PNG\r\n\x1a\n"
    except OSError:
        return False


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _json(path: Path) -> dict[str, Any]:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}

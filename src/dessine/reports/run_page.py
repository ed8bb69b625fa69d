"""report.html of a run: what it reached, what it drew over time, its curves, its config, and where all that comes from.

A page can be made of any run, at any time: what is not there yet, or cannot be read, is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from dessine.data import modes_of
from dessine.intervals import limits, summarise_repeats
from dessine.reports.curves import History, grid
from dessine.reports.shell import (
    Source,
    data_uri,
    facts,
    figure,
    folded,
    joined,
    page,
    preformatted,
    prose,
    section,
    slider,
    table,
)
from dessine.runs import checkpoint
from dessine.runs.checkpoint import Damaged
from dessine.runs.collection import Row
from dessine.runs.comparison import Track
from dessine.runs.documents import goals_of, read_scores, read_summary
from dessine.runs.files import RunError, write_atomically
from dessine.runs.inside import files, read_text, tail

MOST_FRAMES = 60
LAST_LINES = 200
MOST_NAMED = 8
"""Repeats whose best step is told."""
LARGEST_PICTURE, LARGEST_TEXT = 32_000_000, 50_000_000
"""Bytes of what is put into the page; what is larger is left out."""
GOOD = {"completed": "good", "failed": "bad", "broken": "bad", "lost": "bad"}
CAPTIONS = {
    "plane": "Every turn of the game in its plane, beside what theory says of it near rest",
    "distance": "How far the players are from rest, beside what theory says of it",
    "learning": "Success and loss on the test examples as the network learns",
    "confusion": "Who is taken for whom, on the test examples",
    "mistakes": "Mistakes, worst first: true class → predicted class",
    "scores": "What samples score as the generator learns, between real test examples and noise",
    "classes": "What the generator draws, and how often, beside training examples: where bars are missing, it has collapsed",
    "losses": "The loss of each player, mean over the batch: it says who is ahead, not how good the samples are",
    "discriminator": "What the discriminator says of real and generated examples: where they meet, it cannot tell them apart",
    "w_estimate": "The critic's estimate of the distance W: lower is better, within one run; under 0 the critic is behind",
    "critic_gap": "What the discriminator says of the examples that it learns from, beside those that it has never seen: where "
    "the two part, it learns them by heart",
    "augment": "p, the share of images that are changed before the discriminator sees them: it rises while the discriminator "
    "knows its real examples too well",
    "critic_gradient": "How steep the critic is; its Lipschitz constant is no smaller than the largest slope",
    "critic_moves": "Moves of the critic in a turn",
    "rotation": "How much the joint gradient field turns: 0 is descent, 1 pure rotation",
    "weight_spread": "How the weights of each layer are spread as the network learns",
    "gradients": "Gradient norm and relative size of the update, layer by layer",
}
"""Of the pictures in plots/, in this order."""
EVAL_CAPTIONS = {
    "scores": "Each score of the generator between the worse of noise and one example repeated, and real test examples",
    "only": "The scores that were asked for, between the worse of noise and one example repeated, and real test examples",
    "classes": "What the generator draws, and how often, beside training examples: where bars are missing, it has collapsed",
    "samples": "Examples drawn by the generator from latents it has not learnt from, with real ones below, or in blue",
    "nearest": "Samples, each beside the training image nearest to it: a twin would mean that it is learnt by heart",
    "interpolation": "Each row goes in equal steps from one latent to another",
    "checkpoints": "The critic's own numbers and the scores of every checkpoint that was kept",
    "confusion": "Who is taken for whom, on the test examples",
    "mistakes": "Mistakes, worst first: true class → predicted class",
}
"""Of the pictures in eval/."""

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
    track, faults = Track(row), []
    try:
        summary = read_summary(row.path)
    except RunError as error:
        summary, faults = {}, [str(error)]
    faults += track.faults
    best = _best(row, track.repeats, faults)
    parts = [
        head(row),
        *(Markup('<p class="bad">{}</p>').format(fault) for fault in faults),
        section("Results", results(row, track, summary), _kept(best), last_metrics(track)),
        section("What it draws", *_drawn_so_far(row, summary, best)),
        section("Diagnosis", diagnosed(summary.get("diagnosis"))),
        section("Curves", *pictures(row.path, "plots", CAPTIONS) or _drawn(row, track)),
        section("Measured by dessine eval", *scored_by_eval(row.path, "eval")),
        section("The best checkpoint, measured by dessine eval --step best", *scored_by_eval(row.path, "eval/best")),
        section("Networks", *networks(row)),
        section("Config", config(row)),
        section("Where it comes from", provenance(row)),
        section("Log", log(row.path)),
    ]
    return page(row.name, joined(parts), SCRIPT)


def head(row: Row) -> Markup:
    """What it is called, its state, how far it is, and what has gone wrong."""
    name = row.spec.get("name")
    began = f"began {datetime.fromtimestamp(row.began).astimezone():%Y-%m-%d %H:%M}" if row.began is not None else ""
    steps = f"at step {row.step:,}" if row.step is not None else ""
    if row.step is not None and row.steps and row.steps != row.step:
        steps += f" of {row.steps:,}"
    took = f"took {span(row.seconds)}" if row.seconds is not None else ""
    seeds = f"seed {row.seed}" if row.seed is not None else ""
    if row.seed is not None and (row.repeats or 1) > 1:
        seeds = f"{row.repeats} repeats, seeds {row.seed} to {row.seed + (row.repeats or 1) - 1}"
    told = " · ".join(part for part in (steps, seeds, began, took) if part)
    status = Markup('<p><strong class="{}">{}</strong> {}</p>').format(GOOD.get(row.status, "quiet"), row.status, told)
    reason = Markup('<p class="bad">{}</p>').format(row.reason) if row.reason else ""
    heading = Markup("<h1>{}</h1>").format(name or row.name)
    folder = Markup('<p class="quiet">{}</p>').format(row.name)
    tags = Markup("<p>{}</p>").format(Markup(" ").join(Markup("<code>{}</code>").format(tag) for tag in row.tags))
    said = [Markup("<p>{}</p>").format(line) for line in row.note.split("\n") if line]
    notes = [*([tags] if row.tags else []), *said]
    return Markup("<header>\n{}\n</header>").format(joined([heading, status, folder, reason, *notes]))


def results(row: Row, track: Track, summary: dict[str, Any]) -> Markup:
    """One line for each goal; then whatever else the game has summed up."""
    goals, best, rows = goals_of(row.info), summary.get("best", {}), []
    for goal, way in goals.items():
        told = summarise_repeats(
            np.array([track.last(goal, r) for r in range(track.repeats)]), limits(goal, modes_of(row.spec))
        )
        if not told["count"]:
            continue
        low, high = told["interval"]
        sure = [f"{low:.4g} to {high:.4g}" if low == low else None, told["count"]] if track.repeats > 1 else []
        most = best.get(goal, {})
        at = f"{most['step']:,}" if "step" in most else None
        better = "higher" if way == "max" else "lower"
        rows.append([goal, better, told["mean"], *sure, most.get("value"), at])
    several = ["95 % interval", "repeats"] if track.repeats > 1 else []
    heads = ["metric", "better", "so far" if row.status == "running" else "at the end", *several, "best", "at step"]
    scored = row.spec.get("game", {}).get("scored") if isinstance(row.spec.get("game"), dict) else None
    whose = f", drawn by the {summary['drawn_by']} of the generator" if "drawn_by" in summary else ""
    judge = summary.get("last", {}).get("judge", {})
    read = f", read by the judge {judge['hash']} (test success {_line(judge.get('accuracy'))})" if "hash" in judge else ""
    few = (
        f"scores: of the {scored} samples that are scored at each line of metrics{whose}{read}; eval scores more"
        if scored
        else ""
    )
    made = table(heads, rows, few if any(goal.startswith("scores.") for goal in goals) else "", 2) if rows else Markup()
    own = {key: v for key, v in summary.items() if key not in (*TOLD, *goals)}
    return made + facts({_words(key): _line(v) for key, v in own.items()})


TOLD = ("last", "best", "status", "step", "reason", "diagnosis", "drawn_by")
"""Of summary.json: what has a place of its own on the page."""


def _best(row: Row, repeats: int, faults: list[str]) -> dict[str, Any]:
    """What the best checkpoint says of itself; nothing where none is kept, or none can be read, which `faults` hear of."""
    try:
        return checkpoint.best_of(checkpoint.load(row.path, None)[1], repeats)
    except Damaged as error:
        faults.append(f"checkpoints/{checkpoint.BEST} is damaged ({error})")
    except OSError:  # it is not there, or not for us
        pass
    return {}


def _kept(best: dict[str, Any]) -> Markup:
    """Which state was kept as the best, by what, and how to look at it."""
    if not best:
        return Markup()
    found = [
        f"step {step:,} ({value:.4g})" for step, value in zip(best["steps"], best["values"], strict=True) if value is not None
    ]
    of = f" of {len(best['steps'])} repeats, each its own" if len(best["steps"]) > 1 else ""
    some = ", ".join(found[:MOST_NAMED]) + (", ..." if len(found) > MOST_NAMED else "")
    said = Markup(
        "<p>The best checkpoint by {}{}, kept beside the last: {}. <code>--step best</code> of dessine draw, eval and "
    )
    return (said + Markup("diagnose looks at it.</p>")).format(best["metric"], of, some or "none yet")


def _not_the_best(best: dict[str, Any], shown: Markup) -> Markup:
    """Of a run that keeps its best checkpoint, whose the samples are."""
    if not best or not shown:
        return shown
    said = Markup('<p class="quiet">Each picture is of the step that it names; the best checkpoint{} is of step {:,}.</p>')
    return said.format(" of the first repeat" if len(best["steps"]) > 1 else "", best["steps"][0]) + shown


HOW = {
    1: "Left, both densities. In the middle, what the discriminator says of each place beside what would be right: 1/2 where "
    "data and samples agree. Right, where each latent goes.",
    2: "Left, the discriminator's field: blue where it says real, orange where it says generated; arrows: where it sends "
    "samples. In the middle, log p/q, what would be right: blue is missed by the generator, orange is drawn too often. Right, "
    "the grid of latents: between two lines equally many samples are drawn, so narrow cells are where they crowd.",
}
"""To read what moves on a line or in the plane, by the numbers of a point."""
LEAST_PIXELS = 16
HOW_IMAGES = {
    "generator": "The same latents at every step, so that each image is seen to change; the last row is real. Rows with names: "
    "each was asked for that class.",
    "stacked": "Each image holds three digits, one in red, one in green, one in blue: 1,000 modes. All three give white.",
    "weights": "One image for each neuron: where learning has made its weights smaller (orange) or larger (blue).",
    "map": "What the network says of each place, from the first class (orange) to the last (blue), and the examples as dots. "
    "On the black line it changes its mind.",
}
"""To read what images are drawn, and what a classifier shows of itself."""


def _drawn_so_far(row: Row, summary: dict[str, Any], best: dict[str, Any]) -> list[Markup]:
    """Its samples, how they are read, and whose they are."""
    shown = samples(row.path)
    return [how(row) if shown else Markup(), _whose(summary), _not_the_best(best, shown)]


def how(row: Row) -> Markup:
    """How its samples are read."""
    layers = row.info.get("networks", {})
    shape = (layers.get("generator") or [{}])[-1].get("output", ())
    data = row.spec.get("data")
    if shape:
        stacked = isinstance(data, dict) and data.get("type") == "stacked_mnist"
        images = len(shape) > 1 or shape[0] >= LEAST_PIXELS  # a dense generator's are flat
        told = " ".join(HOW_IMAGES[k] for k in ("generator", "stacked")[: 1 + stacked]) if images else HOW.get(shape[0])
    elif first := (layers.get("network") or [{}])[0]:
        planar = first["parameters"] <= 3 * sum(first["output"])  # two weights for each neuron, and perhaps a bias
        told = HOW_IMAGES["map" if planar else "weights"]
    else:
        told = None
    return Markup('<p class="quiet">{}</p>').format(told) if told else Markup()


def _whose(summary: dict[str, Any]) -> Markup:
    """Whose weights drew the samples, and which draw for `draw` and `eval`."""
    said = Markup('<p class="quiet">Drawn by the {} of the generator (game.average), as by dessine draw and eval.</p>')
    return said.format(summary["drawn_by"]) if "drawn_by" in summary else Markup()


def diagnosed(told: dict[str, Any] | None) -> Markup:
    """The verdict, the numbers behind it and what to try, as they were when the run ended."""
    if told is None or not {"verdict", "words"} <= told.keys():
        return Markup()
    sort = {"healthy": "good", "unknown": "quiet"}.get(told["verdict"], "bad")
    since = f" since step {told['first_bad_step']:,}" if told.get("first_bad_step") is not None else ""
    said = Markup('<p><strong class="{}">{}</strong>{}: {}</p>').format(sort, told["verdict"], since, prose(told["words"]))
    rows = [
        [one.get("name"), _source(one, told), one.get("threshold"), one.get("why"), one.get("value")]
        for one in told.get("evidence", [])
    ]
    numbers = table(["number", "taken from", "threshold", "why there", "value"], rows, numbers_from=4) if rows else ""
    evidence = folded("The numbers behind it", numbers) if numbers else ""
    with_change, without = Markup("<li><code>{}</code>: {}</li>"), Markup("<li>{1}</li>")
    tried = [(one.get("override", ""), one.get("why", "")) for one in told.get("advice", [])]
    items = Markup().join((with_change if change else without).format(change, prose(why)) for change, why in tried)
    advice = Markup("<p>What to try, one thing at a time:</p><ul>{}</ul>").format(items) if items else ""
    noted = [Markup('<p class="quiet">{}</p>').format(prose(note)) for note in told.get("notes", [])]
    return joined([said, evidence, advice, *noted])


def _source(one: dict[str, Any], told: dict[str, Any]) -> str:
    """What a number of the diagnosis was taken from: it is seldom the last line, which stands among the results."""
    of, count, source = told.get("lines", {}).get("of"), one.get("count"), one.get("source", "metrics")
    median = f"median of the last {of} lines of metrics" if of else "metrics"
    drawn = f", {count:,} examples" if count is not None else ""
    return (median if source == "metrics" else source) + drawn


def last_metrics(track: Track) -> Markup:
    """Every metric of the last record."""
    if not track.records:
        return Markup()
    values = {name: summarise_repeats(np.array(v), limits(name)) for name, v in track.records[-1][1].items()}
    rows = [[name, told["mean"], told["std"]] for name, told in values.items() if told["count"]]
    many = track.repeats > 1
    heads = ["metric", "mean over repeats", "standard deviation"] if many else ["metric", "value"]
    made = table(heads, rows if many else [row[:2] for row in rows])
    return folded(f"All {len(rows)} metrics of the last record", made) if rows else Markup()


def frames_of(folder: Path) -> list[Path]:
    """Pictures of what the run `folder` has drawn, named samples/step_0000100.png, first to last."""
    return [path for path in files(folder, "samples", r"step_\d{7,}\.png") if is_picture(path)]


def samples(folder: Path) -> Markup:
    """What was drawn over time, one picture at a time, under a slider."""
    frames = frames_of(folder)
    every = len(frames)
    if every > MOST_FRAMES:
        frames = [frames[i] for i in np.linspace(0, every - 1, MOST_FRAMES).round().astype(int)]
    if not frames:
        return Markup()
    images, last = [], len(frames) - 1
    for i, frame in enumerate(frames):
        step = f"step {int(frame.stem.removeprefix('step_')):,}"
        hidden = Markup("") if i == last else Markup(" hidden")
        made = Markup('<img src="{0}" alt="Samples at {1}" data-step="{1}"{2}>')
        images.append(made.format(data_uri(frame), step, hidden))
    if not last:
        return Markup("<figure{}>{}<figcaption>Samples at {}</figcaption></figure>").format(wide(frames[0]), images[0], step)
    shown = Markup('<div class="samples">{}\n<figure{}>\n{}\n</figure></div>')
    shown = shown.format(slider(last, step), wide(frames[-1]), joined(images))
    few = Markup('<p class="quiet">{} of {} pictures, evenly chosen.</p>').format(MOST_FRAMES, every)
    return shown + (few if every > MOST_FRAMES else "")


WIDE = 1.6
"""A picture that is so much wider than high keeps its size on a phone, and is moved sideways: its panels stand in a row."""


def wide(path: Path) -> Markup:
    """The class of a figure whose picture is wide."""
    with path.open("rb") as file:
        head = file.read(24)  # its width and its height end the head of a PNG
    across, up = int.from_bytes(head[16:20]), int.from_bytes(head[20:24])
    return Markup(' class="wide"') if across > WIDE * up else Markup()


def pictures(folder: Path, part: str, captions: dict[str, str], source: Source = data_uri) -> list[Markup]:
    """Those in `part` of the run, each with its caption."""
    found = [path for path in files(folder, part, r"\w+\.png") if is_picture(path)]
    order = {stem: i for i, stem in enumerate(captions)}
    found.sort(key=lambda path: order.get(path.stem, len(order)))
    return [figure(path, captions.get(path.stem, path.stem.replace("_", " ")), source) for path in found]


def curves(history: History, goals: Iterable[str]) -> list[Markup]:
    """Every metric over the steps so far, those to look at first before the rest."""
    first, rest = history.panels(goals)
    if not first:
        return [grid(rest)] if rest else []
    return [grid(first), *([folded(f"{len(rest)} more", grid(rest))] if rest else [])]


def _drawn(row: Row, track: Track) -> list[Markup]:
    """Curves of a run that has drawn none itself: it is not finished, or was told not to."""
    history = History()
    for record, values in track.records:
        history.add(record["step"], values)
    return curves(history, goals_of(row.info))


def networks(row: Row) -> list[Markup]:
    """A table for each player: its layers, as the spec describes them, what they give, and their parameters."""
    made = []
    for name, layers in row.info.get("networks", {}).items():
        nodes = _nodes(row.spec, name)
        told = [_layer(nodes[i]) if i < len(nodes) else "" for i in range(len(layers))]
        shapes = [" × ".join(map(str, one["output"])) for one in layers]
        rows = [[one["layer"], *rest, f"{one['parameters']:,}"] for one, *rest in zip(layers, told, shapes, strict=True)]
        total = sum(one["parameters"] for one in layers)
        made.append(table(["layer", "options", "output", "parameters"], rows, f"{name}: {total:,} parameters", 2))
    return made


def _nodes(spec: dict[str, Any], player: str) -> list[Any]:
    """The layers of a player, as the spec writes them; none where it writes something else."""
    found: Any = spec
    for key in ("game", player, "layers"):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, list) else []


def _layer(node: Any) -> str:
    """The options of a layer that shape it: numbers and types; how it begins is in the config."""
    told = {key: _option(v) for key, v in node.items()} if isinstance(node, dict) else {}
    kept = {key: v for key, v in told.items() if key not in ("type", "init", "bias") and v not in (None, "linear")}
    return ", ".join(f"{_words(key)} {_line(v)}" for key, v in kept.items())


def _option(value: Any) -> Any:
    """What stands for it: of a layer its type, of layers that a layer holds all that is told of them."""
    if isinstance(value, dict):
        return value.get("type")
    if isinstance(value, list) and all(isinstance(one, dict) for one in value):
        return " → ".join(f"{one.get('type')} ({_layer(one)})" if _layer(one) else str(one.get("type")) for one in value)
    return value


def scored_by_eval(folder: Path, part: str, source: Source = data_uri) -> list[Markup]:
    """What `dessine eval` has left in `part` of the run: numbers, then pictures."""
    made = []
    for path in files(folder, part, r"(scores|only|checkpoints)\.json"):
        try:
            told = read_scores(folder, f"{part}/{path.name}")
        except (FileNotFoundError, RunError) as error:
            made.append(Markup('<p class="bad">{}</p>').format(str(error)))
            continue
        at = f"at step {told['step']:,}" if "step" in told else ""
        first, whose = ", first repeat" * ("repeat" in told), told.get("drawn_by")
        made.append(_scored(told.get("scores"), f"The {f'{whose} of the ' if whose else ''}generator {at}{first}"))
        for name, words in (("average", "moving average"), ("plain", "plain weights")):
            if name in told and not (whose or "").startswith(words):
                made.append(_scored(told[name].get("scores"), f"The {words} of the generator {at}"))
        means = {key: v for key, v in told.items() if isinstance(v, dict) and {"mean", "std"} <= v.keys()}
        rows = [[NAMES.get(key, _words(key)), v["mean"], v["std"], _count(v.get("count"))] for key, v in means.items()]
        made.append(table(["", "mean", "standard deviation", "of"], rows) if rows else Markup())
        if steps := told.get("checkpoints"):
            made.append(table(list(steps[0]), [[row.get(name) for name in steps[0]] for row in steps], "Every checkpoint"))
        made.append(_correlations(told.get("spearman", {})))
        rest = {_words(key): _line(v) for key, v in told.items() if key not in means and key not in SHOWN}
        made.append(facts(rest))
    return [*made, *pictures(folder, part, EVAL_CAPTIONS, source)]


SHOWN = ("run", "pictures", "scores", "drawn_by", "average", "plain", "checkpoints", "spearman", "confusion", "step", "repeat")
"""Of a file of `dessine eval`: what has a place of its own on the page."""
NAMES = {
    "d_train": "D, of training examples",
    "d_test": "D, of test examples",
    "d_generated": "D, of generated examples",
    "train_success": "success, on training examples",
    "validation_success": "success, on validation examples",
    "test_success": "success, on test examples",
    "train_loss": "loss, on training examples",
    "validation_loss": "loss, on validation examples",
    "test_loss": "loss, on test examples",
}


def _scored(scores: dict[str, dict[str, Any]] | None, caption: str) -> Markup:
    """The table of scores, as `dessine eval` prints it."""
    if not scores:
        return Markup()
    columns = ("value", "standard_error", "better", "ceiling", "floor", "collapsed")
    heads = ["score", "value", "± error", "better", "real examples", "noise", "one example repeated", "samples"]
    rows = [[name, *(one.get(key) for key in columns), _count(one.get("n"))] for name, one in scores.items()]
    if any("measured_by" in one for one in scores.values()):
        heads = [*heads, "measured by"]
        rows = [[*row, _measured_by(one)] for row, one in zip(rows, scores.values(), strict=True)]
    return table(heads, rows, caption)


def _measured_by(score: dict[str, Any]) -> str | None:
    success = score.get("test_success")
    return score.get("measured_by", "") + (f" (test success {success:.4g})" if success is not None else "")


def _count(n: Any) -> str | None:
    return f"{n:,}" if isinstance(n, int) else n


def _correlations(spearman: dict[str, dict[str, dict[str, Any]]]) -> Markup:
    """How the critic's own numbers follow each score: rank correlations, with their intervals where they are known."""
    if not spearman:
        return Markup()
    scores = dict.fromkeys(score for own in spearman.values() for score in own)
    rows = [[score, *(_line(own.get(score, {}).get("rho")) for own in spearman.values())] for score in scores]
    told = "Rank correlation with how bad samples are: 1 where the number falls as the score gets better"
    return table(["score", *spearman], rows, told)


def config(row: Row) -> Markup:
    """As it was written, what the command line changed, and with every default."""
    resolved, own = (read_text(row.path, name, LARGEST_TEXT) for name in ("config.yaml", "source.yaml"))
    parts = []
    if own.strip():
        parts += [Markup("<p>As it was written:</p>"), preformatted(own)]
    overrides = row.info.get("overrides")
    if overrides:
        parts += [Markup("<p>With, from the command line:</p>"), preformatted("\n".join(map(str, overrides)))]
    if resolved:
        parts.append(folded("With every default written out", preformatted(resolved)))
    return joined(parts)


def provenance(row: Row) -> Markup:
    """Where it comes from: command, data, versions, machine."""
    info = row.info
    git = info.get("git", {})
    commit = git.get("commit")
    changed = " (with changes that were not committed)" if commit and git.get("dirty") else ""
    versions, resumes = info.get("versions", {}), info.get("resumes", [])
    return facts(
        {
            "command": info.get("command"),
            "started": info.get("started"),
            "ended": info.get("ended"),
            "resumed": "; ".join(_line(one) for one in resumes),
            "data": info.get("data"),
            "data checksum": info.get("data_checksum"),
            "versions": ", ".join(f"{name} {v}" for name, v in versions.items()),
            "commit": f"{commit}{changed}" if commit else None,
            "machine": info.get("host"),
            "platform": info.get("platform"),
            "cores": info.get("cpus"),
            "folder": row.path.resolve(),
        }
    )


def log(folder: Path) -> Markup:
    """The last lines of log.txt."""
    text, whole = tail(folder, "log.txt")
    lines = text.splitlines()
    if not lines:
        return Markup()
    kept = "\n".join(lines[-LAST_LINES:])
    told = f"{len(lines)} lines" if whole and len(lines) <= LAST_LINES else f"the last {min(LAST_LINES, len(lines))} lines"
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


def span(seconds: float) -> str:
    """A time in words."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def is_picture(path: Path) -> bool:
    """Whether it begins as a PNG does, since a killed process may leave an empty file, and is no larger than one may be."""
    try:
        with path.open("rb") as file:
            return file.read(8) == b"\x89PNG\r\n\x1a\n" and path.stat().st_size <= LARGEST_PICTURE
    except OSError:
        return False

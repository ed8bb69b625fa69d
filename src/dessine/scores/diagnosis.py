"""What is the matter with a run, from its records: a verdict, the numbers behind it, and the step from which it holds.

Rules are written line by line of metrics, as a flag for each; a verdict needs most of the last fifth of the lines, so that one
wild line decides nothing. What to do about it stands in `advice.py`, what only samples can tell in `sampled.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, log
from typing import Any

import numpy as np

from dessine.scores.advice import Advice, advise
from dessine.scores.reference import Reference
from dessine.scores.sampled import Sampled

Array = np.ndarray
Record = Mapping[str, Any]

VERDICTS = ("diverged", "dead", "collapsed", "memorising", "collapsing", "unknown", "healthy")
"""From the worst: of two that fit, the first is said."""

UNDECIDED = {"minimax": log(4), "non_saturating": log(4), "hinge": 2.0, "least_squares": 0.25}
"""Loss of a discriminator that cannot tell one side from the other; for least squares, if it aims at numbers that are 1 apart.
A Wasserstein critic has none: its scale is its own."""

WILD = 10.0  # times the loss of one that knows nothing
FAR = 3.0  # times the spread of real examples
GROWN = 100.0  # times the slope at the start
UNHEARD = 0.005  # D(G(z)), of which the gradient of minimax is a multiple
VANISHED = 1e-4  # of the largest gradient
STILL = 1e-7  # of the weights: the last digit of float32
ALIKE, NARROW = 0.25, 0.5  # of the distance between real examples
FEW, PARTLY = 0.5, 0.8  # of the modes or kinds of the data
COPY = 0.5  # of the distance of test examples to the nearest training example
READABLE, GOOD = 0.8, 0.5  # the judge's confidence; samples on a mode
FEWEST = 5  # lines of metrics
EARLY = "too early to be sure"


@dataclass(frozen=True)
class Evidence:
    """One number, what it would have to be, and why the line is drawn there. bad: whether it speaks for the verdict."""

    name: str
    value: float | None
    threshold: str
    why: str
    bad: bool


@dataclass(frozen=True)
class Diagnosis:
    """Of one run. since: the first bad step; lines: how many of the last lines of metrics say so, of how many."""

    verdict: str
    words: str
    since: int | None = None
    evidence: tuple[Evidence, ...] = ()
    advice: tuple[Advice, ...] = ()
    notes: tuple[str, ...] = ()
    lines: tuple[int, int] = (0, 0)
    repeats: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """As it stands in summary.json."""
        told: dict[str, Any] = {"verdict": self.verdict, "words": self.words, "first_bad_step": self.since}
        told["evidence"] = [
            {"name": one.name, "value": None if one.value is None else float(one.value)}
            | {"threshold": one.threshold, "why": one.why, "bad": bool(one.bad)}
            for one in self.evidence
        ]
        told["advice"] = [{"override": one.override, "why": one.why} for one in self.advice]
        told |= {"notes": list(self.notes), "lines": {"agree": self.lines[0], "of": self.lines[1]}}
        return told | ({"repeats": list(self.repeats)} if len(self.repeats) > 1 else {})


def verdict(told: Mapping[str, Any]) -> str:
    """One line of what `Diagnosis.plain` told."""
    since = f" since step {told['first_bad_step']:,}" if told.get("first_bad_step") is not None else ""
    early = " (too early to be sure)" if any(EARLY in note for note in told.get("notes", ())) else ""
    return f"{told['verdict']}{since}: {told['words']}{early}"


class Lines:
    """The metrics of one repeat as arrays over the lines of a run."""

    def __init__(self, records: Sequence[Record], repeat: int = 0, repeats: int = 1):
        self.records, self.repeat, self.repeats = records, repeat, repeats
        self.steps = np.array([record["step"] for record in records], int)
        self.late = slice(max(0, len(records) - max(3, ceil(len(records) / 5))), None)

    def __call__(self, name: str) -> Array:
        """(lines,), NaN where it was not measured."""
        return np.array([self._number(record, name.split(".")) for record in self.records])

    def _number(self, value: Any, keys: Sequence[str]) -> float:
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        if isinstance(value, list) and self.repeats > 1 and len(value) == self.repeats:
            value = value[self.repeat]
        return float(value) if isinstance(value, int | float) else float("nan")

    def layers(self, player: str, name: str) -> Array:
        """(lines, layers) of `grad_norm` or `update_ratio`; a layer's name may hold a dot."""
        keys = next((list(told) for record in self.records if (told := (record.get("layers") or {}).get(player))), [])
        return np.array([[self._number(r, ["layers", player, key, name]) for key in keys] for r in self.records])

    def gradient(self, player: str) -> Array:
        """Norm of the whole gradient of a player."""
        norms = self.layers(player, "grad_norm")
        return np.sqrt(np.square(norms).sum(1)) if norms.size else np.full(len(self.steps), np.nan)

    def end(self, values: Array) -> float:
        """Median over the last lines; NaN without numbers."""
        found = values[self.late]
        found = found[np.isfinite(found)]
        return float(np.median(found)) if len(found) else float("nan")

    def smooth(self, values: Array) -> Array:
        """Median of each line with the two before it, without what is missing; needs three."""
        windows = [values[i : i + 3] for i in range(len(values) - 2)]
        return np.array([float(np.median(w)) if np.isfinite(w).all() else np.nan for w in windows])

    def agree(self, flags: Array) -> tuple[int, int]:
        """How many of the last lines are flagged, of how many."""
        found = flags[self.late]
        return int(found.sum()), len(found)

    def since(self, flags: Array) -> int | None:
        """The step from which on most lines are flagged; one or two that are not, in between, do not count."""
        if not flags[self.late].any():
            return None
        wide = len(flags[self.late])
        mostly = [2 * flags[max(0, i + 1 - wide) : i + 1].sum() > min(wide, i + 1) for i in range(len(flags))]
        start = len(flags)
        while start and mostly[start - 1]:
            start -= 1
        start = min(start, len(flags) - 1)
        while start and flags[max(0, start - 2) : start].any():  # a majority is noticed late
            start -= 1
        return int(self.steps[start + int(np.argmax(flags[start:]))])


@dataclass(frozen=True)
class Case:
    """All that a rule may look at."""

    lines: Lines
    game: Mapping[str, Any]
    known: Reference
    sampled: Sampled | None = None
    found: Mapping[str, Any] | None = None  # where this repeat stopped being finite

    @property
    def loss(self) -> str:
        """Its type; empty if the spec is not known."""
        return _type(self.game.get("loss"))


@dataclass(frozen=True)
class Finding:
    """What one rule says of a repeat. flags: (lines,); sure: whether it holds whatever the lines say."""

    verdict: str
    words: str
    flags: Array
    evidence: tuple[Evidence, ...]
    sure: bool = False
    since: int | None = None

    def holds(self, lines: Lines) -> bool:
        """Whether most of the last lines are flagged."""
        agreed, of = lines.agree(self.flags)
        return self.sure or 2 * agreed > of


def diagnose(
    records: Sequence[Record],
    spec: Mapping[str, Any] | None = None,
    known: Reference | None = None,
    *,
    repeats: int = 1,
    non_finite: Sequence[Mapping[str, Any]] = (),
    sampled: Sequence[Sampled] = (),
) -> Diagnosis:
    """A verdict on a run, which is that on its worst repeat.

    records: the lines of metrics.jsonl; spec: the resolved one, for thresholds that a loss sets and for advice
    non_finite: what run.json knows of it; sampled: for each repeat, or the first ones, what samples of a checkpoint showed
    """
    game: Mapping[str, Any] = (spec or {}).get("game") or {}
    found = {one["repeat"]: one for one in reversed(non_finite)}
    cases = [
        Case(Lines(records, r, repeats), game, known or Reference(), sampled[r] if r < len(sampled) else None, found.get(r))
        for r in range(repeats)
    ]
    each = [_one(case) for case in cases]
    worst = min(range(repeats), key=lambda r: VERDICTS.index(each[r].verdict))
    told = replace(each[worst], advice=tuple(advise(each[worst].verdict, spec or {}, cases[worst].lines)))
    if repeats == 1:
        return told
    verdicts = tuple(one.verdict for one in each)
    counts = Counter(verdicts)
    words = ", ".join(f"{counts[v]} of {repeats} repeats {v}" for v in VERDICTS if counts[v])
    which = f"repeat {worst}: " if len(counts) > 1 or told.verdict != "healthy" else "each: "
    return replace(told, words=f"{words}; {which}{told.words}", repeats=verdicts)


def _one(case: Case) -> Diagnosis:
    """The worst that any rule says of one repeat; if nothing is wrong, what is weak."""
    lines = case.lines
    if not len(lines.steps) and case.sampled is None and case.found is None:
        return Diagnosis("unknown", "nothing has been measured yet")
    game = _classifier if _is_classification(case) else _players
    findings = [rule(case) for rule in game]
    holding = [one for one in findings if one is not None and one.holds(lines)]
    if holding:
        worst = min(holding, key=lambda one: VERDICTS.index(one.verdict))
        others = {one.verdict: one.words for one in holding if one.verdict not in (worst.verdict, "unknown", "collapsing")}
        notes = [f"also {verdict}: {words}" for verdict, words in others.items()]
        since = worst.since if worst.since is not None else lines.since(worst.flags)
        agree = lines.agree(worst.flags) if worst.flags.any() else (0, 0)  # samples alone may have decided
        told = Diagnosis(worst.verdict, worst.words, since, worst.evidence, notes=tuple(notes), lines=agree)
    else:
        evidence = _strictest(e for one in findings if one is not None for e in one.evidence if not e.bad)
        calm = ~np.logical_or.reduce([one.flags for one in findings if one is not None] or [np.zeros(len(lines.steps), bool)])
        words = "it learns" if _is_classification(case) else "samples are varied, and both players learn"
        told = Diagnosis("healthy", words, None, evidence, lines=lines.agree(calm))
    weak = _weak(case, told)
    if told.verdict == "healthy" and weak:
        told = replace(told, words=f"{told.words}, but it is not good yet")
    return replace(told, notes=(*told.notes, *weak, *_unsure(case, told)))


def _strictest(every: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Several rules look at one number, with thresholds of their own: the last is the strictest."""
    return tuple({(one.name, one.value): one for one in every}.values())


def _is_classification(case: Case) -> bool:
    return _type(case.game) == "classification" or any("test_success" in record for record in case.lines.records)


# The adversarial game


def _not_finite(case: Case) -> Finding | None:
    lines, player = case.lines, "network" if _is_classification(case) else "discriminator"
    told = np.array([player in (record.get("loss") or {}) for record in lines.records], bool)
    gone = ~np.isfinite(lines(f"loss.{player}")) & told
    if case.found is None and not (len(gone) and gone[-1]):
        return None
    where = ""
    if case.found is not None:
        layer = f", layer {case.found['layer']}" if case.found.get("layer") else ""
        where = f" ({case.found['player']}{layer}: {case.found['what']})"
    why = "a number that is infinite or none at all spoils all that is computed with it; there is no way back"
    step = int(case.found["step"]) if case.found else lines.since(gone)
    evidence = Evidence("finite numbers", None, "all", why, True)
    return Finding("diverged", f"numbers are no longer finite{where}", gone, (evidence,), True, step)


def _wild(case: Case) -> Finding | None:
    """The critic is wrong by far more than one that has not learnt anything."""
    undecided, options = UNDECIDED.get(case.loss), case.game.get("loss")
    if undecided is None:
        return None
    if case.loss == "least_squares" and isinstance(options, Mapping):
        undecided *= (options.get("real", 1.0) - options.get("generated", 0.0)) ** 2
    loss = case.lines("loss.discriminator") - np.nan_to_num(case.lines("penalty"))
    why = f"a discriminator that knows nothing pays {undecided:.3g}; one that pays ten times as much is thrown about"
    end = case.lines.end(loss)
    bad = _above(loss, WILD * undecided)
    evidence = Evidence("loss.discriminator", end, f"bad above {WILD * undecided:.3g}", why, end > WILD * undecided)
    return Finding("diverged", "the discriminator's steps are so large that it is thrown about", bad, (evidence,))


def _steep(case: Case) -> Finding | None:
    """A Wasserstein critic that nothing holds: it grows for ever, and W is no distance."""
    if case.loss != "wasserstein" or _type((case.game.get("discriminator") or {}).get("constraint")):
        return None
    lines = case.lines
    slope = lines("critic_gradient.interpolated.mean")
    start = slope[: max(3, len(slope) // 10)]
    start = start[np.isfinite(start)]
    if not len(start):
        return None
    limit = GROWN * float(np.median(start))
    why = "the distance asks for a slope of at most some constant; without a constraint the critic wins by growing"
    evidence = Evidence(
        "critic's slope", lines.end(slope), f"bad above {limit:.3g}, {GROWN:g} times that at the start", why, True
    )
    return Finding("diverged", "the critic grows without bound", _above(slope, limit), (evidence,))


def _outside(case: Case) -> Finding | None:
    diversity = case.lines("scores.diversity")
    flags, reach = _above(diversity, FAR), case.sampled.reach if case.sampled else float("nan")
    why = "real examples have 1, and even pure noise within the data's range stays under 2"
    end = case.lines.end(diversity)
    evidence = [Evidence("diversity", end, f"bad above {FAR:g}", why, True)] if end > FAR else []
    if reach == reach:
        why = "distance of samples from the middle of the data over that of real ones"
        evidence.append(Evidence("samples' distance", reach, f"bad above {FAR:g}", why, reach > FAR))
    return Finding("diverged", "samples lie far outside the data", flags, tuple(evidence), reach > FAR)


def _unheard(case: Case) -> Finding | None:
    """Minimax: the generator's gradient is proportional to D(G(z)), which the discriminator has brought to 0."""
    if case.loss != "minimax":
        return None
    d = case.lines("d_generated.mean")
    why = "minimax gives the generator a gradient proportional to D(G(z)): this is a hundredth of what it has at 0.5"
    end = case.lines.end(d)
    evidence = Evidence("d_generated.mean", end, f"bad under {UNHEARD:g}", why, end < UNHEARD)
    words = "the discriminator has won, and the generator no longer gets a gradient"
    return Finding("dead", words, _below(d, UNHEARD), (evidence,))


def _vanished(case: Case) -> Finding | None:
    lines = case.lines
    norm = lines.gradient("generator")
    smooth = lines.smooth(norm)
    most = np.nanmax(smooth) if np.isfinite(smooth).any() else np.nan
    if not np.isfinite(most):
        return None
    flags = _below(norm, VANISHED * most) | (norm == 0)
    end = lines.end(norm)
    why = f"{VANISHED:g} of the largest it had: what is left is rounding and chance"
    evidence = Evidence("generator's gradient", end, f"bad under {VANISHED * most:.3g}", why, end <= VANISHED * most)
    return Finding("dead", "the generator no longer gets a gradient", flags, (evidence,))


def _still(case: Case) -> Finding | None:
    """No layer of the generator, or none of the network, moves by more than the last digit of its weights."""
    lines, player = case.lines, "network" if _is_classification(case) else "generator"
    ratios = lines.layers(player, "update_ratio")
    if not ratios.size:
        return None
    most = np.where(np.isfinite(ratios).all(1), ratios.max(1), np.nan)
    end = lines.end(most)
    why = "a step is this share of the weights: less is lost in the last digit of float32"
    evidence = Evidence(f"{player}'s largest update_ratio", end, f"bad under {STILL:g}", why, end < STILL)
    return Finding("dead", f"the {player} no longer moves", _below(most, STILL), (evidence,))


def _speechless(case: Case) -> Finding | None:
    """The discriminator says the same of everything: its units are dead, or its weights are 0."""
    lines = case.lines
    real, generated = lines("d_real.mean"), lines("d_generated.mean")
    spread = np.maximum(lines("d_real.std"), lines("d_generated.std"))
    apart = np.maximum(spread, np.abs(real - generated))
    size = np.maximum(np.abs(real), np.abs(generated))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(size > 0, apart / size, np.where(apart == 0, 0.0, np.nan))
    end = lines.end(share)
    why = "differences in what it says of real and generated examples, over what it says: this is rounding"
    evidence = Evidence("discriminator's differences", end, "bad under 1e-06", why, end < 1e-6)
    return Finding("dead", "the discriminator says the same of everything", _below(share, 1e-6), (evidence,))


def _alike(case: Case) -> Finding | None:
    """Samples hardly differ."""
    values = case.lines("scores.diversity")
    there = case.sampled.diversity if case.sampled else float("nan")
    why = "distance between two samples over that between two real examples; ones alone, the digit that varies least, have 0.6"
    evidence = _measured("diversity", case.lines.end(values), there, ALIKE, why, case.sampled)
    return Finding("collapsed", "samples hardly differ from each other", _below(values, ALIKE), evidence, there < ALIKE)


def _narrow(case: Case) -> Finding | None:
    values = case.lines("scores.diversity")
    there = case.sampled.diversity if case.sampled else float("nan")
    why = "samples lie half as far from each other as real examples do"
    evidence = _measured("diversity", case.lines.end(values), there, NARROW, why, case.sampled)
    words = "samples differ much less than real examples do"
    return Finding("collapsing", words, _below(values, NARROW), evidence, there < NARROW)


def _covered(case: Case) -> tuple[Array, float, str, str] | None:
    """Share of the data's variety that samples have, over the lines and in the checkpoint's; its name, and of what."""
    sampled, known, lines = case.sampled, case.known, case.lines
    kl, h = lines("scores.reverse_kl"), lines("scores.digit_entropy")
    there = sampled.covered if sampled else float("nan")
    if known.weights and (np.isfinite(kl).any() or there == there):
        return np.minimum(np.exp(known.missed - kl), 1), there, "modes, by weight", f"{len(known.weights)} modes"
    if known.classes and (np.isfinite(h).any() or there == there):
        kinds = f"{known.classes:.2g} kinds of digits"
        return np.minimum(np.exp(h) / known.classes, 1), there, "kinds of digits", kinds
    return None


def _few(case: Case) -> Finding | None:
    covered = _covered(case)
    if covered is None:
        return None
    values, there, name, of = covered
    why = f"samples fall on so large a share of the {of}, each counted by how evenly it is drawn"
    evidence = _measured(f"share of {name}", case.lines.end(values), there, FEW, why, case.sampled)
    flags, turning = _below(values, FEW), case.sampled.turned if case.sampled else float("nan")
    words = f"samples show only a part of the {of}"
    if turning > 0.5:
        words += ", and not the same ones all the time: it goes from mode to mode"
        why = "share of samples that fall elsewhere than those of the checkpoint before"
        evidence += (Evidence("moved between checkpoints", turning, "bad above 0.5", why, True),)
    return Finding("collapsed", words, flags, evidence, there < FEW)


def _partly(case: Case) -> Finding | None:
    covered = _covered(case)
    if covered is None:
        return None
    values, there, name, of = covered
    smooth, end = case.lines.smooth(values), case.lines.end(values)
    flags, words = _below(values, PARTLY), f"some of the {of} hardly come up"
    best = int(np.nanargmax(smooth)) if np.isfinite(smooth).any() else None
    if best is not None and smooth[best] > PARTLY > end:
        words += f"; it was better around step {case.lines.steps[best + 1]:,}"
    missing = case.sampled.missing if case.sampled else ()
    if missing:
        shown = ", ".join(map(str, missing[:10])) + (f" and {len(missing) - 10} more" if len(missing) > 10 else "")
        get, they = ("gets", "it") if len(missing) == 1 else ("get", "they")
        words += f": {shown} {get} less than a tenth of what {they} should"
    why = f"as many real examples have 1; a lost one of ten costs 0.1, so that this is about two of ten of the {of}"
    evidence = _measured(f"share of {name}", end, there, PARTLY, why, case.sampled)
    lost = bool(0 < len(case.known.shares) <= 100 and missing)
    if lost:
        why = "modes or digits that get less than a tenth of what they should, of those expected 20 times or more"
        evidence += (Evidence("hardly drawn", len(missing), "bad above 0", why, True),)
    return Finding("collapsing", words, flags, evidence, there < PARTLY or lost)


def _found(case: Case) -> Finding | None:
    """Modes without a single good sample, where there are good samples enough to expect one."""
    modes, good, w = case.lines("scores.modes"), case.lines("scores.high_quality"), np.array(case.known.weights)
    if not len(w) or not np.isfinite(good).any() or case.known.missed > 0.5:
        return None
    empty = (1 - w) ** np.maximum(np.nan_to_num(good)[:, None] * case.known.count, 0)
    expected = (1 - empty).sum(1) - 2 * np.sqrt((empty * (1 - empty)).sum(1)) - 0.5
    flags = _below(modes, expected)
    end, least = case.lines.end(modes), case.lines.end(expected)
    why = f"so many of {len(w)} modes would be met by as many good samples, drawn evenly"
    evidence = Evidence("scores.modes", end, f"bad under {least:.3g}", why, end < least)
    return Finding("collapsing", f"some of the {len(w)} modes are not found", flags, (evidence,))


def _worse(case: Case) -> Finding | None:
    """Samples have been twice as good."""
    for name, smaller in (("scores.frechet", True), ("scores.high_quality", False)):
        values = case.lines(name)
        smooth = case.lines.smooth(values)
        if not np.isfinite(smooth).any() or len(smooth) < 8:
            continue
        best = int((np.nanargmin if smaller else np.nanargmax)(smooth))
        limit = float(smooth[best]) * (2 if smaller else 0.5)
        if not smaller and smooth[best] < 0.2:
            continue
        flags = _above(values, limit) if smaller else _below(values, limit)
        flags[: best + 1] = False  # before its best a run is on its way
        end, side = case.lines.end(values), "above" if smaller else "under"
        bad = end > limit if smaller else end < limit
        why = f"half as good as around step {case.lines.steps[best + 1]:,}"
        evidence = Evidence(name, end, f"bad {side} {limit:.3g}", why, bad)
        return Finding(
            "collapsing", f"samples were twice as good around step {case.lines.steps[best + 1]:,}", flags, (evidence,)
        )
    return None


def _copies(case: Case) -> Finding | None:
    s = case.sampled
    if s is None or s.closeness != s.closeness:
        return None
    why = "median distance to the nearest training example, over that of test examples: a copy has 0, a new example about 1"
    near = Evidence("closeness", s.closeness, f"bad under {COPY:g}", why, s.closeness < COPY)
    why = "share of samples nearer to a training example than all but 5 % of test examples are; 0.05 is expected"
    share = Evidence("copies", s.copies, f"bad above {COPY:g}", why, s.copies > COPY)
    flags = np.zeros(len(case.lines.steps), bool)
    bad = s.closeness < COPY and s.copies > COPY
    return Finding("memorising", "samples are copies of training examples", flags, (near, share), bad)


def _unscored(case: Case) -> Finding | None:
    """Nothing was measured of the samples: losses and gradients alone cannot tell a collapse."""
    if case.sampled is not None or np.isfinite(case.lines("scores.diversity")).any():
        return None
    words = "losses and gradients look well, but samples were not scored (game.scored=0), so a collapse would not be seen"
    return Finding("unknown", words, np.ones(len(case.lines.steps), bool), (), True)


# Classification


def _risen(case: Case) -> Finding | None:
    loss = case.lines("test_loss")
    there = loss[np.isfinite(loss)]
    if len(there) < 3:
        return None
    limit = WILD * float(there[0])
    why = f"ten times {there[0]:.3g}, the loss at the first line"
    evidence = Evidence("test_loss", case.lines.end(loss), f"bad above {limit:.3g}", why, case.lines.end(loss) > limit)
    learns = case.lines.end(case.lines("test_success")) > case.known.chance + _margin(case)
    flags = _above(loss, limit) & (not learns)
    return Finding("diverged", "the loss has grown far beyond that at the start", flags, (evidence,))


def _at_chance(case: Case) -> Finding | None:
    success, known = case.lines("test_success"), case.known
    if not known.tests or len(success) < 3:
        return None
    limit = known.chance + _margin(case)
    why = f"always naming the most frequent class gets {known.chance:.3g}; three standard errors of {known.tests:,} tests more"
    end = case.lines.end(success)
    evidence = Evidence("test_success", end, f"bad under {limit:.3g}", why, end < limit)
    return Finding("dead", "it has learnt nothing: its success is that of guessing", _below(success, limit), (evidence,))


def _margin(case: Case) -> float:
    return 3 * float(np.sqrt(case.known.chance * (1 - case.known.chance) / max(case.known.tests, 1)))


def _by_heart(case: Case) -> Finding | None:
    """The test loss rises while that of training falls, and tests are got wrong that were once right."""
    lines = case.lines
    test, train, success = lines("test_loss"), lines("loss.network"), lines("test_success")
    smooth, right = lines.smooth(test), lines.smooth(success)
    if not np.isfinite(smooth).any() or not np.isfinite(right).any():
        return None
    best = int(np.nanargmin(smooth))
    limit, low = 1.25 * float(smooth[best]), float(np.nanmax(right))
    low -= 2 * float(np.sqrt(low * (1 - low) / max(case.known.tests, 1)))
    flags = _above(test, limit) & _below(train, 0.5 * test) & _below(success, low)
    flags[: best + 1] = False
    step, end = lines.steps[best + 1], lines.end(test)
    evidence = (
        Evidence("test_loss", end, f"bad above {limit:.3g}", f"a quarter more than its best, at step {step:,}", end > limit),
        Evidence("test_success", lines.end(success), f"bad under {low:.4g}", "two standard errors under its best", True),
        Evidence("loss.network", lines.end(train), "bad under half of test_loss", "training examples are known better", True),
    )
    return Finding(
        "memorising", f"it learns its training examples by heart: tests went better at step {step:,}", flags, evidence
    )


_players: list[Callable[[Case], Finding | None]] = [
    _not_finite, _wild, _steep, _outside, _unheard, _vanished, _still, _speechless,
    _alike, _few, _partly, _found, _narrow, _worse, _copies, _unscored,
]  # fmt: skip
"""Of two that come to the same verdict, the first speaks."""
_classifier: list[Callable[[Case], Finding | None]] = [_not_finite, _risen, _still, _at_chance, _by_heart]


def _weak(case: Case, told: Diagnosis) -> list[str]:
    """What is not good yet in a run with which nothing is wrong, or not much."""
    lines, notes = case.lines, []
    if told.verdict not in ("healthy", "collapsing"):
        return []
    if _is_classification(case):
        success, wanted = lines.end(lines("test_success")), case.game.get("learned", 0.9)
        if success < wanted:
            notes.append(f"test success is {success:.3g}, under {wanted:g}, from which a repeat counts as one that has learnt")
        return notes
    confidence, good = lines.end(lines("scores.digit_confidence")), lines.end(lines("scores.high_quality"))
    if confidence < READABLE:
        notes.append(f"digits are not clear yet: the judge is sure of them by {confidence:.2f} (of real ones by 0.99)")
    if good < GOOD:
        notes.append(f"only {good:.0%} of the samples lie on a mode yet (real points: 99 %)")
    return notes


def _unsure(case: Case, told: Diagnosis) -> list[str]:
    """What these numbers cannot tell."""
    lines, notes = case.lines, []
    if 0 < len(lines.steps) < FEWEST and told.verdict != "diverged":
        notes.append(f"there are only {len(lines.steps)} lines of metrics ({FEWEST} at least would do): {EARLY}")
    if told.verdict in ("collapsed", "collapsing"):
        covered = _covered(case)
        seen = lines.smooth(covered[0] if covered else lines("scores.diversity"))
        seen = seen[np.isfinite(seen)]
        if len(seen) and seen.max() < (PARTLY if covered else NARROW):
            notes.append("samples have never been more varied in this run: if it was short, it may only have begun")
    if told.verdict == "healthy" and not _is_classification(case):
        kinds = _covered(case) is not None
        if not kinds:
            notes.append("no judge can name the kinds of these samples: that all are of one kind would not be seen")
        if case.sampled is None:
            notes.append("whether samples are copies of training examples is looked at by `dessine diagnose`")
    return notes


def _measured(name: str, end: float, there: float, limit: float, why: str, sampled: Sampled | None) -> tuple[Evidence, ...]:
    """A number that is bad when small, of the last lines and of the checkpoint's samples, as far as there are any."""
    made = []
    if end == end:
        made.append(Evidence(name, end, f"bad under {limit:g}", why, end < limit))
    if there == there and sampled is not None:
        why = f"of {sampled.count:,} samples of the checkpoint" if made else why
        made.append(Evidence(name, there, f"bad under {limit:g}", why, there < limit))
    return tuple(made)


def _above(values: Array, limit: float | Array) -> Array:
    with np.errstate(invalid="ignore"):
        flags: Array = values > limit
    return flags


def _below(values: Array, limit: float | Array) -> Array:
    with np.errstate(invalid="ignore"):
        flags: Array = values < limit
    return flags


def _type(node: Any) -> str:
    """Of a node of a spec, which may be a bare name."""
    return str(node.get("type", "")) if isinstance(node, Mapping) else str(node or "")

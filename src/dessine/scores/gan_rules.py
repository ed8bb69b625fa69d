"""The rules for a generator against a discriminator: each looks for one way to fail, and says by which numbers it is told.

A rule is a function of a `Case` that returns a `Finding`, with a flag for each line of metrics, or None where it has nothing
to look at. A new one needs its place in `RULES` and its case in the table of its test. Thresholds are relative to real
data, to noise, or to a player that knows nothing, so that they hold for every loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np

from dessine.scores.finding import LEAST, Case, Evidence, Finding, Rule, all_, measured, none
from dessine.scores.lines import Array, Lines, above, below, kind

UNDECIDED = {"minimax": log(4), "non_saturating": log(4), "hinge": 2.0, "least_squares": 0.25, "relativistic": log(2)}
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
REGIONS = 0.75  # of the regions of the data, instead of PARTLY: a generator that draws half the kinds well gets 0.68 to 0.72
NOISE = 0.1  # of the way from noise to real examples
HEART = 0.5  # of what the discriminator tells apart
SURE = 3.0  # standard errors
IGNORED, OBEYS = 0.25, 0.9  # of the way from chance to what the judge reads of real examples
COPY = 0.5  # of the distance of test examples to the nearest training example
READABLE, GOOD, LIKE = 0.8, 0.5, 0.9  # the judge's confidence; samples on a mode; of what real examples have
BEGINNING = 1000  # steps within which also the good ones of the shipped configs begin with one blot or mode
NAN = float("nan")


def not_finite(case: Case) -> Finding | None:
    """A loss or a parameter is no longer a number: also of a classifier."""
    lines, player = case.lines, "network" if kind(case.game) == "classification" else "discriminator"
    losses = [record.get("loss") for record in lines.records]
    told = np.array([isinstance(loss, Mapping) and player in loss for loss in losses], bool)
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
    return Finding("diverged", f"numbers are no longer finite{where}", gone, (evidence,), True, step, always=True)


def undecided_loss(game: Mapping[str, Any]) -> float | None:
    """What a discriminator pays that cannot tell one side from the other; None where the loss has no such scale."""
    options = game.get("loss")
    undecided = UNDECIDED.get(kind(options))
    if undecided is not None and kind(options) == "least_squares" and isinstance(options, Mapping):
        undecided *= (options.get("real", 1.0) - options.get("generated", 0.0)) ** 2
    return undecided


def paid(lines: Lines) -> Array:
    """(lines,) what the discriminator loses, without the penalty."""
    return lines("loss.discriminator") - np.nan_to_num(lines("penalty"))


def wild(case: Case) -> Finding | None:
    """The critic is wrong by far more than one that has not learnt anything."""
    undecided = undecided_loss(case.game)
    if undecided is None:
        return None
    loss = paid(case.lines)
    why = f"a discriminator that knows nothing pays {undecided:.3g}; one that pays ten times as much is thrown about"
    end = case.lines.end(loss)
    evidence = Evidence("loss.discriminator", end, f"at most {WILD * undecided:.3g}", why, end > WILD * undecided)
    words = "the discriminator's steps are so large that it is thrown about"
    return Finding("diverged", words, above(loss, WILD * undecided), (evidence,))


def steep(case: Case) -> Finding | None:
    """A Wasserstein critic that nothing holds: it grows for ever, and W is no distance."""
    if case.loss != "wasserstein" or kind((case.game.get("discriminator") or {}).get("constraint")):
        return None
    lines = case.lines
    slope = lines("critic_gradient.interpolated.mean")
    start = slope[: max(3, len(slope) // 10)]
    start = start[np.isfinite(start)]
    if not len(start):
        return None
    limit, end = GROWN * float(np.median(start)), lines.end(slope)
    why = f"{GROWN:g} times that at the start: the distance asks for a slope of at most some constant, and a free critic grows"
    evidence = Evidence("critic's slope", end, f"at most {limit:.3g}", why, end > limit)
    return Finding("diverged", "the critic grows without bound", above(slope, limit), (evidence,))


def outside(case: Case) -> Finding | None:
    """Samples lie far from all data."""
    diversity = case.scores("diversity")
    flags, reach = above(diversity, FAR), case.sampled.reach if case.sampled else NAN
    why = "real examples have 1, and even pure noise within the data's range stays below 2"
    end = case.lines.end(diversity)
    evidence = [Evidence("diversity", end, f"at most {FAR:g}", why, True, count=case.known.count)] if end > FAR else []
    if reach == reach and case.sampled:
        why = "distance of samples from the middle of the data over that of real ones"
        found = Evidence("samples' distance", reach, f"at most {FAR:g}", why, reach > FAR, "checkpoint", case.sampled.count)
        evidence.append(found)
    return Finding("diverged", "samples lie far outside the data", flags, tuple(evidence), reach > FAR)


def unheard(case: Case) -> Finding | None:
    """Minimax: the generator's gradient is proportional to D(G(z)), which the discriminator has brought to 0. Not where it is
    unrolled: there the generator moves what is said of real examples, too."""
    if case.loss != "minimax" or case.game.get("unrolled"):
        return None
    d = case.lines("d_generated.mean")
    why = "minimax gives the generator a gradient proportional to D(G(z)): this is a hundredth of what it has at 0.5"
    end = case.lines.end(d)
    evidence = Evidence("d_generated.mean", end, f"at least {UNHEARD:g}", why, end < UNHEARD)
    words = "the discriminator has won, and the generator no longer gets a gradient"
    return Finding("dead", words, below(d, UNHEARD), (evidence,))


def vanished(case: Case) -> Finding | None:
    """What is left of the generator's gradient is rounding."""
    lines = case.lines
    norm = lines.gradient("generator")
    smooth = lines.smooth(norm)
    most = np.nanmax(smooth) if np.isfinite(smooth).any() else np.nan
    if not np.isfinite(most):
        return None
    flags = below(norm, VANISHED * most) | (norm == 0)
    end = lines.end(norm)
    why = f"{VANISHED:g} of the largest it had: what is left is rounding and chance"
    evidence = Evidence("generator's gradient", end, f"at least {VANISHED * most:.3g}", why, end <= VANISHED * most)
    return Finding("dead", "the generator no longer gets a gradient", flags, (evidence,))


def still(case: Case) -> Finding | None:
    """No layer of the generator moves by more than the last digit of its weights, in any of the last lines."""
    lines = case.lines
    ratios = lines.layers("generator", "update_ratio")
    if not ratios.size:
        return None
    most = np.where(np.isfinite(ratios).all(1), ratios.max(1), np.nan)
    end = float(np.nanmax(most[lines.late])) if np.isfinite(most[lines.late]).any() else NAN
    why = "a step is this share of the weights, at its largest: less is lost in the last digit of float32"
    evidence = Evidence("generator's largest update_ratio", end, f"at least {STILL:g}", why, end < STILL)
    flags = below(most, STILL) if end < STILL else none(case)
    return Finding("dead", "the generator no longer moves", flags, (evidence,))


def speechless(case: Case) -> Finding | None:
    """The discriminator says the same of everything: its units are dead, or its weights are 0."""
    lines = case.lines
    real, generated = lines("d_real.mean"), lines("d_generated.mean")
    spread = np.maximum(lines("d_real.std"), lines("d_generated.std"))
    apart = np.maximum(spread, np.abs(real - generated))
    size = np.maximum(np.abs(real), np.abs(generated))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(size > 0, apart / size, np.where(apart == 0, 0.0, np.nan))
    end = lines.end(share)
    why = "differences in what it says of real and generated examples, over what it says: less is rounding"
    evidence = Evidence("discriminator's differences", end, "at least 1e-06", why, end < 1e-6)
    return Finding("dead", "the discriminator says the same of everything", below(share, 1e-6), (evidence,))


def hopeless(case: Case) -> Finding | None:
    """The config itself keeps the generator from the data."""
    if not case.hopeless:
        return None
    why = "no weights can bring it there: `dessine config check` says so before training"
    evidence = Evidence("generator's range", None, "that of the data", why, True, "config")
    return Finding("stuck", case.hopeless[0], all_(case), (evidence,), True)


def like_noise(case: Case) -> Finding | None:
    """Samples are hardly nearer to the data than noise is. Whether they ever will be nothing can tell."""
    known, lines = case.known, case.lines
    if not known.quality or not known.real > 0.5:
        return None
    name = known.quality.removeprefix("scores.")
    values, there = case.scores(name), case.sampled.quality if case.sampled else NAN
    if known.real - known.noise > 0.5:
        limit = known.noise + NOISE * (known.real - known.noise)
        why = f"a tenth of the way from noise, which has {known.noise:.2g}, to real examples, which have {known.real:.2g}"
    else:  # noise that is much like these data lies among them; what lies nowhere near them is no better
        limit, why = NOISE * known.real, f"a tenth of what real examples have, {known.real:.2g}"
    evidence = measured(name, lines.end(values), there, limit, why, case)
    words = "samples are hardly nearer to the data than noise is: it has only begun, or learns nothing; longer training tells"
    return Finding("unknown", words, below(values, limit), evidence, there < limit)


def _is_noise(case: Case) -> bool:
    """Of images: what kinds noise seems to show says nothing of collapse."""
    found = like_noise(case) if case.known.quality == "scores.near_real" else None
    return found is not None and found.holds(case.lines)


def alike(case: Case) -> Finding | None:
    """Samples hardly differ."""
    values = case.scores("diversity")
    there = case.sampled.diversity if case.sampled else NAN
    why = "distance between two samples over that between two real examples; ones alone, the digit that varies least, have 0.6"
    evidence = measured("diversity", case.lines.end(values), there, ALIKE, why, case)
    words = "samples hardly differ from each other"
    return Finding("collapsed", words, below(values, ALIKE), evidence, there < ALIKE, rising=(values, NARROW))


def narrow(case: Case) -> Finding | None:
    """Samples differ, but too little."""
    if _is_noise(case):
        return None
    values = case.scores("diversity")
    there = case.sampled.diversity if case.sampled else NAN
    why = "samples lie half as far from each other as real examples do"
    evidence = measured("diversity", case.lines.end(values), there, NARROW, why, case)
    words = "samples differ much less than real examples do"
    return Finding("collapsing", words, below(values, NARROW), evidence, there < NARROW, rising=(values, NARROW))


@dataclass(frozen=True)
class Cover:
    """Share of the data's variety that samples have: over the lines, and in the checkpoint; 1 for real examples."""

    values: Array
    there: float
    name: str
    of: str
    partly: float = PARTLY


def covers(case: Case) -> list[Cover]:
    """By known modes, by the kinds that a judge names, by the regions of the data: as far as each has been measured."""
    sampled, known, lines = case.sampled, case.known, case.lines
    kl, regions = case.scores("reverse_kl"), case.scores("region_share")
    there = sampled.covered if sampled else NAN
    found = []
    if known.weights:
        share = np.minimum(np.exp(known.missed - kl), 1)
        found.append(Cover(share, there, "share of modes, by weight", f"{len(known.weights)} modes"))
    elif known.classes:
        what, named = ("class", "classes") if known.named else ("digit", "digits")
        kinds, h = f"kinds of {named}", case.scores(f"{what}_entropy")
        share = np.minimum(np.exp(h) / known.classes, 1)
        found.append(Cover(share, there, f"share of {kinds}", f"{known.classes:.2g} {kinds}"))
    elif there == there:
        found.append(Cover(np.full(len(lines.steps), NAN), there, "share of modes", "modes"))
    if known.regions == known.regions or (sampled and sampled.regions == sampled.regions):
        share = np.minimum(regions / known.regions, 1)
        there = sampled.regions if sampled else NAN
        found.append(Cover(share, there, "share of the data's regions", "regions of the data", REGIONS))
    return [one for one in found if np.isfinite(one.values).any() or one.there == one.there]


def _least(case: Case) -> Cover | None:
    """The cover that is furthest below what it should be."""

    def height(one: Cover) -> float:
        return float(np.nanmin([case.lines.end(one.values), one.there]) / one.partly)

    found = [one for one in covers(case) if case.lines.end(one.values) == case.lines.end(one.values) or one.there == one.there]
    return min(found, key=height, default=None)


def few(case: Case) -> Finding | None:
    """Samples show less than half of the data's variety."""
    cover = None if _is_noise(case) else _least(case)
    if cover is None:
        return None
    why = f"samples fall on so large a share of the {cover.of}, each counted by how evenly it is drawn"
    evidence = measured(cover.name, case.lines.end(cover.values), cover.there, FEW, why, case)
    flags, turning = below(cover.values, FEW), case.sampled.turned if case.sampled else NAN
    words = f"samples show only a part of the {cover.of}"
    if turning > 0.5 and case.sampled:
        words += ", and not the same ones all the time: it goes from mode to mode"
        why = "share of samples that fall elsewhere than those of the checkpoint before"
        count = case.sampled.count
        evidence += (Evidence("moved between checkpoints", turning, "at most 0.5", why, True, "checkpoint", count),)
    return Finding("collapsed", words, flags, evidence, cover.there < FEW, rising=(cover.values, cover.partly))


def partly(case: Case) -> Finding | None:
    """Some of the data's kinds hardly come up."""
    cover = None if _is_noise(case) else _least(case)
    if cover is None:
        return None
    values, limit = cover.values, cover.partly
    smooth, end = case.lines.smooth(values), case.lines.end(values)
    flags, words = below(values, limit), f"some of the {cover.of} hardly come up"
    best = int(np.nanargmax(smooth)) if np.isfinite(smooth).any() else None
    if best is not None and smooth[best] > limit > end:
        words += f"; it was better around step {case.lines.steps[best + 1]:,}"
    missing = case.sampled.missing if case.sampled else ()
    if missing:
        names = [case.known.named[i] if case.known.named else str(i) for i in missing[:10]]
        shown = ", ".join(names) + (f" and {len(missing) - 10} more" if len(missing) > 10 else "")
        get, they = ("gets", "it") if len(missing) == 1 else ("get", "they")
        words += f": {shown} {get} less than a tenth of what {they} should"
    why = f"as many real examples have 1; what is lost costs its share, so that this is about {1 - limit:.0%} of the {cover.of}"
    evidence = measured(cover.name, end, cover.there, limit, why, case)
    lost = bool(0 < len(case.known.shares) <= 100 and missing)
    if lost and case.sampled:
        why = "modes or digits that get less than a tenth of what they should, of those expected 20 times or more"
        evidence += (Evidence("hardly drawn", len(missing), "at most 0", why, True, "checkpoint", case.sampled.count),)
    return Finding("collapsing", words, flags, evidence, cover.there < limit or lost, rising=(values, limit))


def lost_modes(case: Case) -> Finding | None:
    """Modes without a single good sample, where there are good samples enough to expect one. More samples know better."""
    modes, good, w = case.scores("modes"), case.scores("high_quality"), np.array(case.known.weights)
    if not len(w) or not np.isfinite(good).any() or case.known.missed > 0.5:
        return None
    expected = _least_modes(w, good, case.known.count)
    end, least = case.lines.end(modes), case.lines.end(expected)
    why = (
        f"so many of {len(w)} modes are met by as many samples, as good ones, that go to all modes and are not as good at each"
    )
    evidence = [Evidence("scores.modes", end, f"at least {least:.3g}", why, end < least, count=case.known.count)]
    flags, lost, s = below(modes, expected), False, case.sampled
    if s is not None and s.modes == s.modes and s.count > case.known.count:
        least = float(_least_modes(w, np.array([s.quality]), s.count)[0])
        lost = s.modes < least
        evidence.append(Evidence("scores.modes", s.modes, f"at least {least:.3g}", why, lost, "checkpoint", s.count))
        flags = flags if lost else none(case)
    return Finding("collapsing", f"some of the {len(w)} modes are not found", flags, tuple(evidence), lost)


def _least_modes(weights: Array, good: Array, count: int) -> Array:
    """(lines,) modes that `count` samples meet with a good one at least, where they fall on modes by their weights.

    good: (lines,) the share of good ones. That of each mode is taken to lie anywhere about it, as evenly as can be in [0, 1]:
    where 30 % of all are good there are modes at which hardly one is. Two standard deviations are allowed, and half a mode.
    """
    g = np.clip(np.nan_to_num(good), 0, 1)
    low, high = np.maximum(0, 2 * g - 1), np.minimum(1, 2 * g)
    at = low + (high - low) * (np.arange(32)[:, None] + 0.5) / 32
    empty = ((1 - weights[:, None, None] * at) ** count).mean(1)  # (modes, lines)
    least: Array = (1 - empty).sum(0) - 2 * np.sqrt((empty * (1 - empty)).sum(0)) - 0.5
    return least


def worse(case: Case) -> Finding | None:
    """Samples have been twice as good."""
    names = ("kernel_distance", "random_kernel_distance", "frechet", "high_quality")
    for name, smaller in ((f"scores.{name}", name != "high_quality") for name in names):
        values = case.scores(name.removeprefix("scores."))
        smooth = case.lines.smooth(values)
        if not np.isfinite(smooth).any() or len(smooth) < 8:
            continue
        best = int((np.nanargmin if smaller else np.nanargmax)(smooth))
        limit = float(smooth[best]) * (2 if smaller else 0.5)
        if name.endswith("kernel_distance"):  # of good samples it lies about 0, on either side
            error = case.lines.end(case.scores(f"{name.removeprefix('scores.')}_error"))
            limit = float(smooth[best]) + max(float(smooth[best]), 3 * error)
        if not smaller and smooth[best] < 0.2:
            continue
        flags = above(values, limit) if smaller else below(values, limit)
        flags[: best + 1] = False  # before its best a run is on its way
        end, side = case.lines.end(values), "at most" if smaller else "at least"
        bad = end > limit if smaller else end < limit
        step = case.lines.steps[best + 1]
        evidence = Evidence(
            name, end, f"{side} {limit:.3g}", f"half as good as around step {step:,}", bad, count=case.known.count
        )
        return Finding("collapsing", f"samples were twice as good around step {step:,}", flags, (evidence,))
    return None


def copies(case: Case) -> Finding | None:
    """Samples are training examples."""
    s = case.sampled
    if s is None or s.closeness != s.closeness:
        return None
    why = "median distance to the nearest training example, over that of test examples: a copy has 0, a new example about 1"
    near = Evidence("closeness", s.closeness, f"at least {COPY:g}", why, s.closeness < COPY, "checkpoint", s.count)
    why = "share of samples nearer to a training example than all but 5 % of test examples are; 0.05 is expected"
    share = Evidence("copies", s.copies, f"at most {COPY:g}", why, s.copies > COPY, "checkpoint", s.count)
    bad = s.closeness < COPY and s.copies > COPY
    words = "samples are copies of training examples"
    return Finding("memorising", words, none(case), (near, share), bad, always=True)


def by_heart(case: Case) -> Finding | None:
    """What the discriminator says of training examples it does not say of others: the first sign, before samples are copies."""
    lines = case.lines
    share, gap = lines("critic_gap.share"), lines("critic_gap.train") - lines("critic_gap.held_out")
    if not np.isfinite(share).any():
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = gap / lines("critic_gap.error")
    flags, end, clear = above(share, HEART) & above(errors, SURE), lines.end(share), lines.end(errors)
    why = "how far training examples are from held-out ones, for the discriminator, over how far they are from generated ones"
    found = Evidence("critic_gap.share", end, f"at most {HEART:g}", why, end > HEART)
    why = f"the same in standard errors over the examples looked at: under {SURE:g} it may be chance"
    words = "the discriminator knows its training examples by heart: others it takes for generated ones"
    evidence = (found, Evidence("critic_gap over its error", clear, f"at most {SURE:g}", why, clear > SURE))
    return Finding("memorising", words, flags, evidence)


def ignores(case: Case) -> Finding | None:
    """What is asked for makes no difference, or hardly any, to what is drawn."""
    chance, real = case.known.chance, case.known.obeyed
    values = case.scores("obedience")
    if not real > chance or not np.isfinite(values).any() or _is_noise(case):
        return None
    limit, end = chance + IGNORED * (real - chance), case.lines.end(values)
    why = f"a quarter of the way from the largest class's share, {chance:.2g}, to what the judge reads of real ones, {real:.2g}"
    evidence = measured("obedience", end, NAN, limit, why, case)
    words = "samples are hardly oftener of the class that is asked for than by chance"
    return Finding("ignores its label", words, below(values, limit), evidence, rising=(values, limit))


def unscored(case: Case) -> Finding | None:
    """Losses and gradients alone cannot tell a collapse."""
    if case.sampled is not None or np.isfinite(case.scores("diversity")).any():
        return None
    n = case.known.count
    how = "samples were not scored (game.scored=0)"
    if 0 < n < LEAST:
        how = f"only {n} samples were scored at a time ({LEAST} would do)"
    words = (
        f"{how}, so a collapse would not be seen: losses do not show it; `dessine diagnose` looks at samples of a checkpoint"
    )
    return Finding("unknown", words, all_(case), (), True)


def uncounted(case: Case) -> Finding | None:
    """Nothing tells whether samples are of many kinds or of one: their distances from each other do not."""
    if covers(case):
        return None
    words = (
        "nothing measured tells whether samples show all kinds of the data, or one: metrics of a newer run do "
        "(scores.region_share; it needs 50 training examples), and `dessine diagnose` with a checkpoint"
    )
    return Finding("unknown", words, all_(case), (), True)


RULES: list[Rule] = [
    not_finite, wild, steep, outside, unheard, vanished, still, speechless, hopeless, like_noise,
    alike, few, partly, lost_modes, narrow, worse, copies, by_heart, ignores, unscored, uncounted,
]  # fmt: skip
"""Of two that come to the same verdict, the first speaks."""


def weak(case: Case) -> list[str]:
    """What is not good yet in a run with which nothing is wrong, or not much."""
    lines, notes = case.lines, []
    what, words = ("class", "samples") if case.known.named else ("digit", "digits")
    confidence, good, sure = (
        lines.end(case.scores(f"{what}_confidence")),
        lines.end(case.scores("high_quality")),
        case.known.sure,
    )
    if confidence < READABLE * sure:
        notes.append(f"{words} are not clear yet: the judge is sure of them by {confidence:.2f} (of real ones by {sure:.2g})")
    obeyed, known = lines.end(case.scores("obedience")), case.known
    if obeyed < known.chance + OBEYS * (known.obeyed - known.chance):
        notes.append(f"{obeyed:.0%} of the samples are read as what was asked for (of real ones: {known.obeyed:.0%})")
    if good < GOOD:
        notes.append(f"only {good:.0%} of the samples lie on a mode yet (real points: 99 %)")
    if not (case.known.weights or case.known.classes):
        near, regions = lines.end(case.scores("near_real")), lines.end(case.scores("region_share"))
        if near < LIKE * case.known.real:
            notes.append(
                f"only {near:.0%} of the samples lie as near to real examples as these do (real ones: {case.known.real:.0%})"
            )
        if regions < LIKE * case.known.regions:
            notes.append(f"samples visit {regions:.0%} of the data's regions (as many real ones: {case.known.regions:.0%})")
    return notes


def _never_varied(case: Case) -> bool:
    """Whether samples have been no more varied since the start."""
    cover = _least(case)
    seen = case.lines.smooth(cover.values if cover else case.scores("diversity"))
    seen = seen[np.isfinite(seen)]
    return bool(len(seen) and seen.max() < (cover.partly if cover else NARROW))


def caveat(case: Case, verdict: str) -> str:
    """What belongs to the verdict itself, or it would be taken for more than it is."""
    if verdict in ("collapsed", "collapsing") and case.step < BEGINNING and _never_varied(case):
        return f" (as since the start: after {case.step:,} steps it may only have begun)"
    return ""


def unsure(case: Case, verdict: str) -> list[str]:
    """What these numbers cannot tell."""
    notes = []
    if verdict in ("collapsed", "collapsing") and _never_varied(case):
        notes.append("samples have never been more varied in this run: if it was short, it may only have begun")
    if verdict == "healthy" and not (case.known.weights or case.known.classes):
        notes.append("no judge names the kinds of these samples: regions of the data stand for them")
    if case.sampled is None and np.isfinite(case.scores("diversity")).any():
        notes.append(
            f"from {case.known.count:,} samples at each line of metrics: `dessine diagnose` also looks at 2,000 of a "
            "checkpoint, which show rarer kinds, and whether they are copies of training examples: its verdict is surer"
        )
    return notes

"""The table of scores: what each tells, which way is better, which data has it, and how it is measured on the bench."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np

from dessine.data import Split
from dessine.intervals import SHARE, limits, share_interval
from dessine.registry import LEDGER, SpecError
from dessine.scores import birthday, digits, frechet, mixture, nearest, obedience
from dessine.scores.bench import (
    CRITIC,
    LINES,
    NEIGHBOURS,
    PAIRED,
    PAIRS,
    RECOVERED,
    Bench,
    Side,
    are_digits,
    are_images,
    is_read,
)
from dessine.scores.distances import mean_pairwise, rows
from dessine.scores.features import has_features
from dessine.scores.independent import NAME as CRITIC_NAME
from dessine.scores.independent import independent
from dessine.scores.judge import DIGITS
from dessine.scores.kernel import kernel_distance
from dessine.scores.ndb import EACH, ndb
from dessine.scores.neighbours import K, neighbours
from dessine.scores.parzen import parzen
from dessine.scores.reconstruction import errors, reconstruction
from dessine.scores.wasserstein import exact, sliced, sliced_error

NAN = float("nan")
ALL = "all"
"""Among the names of scores that are asked for: the slow ones, too."""


class Score(NamedTuple):
    """One number of one side, with its standard error and the samples it was taken from.

    standard_error: NaN where none is known, and for a share of 0 or 1, of which nothing varies that could tell it
    why: there is no number, or none that is finite
    perfect: about what perfect samples get, where so few of them do not get the best there is
    """

    value: float
    standard_error: float
    n: int
    why: str = ""
    perfect: float = NAN

    def interval(self, name: str) -> tuple[float, float]:
        """95 %, inside what the score `name` can be; NaN without an error."""
        low, high = limits(name)
        if not np.isfinite(self.standard_error):
            return NAN, NAN
        if (low, high) == SHARE and 0 < self.value < 1 and self.standard_error > 0:
            n = self.value * (1 - self.value) / self.standard_error**2  # as many independent examples would be as sure
            return share_interval(self.value * n, n)
        half = 1.96 * self.standard_error
        return max(low, self.value - half), min(high, self.value + half)


Found = dict[str, Score]
Measure = Callable[[Side, Side], float | tuple[float, float]]


class Group(NamedTuple):
    """Scores that are measured together.

    better: "higher", "lower", or "near 1", by score
    of: which data has them; measure: of one side, on the bench, all finite, at least `least` samples and real examples
    quick: a matter of a second or two, so that many checkpoints can be measured; slow: only where it is asked for
    space: whose features it is measured in: "judge" (else the data's own numbers), "random" or "pca" (`features.py`), "data",
        or the name of what measures
    spare: where a judge reads, it is measured only if it is named
    """

    better: dict[str, str]
    about: str
    of: Callable[[Split], bool]
    measure: Callable[[Bench, Side], Found]
    space: str = "data"
    least: int = 2
    quick: bool = False
    slow: bool = False
    spare: bool = False


def _digits(bench: Bench, side: Side) -> Found:
    p, n, what = side.probabilities[:, 0], len(side), "digit" if are_digits(bench.data) else "class"
    return {
        f"{what}_score": Score(*digits.digit_score(p), n),
        f"{what}_entropy": Score(*digits.class_entropy(p), n),
        f"{what}_confidence": Score(*digits.confidence(p), n),
    }


def _kinds(bench: Bench, side: Side) -> Found:
    real, made = (digits.histogram(one.probabilities[:, 0]) for one in (bench.real, side))
    return {"kinds": Score(float(digits.kinds(made, real)), NAN, len(side))}


def _obedience(bench: Bench, side: Side) -> Found:
    if side.asked is None or (known := obedience.answers(side.data.asked, read_names(side.data))) is None:
        return {"obedience": Score(NAN, NAN, len(side), "nobody has asked for classes")}
    value, error = obedience.obedience(side.classes, side.asked, known)
    return {"obedience": Score(value, (error or NAN) if bench.errors_of(side) else NAN, len(side))}


def is_asked(data: Split) -> bool:
    """Whether a generator of these data is asked for classes that a judge knows."""
    return obedience.answers(data.asked, read_names(data)) is not None


def read_names(data: Split) -> tuple[str, ...]:
    """The classes that the judge of single examples names; none where there is no such judge."""
    return () if not is_read(data) or data.digits > 1 else data.judge.classes if data.judge else DIGITS


def _named(name: str, space: str) -> str:
    """A score in features that need no labels says so in its name."""
    return name if space == "judge" else f"{space}_{name}"


def _frechet(bench: Bench, side: Side, space: str = "judge") -> Found:
    sides = {"real": bench.real.view(space).moments, "generated": side.view(space).moments}
    error = frechet.error(**sides) if bench.errors_of(side) else NAN
    return {_named("frechet", space): Score(frechet.distance(**sides), error, len(side))}


def _kernel(bench: Bench, side: Side, space: str = "judge") -> Found:
    value, error = kernel_distance(real=bench.real.view(space).kernel, generated=side.view(space).kernel)
    return {_named("kernel_distance", space): Score(value, error if bench.errors_of(side) else NAN, len(side))}


def _modes(bench: Bench, side: Side) -> Found:
    known = bench.data.mixture
    assert known is not None
    x, n = rows(side.x), len(side)
    modes, good = mixture.high_quality(x, known)
    return {
        "modes": Score(float(modes), NAN, n),
        "high_quality": Score(good, float(np.sqrt(good * (1 - good) / n)) or NAN, n),
        "reverse_kl": _unevenness(mixture.assigned(x, known), known.weights),
    }


def _likely(bench: Bench, side: Side) -> Found:
    true, n = bench.data.known, len(side)
    assert true is not None
    share = mixture.likely(true.log_density(rows(side.x)), true.log_density(rows(bench.real.x)))
    return {"likely": Score(share, float(np.sqrt(share * (1 - share) / n)) or NAN, n)}


def _density(bench: Bench, side: Side) -> Found:
    true = bench.data.density
    assert true is not None
    value, error = mixture.mean_log_density(rows(side.x), true)
    if not np.isfinite(value):
        return {"log_density": Score(NAN, NAN, len(side), "samples lie where no example ever does")}
    return {"log_density": Score(value, error, len(side))}


def _stacked(bench: Bench, side: Side) -> Found:
    mode, n = mixture.written(side.probabilities.argmax(-1)), len(side)
    even = np.full(1000, 1 / 1000)
    return {
        "modes": Score(float(mixture.distinct(mode)), NAN, n),
        "reverse_kl": _unevenness(mode, even),
    }


def _unevenness(mode: np.ndarray, weights: np.ndarray) -> Score:
    n = len(mode)
    return Score(mixture.reverse_kl(mode, weights), NAN, n, perfect=mixture.least_reverse_kl(len(weights), n))


def _neighbours(bench: Bench, side: Side, space: str = "judge") -> Found:
    real, made = (one.view(space).features[:NEIGHBOURS] for one in (bench.real, side))
    known = bench.real.view(space).balls
    found = neighbours(real=real, generated=made, real_balls=known, errors=bench.errors_of(side))
    return {_named(name, space): Score(value, error, len(made)) for name, (value, error) in found._asdict().items()}


def _ndb(bench: Bench, side: Side) -> Found:
    value, error = ndb(real=bench.bins.counts, generated=bench.bins.count(side.x))
    return {"ndb": Score(value, error or NAN, len(side))}


def _parzen(bench: Bench, side: Side) -> Found:
    samples = bench.real if side is bench.ceiling else side  # test images are what it asks about, so they cannot be samples
    found = parzen(samples.images, bench.validation, bench.ceiling.images, errors=bench.errors_of(side))
    return {"parzen": Score(found.value, found.over_both, len(samples))}


def _nearest(bench: Bench, side: Side) -> Found:
    x = side.x[: bench.copies]
    made, test = bench.nearest(x)[0], bench.from_test
    copies, ratio = Score(NAN, NAN, len(x), nearest.FEW), Score(NAN, NAN, len(x), nearest.ALIKE)
    if len(test) >= nearest.LEAST:
        share, error = nearest.memorised(generated=made, test=test)
        copies = Score(share, error or NAN, len(x))
    if np.median(test) > 0:
        ratio = Score(*nearest.closeness(generated=made, test=test), len(x))
    return {"memorised": copies, "nearest_ratio": ratio}


def _birthday(bench: Bench, side: Side) -> Found:
    x = side.features[:PAIRS]
    found = birthday.birthday(x, birthday.closeness(bench.real.features[: len(x)]))
    n = len(x)
    why = "" if found.pairs else f"no two of {n:,} samples are duplicates: more than {n * n / 6:,.0f}"
    return {"support": Score(found.support, found.support * found.relative_error, n, why)}


def _exact(bench: Bench, side: Side) -> Found:
    n = min(PAIRED, len(side), len(bench.real))
    return {"wasserstein": Score(exact(rows(bench.real.x[:n]), rows(side.x[:n])), NAN, n)}


def _sliced(bench: Bench, side: Side) -> Found:
    n = min(LINES, len(side), len(bench.real))
    both, error = (bench.real.x[:n], side.x[:n]), NAN
    value, over_lines = sliced(*both, seed=bench.seed)
    if bench.errors_of(side):
        error = float(np.hypot(over_lines, sliced_error(*both, seed=bench.seed)))
    return {"sliced_wasserstein": Score(value, error, n)}


def _independent(bench: Bench, side: Side) -> Found:
    made = bench.real if side is bench.ceiling else side  # its real examples are test examples, which no generator has seen
    n = min(CRITIC, len(bench.ceiling), len(made))
    found = independent(bench.ceiling.x[:n], made.x[:n], bench.seed)
    return {"independent_critic": Score(found.estimate, found.standard_error, n)}


def _reconstruction(bench: Bench, side: Side) -> Found:
    targets, train = bench.ceiling.x[:RECOVERED], bench.data.train
    reach = train.high - train.low
    if side is bench.ceiling:  # the nearest training image
        each = np.square(bench.nearest(targets)[0] / reach) / targets[0].size
    elif side is bench.floor:
        each = errors(np.broadcast_to(bench.real.x.mean(0), targets.shape), targets, reach)
    elif side is bench.collapsed:
        each = errors(np.broadcast_to(bench.real.x[0], targets.shape), targets, reach)
    elif side.recover is None:
        return {"reconstruction": Score(NAN, NAN, len(targets), "these samples have no latents")}
    else:
        each = side.recover(targets)
    value, error = reconstruction(each)
    return {"reconstruction": Score(value, error if bench.errors_of(side) else NAN, len(targets))}


def _diversity(bench: Bench, side: Side) -> Found:
    n = min(PAIRED, len(side), len(bench.real))
    real = mean_pairwise(rows(bench.real.x[:n]))
    if not real > 0:
        return {"diversity": Score(NAN, NAN, n, nearest.ALIKE)}
    return {"diversity": Score(mean_pairwise(rows(side.x[:n])) / real, NAN, n)}


def _without_labels(space: str, of: str) -> tuple[Group, ...]:
    """The scores that a judge's features have, in features that need no labels."""
    shared: dict[str, Any] = {"of": has_features, "space": space, "quick": True, "spare": True}
    four = {f"{space}_{name}": "higher" for name in ("precision", "recall", "density", "coverage")}
    return (
        Group(
            {f"{space}_frechet": "lower"},
            f"Frechet distance to training images in {of}",
            measure=partial(_frechet, space=space),
            **shared,
        ),
        Group(
            {f"{space}_kernel_distance": "lower"},
            f"kernel distance in {of}, without bias",
            measure=partial(_kernel, space=space),
            **shared,
        ),
        Group(four, f"the four of neighbours in {of}", measure=partial(_neighbours, space=space), least=K + 1, **shared),
    )


GROUPS = [
    Group(
        {"modes": "higher", "high_quality": "higher", "reverse_kl": "lower"},
        "modes found, share of samples near one, unevenness of their shares (mixtures)",
        lambda data: data.mixture is not None,
        _modes,
        quick=True,
    ),
    Group(
        {"likely": "higher"},
        "share of samples where the true density is as high as at 99 % of real examples (known shapes in the plane)",
        lambda data: data.known is not None,
        _likely,
        quick=True,
    ),
    Group(
        {"log_density": "higher"},
        "mean log of the true density (mixtures, known shapes in the plane)",
        lambda data: data.density is not None,
        _density,
        quick=True,
    ),
    Group(
        {"digit_score": "higher", "digit_entropy": "higher", "digit_confidence": "higher"},
        "clear and varied digits in one number (1 to 10); entropy of the classes (nats); how sure the judge is (MNIST)",
        are_digits,
        _digits,
        "judge",
        quick=True,
    ),
    Group(
        {"class_score": "higher", "class_entropy": "higher", "class_confidence": "higher"},
        "the same of the classes that another judge knows, 1 to their number (scores.judge)",
        lambda data: data.judge is not None and data.digits < 2 and not are_digits(data),
        _digits,
        "judge",
        quick=True,
    ),
    Group(
        {"kinds": "higher"},
        "how many of the classes that a judge knows come up, each at a tenth of its share at least (sheep, scores.judge)",
        lambda data: data.judge is not None and data.digits < 2,
        _kinds,
        "judge",
        quick=True,
    ),
    Group(
        {"modes": "higher", "reverse_kl": "lower"},
        "numbers of three digits found, of 1,000, and unevenness of their shares (stacked MNIST)",
        lambda data: data.digits == 3,
        _stacked,
        "judge",
        quick=True,
    ),
    Group(
        {"frechet": "lower"},
        "Frechet distance to training images in the judge's features (MNIST, stacked MNIST, scores.judge)",
        is_read,
        _frechet,
        "judge",
        quick=True,
    ),
    Group(
        {"kernel_distance": "lower"},
        "kernel distance (KID) to training images in the judge's features, without bias: perfect is 0 (likewise)",
        is_read,
        _kernel,
        "judge",
        quick=True,
    ),
    Group(
        {"precision": "higher", "recall": "higher", "density": "higher", "coverage": "higher"},
        "samples where real examples are, real examples where samples are; the same two by counts",
        lambda data: True,
        _neighbours,
        "judge",
        K + 1,
        quick=True,
    ),
    *_without_labels("random", "features of a fixed random network (images without a judge)"),
    *_without_labels("pca", "principal components of training images (images without a judge)"),
    Group(
        {"ndb": "lower"},
        "share of 100 regions of the data with too many or too few samples",
        lambda data: True,
        _ndb,
        least=EACH,
    ),
    Group(
        {"obedience": "higher"},
        "share of samples that the judge reads as the class they were asked for (conditional games)",
        is_asked,
        _obedience,
        "judge",
        quick=True,
    ),
    Group({"parzen": "higher"}, "log-likelihood of test images by a Parzen window (nats)", are_images, _parzen),
    Group(
        {"memorised": "lower", "nearest_ratio": "near 1"},
        "share of samples nearer to a training image than 95 % of test images; their median distance beside these",
        are_images,
        _nearest,
    ),
    Group(
        {"support": "higher"},
        "how many different images there seem to be, by the birthday paradox",
        are_images,
        _birthday,
        "judge",
        birthday.LEAST,
    ),
    Group({"wasserstein": "lower"}, "W1 between 1,000 samples and 1,000 real ones", lambda data: not are_images(data), _exact),
    Group({"sliced_wasserstein": "lower"}, "mean W1 along random lines", lambda data: True, _sliced, quick=True),
    Group(
        {"independent_critic": "lower"},
        "W1 as a critic says that was trained afterwards on test examples",
        lambda data: True,
        _independent,
        CRITIC_NAME,
        4,
        slow=True,
    ),
    Group(
        {"reconstruction": "lower"},
        "how near it can come to test images: the median of mean squared differences, pixels from 0 to 1",
        are_images,
        _reconstruction,
        slow=True,
    ),
    Group({"diversity": "near 1"}, "mean distance of samples / of real ones", lambda data: True, _diversity, quick=True),
]


def score(
    name: str,
    better: Literal["higher", "lower", "near 1"],
    of: Callable[[Split], bool] = lambda data: True,
    quick: bool = False,
    slow: bool = False,
) -> Callable[[Measure], Measure]:
    """Decorator: what `measure(made, real)` gives is a score, in every table beside the others.

    made, real: samples, and as many real examples; `.x` are they, (N, *shape) in the data's own scale, `.images` in [0, 1]
    It returns a number, or a number and its standard error. The first line of its docstring tells what it is.
    of: which data have it; quick, slow: as in `Group`
    """

    def register(measure: Measure) -> Measure:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", name) or better not in ("higher", "lower", "near 1"):
            raise ValueError(f"score {name!r}, {better!r}: expects a name of small letters, and higher, lower or near 1")
        if any(name in group.better for group in GROUPS):
            raise ValueError(f"score '{name}' is registered twice")
        about = (measure.__doc__ or name).strip().split("\n")[0].rstrip(".")
        group = Group({name: better}, about, of, partial(_own, name, measure), quick=quick, slow=slow)
        GROUPS.append(group)
        LEDGER.add(measure, partial(GROUPS.remove, group))
        return measure

    return register


def _own(name: str, measure: Measure, bench: Bench, side: Side) -> Found:
    found = measure(side, bench.real)
    try:
        value, error = map(float, found) if isinstance(found, tuple) else (float(found), NAN)
    except (TypeError, ValueError):
        raise SpecError(
            f"the score '{name}' gave {found!r:.60}: expects a number, or a number and its standard error"
        ) from None
    return {name: Score(value, error, len(side))}


def names(data: Split, quick: bool = False) -> list[str]:
    """The scores that this data has, or the quick ones of them that are measured without being named."""
    return [
        name
        for group in GROUPS
        if group.of(data) and (not quick or (group.quick and not (group.spare and is_read(data))))
        for name in group.better
    ]

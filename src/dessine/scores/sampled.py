"""What many samples of one checkpoint show of a collapse or of copies: more of them than a line of metrics can afford."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, nan
from typing import Any

import numpy as np

from dessine.data import Split
from dessine.scores.bench import Side
from dessine.scores.digits import entropy
from dessine.scores.distances import rows
from dessine.scores.mixture import reverse_kl, written
from dessine.scores.nearest import memorised, nearest
from dessine.scores.panel import Panel
from dessine.scores.reference import Reference
from dessine.scores.table import read_names

Array = np.ndarray
PORTION = 2000
"""Training examples that samples are held against at once."""
COMPARED = 1000
"""Samples and test examples whose nearest training example is looked for."""


@dataclass(frozen=True)
class Sampled:
    """Numbers of one generator; NaN for what the data cannot tell.

    reach: distance of samples from the middle of the data, over that of real ones
    covered: share of the modes, or kinds of digits, 1 for real examples
    missing: modes or digits with less than a tenth of their share
    turned: share of samples that fall on other modes than those of an older checkpoint do
    copies, closeness: what `nearest.py` says of the nearest training examples
    regions: `region_share` of `own.py`, over that of as many real examples; quality: what `Reference.quality` names
    modes: of a mixture, those with a good sample at least
    step: of the checkpoint
    """

    count: int
    diversity: float = nan
    reach: float = nan
    covered: float = nan
    missing: tuple[int, ...] = ()
    turned: float = nan
    copies: float = nan
    closeness: float = nan
    regions: float = nan
    quality: float = nan
    modes: float = nan
    step: int = 0


def look(panel: Panel, x: Array, older: Array | None = None, step: int = 0) -> Sampled:
    """x: (N, *shape) samples in the data's own scale; older: as many from the same latents, of an earlier checkpoint."""
    n, data = len(x), panel.data
    if not np.isfinite(x).all():
        return Sampled(n, step=step)
    covered, turned = nan, nan
    missing: tuple[int, ...] = ()
    read, known = _reader(panel), Reference.of(data, n, panel.own, panel.kinds)
    if read is not None:
        modes, shares = read(x), np.array(known.shares)
        p = np.bincount(modes, minlength=len(shares)) / n
        lost = (
            reverse_kl(modes, np.array(known.weights)) - known.missed if known.weights else np.log(known.classes) - entropy(p)
        )
        covered = min(1.0, exp(-lost))
        missing = tuple(map(int, np.flatnonzero((p < shares / 10) & (shares * n > 20))))
        if older is not None and np.isfinite(older).all():
            turned = float(np.abs(p - np.bincount(read(older), minlength=len(p)) / len(older)).sum() / 2)
    copies, closeness = _copies(data, x[:COMPARED], panel.dtype)
    found = panel.glance(x)
    regions = min(1.0, found["region_share"] / known.regions) if "region_share" in found else nan
    quality, reach = found.get(known.quality.removeprefix("scores."), nan), _reach(data, x, panel.dtype)
    hit = found.get("modes", nan) if data.mixture is not None else nan
    return Sampled(n, found["diversity"], reach, covered, missing, turned, copies, closeness, regions, quality, hit, step)


def reader(panel: Panel) -> tuple[tuple[str, ...], Callable[[Array], Array]] | None:
    """Names of the classes that samples may be of, and what tells the class of each, (N,); None where nothing can."""
    if (read := _reader(panel)) is None or panel.data.digits == 3:
        return None
    mixture = panel.data.mixture
    if mixture is not None:
        return tuple(f"mode {i}" for i in range(len(mixture.weights))), read
    return read_names(panel.data), read


def _reader(panel: Panel) -> Callable[[Array], Array] | None:
    """What names the mode, the digit, or the class of each sample, if anything can."""
    data, judge = panel.data, panel.judge
    if data.mixture is not None:
        return lambda x: data.mixture.nearest(rows(x))[0]  # type: ignore[union-attr]
    if data.digits == 1 or (data.judge is not None and data.digits < 2):
        return lambda x: Side(x, data, judge).probabilities.argmax(-1)[:, 0]
    if data.digits == 3:
        return lambda x: written(Side(x, data, judge).probabilities.argmax(-1))
    return None


def _reach(data: Split, x: Array, dtype: Any) -> float:
    real = rows(data.watched.floats(data.watched.scattered(len(x)), dtype))
    middle = real.mean(0, dtype=np.float64)
    own, other = (np.mean([np.sqrt(np.square(one - middle).sum()) for one in a]) for a in (real, rows(x)))
    return float(other / own) if own > 0 else nan


def _copies(data: Split, x: Array, dtype: Any) -> tuple[float, float]:
    """Share of copies, and closeness; NaN where the test part repeats the training part, so that it tells nothing."""
    other = data.watched
    test = other.floats(other.scattered(COMPARED), dtype)
    real, generated = np.full(len(test), np.inf), np.full(len(x), np.inf)
    for i in range(0, len(data.train), PORTION):  # all of a large training part would not fit beside the run
        train = data.train.floats(np.arange(i, min(i + PORTION, len(data.train))), dtype)
        real, generated = np.minimum(real, nearest(test, train)[0]), np.minimum(generated, nearest(x, train)[0])
    middle = float(np.median(real))
    if not middle > 0:
        return nan, nan
    return memorised(generated=generated, test=real)[0], float(np.median(generated)) / middle

"""The kernel distance of two sets of features (KID): how far apart their means are where a cubic kernel puts them.

Where the features come from belongs to the callers; distances in the features of different judges cannot be compared.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

Array = np.ndarray
CHUNK = 2**18
"""Numbers of the kernel that are held at one time: 2 MB, which a cache has."""


class Kernel:
    """k(x, y) = (x . y / f + 1)^3 between examples of one side, of which sums are kept. features: (N, f)."""

    def __init__(self, features: Array):
        self.x = np.ascontiguousarray(features, np.float64)

    def __len__(self) -> int:
        return len(self.x)

    @cached_property
    def own(self) -> tuple[Array, float]:
        """Mean kernel (N,) of each example with the *other* ones, and the mean square of the kernel over all such pairs.

        NaN for fewer than two.
        """
        n = len(self)
        if n < 2:
            return np.full(n, np.nan), float("nan")
        diagonal = np.power(np.einsum("if,if->i", self.x, self.x) / self.x.shape[1] + 1, 3)
        sums, squares = _sums(self.x, self.x)[::2]
        return (sums - diagonal) / (n - 1), float(squares - np.square(diagonal).sum()) / (n * (n - 1))


def kernel_distance(*, real: Kernel, generated: Kernel) -> tuple[float, float]:
    """The squared maximum mean discrepancy, unbiased, and its standard error, over draws of both sides. Lower is better.

    E k(x, x') + E k(y, y') - 2 E k(x, y) over pairs of different examples (Gretton et al. 2012, lemma 6), with the cubic kernel
    of Binkowski et al. 2018, section 4, over all pairs at once instead of blocks of them. Its mean is the same for any number
    of examples, so that values of different N compare; that of perfect samples is 0, and many draws of them lie below.
    The error is that of a U-statistic of two samples, from both of its terms (Hoeffding 1948): how the mean kernel differs from
    example to example, and what is left in pairs alone, which is all that there is between equal sources. Both come from row
    sums of the same kernel. A jackknife sees twice the variance of the second one.
    NaN for fewer than two examples of a side, and no error for fewer than four.
    Misleads: a polynomial of third degree sees three moments, no more; copies of the training examples score best; in another
    judge's features it is another number.
    """
    m, n = len(generated), len(real)
    if min(m, n) < 2:
        return float("nan"), float("nan")
    (of_x, square_x), (of_y, square_y) = generated.own, real.own
    across_x, across_y, squares = _sums(generated.x, real.x)
    across_x, across_y, square = across_x / n, across_y / m, squares / (m * n)
    value = float(of_x.mean() + of_y.mean() - across_x.mean() - across_y.mean())
    if min(m, n) < 4:
        return value, float("nan")
    alone_x, alone_y = _in_pairs(of_x, square_x), _in_pairs(of_y, square_y)
    both = square - (np.square(across_x).mean() - across_x.mean() ** 2) - np.square(across_y).mean()
    both = max(0.0, float(both))
    first = 0.0
    for gap, alone, here, there in ((of_x - across_x, alone_x, m, n), (of_y - across_y, alone_y, n, m)):
        first += 4 / here * (float(gap.var(ddof=1)) - alone / (here - 1) - both / there)  # without what pairs add to it
    second = 2 * alone_x / (m * (m - 1)) + 2 * alone_y / (n * (n - 1)) + 4 * both / (m * n)
    return value, float(np.sqrt(max(first + second, second / 2)))  # chance may take the first one below 0


def _in_pairs(means: Array, square: float) -> float:
    """The variance of the kernel of two examples that neither of them tells alone.

    means: (n,), of each example with the others; they hold 1 / (n - 1) of that variance themselves. square: mean of all squares
    """
    n, mean = len(means), means.mean()
    spread = float(np.square(means - mean).mean())
    return max(0.0, (square - float(mean**2) - 2 * spread) / (1 - 2 / (n - 1)))


def _sums(a: Array, b: Array) -> tuple[Array, Array, float]:
    """Of the kernel between (N, f) and (M, f): over its rows (N,), over its columns (M,), and of its squares."""
    rows, columns, squares = np.empty(len(a)), np.zeros(len(b)), 0.0
    step = max(1, CHUNK // max(len(b), 1))
    scaled = a / a.shape[1]
    for i in range(0, len(a), step):
        k = scaled[i : i + step] @ b.T
        k += 1
        k *= k * k
        rows[i : i + step] = k.sum(1)
        columns += k.sum(0)
        flat = k.ravel()
        squares += float(flat @ flat)
    return rows, columns, squares

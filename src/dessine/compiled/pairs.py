"""All pairs of a batch, compared by many kernels at once; the plain form is `closeness` in `nn/minibatch.py`.

m: (R, B, dims, kernels). close: (R, pairs, kernels), the pairs in the order (1, 0), (2, 0), (2, 1), (3, 0) and so on. Sums are
made in another order than the plain form's, so that numbers agree to rounding.
"""

from __future__ import annotations

from dessine.compiled.arrays import empty
from dessine.compiled.loops import loop


@loop
def nearness(m, close):  # type: ignore[no-untyped-def]
    """close becomes minus the L1 distances."""
    r, b, dims, kernels = m.shape
    for of in range(r):
        pair = 0
        for i in range(b):
            for j in range(i):
                out = close[of, pair]
                pair += 1
                out[:] = 0
                for d in range(dims):
                    one, other = m[of, i, d], m[of, j, d]
                    for k in range(kernels):
                        out[k] -= abs(one[k] - other[k])


@loop
def add_up(close, sums):  # type: ignore[no-untyped-def]
    """sums (R, B, kernels) becomes, for each example, the sum over the pairs that it is in."""
    sums[:] = 0
    for of in range(len(close)):
        pair = 0
        for i in range(sums.shape[1]):
            one = sums[of, i]
            for j in range(i):
                other, more = sums[of, j], close[of, pair]
                pair += 1
                for k in range(more.size):
                    one[k] += more[k]
                    other[k] += more[k]


@loop
def back(m, close, dy, dm):  # type: ignore[no-untyped-def]
    """dm becomes dE/dm. close: e to the power of what `nearness` tells; dy: (R, B, kernels), dE by the sums."""
    r, b, dims, kernels = m.shape
    pull = empty(kernels, m.dtype)
    dm[:] = 0
    for of in range(r):
        pair = 0
        for i in range(b):
            for j in range(i):
                near, mine, theirs = close[of, pair], dy[of, i], dy[of, j]
                pair += 1
                for k in range(kernels):
                    pull[k] = near[k] * (mine[k] + theirs[k])
                for d in range(dims):
                    one, other, up, down = m[of, i, d], m[of, j, d], dm[of, i, d], dm[of, j, d]
                    for k in range(kernels):  # where other is larger, closeness grows with one
                        step = pull[k] if other[k] > one[k] else -pull[k]
                        step = step if other[k] != one[k] else step * 0
                        up[k] += step
                        down[k] -= step

"""The rules of `dessine.optimizers` in one pass through memory, in place of about ten.

Operations and their order are those of the plain forms there, so that no bit differs.
"""

from __future__ import annotations

import math

import numpy as np

from dessine.compiled.arrays import empty
from dessine.compiled.loops import loop, within
from dessine.compiled.pool import lead, pack

ROLES: dict[str, tuple[str | None, ...]] = {
    "gradient_descent": (None, None, None, None, None, None),
    "adagrad": ("squares", None, None, None, None, None),
    "rmsprop": (None, "squares", "mean", None, None, None),
    "adadelta": (None, "squares", "mean", "updates", None, None),
    "adam": (None, None, None, None, "mean", "squares"),
}
"""Of each rule, its slots in the order of `descend`. A loop is compiled for the slots that it is given, and no other rule."""
PART = 32_768
"""Elements of one block of work, at most: 15 us of Adam."""
BLOCK = 2048
"""Elements that are taken through all steps of a rule while they are in the nearest cache."""


@loop
def descend(mail, x, g, total, square, mean, update, m1, m2, v, c1, c2, epsilon, momentum, decay, scale, step, bound, clear):  # type: ignore[no-untyped-def]
    """Move x (n,) in place against g (n,), on all cores; g becomes 0 if `clear`.

    total: AdaGrad's sum of squares; square: the mean square, mean: that of the gradient, where the rule is centred, update:
    the mean square of AdaDelta's updates; m1, m2: the sums behind Adam's means; v: the velocity; each (n,), or None
    where the rule has none. c1, c2, epsilon: its constants. A direction times `scale` enters the velocity; the move is `step`
    times the velocity or the direction. bound: x is clipped to [-bound, bound] after it, infinite for none.
    Arrays are of one dtype, and so are the numbers.
    """
    given = (x, g, total, square, mean, update, m1, m2, v, c1, c2, epsilon, momentum, decay, scale, step, bound, clear)
    function, arguments = pack(_descend, given)
    lead(mail, function, arguments, _blocks(x))


@within
def _blocks(x):  # type: ignore[no-untyped-def]
    """How many there are: of more than one an even number, all of one size, so that two cores end together."""
    n = (x.size + PART - 1) // PART
    return n if n == 1 else n + n % 2


@within
def _descend(x, g, total, square, mean, update, m1, m2, v, c1, c2, epsilon, momentum, decay, scale, step, bound, clear, part):  # type: ignore[no-untyped-def]
    """The same of a part."""
    block, spreads = empty(BLOCK, x.dtype), empty(0 if mean is None else BLOCK, x.dtype)
    nothing = epsilon - epsilon  # a 0 of their type: a plain one would make doubles of floats
    blocks = _blocks(x)
    stop = x.size * (part + 1) // blocks
    for start in range(x.size * part // blocks, stop, BLOCK):
        end = min(start + BLOCK, stop)
        size = end - start
        theta, pull, d = x[start:end], g[start:end], block[:size]
        if decay != 0:
            for i in range(size):
                d[i] = theta[i] * decay + pull[i]
        else:
            for i in range(size):
                d[i] = pull[i]
        if total is not None:
            n = total[start:end]
            for i in range(size):
                n[i] += d[i] * d[i]
                d[i] = d[i] / (math.sqrt(n[i]) + epsilon)
        if square is not None:
            n = square[start:end]
            for i in range(size):
                n[i] = n[i] * c1 + d[i] * d[i] * c2
            if mean is not None:
                m, under = mean[start:end], spreads[:size]
                for i in range(size):
                    m[i] = m[i] * c1 + d[i] * c2
                    spread = n[i] - m[i] * m[i]
                    under[i] = nothing if spread < 0 else spread
            else:
                under = n
            if update is not None:
                u = update[start:end]
                for i in range(size):
                    d[i] = math.sqrt((u[i] + epsilon) / (under[i] + epsilon)) * d[i]
                    u[i] = u[i] * c1 + d[i] * d[i] * c2
            else:
                for i in range(size):
                    d[i] = d[i] / (math.sqrt(under[i]) + epsilon)
        if m1 is not None:
            m, n = m1[start:end], m2[start:end]
            for i in range(size):
                m[i] = m[i] * c1 + d[i]
                n[i] = n[i] * c2 + d[i] * d[i]
                d[i] = m[i] / (math.sqrt(n[i]) + epsilon)
        if v is not None:
            velocity = v[start:end]
            for i in range(size):
                velocity[i] = velocity[i] * momentum + d[i] * scale
                theta[i] -= velocity[i] * step
        else:
            for i in range(size):
                theta[i] -= d[i] * step
        if bound < np.inf:
            for i in range(size):
                theta[i] = bound if theta[i] > bound else -bound if theta[i] < -bound else theta[i]
        if clear:
            for i in range(size):
                pull[i] = 0

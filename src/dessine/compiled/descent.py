"""The rules of `dessine.optimizers` in one pass through memory, in place of about ten.

Operations and their order are those of the plain forms there, so that no bit differs.
"""

from __future__ import annotations

import math

import numpy as np

from dessine.compiled.loops import loop, within
from dessine.compiled.pool import lead, pack

RULES = ("gradient_descent", "adagrad", "rmsprop", "adadelta", "adam")
PART = 32_768
"""Elements of one block of work: 15 us of Adam."""
BLOCK = 2048
"""Elements that are taken through all steps of a rule while they are in the nearest cache."""


@loop
def descend(mail, rule, x, g, s1, s2, s3, v, c1, c2, epsilon, momentum, decay, scale, step, bound, clear):  # type: ignore[no-untyped-def]
    """Move x (n,) in place against g (n,), on all cores; g becomes 0 if `clear`.

    rule: its index in RULES. s1, s2, s3: its slots, and v the velocity, (n,) or, where there is none, (0,). c1, c2, epsilon:
    its constants. A direction times `scale` enters the velocity; the move is `step` times the velocity or the direction.
    bound: x is clipped to [-bound, bound] after it, infinite for none.
    Arrays are of one dtype, and so are the numbers.
    """
    given = (rule, x, g, s1, s2, s3, v, c1, c2, epsilon, momentum, decay, scale, step, bound, clear)
    function, arguments = pack(_descend, given)
    lead(mail, function, arguments, (x.size + PART - 1) // PART)


@within
def _descend(rule, x, g, s1, s2, s3, v, c1, c2, epsilon, momentum, decay, scale, step, bound, clear, part):  # type: ignore[no-untyped-def]
    """The same of a part."""
    block = np.empty(BLOCK, x.dtype)
    nothing = epsilon - epsilon  # a 0 of their type: a plain one would make doubles of floats
    stop = min((part + 1) * PART, x.size)
    for start in range(part * PART, stop, BLOCK):
        end = min(start + BLOCK, stop)
        theta, pull, d = x[start:end], g[start:end], block[: end - start]
        one, two, three = s1[start:end], s2[start:end], s3[start:end]
        n = end - start
        if decay != 0:
            for i in range(n):
                d[i] = theta[i] * decay + pull[i]
        else:
            for i in range(n):
                d[i] = pull[i]
        if rule == 1:  # adagrad: the sum of squares
            for i in range(n):
                one[i] += d[i] * d[i]
                d[i] = d[i] / (math.sqrt(one[i]) + epsilon)
        elif rule == 2 and s2.size == 0:  # rmsprop: the mean square, c1 and c2 = 1 - c1
            for i in range(n):
                one[i] = one[i] * c1 + d[i] * d[i] * c2
                d[i] = d[i] / (math.sqrt(one[i]) + epsilon)
        elif rule == 2:  # centred, with the mean
            for i in range(n):
                one[i] = one[i] * c1 + d[i] * d[i] * c2
                two[i] = two[i] * c1 + d[i] * c2
                spread = one[i] - two[i] * two[i]
                spread = nothing if spread < 0 else spread
                d[i] = d[i] / (math.sqrt(spread) + epsilon)
        elif rule == 3:  # adadelta: the mean square, that of the updates and, centred, the mean
            for i in range(n):
                one[i] = one[i] * c1 + d[i] * d[i] * c2
            if s3.size:
                for i in range(n):
                    three[i] = three[i] * c1 + d[i] * c2
                    spread = one[i] - three[i] * three[i]
                    spread = nothing if spread < 0 else spread
                    d[i] = math.sqrt((two[i] + epsilon) / (spread + epsilon)) * d[i]
            else:
                for i in range(n):
                    d[i] = math.sqrt((two[i] + epsilon) / (one[i] + epsilon)) * d[i]
            for i in range(n):
                two[i] = two[i] * c1 + d[i] * d[i] * c2
        elif rule == 4:  # adam: the sums behind both means
            for i in range(n):
                one[i] = one[i] * c1 + d[i]
                two[i] = two[i] * c2 + d[i] * d[i]
                d[i] = one[i] / (math.sqrt(two[i]) + epsilon)
        if v.size:
            velocity = v[start:end]
            for i in range(n):
                velocity[i] = velocity[i] * momentum + d[i] * scale
                theta[i] -= velocity[i] * step
        else:
            for i in range(n):
                theta[i] -= d[i] * step
        if bound < np.inf:
            for i in range(n):
                theta[i] = bound if theta[i] > bound else -bound if theta[i] < -bound else theta[i]
        if clear:
            for i in range(n):
                pull[i] = 0

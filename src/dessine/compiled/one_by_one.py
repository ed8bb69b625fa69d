"""Turns of a chain of dense layers that learns one example at a time: whole stretches of them without Python in between.

The plain form is `Classification.turn`: `Dense.forward` and its backward, `activations`, `losses`, `optimizers`. The sums are
the same, in another order, so that numbers agree to rounding. What a turn waits for is to fetch weights: backward and update
of a layer meet each once, and what is multiplied by a pixel of 0 is not fetched. That changes no finite number, and four
fifths of MNIST's pixels are 0.
"""

from __future__ import annotations

import math

import numpy as np

from dessine.compiled.arrays import empty
from dessine.compiled.loops import loop, sums, within

ACTIVATIONS = ("linear", "sigmoid", "centred_sigmoid", "tanh", "relu", "leaky_relu", "softplus", "softmax")
LOSSES = ("quadratic", "binary_cross_entropy", "softmax_cross_entropy")
NARROW = 16
"""A row of weights that is no longer than this fills no register. Layers with so few outputs have theirs transposed while a
stretch lasts; replicates of a network with no wider layer learn side by side.
"""


@within
def expm1_(a, powers):  # type: ignore[no-untyped-def]
    """a (m,) becomes exp(a) - 1, within 2 units in the last place; beyond 44, it is that of 44. powers: (m,) integers, scratch.

    exp(a) = 2^n exp(r), with n whole and |r| at most log(2) / 2, where 13 terms of the series are enough for doubles. When a
    large number is added to a / log(2), the last bits of the sum are n: moved to where the exponent stands, they make 2^n.
    All elements go the same way, many at a time; how many changes no bit.
    """
    one, far, steep = a.dtype.type(1), a.dtype.type(44), a.dtype.type(1 / math.log(2))
    digits, bias = (23, 127) if a.itemsize == 4 else (52, 1023)
    large = a.dtype.type(1.5 * 2**digits + bias)
    high, low = a.dtype.type(0.693359375), a.dtype.type(-2.1219444005469057e-4)  # log(2): n times its first part is exact
    c2, c3, c4 = a.dtype.type(1 / 2), a.dtype.type(1 / 6), a.dtype.type(1 / 24)
    c5, c6, c7 = a.dtype.type(1 / 120), a.dtype.type(1 / 720), a.dtype.type(1 / 5040)
    c8, c9, c10 = a.dtype.type(1 / 40320), a.dtype.type(1 / 362880), a.dtype.type(1 / 3628800)
    c11, c12, c13 = a.dtype.type(1 / 39916800), a.dtype.type(1 / 479001600), a.dtype.type(1 / 6227020800)
    shifted = powers.view(a.dtype)
    for j in range(a.size):
        x = far if a[j] > far else a[j]
        a[j] = -far if x < -far else x
        shifted[j] = a[j] * steep + large
    for j in range(a.size):
        powers[j] = powers[j] << digits
    for j in range(a.size):
        n = (a[j] * steep + large) - large
        r = a[j] - n * high - n * low
        p = c7 + r * (c8 + r * (c9 + r * (c10 + r * (c11 + r * (c12 + r * c13)))))
        p = c2 + r * (c3 + r * (c4 + r * (c5 + r * (c6 + r * p))))
        a[j] = shifted[j] * (r + r * r * p) + (shifted[j] - one)


@within
def tanh_(a, steepness, powers):  # type: ignore[no-untyped-def]
    """a (m,) becomes tanh(steepness a), within 4 units in the last place: tanh(x) = (exp(2x) - 1) / (exp(2x) + 1)."""
    two = a.dtype.type(2)
    for j in range(a.size):
        a[j] = a[j] * (steepness * two)
    expm1_(a, powers)
    for j in range(a.size):
        a[j] = a[j] / (a[j] + two)


@within
def _largest(a):  # type: ignore[no-untyped-def]
    """The largest of a (m,)."""
    top = a[0]
    for j in range(1, a.size):
        top = a[j] if a[j] > top else top
    return top


@within
def _activate(kind, p, q, a, powers):  # type: ignore[no-untyped-def]
    """Write f(a) over a (m,). powers: (m,) integers as wide as a's numbers, scratch."""
    one = a.dtype.type(1)  # a plain 1 would make doubles of floats
    half = one / (one + one)
    if kind == 0:
        for j in range(a.size):
            a[j] = a[j] * p
    elif kind == 1:
        tanh_(a, half * p, powers)
        for j in range(a.size):
            a[j] = a[j] * half + half
    elif kind == 2:
        tanh_(a, half * p, powers)
    elif kind == 3:
        tanh_(a, q, powers)
        for j in range(a.size):
            a[j] = a[j] * p
    elif kind == 4:
        for j in range(a.size):
            if a[j] < 0:
                a[j] = 0
    elif kind == 5:
        for j in range(a.size):
            a[j] = a[j] * p if a[j] < 0 else a[j]
    elif kind == 6:
        for j in range(a.size):
            a[j] = max(a[j], one - one) + math.log1p(math.exp(-abs(a[j])))
    else:
        top = _largest(a)
        total = one - one
        for j in range(a.size):
            a[j] = math.exp(a[j] - top)
            total += a[j]
        for j in range(a.size):
            a[j] /= total


@within
def _through(kind, p, q, y, d):  # type: ignore[no-untyped-def]
    """Take d = dE/dy (m,) back to dE/da, in place; y (m,) is f(a)."""
    one = y.dtype.type(1)
    half = one / (one + one)
    if kind == 0:
        for j in range(d.size):
            d[j] *= p
    elif kind == 1:
        for j in range(d.size):
            d[j] *= (y[j] - y[j] * y[j]) * p
    elif kind == 2:
        for j in range(d.size):
            d[j] *= (one - y[j] * y[j]) * (half * p)
    elif kind == 3:
        for j in range(d.size):
            d[j] *= (one - y[j] / p * (y[j] / p)) * (p * q)
    elif kind == 4:
        for j in range(d.size):
            d[j] = d[j] if y[j] > 0 else d[j] * 0
    elif kind == 5:
        for j in range(d.size):
            d[j] = d[j] if y[j] > 0 else d[j] * p
    elif kind == 6:
        for j in range(d.size):
            d[j] *= -math.expm1(-y[j])
    else:
        mean = one - one
        for j in range(d.size):
            mean += d[j] * y[j]
        for j in range(d.size):
            d[j] = y[j] * (d[j] - mean)


@within
def _loss(kind, factor, y, target, d):  # type: ignore[no-untyped-def]
    """The value; d (m,) becomes its gradient. y, target: (m,)."""
    one, zero = y.dtype.type(1), y.dtype.type(0)
    value = zero
    if kind == 0:
        for j in range(y.size):
            gap = y[j] - target[j]
            value += gap * gap
            d[j] = (factor + factor) * gap
        return factor * value
    if kind == 1:
        for j in range(y.size):
            e = math.exp(-abs(y[j]))
            value += max(y[j], zero) - target[j] * y[j] + math.log1p(e)
            d[j] = (e if y[j] < 0 else one) / (one + e) - target[j]
        return value
    top, total, weight = _largest(y), zero, zero
    for j in range(y.size):
        d[j] = math.exp(y[j] - top)
        total += d[j]
        weight += target[j]
    rest = math.log(total)
    for j in range(y.size):
        value += target[j] * (rest - (y[j] - top))
        d[j] = d[j] / total * weight - target[j]
    return value


@sums
def _add_rows(a, x, w, live):  # type: ignore[no-untyped-def]
    """a += x w, a (m,), w (n * m,), by the rows of w that `live` names; four at a time."""
    m, n = a.size, live.size
    for c in range(0, n - n % 4, 4):
        i0, i1, i2, i3 = live[c], live[c + 1], live[c + 2], live[c + 3]
        r0, r1, r2, r3 = w[i0 * m : i0 * m + m], w[i1 * m : i1 * m + m], w[i2 * m : i2 * m + m], w[i3 * m : i3 * m + m]
        x0, x1, x2, x3 = x[i0], x[i1], x[i2], x[i3]
        for j in range(m):
            a[j] += (x0 * r0[j] + x1 * r1[j]) + (x2 * r2[j] + x3 * r3[j])
    for c in range(n - n % 4, n):
        i = live[c]
        row = w[i * m : i * m + m]
        for j in range(m):
            a[j] += x[i] * row[j]


@sums
def _add_dots(a, x, w):  # type: ignore[no-untyped-def]
    """a += w x, a (m,), x (n,), w (m * n,); two rows at a time."""
    m, n, zero = a.size, x.size, x.dtype.type(0)
    for j in range(0, m, 2):
        row, other = w[j * n : j * n + n], w[min(j + 1, m - 1) * n :]
        total, beside = zero, zero
        for i in range(n):
            total += row[i] * x[i]
            beside += other[i] * x[i]
        a[j] += total
        if j + 1 < m:
            a[j + 1] += beside


@sums
def _move(w, v, x, da, eta, momentum, live):  # type: ignore[no-untyped-def]
    """w -= eta x da, w (n * m,), x (n,), da (m,), in the rows that `live` names. With momentum all rows move."""
    m = da.size
    if v.size:
        for i in range(x.size):
            row, speed = w[i * m : i * m + m], v[i * m : i * m + m]
            for j in range(m):
                speed[j] = speed[j] * momentum + x[i] * da[j]
                row[j] -= speed[j] * eta
    else:
        for c in range(live.size):
            i = live[c]
            row, h = w[i * m : i * m + m], x[i] * eta
            for j in range(m):
                row[j] -= h * da[j]


@sums
def _back_and_move(w, v, x, da, dx, eta, momentum):  # type: ignore[no-untyped-def]
    """dx = w da, dx (n,), and then as `_move`, so that each weight is fetched once."""
    m = da.size
    for i in range(x.size):
        row, h, total = w[i * m : i * m + m], x[i] * eta, da.dtype.type(0)
        if v.size:
            speed = v[i * m : i * m + m]
            for j in range(m):
                total += row[j] * da[j]
            for j in range(m):
                speed[j] = speed[j] * momentum + x[i] * da[j]
                row[j] -= speed[j] * eta
        else:
            for j in range(m):
                total += row[j] * da[j]
                row[j] -= h * da[j]
        dx[i] = total


@within
def _transpose(shapes, vector, back):  # type: ignore[no-untyped-def]
    """The weights of narrow layers in vector (P,) or (0,), from (inputs * m,) to (m * inputs,), or back."""
    for k in range(len(shapes)):
        n, m, at = (shapes[k, 1], shapes[k, 0], shapes[k, 2]) if back else (shapes[k, 0], shapes[k, 1], shapes[k, 2])
        if shapes[k, 1] <= NARROW and vector.size:
            w = vector[at : at + n * m]
            before = w.copy()
            for i in range(n):
                for j in range(m):
                    w[j * n + i] = before[i * m + j]


@loop
def turns(theta, velocity, layers, shapes, order, x, scale, low, answers, loss, factor, etas, momenta, powers, values):  # type: ignore[no-untyped-def]
    """One turn for each example in `order` (n,): theta (P,) moves, and values (n,) becomes the losses.

    velocity: (P,), or (0,) without momentum. layers: (L, 2), p and q of each activation, of theta's type. shapes: (L, 4):
    inputs, outputs, where w begins in theta, the activation's place in ACTIVATIONS. A bias is the weight of one more input,
    which is always 1. x: (N, inputs of the data), pixels, which become x * scale + low, or floats, taken as they are.
    answers: (N, outputs), targets. loss, factor: its place in LOSSES, and quadratic's option. etas, momenta: (n,), of each
    turn; these, scale and low: of theta's type. powers: (widest,) integers of the size of its numbers, scratch.
    """
    n, widest = len(shapes), powers.size
    y, d = np.ones((n + 1, widest), theta.dtype), empty((2, widest), theta.dtype)
    live, every = empty(widest, np.int64), empty(widest, np.int64)
    for i in range(widest):
        every[i] = i
    _transpose(shapes, theta, False)
    _transpose(shapes, velocity, False)
    for t in range(order.size):
        eta, momentum = etas[t], momenta[t]
        example = x[order[t]]
        for i in range(example.size):
            y[0, i] = example[i] * scale + low
        count = 0  # of inputs that are not 0
        for i in range(shapes[0, 0] if shapes[0, 1] > NARROW else 0):
            live[count] = i
            count += y[0, i] != 0
        for k in range(n):
            inputs, m = shapes[k, 0], shapes[k, 1]
            h, a, w = y[k, :inputs], y[k + 1, :m], theta[shapes[k, 2] :]
            for j in range(m):
                a[j] = 0
            if m <= NARROW:
                _add_dots(a, h, w)
            else:
                _add_rows(a, h, w, live[:count] if k == 0 else every[:inputs])
            _activate(shapes[k, 3], layers[k, 0], layers[k, 1], a, powers)
        values[t] = _loss(loss, factor, y[n, : shapes[n - 1, 1]], answers[order[t]], d[(n - 1) % 2])
        for k in range(n - 1, -1, -1):
            inputs, m, at = shapes[k, 0], shapes[k, 1], shapes[k, 2]
            h, da, dx, w, v = y[k, :inputs], d[k % 2, :m], d[(k + 1) % 2, :inputs], theta[at:], velocity[at:]
            _through(shapes[k, 3], layers[k, 0], layers[k, 1], y[k + 1, :m], da)
            if m <= NARROW:
                if k > 0:
                    for i in range(inputs):
                        dx[i] = 0
                    _add_rows(dx, da, w, every[:m])
                _move(w, v, da, h, eta, momentum, every[:m])
            elif k > 0:
                _back_and_move(w, v, h, da, dx, eta, momentum)
            else:
                _move(w, v, h, da, eta, momentum, live[:count])
    _transpose(shapes, theta, True)
    _transpose(shapes, velocity, True)


@loop
def turns_of_all(theta, velocity, layers, shapes, order, x, scale, low, answers, loss, factor, etas, momenta, powers, values):  # type: ignore[no-untyped-def]
    """The same for R replicates of a narrow network without softmax: theta (P * R,), velocity (P * R,) or (0,), order (R, n).

    Where `turns` has a number there are R here, one of each replicate, and no sum is of several replicates: what one learns
    does not depend on how many there are. values: (R, n). powers: (widest * R,).
    """
    n, r = len(shapes), len(order)
    y, d = np.ones((n + 1, powers.size), theta.dtype), empty((2, powers.size), theta.dtype)
    said, error = empty(shapes[n - 1, 1], theta.dtype), empty(shapes[n - 1, 1], theta.dtype)
    for t in range(order.shape[1]):
        eta, momentum = etas[t], momenta[t]
        for c in range(r):
            for i in range(x.shape[1]):
                y[0, i * r + c] = x[order[c, t], i] * scale + low
        for k in range(n):
            inputs, m, at = shapes[k, 0], shapes[k, 1], shapes[k, 2] * r
            a = y[k + 1, : m * r]
            for j in range(m * r):
                a[j] = 0
            for i in range(inputs):
                _add_row(a, y[k, i * r : (i + 1) * r], theta[at + i * m * r :])
            _activate(shapes[k, 3], layers[k, 0], layers[k, 1], a, powers)
        for c in range(r):
            for j in range(said.size):
                said[j] = y[n, j * r + c]
            values[c, t] = _loss(loss, factor, said, answers[order[c, t]], error)
            for j in range(said.size):
                d[(n - 1) % 2, j * r + c] = error[j]
        for k in range(n - 1, -1, -1):
            inputs, m, at = shapes[k, 0], shapes[k, 1], shapes[k, 2] * r
            da, dx = d[k % 2, : m * r], d[(k + 1) % 2]
            _through(shapes[k, 3], layers[k, 0], layers[k, 1], y[k + 1, : m * r], da)
            for i in range(inputs):
                row = at + i * m * r
                if k > 0:
                    _back_row(dx[i * r : (i + 1) * r], da, theta[row:])
                _move_row(theta[row:], velocity[row:], y[k, i * r : (i + 1) * r], da, eta, momentum)


@within
def _add_row(a, x, w):  # type: ignore[no-untyped-def]
    """a += x w, for one input x (R,) of each replicate: a (m * R,), w (m * R,) and what follows it."""
    r = x.size
    for j in range(a.size // r):
        for c in range(r):
            a[j * r + c] += x[c] * w[j * r + c]


@within
def _back_row(dx, da, w):  # type: ignore[no-untyped-def]
    """dx = w da, dx (R,), da (m * R,)."""
    r = dx.size
    for c in range(r):
        dx[c] = 0
    for j in range(da.size // r):
        for c in range(r):
            dx[c] += w[j * r + c] * da[j * r + c]


@within
def _move_row(w, v, x, da, eta, momentum):  # type: ignore[no-untyped-def]
    """What `_move` does, for one input x (R,) of each replicate."""
    r = x.size
    for j in range(da.size // r):
        if v.size:
            for c in range(r):
                v[j * r + c] = v[j * r + c] * momentum + x[c] * da[j * r + c]
                w[j * r + c] -= v[j * r + c] * eta
        else:
            for c in range(r):
                w[j * r + c] -= x[c] * eta * da[j * r + c]

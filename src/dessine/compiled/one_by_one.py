"""Turns of a chain of dense layers that learns one example at a time: whole stretches of them without Python in between.

The plain form is `Classification.turn`: `Dense.forward` and its backward, `activations`, `losses`, `optimizers`. The sums are
the same, in another order, so that numbers agree to rounding. What is multiplied by a pixel of 0 is not fetched: that
changes no finite number, and four fifths of MNIST's pixels are 0.
"""

from __future__ import annotations

import math

import numpy as np

from dessine.compiled.loops import loop

ACTIVATIONS = ("linear", "sigmoid", "centred_sigmoid", "tanh", "relu", "leaky_relu", "softplus", "softmax")
LOSSES = ("quadratic", "binary_cross_entropy", "softmax_cross_entropy")
LANES = 16
"""Partial sums of a product of two rows, added at the end: one sum alone would wait for each addition."""


@loop
def _activate(kind, p, q, a):  # type: ignore[no-untyped-def]
    """Write f(a) over a (m,)."""
    one = a.dtype.type(1)  # a plain 1 would make doubles of floats
    half = one / (one + one)
    if kind == 0:
        for j in range(a.size):
            a[j] = a[j] * p
    elif kind == 1:
        for j in range(a.size):
            a[j] = math.tanh(a[j] * (half * p)) * half + half
    elif kind == 2:
        for j in range(a.size):
            a[j] = math.tanh(a[j] * (half * p))
    elif kind == 3:
        for j in range(a.size):
            a[j] = math.tanh(a[j] * q) * p
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
        top = a.max()
        total = one - one
        for j in range(a.size):
            a[j] = math.exp(a[j] - top)
            total += a[j]
        for j in range(a.size):
            a[j] /= total


@loop
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


@loop
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
    top, total, weight = y.max(), zero, zero
    for j in range(y.size):
        d[j] = math.exp(y[j] - top)
        total += d[j]
        weight += target[j]
    rest = math.log(total)
    for j in range(y.size):
        value += target[j] * (rest - (y[j] - top))
        d[j] = d[j] / total * weight - target[j]
    return value


@loop
def _add_rows(a, x, w, live, sparse):  # type: ignore[no-untyped-def]
    """a += x w, a (m,), w (n * m,), by the rows of w that `live` names or, unless `sparse`, the first ones; four at a time."""
    m, n = a.size, live.size
    for c in range(0, n - n % 4, 4):
        i0, i1, i2, i3 = c, c + 1, c + 2, c + 3
        if sparse:
            i0, i1, i2, i3 = live[c], live[c + 1], live[c + 2], live[c + 3]
        r0, r1, r2, r3 = w[i0 * m : i0 * m + m], w[i1 * m : i1 * m + m], w[i2 * m : i2 * m + m], w[i3 * m : i3 * m + m]
        x0, x1, x2, x3 = x[i0], x[i1], x[i2], x[i3]
        for j in range(m):
            a[j] += (x0 * r0[j] + x1 * r1[j]) + (x2 * r2[j] + x3 * r3[j])
    for c in range(n - n % 4, n):
        i = live[c] if sparse else c
        row = w[i * m : i * m + m]
        for j in range(m):
            a[j] += x[i] * row[j]


@loop
def _dot(a, b, lanes):  # type: ignore[no-untyped-def]
    """The sum of a * b, in LANES partial sums. lanes: (LANES,), scratch."""
    whole = a.size - a.size % LANES
    lanes[:] = 0
    for start in range(0, whole, LANES):
        for k in range(LANES):
            lanes[k] += a[start + k] * b[start + k]
    total = lanes[0]
    for k in range(1, LANES):
        total += lanes[k]
    for j in range(whole, a.size):
        total += a[j] * b[j]
    return total


@loop
def turns(theta, velocity, layers, shapes, order, x, scale, low, answers, loss, factor, eta, momentum, values):  # type: ignore[no-untyped-def]
    """One turn for each example in `order` (n,): theta (P,) moves, and values (n,) becomes the losses.

    velocity: (P,), or (0,) without momentum. layers: (L, 2), p and q of each activation, of theta's type. shapes: (L, 5):
    inputs, outputs, where w begins in theta, where b does (-1: none), the activation's place in ACTIVATIONS. x: (N, inputs),
    pixels, which become x * scale + low, or floats, taken as they are. answers: (N, outputs), targets. loss, factor: its
    place in LOSSES, and quadratic's option. eta, momentum, scale, low: of theta's type.
    """
    n, widest = len(shapes), shapes[:, :2].max()
    y, d = np.empty((n + 1, widest), theta.dtype), np.empty((2, widest), theta.dtype)
    lanes, live, one = np.empty(LANES, theta.dtype), np.empty(shapes[:, 0].max(), np.int64), np.ones(1, theta.dtype)
    for t in range(order.size):
        example = x[order[t]]
        count = 0  # of inputs that are not 0
        for i in range(shapes[0, 0]):
            y[0, i] = example[i] * scale + low
            if y[0, i] != 0:
                live[count] = i
                count += 1
        for k in range(n):
            inputs, outputs, at, bias = shapes[k, 0], shapes[k, 1], shapes[k, 2], shapes[k, 3]
            a = y[k + 1, :outputs]
            if bias >= 0:
                a[:] = theta[bias : bias + outputs]
            else:
                a[:] = 0
            _add_rows(a, y[k], theta[at : at + inputs * outputs], live[: count if k == 0 else inputs], k == 0)
            _activate(shapes[k, 4], layers[k, 0], layers[k, 1], a)
        last = shapes[n - 1, 1]
        values[t] = _loss(loss, factor, y[n, :last], answers[order[t]], d[0, :last])
        for k in range(n - 1, -1, -1):
            inputs, outputs, at, bias = shapes[k, 0], shapes[k, 1], shapes[k, 2], shapes[k, 3]
            da, dx = d[0, :outputs], d[1, :inputs]
            _through(shapes[k, 4], layers[k, 0], layers[k, 1], y[k + 1, :outputs], da)
            if k > 0 and velocity.size:  # through the weights as they were, before they move
                for i in range(inputs):
                    dx[i] = _dot(theta[at + i * outputs : at + (i + 1) * outputs], da, lanes)
            if velocity.size:
                _push(theta, velocity, at, y[k, :inputs], da, eta, momentum)
                if bias >= 0:
                    _push(theta, velocity, bias, one, da, eta, momentum)
            else:
                for c in range(count if k == 0 else inputs):
                    i = live[c] if k == 0 else c
                    h, row = y[k, i] * eta, theta[at + i * outputs : at + (i + 1) * outputs]
                    if k > 0:
                        dx[i] = _dot(row, da, lanes)
                    for j in range(outputs):
                        row[j] -= h * da[j]
                if bias >= 0:
                    for j in range(outputs):
                        theta[bias + j] -= eta * da[j]
            if k > 0:
                d[0, :inputs] = dx


@loop
def _push(theta, velocity, at, h, da, eta, momentum):  # type: ignore[no-untyped-def]
    """With momentum every weight moves in every turn: v <- momentum v + h da, theta <- theta - eta v."""
    m = da.size
    for i in range(h.size):
        row, v = theta[at + i * m : at + (i + 1) * m], velocity[at + i * m : at + (i + 1) * m]
        for j in range(m):
            v[j] = v[j] * momentum + h[i] * da[j]
            row[j] -= v[j] * eta

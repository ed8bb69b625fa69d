"""Passes over numbers that have nothing to do with each other; the plain forms are in `nn/activations.py` and `nn/random.py`.

Operations and their order are those of the plain forms, so that no bit differs. x, y, dy, da: (n,), of one dtype.
"""

from __future__ import annotations

from dessine.compiled.loops import loop, within
from dessine.compiled.pool import lead, pack

PART = 65_536
"""Numbers of one block of work: some 20 us."""


@within
def _part(x, i):  # type: ignore[no-untyped-def]
    return i * PART, min((i + 1) * PART, x.size)


@within
def _blocks(x):  # type: ignore[no-untyped-def]
    return (x.size + PART - 1) // PART


@loop
def pieces(mail, x, y, below):  # type: ignore[no-untyped-def]
    """y = x above 0, x below under it; y may be x."""
    function, arguments = pack(_pieces, (x, y, below))
    lead(mail, function, arguments, _blocks(x))


@within
def _pieces(x, y, below, i):  # type: ignore[no-untyped-def]
    first, last = _part(x, i)
    x, y = x[first:last], y[first:last]
    if below == 0:  # a product would make no number of an infinite one
        for j in range(x.size):
            y[j] = below if x[j] <= 0 else x[j]
    else:
        for j in range(x.size):
            y[j] = x[j] if x[j] > 0 else x[j] * below


@loop
def through_pieces(mail, y, dy, da, below):  # type: ignore[no-untyped-def]
    """da = dy where y is above 0, dy below elsewhere."""
    function, arguments = pack(_through_pieces, (y, dy, da, below))
    lead(mail, function, arguments, _blocks(y))


@within
def _through_pieces(y, dy, da, below, i):  # type: ignore[no-untyped-def]
    first, last = _part(y, i)
    y, dy, da = y[first:last], dy[first:last], da[first:last]
    for j in range(y.size):
        da[j] = dy[j] if y[j] > 0 else dy[j] * below


@loop
def keep(mail, x, drawn, threshold, scale, y):  # type: ignore[no-untyped-def]
    """y = x scale where what was drawn is not under the threshold, x 0 elsewhere. drawn: (n,), threshold: a whole number."""
    function, arguments = pack(_keep, (x, drawn, threshold, scale, y))
    lead(mail, function, arguments, _blocks(x))


@within
def _keep(x, drawn, threshold, scale, y, i):  # type: ignore[no-untyped-def]
    first, last = _part(x, i)
    x, drawn, y = x[first:last], drawn[first:last], y[first:last]
    none = scale - scale
    for j in range(x.size):
        y[j] = x[j] * (scale if drawn[j] >= threshold else none)

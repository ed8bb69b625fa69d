"""A bias and an activation of straight pieces over a batch; the plain form is in `nn/bias.py`.

a, y, dy, da: (n, m), of one dtype; f has the slope `below` under 0 and `over` above it, numbers of that dtype.
"""

from __future__ import annotations

from dessine.compiled.arrays import zeros
from dessine.compiled.loops import loop


@loop
def bend(a, b, below, over):  # type: ignore[no-untyped-def]
    """a becomes f(a + b). b: (m,), or (0,) for none."""
    n, m = a.shape
    for i in range(n):
        row = a[i]
        if b.size:
            for j in range(m):
                row[j] += b[j]
        if below == 0 and over == 1:  # a product would make no number of an infinite one
            for j in range(m):
                if row[j] < 0:
                    row[j] = 0
        elif below != 1 or over != 1:
            for j in range(m):
                row[j] = row[j] * (over if row[j] > 0 else below)


@loop
def unbend(y, dy, da, db, below, over):  # type: ignore[no-untyped-def]
    """da becomes dE/da, from y = f(a + b) and dE/dy; the sums of its columns are added to db, (m,), or (0,) for none."""
    n, m = y.shape
    total = zeros(db.size, y.dtype)
    for i in range(n):
        kept, error, out = y[i], dy[i], da[i]
        for j in range(m):
            out[j] = error[j] * (over if kept[j] > 0 else below)
        for j in range(db.size):
            total[j] += out[j]
    db += total

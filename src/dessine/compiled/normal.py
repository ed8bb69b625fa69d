"""The passes of batch normalisation over a batch; their plain forms are the one-line ones in `nn/batch_norm.py`.

x, dy: (n, C); mean, steep, shift and so on: (C,), of one dtype. Sums are added to float64s, (C,).
"""

from __future__ import annotations

from dessine.compiled.loops import loop


@loop
def add_up(x, total):  # type: ignore[no-untyped-def]
    """The sum."""
    for i in range(len(x)):
        row = x[i]
        for j in range(row.size):
            total[j] += row[j]


@loop
def spread(x, mean, total):  # type: ignore[no-untyped-def]
    """The sum of squared distances from the mean."""
    for i in range(len(x)):
        row = x[i]
        for j in range(row.size):
            d = row[j] - mean[j]
            total[j] += d * d


@loop
def scale(x, mean, steep, shift, y):  # type: ignore[no-untyped-def]
    """y = (x - mean) steep + shift."""
    for i in range(len(x)):
        row, out = x[i], y[i]
        for j in range(row.size):
            out[j] = (row[j] - mean[j]) * steep[j] + shift[j]


@loop
def slopes(x, mean, dy, total, offset):  # type: ignore[no-untyped-def]
    """The sums of dy (x - mean), and of dy."""
    for i in range(len(x)):
        row, error = x[i], dy[i]
        for j in range(row.size):
            total[j] += error[j] * (row[j] - mean[j])
            offset[j] += error[j]


@loop
def back(x, mean, dy, steep, through_var, through_mean, dx):  # type: ignore[no-untyped-def]
    """dx = dy steep - (x - mean) through_var - through_mean."""
    for i in range(len(x)):
        row, error, out = x[i], dy[i], dx[i]
        for j in range(row.size):
            out[j] = error[j] * steep[j] - (row[j] - mean[j]) * through_var[j] - through_mean[j]

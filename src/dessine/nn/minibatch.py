"""Layers that let a critic see a whole batch: a generator that draws the same thing again and again gives itself away.

Real and generated examples must come in batches of their own: among themselves is where generated ones are alike. What
these layers say depends on the size of the batch, so that a critic is to be asked with the size it was trained with.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dessine.compiled import enabled, own
from dessine.nn.algebra import add_product, product
from dessine.nn.initialisers import Initialiser
from dessine.nn.layer import Array, Backward, BackwardAlong, Declaration, Layer, Mode, Shape, Wanted, layers
from dessine.nn.normalising import centred, unit
from dessine.registry import Count, Like, Positive, SpecError


def _flat(shape: Shape) -> int:
    """How many features there are. Raises SpecError for images."""
    if len(shape) != 1:
        raise SpecError(f"compares flat examples, its input is {list(shape)}: put flatten before it")
    return shape[0]


@layers.register("minibatch_discrimination")
class MinibatchDiscrimination(Layer):
    """Append to each example its closeness to the rest of the batch, by several learned measures (Salimans et al. 2016, 3.2).

    kernels: how many measures, each of which becomes one feature
    dims: of the space in which one of them compares
    init: how the learned tensor starts
    x: (R, B, n) -> (R, B, n + kernels). With M = x t, (R, B, dims, kernels), feature k of example i is the sum over all other
    examples j of exp(-|M_ik - M_jk|_1): from 0, nobody near, to B - 1, all alike.
    """

    mixes_examples = True
    least_batch = 2
    t: Array
    dt: Array

    def __init__(self, kernels: Count = 100, dims: Count = 5, init: Like[Initialiser] = "xavier"):
        self.kernels, self.dims = kernels, dims
        self.init = Initialiser.of(init)

    def declare(self, shape: Shape) -> Declaration:
        n, m = _flat(shape), self.dims * self.kernels
        return Declaration((n + self.kernels,), {"t": ((n, m), self.init, (n, m))}, between=3 * m, pairs=self.kernels)

    def forward(self, x: Array, mode: Mode) -> tuple[Array, Backward]:
        n = x.shape[-1]
        m = product(x, self.t).reshape(*x.shape[:2], self.dims, self.kernels)
        sums, through = (_closeness_compiled if enabled() else closeness)(m)
        y = np.concatenate([x, sums], -1)

        def backward(dy: Array, params: Wanted = True, inputs: bool = True) -> Array | None:
            dm = through(dy[..., n:]).reshape(*x.shape[:2], -1)
            dx = dy[..., :n] + product(dm, self.t.mT) if inputs else None
            if params:
                add_product(self.dt, x, dm, overwrite=params == "first")
            return dx

        return y, backward


def closeness(m: Array) -> tuple[Array, Callable[[Array], Array]]:
    """For each example and kernel, the sum of exp(-L1 distance) to every other example; and its backward.

    m: (R, B, dims, kernels) -> (R, B, kernels). Each pair is looked at once: example i beside example i + s, around the
    batch, for s up to B / 2. What is held at a time stays in cache, as all pairs together would not: on a batch of 64, 100
    kernels of 5 take a third of the time of PyTorch's expression of (B, B, kernels, dims), forward and backward.
    """
    m = np.ascontiguousarray(m.swapaxes(1, 2))  # (R, dims, B, kernels)
    b = m.shape[2]
    twice = np.concatenate([m, m], 2)  # so that i + s is a slice
    shifts = range(1, b // 2 + 1)
    close = np.empty((len(shifts), len(m), b, m.shape[-1]), m.dtype)
    apart = np.empty_like(m)
    for c, s in zip(close, shifts, strict=True):
        np.subtract(twice[:, :, s : s + b], m, out=apart)
        np.add.reduce(np.abs(apart, out=apart), 1, out=c)
    np.exp(np.negative(close, out=close), out=close)
    sums = np.zeros((len(m), 2 * b, m.shape[-1]), m.dtype)
    for c, s in zip(close, shifts, strict=True):
        sums[:, :b] += c
        if 2 * s < b:  # halfway around, i + s meets i in its turn
            sums[:, s : s + b] += c

    def backward(dy: Array) -> Array:
        errors, dm = np.concatenate([dy, dy], 1), np.zeros_like(twice)
        pull = np.empty_like(m)
        for c, s in zip(close, shifts, strict=True):
            other = twice[:, :, s : s + b]
            # Where other is larger, closeness grows with m. numpy.sign does the same, at ten times the time.
            sign = np.subtract((other > m).view(np.int8), (other < m).view(np.int8))
            np.multiply(sign, (c * (errors[:, :b] + errors[:, s : s + b]))[:, None], out=pull)
            dm[:, :, :b] += pull
            if 2 * s < b:
                dm[:, :, s : s + b] -= pull
        return (dm[:, :, :b] + dm[:, :, b:]).swapaxes(1, 2)

    return sums[:, :b] + sums[:, b:], backward


def _closeness_compiled(m: Array) -> tuple[Array, Callable[[Array], Array]]:
    from dessine.compiled.pairs import add_up, back, nearness

    r, b, _, kernels = m.shape
    close, sums = np.empty((r, b * (b - 1) // 2, kernels), m.dtype), np.empty((r, b, kernels), m.dtype)
    nearness(m, close)
    add_up(np.exp(close, out=close), sums)

    def backward(dy: Array) -> Array:
        dm = np.empty_like(m)
        back(m, close, own(dy), dm)
        return dm

    return sums, backward


@layers.register("minibatch_closeness")
class MinibatchCloseness(Layer):
    """Append to each example its closeness to each of those nearest to it in the batch: the student report's minibatch neurons.

    neighbours: how many are told
    scale: the distance at which closeness is 1 / e, in root mean square over features
    x: (R, B, n) -> (R, B, n + neighbours), closeness exp(-distance / scale), the nearest first; 0 beyond the batch.

    The student report, 2.6.3, gives an example as many neurons as the batch has, neuron i being exp(-distance to example i).
    Three things had to be settled to use that. A network has the same outputs for any batch, so `neighbours` is a
    number of its own. Example i is another one in each batch, so that no weight could learn what it means: neuron i is about
    the i-th nearest. And one closeness, to itself, is always 1: it is left out. The distance is not told; the Euclidean one
    grows with the root of n, and exp(-distance) of a wide layer would be 0, so the root mean square is taken.
    """

    mixes_examples = True
    least_batch = 2

    def __init__(self, neighbours: Count = 16, scale: Positive = 1.0):
        self.neighbours, self.scale = neighbours, scale

    def declare(self, shape: Shape) -> Declaration:
        return Declaration((_flat(shape) + self.neighbours,), pairs=6)  # among them an order, in 8 bytes

    def forward(self, x: Array, mode: Mode) -> tuple[Array, Backward]:
        n = x.shape[-1]
        distance, found, nearest, close = self._nearest(x)
        y = self._appended(x, close)

        def backward(dy: Array, params: Wanted = True, inputs: bool = True) -> Array | None:
            if not inputs:
                return None
            # d distance / dx_i = (x_i - x_j) / (n distance), and the opposite for x_j; of equal examples it is taken to be 0.
            slope = dy[..., n : n + close.shape[-1]] * close * (-1 / (self.scale * n)) / np.where(nearest > 0, nearest, np.inf)
            return dy[..., :n] + _apart(_both(slope, found, distance), x)

        return y, backward

    def _nearest(self, x: Array) -> tuple[Array, Array, Array, Array]:
        """All distances (R, B, B); which examples are nearest to each, how far they are, how close that is (R, B, m)."""
        b = x.shape[1]
        distance = np.sqrt(_products(x, x))
        found = np.argsort(distance + np.diag(np.full(b, np.inf, x.dtype)), -1)[..., : min(self.neighbours, b - 1)]
        nearest = np.take_along_axis(distance, found, -1)
        return distance, found, nearest, np.exp(nearest * (-1 / self.scale))

    def _appended(self, x: Array, told: Array) -> Array:
        y = np.zeros((*x.shape[:2], x.shape[-1] + self.neighbours), x.dtype)
        y[..., : x.shape[-1]], y[..., x.shape[-1] : x.shape[-1] + told.shape[-1]] = x, told
        return y

    def along(self, x: Array, t: Array, mode: Mode) -> tuple[Array, Array, BackwardAlong]:
        """With r a distance, c its closeness and g = <x_i - x_j, t_i - t_j> / n: s = -c g / (scale r), 0 for equal examples.

        Who is the i-th nearest is taken as given: that changes only where two distances are equal.
        """
        n, scale = x.shape[-1], self.scale
        distance, found, nearest, close = self._nearest(x)
        g = np.take_along_axis(_products(x, t), found, -1)
        near = np.where(nearest > 0, nearest, np.inf)
        factor = close / (-scale * near)  # s / g

        def backward(dy: Array, ds: Array) -> tuple[Array, Array]:
            ey, es = (d[..., n : n + close.shape[-1]] for d in (dy, ds))
            by_r = ey * close * (-1 / scale) - es * g * factor * (1 / scale + 1 / near)
            by_x, by_t = (_both(by / n, found, distance) for by in (by_r / near, es * factor))
            dx = dy[..., :n] + _apart(by_x, x) + _apart(by_t, t)
            return dx, ds[..., :n] + _apart(by_t, x)

        return self._appended(x, close), self._appended(t, factor * g), backward


def _products(x: Array, t: Array) -> Array:
    """(R, B, n) each -> (R, B, B), the mean over features of (x_i - x_j) (t_i - t_j).

    Taken one by one, so that near examples keep their digits.
    """
    found = np.empty((*x.shape[:2], x.shape[1]), x.dtype)
    for i in range(x.shape[1]):
        d = x - x[:, i : i + 1]
        found[:, i] = (d * (d if t is x else t - t[:, i : i + 1])).mean(-1)
    return found


def _both(pairs: Array, found: Array, like: Array) -> Array:
    """(R, B, m), of each example and those found near it -> (R, B, B), symmetric."""
    spread = np.zeros_like(like)
    np.put_along_axis(spread, found, pairs, -1)
    return spread + spread.mT


def _apart(pairs: Array, x: Array) -> Array:
    """The sum over j of pairs_ij (x_i - x_j). (R, B, B), (R, B, n) -> (R, B, n).

    Of differences, not a difference of sums: a collapsed batch is where these are large and their difference is small.
    """
    found = np.empty_like(x)
    for i in range(x.shape[1]):
        found[:, i : i + 1] = pairs[:, i : i + 1] @ (x[:, i : i + 1] - x)
    return found


@layers.register("minibatch_std")
class MinibatchStd(Layer):
    """Append one feature, or channel: the standard deviation over the batch, averaged over features (Karras et al. 2018).

    group: examples that are looked at together, at least; the whole batch if left out
    x: (R, B, *features) -> one more at the end, the same for all examples of a group and all pixels. 0 where all are alike.
    """

    mixes_examples = True
    least_batch = 2
    epsilon = 1e-8  # under the root, for its slope at 0

    def __init__(self, group: Count | None = None):
        if group == 1:
            raise SpecError("one example does not differ from itself: expects at least 2", ("group",))
        self.group = group

    def declare(self, shape: Shape) -> Declaration:
        return Declaration((*shape[:-1], shape[-1] + 1))

    def forward(self, x: Array, mode: Mode) -> tuple[Array, Backward]:
        b, axes = x.shape[1], tuple(range(2, x.ndim))
        y = np.empty((*x.shape[:-1], x.shape[-1] + 1), x.dtype)
        y[..., :-1] = x
        groups = []
        for part in _groups(b, self.group or b):
            gap = x[:, part] - x[:, part].mean(1, keepdims=True)
            spread = np.sqrt(np.square(gap).mean(1, keepdims=True) + x.dtype.type(self.epsilon))
            y[:, part, ..., -1:] = spread.mean(axes, keepdims=True)
            groups.append((part, gap, spread))

        def backward(dy: Array, params: Wanted = True, inputs: bool = True) -> Array | None:
            if not inputs:
                return None
            dx = dy[..., :-1].copy()
            for part, gap, spread in groups:
                d = dy[:, part, ..., -1:].sum((1, *axes), keepdims=True) / x.dtype.type(gap[0].size)
                dx[:, part] += d * gap / spread
            return dx

        return y, backward

    def along(self, x: Array, t: Array, mode: Mode) -> tuple[Array, Array, BackwardAlong]:
        """s is the mean over features of the mean of u times t, u being x centred and divided by its deviation."""
        y, back = self.forward(x, mode)
        s, axes, groups = np.empty_like(y), tuple(range(2, x.ndim)), []
        s[..., :-1] = t
        for part in _groups(x.shape[1], self.group or x.shape[1]):
            u, inverse = unit(x[:, part], (1,), self.epsilon)
            s[:, part, ..., -1:] = (u * t[:, part]).mean((1, *axes), keepdims=True)
            groups.append((part, u, inverse))

        def backward(dy: Array, ds: Array) -> tuple[Array, Array]:
            dx, dt = back(dy), ds[..., :-1].copy()
            assert dx is not None
            for part, u, inverse in groups:
                e = ds[:, part, ..., -1:].sum((1, *axes), keepdims=True) / x.dtype.type(u[0].size)
                dt[:, part] += e * u
                dx[:, part] += e * centred(t[:, part], u, (1,)) * inverse
            return dx, dt

        return y, s, backward


def _groups(b: int, least: int) -> list[slice]:
    """b examples in groups of at least `least`, as equal as can be."""
    n = max(b // least, 1)
    return [slice(b * i // n, b * (i + 1) // n) for i in range(n)]

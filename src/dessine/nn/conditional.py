"""Layers that are told of which class an example is: what a conditional game is made of (Mirza and Osindero 2014).

Labels come with the `Mode` of a pass; a layer that does not stand here knows nothing of them. Whose labels they are belongs to
the game.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from dessine.nn.algebra import add_product
from dessine.nn.batch_norm import BatchNorm, Rows
from dessine.nn.initialisers import Gaussian, Initialiser, Zeros
from dessine.nn.layer import Array, Backward, BackwardAlong, Declaration, Layer, Mode, Shape, Wanted, flat, layers, size
from dessine.nn.normalising import along
from dessine.registry import Count, Like, Positive, Share, SpecError


class Labelled(Layer):
    """What they have in common.

    classes: how many there are; None until a game tells, or the spec
    """

    labelled = True
    classes: int | None

    def counted(self) -> int:
        """The classes. Raises SpecError where nobody has told how many there are."""
        if self.classes is None:
            raise SpecError(f"{self.type} must know how many classes there are: give classes", ("classes",))
        return self.classes

    def labels(self, x: Array, mode: Mode) -> Array:
        """(R, B) of this pass. Raises ValueError where it has none, or others than its examples ask for."""
        if mode.labels is None or mode.labels.shape != x.shape[:2]:
            there = "none" if mode.labels is None else mode.labels.shape
            raise ValueError(f"{self.path or self.type} needs labels of shape {x.shape[:2]}, there are {there}")
        return mode.labels

    def one_hot(self, labels: Array, dtype: np.dtype) -> Array:
        """(R, B) -> (R, B, classes)."""
        return np.eye(self.counted(), dtype=dtype)[labels]


def chosen(table: Array, labels: Array, ndim: int) -> Array:
    """The row of each label: (R, classes, n), (R, B) -> (R, B, 1, ..., n) with `ndim` axes."""
    found: Array = table[np.arange(len(table))[:, None], labels]
    return _spread(found, ndim)


def _spread(v: Array, ndim: int) -> Array:
    """(R, B, n), the same for all pixels of an image."""
    return v.reshape(*v.shape[:2], *(1,) * (ndim - 3), v.shape[-1])


def _summed(d: Array) -> Array:
    """(R, B, *sides, n) -> (R, B, n), over the pixels."""
    return d.sum(tuple(range(2, d.ndim - 1))) if d.ndim > 3 else d


@layers.register("condition")
class Condition(Labelled):
    """Append the label: a number for each class, 1 for its own and 0 for the others (Mirza and Osindero 2014).

    classes: how many there are; those of the data if left out
    x: (R, B, *sides, n) -> (R, B, *sides, n + classes). An image gets as many channels, the same number in all pixels.
    """

    def __init__(self, classes: Count | None = None):
        self.classes = classes

    def declare(self, shape: Shape) -> Declaration:
        return Declaration((*shape[:-1], shape[-1] + self.counted()))

    def span(self, low: float, high: float) -> tuple[float, float]:
        return min(low, 0.0), max(high, 1.0)

    def forward(self, x: Array, mode: Mode) -> tuple[Array, Backward]:
        n = x.shape[-1]
        y = np.empty((*x.shape[:-1], n + self.counted()), x.dtype)
        y[..., :n], y[..., n:] = x, _spread(self.one_hot(self.labels(x, mode), x.dtype), x.ndim)
        return y, lambda dy, params=True, inputs=True: np.ascontiguousarray(dy[..., :n]) if inputs else None

    def along(self, x: Array, t: Array, mode: Mode) -> tuple[Array, Array, BackwardAlong]:
        """The label does not move."""
        y, _ = self.forward(x, mode)
        s, n = np.zeros_like(y), x.shape[-1]
        s[..., :n] = t
        return y, s, lambda dy, ds: (dy[..., :n], ds[..., :n])


@layers.register("embedding")
class Embedding(Labelled):
    """A vector e for each class, which is learnt, and multiplies the features term by term, or stands beside them.

    how: multiply: y = x * e, so that a class stretches, mirrors or mutes each feature its own way (the scaling of Perez et al.
        2018, FiLM; on the latent it is what the ACGAN of Keras's examples does); concatenate: e is appended
    size: how many numbers are concatenated (the input's own number of features if left out)
    init: how the vectors start; N(0, 1) as PyTorch's
    classes: how many there are; those of the data if left out
    x: (R, B, *sides, n) -> the same, or (R, B, *sides, n + size). What a dense layer makes of a concatenated vector, it can
    make of `condition`'s numbers, too: there is no more in it but fewer inputs. spectral_norm leaves e alone.
    """

    e: Array
    de: Array

    def __init__(
        self,
        how: Literal["multiply", "concatenate"] = "multiply",
        size: Count | None = None,
        init: Like[Initialiser] = "gaussian",
        classes: Count | None = None,
    ):
        if how != "concatenate" and size is not None:
            raise SpecError("only a concatenated vector has a size of its own", ("size",))
        self.how, self.size, self.classes = how, size, classes
        self.init = Initialiser.of(init)

    def declare(self, shape: Shape) -> Declaration:
        n = shape[-1]
        m = self.size or n
        out = shape if self.how == "multiply" else (*shape[:-1], n + m)
        return Declaration(out, {"e": ((self.counted(), m), self.init, (self.counted(), m))})

    def forward(self, x: Array, mode: Mode) -> tuple[Array, Backward]:
        y, back = (self._multiplied if self.how == "multiply" else self._appended)(x, self.labels(x, mode))
        return y, back

    def _multiplied(self, x: Array, labels: Array) -> tuple[Array, Backward]:
        e = chosen(self.e, labels, x.ndim)

        def backward(dy: Array, params: Wanted = True, inputs: bool = True) -> Array | None:
            if params:
                self._learn(labels, _summed(dy * x))
            return dy * e if inputs else None

        return x * e, backward

    def _appended(self, x: Array, labels: Array) -> tuple[Array, Backward]:
        n = x.shape[-1]
        y = np.empty((*x.shape[:-1], n + self.e.shape[-1]), x.dtype)
        y[..., :n], y[..., n:] = x, chosen(self.e, labels, x.ndim)

        def backward(dy: Array, params: Wanted = True, inputs: bool = True) -> Array | None:
            if params:
                self._learn(labels, _summed(dy[..., n:]))
            return np.ascontiguousarray(dy[..., :n]) if inputs else None

        return y, backward

    def _learn(self, labels: Array, d: Array) -> None:
        """d: (R, B, size), the error of each example's own vector."""
        add_product(self.de, self.one_hot(labels, d.dtype), d)

    def by_parameters(self, x: Array, mode: Mode) -> tuple[Array, Backward]:
        """What stands beside a concatenated vector does not depend on it."""
        if self.how == "multiply":
            return self.forward(x, mode)
        y, _ = self._appended(np.zeros_like(x), self.labels(x, mode))
        return y, lambda dy, params=True, inputs=True: np.zeros_like(x) if inputs else None

    def along(self, x: Array, t: Array, mode: Mode) -> tuple[Array, Array, BackwardAlong]:
        labels = self.labels(x, mode)
        if self.how == "multiply":
            (y, back), (s, back_t) = self._multiplied(x, labels), self._multiplied(t, labels)
            return y, s, lambda dy, ds: (_there(back(dy)), _there(back_t(ds)))
        y, back = self._appended(x, labels)
        s, n = np.zeros_like(y), x.shape[-1]
        s[..., :n] = t
        return y, s, lambda dy, ds: (_there(back(dy)), ds[..., :n])


@layers.register("projection")
class Projection(Labelled):
    """The end of a discriminator that is told the class: y = w x + b + v_c x (Miyato and Koyama 2018, with a linear psi).

    init: how w and the vectors v start, one for each class; b starts at 0
    classes: how many there are; those of the data if left out
    x: (R, B, *features), seen as one flat row -> (R, B, 1). w x + b tells real from generated whatever the class is, v_c x
    whether the features are those of class c: their sum is the form that the logit of the best discriminator takes where the
    classes given the features are a softmax (docs/conditional.md). spectral_norm divides w and the matrix of the v.
    """

    weights = ("w", "v")
    w: Array
    dw: Array
    b: Array
    db: Array
    v: Array
    dv: Array

    def __init__(self, init: Like[Initialiser] = "xavier", classes: Count | None = None):
        self.init, self.classes = Initialiser.of(init), classes

    def declare(self, shape: Shape) -> Declaration:
        n, k = size(shape), self.counted()
        return Declaration(
            (1,),
            {
                "w": ((n, 1), self.init, (n, 1)),
                "b": ((1, 1), Zeros(), (n, 1)),
                "v": ((k, n), self.init, (n, k)),
            },
        )

    def forward(self, x: Array, mode: Mode) -> tuple[Array, Backward]:
        labels, shape, x = self.labels(x, mode), x.shape, flat(x)
        u = chosen(self.v, labels, 3) + self.w.mT

        def backward(dy: Array, params: Wanted = True, inputs: bool = True) -> Array | None:
            if params:
                self._learn(labels, dy * x, dy)
            return (dy * u).reshape(shape) if inputs else None

        return np.vecdot(x, u)[..., None] + self.b, backward

    def _learn(self, labels: Array, d: Array, dy: Array) -> None:
        """d: (R, B, n), the error of each example's own w + v_c."""
        self.dw += d.sum(1)[..., None]
        self.db += dy.sum(1, keepdims=True)
        add_product(self.dv, self.one_hot(labels, d.dtype), d)

    def along(self, x: Array, t: Array, mode: Mode) -> tuple[Array, Array, BackwardAlong]:
        labels, shape, x, t = self.labels(x, mode), x.shape, flat(x), flat(t)
        u = chosen(self.v, labels, 3) + self.w.mT

        def backward(dy: Array, ds: Array) -> tuple[Array, Array]:
            self._learn(labels, dy * x + ds * t, dy)
            return (dy * u).reshape(shape), (ds * u).reshape(shape)

        return np.vecdot(x, u)[..., None] + self.b, np.vecdot(t, u)[..., None], backward


@layers.register("conditional_batch_norm")
class ConditionalBatchNorm(Labelled, BatchNorm):
    """Batch normalisation whose gamma and beta are chosen by the class (Dumoulin et al. 2017; de Vries et al. 2017).

    momentum: weight of the newest batch in the running statistics, which serve outside training
    epsilon: added to the variance
    classes: how many there are; those of the data if left out
    x: (R, B, *sides, n). Means and variances are those of the whole batch, whatever its classes; gamma and beta, (classes, n),
    start at 1 and 0.
    """

    def __init__(self, momentum: Share = 0.1, epsilon: Positive = 1e-5, classes: Count | None = None):
        super().__init__(momentum, epsilon)
        self.classes = classes

    def declare(self, shape: Shape) -> Declaration:
        plain, k, n = super().declare(shape), self.counted(), shape[-1]
        plain.params = {"gamma": ((k, n), Gaussian(0.0, 1.0), (n, n)), "beta": ((k, n), Zeros(), (n, n))}
        return plain

    def forward(self, x: Array, mode: Mode) -> tuple[Array, Backward]:
        labels, rows = self.labels(x, mode), Rows(x)
        gamma, beta = (chosen(of, labels, x.ndim) for of in (self.gamma, self.beta))
        mean, inverse = self.statistics(rows, mode)
        u = rows.scaled(mean, inverse, np.zeros_like(mean)).reshape(x.shape)

        def backward(dy: Array, params: Wanted = True, inputs: bool = True) -> Array | None:
            if params:
                self._learn(labels, dy * u, dy)
            if not inputs:
                return None
            return self.back(rows, mean, inverse, inverse, dy * gamma, mode.train)[0].reshape(x.shape)

        return u * gamma + beta, backward

    def _learn(self, labels: Array, dgamma: Array, dbeta: Array) -> None:
        """Of each element."""
        told = self.one_hot(labels, dbeta.dtype)
        add_product(self.dgamma, told, _summed(dgamma))
        add_product(self.dbeta, told, _summed(dbeta))

    def along(self, x: Array, t: Array, mode: Mode) -> tuple[Array, Array, BackwardAlong]:
        labels = self.labels(x, mode)
        gamma, beta = (chosen(of, labels, x.ndim) for of in (self.gamma, self.beta))

        def add(dgamma: Array, dbeta: Array) -> None:
            self._learn(labels, dgamma, dbeta)

        if mode.train:
            return along(x, t, gamma, beta, tuple(range(1, x.ndim - 1)), self.epsilon, add)
        return self.along_straight(x, t, gamma, beta, add)


def _there(dx: Array | None) -> Array:
    assert dx is not None
    return dx

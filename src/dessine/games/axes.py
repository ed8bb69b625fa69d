"""Axes of the latent: directions, at right angles or nearly so, along which what is drawn changes most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from dessine.games.pair import PORTION, Pair
from dessine.nn import Activate, Activation, Layer
from dessine.nn.layer import flat
from dessine.streams import Held, Streams

Array = np.ndarray
SEEN = 1_000
"""Latents whose answers are looked at."""


class Axes(NamedTuple):
    """vectors: (n, size), of length 1, the most important first; shares: (n,) of all n, summing to 1; of: what they are of."""

    vectors: Array
    shares: Array
    of: str


def of_weights(pair: Pair) -> Axes:
    """Eigenvectors of A' A, where the first layer of the generator that learns makes A z + b of a latent z, before its
    activation: along the first of them its sums change most (SeFa: Shen and Zhou 2021, equation 5). shares: of the eigenvalues.

    A is found by what the layer makes of unit latents, so that it is the same for dense layers and for convolutions, and for
    what stands before them: a class that is told, noise that is held still.
    Raises ValueError where no layer has weights, or what the first one makes is no A z + b.
    """
    net, n = pair.generator.network, pair.latent.size
    first = next((i for i, layer in enumerate(net.layers) if hasattr(layer, "w")), None)
    if first is None:
        raise ValueError("no layer of its generator has weights")
    layer, repeats = net.layers[first], pair.streams.replicates
    some = np.random.default_rng(0).standard_normal((2, n))
    z = np.concatenate([np.zeros((1, n)), np.eye(n), some, some.sum(0, keepdims=True)])
    mode = pair.drawing_mode(Held(0, repeats), len(z))
    with _straight(layer):
        made = flat(net.forward(np.broadcast_to(z, (repeats, *z.shape)), mode, first + 1)[0])[0].astype(np.float64)
    made -= made[0]
    if not np.allclose(made[-1], made[-2] + made[-3], rtol=1e-3, atol=1e-4 * max(np.abs(made).max(), 1e-300)):
        raise ValueError(f"layer {first}, '{layer.type}', makes no weighted sums of the latent; take --by activations")
    a = made[1 : n + 1]
    return _sorted(*np.linalg.eigh(a @ a.T), f"weights of layer {first}, {layer.type}")


def of_activations(pair: Pair, seed: int, layer: int | None = None) -> Axes:
    """What moves the latent along the principal components of a layer's answers to 1,000 latents (GANSpace: Harkonen et al.
    2020, section 2.2): of each component the direction by which latents are best told from it (least squares).

    layer: from 0; if None, the first whose answers are no weighted sums of the latent
    shares: of the variance of all answers; directions need not be at right angles
    Raises ValueError for a layer that is not there.
    """
    net, held = pair.generator.network, Held(seed, pair.streams.replicates)
    layer = _first_bent(net.layers) if layer is None else layer
    if not 0 <= layer < len(net.layers):
        raise ValueError(f"its generator has no layer {layer}: there are 0 to {len(net.layers) - 1}")
    z = pair.latent.draw(Streams(seed, pair.streams.replicates), SEEN, pair.dtype)
    mode = pair.drawing_mode(held, SEEN)
    parts = [slice(i, i + PORTION) for i in range(0, SEEN, PORTION)]
    y = np.concatenate([flat(net.forward(z[:, part], mode.part(part), layer + 1)[0])[0] for part in parts])
    y = y.astype(np.float64)
    y -= y.mean(0)
    gram = y @ y.T
    values, u = (part[..., ::-1] for part in np.linalg.eigh(gram))
    told = z[0].astype(np.float64).T @ u  # (size, n): how each number of the latent goes along with each component
    length = np.linalg.norm(told, axis=0)
    there = (values > 1e-10 * max(values[0], 1e-300)) & (length > 0)
    there[pair.latent.size :] = False
    vectors = _turned((told[:, there] / length[there]).T)
    shares = values[there] / max(float(np.trace(gram)), 1e-300)
    return Axes(vectors, shares, f"answers of layer {layer}, {net.layers[layer].type}")


def _first_bent(layers: Sequence[Layer]) -> int:
    """The first layer with an activation that is no straight line; the last layer where none has any."""
    for i, layer in enumerate(layers):
        f = layer.function if isinstance(layer, Activate) else getattr(layer, "activation", None)
        if isinstance(f, Activation) and f.type != "linear":
            return i
    return len(layers) - 1


@contextmanager
def _straight(layer: Layer) -> Iterator[None]:
    """Inside it the layer leaves its activation out."""
    own = getattr(layer, "activation", None)
    if own is not None:
        vars(layer)["activation"] = Activation.of("linear")
    try:
        yield
    finally:
        if own is not None:
            vars(layer)["activation"] = own


def _sorted(values: Array, vectors: Array, of: str) -> Axes:
    """Of `eigh`, which has the least first."""
    values = np.maximum(values[::-1], 0)
    return Axes(_turned(vectors[:, ::-1].T), values / max(values.sum(), 1e-300), of)


def _turned(vectors: Array) -> Array:
    """Of v and -v, which are one axis, the one whose largest number is positive: the same on every machine."""
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(1)[:, None], 1)
    return vectors * np.where(largest < 0, -1.0, 1.0)

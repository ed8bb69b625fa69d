"""Data on a line: the densities of real and generated points, and what the discriminator says of each place."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dessine.games.game import Array
from dessine.games.pair import Pair
from dessine.losses import sigmoid
from dessine.nn import Mode

PLACES = 400


def show_line(pair: Pair, path: Path, drawn: Array, title: str) -> None:
    """drawn: (N, 1) points of replicate 0, as the generator draws them now."""
    from dessine.plots import line

    real = pair.examples.floats(np.arange(min(10_000, len(pair.examples))), np.float64)[:, 0]
    at = np.linspace(*line.reach(real, drawn[:, 0]), PLACES)
    mixture = pair.panel.data.mixture
    density = None if mixture is None else np.exp(mixture.log_density(at[:, None]))
    found = pair.panel.modes_of(drawn[: pair.scored or None])
    line.save_densities(path, real, drawn[:, 0], at, density, _says(pair, at), title, pair.loss.probability, found)


def _says(pair: Pair, at: Array) -> Array | None:
    """(n,) of replicate 0; None where the discriminator does not judge one example by itself, or is told its class."""
    net = pair.discriminator.network
    if pair.pack > 1 or net.mixes_examples or pair.discriminator.labelled():
        return None
    x = np.broadcast_to(at[:, None].astype(pair.dtype), (pair.streams.replicates, len(at), 1))
    said: Array = net.forward(x, Mode(pair.fixed(), train=False, record=False))[0][0, :, 0].astype(np.float64)
    return sigmoid(said) if pair.loss.probability else said

"""What the discriminator says of examples when a run is evaluated."""

from __future__ import annotations

from typing import Any

import numpy as np

from dessine.games.game import Array
from dessine.games.pair import PORTION, Pair
from dessine.games.remedies import packed
from dessine.losses import sigmoid
from dessine.nn import Mode
from dessine.streams import Streams


def verdicts(pair: Pair, drawn: Array, count: int, seed: int, repeat: int = 0) -> dict[str, Any]:
    """D(x) of `count` training and test examples at most, and of those drawn, (N, *shape)."""
    sides = {
        "d_train": pair.examples.floats(np.arange(min(count, len(pair.examples))), pair.dtype),
        "d_test": pair.test.floats(np.arange(min(count, len(pair.test))), pair.dtype),
        "d_generated": drawn,
    }
    return {name: verdict(pair, x, seed, repeat) for name, x in sides.items()}


def verdict(pair: Pair, x: Array, seed: int, repeat: int = 0) -> dict[str, Any]:
    """What one repeat of the discriminator says of (N, *shape), whole packs of them: mean and spread."""
    r, net = pair.streams.replicates, pair.discriminator.network
    shown = packed(x[None, : len(x) - len(x) % pair.pack], pair.pack)
    mode, said = Mode(Streams(seed, r), train=False, record=False), []
    # A discriminator that looks across examples says what it says of batches like those it has learnt from.
    portion = pair.batch_size // pair.pack if net.mixes_examples else PORTION
    for i in range(0, shown.shape[1], portion):
        part = shown[:, i : i + portion]
        said.append(net.forward(np.broadcast_to(part, (r, *part.shape[1:])), mode)[0][repeat])
    d = np.concatenate(said).astype(np.float64).reshape(-1)
    d = sigmoid(d) if pair.loss.probability else d
    return {"mean": float(d.mean()), "std": float(d.std()), "count": len(d)}

"""What the discriminator says of examples when a run is evaluated."""

from __future__ import annotations

from typing import Any

import numpy as np

from dessine.games.game import Array
from dessine.games.pair import PORTION, Pair, as_logits
from dessine.games.remedies import packed
from dessine.losses import sigmoid
from dessine.nn import Mode
from dessine.streams import Streams


def verdicts(pair: Pair, drawn: Array, asked: Array | None, count: int, seed: int, repeat: int = 0) -> dict[str, Any]:
    """D(x) of `count` training and test examples at most, and of those drawn, (N, *shape), of the classes `asked`, (N,)."""
    sides = {"d_generated": verdict(pair, drawn, asked, seed, repeat)}
    for name, examples in (("d_train", pair.examples), ("d_test", pair.test)):
        index = np.arange(min(count, len(examples)))
        classes = None if pair.kinds is None else pair.kinds.indices(examples, index)
        sides[name] = verdict(pair, examples.floats(index, pair.dtype), classes, seed, repeat)
    return {name: sides[name] for name in ("d_train", "d_test", "d_generated")}


def verdict(pair: Pair, x: Array, classes: Array | None, seed: int, repeat: int = 0) -> dict[str, Any]:
    """What one repeat of the discriminator says of (N, *shape), of these classes, (N,), in whole packs: mean and spread."""
    r, net = pair.streams.replicates, pair.discriminator.network
    shown = packed(x[None, : len(x) - len(x) % pair.pack], pair.pack)
    mode, said = Mode(Streams(seed, r), train=False, record=False), []
    if classes is not None:
        mode = mode.told(np.broadcast_to(classes, (r, len(classes))))
    # A discriminator that looks across examples says what it says of batches like those it has learnt from.
    portion = pair.batch_size // pair.pack if net.mixes_examples else PORTION
    for i in range(0, shown.shape[1], portion):
        part = shown[:, i : i + portion]
        y, _ = net.forward(np.broadcast_to(part, (r, *part.shape[1:])), mode.part(slice(i, i + portion)))
        said.append(as_logits(y)[repeat])
    d = np.concatenate(said).astype(np.float64).reshape(-1)
    d = sigmoid(d) if pair.loss.probability else d
    return {"mean": float(d.mean()), "std": float(d.std()), "count": len(d)}

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
        index = examples.scattered(count)
        classes = None if pair.kinds is None else pair.kinds.indices(examples, index)
        sides[name] = verdict(pair, examples.floats(index, pair.dtype), classes, seed, repeat)
    return {name: sides[name] for name in ("d_train", "d_test", "d_generated")}


def verdict(pair: Pair, x: Array, classes: Array | None, seed: int, repeat: int = 0) -> dict[str, Any]:
    """What one repeat of the discriminator says of (N, *shape), of these classes, (N,), in whole packs: mean and spread."""
    r = pair.streams.replicates
    asked = None if classes is None else np.broadcast_to(classes, (r, len(classes)))
    d = heard(pair, np.broadcast_to(x, (r, *x.shape)), asked, Streams(seed, r))[repeat]
    d = sigmoid(d) if pair.loss.probability else d
    return {"mean": float(d.mean()), "std": float(d.std()), "count": len(d)}


def heard(pair: Pair, x: Array, classes: Array | None, streams: Streams) -> Array:
    """(R, N / pack) what the discriminator says outside training, as it says it, of (R, N, *shape) in whole packs.

    classes: (R, N), if it is told any; streams: of what its layers draw
    """
    net = pair.discriminator.network
    shown = packed(x[:, : x.shape[1] - x.shape[1] % pair.pack], pair.pack)
    mode = Mode(streams, train=False, record=False).told(classes)
    # A discriminator that looks across examples says what it says of batches like those it has learnt from.
    portion = pair.batch_size // pair.pack if net.mixes_examples else PORTION
    parts = [slice(i, i + portion) for i in range(0, shown.shape[1], portion)]
    said = [as_logits(net.forward(shown[:, part], mode.part(part))[0]) for part in parts]
    return np.concatenate(said, 1)[..., 0].astype(np.float64)

"""What the discriminator says of examples that it has learnt from, beside those that it has never seen."""

from __future__ import annotations

import numpy as np

from dessine.data import Examples
from dessine.games.game import Array
from dessine.games.measures.verdict import heard
from dessine.games.pair import Pair

LOOKED = 500
"""Examples of each part, always the same."""


def gap(pair: Pair, drawn: Array) -> dict[str, dict[str, Array]]:
    """`critic_gap`: the discriminator's means, as it says them, and how much of what it tells apart it knows by heart, (R,).

    train, held_out, generated: its mean on training examples, on those of the validation part, or of the test part where there
        is none, and on generated ones
    error: standard error of train - held_out, over the examples that are looked at
    share: (train - held_out) / (train - generated), 0 for one that has learnt what examples have in common, 1 for one that
        takes what it has not seen for generated (Karras et al. 2020, equation 1, r_v); NaN where it prefers the generated ones
    Nothing where fewer than two packs are held out. drawn: (R, N, *shape) by the generator that plays, from `pair.fixed()`.
    """
    if min(len(pair.examples), len(pair.watched)) < 2 * pair.pack:
        return {}
    found = {"train": _said(pair, pair.examples), "held_out": _said(pair, pair.watched)}
    n = min(LOOKED, drawn.shape[1])
    asked = pair.classes_of(pair.fixed(), drawn.shape[1])
    found["generated"] = heard(pair, drawn[:, :n], None if asked is None else asked[:, :n], pair.fixed())
    told = {name: y.mean(1) for name, y in found.items()}
    told["error"] = np.sqrt(sum(y.var(1, ddof=1) / y.shape[1] for y in (found["train"], found["held_out"])))
    apart = told["train"] - told["generated"]
    told["share"] = (told["train"] - told["held_out"]) / np.where(apart > 0, apart, np.nan)
    return {"critic_gap": told}


def _said(pair: Pair, examples: Examples) -> Array:
    """(R, n) of some examples, chosen once for all."""
    index = examples.scattered(LOOKED)
    x = examples.floats(index, pair.dtype)
    classes = None if pair.kinds is None else pair.kinds.indices(examples, index)
    r = pair.streams.replicates
    return heard(
        pair,
        np.broadcast_to(x, (r, *x.shape)),
        None if classes is None else np.broadcast_to(classes, (r, len(classes))),
        pair.fixed(),
    )

"""What a turn tells by itself: losses, what the discriminator said of both sides, and how often it moved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dessine.games.game import Array
from dessine.games.look import Look
from dessine.games.pair import Pair
from dessine.losses import sigmoid


def losses(looks: Sequence[Look]) -> dict[str, Array]:
    """Player -> (R,), of its last move; of a discriminator that sees one side at a time the sum of both sides' last."""
    told, sides = {look.name: look.loss for look in looks}, _sides(looks)
    return told | ({"discriminator": np.sum([*sides.values()], axis=0)} if sides else {})


def said(pair: Pair, looks: Sequence[Look]) -> dict[str, Any]:
    """Every other metric of the looks that a turn was made of, each of the last look that has it."""
    told: dict[str, Any] = {}
    logits = {side: y for look in looks for side, y in look.said.items()}
    for side, y in logits.items():
        d = sigmoid(y) if pair.loss.probability else y
        told[f"d_{side}"] = {"mean": d.mean(-1), "std": d.std(-1)}
    if pair.loss.type == "wasserstein" and len(logits) == 2:
        told["w_estimate"] = logits["real"].mean(-1, dtype=np.float64) - logits["generated"].mean(-1, dtype=np.float64)
    if sides := _sides(looks):
        told["sides"] = sides
    theirs = [look for look in looks if look.name == "discriminator"]
    if theirs[-1].penalty is not None:
        told["penalty"] = theirs[-1].penalty
    if asked := {side: value for look in looks for side, value in look.asked.items()}:
        told["asked"] = asked
    if pair.critic_moves.varies:
        told["critic_moves"] = np.full(pair.streams.replicates, len(theirs))
    return told


def _sides(looks: Sequence[Look]) -> dict[str, Array]:
    """Side -> loss (R,) of the last look at it, of discriminators that see one at a time."""
    return {side: look.loss for look in looks if len(look.said) == 1 for side in look.said}

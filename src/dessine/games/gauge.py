"""What a move does to the layers of a player, measured beside it: a player without a gauge pays nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from dessine.constraints import Constraint
from dessine.nn import Network
from dessine.optimizers import Optimizer

Array = np.ndarray


class Gauge:
    """Put on a player, it is called before and after each of its moves, and keeps what it found of the last one.

    told: `layers`, of each the norm of its gradient and norm of the update / norm of the weights; with an optimizer that has
    one, `momentum_cosine`, of the angle between what it has kept of former gradients and the new one; and what the constraint
    measures. All are (R,).
    """

    def __init__(self) -> None:
        self.told: dict[str, Any] = {}

    def before(self, network: Network, optimizer: Optimizer) -> None:
        """Once the gradient is what the optimizer will see."""
        self.theta = network.theta.copy()
        self.norms = {key: _norm(network.grad[:, part]) for key, part in network.slices.items()}
        self.cosine = _momentum(optimizer, network.grad)

    def after(self, network: Network, held: Constraint) -> None:
        """Once the parameters are where they stay."""
        moved, tiny = network.theta - self.theta, np.finfo(self.theta.dtype).tiny
        layers = {
            key: {
                "grad_norm": self.norms[key],
                "update_ratio": _norm(moved[:, part]) / np.maximum(_norm(self.theta[:, part]), tiny),
            }
            for key, part in network.slices.items()
        }
        self.told = {"layers": layers} | self.cosine | held.measure(network)


def _momentum(optimizer: Optimizer, grad: Array) -> dict[str, Array]:
    """Cosine of the angle between the kept mean of gradients and `grad`, (R,): under 0 the player turns back."""
    slots = optimizer.slots
    kept = slots.get("velocity", slots.get("mean"))
    if kept is None:
        return {}
    tiny = np.finfo(np.float64).tiny
    along = np.einsum("rp,rp->r", kept, grad, dtype=np.float64)
    return {"momentum_cosine": along / np.maximum(_norm(kept) * _norm(grad), tiny)}


def _norm(x: Array) -> Array:
    return np.sqrt(np.square(x, dtype=np.float64).sum(-1))

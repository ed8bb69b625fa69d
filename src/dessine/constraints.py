"""What the parameters must satisfy after each step of the optimizer.

A constraint moves them back into place; whose parameters, and after which move, belong to the game.
"""

from __future__ import annotations

import numpy as np

from dessine.registry import Node, Positive, Registry

constraints: Registry[Constraint] = Registry("constraint")


class Constraint(Node):
    """A set that parameters are brought back to."""

    registry = constraints

    def apply_(self, theta: np.ndarray) -> None:
        """Bring theta, of any shape, into the set, in place."""
        raise NotImplementedError


@constraints.register("clip")
class Clip(Constraint):
    """Clip every weight and every bias to [-c, c] (Arjovsky et al. 2017, algorithm 1).

    c: the largest absolute value that a parameter may have
    """

    def __init__(self, c: Positive = 0.01):
        self.c = c

    def apply_(self, theta: np.ndarray) -> None:
        """Entries beyond the bounds move onto them; NaN stays NaN."""
        np.clip(theta, -self.c, self.c, out=theta)

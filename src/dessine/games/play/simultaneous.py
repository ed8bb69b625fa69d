"""Both at once: each player answers to where the other has been."""

from __future__ import annotations

from dessine.games.play.descent import Descent
from dessine.games.play.rule import rules


@rules.register("simultaneous")
class Simultaneous(Descent):
    """Both players move along the field at one point, w <- w - eta v(w) (Mescheder et al. 2017, algorithm 1).

    w are the parameters of both, and v(w) = (dL_D/dpsi, dL_G/dtheta), each player's gradient of its own loss, at one batch.
    """

    def __init__(self) -> None:
        super().__init__("simultaneous")

"""Consensus: beside winning, both players want the field to be short, so that they come to rest where none has to move."""

from __future__ import annotations

from collections.abc import Sequence

from dessine.games.jacobian import Jacobian
from dessine.games.look import Look
from dessine.games.pair import Batch, Pair
from dessine.games.play.order import BOTH, Name, Order, Ordered
from dessine.games.play.rule import rules
from dessine.registry import SpecError
from dessine.schedules import MovingPositive, Scheduled


@rules.register("consensus")
class Consensus(Scheduled, Ordered):
    """w <- w - eta (v + weight * grad |v|^2 / 2), v(w) the field of both gradients (Mescheder et al. 2017, algorithm 2).

    weight: of the field's squared length; 10 in their experiments
    order: simultaneous, one move of each player; or alternating, each by its own part of that gradient, as often as n_critic
        and its like say
    first: who begins a turn, if they alternate
    The gradient of |v|^2 / 2 is J' v, J the field's Jacobian at this batch, v counting as given: exact, by derivatives along a
    direction (nn/tangent.py), at about five times the cost of v. All that is drawn, dropout and noise, is drawn once for v and
    J' v. A batch's |v|^2 is larger than that of the mean field, by the variance of v. With spectral_norm v is the field by the
    weights that the layers work with. A gradient penalty would have to be differentiated a third time, and other aims of the
    generator once more: they are refused, as is maxout.
    """

    twice = True
    weight: float

    def __init__(self, weight: MovingPositive = 10.0, order: Order = "simultaneous", first: Name = "discriminator"):
        super().__init__(order, first)
        self.hold(weight=weight)

    def refuse(self, pair: Pair) -> None:
        super().refuse(pair)
        if pair.discriminator.constraint is not None and pair.discriminator.is_penalised:
            text = f"consensus cannot differentiate {pair.discriminator.constraint.type} once more: take one of the two"
            raise SpecError(text, ("discriminator", "constraint"))
        for name in ("feature_matching", "unrolled"):
            if getattr(pair, name) is not None:
                raise SpecError(f"consensus is of the losses alone, it knows no {name}: take one of the two", (name,))

    def moves(self, pair: Pair, names: Sequence[Name], batch: Batch | None = None) -> list[Look]:
        at = Jacobian(pair, batch or pair.batch())
        critic, generator, logits, made = at.field()
        at.pulled(*(pair.player(name).network.grad * pair.dtype.type(self.weight) for name in BOTH))
        for name in BOTH:
            if name not in names:
                pair.player(name).network.grad.fill(0)
        then = None if pair.average is None else pair.average.follow
        said = {"real": logits[:, : at.n, 0], "generated": logits[:, at.n :, 0]}
        looks = {
            "discriminator": Look("discriminator", pair.discriminator, critic, [], said=said),
            "generator": Look("generator", pair.generator, generator, [], made=made, then=then),
        }
        return [looks[name].move() for name in names]

"""What a discriminator is asked beside real or generated: the class of an example, or the code it was made from.

Its answers are the numbers after the first one of what the discriminator says of an example.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from annotated_types import Ge, Le, MaxLen

from dessine.games.kinds import Kinds
from dessine.games.latent import Latent
from dessine.losses import SoftmaxCrossEntropy
from dessine.node import Node
from dessine.registry import Registry, SpecError
from dessine.schedules import MovingNonNegative, Scheduled
from dessine.streams import Streams

Array = np.ndarray
auxiliaries: Registry[Auxiliary] = Registry("auxiliary task")
Several = Annotated[int, Ge(2), Le(1_000)]


class Asked(NamedTuple):
    """Of one side of a batch: the classes (R, B), if there are any, and the latents (R, B, size), if they were made."""

    classes: Array | None = None
    latent: Array | None = None


class Auxiliary(Scheduled, Node):
    """A task that both players share: the discriminator learns to answer, the generator to be answered rightly."""

    registry = auxiliaries
    weight: float

    def outputs(self, kinds: Kinds | None) -> int:
        """How many numbers the answer has. Raises SpecError for data that have no answer."""
        raise NotImplementedError

    def latent(self, latent: Latent) -> Latent:
        """What the generator draws from, in place of `latent`."""
        return latent

    def error(self, side: str, y: Array, asked: Asked) -> tuple[Array, Array] | None:
        """The value, (R,), and its gradient by the answers y, (R, B, outputs). side: "real" or "generated", in the
        discriminator's look, or "own", in the generator's; None where nothing is asked."""
        raise NotImplementedError


@auxiliaries.register("classifier")
class Classifier(Auxiliary):
    """The discriminator also names the class; what is drawn is to be named as asked (ACGAN, Odena et al. 2017).

    weight: of the cross-entropy beside each player's loss
    on: examples by which the discriminator learns to name: both sides, as in the paper, or the real ones alone
    The last layer of the discriminator has 1 + classes outputs.
    """

    def __init__(self, weight: MovingNonNegative = 1.0, on: Literal["both", "real"] = "both"):
        self.hold(weight=weight)
        self.on = on

    def outputs(self, kinds: Kinds | None) -> int:
        if kinds is None:
            raise SpecError("names the class of an example, but these data have no labels", ("auxiliary",))
        return len(kinds)

    def error(self, side: str, y: Array, asked: Asked) -> tuple[Array, Array] | None:
        if side == "generated" and self.on == "real":
            return None
        assert asked.classes is not None
        value, dy = SoftmaxCrossEntropy()(y, asked.classes)
        return self.weight * value, y.dtype.type(self.weight) * dy


@auxiliaries.register("code")
class Code(Auxiliary):
    """A part of the latent is a code, which the discriminator must read from what was drawn (InfoGAN, Chen et al. 2016).

    So what the code changes can be seen, though nobody says what it is to be.

    categorical: numbers of kinds, of which each code names one, all as often
    continuous: how many numbers, uniform in [-1, 1), of which the discriminator gives the mean
    weight: of the categorical codes' part of the mutual information beside each player's loss
    continuous_weight: of the continuous codes', whose error counts half its square, as of a Gaussian of variance 1
    The code follows the latent's own numbers; of a categorical one's numbers the one of its kind is 1. The last layer of the
    discriminator has one output more for each number of the code.
    """

    continuous_weight: float

    def __init__(
        self,
        categorical: Annotated[list[Several], MaxLen(20)] = [10],  # noqa: B006
        continuous: Annotated[int, Ge(0), Le(1_000)] = 2,
        weight: MovingNonNegative = 1.0,
        continuous_weight: MovingNonNegative = 0.1,
    ):
        if not categorical and not continuous:
            raise SpecError("there is no code: give categorical or continuous", ("categorical",))
        self.categorical, self.continuous = tuple(categorical), continuous
        self.hold(weight=weight, continuous_weight=continuous_weight)
        self.size = sum(categorical) + continuous

    def outputs(self, kinds: Kinds | None) -> int:
        return self.size

    def latent(self, latent: Latent) -> Latent:
        return Coded(latent, self)

    def error(self, side: str, y: Array, asked: Asked) -> tuple[Array, Array] | None:
        """Minus a lower bound of the mutual information, the entropy of the code apart."""
        if side == "real":
            return None
        assert asked.latent is not None
        code = asked.latent[..., -self.size :]
        value, dy, at = np.zeros(len(y)), np.empty_like(y), 0
        for k in self.categorical:
            part = slice(at, at := at + k)
            e, d = SoftmaxCrossEntropy()(y[..., part], code[..., part])
            value, dy[..., part] = value + self.weight * e, y.dtype.type(self.weight) * d
        gap = y[..., at:] - code[..., at:]
        value = value + self.continuous_weight / 2 * np.square(gap).sum(-1).mean(-1)
        dy[..., at:] = gap * y.dtype.type(self.continuous_weight / y.shape[1])
        return value, dy

    def draw(self, streams: Streams, count: int, dtype: Any) -> Array:
        """(R, count, size) codes, from a stream of their own."""
        u = streams["code"].uniform((count, len(self.categorical) + self.continuous), np.float64)
        kinds = [np.eye(k, dtype=dtype)[np.minimum((u[..., i] * k).astype(int), k - 1)] for i, k in enumerate(self.categorical)]
        return np.concatenate([*kinds, (2 * u[..., len(kinds) :] - 1).astype(dtype)], -1)

    def set_(self, z: Array, kinds: Array) -> None:
        """Give latents (..., size) these kinds, (...), of the first categorical code."""
        k = self.categorical[0]
        start = z.shape[-1] - self.size
        z[..., start : start + k] = np.eye(k, dtype=z.dtype)[kinds]


class Coded(Latent):
    """A latent whose last numbers are a code."""

    def __init__(self, own: Latent, code: Code):
        super().__init__(own.size, own.distribution, own.limit)
        self.own, self.code, self.size = own, code, own.size + code.size

    def draw(self, streams: Streams, count: int, dtype: Any, purpose: str = "latent") -> Array:
        return np.concatenate(
            [self.own.draw(streams, count, dtype, purpose), self.code.draw(streams, count, dtype)], -1, dtype=dtype
        )

    def truncated(self, z: Array, bound: float, streams: Streams) -> Array:
        """The code stays."""
        n = self.own.size
        return np.concatenate([self.own.truncated(z[..., :n], bound, streams), z[..., n:]], -1)

    def within_(self, z: Array) -> None:
        """Codes between the kinds are let be: no more than a walk shows them."""
        n, kinds = self.own.size, self.size - self.code.continuous
        own = np.ascontiguousarray(z[..., :n])
        self.own.within_(own)
        z[..., :n] = own
        np.clip(z[..., n:kinds], 0, 1, out=z[..., n:kinds])
        np.clip(z[..., kinds:], -1, 1, out=z[..., kinds:])

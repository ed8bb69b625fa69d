"""The latent: what a generator draws from."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Le
from scipy.special import chdtri, ndtr, ndtri

from dessine.nn.network import MOST_NUMBERS
from dessine.node import Node
from dessine.registry import Positive, SpecError
from dessine.streams import Streams

Array = np.ndarray


class Latent(Node):
    """What the generator draws from.

    size: numbers per image
    distribution: gaussian N(0, 1), or uniform in [-limit, limit)
    limit: of the uniform distribution; the root of 3, 1.7320508, gives it a variance of 1
    """

    def __init__(
        self,
        size: Annotated[int, Ge(1), Le(MOST_NUMBERS)] = 100,
        distribution: Literal["gaussian", "uniform"] = "gaussian",
        limit: Positive = 1.0,
    ):
        self.size, self.distribution, self.limit = size, distribution, limit
        if distribution == "gaussian" and limit != 1.0:
            raise SpecError("is of the uniform distribution", ("limit",))

    def draw(self, streams: Streams, count: int, dtype: Any, purpose: str = "latent") -> Array:
        """(R, count, size)."""
        stream = streams[purpose]
        if self.distribution == "gaussian":
            return stream.gaussian((count, self.size), dtype)
        return stream.uniform((count, self.size), dtype, -self.limit, self.limit)

    def truncated(self, z: Array, bound: float, streams: Streams) -> Array:
        """Gaussian latents whose numbers beyond [-bound, bound] are drawn anew until they lie inside: the truncation trick of
        Brock et al. 2019, section 3.1. Those inside stay as they are.

        z: (R, count, size). Raises ValueError for uniform latents, which have a bound of their own.
        """
        if self.distribution != "gaussian":
            raise ValueError(f"its latents are uniform in [-{self.limit:g}, {self.limit:g}): only gaussian ones are truncated")
        low, high = float(ndtr(-bound)), float(ndtr(bound))
        # Drawn by its distribution function in one go: for a small bound, drawing until one lies inside would take for ever.
        anew = ndtri(streams["truncated"].uniform(z.shape[1:], np.float64, low, high)).astype(z.dtype)
        return np.where(np.abs(z) > bound, np.clip(anew, -bound, bound), z)

    def within_(self, z: Array) -> None:
        """Move latents (..., size), in place, to where they may have been drawn: a uniform one to its interval, a gaussian one
        straight towards 0, to the length that 999 of 1,000 do not exceed."""
        if self.distribution == "uniform":
            np.clip(z, -self.limit, self.limit, out=z)
            return
        length = np.sqrt(np.square(z, dtype=np.float64).sum(-1, keepdims=True))
        longest = np.sqrt(chdtri(self.size, 0.001))
        z *= (longest / np.maximum(length, longest)).astype(z.dtype)

    @property
    def std(self) -> float:
        """Of each number."""
        return 1.0 if self.distribution == "gaussian" else self.limit / 3**0.5

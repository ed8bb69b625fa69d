"""The latent: what a generator draws from."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Le

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

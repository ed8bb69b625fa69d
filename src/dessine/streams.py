"""Random streams: one generator per purpose and replicate, so that no draw moves another.

What is drawn belongs to the callers; here are only the generators, how they are seeded, and their state for checkpoints.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

Array = np.ndarray


class Stream:
    """R generators drawing together: every method returns (R, *shape), replicate r from its own generator."""

    def __init__(self, generators: list[np.random.Generator]):
        self.generators = generators

    def gaussian(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """Standard normal draws."""
        out = np.empty((len(self.generators), *shape), dtype)
        for row, generator in zip(out, self.generators, strict=True):
            generator.standard_normal(out=row, dtype=dtype)
        return out

    def uniform(self, shape: tuple[int, ...], dtype: Any, low: float = 0.0, high: float = 1.0) -> Array:
        """Uniform draws in [low, high)."""
        out = np.empty((len(self.generators), *shape), dtype)
        for row, generator in zip(out, self.generators, strict=True):
            generator.random(out=row, dtype=dtype)
        if (low, high) != (0.0, 1.0):
            out *= high - low
            out += low
        return out

    def permutations(self, n: int) -> Array:
        """(R, n) orders of 0..n-1."""
        return np.stack([generator.permutation(n) for generator in self.generators])


class Streams:
    """The streams of a run. Replicate r's depend on `seed + r` and the purpose alone: it repeats the run of that seed."""

    def __init__(self, seed: int, replicates: int = 1):
        self.seed, self.replicates = seed, replicates
        self._streams: dict[str, Stream] = {}

    def __getitem__(self, purpose: str) -> Stream:
        if purpose not in self._streams:
            key = (zlib.crc32(purpose.encode()),)
            seeds = [np.random.SeedSequence(self.seed + r, spawn_key=key) for r in range(self.replicates)]
            self._streams[purpose] = Stream([np.random.Generator(np.random.PCG64(s)) for s in seeds])
        return self._streams[purpose]

    def state(self) -> dict[str, list[dict[str, Any]]]:
        """Plain numbers and strings, ready for JSON."""
        return {name: [dict(g.bit_generator.state) for g in stream.generators] for name, stream in self._streams.items()}

    def restore(self, state: dict[str, list[dict[str, Any]]]) -> None:
        """Go back to what `state()` returned."""
        self._streams.clear()
        for name, states in state.items():
            for generator, one in zip(self[name].generators, states, strict=True):
                generator.bit_generator.state = one

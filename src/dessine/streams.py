"""Random streams: one generator per purpose and replicate, so that no draw moves another.

What is drawn belongs to the callers; here are only the generators, how they are seeded, and their state for checkpoints.
"""

from __future__ import annotations

import math
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
        """Uniform draws in [low, high), up to rounding: high itself is possible where high - low is no power of 2."""
        out = np.empty((len(self.generators), *shape), dtype)
        for row, generator in zip(out, self.generators, strict=True):
            generator.random(out=row, dtype=dtype)
        if (low, high) != (0.0, 1.0):
            out *= high - low
            out += low
        return out

    def whole(self, shape: tuple[int, ...], size: int) -> Array:
        """Whole numbers of `size` bytes, 1 or 2, each as often as any other: they cost no more than their bytes."""
        n, each = math.prod(shape), 8 // size  # the generators make eight bytes at a time
        raw = [generator.bit_generator.random_raw(-(-n // each)) for generator in self.generators]
        return np.stack([one.astype("<u8", copy=False).view(f"<u{size}")[:n] for one in raw]).reshape(-1, *shape)

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
            self._streams[purpose] = Stream([np.random.Generator(bits) for bits in self._bits(purpose)])
        return self._streams[purpose]

    def _bits(self, purpose: str) -> list[np.random.PCG64]:
        """One for each replicate, where it starts."""
        key = (zlib.crc32(purpose.encode()),)
        return [np.random.PCG64(np.random.SeedSequence(self.seed + r, spawn_key=key)) for r in range(self.replicates)]

    def state(self) -> dict[str, list[dict[str, Any]]]:
        """Plain numbers and strings, ready for JSON."""
        return {name: [dict(g.bit_generator.state) for g in stream.generators] for name, stream in self._streams.items()}

    def restore(self, state: dict[str, list[dict[str, Any]]]) -> None:
        """Go back to what `state()` returned. A stream that somebody holds is the one that goes back."""
        for name in dict.fromkeys([*self._streams, *state]):  # in order, so that equal runs have equal checkpoints
            states = state.get(name) or [dict(bits.state) for bits in self._bits(name)]  # not used then: at its start
            for generator, one in zip(self[name].generators, states, strict=True):
                generator.bit_generator.state = one


class Held(Streams):
    """Streams that begin anew at each draw, and give every example of a batch the same: noise that stands still, so that what
    is made of two latents differs by these alone."""

    def __getitem__(self, purpose: str) -> Stream:
        return _HeldStream([np.random.Generator(bits) for bits in self._bits(purpose)])


class _HeldStream(Stream):
    def gaussian(self, shape: tuple[int, ...], dtype: Any) -> Array:
        return np.repeat(super().gaussian((1, *shape[1:]), dtype), shape[0], 1)

    def uniform(self, shape: tuple[int, ...], dtype: Any, low: float = 0.0, high: float = 1.0) -> Array:
        return np.repeat(super().uniform((1, *shape[1:]), dtype, low, high), shape[0], 1)

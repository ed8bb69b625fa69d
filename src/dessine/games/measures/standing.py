"""Where the players of a small game stand, and how far from rest: metrics, and what a whole run tells of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from dessine.games.game import Array
from dessine.games.pair import Pair
from dessine.games.small import Small, point

LEAST = 10
"""Lines of metrics that a contraction is fitted to."""


def standing(pair: Pair, small: Small) -> dict[str, Any]:
    """`theta` of the generator and `psi` of the discriminator, a number, or several by name, and `distance`, |.|, from rest.

    All are (R,); the distance is NaN where no rest is known.
    """
    at, told = point(pair), dict[str, Any]()
    for letter, names, values in zip(("theta", "psi"), small.names, np.split(at, [small.sizes[0]], 1), strict=True):
        told[letter] = values[:, 0] if len(names) == 1 else dict(zip(names, values.T, strict=True))
    rest = np.nan if small.rest is None else small.rest
    return told | {"distance": np.linalg.norm(at - rest, axis=1)}


def summed_up(small: Small, records: list[dict[str, Any]], repeats: int) -> dict[str, Any]:
    """For summary.json: where it rests, the eigenvalues of the field there and of a turn, and what was measured beside them.

    Complex numbers are pairs of real ones. `contraction` is the factor by which a turn has changed the distance,
    `spectral_radius` what it would be near rest by the theory, of replicate 0. Both join the last metrics, too, which sweeps
    compare.
    """
    told: dict[str, Any] = {"rest": None if small.rest is None else [float(x) for x in small.rest[0]]}
    told["field_eigenvalues"], told["turn_eigenvalues"] = _pairs(small.eigenvalues), _pairs(small.turn_eigenvalues)
    found = contraction(records, repeats)
    told["contraction"] = found[0] if repeats == 1 else found
    told["spectral_radius"] = small.radius if repeats == 1 else [small.radius] * repeats
    return told | {"last": records[-1] | {key: told[key] for key in ("contraction", "spectral_radius")}}


def contraction(records: list[dict[str, Any]], repeats: int = 1) -> list[float | None]:
    """Of each repeat exp of the slope of log distance over steps, fitted to the second half of the lines; None without one."""
    records = list({record["step"]: record for record in records if "step" in record}.values())  # a last one may come twice
    last = records[len(records) // 2 :]
    steps = np.array([record["step"] for record in last], float)
    found: list[float | None] = []
    for r in range(repeats):
        told = [record.get("distance") for record in last]
        d = np.array([one[r] if isinstance(one, list) else one for one in told], float)
        there = np.isfinite(d) & (d > 0)
        slope = np.polyfit(steps[there], np.log(d[there]), 1)[0] if there.sum() >= LEAST else None
        found.append(None if slope is None else float(np.exp(slope)))
    return found


def _pairs(values: Array | None) -> list[list[float]] | None:
    return None if values is None else [[float(z.real), float(z.imag)] for z in values]

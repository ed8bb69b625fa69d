"""An experiment as a whole: what only shows when its parts are put together."""

from __future__ import annotations

from typing import Any

import pytest

from dessine.experiment import Experiment
from dessine.registry import SpecError


def test_batch_norm_of_a_batch_of_one_is_refused() -> None:
    network = {"layers": ["batch_norm", {"type": "dense", "units": 1}]}
    game = {"type": "classification", "network": network}
    spec: dict[str, Any] = {"data": {"type": "xor"}, "game": game, "training": {"steps": 1, "batch_size": 1}}
    with pytest.raises(SpecError, match=r"training.batch_size: must be at least 2 for a batch_norm layer"):
        Experiment.of(spec).build()
    spec["training"] = {"steps": 1, "batch_size": 2}
    Experiment.of(spec).build()

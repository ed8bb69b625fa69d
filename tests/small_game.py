"""A game of a few neurons, in three repeats."""

from __future__ import annotations

from dessine.experiment import Experiment
from dessine.schema import check

SPEC = {
    "data": {"type": "ring", "points": 50},
    "game": {
        "type": "adversarial",
        "latent": {"size": 2},
        "generator": {"layers": [{"type": "dense", "units": 4}, {"type": "batch_norm"}, {"type": "dense", "units": 2}]},
        "discriminator": {"layers": [{"type": "dense", "units": 4, "activation": "relu"}, {"type": "dense", "units": 1}]},
    },
    "training": {"steps": 100, "batch_size": 10},
    "outputs": {"metrics": 7, "samples": 10, "checkpoint": 25},
    "repeats": 3,
}


def built(**changes: object) -> Experiment:
    experiment: Experiment = check(Experiment, SPEC | changes).node
    experiment.build()
    return experiment

"""Data: arrays in, arrays out."""

from dessine.data import (  # noqa: F401  registers them
    cifar10,
    fashion,
    images,
    ink,
    mixtures,
    mnist,
    planar,
    points,
    regions,
    sheep,
    stacked,
)
from dessine.data.dataset import PLACES, Dataset, Examples, Split, datasets, modes_of

__all__ = ["PLACES", "Dataset", "Examples", "Split", "datasets", "modes_of"]

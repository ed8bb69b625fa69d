"""Data: arrays in, arrays out."""

from dessine.data import cifar10, images, mixtures, mnist, planar, points, regions, sheep, stacked  # noqa: F401  registers them
from dessine.data.dataset import PLACES, Dataset, Examples, Split, datasets

__all__ = ["PLACES", "Dataset", "Examples", "Split", "datasets"]

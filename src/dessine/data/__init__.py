"""Data: arrays in, arrays out."""

from dessine.data import mixtures, mnist, points, regions  # noqa: F401  registers them
from dessine.data.dataset import Dataset, Examples, Split, datasets

__all__ = ["Dataset", "Examples", "Split", "datasets"]

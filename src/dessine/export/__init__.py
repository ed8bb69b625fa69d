"""Trained networks for other programs: a file per format. What a format cannot say is refused by its name."""

from dessine.export.formats import FORMATS, Format, write
from dessine.export.taken import Step, Taken, take

__all__ = ["FORMATS", "Format", "Step", "Taken", "take", "write"]

"""Pictures: arrays in, files out. Loading this loads no matplotlib."""

from dessine.plots.pictures import Pictures

__all__ = ["Pictures"]

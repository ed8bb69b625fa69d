"""Study how neural networks and GANs learn, with networks written by hand in NumPy.

The command line starts in `dessine.cli`; a notebook starts with `dessine.nn`, `dessine.losses` and `dessine.optimizers`.
"""

__version__ = "0.1.0"

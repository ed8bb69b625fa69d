"""Study how neural networks and GANs learn, with networks written by hand in NumPy.

The command line starts in `dessine.cli`; a notebook starts with `dessine.nn`, `dessine.losses` and `dessine.optimizers`.
"""

import os

# OpenBLAS's idle workers wait for their next product in a busy loop, up to 30 ms by default, and hold the very cores that
# the optimizer's threads, the activations or another process want. The least value sends them to sleep at once. NumPy
# reads it as it loads, so that this helps only where dessine is imported first, as its commands do.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")

__version__ = "0.1.0"

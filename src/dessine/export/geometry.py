"""Where windows stand, for formats that say it with borders: told by the shapes and options of a step alone."""

from __future__ import annotations

from dessine.export.taken import Step
from dessine.nn.windows import Pair, Windows, pair


def windows(step: Step) -> Windows:
    """Of a convolution or pooling over its input; of a transposed convolution over its output, which it paints."""
    larger = step.output if step.type == "conv2d_transpose" else step.input
    kernel = step.options["size" if step.type.endswith("pool") else "kernel"]
    return Windows.over((larger[0], larger[1]), pair(kernel), pair(step.options["stride"]), step.options["padding"])


def rest(step: Step) -> Pair:
    """Rows and columns that a transposed convolution has beyond the last window: what others call output padding."""
    over = windows(step)
    sides = zip(over.padded, over.places, over.stride, over.kernel, strict=True)
    down, across = (n - ((m - 1) * s + k) for n, m, s, k in sides)
    return down, across

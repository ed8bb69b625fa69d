"""What a generator has learnt of data on a line: the densities of both sides, and what the discriminator says there."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill

import numpy as np

from dessine.plots.figure import picture
from dessine.plots.fonts import plain

Array = np.ndarray
BINS = 60


def reach(real: Array, generated: Array) -> tuple[float, float]:
    """From where to where the axis goes: a little beyond the real points; where these are one, beyond all."""
    x = real if real.min() < real.max() else np.concatenate([real, generated[np.isfinite(generated)]])
    pad = 0.35 * (x.max() - x.min()) or 1.0
    return float(x.min() - pad), float(x.max() + pad)


def save_densities(
    path: Path,
    real: Array,
    generated: Array,
    at: Array,
    density: Array | None,
    says: Array | None,
    caption: str,
    probability: bool = True,
    found: str = "",
) -> None:
    """real, generated: (N,), (M,) points; at: (n,) where the true density and what D says are told, if they are."""
    ends = float(at[0]), float(at[-1])
    with picture(path, size=(6.5, 4.4), dpi=120) as (figure, ((axes,),)):
        bins = np.linspace(*ends, BINS + 1)
        for x, colour, label in ((real, "silver", "real"), (generated, "C3", "generated")):
            inside = x[(x >= ends[0]) & (x <= ends[1])]
            weights = np.full(len(inside), BINS / (max(len(x), 1) * (ends[1] - ends[0])))
            axes.hist(inside, bins, weights=weights, color=colour, alpha=0.55, label=label)
        if density is not None:
            axes.plot(at, density, color="black", lw=1.2, label="true density")
        axes.set(xlabel="x", ylabel="density", xlim=ends)
        if says is not None:
            other = axes.twinx()
            other.plot(at, says, color="C0", lw=1.6)
            axes.plot([], [], color="C0", lw=1.6, label="D(x), right")
            other.grid(visible=False)
            other.set_ylabel("D(x), probability of real" if probability else "D(x), no probability", color="C0")
            other.spines["right"].set_visible(True)
            if probability:
                other.set_ylim(-0.02, 1.02)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
        figure.suptitle(fill(plain(f"{caption}: {found}" if found else caption), 60))

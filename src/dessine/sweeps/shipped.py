"""The tables that come with dessine: configs/published, in the checkout or in the installed package."""

from __future__ import annotations

from pathlib import Path

import dessine

PACKAGE = Path(dessine.__file__).parent


def folder() -> Path:
    """Where they are: in a checkout the top's configs/published, which a wheel puts into the package."""
    checkout = PACKAGE.parents[1] / "configs" / "published"
    return checkout if checkout.is_dir() else PACKAGE / "configs" / "published"


def tables() -> dict[str, Path]:
    """Name -> the sweep, in the order of their names. Those they build on stand in a folder below."""
    return {path.stem: path for path in sorted(folder().glob("*.yaml"))}

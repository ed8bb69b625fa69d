"""The places where a sweep can run, by name."""

from __future__ import annotations

from typing import Any

from dessine.sweeps.launchers import Launcher, Local


def launcher(name: str, options: dict[str, Any]) -> Launcher:
    """local, dask or slurm. Raises LauncherError where its package or its cluster is not there."""
    if name == "dask":
        from dessine.sweeps.on_dask import Dask

        return Dask(**options)
    if name == "slurm":
        from dessine.sweeps.on_slurm import Slurm

        return Slurm(**options)
    return Local()

"""`dessine doctor`: whether this installation and this machine are well, how fast they are, and what to set."""

from __future__ import annotations

import json
import os
import pickletools
import platform
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import click
from threadpoolctl import threadpool_info

from dessine import __version__
from dessine.cli.paths import json_option, runs_option
from dessine.cli.terminal import room, table

NEEDED = ("numpy", "scipy", "pyyaml", "click", "matplotlib", "pillow", "pydantic", "numba")
EXTRAS = {
    "search": ("optuna",),
    "dask": ("distributed",),
    "slurm": ("submitit",),
    "tensorboard": ("tensorboardX",),
    "mlflow": ("mlflow", "sqlalchemy", "alembic"),
}
LITTLE_DISK, NO_DISK = 2e9, 5e7
TRIED = 1 << 16
"""Bytes that are written where something will be: a folder may take files, and no more bytes."""
LITTLE_MEMORY, LARGE_CACHE = 2e9, 3e8
MOST_FAULTS = 12
"""Of the cache, each told in a line."""
CONFIG = "gan_mnist"
"""Whose turns tell the speed."""
WELL, NOTE, BROKEN = "ok", "note", "broken"
SECONDS = 1.0


class Check(NamedTuple):
    """One thing that was looked at. state: ok, note (it works, but) or broken; do: what to set, where there is something."""

    name: str
    state: str
    told: str
    do: str = ""


@click.command(epilog="Example: dessine doctor --json > doctor.json")
@click.option("--speed/--no-speed", default=True, help="Whether two seconds are spent on how fast it is here.")
@json_option
@runs_option
def command(speed: bool, as_json: bool, runs_dir: Path) -> None:
    """Look at this installation and this machine: versions, threads, BLAS, compiled loops, data, disk, runs/, and speed.

    It changes nothing and sends nothing. The exit code is 0, or 1 if something is broken, which the last lines say.
    """
    parts: list[tuple[str, Callable[[], Iterator[Check]]]] = [
        ("versions", _versions),
        ("threads", _threads),
        ("BLAS", _blas),
        ("compiled loops", _compiled),
        ("memory", _memory),
        ("data", _data),
        ("temporary files", _temporary),
        ("runs", lambda: _runs(runs_dir)),
        *([("speed", _speed)] if speed else []),
    ]
    found: list[Check] = []
    for name, part in parts:
        try:
            found += part()
        except Exception as error:  # what does not work here is what is asked
            found.append(Check(name, BROKEN, f"{type(error).__name__}: {' '.join(str(error).split())}"))
    bad = [check for check in found if check.state == BROKEN]
    if as_json:
        click.echo(json.dumps({"ok": not bad, "checks": [check._asdict() for check in found]}, indent=1))
    else:
        _tell(found)
    if bad:
        raise click.exceptions.Exit(1)


def _tell(found: list[Check]) -> None:
    rows = [(check.name, check.state, check.told) for check in found]
    colours = {1: {WELL: "green", NOTE: "yellow", BROKEN: "red"}}
    click.echo("\n".join(table(("", "", ""), rows, room(), text=(2,), colours=colours)[1:]))
    todo = [check for check in found if check.do]
    if todo:
        click.echo("\nwhat to set, or to do:")
        for check in todo:
            click.echo(f"  {check.name}: {check.do}")
    bad = [check.name for check in found if check.state == BROKEN]
    click.echo(f"\nbroken: {', '.join(bad)}" if bad else "\nall is well")


def _versions() -> Iterator[Check]:
    yield Check("dessine", WELL, f"{__version__} in {Path(__file__).parents[1]}")
    yield Check("Python", WELL, f"{platform.python_version()} ({platform.python_implementation()}) {sys.executable}")
    yield Check("system", WELL, f"{platform.platform()}, {_processor()}")
    told, missing = [], []
    for name in NEEDED:
        try:
            told.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    missing = [name for name in missing if name != "numba"]  # it may be missing
    yield Check("packages", BROKEN if missing else WELL, ", ".join(told), f"pip install {' '.join(missing)}" * bool(missing))
    extras = [name for name, modules in EXTRAS.items() if all(find_spec(module) for module in modules)]
    absent = [name for name in EXTRAS if name not in extras]
    more = f"; not there, and not needed: {', '.join(absent)} (pip install 'dessine[{absent[0]}]')" if absent else ""
    yield Check("extras", WELL, f"{', '.join(extras) or 'none'}{more}")
    if "utf" not in (sys.stdout.encoding or "").lower():
        yield Check("letters", NOTE, f"this terminal takes {sys.stdout.encoding}", "export LANG=C.UTF-8")


def _processor() -> str:
    """Its name, where the system tells."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _threads() -> Iterator[Check]:
    from dessine.threads import LIMITS, cores

    told = {name: os.environ[name] for name in LIMITS if os.environ.get(name)}
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    used, why = cores(), ", ".join(f"{name}={value}" for name, value in told.items())
    text = f"{used} of {there} cores" + (f" ({why})" if why else "")
    names = " ".join(told)
    if used > there:
        yield Check("threads", NOTE, text, f"unset {names}: more threads than cores wait for each other")
    elif used < there and told:
        yield Check("threads", NOTE, text, f"unset {names}, unless several trainings run at once")
    else:
        yield Check("threads", WELL, text)
    if hasattr(os, "getloadavg"):
        load = os.getloadavg()[0]
        busy = load > there + 0.5
        told_load = f"{load:.1f} programs want a core, there are {there}"
        yield Check("load", NOTE if busy else WELL, told_load, "times below are those of a busy machine" * busy)


def _blas() -> Iterator[Check]:
    from dessine.threads import blas  # noqa: F401  NumPy's and SciPy's are both loaded with it

    found = [one for one in threadpool_info() if one["user_api"] == "blas"]
    if not found:
        yield Check(
            "BLAS", NOTE, "none that can be told its threads: products may fight for cores", "pip install -U numpy scipy"
        )
        return
    told = ", ".join(
        dict.fromkeys(f"{one['internal_api']} {one.get('version') or '?'} ({one.get('architecture', '?')})" for one in found)
    )
    yield Check("BLAS", WELL, told)


def _compiled() -> Iterator[Check]:
    from platformdirs import user_cache_path

    from dessine.compiled import enabled

    if os.environ.get("DESSINE_COMPILED") == "0":
        yield Check(
            "compiled loops", NOTE, "switched off: DESSINE_COMPILED=0", "unset DESSINE_COMPILED: some trainings take less"
        )
        return
    if not enabled():
        yield Check("compiled loops", NOTE, "Numba is not installed: plain NumPy, the same results", "pip install numba")
        return
    from dessine.compiled import loops

    cache = user_cache_path("dessine") / "compiled"
    files = sorted(path for path in cache.rglob("*.nb?") if path.is_file()) if cache.is_dir() else []
    size = sum(path.stat().st_size for path in files)
    text = f"Numba {loops.numba.__version__}; {len(files)} files, {size / 1e6:.0f} MB in {cache}"
    why, damaged = _unwritable(cache), [path for path in files if size <= LARGE_CACHE and not is_whole_pickle(path)]
    if why:
        yield Check("compiled loops", NOTE, f"{text}: {why}, so that each process compiles anew", "set XDG_CACHE_HOME")
    elif damaged:
        some = ", ".join(path.name for path in damaged[:3]) + (", ..." if damaged[3:] else "")
        told = f"{text}: {len(damaged)} damaged ({some}), whose loops are compiled anew"
        yield Check("compiled loops", NOTE, told, f"rm -r {shlex.quote(str(cache))}")
    elif size > LARGE_CACHE:
        yield Check("compiled loops", NOTE, text, f"rm -r {shlex.quote(str(cache))}: most of it is of older versions")
    else:
        yield Check("compiled loops", WELL, text)


def is_whole_pickle(path: Path) -> bool:
    """Whether a file of Numba's cache ends where it should. It is not unpickled: what is in it could run."""
    try:
        with path.open("rb") as file:
            while True:  # an index is two, one after the other
                for _ in pickletools.genops(file):
                    pass
                if not file.peek(1):
                    return True
    except (OSError, ValueError, UnicodeDecodeError):
        return False


def _unwritable(folder: Path) -> str:
    """Why nothing can be written there, or would be if it were made; empty if it can."""
    there = next((path for path in (folder, *folder.absolute().parents) if path.exists()), Path("/"))
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(bytes(TRIED))
            return ""
    except OSError as error:
        return f"{there}: {error.strerror}"


def _memory() -> Iterator[Check]:
    from dessine.machine import amount, memory

    there = memory()
    little = there < LITTLE_MEMORY
    yield Check("memory", NOTE if little else WELL, amount(there), "take small batches, and few repeats at once" * little)


def _data() -> Iterator[Check]:
    from dessine.data import datasets
    from dessine.data.cache import faults
    from dessine.data.fetch import cache_folder
    from dessine.paths import shown

    rows = [row for _, member in sorted(datasets.members.items()) for row in member.available() if row.where]
    told = [f"{row.name} ({row.source}, {row.train:,} examples)" for row in rows]
    full = any(row.name == "mnist" and row.source == "full" for row in rows)
    yield Check("data", WELL, ", ".join(told), "" if full else "dessine data fetch mnist: all 60,000 images, if you want them")
    yield _place("cache", cache_folder(), "set DESSINE_DATA=FOLDER")
    found = faults()
    for one in found[:MOST_FAULTS]:
        yield Check(shown(one.path), BROKEN if one.wrong else NOTE, one.why, one.do)
    if found[MOST_FAULTS:]:
        yield Check("cache", NOTE, f"and {len(found) - MOST_FAULTS} more such things")


def _temporary() -> Iterator[Check]:
    """Where pictures are made before they are whole."""
    try:
        folder = Path(tempfile.gettempdir())
    except OSError as error:
        yield Check("temporary files", BROKEN, str(error), "set TMPDIR=FOLDER")
        return
    check = _place("temporary files", folder, "set TMPDIR=FOLDER")
    yield check._replace(state=BROKEN) if _unwritable(folder) else check


def _place(name: str, folder: Path, do: str) -> Check:
    """Whether it can be written to, and has room."""
    if why := _unwritable(folder):
        return Check(name, NOTE, f"cannot be written to ({why})", do)
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    text = f"{folder.absolute()}, {free / 1e9:.1f} GB free"
    if free < LITTLE_DISK:
        return Check(name, BROKEN if free < NO_DISK else NOTE, text, f"{do}, or make room")
    return Check(name, WELL, text)


def _runs(runs_dir: Path) -> Iterator[Check]:
    from dessine.runs.lock import locked

    name = str(runs_dir)
    if runs_dir.exists() and not runs_dir.is_dir():
        yield Check(name, BROKEN, "is no folder", "move it away, or say --runs-dir FOLDER")
        return
    check = _place(name, runs_dir, "say --runs-dir FOLDER")
    if _unwritable(runs_dir):
        yield check._replace(state=BROKEN)
        return
    yield check
    there = next(path for path in (runs_dir, *runs_dir.absolute().parents) if path.is_dir())
    with tempfile.TemporaryDirectory(dir=there) as own, locked(Path(own) / ".lock") as none:
        pass
    if none:
        yield Check("locks", NOTE, f"there are none ({none})", "take care that no two processes train in one run folder")
    else:
        yield Check("locks", WELL, "there are")


def _speed() -> Iterator[Check]:
    from dessine.stopwatch import matrix_rate
    from dessine.threads import cores

    rate = matrix_rate(seconds=SECONDS / 2)
    yield Check("matrix products", WELL, f"{rate / 1e9:.0f} GFLOP/s (float32, {cores()} threads)")
    turns, compiled = turn_time(SECONDS)
    text = f"{1e3 * turns:.2f} ms a turn of {CONFIG}, {1000 * turns:.0f} s for 1,000 of them"
    yield Check("GAN", WELL, text + (f"; before it compiled its loops for {compiled:.0f} s, once" if compiled > 1 else ""))


def turn_time(seconds: float) -> tuple[float, float]:
    """Seconds of one turn of a shipped game, the median of those made in `seconds`; and those of the first one."""
    from dessine.cli.loading import load
    from dessine.shipped import configs

    experiment: Any = load(configs()[CONFIG].path, ["data.limit=2000"], True)[0]
    began = time.perf_counter()
    experiment.game.turns(1)
    first = time.perf_counter() - began
    times, until = list[float](), time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < until:
        began = time.perf_counter()
        experiment.game.turns(1)
        times.append(time.perf_counter() - began)
    return median(times), first

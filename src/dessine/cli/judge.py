"""`dessine judge`: a classification run as one small file, and what a judge is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from dessine.cli.errors import say
from dessine.cli.loading import at_step, open_run
from dessine.cli.named import rows_in
from dessine.cli.paths import FILE, PATH, RUN, json_option, runs_option
from dessine.cli.trust import trust_plugins
from dessine.data import Examples
from dessine.games import Classification
from dessine.letters import harmless
from dessine.machine import amount
from dessine.registry import SpecError
from dessine.runs.files import finite, own
from dessine.runs.run import Run, RunError
from dessine.scores.judge import Judge
from dessine.scores.packed import LARGEST, Parts, bytes_of, known_of, made, of_file, pack, parts_of, rounded
from dessine.spec import read

LOST = 0.001
"""Of the test success, at most, that half precision may cost."""
PORTION = 1_000


@click.group(epilog="Example: dessine judge pack last --out digits.npz")
def command() -> None:
    """Judges: classification runs whose answers scores of a generator are made of (`scores.judge` of a config)."""


@command.command("pack", epilog="Example: dessine judge pack last --out digits.npz")
@click.argument("run", type=RUN)
@at_step
@trust_plugins
@click.option("--out", type=FILE, help="FILE.npz  [default: judge.npz in the run's folder]")
@json_option
@runs_option
def pack_it(run: str, at: int | str, out: Path | None, as_json: bool, runs_dir: Path) -> None:
    """Make one file of under 1 MB of the classifier RUN, of its first repeat: `scores.judge: FILE` takes it.

    Its weights are kept as they are, or, where that is too large, in half precision, if its test success stays the same. It is
    tested anew, so its data must be there. The last line of stdout is the file.
    """
    found, experiment, step = open_run(run, runs_dir, at=at)
    game = experiment.game
    if not isinstance(game, Classification):
        raise RunError(f"{found.path} is a run of the {game.type} game: only a classification run can judge")
    path = out or own(found.path, "judge.npz")
    if path.suffix.lower() != ".npz":
        raise click.UsageError(f"--out {path}: expects a name ending in .npz")
    if not path.parent.is_dir():
        raise click.UsageError(f"--out {path}: there is no folder {path.parent}")
    net = game.player.network
    known = known_of(found, read(own(found.path, "config.yaml"), alone=True).data, step)
    known |= {"classes": game.names, "span": list(game.span), "shape": list(experiment.split.train.shape)}
    known["run"]["measured"] = "test"
    known |= {"low": experiment.split.train.low, "high": experiment.split.train.high, "tested": len(experiment.split.test)}
    whole = Parts(known, net.theta[0].astype(np.float32), net.buffers[0].astype(np.float32))
    told = _packed(whole, path, found, experiment.split.test, game.test_classes)
    click.echo(json.dumps(finite(told), indent=2) if as_json else str(path))


def _packed(whole: Parts, path: Path, run: Run, test: Examples, classes: np.ndarray) -> dict[str, Any]:
    """Write it, as precisely as there is room for. Returns what is said of it."""
    parts, success = whole, _success(made(whole, run.path), test, classes)
    now = success
    if bytes_of(whole) > LARGEST:
        parts = rounded(whole)
        if bytes_of(parts) > LARGEST:
            text = f"its {whole.theta.size:,} parameters take {amount(bytes_of(parts))} in half precision"
            raise RunError(f"{run.path}: {text}, and a judge's file has 1 MB at most: the run's folder is a judge, too")
        try:
            now = _success(made(parts._replace(theta=parts.theta.astype(np.float32)), run.path), test, classes)
        except SpecError:
            now = 0.0  # beyond the range of half precision
        if now < success - LOST:
            raise RunError(
                f"{run.path}: in half precision, which a file of 1 MB asks for, its test success falls from {success:.4f} to "
                f"{now:.4f}: the run's folder is a judge, too"
            )
    size = pack(parts._replace(known=finite(parts.known | {"accuracy": now})), path)
    digits, judge = 8 * parts.theta.itemsize, made(of_file(path), path)
    told = {"file": str(path), "bytes": size, "bits": digits, "hash": judge.hash, "test_success": now, "tested": len(test)}
    told |= {"test_success_of_the_run": success, "shape": list(judge.shape), "classes": list(judge.classes)}
    say(f"{size:,} bytes, weights of {digits} bits, hash {judge.hash}")
    changed = "" if now == success else f" ({success:.4f} before its weights were rounded)"
    say(f"test success {now:.4f} of {len(test):,} examples{changed}, reads {_reads(judge)}")
    return told


def _success(judge: Judge, test: Examples, classes: np.ndarray) -> float:
    """Share of test examples whose class it says."""
    right = 0
    for i in range(0, len(test), PORTION):
        index = np.arange(i, min(i + PORTION, len(test)))
        x = test.floats(index, np.float32)
        said = judge.read(test.images(x) if len(test.shape) == 3 else x)[0].argmax(1)
        right += int((said == classes[index]).sum())
    return right / len(test)


@command.command("show", epilog="Example: dessine judge show digits.npz")
@click.argument("judge", type=PATH)
@json_option
@runs_option
def show_it(judge: Path, as_json: bool, runs_dir: Path) -> None:
    """What the judge in the folder or file JUDGE is: hash, what it reads and says, how well, what it has learnt from, and which
    runs have had it as their judge.
    """
    parts = parts_of(judge)
    one, known = made(parts, judge), parts.known
    users = [row.path for row in rows_in(runs_dir, cells=True) if row.info.get("judge", {}).get("hash") == one.hash]
    told = {"judge": str(judge), "hash": one.hash, "test_success": one.accuracy, "measured": known["run"].get("measured")}
    told |= {"shape": list(one.shape), "classes": list(one.classes), "parameters": one.network.theta.size}
    told |= {"layers": [layer.type for layer in one.network.layers], "trained": known["run"], "used_by": [*map(str, users)]}
    if as_json:
        click.echo(json.dumps(finite(told), indent=2))
        return
    lines = {
        "hash": one.hash,
        "reads": _reads(one),
        "success": _how_well(one, known),
        "learnt from": _learnt_from(known["run"]),
        "trained by": known["run"].get("command"),
        "network": _network(one, judge),
        "made with": _made_with(known["run"]),
        "used by": _used_by(users, runs_dir),
    }
    for name, text in lines.items():
        if text:
            click.echo(harmless(f"{name:<12}{text}"))


def _how_well(judge: Judge, known: dict[str, Any]) -> str:
    if judge.accuracy != judge.accuracy:
        return "not known"
    part = known["run"].get("measured") or "test"
    of = f"{known['tested']:,} {part} examples" if known["tested"] else f"its {part} examples"
    return f"{judge.accuracy:.4f} of {of} read right"


def _learnt_from(run: dict[str, Any]) -> str:
    """Which data; those who packed it long ago have said less."""
    parts = [f"{run['examples']:,} examples" if isinstance(run.get("examples"), int) else "", str(run.get("source") or "")]
    data = f"{run.get('data') or ''}" + (f" ({', '.join(filter(None, parts))})" if any(parts) else "")
    steps = f"{run['step']:,} steps" if isinstance(run.get("step"), int) else ""
    return ", ".join(part for part in (data, steps, f"the run {run['name']}" if run.get("name") else "") if part)


def _network(judge: Judge, path: Path) -> str:
    size = f", a file of {path.stat().st_size:,} bytes" if path.is_file() else ""
    return f"{', '.join(layer.type for layer in judge.network.layers)}: {judge.network.theta.size:,} parameters{size}"


def _made_with(run: dict[str, Any]) -> str:
    versions, git = run.get("versions") or {}, run.get("git") or {}
    told = ", ".join(f"{name} {v}" for name, v in versions.items() if name in ("dessine", "numpy"))
    return told + (f", commit {str(git['commit'])[:12]}" if git.get("commit") else "")


def _used_by(users: Sequence[Path], runs_dir: Path) -> str:
    if not users:
        return f"no run in {runs_dir}"
    some = ", ".join(path.name for path in users[:5]) + (", ..." if len(users) > 5 else "")
    return f"{len(users):,} run{'s' * (len(users) > 1)} in {runs_dir}: {some}"


def _reads(judge: Judge) -> str:
    names, size = judge.classes, " x ".join(map(str, judge.shape))
    some = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
    return f"{size} as one of {len(names)} classes: {some}"

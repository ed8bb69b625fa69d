"""`dessine train`: parse, build, train, say where it is."""

from __future__ import annotations

import shlex
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from dessine.cli.loading import load
from dessine.experiment import Experiment, Stopped, train
from dessine.runs.run import Run
from dessine.spec import BadSpec, dump, read
from dessine.sweeps.repeats import train_apart, train_repeats


@click.command(epilog="Example: dessine train configs/gan_mnist.yaml training.steps=1000 seed=3")
@click.argument("arguments", nargs=-1, metavar="CONFIG [KEY=VALUE ...]")
@click.option("--runs-dir", type=click.Path(path_type=Path), default=Path("runs"), help="Where run folders are made.")
@click.option("--run-dir", type=click.Path(path_type=Path), help="The run folder itself, instead of a timestamped one.")
@click.option("--resume", metavar="RUN", help="Go on with a run in place; only a longer run or other outputs may differ.")
@click.option("--from", "source", metavar="RUN", help="Start anew from a run's config.")
@click.option("--dry-run", is_flag=True, help="Check everything, create nothing.")
@click.option("--quiet", is_flag=True, help="Print only the run's folder.")
def command(
    arguments: tuple[str, ...],
    runs_dir: Path,
    run_dir: Path | None,
    resume: str | None,
    source: str | None,
    dry_run: bool,
    quiet: bool,
) -> None:
    """Train what CONFIG describes, with KEY=VALUE in place of what it says.

    The last line of stdout is the run's folder.
    """
    if resume and (source or run_dir):
        raise click.UsageError("--resume goes on in the run's own folder: it takes no --from and no --run-dir")
    named = [] if resume or source else list(arguments[:1])
    overrides = list(arguments[len(named) :])
    if not (named or resume or source):
        raise click.UsageError("which config? Example: dessine train configs/gan_mnist.yaml")
    run = Run.find(resume or source or "", runs_dir) if resume or source else None
    config = Path(named[0]) if named else run.path / "config.yaml"  # type: ignore[union-attr]
    experiment, document, resolved = load(config, overrides)
    if resume and run:
        _same_past(run, resolved)
    say = _quiet if quiet else _say
    if experiment.split.notice:
        say(experiment.split.notice)
    if dry_run:
        say(f"{config}: would train {experiment.steps:,} steps of {experiment.name}; nothing was created")
        return
    text = dump(resolved)
    if not (resume and run):
        run = Run.create_at(run_dir) if run_dir else Run.create(runs_dir, experiment.name)
        info = {"command": shlex.join(sys.argv), "overrides": overrides, "seed": experiment.seed, "resumes": []}
        info |= {"data_checksum": experiment.split.train.checksum, "data": experiment.split.source}
        run.start(text, document.source, info | {"spec": resolved})  # a list of runs has no time to read YAML
    assert run is not None
    with run.lock():
        if resume:
            _reopen(run, text, resolved)
        _train(experiment, run, say, quiet)


def _same_past(run: Run, resolved: dict[str, Any]) -> None:
    """Refuse what would change the steps already made, showing the difference."""
    before, now = read(run.path / "config.yaml").data, dict(resolved)
    done = max(run.checkpoint_steps(), default=0)
    free = {"outputs", "name"}
    lines = [
        f"{key}: was {was!r}, now {will!r}"
        for key, was, will in _differences(
            {k: v for k, v in before.items() if k not in free}, {k: v for k, v in now.items() if k not in free}
        )
        if key not in ("training.steps", "training.epochs")
    ]
    if lines:
        raise BadSpec([f"{run.path.name}: cannot resume, this would change its past (use --from to start anew):", *lines])
    steps = (now.get("training") or {}).get("steps")
    if steps is not None and steps < done:
        raise BadSpec([f"{run.path.name}: cannot resume to step {steps}: it has already made {done}"])


def _differences(a: Any, b: Any, at: str = "") -> list[tuple[str, Any, Any]]:
    if isinstance(a, dict) and isinstance(b, dict):
        keys = list(dict.fromkeys([*a, *b]))
        return [d for k in keys for d in _differences(a.get(k), b.get(k), f"{at}.{k}" if at else k)]
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return [d for i, (x, y) in enumerate(zip(a, b, strict=True)) for d in _differences(x, y, f"{at}[{i}]")]
    return [] if a == b else [(at, a, b)]


def _reopen(run: Run, text: str, resolved: dict[str, Any]) -> None:
    from dessine.runs.files import write_atomically

    write_atomically(run.path / "config.yaml", text)
    resumes = [*run.info().get("resumes", []), datetime.now().astimezone().isoformat(timespec="seconds")]
    run.resume(resumes=resumes, spec=resolved)


def _train(experiment: Experiment, run: Run, say: Any, quiet: bool) -> None:
    done = max(run.checkpoint_steps(), default=0)
    bar = Progress(experiment, done, quiet)
    try:
        how = train_repeats if train_apart(experiment) else train
        how(experiment, run, bar.step, bar.say if not quiet else _say)
    except Stopped as stopped:
        bar.close()
        _say(f"{stopped}; go on with: dessine train --resume {shlex.quote(str(run.path))}")
        raise
    except (Exception, KeyboardInterrupt) as error:
        bar.close()
        run.log(f"failed: {type(error).__name__}: {error}")
        if run.info().get("status") == "running":
            status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            run.update(status=status, reason=f"{type(error).__name__}: {error}")
        raise
    finally:
        bar.close()
        click.echo(str(run.path))


class Progress:
    """One line in a terminal; a plain line now and then elsewhere."""

    def __init__(self, experiment: Experiment, done: int, quiet: bool):
        steps = experiment.steps
        self.headline, self.at = experiment.game.headline, done
        self.steps, self.quiet, self.last, self.began, self.first = steps, quiet, time.monotonic(), time.monotonic(), done
        terminal = sys.stderr.isatty() and not quiet
        self.bar = tqdm(total=steps, initial=done, unit="step", dynamic_ncols=True, mininterval=0.2) if terminal else None

    def step(self, step: int, record: dict[str, Any]) -> None:
        """Called several times a second."""
        if self.bar is not None:
            self.bar.update(step - self.at)
            self.at = step
            if record:
                self.bar.set_postfix_str(_short(record, self.headline), refresh=False)
        elif record and not self.quiet and (time.monotonic() - self.last > 10 or step == self.steps):
            self.last = time.monotonic()
            speed = (step - self.first) / max(self.last - self.began, 1e-9)
            left = (self.steps - step) / max(speed, 1e-9)
            _say(f"step {step:,}/{self.steps:,}  {speed:.0f} steps/s  {left:.0f} s left  {_short(record, self.headline)}")

    def say(self, text: str) -> None:
        """A line above the bar."""
        if self.bar is not None:
            self.bar.write(text, file=sys.stderr)
        else:
            _say(text)

    def close(self) -> None:
        """Leave the terminal tidy."""
        if self.bar is not None:
            self.bar.close()


def _short(record: dict[str, Any], headline: dict[str, str]) -> str:
    """The metrics that matter, each the mean over repeats."""
    parts = []
    for metric, label in headline.items():
        value: Any = record
        for key in metric.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        values = [v for v in (value if isinstance(value, list) else [value]) if v is not None]
        if values:
            parts.append(f"{label} {sum(values) / len(values):.3g}")
    return "  ".join(parts)


def _say(text: str) -> None:
    click.echo(text, err=True)


def _quiet(text: str) -> None:
    pass

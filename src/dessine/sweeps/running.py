"""Running cells: which is started when, what became of it, and what happens when one fails or the user wants to stop.

Where a run is started belongs to the launchers, how it looks on the screen to the watcher.
"""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from dessine.runs.collection import last_record
from dessine.runs.files import own
from dessine.runs.run import Run, RunError
from dessine.sweeps.cells import Cell
from dessine.sweeps.folder import SweepFolder
from dessine.sweeps.launchers import INTERRUPTED, Handle, Job, Launcher


@dataclass(frozen=True)
class Outcome:
    """What became of a run. status: completed, given up, failed, killed or interrupted; reason: of the last three."""

    status: str
    reason: str = ""

    @property
    def bad(self) -> bool:
        """Whether the sweep has to say so."""
        return self.status in ("failed", "killed")


class Feed(Protocol):
    """Says which cell comes next."""

    def take(self) -> Cell | None:
        """A cell to run now; None if there is none, or none until another one has ended."""

    def ended(self, cell: Cell, outcome: Outcome) -> None:
        """Called once for every cell that was taken."""

    def hopeless(self, running: Sequence[Running]) -> Sequence[Running]:
        """Those of the running cells that need not go on; each is named once, and then stops and saves."""


class Queue:
    """Cells in order."""

    def __init__(self, cells: Iterable[Cell]):
        self.cells = deque(cells)

    def take(self) -> Cell | None:
        return self.cells.popleft() if self.cells else None

    def ended(self, cell: Cell, outcome: Outcome) -> None:
        pass

    def hopeless(self, running: Sequence[Running]) -> Sequence[Running]:
        return ()


class Watcher(Protocol):
    """Is told what happens, at once."""

    def queued(self, cell: Cell, why: str) -> None: ...

    def started(self, cell: Cell, resumed: bool) -> None: ...

    def ended(self, cell: Cell, outcome: Outcome, seconds: float) -> None: ...

    def stopping(self, running: int, why: str) -> None: ...

    def tick(self, running: list[Running]) -> None: ...


@dataclass
class Running:
    """A cell that has been launched.

    resumed: whether it goes on; queued: why it does not run yet; hopeless: it was told to stop because others do better
    """

    cell: Cell
    run: Run
    handle: Handle
    log: Path
    resumed: bool = False
    queued: str = ""
    hopeless: bool = False
    began: float = field(default_factory=time.monotonic)

    def look(self, watcher: Watcher) -> None:
        """Tell when it enters the queue, and when it really begins."""
        was, self.queued = self.queued, getattr(self.handle, "queued", "")
        if self.queued and self.queued != was:
            watcher.queued(self.cell, self.queued)
        elif was and not self.queued:
            self.began = time.monotonic()
            watcher.started(self.cell, self.resumed)


class Interrupted(Exception):
    """The user asked the sweep to stop; every run that was going has saved and can go on."""


def run_cells(
    feed: Feed,
    folder: SweepFolder,
    launcher: Launcher,
    watcher: Watcher,
    stop: Callable[[], bool],
    slots: int,
    threads: int,
    fail_fast: bool = False,
) -> int:
    """Run what `feed` gives, `slots` at a time; return how many went wrong.

    Raises Interrupted once every run has stopped, after `stop` has become true. A KeyboardInterrupt kills them.
    """
    running: list[Running] = []
    bad, why = 0, ""
    try:
        while True:
            while not why and len(running) < slots and (cell := feed.take()) is not None:
                running.append(_start(cell, folder, launcher, watcher, threads))
            if not running:
                break
            for one in list(running):
                code = one.handle.poll()
                if code is None:
                    one.look(watcher)
                    continue
                running.remove(one)
                outcome = judge(one.run, code, one.log)
                if one.hopeless and outcome.status == "interrupted":
                    outcome = Outcome("given up")
                bad += outcome.bad
                feed.ended(one.cell, outcome)
                watcher.ended(one.cell, outcome, time.monotonic() - one.began)
                if outcome.bad and fail_fast and not why:
                    why = "one failed"
                    _interrupt(running, watcher, why)
            for one in feed.hopeless(running) if not why else ():
                one.hopeless = True
                one.handle.interrupt()
            if not why and (gone := getattr(launcher, "gone", "")):
                why = gone
                _interrupt(running, watcher, why)
            if stop() and why != "interrupted":
                if not why:
                    _interrupt(running, watcher, "interrupted")
                why = "interrupted"
            watcher.tick(running)
            time.sleep(launcher.period)
    except BaseException:
        for one in running:
            one.handle.kill()
        raise
    if why == "interrupted" or stop():
        raise Interrupted
    return bad


def _start(cell: Cell, folder: SweepFolder, place: Launcher, watcher: Watcher, threads: int) -> Running:
    run, log = folder.run(cell), own(folder.path, f"logs/{cell.folder}.log").absolute()
    resumed = (run.path / "config.yaml").is_file()
    base, at, stop = folder.path.absolute() / "base.yaml", run.path.absolute(), folder.jobs.absolute() / f"{cell.folder}.stop"
    handle = place.launch(
        Job(str(base), cell.overrides, str(at), str(log), threads, str(stop), os.getcwd(), trusted=cell.plugins)
    )
    one = Running(cell, run, handle, log, resumed)
    one.look(watcher)
    if not one.queued:
        watcher.started(cell, resumed)
    return one


def _interrupt(running: list[Running], watcher: Watcher, why: str) -> None:
    watcher.stopping(len(running), why)
    for one in running:
        one.handle.interrupt()


def judge(run: Run, code: int | str, log: Path) -> Outcome:
    """What became of a run that ended with `code`: its folder says; the code and the log say more only where it is silent.

    code: or, where the place has lost the run, what it says of it; then the run may still have ended well.
    """
    try:
        info, status = run.info(), run.status()
    except RunError as error:
        return Outcome("failed", str(error))
    if status == "completed" and (isinstance(code, str) or code == 0):
        return Outcome("completed")
    if status == "failed":
        return Outcome("failed", info.get("reason") or _last_line(log))
    if isinstance(code, str):
        return Outcome("killed", code)
    if code < 0:
        return Outcome("killed", f"killed by {_signal_name(-code)}")
    if code == INTERRUPTED or (status == "interrupted" and code == 0):
        return Outcome("interrupted")
    return Outcome("failed", _last_line(log) or f"ended with exit code {code}")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _last_line(log: Path) -> str:
    """Of a log, without the run's own folder, which it always prints at the end."""
    try:
        lines = [line.strip() for line in log.read_text(errors="replace").splitlines()[-20:] if line.strip()]
    except OSError:
        return ""
    told = [line for line in lines if not line.endswith(f"/cells/{log.stem}")]
    return told[-1][:300] if told else ""


def steps_made(run: Run) -> int:
    """The step of the last good line of metrics.jsonl, read from its end: runs are looked at several times a second."""
    step: int = last_record(run.path).get("step", 0)
    return step

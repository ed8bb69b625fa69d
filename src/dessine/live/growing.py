"""metrics.jsonl of a run as it grows: only what is new is read, and the verdict is made anew when there is enough of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dessine.live.shelf import FIRST_REPEAT
from dessine.reports.curves import History
from dessine.runs.collection import Row
from dessine.runs.documents import line_of, some
from dessine.runs.files import RunError
from dessine.runs.inside import checked
from dessine.runs.metrics import flat
from dessine.scores.diagnosis import diagnose
from dessine.scores.reference import Reference

MOST_BYTES = 1 << 26
"""Of a file that is met for the first time; of a longer one the end is read, which takes a few seconds."""
MOST_FAULTS = 1000
NEW = 0.02
"""The share of lines that must be new for another verdict: it takes longer the more lines there are."""


class Growing:
    """The lines of one run so far.

    written: seconds since 1970 when the last came; apart: whether they are those of its first repeat alone
    """

    def __init__(self, path: Path):
        self.path, self.apart = path, False
        self._begin()

    def _begin(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.history, self.faults, self.written = History(), list[str](), 0.0
        self._number, self._at, self._rest, self._cut = 0, 0, b"", False
        self._repeats, self._judged, self._verdict = 1, -1, dict[str, Any]()

    def catch_up(self, repeats: int) -> None:
        """Read what has come since. A shorter file, or another one, is read anew: the run was resumed."""
        self.apart = repeats > 1 and not (self.path / "metrics.jsonl").exists()
        repeats = 1 if self.apart else repeats
        name = f"{FIRST_REPEAT}/metrics.jsonl" if self.apart else "metrics.jsonl"
        try:
            with checked(self.path, name, 1 << 40).open("rb") as file:
                told = os.fstat(file.fileno())
                if told.st_ino != self._number or told.st_size < self._at or repeats != self._repeats:
                    self._begin()
                    self._number, self._repeats = told.st_ino, repeats
                    self._at = max(0, told.st_size - MOST_BYTES)
                    self._cut = self._at > 0
                file.seek(self._at)
                new = file.read(told.st_size - self._at)
        except FileNotFoundError:
            self._begin()
            return
        except (OSError, RunError) as error:
            self._begin()
            self.faults = [str(error)]
            return
        self._at += len(new)
        self.written = told.st_mtime
        *lines, self._rest = (self._rest + new).split(b"\n")  # the last is not whole yet, or empty
        for line in lines:
            self._add(line)

    def _add(self, line: bytes) -> None:
        if not line.strip():
            return
        try:
            record = line_of(line)
        except RunError as error:
            if self._cut and not self.records:  # where we began to read
                return
            if len(self.faults) < MOST_FAULTS:
                self.faults.append(f"metrics.jsonl: {error}")
            return
        self.records.append(record)
        self.history.add(record["step"], flat(record, self._repeats))

    @property
    def step(self) -> int | None:
        """Of the last line."""
        return self.records[-1]["step"] if self.records else None

    def best(self, metric: str, way: str) -> dict[str, Any]:
        """The best value of a metric so far, the mean over the repeats, and its step; nothing before the first."""
        series = self.history.series.get(metric)
        if series is None or not series.mean:
            return {}
        at = (min if way == "min" else max)(range(len(series.mean)), key=series.mean.__getitem__)
        return {"value": series.mean[at], "step": round(series.steps[at])}

    def told(self) -> list[str]:
        """What is wrong with lines that could not be read."""
        first = self.records[0]["step"] if self._cut and self.records else None
        cut = [] if first is None else [f"metrics.jsonl is large: what came before step {first:,} is not shown here"]
        return [*cut, *some(self.faults)]

    def verdict(self, row: Row) -> Mapping[str, Any]:
        """What the lines so far say of the run, as `Diagnosis.plain` tells it; nothing looks at its samples."""
        n = len(self.records)
        if self._judged < 0 or n - self._judged > NEW * n:
            found = row.info.get("non_finite") or []
            known = Reference.told(row.info.get("reference") or {})
            told = diagnose(self.records, row.spec, known, repeats=self._repeats, non_finite=found)
            self._judged, self._verdict = n, told.plain()
        return self._verdict

"""Whatever is wrong with a run's files: every command that reads it answers in a line, or does without, and stays inside."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

DEEP = "[" * 100_000
CASES: list[tuple[str, Callable[[Path], object]]] = [
    ("run.json", lambda p: p.write_text(DEEP)),
    ("run.json", lambda p: p.write_bytes(p.read_bytes()[:200])),
    ("run.json", lambda p: p.write_bytes(b"\xef\xbb\xbf" + p.read_bytes())),
    ("run.json", lambda p: p.write_text(json.dumps(json.loads(p.read_text()) | {"non_finite": 5, "goals": 5, "pid": "x"}))),
    ("run.json", lambda p: p.write_text('{"reason": "\\ud800", "seconds": Infinity, "started": "0001-01-01T00:00:00"}')),
    ("metrics.jsonl", lambda p: p.write_text(f'{{"step": {DEEP}\n{{"step": "4"}}\n{{"step": NaN}}\n{{"step": [1]}}\n')),
    (
        "metrics.jsonl",
        lambda p: p.write_text('{"step": 4, "loss": 5}\n{"step": 8, "layers": "x"}\n{"step": 9, "scores": 5}'),
    ),
    ("metrics.jsonl", lambda p: p.write_text('{"step": 4, "loss": {"generator": 1e308}}\n' * 50)),
    ("summary.json", lambda p: p.write_text('{"diagnosis": {"verdict": [], "words": {}}, "best": 5}')),
    ("config.yaml", lambda p: p.write_text(p.read_text().replace("adversarial", "[x]"))),
    ("config.yaml", lambda p: p.write_bytes(b"\xff\xfe\x00")),
    ("samples", lambda p: (p / 'step_"><b>.png').write_bytes(b"\x89PNG\r\n\x1a\n")),
    ("eval", lambda p: (p.mkdir(exist_ok=True), (p / "scores.json").write_text('{"scores": {"a": 5}}'))),
]
NAMES = ("run.json", "metrics.jsonl", "summary.json", "config.yaml", "source.yaml", "log.txt", "samples", "checkpoints", "eval")


def away(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def pipe(path: Path) -> None:
    away(path)
    os.mkfifo(path)


def link(path: Path) -> None:
    """To a file that would fit, or a folder with files that would."""
    outside = path.parents[1] / "outside"
    outside.mkdir(exist_ok=True)
    for name in ("scores.json", "secret"):
        (outside / name).write_text('{"step": 4, "name": "SECRET"}\n')
    (outside / "step_0000010.png").write_bytes(b"\x89PNG\r\n\x1a\nSECRET")
    to = outside if path.is_dir() or path.suffix == "" else outside / "secret"
    away(path)
    path.symlink_to(to)


CASES += [(name, damage) for name in NAMES for damage in (pipe, link)]
COMMANDS = [
    ["runs", "list", "--runs-dir", "."],
    ["runs", "compare", "run", "--out", "x.png"],
    ["runs", "diff", "run", "run"],
    ["runs", "report", "run", "--out", "x.html"],
    ["diagnose", "run", "--count", "50"],
    ["draw", "run", "--count", "2", "--out", "x.npz"],
    ["train", "--resume", "run", "training.steps=61", "--dry-run"],
]


@pytest.fixture(scope="module")
def run(trained) -> Path:
    return trained("repeats=1", "game.scored=20", "outputs.metrics=20", "outputs.checkpoint=30", "outputs.plots=true")


@pytest.mark.parametrize(("name", "damage"), CASES, ids=[f"{name}-{i}" for i, (name, _) in enumerate(CASES)])
def test_every_command_answers(dessine, run, tmp_path, name, damage, recwarn):
    shutil.copytree(run, tmp_path / "run")
    damage(tmp_path / "run" / name)
    outside = {path: path.read_bytes() for path in tmp_path.glob("outside/*")}
    drawing = name in ("run.json", "metrics.jsonl", "config.yaml")
    for command in COMMANDS if drawing else [c for c in COMMANDS if c[1] != "compare"]:
        answer = dessine(*command)
        assert answer.code in (0, 1, 2), (command, answer)
        assert "Traceback" not in answer.err, (command, answer.err)
        assert answer.out or answer.err, (command, answer)
        assert len(answer.err.splitlines()) <= 6, (command, answer.err)
        page = Path("x.html").read_text() if Path("x.html").exists() else ""
        assert "SECRET" not in answer.out + answer.err + page
        assert "<b>" not in page
        Path("x.html").unlink(missing_ok=True)
    assert {path: path.read_bytes() for path in tmp_path.glob("outside/*")} == outside
    assert dessine("runs", "rm", "run", "--yes", "--runs-dir", ".").code == 0 or not (tmp_path / "run/run.json").is_file()
    assert {path: path.read_bytes() for path in tmp_path.glob("outside/*")} == outside

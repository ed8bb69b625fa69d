"""The whole command, with real runs: what it prints and leaves, what it refuses, and how it goes on after anything."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import pytest
from click.testing import CliRunner

from dessine.cli import main, sweep_plan
from dessine.cli import sweep as sweeping
from dessine.cli.config import command as config_command
from dessine.cli.sweep_screen import Screen
from dessine.runs.run import Run
from dessine.spec import dump, read
from dessine.sweeps.cells import Cell
from dessine.sweeps.running import Outcome, Running

BASE = str(Path(__file__).parents[1] / "sweeps" / "small.yaml")
SHIPPED = sorted((Path(__file__).parents[2] / "configs" / "sweeps").glob("*.yaml"))
ENDLESS = "training.steps=100000000"


@pytest.fixture
def sweep(tmp_path, monkeypatch, capsys, forks):
    """Exit code, stdout and stderr of the whole command line, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        monkeypatch.setattr("sys.argv", ["dessine", "sweep", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            main()
        return stop.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def no_pictures(monkeypatch):
    """Drawing takes a second; one test looks at the pictures of a sweep, and tests/sweeps at each kind."""
    monkeypatch.setattr("dessine.sweeps.pictures.save_pictures", lambda *_: [])


def runs(path):
    return [Run(p) for p in sorted((Path(path) / "cells").iterdir())]


def test_a_grid_ends_in_a_folder_that_says_everything_and_is_found_again(sweep, tmp_path):
    words = [BASE, "training.batch_size=2,4", "seed=range(2)", "-j", "4"]
    code, out, err = sweep(*words)
    folder = Path(out.splitlines()[-1])
    assert code == 0, err
    assert sum(line.startswith("started: batch_size=") for line in err.splitlines()) == 4
    assert sum("] done: batch_size=" in line for line in err.splitlines()) == 4
    assert {p.name for p in folder.iterdir()} >= {"sweep.yaml", "base.yaml", "cells", "plots", "results.csv", "report.html"}
    assert [run.status() for run in runs(folder)] == ["completed"] * 4
    assert runs(folder)[0].info()["overrides"] == ["training.batch_size=2", "seed=0"]
    assert len((folder / "results.csv").read_text().splitlines()) == 5
    began = [run.info()["started"] for run in runs(folder)]
    before = (folder / "results.csv").read_bytes()
    (folder / "results.csv").unlink()

    code, out, err = sweep(*words)  # nothing is left to do
    assert (code, Path(out.strip())) == (0, folder)
    assert "4 done, 0 to go" in err
    assert [run.info()["started"] for run in runs(folder)] == began
    assert (folder / "results.csv").read_bytes() == before

    (folder / "results.csv").unlink()
    assert sweep(folder, "--collect", "--quiet")[:2] == (0, f"{folder}\n")
    assert (folder / "results.csv").read_bytes() == before

    code, out, _ = sweep(BASE, "training.batch_size=2,4,8", "seed=range(2)", "--dry-run", "--sweep-dir", folder)
    assert [line.split()[1] for line in out.splitlines()[:-1]].count("missing") == 2


def test_a_failed_run_is_told_and_tried_again_only_on_request(sweep, no_pictures, tmp_path):
    words = [
        BASE,
        "game.network.optimizer.eta=0.1,1e38",
        "game.network.layers[0].activation=linear",
        "--sweep-dir",
        "s",
        "-j",
        "2",
    ]
    code, out, err = sweep(*words)
    assert (code, out) == (1, "s\n")
    assert "FAILED: eta=1e+38: non-finite" in err
    assert sorted(run.status() for run in runs("s")) == ["completed", "failed"]
    failed = next(run for run in runs("s") if run.status() == "failed")
    code, _, err = sweep(*words)
    assert code == 1
    assert "started" not in err
    assert "going on" not in err
    assert not failed.info().get("resumes")
    code, _, err = sweep(*words, "--retry-failed")
    assert code == 1
    assert err.count("going on: eta=1e+38") == 1


@pytest.fixture
def start(tmp_path):
    """Starts real sweeps; whatever a failed test leaves behind is stopped, runs and all."""
    started = []

    def go(*words):
        command = [sys.executable, "-m", "dessine", "sweep", *words]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, cwd=tmp_path, stdout=pipe, stderr=pipe, text=True))
        return started[-1]

    yield go
    for process in started:
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=60)


def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited for a minute"
        time.sleep(0.03)


def test_killed_interrupted_and_gone_on_with(start, tmp_path):
    """One story, for real processes are slow to start: a killed worker, a second sweep, Ctrl-C, and the same command again."""
    words = [BASE, "training.batch_size=2,4,8", ENDLESS, "-j", "2", "--name", "story"]
    process = start(*words)
    until(lambda: len(list(tmp_path.glob("runs/*/cells/*/metrics.jsonl"))) == 2)
    folder = next(tmp_path.glob("runs/*_sweep_story"))

    victim = runs(folder)[0]
    os.kill(victim.info()["pid"], signal.SIGKILL)
    until(lambda: len(list(tmp_path.glob("runs/*/cells/*/metrics.jsonl"))) == 3)  # its slot went to the third
    assert process.poll() is None

    second = start(*words)
    out, err = second.communicate(timeout=60)
    assert (second.returncode, out) == (2, "")
    assert f"is being run by process {process.pid}" in err

    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert Path(out.splitlines()[-1]) == folder.relative_to(tmp_path)
    assert "KILLED: batch_size=2: killed by SIGKILL" in err
    assert "the same command goes on" in err
    assert [run.status() for run in runs(folder)] == ["lost", "interrupted", "interrupted"]

    again = start(*words, "--quiet")
    until(lambda: [run.status() for run in runs(folder)].count("running") == 2)
    assert len(list(tmp_path.glob("runs/*_sweep_*"))) == 1
    again.send_signal(signal.SIGTERM)
    assert again.wait(60) == 130
    again.communicate()
    assert len(runs(folder)) == 3


def test_a_search_goes_on_with_more_trials(sweep, tmp_path):
    pytest.importorskip("optuna")
    words = [BASE, "game.network.optimizer.eta=log_uniform(1e-3, 1.0)", "--sampler", "tpe", "--metric", "test_success"]
    words += ["--direction", "maximize", "--quiet", "--trials"]
    code, out, err = sweep(*words, 1)
    folder = Path(out.strip())
    assert code == 0, err
    assert sweep(*words, 2)[:2] == (0, out)
    assert len(runs(folder)) == 2
    assert "search" in (folder / "sweep.yaml").read_text()
    assert (folder / "plots" / "search_test_success.png").is_file()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([BASE, "training.batch_sise=1,2"], "did you mean 'batch_size'"),
        ([BASE, "training.batch_size=0,1"], "command line training.batch_size=0: training.batch_size:"),
        ([BASE, "training.batch_size=rang(3)"], "did you mean 'range'"),
        ([BASE, "zip(training.batch_size=1,2; training.steps=1,2,3)"], "training.batch_size has 2, training.steps has 3"),
        ([BASE, "game.network.layers[0].units=1,7"], "it needs 1 or 2"),
        ([BASE, "seed=1,x"], "command line seed: seeds[1]"),
        (["nothing.yaml", "a=1,2"], "nothing.yaml: no such file"),
        ([BASE, "seed=1,2", "--sampler", "tpe"], "--trials"),
        ([BASE, "seed=1,2", "--metric", "test_sucess"], "did you mean 'test_success'"),
        ([BASE, "seed=1,2", "--executor", "dask"], "--scheduler"),
        ([BASE, "seed=1,2", "--executor", "slurm"], "sbatch"),
        ([BASE, "seed=1,2", "--executor", "slurm", "--slurm", "x"], "expects KEY=VALUE"),
        ([BASE, "seed=1,2", "--slurm", "x=1"], "--slurm goes with --executor slurm"),
        ([BASE, "seed=1,2", "--scheduler", "tcp://a:1"], "--scheduler goes with --executor dask"),
        ([BASE, "seed=1,2", "--samples", "3"], "--samples: nothing is drawn"),
        ([BASE, "seed=1,2", "--runs-dir", BASE], "cannot make the folder"),
        ([BASE, "zip(seed=1,2; name=a,b)"], "the seed varies by itself"),
        ([BASE, "game.network.layers[0].units=1,2", "game.network.layers.0.units=1,2"], "are one key"),
        ([BASE, "seed=1,2", "--collect"], "not the folder of a sweep"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing_behind(sweep, words, says, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    code, out, err = sweep(*words)
    assert (code, out) == (2, "")
    assert says in err
    assert len(err.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_mistake_in_a_sweep_file_is_told_with_its_line(sweep, tmp_path):
    Path("s.yaml").write_text(f"base: {BASE}\naxes:\n  grid:\n    training.steps: [1, 2]\n    training.batch_sise: [3]\n")
    code, _, err = sweep("s.yaml")
    assert code == 2
    assert err.startswith("s.yaml:5: training.batch_sise=3: training.batch_sise: unknown key")
    Path("s.yaml").write_text("base: nothing.yaml\n")
    assert sweep("s.yaml")[2].startswith("s.yaml:1: base: nothing.yaml: no such file")


def test_another_base_is_not_mixed_into_a_sweep(sweep, no_pictures, tmp_path):
    assert sweep(BASE, "training.steps=1", "--sweep-dir", "s", "--quiet")[:2] == (0, "s\n")
    Path("other.yaml").write_text(f"extends: {BASE}\nseed: 7\n")
    code, out, err = sweep("other.yaml", "training.steps=1,2", "--sweep-dir", "s")
    assert (code, out) == (2, "")
    assert "made from another base config" in err


def test_a_sweep_over_folders_means_the_same_from_anywhere(tmp_path, monkeypatch):
    spec = read(Path(BASE))
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/c").mkdir()
    (tmp_path / "configs/base.yaml").write_text(dump(spec.data | {"data": {"type": "mnist", "path": "c"}}))
    (tmp_path / "configs/sweep.yaml").write_text("base: base.yaml\nset: {data.path: c}\nseeds: 2\n")
    monkeypatch.chdir(tmp_path)
    none = dict.fromkeys(("name", "samples", "sampler", "trials", "metric", "direction"))
    plan = sweep_plan.Plan(Path("configs/base.yaml"), ["data.path=a,/b"], none)
    assert plan.data["axes"]["grid"] == {"data.path": [str(tmp_path / "a"), "/b"]}
    assert plan.cells[0].overrides == (f"data.path={tmp_path}/a",)
    assert plan.cells[0].label == f"path={tmp_path.name}/a"
    plan = sweep_plan.Plan(Path("configs/sweep.yaml"), [], none)
    assert plan.base.data["data"]["path"] == plan.data["set"]["data.path"] == str(tmp_path / "configs/c")


def test_a_dry_run_lists_cells_with_times_and_creates_nothing(sweep, tmp_path):
    code, out, _ = sweep(BASE, "training.batch_size=2,4", "seed=range(3)", "--dry-run")
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split()[1:] == ["missing", "2", "s", "batch_size=2", "seed=0"]
    assert lines[-1].startswith("small: 6 cells, 6 to run, about ")
    assert not list(tmp_path.iterdir())


def test_what_only_the_first_turns_take_is_no_part_of_the_time_of_a_step(monkeypatch):
    clock, compiled = [0.0], [False]

    def turns(n):
        clock[0] += 0.001 * n + (0 if compiled[0] or n == 1 else 8.0)
        compiled[0] |= n > 1

    monkeypatch.setattr(sweep_plan.time, "perf_counter", lambda: clock[0])
    experiment = SimpleNamespace(game=SimpleNamespace(turn=lambda: turns(1), turns=turns))
    assert sweep_plan.seconds_per_step(experiment) == pytest.approx(0.001)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_sweeps_are_good_and_fit_the_schema(sweep, path, monkeypatch):
    monkeypatch.setattr(sweep_plan, "MOST_TIMED", 1)
    if "search:" in path.read_text():
        pytest.importorskip("optuna")
    base = path.parent / read(path).data["base"]
    sample = ["data.source=sample"] if "source: full" in base.read_text() else []  # what need not be fetched
    assert sweep(path, *sample, "--dry-run")[0] == 0
    jsonschema.validate(read(path).data, json.loads((path.parent / "schema.json").read_text()))


def test_the_stored_schema_is_the_schema():
    """`make schema` writes it anew."""
    stored = (SHIPPED[0].parent / "schema.json").read_text()
    assert CliRunner().invoke(config_command, ["schema", "--sweep"]).output == stored


def test_a_terminal_shows_one_bar_and_a_line_for_each_running_cell(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    shown: list[str] = []
    monkeypatch.setattr(sys.stderr, "write", lambda text: shown.append(text) or len(text), raising=False)
    one = Cell({}, 0, (), "f" * 64, "eta=1")
    run = Run(tmp_path)
    (tmp_path / "metrics.jsonl").write_text('{"step": 25}\n')
    screen = Screen(4, 1, 2, lambda cell: 100, quiet=False)
    screen.tick([Running(one, run, None, tmp_path)])
    screen.ended(one, Outcome("failed", "it broke"), 3.0)
    screen.close()
    text = "".join(shown)
    assert " 25%  eta=1  step 25/100" in text
    assert "FAILED: eta=1: it broke" in text
    assert "2/4 runs" in text


@pytest.mark.parametrize(
    ("told", "jobs", "threads"), [("", 1, 8), ("", 3, 2), ("1", 1, 1), ("4", 1, 4), ("4", 4, 2), ("", 9, 1)]
)
def test_a_run_has_its_share_of_the_cores_and_no_more_than_was_allowed(monkeypatch, told, jobs, threads):
    monkeypatch.setattr(sweeping, "cores", lambda: 8)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", told)
    assert sweeping._share(jobs) == threads

"""From Python: the same runs as the command line, and exceptions in place of exit codes."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import dessine
from dessine import api
from dessine.cli import group
from dessine.runs.run import Run

TEXT = """\
data: {type: ring, points: 200, test_points: 200}
game:
  type: adversarial
  latent: {size: 2}
  average: 0.9
  generator: {layers: [{type: dense, units: 8, activation: relu}, {type: dense, units: 2}], optimizer: {type: adam, eta: 0.01}}
  discriminator: {layers: [{type: dense, units: 8, activation: relu}, {type: dense, units: 1}]}
training: {steps: 20, batch_size: 16}
outputs: {metrics: 5, samples: 10, checkpoint: 10, plots: false, gif: false}
"""


HOLDS_ITSELF: dict[str, Any] = {"data": "ring"}
HOLDS_ITSELF["game"] = HOLDS_ITSELF


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("api")
    (made / "ring.yaml").write_text(TEXT)
    return made


@pytest.fixture(scope="module")
def run(folder: Path) -> dessine.SavedRun:
    return dessine.train(folder / "ring.yaml", runs_dir=folder / "runs", progress=False, seed=3)


@pytest.fixture(autouse=True)
def _here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def command(*words: object) -> Any:
    return CliRunner().invoke(group, [str(word) for word in words], catch_exceptions=False)


def contents(path: Path) -> dict[str, Any]:
    """What two runs that are the same share."""
    found: dict[str, Any] = {name: (path / name).read_text() for name in ("config.yaml", "source.yaml", "metrics.jsonl")}
    with np.load(path / "checkpoints" / "step_000000020.npz") as arrays:
        found |= {name: arrays[name].tobytes() for name in arrays.files}
    return found | {p.name: p.read_bytes() for p in sorted((path / "samples").glob("*.png"))}


def test_a_run_is_bit_for_bit_that_of_the_command_line(run: dessine.SavedRun, folder: Path) -> None:
    assert command("train", "ring.yaml", "seed=3", "--run-dir", "theirs", "--quiet").exit_code == 0
    assert contents(run.path) == contents(folder / "theirs")
    ours, theirs = (json.loads((p / "run.json").read_text()) for p in (run.path, folder / "theirs"))
    assert ours.keys() == theirs.keys()
    assert ours["overrides"] == theirs["overrides"] == ["seed=3"]
    assert ours["command"] == f"dessine.train({str(folder / 'ring.yaml')!r}, 'seed=3')"


@pytest.mark.parametrize("kind", ["text", "dict", "path as text"])
def test_a_config_may_be_text_or_a_dict(run: dessine.SavedRun, kind: str, tmp_path: Path) -> None:
    config: Any = {"text": TEXT, "dict": run.config, "path as text": "ring.yaml"}[kind]
    made = dessine.train(config, run_dir=tmp_path / "run", progress=False, seed=3)
    assert made.metrics_arrays()["loss.generator"].tolist() == run.metrics_arrays()["loss.generator"].tolist()


def test_changes_are_those_of_the_command_line(tmp_path: Path) -> None:
    changes: dict[str, Any] = {"training.batch_size": np.int64(8), "name": "a: b"}
    made = dessine.train(TEXT, run_dir=tmp_path / "run", progress=False, training__steps=5, outputs={"samples": 0}, **changes)
    assert (made.config["training"]["steps"], made.config["training"]["batch_size"], made.config["name"]) == (5, 8, "a: b")
    assert made.config["outputs"]["metrics"] is None  # a mapping takes the place of the whole


def test_relative_files_of_text_are_in_the_working_directory(tmp_path: Path) -> None:
    made = dessine.train("extends: ring.yaml\ntraining: {steps: 2}\n", run_dir=tmp_path / "run", progress=False)
    assert (made.step, made.status) == (2, "completed")


def test_metrics_are_arrays_by_dotted_name(run: dessine.SavedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = run.metrics_arrays()
    assert arrays["step"].tolist() == [5, 10, 15, 20]
    assert arrays["scores.modes"].shape == arrays["d_real.mean"].shape == (4,)
    assert any(name.startswith("layers.generator.") for name in arrays)
    pandas = SimpleNamespace(DataFrame=lambda columns: ("frame", columns), __spec__=SimpleNamespace())
    monkeypatch.setattr("dessine.api.find_spec", lambda name: name == "pandas" or None)
    monkeypatch.setitem(sys.modules, "pandas", pandas)  # type: ignore[arg-type]
    kind, columns = run.metrics
    assert (kind, list(columns)) == ("frame", list(arrays))


def test_metrics_of_repeats_have_a_column_for_each(tmp_path: Path) -> None:
    made = dessine.train(TEXT, run_dir=tmp_path / "run", progress=False, repeats=3, training__steps=5)
    assert made.metrics_arrays()["loss.generator"].shape == (1, 3)


def test_drawn_is_what_the_command_draws(run: dessine.SavedRun, folder: Path) -> None:
    for options, words in (({}, ()), ({"average": False}, ("--plain",)), ({"step": 10}, ("--step", "10"))):
        assert command("draw", run.path, "--count", 5, "--seed", 1, "--out", "x.npz", *words).exit_code == 0
        assert np.array_equal(run.draw(5, seed=1, **options), np.load(folder / "x.npz")["images"])  # type: ignore[arg-type]
    latents = np.zeros((3, 2))
    assert run.draw(latents=latents).shape == (3, 2)
    with pytest.raises(dessine.SpecError, match="no class 'nine'"):
        run.draw(2, label="nine")


def test_networks_are_filled_with_what_draws(run: dessine.SavedRun) -> None:
    z = np.random.default_rng(0).normal(size=(4, 2)).astype(np.float32)
    assert np.allclose(run.generator(z[None])[0], run.draw(latents=z), atol=1e-6)
    assert not np.allclose(run.generator(z[None])[0], run.draw(latents=z, average=False), atol=1e-6)
    assert run.discriminator(np.zeros((1, 5, 2))).shape == (1, 5, 1)
    with pytest.raises(dessine.SpecError, match="this game has no network"):
        _ = run.network


def test_scores_and_diagnosis_are_those_of_the_commands(run: dessine.SavedRun) -> None:
    scores = run.scores(200, only=["diversity", "modes"])
    told = json.loads(command("eval", run.path, "--count", 200, "--only", "diversity,modes", "--json").stdout)
    assert {name: row["value"] for name, row in scores.items()} == {n: row["value"] for n, row in told["scores"].items()}
    diagnosis = run.diagnose(100)
    told = json.loads(command("diagnose", run.path, "--count", 100, "--json").stdout)
    assert (diagnosis["verdict"], diagnosis["words"]) == (told["verdict"], told["words"])
    assert diagnosis["verdict"] in str(diagnosis)
    for shown in (scores, diagnosis):
        assert shown._repr_html_().startswith(("<table>", "<pre>"))


def test_a_classification_has_success_and_a_network(tmp_path: Path) -> None:
    config = {
        "data": {"type": "xor", "points": 50},
        "game": {"type": "classification", "network": {"layers": [{"type": "dense", "units": 1}]}, "loss": "quadratic"},
        "training": {"epochs": 1, "batch_size": 10},
        "outputs": {"plots": False},
    }
    made = dessine.train(config, run_dir=tmp_path / "run", progress=False)
    assert 0 <= made.scores()["test_success"]["mean"] <= 1
    assert made.network(np.zeros((1, 3, 2))).shape == (1, 3, 1)
    with pytest.raises(dessine.SpecError):
        made.draw(3)


def test_it_shows_itself(run: dessine.SavedRun, folder: Path) -> None:
    page = run._repr_html_()
    assert "data:image/png;base64," in page
    assert "completed" in page
    assert "step 20" in repr(run)
    listed = dessine.runs(runs_dir=folder / "runs")
    assert listed._repr_html_().count("<tr>") == len(listed) + 1


def test_names_in_tables_are_text(make_run: Any) -> None:
    run = dessine.SavedRun(make_run("a<b>c"))
    assert "a&lt;b&gt;c" in run._repr_html_()


def test_runs_are_listed_as_the_command_filters_them(make_run: Any, make_sweep: Any) -> None:
    first, second = make_run("first", success=[0.5]), make_run("second", success=[0.9], status="failed", seed=7)
    make_sweep("many", {"one": {"seed": 11}})
    here = first.parent
    found = [[run.name for run in dessine.runs(*f, runs_dir=here)] for f in (["failed"], ["seed=7"], ["test_success>0.8"])]
    assert found[:2] == [[second.name]] * 2
    assert "one" in {run.name for run in dessine.runs(runs_dir=here)}
    assert "one" not in {run.name for run in dessine.runs(runs_dir=here, cells=False)}
    with pytest.raises(dessine.SpecError, match="no run here has 'sead'; did you mean 'seed'"):
        dessine.runs("sead=3", runs_dir=here)
    for wrong, why in ((here / "nothing", "there is no such folder"), (first / "config.yaml", "is no folder")):
        with pytest.raises(dessine.RunError, match=why):
            dessine.runs(runs_dir=wrong)


def test_a_run_is_found_as_the_commands_find_it(run: dessine.SavedRun, folder: Path) -> None:
    assert dessine.load(run.path).path == run.path
    assert dessine.load(run) is run
    assert dessine.load("last", runs_dir=folder / "runs").path == run.path
    with pytest.raises(dessine.RunError, match="no run 'nothing'"):
        dessine.load("nothing", runs_dir=folder / "runs")


@pytest.mark.parametrize(
    ("config", "changes", "line"),
    [
        ("ring.yaml", {"training__stepz": 3}, "did you mean 'steps'"),
        ("ring.yaml", {"training.steps": object()}, "a config holds numbers"),
        ("nothing.yaml", {}, "nothing.yaml: no such file"),
        ({"data": "xor"}, {}, "'game' is missing"),
        ("data: [\n", {}, "<config>:2: not YAML"),
        ({"data": "ring", 3: object()}, {}, "a config holds"),
        (HOLDS_ITSELF, {}, "the config holds itself"),
        *((one, {}, "expects a config: its path, its YAML as text, or a dict") for one in (None, 3, [TEXT], TEXT.encode())),
    ],
)
def test_a_mistake_is_an_exception_with_the_command_s_lines(config: Any, changes: dict[str, Any], line: str) -> None:
    with pytest.raises(dessine.SpecError, match=line):
        dessine.train(config, runs_dir="none", **changes)
    assert not Path("none").exists()


def test_lines_are_those_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(dessine.SpecError) as error:
        dessine.train("ring.yaml", seed=-1, training__steps=0)
    from dessine.cli.errors import guarded

    sys.argv, before = ["dessine", "train", "ring.yaml", "seed=-1", "training.steps=0"], sys.argv
    try:
        assert guarded(group) == 2
    finally:
        sys.argv = before
    assert capsys.readouterr().err.splitlines() == str(error.value).splitlines()


def test_resume_goes_on_as_if_nothing_had_been(run: dessine.SavedRun, tmp_path: Path) -> None:
    made = dessine.train("ring.yaml", run_dir=tmp_path / "run", progress=False, seed=3, training__steps=10)
    before = made.draw(3)
    assert made.resume(training__steps=20, progress=False).step == 20
    assert contents(made.path) == contents(run.path) | {"source.yaml": (made.path / "source.yaml").read_text()}
    assert not np.array_equal(made.draw(3), before)
    with pytest.raises(dessine.SpecError, match="would change steps already made"):
        made.resume(seed=4)


def test_progress_may_be_anything_that_is_called(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    seen: list[tuple[int, dict[str, Any]]] = []
    dessine.train(TEXT, run_dir=tmp_path / "run", progress=lambda step, record: seen.append((step, record)))
    assert seen[-1][0] == 20
    assert "loss" in seen[-1][1]
    assert capfd.readouterr() == ("", "")


def test_a_notebook_has_a_bar_and_a_script_has_lines(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    dessine.train(TEXT, run_dir=tmp_path / "script")
    script = capfd.readouterr()
    assert "step 20/20" in script.err
    assert script.out == ""
    shown: list[str] = []

    def put(told: dict[str, str], raw: bool, display_id: bool = True) -> SimpleNamespace:
        shown.append(told["text/plain"])
        return SimpleNamespace(update=put)

    shell = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=object()))
    monkeypatch.setitem(sys.modules, "IPython", shell)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=put))  # type: ignore[arg-type]
    dessine.train(TEXT, run_dir=tmp_path / "notebook")
    assert "step 20/20" in shown[-1]
    assert "100%" in shown[-1]
    assert len(shown) < 10  # each in place of the one before
    assert "step" not in capfd.readouterr().err.replace("all steps", "")
    bar = api._Notebook.line(SimpleNamespace(steps=3), 0)  # type: ignore[arg-type]
    assert bar is not None
    bar.above("stopping")
    bar.close()
    out, err = capfd.readouterr()
    assert (err, out) == ("stopping\n", "")


def test_a_notebook_shows_a_mistake_without_our_own_lines() -> None:
    with pytest.raises(dessine.RunError) as error:
        dessine.load("nowhere")
    mine, told = error.value._render_traceback_()
    assert mine.endswith(': dessine.load("nowhere")')
    assert told == "RunError: no run 'nowhere' in runs"
    with pytest.raises(dessine.SpecError) as several:
        dessine.train(TEXT, training__steps=0, seed=-1)
    mine, *lines = several.value._render_traceback_()
    assert "dessine.train(TEXT" in mine
    assert [line.partition("=")[0].split()[-1] for line in lines] == ["training.steps", "seed"]
    assert not issubclass(dessine.Interrupted, Exception)


def test_an_interrupt_saves_and_is_a_keyboard_interrupt(tmp_path: Path) -> None:
    asked: list[int] = []

    def stop(step: int, record: dict[str, Any]) -> None:
        if step >= 7 and not asked:
            asked.append(step)
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt) as stopped:
        dessine.train(TEXT, run_dir=tmp_path / "run", progress=stop)
    assert isinstance(stopped.value, dessine.Interrupted)
    run = stopped.value.run
    assert (run.status, signal.getsignal(signal.SIGINT)) == ("interrupted", before)
    assert run.resume(progress=False).status == "completed"


@pytest.mark.parametrize("repeats", [1, 2])
@pytest.mark.parametrize("in_thread", [False, True])
def test_who_follows_may_stop_it_as_ctrl_c_does(tmp_path: Path, repeats: int, in_thread: bool) -> None:
    def stop(step: int, record: dict[str, Any]) -> None:
        if step >= 7:  # again and again: the end was asked for once, all the same
            raise KeyboardInterrupt

    def work() -> None:
        with pytest.raises(dessine.Interrupted, match=r"run\.resume") as stopped:
            dessine.train(TEXT, run_dir=tmp_path / "run", progress=stop, repeats=repeats)
        made.append(stopped.value.run)

    made: list[dessine.SavedRun] = []
    if in_thread:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    else:
        work()
    run = made[0]
    assert (run.status, run.step) == ("interrupted", Run(run.path).checkpoint_steps()[-1])
    assert run.step >= 7
    assert run.resume(progress=False).status == "completed"
    straight = dessine.train(TEXT, run_dir=tmp_path / "straight", progress=False, repeats=repeats)
    assert (run.path / "metrics.jsonl").read_text() == (straight.path / "metrics.jsonl").read_text()


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """No longer file can be written meanwhile: the nearest thing to a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_training_that_cannot_write_is_failed_names_the_file_and_keeps_the_rest(tmp_path: Path) -> None:
    run = tmp_path / "run"

    def fill(step: int, record: dict[str, Any]) -> None:
        if step >= 6:
            room = (run / "checkpoints/step_000000000.npz").stat().st_size
            stack.enter_context(files_of_at_most(room - 1))

    with pytest.raises(dessine.Failed) as failed, ExitStack() as stack:
        dessine.train(TEXT, run_dir=run, progress=fill)
    told = str(failed.value)
    assert told.startswith(f"{run}/checkpoints/step_0000000")
    assert told.endswith(": File too large")
    left = dessine.load(run)
    assert (left.status, left.info["reason"], left.metrics_arrays()["step"][0]) == ("failed", told, 5)
    assert not list(run.glob("**/.*.tmp*"))
    assert left.resume(progress=False).status == "completed"


def test_scores_that_cannot_be_written_are_failed(run: dessine.SavedRun) -> None:
    with pytest.raises(dessine.Failed, match=r"File too large") as failed, files_of_at_most(10):
        run.scores(200, only=["modes"])
    assert str(run.path) in str(failed.value)


def test_memory_that_runs_out_is_failed_and_what_a_follower_raises_stays_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhaust(*args: Any, **options: Any) -> None:
        raise MemoryError("Unable to allocate 2.9 TiB")

    def lose(step: int, record: dict[str, Any]) -> None:
        raise ConnectionError("mine")

    with pytest.raises(ConnectionError, match="mine"):
        dessine.train(TEXT, run_dir=tmp_path / "a", progress=lose)
    monkeypatch.setattr(Run, "save_checkpoint", exhaust)
    with pytest.raises(dessine.Failed, match=r"^out of memory: Unable"):
        dessine.train(TEXT, run_dir=tmp_path / "b", progress=False)


def test_who_follows_and_ends_the_program_leaves_no_run_that_seems_to_train(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        dessine.train(TEXT, run_dir=tmp_path / "run", progress=lambda step, record: sys.exit(3))
    assert dessine.load(tmp_path / "run").status == "interrupted"
    assert dessine.load(tmp_path / "run").info["reason"] == "SystemExit: 3"


def test_it_trains_in_a_thread(run: dessine.SavedRun, tmp_path: Path) -> None:
    made: list[Any] = []

    def work() -> None:
        made.append(dessine.train("ring.yaml", run_dir=tmp_path / "run", progress=False, seed=3))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert contents(made[0].path) == contents(run.path)


def test_numbers_that_run_away_are_a_failure_and_no_exit(tmp_path: Path) -> None:
    change: Any = {"game.discriminator.optimizer": {"type": "gradient_descent", "eta": 1e30}}
    with pytest.raises(dessine.Failed, match="no replicate is left with finite numbers"):
        dessine.train(TEXT, run_dir=tmp_path / "run", progress=False, **change)
    assert dessine.load(tmp_path / "run").status == "failed"


def test_a_stranger_s_plugin_is_loaded_only_when_trusted(tmp_path: Path, run: dessine.SavedRun) -> None:
    plugin = tmp_path / "plugin.py"
    plugin.write_text("LOADED = True\n")
    made = dessine.train("ring.yaml", run_dir=tmp_path / "run", progress=False, training__steps=2, plugins=[plugin])
    assert made.draw(2).shape == (2, 2)  # one that this very process has trained
    theirs = dessine.load(made.path)
    assert theirs.config["plugins"] == [str(plugin)]  # which may be looked at
    with pytest.raises(dessine.SpecError, match=r"is a program.*trust_plugins=True"):
        theirs.draw(2)
    assert dessine.load(made.path, trust_plugins=True).draw(2).shape == (2, 2)


def test_import_is_light_and_offers_its_names() -> None:
    code = (
        "import sys, dessine; assert not {'numpy', 'click', 'pydantic'} & set(sys.modules); print(*dir(dessine))\n"
        "from dessine.runs.run import Run\nassert callable(dessine.runs) and dessine.runs.run.Run is Run\n"
        "from dessine import runs, load\nassert callable(runs)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert set(dessine.__all__) <= set(done.stdout.split())
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        _ = dessine.lode


@pytest.mark.parametrize(
    "wrong",
    [
        {"count": 0},
        {"count": 10**12},
        {"count": 2.5},
        {"count": "7"},
        {"count": True},
        {"count": None},
        {"seed": -1},
        {"seed": "a"},
        {"repeat": -1},
        {"repeat": 1},
        {"truncate": float("nan")},
        {"truncate": "x"},
        {"step": "worst"},
        {"step": None},
        {"latents": [[1.0, 2.0], [3.0]]},
    ],
)
def test_what_draw_cannot_take_is_a_line_of_its_own(tmp_path: Path, wrong: dict) -> None:
    made = dessine.train(TEXT, run_dir=tmp_path / "run", progress=False, training__steps=2)
    with pytest.raises(dessine.SpecError) as caught:
        made.draw(**wrong)
    assert len(str(caught.value).splitlines()) == 1
    assert next(iter(wrong)) in str(caught.value)


@pytest.mark.parametrize("wrong", [{"count": 0}, {"count": 10**12}, {"seed": -1}, {"step": "x"}])
def test_nor_diagnose_and_scores(tmp_path: Path, wrong: dict) -> None:
    made = dessine.train(TEXT, run_dir=tmp_path / "run", progress=False, training__steps=2)
    with pytest.raises(dessine.SpecError, match=next(iter(wrong))):
        made.diagnose(**wrong)
    if wrong != {"count": 10**12}:  # examples of each side, at most
        with pytest.raises(dessine.SpecError, match=next(iter(wrong))):
            made.scores(**wrong)


@pytest.mark.parametrize("wrong", [None, 3, b"runs", ["runs"]])
def test_what_is_no_path_is_said_so(wrong: Any) -> None:
    asked = [
        lambda: dessine.runs(runs_dir=wrong),
        lambda: dessine.load(wrong),
        lambda: dessine.load("last", runs_dir=wrong),
        lambda: dessine.train(TEXT, runs_dir=wrong, progress=False),
    ]
    for each in asked:
        with pytest.raises(dessine.SpecError, match="expects a path, got"):
            each()


@pytest.mark.parametrize("wrong", [None, 3, b"x", ["status=completed"]])
def test_a_filter_is_text(wrong: Any) -> None:
    with pytest.raises(dessine.SpecError, match="is no filter: expects text"):
        dessine.runs(wrong)

"""Runs taken out to other programs, and tables and samples of compared runs."""

from __future__ import annotations

import csv
import importlib
import json
from pathlib import Path

import pytest
from PIL import Image


def numbers(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_csv_has_a_line_for_each_record_of_each_repeat(dessine, make_run):
    make_run("a", success=[0.5, None, 0.75], seed=3)
    make_run("b", success=[[0.1, 0.2]], repeats=2, spec={"game.loss.factor": 1.0})
    answer = dessine("runs", "export", "a", "b", "--to", "csv")
    assert (answer.code, answer.out, answer.err) == (0, "metrics.csv\n", "")
    rows = numbers(Path("metrics.csv"))
    assert [(r["run"], r["seed"], r["step"], r["test_success"], r["game.loss.factor"]) for r in rows] == [
        ("a", "3", "10", "0.5", "0.5"),
        ("a", "3", "20", "", "0.5"),
        ("a", "3", "30", "0.75", "0.5"),
        ("b", "0", "10", "0.1", "1"),
        ("b", "1", "10", "0.2", "1"),
    ]


def test_a_sweep_gives_all_its_runs_and_json_says_what_was_taken(dessine, make_sweep):
    make_sweep("s", {"a": {"seed": 1}, "b": {"seed": 2, "status": "failed"}})
    answer = dessine("runs", "export", "s", "--to", "csv", "--out", "deep/x.csv", "--json")
    assert json.loads(answer.out) == {"to": "csv", "path": "deep/x.csv", "runs": 2, "repeats": 2, "lines": 4}
    assert len(numbers(Path("deep/x.csv"))) == 4


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["a"], "Missing option '--to'"),
        (["a", "--to", "wandb"], "'wandb' is not one of 'csv', 'tensorboard', 'mlflow'"),
        (["a", "--to", "csv", "--out", "x.txt"], "expects a name ending in .csv"),
        (["a", "--to", "tensorboard", "--out", "file"], "file: is no folder"),
        (["nothing", "--to", "csv"], "nothing"),
    ],
)
def test_what_cannot_be_exported_leaves_nothing_behind(dessine, make_run, args, told):
    make_run("a")
    Path("file").write_text("")
    before = sorted(Path().rglob("*"))
    answer = dessine("runs", "export", *args)
    assert (answer.code, answer.out) == (2, "")
    assert told in answer.err
    assert sorted(Path().rglob("*")) == before


@pytest.mark.parametrize("way", ["tensorboard", "mlflow"])
def test_a_library_that_is_missing_is_told_with_how_to_get_it(dessine, make_run, monkeypatch, way):
    make_run("a")

    def missing(name: str, package: str | None = None) -> object:
        if name.split(".")[0] in ("tensorboardX", "mlflow"):
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
        return real(name, package)

    real = importlib.import_module
    monkeypatch.setattr("dessine.runs.elsewhere.import_module", missing)
    answer = dessine("runs", "export", "a", "--to", way)
    assert answer.code == 2
    assert answer.err.endswith(f"pip install 'dessine[{way}]'\n")
    assert not Path(way).exists()


def test_tensorboard_has_an_event_file_for_each_repeat_and_one_only(dessine, make_run):
    pytest.importorskip("tensorboardX")
    make_run("a", samples=[10, 20])
    make_run("b", success=[[0.1, 0.2]], repeats=2)
    for _ in range(2):
        answer = dessine("runs", "export", "a", "b", "--to", "tensorboard")
        assert (answer.code, answer.out) == (0, "tensorboard\n")
        made = [path.relative_to("tensorboard").parent.as_posix() for path in Path("tensorboard").rglob("*") if path.is_file()]
        assert sorted(made) == ["a", "b/seed_0", "b/seed_1"]
    (events,) = Path("tensorboard/a").iterdir()
    assert b"test_success" in events.read_bytes()
    assert events.read_bytes().count(b"\x89PNG") == 2


def test_mlflow_has_a_run_for_each_repeat_and_one_only(dessine, make_run):
    tracking = pytest.importorskip("mlflow.tracking")
    pytest.importorskip("alembic")
    make_run("a", success=[[0.1, 0.2], [0.3, 0.4]], repeats=2, samples=[10])
    for _ in range(2):
        answer = dessine("runs", "export", "a", "--to", "mlflow")
        assert (answer.code, answer.out) == (0, "mlflow\n")
    client = tracking.MlflowClient(tracking_uri="sqlite:///mlflow/mlflow.db")
    runs = client.search_runs([one.experiment_id for one in client.search_experiments()])
    assert {run.info.run_name: run.data.metrics["test_success"] for run in runs} == {"a/seed_0": 0.3, "a/seed_1": 0.4}
    assert {run.info.status for run in runs} == {"FINISHED"}


@pytest.mark.parametrize(
    ("how", "wanted"),
    [
        (
            "markdown",
            [
                "| factor | n | test\\_success |",
                "| --- | ---: | ---: |",
                "| 0.5 | 2 | 0.850 \\[0.215, 1.000] |",
                "| 1 | 1 | 0.1 |",
            ],
        ),
        ("csv", ["factor,n,test_success,test_success_low,test_success_high,test_success_std"]),
        ("latex", ["% needs \\usepackage{booktabs}", "\\begin{tabular}{lrr}", "\\toprule", "factor & n & test\\_success \\\\"]),
    ],
)
def test_compare_writes_a_table_for_a_paper_and_nothing_else(dessine, make_run, how, wanted):
    make_run("a", success=[0.8])
    make_run("b", success=[0.9], seed=1)
    make_run("c", success=[0.1], spec={"game.loss.factor": 1.0})
    answer = dessine("runs", "compare", "a", "b", "c", "--format", how)
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert lines[: len(wanted)] == wanted
    assert "png" not in answer.out
    assert answer.err == "runs/comparison.png\n"
    assert dessine("runs", "compare", "a", "--format", how, "--json").code == 2


def test_compare_draws_samples_side_by_side_from_the_same_latents(dessine, trained):
    one, other = trained(), trained("game.label_swap=0.2", "training.steps=20")
    answer = dessine("runs", "compare", one, other, "--out", "x.png")
    assert answer.code == 0
    assert answer.out.splitlines()[-2:] == ["x_samples.png", "x.png"]
    with Image.open("x_samples.png") as drawn:
        assert drawn.height > 170
    told = json.loads(dessine("runs", "compare", one, other, "--out", "x.png", "--json", "--no-samples").out)
    assert (told["picture"], told["samples"]) == ("x.png", None)


def test_a_run_that_cannot_draw_is_told_and_the_others_are_drawn(dessine, trained, monkeypatch):
    one, other = trained(), trained("game.label_swap=0.2", "training.steps=20")
    for checkpoint in (other / "checkpoints").iterdir():
        checkpoint.unlink()
    answer = dessine("runs", "compare", one, other, "--out", "x.png")
    assert answer.code == 0
    assert "holds no checkpoint" in answer.err
    assert Path("x_samples.png").exists()

"""`dessine runs`: tables for people, one document for programs, and nothing is removed by mistake."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from dessine.letters import letters_wide


@pytest.fixture
def two(make_run):
    """Two runs of one setting, and a failed one of another."""
    make_run("2020-01-01_a", seed=0, success=[0.5, 0.8], started="2020-01-01T00:00:00+00:00")
    make_run("2020-01-02_b", seed=1, success=[0.5, 0.9], started="2020-01-02T00:00:00+00:00")
    make_run(
        "2020-01-03_c",
        success=[0.1],
        status="failed",
        reason="no\nnumber",
        started="2020-01-03T00:00:00+00:00",
        spec={"game.loss.factor": 1.0},
    )


def lines(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_list_is_a_table_with_the_newest_first(dessine, two):
    answer = dessine("runs", "list")
    assert (answer.code, answer.err) == (0, "")
    head, *rows = lines(answer.out)
    assert head == ["name", "status", "step", "seed", "age", "results"]
    assert [row[:4] for row in rows] == [
        ["2020-01-03_c", "failed", "10", "0"],
        ["2020-01-02_b", "completed", "20", "1"],
        ["2020-01-01_a", "completed", "20", "0"],
    ]
    assert rows[0][5:] == ["test_success", "0.1", "no?number"]
    assert "\x1b" not in answer.out


def test_list_filters_and_sorts(dessine, two):
    assert [row[0] for row in lines(dessine("runs", "list", "status=completed", "test_success>0.85").out)[1:]] == [
        "2020-01-02_b"
    ]
    ordered = lines(dessine("runs", "list", "--sort", "test_success", "-n", 2).out)[1:]
    assert [row[0] for row in ordered] == ["2020-01-03_c", "2020-01-01_a"]


def test_list_json_is_one_document(dessine, two):
    answer = dessine("runs", "list", "--json", "game.loss.factor=1")
    (row,) = json.loads(answer.out)
    assert (row["name"], row["status"], row["reason"], row["results"]) == (
        "2020-01-03_c",
        "failed",
        "no\nnumber",
        {"test_success": 0.1},
    )
    assert json.loads(dessine("runs", "list", "--json", "status=lost").out) == []


def test_list_of_nothing_says_so(dessine, tmp_path):
    assert dessine("runs", "list") == (0, "", "no run in runs\n")
    assert dessine("runs", "list", "--runs-dir", "nowhere").code == 2


def test_broken_runs_do_not_break_the_list(dessine, two, make_run):
    (make_run("torn") / "run.json").write_text('{"status": "com')
    (make_run("empty") / "run.json").write_bytes(b"")
    (make_run("spec", spec=None) / "config.yaml").write_bytes(b"\xff: [")
    lost = make_run("lost", status="running")
    (lost / "metrics.jsonl").write_text('{"step": 1')
    nothing = Path("runs/nothing")
    nothing.mkdir()
    (nothing / "config.yaml").write_text("a: [b")
    answer = dessine("runs", "list", "game.loss!=absent")
    status = {row[0]: row[1] for row in lines(answer.out)[1:]}
    assert (answer.code, len(status)) == (0, 8)
    assert [status[name] for name in ("torn", "empty", "spec", "lost", "nothing")] == [
        "broken",
        "broken",
        "completed",
        "lost",
        "broken",
    ]


def test_a_reader_that_goes_early_is_no_error(two, make_run, tmp_path):
    for i in range(2000):
        (tmp_path / f"runs/r{i}").symlink_to(tmp_path / "runs/2020-01-01_a")
    child = subprocess.Popen(
        [sys.executable, "-m", "dessine", "runs", "list"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdout.readline().startswith(b"name")
    child.stdout.close()
    assert child.wait() == 0
    assert child.stderr is not None
    assert child.stderr.read() == b""
    child.stderr.close()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["list", "gme.loss=x"], "did you mean 'game.loss'"),
        (["list", "a b"], "expects KEY=VALUE"),
        (["list", "--sort", "sucess"], "no run here has 'sucess'"),
        (["list", "--all", "seed<x"], "compares numbers"),
        (["compare", "2020-01"], "fits 3 runs"),
        (["compare", "last", "--metrics", "sucess"], "no metric 'sucess'"),
        (["compare", "last", "--out", "x.jpg"], ".png"),
        (["diff", "last", "2020-01-9"], "no run '2020-01-9'"),
        (["report", "nowhere"], "no run 'nowhere'"),
        (["report", "last", "--out", "x.pdf"], ".html"),
        (["rm"], "which runs?"),
        (["rm", "--older-than", "7"], "such as 7d"),
        (["rm", "nowhere", "--yes"], "no run 'nowhere'"),
    ],
)
def test_mistakes_are_one_clear_line_and_leave_nothing(dessine, two, arguments, said, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    answer = dessine("runs", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err.splitlines()[-1]
    assert sorted(tmp_path.rglob("*")) == before


def test_compare_averages_over_seeds_and_draws(dessine, two):
    answer = dessine("runs", "compare", "2020-01-01", "2020-01-02", "2020-01-03")
    assert (answer.code, answer.err) == (0, "")
    *table, picture = answer.out.splitlines()
    rows = [line.split("  ") for line in table]
    assert [[cell.strip() for cell in row if cell.strip()] for row in rows] == [
        ["factor", "runs", "n", "test_success"],
        ["0.5", "2 completed", "2", "0.85 [0.2147, 1]"],  # 0.85 -+ 12.706 * 0.0707 / sqrt(2); no success is above 1
        ["1", "1 failed", "1", "0.1"],
    ]
    assert picture == "runs/comparison.png"
    with Image.open(picture) as drawn:
        assert drawn.width > 500


def test_compare_makes_one_page_of_it_all(dessine, two, make_run):
    make_run("evil", success=[0.1], spec={"training.batch_size": "</style><script>alert(1)</script>"}, samples=[10])
    info = json.loads(Path("runs/evil/run.json").read_text())
    Path("runs/evil/summary.json").write_text(
        json.dumps({"diagnosis": {"verdict": "no <b>", "words": "it does not `learn`"}, "last": {}})
    )
    assert info["status"] == "completed"
    answer = dessine("runs", "compare", "2020-01-01_a", "2020-01-02_b", "evil", "--html", "pages/both.html")
    assert answer.code == 0, answer.err
    assert answer.out.splitlines()[-2:] == [str(Path("runs/comparison.png")), str(Path("pages/both.html"))]
    page = Path("pages/both.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "default-src 'none'" in page
    assert "http" not in page.replace("http-equiv", "")
    for heading in ("What differs", "What they reached", "Verdicts", "Curves", "Samples", "The runs"):
        assert f"<h2>{heading}</h2>" in page
    assert "no &lt;b&gt;</strong>" in page
    assert "it does not <code>learn</code>" in page
    assert page.count("<polyline") + page.count("<circle") == 2
    assert page.count('src="data:image/png;base64,') == 1
    told = json.loads(dessine("runs", "compare", "evil", "--html", "x.html", "--json").out)
    assert told["page"] == "x.html"
    assert "a name ending in .html" in dessine("runs", "compare", "evil", "--html", "x.png").err
    Path("file").write_text("")
    assert dessine("runs", "compare", "evil", "--html", "file/x.html").code == 1


def test_compare_tells_three_runs_of_one_config_apart(dessine, make_run):
    for seed, success in enumerate([0.7, 0.8, 0.9]):
        make_run(f"at_{seed}/run", seed=seed, success=[0.1, success], samples=[10])
    runs = [f"runs/at_{seed}/run" for seed in range(3)]
    answer = dessine("runs", "compare", *runs, "--html", "all.html")
    assert (answer.code, answer.err) == (0, "")
    assert [line.split("  ")[0].strip() for line in answer.out.splitlines()[:5]] == [
        "run",
        *(f"at_{i}/run, seed {i}" for i in range(3)),
        "all 3",
    ]
    page = Path("all.html").read_text()
    for seed in range(3):
        assert page.count(f"at_{seed}/run") >= 4  # above, what they reached, the curves, and the list of the runs
    assert page.count("<polyline") == 4
    assert page.count('src="data:image/png;base64,') == 3
    (setting,) = json.loads(dessine("runs", "compare", *runs, "--json").out)["settings"]
    assert [run["seed"] for run in setting["runs"]] == [0, 1, 2]
    assert setting["metrics"]["test_success"]["count"] == 3
    assert dessine("runs", "compare", *runs, "--format", "csv").out.splitlines()[3].startswith('"at_2/run, seed 2",1,0.9')


def test_compare_takes_the_completed_runs_of_a_sweep(dessine, make_sweep):
    make_sweep("s", {"a": {"seed": 1}, "b": {"seed": 2}, "c": {"seed": 3, "status": "failed"}})
    answer = dessine("runs", "compare", "s", "--json", "--out", "x.png")
    assert answer.err == "s: 1 of 3 runs are not completed, and omitted\n"
    (setting,) = json.loads(answer.out)["settings"]
    assert [run["seed"] for run in setting["runs"]] == [1, 2]
    assert setting["metrics"]["test_success"]["count"] == 2
    assert Path("x.png").exists()


def test_compare_stands_on_its_side_where_more_differs_than_there_are_runs(dessine, make_run):
    make_run("a")
    make_run("b", spec={"training.batch_size": 2, "game.loss.factor": 1.0, "data.points": 5, "training.steps": 7})
    head, *rows = lines(dessine("runs", "compare", "a", "b").out)
    assert head == ["1", "2"]
    assert ["batch_size", "1", "2"] in rows
    assert ["test_success", "0.9", "0.9"] in rows


@pytest.mark.parametrize("content", ['{"pid": "x"}', '{"goals": 5}', "{", '{"resumes": null}', '{"started": "0001-01-01"}'])
def test_compare_says_what_is_broken_and_shows_the_others(dessine, two, make_run, content):
    path = make_run("2020-01-04_d", seed=2)
    (path / "run.json").write_text(content)
    with Path("runs/2020-01-02_b/metrics.jsonl").open("a") as file:
        file.write('{"step": 30, "loss": 5}\n')
    answer = dessine("runs", "compare", "2020-01-01", "2020-01-02", "2020-01-04", "--json")
    left, bad = answer.err.splitlines()
    assert left.startswith("runs/2020-01-04_d is omitted: run.json cannot be read: ")
    assert bad == "runs/2020-01-02_b/metrics.jsonl:3: loss: expects a mapping, got 5"
    (setting,) = json.loads(answer.out)["settings"]
    assert [run["seed"] for run in setting["runs"]] == [0, 1]
    alone = dessine("runs", "compare", "2020-01-04")
    assert (alone.code, alone.err.splitlines()[-1]) == (2, "none of these runs can be compared")


def test_a_config_of_a_run_reads_no_other_file(dessine, two, tmp_path):
    (tmp_path / "secret.yaml").write_text("secret: 1\n")
    config = Path("runs/2020-01-01_a/config.yaml")
    config.write_text(json.dumps({"extends": "../../secret.yaml"} | json.loads(config.read_text())))
    for command in (["diagnose"], ["eval"], ["draw", "--out", "x.npz"], ["train", "--resume"], ["train", "--from"]):
        answer = dessine(*command, "2020-01-01_a")
        assert answer.code == 2
        assert "unknown key 'extends'" in answer.err
    config.unlink()
    config.symlink_to(tmp_path / "secret.yaml")
    answer = dessine("runs", "diff", "2020-01-01", "2020-01-02")
    assert (answer.code, answer.out) == (2, "")
    assert "is a link" in answer.err


def test_diff_names_what_differs(dessine, two):
    answer = dessine("runs", "diff", "2020-01-01", "last")
    assert lines(answer.out)[1:] == [["game.loss.factor", "0.5", "1"]]
    assert json.loads(dessine("runs", "diff", "2020-01-01", "last", "--json").out) == {
        "game.loss.factor": {"first": 0.5, "second": 1.0}
    }
    assert lines(dessine("runs", "diff", "runs/2020-01-01_a", "last").out)[0] == ["key", "2020-01-01_a", "last"]
    assert dessine("runs", "diff", "last", "last") == (0, "", "the same spec\n")


def test_diff_takes_a_config_in_place_of_a_run(dessine, trained, config):
    config.write_text(config.read_text().replace("steps: 60", "steps: 61"))
    assert lines(dessine("runs", "diff", trained(), config).out)[1:] == [["training.steps", "60", "61"]]


def test_rm_asks_and_takes_no_for_an_answer(dessine, two, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    answer = dessine("runs", "rm", "2020-01-01")
    assert answer.code == 1
    assert "Remove 1 run (" in answer.err
    assert "nothing was removed" in answer.err
    assert Path("runs/2020-01-01_a").exists()


def test_rm_removes_what_is_named_after_a_yes(dessine, two, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert dessine("runs", "rm", "2020-01-01").code == 0
    assert sorted(os.listdir("runs")) == ["2020-01-02_b", "2020-01-03_c"]


def test_rm_without_anyone_to_answer_removes_nothing(dessine, two, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    answer = dessine("runs", "rm", "2020-01-01")
    assert answer.code == 2
    assert "--yes" in answer.err.splitlines()[-1]
    assert Path("runs/2020-01-01_a").exists()


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        (["--failed"], "ab"),
        (["status=completed", "test_success<0.85"], "bc"),
        (["--older-than", "7d"], ""),
        (["--older-than", "9999w"], "abc"),
        (["--failed", "--older-than", "9999w"], "abc"),
        (["last", "2020-01-01", "--failed"], "ab"),
        (["runs/2020-01-02_b", "2020-01-02_b"], "ac"),
    ],
)
def test_rm_takes_only_what_fits_everything(dessine, two, arguments, left):
    assert dessine("runs", "rm", *arguments, "--yes").code == 0
    assert "".join(sorted(name[-1] for name in os.listdir("runs"))) == left


def test_rm_leaves_running_runs_and_says_so(dessine, two, make_run):
    make_run("busy", status="running", pid=os.getpid())
    answer = dessine("runs", "rm", "--older-than", "1d", "--yes")
    assert answer.code == 0
    assert "runs/busy is running" in answer.err
    assert os.listdir("runs") == ["busy"]
    assert dessine("runs", "rm", "busy", "--yes").code == 1
    assert os.listdir("runs") == ["busy"]


def test_rm_of_a_folder_that_is_no_run_is_refused(dessine, tmp_path):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/config.yaml").write_text("name: x\n")
    answer = dessine("runs", "rm", "configs", "--yes")
    assert answer.code == 1
    assert "is not a run folder" in answer.err
    assert (tmp_path / "configs/config.yaml").exists()


def test_report_ends_with_the_page(dessine, two):
    assert dessine("runs", "report", "last").out == "runs/2020-01-03_c/report.html\n"
    assert "no\nnumber" in Path("runs/2020-01-03_c/report.html").read_text()
    assert dessine("runs", "report", "2020-01-01", "--out", "pages/a.html").out == "pages/a.html\n"
    assert "0.8" in Path("pages/a.html").read_text()


def test_a_real_run_can_be_listed_and_reported(dessine, trained):
    run = trained()
    (row,) = json.loads(dessine("runs", "list", "--runs-dir", run.parent, "--json", "game=adversarial").out)
    assert (row["status"], row["step"], row["steps"], row["repeats"]) == ("completed", 60, 60, 3)
    assert set(row["results"]) == {"scores.random_kernel_distance"}
    page = Path(dessine("runs", "report", run).out.strip()).read_text()
    assert page.count("data-step=") == 7
    assert "Curves" in page  # drawn from the records: the run itself was told to draw none


def test_a_page_that_cannot_be_written_says_how(dessine, two, monkeypatch):
    def forbidden(path, content):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr("dessine.reports.run_page.write_atomically", forbidden)
    answer = dessine("runs", "report", "2020-01-01")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == (
        "runs/2020-01-01_a cannot be written (Permission denied): say where the page goes with --out FILE.html\n"
    )
    assert dessine("runs", "report", "2020-01-01", "--out", "x.html").code == 1


def test_a_picture_that_cannot_be_written_costs_no_table(dessine, two, monkeypatch):
    def forbidden(path, *_):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr("dessine.plots.compare.save_comparison", forbidden)
    answer = dessine("runs", "compare", "2020-01-01")
    assert (answer.code, answer.out.splitlines()[1].split()) == (0, ["1", "completed", "1", "0.8"])
    assert len(answer.err.splitlines()) == 1
    assert dessine("runs", "compare", "2020-01-01", "--out", "x.png").code == 1


def test_what_would_steer_a_terminal_does_not_reach_it(dessine, make_run, tmp_path):
    evil = "\x1b[2Ja\x9b31m"
    make_run(evil, reason=evil, status="failed", command=evil, goals={evil: "max"}, results={evil: 1}, seed=1)
    make_run("b", success=[0.5])
    broken = make_run(f"c{evil}")
    (broken / "run.json").write_text(json.dumps({evil: 1, "status": evil}))
    for command in (["list"], ["compare", "b", f"runs/c{evil}"], ["compare", f"runs/{evil}"], ["rm", f"runs/{evil}x"]):
        answer = dessine("runs", *command)
        assert not set("\x1b\x9b") & set(answer.out + answer.err), command


def test_list_shows_what_the_command_line_changed_and_filters_by_it(dessine, make_run):
    path = make_run("2020-01-01_a", spec={"game.loss": "minimax"})
    info = json.loads((path / "run.json").read_text())
    (path / "run.json").write_text(json.dumps(info | {"overrides": ["game.loss=minimax", "outputs.gif=false", "seed=3"]}))
    make_run("2020-01-02_b", status="failed")
    assert "loss=minimax" in dessine("runs", "list").out
    assert [row[0] for row in lines(dessine("runs", "list", "loss=minimax").out)[1:]] == ["2020-01-01_a"]
    assert [row["name"] for row in json.loads(dessine("runs", "list", "failed", "--json").out)] == ["2020-01-02_b"]
    assert [row["changed"] for row in json.loads(dessine("runs", "list", "_a", "--json").out)] == [["loss=minimax"]]
    assert dessine("runs", "list", "lost").err == "no run in runs fits\n"


@pytest.mark.parametrize("columns", [30, 40, 60, 80, 100])
def test_a_list_fits_its_terminal_whatever_the_names(dessine, make_run, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    make_run("2020-01-01_絵文字のリング", success=[0.123456])
    make_run("2020-01-02_e\u0301te\u0301", status="failed", reason="a long story that nobody wants to read to its end " * 3)
    answer = dessine("runs", "list")
    assert max(map(letters_wide, answer.out.splitlines())) <= columns
    assert "0.1235" in answer.out

"""The whole command: what it lists, runs, judges and refuses; and that every shipped table is what its sweep can answer."""

import json
from pathlib import Path

import pytest

from dessine.cli import main
from dessine.cli.published_table import open_table
from dessine.shipped import tables
from dessine.spec import dump

BASE = Path(__file__).parents[1] / "sweeps" / "small.yaml"
TABLE = f"""\
base: {BASE}
name: tiny
set: {{outputs.plots: false}}
axes: {{grid: {{training.batch_size: [2, 4]}}}}
seeds: 2
published:
  source: Nobody 1998
  table: table 1
  time: a second
  differs: [everything]
  columns: [{{name: error (%), metric: test_success, times: -100, plus: 100}}]
  rows:
    - {{name: two, cell: {{training.batch_size: 2}}, figures: {{error (%): [50, 60]}}}}
    - {{name: four, cell: {{training.batch_size: 4}}, figures: {{error (%): 1000}}}}
"""


@pytest.fixture
def reproduce(tmp_path, monkeypatch, capsys, forks):
    """Exit code, stdout and stderr of the command line, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(TABLE)

    def run(*words):
        monkeypatch.setattr("sys.argv", ["dessine", "reproduce", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            main()
        return stop.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def no_pictures(monkeypatch):
    monkeypatch.setattr("dessine.sweeps.pictures.save_pictures", lambda *_: [])


def test_a_table_is_run_judged_and_judged_again(reproduce, no_pictures, tmp_path):
    code, out, err = reproduce("tiny.yaml", "--json", "-j", "4")
    assert code == 0, err
    told = json.loads(out)
    assert [row["verdict"] for row in told["rows"]] == ["match", "miss"]
    assert [row["ours"]["seeds"] for row in told["rows"]] == [2, 2]
    folder = Path(told["folder"])
    page = (folder / "published.html").read_text()
    assert "Nobody 1998" in page
    assert "miss" in page

    for words in (["tiny.yaml"], [folder], ["tiny.yaml", "--folder", folder]):  # nothing is left to run
        code, out, err = reproduce(*words)
        assert code == 0, err
        assert "started" not in err
        assert out.splitlines()[-1] == "tiny: 1 match weakly, 1 miss"
        assert "differs: everything" in out

    other = TABLE.replace("outputs.plots: false", "outputs.plots: false, game.network.optimizer.eta: 0.5")
    (tmp_path / "other.yaml").write_text(other)
    code, out, _ = reproduce("other.yaml", "--folder", folder, "--json")
    assert {row["because"] for row in json.loads(out)["rows"]} == {
        "our runs have other settings than the table: game.network.optimizer.eta=0.1"
    }
    assert reproduce("other.yaml", "--folder", folder, "--docs", "docs")[0] == 0  # nor is it forgotten with the runs
    why = "- not comparable because our runs have other settings than the table: game.network.optimizer.eta=0.1"
    assert why in Path("docs/published.md").read_text()

    (tmp_path / "wide.yaml").write_text(
        TABLE.replace("[2, 4]", "[2, 4, 8]") + "    - {name: eight, cell: {training.batch_size: 8}}"
    )
    code, out, _ = reproduce("wide.yaml", "--folder", folder)
    assert "eight: not comparable because it has not been run yet" in out

    one = next(folder.glob("cells/batch_size=4_seed=1*"))
    (one / "metrics.jsonl").write_text("{")  # the summary is enough
    assert json.loads(reproduce(folder, "--json")[1])["rows"] == told["rows"]
    for damaged in ("summary.json", "run.json"):
        (one / damaged).write_text("{")
        code, out, _ = reproduce(folder, "--json")
        assert [row["verdict"] for row in json.loads(out)["rows"]] == ["match", "not comparable"]
        assert "1 of 2 runs are completed, 1 cannot be read" in out


def test_runs_with_other_settings_are_not_compared(reproduce, no_pictures, tmp_path):
    """Where the table tells no number of turns, a shorter run is another one, too; nor does its folder forget it."""
    code, out, err = reproduce("tiny.yaml", "training.batch_size=2", "training.steps=3", "--json", "-j", "2")
    assert code == 0, err
    told = json.loads(out)
    assert [(row["verdict"], row["because"]) for row in told["rows"]] == [
        ("not comparable", "our runs have other settings than the table: training.steps=3"),
        ("not comparable", "it has not been run yet"),
    ]
    assert json.loads(reproduce(told["folder"], "--json")[1])["rows"] == told["rows"]


def test_what_is_shorter_than_the_authors_is_not_compared(reproduce, no_pictures, tmp_path):
    (tmp_path / "tiny.yaml").write_text(TABLE.replace("seeds: 2", "seeds: 1") + "  steps: 1000000\n")
    code, out, _ = reproduce("tiny.yaml", "--json", "-j", "4")
    assert code == 0
    assert {row["verdict"] for row in json.loads(out)["rows"]} == {"not comparable"}
    assert "our runs make only 20 of 1,000,000 steps" in out


def test_a_table_that_has_not_been_run_says_so(reproduce, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert reproduce("tiny.yaml", "--folder", empty)[::2] == (2, f"{empty} is not the folder of a sweep\n")
    code, out, _ = reproduce()
    assert code == 0
    assert all(name in out for name in tables())
    assert "not run here yet" in out
    code, out, _ = reproduce("--json")
    assert [one["name"] for one in json.loads(out)] == list(tables())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["lecun_1989"], "no published table 'lecun_1989'; did you mean 'lecun_1998'?"),
        (["none.yaml"], "none.yaml: no such file"),
        ([BASE], "has no block `published`"),
        (["--folder", "x"], "of which table?"),
        (["tiny.yaml", "--folder", "x"], "x is not the folder of a sweep"),
    ],
)
def test_what_is_wrong_is_one_line(reproduce, tmp_path, words, said):
    code, out, err = reproduce(*words)
    assert code == 2
    assert out == ""
    assert said in err
    assert not (tmp_path / "runs").exists()


def test_a_table_is_meant_before_a_folder_of_its_name(reproduce, tmp_path):
    (tmp_path / "lecun_1998").mkdir()
    code, out, _ = reproduce()
    assert (code, "lecun_1998" in out) == (0, True)
    assert reproduce("./lecun_1998")[::2] == (2, "lecun_1998 is not the folder of a sweep\n")


@pytest.mark.parametrize(
    ("wrong", "right", "said"),
    [
        (": 4}, fig", ": 8}, fig", "14: published.rows[1].cell: training.batch_size: no run has 8 (there are 2, 4)"),
        (": 4}, fig", ": '4'}, fig", "14: published.rows[1].cell: training.batch_size: no run has '4' (there are 2, 4)"),
        ("{training.batch_size: 4}", "{batch_size: 4}", "rows[1].cell: batch_size has no value in this sweep; did you mean"),
        ("{training.batch_size: 4}", "{}", "rows[1].cell: fits 2 settings of this sweep, and must single out one; say which"),
        (
            "test_success",
            "test_sucess",
            "11: published.columns[0].metric: no metric 'test_sucess' in the runs of 'two'; did you",
        ),
        ("test_success", "eval.parzen", "published.columns[0].metric: no metric 'eval.parzen' in the runs of 'two'"),
        ("plus: 100", "error: seconds", "published.columns[0].error: no metric 'seconds' in the runs of 'two'"),
        ("times: -100", "times: 0", "published.columns[0].times: expects another number than 0"),
        ("base: ", "# ", "'base' is missing"),
        ("figures: {error (%): 1000}", "figures: [1]", "published.rows[1].figures: expects a mapping, got [1]"),
        (
            "figures: {error (%): 1000}",
            "columns: [errors]",
            "rows[1].columns[0]: no column 'errors'; did you mean 'error (%)'?",
        ),
    ],
)
def test_a_wrong_block_is_one_line_before_anything_is_run(reproduce, tmp_path, wrong, right, said):
    assert TABLE.count(wrong) == 1
    (tmp_path / "tiny.yaml").write_text(TABLE.replace(wrong, right))
    code, out, err = reproduce("tiny.yaml")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert not (tmp_path / "runs").exists()


def test_a_folder_in_which_nothing_is_of_the_table_is_refused(reproduce, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "sweep.yaml").write_text(f"base: {BASE}\naxes: {{grid: {{game.network.optimizer.eta: [1, 2]}}}}\n")
    code, _, err = reproduce("tiny.yaml", "--folder", other)
    assert (code, err.count("\n")) == (2, 1)
    assert "other: no run stands behind a row of tiny: is it another sweep?" in err
    (other / "sweep.yaml").write_text(f"base: {BASE}\naxes: {{grid: {{training.batch_size: [2], seed: 1}}}}\n")
    assert reproduce("tiny.yaml", "--folder", other)[0] == 2


def test_runs_that_cannot_be_written_are_judged_without_a_page(reproduce, tmp_path, monkeypatch):
    folder = tmp_path / "read_only"
    folder.mkdir()
    (folder / "sweep.yaml").write_text(TABLE)

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("dessine.cli.reproduce.save_page", refuse)
    code, out, err = reproduce("tiny.yaml", "--folder", folder)
    assert (code, out.splitlines()[-1]) == (0, "tiny: 2 not comparable")
    assert "published.html cannot be written (Permission denied): there is no page" in err


def test_docs_are_written_from_the_numbers(reproduce, no_pictures, tmp_path, monkeypatch):
    for module in ("reproduce", "published_table"):
        monkeypatch.setattr(f"dessine.cli.{module}.tables", lambda: {"tiny": tmp_path / "tiny.yaml"})
    code, _, err = reproduce("tiny", "--docs", "docs", "-j", "4")
    assert code == 0, err
    first = Path("docs/published.md").read_text()
    assert "| two | error (%) | 50 [0, 100] |" in first
    assert "| [tiny](#tiny) | 1 match weakly, 1 miss |" in first
    Path("docs/published.md").unlink()
    assert reproduce("--docs", "docs")[0] == 0
    assert Path("docs/published.md").read_text() == first
    Path("docs/published/tiny.csv").unlink()
    assert reproduce("--docs", "docs")[0] == 0
    assert "it has not been run yet" in Path("docs/published.md").read_text()
    (tmp_path / "own.yaml").write_text(TABLE.replace("tiny", "own").replace("Nobody", "<b>One & all</b>"))
    assert reproduce("own.yaml", "--folder", next(Path("runs").glob("*_tiny")), "--docs", "docs", "--quiet")[0] == 0
    text = Path("docs/published.md").read_text()
    assert text.count("| two | error (%) | 50 [0, 100] |") == 2  # of the user's own file, too
    assert "&lt;b&gt;One &amp; all&lt;/b&gt; 1998, table 1." in text


@pytest.mark.parametrize("name", tables())
def test_every_shipped_table_is_a_good_sweep_whose_rows_have_runs(name, tmp_path):
    it = open_table(name, (), {"runs_dir": tmp_path})
    assert it.name == name
    assert it.published.time
    assert it.published.differs


def test_a_trailing_zero_is_a_digit_that_was_printed_in_the_sweeps_folder_too(tmp_path):
    (tmp_path / "tiny.yaml").write_text(TABLE.replace("[50, 60]", "3.10"))
    it = open_table(str(tmp_path / "tiny.yaml"), (), {"runs_dir": tmp_path})
    assert it.published.theirs(it.published.rows[0].figures["error (%)"]).high == 3.105
    (tmp_path / "sweep.yaml").write_text(dump(it.runs.data | {"base": str(BASE)}))
    it = open_table(str(tmp_path), (), {"runs_dir": tmp_path})
    assert it.published.theirs(it.published.rows[0].figures["error (%)"]).high == 3.105


def test_plugins_of_a_folder_are_loaded_only_on_ones_word(reproduce, tmp_path):
    folder = tmp_path / "theirs"
    folder.mkdir()
    (tmp_path / "own.py").write_text(
        "from dessine.extend import losses\n\n\n@losses.register('own')\nclass Own(losses.members['quadratic']):\n    pass\n"
    )
    (folder / "base.yaml").write_text(f"plugins: [{tmp_path / 'own.py'}]\n" + BASE.read_text())
    (folder / "sweep.yaml").write_text(TABLE.replace(str(BASE), "base.yaml"))
    (folder / "sweep.json").write_text("{}")
    code, out, err = reproduce(folder)
    assert (code, out) == (2, "")
    assert "--trust-plugins" in err
    code, out, err = reproduce(folder, "--trust-plugins")
    assert (code, out.splitlines()[-1]) == (0, "tiny: 2 not comparable"), err

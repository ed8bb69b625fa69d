"""The whole command: what it lists, runs, judges and refuses; and that every shipped table is what its sweep can answer."""

import json
from pathlib import Path

import pytest

from dessine.cli import main
from dessine.cli.reproduce import _open
from dessine.shipped import tables

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
def reproduce(tmp_path, monkeypatch, capsys):
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


def test_what_is_shorter_than_the_authors_is_not_compared(reproduce, no_pictures, tmp_path):
    (tmp_path / "tiny.yaml").write_text(TABLE + "  steps: 1000000\n")
    code, out, _ = reproduce("tiny.yaml", "--json", "-j", "4")
    assert code == 0
    assert {row["verdict"] for row in json.loads(out)["rows"]} == {"not comparable"}
    assert "of 1,000,000 steps were asked for" in out


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


def test_a_row_without_runs_is_a_mistake_of_the_file(reproduce, tmp_path):
    (tmp_path / "tiny.yaml").write_text(TABLE.replace("{training.batch_size: 4}", "{training.batch_size: 8}"))
    code, _, err = reproduce("tiny.yaml")
    assert (code, err.count("\n")) == (2, 1)
    assert "published.rows[1].cell: no cell of this sweep has these values" in err


def test_docs_are_written_from_the_numbers(reproduce, no_pictures, tmp_path, monkeypatch):
    monkeypatch.setattr("dessine.cli.reproduce.tables", lambda: {"tiny": tmp_path / "tiny.yaml"})
    code, _, err = reproduce("tiny", "--docs", "docs", "-j", "4")
    assert code == 0, err
    first = Path("docs/published.md").read_text()
    assert "| two | error (%) | 50 [0, 100] |" in first
    Path("docs/published.md").unlink()
    assert reproduce("--docs", "docs")[0] == 0
    assert Path("docs/published.md").read_text() == first
    Path("docs/published/tiny.csv").unlink()
    assert reproduce("--docs", "docs")[0] == 0
    assert "it has not been run yet" in Path("docs/published.md").read_text()


@pytest.mark.parametrize("name", tables())
def test_every_shipped_table_is_a_good_sweep_whose_rows_have_runs(name, tmp_path):
    it = _open(name, (), {"runs_dir": tmp_path})
    assert it.name == name
    assert it.published.time
    assert it.published.differs

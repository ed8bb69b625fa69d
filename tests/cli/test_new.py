"""Shipped configs as files of one's own."""

import json
from pathlib import Path

import pytest

from dessine.shipped import configs, folder
from dessine.spec import read


def test_a_config_is_copied_with_its_comments_and_is_good(dessine, tmp_path: Path) -> None:
    done = dessine("new", "gan_ring")
    made = tmp_path / "gan_ring.yaml"
    assert (done.code, done.out.splitlines()[-1]) == (0, "gan_ring.yaml")
    theirs, ours = (folder() / "gan_ring.yaml").read_text(), made.read_text()
    assert ours.splitlines()[1:] == theirs.splitlines()[1:]
    schema = Path(ours.splitlines()[0].partition("$schema=")[2])
    assert json.loads(schema.read_text())["title"] == "A config of dessine"


@pytest.mark.parametrize("name", configs())
def test_each_works_where_it_is_copied_to(name: str, tmp_path: Path) -> None:
    for place, source in configs()[name].needed().items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(source.read_text())
    copied = read(tmp_path / f"{name}.yaml").data
    assert copied == read(folder() / f"{name}.yaml").data
    if name.startswith("sweeps/"):
        assert (tmp_path / f"{name}.yaml").parent.joinpath(copied["base"]).is_file()


def test_what_it_extends_comes_along_under_a_name_of_ones_own(dessine, tmp_path: Path) -> None:
    assert dessine("new", "configs/mnist_linear.yaml", "mine/x.yaml").code == 0
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == ["mnist.yaml", "x.yaml"]


def test_nothing_is_written_over_unless_asked(dessine, tmp_path: Path) -> None:
    (tmp_path / "mnist.yaml").write_text("mine: true\n")
    refused = dessine("new", "mnist_linear")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.strip() == "mnist.yaml is there already: --force puts the shipped one in its place"
    assert [path.name for path in tmp_path.iterdir()] == ["mnist.yaml"]
    assert dessine("new", "mnist_linear", "--force").code == 0
    assert dessine("new", "mnist_linear").code == 0, "the same text does no harm"


def test_a_name_that_is_none_and_a_list_of_all(dessine, tmp_path: Path) -> None:
    wrong = dessine("new", "gan_rong")
    assert (wrong.code, "did you mean 'gan_ring'" in wrong.err) == (2, True)
    rows = json.loads(dessine("new", "--json").out)
    assert {row["name"] for row in rows} == set(configs())
    assert all(row["about"] for row in rows)
    assert [row["name"] for row in rows if not row["time"] and not row["name"].startswith("sweeps/")] == []


@pytest.mark.parametrize("asked", ["configs/gan_ring.yaml", "gan_ring", "gan_ring.yml", "some/where/gan_ring.yaml"])
def test_a_config_that_is_not_there_but_shipped_is_offered(dessine, tmp_path: Path, asked: str) -> None:
    done = dessine("train", asked)
    assert done.code == 2
    assert "`dessine new gan_ring` copies the one that comes with dessine" in done.err
    assert "did you mean gan_ring? `dessine new gan_ring`" in dessine("train", "gan_rin.yaml").err
    assert "sweeps/xor_eta" in dessine("sweep", "sweeps/xor_eta.yaml").err
    assert list(tmp_path.iterdir()) == []


def test_a_target_that_is_neither_a_folder_nor_named_as_a_config_is_refused(dessine, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "there" / "xor.yaml").mkdir(parents=True)
    for words, line in (
        (("notes.txt",), "notes.txt is no folder: expects one, or the name of a file that ends in .yaml"),
        (("notes.txt/x.yaml", "--force"), "notes.txt is no folder: expects one, or the name of a file that ends in .yaml"),
        (("there",), "there/xor.yaml is a folder: move it away, or name another place"),
        (("there", "--force"), "there/xor.yaml is a folder: move it away, or name another place"),
    ):
        done = dessine("new", "xor", *words)
        assert (done.code, done.out, done.err.strip()) == (2, "", line)
    assert (tmp_path / "notes.txt").read_text() == "mine"

import os
from pathlib import Path

import pytest

from dessine.experiment import Experiment
from dessine.spec import BadSpec, check_document, dump, read

GOOD = """\
data: {type: ring, points: 100}
game:
  type: adversarial
  generator: {layers: [{type: dense, units: 2}], optimizer: {type: adam, eta: 0.1}}
  discriminator: {layers: [{type: dense, units: 1}], optimizer: adam}
training: {steps: 3}
"""


@pytest.fixture
def write(tmp_path):
    def made(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return made


def lines(path, *overrides):
    with pytest.raises(BadSpec) as error:
        check_document(read(path, overrides), Experiment)
    return error.value.lines


def test_the_child_wins_and_the_rest_is_inherited(write):
    write("base.yaml", GOOD)
    child = write("child.yaml", "extends: base.yaml\ntraining: {batch_size: 5}\n")
    assert read(child).data["training"] == {"steps": 3, "batch_size": 5}
    assert "extends" not in read(child).data


def test_extends_is_relative_to_the_file_that_says_it(write):
    write("base.yml", GOOD)
    write("deep/middle.yaml", "extends: ../base.yml\nseed: 1\n")
    child = write("other/child.yaml", "extends: ../deep/middle.yaml\nname: c\n")
    assert read(child).data["seed"] == 1
    check_document(read(child), Experiment)


def test_of_several_parents_the_later_wins(write):
    write("a.yaml", GOOD + "seed: 1\nname: a\n")
    write("b.yaml", "seed: 2\n")
    assert read(write("c.yaml", "extends: [a.yaml, b.yaml]\n")).data["seed"] == 2


def test_another_type_replaces_a_mapping_and_its_options(write):
    write("base.yaml", GOOD)
    child = write("c.yaml", "extends: base.yaml\ngame: {generator: {optimizer: {type: gradient_descent}}}\n")
    assert read(child).data["game"]["generator"]["optimizer"] == {"type": "gradient_descent"}


def test_options_for_an_inherited_bare_name_extend_it(write):
    write("base.yaml", GOOD)
    child = write("c.yaml", "extends: base.yaml\ngame: {discriminator: {optimizer: {eta: 0.5}}}\n")
    assert read(child).data["game"]["discriminator"]["optimizer"] == {"type": "adam", "eta": 0.5}


def test_lines_name_the_file_that_holds_the_mistake_in_order(write):
    base = write("base.yaml", GOOD + "sede: 1\n")
    child = write("child.yaml", "extends: base.yaml\nname: []\ntraining:\n  batch_size: 0\n")
    found = [line.split(": ")[0] for line in lines(child)]
    assert found == [f"{child}:2", f"{child}:4", f"{base}:7"]


def test_a_pipe_is_no_parent(write, tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(BadSpec, match=r"c\.yaml:1: extends: .*pipe\.yaml: is no ordinary file"):
        read(write("c.yaml", "extends: pipe.yaml\n"))


def test_a_missing_parent_is_named_at_the_line_of_extends(write, tmp_path):
    write("base.yaml", GOOD)
    child = write("child.yaml", "name: c\nextends: bsae.yaml\n")
    expected = f"{child}:2: extends: {tmp_path / 'bsae.yaml'}: no such file; did you mean '{tmp_path / 'base.yaml'}'?"
    assert lines(child) == [expected]


def test_a_circle_is_named(write, tmp_path):
    a, b = write("a.yaml", "extends: b.yaml\n"), write("b.yaml", "name: b\nextends: a.yaml\n")
    assert lines(a) == [f"{b}:2: extends: in a circle: {a} -> {b} -> {a}"]


def test_parents_that_double_at_each_level_are_refused(write):
    write("l0.yaml", GOOD)
    for i in range(1, 14):
        write(f"l{i}.yaml", f"extends: [l{i - 1}.yaml, l{i - 1}.yaml]\n")
    (line,) = lines(write("top.yaml", "extends: [l13.yaml, l13.yaml]\n"))
    assert "extends: more than 100 files in all" in line


def test_large_parents_count_together(write):
    write("a.yaml", "#" * 300_000)
    write("b.yaml", "name: x\n#" + "#" * 300_000)
    child = write("c.yaml", "extends: [b.yaml, a.yaml]\n")
    assert lines(child)[0].endswith("is larger than a config can be, with what it extends (500,000 bytes)")


def test_links_that_go_round_are_told(write, tmp_path):
    (tmp_path / "a.yaml").symlink_to("b.yaml")
    (tmp_path / "b.yaml").symlink_to("a.yaml")
    child = write("c.yaml", "extends: a.yaml\n")
    assert "symbolic links" in lines(child)[0]
    assert "symbolic links" in lines(tmp_path / "a.yaml")[0]


def test_names_too_long_for_a_file_are_told(tmp_path, write):
    assert "name too long" in lines(tmp_path / ("x" * 300))[0]
    assert "name too long" in lines(write("c.yaml", f"extends: {'x' * 300}\n"))[0]


@pytest.mark.parametrize("wrong", ["5", "null", "{a: b}", "[]", "[base.yaml, 3]", "''"])
def test_extends_of_a_wrong_type_is_told(write, wrong):
    write("base.yaml", GOOD)
    child = write("child.yaml", f"name: c\nextends: {wrong}\n{GOOD}")
    assert [line for line in lines(child) if ":2: extends: expects a file" in line]


def test_the_other_suffix_is_suggested(write, tmp_path):
    write("a.yml", GOOD)
    with pytest.raises(BadSpec, match=r"a\.yaml: no such file; did you mean '.*a\.yml'\?"):
        read(tmp_path / "a.yaml")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"name: \xff\n", ":1: is not UTF-8 text"),
        ("name: x".encode("utf-16"), "is UTF-16 or UTF-32: save it as UTF-8"),
        (b"#" * 1_000_001, "larger than a config can be"),
        (b"", "is empty"),
    ],
)
def test_files_that_are_no_text_are_answered(write, content, says):
    assert says in lines(write("c.yaml", content))[0]


def test_a_folder_is_answered(tmp_path):
    assert "cannot be read" in lines(tmp_path)[0]


def test_windows_line_ends_and_byte_order_marks_are_fine(write):
    path = write("c.yaml", b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode() + b"seed: x\r\n")
    assert lines(path) == [f"{path}:7: seed: expects a whole number of at least 0, got 'x'"]


def test_faults_of_writing_and_of_meaning_are_told_together(write):
    path = write("c.yaml", GOOD + "seed: 1\nseed: 2\ndtype: !!str x\nrepeats: 0\n")
    found = lines(path, "trainning.steps=3", "oops")
    assert [line.split(": ")[0] for line in found] == [
        f"{path}:8",
        f"{path}:9",
        f"{path}:10",
        "command line oops",
        "command line trainning.steps=3",
    ]
    assert "did you mean 'training'?" in found[-1]


def test_what_an_alias_repeats_is_said_once(write):
    text = GOOD.replace("{type: adam, eta: 0.1}", "&o {type: adam, eta: -1}").replace("optimizer: adam", "optimizer: *o")
    assert len(lines(write("c.yaml", text))) == 1


OWN = GOOD.replace("{type: ring, points: 100}", "{type: mnist, path: PATH}")


@pytest.fixture
def resolved(write, tmp_path, monkeypatch):
    """data.path of a config in `configs/`, read in the folder `here`; the folders named are there."""

    def resolve(path, there, *overrides, child=""):
        for name in ("here", *there):
            (tmp_path / name).mkdir(parents=True, exist_ok=True)
        monkeypatch.chdir(tmp_path / "here")
        config = write("configs/a.yaml", OWN.replace("PATH", path))
        if child:
            config = write(child, "extends: ../configs/a.yaml\n")
        for file in (config, os.path.relpath(config)):
            document = read(Path(file), overrides)
            found = check_document(document, Experiment).model_dump()["data"]["path"]
        return found.replace(str(tmp_path), "")

    return resolve


@pytest.mark.parametrize(
    ("path", "there", "where"),
    [
        ("data", ["configs/data"], "/configs/data"),
        ("data", ["configs/data", "here/data"], "/configs/data"),
        ("data", ["here/data"], "/here/data"),  # as before there was a rule
        ("../data", ["data"], "/data"),
        ("data", [], "/configs/data"),
        ("/tmp", ["configs/tmp"], "/tmp"),
        ("$HOME/a b", ["configs/$HOME/a b"], "/configs/$HOME/a b"),
    ],
)
def test_a_relative_path_begins_at_the_file_that_says_it_then_where_we_are(resolved, path, there, where):
    assert resolved(path, there) == where
    assert resolved(path, [*there, "other"], child="other/b.yaml") == where


def test_a_relative_path_on_the_command_line_begins_where_we_are(resolved):
    assert resolved("x", ["configs/data", "here/data"], "data.path=data") == "/here/data"
    assert resolved("x", ["configs/data"], "data={type: cifar10, path: data}") == "/here/data"
    assert resolved("x", [], "data.path=../data/.") == "/data"


def test_a_resolved_config_means_the_same_from_anywhere(resolved, write, tmp_path, monkeypatch):
    resolved("../data", ["data"])
    document = read(tmp_path / "configs/a.yaml")
    run = write("runs/r/config.yaml", dump(check_document(document, Experiment).model_dump()))
    monkeypatch.chdir("/")
    assert check_document(read(run), Experiment).node.data.path == str(tmp_path / "data")


def test_behind_a_link_two_dots_are_left_alone(resolved, tmp_path):
    (tmp_path / "far/away").mkdir(parents=True)
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/link").symlink_to(tmp_path / "far/away")
    assert resolved("link/../data", ["far/data", "configs/data"]) == "/configs/link/../data"


def test_a_home_folder_is_put_in_and_one_that_is_none_is_told_at_its_line(resolved, write, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert resolved("~/data", []) == "/home/data"
    assert resolved("x", [], "data.path=~/data") == "/home/data"
    config = write("a.yaml", OWN.replace("PATH", "~nosuchuser/x") + "sed: 3\n")
    told = lines(config)
    assert told[0].startswith(f"{config}:1: data.path: ~nosuchuser/x: there is no user 'nosuchuser'")
    assert "unknown key 'sed'" in told[1]


def test_what_no_config_can_hold_stays_as_it_is_written(write, tmp_path, monkeypatch):
    folder = tmp_path / os.fsdecode(b"d\xff")
    (folder / "data").mkdir(parents=True)
    monkeypatch.chdir(folder)
    assert check_document(read(write("a.yaml", OWN.replace("PATH", "data"))), Experiment).node.data.path == "data"
    monkeypatch.chdir("/")
    assert "start in that folder" in lines(write(f"{folder.name}/a.yaml", OWN.replace("PATH", "data")))[0]

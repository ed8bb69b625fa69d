"""Plugins that a config names: taken along everywhere, told in one line where they fail, and of a run only when trusted."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from tiny_run import CONFIGS, here

from dessine import plugins
from dessine.cli import group
from dessine.cli.known import known
from dessine.registry import LEDGER, SpecError

PAGE = (Path(__file__).parents[2] / "docs" / "extending.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"```\w+\n# ([\w.]+)\n(.*?)```", PAGE, re.DOTALL))
FEW = ("training.steps=20", "data.points=200", "outputs.plots=false", "outputs.gif=false")


def forget() -> None:
    """As a new process would begin."""
    for entries in plugins._entries.values():
        LEDGER.take_back(entries)
    for kept in (plugins._entries, plugins._home, plugins._at):
        kept.clear()


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    """What a test has registered is gone for the next one."""
    before = len(LEDGER.entries)
    yield
    forget()
    LEDGER.take_back(LEDGER.entries[before:])


@pytest.fixture
def example(tmp_path) -> Path:
    """The files of the page in the current folder."""
    for name, text in BLOCKS.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture(scope="module")
def once(tmp_path_factory, _own_cache) -> Path:
    """The page's config, trained."""
    folder = tmp_path_factory.mktemp("once")
    for name, text in BLOCKS.items():
        (folder / name).write_text(text)
    assert here(["train", folder / "circle.yaml", *FEW, "--run-dir", folder / "run", "--quiet"]) == 0
    forget()
    return folder


@pytest.fixture
def run(once, example) -> Path:
    """The same in the current folder."""
    made = shutil.copytree(once / "run", example / "run")
    for name in ("run.json", "config.yaml"):
        (made / name).write_text((made / name).read_text().replace(str(once), str(example)))
    return made


def test_the_page_s_example_trains_with_right_gradients_and_its_score_joins_the_table(run, dessine):
    assert dessine("check-grad", "circle.yaml", *FEW[1:]).code == 0
    answer = dessine("eval", "run", "--trust-plugins", "--only", "off_the_circle,diversity", "--json")
    scores = json.loads(answer.out)["scores"]
    assert scores["off_the_circle"]["ceiling"] < 1e-6 < scores["off_the_circle"]["value"]
    assert scores["off_the_circle"]["standard_error"] > 0


def test_a_run_remembers_path_hash_and_text(run, example):
    info = json.loads((run / "run.json").read_text())
    (told,) = info["plugins"]
    assert told["path"] == str(example / "mine.py")
    assert (run / "plugins" / f"mine_{told['hash'][:12]}.py.txt").read_text() == BLOCKS["mine.py"]


@pytest.mark.parametrize(
    "command",
    [
        ("eval", "run"),
        ("diagnose", "run", "--count", "50"),
        ("draw", "run", "--out", "x.npz"),
        ("directions", "run"),
        ("export", "run", "--to", "npz", "--out", "x.npz"),
        ("train", "--resume", "run", "training.steps=21"),
        ("train", "--from", "run"),
        ("train", "run/config.yaml"),
        ("train", "extending.yaml"),
    ],
)
def test_what_a_run_s_folder_names_is_not_loaded_unasked(run, example, dessine, command):
    forget()
    (example / "mine.py").write_text("open('was_here', 'w').close()\n")
    (example / "extending.yaml").write_text("extends: run/config.yaml\n")
    answer = dessine(*command)
    assert answer.code == 2
    assert "mine.py is a program" in answer.err
    assert "--trust-plugins" in answer.err
    assert not (example / "was_here").exists()


def test_what_run_json_names_is_loaded_no_more_than_what_config_yaml_does(example, dessine):
    run = example / "theirs"
    assert dessine("train", CONFIGS / "xor.yaml", *FEW[2:], "training.epochs=1", "data.points=20", "--run-dir", run).code == 0
    (example / "evil.py").write_text("open('was_here', 'w').close()\n")
    info = json.loads((run / "run.json").read_text())
    info["spec"]["plugins"] = [str(example / "evil.py")]
    (run / "run.json").write_text(json.dumps(info))
    dessine("train", "--resume", run, "training.epochs=2")
    assert not (example / "was_here").exists()


def test_a_resumed_run_is_bit_for_bit_the_straight_one(run, dessine):
    assert dessine("train", "circle.yaml", *FEW, "training.steps=30", "--run-dir", "straight", "--quiet").code == 0
    assert dessine("train", "--resume", "run", "training.steps=30", "--trust-plugins").code == 0
    assert (run / "metrics.jsonl").read_text() == Path("straight/metrics.jsonl").read_text()


def test_a_changed_plugin_is_refused_on_resume_and_its_copy_is_taken_elsewhere(run, example, dessine):
    forget()
    (example / "mine.py").write_text(BLOCKS["mine.py"] + "# another\n")
    answer = dessine("train", "--resume", "run", "training.steps=30", "--trust-plugins")
    assert answer.code == 2
    assert "is not the plugin that made its steps" in answer.err
    forget()
    answer = dessine("diagnose", "run", "--trust-plugins", "--count", "50")
    assert answer.code == 0
    assert "has changed since the run began: the run's own copy is taken" in answer.err
    forget()
    (example / "mine.py").unlink()
    assert dessine("draw", "run", "--trust-plugins", "--out", "x.npz").code == 0
    forget()
    assert "there is no such file" in dessine("train", "--from", "run", "--trust-plugins").err


def test_a_copy_that_is_not_what_was_trained_is_not_taken(run, example, dessine):
    forget()
    (example / "mine.py").unlink()
    next((run / "plugins").iterdir()).write_text("open('was_here', 'w').close()\n")
    answer = dessine("draw", "run", "--trust-plugins", "--out", "x.npz")
    assert answer.code == 2
    assert "the run has no copy of it" in answer.err
    assert not (example / "was_here").exists()


def test_a_moved_plugin_that_is_the_same_goes_on(run, example, dessine):
    forget()
    (example / "mine.py").rename(example / "moved.py")
    answer = dessine("train", "--resume", "run", "training.steps=21", "plugins=[moved.py]", "--trust-plugins")
    assert answer.code == 0
    assert json.loads((run / "run.json").read_text())["plugins"][0]["path"] == str(example / "moved.py")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("x = 1\nprint(y)\n", "bad.py:2: NameError: name 'y' is not defined"),
        ("x = (1\n", "bad.py:1: SyntaxError: '(' was never closed"),
        ("import sys\nsys.exit(3)\n", "bad.py:2: SystemExit: 3"),
        ("import nothing_of_this_name\n", "bad.py:1: ModuleNotFoundError"),
        (
            "from dessine.extend import *\n@layers.register('dense')\nclass A(Layer): pass\n",
            "layer 'dense' is registered twice",
        ),
        (
            "from dessine.extend import *\n@layers.register('a')\nclass A(Layer):\n  def __init__(self, k=1): pass\n",
            "bad.py:4: A: the option 'k' has no type",
        ),
        ("from dessine.extend import *\n@score('off', better='small')\ndef f(a, b): pass\n", "higher, lower or near 1"),
        ("x = '\0'\n", "bad.py"),
        ("raise GeneratorExit\n", "bad.py:1: GeneratorExit"),
        (
            "from dessine.extend import *\n@layers.register('a')\nclass A: pass\n",
            "bad.py:2: TypeError: layer 'a' inherits from no",
        ),
    ],
)
def test_a_mistake_in_a_plugin_is_one_line_and_leaves_nothing(example, dessine, text, line):
    (example / "bad.py").write_text(text)
    before = len(LEDGER.entries)
    answer = dessine("train", "circle.yaml", "plugins=[bad.py]")
    assert answer.code == 2
    assert line in answer.err
    assert len(answer.err.splitlines()) == 1
    assert not (example / "runs").exists()
    assert len(LEDGER.entries) == before


def test_ctrl_c_while_one_is_loaded_leaves_nothing_of_it(example):
    half = "from dessine.extend import *\n@layers.register('half')\nclass Half(Layer):\n  pass\n"
    (example / "half.py").write_text(half + "raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        plugins.load(example / "half.py")
    (example / "half.py").write_text(half)
    plugins.load(example / "half.py")


def test_what_one_prints_is_no_part_of_the_answer(example, dessine):
    (example / "loud.py").write_text("print('hello')\n")
    answer = dessine("list", "layers", "--plugin", "loud.py", "--json")
    assert (answer.code, answer.err) == (0, "hello\n")
    json.loads(answer.out)


def test_what_is_no_file_is_said_once(example):
    with pytest.raises(SpecError, match=r"^[^:]* is no file: expects a Python file$"):
        plugins.read(example)


def test_data_that_a_plugin_cannot_load_are_a_line_of_its_own(example, dessine):
    (example / "mine.py").write_text(BLOCKS["mine.py"].replace("def part(rng):", "1 / 0\n\n        def part(rng):"))
    answer = dessine("train", "circle.yaml")
    assert (answer.code, len(answer.err.splitlines())) == (2, 1)
    assert re.search(r"mine\.py:\d+: ZeroDivisionError: division by zero", answer.err)
    assert not (example / "runs").exists()


def test_what_fails_while_training_is_a_failed_run(example, dessine):
    (example / "mine.py").write_text(BLOCKS["mine.py"].replace("return dy * factor", "return dy * factors"))
    answer = dessine("train", "circle.yaml", *FEW, "--run-dir", "run")
    assert answer.code == 1
    assert re.search(r"mine\.py:\d+: NameError: name 'factors' is not defined", answer.err)
    assert "mistake in dessine" not in answer.err
    assert json.loads(Path("run/run.json").read_text())["status"] == "failed"


def test_an_edited_plugin_takes_the_place_of_what_it_was(example):
    path = example / "mine.py"
    first = plugins.load(path)
    path.write_text("from dessine.extend import *\n@layers.register('other')\nclass Other(Layer): pass\n")
    assert plugins.load(path).hash != first.hash
    from dessine.extend import datasets, layers

    assert "other" in layers.members
    assert "stretch" not in layers.members
    assert "circle" not in datasets.members


def test_two_plugins_cannot_share_a_name(example):
    plugins.load(example / "mine.py")
    (example / "again.py").write_text(BLOCKS["mine.py"] + "# not the same\n")
    with pytest.raises(SpecError, match=r"again\.py:\d+: ValueError: layer 'stretch' is registered twice"):
        plugins.load(example / "again.py")


def test_lists_and_schema_tell_what_a_plugin_has(example, dessine):
    assert "what the numbers start at" not in dessine("list", "layers").out
    assert "what the numbers start at" in dessine("list", "layers", "--plugin", "mine.py").out
    schema = json.loads(dessine("config", "schema", "--plugin", "mine.py").out)
    assert "Circle" in schema["$defs"]
    assert dessine("list", "--plugin", "nothing.py").code == 2


def test_a_sweep_hands_it_to_its_runs_and_a_folder_of_one_must_be_trusted(example, dessine):
    words = ("sweep", "circle.yaml", *FEW, "seed=1,2", "-j", "2", "--quiet", "--sweep-dir", "sweep")
    assert dessine(*words).code == 0
    assert all("plugins" in json.loads(path.read_text()) for path in Path("sweep/cells").glob("*/run.json"))
    forget()
    answer = dessine("sweep", "sweep")
    assert (answer.code, "is a program" in answer.err) == (2, True)
    assert dessine("sweep", "sweep", "--trust-plugins", "--quiet").code == 0
    Path("sweep/results.csv").rename("before.csv")
    (example / "mine.py").unlink()  # to read numbers nobody needs it
    forget()
    answer = dessine("sweep", "sweep", "--collect")
    assert (answer.code, Path("sweep/results.csv").read_text()) == (0, Path("before.csv").read_text()), answer.err
    assert "mine.py" in dessine("sweep", "sweep", "--collect", "--metric", "loss.generator").err  # which must be known


def test_another_version_of_a_plugin_is_another_cell(example):
    from dessine.cli.sweep_plan import Plan

    asked = dict.fromkeys(("name", "samples", "sampler", "trials", "metric", "direction", "pruner"))
    first = Plan(example / "circle.yaml", ["seed=1,2"], asked)
    (example / "mine.py").write_text(BLOCKS["mine.py"] + "# another\n")
    assert Plan(example / "circle.yaml", ["seed=1,2"], asked).identity != first.identity


def test_a_config_is_read_beside_which_its_plugin_lies(example, dessine):
    (example / "sub").mkdir()
    for name in BLOCKS:
        (example / name).rename(example / "sub" / name)
    assert dessine("config", "check", "sub/circle.yaml").code == 0
    (example / "child.yaml").write_text("extends: sub/circle.yaml\nseed: 3\n")
    assert dessine("config", "check", "child.yaml").code == 0


def test_an_installed_plugin_is_loaded_and_told(example, dessine, monkeypatch):
    (example / "my_circles.py").write_text(BLOCKS["mine.py"])
    (example / "my_broken.py").write_text("1 / 0\n")
    info = example / "circles-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: circles\nVersion: 1.2\n")
    (example / "my_end.py").write_text("raise SystemExit\n")
    (info / "entry_points.txt").write_text("[dessine.plugins]\ncircles = my_circles\nbroken = my_broken\nend = my_end\n")
    monkeypatch.syspath_prepend(str(example))
    monkeypatch.setenv("XDG_CACHE_HOME", str(example / "cache"))
    before = len(LEDGER.entries)
    plugins.installed.cache_clear()
    try:
        answer = dessine("train", "circle.yaml", "plugins=[]", *FEW, "--run-dir", "run")
        assert answer.code == 0, answer.err
        assert "broken of the package circles 1.2 cannot be loaded (ZeroDivisionError: division by zero)" in answer.err
        told = json.loads(Path("run/run.json").read_text())["plugins"]
        assert told == [{"name": "circles", "package": "circles 1.2"}]
        assert dessine("draw", "run", "--out", "x.npz").code == 0  # who has installed it trusts it
        assert "stretch" in json.loads(dessine("list", "layers", "--json").out)["layers"]
        assert '"stretch"' in dessine("config", "schema").out
        monkeypatch.setenv("_DESSINE_COMPLETE", "bash_complete")
        for wanted in (["game.generator.layers.2.type=stretch"], []):  # as soon as it is installed, and no longer
            known.cache_clear()
            (example / "plain.yaml").write_text("game: {type: adversarial, generator: {layers: [{}, {}, {}]}}\n")
            assert offered(example / "plain.yaml", "game.generator.layers.2.type=str") == wanted
            (info / "entry_points.txt").write_text("")
            plugins.installed.cache_clear()
            LEDGER.take_back(LEDGER.entries[before:])
    finally:
        known.cache_clear()
        plugins.installed.cache_clear()


def offered(config: Path, start: str) -> list[str]:
    ask = ShellComplete(group, {}, "dessine", "_DESSINE_COMPLETE")
    return [one.value for one in ask.get_completions(["train", str(config)], start)]


def test_tab_offers_what_a_plugin_of_the_config_registers(example):
    assert offered(example / "circle.yaml", "game.generator.layers.2.sta") == ["game.generator.layers.2.start="]
    assert offered(example / "circle.yaml", "data.rad") == ["data.radius="]
    assert offered(example / "circle.yaml", "game.loss=squ") == ["game.loss=squared_hinge"]
    assert offered(example / "circle.yaml", "game.generator.layers.2.type=str") == ["game.generator.layers.2.type=stretch"]


def test_tab_loads_no_plugin_of_a_run_s_folder(example):
    (example / "run.json").write_text("{}")
    assert offered(example / "circle.yaml", "game.loss=squ") == []
    assert not plugins._entries

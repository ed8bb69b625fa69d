from pathlib import Path

import pytest

from dessine.experiment import Experiment
from dessine.spec import BadSpec, change, check_document, read
from dessine.spec.text import parse

CONFIG = Path(__file__).parents[2] / "configs" / "gan_ring.yaml"
TEXT = """\
game:
  loss: minimax
  layers: [{type: dense, units: 1}, dense, {type: dense, units: 3}]
name: x
"""


@pytest.fixture
def document():
    return parse(TEXT, "c.yaml")


@pytest.mark.parametrize(
    "key", ["game.layers.0.units", "game.layers[0].units", "game.layers[-3].units", "game.layers.-3.units"]
)
def test_list_items_are_counted_from_either_end(document, key):
    change(document, [f"{key}=7"])
    assert document.data["game"]["layers"][0]["units"] == 7
    assert str(document.place(("game", "layers", 0, "units"))) == f"command line {key}=7"


def test_an_option_below_a_bare_name_makes_it_a_mapping(document):
    change(document, ["game.layers[1].units=5"])
    assert document.data["game"]["layers"][1] == {"type": "dense", "units": 5}


def test_an_end_of_its_way_makes_a_number_a_schedule_that_starts_from_it(document):
    change(document, ["game.layers[0].units.to=5", "game.layers[0].units.over=9"])
    assert document.data["game"]["layers"][0] == {"type": "dense", "units": {"from": 1, "to": 5, "over": 9}}
    with pytest.raises(BadSpec, match=r"command line .*eta.to=0.1: .*'over' is missing"):
        check_document(read(CONFIG, ["game.generator.optimizer.eta.to=0.1"]), Experiment)
    moves = check_document(read(CONFIG, ["game.n_critic.to=5", "game.n_critic.over=9"]), Experiment).model_dump()
    assert moves["game"]["n_critic"] | {"stairs": 0} == {"from": 1, "to": 5, "over": 9, "shape": "linear", "stairs": 0}
    with pytest.raises(BadSpec) as one:
        check_document(read(CONFIG, ["game.n_critic.to=5"]), Experiment)
    assert one.value.lines == [
        "command line game.n_critic.to=5: game.n_critic: 'over' is missing: a whole number of at least 1"
    ]
    with pytest.raises(BadSpec, match=r"command line .*this number cannot move"):
        check_document(read(CONFIG, ["training.steps.to=5"]), Experiment)
    with pytest.raises(BadSpec, match=r"critic_warmup: .*got \{to: 5, over: 3\}: this number cannot move"):
        check_document(read(CONFIG, ["game.critic_warmup.to=5", "game.critic_warmup.over=3"]), Experiment)
    with pytest.raises(BadSpec, match=r"there is no list game.real_labels in the config: give all of it, game.real_labels="):
        check_document(read(CONFIG, ["game.real_labels[0].to=5"]), Experiment)


def test_a_whole_mapping_can_be_given(document):
    change(document, ["game.latent={size: 3}"])
    assert document.data["game"]["latent"] == {"size": 3}


def test_everything_after_the_first_equals_sign_is_the_value(document):
    change(document, ["name=a=b"])
    assert document.data["name"] == "a=b"


def test_values_are_read_as_in_a_file(document):
    change(document, ["a=1e-3", "b=", "c='1'", "d=on"])
    assert [document.data[k] for k in "abcd"] == [0.001, None, "1", "on"]


def test_the_last_of_two_wins(document):
    change(document, ["name=a", "name=b"])
    assert document.data["name"] == "b"


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("name", "expects KEY=VALUE"),
        ("=1", "expects KEY=VALUE"),
        ("game..loss=1", "expects KEY=VALUE"),
        (".".join(["a"] * 60) + "=1", "nested more than 50 deep"),
        ("game.layers[3].units=1", "game.layers is a list of 3: there is no [3]"),
        ("game.layers.units=1", "game.layers is a list of 3: there is no units"),
        ("game.layers[0].units.x=1", "game.layers[0].units is not a mapping"),
        ("name={", "the value is not YAML"),
        ("name=!!int 3", "the tag '!!int' is not accepted"),
        ("extends=a.yaml", "extends stands in a file"),
    ],
)
def test_what_cannot_be_put_in_is_told_with_the_command_line(document, override, says):
    before = parse(TEXT, "c.yaml").data
    with pytest.raises(BadSpec) as error:
        change(document, [override])
    assert error.value.lines[0].startswith(f"command line {override}: ")
    assert says in error.value.lines[0]
    assert document.data == before


WORDS = [
    "3e563",
    "0123",
    "2024",
    "1e3",
    "true",
    "True",
    "null",
    "~",
    "12:30",
    "[a]",
    "{a: b}",
    "a: b",
    "1_000",
    "9" * 60,
    "#3",
    "run #3",
]


@pytest.mark.parametrize("word", WORDS)
def test_where_text_is_wanted_the_letters_are_taken(word):
    assert named(Path(CONFIG), f"name={word}") == word


@pytest.mark.parametrize("override", ["data={type: mnist, path: 0123}", "data.path=0123", "data.path='0123'"])
def test_so_they_are_within_a_mapping(override):
    document = read(Path(CONFIG).with_name("gan_mnist.yaml"), ["data.source=auto", override])
    assert Path(check_document(document, Experiment).model_dump()["data"]["path"]).name == "0123"


@pytest.mark.parametrize("word", ["3e563", "0123", "2024", "True", "null", "12:30", "9" * 60, "1.50"])
def test_so_are_those_of_a_file_and_of_what_it_extends(tmp_path, word):
    child, grandchild = tmp_path / "a.yaml", tmp_path / "b.yaml"
    child.write_text(f"extends: {CONFIG}\nname: {word}\n")
    grandchild.write_text("extends: a.yaml\nseed: 1\n")
    assert named(child) == named(grandchild) == word
    assert named(grandchild, "name=0x") == "0x"


@pytest.mark.parametrize(("written", "steps"), [("1e3", 1000), ("1_000", 1000), ("1000.0", 1000), ("10.", 10), ("2.5e1", 25)])
def test_whole_numbers_may_be_written_with_a_point_or_a_power(written, steps):
    document = read(Path(CONFIG), [f"training.steps={written}"])
    made = check_document(document, Experiment).model_dump()["training"]["steps"]
    assert made == steps
    assert type(made) is int


@pytest.mark.parametrize("written", ["1e3.5", "2.5", "1e-1", "true", "'10'", ".inf", "1e400"])
def test_what_is_no_whole_number_is_told(written):
    with pytest.raises(BadSpec, match=r"training\.steps: expects a whole number of at least 1"):
        check_document(read(Path(CONFIG), [f"training.steps={written}"]), Experiment)


def test_a_list_of_a_hundred_thousand_is_refused_at_once(document):
    with pytest.raises(BadSpec, match="more than 30,000 values"):
        change(document, ["name=[" + "1," * 100_000 + "]"])


def named(path, *overrides):
    return check_document(read(path, overrides), Experiment).model_dump()["name"]


def test_all_wrong_overrides_are_told(document):
    with pytest.raises(BadSpec) as error:
        change(document, ["name", "game.layers[9]=1", "name=good"])
    assert len(error.value.lines) == 2
    assert document.data["name"] == "good"

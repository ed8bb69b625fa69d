import pytest

from dessine.spec import BadSpec, change
from dessine.spec.text import parse

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
        ("game.layers[3].units=1", "game.layers is a list of 3: there is no [3]"),
        ("game.layers.units=1", "game.layers is a list of 3: there is no units"),
        ("game.layers[0].units.x=1", "game.layers[0].units is not a mapping"),
        ("name={", "the value is not YAML"),
        ("name=!!int 3", "the tag '!!int' is not accepted"),
        ("name=" + "9" * 5000, "is too large"),
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


def test_all_wrong_overrides_are_told(document):
    with pytest.raises(BadSpec) as error:
        change(document, ["name", "game.layers[9]=1", "name=good"])
    assert len(error.value.lines) == 2
    assert document.data["name"] == "good"

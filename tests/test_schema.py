import re
from typing import Annotated, Literal

import jsonschema
import pytest
from annotated_types import Ge, Le, MaxLen, MinLen

from dessine.games.adversarial import Adversarial
from dessine.games.player import Player
from dessine.nn import Layer
from dessine.node import Node
from dessine.registry import Count, Decay, Like, Positive, Registry, Share, SpecError, Whole
from dessine.schema import accepted, check, json_schema, nodes_below, shown

shapes: Registry["Shape"] = Registry("shape")


class Shape(Node):
    registry = shapes


@shapes.register("disc")
class Disc(Shape):
    """A disc.

    radius: how far it goes
    """

    def __init__(self, radius: Positive):
        self.radius = radius


@shapes.register("box")
class Box(Shape):
    """A box.

    sides: of it
    """

    def __init__(self, sides: list[Positive]):
        if len(sides) != 2:
            raise SpecError("expects two", ("sides",))
        self.sides = sides


class Drawing(Node):
    """Shapes.

    shapes: from the lowest to the highest
    colour: of all
    scale: one for both axes, or one for each
    """

    def __init__(
        self, shapes: list[Shape], colour: Literal["red", "blue"] = "red", scale: float | list[Count] = 1.0, lines: bool = True
    ):
        self.shapes, self.colour, self.scale, self.lines = shapes, colour, scale, lines


def lines(node, cls=Drawing):
    with pytest.raises(SpecError) as error:
        check(cls, node)
    return [str(p) for p in error.value.problems]


@pytest.mark.parametrize(
    ("hint", "text"),
    [
        (Count, "a whole number of at least 1"),
        (Whole, "a whole number of at least 0"),
        (Positive, "a number above 0"),
        (Share, "a number from 0 to 1"),
        (Decay, "a number from 0 to below 1"),
        (bool, "true or false"),
        (Count | None, "a whole number of at least 1 or null"),
        (list[Share], "a list, each a number from 0 to 1"),
        (Annotated[list[int], MinLen(2), MaxLen(2)], "a list of 2, each a whole number"),
        (Annotated[list[int], MinLen(1)], "a list of at least 1, each a whole number"),
        (Annotated[int, Le(9)], "a whole number of at most 9"),
        (Annotated[int, Ge(0), Le(9)], "a whole number from 0 to 9"),
        (Literal["a", "b", "c"], "a, b or c"),
        (Like[Layer], "a layer"),
        (Player, "a mapping of layers, optimizer, constraint"),
    ],
)
def test_what_an_option_accepts_is_told_in_words(hint, text):
    assert accepted(hint) == text


@pytest.mark.parametrize(
    ("node", "says"),
    [
        ({"shapes": 3}, "shapes: expects a list, each a shape, got 3"),
        ({"shapes": [3]}, "shapes[0]: expects a shape, its name or a mapping with 'type', got 3 (known: box, disc)"),
        ({"shapes": [{"radius": 1}]}, "shapes[0]: 'type' is missing: which shape? (known: box, disc)"),
        ({"shapes": [{"type": 3}]}, "shapes[0]: 'type' expects the name of a shape, got 3 (known: box, disc)"),
        ({"shapes": ["dics"]}, "shapes[0]: no shape 'dics'; did you mean 'disc'? (known: box, disc)"),
        ({"shapes": ["disc"]}, "shapes[0]: 'radius' is missing: a number above 0"),
        ({"shapes": [{"type": "disc", "radius": 0}]}, "shapes[0].radius: expects a number above 0, got 0"),
        ({"shapes": [{"type": "disc", "radius": True}]}, "shapes[0].radius: expects a number above 0, got true"),
        ({"shapes": [{"type": "disc", "radius": None}]}, "shapes[0].radius: expects a number above 0, got null"),
        ({"shapes": [{"type": "disc", "radius": float("nan")}]}, "shapes[0].radius: expects a number above 0, got .nan"),
        ({"shapes": [{"type": "disc", "radius": "1e"}]}, "shapes[0].radius: expects a number above 0, got '1e'"),
        ({"shapes": [{"type": "box", "sides": [1]}]}, "shapes[0].sides: expects two"),
        ({"shapes": [{"type": "box", "sides": [1, {"a": 1}]}]}, "shapes[0].sides[1]: expects a number above 0, got {a: 1}"),
        ({"shapes": [], "colour": "rad"}, "colour: expects red or blue, got 'rad'; did you mean 'red'?"),
        ({"shapes": [], "lines": "yes"}, "lines: expects true or false, got 'yes'"),
        ({"shapes": [], "scale": "x"}, "scale: expects a number or a list, each a whole number of at least 1, got 'x'"),
        ({"shapes": [], "scale": [1, "x"]}, "scale[1]: expects a whole number of at least 1, got 'x'"),
        ({"shape": []}, "shape: unknown key 'shape'; did you mean 'shapes'? (accepted: shapes, colour, scale, lines)"),
        (5, "expects a mapping of shapes, colour, scale, lines, got 5"),
        ({"shapes": [{"type": "disc", "radius": 10**10, "x": {"a": None}}]}, "shapes[0].x: unknown key 'x' (accepted: radius)"),
    ],
)
def test_one_fault_is_one_line_in_yaml_words(node, says):
    assert lines(node) == [says]


@pytest.mark.parametrize("option", ["layers", "shortcut"])
def test_a_mapping_where_a_list_of_mappings_is_wanted_is_told(option):
    node = {"type": "residual", "layers": [{"type": "batch_norm"}], option: {"type": "dense", "units": 7}}
    with pytest.raises(SpecError, match=r"list.* got \{type: dense, units: 7\}") as raised:
        check(Layer, node)
    assert [problem.path for problem in raised.value.problems] == [(option,)]


def test_every_fault_is_told():
    assert len(lines({"shapes": ["dics", 3, {"type": "disc", "radius": 0}], "colour": 1, "oops": 1})) == 5


def test_a_count_beyond_reason_names_its_end():
    assert lines({"type": "dense", "units": 10**10}, Layer) == ["units: expects at most 1,000,000,000, got 10000000000"]


def test_a_lone_member_of_a_family_tells_its_options():
    from dessine.constraints import Constraint

    assert lines({"type": "clip", "d": 1}, Constraint)[0].startswith("d: unknown key 'd'")


def test_a_member_registered_late_is_known_at_once():
    late: Registry[Node] = Registry("late one")
    base = type("Base", (Node,), {"registry": late})
    late.register("a")(type("A", (base,), {}))
    assert check(base, "a").node.type == "a"
    late.register("b")(type("B", (base,), {}))
    assert check(base, "b").node.type == "b"


def test_defaults_are_written_out():
    assert check(Drawing, {"shapes": [{"type": "disc", "radius": 1}]}).model_dump() == {
        "shapes": [{"type": "disc", "radius": 1.0}],
        "colour": "red",
        "scale": 1.0,
        "lines": True,
    }


def test_values_are_shown_on_one_short_line():
    assert shown({"a": [None, True, 1.5, "x"]}) == "{a: [null, true, 1.5, x]}"
    assert shown("a\nb") == "'a\\nb'"
    assert len(shown("x" * 1000)) <= 60
    assert len(shown(list(range(1000)))) <= 60


def test_json_schema_explains_every_option_and_requires_none():
    made = json_schema(Adversarial)
    jsonschema.Draft202012Validator.check_schema(made)
    for node in [made, *made["$defs"].values()]:
        assert "required" not in node
        for name, option in node.get("properties", {}).items():
            assert option.get("description"), name


def test_json_schema_tells_good_from_bad():
    validator = jsonschema.Draft202012Validator(json_schema(Drawing))
    assert validator.is_valid({"shapes": [{"type": "disc", "radius": 1}]})
    assert not validator.is_valid({"shapes": [{"type": "disc", "radius": 0}]})
    assert not validator.is_valid({"shapes": [{"type": "disc", "radios": 1}]})
    assert not validator.is_valid({"shapes": ["dics"]})


def test_every_class_below_another_is_found_once():
    assert nodes_below(Drawing) == [Drawing, Shape, Disc, Box]


def test_every_option_of_every_node_is_described():
    from dessine.experiment import Experiment
    from dessine.schema import options, signature, summary

    for cls in nodes_below(Experiment):
        assert summary(cls), cls
        assert set(options(cls)) == set(signature(cls)) or (cls.registry and not cls.type), cls
        assert all(re.search(r"\w", text) for text in options(cls).values()), cls

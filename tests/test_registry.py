import pytest

from dessine.nn import Activation, Layer, activations
from dessine.nn.dense import Dense
from dessine.node import Node
from dessine.registry import Problem, Problems, Registry, SpecError, did_you_mean, dotted


def test_dotted_paths_read_like_the_config():
    assert dotted(("layers", 2, "units")) == "layers[2].units"
    assert dotted(()) == ""
    assert dotted(("a\nb", "x: y")) == "'a\\nb'.'x: y'"


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("learning_rate", ["eta", "beta1"], "eta"),
        ("Learning-Rate", ["eta"], "eta"),
        ("lr", ["eta"], "eta"),
        ("slope", ["alpha"], "alpha"),
        ("unit", ["units", "bias"], "units"),
        ("sgd", ["adam", "gradient_descent"], "gradient_descent"),
        ("ReLU", ["relu", "tanh"], "relu"),
        ("kaiming", ["he", "xavier"], "he"),
    ],
)
def test_typing_mistakes_and_words_of_other_tools_find_ours(word, known, meant):
    assert did_you_mean(word, known) == f"; did you mean '{meant}'?"


def test_nothing_is_suggested_for_what_nothing_resembles():
    assert did_you_mean("qqqq", ["eta"]) == ""
    assert did_you_mean("lr", ["units"]) == ""
    assert did_you_mean(["x"], ["units"]) == ""


def test_unknown_names_tell_what_is_known():
    with pytest.raises(SpecError, match=r"no activation 'rellu'; did you mean 'relu'\? \(known: centred_sigmoid, "):
        activations["rellu"]


def test_a_name_is_registered_once():
    family: Registry[Node] = Registry("thing")
    base = type("Base", (Node,), {"registry": family})
    family.register("a")(type("A", (base,), {}))
    with pytest.raises(ValueError, match="registered twice"):
        family.register("a")(type("B", (base,), {}))


def test_members_are_of_the_family_and_have_a_name():
    family: Registry[Node] = Registry("thing")
    base = type("Base", (Node,), {"registry": family})
    for stranger in (object, Node, type("A", (Activation,), {}), base()):
        with pytest.raises(TypeError, match="thing 'a' inherits from no thing"):
            family.register("a")(stranger)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="expects a name"):
        family.register("no name")(base)
    assert not family.members


def test_problems_of_independent_steps_are_told_together():
    problems = Problems()
    with problems.below("generator"):
        raise SpecError("one", ("layers", 0))
    with problems.below("discriminator"):
        raise SpecError([Problem((), "two"), Problem(("x",), "three")])
    with pytest.raises(SpecError) as error:
        problems.tell()
    assert [str(p) for p in error.value.problems] == [
        "generator.layers[0]: one",
        "discriminator: two",
        "discriminator.x: three",
    ]


def test_no_problems_are_no_error():
    problems = Problems()
    with problems.below("x"):
        pass
    problems.tell()


def test_of_checks_and_the_constructor_trusts():
    assert Dense(units=-3).units == -3
    with pytest.raises(SpecError, match="units: expects a whole number of at least 1, got -3"):
        Layer.of({"type": "dense", "units": -3})
    with pytest.raises(SpecError, match="units: expects"):
        Dense.of({"type": "dense", "units": -3})


def test_of_returns_a_finished_object_as_it_is():
    dense = Dense(3)
    assert Layer.of(dense) is dense

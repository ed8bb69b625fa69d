import pytest

from dessine.registry import SpecError
from dessine.sweeps.axes import Draw, distribution, draws, listed, parse, split


def test_commas_in_brackets_and_quotes_do_not_separate():
    assert split("a,[1,2],{x: 1, y: 2},'p,q',f(1,2)", ",") == ["a", "[1,2]", "{x: 1, y: 2}", "'p,q'", "f(1,2)"]


@pytest.mark.parametrize(
    ("written", "values"),
    [
        ("1,2,5", [1, 2, 5]),
        ("1e-3, 0.1", [0.001, 0.1]),
        ("tanh,{type: sigmoid, mu: 0.1}", ["tanh", {"type": "sigmoid", "mu": 0.1}]),
        ("true,null,'3'", [True, None, "3"]),
        ("range(3)", [0, 1, 2]),
        ("range(1, 8, 3)", [1, 4, 7]),
        ("range(5, 0, -2)", [5, 3, 1]),
        ("range(0.1, 0.5, 0.1)", [0.1, 0.2, 0.3, 0.4]),
        ([1, [2, 3]], [1, [2, 3]]),
    ],
)
def test_lists_and_ranges_are_read_as_in_yaml_and_python(written, values):
    assert listed(written) == values


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("range(0)", "no values"),
        ("range(a)", "expects range"),
        ("range(1, 2, 0)", "not zero"),
        ("range(0, 1e9)", "1,000,000,000 values"),
        ("1,1", "has 1 twice"),
        ("rnge(3)", "did you mean 'range'"),
        ("uniform(0, 1)", "axes.random"),
        (5, "expects a list"),
        ([], "no values"),
    ],
)
def test_a_list_that_cannot_be_meant_is_refused_with_a_reason(written, says):
    with pytest.raises(SpecError, match=says):
        listed(written)


def test_one_and_true_are_different_values():
    assert listed([1, True]) == [1, True]


@pytest.mark.parametrize("written", ["uniform(1)", "uniform(2, 1)", "log_uniform(0, 1)", "uniform(a, b)", "range(3)", "0.1", 3])
def test_a_distribution_needs_two_ends_in_order(written):
    with pytest.raises(SpecError):
        distribution(written)


def test_log_uniform_draws_as_often_in_each_decade():
    values = draws("eta", Draw(1e-4, 1.0, log=True, whole=False), 4000, seed=0)
    shares = [sum(10.0**e <= v < 10.0 ** (e + 1) for v in values) / 4000 for e in (-4, -3, -2, -1)]
    assert all(abs(share - 0.25) < 0.03 for share in shares)


def test_whole_ends_draw_whole_numbers_with_both_ends_included():
    assert set(draws("n", Draw(2, 5, log=False, whole=True), 500, seed=1)) == {2, 3, 4, 5}
    assert set(draws("n", Draw(1, 4, log=True, whole=True), 500, seed=1)) == {1, 2, 3, 4}


def test_more_samples_begin_with_the_same_ones():
    draw = Draw(0.0, 1.0, log=False, whole=False)
    assert draws("p", draw, 9, seed=3)[:4] == draws("p", draw, 4, seed=3)
    assert draws("p", draw, 4, seed=3) != draws("q", draw, 4, seed=3)


def test_a_command_line_is_sorted_into_what_is_fixed_listed_zipped_and_drawn():
    words = parse(["a.b=1", "c=x,y", "d=[1, 2]", "zip(e=1,2; f=range(2))", "g=log_uniform(1e-3, 1.0)"])
    assert words.fixed == {"a.b": 1, "d": [1, 2]}
    assert words.grid == {"c": ["x", "y"]}
    assert words.zip == [{"e": [1, 2], "f": [0, 1]}]
    assert words.random == {"g": "log_uniform(0.001, 1.0)"}


@pytest.mark.parametrize(
    "word", [["a"], ["=1"], ["a=1", "a=2"], ["zip(a=1,2; b=1,2,3)"], ["zip(a=1,2; a=3,4)"], ["a=1,2", "zip(a=1,2; b=1,2)"]]
)
def test_a_word_that_cannot_be_meant_is_named(word):
    with pytest.raises(SpecError, match="command line"):
        parse(word)


def test_lists_that_move_together_may_repeat_a_value_but_no_row():
    assert parse(["zip(a=1,2; b=3,3)"]).zip == [{"a": [1, 2], "b": [3, 3]}]
    with pytest.raises(SpecError, match="twice"):
        parse(["zip(a=1,1; b=3,3)"])
    with pytest.raises(SpecError, match="differ in length"):
        parse(["zip(a=1,1; b=3,4,5)"])

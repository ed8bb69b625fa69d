"""Theirs beside ours: intervals that meet or not, what is not compared and why, and orders."""

import math

import pytest

from dessine.registry import SpecError
from dessine.sweeps.cells import Cell
from dessine.sweeps.judging import judge
from dessine.sweeps.ours import Value
from dessine.sweeps.published import Published
from dessine.sweeps.published_page import counted, reasons, told


def published(figures, column=None, **options):
    rows = [{"name": f"r{i}", "figures": {"modes": figure}} for i, figure in enumerate(figures)]
    columns = [{"name": "modes", "metric": "scores.modes", **(column or {})}]
    return Published.of({"source": "s", "table": "t", "columns": columns, "rows": rows, **options})


def values(*numbers, row="r0", status="completed", steps=10, of=10, error=None):
    return [Value(row, "modes", seed, v, error, status, steps, of) for seed, v in enumerate(numbers)]


def verdict(figure, own, **options):
    judged, _ = judge(published([figure], **options), own)
    return judged[0]


@pytest.mark.parametrize(
    ("figure", "numbers", "said"),
    [
        (7.0, (6.9, 7.1, 7.2), "match"),
        (7.0, (8.0, 8.1, 8.2), "miss"),
        (7, (7.4, 7.4), "match"),  # 7 is anything that rounds to it
        (7.0, (7.4, 7.4), "miss"),
        ([6.3, 0.5], (8.0, 8.0, 8.0), "miss"),
        ([6.3, 1.8], (8.0, 8.0, 8.0), "match"),
        (2.6e-6, (2.63e-6, 2.63e-6), "match"),
    ],
)
def test_a_figure_matches_where_both_intervals_meet(figure, numbers, said):
    assert verdict(figure, values(*numbers)).verdict == said


def test_a_standard_error_becomes_students_interval_of_its_trials():
    theirs = published([[6.3, 0.5]], error="standard_error", trials=10).theirs([6.3, 0.5])
    assert (theirs.low, theirs.high) == pytest.approx((6.3 - 2.2622 * 0.5, 6.3 + 2.2622 * 0.5), abs=1e-3)
    spread = published([[6.3, 0.5]], error="standard_deviation", trials=4).theirs([6.3, 0.5])
    assert spread.high == pytest.approx(6.3 + 3.1824 * 0.25, abs=1e-3)
    alone = published([[225, 2]], error="standard_error").theirs([225, 2])
    assert alone.high == pytest.approx(225 + 1.96 * 2, abs=1e-2)


def test_a_figure_in_quotes_keeps_its_last_zero():
    """0.70 means 0.695 to 0.705; as a number it would be 0.7, and match what lies ten times farther away."""
    wide, narrow = (published([figure]).theirs(figure) for figure in (0.70, "0.70"))
    assert (wide.low, wide.high) == pytest.approx((0.65, 0.75))
    assert (narrow.mean, narrow.low, narrow.high) == pytest.approx((0.70, 0.695, 0.705))
    assert verdict("0.70", values(0.68, 0.68, 0.68)).verdict == "miss"
    for wrong in ("about 1", "nan", "", ["0.70", 0.1]):
        with pytest.raises(SpecError, match="expects a figure"):
            published([wrong])


def test_a_row_has_only_the_columns_that_mean_something_for_it():
    options = {
        "columns": [{"name": "modes", "metric": "scores.modes"}, {"name": "near", "metric": "scores.near_real"}],
        "rows": [{"name": "ring", "columns": ["modes"]}, {"name": "roll", "columns": ["near"]}, {"name": "both"}],
    }
    judged, _ = judge(Published.of({"source": "s", "table": "t", **options}), [])
    assert [(j.row, j.column) for j in judged] == [("ring", "modes"), ("roll", "near"), ("both", "modes"), ("both", "near")]


def test_a_reason_is_told_once_with_the_rows_that_it_is_the_reason_of():
    own = values(7.0, 7.0) + values(7.0, 7.0, row="r1", steps=4) + values(7.0, 7.0, row="r2", steps=4)
    judged, _ = judge(published([7, 7, 7]), own)
    assert reasons(judged) == ["r1; r2: not comparable because our runs make only 4 of 10 steps"]
    assert {row[-1] for row in told(judged)} == {"match", "not comparable"}
    assert reasons(judged[1:]) == ["not comparable because our runs make only 4 of 10 steps"]
    assert reasons(judged[:1]) == []


@pytest.mark.parametrize(
    ("own", "because"),
    [
        (values(math.nan, status="missing"), "it has not been run yet"),
        (
            values(7.0, 7.0) + values(7.0, status="unfinished", steps=4),
            "2 of 3 runs are completed; they have made 4 to 10 of 10 steps",
        ),
        (
            values(7.0) + values(math.nan, status="failed") + values(math.nan, status="unreadable"),
            "1 of 3 runs are completed, 1 failed, 1 cannot be read; they have made 10 of 10 steps",
        ),
        (values(7.0, 7.0, steps=4), "our runs make only 4 of 10 steps"),
        (values(7.0, math.nan), "1 of 2 runs tell no scores.modes"),
        (values(7.0), "one run tells no interval"),
        ([], "it has not been run yet"),
    ],
)
def test_what_cannot_be_compared_says_why(own, because):
    own = [Value(v.row, v.column, seed, v.value, v.error, v.status, v.steps, v.of) for seed, v in enumerate(own)]
    judged = verdict(7.0, own)
    assert (judged.told, judged.because) == ("not comparable", because)


def test_one_run_is_enough_where_luck_has_no_part_or_it_tells_its_own_error():
    assert verdict(7.0, values(7.01), column={"exact": True}).verdict == "match"
    assert verdict([225, 2], values(220.0, error=1.4)).verdict == "miss"
    assert verdict([225, 2], values(220.0, error=1.6)).verdict == "match"


def test_a_row_that_cannot_be_compared_says_its_own_reason():
    told = Published.of(
        {
            "source": "s",
            "table": "t",
            "columns": [{"name": "modes", "metric": "m"}],
            "rows": [{"name": "r0", "because": "it is a picture"}, {"name": "r1"}],
        }
    )
    both, _ = judge(told, values(7.0, 7.0) + values(7.0, 7.0, row="r1"))
    assert [j.because for j in both] == ["it is a picture", "no figure is printed"]


def test_only_the_order_counts_where_the_scale_is_another():
    own = [v for i, x in enumerate([10.0, 20.0, 40.0, 30.0, 50.0]) for v in values(x, x, row=f"r{i}")]
    judged, (order,) = judge(published([1, 2, 3, 4, 5], column={"compare": "order"}), own)
    assert {j.verdict for j in judged} == {"order"}
    assert order.spearman == pytest.approx(0.9)
    assert order.chance == pytest.approx(5 / 120)
    assert order.verdict == "match"
    assert counted(judged, [order]) == "order by modes: match"
    _, (against,) = judge(published([5, 4, 3, 2, 1], column={"compare": "order"}), own)
    assert (against.spearman, against.verdict) == (pytest.approx(-0.9), "miss")


def test_two_rows_have_no_order():
    own = [v for i, x in enumerate([10.0, 20.0]) for v in values(x, x, row=f"r{i}")]
    _, (order,) = judge(published([1, 2], column={"compare": "order"}), own)
    assert order.told == "order of 2 rows by modes: three are needed, not all alike: not comparable"
    alike = [v for i in range(3) for v in values(5.0, 5.0, row=f"r{i}")]
    _, (order,) = judge(published([1, 2, 3], column={"compare": "order"}), alike)
    assert order.verdict == "not comparable"


def test_equal_figures_share_their_rank():
    own = [v for i, x in enumerate([1.0, 1.0, 3.0]) for v in values(x, x, row=f"r{i}")]
    _, (order,) = judge(published([1, 1, 2], column={"compare": "order"}), own)
    assert order.spearman == pytest.approx(1)


def test_the_interval_of_ours_ends_where_the_metric_ends():
    judged, _ = judge(published([50], column={"metric": "test_success", "times": -100, "plus": 100}), values(0.1, 99.0))
    assert (judged[0].low, judged[0].high) == (0, 100)


@pytest.mark.parametrize(
    ("figures", "message"),
    [
        ({"mods": 7}, "no column 'mods'; did you mean 'modes'"),
        ({"modes": [1, 2, 3]}, "expects a figure"),
        ({"modes": [1, -2]}, "expects a figure"),
        ({"modes": "seven"}, "expects a figure"),
        ({"modes": True}, "expects a figure"),
        ({"modes": "7 ± 1"}, r"error of at least 0, got '7 ± 1'"),
    ],
)
def test_a_wrong_figure_is_named(figures, message):
    with pytest.raises(SpecError, match=message):
        Published.of(
            {
                "source": "s",
                "table": "t",
                "columns": [{"name": "modes", "metric": "m"}],
                "rows": [{"name": "r", "figures": figures}],
            }
        )


def test_a_standard_deviation_needs_the_number_of_runs():
    for options in ({}, {"trials": 1}):
        with pytest.raises(SpecError, match="how many runs were there"):
            published([[6.3, 0.5]], error="standard_deviation", **options)


def test_names_are_told_apart():
    with pytest.raises(SpecError, match="another name for each of the rows, got 'r' twice"):
        Published.of({"source": "s", "table": "t", "columns": [{"name": "c", "metric": "m"}], "rows": [{"name": "r"}] * 2})


@pytest.mark.parametrize(
    ("figure", "numbers", "said"),
    [
        ([12, 12], (23.0, 24.0, 24.0), "match, weakly"),  # what they say holds nearly everything
        (1.0, (1.0, 0.0, 1.0), "match, weakly"),  # our seeds do
        (4.7, (4.5, 4.7, 4.9), "match"),
        (4.7, (0.0, 0.1, 0.2), "miss"),  # a miss is a miss
    ],
)
def test_a_match_of_wide_intervals_is_weak(figure, numbers, said):
    judged = verdict(figure, values(*numbers))
    assert judged.told == said
    assert judged.plain()["weak"] == (said == "match, weakly")
    assert counted([judged]) == f"1 {said.replace(', ', ' ')}"


def of_cells(figure, numbers, modes=25, column=None, **options):
    cell = Cell({}, 0, (), "", "base", modes=modes)
    own = values(*numbers, error=options.pop("own", None))
    return judge(published([figure], column=column, **options), own, {"r0": [cell]})[0][0]


def test_no_interval_goes_beyond_what_the_figure_can_be():
    modes = of_cells([24.8, 0.2], (25.0, 24.0, 25.0), error="standard_error", trials=10)
    assert (modes.high, modes.theirs.high) == (25, 25)
    assert modes.low < 24
    of_1000 = of_cells([24.8, 0.2], (25.0, 24.0, 25.0), modes=1000, error="standard_error", trials=10)
    assert of_1000.high > 25 < of_1000.theirs.high
    success = {"metric": "test_success", "times": -100, "plus": 100}  # an error in per cent
    error = of_cells([0.1, 0.3], (0.2,), column=success, own=0.2)
    assert (error.low, error.theirs.low) == (0, 0)
    share = {"metric": "scores.high_quality", "times": 100}
    near = of_cells([99.9, 0.3], (99.0, 100.0, 98.0), column=share)
    assert (near.high, near.theirs.high) == (100, 100)


def test_what_they_print_is_never_outside_of_its_interval():
    """Whatever they have counted: 30 modes of 25, or an error of -1 %."""
    theirs = of_cells([30, 1], (25.0, 25.0)).theirs
    assert (theirs.low, theirs.high) == (29, 30)

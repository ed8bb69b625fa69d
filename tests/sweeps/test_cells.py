import json
import re

import pytest

from dessine.experiment import Experiment
from dessine.registry import SpecError
from dessine.spec import BadSpec, Document, check_document
from dessine.sweeps.axes import parse
from dessine.sweeps.cells import Planner, Sweep, combine, counted, short_names, shown

DATA = {
    "data": {"type": "xor", "points": 20},
    "game": {
        "type": "classification",
        "network": {"layers": [{"type": "dense", "units": 1}], "optimizer": {"type": "gradient_descent", "eta": 0.1}},
    },
    "training": {"steps": 3},
    "name": "small",
    "seed": 4,
}


def planner(sweep, **changes):
    base = Document(json.loads(json.dumps({**DATA, **changes})), "")
    return Planner(Sweep.of({"base": "b.yaml", **sweep}), base, lambda d: check_document(d, Experiment).model_dump())


def test_a_grid_is_every_combination_and_seeds_come_first_to_last():
    cells = planner({"axes": {"grid": {"training.steps": [1, 2], "training.batch_size": [3, 4]}}, "seeds": 2}).cells()
    assert [(c.seed, c.values["training.steps"], c.values["training.batch_size"]) for c in cells] == [
        (seed, steps, size) for seed in (4, 5) for steps in (1, 2) for size in (3, 4)
    ]


def test_a_zip_goes_value_by_value():
    cells = planner({"axes": {"zip": [{"training.steps": [1, 2], "training.batch_size": [3, 4]}]}}).cells()
    assert [list(c.values.values()) for c in cells] == [[1, 3], [2, 4]]
    assert cells[0].overrides == ("training.steps=1", "training.batch_size=3")


def test_random_points_are_drawn_jointly_and_only_as_many_as_asked():
    sweep = {"axes": {"random": {"game.network.optimizer.eta": "log_uniform(1e-3, 1.0)"}, "samples": 5}}
    cells = planner(sweep).cells()
    assert len({c.values["game.network.optimizer.eta"] for c in cells}) == 5
    assert [c.values for c in cells] == [c.values for c in planner(sweep).cells()]


def test_every_setting_gets_the_same_seeds_unless_they_are_unpaired():
    axes = {"grid": {"training.steps": [1, 2]}}
    paired, unpaired = (planner({"axes": axes, "seeds": 3, "paired": p}).cells() for p in (True, False))
    assert sorted(c.seed for c in paired) == [4, 4, 5, 5, 6, 6]
    assert len({c.seed for c in unpaired}) == 6


def test_counted_seeds_do_not_share_repeats():
    assert planner({"seeds": 3}, repeats=10).seeds() == [4, 14, 24]
    assert planner({"seeds": [1, 2]}, repeats=10).seeds() == [1, 2]


def test_identity_is_of_the_resolved_spec_not_of_how_it_is_written():
    short, long = planner({"axes": {"grid": {"game.network.layers[0].activation": ["tanh", {"type": "sigmoid"}]}}}).cells()
    same = planner({"set": {"game.network.layers[0].activation": {"type": "tanh"}}}).cells()[0]
    assert short.identity == same.identity != long.identity
    assert short.folder.endswith(short.identity[:10])


def test_two_ways_of_writing_one_spec_are_one_cell():
    written = ["tanh", {"type": "tanh"}, "linear"]
    assert len(planner({"axes": {"grid": {"game.network.layers[0].activation": written}}}).cells()) == 2


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (("network.layers[0].units", "network.layers.0.units"), "are one key"),
        (("network.layers[0].units", "network.layers[-1].units"), "are one key"),
        (("network.optimizer.eta", "network.optimizer"), "takes away what game.network.optimizer.eta varies"),
    ],
)
def test_an_axis_that_would_undo_another_is_refused(keys, told):
    def refuse(keys):
        planner({"axes": {"grid": {f"game.{key}": [1, 2] for key in keys}}}).refuse_what_is_lost()

    with pytest.raises(BadSpec, match=re.escape(told)):
        refuse(keys)
    refuse(["network.optimizer", "network.optimizer.eta"])  # a part of what stands there already


def test_every_wrong_cell_is_told():
    with pytest.raises(BadSpec) as caught:
        planner({"axes": {"grid": {"training.steps": [0, 1, -1], "training.batch_size": [0, 1]}}}).cells()
    assert len(caught.value.lines) == 3


@pytest.mark.parametrize(
    ("sweep", "path"),
    [
        ({"axes": {"grid": {"a": 5}}}, ("axes", "grid", "a")),
        ({"axes": {"zip": [{"a": [1, 2], "b": [1]}]}}, ("axes", "zip", 0)),
        ({"axes": {"random": {"a": "range(3)"}}}, ("axes", "random", "a")),
        ({"axes": {"grid": {"a": [1]}}, "set": {"a": 2}}, ("set", "a")),
        ({"axes": {"grid": {"a": [1]}, "zip": [{"a": [1]}]}}, ("axes",)),
        ({"axes": {"grid": {"seed": [1]}}}, ("seeds",)),
        ({"seeds": [1, 1]}, ("seeds",)),
        ({"search": {"trials": 3, "metric": "x", "direction": "up"}}, ("search", "direction")),
        ({"axs": {}}, ("axs",)),
    ],
)
def test_a_mistake_in_a_sweep_has_a_place(sweep, path):
    with pytest.raises(SpecError) as caught:
        Sweep.of({"base": "b.yaml", **sweep})
    assert path in [problem.path for problem in caught.value.problems]


def test_the_command_line_replaces_what_the_file_says_of_the_same_keys():
    data = {
        "base": "b.yaml",
        "set": {"a": 1},
        "axes": {"grid": {"b": [1, 2]}, "zip": [{"c": [1, 2], "d": [3, 4]}], "random": {"e": "uniform(0, 1)"}},
        "seeds": 5,
    }
    combine(data, parse(["a=1,2", "b=3", "c=7", "e=range(2)", "seed=9"]))
    assert data["set"] == {"b": 3, "c": 7}
    assert data["axes"] == {"grid": {"a": [1, 2], "e": [0, 1]}, "zip": [{"d": [3, 4]}], "random": {}}
    assert data["seeds"] == [9]


def test_names_are_the_shortest_ends_that_differ():
    keys = ["game.generator.optimizer.eta", "game.discriminator.optimizer.eta", "training.steps"]
    assert list(short_names(keys).values()) == ["generator.optimizer.eta", "discriminator.optimizer.eta", "steps"]
    assert short_names(["game.generator.optimizer.eta.to"]) == {"game.generator.optimizer.eta.to": "eta.to"}


def test_values_are_shown_as_people_write_them():
    values = [1e-5, 0.1, True, None, "tanh", {"type": "sigmoid", "mu": 0.1}, [1, 2.5]]
    assert [shown(v) for v in values] == ["1e-05", "0.1", "true", "null", "tanh", "sigmoid(mu=0.1)", "[1, 2.5]"]


def test_too_many_cells_are_refused_before_their_seeds_are_written_out(monkeypatch):
    many = planner({"axes": {"grid": {"training.steps": "range(1, 10000)", "repeats": "range(1, 100)"}}, "seeds": 10_000})
    counted, seeds = [], many.seeds
    monkeypatch.setattr(many, "seeds", lambda setting=0: counted.append(setting) or seeds(setting))
    with pytest.raises(BadSpec, match="more than 20,000 cells"):
        many.cells()
    assert counted == [0]


@pytest.mark.parametrize(("n", "said"), [(0, "0 cells"), (1, "1 cell"), (2, "2 cells"), (1234, "1,234 cells")])
def test_one_is_not_many(n, said):
    assert counted(n, "cell") == said

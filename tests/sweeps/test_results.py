import csv
import io
import json

import numpy as np
import pytest
from made import finish, sweep_folder
from scipy import stats

from dessine.plots import Pictures
from dessine.registry import SpecError
from dessine.runs.metrics import flat, full_name
from dessine.runs.notes import Notes, change
from dessine.runs.run import Run
from dessine.sweeps.cells import Axes
from dessine.sweeps.folder import SweepFolder
from dessine.sweeps.page import save_page
from dessine.sweeps.pictures import _map, _spans_decades, save_curves, save_pictures
from dessine.sweeps.results import (
    UNREADABLE,
    Axis,
    Results,
    _pooled,
    best_settings,
    collect,
    main_effect,
    samples,
    save_table,
    within,
)

AXES = Axes(grid={"a.eta": [0.1, 1.0, 10.0], "b": ["tanh", "relu"]})


@pytest.fixture
def sweep(tmp_path):
    """Two axes and three seeds, with luck that a seed gives to all its runs; one run failed."""
    folder, rng = sweep_folder(tmp_path / "s"), np.random.default_rng(0)
    luck = rng.normal(size=3)
    for i, eta in enumerate(AXES.grid["a.eta"]):
        for j, b in enumerate(AXES.grid["b"]):
            for seed in range(3):
                score = i + 0.1 * j + luck[seed] + 0.01 * rng.normal()
                records = [{"step": s, "epoch": s, "score": score * s / 20, "loss": {"g": -score}} for s in (10, 20)]
                gone = (i, j, seed) == (1, 1, 2)
                finish(
                    Run(folder.cells / f"{i}{j}{seed}"),
                    [f"a.eta={eta}", f"b={b}", "c=1", f"seed={seed}"],
                    status="failed" if gone else "completed",
                    reason="step 12: <g>" if gone else None,
                    seed=seed,
                    records=records,
                )
    return folder


def test_axes_and_values_come_from_the_run_folders(sweep):
    results = collect(sweep, AXES, {"score": "max"})
    assert [(axis.label, [axis.name(p) for p in axis.points]) for axis in results.axes] == [
        ("eta", ["0.1", "1", "10"]),
        ("b", ["tanh", "relu"]),
    ]
    assert (len(results.rows), len(results.done), len(results.settings())) == (18, 17, 6)


def test_what_varies_is_found_without_the_sweeps_own_file(sweep):
    assert [axis.label for axis in collect(sweep, Axes(), {"score": "max"}).axes] == ["eta", "b"]


def test_the_table_has_a_row_for_every_run_and_says_what_failed(sweep, tmp_path):
    save_table(collect(sweep, AXES, {"score": "max"}), tmp_path / "results.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "results.csv").read_text())))
    assert len(rows) == 18
    assert [r["reason"] for r in rows if r["status"] == "failed"] == ["step 12: <g>"]
    first = rows[0]
    assert (first["a.eta"], first["b"], first["seed"], first["steps"]) == ("0.1", "tanh", "0", "20")
    assert float(first["loss.g"]) == -float(first["score"])


def test_repeats_within_a_run_are_rows_with_seeds_of_their_own(tmp_path):
    folder = sweep_folder(tmp_path / "s")
    finish(Run(folder.cells / "x"), ["seed=5"], seed=5, repeats=3, records=[{"step": 1, "score": [0.1, None, 0.3]}])
    results = collect(folder, Axes(), {"score": "max"})
    assert samples(results.rows, "score") == {5: 0.1, 7: 0.3}
    save_table(results, tmp_path / "results.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "results.csv").read_text())))
    assert [(r["seed"], r["repeat"], r["score"]) for r in rows] == [("5", "0", "0.1"), ("6", "1", ""), ("7", "2", "0.3")]


def test_repeats_that_two_runs_have_in_common_count_once(tmp_path, monkeypatch):
    """Seeds 5 and 6 with three repeats each: four different games, not six."""
    folder, drawn = sweep_folder(tmp_path / "s"), []
    for b in ("x", "y"):
        for eta in (1, 2):
            for seed in (5, 6):
                records = [{"step": 1, "score": [float((seed + r) ** 2) for r in range(3)]}]
                finish(Run(folder.cells / f"{b}{eta}{seed}"), [f"b={b}", f"eta={eta}"], seed=seed, repeats=3, records=records)
    results = collect(folder, Axes(grid={"b": ["x", "y"], "eta": [1, 2]}), {"score": "max"})
    monkeypatch.setattr("dessine.sweeps.pictures.mean_interval", lambda values: drawn.append(values) or (values[0],) * 3)
    save_curves(results.settings(), tmp_path / "curves.png", "t", "score", "max")
    assert [sorted(values[:, 0]) for values in drawn] == [[25, 36, 49, 64]] * len(drawn)
    assert (_map(results, "score", *results.axes) == np.mean([25, 36, 49, 64])).all()


def test_a_main_effect_is_over_seeds_and_leaves_out_what_is_not_there_everywhere(sweep):
    results = collect(sweep, AXES, {"score": "max"})
    effect = main_effect(results, results.axes[0], "score")
    table = {(r.values["a.eta"], r.values["b"], r.seed): r.last["score"][0] for r in results.done}
    per_seed = {
        eta: np.array([np.mean([table[eta, b, s] for b in ("tanh", "relu") if (1.0, b, s) in table]) for s in range(3)])
        for eta in (0.1, 1.0, 10.0)
    }
    x = per_seed[10.0] - per_seed[0.1]
    low, high = stats.t.interval(0.95, 2, x.mean(), stats.sem(x))
    assert effect.mean == pytest.approx([v.mean() for v in per_seed.values()])
    assert (effect.difference[2], effect.difference_low[2], effect.difference_high[2]) == pytest.approx((x.mean(), low, high))


def test_paired_seeds_see_a_difference_that_luck_hides(sweep):
    results = collect(sweep, AXES, {"score": "max"})
    effect = main_effect(results, results.axes[1], "score")
    assert effect.low[1] < effect.mean[0] < effect.high[1]
    assert effect.difference_low[1] > 0


def test_without_pairs_the_interval_is_from_the_spread_within_settings(tmp_path):
    folder, values = sweep_folder(tmp_path / "s"), {"x": [1.0, 2.0, 4.0], "y": [5.0, 5.5, 7.0]}
    for i, (b, numbers) in enumerate(values.items()):
        for k, v in enumerate(numbers):
            finish(Run(folder.cells / f"{b}{k}"), [f"b={b}"], seed=10 * i + k, records=[{"step": 1, "score": v}])
    results = collect(folder, Axes(grid={"b": ["x", "y"]}), {"score": "max"})
    effect = main_effect(results, results.axes[0], "score")
    for i, numbers in enumerate(values.values()):
        assert (effect.low[i], effect.high[i]) == pytest.approx(stats.t.interval(0.95, 2, np.mean(numbers), stats.sem(numbers)))
    assert np.isnan(effect.difference).all()


def test_pictures_and_page_are_made_and_the_page_needs_nothing_else(sweep, tmp_path):
    results = collect(sweep, AXES, {"score": "max"})
    pictures = save_pictures(results, sweep.plots, "title")
    assert sorted(p.name for p in pictures) == ["curves_score.png", "effects_score.png", "heat_score.png"]
    text = save_page(results, tmp_path / "report.html", "a < b", pictures, "base: x", "dessine sweep").read_text()
    assert text.count("data:image/png;base64,") == 3
    assert not any(word in text for word in ("http://", "https://", "<script", '<link rel="stylesheet'))
    assert "a &lt; b" in text
    assert "step 12: &lt;g&gt;" in text
    assert "paired differences" in text


def test_the_page_shows_what_runs_draw_and_leads_to_them(make_sweep, tmp_path):
    cells = {
        f"eta{eta}_{seed}": {"seed": seed, "success": [eta], "overrides": [f"x.eta={eta}"], "samples": [0, 10]}
        for eta in (0.1, 0.2)
        for seed in (0, 1)
    }
    folder = SweepFolder(make_sweep("s", cells))
    results = collect(folder, Axes(random={"x.eta": "log_uniform(0.1, 0.2)"}, samples=2), {"test_success": "max"})
    assert [axis.log for axis in results.axes] == [True]
    folder.plots.mkdir(exist_ok=True)
    pictures = save_pictures(results, folder.plots, "a$x_$b")
    text = save_page(results, folder.path / "report.html", "a$x_$b", pictures, "", "").read_text()
    assert text.count("data:image/png;base64,") == len(pictures) + 4
    for name in cells:
        assert text.count(f'href="cells/{name}/"') == 2  # the picture, and the line in the table of runs
    assert "eta=0.1, seed 0" in text


def test_keys_of_one_name_that_go_together_are_said_once(tmp_path):
    folder, keys = sweep_folder(tmp_path / "s"), ("layers.0.activation.mu", "layers.1.activation.mu")
    for i, mu in enumerate((0.1, 0.5)):
        finish(Run(folder.cells / f"{i}"), [f"{key}={mu}" for key in keys], records=[{"step": 1, "score": mu}])
    axes = Axes(zip=[{key: [0.1, 0.5] for key in keys}])
    (axis,) = collect(folder, axes, {"score": "max"}).axes
    assert (axis.label, axis.name(axis.points[1]), axis.numbers) == ("activation.mu", "0.5", [0.1, 0.5])
    other = collect(folder, Axes(), {"score": "max"})
    assert [axis.label for axis in other.axes] == ["0.activation.mu", "1.activation.mu"]


def test_points_that_have_names_go_by_them():
    points = [{"name": "plain", "a": 1, "b": None}, {"name": "held", "a": 1, "b": "clip"}]
    axis = Axis(("name", "a", "b"), "name", points, drawn=False)
    assert [axis.name(point) for point in points] == ["plain", "held"]
    twice = [point | {"name": "plain"} for point in points]
    assert Axis(("name", "a", "b"), "name", twice, drawn=False).name(twice[1]) == "plain, 1, clip"


def test_a_metric_that_no_run_knows_makes_no_picture(sweep):
    assert save_pictures(collect(sweep, AXES, {"nothing": "max"}), sweep.plots, "title") == []


def test_metrics_are_flat_numbers_one_per_repeat():
    record = {
        "step": 5,
        "layers": {"x": 1.0},
        "loss": {"g": [1, None]},
        "s": [0.5, 0.25],
        "confusion": [[1, 2], [3, 4]],
        "n": 3,
    }
    found = flat(record, repeats=2)
    assert list(found) == ["loss.g", "s"]
    assert found["loss.g"][0] == 1.0
    assert np.isnan(found["loss.g"][1])
    assert flat({"a": 1, "b": [1, 2], "c": None}) == {"a": [1.0]}


def test_a_metric_may_be_named_by_its_end():
    known = ["loss.generator", "loss.critic", "d.critic", "test_success"]
    assert full_name("generator", known) == "loss.generator"
    assert full_name("loss.critic", known) == "loss.critic"
    with pytest.raises(SpecError, match=r"may mean loss\.critic, d\.critic"):
        full_name("critic", known)
    with pytest.raises(SpecError, match="did you mean 'test_success'"):
        full_name("test_sucess", known)


def spoil(path, name, content):
    if content is None:
        (path / name).unlink(missing_ok=True)
        (path / name).mkdir()
    elif isinstance(content, dict):
        (path / name).write_text(json.dumps(json.loads((path / name).read_text()) | content))
    else:
        (path / name).write_bytes(content)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("summary.json", b"[1]"),
        ("summary.json", {"last": 5}),
        ("summary.json", {"best": {"score": 1}}),
        ("summary.json", b"[" * 100_000),
        ("summary.json", None),
        ("config.yaml", b"name: x\nrepeats: x\n"),
        ("config.yaml", b"repeats: 10000000000000\n"),
        ("config.yaml", b"repeats: \n"),
        ("config.yaml", b"\xff\xfe\x00"),
        ("config.yaml", None),
        ("run.json", {"overrides": 5}),
        ("run.json", {"seed": "x"}),
        ("run.json", {"status": ["completed"]}),
        ("run.json", b"{"),
        ("run.json", None),
    ],
)
def test_a_damaged_cell_is_listed_and_costs_no_other(sweep, tmp_path, name, content):
    spoil(sweep.cells / "000", name, content)
    results = collect(sweep, AXES, {"score": "max"})
    assert [row.run.path.name for row in results.rows if row.status == UNREADABLE] == ["000"]
    assert len(results.done) == 16
    assert [axis.name(p) for axis in results.axes for p in axis.points] == ["0.1", "1", "10", "tanh", "relu"]
    save_table(results, tmp_path / "results.csv")
    save_page(results, tmp_path / "page.html", "t", [], "", "")
    assert f"000/{name}" in (tmp_path / "page.html").read_text()


def test_a_cell_without_curves_still_counts(sweep, tmp_path):
    spoil(sweep.cells / "000", "metrics.jsonl", None)
    results = collect(sweep, AXES, {"score": "max"})
    assert len(results.done) == 17
    assert results.rows[0].curve("score")[0].size == 0
    assert save_curves(results.settings(), tmp_path / "curves.png", "a$b_{c$ <x>", "score", "max")


@pytest.mark.parametrize(
    ("values", "way", "wide"),
    [
        ([1e-22, 0.1, 3], "min", True),
        ([0.002, 0.1, 1.9], "min", False),
        ([1e-22, 0.1, 3], "max", False),
        ([0, 3], "min", False),
        ([-1, 3], "min", False),
        ([np.nan, 1e-9, 1], "min", True),
        ([np.nan], "min", False),
    ],
)
def test_distances_that_span_decades_get_a_scale_that_shows_the_best(values, way, wide, tmp_path):
    assert _spans_decades(np.array(values), way) == wide
    folder = sweep_folder(tmp_path / "s")
    for i, one in enumerate(values):
        rows = [{"step": step, "distance": float(one)} for step in (1, 2)]
        finish(Run(folder.cells / str(i)), [f"a={i % 2}", f"b={i // 2}"], records=rows)
    results = collect(folder, Axes(grid={"a": [0, 1], "b": [0, 1]}), {"distance": way})
    told: list[str] = []
    save_pictures(results, tmp_path, "t", pictures=Pictures(told.append))
    assert told == []


def test_a_cell_that_is_a_link_is_not_followed(sweep, tmp_path):
    (sweep.cells / "000").rename(tmp_path / "elsewhere")
    (sweep.cells / "000").symlink_to(tmp_path / "elsewhere")
    assert len(collect(sweep, AXES, {"score": "max"}).rows) == 17


def test_intervals_of_shares_stay_shares(tmp_path):
    folder = sweep_folder(tmp_path / "s")
    for i, success in enumerate([0.7, 1.0, 1.0, 1.0]):
        finish(Run(folder.cells / str(i)), [f"a={i // 2}"], seed=i % 2, records=[{"step": 1, "test_success": success}])
    results = collect(folder, Axes(grid={"a": [0, 1]}), {"test_success": "max"})
    effect = main_effect(results, results.axes[0], "test_success")
    assert (effect.low[0], effect.high[0]) == (0, 1)
    assert np.isnan(effect.low[1])
    assert (effect.difference_low[1], effect.difference_high[1]) == (-1, 1)


@pytest.mark.parametrize(
    ("spreads", "counts"), [((1, 1, 10), (3, 3, 3)), ((1, 10), (2, 2)), ((0.1, 10), (10, 3)), ((1, 1, 1), (3, 3, 3))]
)
def test_a_pooled_interval_holds_the_mean_as_often_as_it_says(spreads, counts):
    rng = np.random.default_rng(0)
    drawn = [[s * rng.standard_normal(n) for s, n in zip(spreads, counts, strict=True)] for _ in range(2000)]
    held = [abs(np.mean([x.mean() for x in groups])) <= _pooled(groups) for groups in drawn]
    assert np.mean(held) == pytest.approx(0.955, abs=0.025)


def test_groups_without_spread_have_no_pooled_interval():
    assert np.isnan(_pooled([np.ones(3), np.full(3, 2.0)]))
    assert np.isnan(_pooled([np.ones(1), np.arange(3.0)]))
    assert np.isnan(_pooled([]))


def test_runs_in_a_plane_are_drawn_side_by_side(tmp_path):
    folder = sweep_folder(tmp_path / "s")
    for eta in (0.1, 0.2):
        records = [{"step": t, "theta": eta * t, "psi": 1.0 - t, "distance": eta} for t in range(1, 4)]
        finish(Run(folder.cells / f"{eta}"), [f"eta={eta}"], records=records)
    results = collect(folder, Axes(grid={"eta": [0.1, 0.2]}), {"distance": "min"})
    assert tmp_path / "planes.png" in save_pictures(results, tmp_path, "tiny")


def test_the_page_of_a_sweep_shows_its_notes_and_tags(tmp_path):
    def say(notes: Notes) -> None:
        notes.say("for <b>Monday</b>")
        notes.tag(["lesson"])

    change(tmp_path, say)
    text = save_page(Results([], [], {}), tmp_path / "page.html", "t", [], "", "").read_text()
    assert "<dd>lesson</dd>" in text
    assert "for &lt;b&gt;Monday&lt;/b&gt;" in text
    (tmp_path / "notes.json").write_text("{")
    assert "lesson" not in save_page(Results([], [], {}), tmp_path / "page.html", "t", [], "", "").read_text()


def test_the_mean_number_of_modes_is_no_more_than_there_are(tmp_path):
    folder = sweep_folder(tmp_path / "s")
    for seed, modes in enumerate((25.0, 24.0, 25.0)):
        run = Run(folder.cells / str(seed))
        spec = {"data": {"type": "grid", "side": 5}}
        records = [{"step": 10, "epoch": 1, "scores": {"modes": modes}}]
        finish(run, [f"seed={seed}"], status="completed", seed=seed, records=records, spec=spec)
    results = collect(folder, Axes(), {"scores.modes": "max"})
    assert within(results.done, "scores.modes") == (0, 25)
    assert best_settings(results)[1].startswith("  24.67 [23.23, 25]")

"""The page of a run, from whatever is in its folder."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from dessine.reports.run_page import MOST_FRAMES, run_page
from dessine.runs.checkpoint import BEST, save
from dessine.runs.collection import read_row


def page_of(path) -> str:
    return run_page(read_row(path, path.name))


def test_the_page_tells_results_config_and_origin(make_run):
    path = make_run(
        "a",
        success=[[0.5, 0.7], [0.8, 0.9]],
        repeats=2,
        command="dessine train x.yaml",
        git={"commit": "abc123", "dirty": True},
        versions={"numpy": "2.4"},
        overrides=["seed=1"],
    )
    (path / "summary.json").write_text(
        json.dumps({"best": {"test_success": {"value": 0.85, "step": 20}}, "learned": {"share": 1.0}})
    )
    (path / "source.yaml").write_text("extends: <base>\n")
    made = page_of(path)
    for text in (
        "0.2147 to 1",  # 0.85 - 12.706 * 0.0707 / sqrt(2); no success is above 1
        "share 1",
        "dessine train x.yaml",
        "abc123 (with changes that were not committed)",
        "numpy 2.4",
        "extends: &lt;base&gt;",
        "seed=1",
        "2 repeats, seeds 0 to 1",
    ):
        assert text in made


def test_the_last_of_the_samples_is_shown_first(make_run):
    made = page_of(make_run("a", samples=[0, 10, 20]))
    assert made.count(" hidden>") == 2
    assert 'data-step="step 20">' in made
    assert 'max="2" value="2"' in made


def test_one_sample_needs_no_slider(make_run):
    made = page_of(make_run("a", samples=[10]))
    assert 'type="range"' not in made
    assert "Samples at step 10" in made


@pytest.mark.parametrize(("size", "told"), [((160, 99), '<figure class="wide">'), ((160, 101), "<figure>")])
@pytest.mark.parametrize("steps", [[10], [10, 20]])
def test_pictures_of_panels_in_a_row_are_marked_as_wide(make_run, steps, size, told):
    path = make_run("a", samples=steps)
    for step in steps:
        Image.new("L", size).save(path / f"samples/step_{step:07d}.png")
    assert told in page_of(path).replace("\n", "")


def test_of_many_samples_some_are_kept_with_the_first_and_the_last(make_run):
    made = page_of(make_run("a", samples=range(0, 1000, 10)))
    assert made.count("data-step=") == MOST_FRAMES
    assert 'data-step="step 0"' in made
    assert 'data-step="step 990"' in made
    assert f"{MOST_FRAMES} of 100 pictures" in made


@pytest.mark.parametrize("gone", ["metrics.jsonl", "config.yaml", "run.json"])
def test_what_is_missing_is_left_out(make_run, gone):
    path = make_run("a", samples=[0, 10])
    (path / gone).unlink()
    assert "<h1>" in page_of(path)


def test_what_cannot_be_read_is_left_out(make_run):
    path = make_run("a", samples=[0, 10])
    for name in ("run.json", "summary.json", "metrics.jsonl", "source.yaml", "log.txt"):
        (path / name).write_bytes(b"\xff{<b>")
    (path / "samples/step_0000010.png").write_bytes(b"")
    (path / "eval").mkdir()
    (path / "eval/scores.json").write_text("[")
    made = page_of(path)
    assert "run.json cannot be read" in made
    assert "<b>" not in made
    assert "Samples at step 0" in made


def keep_best(path, steps, values) -> None:
    told = {"metric": "scores.kernel_distance", "steps": steps, "values": values}
    (path / "checkpoints").mkdir(exist_ok=True)
    save(path / "checkpoints" / BEST, max(steps), {"a": np.zeros(3)}, {"best": told})


def test_the_best_checkpoint_is_told_with_its_step_its_score_and_what_the_samples_are_of(make_run):
    path = make_run("a", samples=[0, 10, 20])
    assert "best checkpoint" not in page_of(path)
    keep_best(path, [1400], [0.0123])
    (path / "eval/best").mkdir(parents=True)
    (path / "eval/best/scores.json").write_text('{"run": "a", "step": 1400, "scores": {"recall": {"value": 0.7531}}}')
    made = page_of(path)
    for text in (
        "by scores.kernel_distance, kept beside the last: step 1,400 (0.0123)",
        "the best checkpoint is of step 1,400",
    ):
        assert text in made
    assert "0.7531" in made.split("measured by dessine eval --step best")[1]


def test_of_several_repeats_each_has_its_own_best(make_run):
    path = make_run("a", success=[[0.5, 0.7]], repeats=2, samples=[10])
    keep_best(path, [10, 0], [0.5, None])
    assert "of 2 repeats, each its own, kept beside the last: step 10 (0.5)." in page_of(path)
    keep_best(path, [10], [0.5])
    assert "best.npz is damaged (it does not say of which steps it is)" in page_of(path)
    (path / "checkpoints" / BEST).write_bytes(b"PK")
    assert "best.npz is damaged" in page_of(path)


def test_nothing_in_a_folder_becomes_html(make_run):
    evil = "<img src=x onerror=alert(1)>"
    path = make_run(
        "a",
        spec={"name": evil},
        reason=evil,
        command=evil,
        overrides=[evil],
        git={"commit": evil},
        versions={evil: evil},
        goals={"test_success": evil},
        resumes=[{evil: evil}],
    )
    (path / "log.txt").write_text(evil)
    (path / "summary.json").write_text(json.dumps({evil: {evil: evil}}))
    (path / "eval").mkdir()
    (path / "eval/scores.json").write_text(json.dumps({evil: {"mean": evil, "std": evil}, "x": [evil]}))
    assert "<img src=x" not in page_of(path)


def test_names_that_are_not_ours_are_no_pictures(make_run):
    path = make_run("a", samples=[0, 10])
    picture = (path / "samples/step_0000000.png").read_bytes()
    names = ['step_"><form action=x>.png', 'step_" onload="alert(3)" x=".png', "step_0000010 (1).png", "step_0000010.png.bak"]
    for part, name in [*(("samples", name) for name in names), ("plots", '"><form>.png'), ("eval", "a<form>.png")]:
        (path / part).mkdir(exist_ok=True)
        (path / part / name).write_bytes(picture)
    made = page_of(path)
    assert made.count("<img") == 2  # the two samples; the curve of the page is no picture
    assert "onload" not in made
    assert "<form" not in made


def test_what_a_link_leads_to_is_no_part_of_the_page(make_run, tmp_path):
    path = make_run("a", samples=[0, 10])
    (tmp_path / "out/step_0000020.png").parent.mkdir()
    (tmp_path / "out/step_0000020.png").write_bytes((path / "samples/step_0000010.png").read_bytes())
    (tmp_path / "out/scores.json").write_text('{"secret": 1}')
    (tmp_path / "secret").write_text("secret: 1\n")
    for name in ("source.yaml", "config.yaml", "log.txt", "summary.json", "metrics.jsonl"):
        (path / name).unlink(missing_ok=True)
        (path / name).symlink_to(tmp_path / "secret")
    (path / "samples/step_0000020.png").symlink_to(tmp_path / "out/step_0000020.png")
    (path / "plots").symlink_to(tmp_path / "out")
    (path / "eval").symlink_to(tmp_path / "out")
    made = page_of(path)
    assert "secret" not in made
    assert made.count("<img") == 2
    assert "summary.json is a link" in made


def test_damage_is_named_on_the_page(make_run):
    path = make_run("a")
    (path / "summary.json").write_text('{"diagnosis": {"verdict": []}}')
    with (path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 30, "loss": 5}\n')
    (path / "eval").mkdir()
    (path / "eval/scores.json").write_text('{"scores": 5}')
    made = page_of(path)
    for told in (
        "summary.json cannot be read: diagnosis.verdict: expects text",
        "metrics.jsonl:3: loss: expects a mapping, got 5",
        "scores.json cannot be read: scores: expects a mapping, got 5",
    ):
        assert told in made


def test_what_eval_has_measured_is_a_table(make_run):
    path = make_run("a")
    row = {
        "value": 0.5,
        "standard_error": 0.01,
        "n": 10_000,
        "better": "higher",
        "ceiling": 0.97,
        "floor": 0.0,
        "collapsed": 0.125,
    }
    told = {"step": 20, "scores": {"coverage": row}, "average": {"scores": {"coverage": row | {"value": 0.75}}}}
    told |= {"d_test": {"mean": 0.25, "std": 0.5, "count": 2000}, "confusion": [[1, 0], [0, 1]]}
    (path / "eval").mkdir()
    (path / "eval/scores.json").write_text(json.dumps(told))
    made = page_of(path)
    assert "The generator at step 20" in made
    assert "moving average of the generator at step 20" in made
    for text in ("coverage", "0.01", "higher", "0.97", "0.125", "10,000", "0.75", "D, of test examples", "2,000"):
        assert f">{text}</t" in made
    assert "[[1" not in made


def test_the_page_says_whose_weights_have_drawn(make_run):
    path = make_run("a")
    (path / "eval").mkdir()
    row = {"value": 0.5, "better": "higher"}
    told = {"drawn_by": "moving average 0.9", **{name: {"scores": {"coverage": row}} for name in ("average", "plain")}}
    (path / "eval/scores.json").write_text(json.dumps({"step": 20, "scores": {"coverage": row}, **told}))
    (path / "summary.json").write_text(json.dumps({"drawn_by": "moving average 0.9"}))
    made = page_of(path)
    assert "The moving average 0.9 of the generator at step 20" in made
    assert "The moving average of the generator" not in made
    assert "The plain weights of the generator at step 20" in made
    assert "Drawn by the moving average 0.9 of the generator" in made


def test_checkpoints_and_correlations_are_tables(make_run):
    path = make_run("a")
    steps = [{"step": n, "w_estimate": 1.5, "frechet": None} for n in (10, 20)]
    told = {"checkpoints": steps, "spearman": {"w_estimate": {"frechet": {"rho": 0.5, "interval": [None, None]}}}}
    (path / "eval").mkdir()
    (path / "eval/checkpoints.json").write_text(json.dumps(told))
    made = page_of(path)
    assert "Every checkpoint" in made
    assert "Rank correlation" in made


def test_networks_are_told_layer_by_layer(make_run):
    layers = [
        {"layer": "dense", "output": [300], "parameters": 235_500},
        {"layer": "dropout", "output": [300], "parameters": 0},
    ]
    nodes = [
        {"type": "dense", "units": 300, "init": {"type": "he"}, "activation": {"type": "relu"}},
        {"type": "dropout", "p": 0.5},
    ]
    path = make_run("a", networks={"network": layers}, spec={"game": {"network": {"layers": nodes}}})
    made = page_of(path)
    assert "network: 235,500 parameters" in made
    assert "units 300, activation relu" in made
    assert "p 0.5" in made


@pytest.mark.parametrize(
    ("networks", "data", "told"),
    [
        ({"network": [{"layer": "dense", "output": [4], "parameters": 12}]}, "xor", "what the network says of each place"),
        ({"network": [{"layer": "dense", "output": [300], "parameters": 235500}]}, "mnist", "one image for each neuron"),
        ({"generator": [{"layer": "dense", "output": [1], "parameters": 2}]}, "points", "both densities"),
        ({"generator": [{"layer": "dense", "output": [2], "parameters": 2}]}, "ring", "the grid of latents"),
        ({"generator": [{"layer": "conv2d", "output": [28, 28, 1], "parameters": 2}]}, "mnist", "the last row is real"),
        ({"generator": [{"layer": "dense", "output": [784], "parameters": 2}]}, "mnist", "the last row is real"),
        ({"generator": [{"layer": "conv2d", "output": [28, 28, 3], "parameters": 2}]}, "stacked_mnist", "three digits"),
    ],
    ids=str,
)
def test_the_page_says_how_to_read_what_is_drawn(make_run, networks, data, told):
    made = {"spec": {"data.type": data}, "networks": networks}
    assert told in page_of(make_run("drawn", samples=[10], **made)).lower()
    assert told not in page_of(make_run("empty", **made)).lower()

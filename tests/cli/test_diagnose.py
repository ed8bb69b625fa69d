"""`dessine diagnose` on small runs that were made to fail in each way, and on some that do well."""

from __future__ import annotations

import json
from functools import cache, partial
from itertools import product
from pathlib import Path

import pytest
from tiny_run import CONFIGS

from dessine.cli.diagnose import _lines
from dessine.cli.loading import load, open_run
from dessine.experiment import Experiment
from dessine.finishing import _accepts
from dessine.games import Adversarial
from dessine.scores.advice import MOST, advise
from dessine.scores.changes import Advice
from dessine.scores.diagnosis import Diagnosis
from dessine.scores.finding import VERDICTS
from dessine.scores.lines import Lines
from dessine.spec import BadSpec, check_document, read

RING = """\
name: small_ring
seed: 0
data: {type: ring, modes: 4, radius: 1.0, sigma: 0.2, points: 2000, test_points: 500}
game:
  type: adversarial
  latent: {size: 8}
  generator:
    layers:
      - {type: dense, units: 32, activation: relu, init: he}
      - {type: dense, units: 32, activation: relu, init: he}
      - {type: dense, units: 2}
    optimizer: {type: adam, eta: 2.0e-3, beta1: 0.5}
  discriminator:
    layers:
      - {type: dense, units: 32, activation: leaky_relu, init: he}
      - {type: dense, units: 32, activation: leaky_relu, init: he}
      - {type: dense, units: 1}
    optimizer: {type: adam, eta: 2.0e-3, beta1: 0.5}
training: {steps: 400, batch_size: 64}
outputs: {metrics: 20, samples: 0, checkpoint: 200, plots: false}
"""

FAILING = {
    "diverged": ["game.generator.optimizer.eta=3", "game.discriminator.optimizer.eta=3"],
    "dead": [
        "data.radius=20",  # real and generated examples lie far apart: the discriminator wins at once
        "game.loss=minimax",
        "game.generator.optimizer={type: gradient_descent, eta: 1e-5}",
        "game.discriminator.optimizer.eta=0.03",
    ],
    "collapsed": [f"game.generator.layers[{i}].init={{type: gaussian, std: 1e-4}}" for i in range(3)]
    + ["game.generator.optimizer={type: gradient_descent, eta: 1e-3}"],
}


@pytest.fixture
def small(dessine, tmp_path):
    """Train the small ring with overrides, and diagnose it: the folder, and the document that `--json` gives."""

    def run(*overrides: str):
        (tmp_path / "small.yaml").write_text(RING)
        trained = dessine("train", "small.yaml", *overrides, "--run-dir", "run")
        told = dessine("diagnose", "run", "--json")
        assert told.code == 0, told.err
        return trained, json.loads(told.out)

    return run


def test_a_healthy_game_is_healthy_whatever_its_seed(small, dessine):
    trained, told = small("repeats=4")
    assert told["repeats"] == ["healthy"] * 4
    assert "healthy: 4 of 4 repeats healthy" in trained.err
    assert (told["first_bad_step"], told["checkpoint"]) == (None, 400)
    assert not any(one["bad"] for one in told["evidence"])


@pytest.mark.parametrize("verdict", FAILING)
def test_what_was_made_to_fail_is_found_out(small, dessine, tmp_path, verdict):
    trained, told = small("repeats=2", "training.steps=200", *FAILING[verdict])
    assert told["repeats"] == [verdict] * 2
    assert told["evidence"][0]["bad"]
    assert told["advice"]
    assert told["first_bad_step"] <= 160
    assert f"{verdict} since step {told['first_bad_step']}: 2 of 2 repeats {verdict}" in trained.err
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["diagnosis"]["verdict"] == verdict
    plain = dessine("diagnose", "run")
    assert plain.code == 0
    assert plain.out.splitlines()[1].startswith(f"{verdict} since step {told['first_bad_step']}: ")
    change = next(one["override"] for one in told["advice"] if one["override"])
    assert change in plain.out
    assert dessine("train", "--from", "run", change, "--dry-run").code == 0


@pytest.mark.parametrize(
    "changes",
    [
        ["training.steps=200", "repeats=3"],
        ["training.steps=200", "game.generator.optimizer.eta=0.02", "game.discriminator.optimizer.eta=5e-5"],
        ["training.steps=120", "outputs.metrics=40", "outputs.keep=1"],  # three lines
        ["training.steps=200", "game.scored=0"],
        ["training.steps=200", "game.scored=20", "game.average=0.9"],
        [
            "training.steps=300",
            "training.stop={on: [collapsed, collapsing], patience: 1}",
            "game.discriminator.optimizer.eta=1e-6",
        ],
        ["data={type: line, points: 2000, test_points: 500}", "training.steps=200"],
        ["data={type: points, at: [0.0, 1.0]}", "training={steps: 150, batch_size: 2}", "outputs.metrics=10"],
    ],
)
def test_the_end_of_a_training_says_what_diagnose_says(small, tmp_path, changes):
    layer = ["game.generator.layers[2].units=1"] if "data=" in changes[0] else []
    trained, told = small(*layer, *changes)
    assert trained.code == 0, trained.err
    at_end = json.loads((tmp_path / "run" / "summary.json").read_text())["diagnosis"]
    assert {key: told[key] for key in at_end} == at_end
    assert not at_end["early"]
    assert f"{told['verdict']}" in trained.err


def test_to_look_at_samples_leaves_the_game_as_it_was(small, dessine, tmp_path):
    """A run that goes on after its end makes the steps of one that was never there."""
    small("training.steps=200", "outputs.checkpoint=100")
    assert dessine("train", "--resume", "run", "training.steps=300").code == 0
    assert dessine("train", "small.yaml", "training.steps=300", "outputs.checkpoint=100", "--run-dir", "whole").code == 0
    lines = [(tmp_path / run / "metrics.jsonl").read_text() for run in ("run", "whole")]
    assert lines[0] == lines[1]


def test_a_discriminator_that_cannot_follow_is_made_faster_first(small):
    _, told = small("training.steps=200", "game.generator.optimizer.eta=0.02", "game.discriminator.optimizer.eta=5e-5")
    assert told["verdict"] in ("collapsed", "diverged")
    first = told["advice"][0]
    assert first["override"] == "game.discriminator.optimizer.eta=0.001"
    assert "400 times slower than the generator" in first["why"]
    assert "instance_noise" not in str(told["advice"])


def test_numbers_that_stopped_being_finite_are_told_with_their_step(small):
    optimizer = "optimizer={type: gradient_descent, eta: 1e30}"
    trained, told = small(f"game.generator.{optimizer}", f"game.discriminator.{optimizer}", "training.steps=100")
    assert trained.code == 1
    assert told["verdict"] == "diverged"
    assert 0 < told["first_bad_step"] <= 100


def test_copies_of_training_points_are_memorised(dessine, tmp_path):
    (tmp_path / "small.yaml").write_text(RING)
    layers = ["game.generator.layers=[{type: dense, units: 1, activation: tanh}, {type: dense, units: 2}]", "game.scored=0"]
    assert (
        dessine(
            "train", "small.yaml", "data.points=2", "training.batch_size=2", *layers, "--run-dir", "run", "training.steps=20"
        ).code
        == 0
    )
    run, experiment, step = open_run("run", Path("runs"))
    game = experiment.game
    assert isinstance(game, Adversarial)
    first, second = game.generator.network.layers
    a, b = experiment.split.train.x
    first.w[...], second.w[...], second.b[...] = 1e6, (b - a) / 2, (a + b) / 2  # tanh(+-1e6) chooses one of the two
    run.save_checkpoint(step, game.state(), {"streams": game.streams.state()}, 2)
    told = json.loads(dessine("diagnose", "run", "--json").out)
    assert told["verdict"] == "memorising"
    assert told["evidence"][0]["value"] == pytest.approx(0, abs=1e-3)


def test_the_page_of_a_run_shows_the_verdict(small, dessine, tmp_path):
    small("training.steps=100", *FAILING["collapsed"])
    assert dessine("runs", "report", "run").code == 0
    page = (tmp_path / "run" / "report.html").read_text()
    assert '<strong class="bad">collapsed</strong>' in page
    assert "What to try" in page
    assert "median of the last 3 lines of metrics, 250 examples" in page


def test_a_classification_is_diagnosed_too(dessine):
    changes = ["repeats=2", "training={steps: 1000}", "outputs={plots: false, metrics: 100}"]
    changes += ["game.network.optimizer.eta=1e-12"]
    assert dessine("train", CONFIGS / "xor_2_4_1.yaml", *changes, "--run-dir", "still").code == 0
    told = json.loads(dessine("diagnose", "still", "--json").out)
    assert told["verdict"] == "dead"
    assert any("eta" in one["override"] for one in told["advice"])


def test_a_run_without_a_checkpoint_is_judged_by_its_records(small, dessine, tmp_path):
    small("training.steps=100", *FAILING["collapsed"])
    for path in (tmp_path / "run" / "checkpoints").iterdir():
        path.unlink()
    told = json.loads(dessine("diagnose", "run", "--json").out)
    assert (told["verdict"], told["checkpoint"]) == ("collapsed", None)


def test_after_a_few_steps_no_verdict_is_said(small, dessine):
    trained, told = small("training.steps=60", "outputs.metrics=2")
    assert trained.code == 0
    assert not any(word in trained.err for word in ("healthy", "collapsed", "unknown", "diagnose"))
    assert (told["verdict"], told["early"]) == ("unknown", True)
    assert "too early: a verdict needs 100 steps, this run has 60" in dessine("diagnose", "run").out


def test_a_solved_tour_command_is_healthy_in_every_repeat(dessine):
    changes = ["training.epochs=6", "repeats=5", "outputs.plots=false", "outputs.samples=0", "--run-dir", "xor"]
    trained = dessine("train", CONFIGS / "xor_2_4_1.yaml", *changes)
    assert "healthy: 5 of 5 repeats have learnt (test success from 0.8 on)" in trained.err


def test_a_generator_that_cannot_draw_the_data_is_named(small, dessine):
    _, told = small("game.generator.layers[2].activation=sigmoid", "training.steps=100")
    assert told["verdict"] == "stuck"
    assert "game.generator.layers[2]: the generator draws 0 to 1, but the points lie in" in told["words"]
    assert told["advice"][0]["override"] == "game.generator.layers[2].activation=linear"


def test_no_such_run_is_one_line(dessine):
    answer = dessine("diagnose", "nowhere")
    assert answer.code == 2
    assert len(answer.err.strip().splitlines()) == 1


LINES = {
    "level": [{"step": i, "loss": {"discriminator": 1.4}, "scores": {"high_quality": 0.1}} for i in range(1, 8)],
    "won": [{"step": i, "loss": {"discriminator": 0.0}, "scores": {"high_quality": 0.9}} for i in range(1, 8)],
    "small": [{"step": i, "distance": 1.0} for i in range(1, 8)],
}


@pytest.mark.parametrize("config", sorted(path.stem for path in CONFIGS.glob("*.yaml")))
def test_all_advice_can_be_pasted_behind_the_config_it_is_for(config):
    path = CONFIGS / f"{config}.yaml"
    here = ["data.source=sample"] if "mnist" in config else []
    here += ["data.images=600", "data.test_images=300"] * ("stacked" in config or "sheep" in config or "mouton" in config)
    here += ["data.points=1000", "data.test_points=500"] * (config.endswith(("grid", "line", "picture", "ring")))
    try:
        experiment, _, spec = load(path, here, False)
    except BadSpec as error:
        pytest.skip(str(error))  # data that must be fetched
    told, accepts = {}, cache(partial(_accepts, spec, experiment.split))
    for lines, verdict in product(LINES.values(), VERDICTS):
        advice = advise(verdict, spec, Lines(lines), accepts)
        assert len(advice) <= MOST
        etas = [one.override.partition("=")[0] for one in advice if ".eta" in one.override]
        assert len(set(etas)) == len(etas), advice
        told |= {one.override: one.why for one in advice}
    for override, why in told.items():
        assert why
        assert load(path, [*here, override], False)[2] != spec, override
    assert any("eta" in override for override in told)


def advised(*overrides: str, lines: str = "level", verdict: str = "collapsed", config: str = "gan_ring") -> list[str]:
    experiment, _, spec = load(CONFIGS / f"{config}.yaml", overrides, False)
    accepts = partial(_accepts, spec, experiment.split)
    return [one.override for one in advise(verdict, spec, Lines(LINES[lines]), accepts)]


CRITIC, GENERATOR = "game.discriminator.optimizer.eta", "game.generator.optimizer.eta"


def test_what_is_out_of_step_is_set_right_first():
    """As measured: of two players the one whose learning rate is far from a usual one must change, if the other can follow."""
    assert advised(f"{CRITIC}=5e-5", f"{GENERATOR}=1e-2")[:2] == [f"{CRITIC}=0.001", "game.n_critic=5"]
    assert advised(f"{GENERATOR}=0.05")[0] == f"{GENERATOR}=0.001"
    assert advised(f"{CRITIC}=0.05", f"{GENERATOR}=0.05", lines="won")[0] == f"{GENERATOR}=0.001"
    assert advised(f"{GENERATOR}=1e-5", f"{CRITIC}=5e-3", lines="won")[0] == f"{GENERATOR}=0.001"
    assert advised(f"{GENERATOR}=0.05", verdict="diverged")[0] == f"{GENERATOR}=0.001"


def test_steps_that_leap_over_the_clip_are_made_smaller():
    clipped = ["game.loss=wasserstein", "game.discriminator.constraint={type: clip, c: 0.01}"]
    for verdict in ("unknown", "collapsed"):
        assert advised(*clipped, verdict=verdict)[0] == f"{CRITIC}=0.0001"
    assert f"{CRITIC}=0.0001" not in advised(*clipped, f"{CRITIC}=2e-4", verdict="unknown")
    assert f"{CRITIC}=0.0001" not in advised(
        *clipped[:1], "game.discriminator.constraint={type: clip, c: 1}", verdict="unknown"
    )


@pytest.mark.parametrize(
    ("optimizer", "eta"),
    [
        ("{type: gradient_descent, eta: 20}", 0.1),
        ("{type: gradient_descent, eta: 0.003}", 0.1),
        ("{type: adam, eta: 1e-5}", 0.001),
    ],
)
def test_a_classifier_far_from_a_usual_learning_rate_gets_that_one(optimizer, eta):
    for verdict in ("dead", "stuck", "unknown"):
        found = advised(f"game.network.optimizer={optimizer}", verdict=verdict, config="region_square")
        assert found[0] == f"game.network.optimizer.eta={eta}"


def test_values_that_a_shell_would_take_apart_stand_in_quotes():
    told = Diagnosis("stuck", "x", advice=(Advice("game.update={type: optimistic}", "y"), Advice("game.pack=2", "z")))
    lines = _lines(told, "run", "", 1)
    assert "  'game.update={type: optimistic}'" in lines
    assert "  game.pack=2" in lines


@pytest.mark.parametrize("loss", ["non_saturating", "wasserstein"])
@pytest.mark.parametrize(
    ("layer", "other"),
    [
        ("minibatch_std", "game.pack=1"),
        ("minibatch_closeness", "game.unrolled.steps=2"),
        ("minibatch_discrimination", "game.pack=1"),
        ("{type: maxout, units: 4}", "game.pack=1"),
    ],
)
def test_no_advice_is_refused_by_the_layers_and_settings_there_are(loss, layer, other):
    path, small = CONFIGS / "gan_ring.yaml", ["data.points=300", "data.test_points=100", f"game.loss={loss}", other]
    base = [*small, f"game.discriminator.layers=[{{type: dense, units: 4}}, {layer}, {{type: dense, units: 1}}]"]
    resolved = check_document(read(path, base), Experiment).model_dump()
    lines = Lines([{"step": 1, "scores": {"high_quality": 0.1}}])
    overrides = {one.override for verdict in ("diverged", "collapsed") for one in advise(verdict, resolved, lines)} - {""}
    for override in overrides:
        check_document(read(path, [*base, override]), Experiment).node.build()

"""`dessine diagnose` on small runs that were made to fail in each way, and on some that do well."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tiny_run import CONFIGS

from dessine.cli.loading import open_run
from dessine.experiment import Experiment
from dessine.games import Adversarial
from dessine.scores.advice import advise
from dessine.scores.finding import VERDICTS
from dessine.scores.lines import Lines
from dessine.spec import check_document, read

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
    changes = ["repeats=2", "training={steps: 2000}", "outputs={plots: false, metrics: 200}"]
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


@pytest.mark.parametrize("loss", ["minimax", "non_saturating", "least_squares", "hinge", "wasserstein"])
@pytest.mark.parametrize("config", ["gan_ring", "gan_mnist_report", "wgan_mnist", "gan_mnist"])
def test_all_advice_is_accepted_by_the_config_it_is_for(config, loss):
    path = CONFIGS / f"{config}.yaml"
    base = [f"game.loss={loss}"] + ([] if loss in ("minimax", "non_saturating") else ["game.real_labels=[1, 1]"])
    resolved = check_document(read(path, base), Experiment).model_dump()
    lines = Lines([{"step": 1, "scores": {"high_quality": 0.1}}])
    for verdict in VERDICTS:
        for one in advise(verdict, resolved, lines):
            if one.override:
                check_document(read(path, [*base, one.override]), Experiment)


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

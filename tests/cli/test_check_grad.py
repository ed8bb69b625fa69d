"""`dessine check-grad`: no false alarm, and none missed."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_run import CONFIGS, few

from dessine.constraints import GradientPenalty
from dessine.games import Adversarial
from dessine.nn.batch_norm import BatchNorm
from dessine.nn.dense import Dense


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda p: p.stem)
def test_gradients_of_shipped_configs_are_right(dessine, path):
    answer = dessine("check-grad", path, *few(path))
    assert answer.code == 0, answer.out
    assert answer.out.splitlines()[-1].startswith("worst: ")


@pytest.mark.parametrize("seed", range(20))
def test_kinks_raise_no_alarm(dessine, config, seed):
    relu = ["game.discriminator.layers[0].units=400", "game.discriminator.layers[0].activation=relu"]
    answer = dessine("check-grad", config, *relu, f"seed={seed}")
    assert answer.code == 0, answer.out


@pytest.mark.parametrize(("layer", "name"), [(BatchNorm, "1.batch_norm"), (Dense, "0.dense")])
def test_wrong_gradient_is_found_and_its_layer_named(dessine, config, monkeypatch, layer, name):
    forward = layer.forward

    def wrong(self, x, mode):
        y, backward = forward(self, x, mode)
        part = self.dgamma if layer is BatchNorm else self.dw

        def off(dy, params=True, inputs=True):
            before = part.copy()
            dx = backward(dy, params=params, inputs=inputs)
            if self.path.endswith(f"generator/{name}"):
                part[...] = before + (part - before) * 1.001
            return dx

        return y, off

    monkeypatch.setattr(layer, "forward", wrong)
    answer = dessine("check-grad", config)
    assert answer.code == 1
    assert f"worst: generator, layer {name}" in answer.out


@pytest.mark.parametrize("layers", ["activation=leaky_relu", "activation=tanh"])
def test_a_penalty_whose_gradient_is_wrong_by_a_hundredth_is_found(dessine, config, monkeypatch, layers):
    options = ["game.moves=null", "game.discriminator.constraint=gradient_penalty", f"game.discriminator.layers[0].{layers}"]
    assert dessine("check-grad", config, *options).code == 0
    pull = GradientPenalty._pull
    monkeypatch.setattr(GradientPenalty, "_pull", lambda self, v: (1.01 * pull(self, v)[0], pull(self, v)[1]))
    answer = dessine("check-grad", config, *options)
    assert answer.code == 1
    assert "worst: discriminator" in answer.out


@pytest.mark.parametrize(
    "remedy",
    [
        "game.unrolled={steps: 2}",
        "game.feature_matching={layer: 0}",
        "game.instance_noise={sigma: 0.2}",
        "game.real_labels=[0.7, 1.0]",
        "game.pack=7",
    ],
)
def test_what_is_played_is_what_is_checked(dessine, config, monkeypatch, remedy):
    """Nothing is wrong as it stands, and a generator's gradient that is off by a thousandth is found beside any remedy."""
    assert dessine("check-grad", config, remedy).code == 0
    look_at = Adversarial.generator_look

    def wrong(self, batch=None):
        look = look_at(self, batch)
        look.errors = [(backward, 1.001 * dy) for backward, dy in look.errors]
        return look

    monkeypatch.setattr(Adversarial, "generator_look", wrong)
    assert dessine("check-grad", config, remedy).code == 1


def test_numbers_that_are_not_finite_are_no_success(dessine, config, monkeypatch):
    forward = Dense.forward

    def broken(self, x, mode):
        y, backward = forward(self, x, mode)
        return y * np.nan, backward

    monkeypatch.setattr(Dense, "forward", broken)
    assert dessine("check-grad", config).code == 1

"""`dessine check-grad`: no false alarm, and none missed."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_run import CONFIGS, few

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


def test_numbers_that_are_not_finite_are_no_success(dessine, config, monkeypatch):
    forward = Dense.forward

    def broken(self, x, mode):
        y, backward = forward(self, x, mode)
        return y * np.nan, backward

    monkeypatch.setattr(Dense, "forward", broken)
    assert dessine("check-grad", config).code == 1

"""Layers that are told classes, and three whole turns of conditional games, in float64, agree with PyTorch's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dessine.data import Examples, Split
from dessine.games import Adversarial, Player
from dessine.nn import Mode, Network
from dessine.streams import Streams

TORCH = np.load(Path(__file__).parents[1] / "fixtures" / "torch_conditional.npz")
ADAM = {"type": "adam", "eta": 0.01, "beta1": 0.5}
TOLD = {"classes": 3}
LAYERS: dict[str, dict[str, Any]] = {
    "condition": {},
    "condition_image": {"type": "condition"},
    "embedding": {},
    "embedding_image": {"type": "embedding"},
    "embedding_beside": {"type": "embedding", "how": "concatenate", "size": 2},
    "projection": {},
    "projection_image": {"type": "projection"},
    "conditional_batch_norm": {},
    "conditional_batch_norm_image": {"type": "conditional_batch_norm"},
}
CODE = {"type": "code", "categorical": [3, 2], "continuous": 1, "weight": 0.7, "continuous_weight": 0.2}
R1_R2 = {"type": "r1_r2", "gamma": 0.7}
GAMES: dict[str, dict[str, Any]] = {
    "projection": {},
    "projection_hinge": {"loss": "hinge"},
    "projection_penalty": {"constraint": R1_R2},
    "projection_relativistic": {"loss": "relativistic", "constraint": R1_R2},
    "classifier": {"auxiliary": {"type": "classifier", "weight": 0.7}},
    "classifier_penalty": {"auxiliary": {"type": "classifier", "weight": 0.7}, "loss": "relativistic", "constraint": R1_R2},
    "code": {"auxiliary": CODE},
}


def of(case: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(f"{case}/"): TORCH[name] for name in TORCH.files if name.startswith(f"{case}/")}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_that_of_pytorch(name: str) -> None:
    t = of(name)
    network = Network([{"type": name} | TOLD | LAYERS[name]], t["x"].shape[1:], Streams(0), np.float64)
    network.theta[0] = t["theta"]
    y, backward = network.forward(t["x"][None], Mode(network.streams, labels=t["c"][None]))
    dx = backward(t["dy"][None])
    assert dx is not None
    still, _ = network.forward(t["x"][None], Mode(network.streams, train=False, labels=t["c"][None]))
    found = {"y": y, "dx": dx, "grad": network.grad, "still": still}
    for what, value in found.items():
        np.testing.assert_allclose(value[0], t[what], rtol=1e-10, atol=1e-12, err_msg=what)


class Scripted:
    """Stands for what draws: gives what PyTorch was given, in the same order."""

    def __init__(self, *arrays: list[np.ndarray]):
        self.arrays = [list(one) for one in arrays]

    def draw(self, *_: Any) -> np.ndarray:
        return self.arrays[0].pop(0)[None]

    def next(self, *_: Any) -> tuple[np.ndarray, ...]:
        return tuple(one.pop(0)[None] for one in self.arrays)


def case(key: str, constraint: Any = None, **options: Any) -> tuple[Adversarial, dict[str, np.ndarray]]:
    t, task = of(key), options.get("auxiliary", {}).get("type", "")
    told: list[Any] = [] if task == "code" else ["embedding", "condition"]
    normalised: list[Any] = [] if task == "code" else ["conditional_batch_norm"]
    g = [
        *told,
        {"type": "dense", "units": 5, "bias": task == "code"},  # before a normalisation its gradient is rounding
        *normalised,
        {"type": "activation", "function": "tanh"},
        {"type": "dense", "units": 4, "activation": "tanh"},
    ]
    end = {"": "projection", "classifier": {"type": "dense", "units": 4}, "code": {"type": "dense", "units": 7}}[task]
    players = Player(g, ADAM), Player([{"type": "dense", "units": 6, "activation": "tanh"}, end], ADAM, constraint)  # type: ignore[list-item]
    game = Adversarial(*players, latent={"size": 3}, **options)
    examples = Examples(t["real"].reshape(-1, 4), t["c_real"].reshape(-1))
    game.build(Split(examples, examples), 8, Streams(0), np.float64)
    game.batches = Scripted(t["real"].reshape(-1, 8, 4), t["c_real"].reshape(-1, 8))  # type: ignore[assignment,arg-type]
    latents = t["z"].reshape(-1, 8, 3)
    if task == "code":
        latents = np.concatenate([latents, t["code"].reshape(-1, 8, 6)], -1)
    vars(game.latent)["draw"] = Scripted(list(latents)).draw
    if game.kinds is not None and not game.matched:
        vars(game.kinds)["draw"] = Scripted(list(t["asked"].reshape(-1, 8))).draw
    for name, player in (("g", game.generator), ("d", game.discriminator)):
        player.network.theta[0] = t[f"{name}0"]
    return game, t


@pytest.mark.parametrize("key", GAMES)
def test_turns_are_those_of_pytorch(key: str) -> None:
    game, t = case(key, **GAMES[key])
    for i in (1, 2, 3):
        seen = game.turn(measure=True)
        losses = [seen["loss"][name][0] for name in ("discriminator", "generator")]
        np.testing.assert_allclose(losses, t[f"losses{i}"], rtol=1e-9)
        for name, player in (("g", game.generator), ("d", game.discriminator)):
            np.testing.assert_allclose(player.network.theta[0], t[f"{name}{i}"], 1e-9, 1e-11, err_msg=f"{name}, turn {i}")
        for side, cost in seen.get("asked", {}).items():
            np.testing.assert_allclose(cost[0], t[f"asked{i}"][["real", "generated", "own"].index(side)], rtol=1e-9)
    assert ("asked" in seen) == bool(game.auxiliary)

"""Three whole turns of each variant of the game, in float64, agree with PyTorch's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dessine.data import Examples, Split
from dessine.games import Adversarial, Player
from dessine.streams import Streams

TORCH = np.load(Path(__file__).parents[1] / "fixtures" / "torch_games.npz")
ADAM = {"type": "adam", "eta": 0.01, "beta1": 0.5}
RMSPROP = {"type": "rmsprop", "eta": 0.002}


class Scripted:
    """Stands for what draws: gives what PyTorch was given, in the same order."""

    def __init__(self, arrays: list[np.ndarray]):
        self.arrays = arrays

    def draw(self, *_: Any) -> np.ndarray:
        return self.arrays.pop(0)[None]

    uniform = draw

    def next(self, *_: Any) -> tuple[np.ndarray, None]:
        return self.arrays.pop(0)[None], None


CASES: dict[str, dict[str, Any]] = {
    "least_squares": {"loss": "least_squares"},
    "hinge": {"loss": "hinge"},
    "wasserstein_clip": {
        "loss": "wasserstein",
        "n_critic": 2,
        "optimizer": RMSPROP,
        "constraint": {"type": "clip", "c": 0.1},
    },
    "wasserstein_penalty": {"loss": "wasserstein", "n_critic": 2, "constraint": "gradient_penalty"},
    "feature_matching": {"feature_matching": {"layer": 0}},
    "pack": {"pack": 2},
    "unrolled": {"unrolled": {"steps": 3, "eta": 0.1}},
    "unrolled_least_squares": {"loss": "least_squares", "unrolled": {"steps": 3, "eta": 0.1}},
    "average": {"average": 0.9},
    "relativistic": {"loss": "relativistic", "n_critic": 2},
    "relativistic_pack": {"loss": "relativistic", "pack": 2},
    "relativistic_unrolled": {"loss": "relativistic", "unrolled": {"steps": 3, "eta": 0.1}},
    "r3gan": {"loss": "relativistic", "constraint": {"type": "r1_r2", "gamma": 0.7}},
}


def case(key: str, optimizer: Any = ADAM, constraint: Any = None, **options: Any) -> tuple[Adversarial, dict[str, np.ndarray]]:
    t = {name.removeprefix(f"{key}/"): TORCH[name] for name in TORCH.files if name.startswith(f"{key}/")}
    g = [{"type": "dense", "units": 5, "activation": "tanh"}, {"type": "dense", "units": 4, "activation": "tanh"}]
    d = [{"type": "dense", "units": 6, "activation": "tanh"}, {"type": "dense", "units": 1}]
    players = Player(g, optimizer), Player(d, optimizer, constraint)  # type: ignore[arg-type]
    game = Adversarial(*players, latent={"size": 3}, **options)
    examples = Examples(t["real"].reshape(-1, 4), None)
    game.build(Split(examples, examples), 8, Streams(0), np.float64)
    game.latent = Scripted([z for turn in t["z"] for z in turn])  # type: ignore[assignment]
    game.batches = Scripted([x for turn in t["real"] for x in turn])  # type: ignore[assignment]
    if "e" in t:
        game.streams._streams["penalty"] = Scripted([e for turn in t["e"] for e in turn])  # type: ignore[assignment]
    for name, player in (("g", game.generator), ("d", game.discriminator)):
        player.network.theta[0] = t[f"{name}0"]
        if player.constraint is not None:
            player.constraint.attach(player.network)
    if game.average is not None:
        game.average.theta[0] = t["g0"]
    return game, t


@pytest.mark.parametrize("key", CASES)
def test_turns_are_those_of_pytorch(key: str) -> None:
    game, t = case(key, **CASES[key])
    rtol = 1e-9
    for i in (1, 2, 3):
        losses = game.turn()["loss"]
        np.testing.assert_allclose([losses["discriminator"][0], losses["generator"][0]], t[f"losses{i}"], rtol=rtol)
        for name, player in (("g", game.generator), ("d", game.discriminator)):
            np.testing.assert_allclose(player.network.theta[0], t[f"{name}{i}"], rtol, 1e-2 * rtol, err_msg=f"{name}, turn {i}")
        if game.average is not None:
            np.testing.assert_allclose(game.average.theta[0], t[f"average{i}"], rtol=1e-10)
    for script in (game.latent, game.batches):
        assert not script.arrays  # type: ignore[attr-defined]

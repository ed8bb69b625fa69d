"""Three whole turns of a small GAN, in float64 with Adam, agree with PyTorch's to the last digits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dessine.data import Examples, Split
from dessine.games import Adversarial, Player
from dessine.streams import Streams

TORCH = np.load(Path(__file__).parents[1] / "fixtures" / "torch_gan.npz")
ADAM = {"type": "adam", "eta": 0.01, "beta1": 0.5}


class Scripted:
    """Stands for what draws: gives what PyTorch was given, in the same order."""

    def __init__(self, arrays: list[np.ndarray]):
        self.arrays = arrays

    def draw(self, *_: Any) -> np.ndarray:
        return self.arrays.pop(0)[None]

    def next(self, *_: Any) -> tuple[np.ndarray, None]:
        return self.arrays.pop(0)[None], None


def layers(units: int, activation: Any, last: dict[str, Any], normalised: bool) -> list[Any]:
    middle = ["batch_norm"] if normalised else []
    return [
        {"type": "dense", "units": units, "bias": not normalised},
        *middle,
        {"type": "activation", "function": activation},
        last,
    ]


@pytest.mark.parametrize("key", ["plain", "normalised"])
def test_turns_are_those_of_pytorch(key: str) -> None:
    t = {name.removeprefix(f"{key}_"): TORCH[name] for name in TORCH.files if name.startswith(key)}
    normalised = key == "normalised"
    g = layers(5, "relu", {"type": "dense", "units": 4, "activation": "tanh"}, normalised)
    d = layers(6, "leaky_relu", {"type": "dense", "units": 1}, normalised)
    game = Adversarial(Player(g, ADAM), Player(d, ADAM), latent={"size": 3}, real_labels=[0.9, 0.9])
    examples = Examples(t["real"].reshape(-1, 4), None)
    game.build(Split(examples, examples), 8, Streams(0), np.float64)
    game.latent = Scripted([z for turn in t["z"] for z in turn])  # type: ignore[assignment]
    game.batches = Scripted(list(t["real"]))  # type: ignore[assignment]
    players = {"g": game.generator.network, "d": game.discriminator.network}
    for name, network in players.items():
        network.theta[0] = t[f"{name}0"]
    for i in (1, 2, 3):
        losses = game.turn()["loss"]
        np.testing.assert_allclose([losses["discriminator"][0], losses["generator"][0]], t[f"losses{i}"], rtol=1e-10)
        for name, network in players.items():
            np.testing.assert_allclose(network.theta[0], t[f"{name}{i}"], rtol=1e-8, atol=1e-10, err_msg=f"{name}, turn {i}")
            np.testing.assert_allclose(
                network.buffers[0], t[f"{name}b{i}"], rtol=1e-10, atol=1e-12, err_msg=f"{name}, turn {i}"
            )
    assert not game.latent.arrays  # type: ignore[attr-defined]

"""Second derivatives through layers that compare or normalise, against PyTorch's double backward."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dessine.games.remedies import Unrolled
from dessine.losses import NonSaturating
from dessine.nn import Mode, Network
from dessine.nn.tangent import along
from dessine.streams import Streams

Array = np.ndarray
STORED = np.load(Path(__file__).parent.parent / "fixtures" / "torch_second.npz")
LAYERS: dict[str, Any] = {
    "closeness": "minibatch_closeness",
    "nearest": {"type": "minibatch_closeness", "neighbours": 2, "scale": 0.7},
    "std": "minibatch_std",
    "batch_norm": "batch_norm",
    "layer_norm": "layer_norm",
    "softmax": {"type": "activation", "function": "softmax"},
    "softplus": {"type": "activation", "function": "softplus"},
    "group_norm": {"type": "group_norm", "groups": 3},
    "swish": {"type": "activation", "function": "swish"},
    "gelu": {"type": "activation", "function": "gelu"},
    "residual": {
        "type": "residual",
        "layers": [
            {"type": "dense", "units": 5, "activation": "swish"},
            {"type": "group_norm", "groups": 1},
            {"type": "dense", "units": 6},
        ],
    },
    "projected": {
        "type": "residual",
        "layers": [{"type": "dense", "units": 4, "activation": "tanh"}, {"type": "dense", "units": 7}],
    },
}
CASES = pytest.mark.parametrize("name", LAYERS)
PRECISIONS = pytest.mark.parametrize(("dtype", "near"), [(np.float64, 1e-12), (np.float32, 1e-5)], ids=["double", "single"])


def stored(name: str, dtype: Any) -> tuple[Network, dict[str, Array]]:
    """The critic, and what PyTorch was given and found."""
    kept = {key: STORED[f"{name}.{key}"] for key in ("theta", "v", "real", "generated", "value", "dx", "hv")}
    nodes = [{"type": "dense", "units": 6, "activation": "leaky_relu"}, LAYERS[name]]
    nodes += [{"type": "dense", "units": 4, "activation": "tanh"}, {"type": "dense", "units": 1}]
    network = Network(nodes, 3, Streams(0), dtype)
    network.theta[0] = kept["theta"]
    return network, kept


def apart(found: Array, expected: Array) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


@CASES
@PRECISIONS
def test_gradients_through_unrolled_steps(name: str, dtype: Any, near: float) -> None:
    network, kept = stored(name, dtype)
    real, generated = (kept[side].astype(dtype)[None] for side in ("real", "generated"))
    labels = np.ones((1, 12, 1), dtype), np.zeros((1, 12, 1), dtype)
    mode = Mode(network.streams, record=False)
    value, dx = Unrolled(3, 0.2).error(network, NonSaturating(), real, generated, labels, (mode, mode))
    assert apart(value, kept["value"]) < near
    assert apart(dx[0], kept["dx"]) < near


@CASES
@PRECISIONS
def test_the_hessian_times_a_vector_of_which_rotation_is_made(name: str, dtype: Any, near: float) -> None:
    network, kept = stored(name, dtype)
    loss, mode = NonSaturating(), Mode(network.streams, record=False)
    for side, label in (("real", 1.0), ("generated", 0.0)):
        x = kept[side].astype(dtype)[None]
        y, s, back = along(network, x, np.zeros_like(x), mode, kept["v"].astype(dtype)[None])
        back(loss.curvature(y) * s, loss.critic(y, np.full_like(y, label))[1])
    assert apart(network.grad[0], kept["hv"]) < near

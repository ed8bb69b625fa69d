"""Every registered layer and activation, in the forms that must pass the tests of this folder."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dessine.nn import Mode, Network
from dessine.streams import Streams

Array = np.ndarray
R, B = 2, 5
IMAGE = (2, 3, 4)

# Options, for every activation; the same for `dense` and for `activation`.
ACTIVATIONS: dict[str, list[dict[str, Any]]] = {
    "linear": [{}, {"slope": -0.7}],
    "sigmoid": [{}, {"mu": 0.1}, {"mu": 3.0}],
    "centred_sigmoid": [{}, {"mu": 2.5}],
    "tanh": [{}, {"k": 1.7, "alpha": 0.6}],
    "relu": [{}],
    "leaky_relu": [{}, {"alpha": 0.0}, {"alpha": 1.0}],
    "softplus": [{}],
    "swish": [{}, {"beta": 1.7}],
    "gelu": [{}, {"form": "tanh"}],
    "softmax": [{}],
    "heaviside": [{}],
}

# The shape of one input, and the options.
LAYERS: dict[str, list[tuple[tuple[int, ...], dict[str, Any]]]] = {
    "dense": [
        ((3,), {"units": 4}),
        ((3,), {"units": 4, "bias": False, "activation": "tanh"}),
        ((1,), {"units": 1, "activation": "sigmoid"}),
        (IMAGE, {"units": 3, "activation": "softmax"}),
        ((70,), {"units": 65}),  # large enough for the products of one example to take another path
    ],
    "activation": [((3,), {"function": "tanh"}), (IMAGE, {"function": {"type": "leaky_relu", "alpha": 0.3}})],
    "batch_norm": [((3,), {}), (IMAGE, {}), ((3,), {"momentum": 0.3, "epsilon": 0.1})],
    "dropout": [((6,), {}), (IMAGE, {"p": 0.3}), ((3,), {"p": 0.0})],
    "noise": [
        ((3,), {}),
        ((3,), {"size": 2, "distribution": "uniform"}),
        ((3,), {"how": "add", "scale": 0.5}),
        (IMAGE, {"how": "add", "distribution": "uniform"}),
        ((3,), {"how": "multiply", "scale": 2.0}),
        (IMAGE, {"how": "multiply", "distribution": "uniform"}),
    ],
    "conv2d": [
        ((5, 4, 2), {"channels": 3}),
        ((5, 6, 2), {"channels": 2, "kernel": 4, "stride": 2, "padding": 1, "activation": "tanh"}),
        ((4, 5, 1), {"channels": 2, "kernel": [3, 2], "stride": [1, 3], "padding": [0, 1], "bias": False}),
        ((5, 7, 2), {"channels": 1, "kernel": 4, "stride": 3, "padding": "same"}),
        ((3, 3, 2), {"channels": 2, "kernel": 1, "stride": 3}),
        ((2, 3, 2), {"channels": 4, "kernel": [2, 3]}),
        ((28, 28, 1), {"channels": 6, "kernel": 5, "padding": 2}),  # large enough for the rows to be worked through in pieces
    ],
    "conv2d_transpose": [
        ((2, 3, 2), {"channels": 3}),
        ((3, 2, 2), {"channels": 2, "kernel": 3, "stride": 2, "padding": 1, "output_padding": 1, "activation": "tanh"}),
        ((2, 2, 1), {"channels": 2, "kernel": [3, 5], "stride": [1, 3], "padding": [0, 1], "output_padding": [0, 2]}),
        ((2, 3, 3), {"channels": 1, "kernel": 4, "stride": 3, "padding": "same", "bias": False}),
        ((3, 2, 1), {"channels": 2, "kernel": 1, "stride": 2, "padding": 0}),
        ((3, 4, 2), {"channels": 2, "kernel": 3, "stride": 1, "padding": 1}),
        ((7, 7, 16), {"channels": 8}),  # large
    ],
    "max_pool": [
        ((4, 4, 2), {}),
        ((5, 4, 1), {"size": 3, "stride": 1, "padding": 1}),
        ((5, 5, 2), {"size": [2, 3], "stride": [3, 1]}),
    ],
    "average_pool": [
        ((4, 4, 2), {}),
        ((5, 4, 1), {"size": 3, "stride": 1, "padding": 1}),
        ((5, 5, 2), {"size": [2, 3], "stride": [3, 1]}),
    ],
    "zero_pad": [(IMAGE, {}), (IMAGE, {"padding": [0, 2]}), (IMAGE, {"padding": 0})],
    "upsample": [
        (IMAGE, {}),
        (IMAGE, {"factor": [3, 1]}),
        (IMAGE, {"mode": "bilinear"}),
        ((1, 4, 2), {"factor": [2, 3], "mode": "bilinear"}),
    ],
    "downsample": [
        ((4, 6, 2), {}),
        ((4, 6, 2), {"mode": "bilinear"}),
        ((2, 9, 1), {"factor": [1, 3], "mode": "bilinear"}),
    ],
    "constant": [((3,), {}), (IMAGE, {"shape": [4, 2, 3], "init": "zeros"})],
    "maxout": [((3,), {"units": 4}), (IMAGE, {"units": 2, "pieces": 5}), ((3,), {"units": 2, "pieces": 1})],
    "layer_norm": [((4,), {}), (IMAGE, {}), ((3,), {"epsilon": 0.1})],
    "group_norm": [((4,), {"groups": 2}), (IMAGE, {"groups": 2}), (IMAGE, {"groups": 1, "epsilon": 0.1})],
    "minibatch_discrimination": [((3,), {}), ((4,), {"kernels": 3, "dims": 2})],
    "minibatch_closeness": [((3,), {}), ((4,), {"neighbours": 2, "scale": 2.5})],
    "minibatch_std": [((3,), {}), (IMAGE, {}), ((3,), {"group": 2})],
    "residual": [
        ((3,), {"layers": [{"type": "dense", "units": 4, "activation": "tanh"}, {"type": "dense", "units": 3}]}),
        ((3,), {"layers": [{"type": "dense", "units": 4, "activation": "swish"}, "batch_norm", {"type": "dropout", "p": 0.3}]}),
        (IMAGE, {"layers": ["layer_norm", {"type": "conv2d", "channels": 3, "kernel": 2, "padding": "same"}]}),
        ((3, 4, 2), {"layers": [{"type": "conv2d", "channels": 2, "stride": 2, "padding": 1}], "shortcut": "linear"}),
        ((2, 2, 2), {"layers": ["upsample", {"type": "noise", "how": "multiply"}], "shortcut": [{"type": "upsample"}]}),
        (
            (3,),
            {
                "layers": [
                    {"type": "residual", "layers": [{"type": "dense", "units": 2, "activation": "gelu"}]},
                    {"type": "activation", "function": "softplus"},
                    {"type": "dense", "units": 4, "bias": False},
                ],
                "shortcut": [{"type": "dense", "units": 4, "activation": "sigmoid"}],
            },
        ),
        ((3,), {"layers": [{"type": "embedding", "classes": 3}, "batch_norm"]}),
    ],
    "condition": [((3,), {"classes": 3}), (IMAGE, {"classes": 3})],
    "embedding": [
        ((3,), {"classes": 3}),
        (IMAGE, {"classes": 3, "init": "xavier"}),
        ((3,), {"classes": 3, "how": "concatenate"}),
        (IMAGE, {"classes": 3, "how": "concatenate", "size": 2}),
    ],
    "projection": [((4,), {"classes": 3}), (IMAGE, {"classes": 3})],
    "conditional_batch_norm": [((3,), {"classes": 3}), (IMAGE, {"classes": 3, "epsilon": 0.1})],
    "flatten": [(IMAGE, {}), ((3,), {})],
    "reshape": [((24,), {"shape": list(IMAGE)}), (IMAGE, {"shape": [6, 4]})],
}

LAYER_CASES = [
    pytest.param({"type": name, **o}, shape, id=f"{name}-{shape}-{o}") for name in LAYERS for shape, o in LAYERS[name]
]
ACTIVATION_CASES = [pytest.param({"type": name, **o}, id=f"{name}-{o}") for name in ACTIVATIONS for o in ACTIVATIONS[name]]
TRAINABLE_CASES = [case for case in ACTIVATION_CASES if case.values[0]["type"] != "heaviside"]  # type: ignore[index]


class Told(Network):
    """A network of which every pass has labels, for the layers that ask for them: those of `labels`, if it is given none."""

    def forward(self, x: Array, mode: Mode | None = None, upto: int | None = None) -> tuple[Array, Any]:
        mode = mode or Mode(self.streams)
        return super().forward(x, mode if mode.labels is not None else mode.told(labels(x)), upto)


def labels(x: Array) -> Array:
    """(R, B), 0 to 2 in turn, the same in each replicate."""
    return np.broadcast_to(np.arange(x.shape[1]) % 3, x.shape[:2])


def alone(node: Any, shape: tuple[int, ...], dtype: Any = np.float64, replicates: int = R, seed: int = 3) -> Network:
    """A network of one layer, whose parameters and running statistics are as good as any others."""
    network = Told([node], shape, Streams(seed, replicates), dtype)
    streams = Streams(seed + 100, replicates)
    network.theta[...] = streams["theta"].gaussian(network.theta.shape[1:], dtype)
    network.buffers[...] = streams["buffers"].uniform(network.buffers.shape[1:], dtype, 0.5, 2.0)
    return network


def inputs(shape: tuple[int, ...], dtype: Any = np.float64, batch: int = B, replicates: int = R, seed: int = 3) -> Array:
    """(R, B, *shape), read-only."""
    x = Streams(seed, replicates)["inputs"].gaussian((batch, *shape), dtype)
    x.flags.writeable = False
    return x


class Repeated:
    """Forward passes that all draw the same dropout and the same noise, and leave running statistics alone."""

    def __init__(self, network: Network, train: bool):
        self.network, self.train = network, train
        self.state = network.streams.state()

    def __call__(self, x: Array) -> tuple[Array, Any]:
        self.network.streams.restore(self.state)
        return self.network.forward(x, Mode(self.network.streams, train=self.train, record=False))

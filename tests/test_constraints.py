"""Constraints: what each does to a network, that its gradients are right, and that it can be stopped and resumed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dessine.constraints import Clip, Constraint, Rescale, weights
from dessine.nn import Mode, Network
from dessine.nn.network import outline
from dessine.registry import SpecError
from dessine.streams import Streams

Array = np.ndarray
FIXTURE = dict(np.load(Path(__file__).parent / "fixtures" / "torch_constraints.npz", allow_pickle=False))
LAYERS: list[Any] = [
    {"type": "dense", "units": 5, "activation": "leaky_relu"},
    {"type": "activation", "function": "tanh"},
    {"type": "dense", "units": 1},
]
CONVOLUTIONS: list[Any] = [
    {"type": "conv2d", "channels": 3, "kernel": 3, "activation": "leaky_relu"},
    "batch_norm",
    {"type": "dense", "units": 1},
]


def network(layers: list[Any] | None = None, dtype: Any = np.float64, replicates: int = 2, shape: Any = 4) -> Network:
    """Random parameters everywhere, biases too."""
    made = Network(layers or LAYERS, shape, Streams(0, replicates), dtype, "critic")
    made.theta[...] = Streams(1, replicates)["theta"].gaussian(made.theta.shape[1:], dtype)
    return made


def test_a_constraint_holds_nothing_by_itself() -> None:
    net, held = network(), Constraint()
    net.grad[...] = 3
    before = net.theta.copy()
    held.attach(net)
    held.pull_back_(net)
    held.apply_(net)
    held.restore(held.state())
    assert held.moved(net) is net.theta
    np.testing.assert_array_equal(net.theta, before)
    assert (net.grad == 3).all()
    assert held.measure(net) == {}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clip_moves_every_weight_and_bias_onto_the_bounds_in_place(dtype: type) -> None:
    net = network([{"type": "dense", "units": 1}], dtype)
    net.theta[...] = [[-1, -0.25, 0.1, 0.2, 0.3], [0.25, 0.3, 7, -0.1, -8]]
    Clip(0.25).apply_(net)
    expected = np.array([[-0.25, -0.25, 0.1, 0.2, 0.25], [0.25, 0.25, 0.25, -0.1, -0.25]], dtype)
    np.testing.assert_array_equal(net.theta, expected)
    assert net.parameters()["0.dense.b"].ravel().tolist() == [0.25, -0.25]


@pytest.mark.parametrize("kind", [Clip, Rescale])
def test_the_first_critic_is_in_the_set(kind: Any) -> None:
    net = network()
    kind(0.01).attach(net)
    assert np.abs(net.parameters()["0.dense.w"]).max() == 0.01


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clipped_is_the_share_on_the_bounds_of_each_replicate(dtype: type) -> None:
    net, clip = network([{"type": "dense", "units": 1}], dtype), Clip(0.1)
    net.theta[...] = [[-1, -0.1, 0.05, 0.0, 3], [0.01, 0, 0, 0, 0]]
    clip.apply_(net)
    assert clip.measure(net)["clipped"].tolist() == [0.6, 0.0]


def test_rescale_keeps_the_direction_of_each_layer_and_leaves_biases_alone() -> None:
    net, plain = network(), network()
    net.parameters()["2.dense.w"][1] *= 1e-3  # a layer of one replicate is in the set already
    plain.theta[...] = net.theta
    Rescale(0.05).apply_(net)
    for name, w in net.parameters().items():
        before = plain.parameters()[name]
        for r in range(2):
            largest = np.abs(before[r]).max()
            factor = 0.05 / largest if name.endswith(".w") and largest > 0.05 else 1.0
            np.testing.assert_allclose(w[r], before[r] * factor, rtol=1e-15)


def test_a_spec_names_the_constraint() -> None:
    assert Constraint.of("clip").c == 0.01
    assert Constraint.of({"type": "clip", "c": 0.5}).c == 0.5
    with pytest.raises(SpecError, match="a number above 0"):
        Constraint.of({"type": "clip", "c": 0.0})
    with pytest.raises(SpecError, match="clip"):
        Constraint.of("clamp")


# Spectral normalisation


def held(net: Network, **options: Any) -> Any:
    made = Constraint.of({"type": "spectral_norm", **options})
    made.attach(net)
    return made


def step(net: Network, constraint: Any, eta: float = 0.3, seed: int = 5) -> None:
    """One step of descent on a quadratic error with a target of its own."""
    x = Streams(seed, len(net.theta))["x"].gaussian((8, *net.input_shape), net.dtype)
    y, backward = net.forward(x)
    backward((y - 3) / 8, inputs=False)
    constraint.pull_back_(net)
    constraint.moved(net)[...] -= eta * net.grad
    net.grad.fill(0)
    constraint.apply_(net)


def test_spectral_norm_follows_pytorch() -> None:
    stored = {k.removeprefix("spectral_"): v for k, v in FIXTURE.items() if k.startswith("spectral_")}
    net = Network([{"type": "dense", "units": 6, "activation": "tanh"}, {"type": "dense", "units": 3}], 4, dtype=np.float64)
    constraint = held(net)
    names, state = ["0.dense.w", "1.dense.w"], constraint.state()
    state["raw"] = stored["raw0"][None]
    parts = np.split(stored["vectors0"], [4, 10, 16])  # u and v of each layer
    state |= {f"{side}.{name}": parts[2 * i + j][None, :, None] for i, name in enumerate(names) for j, side in enumerate("uv")}
    constraint.restore(state)
    for i in range(5):
        constraint.apply_(net)  # PyTorch iterates before each pass
        y, backward = net.forward(stored["x"][i][None])
        np.testing.assert_allclose(y[0], stored[f"y{i}"], rtol=1e-10)
        backward((y - stored["target"][i]) / 8, inputs=False)
        constraint.pull_back_(net)
        constraint.moved(net)[...] -= 0.3 * net.grad
        net.grad.fill(0)
        np.testing.assert_allclose(constraint.moved(net)[0], stored[f"raw{i + 1}"], rtol=1e-10)


def test_pulled_back_gradient_is_that_of_differences_with_given_vectors() -> None:
    net = network()
    constraint = held(net)
    x = Streams(5, 2)["x"].gaussian((8, 4), np.float64)
    direction = Streams(6, 2)["direction"].gaussian(net.theta.shape[1:], np.float64)
    raw = constraint.moved(net).copy()

    def error(h: float) -> Any:
        constraint.raw[...] = raw + h * direction
        constraint._divide(net)  # the vectors stay
        y, backward = net.forward(x)
        return (0.5 * y**2).sum(), lambda: backward(y, inputs=False)

    error(0.0)[1]()
    constraint.pull_back_(net)
    found = (net.grad * direction).sum()
    np.testing.assert_allclose(found, (error(1e-6)[0] - error(-1e-6)[0]) / 2e-6, rtol=1e-7)


@pytest.mark.parametrize("layers", [LAYERS, CONVOLUTIONS], ids=["dense", "conv2d"])
def test_every_layer_stretches_by_about_1_while_it_learns(layers: list[Any]) -> None:
    net = network(layers, shape=4 if layers is LAYERS else (4, 4, 2))
    constraint = held(net)
    for i in range(30):
        step(net, constraint, eta=0.05, seed=i)
        largest = [np.linalg.svd(w.reshape(2, -1, w.shape[-1]), compute_uv=False).max(-1) for _, w in weights(net)]
        np.testing.assert_allclose(largest, 1.0, atol=0.1)
        np.testing.assert_allclose(constraint.measure(net)["spectral"], np.max(largest, 0), rtol=1e-2)
    biases = [w for name, w in net.parameters().items() if name.endswith(".b")]
    raw = [w for name, w in net.views(constraint.moved(net)).items() if name.endswith(".b")]
    np.testing.assert_array_equal(np.concatenate([b.ravel() for b in biases]), np.concatenate([b.ravel() for b in raw]))


def test_measuring_the_spectral_norm_changes_nothing() -> None:
    net = network()
    constraint = held(net)
    before = constraint.state()
    constraint.measure(net)
    for name, value in constraint.state().items():
        np.testing.assert_array_equal(value, before[name])


def test_weights_that_are_zero_stay_zero() -> None:
    net = network()
    net.parameters()["0.dense.w"].fill(0)
    constraint = held(net)
    constraint.pull_back_(net)
    constraint.apply_(net)
    assert not net.parameters()["0.dense.w"].any()
    assert np.isfinite(net.theta).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_restored_spectral_norm_goes_on_bit_for_bit(dtype: type) -> None:
    one, other = network(dtype=dtype), network(dtype=dtype)
    constraint, again = held(one), held(other)
    for i in range(3):
        step(one, constraint, seed=i)
    other.theta[...] = one.theta
    again.restore({name: np.array(value) for name, value in constraint.state().items()})
    for net, kept in ((one, constraint), (other, again)):
        for i in range(3, 6):
            step(net, kept, seed=i)
    np.testing.assert_array_equal(one.theta, other.theta)


def test_replicates_under_spectral_norm_are_bit_equal_to_single_runs() -> None:
    def after(seed: int, replicates: int) -> Array:
        net = Network(
            [{"type": "dense", "units": 40}, {"type": "dense", "units": 1}], 50, Streams(seed, replicates), name="critic"
        )
        constraint = held(net)
        x = np.ones((replicates, 4, 50))
        for _ in range(3):
            y, backward = net.forward(x)
            backward(y, inputs=False)
            constraint.pull_back_(net)
            constraint.moved(net)[...] -= np.float32(0.1) * net.grad
            net.grad.fill(0)
            constraint.apply_(net)
        return net.theta

    together = after(5, 3)
    for r in range(3):
        np.testing.assert_array_equal(together[r], after(5 + r, 1)[0])


def test_spectral_norm_of_nothing_is_refused() -> None:
    net = network([{"type": "activation", "function": "tanh"}])
    with pytest.raises(SpecError, match="no layer has weights"):
        Constraint.of("spectral_norm").refuse(net.layers, outline(net.layers, net.input_shape))


# Gradient penalty


class Drawn:
    """A stream that draws what is stored."""

    def __init__(self, draws: Array):
        self.draws = draws

    def uniform(self, shape: tuple[int, ...], dtype: Any) -> Array:
        return self.draws.astype(dtype).reshape(len(self.draws), *shape)


def critic(activation: Any, dtype: Any = np.float64, sizes: tuple[int, ...] = (10, 32, 16, 1)) -> Network:
    acts = [activation] * (len(sizes) - 2) + ["linear"]
    nodes = [{"type": "dense", "units": n, "activation": a} for n, a in zip(sizes[1:], acts, strict=True)]
    return Network(nodes, sizes[0], Streams(0, 2), dtype, "critic")


@pytest.mark.parametrize(("dtype", "bound"), [(np.float64, 1e-13), (np.float32, 2e-6)])
@pytest.mark.parametrize("case", range(8))
@pytest.mark.parametrize("activation", ["leaky_relu", "tanh", "softplus"])
def test_penalty_and_its_gradient_are_pytorchs(activation: str, case: int, dtype: type, bound: float) -> None:
    net = critic(activation, dtype)
    net.theta[...] = FIXTURE[f"penalty_{activation}_theta"]
    constraint = Constraint.of(json.loads(str(FIXTURE[f"penalty_{activation}_options{case}"])))
    constraint.attach(net)
    real, generated = (FIXTURE[f"penalty_{side}"].astype(dtype) for side in ("real", "generated"))
    value = constraint.penalty(net, real, generated, Mode(net.streams), Drawn(FIXTURE["penalty_mixing"]))  # type: ignore[arg-type]
    assert value is not None
    assert value.dtype == dtype
    np.testing.assert_allclose(value, FIXTURE[f"penalty_{activation}_value{case}"], rtol=bound)
    expected = FIXTURE[f"penalty_{activation}_grad{case}"]
    off = np.linalg.norm(net.grad - expected, axis=1) / np.linalg.norm(expected, axis=1)
    assert (off < bound).all(), off


@pytest.mark.parametrize("activation", ["leaky_relu", "tanh"])  # in one pass, and in two
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("kind", ["gradient_penalty", "r1", "r1_r2"])
def test_judging_adds_the_gradients_of_loss_and_penalty(activation: str, kind: str, first: bool) -> None:
    net, plain = critic(activation), critic(activation)
    net.theta[...] = plain.theta[...] = FIXTURE[f"penalty_{activation}_theta"]
    constraint, drawn = Constraint.of(kind), Drawn(FIXTURE["penalty_mixing"])
    real, generated = (FIXTURE[f"penalty_{side}"].astype(np.float64) for side in ("real", "generated"))
    expected_y, backward = plain.forward(np.concatenate([real, generated], 1))
    dy = Streams(3, 2)["dy"].gaussian(expected_y.shape[1:], np.float64)
    backward(dy, inputs=False)
    expected = constraint.penalty(plain, real, generated, Mode(plain.streams), drawn)  # type: ignore[arg-type]
    y, back = constraint.judge(net, real, generated, Mode(net.streams), drawn)  # type: ignore[arg-type]
    np.testing.assert_allclose(y, expected_y, rtol=1e-12)
    np.testing.assert_allclose(back(dy, first), expected, rtol=1e-12)
    np.testing.assert_allclose(net.grad, plain.grad, rtol=1e-10, atol=1e-13)


RESIDUAL: list[Any] = [
    {"type": "conv2d", "channels": 3, "padding": 1, "activation": "leaky_relu"},
    {
        "type": "residual",
        "layers": [
            {"type": "conv2d", "channels": 5, "padding": 1, "activation": "swish"},
            {"type": "group_norm", "groups": 5},
            {"type": "conv2d", "channels": 4, "kernel": 1, "activation": "gelu"},
        ],
    },
    "downsample",
    {
        "type": "residual",
        "layers": [{"type": "activation", "function": "leaky_relu"}, {"type": "conv2d", "channels": 4, "padding": 1}],
    },
    {"type": "upsample", "mode": "bilinear"},
    {"type": "conv2d", "channels": 1, "kernel": 6},
]


@pytest.mark.parametrize(("dtype", "bound"), [(np.float64, 1e-13), (np.float32, 4e-6)])
def test_r1_and_r2_of_a_critic_of_residual_layers_are_pytorchs(dtype: type, bound: float) -> None:
    net = Network(RESIDUAL, (6, 6, 1), Streams(0), dtype)
    net.theta[0] = FIXTURE["residual_theta"]
    real, generated = (FIXTURE[f"residual_{side}"][None].astype(dtype) for side in ("real", "generated"))
    constraint = Constraint.of({"type": "r1_r2", "gamma": 0.6})
    constraint.refuse(net.layers, net.declared)
    value = constraint.penalty(net, real, generated, Mode(net.streams), net.streams["penalty"])
    np.testing.assert_allclose(value, FIXTURE["residual_value"], rtol=bound)
    expected = FIXTURE["residual_grad"]
    assert np.linalg.norm(net.grad[0] - expected) < bound * np.linalg.norm(expected)


@pytest.mark.parametrize(("kind", "at"), [("r1", "real"), ("r2", "generated"), ("r1_r2", "both")])
def test_named_penalties_are_the_plain_one_with_half_of_gamma(kind: str, at: str) -> None:
    found = []
    for node in ({"type": kind, "gamma": 0.6}, {"type": "gradient_penalty", "weight": 0.3, "target": 0.0, "at": at}):
        net = network()
        real, generated = (Streams(seed, 2)["x"].gaussian((6, 4), np.float64) for seed in (3, 4))
        value = Constraint.of(node).penalty(net, real, generated, Mode(net.streams), net.streams["penalty"])
        found.append((value, net.grad))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][1], found[1][1])


def test_r1_of_a_line_is_its_slope() -> None:
    net = Network([{"type": "dense", "units": 1}], 1, Streams(0), np.float64)
    net.theta[...] = [[3.0, 1.0]]
    x = np.ones((1, 5, 1))
    assert Constraint.of({"type": "r1", "gamma": 0.3}).penalty(net, x, x, Mode(net.streams), net.streams["p"]) == 0.15 * 9
    np.testing.assert_allclose(net.grad, [[0.3 * 3, 0]])  # gamma psi, as in their Dirac-GAN
    net.grad.fill(0)
    assert Constraint.of({"type": "r1_r2", "gamma": 0.3}).penalty(net, x, x, Mode(net.streams), net.streams["p"]) == 0.3 * 9


RICH: list[Any] = [
    {"type": "reshape", "shape": [4, 4, 1]},
    {"type": "conv2d", "channels": 3, "activation": "softplus"},
    {"type": "max_pool", "size": 2, "stride": 1},
    {"type": "flatten"},
    {"type": "dropout", "p": 0.3},
    {"type": "noise", "how": "add"},
    {"type": "maxout", "units": 5},
    "layer_norm",
    {"type": "dense", "units": 5, "activation": "tanh"},
    {"type": "dense", "units": 3, "activation": "softmax"},
    {"type": "dense", "units": 1},
]


@pytest.mark.parametrize("sides", ["one", "two"])
def test_penalty_of_a_critic_of_many_layers_has_the_gradient_of_differences(sides: str) -> None:
    net = network(RICH, shape=16)
    constraint = Constraint.of({"type": "gradient_penalty", "sides": sides, "at": "real"})
    constraint.attach(net)
    x, mode, state = Streams(5, 2)["x"].gaussian((6, 16), np.float64), Mode(net.streams), net.streams.state()
    direction = Streams(6, 2)["direction"].gaussian(net.theta.shape[1:], np.float64)

    def value(h: float) -> Array:
        net.theta += h * direction
        net.streams.restore(state)
        found = constraint.penalty(net, x, x, mode, net.streams["penalty"])
        net.theta -= h * direction
        assert found is not None
        return found

    value(0.0)
    found = (net.grad * direction).sum(-1)
    np.testing.assert_allclose(found, (value(1e-6) - value(-1e-6)) / 2e-6, rtol=1e-6)


def test_all_passes_of_a_penalty_share_one_draw() -> None:
    """And the streams go on from there as after one pass: training does not depend on how a penalty is computed."""
    net = network(RICH, shape=16)
    x, once = np.ones((2, 6, 16)), network(RICH, shape=16)
    once.forward(x)
    Constraint.of({"type": "gradient_penalty", "at": "real"}).penalty(net, x, x, Mode(net.streams), net.streams["penalty"])
    assert {k: v for k, v in net.streams.state().items() if k != "penalty"} == once.streams.state()


def test_a_flat_critic_has_a_finite_penalty() -> None:
    net = network()
    net.theta.fill(0)
    x = np.ones((2, 6, 4))
    value = Constraint.of("gradient_penalty").penalty(net, x, x, Mode(net.streams), net.streams["penalty"])
    np.testing.assert_array_equal(value, [10.0, 10.0])
    assert not net.grad.any()


def test_interpolated_points_lie_between_and_differ_by_example() -> None:
    net = network([{"type": "dense", "units": 1}])
    real, generated = np.ones((2, 500, 4)), np.zeros((2, 500, 4))
    penalty: Any = Constraint.of("gradient_penalty")
    x = penalty._points(real, generated, net.streams["penalty"])
    assert (x == x[..., :1]).all()
    assert ((x >= 0) & (x <= 1)).all()
    np.testing.assert_allclose(x.mean(1), 0.5, atol=0.05)
    assert len(np.unique(x)) == 1000


@pytest.mark.parametrize("mixing", ["batch_norm", "minibatch_discrimination", "minibatch_closeness", "minibatch_std"])
def test_a_critic_that_mixes_examples_is_refused(mixing: str) -> None:
    net = network([{"type": "dense", "units": 3}, mixing, {"type": "dense", "units": 1}])
    with pytest.raises(SpecError, match=r"layers\[1\]: .*take layer_norm"):
        Constraint.of("gradient_penalty").refuse(net.layers, outline(net.layers, net.input_shape))


@pytest.mark.parametrize("layer", ["dense", "activation"], ids=["together", "twice"])
def test_a_penalty_of_several_outputs_is_of_the_first(layer: str) -> None:
    found = []
    for units in (1, 3):
        bent: list[Any] = [{"type": "activation", "function": "tanh"}] if layer == "activation" else []
        net = network([{"type": "dense", "units": 4, "activation": "leaky_relu"}, *bent, {"type": "dense", "units": units}])
        rng = np.random.default_rng(0)
        net.parameters()["0.dense.w"][...] = rng.normal(size=net.parameters()["0.dense.w"].shape)
        last = net.parameters()[f"{1 + len(bent)}.dense.w"]
        last[...] = np.random.default_rng(1).normal(size=(*last.shape[:2], 3))[..., :units]
        x = rng.normal(size=(2, len(net.theta), 6, *net.input_shape))
        y, back = Constraint.of("r1_r2").judge(net, *x, Mode(net.streams), net.streams["penalty"])
        found.append((back(np.zeros_like(y)), net.gradients()["0.dense.w"].copy()))
    np.testing.assert_allclose(found[1][0], found[0][0], rtol=1e-12)
    np.testing.assert_allclose(found[1][1], found[0][1], rtol=1e-12)

"""Every optimizer: along PyTorch's trajectories, and to the last bit against a plain version of itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dessine import optimizers as module
from dessine import threads
from dessine.optimizers import Optimizer, optimizers

TORCH = np.load(Path(__file__).parent / "fixtures" / "torch_optimizers.npz")
CASES = [json.loads(str(TORCH[name])) for name in TORCH.files if name.startswith("case")]
NAMES = list(optimizers.members)
VARIANTS: list[dict[str, Any]] = [{"type": name} for name in NAMES]
VARIANTS += [{"type": name, "centered": True} for name in ("rmsprop", "adadelta")]
VARIANTS += [{**v, "momentum": 0.75, "weight_decay": 0.125, "eta": 0.05} for v in VARIANTS]
VARIANTS += [{"type": "gradient_descent", "momentum": -0.5}, {"type": "adam", "beta1": -0.5, "momentum": -0.25}]


def follow(optimizer: Optimizer, theta: np.ndarray, pulls: np.ndarray) -> np.ndarray:
    """The trajectory down sum of theta^4 / 4 - pull * theta: (steps + 1, *theta.shape)."""
    path = [theta.copy()]
    for pull in pulls:
        optimizer.step(theta, theta**3 - pull)
        path.append(theta.copy())
    return np.stack(path)


@pytest.mark.parametrize("case", range(len(CASES)), ids=[c["type"] for c in CASES])
def test_trajectory_is_that_of_pytorch(case: int) -> None:
    path = follow(Optimizer.of(CASES[case]), TORCH["start"].copy(), TORCH["pulls"])
    np.testing.assert_allclose(path, TORCH[f"path{case}"], rtol=1e-9, atol=1e-12)


class Formula:
    """The rules as the docstrings write them, on whole vectors, in as many temporaries as it takes."""

    def __init__(self, o: Any):
        self.o = o
        self.t = 0
        self.m: Any = 0.0
        self.n: Any = 0.0
        self.u: Any = 0.0
        self.v: Any = 0.0

    def step(self, theta: np.ndarray, g: np.ndarray) -> None:
        self.t += 1
        g = g + self.o.weight_decay * theta
        self.v = self.o.momentum * self.v + getattr(self, self.o.type)(g)
        theta -= self.o.eta * self.v

    def variance(self, g: np.ndarray, decay: float) -> np.ndarray:
        self.n = decay * self.n + (1 - decay) * g**2
        self.m = decay * self.m + (1 - decay) * g
        return np.maximum(self.n - self.m**2, 0) if self.o.centered else self.n

    def gradient_descent(self, g: np.ndarray) -> np.ndarray:
        return g

    def adagrad(self, g: np.ndarray) -> np.ndarray:
        self.n = self.n + g**2
        return g / (np.sqrt(self.n) + self.o.epsilon)

    def rmsprop(self, g: np.ndarray) -> np.ndarray:
        return g / (np.sqrt(self.variance(g, self.o.gamma)) + self.o.epsilon)

    def adadelta(self, g: np.ndarray) -> np.ndarray:
        d = np.sqrt(self.u + self.o.epsilon) / np.sqrt(self.variance(g, self.o.rho) + self.o.epsilon) * g
        self.u = self.o.rho * self.u + (1 - self.o.rho) * d**2
        return d

    def adam(self, g: np.ndarray) -> np.ndarray:
        self.m = self.o.beta1 * self.m + (1 - self.o.beta1) * g
        self.n = self.o.beta2 * self.n + (1 - self.o.beta2) * g**2
        m, n = self.m / (1 - self.o.beta1**self.t), self.n / (1 - self.o.beta2**self.t)
        return m / (np.sqrt(n) + self.o.epsilon)


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_trajectory_is_that_of_the_formula(variant: dict[str, Any]) -> None:
    optimizer = Optimizer.of(variant)
    path = follow(optimizer, TORCH["start"].copy(), TORCH["pulls"])
    expected = follow(Formula(optimizer), TORCH["start"].copy(), TORCH["pulls"])  # type: ignore[arg-type]
    np.testing.assert_allclose(path, expected, rtol=1e-8, atol=1e-12)


@given(
    variant=st.sampled_from(VARIANTS),
    size=st.integers(1, 300),
    chunk=st.integers(1, 120),
    workers=st.integers(1, 5),
    dtype=st.sampled_from([np.float32, np.float64]),
)
@settings(max_examples=60, deadline=None)
def test_chunks_and_threads_change_no_bit(variant: dict, size: int, chunk: int, workers: int, dtype: type) -> None:
    rng = np.random.default_rng(size)
    start, pulls = rng.standard_normal((2, size)).astype(dtype), rng.standard_normal((3, 2, size)).astype(dtype)
    whole = follow(Optimizer.of(variant), start.copy(), pulls)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK", chunk)
        patch.setattr(threads, "cores", lambda: workers)
        parts = follow(Optimizer.of(variant), start.copy(), pulls)
    assert parts.dtype == dtype
    np.testing.assert_array_equal(parts, whole)


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_long_vector_is_stepped_as_its_pieces(variant: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    rng = np.random.default_rng(0)
    size = 2 * module.CHUNK + 1001
    start, pulls = rng.standard_normal((1, size), np.float32), rng.standard_normal((2, 1, size), np.float32)
    whole = follow(Optimizer.of(variant), start.copy(), pulls)
    for part in (slice(0, 777), slice(size // 3 - 9, size // 3 + 50), slice(size - 1, size)):
        alone = follow(Optimizer.of(variant), start[:, part].copy(), pulls[:, :, part])
        np.testing.assert_array_equal(alone, whole[:, :, part])


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_restored_state_continues_bit_for_bit(
    variant: dict[str, Any], compiled: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COMPILED", 0 if compiled else module.COMPILED)
    start, pulls = TORCH["start"].astype(np.float32), TORCH["pulls"].astype(np.float32)
    optimizer, theta = Optimizer.of(variant), start.copy()
    follow(optimizer, theta, pulls[:8])
    np.savez(tmp_path / "state.npz", **optimizer.state())
    at_8 = theta.copy()
    expected = follow(optimizer, theta, pulls[8:])
    again = Optimizer.of(variant)
    again.restore(dict(np.load(tmp_path / "state.npz")))
    assert again.t == 8
    np.testing.assert_array_equal(follow(again, at_8, pulls[8:]), expected)


def test_state_is_a_copy_and_restore_takes_one() -> None:
    optimizer, theta = Optimizer.of("adam"), np.ones((1, 3))
    optimizer.step(theta, theta)
    state = optimizer.state()
    kept = {name: value.copy() for name, value in state.items()}
    again = Optimizer.of("adam")
    again.restore(state)
    for one in (optimizer, again):
        one.step(theta, theta)
    assert state["t"].dtype == np.int64
    assert state["t"].shape == ()
    for name, value in kept.items():
        np.testing.assert_array_equal(state[name], value)


def test_state_before_the_first_step_is_a_fresh_start() -> None:
    optimizer = Optimizer.of("adam")
    fresh = optimizer.state()
    optimizer.step(np.ones((1, 3)), np.ones((1, 3)))
    optimizer.restore(fresh)
    assert optimizer.t == 0
    assert optimizer.slots == {}


def test_state_of_another_rule_is_refused() -> None:
    adam = Optimizer.of("adam")
    adam.step(np.ones((1, 3)), np.ones((1, 3)))
    with pytest.raises(ValueError, match="rmsprop"):
        Optimizer.of("rmsprop").restore(adam.state())


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_step_leaves_the_gradient_as_it_is(variant: dict[str, Any]) -> None:
    theta, grad = TORCH["start"].copy(), TORCH["pulls"][0].copy()
    grad.flags.writeable = False
    Optimizer.of(variant).step(theta, grad)
    np.testing.assert_array_equal(grad, TORCH["pulls"][0])
    assert not np.array_equal(theta, TORCH["start"])


@pytest.mark.parametrize("variant", [v for v in VARIANTS if v["type"] != "adadelta"], ids=str)
def test_constant_and_zero_gradients_stay_finite(variant: dict[str, Any]) -> None:
    optimizer, theta = Optimizer.of(variant), np.zeros((1, 4), dtype=np.float32)
    grad = np.array([[0.0, 1e-4, 0.1, 3.3]], dtype=np.float32)
    for _ in range(300):
        optimizer.step(theta, grad)
        assert np.isfinite(theta).all()


def test_rounding_puts_no_negative_variance_under_the_root() -> None:
    optimizer = Optimizer.of({"type": "rmsprop", "centered": True, "gamma": 0.5})
    theta, grad = np.zeros((1, 500), np.float32), np.linspace(0.1, 3, 500, dtype=np.float32)[None]
    for _ in range(60):
        optimizer.step(theta, grad)
    assert (optimizer.slots["squares"] - optimizer.slots["mean"] ** 2).min() < 0
    assert np.isfinite(theta).all()


def test_centered_adadelta_runs_away_under_a_constant_gradient() -> None:
    grad = np.full((1, 1), 0.1)
    plain, centered = np.zeros((1, 1)), np.zeros((1, 1))
    one, other = Optimizer.of("adadelta"), Optimizer.of({"type": "adadelta", "centered": True})
    for _ in range(60):
        one.step(plain, grad)
        other.step(centered, grad)
    assert abs(plain.item()) < 1
    assert abs(centered.item()) > 1e6


@given(
    variant=st.sampled_from(VARIANTS),
    size=st.integers(1, 5000),
    dtype=st.sampled_from([np.float32, np.float64]),
    clear=st.booleans(),
    within=st.sampled_from([np.inf, 0.3]),
)
@settings(max_examples=60, deadline=None)
def test_compiled_form_is_the_plain_one_to_the_last_bit(
    variant: dict, size: int, dtype: type, clear: bool, within: float
) -> None:
    pytest.importorskip("numba")
    rng = np.random.default_rng(size)
    scale = 10.0 ** rng.integers(-30, 8, size)  # down to where squares of float32 are 0
    start = rng.standard_normal((2, size)).astype(dtype)
    pulls = (rng.standard_normal((4, 2, size)) * scale).astype(dtype)
    ends = []
    for told in ("0", "1"):
        with pytest.MonkeyPatch.context() as patch, np.errstate(all="ignore"):
            patch.setenv("DESSINE_COMPILED", told)
            patch.setattr(module, "COMPILED", 0)
            optimizer, theta = Optimizer.of(variant), start.copy()
            for pull in pulls.copy():
                optimizer.step(theta, pull, clear=clear, within=within)
                assert not clear or not pull.any()
                assert not (np.abs(theta) > dtype(within)).any()  # NaN stays NaN
            ends.append([theta, *(optimizer.slots[name] for name in optimizer.names())])
    for plain, compiled in zip(*ends, strict=True):
        np.testing.assert_array_equal(compiled, plain)


def test_error_settings_hold_in_every_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 2)
    monkeypatch.setattr(threads, "cores", lambda: 2)
    grad = np.array([[1.0, 1.0, 1.0, 1e200]])
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        Optimizer.of("adam").step(np.zeros((1, 4)), grad)


def test_theta_that_cannot_be_stepped_in_place_is_refused() -> None:
    theta = np.ones((4, 6))
    with pytest.raises(ValueError, match="contiguous"):
        Optimizer.of("adam").step(theta[:, ::2], theta[:, ::2])
    adam = Optimizer.of("adam")
    adam.step(theta, theta)
    with pytest.raises(ValueError, match="mean"):
        adam.step(np.ones((4, 5)), np.ones((4, 5)))


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("clear", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_a_limit_shortens_long_gradients_of_each_replicate_alone(
    name: str, clear: bool, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COMPILED", 0 if compiled else module.COMPILED)
    options = {"type": name, "eta": 0.1, "momentum": 0.5, "weight_decay": 0.1}
    limited, plain = Optimizer.of({**options, "limit": 2.5}), Optimizer.of(options)
    a, b = np.ones((3, 2)), np.ones((3, 2))
    for scale in (1.0, 0.3):
        g = scale * np.array([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]])  # norms 5, 0.5, 0
        shortened = g * np.minimum(1, 2.5 / np.array([[5.0 * scale], [0.5 * scale], [1e-9]]))
        given = g.copy()
        limited.step(a, given, clear)
        plain.step(b, shortened)
        np.testing.assert_array_equal(limited.over, [scale == 1, False, False])
        np.testing.assert_array_equal(given, 0 if clear else g)
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_gradients_that_are_no_numbers_stay_so_under_a_limit() -> None:
    theta = np.ones((3, 2))
    with np.errstate(invalid="ignore"):  # as in training
        Optimizer.of({"type": "gradient_descent", "limit": 1.0}).step(theta, np.array([[np.nan, 1], [np.inf, 1], [3, 4.0]]))
    assert np.isfinite(theta).all(-1).tolist() == [False, False, True]

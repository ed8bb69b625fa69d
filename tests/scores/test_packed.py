"""What a judge of one's own answers, whatever its loss and its layers; and that a file of it is what went in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dessine.losses import sigmoid
from dessine.registry import SpecError
from dessine.scores.judge import FEATURES
from dessine.scores.packed import Parts, find, hash_of, made, of_file, pack, rounded

RNG = np.random.default_rng(0)
X = RNG.random((9, 2, 3, 1)).astype(np.float32)
HERE = Path("here")


def parts(outputs: int = 3, units: int = 4, shape: tuple[int, ...] = (2, 3, 1), **known: Any) -> Parts:
    """A network of two dense layers, its weights at random."""
    size = int(np.prod(shape))
    layers = [{"type": "dense", "units": units, "activation": "tanh"}, {"type": "dense", "units": outputs}]
    said: dict[str, Any] = {"judge": 1, "layers": layers, "shape": list(shape), "low": 0.0, "high": 1.0, "squash": "softmax"}
    said |= {"span": [0.0, 1.0], "classes": [f"c{i}" for i in range(max(2, outputs))], "accuracy": 0.9, "tested": 5, "run": {}}
    theta = RNG.normal(0, 1, (size + 1) * units + (units + 1) * outputs).astype(np.float32)
    return Parts(said | known, theta, np.zeros(0, np.float32))


def outputs_of(one: Parts, x: np.ndarray) -> np.ndarray:
    return made(one, HERE).network(x[None])[0]


def test_softmax_and_pixels_in_the_range_that_was_learnt() -> None:
    one = parts(low=-1.0)
    p, features = made(one, HERE).read(X)
    logits = outputs_of(one, 2 * X - 1)
    np.testing.assert_allclose(p, np.exp(logits) / np.exp(logits).sum(1, keepdims=True), rtol=1e-4)
    assert (p.dtype, features.shape) == (np.float32, (9, 4))


def test_a_softmax_of_its_own_is_not_applied_twice() -> None:
    one = parts()
    again = parts(layers=[one.known["layers"][0], {"type": "dense", "units": 3, "activation": "softmax"}])
    again = again._replace(theta=one.theta)
    np.testing.assert_allclose(made(one, HERE).read(X)[0], made(again, HERE).read(X)[0], rtol=1e-5)


def test_yes_and_no_to_each_class_are_shares() -> None:
    one = parts(squash="sigmoid")
    p, s = made(one, HERE).read(X)[0], sigmoid(outputs_of(one, X))
    np.testing.assert_allclose(p, s / s.sum(1, keepdims=True), rtol=1e-4)
    nothing = one._replace(theta=np.concatenate([one.theta[:-3], np.float32([-200, -200, -200])]))
    np.testing.assert_allclose(made(nothing, HERE).read(X)[0], 1 / 3, rtol=1e-5)


def test_one_output_between_its_two_targets() -> None:
    one = parts(1, squash=None, span=[-1.0, 1.0])
    y = np.clip((outputs_of(one, X)[:, 0] + 1) / 2, 0, 1)
    np.testing.assert_allclose(made(one, HERE).read(X)[0], np.stack([1 - y, y], 1), atol=1e-6)


def test_outputs_beyond_their_targets_keep_their_order() -> None:
    one = parts(3, squash=None)
    one = one._replace(theta=np.concatenate([np.zeros(one.theta.size - 3, np.float32), np.float32([1.2, 1.5, -0.1])]))
    np.testing.assert_allclose(made(one, HERE).read(X)[0][0], [0.35, 0.65, 0], atol=1e-6)
    below = one._replace(theta=np.concatenate([one.theta[:-3], np.float32([-0.5, -0.4, -0.3])]))
    np.testing.assert_allclose(made(below, HERE).read(X)[0][0], [7 / 30, 1 / 3, 13 / 30], atol=1e-6)
    told = one._replace(theta=np.concatenate([one.theta[:-3], np.float32([0.2, 0.7, 0.1])]))
    np.testing.assert_allclose(made(told, HERE).read(X)[0][0], [0.2, 0.7, 0.1], atol=1e-6)
    wild = parts(3, squash=None)
    p = made(wild, HERE).read(X)[0]
    assert (p.argmax(1) == outputs_of(wild, X).argmax(1)).all()
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-5)


def test_points_are_read_as_they_are() -> None:
    one = parts(2, shape=(2,))
    assert made(one, HERE).read(RNG.normal(0, 5, (7, 2)).astype(np.float32))[0].shape == (7, 2)


def test_many_features_become_fewer_of_the_same_length() -> None:
    one = made(parts(2, 600), HERE)
    _, features = one.read(X)
    whole = one.network.forward(X[None], upto=1)[0][0]
    assert features.shape == (9, FEATURES)
    ratio = np.linalg.norm(features, axis=1) / np.linalg.norm(whole, axis=1)
    np.testing.assert_allclose(ratio, 1, atol=0.15)


def test_a_file_holds_the_judge_and_half_precision_is_another(tmp_path: Path) -> None:
    one = parts()
    pack(one, tmp_path / "one.npz")
    pack(rounded(one), tmp_path / "half.npz")
    file = of_file(tmp_path / "one.npz")
    assert (file.known, hash_of(file)) == (one.known, hash_of(one))
    np.testing.assert_array_equal(find(tmp_path / "one.npz").read(X)[0], made(one, HERE).read(X)[0])
    half = find(tmp_path / "half.npz")
    assert half.hash != hash_of(one)
    np.testing.assert_allclose(half.read(X)[0], made(one, HERE).read(X)[0], atol=2e-3)


@pytest.mark.parametrize(
    ("known", "told"),
    [
        ({"layers": []}, "its layers have 0 parameters"),
        ({"layers": [{"type": "dens"}]}, "no layer 'dens'"),
        ({"layers": [{"type": "dense", "units": 10**9}]}, "at most"),
        ({"classes": ["a"] * 4}, "3 outputs for 4 classes"),
        ({"span": [1.0, 1.0]}, "its ranges are none"),
        ({"layers": [{"type": "dense", "units": 3}]}, "its layers have 21 parameters, there are 43"),
    ],
)
def test_words_that_do_not_fit_are_refused(known: dict[str, Any], told: str) -> None:
    with pytest.raises(SpecError, match=told):
        made(parts(**known), HERE)


@pytest.mark.parametrize("known", [{"judge": 2}, {"shape": [0]}, {"low": "x"}, {"squash": "relu"}, {"classes": [1, 2, 3]}])
def test_a_file_that_says_something_else_is_no_judge(known: dict[str, Any], tmp_path: Path) -> None:
    pack(parts(**known), tmp_path / "one.npz")
    with pytest.raises(SpecError, match="is no judge, or a damaged one"):
        find(tmp_path / "one.npz")


def test_weights_that_are_not_finite_judge_nothing() -> None:
    one = parts()
    with pytest.raises(SpecError, match="not finite"):
        made(one._replace(theta=one.theta * np.nan), HERE)

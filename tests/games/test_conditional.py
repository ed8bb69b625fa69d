"""Games that are told classes: whose they are, how often each is asked for, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from test_settings import DENSE, made, points

from dessine.data import Examples, Split
from dessine.games import Classification, Player
from dessine.games.auxiliary import Code
from dessine.games.kinds import Kinds
from dessine.games.latent import Latent
from dessine.games.pictures.samples import each
from dessine.nn import Mode
from dessine.registry import SpecError
from dessine.streams import Held, Streams

END = {"type": "dense", "units": 1}
NO_LABELS = "these data have no labels"


def test_the_generator_is_asked_for_each_class_as_often_as_the_data_have_it() -> None:
    game = made(told=True)
    assert game.kinds is not None
    assert game.kinds.names == ("3", "7", "9")
    np.testing.assert_array_equal(game.kinds.shares, [0.5, 0.25, 0.25])
    asked = game.kinds.draw(Streams(0, 2), 4000)
    assert asked.shape == (2, 4000)
    shares = [np.bincount(row, minlength=3) / 4000 for row in asked]
    np.testing.assert_allclose(shares, np.broadcast_to([0.5, 0.25, 0.25], (2, 3)), atol=0.03)
    assert not np.array_equal(*asked)
    game.turn()
    assert "asked" in game.streams.state()  # which checkpoints hold


def test_real_examples_come_with_their_own_classes() -> None:
    game = made(told=True, replicates=2)
    batch = game.batch()
    x, y = game.examples.x, game.examples.y
    assert y is not None
    for real, classes in zip(batch.real, batch.classes, strict=True):  # type: ignore[arg-type]
        rows = [int(np.flatnonzero((x == one).all(-1))[0]) for one in real]
        np.testing.assert_array_equal(game.kinds.values[classes], y[rows])  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("options", "matched"),
    [
        ({}, False),
        ({"loss": "relativistic"}, True),
        ({"constraint": "gradient_penalty"}, True),
        ({"constraint": {"type": "gradient_penalty", "at": "both"}, "critic": [DENSE, "projection"]}, False),
        ({"constraint": "r1_r2"}, False),
    ],
    ids=str,
)
def test_what_is_compared_with_a_real_example_is_of_its_class(options: dict[str, Any], matched: bool) -> None:
    game = made(told=True, **options)
    assert game.matched == matched
    batches = [game.batch() for _ in range(5)]
    assert all(np.array_equal(batch.asked, batch.classes) for batch in batches) == matched  # type: ignore[arg-type]


def test_a_generator_that_is_told_a_class_draws_it_from_the_same_latents() -> None:
    game = made(told=True, replicates=2)
    for _ in range(3):
        game.turn()
    rows = each(game, 3, 5, game.fixed())
    alone = game.drawn(5, game.fixed(), np.full(5, 1))
    np.testing.assert_array_equal(rows[5:10], alone[0])
    assert len(np.unique(rows, axis=0)) == 15
    np.testing.assert_array_equal(game.drawn(20, game.fixed()), game.drawn(20, game.fixed(), game.classes_of(game.fixed(), 20)))


def test_noise_that_stands_still_keeps_to_one_class() -> None:
    game = made(told=True)
    assert len(np.unique(game.classes_of(Held(3), 50))) == 1  # type: ignore[arg-type]


def test_codes_are_the_end_of_the_latent() -> None:
    code = Code([3, 2], 1)
    latent = code.latent(Latent(4))
    z = latent.draw(Streams(0, 2), 500, np.float32)
    assert (latent.size, z.shape, z.dtype) == (10, (2, 500, 10), np.float32)
    np.testing.assert_array_equal(z[..., :4], Latent(4).draw(Streams(0, 2), 500, np.float32))
    for part in (z[..., 4:7], z[..., 7:9]):
        np.testing.assert_array_equal(np.sort(part, -1)[..., -1], 1)
        np.testing.assert_array_equal(part.sum(-1), 1)
        assert (part.mean((0, 1)) > 0.25).all()
    assert -1 <= z[..., 9].min() < -0.9
    assert 0.9 < z[..., 9].max() < 1
    kept = latent.truncated(z, 0.5, Streams(1, 2))
    np.testing.assert_array_equal(kept[..., 4:], z[..., 4:])
    assert np.abs(kept[..., :4]).max() <= 0.5
    code.set_(kept, np.full(500, 2))
    np.testing.assert_array_equal(kept[..., 4:7], np.broadcast_to([0, 0, 1], (2, 500, 3)))
    far = 10 * z
    latent.within_(far)
    assert np.linalg.norm(far[..., :4], axis=-1).max() < 5
    assert np.abs(far[..., 4:]).max() <= 1


@pytest.mark.parametrize("task", ["classifier", {"type": "code", "categorical": [3, 2], "continuous": 1}])
@pytest.mark.parametrize("loss", ["non_saturating", "relativistic"])
def test_probes_of_an_auxiliary_task_are_what_is_played_for(task: Any, loss: str) -> None:
    """By differences of loss and answers together, as `check-grad` takes them."""
    game = made(auxiliary=task, labelled=True, loss=loss)
    for probe in game.probes():
        state, direction = game.streams.state(), np.random.default_rng(0).normal(size=probe.network.theta.shape)

        def value(h: float, probe: Any = probe, state: Any = state, direction: Any = direction) -> float:
            game.streams.restore(state)
            probe.network.theta += h * direction
            found = probe.loss(Mode(game.streams, record=False), True)
            probe.network.theta -= h * direction
            return float(found[0])

        probe.network.grad.fill(0)
        value(0.0)
        expected = float((probe.network.grad * direction).sum())
        np.testing.assert_allclose((value(1e-6) - value(-1e-6)) / 2e-6, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"critic": ["condition", END]}, rf"^discriminator\.layers\[0\]: condition .*{NO_LABELS}"),
        (
            {"critic": [{"type": "residual", "layers": ["embedding"]}, END]},
            rf"layers\[0\]\.layers\[0\]: embedding .*{NO_LABELS}",
        ),
        ({"auxiliary": "classifier"}, rf"{NO_LABELS}"),
        ({"critic": [{"type": "condition", "classes": 4}, END], "labelled": True}, r"layers\[0\]\.classes: .*3 classes, not 4"),
        ({"critic": ["projection", END], "labelled": True}, r"^discriminator\.layers\[0\]: .*last layer"),
        ({"critic": [{"type": "residual", "layers": ["projection"]}], "labelled": True}, r"last layer"),
        ({"told": True, "pack": 2}, r"^pack: .*several"),
        (
            {"auxiliary": "classifier", "labelled": True, "critic": [END]},
            r"^discriminator\.layers: needs 1 \+ 3 outputs.*has 1",
        ),
        ({"auxiliary": "code", "critic": ["flatten", END]}, r"^discriminator\.layers: needs 1 \+ 12 outputs.*has 1"),
        ({"auxiliary": "classifier", "labelled": True, "rotation_pairs": 1}, r"^auxiliary: .*rotation_pairs"),
        ({"auxiliary": "classifier", "labelled": True, "update": "consensus"}, r"^auxiliary: .*consensus"),
        ({"auxiliary": "code", "feature_matching": {}}, r"^auxiliary: feature_matching"),
        ({"auxiliary": "code", "unrolled": {}}, r"^auxiliary: unrolled"),
        ({"auxiliary": "code", "pack": 2}, r"^pack: .*one answer"),
        ({"auxiliary": {"type": "code", "categorical": [], "continuous": 0}}, r"^categorical: there is no code"),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_refused_by_name(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        made(**options)


def test_labels_that_name_no_classes_are_none() -> None:
    def kinds(y: Any) -> Kinds | None:
        examples = replace(points().train, y=None if y is None else np.array(y))
        return Kinds.of(Split(examples, examples))

    assert kinds(None) is None
    assert kinds(np.zeros(40)) is None  # one class is none
    assert kinds(np.random.default_rng(0).uniform(size=40)) is None
    assert kinds(np.zeros((40, 2))) is None
    found = kinds(np.arange(40)[:, None] % 2)
    assert found is not None
    assert found.names == ("0", "1")
    assert found.index(np.array([[0, 1, 5]])).tolist() == [[0, 1, 1]]


@pytest.mark.parametrize("part", ["test", "validation"])
def test_a_class_that_none_has_learnt_is_refused_by_its_name(part: str) -> None:
    whole = points(labelled=True).train
    few = whole.some(whole.y != 7)  # type: ignore[operator]
    parts = {"test": few, "validation": few} | {part: whole}
    names = tuple(f"kind {i}" for i in range(10))
    with pytest.raises(SpecError, match=f"the {part} part has classes that the training part has not: kind 7; data.classes"):
        made(told=True, data=Split(few, **parts, classes=names))
    with pytest.raises(SpecError, match=f"the {part} part has no labels"):
        made(told=True, data=Split(few, **parts | {part: replace(few, y=None)}))


def test_a_classifier_is_not_told_the_answer() -> None:
    examples = Examples(np.zeros((8, 2)), np.arange(8) % 2)
    network = Player([{"type": "residual", "layers": ["embedding"]}, {"type": "dense", "units": 2}])  # type: ignore[list-item]
    with pytest.raises(SpecError, match=r"network\.layers\[0\]\.layers\[0\]: embedding would tell"):
        Classification(network, "softmax_cross_entropy").build(Split(examples, examples), 2, Streams(0), np.float64)

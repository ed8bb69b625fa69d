"""The classification game: what is right, what is tested, what a turn leaves alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dessine.data import Examples, Split
from dessine.experiment import Experiment
from dessine.games import Classification, Context
from dessine.games.measures.exam import confusion, scores
from dessine.games.pictures.answers import mistakes
from dessine.games.pictures.decisions import first_weights
from dessine.games.pictures.learning import at_start
from dessine.registry import SpecError
from dessine.streams import Streams

TANH = [{"type": "dense", "units": 3, "activation": "tanh"}, {"type": "dense", "units": 1, "activation": "tanh"}]


def signs(n: int = 40) -> Split:
    """Points whose target is the sign of x * y."""
    x = np.random.default_rng(0).uniform(-1, 1, (2 * n, 2))
    y = np.where(x[:, :1] * x[:, 1:] > 0, 1.0, -1.0)
    return Split(Examples(x[:n], y[:n]), Examples(x[n:], y[n:]))


def classes(n: int = 60, k: int = 3) -> Split:
    """Points around k centres, with labels."""
    rng = np.random.default_rng(1)
    y = rng.integers(k, size=2 * n)
    x = np.eye(k)[y] * 2 + 0.3 * rng.standard_normal((2 * n, k))
    return Split(Examples(x[:n], y[:n]), Examples(x[n:], y[n:]))


def built(
    data: Split, layers: list[Any], r: int = 1, batch: int = 1, dtype: Any = np.float64, **options: Any
) -> Classification:
    options = {"optimizer": {"type": "gradient_descent", "eta": 0.1}} | options
    optimizer = options.pop("optimizer")
    game = Classification.of({"type": "classification", "network": {"layers": layers, "optimizer": optimizer}, **options})
    game.build(data, batch, Streams(3, r), dtype)
    return game


def test_one_output_is_right_when_its_error_is_under_half_the_way_between_the_targets() -> None:
    game = built(signs(), TANH)
    answers = np.array([[[0.01], [-0.01], [1.4], [-3.0]]])
    target = np.array([[1.0], [1.0], [1.0], [-1.0]])
    examples = Examples(np.zeros((4, 2)), target)
    assert game.right(answers, examples).tolist() == [[True, False, True, False]]
    strict = built(signs(), TANH, threshold=0.1)
    assert strict.right(answers, examples).tolist() == [[False, False, False, False]]


def test_a_class_that_the_test_lacks_has_no_success_and_one_more_is_refused() -> None:
    data = classes()
    few = Split(data.train, Examples(data.test.x[:5], np.array([0, 0, 2, 2, 2])))
    told = built(few, [{"type": "dense", "units": 3}], r=2, batch=10).report()["class_success"]
    assert np.isnan(told).tolist() == [[False, True, False]] * 2
    more = Split(data.train, Examples(data.test.x[:2], np.array([0, 7])))
    with pytest.raises(SpecError, match="that the training part has not: 7"):
        built(more, [{"type": "dense", "units": 3}], batch=10)


def test_large_examples_are_tested_in_smaller_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    game = built(classes(), [{"type": "dense", "units": 3}], batch=10)
    whole = game.answers(game.test, game.fixed())
    monkeypatch.setattr("dessine.data.dataset.ROOM", 7 * 3 * 8)
    assert game.test.at_once(2_000, np.float64) == 7
    for one, other in zip(whole, game.answers(game.test, game.fixed()), strict=True):
        np.testing.assert_allclose(one, other)


@pytest.mark.parametrize("loss", ["quadratic", "softmax_cross_entropy", "binary_cross_entropy"])
def test_the_largest_output_names_the_class(loss: str) -> None:
    game = built(classes(), [{"type": "dense", "units": 3}], loss=loss, batch=10)
    for _ in range(200):
        game.turn()
    report = game.report()
    assert report["test_success"][0] > 0.95
    assert report["class_success"].shape == (1, 3)


def test_a_last_sigmoid_is_read_as_logits_only_by_a_loss_on_logits() -> None:
    sigmoid = [{"type": "dense", "units": 1, "activation": {"type": "sigmoid", "mu": 2.0}}]
    on_logits, plain = built(classes(k=2), sigmoid, loss="binary_cross_entropy"), built(classes(k=2), sigmoid)
    x = classes(k=2).test.x[None]
    logits, outputs = on_logits.player.network(x), plain.player.network(x)
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), outputs)
    softmax = [{"type": "dense", "units": 3, "activation": "sigmoid"}]
    kept = built(classes(), softmax, loss="softmax_cross_entropy").player.network(classes().test.x[None])
    assert kept.min() > 0  # a sigmoid before a softmax loss is the user's own choice


def test_a_turn_is_the_delta_rule() -> None:
    data = signs()
    game = built(data, [{"type": "dense", "units": 1}], loss={"type": "quadratic", "factor": 1.0})
    w, b = (game.player.network.parameters()[f"0.dense.{n}"].copy() for n in "wb")
    i = int(game.batches.order[0, 0])
    x, t = data.train.x[i], data.train.y[i, 0]
    game.turn()
    error = x @ w[0] + b[0, 0] - t
    np.testing.assert_allclose(game.player.network.parameters()["0.dense.w"][0, :, 0], w[0, :, 0] - 0.1 * 2 * error * x)
    np.testing.assert_allclose(game.player.network.parameters()["0.dense.b"][0, 0], b[0, 0] - 0.1 * 2 * error)


def test_measuring_and_reporting_change_no_bit_of_the_training() -> None:
    layers = [TANH[0], {"type": "dropout", "p": 0.3}, {"type": "noise", "how": "add"}, TANH[1]]
    quiet, watched = (built(signs(), layers, r=2, dtype=np.float32, batch=4) for _ in range(2))
    for i in range(25):
        quiet.turn()
        watched.turn(measure=i % 3 == 0)
        watched.report()
    np.testing.assert_array_equal(quiet.player.network.theta, watched.player.network.theta)


def test_training_loss_is_the_mean_since_the_last_test() -> None:
    game, twin = (built(signs(), TANH, test_period=8, batch=2) for _ in range(2))
    values = [twin.turn()["loss"]["network"] for _ in range(8)]
    told = [game.turn(measure=True)["loss"]["network"] for _ in range(8)]
    for i in range(8):
        np.testing.assert_allclose(told[i], np.mean(values[i // 4 * 4 : i + 1]))
    game = built(signs(), TANH, test_period=8, batch=2)
    game.metrics_period = 3  # as outputs.metrics says
    told = [game.turn(measure=True)["loss"]["network"] for _ in range(8)]
    for i in range(8):
        np.testing.assert_allclose(told[i], np.mean(values[i // 3 * 3 : i + 1]))


@pytest.mark.parametrize("at", [1, 7, 20, 33])
def test_restored_state_goes_on_to_the_same_bits(at: int) -> None:
    layers = [TANH[0], "batch_norm", {"type": "dropout", "p": 0.3}, TANH[1]]
    make = lambda: built(signs(), layers, r=2, batch=4, dtype=np.float32, optimizer="adam", test_period=12)  # noqa: E731
    straight, first, second = make(), make(), make()
    for _ in range(at):
        straight.turn(), first.turn()
    second.restore({k: np.array(v) for k, v in first.state().items()})
    second.streams.restore(first.streams.state())
    for _ in range(15):
        a, b = straight.turn(measure=True), second.turn(measure=True)
        np.testing.assert_array_equal(a["loss"]["network"], b["loss"]["network"])
    np.testing.assert_array_equal(straight.player.network.theta, second.player.network.theta)


def test_each_replicate_is_the_single_run_with_its_seed() -> None:
    together = built(signs(), TANH, r=3, dtype=np.float32)
    for _ in range(30):
        together.turn()
    report = together.report()
    for r in range(3):
        game = Classification.of(
            {
                "type": "classification",
                "network": {"layers": TANH, "optimizer": {"type": "gradient_descent", "eta": 0.1}},
            }
        )
        game.build(signs(), 1, Streams(3 + r, 1), np.float32)
        for _ in range(30):
            game.turn()
        np.testing.assert_array_equal(game.player.network.theta[0], together.player.network.theta[r])
        assert game.report()["test_success"][0] == report["test_success"][r]


def test_confusion_counts_who_is_taken_for_whom() -> None:
    game = built(classes(n=30), [{"type": "dense", "units": 3}])
    answers = np.eye(3)[(game.test_classes + 1) % 3][None]
    told = confusion(game, answers)
    counts = np.bincount(game.test_classes, minlength=3)
    np.testing.assert_array_equal(told, np.roll(np.diag(counts), 1, axis=1))
    assert told.sum() == 30


def test_few_examples_are_of_all_classes() -> None:
    """Tables are often sorted: the first ones would all be of one class."""
    y = np.arange(60) // 20
    x = np.eye(3)[y] + 0.01 * np.random.default_rng(0).standard_normal((60, 3))
    game = built(Split(Examples(x, y), Examples(x, y)), [{"type": "dense", "units": 3}])
    game.player.network.theta[...] = np.concatenate([np.eye(3).ravel(), np.zeros(3)])
    told, answers = scores(game, 12, 0)
    assert list(told["class_success"]) == ["0", "1", "2"]
    assert told["test_success"]["mean"] == told["train_success"]["mean"] == 1
    np.testing.assert_array_equal(np.array(told["confusion"]), np.diag(np.diag(told["confusion"])))
    assert answers.shape[1] == 12
    assert mistakes(game, answers)[1] == []


def test_mistakes_come_worst_first() -> None:
    x = np.zeros((4, 2, 2, 1), np.uint8)
    y = np.array([0, 1, 0, 1])
    data = Split(Examples(x, y), Examples(x, y))
    game = built(data, [{"type": "dense", "units": 2}])
    answers = np.array([[[0.2, 0.8], [0.1, 0.9], [0.0, 2.0], [0.6, 0.5]]])
    images, labels = mistakes(game, answers)
    assert labels == ["0 → 1", "0 → 1", "1 → 0"]
    assert images.shape == (3, 2, 2, 1)


def test_the_worst_mistake_of_one_output_is_the_surest() -> None:
    x, y = np.zeros((2, 2, 2, 1), np.uint8), np.array([0, 1])
    data = Split(Examples(x, y), Examples(x, y))
    game = built(data, [{"type": "dense", "units": 1}], loss="binary_cross_entropy")
    _, labels = mistakes(game, np.array([[[1.5], [-1.0]]]))  # sure to 82 % and to 73 %
    assert labels == ["0 → 1", "1 → 0"]


@pytest.mark.parametrize("loss", ["quadratic", "softmax_cross_entropy"])
def test_a_network_that_is_gone_is_right_in_nothing(loss: str) -> None:
    game = built(classes(), [{"type": "dense", "units": 3}], r=2, loss=loss)
    game.player.network.theta[0] = np.nan
    answers = game.answers(game.test, game.fixed())[0]
    assert game.report()["test_success"][0] == 0
    assert not game.report()["class_success"][0].any()
    np.testing.assert_array_equal(confusion(game, answers), confusion(game, answers[1:]))
    assert confusion(game, answers[:1]).sum() == 0


def test_map_of_two_outputs_is_coloured_by_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spans = []
    monkeypatch.setattr("dessine.plots.maps.save_map", lambda *args: spans.append(args[-1]))
    for units in (2, 1):
        game = built(signs(), [{"type": "dense", "units": units}], targets=[-1.0, 1.0])
        game.show(tmp_path / "map.png", Context("t", 0, 0))
    assert spans == [(0, 1), (-1, 1)]


def test_summary_counts_the_repeats_that_have_learnt() -> None:
    game = built(signs(), TANH, r=4, learned=0.8)
    told = game.summary([{"test_success": [0.9, 0.8, 0.5, None]}])
    assert told["learned"]["count"] == 2
    assert told["learned"]["share"] == 0.5
    assert told["test_success"]["mean"] == pytest.approx(0.55)


@pytest.mark.parametrize(
    ("data", "layers", "options", "says"),
    [
        (classes(), [{"type": "dense", "units": 4}], {}, "3 classes"),
        (signs(), [{"type": "dense", "units": 1}], {"loss": "softmax_cross_entropy"}, "binary_cross_entropy"),
        (signs(), [{"type": "dense", "units": 1}], {"targets": [1.0, 0.0]}, "wrong below right"),
        (signs(), [{"type": "dense", "units": 1, "activation": "sigmoid"}], {}, "aim at -1 and 1, but a sigmoid"),
        (classes(), [{"type": "dense", "units": 3, "activation": "relu"}], {"targets": [-1.0, 1.0]}, "a relu gives nothing"),
        (signs(), [{"type": "dense", "units": 1}], {"targets": [-0.5, 0.5]}, "aim at -1 and 1"),
        (signs(), [{"type": "dense", "units": 2}], {"targets": [-1.0, 1.0], "loss": "softmax_cross_entropy"}, "0 and 1"),
        (Split(Examples(np.zeros((5, 2)), None), Examples(np.zeros((5, 2)), None)), TANH, {}, "no labels"),
    ],
)
def test_what_does_not_fit_is_refused(data: Split, layers: list[Any], options: dict[str, Any], says: str) -> None:
    with pytest.raises(SpecError, match=says):
        built(data, layers, **options)


def test_evaluation_tells_success_by_class_and_leaves_training_alone(tmp_path: Path) -> None:
    game = built(classes(), [{"type": "dense", "units": 3}, {"type": "dropout", "p": 0.5}], r=2, batch=10)
    game.turn()
    before = game.streams.state(), game.player.network.theta.copy()
    scores = game.evaluate(1000, 0, tmp_path, Context("t", 0, 1))
    assert scores["test_success"]["count"] == 2
    assert scores["test_success"]["examples"] == 60
    assert scores["test_success"]["mean"] == pytest.approx(game.report()["test_success"].mean())
    assert sum(map(sum, scores["confusion"])) == 60
    assert game.streams.state() == before[0]
    np.testing.assert_array_equal(game.player.network.theta, before[1])


def test_learning_is_shown_from_before_the_first_step() -> None:
    game = built(signs(), TANH, r=2)
    first = {key: value for key, value in game.report().items() if key in ("test_success", "test_loss")}
    for _ in range(20):
        game.turn()
    now = game.player.network.theta.copy()
    told = at_start(game)
    assert (told["step"], told["examples"]) == (0, 0)
    for key, value in first.items():
        np.testing.assert_array_equal(told[key], value)
    np.testing.assert_array_equal(game.player.network.theta, now)


def test_weights_are_shown_as_what_learning_has_changed() -> None:
    x, y = np.random.default_rng(0).integers(0, 256, (8, 2, 2, 1), np.uint8), np.array([0, 1] * 4)
    game = built(Split(Examples(x, y), Examples(x, y)), [{"type": "dense", "units": 2, "init": "gaussian"}])
    moved = first_weights(game)
    assert moved is not None
    assert not moved.any()
    game.turn()
    moved = first_weights(game)
    assert moved is not None
    assert moved.any()


@pytest.mark.parametrize("units", [1, 2])
def test_one_class_is_nothing_to_tell_apart(units: int) -> None:
    points = Examples(np.random.default_rng(0).normal(size=(20, 2)), np.zeros(20))
    with pytest.raises(SpecError, match="one class only"):
        built(Split(points, points), [{"type": "dense", "units": units}])


def test_with_a_validation_part_the_lines_tell_of_it_and_the_test_is_looked_at_at_the_end() -> None:
    game = Experiment.of(
        {
            "data": {"type": "xor", "points": 60, "test_points": 40, "validation": 0.5},
            "game": {"type": "classification", "network": {"layers": [{"type": "dense", "units": 1, "activation": "tanh"}]}},
            "training": {"steps": 4, "batch_size": 5},
        }
    )
    game.build()
    told = game.game.report()
    assert {"validation_success", "validation_loss"} <= set(told)
    assert not {"test_success", "test_loss"} & set(told)
    assert game.game.goals == {"validation_success": "max", "validation_loss": "min"}
    assert set(game.game.tested()) == {"test_success", "test_loss"}
    record = {"step": 4, "validation_success": 0.5, "class_success": [0.5, 0.5]}
    assert game.game.summary([record])["learned"]["count"] == 0
    assert game.game.summary([record | {"test_success": 0.95}])["learned"]["count"] == 1


def test_a_class_that_is_in_the_validation_part_alone_is_a_class() -> None:
    def part(*labels: int) -> Examples:
        return Examples(np.zeros((len(labels), 2)), np.array(labels))

    game = built(Split(part(0, 1), part(0, 1, 2), validation=part(2)), [{"type": "dense", "units": 3}])
    assert game.classes.tolist() == [0, 1, 2]

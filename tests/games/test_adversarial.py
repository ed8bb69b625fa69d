"""The adversarial game: who changes in whose move, on what labels, how often; and that a repeat is its own run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dessine.data import Examples, Split
from dessine.games import Adversarial, Context, Latent, Moves, Player
from dessine.games.pictures.classes import save_classes
from dessine.games.pictures.losses import ignorant
from dessine.losses import sigmoid
from dessine.nn import Mode
from dessine.registry import SpecError
from dessine.streams import Streams

Array = np.ndarray
DENSE = {"type": "dense", "units": 6, "activation": "leaky_relu"}
FULL: list[Any] = [DENSE, "batch_norm", {"type": "noise", "size": 2}, {"type": "dropout", "p": 0.25}]
"""Everything that draws, and all that has running statistics."""


def split(n: int = 40, shape: tuple[int, ...] = (2,)) -> Split:
    x = np.random.default_rng(0).uniform(-1, 1, (n, *shape))
    if len(shape) == 3:
        x = np.random.default_rng(0).integers(0, 256, (n, *shape), dtype=np.uint8)
    examples = Examples(x, None, -1.0, 1.0)
    return Split(examples, examples)


def made(
    seed: int = 0,
    replicates: int = 1,
    dtype: Any = np.float64,
    hidden: list[Any] = FULL,
    last: Any = "linear",
    batch_size: int = 8,
    data: Split | None = None,
    optimizer: Any = "adam",
    **options: Any,
) -> Adversarial:
    data = data or split()
    size = int(np.prod(data.train.shape))
    g = Player([*hidden, {"type": "dense", "units": size, "activation": "tanh"}], optimizer)
    d = Player([*hidden, {"type": "dense", "units": 1, "activation": last}], optimizer)
    game = Adversarial(g, d, latent=Latent(3), **options)
    game.build(data, batch_size, Streams(seed, replicates), dtype)
    return game


def contents(player: Player) -> dict[str, Array]:
    """All that training changes, and the gradients, which no move may leave behind."""
    kept = {name: np.array(value) for name, value in player.state().items()}
    return kept | {"grad": player.network.grad.copy()}


def assert_same(a: dict[str, Array], b: dict[str, Array]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def watched(game: Adversarial, on_move: Callable[[str], None]) -> None:
    """Call `on_move(name)` after each move of either player."""
    for name, player in game.players.items():

        def move(name: str = name, move: Any = player.move) -> None:
            move()
            on_move(name)

        player.move = move  # type: ignore[method-assign]


@pytest.mark.parametrize(
    "options", [{"n_critic": 2}, {"moves": Moves(real=1, shared=1, generated=1, alone=1)}], ids=["n_critic", "moves"]
)
@pytest.mark.parametrize("loss", ["minimax", "non_saturating"])
def test_a_move_leaves_the_other_player_unchanged(options: dict[str, Any], loss: str) -> None:
    game = made(loss=loss, **options)
    now = {name: contents(player) for name, player in game.players.items()}
    seen: list[str] = []

    def check(mover: str) -> None:
        for name, player in game.players.items():
            after = contents(player)
            if name != mover:
                assert_same(after, now[name])
            else:
                assert not np.array_equal(after["theta"], now[name]["theta"])
                assert not after["grad"].any()
            now[name] = after
        seen.append(mover)

    watched(game, check)
    for _ in range(2):
        game.turn()
    assert set(seen) == {"discriminator", "generator"}


def counted(game: Adversarial) -> dict[str, int]:
    moves = dict.fromkeys(game.players, 0)
    watched(game, lambda name: moves.__setitem__(name, moves[name] + 1))
    game.turn()
    return moves


@pytest.mark.parametrize("n_critic", [1, 3])
def test_n_critic_moves_of_the_discriminator_for_one_of_the_generator(n_critic: int) -> None:
    game = made(n_critic=n_critic)
    assert counted(game) == {"discriminator": n_critic, "generator": 1}
    assert {name: player.optimizer.t for name, player in game.players.items()} == {"discriminator": n_critic, "generator": 1}
    assert game.batches.cursor == n_critic * 8  # each on a batch of its own


@pytest.mark.parametrize(
    ("moves", "discriminator", "generator", "batches"),
    [
        ({"real": 1, "shared": 1, "generated": 0, "alone": 0}, 2, 1, 1),
        ({"real": 2, "shared": 1, "generated": 1, "alone": 3}, 4, 4, 2),
        ({"real": 0, "shared": 0, "generated": 2, "alone": 1}, 2, 1, 0),
        ({"real": 1, "shared": 2, "generated": 0, "alone": 0}, 3, 2, 1),
    ],
)
def test_ratios_are_counts_of_moves(moves: dict[str, int], discriminator: int, generator: int, batches: int) -> None:
    game = made(moves=moves)
    assert counted(game) == {"discriminator": discriminator, "generator": generator}
    assert game.batches.cursor == 8 * batches


def test_shared_move_judges_the_images_that_were_shown() -> None:
    game = made(moves={"real": 1, "shared": 1}, hidden=[DENSE])
    shown: list[Array] = []
    forward = game.discriminator.network.forward

    def watch(x: Array, mode: Any = None) -> Any:
        shown.append(x.copy())
        return forward(x, mode)

    game.discriminator.network.forward = watch  # type: ignore[method-assign]
    game.turn()
    _, by_generator, by_discriminator = shown
    np.testing.assert_array_equal(by_generator, by_discriminator)


def labels(game: Adversarial, truth: float, n: int = 20_000) -> Array:
    """What the discriminator is told of real (1) or generated (0) examples."""
    return game.told(truth, n)


def test_plain_labels_are_one_and_zero() -> None:
    game = made()
    assert (labels(game, 1.0) == 1).all()
    assert (labels(game, 0.0) == 0).all()


def test_labels_of_real_examples_fill_their_interval() -> None:
    game = made(real_labels=[0.7, 1.0])
    real = labels(game, 1.0)
    assert real.shape == (1, 20_000, 1)
    assert 0.7 <= real.min() < 0.701
    assert 0.999 < real.max() <= 1.0
    np.testing.assert_allclose(real.mean(), 0.85, atol=0.003)
    assert (labels(game, 0.0) == 0).all()  # one-sided


def test_interval_of_one_point_is_that_label() -> None:
    assert (labels(made(real_labels=[0.9, 0.9]), 1.0) == 0.9).all()


@pytest.mark.parametrize("p", [0.0, 0.1, 1.0])
def test_labels_are_swapped_with_the_given_probability(p: float) -> None:
    game = made(label_swap=p)
    for truth in (1.0, 0.0):
        told = labels(game, truth)
        assert set(np.unique(told)) <= {0.0, 1.0}
        np.testing.assert_allclose((told != truth).mean(), p, atol=4 * np.sqrt(p * (1 - p) / told.size))


def test_swapped_and_smoothed_labels_lie_in_the_interval_or_at_zero() -> None:
    real = labels(made(label_swap=0.2, real_labels=[0.7, 1.0]), 1.0)
    assert ((real >= 0.7) | (real == 0)).all()
    np.testing.assert_allclose((real == 0).mean(), 0.2, atol=0.02)


@pytest.mark.parametrize("interval", [[0.7, 1.0], [0.9, 0.9]])
def test_a_swapped_generated_example_gets_the_label_of_a_real_one(interval: list[float]) -> None:
    told = labels(made(label_swap=0.2, real_labels=interval), 0.0)
    swapped = told[told != 0]
    np.testing.assert_allclose(len(swapped) / told.size, 0.2, atol=0.02)
    np.testing.assert_allclose([swapped.min(), swapped.max()], interval, atol=0.001)


def test_scores_are_of_latents_that_a_run_of_the_same_seed_has_not_learnt_from(tmp_path: Path) -> None:
    game = made(seed=0)
    seen: list[Array] = []
    draw = game.latent.draw
    game.latent.draw = lambda *args: seen.append(draw(*args)) or seen[-1]  # type: ignore[func-returns-value, method-assign]
    game.turn()
    learnt = np.concatenate(seen, 1)
    seen.clear()
    game.evaluate(16, 0, tmp_path, Context("t", 0, 1))
    assert seen
    assert not np.isin(np.concatenate(seen, 1), learnt).any()


@pytest.mark.parametrize("options", [{}, {"moves": {"real": 1, "shared": 1}}], ids=["together", "ratios"])
def test_the_discriminator_learns_from_the_labels(options: dict[str, Any]) -> None:
    """With every label swapped it learns the opposite."""
    means = {}
    for swap in (0.0, 1.0):
        game = made(hidden=[DENSE], optimizer={"type": "adam", "eta": 0.05}, label_swap=swap, **options)
        game.generator.optimizer.eta = 1e-12
        for _ in range(60):
            game.turn()
        x = game.examples.floats(np.arange(40), np.float64)[None]
        fake = game.draw(40, Streams(5))[None]
        means[swap] = [float(game.discriminator.network(v).mean()) for v in (x, fake)]
    assert means[0.0][0] > means[0.0][1]
    assert means[1.0][0] < means[1.0][1]


def test_one_pass_for_both_batches_is_the_sum_of_two() -> None:
    """Without layers that look across examples, real and generated go through together: the same move as apart."""
    together, apart = (made(hidden=[DENSE]) for _ in range(2))
    apart.discriminator.network.layers[0].mixes_examples = True
    losses = [game.turn()["loss"] for game in (together, apart)]
    for name in ("discriminator", "generator"):
        np.testing.assert_allclose(losses[0][name], losses[1][name], rtol=1e-12)
        thetas = [game.players[name].network.theta for game in (together, apart)]
        np.testing.assert_allclose(thetas[0], thetas[1], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("mu", [1.0, 0.1])
@pytest.mark.parametrize("form", ["dense", "activation"])
def test_final_sigmoid_is_read_as_its_logit(mu: float, form: str) -> None:
    """D is the same with a sigmoid written at the end, and the turn is that of the scaled logit."""
    sigmoid_mu = {"type": "sigmoid", "mu": mu}
    written, logit = (
        Adversarial(Player([DENSE, {"type": "dense", "units": 2}]), Player(layers), latent=Latent(3))
        for layers in (
            [DENSE, {"type": "dense", "units": 1, "activation": sigmoid_mu}]
            if form == "dense"
            else [DENSE, {"type": "dense", "units": 1}, {"type": "activation", "function": sigmoid_mu}],
            [DENSE, {"type": "dense", "units": 1, "activation": {"type": "linear", "slope": mu}}],
        )
    )
    for game in (written, logit):
        game.build(split(), 8, Streams(0), np.float64)
    x = game.examples.floats(np.arange(8), np.float64)[None]
    w = written.discriminator.network.parameters()
    hidden = x @ w["0.dense.w"] + w["0.dense.b"]
    a = np.maximum(hidden, 0.2 * hidden) @ w["1.dense.w"] + w["1.dense.b"]
    np.testing.assert_allclose(sigmoid(written.discriminator.network(x)), 1 / (1 + np.exp(-mu * a)), rtol=1e-12)
    scores = [game.turn(measure=True) for game in (written, logit)]
    np.testing.assert_allclose(scores[0]["d_real"]["mean"], scores[1]["d_real"]["mean"], rtol=1e-12)
    np.testing.assert_allclose(written.discriminator.network.theta, logit.discriminator.network.theta, rtol=1e-12)


def test_scores_are_those_of_the_discriminator_before_its_move() -> None:
    game, same = made(hidden=[DENSE]), made(hidden=[DENSE])
    seen = game.turn(measure=True)
    real, _ = same.batches.next(np.float64)
    d = sigmoid(same.discriminator.network(real))[..., 0]
    np.testing.assert_allclose(seen["d_real"]["mean"], d.mean(-1), rtol=1e-12)
    np.testing.assert_allclose(seen["d_real"]["std"], d.std(-1), rtol=1e-12)


@pytest.mark.parametrize("options", [{"n_critic": 2}, {"moves": {"real": 2, "shared": 1, "generated": 1, "alone": 1}}], ids=str)
def test_measuring_changes_nothing(options: dict[str, Any]) -> None:
    plain, measured = (made(replicates=2, label_swap=0.1, real_labels=[0.7, 1.0], **options) for _ in range(2))
    for _ in range(3):
        a, b = plain.turn(), measured.turn(measure=True)
        for name in a["loss"]:
            np.testing.assert_array_equal(a["loss"][name], b["loss"][name])
    for name in plain.players:
        assert_same(contents(plain.players[name]), contents(measured.players[name]))
    assert plain.streams.state() == measured.streams.state()


def test_equal_streams_draw_equal_images() -> None:
    game = made(replicates=2)
    game.turn()
    a, b, c = (game.draw(10, Streams(seed, 2)) for seed in (4, 4, 5))
    assert a.shape == (10, 2)
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)
    assert not np.array_equal(a, game.draw(10, Streams(4, 2), replicate=1))


def test_an_image_does_not_depend_on_those_drawn_with_it() -> None:
    game = made(hidden=[DENSE, "batch_norm", {"type": "dropout", "p": 0.5}])
    for _ in range(3):
        game.turn()
    np.testing.assert_allclose(game.draw(10, Streams(4))[:3], game.draw(3, Streams(4)), rtol=1e-12)


def test_drawing_leaves_training_unaffected() -> None:
    plain, drawn = made(), made()
    for _ in range(3):
        drawn.draw(7, Streams(9))
        plain.turn()
        drawn.turn()
    for name in plain.players:
        assert_same(contents(plain.players[name]), contents(drawn.players[name]))
    assert plain.streams.state() == drawn.streams.state()


SMALL = {"hidden": FULL, "batch_size": 5}
LARGE = {"hidden": [{"type": "dense", "units": 90, "activation": "relu"}, "batch_norm"], "data": split(30, (8, 8, 1))}


@pytest.mark.parametrize(
    "sizes", [SMALL, LARGE, LARGE | {"batch_size": 1, "hidden": LARGE["hidden"][:1]}], ids=["small", "large", "online"]
)
@pytest.mark.parametrize("options", [{"n_critic": 2}, {"moves": {"real": 2, "shared": 1, "generated": 1, "alone": 1}}], ids=str)
@pytest.mark.parametrize("optimizer", ["adam", {"type": "gradient_descent", "momentum": 0.5}], ids=str)
def test_replicate_of_a_game_is_bit_equal_to_its_single_run(
    sizes: dict[str, Any], options: dict[str, Any], optimizer: Any
) -> None:
    common = {"dtype": np.float32, "label_swap": 0.1, "real_labels": [0.7, 1.0], "optimizer": optimizer} | sizes | options
    together = made(3, 3, **common)
    metrics = [together.turn(measure=True) for _ in range(6)]
    for r in range(3):
        single = made(3 + r, 1, **common)
        for seen in metrics:
            own = single.turn(measure=True)
            for name in own["loss"]:
                assert own["loss"][name][0] == seen["loss"][name][r]
            for key in ("d_real", "d_generated"):
                assert own[key]["mean"][0] == seen[key]["mean"][r]
        for name in single.players:
            ours, theirs = together.players[name].state(), single.players[name].state()
            for key, value in theirs.items():
                np.testing.assert_array_equal(
                    ours[key][r] if np.ndim(value) else ours[key], value[0] if np.ndim(value) else value
                )
        np.testing.assert_array_equal(together.draw(4, Streams(9 - r, 3), r), single.draw(4, Streams(9), 0))


def test_replicate_that_diverges_stays_alone() -> None:
    healthy, ill = (made(replicates=3, dtype=np.float32) for _ in range(2))
    ill.generator.network.theta[1] = np.nan
    with np.errstate(invalid="ignore"):
        for _ in range(4):
            healthy.turn()
            ill.turn(measure=True)
    for name in healthy.players:
        a, b = healthy.players[name].network.theta, ill.players[name].network.theta
        np.testing.assert_array_equal(a[[0, 2]], b[[0, 2]])
        assert np.isnan(b[1]).any()


def test_restored_game_goes_on_bit_for_bit() -> None:
    def fresh() -> Adversarial:
        return made(replicates=2, dtype=np.float32, label_swap=0.1, n_critic=2)

    straight, again = fresh(), fresh()
    for _ in range(4):  # past the end of an epoch
        straight.turn()
    state = {name: np.array(value) for name, value in straight.state().items()}
    streams = straight.streams.state()
    for _ in range(6):
        straight.turn()
    again.restore(state)
    again.streams.restore(streams)
    for _ in range(6):
        again.turn()
    for name in straight.players:
        assert_same(contents(straight.players[name]), contents(again.players[name]))
    assert straight.streams.state() == again.streams.state()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: made(real_labels=[0.9, 0.7]), r"^real_labels: .*interval"),
        (lambda: made(real_labels=[0.9]), r"^real_labels: .*interval"),
        (lambda: made(n_critic=2, moves=Moves()), r"^moves: .*not both"),
        (lambda: made(moves={"real": 0, "shared": 0, "alone": 1}), "both players must move"),
        (lambda: made(moves={"real": 1, "shared": 0}), "both players must move"),
        (lambda: made(batch_size=50), "50"),
    ],
)
def test_settings_that_make_no_game_are_refused(build: Callable[[], Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        build()


def test_players_that_do_not_fit_the_data_are_refused() -> None:
    wide, two = Player([{"type": "dense", "units": 3}]), Player([{"type": "dense", "units": 2}])
    one = Player([{"type": "dense", "units": 1}])
    with pytest.raises(SpecError, match=r"^generator\.layers: .*3 numbers.*2"):
        Adversarial(wide, one).build(split(), 8, Streams(0), np.float32)
    fits, one = Player([{"type": "dense", "units": 2}]), Player([{"type": "dense", "units": 1}])
    with pytest.raises(SpecError, match=r"^discriminator\.layers: .*one output.*2"):
        Adversarial(fits, two).build(split(), 8, Streams(0), np.float32)


@pytest.mark.parametrize("distribution", ["gaussian", "uniform"])
def test_latent_has_its_size_and_distribution(distribution: Any) -> None:
    z = Latent(30, distribution).draw(Streams(0, 2), 500, np.float32)
    assert (z.shape, z.dtype) == ((2, 500, 30), np.float32)
    np.testing.assert_allclose(z.mean((1, 2)), 0, atol=0.04)
    np.testing.assert_allclose(z.std((1, 2)), 1 if distribution == "gaussian" else 1 / np.sqrt(3), rtol=0.03)
    if distribution == "uniform":
        assert np.abs(z).max() <= 1


def test_an_epoch_is_as_many_turns_as_show_every_example_once() -> None:
    assert made().turns_per_epoch() == 5
    assert made(n_critic=5).turns_per_epoch() == 1
    assert made(moves={"real": 2, "shared": 1}).turns_per_epoch() == 2.5


@pytest.mark.parametrize("last", ["linear", "sigmoid"])
def test_probes_have_the_gradients_of_their_losses(last: str) -> None:
    game = made(replicates=2, last=last)
    for probe in game.probes():
        net, rng = probe.network, np.random.default_rng(0)
        state = game.streams.state()

        def loss(gradient: bool, probe: Any = probe, state: Any = state) -> Array:
            game.streams.restore(state)
            return probe.loss(Mode(game.streams, record=False), gradient)

        net.grad.fill(0)
        np.testing.assert_array_equal(loss(True), loss(False))
        grad, start = net.grad.copy(), net.theta.copy()
        for _ in range(5):
            u, h = rng.standard_normal(start.shape), 1e-6
            values = []
            for step in (h, -h):
                net.theta[...] = start + step * u
                values.append(loss(False))
            net.theta[...] = start
            np.testing.assert_allclose((values[0] - values[1]) / (2 * h), (grad * u).sum(-1), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(
    ("options", "known"),
    [
        ({"loss": "non_saturating"}, {"discriminator": 2 * np.log(2), "generator": np.log(2)}),
        ({"loss": "minimax"}, {"discriminator": 2 * np.log(2), "generator": -np.log(2)}),
        ({"loss": "least_squares"}, {"discriminator": 0.25, "generator": 0.125}),
        ({"loss": "hinge"}, {"discriminator": 2.0}),
        ({"loss": "wasserstein"}, {"discriminator": 0.0}),
        ({"unrolled": {"steps": 1}, "hidden": [DENSE]}, {"discriminator": 2 * np.log(2)}),
    ],
    ids=["non_saturating", "minimax", "least_squares", "hinge", "wasserstein", "unrolled"],
)
def test_pictures_show_the_losses_of_a_discriminator_that_knows_nothing(
    options: dict[str, Any], known: dict[str, float]
) -> None:
    assert ignorant(made(**options)) == pytest.approx(known, abs=1e-4)


def test_a_picture_on_the_way_changes_no_step(tmp_path: Path) -> None:
    shown, plain = made(replicates=2, average=0.9), made(replicates=2, average=0.9)
    shown.show(tmp_path / "a.png", Context("t", 0, 0))
    save_classes(shown, tmp_path / "b.png", "t")
    for game in (shown, plain):
        game.turn()
    assert_same(contents(shown.generator), contents(plain.generator))


@pytest.mark.parametrize(
    ("options", "path", "text"),
    [
        ({"label_swap": 0.1}, ("label_swap",), "no labels to swap"),
        ({"real_labels": [0.9, 0.9]}, ("real_labels",), "no labels to smooth"),
        ({"moves": {}}, ("moves",), "in one move: take n_critic"),
    ],
)
def test_what_needs_one_side_alone_is_refused_where_examples_are_compared(options, path, text):
    layers = [{"type": "dense", "units": 1}]
    with pytest.raises(SpecError, match=text) as caught:
        Adversarial(Player(layers), Player(layers), loss="relativistic", **options)
    assert caught.value.problems[0].path == path

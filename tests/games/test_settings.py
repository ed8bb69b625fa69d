"""Every setting of the adversarial game keeps the game's promises: resumed, repeated and measured runs are the same run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dessine.data import Examples, Split
from dessine.games import Adversarial, Context, Latent, Player
from dessine.games.jacobian import Jacobian
from dessine.games.measures.glance import glance
from dessine.games.measures.steepness import points as points_of
from dessine.games.player import measured
from dessine.games.remedies import packed, unpacked
from dessine.games.watch import _traced
from dessine.nn import Mode
from dessine.registry import SpecError
from dessine.streams import Streams

Array = np.ndarray
DENSE = {"type": "dense", "units": 6, "activation": "leaky_relu"}
DRAWS: list[Any] = [{"type": "noise", "size": 2}, {"type": "dropout", "p": 0.25}]
PLATEAU = {"type": "plateau", "most": 5, "window": 2, "tolerance": 0.0}

SETTINGS: dict[str, dict[str, Any]] = {
    "simultaneous": {"update": "simultaneous"},
    "generator_first": {"update": {"type": "descent", "first": "generator"}, "n_critic": 2, "critic_warmup": 1},
    "optimistic": {"update": "optimistic", "average": 0.9},
    "optimistic_in_turn": {
        "update": {"type": "optimistic", "order": "alternating"},
        "n_critic": 2,
        "constraint": "spectral_norm",
    },
    "consensus": {
        "update": "consensus",
        "average": 0.9,
        "instance_noise": {"sigma": 0.2},
        "pack": 2,
        "real_labels": [0.5, 1.0],
    },
    "consensus_in_turn": {
        "update": {"type": "consensus", "order": "alternating", "weight": 0.1},
        "loss": "relativistic",
        "n_critic": 2,
        "constraint": "spectral_norm",
    },
    "limit": {"optimizer": {"type": "adam", "limit": 0.3}, "n_critic": 2},
    "extragradient": {"update": "extragradient", "average": 0.9, "loss": "wasserstein", "constraint": "gradient_penalty"},
    "extragradient_in_turn": {
        "update": {"type": "extragradient", "by": "descent", "second": "same", "order": "alternating", "first": "generator"},
        "constraint": "spectral_norm",
        "n_critic": 2,
    },
    "critic_warmup": {"critic_warmup": 3},
    "critic_extra": {"critic_extra": {"moves": 3, "first": 1, "every": 2}},
    "until": {"until": PLATEAU},
    "instance_noise": {"instance_noise": {"sigma": 0.3, "until": 5}},
    "pack": {"pack": 2},
    "feature_matching": {"feature_matching": {"layer": 0}},
    "unrolled": {"unrolled": {"steps": 2}},
    "average": {"average": 0.9},
    "rotation_pairs": {"rotation_pairs": 2},
    "moves": {"moves": {"real": 2, "shared": 1, "generated": 1, "alone": 1}, "average": 0.9, "pack": 2},
    **{loss: {"loss": loss} for loss in ("minimax", "non_saturating", "least_squares", "hinge", "wasserstein", "relativistic")},
    **{name: {"loss": "wasserstein", "constraint": name} for name in ("clip", "rescale", "spectral_norm", "gradient_penalty")},
    **{name: {"loss": "relativistic", "constraint": name} for name in ("r1", "r2", "r1_r2")},
    "relativistic, simultaneous": {"loss": "relativistic", "update": "simultaneous", "pack": 2, "rotation_pairs": 1},
    "relativistic, unrolled": {"loss": "relativistic", "unrolled": {"steps": 2}, "n_critic": 2},
    "much": {
        "critic_warmup": 2,
        "instance_noise": {"sigma": 0.1},
        "pack": 2,
        "average": 0.9,
        "rotation_pairs": 1,
        "n_critic": 2,
        "loss": "hinge",
        "feature_matching": {"layer": 2},
        "constraint": "spectral_norm",
    },
}
TOLD = {f"told, {name}": options | {"told": True, "pack": 1} for name, options in SETTINGS.items() if name != "pack"}
ASKED = {
    f"{name}, {loss}": {"auxiliary": task, "told": name == "classifier", "loss": loss}
    for name, task in (("classifier", "classifier"), ("code", {"type": "code", "categorical": [3, 2], "continuous": 1}))
    for loss in ("non_saturating", "hinge", "wasserstein", "relativistic")
}
SETTINGS |= TOLD | ASKED
SETTINGS |= {
    "classifier, moves": {
        "auxiliary": {"type": "classifier", "on": "real"},
        "moves": {"real": 2, "shared": 1, "generated": 1},
        "labelled": True,
    },
    "classifier, much": {
        "auxiliary": "classifier",
        "labelled": True,
        "constraint": "r1_r2",
        "n_critic": 2,
        "update": {"type": "extragradient", "order": "alternating"},
        "average": 0.9,
    },
    "code, much": {
        "auxiliary": "code",
        "constraint": "spectral_norm",
        "n_critic": 2,
        "update": {"type": "optimistic", "order": "alternating"},
        "average": 0.9,
    },
}
REPEATED = {name: options for name, options in SETTINGS.items() if "until" not in options}


def points(n: int = 40, shape: tuple[int, ...] = (2,), labelled: bool = False) -> Split:
    y = np.array([7, 3, 3, 9])[np.arange(n) % 4] if labelled else None
    examples = Examples(np.random.default_rng(0).uniform(-1, 1, (n, *shape)), y, -1.0, 1.0)
    return Split(examples, examples)


def made(
    seed: int = 0,
    replicates: int = 1,
    dtype: Any = np.float64,
    data: Split | None = None,
    constraint: Any = None,
    optimizer: Any = "adam",
    critic: list[Any] | None = None,
    told: bool = False,
    labelled: bool = False,
    auxiliary: Any = None,
    **options: Any,
) -> Adversarial:
    """told: both players are told classes, by every layer that there is for it."""
    data = data or points(labelled=told or labelled)
    normalised = (
        [] if constraint in ("gradient_penalty", "r1", "r2", "r1_r2") else ["batch_norm"]
    )  # which mixes what it must see one by one
    task = auxiliary.get("type") if isinstance(auxiliary, dict) else auxiliary
    answers = {"classifier": 3, "code": 6 if isinstance(auxiliary, dict) else 12}.get(task, 0)
    if told and not critic:
        normalised = ["conditional_batch_norm"] if normalised else []
        held = {"type": "residual", "layers": ["embedding"]}
        end = "projection" if auxiliary is None else {"type": "dense", "units": 1 + answers}
        critic = ["condition", DENSE, *normalised, *DRAWS, held, end]
    critic = critic or [DENSE, *normalised, *DRAWS, {"type": "dense", "units": 1 + answers}]
    size = int(np.prod(data.train.shape))
    begin = [{"type": "embedding", "how": "concatenate", "size": 2}, "condition", DENSE, "conditional_batch_norm"]
    begin = begin if told else [DENSE, "batch_norm"]  # type: ignore[list-item]
    g = Player([*begin, *DRAWS, {"type": "dense", "units": size, "activation": "tanh"}], optimizer)  # type: ignore[list-item]
    critics = Player(critic, optimizer, constraint)
    game = Adversarial(g, critics, latent=Latent(3), scored=20, auxiliary=auxiliary, **options)
    game.build(data, 8, Streams(seed, replicates), dtype)
    return game


def contents(game: Adversarial) -> dict[str, Any]:
    """All that the next turn depends on, and the gradients, which no move may leave behind."""
    kept: dict[str, Any] = {name: np.array(value) for name, value in game.state().items()}
    kept |= {f"{name}.grad": player.network.grad.copy() for name, player in game.players.items()}
    return kept


def assert_same(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def rows(told: Any, r: int) -> Any:
    """What metrics say of replicate r."""
    return {key: rows(value, r) for key, value in told.items()} if isinstance(told, dict) else told[r]


def counted(game: Adversarial, turns: int) -> list[int]:
    """The discriminator's moves in each turn."""
    made, move = [0], game.discriminator.move

    def count() -> None:
        made[0] += 1
        move()

    game.discriminator.move = count  # type: ignore[method-assign]
    found = []
    for _ in range(turns):
        made[0] = 0
        game.turn()
        found.append(made[0])
    return found


@pytest.mark.parametrize("name", SETTINGS)
def test_a_restored_game_goes_on_bit_for_bit(name: str) -> None:
    straight, again = (made(dtype=np.float32, **SETTINGS[name]) for _ in range(2))
    for _ in range(3):
        straight.turn()
    state, streams = {key: np.array(value) for key, value in straight.state().items()}, straight.streams.state()
    again.restore(state)
    again.streams.restore(streams)
    for _ in range(4):
        a, b = straight.turn(measure=True), again.turn(measure=True)
        assert_same(a["loss"], b["loss"])
    assert_same(contents(straight), contents(again))
    assert straight.streams.state() == again.streams.state()


@pytest.mark.parametrize("name", REPEATED)
def test_a_replicate_is_its_single_run_bit_for_bit(name: str) -> None:
    together = made(5, 3, np.float32, **REPEATED[name])
    told = [together.turn(measure=True) for _ in range(3)] + [together.report()]
    for r in (0, 2):
        single = made(5 + r, 1, np.float32, **REPEATED[name])
        for seen, alone in zip(told, [*(single.turn(measure=True) for _ in range(3)), single.report()], strict=True):
            assert_deep(rows(seen, r), rows(alone, 0), exact=("loss", "w_estimate"))
        ours, theirs = contents(together), contents(single)
        for key, value in theirs.items():
            one = ours[key][r] if np.ndim(value) else ours[key]
            np.testing.assert_array_equal(one, value[0] if np.ndim(value) else value, err_msg=key)


def test_how_far_the_field_turns_is_that_of_the_single_run_on_a_line_too() -> None:
    """One number each: views of one batch for all repeats would lie in memory, and be summed, otherwise."""
    critic = [{"type": "dense", "units": 6, "activation": "tanh"}, {"type": "dense", "units": 1}]
    together, single = (made(4, n, np.float32, points(shape=(1,)), critic=critic) for n in (3, 1))
    w = np.random.default_rng(0).normal(size=(1, sum(p.network.theta.shape[1] for p in single.players.values())))
    np.testing.assert_array_equal(Jacobian(together).along(w.repeat(3, 0))[0], Jacobian(single).along(w)[0])


def test_the_estimate_of_w_is_there_with_moves_of_one_side_too() -> None:
    seen = made(loss="wasserstein", constraint="clip", moves={"real": 1, "shared": 1}).turn(measure=True)
    np.testing.assert_array_equal(seen["w_estimate"], seen["d_real"]["mean"] - seen["d_generated"]["mean"])


def test_features_whose_means_say_nothing_are_not_matched() -> None:
    with pytest.raises(SpecError, match="same for any batch"):
        made(feature_matching={"layer": 1})


@pytest.mark.parametrize("name", SETTINGS)
def test_turns_played_again_layer_by_layer_are_the_same_turns(name: str) -> None:
    straight, watched = (made(dtype=np.float32, **SETTINGS[name]) for _ in range(2))
    for _ in range(3):
        straight.turn()
        with _traced(watched, {}):
            watched.turn()
    assert_same(contents(straight), contents(watched))


def assert_deep(a: Any, b: Any, exact: tuple[str, ...], path: str = "") -> None:
    if isinstance(a, dict):
        assert a.keys() == b.keys(), path
        for key in a:
            assert_deep(a[key], b[key], exact, f"{path}.{key}")
    elif path.split(".")[1] in exact:
        assert a == b, path
    else:
        np.testing.assert_array_equal(a, b, err_msg=path)


@pytest.mark.parametrize("name", SETTINGS)
def test_measuring_and_reporting_change_nothing(name: str) -> None:
    plain, measured = (made(dtype=np.float32, **SETTINGS[name]) for _ in range(2))
    for _ in range(3):
        plain.turn()
        measured.turn(measure=True)
        measured.report()
    assert_same(contents(plain), contents(measured))
    assert plain.streams.state() == measured.streams.state()


@pytest.mark.parametrize("name", SETTINGS)
def test_the_move_of_the_generator_leaves_the_discriminator_unchanged(name: str) -> None:
    game = made(**SETTINGS[name])
    for _ in range(2):
        game.turn()
        before = contents(game)
        with measured(game.players):
            game.generator_look().learn()
        after = contents(game)
        kept = [key for key in before if key.startswith("discriminator")]
        assert_same({key: before[key] for key in kept}, {key: after[key] for key in kept})
        assert not after["discriminator.grad"].any()
        assert not np.array_equal(before["generator.theta"], after["generator.theta"])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"critic_warmup": 4}, [5, 1, 1]),
        ({"critic_warmup": 4, "n_critic": 2}, [6, 2, 2]),
        ({"critic_extra": {"moves": 5, "first": 2, "every": 4}}, [5, 5, 1, 5, 1, 1, 1, 5]),
        ({"critic_extra": {"moves": 5, "first": 1, "every": 0}, "n_critic": 3, "critic_warmup": 1}, [6, 3, 3]),
    ],
    ids=str,
)
def test_the_moves_of_the_critic_are_counted(options: dict[str, Any], expected: list[int]) -> None:
    assert counted(made(**options), len(expected)) == expected


def test_a_resumed_game_does_not_warm_up_again() -> None:
    game, again = (made(critic_warmup=4) for _ in range(2))
    game.turn()
    again.restore({key: np.array(value) for key, value in game.state().items()})
    assert counted(again, 2) == [1, 1]


@pytest.mark.parametrize("warmup", [0, 9])
def test_until_plateau_never_exceeds_its_bound(warmup: int) -> None:
    game = made(until=PLATEAU, n_critic=2, critic_warmup=warmup, optimizer={"type": "adam", "eta": 0.05})
    moves = counted(game, 8)
    moves[0] -= warmup
    assert all(4 <= n <= 5 for n in moves), moves  # two windows at least
    seen = game.turn(measure=True)
    assert 4 <= seen["critic_moves"][0] <= 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"moves": {}, "critic_warmup": 1}, r"^moves: .*critic_warmup"),
        ({"moves": {}, "critic_extra": {}}, r"^moves: .*critic_extra"),
        ({"moves": {}, "until": "plateau"}, r"^moves: .*until"),
        ({"moves": {}, "constraint": "gradient_penalty"}, r"^moves: .*penalty"),
        ({"loss": "wasserstein", "real_labels": [0.7, 1.0]}, r"^real_labels: .*wasserstein"),
        ({"unrolled": {}, "constraint": "clip"}, r"^unrolled: .*constraint"),
        ({"unrolled": {}, "feature_matching": {}}, r"^unrolled: .*feature_matching"),
        ({"unrolled": {}, "critic": [{"type": "maxout", "units": 1}]}, r"^discriminator\.layers\[0\]: second .*maxout"),
        ({"until": PLATEAU, "replicates": 2}, r"^until: .*repeats 1"),
        ({"until": PLATEAU, "n_critic": 6}, r"^n_critic: 6 .*5"),
        ({"until": PLATEAU, "critic_extra": {"moves": 6}}, r"^critic_extra\.moves: 6 .*5"),
        ({"critic_extra": {"moves": 2}, "n_critic": 3}, r"^critic_extra\.moves: .*n_critic"),
        ({"rotation_pairs": 1, "critic": [{"type": "maxout", "units": 1}]}, r"^discriminator\.layers\[0\]: second .*maxout"),
        ({"pack": 3}, r"^pack: .*8.*3"),
        ({"pack": 8}, r"^pack: .*1.*batch_norm"),
        ({"pack": 4, "data": Split(points().train, points(3).test)}, r"^pack: .*3 test examples"),
        ({"feature_matching": {"layer": 9}}, r"^feature_matching\.layer: .*5 layers"),
        ({"loss": "hinge", "critic": [{"type": "dense", "units": 1, "activation": "sigmoid"}]}, r"^discriminator\.layers\[0\]"),
        ({"constraint": "gradient_penalty", "critic": [DENSE, "batch_norm", {"type": "dense", "units": 1}]}, "layer_norm"),
    ],
    ids=str,
)
def test_settings_that_contradict_each_other_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        made(**options)


@pytest.mark.parametrize("shape", [(2,), (4, 4, 1), (4, 4, 3)], ids=str)
def test_packs_are_judged_moved_and_measured(shape: tuple[int, ...]) -> None:
    critic = [{"type": "flatten"}, {"type": "dense", "units": 5, "activation": "tanh"}, {"type": "dense", "units": 1}]
    game = made(data=points(40, shape), pack=2, replicates=2, critic=critic)
    assert game.discriminator.network.input_shape == (*shape[:-1], 2 * shape[-1])
    seen = game.turn(measure=True) | game.report()
    assert np.isfinite(seen["d_real"]["mean"]).all()
    x = points_of(game, game.drawn(20, game.fixed()))["real"]
    assert x.shape == (2, 4, *shape[:-1], 2 * shape[-1])
    norms, h, f = [], 1e-6, game.discriminator.network
    for i in np.ndindex(x.shape[2:]):
        step = np.zeros(x.shape[2:])
        step[i] = h
        norms.append((f(x + step) - f(x - step))[..., 0] / (2 * h))
    expected = np.sqrt(np.square(norms).sum(0))
    np.testing.assert_allclose(seen["critic_gradient"]["real"]["mean"], expected.mean(-1), rtol=1e-6)
    np.testing.assert_allclose(seen["critic_gradient"]["real"]["max"], expected.max(-1), rtol=1e-6)


def test_w_estimate_is_what_the_critic_says_of_real_minus_of_generated() -> None:
    x = Examples(points().train.x + 2, None)  # where the generator, whose outputs end at 1, cannot follow
    options: dict[str, Any] = {"critic": [DENSE, {"type": "dense", "units": 1}], "optimizer": {"type": "adam", "eta": 0.01}}
    game = made(replicates=2, loss="wasserstein", data=Split(x, x), **options)
    seen = game.turn(measure=True)
    np.testing.assert_allclose(seen["w_estimate"], seen["d_real"]["mean"] - seen["d_generated"]["mean"], rtol=1e-12)
    np.testing.assert_allclose(seen["w_estimate"], -seen["loss"]["discriminator"], rtol=1e-12)
    for _ in range(60):
        seen = game.turn(measure=True)
    assert (seen["w_estimate"] > 0).all(), "a critic that has learnt prefers real examples"


def test_the_penalty_is_part_of_the_loss_and_not_of_the_estimate() -> None:
    game = made(loss="wasserstein", constraint="gradient_penalty", critic=[DENSE, {"type": "dense", "units": 1}])
    seen = game.turn(measure=True)
    np.testing.assert_allclose(seen["loss"]["discriminator"], seen["penalty"] - seen["w_estimate"], rtol=1e-12)


def test_a_bilinear_game_is_all_rotation_and_its_pairs_differ() -> None:
    """With linear critic and generator and Wasserstein's loss each player's gradient is the other's parameters."""

    def bilinear(loss: str) -> Adversarial:
        g, d = Player([{"type": "dense", "units": 2}]), Player([{"type": "dense", "units": 1, "bias": False}])
        game = Adversarial(g, d, latent=Latent(3), loss=loss, rotation_pairs=8)
        game.build(points(), 8, Streams(0, 2), np.float64)
        return game

    told = bilinear("wasserstein").report()["rotation"]
    np.testing.assert_allclose(told["share"], 1, atol=1e-12)
    told = bilinear("least_squares").report()["rotation"]
    assert ((told["share"] > 0) & (told["share"] < 1)).all()
    assert (told["standard_error"] > 1e-3).all(), "each pair has directions of its own"


@pytest.mark.parametrize("pack", [1, 2])
@pytest.mark.parametrize("loss", ["minimax", "non_saturating", "least_squares", "hinge", "wasserstein"])
def test_the_field_changes_along_a_direction_as_the_players_gradients_do(loss: str, pack: int) -> None:
    critic: list[Any] = [{"type": "dense", "units": 6, "activation": "tanh"}, *DRAWS, {"type": "dense", "units": 1}]
    game = made(loss=loss, pack=pack, replicates=2, critic=critic, rotation_pairs=1)
    networks = [player.network for player in game.players.values()]
    real = packed(np.stack([game.examples.floats(np.arange(8), np.float64)] * 2), pack)

    def gradients() -> Array:
        fixed = game.fixed()
        mode, n = Mode(fixed, record=False), real.shape[1]
        z = game.latent.draw(fixed, 8, np.float64)
        d, g = networks
        x, generator_back = g.forward(z, mode)
        for side, label in ((real, 1.0), (packed(x, pack), 0.0)):
            y, back = d.forward(side, mode)
            back(game.loss.critic(y, np.full((1, n, 1), label))[1], inputs=False)
        told = d.grad.copy()
        dx = back(game.loss.generator(y)[1], params=False)
        generator_back(unpacked(dx, pack), inputs=False)
        told = np.concatenate([told, g.grad], 1)
        for network in networks:
            network.grad.fill(0)
        return told

    h, parts = 1e-6, [network.theta.copy() for network in networks]
    w = np.random.default_rng(4).normal(size=np.concatenate(parts, 1).shape)
    ends = []
    for sign in (1, -1):
        for network, start, by in zip(networks, parts, np.split(w, [parts[0].shape[1]], 1), strict=True):
            network.theta[...] = start + sign * h * by
        ends.append(gradients())
    for network, start in zip(networks, parts, strict=True):
        network.theta[...] = start
    expected = (ends[0] - ends[1]) / (2 * h)
    np.testing.assert_allclose(Jacobian(game).along(w), expected, rtol=1e-5, atol=1e-7 * np.abs(expected).max())


def test_reports_survive_a_replicate_that_is_not_finite() -> None:
    healthy, ill = (made(replicates=3, dtype=np.float32, average=0.9, rotation_pairs=2, pack=2) for _ in range(2))
    ill.generator.network.theta[1] = np.nan
    with np.errstate(invalid="ignore"):
        for _ in range(2):
            a, b = healthy.turn(measure=True) | healthy.report(), ill.turn(measure=True) | ill.report()
    for r in (0, 2):
        assert_deep(rows(a, r), rows(b, r), exact=())
    assert np.isnan(b["scores"]["diversity"][1])
    assert np.isnan(b["critic_gradient"]["generated"]["mean"][1])


def test_reports_survive_when_no_replicate_is_finite() -> None:
    game = made(average=0.9, rotation_pairs=2)
    game.generator.network.theta[...] = np.nan
    with np.errstate(invalid="ignore"):
        game.turn()
        told = game.report()
    assert np.isnan(told["critic_gradient"]["generated"]["mean"]).all()


@pytest.mark.parametrize("count", [1, 5, 16])
@pytest.mark.parametrize("shape", [(2,), (4, 4, 1)], ids=str)
def test_packed_averaged_and_repeated_games_can_be_evaluated(tmp_path: Path, shape: tuple[int, ...], count: int) -> None:
    critic = [{"type": "flatten"}, DENSE, {"type": "dense", "units": 1}]
    game = made(data=points(40, shape), replicates=2, pack=2, average=0.9, critic=critic)
    game.turn()
    before = contents(game)
    told = game.evaluate(count, 0, tmp_path, Context("t", 0, 1))
    plain = game.evaluate(count, 0, tmp_path, Context("t", 0, 1), average=False)
    assert (told["drawn_by"], plain["drawn_by"]) == ("moving average 0.9", "plain weights")
    np.testing.assert_equal(told["scores"], plain["average"]["scores"])  # of which some are NaN
    np.testing.assert_equal(told["plain"]["scores"], plain["scores"])
    assert told["d_generated"]["count"] == max(1, count // 2)
    assert 0 <= told["d_train"]["mean"] <= 1
    assert_same(before, contents(game))


def test_the_average_is_drawn_scored_and_taken_off_again() -> None:
    game = made(average=0.9, optimizer={"type": "adam", "eta": 0.05})
    for _ in range(20):
        game.turn()
    told, plain = game.report(), game.drawn(20, game.fixed())
    with game.average.worn():  # type: ignore[union-attr]
        averaged = game.drawn(20, game.fixed())
    assert not np.array_equal(plain, averaged)
    assert told["scores"] == glance(game.panel, averaged)
    assert told["plain_scores"] == glance(game.panel, plain)
    np.testing.assert_array_equal(game.draw(20, game.fixed()), averaged[0])
    np.testing.assert_array_equal(game.drawn(20, game.fixed()), plain)

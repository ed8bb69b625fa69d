"""Verdicts on records written for the purpose, one for each way in which a run can go wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dessine.data.mixtures import Ring
from dessine.scores.advice import _memorising
from dessine.scores.diagnosis import VERDICTS, Diagnosis, diagnose
from dessine.scores.reference import Reference
from dessine.scores.sampled import Sampled

N = 20
RING = Reference.of(Ring(points=2000, test_points=100).load())
DIGITS = Reference(shares=(0.1,) * 10, classes=10.0)

Curve = float | Callable[[int], Any]

HEALTHY: dict[str, Curve] = {
    "loss.discriminator": 1.3,
    "loss.generator": 0.8,
    "d_real.mean": 0.55,
    "d_real.std": 0.1,
    "d_generated.mean": 0.45,
    "d_generated.std": 0.1,
    "layers.generator.0.dense.grad_norm": 0.5,
    "layers.generator.1.dense.grad_norm": 0.7,
    "layers.generator.0.dense.update_ratio": 1e-3,
    "layers.generator.1.dense.update_ratio": 1e-3,
    "critic_gradient.interpolated.mean": 1.0,
    "scores.diversity": 1.0,
    "scores.modes": 8.0,
    "scores.high_quality": 0.8,
    "scores.reverse_kl": 0.02,
}


def spec(**changes: Any) -> dict[str, Any]:
    dense = {"type": "dense", "units": 8}
    optimizer = {"type": "adam", "eta": 0.001}
    player = {"layers": [dense, dense, dense], "optimizer": optimizer, "constraint": None}
    game = {"type": "adversarial", "loss": {"type": "non_saturating"}, "generator": player, "discriminator": player}
    return {"data": {"type": "ring"}, "game": game | changes, "training": {"steps": 1000, "batch_size": 64}}


def records(n: int = N, **changes: Curve) -> list[dict[str, Any]]:
    """Lines of metrics at steps 50, 100, ...; a change is a number, or a function of the line, from 0 on."""
    curves = HEALTHY | {key.replace("__", "."): v for key, v in changes.items()}
    return [nested({name: v(i) if callable(v) else v for name, v in curves.items()}, 50 * (i + 1)) for i in range(n)]


def nested(flat: Mapping[str, Any], step: int) -> dict[str, Any]:
    record: dict[str, Any] = {"step": step}
    for name, value in flat.items():
        parts = name.split(".")
        if parts[0] == "layers":
            parts = [*parts[:2], ".".join(parts[2:4]), parts[4]]
        holder = record
        for key in parts[:-1]:
            holder = holder.setdefault(key, {})
        holder[parts[-1]] = value
    return record


def after(line: int, then: float, before: float) -> Callable[[int], float]:
    return lambda i: then if i >= line else before


def on_ring(**changes: Curve) -> Diagnosis:
    return diagnose(records(**changes), spec(), RING)


def test_what_a_critic_pays_that_knows_nothing_depends_on_its_aims():
    far = {"type": "least_squares", "real": 10.0, "generated": 0.0, "wanted": 10.0}
    level = records(loss__discriminator=25.0)  # halfway between 0 and 10 for both sides
    assert diagnose(level, spec(loss=far), RING).verdict == "healthy"
    assert diagnose(level, spec(loss="least_squares"), RING).verdict == "diverged"


def test_a_penalty_is_no_part_of_what_the_critic_gets_wrong():
    heavy = records(loss__discriminator=51.3, penalty=50.0)
    assert diagnose(heavy, spec(), RING).verdict == "healthy"


def test_a_missing_mode_is_among_the_evidence():
    told = diagnose(records(), spec(), RING, sampled=[Sampled(2000, 1.0, 1.0, 0.9, (3,))])
    assert told.verdict == "collapsing"
    assert any(one.bad for one in told.evidence)


def test_a_healthy_run_is_healthy_and_shows_its_numbers():
    told = on_ring()
    assert (told.verdict, told.since, told.advice) == ("healthy", None, ())
    assert told.lines == (4, 4)
    assert not any(one.bad for one in told.evidence)
    assert {"diversity", "loss.discriminator"} <= {one.name for one in told.evidence}


@pytest.mark.parametrize(
    ("verdict", "word", "changes"),
    [
        ("diverged", "finite", {"loss__discriminator": after(8, float("nan"), 1.3)}),
        ("diverged", "finite", {"loss__discriminator": lambda i: None if i >= 8 else 1.3}),
        ("diverged", "thrown about", {"loss__discriminator": after(8, 60.0, 1.3)}),
        ("diverged", "outside", {"scores__diversity": after(8, 40.0, 1.0)}),
        ("dead", "gradient", {f"layers__generator__{i}__dense__grad_norm": after(8, 1e-6, 0.5) for i in (0, 1)}),
        ("dead", "gradient", {f"layers__generator__{i}__dense__grad_norm": after(8, 0.0, 0.5) for i in (0, 1)}),
        ("dead", "no longer moves", {f"layers__generator__{i}__dense__update_ratio": after(8, 1e-9, 1e-3) for i in (0, 1)}),
        (
            "dead",
            "the same of everything",
            {
                "d_real__mean": after(8, 0.5, 0.55),
                "d_generated__mean": after(8, 0.5, 0.45),
                "d_real__std": after(8, 0, 0.1),
                "d_generated__std": after(8, 0, 0.1),
            },
        ),
        ("collapsed", "hardly differ", {"scores__diversity": after(8, 0.05, 1.0)}),
        ("collapsed", "part of the 8 modes", {"scores__reverse_kl": after(8, np.log(4), 0.02)}),
        ("collapsing", "hardly come up", {"scores__reverse_kl": after(8, np.log(8 / 6), 0.02)}),
        ("collapsing", "not found", {"scores__modes": after(8, 7.0, 8.0)}),
        ("collapsing", "much less", {"scores__diversity": after(8, 0.4, 1.0)}),
        ("collapsing", "twice as good", {"scores__high_quality": after(8, 0.3, 0.8)}),
    ],
)
def test_each_way_to_fail_has_its_verdict_and_its_first_step(verdict, word, changes):
    told = on_ring(**changes)
    assert told.verdict == verdict
    assert word in told.words
    assert told.since == 450
    assert told.evidence[0].bad
    assert told.lines == (4, 4)


def test_minimax_is_dead_where_the_discriminator_has_won_and_the_others_are_not():
    won = records(d_generated__mean=after(8, 0.001, 0.45), d_real__mean=after(8, 0.999, 0.55))
    assert diagnose(won, spec(loss={"type": "minimax"}), RING).verdict == "dead"
    assert diagnose(won, spec(loss={"type": "minimax"}, unrolled={"steps": 5}), RING).verdict != "dead"
    assert diagnose(won, spec(), RING).verdict == "healthy"  # its gradient is largest just there


def test_a_free_wasserstein_critic_grows_and_a_held_one_may():
    steep = records(critic_gradient__interpolated__mean=lambda i: 1.0 * 3**i, loss__discriminator=-1.0)
    player = spec()["game"]["discriminator"]
    held = player | {"constraint": {"type": "clip", "c": 0.01}}
    free = diagnose(steep, spec(loss={"type": "wasserstein"}), RING)
    assert (free.verdict, free.advice[0].override) == ("diverged", "game.discriminator.constraint={type: gradient_penalty}")
    assert diagnose(steep, spec(loss={"type": "wasserstein"}, discriminator=held), RING).verdict == "healthy"


def test_digits_are_counted_by_how_evenly_they_come():
    def on_digits(kinds: float, **also: Curve) -> Diagnosis:
        told = records(scores__digit_entropy=after(8, float(np.log(kinds)), float(np.log(9.5))), **also)
        for record in told:
            for name in ("modes", "high_quality", "reverse_kl"):
                del record["scores"][name]
        return diagnose(told, spec(), DIGITS)

    assert on_digits(9.0).verdict == "healthy"
    assert on_digits(7.0).verdict == "collapsing"
    assert "it was better around step 100" in on_digits(7.0).words
    told = on_digits(2.0)
    assert (told.verdict, told.since) == ("collapsed", 450)
    assert "10 kinds of digits" in told.words


def test_what_the_training_points_do_not_have_is_not_asked_for():
    few = Reference.of(Ring(points=3, test_points=100).load())
    missed = records(scores__reverse_kl=few.missed, scores__modes=3.0)
    assert few.missed > 0.5
    assert diagnose(missed, spec(), few).verdict == "healthy"
    assert diagnose(missed, spec(), RING).verdict == "collapsed"


def test_one_wild_line_decides_nothing():
    wild = {name: (lambda i, v=v: v * 100 if i == N - 1 and not callable(v) else v) for name, v in HEALTHY.items()}
    told = on_ring(**{name.replace(".", "__"): v for name, v in wild.items() if name.startswith(("loss", "scores.div"))})
    assert told.verdict == "healthy"
    assert on_ring(scores__diversity=lambda i: 0.1 if i == 17 else 1.0).verdict == "healthy"


def test_a_good_line_in_between_does_not_move_the_first_bad_step():
    assert on_ring(scores__diversity=lambda i: 0.05 if i >= 8 and i != 14 else 1.0).since == 450


def test_trouble_that_is_over_is_no_trouble():
    assert on_ring(scores__diversity=after(8, 1.0, 0.05), scores__reverse_kl=after(8, 0.02, 2.0)).verdict == "healthy"


def test_a_run_that_was_never_better_may_only_have_begun():
    bad = {"scores__reverse_kl": 1.6, "scores__modes": 1.0}
    assert any("only have begun" in note for note in on_ring(**bad).notes)
    assert not any("only have begun" in note for note in on_ring(scores__reverse_kl=after(8, 1.6, 0.02)).notes)


def test_a_short_run_that_was_never_varied_says_so_in_its_verdict():
    assert "may only have begun" not in on_ring(scores__reverse_kl=2.0).words  # after 1,000 steps
    short = diagnose(records(10, scores__reverse_kl=2.0), spec(), RING)
    assert short.verdict == "collapsed"
    assert short.words.endswith("(as since the start: after 500 steps it may only have begun)")
    was_good = diagnose(records(10, scores__reverse_kl=after(6, 2.0, 0.02)), spec(), RING)
    assert "may only have begun" not in was_good.words


def test_what_lies_near_no_example_has_not_collapsed():
    """Though noise that resembles the data would lie near them: as few images, or noisy ones, are."""
    images = Reference(regions=0.9, quality="scores.near_real", noise=0.7, real=0.95, tests=100)
    changes = {"scores__near_real": 0.02, "scores__region_share": 0.1, "scores__diversity": 1.2}
    assert diagnose(records(**changes), spec(), images).words.startswith("samples are hardly nearer to the data than noise is")
    assert diagnose(records(**changes | {"scores__near_real": 0.9}), spec(), images).verdict == "collapsed"


def test_half_of_the_kinds_are_not_varied():
    """As 2,000 samples of five classes of ten are measured by regions."""
    images = Reference(regions=0.9, quality="scores.near_real", noise=0.0, real=0.95, tests=100)
    drawn = records(scores__near_real=0.9, scores__region_share=lambda i: 0.66 - 0.01 * (i % 2))
    assert diagnose(drawn, spec(), images).verdict == "collapsing"


def test_a_run_too_short_for_a_verdict_is_advised_to_be_long_enough():
    short = spec() | {"training": {"steps": 3, "batch_size": 64}}
    told = diagnose([record | {"step": i + 1} for i, record in enumerate(records(3))], short, RING)
    assert [one.override for one in told.advice] == ["training.steps=100"]


def test_weak_samples_are_told_of_though_nothing_is_wrong():
    told = on_ring(scores__high_quality=0.2)
    assert told.verdict == "healthy"
    assert told.words.endswith("not good yet")
    assert any("20%" in note for note in told.notes)
    assert told.advice[0].override == "training.steps=2000"


def test_without_scores_a_collapse_is_not_denied():
    unscored = [{key: v for key, v in record.items() if key != "scores"} for record in records()]
    told = diagnose(unscored, spec(scored=0), RING)
    assert told.verdict == "unknown"
    assert "would not be seen" in told.words
    assert told.advice[0].override == "game.scored=250"
    seen = Sampled(2000, diversity=1.0, reach=1.0, covered=1.0)
    assert diagnose(unscored, spec(scored=0), RING, sampled=[seen]).verdict == "healthy"
    assert diagnose(unscored, spec(scored=0), RING, sampled=[Sampled(2000, diversity=0.1)]).verdict == "collapsed"


def test_a_few_samples_at_a_time_tell_nothing():
    told = diagnose(records(), spec(scored=3), Reference.of(Ring(points=2000, test_points=100).load(), 3))
    assert told.verdict == "unknown"
    assert "only 3 samples were scored at a time (50 would do)" in told.words
    assert told.advice[0].override == "game.scored=250"


def test_nothing_measured_is_nothing_said():
    assert diagnose([], spec(), RING).verdict == "unknown"


def test_copies_need_both_signs():
    def sampled(copies: float, closeness: float) -> Diagnosis:
        s = Sampled(2000, diversity=1.0, reach=1.0, covered=1.0, copies=copies, closeness=closeness)
        return diagnose(records(), spec(), RING, sampled=[s])

    assert sampled(1.0, 0.02).verdict == "memorising"
    assert sampled(0.9, 0.8).verdict == "healthy"  # smooth images are near to much
    assert sampled(0.05, 1.1).verdict == "healthy"


def test_missing_modes_are_named():
    s = Sampled(2000, diversity=1.0, reach=1.0, covered=0.85, missing=(2, 5))
    told = diagnose(records(), spec(), RING, sampled=[s])
    assert told.verdict == "collapsing"
    assert "2, 5" in told.words


def test_going_from_mode_to_mode_is_told():
    s = Sampled(2000, diversity=0.6, reach=1.0, covered=0.2, turned=0.9)
    told = diagnose(records(scores__reverse_kl=1.8), spec(), RING, sampled=[s])
    assert told.verdict == "collapsed"
    assert "from mode to mode" in told.words


def test_the_run_is_as_bad_as_a_quarter_of_its_repeats_and_counts_them():
    scores = {"diversity": [1.0, 0.05, 1.0], "reverse_kl": [0.02] * 3}
    told = diagnose([{"step": r["step"], "scores": scores} for r in records()], spec(), RING, repeats=3)
    assert told.repeats == ("healthy", "collapsed", "healthy")
    assert told.verdict == "collapsed"
    assert told.words.startswith("1 of 3 repeats collapsed, 2 of 3 repeats healthy; repeat 1: ")


def test_what_the_watch_has_found_is_told_with_its_place():
    found = {"step": 412, "repeat": 0, "player": "generator", "layer": "2.dense", "what": "gradient"}
    told = diagnose(records(8), spec(), RING, non_finite=[found])
    assert (told.verdict, told.since) == ("diverged", 412)
    assert "generator, layer 2.dense: gradient" in told.words


def classified(success: Curve, test_loss: Curve, loss: Curve, learned: float = 0.9) -> Diagnosis:
    curves: dict[str, Curve] = {"test_success": success, "test_loss": test_loss, "loss.network": loss}
    lines = [nested({k: v(i) if callable(v) else v for k, v in curves.items()}, 10 * (i + 1)) for i in range(N)]
    known = Reference(chance=0.1, tests=10_000)
    return diagnose(lines, {"game": {"type": "classification", "learned": learned}}, known)


def test_classifications():
    assert classified(0.95, 0.1, 0.1).verdict == "healthy"
    assert classified(0.1, 2.3, 2.3).verdict == "dead"
    assert classified(lambda i: 0.6 + 0.01 * i, lambda i: 1 - 0.03 * i, 0.1).words.endswith("not good yet")
    grown = classified(0.1, lambda i: 2.0**i, lambda i: 2.0**i)
    assert (grown.verdict, grown.since) == ("diverged", 50)
    fit = classified(lambda i: 0.95 - 0.01 * max(0, i - 9), lambda i: 0.2 + 0.1 * abs(i - 9), lambda i: 0.3 / (i + 1))
    assert fit.verdict == "memorising"
    assert "step 90" in fit.words


def network(success: Any, test_loss: Any, n: int = N, ratio: Curve = 1e-3, epochs: float = 5.0, **game: Any) -> Diagnosis:
    """Of a classifier on 2,000 tests of ten classes; a number, a function of the line, or of line and repeat."""
    repeats = game.pop("repeats", 1)

    def line(i: int) -> dict[str, Any]:
        def each(v: Any) -> Any:
            told = [
                v(i, r) if callable(v) and v.__code__.co_argcount > 1 else v(i) if callable(v) else v for r in range(repeats)
            ]
            return told if repeats > 1 else told[0]

        layer = {"0.dense": {"grad_norm": each(0.5), "update_ratio": each(ratio)}}
        return {
            "step": 10 * (i + 1),
            "epoch": epochs * (i + 1) / n,
            "loss": {"network": each(test_loss)},
            "layers": {"network": layer},
            "test_success": each(success),
            "test_loss": each(test_loss),
        }

    known = Reference(chance=0.1, tests=2000, ignorance=2.3)
    return diagnose([line(i) for i in range(n)], {"game": {"type": "classification"} | game}, known, repeats=repeats)


def wiggle(i: int) -> float:
    return 0.001 * (-1) ** i


def test_a_solved_classifier_is_healthy_though_its_gradients_have_vanished():
    told = network(0.97, lambda i: 0.1 + wiggle(i), ratio=1e-12)
    assert (told.verdict, told.words) == ("healthy", "it has learnt: test success 0.97")
    assert [one.name for one in told.evidence if one.threshold == "at least 0.9"] == ["test_success"]


def test_one_line_without_movement_is_no_standstill():
    told = network(lambda i: 0.3 + 0.02 * i, lambda i: 2 - 0.05 * i, ratio=lambda i: 1e-12 if i % 2 else 1e-3)
    assert told.verdict == "healthy"


def test_a_classifier_that_stays_below_what_is_asked_is_stuck_and_one_on_its_way_is_not():
    stays = network(0.75, lambda i: 0.5 + wiggle(i))
    assert (stays.verdict, stays.words) == ("stuck", "test success stays at 0.75")
    assert network(0.75, lambda i: 0.5 + wiggle(i), learned=0.7).verdict == "healthy"
    on_its_way = network(lambda i: 0.5 + 0.015 * i, lambda i: 1.5 - 0.05 * i)
    assert on_its_way.verdict == "healthy"
    assert on_its_way.words.endswith("so far, but it is not good yet")
    fell = network(lambda i: 0.85 if i < 10 else 0.6, lambda i: 0.5 + wiggle(i))
    assert fell.verdict == "stuck"
    assert "it was 0.85 around step" in fell.words


def test_a_classifier_at_chance_is_never_healthy():
    for loss in (2.3, lambda i: 2.3 + wiggle(i), lambda i: 2.3 + 2.0**i):
        assert network(0.1, loss).verdict in ("dead", "diverged")
    assert network(0.1, lambda i: 2.3 * 0.98**i).verdict == "unknown"  # its loss falls: it may have only begun
    assert network(0.1, lambda i: 2.3 + wiggle(i), learned=0.05).verdict == "dead"


def test_a_classifier_that_has_not_met_all_its_examples_is_neither_dead_nor_stuck():
    for success, why in ((0.1, "that of guessing"), (0.6, "stays at 0.6")):
        told = network(success, lambda i: 2.3 + wiggle(i), epochs=0.15)
        assert told.verdict == "unknown"
        assert why in told.words
        assert told.words.endswith("it has met only 15% of its training examples")
        assert network(success, lambda i: 2.3 + wiggle(i), epochs=1.5).verdict != "unknown"
    assert network(0.1, 2.3, ratio=1e-9, epochs=0.15).verdict == "dead"  # it does not move


def test_a_loss_that_falls_slowly_but_surely_is_no_death():
    assert network(0.1, lambda i: 2.3 - 0.001 * i + wiggle(i)).words.endswith("its loss still falls")
    assert network(0.1, lambda i: 2.3 + 0.001 * i + wiggle(i)).verdict == "dead"


def test_a_loss_far_above_that_of_knowing_nothing_is_no_learning_though_it_falls():
    entropy = {"loss": {"type": "softmax_cross_entropy"}}
    assert network(0.1, lambda i: 900 - 20 * i, **entropy).verdict == "diverged"  # from the first line on
    assert network(0.1, lambda i: 20 - 0.5 * i, **entropy).verdict == "dead"
    assert network(0.2, lambda i: 20 - 0.5 * i, **entropy).verdict == "stuck"
    assert network(0.2, lambda i: 4 - 0.1 * i, **entropy).verdict == "healthy"
    assert network(0.95, 30.0, **entropy).verdict == "healthy"


def test_of_a_few_lines_that_get_better_the_last_one_counts():
    """As a run of five epochs: the median of its last three lines is that of guessing."""
    learns = network(lambda i: [0.1, 0.1, 0.1, 0.12, 0.92][i], lambda i: [2.2, 2.0, 1.8, 1.3, 0.6][i], n=5)
    assert (learns.verdict, learns.words) == ("healthy", "it has learnt: test success 0.92")
    on_its_way = network(lambda i: [0.1, 0.1, 0.1, 0.12, 0.6][i], lambda i: [2.2, 2.0, 1.8, 1.3, 0.9][i], n=5)
    assert on_its_way.words == "it learns: test success 0.6 so far, but it is not good yet"
    assert (
        network(lambda i: [0.1, 0.1, 0.1, 0.1, 0.92][i], 2.3, n=5).verdict == "dead"
    )  # one wild line of one that stands still


def test_a_network_that_moves_nothing_is_dead():
    assert "no longer moves" in network(0.5, lambda i: 0.5 + wiggle(i), ratio=1e-9).words
    assert "no longer moves" in network(0.5, 0.5).words  # whatever its weights do


def test_the_share_of_repeats_that_have_learnt_is_told_and_a_few_bad_ones_do_not_decide():
    def all_but(bad: int) -> Diagnosis:
        return network(lambda i, r: 0.1 if r < bad else 0.97, lambda i, r: (2.3 if r < bad else 0.1) + wiggle(i), repeats=20)

    told = all_but(3)
    assert told.verdict == "healthy"
    assert told.words.startswith("17 of 20 repeats have learnt (test success from 0.9 on); 3 of 20 repeats dead, 17 of 20")
    assert [note for note in told.notes if note.startswith("repeat 2 dead: it has learnt nothing")]
    assert told.repeats == ("dead",) * 3 + ("healthy",) * 17
    share = next(one for one in told.evidence if one.name == "learned")
    assert (share.value, share.bad) == (0.85, False)
    assert all_but(5).verdict == "dead"
    assert len(all_but(9).notes) == 0  # those that decide are counted in the words


def test_a_verdict_needs_five_lines_unless_the_tests_succeed():
    early = network(0.5, lambda i: 2 - 0.1 * i, n=4)
    assert (early.verdict, early.early) == ("unknown", True)
    assert "a verdict needs 5 lines of metrics, this run has 4 lines" in early.words
    assert network(0.97, 0.1, n=1).verdict == "healthy"
    assert not network(0.97, 0.1, n=1).early


@pytest.mark.parametrize("changes", [{}, {"scores__diversity": 0.05}, {"scores__reverse_kl": 2.0}, {"d_generated__mean": 0.5}])
def test_a_verdict_on_a_generator_needs_a_hundred_steps_and_five_lines(changes):
    few = records(4, **changes)
    assert (diagnose(few, spec(), RING).verdict, diagnose(few, spec(), RING).early) == ("unknown", True)
    short = [record | {"step": i + 1} for i, record in enumerate(records(40, **changes))]
    assert "a verdict needs 100 steps, this run has 40" in diagnose(short, spec(), RING).words
    bad = Sampled(2000, diversity=0.05, reach=1.0, covered=0.1, step=40)
    assert diagnose(short, spec(), RING, sampled=[bad]).early
    assert not diagnose(records(5, **changes), spec(), RING).early
    assert not diagnose(few, spec(), RING, sampled=[Sampled(2000, diversity=1.0, covered=1.0, step=200)]).early


def test_numbers_that_are_gone_and_copies_are_told_however_early_it_is():
    found = {"step": 3, "repeat": 0, "player": "generator", "layer": "", "what": "loss"}
    assert diagnose(records(1), spec(), RING, non_finite=[found]).verdict == "diverged"
    copies = Sampled(2000, diversity=1.0, covered=1.0, copies=1.0, closeness=0.0, step=20)
    assert diagnose(records(1), spec(), RING, sampled=[copies]).verdict == "memorising"


def test_what_was_never_good_and_gets_better_has_only_begun():
    rising = records(scores__reverse_kl=lambda i: float(-np.log(0.1 + 0.03 * i)))
    told = diagnose(rising, spec(), RING)
    assert told.verdict == "unknown"
    assert told.words.startswith("too early: ")
    falling = records(scores__reverse_kl=lambda i: float(-np.log(0.7 - 0.03 * i)))
    assert diagnose(falling, spec(), RING).verdict == "collapsed"


def test_a_generator_that_cannot_reach_the_data_is_never_healthy():
    warned = [("game.generator.layers[2]: the generator draws 0 to 1", "game.generator.layers[2].activation=linear", True)]
    told = diagnose(records(), spec(), RING, warned=warned)
    assert (told.verdict, told.advice[0].override) == ("stuck", "game.generator.layers[2].activation=linear")
    assert "draws 0 to 1" in told.words
    soft = diagnose(records(), spec(), RING, warned=[("game.generator.optimizer.eta: 1 is far out", "", False)])
    assert soft.verdict == "healthy"
    assert soft.notes[0] == "config: game.generator.optimizer.eta: 1 is far out"


def test_what_the_config_is_warned_of_is_advised_one_value():
    key = "game.generator.optimizer.eta"
    told = diagnose(records(scores__reverse_kl=2.0), spec(), RING, warned=[(f"{key}: 1 is far out", f"{key}=0.001", False)])
    assert [one.override for one in told.advice if one.override.startswith(key)] == [f"{key}=0.001"]


def test_without_anything_that_counts_kinds_nothing_is_called_varied():
    """As in folders of older versions, of data that no judge reads."""
    lines = [{"step": r["step"], "scores": {"diversity": 1.0}} for r in records()]
    told = diagnose(lines, spec(), Reference(tests=100))
    assert told.verdict == "unknown"
    assert "dessine diagnose" in told.words


def test_each_number_says_what_it_was_taken_from():
    s = Sampled(2000, diversity=0.1, reach=1.0, covered=1.0, step=1000)
    told = diagnose(records(scores__diversity=0.15), spec(), RING, sampled=[s])
    both = [(one.source, one.count) for one in told.evidence if one.name == "diversity"]
    assert both == [("metrics", 250), ("checkpoint", 2000)]
    assert {"name", "value", "threshold", "why", "bad", "source", "count"} == set(told.plain()["evidence"][0])


def test_lines_of_other_shapes_are_passed_over():
    odd = [{"step": "5"}, {"step": None}, {"step": 5, "loss": 5, "layers": "x", "scores": 5}, *records()]
    with np.errstate(all="ignore"):
        assert diagnose(odd, spec(), RING).verdict == "healthy"


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.dictionaries(st.sampled_from([*HEALTHY, "scores.digit_entropy", "test_loss"]), st.none() | st.floats()), max_size=12
    )
)
def test_any_records_get_a_verdict_that_can_be_written(flat):
    with np.errstate(all="ignore"):
        told = diagnose([nested(one, i + 1) for i, one in enumerate(flat)], spec(), RING)
    assert told.verdict in VERDICTS
    json.dumps(told.plain())


def test_who_brings_data_is_not_sent_for_mnist():
    own = {"type": "mnist", "source": "sample", "path": "/my/fashion"}
    for data, sent in ((own, False), (own | {"path": None}, True)):
        told = [one.override for one in _memorising(spec() | {"data": data}, None) if one]
        assert ("data.source=auto" in told) == sent


def test_each_repeat_is_judged_by_its_own_lines() -> None:
    """Of the best checkpoints: one is of the first half, where that repeat was well, the other of the end, where it is well."""
    loss = [[0.7, 90.0]] * 10 + [[90.0, 0.7]] * 10
    records = [{"step": 100 * (i + 1), "loss": {"discriminator": one}} for i, one in enumerate(loss)]
    spec = {"game": {"type": "adversarial", "loss": {"type": "non_saturating"}, "scored": 0}}
    assert diagnose(records, spec, repeats=2).repeats[0] == "diverged"
    assert "diverged" not in diagnose(records, spec, repeats=2, until=[1000, 2000]).repeats

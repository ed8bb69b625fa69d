"""What to try next: changes of one run's own config, as they are written on the command line, each with its reason.

What a config already has is not advised again, nor what its other settings would refuse. Each list has an order: first what
removes a cause that the run itself shows (`ahead.py`), then remedies, those first that cured most often where that was measured
(benchmarks/advice.py, docs/advice.md). The single changes are those of `changes.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dessine.scores.ahead import ahead, behind
from dessine.scores.changes import (
    Advice,
    batch_norm,
    calmer,
    doubled,
    dropout,
    faster_critic,
    faster_generator,
    fastest_first,
    flat,
    halved,
    held,
    kinds,
    minibatch,
    mixes,
    more_examples,
    more_moves,
    noise,
    non_saturating,
    other_layers,
    packed,
    scaled_eta,
    slower_critic,
    slower_generator,
    smoothed,
    unheard_latent,
    unless,
    unrolled,
    usual_eta,
    within_the_clip,
)
from dessine.scores.finding import SHORTEST
from dessine.scores.lines import Lines
from dessine.scores.lines import kind as _type
from dessine.scores.small_rules import is_small

Spec = Mapping[str, Any]
MOST = 4
"""Pieces of advice: one tries one thing at a time."""


def advise(verdict: str, spec: Spec, lines: Lines, accepts: Callable[[str], bool] = lambda override: True) -> list[Advice]:
    """For a resolved spec, most promising first; empty if the spec is not known.

    accepts: whether the spec would still be one with KEY=VALUE
    """
    game = spec.get("game")
    if not isinstance(game, Mapping):
        return []
    how, players = (
        (_classifier, ("network",)) if _type(game) == "classification" else (_players, ("generator", "discriminator"))
    )
    if how is _players and is_small(lines):
        how = _small
    if not all(isinstance(game.get(name), Mapping) and game[name].get("layers") for name in players):
        return []
    found: dict[str, Advice] = {}
    for one in how.get(verdict, lambda *_: [])(spec, lines):
        # Two learning rates for one player would contradict each other; two rules of play are two things to try.
        setting = one and (key_of(one) if ".eta" in key_of(one) else one.override)
        if one is not None and len(found) < MOST and setting not in found and accepts(one.override):
            found[str(setting)] = one
    return list(found.values())


def key_of(advice: Advice) -> str:
    """What it changes: one setting is advised one value."""
    return advice.override.partition("=")[0]


def _diverged(spec: Spec, lines: Lines) -> list[Advice | None]:
    game = spec["game"]
    return [
        held(game),
        *_if(_runs_away(game, lines), lambda why: [faster_critic(game, why)]),
        slower_generator(game),
        *(calmer(game, player) for player in fastest_first(game)),
        *(scaled_eta(game, player, 0.1, "steps that are too large are the usual reason") for player in fastest_first(game)),
    ]


def _runs_away(game: Spec, lines: Lines) -> str:
    """Why a discriminator may be too slow to call back what has left the data; nothing where steps grow by themselves."""
    plain = any(_type(game[player].get("optimizer")) == "gradient_descent" for player in ("generator", "discriminator"))
    return "" if plain else behind(game, lines)


def _dead(spec: Spec, lines: Lines) -> list[Advice | None]:
    game = spec["game"]
    return [
        non_saturating(game),
        *_if(ahead(game, lines), lambda why: [faster_generator(game, why), slower_critic(game, why)]),
        calmer(game, "generator"),
        unless(game.get("n_critic", 1) == 1, "game.n_critic=1", "fewer moves of the discriminator"),
        noise(game, "with noise on both sides they overlap, so that the discriminator cannot be sure"),
        scaled_eta(game, "discriminator", 0.25, "a slower discriminator wins less"),
        smoothed(game),
        dropout(game),
    ]


def _collapsed(spec: Spec, lines: Lines) -> list[Advice | None]:
    game = spec["game"]
    return [
        held(game),
        unheard_latent(game, lines),
        within_the_clip(game),
        *_if(behind(game, lines), lambda why: [faster_critic(game, why)]),
        slower_generator(game),
        *_if(behind(game, lines), lambda why: [more_moves(game, why)]),
        *_if(ahead(game, lines), lambda why: [faster_generator(game, why), non_saturating(game)]),
        minibatch(game),
        batch_norm(game),
        flat(game),
        packed(spec),
        unrolled(game),
    ]


def _if(why: str, advice: Callable[[str], list[Advice | None]]) -> list[Advice | None]:
    return advice(why) if why else []


def _memorising(spec: Spec, lines: Lines) -> list[Advice | None]:
    data, game = spec.get("data") or {}, spec["game"]
    augmented = "points" in data or bool(game.get("augment"))
    return [
        *more_examples(data),
        unless(augmented, "game.augment={translate: 0.125, cutout: 0.5}", "the discriminator sees no image twice as it is"),
        dropout(game),
        halved(spec, "stop earlier: copying comes late"),
    ]


def _ignoring(spec: Spec, lines: Lines) -> list[Advice | None]:
    game = spec["game"]
    told = {name: kinds(game[name]["layers"]) for name in ("generator", "discriminator")}
    by_generator = told["generator"] & {"condition", "embedding", "conditional_batch_norm"}
    by_critic = told["discriminator"] & {"projection", "condition", "embedding"} or game.get("auxiliary")
    return [
        other_layers(
            game,
            "generator",
            [] if by_generator else ["condition", *game["generator"]["layers"]],
            "the generator is not told the label: condition puts it beside the latent",
        ),
        other_layers(
            game,
            "discriminator",
            [] if by_critic else [*game["discriminator"]["layers"][:-1], "projection"],
            "nothing asks for the label: a projection does",
        ),
        unless(not _type(game.get("auxiliary")), "game.auxiliary.weight=3", "what is asked counts more beside the rest"),
        unless(False, *doubled(spec, "classes are told apart after samples are good")),
    ]


def _healthy(spec: Spec, lines: Lines) -> list[Advice | None]:
    confidence, good = lines.end(lines("scores.digit_confidence")), lines.end(lines("scores.high_quality"))
    weak = confidence < 0.8 or good < 0.5
    game = spec["game"]
    return [
        unless(not weak, *doubled(spec, "samples are not good yet, and nothing is in the way")),
        unless(bool(game.get("average")) or not weak, "game.average=0.999", "a generator's moving average is steadier"),
    ]


def _unknown(spec: Spec, lines: Lines) -> list[Advice | None]:
    return [
        unless(spec["game"].get("scored", 250) >= 50, "game.scored=250", "samples are scored at each line of metrics"),
        within_the_clip(spec["game"]),
        unless(False, *doubled(spec, "it may only have begun", SHORTEST)),
    ]


def _wild_classifier(spec: Spec, lines: Lines) -> list[Advice | None]:
    return [scaled_eta(spec["game"], "network", 0.1, "steps that are too large are the usual reason")]


def _circling(spec: Spec, lines: Lines) -> list[Advice | None]:
    """Of a game whose players are known to circle about a point of rest, or to go away from it."""
    game = spec["game"]
    critic, update = game["discriminator"], _type(game.get("update")) or "alternating"
    held = _type(critic.get("constraint")) in ("r1", "r1_r2") or bool(game.get("unrolled")) or mixes(critic)
    plain = update in ("alternating", "simultaneous") and not game.get("moves")
    penalty = "game.discriminator.constraint={type: r1, gamma: 1}"
    return [
        unless(held, penalty, "the discriminator need not be steep where the generator is right: that is a way to rest"),
        unless(not plain, "game.update=extragradient", "a step by the gradient of where both would be turns less"),
        unless(not plain, "game.update=optimistic", "the same for one gradient a move"),
    ]


def _stuck_classifier(spec: Spec, lines: Lines) -> list[Advice | None]:
    game = spec["game"]
    other = _type(game["network"].get("optimizer")) != "adam"
    gradient = lines.gradient("network")
    first = gradient[np.isfinite(gradient)][:1]
    saturated = (len(first) > 0 and lines.end(gradient) <= 1e-3 * first[0]) or lines.end(gradient) == 0
    small = not (lines.layers("network", "update_ratio") > 1e-3).any()
    slower = scaled_eta(game, "network", 0.1, "too large a step saturates units: no gradient is left")
    faster = scaled_eta(game, "network", 10, "too small a step gets nowhere")
    return [
        usual_eta(game),
        unless(not other, "game.network.optimizer={type: adam, eta: 0.001}", "it gives every layer steps of like size"),
        slower if saturated or not small else faster,
        unless(False, *doubled(spec, "it may only have begun")),
    ]


def _begun_classifier(spec: Spec, lines: Lines) -> list[Advice | None]:
    return [usual_eta(spec["game"]), unless(False, *doubled(spec, "it may only have begun"))]


def _overfitted_classifier(spec: Spec, lines: Lines) -> list[Advice | None]:
    data, training = spec.get("data") or {}, spec.get("training") or {}
    loss, best = lines(lines.loss), None
    if np.isfinite(loss).any():
        best = int(lines.steps[np.nanargmin(loss)])
    return [
        *more_examples(data),
        dropout(spec["game"], "network"),
        unless(not best or not training.get("steps"), f"training.steps={best}", "stop where tests went best"),
    ]


Adviser = Callable[[Spec, Lines], list[Advice | None]]
_players: dict[str, Adviser] = {
    "diverged": _diverged,
    "dead": _dead,
    "stuck": _dead,
    "collapsed": _collapsed,
    "collapsing": _collapsed,
    "memorising": _memorising,
    "ignores its label": _ignoring,
    "healthy": _healthy,
    "unknown": _unknown,
}
_classifier: dict[str, Adviser] = {
    "diverged": _wild_classifier,
    "dead": _stuck_classifier,
    "stuck": _stuck_classifier,
    "memorising": _overfitted_classifier,
    "unknown": _begun_classifier,
}


_small: dict[str, Adviser] = {"diverged": _circling, "stuck": _circling}

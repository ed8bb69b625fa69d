"""What to try next: changes of one run's own config, as they are written on the command line, each with its reason.

What a config already has is not advised again, nor what its other settings would refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dessine.nn.layer import layers as known_layers
from dessine.scores.finding import SHORTEST
from dessine.scores.lines import Lines
from dessine.scores.lines import kind as _type
from dessine.scores.small_rules import is_small

Spec = Mapping[str, Any]
MOST = 4
"""Pieces of advice: one tries one thing at a time."""
BENT = ("maxout", "minibatch_discrimination")
"""Layers through whose parameters unrolled steps cannot go."""


@dataclass(frozen=True)
class Advice:
    """override: KEY=VALUE, or empty where it takes more than one line of the config."""

    override: str
    why: str


def advise(verdict: str, spec: Spec, lines: Lines) -> list[Advice]:
    """For a resolved spec, most promising first; empty if the spec is not known."""
    game = spec.get("game")
    if not isinstance(game, Mapping):
        return []
    how, players = (
        (_classifier, ("network",)) if _type(game) == "classification" else (_players, ("generator", "discriminator"))
    )
    if is_small(lines):
        how = _small
    if not all(isinstance(game.get(name), Mapping) and game[name].get("layers") for name in players):
        return []
    return [one for one in how.get(verdict, lambda *_: [])(spec, lines) if one is not None][:MOST]


def _diverged(spec: Spec, lines: Lines) -> list[Advice | None]:
    game = spec["game"]
    return [
        held(game),
        _eta(game, "discriminator", 0.1, "steps that are too large are the usual reason"),
        _eta(game, "generator", 0.1, "the same for the other player"),
    ]


def _dead(spec: Spec, lines: Lines) -> list[Advice | None]:
    game = spec["game"]
    return [
        _unless(
            _type(game.get("loss")) != "minimax",
            "game.loss=non_saturating",
            "its gradient does not vanish where the critic wins",
        ),
        _eta(game, "discriminator", 0.25, "a slower discriminator wins less"),
        _unless(game.get("n_critic", 1) == 1, "game.n_critic=1", "fewer moves of the discriminator"),
        _smoothed(game),
        _noise(game, "with noise on both sides they overlap, so that the discriminator cannot be sure"),
        _layer(game, "dropout", "{type: dropout, p: 0.5}", "after each hidden one: it does not win"),
    ]


def _collapsed(spec: Spec, lines: Lines) -> list[Advice | None]:
    game = spec["game"]
    generator = game["generator"]
    return [
        held(game),
        _unheard_latent(game, lines),
        _unless(
            _type(game.get("loss")) != "minimax",
            "game.loss=non_saturating",
            "its gradient does not vanish where the critic wins",
        ),
        _pack(spec),
        _batch_norm(generator),
        _eta(game, "generator", 0.5, "a generator that runs ahead jumps from mode to mode"),
        _layer(game, "minibatch_discrimination", "minibatch_discrimination", "before the last: it sees that samples are alike"),
        _noise(game, "a discriminator that sees through noise has no sharp favourites"),
        _unrolled(game),
    ]


def _sample(data: Spec) -> bool:
    """Whether there is more of the data to be had."""
    return data.get("source") == "sample" and not data.get("path")


def _memorising(spec: Spec, lines: Lines) -> list[Advice | None]:
    data, game = spec.get("data") or {}, spec["game"]
    more = _sample(data)
    augmented = "points" in data or bool(game.get("augment"))
    return [
        _unless(not more, "data.source=auto", "more examples are harder to learn by heart: `dessine data fetch mnist` first"),
        _fewer(data),
        _unless(augmented, "game.augment={translate: 0.125, cutout: 0.5}", "the discriminator sees no image twice as it is"),
        _layer(game, "dropout", "{type: dropout, p: 0.5}", "after each hidden one: it learns fewer by heart"),
        _halved(spec, "stop earlier: copying comes late"),
    ]


def _ignoring(spec: Spec, lines: Lines) -> list[Advice | None]:
    game = spec["game"]
    told = {name: _kinds(game[name]["layers"]) for name in ("generator", "discriminator")}
    by_generator = told["generator"] & {"condition", "embedding", "conditional_batch_norm"}
    by_critic = told["discriminator"] & {"projection", "condition", "embedding"} or game.get("auxiliary")
    return [
        _unless(bool(by_generator), "", "the generator is not told the label: begin game.generator.layers with condition"),
        _unless(bool(by_critic), "", "nothing asks for the label: end game.discriminator.layers with projection"),
        _unless(not _type(game.get("auxiliary")), "game.auxiliary.weight=3", "what is asked counts more beside the rest"),
        _unless(False, *_doubled(spec, "classes are told apart after samples are good")),
    ]


def _healthy(spec: Spec, lines: Lines) -> list[Advice | None]:
    confidence, good = lines.end(lines("scores.digit_confidence")), lines.end(lines("scores.high_quality"))
    weak = confidence < 0.8 or good < 0.5
    game = spec["game"]
    return [
        _unless(not weak, *_doubled(spec, "samples are not good yet, and nothing is in the way")),
        _unless(bool(game.get("average")) or not weak, "game.average=0.999", "a generator's moving average is steadier"),
    ]


def _unknown(spec: Spec, lines: Lines) -> list[Advice | None]:
    return [
        _unless(spec["game"].get("scored", 250) >= 50, "game.scored=250", "samples are scored at each line of metrics"),
        _unless(False, *_doubled(spec, "it may only have begun", SHORTEST)),
    ]


def _wild_classifier(spec: Spec, lines: Lines) -> list[Advice | None]:
    return [_eta(spec["game"], "network", 0.1, "steps that are too large are the usual reason")]


def _circling(spec: Spec, lines: Lines) -> list[Advice | None]:
    """Of a game whose players are known to circle about a point of rest, or to go away from it."""
    game = spec["game"]
    critic, update = game["discriminator"], _type(game.get("update")) or "alternating"
    held = _type(critic.get("constraint")) in ("r1", "r1_r2") or bool(game.get("unrolled")) or _mixes(critic)
    plain = update in ("alternating", "simultaneous") and not game.get("moves")
    penalty = "game.discriminator.constraint={type: r1, gamma: 1}"
    return [
        _unless(held, penalty, "the discriminator need not be steep where the generator is right: that is a way to rest"),
        _unless(not plain, "game.update=extragradient", "a step by the gradient of where both would be turns less"),
        _unless(not plain, "game.update=optimistic", "the same for one gradient a move"),
        _eta(game, "discriminator", 0.5, "a smaller step goes away from rest more slowly, or comes nearer"),
    ]


def _stuck_classifier(spec: Spec, lines: Lines) -> list[Advice | None]:
    game = spec["game"]
    other = _type(game["network"].get("optimizer")) != "adam"
    gradient = lines.gradient("network")
    first = gradient[np.isfinite(gradient)][:1]
    saturated = (len(first) > 0 and lines.end(gradient) <= 1e-3 * first[0]) or lines.end(gradient) == 0
    ratios = lines.layers("network", "update_ratio")
    small = not (ratios > 1e-3).any()
    return [
        _unless(
            not saturated and small, *_pair(_eta(game, "network", 0.1, "too large a step saturates units: no gradient is left"))
        ),
        _unless(saturated, *_pair(_eta(game, "network", 10, "too small a step gets nowhere"))),
        _unless(not other, "game.network.optimizer={type: adam, eta: 0.001}", "it gives every layer steps of like size"),
        _unless(False, *_doubled(spec, "it may only have begun")),
    ]


def _pair(one: Advice | None) -> tuple[str, str]:
    return ("", "") if one is None else (one.override, one.why)


def _overfitted_classifier(spec: Spec, lines: Lines) -> list[Advice | None]:
    data, training = spec.get("data") or {}, spec.get("training") or {}
    loss, best = lines(lines.loss), None
    if np.isfinite(loss).any():
        best = int(lines.steps[np.nanargmin(loss)])
    known = "dropout" in _kinds(spec["game"]["network"]["layers"])
    return [
        _unless(not best or not training.get("steps"), f"training.steps={best}", "stop where tests went best"),
        _unless(not _sample(data), "data.source=auto", "more examples: `dessine data fetch mnist` first"),
        _unless(known, "", "add a {type: dropout, p: 0.5} layer after each hidden layer of game.network.layers"),
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
    "unknown": lambda spec, lines: [_unless(False, *_doubled(spec, "it may only have begun"))],
}


_small: dict[str, Adviser] = {"diverged": _circling, "stuck": _circling}


def _unless(needless: bool, override: str = "", why: str = "") -> Advice | None:
    return None if needless or not (override or why) else Advice(override, why)


def _eta(game: Spec, player: str, factor: float, why: str) -> Advice | None:
    """`factor` times what it is now; where it shall be smaller, no more than what such an optimizer usually gets."""
    optimizer = game[player].get("optimizer") or {}
    eta = optimizer.get("eta") if isinstance(optimizer, Mapping) else None
    key = "eta"
    if isinstance(eta, Mapping):
        key, eta = "eta.from", eta.get("from")
    if not isinstance(eta, int | float):
        return None
    usual = 1e-3 if _type(optimizer) in ("adam", "rmsprop") else 0.1
    new = min(eta * factor, usual) if factor < 0.2 else eta * factor
    return Advice(f"game.{player}.optimizer.{key}={float(f'{new:.2g}'):g}", why)


def held(game: Spec) -> Advice | None:
    """A Wasserstein critic without a constraint tells nothing of a distance."""
    free = _type(game.get("loss")) == "wasserstein" and not (game["discriminator"].get("constraint") or game.get("unrolled"))
    kind = "clip" if _mixes(game["discriminator"]) or game.get("moves") else "gradient_penalty"
    change = f"game.discriminator.constraint={{type: {kind}}}"
    return _unless(not free, change, "a Wasserstein critic must be held to a slope, else it wins by growing")


def _noise(game: Spec, why: str) -> Advice | None:
    return _unless(bool(game.get("instance_noise")), "game.instance_noise.sigma=0.1", why)


def _smoothed(game: Spec) -> Advice | None:
    labelled = _type(game.get("loss")) in ("minimax", "non_saturating", "least_squares")
    already = list(game.get("real_labels") or [1, 1]) != [1, 1]
    return _unless(not labelled or already, "game.real_labels=[0.9,0.9]", "a discriminator that may not be certain")


def _pack(spec: Spec) -> Advice | None:
    pack, batch = spec["game"].get("pack", 1), (spec.get("training") or {}).get("batch_size", 64)
    return _unless(
        pack > 1 or batch % 2 > 0, "game.pack=2", "the discriminator sees two samples at once, so that likeness shows"
    )


def _unrolled(game: Spec) -> Advice | None:
    cannot = game["discriminator"].get("constraint") or game.get("feature_matching") or game.get("unrolled")
    cannot = cannot or bool(_kinds(game["discriminator"]["layers"]) & set(BENT))
    return _unless(bool(cannot), "game.unrolled.steps=5", "the generator reckons with the discriminator's answer")


def _layer(game: Spec, kind: str, written: str, why: str) -> Advice | None:
    there = kind not in known_layers.members or kind in _kinds(game["discriminator"]["layers"])
    return _unless(there, "", f"add {written} to game.discriminator.layers, {why}")


def _batch_norm(generator: Spec) -> Advice | None:
    layers = [_type(layer) for layer in generator["layers"]]
    images = layers[-1:] == ["dense"] and generator["layers"][-1].get("units", 0) > 16
    normalised = _kinds(generator["layers"]) & {"batch_norm", "layer_norm", "group_norm", "residual"}
    needless = bool(normalised) or len(layers) < 3 or not images
    return _unless(needless, "", "add a layer batch_norm after each inner layer of the generator: they learn little without it")


def _unheard_latent(game: Spec, lines: Lines) -> Advice | None:
    """Where the first layer of the generator moves less than a tenth of what the last one does, the latent is hardly heard."""
    ratios = lines.layers("generator", "grad_norm")
    plain = _type(game["generator"].get("optimizer")) == "gradient_descent"
    if not plain or ratios.shape[1:] < (2,):
        return None
    first, last = lines.end(ratios[:, 0]), lines.end(ratios[:, -1])
    text = (
        f"its first layer gets {first / last:.2g} of the last one's gradient, so the latent is hardly heard" if last > 0 else ""
    )
    return _unless(not first < 0.2 * last, "game.generator.optimizer={type: adam, eta: 0.001}", text)


def _fewer(data: Spec) -> Advice | None:
    points = data.get("points")
    return _unless(
        not isinstance(points, int), f"data.points={10 * int(points or 0)}", "more examples are harder to learn by heart"
    )


def _mixes(player: Spec) -> bool:
    kinds = [known_layers.members.get(kind) for kind in _kinds(player["layers"])]
    return any(kind is not None and kind.mixes_examples for kind in kinds)


def _kinds(nodes: Any) -> set[str]:
    """The types of layers, of those that others hold, too."""
    found = {_type(node) for node in nodes}
    for node in nodes:
        held = [node.get(row) for row in ("layers", "shortcut")] if isinstance(node, Mapping) else []
        found |= {kind for row in held if isinstance(row, list) for kind in _kinds(row)}
    return found


def _doubled(spec: Spec, why: str, least: int = 0) -> tuple[str, str]:
    """least: steps without which nothing can be said."""
    training = spec.get("training") or {}
    if training.get("steps"):
        return f"training.steps={max(least, 2 * training['steps'])}", why
    return (f"training.epochs={2 * training['epochs']}", why) if training.get("epochs") else ("", "")


def _halved(spec: Spec, why: str) -> Advice | None:
    steps = (spec.get("training") or {}).get("steps")
    return _unless(not isinstance(steps, int) or steps < 2, f"training.steps={(steps or 0) // 2}", why)

"""What to try next: changes of one run's own config, as they are written on the command line, each with its reason.

What a config already has is not advised again, nor what its other settings would refuse. Each list has an order: first what
removes a cause that the run itself shows (`ahead.py`), then remedies, those first that cured most often where that was measured
(benchmarks/advice.py, docs/advice.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dessine.nn.layer import layers as known_layers
from dessine.scores import put_in
from dessine.scores.ahead import PACE, ahead, behind, largest, paces
from dessine.scores.finding import SHORTEST
from dessine.scores.lines import Lines
from dessine.scores.lines import kind as _type
from dessine.scores.small_rules import is_small

Spec = Mapping[str, Any]
MOST = 4
"""Pieces of advice: one tries one thing at a time."""
USUAL = {"adam": 1e-3, "rmsprop": 1e-3, "adadelta": 1.0, "gradient_descent": 0.1}
"""Learning rates that cured where they were measured; 0.01 for others, and for descent in a game, where 0.1 goes away."""
FAR = 5.0
"""Times a usual learning rate."""
BENT = ("maxout", "minibatch_discrimination")
"""Layers through whose parameters unrolled steps cannot go."""


@dataclass(frozen=True)
class Advice:
    """override: KEY=VALUE, as `dessine train` takes it."""

    override: str
    why: str


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
        *_if(_runs_away(game, lines), lambda why: [_faster_critic(game, why)]),
        _slower_generator(game),
        *(_calmer(game, player) for player in _fastest_first(game)),
        *(_eta(game, player, 0.1, "steps that are too large are the usual reason") for player in _fastest_first(game)),
    ]


def _runs_away(game: Spec, lines: Lines) -> str:
    """Why a discriminator may be too slow to call back what has left the data; nothing where steps grow by themselves."""
    plain = any(_type(game[player].get("optimizer")) == "gradient_descent" for player in ("generator", "discriminator"))
    return "" if plain else behind(game, lines)


def _dead(spec: Spec, lines: Lines) -> list[Advice | None]:
    game = spec["game"]
    return [
        _non_saturating(game),
        *_if(ahead(game, lines), lambda why: [_faster_generator(game, why), _slower_critic(game, why)]),
        _calmer(game, "generator"),
        _unless(game.get("n_critic", 1) == 1, "game.n_critic=1", "fewer moves of the discriminator"),
        _noise(game, "with noise on both sides they overlap, so that the discriminator cannot be sure"),
        _eta(game, "discriminator", 0.25, "a slower discriminator wins less"),
        _smoothed(game),
        _dropout(game),
    ]


def _collapsed(spec: Spec, lines: Lines) -> list[Advice | None]:
    game = spec["game"]
    return [
        held(game),
        _unheard_latent(game, lines),
        _within_the_clip(game),
        *_if(behind(game, lines), lambda why: [_faster_critic(game, why)]),
        _slower_generator(game),
        *_if(behind(game, lines), lambda why: [_more_moves(game, why)]),
        *_if(ahead(game, lines), lambda why: [_faster_generator(game, why), _non_saturating(game)]),
        _minibatch(game),
        _batch_norm(game),
        _flat(game),
        _pack(spec),
        _unrolled(game),
    ]


def _non_saturating(game: Spec) -> Advice | None:
    why = "its gradient does not vanish where the discriminator wins"
    return _unless(_type(game.get("loss")) != "minimax", "game.loss=non_saturating", why)


def _if(why: str, advice: Callable[[str], list[Advice | None]]) -> list[Advice | None]:
    return advice(why) if why else []


def _faster_critic(game: Spec, why: str) -> Advice | None:
    """As fast as the generator, where both take steps of one kind, and at least as fast as such players usually are."""
    own, other = (game[player].get("optimizer") or {} for player in ("discriminator", "generator"))
    eta = usual(game, "discriminator")
    if _type(own) == _type(other):
        eta = min(largest(other.get("eta")), eta)
    return _unless(eta < 2 * largest(own.get("eta")), *_pair(_set_eta(game, "discriminator", eta, why)))


def _slower_generator(game: Spec) -> Advice | None:
    """Where it is faster than such players usually are, and the discriminator could follow it then."""
    eta, pace = usual(game, "generator"), paces(game)
    own = _eta_of(game, "generator")
    far = own >= FAR * eta and (pace is None or eta < PACE * pace[1])
    why = f"its learning rate is {own / eta:,.0f} times a usual one: it jumps from mode to mode"
    return _unless(not far, *_pair(_set_eta(game, "generator", eta, why)))


def _faster_generator(game: Spec, why: str) -> Advice | None:
    eta = usual(game, "generator")
    return _unless(2 * _eta_of(game, "generator") > eta, *_pair(_set_eta(game, "generator", eta, why)))


def _slower_critic(game: Spec, why: str) -> Advice | None:
    eta = usual(game, "discriminator")
    return _unless(_eta_of(game, "discriminator") < 2 * eta, *_pair(_set_eta(game, "discriminator", eta, why)))


def _more_moves(game: Spec, why: str) -> Advice | None:
    other = game.get("n_critic", 1) != 1 or game.get("moves") or game.get("until")
    return _unless(bool(other), "game.n_critic=5", f"more moves of the discriminator: {why}")


def _calmer(game: Spec, player: str) -> Advice | None:
    """Gradient descent takes steps as large as the gradient; Adam's are about eta whatever it is."""
    plain = _type(game[player].get("optimizer")) == "gradient_descent"
    why = f"steps of about eta, whatever the gradient of the {player} is"
    return _unless(not plain, f"game.{player}.optimizer={{type: adam, eta: 0.001}}", why)


def _fastest_first(game: Spec) -> list[str]:
    return sorted(("discriminator", "generator"), key=lambda player: -_eta_of(game, player) / usual(game, player))


def _eta_of(game: Spec, player: str) -> float:
    return largest((game[player].get("optimizer") or {}).get("eta"))


def usual(game: Spec, player: str) -> float:
    """A learning rate for such a player."""
    descent = _type(game[player].get("optimizer")) == "gradient_descent"
    return 0.01 if descent and player != "network" else USUAL.get(_type(game[player].get("optimizer")), 0.01)


def _more_examples(data: Spec) -> list[Advice | None]:
    why = "more examples are harder to learn by heart"
    points, name = data.get("points"), "mnist" if _type(data) == "stacked_mnist" else _type(data)
    fetched = data.get("source") != "sample" or data.get("path")
    return [
        _unless(not data.get("limit"), "data.limit=null", f"{why}: all that there are"),
        _unless(bool(fetched), "data.source=auto", f"{why}: `dessine data fetch {name}` first"),
        _unless(not isinstance(points, int), f"data.points={10 * int(points or 0)}", why),
    ]


def _memorising(spec: Spec, lines: Lines) -> list[Advice | None]:
    data, game = spec.get("data") or {}, spec["game"]
    augmented = "points" in data or bool(game.get("augment"))
    return [
        *_more_examples(data),
        _unless(augmented, "game.augment={translate: 0.125, cutout: 0.5}", "the discriminator sees no image twice as it is"),
        _dropout(game),
        _halved(spec, "stop earlier: copying comes late"),
    ]


def _ignoring(spec: Spec, lines: Lines) -> list[Advice | None]:
    game = spec["game"]
    told = {name: _kinds(game[name]["layers"]) for name in ("generator", "discriminator")}
    by_generator = told["generator"] & {"condition", "embedding", "conditional_batch_norm"}
    by_critic = told["discriminator"] & {"projection", "condition", "embedding"} or game.get("auxiliary")
    return [
        _rows(
            game,
            "generator",
            [] if by_generator else ["condition", *game["generator"]["layers"]],
            "the generator is not told the label: condition puts it beside the latent",
        ),
        _rows(
            game,
            "discriminator",
            [] if by_critic else [*game["discriminator"]["layers"][:-1], "projection"],
            "nothing asks for the label: a projection does",
        ),
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
        _within_the_clip(spec["game"]),
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
    ]


def _stuck_classifier(spec: Spec, lines: Lines) -> list[Advice | None]:
    game = spec["game"]
    other = _type(game["network"].get("optimizer")) != "adam"
    gradient = lines.gradient("network")
    first = gradient[np.isfinite(gradient)][:1]
    saturated = (len(first) > 0 and lines.end(gradient) <= 1e-3 * first[0]) or lines.end(gradient) == 0
    small = not (lines.layers("network", "update_ratio") > 1e-3).any()
    slower = _eta(game, "network", 0.1, "too large a step saturates units: no gradient is left")
    faster = _eta(game, "network", 10, "too small a step gets nowhere")
    return [
        _usual_eta(game),
        _unless(not other, "game.network.optimizer={type: adam, eta: 0.001}", "it gives every layer steps of like size"),
        slower if saturated or not small else faster,
        _unless(False, *_doubled(spec, "it may only have begun")),
    ]


def _begun_classifier(spec: Spec, lines: Lines) -> list[Advice | None]:
    return [_usual_eta(spec["game"]), _unless(False, *_doubled(spec, "it may only have begun"))]


def _usual_eta(game: Spec) -> Advice | None:
    """Where its own is far from it."""
    eta, own = usual(game, "network"), _eta_of(game, "network")
    why = f"a usual learning rate for such a network: its own is {'larger' if own > eta else 'smaller'} by far"
    return _unless(eta / FAR < own < eta * FAR, *_pair(_set_eta(game, "network", eta, why)))


def _pair(one: Advice | None) -> tuple[str, str]:
    return ("", "") if one is None else (one.override, one.why)


def _overfitted_classifier(spec: Spec, lines: Lines) -> list[Advice | None]:
    data, training = spec.get("data") or {}, spec.get("training") or {}
    loss, best = lines(lines.loss), None
    if np.isfinite(loss).any():
        best = int(lines.steps[np.nanargmin(loss)])
    return [
        *_more_examples(data),
        _dropout(spec["game"], "network"),
        _unless(not best or not training.get("steps"), f"training.steps={best}", "stop where tests went best"),
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


def _unless(needless: bool, override: str = "", why: str = "") -> Advice | None:
    return None if needless or not (override or why) else Advice(override, why)


def _eta(game: Spec, player: str, factor: float, why: str) -> Advice | None:
    """`factor` times what it is now; where it shall be much smaller, no more than what such an optimizer usually gets."""
    eta = factor * _first_eta(game[player].get("optimizer"))
    return _set_eta(game, player, min(eta, usual(game, player)) if factor < 0.2 else eta, why)


def _set_eta(game: Spec, player: str, eta: float, why: str) -> Advice | None:
    """Of a schedule, where it begins."""
    optimizer = game[player].get("optimizer") or {}
    if not _first_eta(optimizer) > 0:
        return None
    key = "eta.from" if isinstance(optimizer["eta"], Mapping) else "eta"
    return Advice(f"game.{player}.optimizer.{key}={float(f'{eta:.2g}'):g}", why)


def _first_eta(optimizer: Any) -> float:
    """0 where none is known."""
    eta = optimizer.get("eta") if isinstance(optimizer, Mapping) else None
    eta = eta.get("from") if isinstance(eta, Mapping) else eta
    return float(eta) if isinstance(eta, int | float) else 0.0


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


def _flat(game: Spec) -> Advice | None:
    why = "it keeps the discriminator flat where the data are: a steep one drives samples from mode to mode"
    cannot = (
        game["discriminator"].get("constraint") or _mixes(game["discriminator"]) or game.get("moves") or game.get("unrolled")
    )
    return _unless(bool(cannot), "game.discriminator.constraint={type: r1, gamma: 1}", why)


def _within_the_clip(game: Spec) -> Advice | None:
    """Adam and RMSProp move each weight by about eta, whatever it is clipped to (Arjovsky et al. 2017: 5e-5 in 0.01)."""
    constraint, own = game["discriminator"].get("constraint") or {}, game["discriminator"].get("optimizer") or {}
    if _type(constraint) != "clip" or _type(own) not in ("adam", "rmsprop"):
        return None
    c = largest(constraint.get("c", 0.01))
    why = f"a step moves each weight by about eta, and they are clipped to {c:g}: it can only jump from end to end"
    return _unless(_eta_of(game, "discriminator") < c / 20, *_pair(_set_eta(game, "discriminator", c / 100, why)))


def _unrolled(game: Spec) -> Advice | None:
    cannot = game["discriminator"].get("constraint") or game.get("feature_matching") or game.get("unrolled")
    cannot = cannot or bool(_kinds(game["discriminator"]["layers"]) & set(BENT))
    return _unless(bool(cannot), "game.unrolled.steps=5", "the generator reckons with the discriminator's answer")


def _rows(game: Spec, player: str, layers: list[Any], why: str) -> Advice | None:
    """Other layers for a player; None without any."""
    return _unless(not layers, *((put_in.override(f"game.{player}.layers", layers), why) if layers else ()))


def _dropout(game: Spec, player: str = "discriminator") -> Advice | None:
    layers = game[player]["layers"]
    put = [] if "dropout" in _kinds(layers) else put_in.after_hidden(layers, {"type": "dropout", "p": 0.5})
    return _rows(game, player, put, f"half of its units rest: the {player} does not grow certain of what it has seen")


def _minibatch(game: Spec) -> Advice | None:
    layers = game["discriminator"]["layers"]
    if not _draws_images(game):  # of points that hardly differ it says nothing that helps: docs/results/modes.md
        return None
    alike = _kinds(layers) & {"minibatch_discrimination", "minibatch_std", "minibatch_closeness"}
    put = [] if alike or game.get("pack", 1) > 1 else put_in.before_the_last(layers, "minibatch_discrimination")
    return _rows(game, "discriminator", put, "a layer that sees the batch finds samples out that are alike")


def _draws_images(game: Spec) -> bool:
    inner = [layer for layer in game["generator"]["layers"] if _type(layer) not in ("activation", "reshape")]
    return any(
        _type(last).startswith("conv") or (isinstance(last, Mapping) and last.get("units", 0) > 16) for last in inner[-1:]
    )


def _batch_norm(game: Spec) -> Advice | None:
    layers = game["generator"]["layers"]
    normal = _kinds(layers) & {"batch_norm", "layer_norm", "group_norm", "residual", "conditional_batch_norm"}
    put = [] if normal or len(layers) < 3 or not _draws_images(game) else put_in.normalised(layers)
    return _rows(game, "generator", put, "the inner layers of the generator learn little without it")


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

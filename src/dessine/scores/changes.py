"""Single changes of a config that may be advised, each with its reason; None where it would change nothing, or be refused.

Which of them a verdict calls for, and in what order, stands in `advice.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dessine.nn.layer import layers as known_layers
from dessine.scores import put_in
from dessine.scores.ahead import PACE, largest, paces
from dessine.scores.lines import Lines
from dessine.scores.lines import kind as _type

Spec = Mapping[str, Any]
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


def non_saturating(game: Spec) -> Advice | None:
    """In place of the minimax loss."""
    why = "its gradient does not vanish where the discriminator wins"
    return unless(_type(game.get("loss")) != "minimax", "game.loss=non_saturating", why)


def faster_critic(game: Spec, why: str) -> Advice | None:
    """As fast as the generator, where both take steps of one kind, and at least as fast as such players usually are."""
    own, other = (game[player].get("optimizer") or {} for player in ("discriminator", "generator"))
    eta = usual(game, "discriminator")
    if _type(own) == _type(other):
        eta = min(largest(other.get("eta")), eta)
    return unless(eta < 2 * largest(own.get("eta")), *_pair(_set_eta(game, "discriminator", eta, why)))


def slower_generator(game: Spec) -> Advice | None:
    """Where it is faster than such players usually are, and the discriminator could follow it then."""
    eta, pace = usual(game, "generator"), paces(game)
    own = _eta_of(game, "generator")
    far = own >= FAR * eta and (pace is None or eta < PACE * pace[1])
    why = f"its learning rate is {own / eta:,.0f} times a usual one: it jumps from mode to mode"
    return unless(not far, *_pair(_set_eta(game, "generator", eta, why)))


def faster_generator(game: Spec, why: str) -> Advice | None:
    """Where it is slower than such players usually are."""
    eta = usual(game, "generator")
    return unless(2 * _eta_of(game, "generator") > eta, *_pair(_set_eta(game, "generator", eta, why)))


def slower_critic(game: Spec, why: str) -> Advice | None:
    """Where it is faster than such players usually are."""
    eta = usual(game, "discriminator")
    return unless(_eta_of(game, "discriminator") < 2 * eta, *_pair(_set_eta(game, "discriminator", eta, why)))


def more_moves(game: Spec, why: str) -> Advice | None:
    """Of the discriminator in a turn, where it makes one."""
    other = game.get("n_critic", 1) != 1 or game.get("moves") or game.get("until")
    return unless(bool(other), "game.n_critic=5", f"more moves of the discriminator: {why}")


def calmer(game: Spec, player: str) -> Advice | None:
    """Gradient descent takes steps as large as the gradient; Adam's are about eta whatever it is."""
    plain = _type(game[player].get("optimizer")) == "gradient_descent"
    why = f"steps of about eta, whatever the gradient of the {player} is"
    return unless(not plain, f"game.{player}.optimizer={{type: adam, eta: 0.001}}", why)


def fastest_first(game: Spec) -> list[str]:
    """The two players, the one furthest above a usual learning rate first."""
    return sorted(("discriminator", "generator"), key=lambda player: -_eta_of(game, player) / usual(game, player))


def _eta_of(game: Spec, player: str) -> float:
    return largest((game[player].get("optimizer") or {}).get("eta"))


def usual(game: Spec, player: str) -> float:
    """A learning rate for such a player."""
    descent = _type(game[player].get("optimizer")) == "gradient_descent"
    return 0.01 if descent and player != "network" else USUAL.get(_type(game[player].get("optimizer")), 0.01)


def more_examples(data: Spec) -> list[Advice | None]:
    """What would give such data more of them: no limit, the full set, more points."""
    why = "more examples are harder to learn by heart"
    points, name = data.get("points"), "mnist" if _type(data) == "stacked_mnist" else _type(data)
    fetched = data.get("source") != "sample" or data.get("path")
    return [
        unless(not data.get("limit"), "data.limit=null", f"{why}: all that there are"),
        unless(bool(fetched), "data.source=auto", f"{why}: `dessine data fetch {name}` first"),
        unless(not isinstance(points, int), f"data.points={10 * int(points or 0)}", why),
    ]


def usual_eta(game: Spec) -> Advice | None:
    """Where its own is far from it."""
    eta, own = usual(game, "network"), _eta_of(game, "network")
    why = f"a usual learning rate for such a network: its own is {'larger' if own > eta else 'smaller'} by far"
    return unless(eta / FAR < own < eta * FAR, *_pair(_set_eta(game, "network", eta, why)))


def _pair(one: Advice | None) -> tuple[str, str]:
    return ("", "") if one is None else (one.override, one.why)


def unless(needless: bool, override: str = "", why: str = "") -> Advice | None:
    """The advice, or None where it is needless or there is none."""
    return None if needless or not (override or why) else Advice(override, why)


def scaled_eta(game: Spec, player: str, factor: float, why: str) -> Advice | None:
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
    kind = "clip" if mixes(game["discriminator"]) or game.get("moves") else "gradient_penalty"
    change = f"game.discriminator.constraint={{type: {kind}}}"
    return unless(not free, change, "a Wasserstein critic must be held to a slope, else it wins by growing")


def noise(game: Spec, why: str) -> Advice | None:
    """On all that the discriminator sees, where there is none."""
    return unless(bool(game.get("instance_noise")), "game.instance_noise.sigma=0.1", why)


def smoothed(game: Spec) -> Advice | None:
    """Labels of 0.9 for real examples (Salimans et al. 2016, section 3.4), where the loss has labels and none were changed."""
    labelled = _type(game.get("loss")) in ("minimax", "non_saturating", "least_squares")
    already = list(game.get("real_labels") or [1, 1]) != [1, 1]
    return unless(not labelled or already, "game.real_labels=[0.9,0.9]", "a discriminator that may not be certain")


def packed(spec: Spec) -> Advice | None:
    """Packs of two (Lin et al. 2018), where there are none and a batch can be halved. spec: the whole config"""
    pack, batch = spec["game"].get("pack", 1), (spec.get("training") or {}).get("batch_size", 64)
    return unless(
        pack > 1 or batch % 2 > 0, "game.pack=2", "the discriminator sees two samples at once, so that likeness shows"
    )


def flat(game: Spec) -> Advice | None:
    """R1 (Mescheder et al. 2018), where nothing holds the discriminator yet, and each example has a slope of its own."""
    why = "it keeps the discriminator flat where the data are: a steep one drives samples from mode to mode"
    cannot = (
        game["discriminator"].get("constraint") or mixes(game["discriminator"]) or game.get("moves") or game.get("unrolled")
    )
    return unless(bool(cannot), "game.discriminator.constraint={type: r1, gamma: 1}", why)


def within_the_clip(game: Spec) -> Advice | None:
    """Adam and RMSProp move each weight by about eta, whatever it is clipped to (Arjovsky et al. 2017: 5e-5 in 0.01)."""
    constraint, own = game["discriminator"].get("constraint") or {}, game["discriminator"].get("optimizer") or {}
    if _type(constraint) != "clip" or _type(own) not in ("adam", "rmsprop"):
        return None
    c = largest(constraint.get("c", 0.01))
    why = f"a step moves each weight by about eta, and they are clipped to {c:g}: it can only jump from end to end"
    return unless(_eta_of(game, "discriminator") < c / 20, *_pair(_set_eta(game, "discriminator", c / 100, why)))


def unrolled(game: Spec) -> Advice | None:
    """Five unrolled steps (Metz et al. 2017), where the discriminator can be differentiated twice."""
    cannot = game["discriminator"].get("constraint") or game.get("feature_matching") or game.get("unrolled")
    cannot = cannot or bool(kinds(game["discriminator"]["layers"]) & set(BENT))
    return unless(bool(cannot), "game.unrolled.steps=5", "the generator reckons with the discriminator's answer")


def other_layers(game: Spec, player: str, layers: list[Any], why: str) -> Advice | None:
    """Other layers for a player; None without any."""
    return unless(not layers, *((put_in.override(f"game.{player}.layers", layers), why) if layers else ()))


def dropout(game: Spec, player: str = "discriminator") -> Advice | None:
    """Dropout behind each hidden layer of a player that has none."""
    layers = game[player]["layers"]
    put = [] if "dropout" in kinds(layers) else put_in.after_hidden(layers, {"type": "dropout", "p": 0.5})
    return other_layers(game, player, put, f"half of its units rest: the {player} does not grow certain of what it has seen")


def minibatch(game: Spec) -> Advice | None:
    """Minibatch discrimination (Salimans et al. 2016, section 3.2), where images are drawn and nothing sees the batch yet."""
    layers = game["discriminator"]["layers"]
    if not _draws_images(game):  # of points that hardly differ it says nothing that helps: docs/results/modes.md
        return None
    alike = kinds(layers) & {"minibatch_discrimination", "minibatch_std", "minibatch_closeness"}
    put = [] if alike or game.get("pack", 1) > 1 else put_in.before_the_last(layers, "minibatch_discrimination")
    return other_layers(game, "discriminator", put, "a layer that sees the batch finds samples out that are alike")


def _draws_images(game: Spec) -> bool:
    inner = [layer for layer in game["generator"]["layers"] if _type(layer) not in ("activation", "reshape")]
    return any(
        _type(last).startswith("conv") or (isinstance(last, Mapping) and last.get("units", 0) > 16) for last in inner[-1:]
    )


def batch_norm(game: Spec) -> Advice | None:
    """Batch normalisation of the inner layers of a generator of images that has several and no normalisation."""
    layers = game["generator"]["layers"]
    normal = kinds(layers) & {"batch_norm", "layer_norm", "group_norm", "residual", "conditional_batch_norm"}
    put = [] if normal or len(layers) < 3 or not _draws_images(game) else put_in.normalised(layers)
    return other_layers(game, "generator", put, "the inner layers of the generator learn little without it")


def unheard_latent(game: Spec, lines: Lines) -> Advice | None:
    """Where the first layer of the generator moves less than a tenth of what the last one does, the latent is hardly heard."""
    ratios = lines.layers("generator", "grad_norm")
    plain = _type(game["generator"].get("optimizer")) == "gradient_descent"
    if not plain or ratios.shape[1:] < (2,):
        return None
    first, last = lines.end(ratios[:, 0]), lines.end(ratios[:, -1])
    text = (
        f"its first layer gets {first / last:.2g} of the last one's gradient, so the latent is hardly heard" if last > 0 else ""
    )
    return unless(not first < 0.2 * last, "game.generator.optimizer={type: adam, eta: 0.001}", text)


def mixes(player: Spec) -> bool:
    """Whether one of its layers lets examples of a batch see each other, so that no example has a slope of its own."""
    found = [known_layers.members.get(kind) for kind in kinds(player["layers"])]
    return any(kind is not None and kind.mixes_examples for kind in found)


def kinds(nodes: Any) -> set[str]:
    """The types of layers, of those that others hold, too."""
    found = {_type(node) for node in nodes}
    for node in nodes:
        held = [node.get(row) for row in ("layers", "shortcut")] if isinstance(node, Mapping) else []
        found |= {kind for row in held if isinstance(row, list) for kind in kinds(row)}
    return found


def doubled(spec: Spec, why: str, least: int = 0) -> tuple[str, str]:
    """least: steps without which nothing can be said."""
    training = spec.get("training") or {}
    if training.get("steps"):
        return f"training.steps={max(least, 2 * training['steps'])}", why
    return (f"training.epochs={2 * training['epochs']}", why) if training.get("epochs") else ("", "")


def halved(spec: Spec, why: str) -> Advice | None:
    """Half as many steps, where the config counts in steps. spec: the whole config"""
    steps = (spec.get("training") or {}).get("steps")
    return unless(not isinstance(steps, int) or steps < 2, f"training.steps={(steps or 0) // 2}", why)

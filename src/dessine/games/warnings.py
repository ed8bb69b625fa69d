"""Settings that are allowed and hardly ever meant: rules on a resolved spec, one line for each that applies.

What is impossible is refused by the schema, or by the game as it is built; what has gone wrong in a run is found by
`scores/diagnosis.py`. A new rule is a function in `RULES` and a case in its test: it must stay silent on every shipped config
and sweep that does not mean it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np

from dessine.data import Examples, Split
from dessine.losses import GameLoss
from dessine.nn import Activate, Activation, Layer
from dessine.nn.shaping import Reshape
from dessine.registry import Path, Problem, dotted
from dessine.scores.changes import held, usual
from dessine.spec import inline

Spec = Mapping[str, Any]


@dataclass(frozen=True)
class Warning:
    """path: of the setting; override: KEY=VALUE that mends it, or empty; hopeless: no training can get over it."""

    path: Path
    message: str
    override: str = ""
    hopeless: bool = False

    @property
    def problem(self) -> Problem:
        """As a document places it: with file and line."""
        return Problem(self.path, f"warning: {self.message}")

    def __str__(self) -> str:
        return f"{dotted(self.path)}: {self.message}"


def warnings(spec: Spec, data: Split) -> list[Warning]:
    """Every warning on a resolved spec, and the data that it loads."""
    return [warning for rule in RULES for warning in rule(spec["game"], data)]


def _generator_range(game: Spec, data: Split) -> Iterator[Warning]:
    """Its last layer cannot draw all the data, or draws what no image holds though an activation would keep to the range."""
    if game["type"] != "adversarial":
        return
    nodes, examples = game["generator"]["layers"], data.train
    low, high = span(nodes)
    least, most = data_range(examples)
    slack, images = 0.02 * (most - least), len(examples.shape) == 3
    lost = low > least + slack or high < most - slack
    if lost and not images:  # a few points beyond the reach of a tanh are no matter
        lost = bool(((examples.x < low) | (examples.x > high)).any(-1).mean() > 0.01)
    index, key = _last(nodes)
    shared = bool(key) and _name(nodes[index][key]) == "softmax"
    lost |= shared
    fit = _fitting(least, most) if images else "linear"
    beyond = images and fit is not None and (low < least - slack or high > most + slack)
    if not (lost or beyond):
        return
    path = ("game", "generator", "layers", index)
    drawn = "draws any number" if (low, high) == (-inf, inf) else f"draws {_interval(low, high)}"
    drawn = "draws numbers that sum to 1" if shared else drawn
    scale = SCALES.get((low, high)) if images and not shared and examples.x.dtype == np.uint8 else None
    hint = " or ".join([f"end in {inline(fit)}"] * bool(fit) + [f"take data.scale={scale}"] * bool(scale))
    what = "images" if images else "points"
    lie = "hold any number from" if shared else "lie in"
    message = f"the generator {drawn}, but the {what} {lie} {_interval(least, most)}{': ' if hint else ''}{hint}"
    ends = span([*nodes[:index], dict(nodes[index]) | {key: fit}, *nodes[index + 1 :]]) if fit and key else (inf, inf)
    mends = ends == (least, most) or (not images and ends[0] <= least and most <= ends[1])
    override = f"{dotted((*path, key))}={inline(fit)}" if mends else ""
    yield Warning(path, message, override, hopeless=lost)


def _free_critic(game: Spec, data: Split) -> Iterator[Warning]:
    """A Wasserstein critic that nothing holds (Arjovsky et al. 2017, section 3)."""
    if _loss(game) == "wasserstein" and not game["discriminator"]["constraint"]:
        advice = held(game)
        message = (
            "a wasserstein critic without a constraint grows without bound, and its estimate means nothing: "
            "try game.discriminator.constraint=clip, gradient_penalty or spectral_norm"
        )
        yield Warning(("game", "discriminator", "constraint"), message, advice.override if advice else "")


def _bounded_critic(game: Spec, data: Split) -> Iterator[Warning]:
    """What it ends in keeps the discriminator from saying what the loss asks it for."""
    if game["type"] != "adversarial":
        return
    nodes, loss = game["discriminator"]["layers"], GameLoss.of(dict(game["loss"]))
    index, key = _last(nodes)
    if loss.probability and key and _name(nodes[index][key]) in ("sigmoid", "softmax"):
        return  # it is read as its logit
    low, high = span(nodes)
    aims = (getattr(loss, "generated", -inf), getattr(loss, "real", inf))
    if loss.type == "hinge":
        aims = (-1.0, 1.0)
    if low <= min(aims) and high >= max(aims):
        return
    asked = f"aims at {aims[0]:g} and {aims[1]:g}" if max(map(abs, aims)) < inf else "must be able to say any number"
    said = f"says {_interval(low, high)}, but with the {loss.type} loss it {asked}"
    path = ("game", "discriminator", "layers", index)
    yield Warning(path, f"the discriminator {said}: end in linear", f"{dotted((*path, key))}=linear" if key else "")


def _clipped_momentum(game: Spec, data: Split) -> Iterator[Warning]:
    """Several moves of a clipped critic with momentum: unstable at times (Arjovsky et al. 2017, section 4)."""
    if _loss(game) != "wasserstein" or _name(game["discriminator"]["constraint"]) != "clip" or _largest(game["n_critic"]) == 1:
        return
    optimizer = game["discriminator"]["optimizer"]
    for name in ("momentum", "beta1"):
        if _largest(optimizer.get(name, 0)) > 0:
            path = ("game", "discriminator", "optimizer", name)
            message = (
                f"momentum makes a clipped critic of {_largest(game['n_critic'])} moves a turn unstable at times: "
                "Arjovsky et al. 2017 take rmsprop instead"
            )
            yield Warning(path, message, f"{dotted(path)}=0")


USUAL = {
    "gradient_descent": (1e-6, 5.0, "its steps are eta times the gradient"),
    "adagrad": (1e-5, 1.0, "its first steps are eta in every weight"),
    "rmsprop": (1e-6, 0.1, "its steps are about eta in every weight, and weights are about 0.1"),
    "adam": (1e-6, 0.1, "its steps are about eta in every weight, and weights are about 0.1"),
    "adadelta": (1e-3, 10.0, "it finds its own step size, and eta is a factor of it"),
}
"""Where eta lies in nearly all that is published, with a decade to spare, and why.

That of gradient_descent is for units of slope 1. A gradient shrinks with the slope of the units it comes from, so flat ones
bear more: sigmoids of mu 0.1, whose slope is 0.025, an eta of 200.
"""


def _far_eta(game: Spec, data: Split) -> Iterator[Warning]:
    """A learning rate with which nothing can move, or nothing can stay."""
    for name in ("generator", "discriminator", "network"):
        if not isinstance(game.get(name), Mapping):
            continue
        optimizer = game[name]["optimizer"]
        kind, eta, momentum = optimizer["type"], _largest(optimizer["eta"]), _largest(optimizer["momentum"])
        if kind not in USUAL:
            continue
        low, high, why = USUAL[kind]
        if kind == "gradient_descent":
            high /= max(_slope(game[name]["layers"]), 1e-3)
        long = eta / (1 - momentum)
        if low <= eta and long <= high * (1 + 1e-9):
            continue
        with_momentum = f" (with its momentum {long:g})" if momentum else ""
        path = ("game", name, "optimizer", "eta")
        message = f"{eta:g}{with_momentum} is far out for {kind}: {why}; {low:g} to {high:.3g} is usual here"
        yield Warning(path, message, f"{dotted(path)}={usual(game, name):g}")


def _largest(number: Any) -> float:
    """That it ever is, if it has a schedule."""
    return max(number["from"], number["to"]) if isinstance(number, Mapping) else number


SCALES = {(0.0, 1.0): "0..1", (-1.0, 1.0): "-1..1"}
"""Of pixels, by what a generator draws."""

RULES: list[Callable[[Spec, Split], Iterator[Warning]]] = [
    _generator_range,
    _free_critic,
    _bounded_critic,
    _clipped_momentum,
    _far_eta,
]


def span(nodes: Sequence[Any]) -> tuple[float, float]:
    """The interval that the outputs of such layers can fill, whatever they learn."""
    low, high = -inf, inf
    for node in nodes:
        low, high = Layer.of(node).span(low, high)
    return low, high


def data_range(examples: Examples) -> tuple[float, float]:
    """The least and the largest number that the examples hold; of images that are stored as bytes: can hold."""
    if examples.x.dtype == np.uint8:
        return examples.low, examples.high
    return float(examples.x.min()), float(examples.x.max())


def _last(nodes: Sequence[Any]) -> tuple[int, str]:
    """The index of the layer that outputs come from, and its option that is an activation; empty if it has none."""
    for index in reversed(range(len(nodes))):
        layer = Layer.of(nodes[index])
        if not isinstance(layer, Reshape):
            own = isinstance(getattr(layer, "activation", None), Activation)
            return index, "function" if isinstance(layer, Activate) else "activation" if own else ""
    return len(nodes) - 1, ""


def _slope(nodes: Sequence[Any]) -> float:
    """The steepest slope of the activation that errors pass first."""
    index, key = _last(nodes)
    node = nodes[index].get(key) if key else None
    if node is None:
        return 1.0
    x = np.linspace(-1e-3, 1e-3, 2)[:, None]  # all that are bounded are steepest at 0
    y = Activation.of(node).forward(x)[0]
    return float(abs(y[1, 0] - y[0, 0]) / 2e-3) or 1.0


def _fitting(least: float, most: float) -> Any:
    """An activation that fills this interval, as a spec writes it; None if there is none."""
    if (least, most) == (0.0, 1.0):
        return "sigmoid"
    if least == -most:
        return "tanh" if most == 1.0 else {"type": "tanh", "k": most}
    return None


def _interval(low: float, high: float) -> str:
    if high == inf:
        return f"{low:.3g} and more"
    return f"{high:.3g} and less" if low == -inf else f"{low:.3g} to {high:.3g}"


def _loss(game: Spec) -> str:
    return _name(game.get("loss"))


def _name(node: Any) -> str:
    return str(node.get("type", "")) if isinstance(node, Mapping) else str(node or "")

"""A row of layers with some put in, as one KEY=VALUE: in as few words as make it what it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dessine.nn.layer import Layer
from dessine.registry import SpecError
from dessine.scores.lines import kind
from dessine.spec import inline

Node = Any
LEARN = ("dense", "conv2d", "conv2d_transpose")
"""Layers that may have an activation of their own."""
HOLD = ("layers", "shortcut")
"""Options that hold layers."""


def override(key: str, layers: Sequence[Node]) -> str:
    """KEY=VALUE for a whole row."""
    return f"{key}={inline([brief(layer) for layer in layers])}"


def brief(layer: Node) -> Node:
    """The same layer without the options that have their default; one of a plugin that is not here stays as it is."""
    told = _same(layer)
    if told is None or not isinstance(layer, Mapping):
        return layer
    short = {key: [brief(one) for one in v] if key in HOLD and isinstance(v, list) else v for key, v in layer.items()}
    for name in [name for name in short if name != "type"]:
        without = {key: value for key, value in short.items() if key != name}
        if told == _same(without):
            short = without
        elif isinstance(short[name], Mapping) and told == _same(short | {name: kind(short[name])}):
            short[name] = kind(short[name])
    return short["type"] if list(short) == ["type"] else short


def before_the_last(layers: Sequence[Node], put: Node) -> list[Node]:
    """Before the layer that gives the answer, which then sees flat features; empty where there is no such layer."""
    *inner, last = layers
    if kind(last) not in ("dense", "projection") or not inner:
        return []
    flat = all(kind(layer) not in ("conv2d", "conv2d_transpose", "reshape") for layer in inner) or any(
        kind(layer) in ("dense", "flatten") for layer in inner[-3:]
    )
    return [*inner, *([] if flat else ["flatten"]), put, last]


def after_hidden(layers: Sequence[Node], put: Node) -> list[Node]:
    """After each activation but that of the last layer that learns; empty where there is none."""
    last = max((i for i, layer in enumerate(layers) if kind(layer) in (*LEARN, "projection")), default=0)
    found = list[Node]()
    for i, layer in enumerate(layers):
        found.append(layer)
        if i < last and (kind(layer) == "activation" or (kind(layer) in LEARN and _bends(layer))):
            found.append(put)
    return found if len(found) > len(layers) else []


def normalised(layers: Sequence[Node]) -> list[Node]:
    """With batch normalisation between each inner layer and its activation; empty where there is none."""
    found = list[Node]()
    for i, layer in enumerate(layers):
        if i < len(layers) - 1 and kind(layer) in LEARN and isinstance(layer, Mapping):
            plain = {key: value for key, value in layer.items() if key != "activation"}
            found += [plain, "batch_norm"]
            found += [{"type": "activation", "function": layer["activation"]}] if _bends(layer) else []
        else:
            found.append(layer)
    return found if len(found) > len(layers) else []


def _bends(layer: Node) -> bool:
    return isinstance(layer, Mapping) and kind(layer.get("activation")) not in ("", "linear")


def _same(layer: Any) -> Any:
    """By which two ways to write a layer are one; None for what is none."""
    from dessine.schema import check

    try:
        return check(Layer, layer).model_dump()
    except SpecError:
        return None

"""The formats: how each is named, what it can say, and how it is written."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from dessine.export import html, numbers, onnx, torch
from dessine.export.taken import Refused, Taken
from dessine.nn.activations import activations
from dessine.nn.layer import layers
from dessine.runs.files import write_atomically

Made = Callable[[Taken, Path], dict[Path, bytes]]


@dataclass(frozen=True)
class Format:
    """ending: of the file; layers, activations: those that it can say; made: the files, by their paths.

    needs: a module that an extra brings; noun: what is said of it in a refusal.
    """

    ending: str
    noun: str
    made: Made
    layers: Container[str]
    activations: Container[str]
    needs: str = ""


def _torch(taken: Taken, out: Path) -> dict[Path, bytes]:
    """The numbers first: a module is never there without them."""
    beside = out.with_name(f"{out.stem}_weights.npz")
    text, tensors = torch.module(taken, beside.name)
    return {beside: numbers.packed(tensors), out: text.encode()}


def _one(content: Callable[[Taken], bytes]) -> Made:
    return lambda taken, out: {out: content(taken)}


FORMATS = {
    "onnx": Format(".onnx", "ONNX", _one(onnx.content), onnx.MAKERS, onnx.ACTIVATIONS, "onnx"),
    "safetensors": Format(
        ".safetensors", "safetensors", _one(numbers.safetensors), torch.MAKERS, torch.ACTIVATIONS, "safetensors"
    ),
    "torch": Format(".py", "PyTorch", _torch, torch.MAKERS, torch.ACTIVATIONS),
    "html": Format(".html", "a page", _one(html.content), html.LAYERS, html.ACTIVATIONS),
    "npz": Format(".npz", "npz", _one(numbers.npz), layers.members, activations.members),
}


def missing(to: str) -> str:
    """What is not installed that this format needs, in words; empty if all is there."""
    needs = FORMATS[to].needs
    if not needs or find_spec(needs) is not None:
        return ""
    return f"--to {to} needs {needs}, which is not installed: pip install 'dessine[export]'"


def refuse(to: str, taken: Taken) -> None:
    """Raises Refused, with its place, for the first layer or activation that this format cannot say."""
    known = FORMATS[to]
    for step in taken.all_steps:
        if step.type not in known.layers:
            raise Refused(f"{taken.part}, layer {step.name}: {known.noun} has no {step.type}")
        for value in step.options.values():
            if isinstance(value, dict) and value.get("type") not in known.activations:
                raise Refused(f"{taken.part}, layer {step.name}: {known.noun} has no {value.get('type')}")


def write(to: str, taken: Taken, out: Path) -> list[Path]:
    """Write it; the files, the one that was named last. Raises Refused for what the format cannot say: nothing is written."""
    refuse(to, taken)
    made = FORMATS[to].made(taken, out)
    for path, content in made.items():
        write_atomically(path, content)
    return list(made)

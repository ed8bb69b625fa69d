"""A network as it is taken out of a run: its layers as plain steps, its numbers by name.

A step holds all that a format needs of a layer that no longer learns; of several repeats it has the numbers of one. How a
format says it is the format's.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np

import dessine
from dessine.data import Examples
from dessine.experiment import Experiment
from dessine.games import Adversarial, Classification
from dessine.games.auxiliary import Coded
from dessine.games.axes import of_activations, of_weights
from dessine.nn import Mode, Network
from dessine.nn.layer import Declaration, Layer
from dessine.node import Node
from dessine.registry import SpecError
from dessine.streams import Streams

Array = np.ndarray
Shape = tuple[int, ...]
PARTS = ("generator", "discriminator", "network")
FEW, MOST_AXES = 8, 12
"""Numbers of a latent that each get a slider; and directions, where it has more."""


class Refused(SpecError):
    """What a format has no words for."""


@dataclass(frozen=True)
class Step:
    """A layer. name: where it stands, "3" or "3_shortcut_0"; options: those of the spec, with their values now.

    input, output: shapes of one example; arrays: parameters and running statistics by their names in the layer;
    rows: steps that it holds, by option.
    """

    name: str
    type: str
    options: dict[str, Any]
    input: Shape
    output: Shape
    arrays: dict[str, Array] = field(default_factory=dict)
    rows: dict[str, list[Step]] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """For JSON: without the numbers."""
        told = {"name": self.name, "type": self.type, "options": self.options, "input": self.input, "output": self.output}
        return told | ({"rows": {k: [step.plain() for step in row] for k, row in self.rows.items()}} if self.rows else {})


class Noise(NamedTuple):
    """What a `noise` layer is given: the input's name, its shape of one example, its distribution; path: of its stream."""

    name: str
    shape: Shape
    distribution: str
    path: str


@dataclass(frozen=True)
class Taken:
    """A network, its steps, and what a stranger must be told of it.

    part: generator, discriminator or network; about: what is written beside the numbers, ready for JSON
    input, output: shapes of one example; what a generator gives has the shape of the data
    classes: names of those that it is told, empty if it is told none; noises: what it is given beside its input
    network: which our own forward, that a format is held against, goes through; inputs: (count, seed) -> what it is tried on
    seen: what a page alone needs: `axes` of the latent, each with name and vector, or the level of the `paper`
    """

    part: str
    steps: list[Step]
    input: Shape
    output: Shape
    about: dict[str, Any]
    classes: tuple[str, ...]
    noises: list[Noise]
    network: Network
    inputs: Callable[[int, int], Array]
    seen: Callable[[], dict[str, Any]]

    @property
    def all_steps(self) -> Iterator[Step]:
        """Those that others hold, too."""
        return every(self.steps)

    def arrays(self) -> dict[str, Array]:
        """(name of step, name in layer) as one name, such as "0.w" and "3_shortcut_0.w"."""
        return {f"{step.name}.{name}": a for step in self.all_steps for name, a in step.arrays.items()}

    @property
    def count(self) -> int:
        """Parameters and running statistics."""
        return sum(a.size for a in self.arrays().values())

    def forward(self, x: Array, labels: Array | None = None, seed: int = 0) -> Array:
        """y of x, (B, *input), by our own layers. labels: (B,); seed: of the noise."""
        r = len(self.network.theta)
        told = None if labels is None else np.broadcast_to(labels, (r, len(labels)))
        mode = Mode(Streams(seed, r), train=False, record=False, labels=told)
        y, _ = self.network.forward(np.broadcast_to(x, (r, *x.shape)), mode)
        return y[0].reshape(len(x), *self.output)

    def noise(self, count: int, seed: int = 0) -> dict[str, Array]:
        """What `forward` draws: input -> (count, *shape), before its scale."""
        streams, dtype, found = Streams(seed, len(self.network.theta)), self.network.dtype, {}
        for noise in self.noises:
            stream, shape = streams[noise.path], (count, *noise.shape)
            drawn = (
                stream.gaussian(shape, dtype) if noise.distribution == "gaussian" else stream.uniform(shape, dtype, -1.0, 1.0)
            )
            found[noise.name] = drawn[0].astype(np.float32)
        return found

    def labels(self, count: int) -> Array | None:
        """(count,) each class in turn; None if it is told none."""
        return np.arange(count) % len(self.classes) if self.classes else None


def every(steps: Sequence[Step]) -> Iterator[Step]:
    """Each step, and those that it holds after it."""
    for step in steps:
        yield step
        for row in step.rows.values():
            yield from every(row)


def options(node: Node) -> dict[str, Any]:
    """What a spec would say of a node to have it as it is now; how it starts and what it holds apart."""
    told: dict[str, Any] = {}
    for name in inspect.signature(type(node).__init__).parameters:
        if name in ("self", "init") or not hasattr(node, name):
            continue
        value = getattr(node, name)
        if isinstance(value, Node):
            told[name] = {"type": value.type, **options(value)}
        elif not isinstance(value, Sequence) or isinstance(value, str) or not any(isinstance(v, Node) for v in value):
            told[name] = list(value) if isinstance(value, tuple) else value
    return told


def steps(layers: Sequence[Layer], declared: Sequence[Declaration], shape: Shape, start: str = "") -> list[Step]:
    """Layers of a network, and what they need, as steps. shape: of what goes in; start: what their names begin with."""
    found = []
    for i, (layer, needs) in enumerate(zip((layer.itself for layer in layers), declared, strict=True)):
        name = f"{start}{i}"
        shapes = {of: inner for of, (inner, *_) in needs.params.items()} | {
            of: inner for of, (inner, _) in needs.buffers.items()
        }
        arrays = {of: np.array(getattr(layer, of)[0], np.float32).reshape(inner) for of, inner in shapes.items()}
        rows = {
            option: steps(row, theirs, shape, f"{name}_" if option == "layers" else f"{name}_{option}_")
            for option, (row, theirs) in needs.rows.items()
        }
        found.append(Step(name, layer.type, options(layer), shape, needs.shape, arrays, rows))
        shape = needs.shape
    return found


def noises(network: Network, all_steps: Sequence[Step]) -> list[Noise]:
    """Inputs of the `noise` layers, in their order."""
    found = []
    for place, step in zip(network.places(), all_steps, strict=True):
        if step.type == "noise":
            n = step.output[-1] - step.input[-1] if step.options["how"] == "concatenate" else None
            shape = step.input if n is None else (n,)
            found.append(Noise(f"noise_{step.name}", shape, step.options["distribution"], place.layer.path))
    return found


def of_network(
    network: Network,
    part: str,
    about: Mapping[str, Any],
    output: Shape | None = None,
    classes: tuple[str, ...] = (),
    inputs: Callable[[int, int], Array] | None = None,
    seen: Callable[[], dict[str, Any]] = dict,
) -> Taken:
    """The network as it stands now. output: another shape for what it gives; inputs, seen: as in `Taken`."""
    made = steps(network.layers, network.declared, network.input_shape)
    if not all(np.isfinite(a).all() for step in every(made) for a in step.arrays.values()):
        raise Refused(f"the {part} has weights that are not finite numbers: train it anew")

    def gaussian(count: int, seed: int) -> Array:
        return Streams(seed)["inputs"].gaussian((count, *network.input_shape), np.float32)[0]

    shape = network.output_shape if output is None else output
    told = {"part": part, "input": network.input_shape, "output": shape, **about}
    drawn = noises(network, list(every(made)))
    return Taken(part, made, network.input_shape, shape, told, classes, drawn, network, inputs or gaussian, seen)


def take(experiment: Experiment, part: str | None, about: Mapping[str, Any]) -> Taken:
    """A part of a built and restored experiment, as it stands; the generator, or the only network, if None.

    about: what is to be told of the run. Raises Refused for a part that it has not.
    """
    game = experiment.game
    there = tuple(game.players)
    part = part or ("generator" if "generator" in there else there[0])
    if part not in there:
        raise Refused(f"this run has no {part}: it has {' and '.join(sorted(there))}")
    network = game.players[part].network
    data = experiment.split.train
    told = {**about, "game": game.type, "dessine": dessine.__version__}
    span = [data.low, data.high] if len(data.shape) == 3 else None
    if isinstance(game, Classification):
        squash = game.loss.squash
        told |= {
            "classes": game.names,
            "input_range": span,
            "output_is": f"logits, before {squash}" if squash else "as trained",
        }
        told |= {"span": list(game.span), "squash": squash}
        return of_network(network, part, told, seen=lambda: {"paper": _paper(data)})
    assert isinstance(game, Adversarial)
    labelled = any(step.labelled for step in (place.layer for place in network.places()))
    classes = game.kinds.names if game.kinds is not None and labelled else ()
    told |= {"classes": list(classes)} if classes else {}
    if part == "discriminator":
        told |= {"input_range": span, "output_is": "the logit of real, or what the critic says, first", "pack": game.pack}
        return of_network(network, part, told, classes=classes)
    latent = game.latent
    told["latent"] = {"size": latent.size, "distribution": latent.distribution, "sigma": latent.std}
    if latent.distribution == "uniform":
        told["latent"]["limit"] = latent.limit
    if isinstance(latent, Coded):
        told["latent"]["code"] = {"categorical": list(latent.code.categorical), "continuous": latent.code.continuous}
    told |= {"output_range": span, "images": len(data.shape) == 3}

    def draw(count: int, seed: int) -> Array:
        return latent.draw(Streams(seed, experiment.repeats), count, game.dtype)[0]

    return of_network(network, part, told, data.shape, classes, draw, lambda: {"axes": _axes(game)})


def _axes(game: Adversarial) -> list[dict[str, Any]]:
    """What the sliders of a page move: the numbers of a code and of a small latent, else the directions that change most."""
    latent = game.latent
    own, unit = latent.size, np.eye(latent.size)
    found = []
    if isinstance(latent, Coded):
        own = latent.own.size
        found = [(f"code {i + 1}", unit[latent.size - latent.code.continuous + i]) for i in range(latent.code.continuous)]
    if own <= FEW:
        return _named([*found, *((f"z{i + 1}", unit[i]) for i in range(own))])
    vectors = unit[:own]
    for of in (of_weights, lambda game: of_activations(game, 0)):
        with suppress(ValueError, np.linalg.LinAlgError):
            vectors = of(game).vectors.copy()
            vectors[:, own:] = 0
            break
    return _named([*found, *((str(i + 1), v) for i, v in enumerate(vectors[:MOST_AXES]))])


def _named(axes: Sequence[tuple[str, Array]]) -> list[dict[str, Any]]:
    return [{"name": name, "vector": np.round(v, 6).tolist()} for name, v in axes]


def _paper(data: Examples) -> float:
    """The level at the borders of most images, 0 to 1."""
    x = data.images(data.floats(data.scattered(200), np.float32))
    return float(np.median(np.concatenate([x[:, 0].ravel(), x[:, -1].ravel(), x[:, :, 0].ravel(), x[:, :, -1].ravel()])))


def as_text(about: Mapping[str, Any]) -> dict[str, str]:
    """For formats whose notes are text: what is no text is JSON."""
    return {k: v if isinstance(v, str) else json.dumps(v) for k, v in about.items() if v is not None}


def config_hash(text: str) -> str:
    """Twelve digits that tell one config from another."""
    return sha256(text.encode()).hexdigest()[:12]

"""Names to classes: what a spec may say, and the error it gets when it says something else.

How a constructor signature becomes a schema is told in `schema.py`; here stand only the families and their members.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import partial
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Generic, TypeAlias, TypeVar

from annotated_types import Ge, Gt, Le, Lt

from dessine.mistakes import Told

Path = tuple[str | int, ...]

# What constructors declare, beyond int, float, bool, str, Literal, lists and other nodes.
MOST = 10**9  # of anything that is counted: beyond it, sizes overflow before memory ends
Count = Annotated[int, Ge(1), Le(MOST)]
Points = Annotated[int, Ge(1), Le(10_000_000)]  # made in memory, a few hundred bytes each at the worst
MOST_TIMES = 10_000  # of what is done one after another within a step: hours, and nothing to be seen
Times = Annotated[int, Ge(1), Le(MOST_TIMES)]
SomeTimes = Annotated[int, Ge(0), Le(MOST_TIMES)]
Whole = Annotated[int, Ge(0)]
Positive = Annotated[float, Gt(0)]
NonNegative = Annotated[float, Ge(0)]
Share = Annotated[float, Ge(0), Le(1)]
Decay = Annotated[float, Ge(0), Lt(1)]
Momentum = Annotated[float, Gt(-1), Lt(1)]
Part = Annotated[float, Ge(0), Lt(1)]  # of what must not be taken whole
PATH = "a file or folder"
PathText = Annotated[str, PATH]  # `spec/document.py` makes it absolute

DEFAULTS: Mapping[str, Any] = MappingProxyType({})
"""The node that leaves every option at its default."""

SYNONYMS = {
    # options
    "lr": "eta",
    "learning_rate": "eta",
    "learningrate": "eta",
    "step_size": "eta",
    "slope": "mu alpha",
    "negative_slope": "alpha",
    "neurons": "units",
    "nodes": "units",
    "features": "units",
    "hidden": "units",
    "width": "units",
    "act": "activation",
    "nonlinearity": "activation function",
    "use_bias": "bias",
    "beta_1": "beta1",
    "beta_2": "beta2",
    "betas": "beta1",
    "eps": "epsilon",
    "l2": "weight_decay",
    "decay": "weight_decay rho",
    "centred": "centered",
    "batch": "batch_size",
    "batchsize": "batch_size",
    "iterations": "steps",
    "max_steps": "steps",
    "num_steps": "steps",
    "num_epochs": "epochs",
    "passes": "epochs",
    "optim": "optimizer",
    "optimiser": "optimizer",
    "criterion": "loss",
    "critic_steps": "n_critic",
    "discriminator_steps": "n_critic",
    "z_dim": "size latent",
    "latent_dim": "size latent",
    "latent_size": "size latent",
    "noise_dim": "size latent",
    "dim": "size",
    "label_smoothing": "real_labels",
    "label_flip": "label_swap",
    "augmentation": "augment",
    "diffaugment": "augment",
    "ada": "augment",
    "cutout_size": "cutout",
    "translation": "translate",
    "mirror": "flip",
    "dataset": "data",
    "photos": "images",
    "pictures": "images",
    "folder": "images path",
    "image_folder": "images",
    "imagefolder": "images",
    "image_size": "size",
    "img_size": "size",
    "resolution": "size",
    "resize": "size",
    "colour": "color",
    "channels": "color",
    "gray": "grey",
    "grayscale": "grey",
    "center_crop": "crop",
    "letterbox": "pad",
    "test_size": "test",
    "test_split": "test",
    "classes": "digits",
    "labels": "digits",
    "model": "game network",
    "train": "training",
    "trainer": "training",
    "random_state": "seed",
    "random_seed": "seed",
    "precision": "dtype",
    "output": "outputs",
    "initializer": "init",
    "initialiser": "init",
    "kernel_initializer": "init",
    "weight_init": "init",
    "rate": "p eta",
    "prob": "p",
    "probability": "p",
    "critic": "discriminator",
    "d": "discriminator",
    "disc": "discriminator",
    "g": "generator",
    "gen": "generator",
    "n_samples": "points",
    "std": "sigma scale",
    "stddev": "std",
    "clipnorm": "limit",
    "clip_norm": "limit",
    "max_norm": "limit",
    "max_grad_norm": "limit",
    "grad_clip": "limit",
    "gradient_clipping": "limit",
    "start": "from",
    "initial": "from",
    "end": "to",
    "final": "to",
    "duration": "over",
    "turns": "over",
    "steps": "over",
    "type": "shape",
    "extend": "extends",
    "inherits": "extends",
    "include": "extends",
    # names
    "kid": "kernel_distance",
    "mmd": "kernel_distance",
    "fid": "frechet",
    "sgd": "gradient_descent",
    "gd": "gradient_descent",
    "momentum": "gradient_descent",
    "adamw": "adam",
    "fc": "dense",
    "linear": "dense",
    "fully_connected": "dense",
    "batchnorm": "batch_norm",
    "batch_normalization": "batch_norm",
    "bn": "batch_norm",
    "groupnorm": "group_norm",
    "gn": "group_norm",
    "resblock": "residual",
    "residual_block": "residual",
    "skip": "residual shortcut",
    "downsampling": "downsample",
    "upsampling": "upsample",
    "silu": "swish",
    "saxe": "orthogonal",
    "relu": "activation",
    "sigmoid": "activation",
    "tanh": "activation",
    "lrelu": "leaky_relu",
    "leakyrelu": "leaky_relu",
    "identity": "linear",
    "none": "linear",
    "step": "heaviside",
    "logistic": "sigmoid",
    "normal": "gaussian",
    "randn": "gaussian",
    "glorot": "xavier",
    "kaiming": "he",
    "mse": "quadratic",
    "l2_loss": "quadratic",
    "bce": "binary_cross_entropy",
    "cross_entropy": "softmax_cross_entropy binary_cross_entropy",
    "crossentropy": "softmax_cross_entropy binary_cross_entropy",
    "heuristic": "non_saturating",
    "rpgan": "relativistic",
    "rgan": "relativistic",
    "r3gan": "relativistic",
    "relativistic_pairing": "relativistic",
    "zero_centred": "r1",
    "gan": "adversarial",
    "classifier": "classification",
    "float": "float32",
    "double": "float64",
}
"""Words of other tools for ours, the likelier first; used only to suggest, never accepted."""


@dataclass(frozen=True)
class Problem:
    """One mistake in a spec: where (keys and indices from the top of what was checked) and what.

    text: whether it is that text is wanted, and something else is there.
    """

    path: Path
    message: str
    text: bool = False

    def __str__(self) -> str:
        return f"{dotted(self.path)}: {self.message}" if self.path else self.message


class SpecError(Told, ValueError):
    """A user's mistake in a spec. `problems` holds every one that was found, with its path."""

    def __init__(self, message: str | Iterable[Problem], path: Path = ()):
        self.problems = [Problem(path, message)] if isinstance(message, str) else list(message)
        super().__init__("\n".join(map(str, self.problems)))

    def below(self, *path: str | int) -> SpecError:
        """The same error seen from above: `path` leads from there to where it was raised."""
        return SpecError([replace(p, path=(*path, *p.path)) for p in self.problems])


class Problems:
    """Several steps that do not need each other: each may fail, and all their mistakes are told together."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    @contextmanager
    def below(self, *path: str | int) -> Iterator[None]:
        """Keep the mistakes of the block, seen from above `path`."""
        try:
            yield
        except SpecError as error:
            self.found += error.below(*path).problems

    def tell(self) -> None:
        """Raise SpecError if there were any."""
        if self.found:
            raise SpecError(self.found)


def dotted(path: Path) -> str:
    """('layers', 2, 'units') -> 'layers[2].units'."""
    text = ""
    for key in path:
        word = key if isinstance(key, int) or re.fullmatch(r"[\w<-][\w -]{0,60}", key) else quoted(key)
        text += f"[{word}]" if isinstance(key, int) else f".{word}" if text else str(word)
    return text


def quoted(word: object) -> str:
    """A user's own word in a message: one line, whatever it holds, and not too long."""
    text = repr(word) if isinstance(word, str) else f"'{word}'"
    return text if len(text) <= 60 else f"{text[:56]}...'"


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """The end of an error message: the known name nearest to `word`, or nothing."""
    known, text = list(known), str(word)[:100].lower().replace("-", "_").replace(" ", "_")
    meant = [name for name in SYNONYMS.get(text, "").split() if name in known]
    meant = meant or get_close_matches(text, known, n=1, cutoff=0.6)
    return f"; did you mean '{meant[0]}'?" if meant else ""


class Described:
    """Anything a spec can describe, as `schema.py` reads it; `Node` (node.py) is what there is to inherit from.

    A family of them sets `registry` on its base; its members have a `type`.
    """

    registry: ClassVar[Registry[Any] | None] = None
    type: ClassVar[str] = ""
    noun: ClassVar[str] = "mapping"  # what one outside a family is called where options are listed


N = TypeVar("N", bound=Described)
Like: TypeAlias = N | str | Mapping[str, Any]
"""A node, or what a spec writes for one: `Like[Activation]` takes `Relu()`, `"relu"` and `{"type": "relu"}`."""


M = TypeVar("M", bound=Described)


class Ledger:
    """What has been registered, in order, and how to take each of it back: what a plugin has added can go again.

    changes: grows whenever something comes or goes
    """

    def __init__(self) -> None:
        self.entries: list[tuple[object, Callable[[], object]]] = []
        self.changes = 0

    def add(self, made: object, undo: Callable[[], object]) -> None:
        """`made` has been registered; `undo` takes it back."""
        self.entries.append((made, undo))
        self.changes += 1

    def take_back(self, entries: Iterable[tuple[object, Callable[[], object]]]) -> None:
        """The last first."""
        for entry in reversed(list(entries)):
            self.entries.remove(entry)
            entry[1]()
            self.changes += 1


LEDGER = Ledger()


class Registry(Generic[M]):
    """A closed family of nodes: a spec can name its members and nothing else."""

    def __init__(self, kind: str):
        self.kind = kind
        self.members: dict[str, type[M]] = {}

    def register(self, name: str) -> Callable[[type[M]], type[M]]:
        """Class decorator: the spec calls this class `name`."""

        def add(member: type[M]) -> type[M]:
            if not (isinstance(member, type) and issubclass(member, Described) and member.registry is self):
                raise TypeError(f"{self.kind} {quoted(name)} inherits from no {self.kind}")
            if not re.fullmatch(r"\w+", name):
                raise ValueError(f"{self.kind} {quoted(name)}: expects a name of letters, digits and _")
            if name in self.members:
                raise ValueError(f"{self.kind} '{name}' is registered twice")
            member.type = name
            self.members[name] = member
            LEDGER.add(member, partial(self.members.pop, name))
            return member

        return add

    def __getitem__(self, name: str) -> type[M]:
        if name not in self.members:
            raise SpecError(self.unknown(name))
        return self.members[name]

    def unknown(self, name: object) -> str:
        """What to say of a name that is not a member."""
        return f"no {self.kind} {quoted(name)}{did_you_mean(name, self.members)} (known: {', '.join(sorted(self.members))})"

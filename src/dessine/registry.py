"""Names to classes: what a spec may say, and the error it gets when it says something else.

How a constructor signature becomes a schema is told in `schema.py`; here stand only the families and their members.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Generic, Self, TypeAlias, TypeVar

from annotated_types import Ge, Gt, Le, Lt

Path = tuple[str | int, ...]

# What constructors declare, beyond int, float, bool, str, Literal, lists and other nodes.
Count = Annotated[int, Ge(1)]
Whole = Annotated[int, Ge(0)]
Positive = Annotated[float, Gt(0)]
NonNegative = Annotated[float, Ge(0)]
Share = Annotated[float, Ge(0), Le(1)]
Decay = Annotated[float, Ge(0), Lt(1)]

DEFAULTS: Mapping[str, Any] = MappingProxyType({})
"""The node that leaves every option at its default."""

SYNONYMS = {
    "lr": "eta",
    "learning_rate": "eta",
    "learningrate": "eta",
    "step_size": "eta",
    "slope": "mu",
    "neurons": "units",
    "nodes": "units",
    "features": "units",
    "hidden": "units",
    "beta_1": "beta1",
    "beta_2": "beta2",
    "betas": "beta1",
    "eps": "epsilon",
    "batch": "batch_size",
    "batchsize": "batch_size",
    "iterations": "steps",
    "max_steps": "steps",
    "num_steps": "steps",
    "num_epochs": "epochs",
    "passes": "epochs",
    "optimiser": "optimizer",
    "discriminator_steps": "n_critic",
    "critic_steps": "n_critic",
    "z_dim": "size",
    "latent_dim": "latent",
    "noise_dim": "latent",
    "dataset": "data",
    "model": "game",
    "l2": "weight_decay",
    "random_state": "seed",
    "output": "outputs",
    "initializer": "init",
    "initialiser": "init",
    "kernel_initializer": "init",
    "rate": "p",
    "critic": "discriminator",
    "gen": "generator",
    "disc": "discriminator",
}
"""Words of other tools for ours; used only to suggest, never accepted."""


@dataclass(frozen=True)
class Problem:
    """One mistake in a spec: where (keys and indices from the top of what was checked) and what."""

    path: Path
    message: str

    def __str__(self) -> str:
        return f"{dotted(self.path)}: {self.message}" if self.path else self.message


class SpecError(ValueError):
    """A user's mistake in a spec. `problems` holds every one that was found, with its path."""

    def __init__(self, message: str | Iterable[Problem], path: Path = ()):
        self.problems = [Problem(path, message)] if isinstance(message, str) else list(message)
        super().__init__("\n".join(map(str, self.problems)))

    def below(self, *path: str | int) -> SpecError:
        """The same error seen from above: `path` leads from there to where it was raised."""
        return SpecError([Problem((*path, *p.path), p.message) for p in self.problems])


def dotted(path: Path) -> str:
    """('layers', 2, 'units') -> 'layers[2].units'."""
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """The end of an error message: the known name nearest to `word`, or nothing."""
    known = list(known)
    synonym = SYNONYMS.get(str(word).lower().replace("-", "_"))
    if synonym in known:
        return f"; did you mean '{synonym}'?"
    near = get_close_matches(str(word).lower(), known, n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else ""


class Node:
    """Anything a spec can describe; the constructor's signature is the schema.

    A subclass that stands alone (a player, the outputs) is written as a plain mapping. One that belongs to a family sets
    `registry` on the family's base and is written `{type: name, option: value}`, or as the bare name.
    """

    registry: ClassVar[Registry[Any] | None] = None
    type: ClassVar[str] = ""

    @classmethod
    def of(cls, node: Any) -> Self:
        """Build from a name, a mapping or a finished object. Raises SpecError, naming every mistake in `node`."""
        if isinstance(node, cls):
            return node
        from dessine.schema import check

        return check(cls, node).node


N = TypeVar("N", bound=Node)
Like: TypeAlias = N | str | Mapping[str, Any]
"""A node, or what a spec writes for one: `Like[Activation]` takes `Relu()`, `"relu"` and `{"type": "relu"}`."""


M = TypeVar("M", bound=Node)


class Registry(Generic[M]):
    """A closed family of nodes: a spec can name its members and nothing else."""

    def __init__(self, kind: str):
        self.kind = kind
        self.members: dict[str, type[M]] = {}

    def register(self, name: str) -> Callable[[type[M]], type[M]]:
        """Class decorator: the spec calls this class `name`."""

        def add(member: type[M]) -> type[M]:
            if name in self.members:
                raise ValueError(f"{self.kind} '{name}' is registered twice")
            member.type = name
            self.members[name] = member
            return member

        return add

    def __getitem__(self, name: str) -> type[M]:
        if name not in self.members:
            raise SpecError(self.unknown(name))
        return self.members[name]

    def unknown(self, name: object) -> str:
        """What to say of a name that is not a member."""
        names = ", ".join(sorted(self.members))
        return f"no {self.kind} '{name}'{did_you_mean(name, self.members) or '; known: ' + names}"

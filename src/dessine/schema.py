"""A constructor's signature, read as a schema: what a spec may write, and the objects it becomes.

pydantic does the checking, so that every mistake is found at once and the JSON schema comes for free. Lines and files
belong to `spec/`; here a mistake has a path.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PrivateAttr,
    Strict,
    Tag,
    TypeAdapter,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic_core import PydanticCustomError

from dessine.registry import Node, Path, Problem, SpecError, did_you_mean

F = TypeVar("F", bound=Callable[..., Any])


def _once(function: F) -> F:
    """Remember what `function` made of each class."""
    return cast(F, cache(function))


class Schema(BaseModel):
    """The model of one Node class; `node` is the object its constructor returned."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    cls: ClassVar[type[Node]]
    _node: Any = PrivateAttr(None)

    @model_validator(mode="after")
    def _construct(self) -> Schema:
        options = {name: _built(getattr(self, name)) for name in type(self).model_fields if name != "type"}
        self._node = self.cls(**options)
        return self

    @property
    def node(self) -> Any:
        """The finished object."""
        return self._node


def _built(value: Any) -> Any:
    if isinstance(value, Schema):
        return value.node
    return [_built(v) for v in value] if isinstance(value, list) else value


def check(cls: type[Node], node: Any) -> Schema:
    """Check what a spec says of a `cls`, build it, and return its model: `.node`, and `.model_dump()` with every default.

    Raises SpecError naming every mistake.
    """
    try:
        model: Schema = TypeAdapter(annotation(cls)).validate_python(_plain(node))
    except ValidationError as error:
        raise SpecError(problems(error, cls)) from None
    return model


def json_schema(cls: type[Node]) -> dict[str, Any]:
    """The JSON schema of what a spec may say of a `cls`."""
    return TypeAdapter(annotation(cls)).json_schema()


def _plain(node: Any) -> Any:
    """Mappings of any kind as dicts, all the way down."""
    if isinstance(node, Mapping):
        return {key: _plain(value) for key, value in node.items()}
    return [_plain(value) for value in node] if isinstance(node, list | tuple) else node


@_once
def annotation(cls: type[Node]) -> Any:
    """The pydantic type of a node: its own model, or the union of its family with the bare name as shorthand."""
    family = cls.registry
    if family is None or cls.type:
        return Annotated[model(cls), BeforeValidator(_plain)]
    members = family.members
    union = Union[tuple(Annotated[model(m), Tag(f"<{name}>")] for name, m in members.items())]  # type: ignore # noqa
    tagged = Annotated[union, Discriminator(lambda node: f"<{_type_of(node)}>")] if len(members) > 1 else union

    def named(node: Any) -> Any:
        node = {"type": node} if isinstance(node, str) else _plain(node)
        if str(_type_of(node)) not in members:
            raise PydanticCustomError("unknown", "no {kind}", {"kind": family.kind})
        return node

    return Annotated[tagged, BeforeValidator(named), _Names(sorted(members))]


class _Names:
    """Adds the bare names to the JSON schema of a family."""

    def __init__(self, names: list[str]):
        self.names = names

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        return {"anyOf": [{"enum": self.names}, handler(core)]}


def _type_of(node: Any) -> Any:
    return node.get("type") if isinstance(node, dict) else getattr(node, "type", None)


@_once
def model(cls: type[Node]) -> type[Schema]:
    """The model that mirrors `cls.__init__`."""
    described = options(cls)
    fields: dict[str, Any] = {"type": (Literal[cls.type], ...)} if cls.type else {}
    hints = get_type_hints(cls.__init__, include_extras=True)
    for name, parameter in signature(cls).items():
        default = ... if parameter.default is inspect.Parameter.empty else _plain(parameter.default)
        field = Field(default, validate_default=default is not ..., description=described.get(name) or None)
        fields[name] = (_translate(hints[name]), field)
    made: type[Schema] = create_model(cls.__name__, __base__=Schema, __doc__=summary(cls), **fields)
    made.cls = cls
    return made


def signature(cls: type[Node]) -> dict[str, inspect.Parameter]:
    """The constructor's parameters: the options of the node."""
    if cls.__init__ is object.__init__:
        return {}
    return dict(list(inspect.signature(cls.__init__).parameters.items())[1:])


def summary(cls: type) -> str:
    """The first line of the docstring."""
    return (inspect.getdoc(cls) or "").split("\n")[0]


def options(cls: type[Node]) -> dict[str, str]:
    """What the docstring says of each option, in its lines `name: text`."""
    told: dict[str, str] = {}
    name = ""
    for line in (inspect.getdoc(cls) or "").split("\n"):
        start = re.match(r"(\w+): (.*)", line)
        if start and start[1] in signature(cls):
            name = start[1]
            told[name] = start[2]
        elif name and line.startswith("    "):
            told[name] += " " + line.strip()
        else:
            name = ""
    return told


def _translate(hint: Any) -> Any:
    """A constructor's annotation as a pydantic one: nodes become their models, scalars are not converted."""
    origin, args = get_origin(hint), get_args(hint)
    if isinstance(hint, type) and issubclass(hint, Node):
        return annotation(hint)
    if hint in (int, float, str, bool):
        return Annotated[hint, Strict()]
    if origin is Annotated:
        return Annotated[(_translate(args[0]), *args[1:])]
    if origin in (Union, types.UnionType):
        nodes = [a for a in args if isinstance(a, type) and issubclass(a, Node)]
        kept = [*nodes, type(None)] if nodes and type(None) in args else nodes or list(args)
        return Union[tuple(_translate(a) for a in kept)]  # noqa: UP007
    if origin is list:
        return list[_translate(args[0])]  # type: ignore[misc]
    return hint


SAYS = {
    "int_type": "expects a whole number",
    "float_type": "expects a number",
    "string_type": "expects text",
    "bool_type": "expects true or false",
    "list_type": "expects a list",
    "dict_type": "expects a mapping",
    "model_type": "expects a mapping",
    "model_attributes_type": "expects a mapping",
    "finite_number": "expects a finite number",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "expects {expected}",
    "too_short": "needs at least {min_length} items",
    "too_long": "takes at most {max_length} items",
}


def problems(error: ValidationError, cls: type[Node]) -> list[Problem]:
    """pydantic's findings in our words, each at its place in the spec."""
    found = []
    for one in error.errors(include_url=False):
        place = one["loc"]
        path = tuple(p for p in place if not (isinstance(p, str) and re.fullmatch(r"<.*>|.*\[.*", p)))
        owner = _owner(cls, place)
        kind, context, value = one["type"], one.get("ctx", {}), one.get("input")
        if kind == "extra_forbidden":
            known = list(signature(owner)) if owner else []
            message = f"unknown key '{path[-1]}'{did_you_mean(path[-1], known)}"
            message += f" (accepted: {', '.join(known)})" if known else " (it takes no options)"
        elif kind == "missing":
            message = f"'{path[-1]}' is missing"
            path = path[:-1]
        elif kind == "unknown":
            message = _unknown(context["kind"], value)
        elif kind == "value_error":
            raised = context.get("error")
            if isinstance(raised, SpecError):
                found += [Problem((*path, *p.path), p.message) for p in raised.problems]
                continue
            message = str(raised)
        elif kind in SAYS:
            message = f"{SAYS[kind].format(**context)}, got {_shown(value)}"
        else:
            message = f"{one['msg'][0].lower()}{one['msg'][1:]}, got {_shown(value)}"
        found.append(Problem(path, message))
    return list(dict.fromkeys(found))


def _unknown(kind: str, node: Any) -> str:
    family = next(f for f in _families() if f.kind == kind)
    known = ", ".join(sorted(family.members))
    if isinstance(node, str):
        return family.unknown(node)
    if not isinstance(node, dict):
        return f"expects a {kind}: its name, or a mapping with 'type', got {_shown(node)}; known: {known}"
    if "type" not in node:
        return f"'type' is missing: which {kind}? known: {known}"
    return family.unknown(node["type"])


def _families() -> list[Any]:
    def below(cls: type[Node]) -> list[type[Node]]:
        return [cls] + [d for c in cls.__subclasses__() for d in below(c)]

    return [c.registry for c in below(Node) if "registry" in vars(c) and c.registry is not None]


def _owner(cls: type[Node], place: Path) -> type[Node] | None:
    """The class whose options stand where the last key of `place` is."""
    current: type[Node] | None = cls
    hint: Any = cls
    for key in place[:-1]:
        if isinstance(key, int):
            continue
        if key.startswith("<"):
            current = current.registry.members.get(key[1:-1]) if current and current.registry else None
        elif current is not None:
            hint = get_type_hints(current.__init__, include_extras=True).get(key)
            current = _node_in(hint)
    if current is not None and current.registry and not current.type and len(current.registry.members) == 1:
        return next(iter(current.registry.members.values()))  # pydantic puts no tag in the path of a lone member
    return current


def _node_in(hint: Any) -> type[Node] | None:
    if isinstance(hint, type) and issubclass(hint, Node):
        return hint
    return next((n for a in get_args(hint) if (n := _node_in(a))), None)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."

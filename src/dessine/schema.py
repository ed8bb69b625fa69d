"""A constructor's signature, read as a schema: what a spec may write, and the objects it becomes.

pydantic does the checking, so that every mistake is found at once and the JSON schema comes for free. Lines and files
belong to `spec/`; here a mistake has a path.
"""

from __future__ import annotations

import inspect
import math
import re
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import wraps
from keyword import iskeyword
from typing import Annotated, Any, ClassVar, ForwardRef, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
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

from dessine.letters import lookalikes
from dessine.registry import LEDGER, MOST, PATH, Described, Path, Problem, Registry, SpecError, did_you_mean, quoted

F = TypeVar("F", bound=Callable[..., Any])
MOST_ERRORS = 1_000
"""Of pydantic, that are put into words."""


def _once(function: F) -> F:
    """Remember what `function` made of each class, until a family gets or loses a member."""
    made: dict[Any, Any] = {}

    @wraps(function)
    def remembered(cls: type[Described]) -> Any:
        key = cls, LEDGER.changes
        if key not in made:
            made[key] = function(cls)
        return made[key]

    return cast(F, remembered)


def families() -> list[Registry[Any]]:
    """Every family of nodes that has been imported."""

    def below(cls: type[Described]) -> list[type[Described]]:
        return [cls] + [d for c in cls.__subclasses__() for d in below(c)]

    return [c.registry for c in below(Described) if "registry" in vars(c) and c.registry is not None]


class Schema(BaseModel):
    """The model of one Described class; `node` is the object its constructor returned."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    cls: ClassVar[type[Described]]
    _node: Any = PrivateAttr(None)

    @model_validator(mode="after")
    def _construct(self) -> Schema:
        options = {name: _built(getattr(self, name)) for name in type(self).model_fields if name != "type"}
        self._node = self.cls(**{f"{name}_" if iskeyword(name) else name: value for name, value in options.items()})
        return self

    @property
    def node(self) -> Any:
        """The finished object."""
        return self._node


def _built(value: Any) -> Any:
    if isinstance(value, Schema):
        return value.node
    return [_built(v) for v in value] if isinstance(value, list) else value


def check(cls: type[Described], node: Any, also: tuple[str, ...] = ()) -> Schema:
    """Check what a spec says of a `cls`, build it, and return its model: `.node`, and `.model_dump()` with every default.

    also: keys that may stand at the top beside the options, for suggestions.
    Raises SpecError naming every mistake.
    """
    try:
        made: Schema = _adapter(cls).validate_python(_plain(node))
    except ValidationError as error:
        raise SpecError(problems(error, cls, also)) from None
    return made


@_once
def _adapter(cls: type[Described]) -> TypeAdapter[Any]:
    return TypeAdapter(annotation(cls))


def json_schema(cls: type[Described]) -> dict[str, Any]:
    """The JSON schema, draft 2020-12, of what a spec may say of a `cls`.

    Options that a spec must give are not marked: a config that extends another may leave out anything.
    """
    made = _adapter(cls).json_schema()
    for node in [made, *made.get("$defs", {}).values()]:
        node.pop("required", None)
        for name, option in node.get("properties", {}).items():
            option.pop("title", None)  # the name once more, with a capital
            if name == "type":
                option["description"] = node.get("description", "")
    return cast(dict[str, Any], _any_of(made))


def _any_of(schema: Any) -> Any:
    """`oneOf` as `anyOf`: where nothing is required, a mapping may fit several members."""
    if isinstance(schema, dict):
        return {"anyOf" if key == "oneOf" else key: _any_of(value) for key, value in schema.items()}
    return [_any_of(v) for v in schema] if isinstance(schema, list) else schema


def _plain(node: Any) -> Any:
    """Mappings of any kind as dicts, all the way down."""
    if isinstance(node, Mapping):
        return {key: _plain(value) for key, value in node.items()}
    return [_plain(value) for value in node] if isinstance(node, list | tuple) else node


@_once
def annotation(cls: type[Described]) -> Any:
    """The pydantic type of a node: its own model, or the union of its family with the bare name as shorthand."""
    family = cls.registry
    if family is None or cls.type:
        if family is not None:
            annotation(_base(cls))  # which completes the models of members that hold others
        return Annotated[model(cls), BeforeValidator(_plain)]
    members = family.members
    union = Union[tuple(Annotated[model(m), Tag(f"<{name}>")] for name, m in members.items())]  # type: ignore # noqa
    tagged = Annotated[union, Discriminator(lambda node: f"<{_type_of(node)}>")] if len(members) > 1 else union

    def named(node: Any) -> Any:
        node = {"type": node} if isinstance(node, str) else _plain(node)
        if not isinstance(_type_of(node), str) or _type_of(node) not in members:
            raise PydanticCustomError("unknown", "no {kind}", {"kind": family.kind, "family": family})
        return node

    names = _Names({name: summary(m) for name, m in sorted(members.items())})
    made: Any = Annotated[tagged, BeforeValidator(named), names]
    for member in members.values():
        model(member).model_rebuild(_types_namespace={cls.__name__: made})
    return made


def _base(cls: type[Described]) -> type[Described]:
    """The class that stands for the family of `cls`."""
    return next(c for c in cls.__mro__ if "registry" in vars(c))


class _Names:
    """Adds the bare names, each with its summary, to the JSON schema of a family."""

    def __init__(self, names: dict[str, str]):
        self.names = names

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        members = handler(core)
        bare = [{"const": name, "description": text} for name, text in self.names.items()]
        return {"anyOf": [*bare, *members.get("oneOf", [members])]}


def _type_of(node: Any) -> Any:
    return node.get("type") if isinstance(node, dict) else getattr(node, "type", None)


@_once
def model(cls: type[Described]) -> type[Schema]:
    """The model that mirrors `cls.__init__`."""
    described = options(cls)
    fields: dict[str, Any] = {"type": (Literal[cls.type], ...)} if cls.type else {}
    takes = hints(cls)
    for name, parameter in signature(cls).items():
        default = ... if parameter.default is inspect.Parameter.empty else _plain(parameter.default)
        field = Field(default, validate_default=default is not ..., description=described.get(name) or None)
        hint = _translate(takes[name], _base(cls) if cls.type else None)
        fields[name] = (Annotated[hint, _starting_at(default)] if _may_move(takes[name], default) else hint, field)
    made: type[Schema] = create_model(cls.__name__, __base__=Schema, __doc__=summary(cls), **fields)
    made.cls = cls
    return made


MOVES = {"from", "to", "over", "shape", "stairs"}
"""The options of a schedule, which stands above this module."""


def _may_move(hint: Any, default: Any) -> bool:
    """Whether an option is a number, and a schedule may stand in its place."""
    number = isinstance(default, int | float) and not isinstance(default, bool)
    nodes = (arm for arm in get_args(hint) if isinstance(arm, type) and issubclass(arm, Described))
    return number and any(signature(node).keys() == MOVES for node in nodes)


def _starting_at(default: Any) -> BeforeValidator:
    """A schedule that does not say from where starts where the number would stand without it."""
    return BeforeValidator(lambda said: {"from": default, **said} if isinstance(said, dict) and "from" not in said else said)


def signature(cls: type[Described]) -> dict[str, inspect.Parameter]:
    """The constructor's parameters: the options of the node. `from_`, which Python asks for, is written `from`."""
    if cls.__init__ is object.__init__:
        return {}
    parameters = list(inspect.signature(cls.__init__).parameters.items())[1:]
    return {name.rstrip("_"): parameter for name, parameter in parameters}


def hints(cls: type[Described]) -> dict[str, Any]:
    """The annotation of each option."""
    return {name.rstrip("_"): hint for name, hint in get_type_hints(cls.__init__, include_extras=True).items()}


def nodes_below(cls: type[Described]) -> list[type[Described]]:
    """`cls`, and every class that can stand somewhere in it, members of families included; each once."""
    found = {cls: None}
    waiting = [cls]
    while waiting:
        current = waiting.pop(0)
        family = current.registry if not current.type else None
        below = list(family.members.values()) if family else [node_in(h) for h in map(hints(current).get, signature(current))]
        for node in below:
            if node is not None and node not in found:
                found[node] = None
                waiting.append(node)
    return list(found)


def paths_in(cls: type[Described], node: Any, at: Path = ()) -> Iterator[tuple[Path, str]]:
    """The files and folders that `node` names, with their places in it: what a spec says of a `cls`, not checked yet."""
    if isinstance(node, list):
        for i, one in enumerate(node):
            yield from paths_in(cls, one, (*at, i))
    if not isinstance(node, dict):
        return
    family = cls.registry if not cls.type else None
    if family:
        cls = family.members.get(str(node.get("type")), cls)
    takes = hints(cls) if cls.type or not family else {}
    for name, value in node.items():
        hint = takes.get(name)
        if isinstance(value, str) and any(PATH in get_args(one) for one in (hint, *get_args(hint))):
            yield (*at, name), value
        elif isinstance(value, list) and any(PATH in get_args(one) for one in get_args(hint)):
            yield from (((*at, name, i), one) for i, one in enumerate(value) if isinstance(one, str))
        elif below := node_in(hint):
            yield from paths_in(below, value, (*at, name))


def summary(cls: type) -> str:
    """The first line of the docstring."""
    return (inspect.getdoc(cls) or "").split("\n")[0]


def prose(cls: type[Described]) -> str:
    """The docstring without what it says of options, as one running text."""
    kept, inside = [], False
    for line in (inspect.getdoc(cls) or "").split("\n"):
        start = re.match(r"(\w+): ", line)
        inside = bool(start and start[1] in signature(cls)) or (inside and line.startswith("    "))
        if not inside:
            kept.append(line.strip())
    return " ".join(line for line in kept if line)


def options(cls: type[Described]) -> dict[str, str]:
    """What the docstring says of each option, in its lines `name: text`, or else that of the class above."""
    above = cls.__bases__[0]
    inherited = options(above) if issubclass(above, Described) else {}
    told = {name: text for name, text in inherited.items() if name in signature(cls)}
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


def _translate(hint: Any, own: type[Described] | None = None) -> Any:
    """A constructor's annotation as a pydantic one: nodes become their models, scalars are not converted.

    own: the family whose member has that constructor. Its own annotation is not made yet: its name stands in its place.
    """
    origin, args = get_origin(hint), get_args(hint)
    if hint is own and own is not None:
        return ForwardRef(own.__name__)
    if isinstance(hint, type) and issubclass(hint, Described):
        return annotation(hint)
    if hint is int:
        return Annotated[int, Strict(), BeforeValidator(_whole)]
    if hint in (float, str, bool):
        return Annotated[hint, Strict()]
    if origin is Annotated:
        before = [BeforeValidator(_whole)] if args[0] is int else []  # after the limits, so that the JSON schema tells them
        return Annotated[(Annotated[int, Strict()] if before else _translate(args[0], own), *args[1:], *before)]
    if origin in (Union, types.UnionType):
        return Union[tuple(_translate(a, own) for a in _meant(args))]  # noqa: UP007
    if origin is list:
        return list[_translate(args[0], own)]  # type: ignore[misc]
    return hint


def _meant(arms: tuple[Any, ...]) -> list[Any]:
    """Of a union, what a spec may write: a node may be a mapping, or text, anyhow."""
    nodes = any(isinstance(a, type) and issubclass(a, Described) for a in arms)
    return [a for a in arms if not nodes or (a is not str and get_origin(a) is not Mapping)]


def _whole(value: Any) -> Any:
    """1e3 and 1000.0 are whole numbers, too."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**63 else value


def accepted(hint: Any) -> str:
    """What an option takes, in words: "a number above 0"."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        longest = next((limit.max_length for limit in args[1:] if isinstance(limit, MaxLen)), 0) if args[0] is str else 0
        if longest:
            return f"text of at most {longest} letters"
        if args[0] is str and any(isinstance(limit, MinLen) for limit in args[1:]):
            return "text of at least one letter"
        return accepted(args[0]).replace("a list", "a list" + _length(args[1:]), 1) + _bounds(args[1:])
    if origin in (Union, types.UnionType):
        return " or ".join(accepted(a) for a in _meant(args))
    if origin is Literal:
        return _either([_written(a) for a in args])
    if origin is list:
        return f"a list, each {accepted(args[0])}"
    if isinstance(hint, type) and issubclass(hint, Described):
        if hint.registry:
            return _a(hint.registry.kind)
        return f"a mapping of {', '.join(signature(hint))}"
    if origin is dict:
        return "a mapping"
    plain = {int: "a whole number", float: "a number", str: "text", bool: "true or false", type(None): "null"}
    return plain.get(hint, str(hint))


def notation(hint: Any) -> str:
    """The same for the eye that scans a list: "int >= 1 or null"."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        signs = {Ge: (">=", "ge"), Gt: (">", "gt"), Le: ("<=", "le"), Lt: ("<", "lt")}
        said = [(signs[type(one)][0], getattr(one, signs[type(one)][1])) for one in args[1:] if type(one) in signs]
        limits = [f"{sign} {limit:g}" for sign, limit in said if limit != MOST]
        if [sign for sign, limit in said if limit != MOST] == [">=", "<="]:
            limits = [f"{said[0][1]:g}..{said[1][1]:g}"]
        lists = "list" + _length(args[1:]) if get_origin(args[0]) is list else ""
        plain = notation(args[0])
        return plain.replace("list", lists, 1) if lists else " ".join([plain, ", ".join(limits)]).strip()
    if origin in (Union, types.UnionType):
        return " or ".join(notation(a) for a in _meant(args))
    if origin is Literal:
        return " | ".join(_written(a) for a in args)
    if origin is list:
        return f"list, each {notation(args[0])}"
    if isinstance(hint, type) and issubclass(hint, Described):
        return hint.registry.kind if hint.registry else hint.noun
    return {int: "int", float: "float", str: "text", bool: "true | false", type(None): "null"}.get(hint, str(hint))


def _either(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _bounds(limits: tuple[Any, ...]) -> str:
    names = {Gt: "gt", Ge: "ge", Lt: "lt", Le: "le"}
    said = {type(limit): getattr(limit, names[type(limit)]) for limit in limits if type(limit) in names}
    low, high = said.get(Gt, said.get(Ge)), said.get(Lt, said.get(Le))
    if high == MOST:  # no one asks for so many, but by mistake
        high = None
    text = ""
    if low is not None and high is not None:
        text = f" {'above' if Gt in said else 'from'} {low} {'to below' if Lt in said else 'to'} {high}"
    elif low is not None:
        text = f" above {low}" if Gt in said else f" of at least {low}"
    elif high is not None:
        text = f" below {high}" if Lt in said else f" of at most {high}"
    return text


def _length(limits: tuple[Any, ...]) -> str:
    least = next((limit.min_length for limit in limits if isinstance(limit, MinLen)), 0)
    most = next((limit.max_length for limit in limits if isinstance(limit, MaxLen)), None)
    if most is not None:
        return f" of {most}" if least == most else f" of {least} to {most}" if least else f" of at most {most}"
    return f" of at least {least}" if least else ""


def problems(error: ValidationError, cls: type[Described], also: tuple[str, ...] = ()) -> list[Problem]:
    """pydantic's findings in our words, each at its place in the spec, one for each mistake."""
    found: list[Problem] = []
    wrong: list[Problem] = []  # of type or range
    suggested: set[tuple[Path, str]] = set()
    for one in error.errors(include_url=False)[:MOST_ERRORS]:
        kind, value, last = one["type"], one.get("input"), one["loc"][-1] if one["loc"] else ""
        path, owner, hint = _locate(cls, one["loc"][:-1] if kind in ("extra_forbidden", "missing") else one["loc"])
        if kind == "extra_forbidden":
            known = [*signature(_lone(hint)), *(also if not path else ())]
            message = f"unknown key {quoted(last)}{did_you_mean(last, known)}"
            suggested |= {(path, name) for name in known if f"mean '{name}'?" in message}
            found.append(Problem((*path, last), message + (f" (accepted: {', '.join(known)})" if known else " (no options)")))
        elif kind == "missing":
            of = _lone(hint)
            wants = accepted(hints(of)[last]) if last in signature(of) else f"'{of.type}'"
            found.append(Problem(path, f"'{last}' is missing: {wants}"))
        elif kind == "unknown":
            option = signature(owner).get(str(path[-1])) if owner and path else None
            found.append(Problem(path, _unknown(one["ctx"]["family"], value, option.default if option else None)))
        elif kind == "value_error":
            raised = one["ctx"]["error"]
            below = raised.problems if isinstance(raised, SpecError) else [Problem((), str(raised))]
            found += [Problem((*path, *p.path), p.message) for p in below]
        elif not (
            isinstance(value, dict) and any(isinstance(arm, type) and issubclass(arm, Described) for arm in _arms(hint))
        ):  # where a mapping may stand, what it got wrong counts, not that it is no number
            wants = accepted(hint) if last != "type" or owner is None else f"'{owner.type}'"
            if kind == "less_than_equal" and one["ctx"]["le"] == MOST:
                wants = f"at most {MOST:,}"
            nearest = did_you_mean(value, get_args(hint)) if get_origin(hint) is Literal else ""
            large = ", which is too large a number" if hasattr(value, "word") and abs(value) == math.inf else ""
            odd = lookalikes(value) if isinstance(value, str) else ""
            moves = isinstance(value, dict) and "to" in value and value.keys() <= MOVES and get_origin(hint) is not list
            still = ": this number cannot move" if moves else ""
            message = f"expects {wants}, got {shown(value)}{large}{nearest}{odd}{still}"
            wrong.append(Problem(path, message, text=kind == "string_type"))
    above = {p.path[:n] for p in [*found, *wrong] for n in range(len(p.path))}
    # What is none of the kinds that an option takes is one mistake, however each of them reads it: 1e9 or 1000000000.
    texts = {p.path for p in wrong if p.text}
    deepest = {p.path: replace(p, text=p.path in texts) for p in reversed(wrong) if p.path not in above}
    found = [
        p for p in found if not any(p.path == at and p.message.startswith(f"'{name}' is missing") for at, name in suggested)
    ]
    return list(dict.fromkeys([*found, *reversed(deepest.values())]))


def _locate(cls: type[Described], place: tuple[int | str, ...]) -> tuple[Path, type[Described] | None, Any]:
    """The keys that a user wrote on the way to `place`, the class whose option the last one is, and that option's hint.

    pydantic's places also hold the tags of unions, which nobody wrote.
    """
    path: Path = ()
    owner: type[Described] | None = None
    hint: Any = cls
    for key in place:
        node = node_in(hint)
        if isinstance(key, int):
            path, hint = (*path, key), next((get_args(h)[0] for h in _arms(hint) if get_origin(h) is list), hint)
        elif node and node.registry and key.startswith("<") and key[1:-1] in node.registry.members:
            hint = node.registry.members[key[1:-1]]
        elif node and key in signature(_lone(node)):
            owner = _lone(node)
            path, hint = (*path, key), hints(owner)[key]
        elif node and key == "type":
            path, owner = (*path, key), _lone(node)
    return path, owner, hint


def _arms(hint: Any) -> Iterator[Any]:
    """The alternatives of a union, or the hint itself."""
    origin = get_origin(hint)
    if origin is Annotated:
        yield from _arms(get_args(hint)[0])
    elif origin in (Union, types.UnionType):
        for arm in get_args(hint):
            yield from _arms(arm)
    else:
        yield hint


def node_in(hint: Any) -> type[Described] | None:
    """The class of nodes that `hint` speaks of, also as items of a list."""
    for arm in _arms(hint):
        if isinstance(arm, type) and issubclass(arm, Described):
            return arm
        if get_origin(arm) is list and (node := node_in(get_args(arm)[0])):
            return node
    return None


def _lone(hint: Any) -> type[Described]:
    """The class itself; of a family with one member, that member: pydantic puts no tag in its place."""
    node = node_in(hint)
    assert node is not None
    if node.registry and not node.type and len(node.registry.members) == 1:
        return next(iter(node.registry.members.values()))
    return node


def _unknown(family: Registry[Any], node: Any, default: object = None) -> str:
    """default: of the option, the name of a member or something else."""
    known = ", ".join(sorted(family.members))
    if isinstance(node, str):
        return family.unknown(node)
    if not isinstance(node, dict):
        return f"expects {_a(family.kind)}, its name or a mapping with 'type', got {shown(node)} (known: {known})"
    if "type" not in node:
        usual = f"; {default} where nothing is said" if isinstance(default, str) else ""
        return f"'type' is missing: which {family.kind}? (known: {known}{usual})"
    if not isinstance(node["type"], str):
        return f"'type' expects the name of {_a(family.kind)}, got {shown(node['type'])} (known: {known})"
    return family.unknown(node["type"])


def shown(value: Any) -> str:
    """A value as YAML would write it, on one line and not too long."""
    text = quoted(value) if isinstance(value, str) else _written(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _written(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k}: {_written(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_written, value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"nan": ".nan", "inf": ".inf", "-inf": "-.inf"}.get(str(value), str(value))
    if isinstance(value, str):
        return value if value.isprintable() else repr(value)
    return str(value)

"""Writes docs/api.md from the docstrings: `make api`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dessine
import dessine.extend
from dessine import api
from dessine.api import Diagnosis, Runs, Scores
from dessine.nn import Network

HEAD = """\
# Dessine from Python

<!-- Written by `make api` from the docstrings; changes go there. -->

    import dessine

    run = dessine.train("configs/gan_ring.yaml", seed=3)    # as `dessine train`: the same folder, the same bits
    run = dessine.load("last")                              # or any name or folder that the commands take
    run.metrics["loss.generator"], run.draw(64, seed=1), run.scores(), run.diagnose()

`import dessine` loads nothing heavy; NumPy and the rest are loaded at the first use. Mistakes are exceptions, with the lines that the
command would print; nothing here ends the program.

The tour is a notebook: [tour.ipynb](tour.ipynb). Plugins: [extending.md](extending.md).
"""


def page() -> str:
    """All of it."""
    parts = [HEAD]
    for name in ("train", "load", "runs"):
        parts.append(_function(f"dessine.{name}", getattr(api, name), "##"))
    parts += _class("dessine.SavedRun", dessine.SavedRun)
    for cls in (Scores, Diagnosis, Runs):
        parts.append(f"## {cls.__name__}\n\n{_text(cls)}\n")
    parts.append("## Errors\n\n| exception | when |\n|---|---|\n" + "".join(_errors()))
    parts += _class("Network", Network, ("__call__", "forward", "parameters", "gradients", "views", "walk"))
    parts.append(
        "## dessine.extend\n\nWhat a plugin imports ([extending.md](extending.md)).\n\n| name | what it is |\n|---|---|\n"
        + "".join(f"| `{name}` | {_summary(getattr(dessine.extend, name))} |\n" for name in dessine.extend.__all__)
    )
    return "\n".join(parts)


def _class(title: str, cls: type, only: tuple[str, ...] = ()) -> Iterator[str]:
    yield f"## {title}\n\n{_text(cls)}\n"
    for name, member in vars(cls).items():
        if name not in only if only else name.startswith("_"):
            continue
        what = member.fget if isinstance(member, property) else getattr(member, "func", member)
        if not inspect.isfunction(what):
            continue
        if what is not member:  # a property, be it kept or not
            yield f"### .{name}\n\n{_text(what)}\n"
        else:
            yield _function(f".{name}", what, "###")


def _function(title: str, function: Any, level: str) -> str:
    signature = inspect.signature(function)  # whose annotations are text
    own = [str(p).replace(repr(p.annotation), p.annotation) for name, p in signature.parameters.items() if name != "self"]
    keywords = [i for i, p in enumerate(list(signature.parameters.values())) if p.kind is p.KEYWORD_ONLY]
    if keywords and not any(p.kind is p.VAR_POSITIONAL for p in signature.parameters.values()):
        own.insert(keywords[0] - (len(signature.parameters) - len(own)), "*")
    call = f"{title.removeprefix('.')}({', '.join(own)}) -> {signature.return_annotation}"
    if len(call) > 100:
        call = f"{call.split('(')[0]}(\n    " + ",\n    ".join(own) + f",\n) -> {signature.return_annotation}"
    return f"{level} {title}\n\n```python\n{call}\n```\n\n{_text(function)}\n"


def _text(thing: Any) -> str:
    """A docstring: a line that names an option is an item of a list, with the lines that go on with it."""
    lines: list[str] = []
    for line in (inspect.getdoc(thing) or "").split("\n"):
        word = line.split(":")[0]
        if ": " in line and word.isidentifier() and word.islower():
            if lines and lines[-1] and not lines[-1].startswith(("- ", "  ")):
                lines.append("")
            line = f"- **{word}**{line[len(word) :]}"
        elif line.startswith("    "):
            line = f"  {line.strip()}"
        elif line and lines and lines[-1].startswith(("- ", "  ")):
            lines.append("")
        lines.append(line)
    return "\n".join(lines)


def _errors() -> Iterator[str]:
    for name in ("SpecError", "RunError", "Failed", "Interrupted"):
        yield f"| `dessine.{name}` | {_summary(getattr(dessine, name))} |\n"


KINDS = {
    "Count": "a whole number from 1",
    "Whole": "a whole number from 0",
    "Points": "how many points, from 1 to 10 million",
    "Positive": "a number above 0",
    "NonNegative": "a number from 0",
    "Part": "a number from 0 to below 1",
    "Share": "a number from 0 to 1",
    "PathText": "a file or folder, beside the config that names it",
    "Like": "`Like[Layer]`: another node, as a config writes one; `Layer.of(...)` makes it an object",
    "Backward": "what `forward` returns beside y: `backward(dy, params=True, inputs=True)` -> dx",
    "Shape": "of one example, a tuple; images are (height, width, channels)",
}


def _summary(thing: Any) -> str:
    """The first paragraph; of a type of options, what it takes."""
    name = next(key for key, value in {**vars(dessine.extend), **vars(api)}.items() if value is thing)
    if name in KINDS:
        return KINDS[name]
    if hasattr(thing, "kind"):
        return f'`@{name}.register("name")`: {"an" if thing.kind[0] in "aeiou" else "a"} {thing.kind}'
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())


if __name__ == "__main__":
    Path(__file__).with_name("api.md").write_text(page(), encoding="utf-8")

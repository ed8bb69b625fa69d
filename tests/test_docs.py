"""What the README and the pages in docs show is there: links lead somewhere, commands can be typed, configs exist.

Commands are parsed, not run: options, choices and numbers are looked at, paths are not. A config with its `KEY=VALUE` is
checked as `dessine train` would check it before it looks for data.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import click
import pytest

from dessine.cli import group
from dessine.experiment import Experiment
from dessine.spec import BadSpec, check_document, read

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)
INDENTED = re.compile(r"(?:^ {4}.*\n?)+", re.M)
LINK = re.compile(r"(?<!`)!?\[[^\]]*\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
CODE = re.compile(r"`([^`]+)`")
COMMAND = re.compile(r"(?:^|&& |\$ )(dessine .*)$", re.M)
END = {"&&", "|", "||", ";", ">", ">>", "&"}
LITERAL = (click.Choice, click.types.IntParamType, click.types.FloatParamType)


def prose(text: str) -> str:
    """The page without its blocks of code."""
    return FENCE.sub("", text)


def links(text: str) -> list[str]:
    return [one or other for one, other in LINK.findall(CODE.sub("", prose(text)))]


def anchors(text: str) -> set[str]:
    """The headings as GitHub makes links of them: lower case, no punctuation, hyphens; the second of a name ends in -1."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+?)\s*$", prose(text), re.M):
        slug = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()).replace(" ", "-")
        found.add(next(name for n in range(1000) if (name := f"{slug}-{n}" if n else slug) not in found))
    return found


def broken(page: Path, text: str) -> list[str]:
    """Links of the page to files or headings that are not there."""
    wrong = []
    for link in links(text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        file = page.parent / path
        if path and not file.exists():
            wrong.append(f"{link}: no such file")
        elif anchor and anchor not in anchors(file.read_text(encoding="utf-8") if path else text):
            wrong.append(f"{link}: no such heading")
    return wrong


def commands(text: str) -> Iterator[list[str]]:
    """The words of each command that the page shows, without `dessine`, comments and what a shell does with its output."""
    blocks = [code for language, code in FENCE.findall(text) if language in ("", "sh", "console", "bash")]
    blocks += [re.sub("^ {4}", "", block, flags=re.M) for block in INDENTED.findall(prose(text))]
    lines = [line for block in blocks for line in COMMAND.findall(block.replace("\\\n", " "))]
    lines += [" ".join(code.split()) for code in CODE.findall(prose(text)) if code.startswith("dessine ")]
    for line in lines:
        words = shlex.split(line, comments=True)[1:]
        end = next((at for at, word in enumerate(words) if word in END), len(words))
        if words[:end] and not words[0].isupper():  # such as `dessine COMMAND --help`
            yield words[:end]


def parse(words: list[str]) -> tuple[str, dict]:
    """The command's name, and what it is given. Raises click.UsageError."""
    command, parent = group, click.Context(group, info_name="dessine")
    while isinstance(command, click.Group):
        if not words or words[0].startswith("-"):
            break
        name, command, words = command.resolve_command(parent, words)
        parent = click.Context(command, info_name=name, parent=parent)
    given, _, _ = command.make_parser(parent).parse_args(list(words))
    for param in command.params:
        value = given.get(param.name)
        if isinstance(param.type, LITERAL) and isinstance(value, str) and not value.isupper():
            param.type.convert(value, param, parent)
    return parent.command_path, given


def mistakes(words: list[str]) -> list[str]:
    """What is wrong with a command."""
    try:
        path, given = parse(words)
    except click.UsageError as error:
        return [f"dessine {' '.join(words)}: {error.format_message()}"]
    config = words[1] if len(words) > 1 else ""
    if path != "dessine train" or not config.startswith("configs/") or config == "configs/NAME.yaml":
        return []
    try:
        check_document(read(ROOT / config, given["arguments"][1:]), Experiment)
    except BadSpec as error:
        return [f"dessine {' '.join(words)}: {line}" for line in error.lines]
    return []


def lost(text: str) -> list[str]:
    """Files of configs that the page speaks of and that are not there, wherever they stand."""
    named = set(re.findall(r"\bconfigs/[\w/.-]*\w", text)) - {"configs/NAME.yaml"}
    return sorted(name for name in named if not (ROOT / name).exists())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    assert broken(page, page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_can_be_typed(page):
    assert [line for words in commands(page.read_text(encoding="utf-8")) for line in mistakes(words)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_configs_exist(page):
    assert lost(page.read_text(encoding="utf-8")) == []


def test_every_page_can_be_reached_from_the_readme():
    seen, ahead = set(), [ROOT / "README.md"]
    while ahead:
        page = ahead.pop().resolve()
        if page not in seen and page.exists():
            seen.add(page)
            found = links(page.read_text(encoding="utf-8")) if page.suffix == ".md" else []
            ahead += [page.parent / unquote(link).partition("#")[0] for link in found if not re.match(r"[a-z]+:", link)]
    assert [str(page.relative_to(ROOT)) for page in PAGES if page.resolve() not in seen] == []


def test_readme_has_a_row_for_every_shipped_config_and_for_no_other():
    rows = re.findall(r"^\| (`\w+\.yaml`.*?) \|", (ROOT / "README.md").read_text(encoding="utf-8"), re.M)
    named = [name for row in rows for name in re.findall(r"`(\w+\.yaml)`", row)]
    assert sorted(named) == sorted(path.name for path in (ROOT / "configs").glob("*.yaml"))


def test_what_is_wrong_with_a_page_is_found():
    text = """
# A page
[there](../README.md#speed) [not](gone.md) [no heading](#else) [a heading](#a-page)

    dessine train configs/xor.yaml training.stepz=1
    dessine train configs/lost.yaml          # a comment

`dessine draw last --conut 3`, `dessine runs list | wc -l`, `dessine COMMAND --help`

```sh
python3 -m venv .venv && dessine trian configs/xor.yaml
dessine draw last \\
    --count many
```
"""
    assert [link.split(":")[0] for link in broken(ROOT / "docs" / "page.md", text)] == ["gone.md", "#else"]
    found = "\n".join(line for words in commands(text) for line in mistakes(words))
    assert "stepz" in found
    assert "configs/lost.yaml" in found
    assert "--conut" in found
    assert "trian" in found
    assert "'many' is not a valid integer" in found
    assert "runs list" not in found
    assert lost(text) == ["configs/lost.yaml"]

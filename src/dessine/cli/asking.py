"""What a generator is asked for: `--label`, `--labels`, `--each`. One that knows no labels draws, and its judge picks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any, NamedTuple

import click
import numpy as np

from dessine.cli.latents import drawn
from dessine.games import Adversarial
from dessine.registry import did_you_mean, quoted
from dessine.scores.sampled import reader
from dessine.streams import Streams

Array = np.ndarray
PORTION = 500
LEAST, EACH = 10_000, 200
"""Draws among which a judge may pick: so many, or so many for each image that is wanted, if that is more."""
WIDE = 16
"""Images of a row, at most, where nobody says how many."""


class Labels(click.ParamType):
    """Labels, with commas."""

    name = "LABEL,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        if isinstance(value, list):
            return value
        words = [word.strip() for word in value.split(",")]
        return words if all(words) else self.fail(f"{value!r}: expects labels, such as 2,0,2,6", param, ctx)


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Those of this file; their values go through `wish`."""
    each = "--each", "So many of each class, a row each; with the same latents in each column, if the run was told classes."
    command = click.option(each[0], type=click.IntRange(1, 10_000), help=each[1])(command)
    command = click.option("--labels", type=Labels(), help="One image of each of these, in a row: 2,0,2,6, or cat,dog.")(
        command
    )
    return click.option(
        "--label", help="COUNT images of this class, by its name or number; of a run without labels the judge picks them."
    )(command)


@dataclass(frozen=True)
class Wish:
    """labels: as they were given, none for every class; each: how many of each, in a row, if that was given."""

    labels: tuple[str, ...]
    each: int | None
    one: bool  # it is for one label, of which there are to be as many as counted

    @staticmethod
    def of(label: str | None, labels: Sequence[str] | None, each: int | None) -> Wish | None:
        """Raises UsageError for options that contradict each other; None where none is given."""
        if label is not None and labels is not None:
            raise click.UsageError("--labels: give --label or --labels, not both")
        if label is None and labels is None and each is None:
            return None
        return Wish(tuple(labels or ([label] if label is not None else [])), each, label is not None)


class Asked(NamedTuple):
    """x: (N, *shape) in the data's own scale; classes: (N,) what each is; names: of the classes; columns: of a grid.

    told: what the user must know of how it was made; table: a row for each class, as many images in each
    """

    x: Array
    classes: Array
    names: tuple[str, ...]
    columns: int
    told: str
    table: bool


def ask(
    game: Adversarial,
    wish: Wish,
    count: int,
    begin: Callable[[], Streams],
    truncate: float | None = None,
    latents: Array | None = None,
) -> Asked:
    """Draw what is wished for, by the weights that the generator has. begin: streams, at their start.

    count: of one label; latents: (N, size) to draw from. Raises UsageError for labels that there are not, or what cannot be
    picked.
    """
    known = game.askable
    read = None if known else reader(game.panel)
    names = known or (read[0] if read else ())
    if not names:
        raise click.UsageError("this run was told no labels, and there is no judge of its samples: it draws what it likes")
    rows = _found(game, names, wish)
    if latents is not None:
        count = len(latents)
    classes = np.repeat(rows, wish.each) if wish.each else np.full(count, rows[0]) if wish.one else np.array(rows)
    columns = wish.each or (ceil(sqrt(count)) if wish.one else len(rows) if len(rows) <= WIDE else ceil(sqrt(len(rows))))
    if latents is not None and len(classes) != len(latents):
        raise click.UsageError(f"--latents holds {len(latents)}, asked are {len(classes)}")
    if read is not None:
        if latents is not None:
            raise click.UsageError("--latents: of a run that was told no labels the judge picks among draws of --seed")
        x, draws = _picked(game, read[1], names, classes, begin(), truncate)
        judge = game.panel.judge
        by = f"judge {judge.hash} (it reads {judge.accuracy:.1%} of real images rightly)" if judge else "data's own modes"
        return Asked(x, classes, names, columns, f"picked by the {by}: {len(x):,} of {draws:,} draws", bool(wish.each))
    if wish.each:  # equal streams, so that each row has the same latents, and the same noise
        parts = [_drawn(game, np.full(wish.each, k), begin(), truncate) for k in rows]
    else:
        parts = [_drawn(game, classes, begin(), truncate, latents)]
    return Asked(np.concatenate(parts), classes, names, columns, "", bool(wish.each))


def class_of(game: Adversarial, label: str) -> int:
    """Which class it is. Raises UsageError where the run has none of this name or number."""
    if not game.askable:
        raise click.UsageError("--label: this run was told no labels, so that nothing keeps to one")
    return _found(game, game.askable, Wish((label,), None, True))[0]


def _found(game: Adversarial, names: tuple[str, ...], wish: Wish) -> list[int]:
    """Which of the names is meant by each label: by its name, or by the number that it has in the data."""
    numbers = [f"{value:g}" for value in game.kinds.values] if game.kinds is not None else list(map(str, range(len(names))))
    found = []
    for label in wish.labels:
        if label not in names and label not in numbers:
            there = ", ".join(names[:30]) + (", ..." if len(names) > 30 else "")
            option = "--label" if wish.one else "--labels"
            raise click.UsageError(f"{option}: no class {quoted(label)}{did_you_mean(label, names)} (there are: {there})")
        found.append(names.index(label) if label in names else numbers.index(label))
    return found or list(range(len(names)))


def _drawn(game: Adversarial, classes: Array, streams: Streams, truncate: float | None, latents: Array | None = None) -> Array:
    """(N, *shape), one of each of these."""
    made = []
    for i in range(0, len(classes), PORTION):
        some = classes[i : i + PORTION]
        if latents is None:
            z = drawn(game, len(some), streams, truncate)
        else:
            z = np.broadcast_to(latents[i : i + PORTION], (game.streams.replicates, len(some), latents.shape[1]))
        made.append(game.drawn_from(z, streams, some)[0])
    return np.concatenate(made)


def _picked(
    game: Adversarial,
    read: Callable[[Array], Array],
    names: tuple[str, ...],
    classes: Array,
    streams: Streams,
    truncate: float | None,
) -> tuple[Array, int]:
    """The first draws that are read as these classes, each once, in their order; and how many it took."""
    places: dict[int, Iterator[int]] = {int(k): iter(np.flatnonzero(classes == k).tolist()) for k in np.unique(classes)}
    x: Array | None = None
    seen, left, draws, most = Counter[int](), len(classes), 0, max(LEAST, EACH * len(classes))
    while left and draws < most:
        some = game.drawn_from(drawn(game, PORTION, streams, truncate), streams)[0]
        if not np.isfinite(some).all():
            raise click.UsageError("its generator draws numbers that are not finite")
        x = np.empty((len(classes), *some.shape[1:]), some.dtype) if x is None else x
        for one, k in zip(some, read(some).tolist(), strict=True):
            draws, seen[k] = draws + 1, seen[k] + 1
            if (place := next(places.get(k, iter(())), None)) is not None:
                x[place], left = one, left - 1
                if not left:
                    break
    if left or x is None:
        short = {k: int((classes == k).sum()) for k in places if seen[k] < (classes == k).sum()}
        told = ", ".join(f"{seen[k]} of {n} for {names[k]}" for k, n in short.items())
        raise click.UsageError(f"the judge found too few among {draws:,} draws: {told}")
    return x, draws

"""Curves of metrics as SVG in a page: sharp at any size, in the colours of the page, and small. They need no library.

A file's pictures in plots/ belong to `dessine.plots`; these are for a page that is made while a run goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import floor, log10

from markupsafe import Markup

MOST_POINTS = 300
"""Of a line: more than a screen of this width can show."""
LARGEST, SMALLEST = 1e300, 1e-290
"""Numbers within can be added up and scaled; a run that diverges goes beyond."""
MOST_LINES = 6
"""In one panel: so many colours and dashes can be told apart."""
WIDE, HIGH = 420, 200
LEFT, RIGHT, TOP, BOTTOM = 46, 22, 10, 24
"""Room around the lines, for the numbers of both axes."""
TOGETHER = {
    "d_real": "discriminator",
    "d_generated": "discriminator",
    "test_success": "success",
    "validation_success": "success",
    "test_loss": "loss",
    "validation_loss": "loss",
}
"""First words of metrics that share a panel, and its title; others stand with those of the same first word."""
OWN = {"critic_gap.share": "share known by heart", "augment.p": "share of images changed"}
"""Metrics of another scale than those of the same first word, and the title of their own panel."""
APART = ("scores", "plain_scores")
"""First words of metrics each of which has a scale of its own."""
FIRST = ("success", "loss", "discriminator", "w estimate")
"""Panels that are shown at once, after the goals; the rest is folded."""
READ = {
    "loss": "who is ahead, not how good the samples are",
    "discriminator": "where real and generated meet, they cannot be told apart",
    "w estimate": "lower is better, within one run",
    "critic gap": "train far above held out: learnt by heart",
    "share known by heart": "0: held-out examples are as real to it as its own; 1: they are as generated ones",
    "share of images changed": "it rises while D knows its real examples too well",
}
"""How to read a panel, where its title does not tell."""


@dataclass
class Series:
    """One metric over steps: its mean over the repeats, and its range there."""

    steps: list[float] = field(default_factory=list)
    mean: list[float] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)

    def add(self, step: float, values: Sequence[float]) -> None:
        """One line of metrics: a number for each repeat; what is not finite, or nearly so, does not count."""
        known = [v for v in values if abs(v) < LARGEST]
        if known:
            self.steps.append(step)
            self.mean.append(sum(known) / len(known))
            self.low.append(min(known))
            self.high.append(max(known))

    def thinned(self) -> Series:
        """At most MOST_POINTS points, each for as many lines as the next: their mean and range, so that no peak is lost.

        As many as a power of two, counted from the first line: a curve that grows does not flicker.
        """
        n, every = len(self.steps), 1
        while n > MOST_POINTS * every:
            every *= 2
        if every == 1:
            return self
        made = Series()
        for at in range(0, n, every):
            part = slice(at, at + every)
            made.steps.append(self.steps[part][-1])
            made.mean.append(sum(self.mean[part]) / len(self.mean[part]))
            made.low.append(min(self.low[part]))
            made.high.append(max(self.high[part]))
        return made


class History:
    """Every metric of a run, as its lines come."""

    def __init__(self) -> None:
        self.series: dict[str, Series] = {}

    def add(self, step: float, values: Mapping[str, Sequence[float]]) -> None:
        """One line of metrics, by dotted name, with a number for each repeat."""
        for name, own in values.items():
            self.series.setdefault(name, Series()).add(step, own)

    def panels(self, goals: Iterable[str] = ()) -> tuple[list[Markup], list[Markup]]:
        """Those to look at first, which are the goals, the losses and what a critic says; and the rest."""
        wanted = list(goals)
        grouped: dict[str, list[str]] = {}
        for name, one in self.series.items():
            if one.steps:
                grouped.setdefault(_title(name), []).append(name)
        drawn: dict[bool, list[tuple[int, Markup]]] = {True: [], False: []}
        for title, names in grouped.items():
            places = [wanted.index(name) for name in names if name in wanted]
            place = min(places) if places else len(wanted) + FIRST.index(title) if title in FIRST else len(wanted) + len(FIRST)
            for at in range(0, len(names), MOST_LINES):
                own = names[at : at + MOST_LINES]
                made = panel(title, {_short(name, title): self.series[name] for name in own}, _read(own[0], title))
                drawn[bool(places) or title in FIRST].append((place, made))
        first, rest = ([made for _, made in sorted(one, key=lambda pair: pair[0])] for one in (drawn[True], drawn[False]))
        return first, rest


def read(name: str) -> str:
    """How to read a metric that has a panel of its own."""
    return _read(name, _title(name))


def _read(name: str, title: str) -> str:
    """How to read the panel of a metric: of a score what it is, and which way is better."""
    from dessine.plots.curves import SCORES

    first, _, rest = name.partition(".")
    return SCORES[rest].title if first in APART and rest in SCORES else READ.get(title, "")


def _title(name: str) -> str:
    """Of the panel in which a metric stands."""
    first, _, rest = name.partition(".")
    if name in OWN:
        return OWN[name]
    if rest.endswith("std"):
        return f"{TOGETHER.get(first, _words(first))}: spread"
    return TOGETHER.get(first) or _words(rest if first == "scores" and rest else name if first in APART else first)


def _short(name: str, title: str) -> str:
    """What a line is called in its panel."""
    first, _, rest = name.partition(".")
    if first in APART:
        return title
    if not rest:
        return _words(name)
    return _words(rest if _words(first) == title else f"{first} {rest}")


def _words(name: str) -> str:
    return name.replace("_", " ").replace(".", " ")


def grid(panels: Iterable[Markup]) -> Markup:
    """Panels, as many side by side as there is room for; nothing without any."""
    inner = Markup("\n").join(panels)
    return Markup('<div class="curves">\n{}\n</div>').format(inner) if inner else Markup()


def panel(title: str, lines: Mapping[str, Series], read: str = "") -> Markup:
    """Lines over steps under a title, each with its last value; a band is the range over repeats and over thinned lines.

    read: how to read it. What is drawn is also told in words, for those who do not see it.
    """
    thin = {name: series.thinned() for name, series in lines.items()}
    steps = [x for one in thin.values() for x in one.steps]
    values = [v for one in thin.values() for v in (*one.low, *one.high)]
    x, y = _Scale(min(steps), max(steps), LEFT, WIDE - RIGHT), _Scale(min(values), max(values), HIGH - BOTTOM, TOP, margin=True)
    rules = [RULE.format(y=f"{y(v):.1f}", left=LEFT, right=WIDE - RIGHT, at=LEFT - 6, text=_number(v)) for v in y.ticks(4)]
    ticks = [TICK.format(x=f"{x(v):.1f}", y=HIGH - 7, text=_number(v)) for v in x.ticks(4)]
    bands = [_band(i, one, x, y) for i, one in enumerate(thin.values()) if one.low != one.high]
    drawn = [_line(i, name, one, x, y) for i, (name, one) in enumerate(thin.items())]
    keys = [KEY.format(i=i, name=name, last=_number(one.mean[-1], 4)) for i, (name, one) in enumerate(lines.items())]
    told = "; ".join(f"{name} {_number(one.mean[-1], 4)} at step {one.steps[-1]:,.0f}" for name, one in lines.items())
    return PANEL.format(
        title=title,
        told=f"{title} over steps {min(steps):,.0f} to {max(steps):,.0f}: {told}",
        size=f"0 0 {WIDE} {HIGH}",
        across=x.told(),
        up=y.told(),
        inner=Markup("\n").join([*rules, *ticks, *bands, *drawn]),
        keys=Markup("\n").join(keys),
        read=Markup('<span class="key">{}</span>').format(read) if read else "",
    )


PANEL = Markup("""<figure><h3>{title}</h3>
<svg viewBox="{size}" role="img" aria-label="{told}" data-x="{across}" data-y="{up}">
{inner}
</svg>
<figcaption>{keys}{read}</figcaption></figure>""")
RULE = Markup(
    '<line class="rule" x1="{left}" x2="{right}" y1="{y}" y2="{y}"/>'
    '<text x="{at}" y="{y}" dy="4" text-anchor="end">{text}</text>'
)
TICK = Markup('<text x="{x}" y="{y}" text-anchor="middle">{text}</text>')
KEY = Markup(
    '<span class="key"><svg viewBox="0 0 26 8" aria-hidden="true"><line class="c{i}" x1="0" x2="26" y1="4" y2="4" '
    'stroke-width="3"/></svg>{name} {last}</span>'
)


def _line(i: int, name: str, one: Series, x: _Scale, y: _Scale) -> Markup:
    if len(one.steps) == 1:
        return Markup('<circle class="c{}" cx="{:.1f}" cy="{:.1f}" r="3"/>').format(i, x(one.steps[0]), y(one.mean[0]))
    points = " ".join(f"{x(s):.1f},{y(v):.1f}" for s, v in zip(one.steps, one.mean, strict=True))
    return Markup('<polyline class="c{}" data-name="{}" points="{}"/>').format(i, name, points)


def _band(i: int, one: Series, x: _Scale, y: _Scale) -> Markup:
    there = [f"{x(s):.1f},{y(v):.1f}" for s, v in zip(one.steps, one.high, strict=True)]
    back = [f"{x(s):.1f},{y(v):.1f}" for s, v in zip(one.steps, one.low, strict=True)][::-1]
    return Markup('<polygon class="c{}" points="{}"/>').format(i, " ".join([*there, *back]))


class _Scale:
    """From numbers to places. margin: room above and below, so that a line does not lie on the edge."""

    def __init__(self, low: float, high: float, start: float, end: float, margin: bool = False):
        room = 0.05 * (high - low) if margin else 0.0
        if high - low < max(SMALLEST, 1e-12 * abs(high)):
            room = 0.1 * abs(high) if abs(high) > SMALLEST else 1.0
        self.low, self.high, self.start, self.end = low - room, high + room, start, end

    def __call__(self, v: float) -> float:
        return self.start + (v - self.low) / (self.high - self.low) * (self.end - self.start)

    def told(self) -> str:
        """For a script that goes back from places to numbers."""
        return f"{self.low:.17g} {self.high:.17g} {self.start} {self.end}"

    def ticks(self, about: int) -> list[float]:
        """Some round numbers within."""
        rough = (self.high - self.low) / about
        power = 10.0 ** floor(log10(rough))
        step = power * next(m for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
        first = -floor(-self.low / step)
        return [n * step for n in range(first, first + 3 * about) if n * step <= self.high + step * 1e-9]


def _number(v: float, digits: int = 3) -> str:
    """A number of a few letters."""
    if v and not 1e-4 <= abs(v) < 1e6:
        return f"{v:.{digits - 1}g}".replace("e+0", "e").replace("e-0", "e-")
    return f"{v:,.0f}" if abs(v) >= 10 ** (digits - 1) and v == round(v) else f"{v:.{digits}g}"

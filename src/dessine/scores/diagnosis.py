"""What is the matter with a run, from its records: a verdict, the numbers behind it, and the step from which it holds.

Rules are written line by line of metrics, as a flag for each; a verdict needs most of the last fifth of the lines, so that one
wild line decides nothing. The rules of each game stand in a file of their own, what to do about a verdict in `advice.py`,
what only samples can tell in `sampled.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, NamedTuple

import numpy as np

from dessine.scores import classifier_rules, gan_rules, small_rules
from dessine.scores.advice import advise, key_of
from dessine.scores.changes import Advice
from dessine.scores.finding import SHORTEST, VERDICTS, Case, Evidence, Finding, Rule
from dessine.scores.lines import Lines, Record, kind
from dessine.scores.reference import Reference
from dessine.scores.sampled import Sampled

FEWEST = 5
"""Lines of metrics that a verdict needs; samples of a checkpoint stand for them, and tests that succeed."""
SHARE = 0.25
"""Of the repeats that are as bad as the verdict on the run says, or worse."""


@dataclass(frozen=True)
class Diagnosis:
    """Of one run. since: the first bad step; lines: how many of the last lines of metrics say so, of how many.

    early: it is too short for a verdict, and none is shown at the end of a training
    """

    verdict: str
    words: str
    since: int | None = None
    evidence: tuple[Evidence, ...] = ()
    advice: tuple[Advice, ...] = ()
    notes: tuple[str, ...] = ()
    lines: tuple[int, int] = (0, 0)
    repeats: tuple[str, ...] = ()
    early: bool = False

    def plain(self) -> dict[str, Any]:
        """As it stands in summary.json."""
        told: dict[str, Any] = {"verdict": self.verdict, "words": self.words, "first_bad_step": self.since}
        told["evidence"] = [
            {"name": one.name, "value": None if one.value is None else float(one.value)}
            | {"threshold": one.threshold, "why": one.why, "bad": bool(one.bad)}
            | {"source": one.source, "count": one.count}
            for one in self.evidence
        ]
        told["advice"] = [{"override": one.override, "why": one.why} for one in self.advice]
        told |= {"notes": list(self.notes), "lines": {"agree": self.lines[0], "of": self.lines[1]}, "early": self.early}
        return told | ({"repeats": list(self.repeats)} if len(self.repeats) > 1 else {})


def verdict(told: Mapping[str, Any]) -> str:
    """One line of what `Diagnosis.plain` told."""
    since = f" since step {told['first_bad_step']:,}" if told.get("first_bad_step") is not None else ""
    return f"{told['verdict']}{since}: {told['words']}"


class Kind(NamedTuple):
    """How runs of one kind of game are judged."""

    rules: Sequence[Rule]
    shortest: int  # steps
    settled: Callable[[Case], bool]  # whether few lines do, because the players have reached what is asked
    healthy: Callable[[Case], tuple[str, tuple[Evidence, ...]]]  # what is said where no rule holds, and the numbers for it
    weak: Callable[[Case], list[str]]  # what is not good yet
    caveat: Callable[[Case, str], str]  # what the words of a verdict end in
    unsure: Callable[[Case, str], list[str]]  # what the numbers behind a verdict cannot tell
    share: Callable[[Sequence[Case]], tuple[str, Evidence] | None]  # how many repeats have reached what is asked


GAMES = {
    "adversarial": Kind(
        gan_rules.RULES,
        SHORTEST,
        lambda case: False,
        lambda case: ("samples are varied, and both players learn", ()),
        gan_rules.weak,
        gan_rules.caveat,
        gan_rules.unsure,
        lambda cases: None,
    ),
    "small": Kind(
        small_rules.RULES,
        small_rules.SHORTEST,
        lambda case: False,
        small_rules.healthy,
        lambda case: [],
        lambda case, verdict: "",
        lambda case, verdict: [],
        lambda cases: None,
    ),
    "classification": Kind(
        classifier_rules.RULES,
        1,
        classifier_rules.has_learnt,
        classifier_rules.healthy,
        classifier_rules.weak,
        lambda case, verdict: "",
        lambda case, verdict: [],
        classifier_rules.share,
    ),
}


def diagnose(
    records: Sequence[Record],
    spec: Mapping[str, Any] | None = None,
    known: Reference | None = None,
    *,
    repeats: int = 1,
    non_finite: Sequence[Mapping[str, Any]] = (),
    sampled: Sequence[Sampled] = (),
    warned: Sequence[tuple[str, str, bool]] = (),
    until: Sequence[int] = (),
    accepts: Callable[[str], bool] = lambda override: True,
) -> Diagnosis:
    """A verdict on a run: the worst that a quarter of its repeats have come to, so that a few among many do not decide.

    records: the lines of metrics.jsonl; spec: the resolved one, for thresholds that a loss sets and for advice
    non_finite: what run.json knows of it; sampled: for each repeat, or the first ones, what samples of a checkpoint showed
    warned: what the config is warned of (`games/warnings.py`): the words, what mends it, whether it is past hope
    until: for each repeat, the step of the last line that counts, where not all do
    accepts: whether the config would be one with KEY=VALUE: no other is advised
    """
    game: Mapping[str, Any] = (spec or {}).get("game") or {}
    found = {one["repeat"]: one for one in reversed(non_finite)}
    past_hope = tuple(words for words, _, hopeless in warned if hopeless)
    cases = [
        Case(
            Lines([one for one in records if one["step"] <= until[r]] if until else records, r, repeats),
            game,
            known or Reference(),
            sampled[r] if r < len(sampled) else None,
            found.get(r),
            past_hope,
        )
        for r in range(repeats)
    ]
    each = [_one(case) for case in cases]
    order = sorted(range(repeats), key=lambda r: VERDICTS.index(each[r].verdict))
    shown = next(r for r in order if each[r].verdict == each[order[ceil(SHARE * repeats) - 1]].verdict)
    mended = [Advice(override, words) for words, override, _ in warned if override and accepts(override)]
    known_already = [key_of(one) for one in mended]
    advice = [
        one for one in advise(each[shown].verdict, spec or {}, cases[shown].lines, accepts) if key_of(one) not in known_already
    ]
    notes = (*(f"config: {words}" for words, _, _ in warned), *each[shown].notes)
    told = replace(each[shown], advice=(*mended, *advice), notes=notes)
    if repeats == 1:
        return told
    told = _of_all(told, each, order, shown)
    share = GAMES[_game(cases[0])].share(cases)
    return replace(told, words=f"{share[0]}; {told.words}", evidence=(*told.evidence, share[1])) if share else told


def _of_all(told: Diagnosis, each: Sequence[Diagnosis], order: Sequence[int], shown: int) -> Diagnosis:
    """The diagnosis of one repeat as that of the run: how many repeats came to what, and which are worse."""
    counts, repeats = Counter(one.verdict for one in each), len(each)
    words = ", ".join(f"{counts[v]} of {repeats} repeats {v}" for v in VERDICTS if counts[v])
    which = "each: " if len({one.words for one in each}) == 1 else f"repeat {shown}: "
    worse = [r for r in order if VERDICTS.index(each[r].verdict) < VERDICTS.index(told.verdict)]
    notes = [f"repeat {r} {each[r].verdict}: {each[r].words}" for r in worse[:5]]
    notes += [f"and {len(worse) - 5} more such repeats"] if len(worse) > 5 else []
    verdicts = tuple(one.verdict for one in each)
    return replace(told, words=f"{words}; {which}{told.words}", notes=(*told.notes, *notes), repeats=verdicts)


def _one(case: Case) -> Diagnosis:
    """The worst that any rule says of one repeat; if nothing is wrong, what is weak."""
    lines, judged = case.lines, GAMES[_game(case)]
    if not len(lines.steps) and case.sampled is None and case.found is None:
        return Diagnosis("unknown", "nothing has been measured yet", early=True)
    early = _too_early(case, judged)
    findings = [one for one in (rule(case) for rule in judged.rules) if one is not None]
    holding = [_begun(one, lines) for one in findings if one.holds(lines) and (one.always or not early)]
    if holding:
        # Of two that come to the same verdict the one that the lines bear out, which knows from when on; then the first.
        worst = min(holding, key=lambda one: (VERDICTS.index(one.verdict), not one.is_borne_out(lines)))
        others = {one.verdict: one.words for one in holding if one.verdict not in (worst.verdict, "unknown", "collapsing")}
        notes = [f"also {verdict}: {words}" for verdict, words in others.items()]
        since = worst.since if worst.since is not None else lines.since(worst.flags)
        since = None if worst.verdict == "unknown" else since
        agree = lines.agree(worst.flags) if worst.flags.any() else (0, 0)  # samples alone may have decided
        words = worst.words + judged.caveat(case, worst.verdict)
        told = Diagnosis(worst.verdict, words, since, worst.evidence, notes=tuple(notes), lines=agree)
    elif early:
        return Diagnosis("unknown", early, early=True)
    else:
        words, own = judged.healthy(case)
        evidence = _strictest((*(e for one in findings for e in one.evidence if not e.bad), *own))
        calm = ~np.logical_or.reduce([one.flags for one in findings] or [np.zeros(len(lines.steps), bool)])
        told = Diagnosis("healthy", words, None, evidence, lines=lines.agree(calm))
    weak = judged.weak(case) if told.verdict in ("healthy", "collapsing") else []
    if told.verdict == "healthy" and weak:
        told = replace(told, words=f"{told.words}, but it is not good yet")
    return replace(told, notes=(*told.notes, *weak, *judged.unsure(case, told.verdict)))


def _too_early(case: Case, judged: Kind) -> str:
    """Why nothing can be said yet; empty if something can."""
    lines, step = len(case.lines.steps), case.step
    if step and step < judged.shortest:
        return f"too early: a verdict needs {judged.shortest} steps, this run has {step}"
    if lines < FEWEST and case.sampled is None and not judged.settled(case):
        there = "1 line" if lines == 1 else f"{lines} lines"
        return f"too early: a verdict needs {FEWEST} lines of metrics, this run has {there} (outputs.metrics says how often)"
    return ""


def _begun(one: Finding, lines: Lines) -> Finding:
    """The finding, or, where what it misses is on its way, that it is too early to say."""
    if not one.has_only_begun(lines):
        return one
    return replace(one, verdict="unknown", words=f"too early: {one.words}, but that gets better")


def _strictest(every: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Several rules look at one number, with thresholds of their own: the last is the strictest."""
    return tuple({(one.name, one.value): one for one in every}.values())


def _game(case: Case) -> str:
    if small_rules.is_small(case.lines):
        return "small"
    if kind(case.game) in GAMES:
        return kind(case.game)
    return "classification" if any(case.lines.success in record for record in case.lines.records) else "adversarial"

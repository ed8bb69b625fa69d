"""What the JSON files of a run folder say, checked when they are read: run.json, summary.json, metrics.jsonl, scores.

Whoever reads them may take the types below for granted; what else is there is kept as it is. Which file a name means, and that
it is a file, belongs to `inside.py`.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic import AfterValidator, ConfigDict, TypeAdapter, ValidationError, with_config
from pydantic_core import from_json
from typing_extensions import TypedDict

from dessine.letters import harmless
from dessine.registry import dotted
from dessine.runs.files import RunError
from dessine.runs.inside import read
from dessine.schema import shown

Whole = Annotated[int, Ge(0), Le(2**53)]
Seed = Annotated[int, Ge(0)]
"""Whatever may be said: it is only told, and drawn from."""
Number = float | int | None
Metric = Number | list[Number]
"""One number, or one for each repeat; null where it was not finite."""


def _moment(text: str) -> str:
    """A time that every system can count with, in every time zone."""
    try:
        sane = 1970 < datetime.fromisoformat(text).year < 9999
    except ValueError:
        sane = False
    if not sane:
        raise ValueError("expects a time of ours, such as 2026-11-23T14:25:00+01:00")
    return text


Name = Annotated[str, MaxLen(200)]
"""Of a metric, a player, a layer: ours are short, and drawing one of 100,000 letters takes seconds."""
Pid = Annotated[int, Ge(1), Le(2**31 - 1)]
Moment = Annotated[str, AfterValidator(_moment)]
_checks = with_config(ConfigDict(extra="allow", strict=True, allow_inf_nan=False))


@_checks
class Spec(TypedDict, total=False):
    """As much of a resolved config as a list of runs looks at; what it means is the schema's."""

    name: str
    seed: Seed
    repeats: Annotated[int, Ge(1), Le(10_000)]


@_checks
class Resume(TypedDict, total=False):
    """When and how a run went on."""

    time: Moment
    command: str


@_checks
class Finding(TypedDict):
    """Where one repeat stopped being finite."""

    step: Whole
    repeat: Whole
    player: str
    layer: str | None
    what: str


@_checks
class Git(TypedDict, total=False):
    """The commit of the code, if it lay in a checkout."""

    commit: str | None
    dirty: bool | None


@_checks
class LayerMade(TypedDict):
    """One layer of a player's network: the shape of what it gives, and its parameters."""

    layer: str
    output: list[Whole]
    parameters: Whole


@_checks
class DataClass(TypedDict):
    """One class of the training examples: its label, what it is called, and how many are of it."""

    label: Whole
    name: Name
    count: Whole


@_checks
class Judged(TypedDict, total=False):
    """Which judge reads samples: its hash, its test success, and where it was found."""

    hash: str
    accuracy: Number
    path: str | None


@_checks
class PluginUsed(TypedDict, total=False):
    """A plugin: path and hash of a file, or name and package of an installed one."""

    path: str
    hash: Annotated[str, MaxLen(64)]
    name: str
    package: str


@_checks
class Known(TypedDict, total=False):
    """What the data let a run reach, as `scores/reference.py` tells it."""

    count: Whole
    weights: Annotated[list[float], MaxLen(1000)]
    shares: Annotated[list[float], MaxLen(1000)]
    missed: Number
    classes: Number
    named: Annotated[list[Name], MaxLen(1000)]
    sure: Number
    chance: Number
    tests: Whole
    ignorance: Number
    obeyed: Number
    regions: Number
    quality: Name
    noise: Number
    real: Number


@_checks
class Info(TypedDict, total=False):
    """run.json: how a run came about, and what has become of it."""

    status: Literal["queued", "running", "completed", "interrupted", "failed"]
    reason: str | None
    stopped: str | None
    command: str
    overrides: list[str]
    seed: Seed
    step: Whole | None
    steps: Whole | None
    goals: dict[str, Literal["min", "max"]]
    networks: dict[str, list[LayerMade]]
    results: dict[str, Number] | None
    spec: Spec
    started: Moment
    ended: Moment | None
    seconds: Annotated[float, Ge(0), Le(1e12)]
    resumes: list[Resume]
    non_finite: list[Finding]
    data: str | None
    data_checksum: str
    test_checksum: str
    validation_checksum: str
    data_shape: Annotated[list[Annotated[int, Ge(1), Le(2**31)]], MinLen(2), MaxLen(4)]
    data_classes: Annotated[list[DataClass], MaxLen(1000)]
    classes: list[Name]
    span: Annotated[list[float], MinLen(2), MaxLen(2)]
    judge: Judged
    plugins: Annotated[list[PluginUsed], MaxLen(100)]
    reference: Known
    host: str
    pid: Pid
    process_start: str | None
    versions: dict[str, str]
    platform: str
    cpus: int | None
    git: Git


@_checks
class SweepInfo(TypedDict, total=False):
    """sweep.json: which sweep this is."""

    identity: str
    created: Moment
    command: str
    metrics: dict[str, Literal["min", "max"]]
    host: str
    pid: Pid


@_checks
class Best(TypedDict, total=False):
    """The best value of a goal, and its step."""

    value: Number
    step: Whole


@_checks
class Evidence(TypedDict, total=False):
    """One number behind a verdict."""

    name: str
    value: Number
    threshold: str
    why: str
    bad: bool
    source: str
    count: Whole | None


@_checks
class Advised(TypedDict, total=False):
    """One thing to try."""

    override: str
    why: str


@_checks
class Agreed(TypedDict, total=False):
    """How many of the last lines of metrics say so, of how many."""

    agree: Whole
    of: Whole


@_checks
class Verdict(TypedDict, total=False):
    """What the diagnosis said when the run ended."""

    verdict: str
    words: str
    first_bad_step: Whole | None
    evidence: list[Evidence]
    advice: list[Advised]
    notes: list[str]
    lines: Agreed


@_checks
class Record(TypedDict, total=False):
    """A line of metrics.jsonl."""

    epoch: Number
    examples: Number
    loss: dict[Name, Metric]
    layers: dict[Name, dict[Name, dict[Name, Metric]]]
    momentum_cosine: dict[Name, Metric]
    scheduled: dict[Name, dict[Name, Metric]]
    limited: dict[Name, Metric]
    d_real: dict[Name, Metric]
    d_generated: dict[Name, Metric]
    w_estimate: Metric
    penalty: Metric
    critic_moves: Metric
    asked: dict[Name, Metric]
    augment: dict[Name, Metric]
    critic_gap: dict[Name, Metric]
    critic_gradient: dict[Name, dict[Name, Metric]]
    rotation: dict[Name, Metric]
    scores: dict[Name, Metric]
    judge: Judged
    plain_scores: dict[Name, Metric]
    average_scores: dict[Name, Metric]
    test_success: Metric
    test_loss: Metric
    validation_success: Metric
    validation_loss: Metric
    class_success: list[Any]
    class_obedience: list[Any]
    weights: dict[Name, list[Any]]


@_checks
class Line(Record):
    """One that counts: without its step a line says nothing."""

    step: Whole


@_checks
class Summary(TypedDict, total=False):
    """summary.json: the last and the best of the metrics, and what a game has to add."""

    status: str
    step: Whole
    reason: str | None
    drawn_by: str
    last: Record
    best: dict[str, Best]
    diagnosis: Verdict


@_checks
class Score(TypedDict, total=False):
    """One row of what `dessine eval` has measured."""

    value: Number
    standard_error: Number
    n: Whole
    better: str
    ceiling: Number
    floor: Number
    collapsed: Number
    measured_by: str
    test_success: Number
    by_class: dict[Name, dict[Name, Number]]


@_checks
class Averaged(TypedDict, total=False):
    """The same of the moving average of a generator, or of its plain weights."""

    scores: dict[str, Score]


@_checks
class Scores(TypedDict, total=False):
    """scores.json, only.json and checkpoints.json in eval/."""

    step: Whole
    seed: Seed
    notice: str
    scores: dict[str, Score]
    drawn_by: str
    average: Averaged
    plain: Averaged
    checkpoints: list[dict[str, Number]]
    spearman: dict[str, dict[str, dict[str, Any]]]
    pictures: list[str]


@_checks
class JudgeFile(TypedDict):
    """What a file of `dessine judge pack` says beside its weights: how the network is asked, and how its answers are meant."""

    judge: Literal[1]  # version of the format
    layers: Annotated[list[Any], MaxLen(1_000)]
    shape: Annotated[list[Annotated[int, Ge(1), Le(100_000)]], MinLen(1), MaxLen(3)]
    low: float
    high: float
    squash: Literal["softmax", "sigmoid"] | None
    span: Annotated[list[float], MinLen(2), MaxLen(2)]
    classes: Annotated[list[Name], MinLen(2), MaxLen(100_000)]
    accuracy: Number
    tested: Whole
    run: dict[str, Any]


@_checks
class Note(TypedDict):
    """What somebody has said of a run, and when."""

    time: Moment
    text: Annotated[str, MaxLen(10_000)]


@_checks
class NotesFile(TypedDict):
    """notes.json of a run or of a sweep."""

    tags: Annotated[list[Annotated[str, MinLen(1), MaxLen(50)]], MaxLen(100)]
    notes: Annotated[list[Note], MaxLen(1000)]


INFO: TypeAdapter[Any] = TypeAdapter(Info)
SUMMARY: TypeAdapter[Any] = TypeAdapter(Summary)
LINE: TypeAdapter[Any] = TypeAdapter(Line)
SPEC: TypeAdapter[Any] = TypeAdapter(Spec)
SWEEP: TypeAdapter[Any] = TypeAdapter(SweepInfo)
SCORES: TypeAdapter[Any] = TypeAdapter(Scores)
JUDGE: TypeAdapter[Any] = TypeAdapter(JudgeFile)
NOTES: TypeAdapter[Any] = TypeAdapter(NotesFile)


def repeat_part(repeat: int) -> str:
    """The folder in eval/ of the scores of a repeat; nothing for the first, whose scores are in eval/ itself."""
    return f"repeat_{repeat:04d}" if repeat else ""


def read_info(folder: Path) -> dict[str, Any]:
    """run.json of a run. Raises FileNotFoundError, or RunError with the field that is wrong."""
    return _read(folder, "run.json", INFO)


def goals_of(info: dict[str, Any]) -> dict[str, str]:
    """What ranks a run, as its run.json says. Of a GAN older versions named its losses, which say nothing of its samples."""
    goals: dict[str, str] = info.get("goals", {})
    spec = info.get("spec", {})
    game = spec.get("game") if isinstance(spec, dict) else None
    if isinstance(game, dict) and game.get("type") == "adversarial":
        return {name: way for name, way in goals.items() if not name.startswith("loss.")}
    return goals


def read_summary(folder: Path) -> dict[str, Any]:
    """summary.json; empty if there is none yet. Raises RunError."""
    try:
        return _read(folder, "summary.json", SUMMARY)
    except FileNotFoundError:
        return {}


def read_sweep(folder: Path) -> dict[str, Any]:
    """sweep.json of a sweep. Raises FileNotFoundError or RunError."""
    return _read(folder, "sweep.json", SWEEP)


def read_notes(folder: Path) -> dict[str, Any]:
    """notes.json; empty if there is none. Raises RunError."""
    try:
        return _read(folder, "notes.json", NOTES)
    except FileNotFoundError:
        return {}


def read_scores(folder: Path, name: str) -> dict[str, Any]:
    """A JSON file of `dessine eval`, such as eval/scores.json. Raises FileNotFoundError or RunError."""
    return _read(folder, name, SCORES)


def judge_of(text: str) -> dict[str, Any]:
    """What a judge's file says of itself. Raises RunError."""
    return _checked(JUDGE, text.encode())


def read_metrics(folder: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """The good lines of metrics.jsonl, and for each of the others what is wrong with it; none if there is no such file yet.

    The last line may be torn, because a process was killed: that is no fault. Raises RunError.
    """
    records: list[dict[str, Any]] = []
    faults: list[str] = []
    try:
        lines = read(folder, "metrics.jsonl").split(b"\n")
    except FileNotFoundError:
        return records, faults
    for number, line in enumerate(lines, 1):
        try:
            if line.strip():
                records.append(line_of(line))
        except RunError as error:
            if number < len(lines):
                faults.append(f"{folder / 'metrics.jsonl'}:{number}: {error}")
    return records, faults


def some(faults: list[str]) -> list[str]:
    """The first three of these lines, and how many more there are: a file may be bad from its first line to its last."""
    more = len(faults) - 3
    return faults if more <= 1 else [*faults[:3], f"and {more:,} more such lines"]


def line_of(text: bytes) -> dict[str, Any]:
    """One line of metrics.jsonl. Raises RunError.

    `scores` are of what draws; older versions called those of a moving average `average_scores`, and the plain ones `scores`.
    """
    line = _checked(LINE, text)
    if "average_scores" in line:
        line |= {"scores": line.pop("average_scores"), "plain_scores": line.get("scores", {})}
    return line


def spec_of(data: Any) -> dict[str, Any]:
    """A resolved config, as far as `Spec` goes. Raises RunError."""
    try:
        SPEC.validate_python(data)
    except ValidationError as error:
        raise RunError(_why(error)) from None
    return cast(dict[str, Any], data)


def _read(folder: Path, name: str, adapter: TypeAdapter[Any]) -> dict[str, Any]:
    raw = read(folder, name)
    try:
        return _checked(adapter, raw.removeprefix(b"\xef\xbb\xbf"))  # a byte-order mark, as some editors put it
    except RunError as error:
        raise RunError(f"{folder / name} cannot be read: {error}") from None


def _checked(adapter: TypeAdapter[Any], text: bytes) -> dict[str, Any]:
    try:
        plain: dict[str, Any] = from_json(text, allow_inf_nan=False)
        adapter.validate_python(plain)
    except ValidationError as error:
        raise RunError(_why(error)) from None
    except ValueError as error:
        raise RunError(f"not JSON: {error}") from None
    if not text.isascii() or any(mark in text for mark in MAY_STEER):
        plain = _harmless(plain)
    return plain  # with its keys in the order of the file, which pydantic changes


MAY_STEER = (b"\\u00", b"\\u20", b"\x7f")
"""What JSON in ASCII has where a text in it holds characters that steer a terminal; looked for in thousands of files."""


def _harmless(plain: Any) -> Any:
    if isinstance(plain, dict):
        return {harmless(key): _harmless(value) for key, value in plain.items()}
    if isinstance(plain, list):
        return [_harmless(value) for value in plain]
    return harmless(plain) if isinstance(plain, str) else plain


def _why(error: ValidationError) -> str:
    """The first mistake: where it is, what should be there, what is."""
    one = error.errors(include_url=False)[0]
    place = dotted(tuple(key for key in one["loc"] if not ARM.fullmatch(str(key))))
    said = SAID.get(one["type"]) or one["msg"].replace("Input should be", "expects", 1).replace("Value error, ", "", 1)
    told = said if one["type"] == "missing" else f"{said}, got {shown(one['input'])}"
    return f"{place}: {told}" if place else told


ARM = re.compile(r"float|int|none|list\[.*|dict\[.*|\[key\]")
"""What pydantic puts into a place where it has tried several types."""
SAID = {
    "missing": "is missing",
    "dict_type": "expects a mapping",
    "list_type": "expects a list",
    "string_type": "expects text",
    "string_too_long": "is too long a name",
    "int_type": "expects a whole number",
    "float_type": "expects a number",
    "bool_type": "expects true or false",
}
"""pydantic's findings in our words."""

"""Metrics by dotted name: `loss.generator` of a record is one number per repeat."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dessine.registry import SpecError, did_you_mean

NOT_COMPARED = ("step", "epoch", "layers", "judge")


def flat(record: dict[str, Any], repeats: int = 1) -> dict[str, list[float]]:
    """Dotted name -> one number per repeat; null becomes NaN. What is not one number per repeat is left out."""
    found: dict[str, list[float]] = {}
    for key, value in record.items():
        if key in NOT_COMPARED:
            continue
        if isinstance(value, dict):
            found |= {f"{key}.{name}": v for name, v in flat(value, repeats).items()}
            continue
        numbers = value if isinstance(value, list) and repeats > 1 else [value]
        if len(numbers) == repeats and all(_is_number(v) for v in numbers) and any(v is not None for v in numbers):
            found[key] = [float("nan") if v is None else float(v) for v in numbers]
    return found


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def full_name(text: str, known: Iterable[str]) -> str:
    """The metric that `text` means: its name, or an end of it that no other has. Raises SpecError."""
    names = list(known)
    if text in names:
        return text
    fitting = [name for name in names if name.endswith(f".{text}")]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise SpecError(f"'{text}' may mean {', '.join(fitting)}: give more of the name")
    ends = {name.rsplit(".", 1)[-1]: name for name in names} | {name: name for name in names}
    raise SpecError(f"no metric '{text}'{did_you_mean(text, ends)} (known: {', '.join(sorted(names))})")

"""One checkpoint: arrays and plain state in one file. Written whole, and read with every doubt: disks and people damage files.

Which checkpoint a run goes on from belongs to `run.py`, what is in it to the game.
"""

from __future__ import annotations

import errno
import json
import math
import os
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np

from dessine.runs.files import RunError, beside, own

Array = np.ndarray
NAME = re.compile(r"step_([0-9]{9,18})\.npz")
HEADER = re.compile(
    rb"\{'descr': '([<>|][biufcU][0-9]{1,9})', 'fortran_order': (True|False), "
    rb"'shape': \(((?:[0-9]{1,18}, ?)*(?:[0-9]{1,18})?)\), \} *\n"
)
LONGEST = 10_000
"""Bytes of such a header."""
WRONG = (
    RunError,
    OSError,
    ValueError,
    KeyError,
    EOFError,
    RuntimeError,
    OverflowError,
    TypeError,
    zipfile.BadZipFile,
)
"""What reading a file raises that is not what it should be: of its name, the disk, the zip, the arrays, the state."""
OURS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""Errors of the system that are no fault of the file."""


BEST = "best.npz"
"""Beside the checkpoints of steps: the best state of each repeat."""


class Damaged(ValueError):
    """A checkpoint that cannot be gone on from; says why."""


def name_of(step: int) -> str:
    """Its file's."""
    return f"step_{step:09d}.npz"


def steps_in(folder: Path) -> list[int]:
    """The steps of all checkpoints in `folder`, from first to last. What others put beside them has other names."""
    try:
        names = [entry.name for entry in os.scandir(folder)]
    except FileNotFoundError:
        return []
    except NotADirectoryError:
        raise RunError(f"{folder} is no folder: move it away") from None
    fitting = {name: int(digits[1]) for name in names if (digits := NAME.fullmatch(name))}
    return sorted(step for name, step in fitting.items() if name == name_of(step))


def save(path: Path, step: int, arrays: Mapping[str, Array], state: dict[str, Any]) -> None:
    """Write `path`. The step stands inside, too: a file can be renamed."""
    members: dict[str, Any] = {**arrays, "state": np.array(json.dumps(state)), "step": np.array(step)}
    with beside(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **members)
        file.flush()
        os.fsync(file.fileno())


def best_of(state: Mapping[str, Any], repeats: int) -> dict[str, Any]:
    """What the state of `best.npz` says: `metric`, and of each repeat its value in `values`, null for none, and its step in
    `steps`. Raises Damaged.
    """
    told = state.get("best")
    numbers = told if isinstance(told, dict) else {}
    values, steps = numbers.get("values"), numbers.get("steps")
    for several, kinds in ((values, (int, float, type(None))), (steps, (int,))):
        if not isinstance(several, list) or len(several) != repeats or not all(type(one) in kinds for one in several):
            raise Damaged("it does not say of which steps it is")
    return {"metric": str(numbers.get("metric")), "values": values, "steps": steps}


def load(
    folder: Path, step: int | None, expected: Mapping[str, Array] | None = None
) -> tuple[dict[str, Array], dict[str, Any]]:
    """The arrays and the state of the checkpoint of `step` in the run `folder`; of the best one, if it is None.

    expected: arrays of the same names, shapes and types; anything else is refused before memory is taken for it. Never more
    than the file's own size is unpacked, nothing is unpickled. Raises Damaged; FileNotFoundError and PermissionError as they
    are.
    """
    with _doubtful():
        arrays = unpacked(own(folder, f"checkpoints/{BEST if step is None else name_of(step)}"), expected)
        written = arrays.pop("step", None)  # not there in those of older versions
        state = json.loads(str(arrays.pop("state")))
    if step is not None and written is not None and (written.shape or written.dtype.kind not in "iu" or written != step):
        raise Damaged(f"it holds step {written}, not {step:,}")
    if not isinstance(state, dict):
        raise Damaged("its state is no mapping")
    return arrays, state


def unpacked(path: Path, expected: Mapping[str, Array] | None = None) -> dict[str, Array]:
    """The arrays of a file that is packed as a checkpoint is, read with the same doubts. Raises the same."""
    with _doubtful(), path.open("rb") as file, zipfile.ZipFile(file) as packed:
        return dict(_arrays(packed, os.fstat(file.fileno()).st_size, expected))


@contextmanager
def _doubtful() -> Iterator[None]:
    """What reading raises as Damaged, but for what is no fault of the file."""
    try:
        yield
    except (Damaged, FileNotFoundError, PermissionError):
        raise
    except WRONG as error:
        if isinstance(error, OSError) and error.errno in OURS:
            raise
        raise Damaged(_why(error)) from None


def _arrays(packed: zipfile.ZipFile, size: int, expected: Mapping[str, Array] | None) -> Iterator[tuple[str, Array]]:
    members = packed.infolist()
    names = [member.filename for member in members]
    if len(set(names)) < len(names):
        raise Damaged("it holds two arrays of one name")
    if sum(member.file_size for member in members) > size or any(m.compress_type != zipfile.ZIP_STORED for m in members):
        raise Damaged("it is packed as no checkpoint is")
    for member in members:
        name = member.filename.removesuffix(".npy")
        with packed.open(member) as file:
            shape, dtype, order = _header(name, file)
            _fit(name, shape, dtype, expected)
            raw = file.read()
        if dtype.itemsize * math.prod(shape) != len(raw):
            raise Damaged(f"{name} is not of the size that it claims")
        yield name, np.frombuffer(raw, dtype).reshape(shape, order=order).copy()


def _header(name: str, file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any], Literal["C", "F"]]:
    """What an .npy file begins with. NumPy's own reader evaluates it as Python; a checkpoint needs less."""
    begins = file.read(8)
    wide = {b"\x93NUMPY\x01\x00": 2, b"\x93NUMPY\x02\x00": 4}.get(begins)
    header = wide and HEADER.fullmatch(file.read(min(int.from_bytes(file.read(wide), "little"), LONGEST)))
    if not header:
        raise Damaged(f"{name} is no array")
    shape = tuple(int(n) for n in header[3].split(b",") if n.strip())
    return shape, np.dtype(header[1].decode()), "F" if header[2] == b"True" else "C"


def _fit(name: str, shape: tuple[int, ...], dtype: np.dtype[Any], expected: Mapping[str, Array] | None) -> None:
    """Raises Damaged if this array has no place where `expected` come from."""
    if name == "state" and (shape or dtype.kind != "U"):
        raise Damaged("its state is no text")
    if expected is None or name in ("state", "step"):
        return
    if name not in expected:
        raise Damaged(f"{name} is no array of this run")
    known = np.asarray(expected[name])
    if (shape, dtype) != (known.shape, known.dtype):
        raise Damaged(f"{name} is {dtype}{list(shape)}, and should be {known.dtype}{list(known.shape)}")


def _why(error: BaseException) -> str:
    """In words that fit behind the file's name."""
    if isinstance(error, RecursionError):
        return "its state is nested too deeply"
    if isinstance(error, zipfile.BadZipFile | EOFError):
        return "it is cut short or changed" if str(error) != "File is not a zip file" else "it is no zip file, or cut short"
    if isinstance(error, KeyError):
        return f"it has no {error.args[0]}" if isinstance(error.args[0], str) else "it is written in another way"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return " ".join(str(error).split())[:200] or type(error).__name__

"""A judge of one's own: any classification run, or one small file that such a run was packed into.

Both say the same: weights, how the network is asked, how its answers are meant, and how it did in its test. Nothing of it is
trusted before it is checked: a file may be damaged, a run may be a stranger's.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dessine.data import Split
from dessine.losses import Loss
from dessine.nn import Layer, Network
from dessine.nn.ending import read_as_logits
from dessine.nn.layer import size
from dessine.nn.network import outline, parameters
from dessine.paths import mode, shown
from dessine.registry import SpecError, dotted
from dessine.runs import checkpoint
from dessine.runs.checkpoint import Damaged
from dessine.runs.documents import judge_of, read_metrics, read_summary
from dessine.runs.files import RunError, own
from dessine.runs.run import Run
from dessine.scores.judge import Judge
from dessine.spec import BadSpec, read
from dessine.streams import Streams

Array = np.ndarray
SHIPPED = Path(__file__).parent / "judges"
LARGEST = 1_000_000
"""Bytes of a packed judge, which is to be sent by mail and kept beside a config."""
MOST = 64_000_000
"""Bytes of a file that is looked at, to see whether it is one."""
ASKED = ("layers", "shape", "low", "high", "squash", "span")
"""What of a judge's words decides, with the weights, what it answers."""
HINT = "`dessine judge pack RUN` makes one, and the folder of a classification run is a judge, too"


class Parts(NamedTuple):
    """known: as `runs.documents.JudgeFile` has it; theta (P,) and buffers (Q,) of its network."""

    known: dict[str, Any]
    theta: Array
    buffers: Array


@lru_cache(4)
def shipped(name: str) -> Judge:
    """The judge in the package of that name, which was packed from a run of a shipped config."""
    return find(SHIPPED / f"{name}.npz")


def find(path: Path) -> Judge:
    """The judge at `path`, a run's folder or a file. Raises SpecError saying what is wrong with it."""
    return made(parts_of(path), path)


def parts_of(path: Path) -> Parts:
    """What it is made of, and what it says of itself. Raises SpecError."""
    what = mode(path)
    if not what:
        raise SpecError(f"there is no run and no file {shown(path)}{_meant(path)}")
    if stat.S_ISREG(what):
        return of_file(path)
    if not stat.S_ISDIR(what):
        raise SpecError(f"{shown(path)} is neither a folder nor a file")
    try:
        run = Run.find(str(path), path.parent)
        return of_run(run)
    except RunError as error:
        raise SpecError(f"{error}: a judge is the folder of a classification run, or a file of `dessine judge pack`") from None


def judge_for(split: Split, path: Path) -> Judge:
    """The same, if it can read examples like these."""
    judge, shape = find(path), split.train.shape
    wanted = (*shape[:-1], 1) if split.digits > 1 else shape  # stacked digits are read one by one
    if judge.shape != wanted:
        both = [" x ".join(map(str, one)) for one in (judge.shape, wanted)]
        raise SpecError(f"{shown(path)} reads examples of {both[0]}, those of the data are {both[1]}")
    if split.digits > 1 and len(judge.classes) != 10:
        raise SpecError(f"{shown(path)} knows {len(judge.classes)} classes: each of stacked digits is one of ten")
    return judge


def _meant(path: Path) -> str:
    """The run of that name, where runs usually are."""
    try:
        return f"; did you mean {shown(Run.find(path.name, path.parent / 'runs').path)}?"
    except RunError:
        return ""


def of_run(run: Run) -> Parts:
    """The newest weights of a run, of its first repeat. Raises SpecError or RunError."""
    try:
        config = read(own(run.path, "config.yaml"), alone=True).data
    except BadSpec as error:
        raise SpecError(error.lines[0]) from None
    game = config.get("game")
    kind = game.get("type") if isinstance(game, dict) else None
    if not isinstance(game, dict) or kind != "classification":
        raise SpecError(f"{shown(run.path)} is a run of the {kind} game: only a classification run can judge")
    steps, found = run.checkpoint_steps(), run.load_checkpoint()
    if found is None:
        why = "its checkpoints are damaged" if steps else "it holds no checkpoint"
        raise SpecError(f"{shown(run.path)} cannot judge: {why}")
    step, arrays, _ = found
    if not step:
        raise SpecError(f"{shown(run.path)} cannot judge: it has not learnt anything yet")
    try:
        theta, buffers = (np.asarray(arrays[f"network.{name}"][0], np.float32) for name in ("theta", "buffers"))
    except (KeyError, IndexError, ValueError):
        raise SpecError(f"{shown(run.path)} cannot judge: its checkpoint of step {step:,} is of no classification") from None
    return Parts(known_of(run, config, step), theta, buffers)


def known_of(run: Run, config: Mapping[str, Any], step: int) -> dict[str, Any]:
    """What a classification run tells of the network that it has at `step`. Raises SpecError or RunError."""
    info, data, game = run.info(), config.get("data"), config["game"]
    network = game.get("network")
    layers = network.get("layers") if isinstance(network, dict) else None
    try:
        squash = Loss.of(game.get("loss", "quadratic")).squash
        outputs = size(outline([Layer.of(node) for node in layers or []], _shape(info))[-1].shape) if layers else 0
    except (SpecError, TypeError) as error:
        raise SpecError(f"{shown(run.path)} cannot judge: {str(error).splitlines()[0]}") from None
    options = data if isinstance(data, dict) else {}
    digits = options.get("digits")
    names = sorted(digits) if isinstance(digits, list) and all(type(d) is int for d in digits) else range(max(2, outputs))
    span = info.get("span") or ([0.0, 1.0] if squash else game.get("targets", [0.0, 1.0]))
    accuracy, measured = _success(run, step)
    about = {"name": config.get("name"), "step": step, "data": options.get("type") or data, "source": info.get("data")}
    about |= {"examples": info.get("data_shape", [None])[0], "measured": measured}
    return {
        "judge": 1,
        "layers": layers or [],
        "shape": list(_shape(info)),
        "low": -1.0 if options.get("scale") == "-1..1" else 0.0,
        "high": 1.0,
        "squash": squash,
        "span": [float(end) for end in span],
        "classes": list(info.get("classes") or map(str, names)),
        "accuracy": accuracy,
        "tested": 0,
        "run": {**about, **{key: info.get(key) for key in ("command", "versions", "git")}},
    }


def _shape(info: Mapping[str, Any]) -> tuple[int, ...]:
    """Of one example. Runs of older versions do not say it: those are of MNIST."""
    return tuple(info.get("data_shape", [0, 28, 28, 1])[1:])


def _success(run: Run, step: int) -> tuple[float, str]:
    """In its test, or on its validation part where it was not tested at `step`, and which; NaN where nobody knows."""
    last = read_summary(run.path)
    told = [line for line in read_metrics(run.path)[0] if line["step"] <= step]
    told += [last["last"]] if last.get("step") == step and last.get("last") else []
    for name in ("test_success", "validation_success"):
        for line in reversed(told):
            value = line.get(name)
            value = value[0] if isinstance(value, list) and value else value
            if isinstance(value, int | float):
                return float(value), name.removesuffix("_success")
    return math.nan, ""


def of_file(path: Path) -> Parts:
    """Of a file that `pack` has written. Raises SpecError."""
    try:
        if os.path.getsize(path) > MOST:
            raise Damaged("it is larger than a judge can be")
        arrays = checkpoint.unpacked(path)
        if set(arrays) != {"theta", "buffers", "state"}:
            raise Damaged("it holds other arrays")
        theta, buffers = arrays["theta"], arrays["buffers"]
        if any(a.ndim != 1 or a.dtype not in ("float16", "float32") for a in (theta, buffers)):
            raise Damaged("its weights are none")
        return Parts(judge_of(str(arrays["state"])), theta.astype(np.float32), buffers.astype(np.float32))
    except (Damaged, RunError) as error:
        raise SpecError(f"{shown(path)} is no judge, or a damaged one ({error}): {HINT}") from None
    except OSError as error:
        raise SpecError(f"{shown(path)} cannot be read: {error.strerror or error}") from None


def made(parts: Parts, path: Path) -> Judge:
    """The judge, once all of it fits together. Raises SpecError."""
    known, theta, buffers = parts
    shape = tuple(known["shape"])
    try:
        layers = [Layer.of(node) for node in known["layers"]]
        if known["squash"]:
            read_as_logits(layers, known["squash"])
        needed = parameters(outline(layers, shape))
        if not needed or needed != len(theta):
            raise SpecError(f"its layers have {needed:,} parameters, there are {len(theta):,}")
        network = Network(layers, shape, Streams(0), np.float32, "judge")
        if network.buffers.size != len(buffers):
            raise SpecError(f"its layers keep {network.buffers.size:,} statistics, there are {len(buffers):,}")
    except SpecError as error:
        wrong = error.problems[0]
        where = f"{dotted(wrong.path)}: " if wrong.path else ""
        raise SpecError(f"{shown(path)} cannot judge: {where}{wrong.message}") from None
    outputs, classes = size(network.output_shape), tuple(known["classes"])
    if outputs != len(classes) and (outputs, len(classes)) != (1, 2):
        raise SpecError(f"{shown(path)} cannot judge: it has {outputs} outputs for {len(classes)} classes")
    if not known["span"][0] < known["span"][1] or not known["low"] < known["high"]:
        raise SpecError(f"{shown(path)} cannot judge: its ranges are none")
    if not (np.isfinite(theta).all() and np.isfinite(buffers).all()):
        raise SpecError(f"{shown(path)} cannot judge: its weights are not finite")
    network.theta[0], network.buffers[0] = theta, buffers
    accuracy = math.nan if known["accuracy"] is None else float(known["accuracy"])
    asked = (known["low"], known["high"], known["squash"], (known["span"][0], known["span"][1]))
    return Judge(network, hash_of(parts), accuracy, classes, *asked)


def hash_of(parts: Parts) -> str:
    """12 hexadecimal digits of a SHA-256 over weights, layers, and how answers are meant."""
    digest = hashlib.sha256(parts.theta.astype("<f4").tobytes())
    digest.update(parts.buffers.astype("<f4").tobytes())
    digest.update(json.dumps([parts.known[key] for key in ASKED], sort_keys=True).encode())
    return digest.hexdigest()[:12]


def rounded(parts: Parts) -> Parts:
    """With weights as half precision has them."""
    with np.errstate(over="ignore"):
        return parts._replace(**{name: getattr(parts, name).astype(np.float16) for name in ("theta", "buffers")})


def pack(parts: Parts, path: Path) -> int:
    """Write them, in the precision that they have. Returns the bytes of the file."""
    with checkpoint.beside(path) as temporary, temporary.open("wb") as file:
        np.savez(file, theta=parts.theta, buffers=parts.buffers, state=np.array(json.dumps(parts.known)))
    return path.stat().st_size


def bytes_of(parts: Parts) -> int:
    """Of the file that `pack` would write, about."""
    return parts.theta.nbytes + parts.buffers.nbytes + 4 * len(json.dumps(parts.known)) + 1_000

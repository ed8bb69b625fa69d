"""A run that takes a tenth of a second and has everything that could be forgotten in a checkpoint."""

from __future__ import annotations

import os
import signal
import struct
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dessine.cli import group
from dessine.cli.errors import guarded
from dessine.data.mnist import SAMPLE
from dessine.games import Adversarial
from dessine.spec import read

CONFIGS = Path(__file__).parents[2] / "configs"

CONFIG = """\
name: tiny
data: {{type: mnist, path: {images}}}
game:
  type: adversarial
  latent: {{size: 3}}
  moves: {{real: 1, shared: 1, generated: 1, alone: 1}}
  real_labels: [0.7, 1.0]
  label_swap: 0.1
  generator:
    layers:
      - {{type: dense, units: 6}}
      - batch_norm
      - {{type: activation, function: relu}}
      - {{type: noise, how: concatenate, size: 2}}
      - {{type: dense, units: 16, activation: sigmoid}}
    optimizer: {{type: adam, eta: 0.01, momentum: 0.5}}
  discriminator:
    layers:
      - {{type: dense, units: 5, activation: leaky_relu}}
      - {{type: dropout, p: 0.2}}
      - {{type: dense, units: 1}}
    optimizer: {{type: rmsprop, eta: 0.01, centered: true}}
repeats: 3
training: {{steps: 60, batch_size: 7}}
outputs: {{metrics: 4, samples: 10, checkpoint: 9, grid: [2, 3], plots: false}}
"""


def few(path: Path) -> list[str]:
    """What makes a shipped config load at once, whatever its data: few examples, digits in place of what must be fetched."""
    kind = read(path).data["data"]["type"]
    if kind in ("fashion_mnist", "kmnist"):
        return [f"data.path={SAMPLE}", "data.limit=100"]
    images, points = ["data.images=100", "data.test_images=20"], ["data.points=200", "data.test_points=100"]
    sizes = {"mnist": ["data.limit=100"], "sheep": images, "stacked_mnist": images}
    return (sizes | dict.fromkeys(("grid", "line", "picture", "ring"), points)).get(kind, [])


class Answer(NamedTuple):
    """What a command gave back."""

    code: int
    out: str
    err: str


def write_idx(path: Path, array: np.ndarray) -> None:
    """An IDX file of bytes."""
    path.write_bytes(struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes())


def here(args: list[object]) -> int:
    """Run a command line in this process."""
    before = sys.argv
    try:
        sys.argv = ["dessine", *map(str, args)]
        return guarded(group)
    finally:
        sys.argv = before


def in_child(args: list[object], at: int, then: Callable[[], None]) -> int:
    """Run a command line in a fork of this process; before turn number `at`, counted from 1, do `then`.

    A fork has everything imported already. Returns the exit code, or minus the signal that killed it, as `subprocess` does.
    """
    sys.stdout.flush()
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        turn, made = Adversarial.turn, [0]

        def counted(self: Adversarial, measure: bool = False) -> dict:
            made[0] += 1
            if made[0] == at:
                then()
            return turn(self, measure)

        Adversarial.turn = counted  # type: ignore[method-assign]
        signal.signal(signal.SIGINT, signal.default_int_handler)
        code = here(args)
    except BaseException:
        code = 99
        traceback.print_exc()
    finally:
        os._exit(code)


def kill() -> None:
    """End this process as `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)

"""A judge: a classifier whose answers, and what it sees in an example, scores are made of.

The one in the package reads digits, and is the same for everyone, so that scores of generated digits can be compared. Its
weights are there with the config that trained them and a record of how: `lenet/`. A judge of one's own is read by `packed.py`.
Whose examples a judge looks at, and what its answers mean, belongs to the scores. The one of digits is made anew from any run
of such a config by

    python -m dessine.scores.judge RUN
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from dessine.data.mnist import Mnist
from dessine.losses import sigmoid
from dessine.nn import Mode, Network
from dessine.nn.layer import size
from dessine.nn.network import parameters
from dessine.runs.files import beside, write_atomically, write_json
from dessine.runs.run import Run
from dessine.spec import read
from dessine.streams import Streams

Array = np.ndarray
FOLDER = Path(__file__).parent / "lenet"
DIGITS = tuple("0123456789")
PORTION, MOST_NUMBERS = 250, 8_000_000
"""Images that pass the network together, so that what they need stays in cache; and numbers that a layer may make of them."""
FEATURES = 256
"""At most: the covariance of more takes seconds to compare."""
TINY = 1e-12


@dataclass(frozen=True)
class Judge:
    """A trained classifier and what is known of it.

    hash: 12 hexadecimal digits of a SHA-256 over its weights: scores of different judges cannot be compared
    accuracy: its test success, NaN where that is not known; for the judge in the package that on MNIST's 10,000 test images
    classes: their names, in the order of its answers
    low, high: the range of pixels that it has learnt from
    squash: what makes probabilities of its outputs: softmax, sigmoid, or None where outputs aim at the ends of `span`
    """

    network: Network
    hash: str
    accuracy: float
    classes: tuple[str, ...] = DIGITS
    low: float = 0.0
    high: float = 1.0
    squash: str | None = "softmax"
    span: tuple[float, float] = (0.0, 1.0)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one example that it reads."""
        return self.network.input_shape

    def read(self, x: Array) -> tuple[Array, Array]:
        """x: (N, *shape), images in [0, 1], points as they are -> the probabilities of its classes (N, K), and what the last
        layer that learns sees of them (N, f), both float32. Raises ValueError for examples of another shape.
        """
        if x.shape[1:] != self.shape:
            raise ValueError(f"images have shape {x.shape}, expected (N, {', '.join(map(str, self.shape))})")
        if len(self.shape) == 3 and (self.low, self.high) != (0.0, 1.0):
            x = x * np.float32(self.high - self.low) + np.float32(self.low)
        portion = max(1, min(PORTION, MOST_NUMBERS // max(map(size, (self.shape, *self.network.shapes)))))
        parts = [self._pass(x[i : i + portion]) for i in range(0, max(1, len(x)), portion)]
        features, outputs = (np.concatenate(side) for side in zip(*parts, strict=True))
        return self._probabilities(outputs), features

    def _pass(self, x: Array) -> tuple[Array, Array]:
        """Features (n, f) and outputs (n, outputs)."""
        net, seen, y = self.network, x[None], x[None]
        for i, (_, out) in enumerate(net.walk(x[None], Mode(net.streams, train=False, record=False))):
            seen, y = (y if i == self._last else seen), out
        features = np.asarray(seen[0].reshape(len(x), size(seen.shape[2:])), np.float32)
        return features if self._fewer is None else features @ self._fewer, y[0].reshape(len(x), size(y.shape[2:]))

    @cached_property
    def _last(self) -> int:
        """The index of the last layer that learns."""
        return max(i for i, needs in enumerate(self.network.declared) if parameters([needs]))

    @cached_property
    def _fewer(self) -> Array | None:
        """(f, FEATURES), where there are more features than that: directions at random, always the same, of length 1."""
        f = size(self.network.shapes[self._last - 1] if self._last else self.shape)
        if f <= FEATURES:
            return None
        directions = np.linalg.qr(np.random.default_rng(0).standard_normal((f, FEATURES)))[0]
        return (directions * np.sqrt(f / FEATURES)).astype(np.float32)  # so that lengths stay what they are, in the mean

    def _probabilities(self, y: Array) -> Array:
        """(N, outputs) -> (N, K), rows that sum to 1.

        Yes/no answers to each class are divided by their sum: a judge that says no to all ten has nothing else to say. Outputs
        that aim at the ends of `span` may lie beyond: the nearest probabilities are taken, in which the largest stays largest.
        """
        if self.squash == "softmax":
            e = np.exp(y - y.max(-1, keepdims=True))
            return np.asarray(e / e.sum(-1, keepdims=True), np.float32)
        low, high = self.span
        p = sigmoid(y) if self.squash else (y - low) / (high - low)
        if y.shape[1] == 1:
            p = np.clip(p, 0, 1)
            return np.asarray(np.concatenate([1 - p, p], 1), np.float32)
        if not self.squash:
            return _nearest(p.astype(np.float64)).astype(np.float32)
        p = p.astype(np.float64) + TINY
        return np.asarray(p / p.sum(-1, keepdims=True), np.float32)


def _nearest(y: Array) -> Array:
    """(N, K) -> the nearest rows that are probabilities: y less one number for each row, 0 where that is below
    (Duchi et al. 2008, figure 1).
    """
    down = -np.sort(-y, -1)
    over = (down.cumsum(-1) - 1) / np.arange(1, y.shape[1] + 1)
    last = np.count_nonzero(down > over, -1)[:, None] - 1
    p: Array = np.maximum(y - np.take_along_axis(over, last, -1), 0)
    return p


@lru_cache(1)
def judge() -> Judge:
    """The judge in the package. Raises ValueError if its files do not belong together."""
    record = json.loads((FOLDER / "record.json").read_text(encoding="utf-8"))
    with np.load(FOLDER / "weights.npz", allow_pickle=False) as file:
        made = _judge(FOLDER / "config.yaml", file["theta"], record["accuracy"])
    if made.hash != record["hash"]:
        raise ValueError(
            f"{FOLDER}: the weights have the hash {made.hash}, the record says {record['hash']}: install dessine anew"
        )
    return made


def _judge(config: Path, theta: Array, accuracy: float) -> Judge:
    layers = read(config).data["game"]["network"]["layers"]
    network = Network(layers, (28, 28, 1), Streams(0), np.float32, "judge")
    network.theta[...] = theta
    return Judge(network, hashlib.sha256(theta.astype("<f4").tobytes()).hexdigest()[:12], accuracy)


def write(run: Run, folder: Path = FOLDER) -> dict[str, Any]:
    """Put the newest weights of a run into `folder`, with its config and a record. Returns the record.

    The accuracy is that on the full test set, which must be there: `dessine data fetch mnist`. Raises SpecError if it is not.
    """
    found = run.load_checkpoint()
    if found is None:
        raise ValueError(f"{run.path} holds no checkpoint")
    step, arrays, _ = found
    test = Mnist(source="full").load().test
    theta = arrays["network.theta"][:1].astype(np.float32)
    made, info = _judge(run.path / "config.yaml", theta, 0.0), run.info()
    said, _ = made.read(test.floats(np.arange(len(test)), np.float32))
    record = {
        "hash": made.hash,
        "accuracy": float((said.argmax(-1) == test.y).mean()),
        "test_images": len(test),
        "command": info.get("command"),
        "steps": step,
        "seconds": info.get("seconds"),
        **{name: info.get(name) for name in ("versions", "git")},
    }
    folder.mkdir(exist_ok=True)
    with beside(folder / "weights.npz") as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, theta=theta)
    write_atomically(folder / "config.yaml", (run.path / "source.yaml").read_text(encoding="utf-8"))
    write_json(folder / "record.json", record)
    return record


if __name__ == "__main__":
    print(json.dumps(write(Run(Path(sys.argv[1]))), indent=2))

"""The judge: a classifier of digits that is the same for everyone, so that scores of generated digits can be compared.

Its weights are in the package, with the config that trained them and a record of how: `lenet/`. Whose digits it looks at,
and what its answers mean, belongs to the scores. Made anew from any run of such a config by

    python -m dessine.scores.judge RUN
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from dessine.data.mnist import Mnist
from dessine.nn import Mode, Network
from dessine.runs.files import beside, write_atomically, write_json
from dessine.runs.run import Run
from dessine.spec import read
from dessine.streams import Streams

Array = np.ndarray
FOLDER = Path(__file__).parent / "lenet"
PORTION = 250
"""Images that pass the network together: what they need stays in cache."""


@dataclass(frozen=True)
class Judge:
    """A trained network and what is known of it.

    hash: 12 hexadecimal digits of the SHA-256 of its weights: scores of different judges cannot be compared
    accuracy: share of MNIST's 10,000 test images that it reads rightly
    """

    network: Network
    hash: str
    accuracy: float

    def read(self, images: Array) -> tuple[Array, Array]:
        """images: (N, 28, 28, 1) in [0, 1] -> the probabilities of the ten digits (N, 10), and what the last layer sees of
        them (N, 84), both float32. Raises ValueError for images of another shape.
        """
        if images.shape[1:] != self.network.input_shape:
            raise ValueError(f"images have shape {images.shape}, expected (N, 28, 28, 1)")
        parts = [self._last_two(images[i : i + PORTION]) for i in range(0, max(1, len(images)), PORTION)]
        features, logits = (np.concatenate(side) for side in zip(*parts, strict=True))
        e = np.exp(logits - logits.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True), features

    def _last_two(self, images: Array) -> tuple[Array, Array]:
        """The outputs of the last two layers."""
        outputs = [y for _, y in self.network.walk(images[None], Mode(self.network.streams, train=False, record=False))]
        return outputs[-2][0], outputs[-1][0]


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

"""`dessine eval` where there are hardly any images: each score knows its smallest sample, the rest is told."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path

import numpy as np
import pytest

SPEC = """
name: few
data: {type: mnist, path: data}
game:
  type: adversarial
  latent: {size: 3}
  generator:
    layers: [{type: dense, units: 16, activation: sigmoid}]
    optimizer: adam
  discriminator:
    layers: [{type: dense, units: 4, activation: relu}, {type: dense, units: 1}]
    optimizer: adam
training: {steps: 2, batch_size: 8}
outputs: {metrics: 1, samples: 2, checkpoint: 2, grid: [2, 2], plots: false}
"""


def images(folder: Path, part: str, x: np.ndarray) -> None:
    (folder / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">IIII", 0x803, *x.shape) + x.tobytes())
    (folder / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, len(x)) + bytes(i % 2 for i in range(len(x))))


@pytest.mark.parametrize("kind", ["one", "two", "five", "alike", "constant"])
def test_scores_that_need_more_are_left_out_with_the_reason(dessine, tmp_path, kind):
    tests = {"one": 1, "two": 2, "five": 5}.get(kind, 60)
    x = np.random.default_rng(0).integers(0, 256, (80 + tests, 4, 4)).astype(np.uint8)
    if kind == "alike":
        x[:] = x[0]
    elif kind == "constant":
        x[:] = 7
    (tmp_path / "data").mkdir()
    images(tmp_path / "data", "train", x[:80])
    images(tmp_path / "data", "t10k", x[80:])
    (tmp_path / "few.yaml").write_text(SPEC)
    assert dessine("train", "few.yaml", "--run-dir", "run", "--quiet").code == 0
    answer = dessine("eval", "run")
    assert (answer.code, answer.err) == (0, "")
    there = {line.split()[0] for line in answer.out.splitlines() if line.strip()}
    if tests < 60:
        assert re.search(r" precision, recall, density, coverage, [\w, ]*: needs 6 samples", " ".join(answer.out.split()))
        assert "precision" not in there
        assert "support: needs 50 samples" in answer.out
    else:
        assert {"precision", "support"} <= there
        assert "diversity: real examples are all alike" in " ".join(answer.out.split())
    if tests > 1:
        assert "sliced_wasserstein" in there
    rows = json.loads(dessine("eval", "run", "--json").out)["scores"]
    assert all(row["value"] is not None or row["why"] for row in rows.values())

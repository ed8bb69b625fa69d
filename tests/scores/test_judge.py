"""The judge in the package reads digits, and is the one that its record describes."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

import numpy as np
import pytest

from dessine.data.mnist import SAMPLE, Mnist
from dessine.runs.run import Run
from dessine.scores.judge import FOLDER, judge, write

CONFIGS = Path(__file__).parents[2] / "configs"
TEST = Mnist(source="sample").load().test
IMAGES = TEST.floats(np.arange(len(TEST)), np.float32)


def test_judge_is_right_on_more_than_99_percent_of_images_that_it_has_not_seen() -> None:
    probabilities, _ = judge().read(IMAGES)
    assert len(IMAGES) == 2000
    assert (probabilities.argmax(-1) == TEST.y).mean() > 0.99
    assert 0.99 < judge().accuracy < 1


def test_probabilities_sum_to_one_and_features_are_what_the_last_layer_sees() -> None:
    probabilities, features = judge().read(IMAGES[:7])
    assert (probabilities.dtype, features.dtype) == (np.float32, np.float32)
    assert (probabilities.shape, features.shape) == ((7, 10), (7, 84))
    np.testing.assert_allclose(probabilities.sum(-1), 1, rtol=1e-6)
    last = judge().network.layers[-1]
    logits = features @ last.w[0] + last.b[0]  # type: ignore[attr-defined]
    np.testing.assert_allclose(probabilities, np.exp(logits) / np.exp(logits).sum(-1, keepdims=True), rtol=1e-4, atol=1e-7)


def test_an_image_is_read_alike_alone_and_among_others() -> None:
    together, _ = judge().read(IMAGES[:600])
    for i in (0, 249, 250, 599):
        alone, _ = judge().read(IMAGES[i : i + 1])
        np.testing.assert_allclose(alone[0], together[i], rtol=1e-4, atol=1e-6)


def test_reading_changes_nothing_and_no_image_is_no_answer() -> None:
    theta = judge().network.theta.copy()
    first, _ = judge().read(IMAGES[:50])
    again, _ = judge().read(IMAGES[:50])
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(judge().network.theta, theta)
    assert [a.shape for a in judge().read(IMAGES[:0])] == [(0, 10), (0, 84)]


def test_images_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(5, 784\), expected \(N, 28, 28, 1\)"):
        judge().read(np.zeros((5, 784), np.float32))


def test_record_tells_hash_config_command_and_accuracy() -> None:
    record = json.loads((FOLDER / "record.json").read_text(encoding="utf-8"))
    with np.load(FOLDER / "weights.npz", allow_pickle=False) as file:
        theta = file["theta"]
    assert theta.dtype == np.float32
    assert hashlib.sha256(theta.tobytes()).hexdigest()[:12] == record["hash"] == judge().hash
    assert record["command"] == "dessine train configs/lenet_mnist.yaml"
    assert record["accuracy"] == judge().accuracy
    assert record["test_images"] == 10_000
    assert record["versions"]["dessine"]
    assert len(record["git"]["commit"]) == 40
    assert record["git"]["dirty"] is False
    assert (FOLDER / "config.yaml").read_bytes() == (CONFIGS / "lenet_mnist.yaml").read_bytes()
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 1_000_000


def test_judge_is_made_once_and_soon() -> None:
    judge.cache_clear()
    began = time.process_time()
    made = judge()
    assert time.process_time() - began < 0.5  # milliseconds on a machine that has nothing else to do
    assert judge() is made


def test_judge_is_made_anew_from_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of its own weights it makes itself; the sample stands for the full set here."""
    monkeypatch.setattr("dessine.data.mnist.full_mnist", lambda: SAMPLE)
    monkeypatch.setattr("dessine.data.mnist.another", lambda folder: None)
    run, config = Run.create_at(tmp_path / "run"), (FOLDER / "config.yaml").read_text(encoding="utf-8")
    run.start(config, config, {"command": "dessine train here.yaml"})
    run.save_checkpoint(9, {"network.theta": judge().network.theta}, {}, keep=1)
    record = write(run, tmp_path / "judge")
    assert record == json.loads((tmp_path / "judge" / "record.json").read_text(encoding="utf-8"))
    assert (record["hash"], record["steps"], record["command"]) == (judge().hash, 9, "dessine train here.yaml")
    assert (record["test_images"], record["accuracy"] > 0.99) == (2000, True)
    assert sorted(file.name for file in (tmp_path / "judge").iterdir()) == ["config.yaml", "record.json", "weights.npz"]

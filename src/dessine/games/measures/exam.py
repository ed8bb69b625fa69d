"""How a network does in its tests: on the way, and when a run is evaluated."""

from __future__ import annotations

from typing import Any

import numpy as np

from dessine.games.game import Array
from dessine.games.task import Task
from dessine.intervals import POSITIVE, SHARE, summarise_repeats
from dessine.streams import Streams


def exam(task: Task) -> dict[str, Any]:
    """The test, or that on the validation part, and how the weights of each layer are spread."""
    answers, loss = task.answers(task.watched, task.fixed())
    right = task.right(answers, task.watched)
    members = [task.watched_classes == c for c in range(len(task.classes))]
    with np.errstate(invalid="ignore"):  # NaN for a class of which the test has none
        by_class = np.stack([right[:, of].sum(-1) for of in members], -1) / [of.sum() for of in members]
    return {
        f"{task.way}_success": right.mean(-1),
        f"{task.way}_loss": loss,
        "class_success": by_class,
        "weights": task.spread(task.player.network.theta),
    }


def tested(task: Task) -> dict[str, Any]:
    """The test, where another part was looked at on the way."""
    if task.way == "test":
        return {}
    answers, loss = task.answers(task.test, task.fixed())
    return {"test_success": task.right(answers, task.test).mean(-1), "test_loss": loss}


def scores(task: Task, count: int, seed: int) -> tuple[dict[str, Any], Array]:
    """Success and loss on `count` examples at most of each part, over the repeats; by class, and who was taken for whom.

    Also what was answered to the test examples, (R, N, outputs), `scattered` ones.
    """
    streams, found = Streams(seed, task.streams.replicates), dict[str, Any]()
    parts = {"train": task.train, "validation": task.watched, "test": task.test}
    for name, examples in parts.items():
        if name == "validation" and task.way == "test":
            continue
        some = examples if len(examples) <= count else examples.some(examples.scattered(count))
        answers, loss = task.answers(some, streams)
        hits = task.right(answers, some)
        right = hits.mean(-1)
        success = {"of": "repeats", "examples": answers.shape[1], "repeats": right.tolist()}
        found[f"{name}_success"] = summarise_repeats(right, SHARE) | success
        found[f"{name}_loss"] = summarise_repeats(loss, POSITIVE) | {"of": "repeats"}
    true = task.test_classes[task.test.scattered(answers.shape[1])]
    found["class_success"] = {name: float(hits[:, true == i].mean()) for i, name in enumerate(task.names) if (true == i).any()}
    return found | {"confusion": confusion(task, answers).tolist()}, answers


def confusion(task: Task, answers: Array) -> Array:
    """(classes, classes) test examples of class i that were named j, mean over the replicates with finite answers.

    answers: (R, N, outputs), to N test examples, `scattered` ones
    """
    k, finite = len(task.classes), np.isfinite(answers).all((1, 2))
    cells = task.test_classes[task.test.scattered(answers.shape[1])] * k + task.named(answers[finite])
    counts: Array = sum((np.bincount(row, minlength=k * k) for row in cells), np.zeros(k * k))
    return counts.reshape(k, k) / max(finite.sum(), 1)

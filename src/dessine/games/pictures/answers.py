"""What a network answers to the test: who is taken for whom, and the images that it gets wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dessine.games.game import Array, Context
from dessine.games.measures.exam import confusion
from dessine.games.pictures import of_one
from dessine.games.task import Task
from dessine.losses import sigmoid


def save_answers(task: Task, folder: Path, answers: Array, context: Context) -> list[Path]:
    """Pictures of what it answers to the test."""
    from dessine.plots.learning import save_confusion, save_mistakes

    draw = context.pictures.draw
    made = draw(save_confusion, folder, confusion(task, answers), task.names, context.title)
    if len(task.test.shape) == 3:
        made += draw(save_mistakes, folder, *mistakes(task, answers), of_one(context.title, task.streams.replicates))
    return made


def mistakes(task: Task, answers: Array, most: int = 64) -> tuple[Array, list[str]]:
    """The images that replicate 0 got wrong, worst first, each with "true → predicted"; how bad is told by the outputs."""
    which = task.test.scattered(answers.shape[1])
    named, true = task.named(answers)[0], task.test_classes[which]
    wrong = np.flatnonzero(named != true)
    at = answers[0]
    if task.outputs > 1:
        badness = at[wrong, named[wrong]] - at[wrong, true[wrong]]
    else:
        value = sigmoid(at) if task.loss.squash else at
        badness = np.abs(value[wrong, 0] - np.asarray(task.test.y)[which[wrong], 0])
    worst = wrong[np.argsort(-badness, kind="stable")][:most]
    images = task.test.images(task.test.floats(which[worst], np.float32))
    return images, [f"{task.names[true[i]]} → {task.names[named[i]]}" for i in worst]

"""What a network has learnt: the map of its decisions where the plane is the input, its first weights where images are."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dessine.data import Examples
from dessine.games.game import Array, Context
from dessine.games.pictures import of_one
from dessine.games.task import Task
from dessine.losses import sigmoid
from dessine.nn.layer import size


def show(task: Task, path: Path, context: Context) -> None:
    """The map of its decisions where the plane is the input, the first layer's weights where images are."""
    caption = f"{context.title}, step {context.step:,}"
    if task.train.shape == (2,):
        from dessine.plots.maps import save_map

        rows, columns = context.grid
        shown = min(task.streams.replicates, rows * columns)
        span = task.span if task.outputs == 1 else (0.0, 1.0)  # of several outputs the map shows which is the largest
        save_map(path, on_plane(task), task.train.x, task.train_classes, shown, caption, task.names, span)
    elif (w := first_weights(task)) is not None:
        from dessine.plots.weights import save_weights

        up, across = context.grid
        first, names = w[: up * across], task.names
        what = f"what learning has changed in the weights of {len(first)} of {len(w)} neurons (orange: less, blue: more)"
        labels = names if len(w) == len(names) and len(task.player.layers) == 1 and len(first) == len(w) else ()
        save_weights(path, first, across, of_one(f"{caption}: {what}", task.streams.replicates), labels)


def on_plane(task: Task, side: int = 101) -> Array:
    """(R, side, side) the output, or the index of the named class, on a grid of [-1, 1]^2 or what the data covers."""
    low, high = task.train.x.min(), task.train.x.max()
    axis = np.linspace(low, high, side)
    points = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    answer = np.asarray(task.train.y)[:1]
    examples = Examples(points, np.broadcast_to(answer, (len(points), *answer.shape[1:])))
    answers, _ = task.answers(examples, task.fixed())
    value: Array = task.named(answers) if task.outputs > 1 else (sigmoid(answers) if task.loss.squash else answers)
    return value.reshape(len(answers), side, side)


def first_weights(task: Task) -> Array | None:
    """(units, H, W, channels): how far the first layer's weights of replicate 0 have moved, if they see whole images.

    Of the weights themselves, random numbers in the beginning, noise is all that one sees.
    """
    shape, network = task.train.shape, task.player.network
    at_start = network.views(task.start[0])
    for name, w in network.parameters().items():
        if name.endswith(".w"):
            whole = w.ndim == 3 and w.shape[1] == size(shape) and len(shape) == 3
            return (w[0] - at_start[name][0]).T.reshape(-1, *shape) if whole else None
    return None

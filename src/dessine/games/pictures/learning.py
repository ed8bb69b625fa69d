"""How a network has learnt, from before its first example on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dessine.games.game import Context
from dessine.games.pictures import of_one
from dessine.games.pictures.answers import save_answers
from dessine.games.task import Task


def save_learnt(task: Task, folder: Path, records: list[dict[str, Any]], context: Context) -> list[Path]:
    """Curves, and what it answers in the end. Returns their paths."""
    from dessine.plots.curves import save_gradients
    from dessine.plots.learning import save_learning, save_weight_spread

    title, first, draw = context.title, of_one(context.title, task.streams.replicates), context.pictures.draw
    since_start = [at_start(task), *records]
    made = draw(save_learning, folder, since_start, title, task.way)
    made += draw(save_weight_spread, folder, since_start, first)
    made += draw(save_gradients, folder, records, title)
    answers, _ = task.answers(task.test, task.fixed())
    return made + save_answers(task, folder, answers, context)


def at_start(task: Task) -> dict[str, Any]:
    """The test on the way before anything was learnt, as a record for the curves."""
    network = task.player.network
    now = network.theta.copy(), network.buffers.copy()
    network.theta[...], network.buffers[...] = task.start
    answers, loss = task.answers(task.watched, task.fixed())
    network.theta[...], network.buffers[...] = now
    success, spread = task.right(answers, task.watched).mean(-1), task.spread(task.start[0])
    told = {f"{task.way}_success": success.tolist(), f"{task.way}_loss": loss.tolist(), "weights": spread}
    return {"step": 0, "examples": 0} | told

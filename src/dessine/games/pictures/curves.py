"""Every picture of a whole run of an adversarial game."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dessine.games.game import Context
from dessine.games.pair import Pair
from dessine.games.pictures.classes import save_classes
from dessine.games.pictures.losses import ignorant


def save_curves(pair: Pair, folder: Path, records: list[dict[str, Any]], context: Context) -> list[Path]:
    """Draw what there is to see, one line a picture. Returns the paths."""
    from dessine.plots import curves

    title, held, draw = context.title, pair.discriminator.constraint, context.pictures.draw
    known = pair.panel.known(pair.scored) if pair.scored else {}  # before there are figures, which take memory as this does
    made = draw(curves.save_losses, folder, records, title, ignorant(pair))
    made += draw(curves.save_discriminator, folder, records, title, pair.loss.probability)
    made += draw(curves.save_estimate, folder, records, title)
    made += draw(curves.save_gap, folder, records, title)
    if pair.augment is not None and pair.augment.target is not None:
        made += draw(curves.save_augment, folder, records, title, pair.augment.target)
    if pair.scored:
        made += draw(curves.save_scores, folder, records, title, pair.scored, known, pair.drawn_by())
        made += draw(save_classes, pair, folder / "classes.png", title)
    if held is not None or not pair.loss.labelled:  # of a plain discriminator nobody asks for a slope
        made += draw(curves.save_slopes, folder, records, title, getattr(held, "target", None))
    made += draw(curves.save_rotation, folder, records, title)
    made += draw(curves.save_critic_moves, folder, records, title)
    return made + draw(curves.save_gradients, folder, records, title)

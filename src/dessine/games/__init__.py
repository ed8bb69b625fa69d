"""Games: who plays, and what a turn is."""

from dessine.games.adversarial import Adversarial
from dessine.games.classification import Classification
from dessine.games.game import Context, Game, Probe, games
from dessine.games.latent import Latent
from dessine.games.player import Player
from dessine.games.schedule import Moves

__all__ = ["Adversarial", "Classification", "Context", "Game", "Latent", "Moves", "Player", "Probe", "games"]

"""Games: who plays, and what a turn is."""

from dessine.games.adversarial import Adversarial, Latent, Moves
from dessine.games.game import Game, games
from dessine.games.player import Player

__all__ = ["Adversarial", "Game", "Latent", "Moves", "Player", "games"]

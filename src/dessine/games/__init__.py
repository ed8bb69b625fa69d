"""Games: who plays, and what a turn is."""

from dessine.games.adversarial import Adversarial
from dessine.games.classification import Classification
from dessine.games.critic_moves import Moves
from dessine.games.game import Context, Game, Probe, games
from dessine.games.latent import Latent
from dessine.games.player import Player

__all__ = ["Adversarial", "Classification", "Context", "Game", "Latent", "Moves", "Player", "Probe", "games"]

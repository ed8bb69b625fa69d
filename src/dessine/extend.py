"""What a plugin needs, under one roof: `from dessine.extend import *` is all that docs/extending.md asks for.

Everything here stands in a module of its own, where its docstring tells more.
"""

from dessine.constraints import Constraint, constraints
from dessine.data.dataset import Dataset, Examples, Split, datasets, made, parted
from dessine.losses import GameLoss, Loss, game_losses, losses
from dessine.nn.activations import Activation, activations
from dessine.nn.initialisers import Initialiser, Zeros, initialisers
from dessine.nn.layer import Backward, Declaration, Layer, Mode, Shape, layers
from dessine.optimizers import Optimizer, optimizers
from dessine.registry import Count, Like, NonNegative, Part, PathText, Points, Positive, Share, SpecError, Whole
from dessine.scores.table import score

__all__ = [
    "Activation",
    "Backward",
    "Constraint",
    "Count",
    "Dataset",
    "Declaration",
    "Examples",
    "GameLoss",
    "Initialiser",
    "Layer",
    "Like",
    "Loss",
    "Mode",
    "NonNegative",
    "Optimizer",
    "Part",
    "PathText",
    "Points",
    "Positive",
    "Shape",
    "Share",
    "SpecError",
    "Split",
    "Whole",
    "Zeros",
    "activations",
    "constraints",
    "datasets",
    "game_losses",
    "initialisers",
    "layers",
    "losses",
    "made",
    "optimizers",
    "parted",
    "score",
]

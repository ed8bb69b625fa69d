"""What is done against collapse around the networks, one remedy a file: a `Node`, its key in `Adversarial`, a line in `Pair`.

Remedies that are layers stand in `nn/`: noise in the generator, minibatch discrimination.
"""

from dessine.games.remedies.augment import Augment
from dessine.games.remedies.average import Average
from dessine.games.remedies.feature_matching import FeatureMatching
from dessine.games.remedies.instance_noise import InstanceNoise
from dessine.games.remedies.labels import Labels
from dessine.games.remedies.packs import packed, unpacked
from dessine.games.remedies.unrolled import Unrolled

__all__ = ["Augment", "Average", "FeatureMatching", "InstanceNoise", "Labels", "Unrolled", "packed", "unpacked"]

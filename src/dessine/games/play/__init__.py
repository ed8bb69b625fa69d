"""Rules of play, one a file: who moves when in a turn, and along what. `rule.py` says how to add one."""

from dessine.games.play.alternating import Alternating
from dessine.games.play.consensus import Consensus
from dessine.games.play.descent import Descent
from dessine.games.play.extragradient import Extragradient
from dessine.games.play.optimistic import Optimistic
from dessine.games.play.order import Ordered
from dessine.games.play.ratios import Ratios
from dessine.games.play.rule import Rule, rules
from dessine.games.play.simultaneous import Simultaneous

__all__ = [
    "Alternating",
    "Consensus",
    "Descent",
    "Extragradient",
    "Optimistic",
    "Ordered",
    "Ratios",
    "Rule",
    "Simultaneous",
    "rules",
]

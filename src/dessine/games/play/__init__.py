"""Rules of play, one a file: who moves when in a turn, and along what. `rule.py` says how to add one."""

from dessine.games.play.alternating import Alternating
from dessine.games.play.ratios import Ratios
from dessine.games.play.rule import Rule, rules
from dessine.games.play.simultaneous import Simultaneous

__all__ = ["Alternating", "Ratios", "Rule", "Simultaneous", "rules"]

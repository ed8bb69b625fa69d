"""What a config describes: layers, losses, games and all their parts are nodes.

How a node is checked stands in `schema.py`, below; here stands only how one is asked for.
"""

from __future__ import annotations

from typing import Any, Self

from dessine.registry import Described


class Node(Described):
    """Anything a spec can describe; the constructor's signature is the schema.

    A subclass that stands alone (a player, the outputs) is written as a plain mapping. One that belongs to a family sets
    `registry` on the family's base and is written `{type: name, option: value}`, or as the bare name.

    What comes from outside goes through `of`, which checks it. The constructor itself trusts its arguments: of
    `Dense(units=-3)` and `Layer.of({"type": "dense", "units": -3})` only the second raises SpecError.
    """

    @classmethod
    def of(cls, node: Any) -> Self:
        """Build from a name, a mapping or a finished object. Raises SpecError, naming every mistake in `node`."""
        if isinstance(node, cls):
            return node
        from dessine.schema import check

        return check(cls, node).node

"""Whether the settings of an adversarial game make one together, and fit their data and this machine."""

from __future__ import annotations

from dessine.data import Split
from dessine.games.auxiliary import Classifier
from dessine.games.beginning import last_bias
from dessine.games.game import refuse_beyond_memory
from dessine.games.kinds import Kinds, refuse_strange
from dessine.games.pair import PORTION, Pair
from dessine.nn.layer import Shape, size
from dessine.nn.tangent import refuse_along
from dessine.registry import Problems, SpecError


def refuse_contradictions(pair: Pair) -> None:
    """Raises SpecError, with the option, for settings that make no game together, whatever the data."""
    if not pair.loss.labelled and not pair.labels.certain:
        text = f"the {pair.loss.type} loss has no labels to smooth: its critic could win by shifting all it says"
        raise SpecError(text, ("real_labels",))
    if pair.loss.paired and pair.labels.ever("swap"):
        raise SpecError(
            f"the {pair.loss.type} loss has no labels to swap: it compares a real and a generated example", ("label_swap",)
        )
    if pair.generator.is_penalised:
        raise SpecError("only a discriminator has real examples to be penalised at", ("generator", "constraint"))
    if pair.unrolled is not None and pair.discriminator.constraint is not None:
        raise SpecError("steps that are looked ahead know no constraint: take one of the two", ("unrolled",))
    if pair.unrolled is not None:
        try:
            pair.unrolled.refuse(pair.discriminator.optimizer)
        except SpecError as error:
            raise error.below("unrolled") from None
    for name in ("feature_matching", "unrolled"):
        if pair.auxiliary is not None and getattr(pair, name) is not None:
            raise SpecError(f"{name} is an aim of the generator that asks for no answers: take one of the two", ("auxiliary",))
    if pair.unrolled is not None and pair.feature_matching is not None:
        raise SpecError("the generator has one aim: give feature_matching or unrolled", ("unrolled",))


def tell_classes(pair: Pair, data: Split) -> Kinds | None:
    """Tell all layers that are to know how many classes the data have. Returns these, None where nobody asks for them.

    Raises SpecError for data without labels, layers that expect others, and what cannot be told a class.
    """
    players = {"generator": pair.generator, "discriminator": pair.discriminator}
    named = isinstance(pair.auxiliary, Classifier)
    if not named and not any(player.labelled() for player in players.values()):
        return None
    kinds = Kinds.of(data)
    for name, player in players.items():
        player.tell_classes(None if kinds is None else len(kinds), name)
        for path, layer in player.labelled():
            if layer.type == "projection" and (name, *path) != ("discriminator", "layers", len(player.layers) - 1):
                raise SpecError("projection is the end of a discriminator, its last layer", (name, *path))
    if pair.pack > 1 and (named or pair.discriminator.labelled()):
        raise SpecError("the discriminator is told or asked for one class, examples of a pack have several", ("pack",))
    if kinds is not None:
        refuse_strange(data, kinds.values)
    return kinds


def outline(pair: Pair, averaged: bool, twice: bool) -> None:
    """Raises SpecError where players, data, batches, repeats or memory do not fit; known are the data, no network is made.

    averaged: whether there is a moving average of the generator; twice: whether all is differentiated twice
    """
    problems, wanted = Problems(), pair.examples.shape
    if pair.augment is not None:
        with problems.below("augment"):
            pair.augment.refuse(pair.loss, wanted)
    if pair.batch_size % pair.pack:
        raise SpecError(f"batches of {pair.batch_size} do not fall into packs of {pair.pack}", ("pack",))
    for part, examples in (("test", pair.test), ("validation", pair.watched)):
        if len(examples) < pair.pack:
            raise SpecError(f"the {len(examples)} {part} examples do not fill a pack of {pair.pack}", ("pack",))
    if pair.critic_moves.until is not None and pair.streams.replicates > 1:
        raise SpecError("each repeat would end at another move: take repeats 1, and a sweep over seeds", ("until",))
    with problems.below():
        made = pair.generator.outline((pair.latent.size,), "generator")
        if size(made) != size(wanted) or (len(made) == len(wanted) and made != wanted):
            raise SpecError(_of_another_shape(made, wanted), ("generator", "layers"))
    with problems.below():
        _outline_discriminator(pair)
    if pair.begins_at_mean and pair.generator.declared:
        with problems.below("begin_at_mean"):
            last_bias(pair.generator)
    problems.tell()
    if twice and pair.auxiliary is not None:
        text = "is not differentiated twice: take no rotation_pairs beside it, and no update that does so, such as consensus"
        raise SpecError(text, ("auxiliary",))
    for name, player in (("discriminator", pair.discriminator), ("generator", pair.generator)):
        if twice or (pair.unrolled and name == "discriminator"):  # which must be differentiated twice
            try:
                refuse_along(player.layers, player.declared, parameters=True)
            except SpecError as error:
                raise error.below(name) from None
    refuse_beyond_memory(_needs(pair, averaged))


def _of_another_shape(made: Shape, wanted: Shape) -> str:
    """What the last layer of a generator makes, what it should make, and how it gets there."""
    text = f"its last layer makes {size(made)} numbers"
    text += f" {list(made)}, an example holds {size(wanted)} {list(wanted)}" if len(made) > 1 else ""
    if len(made) == 1:
        return f"{text}, an example holds {size(wanted)} {list(wanted)}: units: {size(wanted)} is wanted"
    if len(made) == len(wanted) == 3:
        if made[:2] == wanted[:2]:
            return f"{text}: channels: {wanted[2]} is wanted"
        own = made[0] if made[0] == made[1] else [made[0], made[1]]
        return f"{text}: {wanted[0]} x {wanted[1]} is wanted, and pictures of one's own take data.size={own}"
    return text


def _outline_discriminator(pair: Pair) -> None:
    player, pack = pair.discriminator, pair.pack
    if pair.loss.probability:
        player.read_as_logits()
    last = player.last_activation()
    if last is not None and last.type == "sigmoid" and pair.loss.type in ("wasserstein", "hinge", "relativistic"):
        text = f"ends in a sigmoid, but the {pair.loss.type} critic says any number: take linear"
        raise SpecError(text, ("discriminator", "layers", len(player.layers) - 1))
    outputs = size(player.outline(pair.pack_shape(), "discriminator"))
    answers = pair.auxiliary.outputs(pair.kinds) if pair.auxiliary else 0
    for layer in (place.layer for place in player.places()):
        if pack > 1 and pair.batch_size // pack < layer.least_batch:
            text = f"leaves {pair.batch_size // pack} packs of a batch, a {layer.type} layer needs {layer.least_batch}"
            raise SpecError(text, ("pack",))
    if outputs != 1 + answers:
        needed = f"1 + {answers} outputs, for real or generated and for what it is asked," if answers else "one output,"
        raise SpecError(f"needs {needed} has {outputs}", ("discriminator", "layers"))
    if answers and last is not None and last.type != "linear":
        text = f"ends in a {last.type}, but what it is asked is told by any number: take linear"
        raise SpecError(text, ("discriminator", "layers", len(player.layers) - 1))
    if answers and pack > 1:
        raise SpecError("the discriminator is asked for one answer, examples of a pack have several", ("pack",))
    if pair.feature_matching is not None:
        try:
            pair.feature_matching.locate(player.layers)
        except SpecError as error:
            raise error.below("feature_matching") from None


def _needs(pair: Pair, averaged: bool) -> dict[str, float]:
    """Bytes of the whole game: what players keep, what passes through them at once, what is scored."""
    r, item, batch = pair.streams.replicates, pair.dtype.itemsize, pair.batch_size
    steps = pair.unrolled.steps if pair.unrolled else 0
    drawn = max(batch * (pair.ahead() if pair.critic_moves.given() else 1), min(pair.scored, PORTION))
    (g, g_passing), (d, d_passing) = pair.generator.numbers(drawn), pair.discriminator.numbers(batch // pair.pack)
    return {
        "networks": r * item * (g + d * (1 + steps) + (g if averaged else 0)),
        "batches": r * item * (drawn * (g_passing + pair.latent.size) + 2 * batch * d_passing * (1 + steps)),
        "scored samples": r * item * max(batch, pair.scored) * (size(pair.examples.shape) + pair.latent.size),
    }

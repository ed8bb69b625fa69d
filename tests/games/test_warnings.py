"""What is allowed and hardly meant is warned of, and what the shipped configs do is not."""

from __future__ import annotations

from functools import cache
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dessine.data import Examples, Split, datasets
from dessine.experiment import Experiment
from dessine.games.warnings import Warning, span, warnings
from dessine.registry import dotted
from dessine.schema import hints
from dessine.spec import check_document, read
from dessine.sweeps.cells import Planner, Sweep

CONFIGS = Path(__file__).parents[2] / "configs"
GAN, RING, WGAN, XOR = (CONFIGS / f"{name}.yaml" for name in ("gan_mnist_dense", "gan_ring", "wgan_mnist", "xor"))
SHIPPED = sorted(path for path in CONFIGS.rglob("*.y*ml") if "sweeps" not in path.parts and path.parent.name != "published")
LAST, CRITIC = "game.generator.layers[6].activation", "game.discriminator.layers[4].activation"


@cache
def split(kind: str, **options: Any) -> Split:
    """Data in the range of a shipped set, a few examples of it."""
    low = -1.0 if options.get("scale") == "-1..1" else 0.0
    if "mnist" in kind or kind == "sheep":
        images = np.resize(np.uint8([0, 255]), (8, 28, 28, 3 if kind == "stacked_mnist" else 1))
        return Split(Examples(images, None, low), Examples(images, None, low))
    made = datasets.members[kind]
    few = {"points": 500} if "points" in hints(made) else {}
    return made(**{k: v for k, v in options.items() if k not in ("points", "test_points")} | few).load()  # type: ignore[no-any-return]


def warned(spec: dict[str, Any]) -> list[Warning]:
    return warnings(
        spec, split(spec["data"]["type"], **{k: v for k, v in spec["data"].items() if k in ("scale", "radius", "path")})
    )


def of(path: Path, *overrides: str) -> list[Warning]:
    return warned(check_document(read(path, list(overrides)), Experiment).model_dump())


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_config_is_warned_of_only_where_it_means_it(path):
    free = path.stem == "bilinear_game"
    assert [dotted(one.path) for one in of(path)] == ["game.discriminator.constraint"] * free


def cells(path: Path) -> list[dict[str, Any]]:
    """The resolved specs of a shipped sweep; of numbers that are drawn, both ends."""
    sweep = check_document(read(path), Sweep).node
    planner = Planner(sweep, read(path.parent / sweep.base), lambda d: check_document(d, Experiment).model_dump())
    ends = [{key: draw.at(u) for key, draw in sweep.axes.random.items()} for u in (0.0, 1.0)]
    sweep.axes.random = {}
    written = [planner.cell(values | end, None).overrides for values in sweep.axes.settings() for end in ends]
    return [check_document(planner.document(one), Experiment).model_dump() for one in dict.fromkeys(written)]


@pytest.mark.parametrize("path", sorted((CONFIGS / "sweeps").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_shipped_sweep_is_warned_of_only_where_it_means_it(path):
    for spec in cells(path):
        wasserstein = spec["game"].get("loss", {}).get("type") == "wasserstein"
        constraint = wasserstein and spec["game"]["discriminator"]["constraint"]
        expected = ["game.discriminator.constraint"] * (wasserstein and not constraint)
        if (
            constraint and constraint["type"] == "clip" and path.stem == "lucic_2018_eta"
        ):  # the paper has one optimizer for all losses
            expected += ["game.discriminator.optimizer.beta1"]
        assert [dotted(one.path) for one in warned(spec)] == expected


@pytest.mark.parametrize(
    ("path", "overrides", "where", "word"),
    [
        (GAN, ["data.scale=0..1"], "layers[6]", "draws -1 to 1, but the images lie in 0 to 1: end in sigmoid"),
        (GAN, [f"{LAST}=sigmoid"], "layers[6]", "draws 0 to 1, but the images lie in -1 to 1: end in tanh"),
        (GAN, [f"{LAST}={{type: sigmoid, mu: 3}}"], "layers[6]", "draws 0 to 1"),
        (GAN, [f"{LAST}=relu"], "layers[6]", "draws 0 and more"),
        (GAN, [f"{LAST}=linear"], "layers[6]", "draws any number"),
        (GAN, [f"{LAST}={{type: tanh, k: 2}}"], "layers[6]", "draws -2 to 2"),
        (GAN, [f"{LAST}={{type: tanh, k: 0.5}}"], "layers[6]", "draws -0.5 to 0.5"),
        (RING, ["game.generator.layers[2].activation=sigmoid"], "layers[2]", "draws 0 to 1, but the points lie in -1."),
        (RING, ["game.generator.layers[2].activation=tanh", "data.radius=3"], "layers[2]", "end in linear"),
        (GAN, ["game.loss=wasserstein", "game.real_labels=[1, 1]"], "constraint", "without a constraint grows without bound"),
        (GAN, [f"{CRITIC}=tanh"], "discriminator.layers[4]", "must be able to say any number: end in linear"),
        (GAN, [f"{CRITIC}=relu"], "discriminator.layers[4]", "says 0 and more"),
        (WGAN, ["game.discriminator.layers[2].activation=tanh"], "discriminator.layers[2]", "any number"),
        (WGAN, ["game.discriminator.optimizer={type: adam, eta: 1e-4}"], "beta1", "unstable at times"),
        (WGAN, ["game.discriminator.optimizer={type: rmsprop, eta: 1e-4, momentum: 0.5}"], "momentum", "unstable at times"),
        (GAN, ["game.generator.optimizer.eta=1"], "generator.optimizer.eta", "1 is far out for adam"),
        (GAN, ["game.discriminator.optimizer={type: gradient_descent, eta: 1e-9}"], "optimizer.eta", "far out"),
        (GAN, ["game.discriminator.optimizer={type: rmsprop, eta: 3}"], "optimizer.eta", "far out"),
        (GAN, ["game.discriminator.optimizer={type: adagrad, eta: 30}"], "optimizer.eta", "far out"),
        (GAN, ["game.discriminator.optimizer={type: adadelta, eta: 1e-6}"], "optimizer.eta", "far out"),
        (XOR, ["game.network.optimizer.eta=100"], "network.optimizer.eta", "far out"),
        (XOR, ["game.network.optimizer={type: gradient_descent, eta: 2, momentum: 0.99}"], "eta", "with its momentum 200"),
    ],
)
def test_what_is_hardly_meant_is_told_with_its_place(path, overrides, where, word):
    (one,) = of(path, *overrides)
    assert dotted(one.path).endswith(where)
    assert word in one.message


@pytest.mark.parametrize(
    ("path", "overrides"),
    [
        (GAN, [f"{LAST}=centred_sigmoid"]),
        (GAN, [f"{LAST}={{type: tanh, alpha: 3}}"]),
        (GAN, [f"{LAST}=sigmoid", "data.scale=0..1"]),
        (GAN, [f"{LAST}={{type: sigmoid, mu: 0.1}}", "data.scale=0..1"]),
        (GAN, [f"{CRITIC}=sigmoid"]),  # read as its logit
        (GAN, [f"{CRITIC}={{type: sigmoid, mu: 0.1}}"]),
        (GAN, [f"{CRITIC}=sigmoid", "game.loss=least_squares", "game.real_labels=[1, 1]"]),  # it aims at 0 and 1
        (GAN, [f"{CRITIC}=tanh", "game.loss=hinge", "game.real_labels=[1, 1]"]),
        (WGAN, ["game.n_critic=1", "game.discriminator.optimizer={type: adam, eta: 1e-4, beta1: 0.5}"]),
        (WGAN, ["game.discriminator.optimizer={type: adam, eta: 1e-4, beta1: 0}"]),
        (RING, ["game.generator.layers[2].activation={type: tanh, k: 2}"]),
        (CONFIGS / "mnist.yaml", ["game.network.optimizer.eta=10"]),  # sigmoids of mu 0.1 bear it
    ],
)
def test_what_may_well_be_meant_is_not(path, overrides):
    assert of(path, *overrides) == []


def test_what_mends_it_is_accepted_and_mends_it():
    for path, overrides in (
        (GAN, ["data.scale=0..1"]),
        (GAN, [f"{LAST}=sigmoid"]),
        (RING, ["game.generator.layers[2].activation=sigmoid"]),
        (GAN, ["game.loss=wasserstein", "game.real_labels=[1, 1]"]),
        (GAN, [f"{CRITIC}=tanh"]),
        (WGAN, ["game.discriminator.optimizer={type: adam, eta: 1e-4}"]),
        (GAN, ["game.generator.optimizer.eta=1"]),
        (XOR, ["game.network.optimizer.eta=100"]),
    ):
        (one,) = of(path, *overrides)
        assert one.override
        assert of(path, *overrides, one.override) == [], one


@pytest.mark.parametrize(
    ("after", "wanted"),
    [
        ([], (-1, 1)),
        ([{"type": "activation", "function": {"type": "linear", "slope": 2.0}}], (-2, 2)),
        ([{"type": "activation", "function": {"type": "linear", "slope": -0.5}}], (-0.5, 0.5)),
        ([{"type": "activation", "function": "relu"}], (0, 1)),
        ([{"type": "reshape", "shape": [2, 2, 1]}, "flatten", {"type": "dropout", "p": 0.5}], (-1, 1)),
        ([{"type": "dense", "units": 4}], (-inf, inf)),
        (["batch_norm"], (-inf, inf)),
        ([{"type": "activation", "function": "softplus"}, {"type": "zero_pad", "padding": 1}], (0, np.log(1 + np.e))),
        ([{"type": "activation", "function": "softmax"}], (1 / (1 + np.e**2), 1 / (1 + np.e**-2))),
    ],
)
def test_the_reach_of_a_generator_is_that_of_its_layers_one_after_the_other(after, wanted):
    assert span([{"type": "dense", "units": 4, "activation": "tanh"}, *after]) == pytest.approx(wanted)


def test_images_of_a_range_of_ones_own_are_taken_as_they_are():
    spec = check_document(read(GAN), Experiment).model_dump()
    images = np.random.default_rng(0).uniform(-3, 3, (50, 28, 28, 1))
    (one,) = warnings(spec, Split(Examples(images, None), Examples(images, None)))
    assert "draws -1 to 1, but the images lie in -3 to 3" in one.message
    free = check_document(read(GAN, [f"{LAST}=linear"]), Experiment).model_dump()
    standard = Examples(images + 5, None)  # no activation ends where these do
    assert warnings(free, Split(standard, standard)) == []
    assert warnings(spec, Split(standard, standard))[0].hopeless


@pytest.mark.parametrize("scale", ["0..1", "-1..1"])
def test_numbers_that_share_one_sum_are_no_image(scale):
    (one,) = of(GAN, f"data.scale={scale}", f"{LAST}=softmax")
    assert "draws numbers that sum to 1" in one.message
    assert "data.scale" not in one.message
    assert one.hopeless
    assert of(GAN, f"data.scale={scale}", one.override) == []

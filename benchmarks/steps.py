"""One training step of each kind of network, ours beside PyTorch's and JAX's: `python benchmarks/steps.py`.

Needs `pip install '.[bench]'`. All in float32, on as many threads as there are cores. Programs are measured in turn, A B C
A B C, so that a busy moment of the machine meets all; a ratio is the median over rounds. PyTorch is eager, with its default
and its fused optimizers; JAX is compiled, many steps in one scan; ours is what the training loop calls. GANs play the same
game: fresh latents for each move, moves of the discriminator on a real and a generated batch, one of the generator. Images are
the 10,000 of MNIST that come with the package. The share is that of the rate at which this machine multiplies large matrices,
measured in the same minute, that the products of a step reach. `--write` puts the table into docs/speed.md, and
a few rows of it into README.md.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

import in_jax
import in_torch
import numpy as np
from timing import README, Step, Timing, matrix_rate, processor, versions, write

from dessine.data import Split
from dessine.data.mnist import Mnist
from dessine.data.points import Xor
from dessine.games import Adversarial, Classification
from dessine.nn import Network
from dessine.streams import Streams
from dessine.threads import cores, one_blas_thread

ADAM = {"type": "adam", "eta": 2e-4, "beta1": 0.5}
CONV = {"kernel": 4, "stride": 2, "padding": 1}


@dataclass(frozen=True)
class Row:
    """A workload. bound: what the ratio shall be at most; programs: ours and others'; calls: steps of a call, where not 1;
    products: operations of the matrix products of a step, where they are what it waits for.
    """

    name: str
    bound: float
    programs: Callable[[], dict[str, Step]]
    calls: dict[str, int]
    products: float = 0.0


def dense(sizes: list[int], hidden: str, last: str) -> list[Any]:
    """Layers from numbers of units."""
    acts = [hidden] * (len(sizes) - 2) + [last]
    return [{"type": "dense", "units": n, "activation": a} for n, a in zip(sizes[1:], acts, strict=True)]


def gan(name: str, bound: float, spec: dict[str, Any], batch: int = 64, calls: int = 10) -> Row:
    """A turn of an adversarial game."""

    def programs() -> dict[str, Step]:
        examples = Mnist(source="sample", scale="-1..1").load().train
        game = Adversarial.of({"type": "adversarial", "scored": 0, **spec})
        game.build(Split(examples, examples), batch, Streams(0), np.float32)
        return {
            "ours": partial(game.turns, calls),
            "PyTorch": in_torch.game(spec, examples.x, batch, fused=False),
            "fused": in_torch.game(spec, examples.x, batch, fused=True),
            "JAX": in_jax.game(spec, examples.x, batch, calls),
        }

    sizes = [[spec["latent"]["size"]], [784]]
    for own, player in zip(sizes, ("generator", "discriminator"), strict=True):
        own += [layer["units"] for layer in spec[player]["layers"] if isinstance(layer, dict) and "units" in layer]
    g, d = (sum(n * m for n, m in itertools.pairwise(s)) for s in sizes)
    w, v = sizes[1][0] * sizes[1][1], sizes[1][-2] * sizes[1][-1]  # weights of the critic's first and last layer
    # Both sides pass forward, give gradients and come back to the first layer. With a penalty its points do so with them, and
    # come back to the pixels and go up once more but for the last layer.
    penalised = spec["discriminator"].get("constraint", {}).get("type") == "gradient_penalty"
    move = 10 * d - 2 * w - v if penalised else 2 * (3 * d - w)
    products = spec.get("n_critic", 1) * (g + move) + 3 * g - sizes[0][0] * sizes[0][1] + 2 * d
    only_dense = all("units" in layer for p in ("generator", "discriminator") for layer in spec[p]["layers"])
    return Row(name, bound, programs, {"ours": calls, "JAX": calls}, 2.0 * batch * products if only_dense else 0.0)


def classifier(name: str, bound: float, player: dict[str, Any], loss: str, batch: int, calls: int) -> Row:
    """A step of a classification."""

    def programs() -> dict[str, Step]:
        split = Mnist(source="sample").load()
        game = Classification.of({"type": "classification", "loss": loss, "network": player})
        game.build(split, batch, Streams(0), np.float32)
        x, y = split.train.x, np.asarray(split.train.y).astype(np.int64)
        return {
            "ours": partial(game.turns, calls),
            "PyTorch": in_torch.classifier(player, loss, x, y, batch, fused=False),
            "fused": in_torch.classifier(player, loss, x, y, batch, fused=True),
            "JAX": in_jax.classifier(player, loss, x, y, batch, calls),
        }

    return Row(name, bound, programs, {"ours": calls, "JAX": calls})


def perceptron(name: str, bound: float, sizes: list[int], batch: int, calls: int) -> Row:
    """Sigmoids, the quadratic error, plain gradient descent."""
    player = {"layers": dense(sizes, "sigmoid", "sigmoid"), "optimizer": {"type": "gradient_descent", "eta": 0.1}}
    return classifier(name, bound, player, "quadratic", batch, calls)


def closeness(calls: int = 10) -> Row:
    """Minibatch discrimination, forward and backward."""
    node = {"type": "minibatch_discrimination", "kernels": 100, "dims": 5}

    def programs() -> dict[str, Step]:
        network = Network([node], 256)
        x = np.random.default_rng(0).standard_normal((1, 64, 256)).astype(np.float32)
        pull = np.ones((1, 64, 356), np.float32)

        def ours() -> None:
            _, backward = network.forward(x)
            backward(pull, params="first")

        return {
            "ours": ours,
            "PyTorch": in_torch.layer(node, 256, 64),
            "JAX": in_jax.layer(node, 256, 64, calls),
        }

    return Row("minibatch discrimination, 100 kernels of 5, batch 64", 0.35, programs, {"JAX": calls})


def repeats(count: int = 100, calls: int = 200) -> Row:
    """XOR's repeats: together, and one run after another."""

    def game(split: Split, seed: int, replicates: int) -> Classification:
        player = {"layers": dense([2, 4, 1], "tanh", "tanh"), "optimizer": {"type": "gradient_descent", "eta": 0.1}}
        made = Classification.of({"type": "classification", "network": player})
        made.build(split, 1, Streams(seed, replicates), np.float32)
        return made

    def programs() -> dict[str, Step]:
        split = Xor().load()
        single = [game(split, seed, 1) for seed in range(count)]

        def one_by_one() -> None:
            for each in single:
                for _ in range(calls):
                    each.turn()

        return {"ours": partial(game(split, 0, count).turns, calls), "plain turns, run after run": one_by_one}

    each = {"ours": calls, "plain turns, run after run": calls}
    return Row(f"XOR 2-4-1, one by one, {count} repeats together", 1 / 150, programs, each)


def wgan(constraint: dict[str, Any], rule: dict[str, Any]) -> dict[str, Any]:
    """The authors' algorithm, with dense networks."""
    return {
        "latent": {"size": 100},
        "loss": "wasserstein",
        "n_critic": 5,
        "generator": {"layers": dense([100, 256, 512, 784], "leaky_relu", "tanh"), "optimizer": rule},
        "discriminator": {
            "layers": dense([784, 512, 256, 1], "leaky_relu", "linear"),
            "optimizer": rule,
            "constraint": constraint,
        },
    }


def plain_gan(g: list[int], d: list[int]) -> dict[str, Any]:
    """Two dense networks."""
    return {
        "latent": {"size": g[0]},
        "generator": {"layers": dense(g, "leaky_relu", "tanh"), "optimizer": ADAM},
        "discriminator": {"layers": dense(d, "leaky_relu", "linear"), "optimizer": ADAM},
    }


DCGAN = {
    "latent": {"size": 100},
    "generator": {
        "layers": [
            {"type": "dense", "units": 7 * 7 * 128},
            {"type": "reshape", "shape": [7, 7, 128]},
            "batch_norm",
            {"type": "activation", "function": "relu"},
            {"type": "conv2d_transpose", "channels": 64, **CONV},
            "batch_norm",
            {"type": "activation", "function": "relu"},
            {"type": "conv2d_transpose", "channels": 1, **CONV, "activation": "tanh"},
        ],
        "optimizer": ADAM,
    },
    "discriminator": {
        "layers": [
            {"type": "conv2d", "channels": 64, **CONV, "activation": "leaky_relu"},
            {"type": "conv2d", "channels": 128, **CONV, "activation": "leaky_relu"},
            {"type": "dense", "units": 1},
        ],
        "optimizer": ADAM,
    },
}
LENET = {
    "layers": [
        {"type": "conv2d", "channels": 6, "kernel": 5, "padding": 2, "activation": "relu"},
        {"type": "max_pool"},
        {"type": "conv2d", "channels": 16, "kernel": 5, "activation": "relu"},
        {"type": "max_pool"},
        {"type": "dense", "units": 120, "activation": "relu"},
        {"type": "dense", "units": 84, "activation": "relu"},
        {"type": "dense", "units": 10},
    ],
    "optimizer": {"type": "adam", "eta": 1e-3},
}
ROWS = [
    perceptron("784-300-10, one by one", 0.35, [784, 300, 10], 1, 500),
    perceptron("784-1000-300-10, one by one", 0.5, [784, 1000, 300, 10], 1, 100),
    perceptron("784-10, one by one", 0.3, [784, 10], 1, 1000),
    perceptron("784-300-10, batch 128", 0.9, [784, 300, 10], 128, 40),
    gan("GAN 100-300-784 / 784-300-1, Adam", 0.7, plain_gan([100, 300, 784], [784, 300, 1])),
    gan("GAN 100-256-512-1024-784 / 784-512-256-1", 0.75, plain_gan([100, 256, 512, 1024, 784], [784, 512, 256, 1])),
    gan(
        "WGAN turn, n_critic 5, clip, RMSProp",
        0.7,
        wgan({"type": "clip", "c": 0.01}, {"type": "rmsprop", "eta": 5e-5}),
        calls=4,
    ),
    gan("DCGAN 128-64-1 / 64-128, batch 64", 0.85, DCGAN, calls=3),
    classifier("LeNet, batch 64", 0.85, LENET, "softmax_cross_entropy", 64, 10),
    gan("gradient penalty turn, critic 784-512-256-1", 0.8, wgan({"type": "gradient_penalty", "weight": 10.0}, ADAM), calls=3),
    closeness(),
    repeats(),
]

SHOWN = ("784-300-10, one by one", "GAN 100-300-784 / 784-300-1, Adam", "DCGAN 128-64-1 / 64-128, batch 64")
"""The rows that README.md shows, too."""


def measure(row: Row, rounds: int) -> tuple[str, bool]:
    """A line of the table, and whether the bound is kept."""
    with np.errstate(all="ignore"), one_blas_thread():
        programs = row.programs()
        once = {name: max(1, 20 // row.calls.get(name, 1)) for name in programs}
        took = Timing(programs, once, rounds, row.calls)
    others = [name for name in programs if name != "ours"]
    best = min(others, key=took.median)
    ratio, mine = took.ratio("ours", best), took.median("ours")
    share = f"{row.products / mine / matrix_rate():.0%}" if row.products else ""
    times = ", ".join(f"{name} {_shown(took.median(name))}" for name in others)
    shown = f"{ratio:.2f}" if ratio > 0.02 else f"1/{1 / ratio:.0f}"
    return f"| {row.name} | {_shown(mine)} | {times} | {shown} ({best}) | {share} |", ratio <= row.bound


def _shown(seconds: float) -> str:
    return f"{1e3 * seconds:.1f} ms" if seconds >= 1e-3 else f"{1e6 * seconds:.1f} us"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("rows", nargs="*", help="words of the rows wanted")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--write", action="store_true", help="put the table into docs/speed.md and README.md")
    args = parser.parse_args()
    import torch

    torch.set_num_threads(cores())
    known = versions("numpy", "torch", "jax")
    wanted = [row for row in ROWS if not args.rows or any(word in row.name for word in args.rows)]
    lines = [
        f"`python benchmarks/steps.py --write` on {date.today()}: {processor()}, {cores()} threads, {known}; "
        f"large products {matrix_rate() / 1e9:.0f} GFLOP/s:",
        "",
        "| one step, float32 | dessine | others | ratio to the best | share |",
        "|---|---|---|---|---|",
    ]
    print("\n".join(lines), flush=True)
    for row in wanted:
        line, kept = measure(row, args.rounds)
        print(line + ("" if kept else f"  over {row.bound:.3g}"), flush=True)
        lines.append(line)
    if args.write:
        write("steps", lines)
        if excerpt := [line for line in lines if line.split("|")[1:2] and line.split("|")[1].strip() in SHOWN]:
            write("steps", [*lines[:4], *excerpt], README)


if __name__ == "__main__":
    main()

"""Perceptrons, ours against PyTorch and JAX: `python benchmarks/perceptron_step.py`. Needs `pip install '.[bench]'`.

All learn the same: sigmoids, the quadratic error, plain gradient descent, float32, each step on other examples of 10,000
images. Ours is the whole turn of the classification game, bytes to floats and running loss included; PyTorch is eager, its
images floats from the start, on 2 threads and on 1; JAX is compiled, all its steps in one scan. Rounds measure each in
turn, and a ratio is the median over rounds. XOR's repeats are trained together, then one after another.
"""

from __future__ import annotations

import argparse
import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import torch
from pairs import Step, Timing, layers
from torch import nn

from dessine.data import Examples, Split
from dessine.data.points import Xor
from dessine.games import Classification
from dessine.streams import Streams

ETA = 0.1
WORKLOADS = {
    "784-300-10, one by one": ([784, 300, 10], 1, 0.25),
    "784-300-10, batch 128": ([784, 300, 10], 128, 0.6),
    "784-1000-300-10, one by one": ([784, 1000, 300, 10], 1, 0.25),
    "784-10, one by one": ([784, 10], 1, 0.2),
}
OURS, SCAN = 20, 50
"""Steps in one call: of our game, as the training loop calls it, and of JAX."""


def game(sizes: list[int], hidden: str, split: Split, batch: int, seed: int = 0, replicates: int = 1) -> Classification:
    """Our game, built."""
    made = Classification.of(
        {
            "type": "classification",
            "network": {"layers": layers(sizes, hidden, hidden), "optimizer": {"type": "gradient_descent", "eta": ETA}},
        }
    )
    made.build(split, batch, Streams(seed, replicates), np.float32)
    return made


def with_torch(sizes: list[int], batch: int, x: np.ndarray, y: np.ndarray, threads: int) -> Step:
    """The same step in PyTorch, written as its users write it."""
    made: list[nn.Module] = []
    for n, m in itertools.pairwise(sizes):
        made += [nn.Linear(n, m), nn.Sigmoid()]
    net = nn.Sequential(*made)
    descent = torch.optim.SGD(net.parameters(), lr=ETA)
    images, targets = torch.from_numpy(x), torch.from_numpy(y)
    starts = itertools.cycle(range(0, len(x) - batch + 1, batch))

    def step() -> None:
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        i = next(starts)
        descent.zero_grad()
        loss = 0.5 * (net(images[i : i + batch]) - targets[i : i + batch]).square().sum() / batch
        loss.backward()
        descent.step()

    return step


def with_jax(sizes: list[int], batch: int, x: np.ndarray, y: np.ndarray) -> Step:
    """SCAN steps of the same in JAX, in one call."""
    rng = np.random.default_rng(0)
    state = [
        (jnp.asarray(rng.normal(0, n**-0.5, (n, m)), jnp.float32), jnp.zeros(m, jnp.float32))
        for n, m in itertools.pairwise(sizes)
    ]
    images, targets = jnp.asarray(x), jnp.asarray(y)

    def loss(params: list, at: jax.Array) -> jax.Array:
        h = jax.lax.dynamic_slice_in_dim(images, at, batch)
        for w, b in params:
            h = jax.nn.sigmoid(h @ w + b)
        return 0.5 * jnp.square(h - jax.lax.dynamic_slice_in_dim(targets, at, batch)).sum() / batch

    def one(params: list, at: jax.Array) -> tuple[list, None]:
        slope = jax.grad(loss)(params, at)
        return jax.tree.map(lambda p, g: p - ETA * g, params, slope), None

    many = jax.jit(lambda params, starts: jax.lax.scan(one, params, starts)[0], donate_argnums=0)
    starts = itertools.cycle(range(0, len(x) - batch + 1, batch))

    def steps() -> None:
        nonlocal state
        state = jax.block_until_ready(many(state, jnp.array([next(starts) for _ in range(SCAN)])))

    return steps


def images(args: argparse.Namespace) -> None:
    """The four workloads on images."""
    rng = np.random.default_rng(0)
    pixels, labels = rng.integers(0, 256, (10_000, 28, 28, 1), np.uint8), rng.integers(0, 10, 10_000)
    x, y = pixels.reshape(len(pixels), -1).astype(np.float32) / 255, np.eye(10, dtype=np.float32)[labels]
    split = Split(Examples(pixels, labels), Examples(pixels[:100], labels[:100]))
    for name, (sizes, batch, bound) in WORKLOADS.items():
        programs = {
            "ours": partial(game(sizes, "sigmoid", split, batch).turns, OURS),
            "PyTorch": with_torch(sizes, batch, x, y, 2),
            "PyTorch, 1 thread": with_torch(sizes, batch, x, y, 1),
            "JAX": with_jax(sizes, batch, x, y),
        }
        n = args.steps if batch == 1 else args.steps // 4
        calls = dict.fromkeys(programs, n) | {"ours": max(1, n // OURS), "JAX": max(1, n // SCAN)}
        took = Timing(programs, calls, args.rounds, {"ours": OURS, "JAX": SCAN})
        print(f"{name}: ours {1e6 * took.median('ours'):.0f} us")
        for peer, limit in (("PyTorch", f" (at most {bound})"), ("PyTorch, 1 thread", ""), ("JAX", "")):
            print(f"  {peer} {1e6 * took.median(peer):.0f} us, ratio {took.ratio('ours', peer):.2f}{limit}")


def repeats(args: argparse.Namespace, count: int = 100) -> None:
    """XOR 2-4-1: all repeats at once, and each by itself."""
    split = Xor().load()
    together = game([2, 4, 1], "tanh", split, 1, 0, count)
    single = [game([2, 4, 1], "tanh", split, 1, seed) for seed in range(count)]
    n = args.steps // 5

    def one_after_another() -> None:
        for each in single:
            for _ in range(n):
                each.turn()

    programs: dict[str, Step] = {"together": together.turn, "one by one": one_after_another}
    took = Timing(programs, {"together": n, "one by one": 1}, max(3, args.rounds // 3), {"one by one": n})
    print(
        f"XOR 2-4-1, a step of {count} repeats: together {1e6 * took.median('together'):.0f} us, one after another "
        f"{1e6 * took.median('one by one'):.0f} us, ratio 1/{1 / took.ratio('together', 'one by one'):.0f} (at most 1/30)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=400, help="steps per measurement")
    args = parser.parse_args()
    print(f"NumPy {np.__version__}, PyTorch {torch.__version__}, JAX {jax.__version__}, float32, {args.rounds} rounds")
    images(args)
    repeats(args)


if __name__ == "__main__":
    main()

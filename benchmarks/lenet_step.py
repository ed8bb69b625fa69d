"""One training step of LeNet, ours against PyTorch's: `python benchmarks/lenet_step.py`. Needs `pip install '.[bench]'`.

conv2d 6 (5 x 5, padding 2), relu, max_pool -> conv2d 16 (5 x 5), relu, max_pool -> dense 120 -> 84 -> 10; cross-entropy, Adam,
batch 64, float32. Pairs are measured in turn, A B A B, and the ratio is the median over pairs.
"""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

import numpy as np
import torch
from pairs import Step, Timing, matrix_rate
from torch import nn

from dessine.data import Examples, Split
from dessine.games import Classification
from dessine.streams import Streams

BATCH, BOUND = 64, 1.0
LAYERS: list[Any] = [
    {"type": "conv2d", "channels": 6, "kernel": 5, "padding": 2, "activation": "relu"},
    "max_pool",
    {"type": "conv2d", "channels": 16, "kernel": 5, "activation": "relu"},
    "max_pool",
    {"type": "dense", "units": 120, "activation": "relu"},
    {"type": "dense", "units": 84, "activation": "relu"},
    {"type": "dense", "units": 10},
]


def ours(pixels: np.ndarray, labels: np.ndarray) -> Step:
    """One turn of our game."""
    player = {"layers": LAYERS, "optimizer": {"type": "adam", "eta": 1e-3}}
    game = Classification.of({"type": "classification", "loss": "softmax_cross_entropy", "network": player})
    examples = Examples(pixels, labels)
    game.build(Split(examples, examples), BATCH, Streams(0), np.float32)
    return partial(game.turns, 1)


def theirs(pixels: np.ndarray, labels: np.ndarray) -> Step:
    """The same step in PyTorch, written as its users write it."""
    net = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )
    optimizer, loss = torch.optim.Adam(net.parameters(), lr=1e-3), nn.CrossEntropyLoss()
    x, y = torch.from_numpy(pixels.reshape(-1, 1, 28, 28)), torch.from_numpy(labels)

    def step() -> None:
        index = torch.randint(len(x), (BATCH,))
        optimizer.zero_grad()
        loss(net(x[index].float() / 255), y[index]).backward()
        optimizer.step()

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--steps", type=int, default=30, help="steps per measurement")
    args = parser.parse_args()
    torch.set_num_threads(2)
    rng = np.random.default_rng(0)
    data = rng.integers(0, 256, (10_000, 28, 28, 1), np.uint8), rng.integers(0, 10, 10_000)
    print(f"NumPy {np.__version__}, PyTorch {torch.__version__} on 2 threads, batch {BATCH}, float32, {args.pairs} pairs")
    programs = {"ours": ours(*data), "PyTorch": theirs(*data)}
    took = Timing(programs, dict.fromkeys(programs, args.steps), args.pairs)
    mine, peer = 1e3 * took.median("ours"), 1e3 * took.median("PyTorch")
    print(f"LeNet step: ours {mine:.1f} ms, PyTorch {peer:.1f} ms, ratio {took.ratio('ours', 'PyTorch'):.2f} (at most {BOUND})")
    print(f"matrix products on this machine, now: {matrix_rate() / 1e9:.0f} GFLOP/s")


if __name__ == "__main__":
    main()

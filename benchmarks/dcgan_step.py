"""One step of a small DCGAN, ours against PyTorch's: `python benchmarks/dcgan_step.py`. Needs `pip install '.[bench]'`.

G: 100 -> dense 7x7x128, batch_norm, relu -> conv2d_transpose 64, batch_norm, relu -> conv2d_transpose 1, tanh.
D: conv2d 64, leaky_relu -> conv2d 128, leaky_relu -> dense 1. Every kernel 4 x 4, stride 2, padding 1.
Both play the same game: fresh latents for each move, one move of the discriminator on a real and a generated batch, one of
the generator, binary cross-entropy on logits, Adam on both; batch 64, float32. Pairs are measured in turn, A B A B, and the
ratio is the median over pairs. The machine's own matrix-product rate is measured in the same run.
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
from dessine.games import Adversarial
from dessine.streams import Streams

BATCH, BOUND = 64, 1.0
WINDOW = {"kernel": 4, "stride": 2, "padding": 1}
GENERATOR: list[Any] = [
    {"type": "dense", "units": 7 * 7 * 128},
    {"type": "reshape", "shape": [7, 7, 128]},
    "batch_norm",
    {"type": "activation", "function": "relu"},
    {"type": "conv2d_transpose", "channels": 64, **WINDOW},
    "batch_norm",
    {"type": "activation", "function": "relu"},
    {"type": "conv2d_transpose", "channels": 1, **WINDOW, "activation": "tanh"},
]
DISCRIMINATOR: list[Any] = [
    {"type": "conv2d", "channels": 64, **WINDOW, "activation": "leaky_relu"},
    {"type": "conv2d", "channels": 128, **WINDOW, "activation": "leaky_relu"},
    {"type": "dense", "units": 1},
]


def ours(pixels: np.ndarray) -> Step:
    """One turn of our game."""
    adam = {"type": "adam", "eta": 2e-4, "beta1": 0.5}
    game = Adversarial.of(
        {
            "type": "adversarial",
            "latent": {"size": 100},
            "generator": {"layers": GENERATOR, "optimizer": adam},
            "discriminator": {"layers": DISCRIMINATOR, "optimizer": adam},
        }
    )
    examples = Examples(pixels, None, -1.0, 1.0)
    game.build(Split(examples, examples), BATCH, Streams(0), np.float32)
    return partial(game.turns, 1)


def theirs(pixels: np.ndarray) -> Step:
    """The same step in PyTorch, written as its users write it."""
    gen = nn.Sequential(
        nn.Linear(100, 7 * 7 * 128),
        nn.Unflatten(1, (128, 7, 7)),
        nn.BatchNorm2d(128),
        nn.ReLU(),
        nn.ConvTranspose2d(128, 64, 4, 2, 1),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.ConvTranspose2d(64, 1, 4, 2, 1),
        nn.Tanh(),
    )
    dis = nn.Sequential(
        nn.Conv2d(1, 64, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(64, 128, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(7 * 7 * 128, 1),
    )
    options: dict[str, Any] = {"lr": 2e-4, "betas": (0.5, 0.999)}
    opt_g, opt_d = torch.optim.Adam(gen.parameters(), **options), torch.optim.Adam(dis.parameters(), **options)
    loss, data = nn.BCEWithLogitsLoss(), torch.from_numpy(pixels.reshape(-1, 1, 28, 28))
    ones, zeros = torch.ones(BATCH, 1), torch.zeros(BATCH, 1)

    def step() -> None:
        real = data[torch.randint(len(data), (BATCH,))].float() * (2 / 255) - 1
        with torch.no_grad():
            made = gen(torch.randn(BATCH, 100))
        opt_d.zero_grad()
        (loss(dis(real), ones) + loss(dis(made), zeros)).backward()
        opt_d.step()
        opt_g.zero_grad()
        for p in dis.parameters():
            p.requires_grad_(False)
        loss(dis(gen(torch.randn(BATCH, 100))), ones).backward()
        for p in dis.parameters():
            p.requires_grad_(True)
        opt_g.step()

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--steps", type=int, default=4, help="steps per measurement")
    args = parser.parse_args()
    torch.set_num_threads(2)
    pixels = np.random.default_rng(0).integers(0, 256, (10_000, 28, 28, 1), np.uint8)
    print(f"NumPy {np.__version__}, PyTorch {torch.__version__} on 2 threads, batch {BATCH}, float32, {args.pairs} pairs")
    programs = {"ours": ours(pixels), "PyTorch": theirs(pixels)}
    took = Timing(programs, dict.fromkeys(programs, args.steps), args.pairs)
    mine, peer = 1e3 * took.median("ours"), 1e3 * took.median("PyTorch")
    print(f"DCGAN step: ours {mine:.1f} ms, PyTorch {peer:.1f} ms, ratio {took.ratio('ours', 'PyTorch'):.2f} (at most {BOUND})")
    print(f"matrix products on this machine, now: {matrix_rate() / 1e9:.0f} GFLOP/s")


if __name__ == "__main__":
    main()

"""One GAN step, ours against PyTorch's: `python benchmarks/gan_step.py`. Needs `pip install '.[bench]'`.

Both play the same game: fresh latents for each move, one move of the discriminator on a real and a generated batch, one of
the generator, binary cross-entropy on logits, Adam on both; batch 64, float32. Pairs are measured in turn, A B A B, and the
ratio is the median over pairs. The machine's own matrix-product rate is measured in the same run.
"""

from __future__ import annotations

import argparse
import itertools
from functools import partial

import numpy as np
import torch
from pairs import Step, Timing, layers, matrix_rate
from torch import nn

from dessine.data import Examples, Split
from dessine.games import Adversarial
from dessine.streams import Streams

BATCH = 64
WORKLOADS = {
    "100-300-784 / 784-300-1": ([100, 300, 784], [784, 300, 1], 0.6),
    "100-256-512-1024-784 / 784-512-256-1": ([100, 256, 512, 1024, 784], [784, 512, 256, 1], 0.7),
}


def ours(g: list[int], d: list[int], pixels: np.ndarray) -> Step:
    """One turn of our game."""
    adam = {"type": "adam", "eta": 2e-4, "beta1": 0.5}
    game = Adversarial.of(
        {
            "type": "adversarial",
            "latent": {"size": g[0]},
            "generator": {"layers": layers(g, "leaky_relu", "tanh"), "optimizer": adam},
            "discriminator": {"layers": layers(d, "leaky_relu", "linear"), "optimizer": adam},
        }
    )
    examples = Examples(pixels, None, -1.0, 1.0)
    game.build(Split(examples, examples), BATCH, Streams(0), np.float32)
    return partial(game.turns, 1)


def theirs(g: list[int], d: list[int], pixels: np.ndarray, fused: bool) -> Step:
    """The same step in PyTorch, written as its users write it."""

    def network(sizes: list[int], last: list[nn.Module]) -> nn.Module:
        made: list[nn.Module] = []
        for n, m in itertools.pairwise(sizes):
            made += [nn.Linear(n, m), nn.LeakyReLU(0.2)]
        return nn.Sequential(*made[:-1], *last)

    gen, dis = network(g, [nn.Tanh()]), network(d, [])
    options = {"lr": 2e-4, "betas": (0.5, 0.999)} | ({"fused": True} if fused else {})
    opt_g, opt_d = torch.optim.Adam(gen.parameters(), **options), torch.optim.Adam(dis.parameters(), **options)
    loss, data = nn.BCEWithLogitsLoss(), torch.from_numpy(pixels.reshape(len(pixels), -1))
    ones, zeros = torch.ones(BATCH, 1), torch.zeros(BATCH, 1)

    def step() -> None:
        real = data[torch.randint(len(data), (BATCH,))].float() * (2 / 255) - 1
        with torch.no_grad():
            made = gen(torch.randn(BATCH, g[0]))
        opt_d.zero_grad()
        (loss(dis(real), ones) + loss(dis(made), zeros)).backward()
        opt_d.step()
        opt_g.zero_grad()
        for p in dis.parameters():
            p.requires_grad_(False)
        loss(dis(gen(torch.randn(BATCH, g[0]))), ones).backward()
        for p in dis.parameters():
            p.requires_grad_(True)
        opt_g.step()

    return step


def flops(g: list[int], d: list[int]) -> float:
    """Multiply-adds of one step, times two."""
    pg, pd = (sum(n * m for n, m in itertools.pairwise(s)) for s in (g, d))
    first_g, first_d = g[0] * g[1], d[0] * d[1]
    critic = pg + 2 * (3 * pd - first_d)
    generator = 3 * pg - first_g + 2 * pd
    return 2.0 * BATCH * (critic + generator)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--steps", type=int, default=40, help="steps per measurement")
    args = parser.parse_args()
    torch.set_num_threads(2)
    pixels = np.random.default_rng(0).integers(0, 256, (10_000, 28, 28, 1), np.uint8)
    print(f"NumPy {np.__version__}, PyTorch {torch.__version__} on 2 threads, batch {BATCH}, float32, {args.pairs} pairs")
    for name, (g, d, bound) in WORKLOADS.items():
        programs = {"ours": ours(g, d, pixels), "default": theirs(g, d, pixels, False), "fused": theirs(g, d, pixels, True)}
        took = Timing(programs, dict.fromkeys(programs, args.steps), args.pairs)
        mine, share = took.median("ours"), flops(g, d) / took.median("ours") / matrix_rate()
        print(f"{name}: ours {1e3 * mine:.2f} ms, {share:.0%} of this machine's matrix-product rate")
        for peer, limit in (("default", f" (at most {bound})"), ("fused", "")):
            print(f"  PyTorch, {peer} Adam {1e3 * took.median(peer):.2f} ms, ratio {took.ratio('ours', peer):.2f}{limit}")


if __name__ == "__main__":
    main()

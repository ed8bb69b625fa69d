"""One WGAN turn, ours against PyTorch's: `python benchmarks/wgan_step.py`. Needs `pip install '.[bench]'`.

Five moves of the critic, each on a fresh real and a fresh generated batch, with RMSProp and then every parameter clipped to
[-0.01, 0.01]; one move of the generator. G 100-256-512-784, critic 784-512-256-1, batch 64, float32, as in the WGAN authors'
algorithm. Pairs are measured in turn, and the ratio is the median over pairs.
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

BATCH, CRITIC, C, ETA = 64, 5, 0.01, 5e-5
G, D = [100, 256, 512, 784], [784, 512, 256, 1]
BOUND = 0.6


def ours(pixels: np.ndarray) -> Step:
    """One turn of our game, as a run makes it between two lines of metrics."""
    rule = {"type": "rmsprop", "eta": ETA}
    game = Adversarial.of(
        {
            "type": "adversarial",
            "loss": "wasserstein",
            "n_critic": CRITIC,
            "latent": {"size": G[0]},
            "generator": {"layers": layers(G, "leaky_relu", "tanh"), "optimizer": rule},
            "discriminator": {
                "layers": layers(D, "leaky_relu", "linear"),
                "optimizer": rule,
                "constraint": {"type": "clip", "c": C},
            },
        }
    )
    examples = Examples(pixels, None, -1.0, 1.0)
    game.build(Split(examples, examples), BATCH, Streams(0), np.float32)
    return partial(game.turns, 1)


def theirs(pixels: np.ndarray) -> Step:
    """The same turn in PyTorch, written as its users write it."""

    def network(sizes: list[int], last: list[nn.Module]) -> nn.Module:
        made: list[nn.Module] = []
        for n, m in itertools.pairwise(sizes):
            made += [nn.Linear(n, m), nn.LeakyReLU(0.2)]
        return nn.Sequential(*made[:-1], *last)

    gen, critic = network(G, [nn.Tanh()]), network(D, [])
    opt_g, opt_c = (torch.optim.RMSprop(net.parameters(), lr=ETA) for net in (gen, critic))
    data = torch.from_numpy(pixels.reshape(len(pixels), -1))

    def step() -> None:
        for _ in range(CRITIC):
            real = data[torch.randint(len(data), (BATCH,))].float() * (2 / 255) - 1
            with torch.no_grad():
                made = gen(torch.randn(BATCH, G[0]))
            opt_c.zero_grad()
            (critic(made).mean() - critic(real).mean()).backward()
            opt_c.step()
            with torch.no_grad():
                for p in critic.parameters():
                    p.clamp_(-C, C)
        opt_g.zero_grad()
        for p in critic.parameters():
            p.requires_grad_(False)
        (-critic(gen(torch.randn(BATCH, G[0]))).mean()).backward()
        for p in critic.parameters():
            p.requires_grad_(True)
        opt_g.step()

    return step


def flops() -> float:
    """Multiply-adds of one turn, times two."""
    pg, pd = (sum(n * m for n, m in itertools.pairwise(s)) for s in (G, D))
    critic = pg + 2 * (3 * pd - D[0] * D[1])
    generator = 3 * pg - G[0] * G[1] + 2 * pd
    return 2.0 * BATCH * (CRITIC * critic + generator)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--steps", type=int, default=10, help="turns per measurement")
    args = parser.parse_args()
    torch.set_num_threads(2)
    pixels = np.random.default_rng(0).integers(0, 256, (10_000, 28, 28, 1), np.uint8)
    programs = {"ours": ours(pixels), "theirs": theirs(pixels)}
    took = Timing(programs, dict.fromkeys(programs, args.steps), args.pairs)
    mine = took.median("ours")
    share = flops() / mine / matrix_rate()
    print(f"NumPy {np.__version__}, PyTorch {torch.__version__} on 2 threads, batch {BATCH}, float32, {args.pairs} pairs")
    print(f"WGAN turn, n_critic {CRITIC}: ours {1e3 * mine:.2f} ms, {share:.0%} of this machine's matrix-product rate")
    print(f"  PyTorch {1e3 * took.median('theirs'):.2f} ms, ratio {took.ratio('ours', 'theirs'):.2f} (at most {BOUND})")


if __name__ == "__main__":
    main()

"""Are the standard errors of `dessine eval` those of its values? Every redraw draws real, test and generated examples anew.

    python benchmarks/score_errors.py ring            # points; also: grid
    python benchmarks/score_errors.py FOLDER          # MNIST's four IDX files, in the judge's features
    python benchmarks/score_errors.py FOLDER --pixels # without the judge, as any own images are scored

One line for each score and kind of samples: its mean, how much it varies over the redraws, and the mean of the errors that were
stated, over that. 1 is right; 100 redraws leave 7 % of doubt.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np

from dessine.data.dataset import Examples, Split
from dessine.data.mixtures import Grid, Ring, split
from dessine.data.mnist import Mnist
from dessine.scores.panel import Panel
from dessine.scores.table import names

Array = np.ndarray


def points(kind: str, seed: int) -> tuple[Split, dict[str, Array]]:
    """A new data set, and as many samples of each kind as there may be."""
    mixture = (Ring() if kind == "ring" else Grid()).mixture()
    rng = np.random.default_rng([seed, 1])
    plain, modes = mixture.draw(20_000, rng)
    wide = mixture.centres[modes] + 2 * (plain - mixture.centres[modes])
    sides = {"as real": plain, "twice as wide": wide, "half of the modes": plain[modes < len(mixture.weights) // 2]}
    return split(mixture, 20_000, 10_000, seed), sides


def images(whole: Split, seed: int) -> tuple[Split, dict[str, Array]]:
    """Half of the training images, at random, for real ones; samples are made of the other half."""
    rng = np.random.default_rng([seed, 1])
    order, half = rng.permutation(len(whole.train)), len(whole.train) // 2
    y = whole.train.y
    assert y is not None
    train = Examples(whole.train.x[order[:half]], y[order[:half]], whole.train.low)
    rest = order[half : half + 10_000]
    x = whole.train.floats(rest, np.float32)
    smooth = (x + np.roll(x, 1, 1) + np.roll(x, 1, 2) + np.roll(x, (1, 1), (1, 2))) / 4
    noisy = np.clip(x + 0.3 * rng.standard_normal(x.shape, np.float32), whole.train.low, 1)
    return replace(whole, train=train), {"as real": x, "blurred": smooth, "noisy": noisy, "half of the classes": x[y[rest] < 5]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--redraws", type=int, default=100)
    parser.add_argument("--only", type=lambda text: text.split(","))
    parser.add_argument("--kinds", type=lambda text: text.split(","))
    parser.add_argument("--pixels", action="store_true")
    told = parser.parse_args()
    made = told.data in ("ring", "grid")
    whole = None if made else replace(Mnist(path=told.data).load(), digits=0 if told.pixels else 1)
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for seed in range(told.redraws):
        split, sides = points(told.data, seed) if whole is None else images(whole, seed)
        panel = Panel(split, np.float32)
        for kind, x in sides.items():
            if told.kinds and kind not in told.kinds:
                continue
            rows = panel.measure(lambda n, x=x: x[:n], told.count, seed, None, "", told.only or names(split))["scores"]
            for name, row in rows.items():
                found.setdefault((name, kind), []).append((row["value"], row["standard_error"]))
                if kind == "as real":
                    found.setdefault((name, "test examples"), []).append((row["ceiling"], row["ceiling_error"]))
    print(f"{'score':<20}{'samples':<22}{'mean':>10}{'varies by':>12}{'stated / true':>15}")
    for (name, kind), rows in sorted(found.items()):
        values, errors = np.array(rows).T
        spread = values.std(ddof=1)
        ratio = f"{np.nanmean(errors) / spread:.2f}" if spread > 0 and np.isfinite(errors).any() else "-"
        print(f"{name:<20}{kind:<22}{values.mean():>10.4g}{spread:>12.3g}{ratio:>15}", flush=True)


if __name__ == "__main__":
    main()

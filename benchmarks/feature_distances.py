"""Do distances in features that need no labels rank generators as a judge does? Rank correlations (Spearman) on MNIST.

    python benchmarks/feature_distances.py FOLDER

trains six short runs in FOLDER (those that are there are taken as they are), measures five checkpoints of each, 30 generators
from noise to digits, and nine sets of test images that something was done to. Of each score: the rank correlation with the
judge's Frechet distance over the 30 generators, its 95 % interval by resampling whole runs, and that over all 39.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from dessine.cli.loading import load_run
from dessine.data.mnist import Mnist
from dessine.games.game import FIXED_SEED
from dessine.runs.run import Run
from dessine.scores.bench import Bench
from dessine.scores.frechet import distance
from dessine.scores.kernel import kernel_distance
from dessine.scores.neighbours import neighbours
from dessine.scores.panel import Panel
from dessine.scores.ranks import spearman
from dessine.streams import Streams

CONFIGS = Path(__file__).parents[1] / "configs"
RUNS = {
    "dense": ("gan_mnist_dense", 2500),
    "fast": ("gan_mnist_dense", 1000, "game.generator.optimizer.eta=0.002"),
    "lsgan": ("lsgan_mnist", 1500),
    "wgan": ("wgan_mnist", 800),
    "report": ("gan_mnist_report", 1500),
    "collapse": ("gan_mnist_collapse", 1500),
}
PLAIN = ("data.source=sample", "outputs.keep=20", "outputs.plots=false", "outputs.samples=0", "outputs.gif=false")
COUNT = int(sys.argv[2]) if sys.argv[2:] else 2000
SPACES = ("random", "pca")
SCORES = ("frechet", "kernel_distance", "precision", "recall", "density", "coverage")
DRAWS = 200


def train(folder: Path) -> None:
    for name, (config, steps, *changes) in RUNS.items():
        if (folder / name).exists():
            continue
        command = ["dessine", "train", str(CONFIGS / f"{config}.yaml"), *PLAIN, f"training.steps={steps}", "game.scored=0"]
        command += [f"outputs.checkpoint={steps // 5}", *changes, "--run-dir", str(folder / name), "--quiet"]
        subprocess.run(command, check=True)


def generators(folder: Path, shape: tuple[int, ...]) -> Iterator[tuple[str, np.ndarray]]:
    """Name of the run, and samples of each of its checkpoints but that of step 0."""
    for name in RUNS:
        run = Run(folder / name)
        experiment = load_run(run)[0]
        step = run.restore(experiment)
        while step:
            drawn = experiment.game.draw(COUNT, Streams(FIXED_SEED, experiment.repeats))
            yield name, experiment.split.train.images(drawn).reshape(-1, *shape)
            step = run.restore(experiment, before=step)


def changed(test: np.ndarray, labels: np.ndarray) -> Iterator[np.ndarray]:
    """Test images, (N, 28, 28, 1) in [0, 1], that something was done to."""
    rng, n = np.random.default_rng(0), len(test)
    yield test
    for sigma in (0.05, 0.15, 0.3):
        yield np.clip(test + sigma * rng.standard_normal(test.shape), 0, 1).astype(np.float32)
    yield test[np.resize(np.flatnonzero(labels < 5), n)]
    yield test[np.resize(np.flatnonzero(labels == 7), n)]
    yield gaussian_filter(test, (0, 1, 1, 0))
    yield np.roll(test, 2, 2)
    yield (test + np.roll(test, 1, 0)) / 2


def main() -> None:
    folder = Path(sys.argv[1])
    train(folder)
    data = Mnist(source="sample").load()
    panel = Panel(data, np.float32)
    test = data.test.floats(np.arange(len(data.test)), np.float32)
    sets = [*generators(folder, data.train.shape), *(("", x) for x in changed(test, np.asarray(data.test.y)))]
    names = ["frechet", *(f"{space}_{name}" for space in SPACES for name in SCORES), "region_share", "near_real"]
    bench, rows = Bench(data, np.float32, COUNT, 0, panel.judge, panel.spaces), []
    for which, x in sets:
        side, own = bench.side(x[: bench.n]), panel.own.glance(x[: bench.n])
        row = [distance(real=bench.real.view().moments, generated=side.view().moments)]
        for real, made in ((bench.real.view(space), side.view(space)) for space in SPACES):
            row += [distance(real=real.moments, generated=made.moments)]
            row += [kernel_distance(real=real.kernel, generated=made.kernel)[0]]
            found = neighbours(real=real.features, generated=made.features, real_balls=real.balls, errors=False)
            row += [score for score, _ in found]
        rows.append([*row, own["region_share"], own["near_real"]])
        print(f"{which or 'changed':>9}  " + "  ".join(f"{v:8.3g}" for v in rows[-1][:4]), file=sys.stderr, flush=True)
    table, runs = np.array(rows), np.array([which for which, _ in sets])
    drawn, rng = np.flatnonzero(runs != ""), np.random.default_rng(0)
    bad = table * np.array([1 if n.endswith(("frechet", "distance")) else -1 for n in names])
    samples = [np.concatenate([np.flatnonzero(runs == one) for one in rng.choice(list(RUNS), len(RUNS))]) for _ in range(DRAWS)]
    print(f"{len(drawn)} generators, {len(table) - len(drawn)} changed sets; judge {panel.judged}")
    for j, name in enumerate(names[1:], 1):
        spread = np.nanquantile([spearman(bad[s, 0], bad[s, j]) for s in samples], [0.025, 0.975])
        within = np.nanmedian([spearman(bad[runs == one, 0], bad[runs == one, j]) for one in RUNS])
        rho, both = spearman(bad[drawn, 0], bad[drawn, j]), spearman(bad[:, 0], bad[:, j])
        print(f"| `{name}` | {rho:.2f} | {spread[0]:.2f} to {spread[1]:.2f} | {within:.2f} | {both:.2f} |", flush=True)


if __name__ == "__main__":
    main()

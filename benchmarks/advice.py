"""How often does a piece of advice cure? Small games that fail in a known way, each with one line changed.

    python benchmarks/advice.py [SITUATION ...] [--seeds 3] [--to FILE]

Each situation is a shipped config with a few changes, which is trained as it is, and then with each candidate, with as many
seeds at once. Cured is a repeat of which `dessine diagnose` says healthy. Prints JSON lines: situation, candidate, cured, of
how many, and the verdicts. The order of the advice in `scores/advice.py` is that of these counts; docs/advice.md has them.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from dessine.cli.diagnose import diagnosed
from dessine.cli.loading import load
from dessine.cli.train import Progress, begin
from dessine.registry import SpecError
from dessine.runs.run import Run
from dessine.scores.put_in import after_hidden, before_the_last, override
from dessine.spec import BadSpec
from dessine.stopping import Failed

CONFIGS = Path(__file__).parents[1] / "configs"
QUIET = "outputs={metrics: 50, samples: 0, checkpoint: 750, plots: false, gif: false}"
RING = [
    *(f"game.{player}.layers[{i}].units=48" for player in ("generator", "discriminator") for i in (0, 1)),
    *("training={steps: 1500, batch_size: 64}", "data.points=5000", QUIET),
]
"""The ring with fewer units, examples and steps: healthy with every seed of eight."""
CLASSES = ["outputs={samples: 0, plots: false, gif: false}"]
G, D = "game.generator.optimizer", "game.discriminator.optimizer"
RELU = "game.network.layers=[{a}, {a}, {{type: dense, units: 1, activation: tanh}}]".format(
    a="{type: dense, units: 8, activation: relu}"
)


def etas(generator: float, discriminator: float) -> list[str]:
    return [f"{G}.eta={generator:g}", f"{D}.eta={discriminator:g}"]


def descent(eta: float) -> str:
    return f"{{type: gradient_descent, eta: {eta:g}}}"


SMALL = ("dirac_gan", "bilinear_game")
SITUATIONS: dict[str, tuple[str, list[str]]] = {
    "slow discriminator, 200 times": ("gan_ring", [*RING, *etas(1e-2, 5e-5)]),
    "slow discriminator, 50 times": ("gan_ring", [*RING, *etas(1e-3, 2e-5)]),
    "slow discriminator, 30 times": ("gan_ring", [*RING, *etas(3e-3, 1e-4)]),
    "slow discriminator, hinge": ("gan_ring", [*RING, *etas(1e-2, 1e-4), "game.loss=hinge"]),
    "fast generator": ("gan_ring", [*RING, *etas(5e-2, 1e-3)]),
    "both fast": ("gan_ring", [*RING, *etas(5e-2, 5e-2)]),
    "fast discriminator, minimax": ("gan_ring", [*RING, *etas(1e-4, 5e-3), "game.loss=minimax", "data.radius=3"]),
    "slow generator": ("gan_ring", [*RING, *etas(1e-5, 5e-3)]),
    "discriminator wins, minimax": (
        "gan_ring",
        [*RING, f"{G}={descent(1e-3)}", f"{D}.eta=0.02", "game.loss=minimax", "data.radius=10"],
    ),
    "dead generator, minimax": (
        "gan_ring",
        [*RING, f"{G}={descent(1e-5)}", f"{D}.eta=0.03", "game.loss=minimax", "data.radius=6"],
    ),
    "gradient descent, 2": ("gan_ring", [*RING, f"{G}={descent(2)}", f"{D}={descent(2)}"]),
    "gradient descent, 0.1": ("gan_ring", [*RING, f"{G}={descent(0.1)}", f"{D}={descent(0.1)}"]),
    "free Wasserstein critic": ("gan_ring", [*RING, *etas(1e-2, 1e-2), "game.loss=wasserstein"]),
    "25 modes": ("gan_grid", RING),
    "tight clip": (
        "gan_ring",
        [*RING, "game.loss=wasserstein", "game.n_critic=5", f"{D}.constraint={{type: clip, c: 0.01}}".replace(".optimizer", "")]
        + [f"{player}={{type: rmsprop, eta: 0.001}}" for player in (G, D)],
    ),
    "digits, slow discriminator": (
        "gan_mnist_collapse",
        ["training={steps: 1000, batch_size: 64}", QUIET.replace("750", "500")],
    ),
    "50 digits": (
        "gan_mnist_dense",
        [
            *(
                "data.limit=50",
                "training={steps: 2500, batch_size: 50}",
                QUIET.replace("750", "500"),
                "game.real_labels=[1, 1]",
            ),
            *("game.generator.layers[0].units=128", "game.generator.layers[3].units=128"),
            "game.discriminator.layers=[{type: dense, units: 128, activation: leaky_relu}, {type: dense, units: 1}]",
        ],
    ),
    "Dirac-GAN": ("dirac_gan", []),
    "Dirac-GAN, alternating": ("dirac_gan", ["game.update=alternating"]),
    "bilinear game": ("bilinear_game", []),
    "classifier, gradient descent, 20": ("region_square", [*CLASSES, f"game.network.optimizer={descent(20)}"]),
    "classifier, gradient descent, 0.003": ("region_square", [*CLASSES, f"game.network.optimizer={descent(0.003)}"]),
    "classifier, Adam, 3": ("region_square", [*CLASSES, "game.network.optimizer.eta=3"]),
    "classifier, dead ReLUs": ("region_square", [*CLASSES, RELU, "game.network.optimizer.eta=0.5"]),
    "classifier, Adam, 1e-5": ("region_square", [*CLASSES, "game.network.optimizer.eta=1e-5"]),
    "classifier, 20 points": (
        "region_square",
        [
            *(*CLASSES, "data.points=20", "training={epochs: 1500, batch_size: 20}"),
            "game.network.layers=[{type: dense, units: 64, activation: tanh}, {type: dense, units: 1, activation: tanh}]",
        ],
    ),
}


def candidates(config: str, spec: dict[str, Any]) -> dict[str, str]:
    """What may be advised, by name."""
    game, n = spec["game"], spec["training"]
    longer = f"training.steps={2 * n['steps']}" if n["steps"] else f"training.epochs={2 * n['epochs']}"
    if game["type"] == "classification":
        key, eta = "game.network.optimizer", game["network"]["optimizer"]["eta"]
        return {
            "eta / 10": f"{key}.eta={eta / 10:g}",
            "eta x 10": f"{key}.eta={10 * eta:g}",
            "eta 0.01": f"{key}.eta=0.01",
            "Adam, 0.001": f"{key}={{type: adam, eta: 0.001}}",
            "Adam, 0.01": f"{key}={{type: adam, eta: 0.01}}",
            "twice as long": longer,
            "leaky ReLU": "game.network.layers=[{type: dense, units: 8, activation: leaky_relu}, {type: dense, units: 8, "
            "activation: leaky_relu}, {type: dense, units: 1, activation: tanh}]",
            "ten times the examples": f"data.points={10 * spec['data']['points']}",
            "dropout": "game.network.layers=[{type: dense, units: 64, activation: tanh}, {type: dropout, p: 0.5}, "
            "{type: dense, units: 1, activation: tanh}]",
        }
    if config in SMALL:
        return {
            "R1": "game.discriminator.constraint={type: r1, gamma: 1}",
            "gradient penalty": "game.discriminator.constraint={type: gradient_penalty}",
            "extragradient": "game.update=extragradient",
            "optimistic": "game.update=optimistic",
            "consensus": "game.update=consensus",
            "discriminator's eta / 2": f"{D}.eta={game['discriminator']['optimizer']['eta'] / 2:g}",
            "alternating": "game.update=alternating",
        }
    layers = game["discriminator"]["layers"]
    alike, rests = before_the_last(layers, "minibatch_discrimination"), after_hidden(layers, {"type": "dropout", "p": 0.5})
    if spec["data"].get("limit") == 50:
        return {
            "all examples": "data.limit=null",
            "augmented": "game.augment={translate: 0.125, cutout: 0.5}",
            "dropout": override("game.discriminator.layers", rests),
            "half as long": f"training.steps={n['steps'] // 2}",
        }
    own = [game[player]["optimizer"] for player in ("generator", "discriminator")]
    g, d = (one["eta"] for one in own)
    usual = 1e-3 if own[1]["type"] == "adam" else 0.01
    found = {
        "discriminator's eta as the generator's": f"{D}.eta={g:g}",
        "discriminator's eta, a usual one": f"{D}.eta={usual:g}",
        "discriminator's eta / 10": f"{D}.eta={d / 10:g}",
        "generator's eta as the discriminator's": f"{G}.eta={d:g}",
        "generator's eta, a usual one": f"{G}.eta={usual:g}",
        "generator's eta / 10": f"{G}.eta={g / 10:g}",
        "generator's eta / 2": f"{G}.eta={g / 2:g}",
        "n_critic 5": "game.n_critic=5",
        "n_critic 1": "game.n_critic=1",
        "non-saturating loss": "game.loss=non_saturating",
        "pack 2": "game.pack=2",
        "minibatch discrimination": override("game.discriminator.layers", alike),
        "dropout": override("game.discriminator.layers", rests),
        "instance noise": "game.instance_noise.sigma=0.1",
        "R1": "game.discriminator.constraint={type: r1, gamma: 1}",
        "twice as long": longer,
        "unrolled 5": "game.unrolled.steps=5",
    }
    if own[0]["type"] != "adam":
        found["Adam for the generator"] = f"{G}={{type: adam, eta: 0.001}}"
    if own[1]["type"] != "adam":
        found["Adam for the discriminator"] = f"{D}={{type: adam, eta: 0.001}}"
    if game["loss"]["type"] == "wasserstein":
        found["gradient penalty"] = "game.discriminator.constraint={type: gradient_penalty}"
        found |= {f"clipping, {c:g}": f"game.discriminator.constraint={{type: clip, c: {c:g}}}" for c in (0.01, 0.1)}
    if game["loss"]["type"] == "minimax":
        found["labels of 0.9"] = "game.real_labels=[0.9, 0.9]"
    return found


def verdicts(config: str, overrides: list[str]) -> list[str]:
    """Of each repeat. Raises BadSpec for what the config refuses."""
    loaded = load(CONFIGS / f"{config}.yaml", overrides)
    with tempfile.TemporaryDirectory() as folder:
        run = Run.create_at(Path(folder) / "run")
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            with contextlib.suppress(Failed):
                begin(run, loaded, "", overrides, [], lambda experiment, run: Progress(experiment, run, quiet=True))
            told, _ = diagnosed(str(run.path), run.path.parent, 2000, 0, None, "last")
    return list(told.get("repeats") or [told["verdict"]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", action="append", help="a candidate; else all of them")
    parser.add_argument("--to", type=argparse.FileType("a"), default=sys.stdout)
    args = parser.parse_args()
    for name in args.names or SITUATIONS:
        config, changes = SITUATIONS[name]
        base = [*changes, f"repeats={args.seeds}"]
        spec = load(CONFIGS / f"{config}.yaml", base, False)[2]
        seen: set[str] = set()
        every = {"nothing": "", **candidates(config, spec)}
        for called, change in every.items():
            if args.only and called not in args.only:
                continue
            changed = [*base, *([change] if change else [])]
            with contextlib.suppress(BadSpec, SpecError):
                new = json.dumps(load(CONFIGS / f"{config}.yaml", changed, False)[2], sort_keys=True)
                if new in seen:  # it changes nothing
                    continue
                seen.add(new)
                found = verdicts(config, changed)
                row = {"situation": name, "candidate": called, "override": change}
                row |= {"cured": found.count("healthy"), "of": len(found), "verdicts": dict(Counter(found))}
                print(json.dumps(row), file=args.to, flush=True)


if __name__ == "__main__":
    main()

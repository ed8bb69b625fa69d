"""`dessine check-grad`: finite differences on a user's own networks and losses."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from dessine.cli.completion import keys
from dessine.cli.loading import load
from dessine.cli.paths import PATH
from dessine.experiment import Experiment
from dessine.games import Probe
from dessine.nn import Mode
from dessine.spec import check_document, read
from dessine.streams import Streams

TOLERANCE = 1e-5
STEPS = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9)
"""Half widths of the differences. A difference that steps over the kink of a relu is wrong, and the narrower the rarer;
one that is too narrow drowns in rounding. So the best of them counts: a wrong gradient is wrong with each. Images with a
hundred thousand relus need the narrowest."""


@click.command("check-grad", epilog="Example: dessine check-grad configs/gan_mnist.yaml")
@click.argument("config", type=PATH)
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE ...]", shell_complete=keys)
def command(config: Path, overrides: tuple[str, ...]) -> None:
    """Compare every layer's gradient with central differences along random directions, in float64; name the worst."""
    own = check_document(read(config, overrides), Experiment).node.training.batch_size
    experiment, _, _ = load(config, [*overrides, "dtype=float64", "repeats=2", f"training.batch_size={min(own, 8)}"])
    errors: dict[str, float] = {}
    for probe in experiment.game.probes():
        errors |= {f"{probe.name}, layer {key}": e for key, e in _errors(probe, experiment.game.streams).items()}
    for name, error in errors.items():
        click.echo(f"{error:.1e}  {name}")
    worst = max(errors, key=lambda k: errors[k])
    click.echo(f"worst: {worst}, relative error {errors[worst]:.1e} (accepted: {TOLERANCE:.0e})")
    if not errors[worst] <= TOLERANCE:
        raise click.exceptions.Exit(1)


def _errors(probe: Probe, streams: Streams) -> dict[str, float]:
    """Relative error per layer between the gradient and central differences along a random direction."""
    net = probe.network
    state, mode, rng = streams.state(), Mode(streams, record=False), np.random.default_rng(0)
    # Biases start at 0: wherever an image is blank, a relu behind a convolution would stand on its very kink.
    net.theta += 1e-3 * rng.standard_normal(net.theta.shape)

    def at(gradient: bool = False) -> np.ndarray:
        streams.restore(state)
        return probe.loss(mode, gradient)

    at()
    state = streams.state()  # every stream now exists
    net.grad.fill(0)
    loss = np.abs(at(gradient=True))
    grad, theta, errors = net.grad.copy(), net.theta.copy(), {}
    # Rounding of the loss, divided by the narrowest step, must stay small beside what a gradient is measured by.
    least = 1e-4 * np.maximum(loss, 1)
    for key, part in net.slices.items():
        found = []
        for h in STEPS:
            direction = rng.standard_normal(theta[:, part].shape)
            values = []
            for sign in (1, -1):
                net.theta[:, part] = theta[:, part] + sign * h * direction
                values.append(at())
            net.theta[:, part] = theta[:, part]
            numeric = (values[0] - values[1]) / (2 * h)
            exact = (grad[:, part] * direction).sum(-1)
            found.append(np.abs(numeric - exact) / np.maximum(np.maximum(np.abs(numeric), np.abs(exact)), least))
            if np.min(found, 0).max() <= TOLERANCE:
                break
        errors[key] = float(np.min(found, 0).max())  # of the steps the best, of the replicates the worst
    return errors

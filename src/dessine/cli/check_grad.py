"""`dessine check-grad`: finite differences on a user's own networks and losses."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from dessine.cli.loading import load
from dessine.games import Probe
from dessine.nn import Mode
from dessine.streams import Streams

TOLERANCE = 1e-5
STEPS = (1e-6, 1e-8)
"""Of the differences. The smaller error counts: a step over the kink of a relu spoils one, a wrong gradient both."""


@click.command("check-grad", epilog="Example: dessine check-grad configs/gan_mnist.yaml")
@click.argument("config", type=click.Path(path_type=Path))
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE ...]")
def command(config: Path, overrides: tuple[str, ...]) -> None:
    """Compare every layer's gradient with central differences along random directions, in float64; name the worst."""
    experiment, _, _ = load(config, [*overrides, "dtype=float64", "repeats=2", "training.batch_size=8"])
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

    def at() -> np.ndarray:
        streams.restore(state)
        return probe.loss(mode)

    at()
    state = streams.state()  # every stream now exists
    net.grad.fill(0)
    at()
    grad, theta, errors = net.grad.copy(), net.theta.copy(), {}
    for key, part in net.slices.items():
        direction = rng.standard_normal(theta[:, part].shape)
        exact, error = (grad[:, part] * direction).sum(-1), np.full(len(theta), np.inf)
        for h in STEPS:
            values = []
            for sign in (1, -1):
                net.theta[...] = theta
                net.theta[:, part] += sign * h * direction
                values.append(at())
            net.theta[...] = theta
            numeric = (values[0] - values[1]) / (2 * h)
            scale = np.maximum(np.maximum(np.abs(numeric), np.abs(exact)), 1e-4)
            error = np.fmin(error, np.abs(numeric - exact) / scale)
        errors[key] = float(error.max())
    return errors

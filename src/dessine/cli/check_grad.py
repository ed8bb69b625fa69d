"""`dessine check-grad`: finite differences on a user's own networks and losses."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from dessine.cli.loading import load
from dessine.games import Adversarial
from dessine.nn import Mode, Network
from dessine.streams import Streams

TOLERANCE = 1e-5


@click.command("check-grad", epilog="Example: dessine check-grad configs/gan_mnist.yaml")
@click.argument("config", type=click.Path(path_type=Path))
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE ...]")
def command(config: Path, overrides: tuple[str, ...]) -> None:
    """Compare every layer's gradient with central differences along random directions, in float64; name the worst."""
    experiment, _, _ = load(config, [*overrides, "dtype=float64", "repeats=2", "training.batch_size=8"])
    game = experiment.game
    if not isinstance(game, Adversarial):
        raise click.UsageError("this config has no players to check")
    errors: dict[str, float] = {}
    g, d = game.generator.network, game.discriminator.network
    real = game.batches.next(game.dtype)[0]
    z = game.latent.draw(game.streams, 8, game.dtype)
    label = np.ones((2, 8, 1))

    def critic(mode: Mode) -> np.ndarray:
        y, backward = d.forward(real, mode)
        value, dy = game.loss.critic(y.reshape(2, 8, 1), label)
        backward(dy.reshape(y.shape), inputs=False)
        return value

    def generator(mode: Mode) -> np.ndarray:
        x, g_backward = g.forward(z, mode)
        y, backward = d.forward(x.reshape(2, 8, *game.examples.shape), mode)
        value, dy = game.loss.generator(y.reshape(2, 8, 1))
        dx = backward(dy.reshape(y.shape), params=False)
        assert dx is not None
        g_backward(dx.reshape(x.shape), inputs=False)
        return value

    for name, net, loss in (("discriminator", d, critic), ("generator", g, generator)):
        errors |= {f"{name}, layer {key}": e for key, e in _errors(net, loss, game.streams).items()}
    for name, error in errors.items():
        click.echo(f"{error:.1e}  {name}")
    worst = max(errors, key=lambda k: errors[k])
    click.echo(f"worst: {worst}, relative error {errors[worst]:.1e} (accepted: {TOLERANCE:.0e})")
    if not errors[worst] <= TOLERANCE:
        raise click.exceptions.Exit(1)


def _errors(net: Network, loss, streams: Streams, h: float = 1e-6) -> dict[str, float]:  # type: ignore[no-untyped-def]
    """Relative error per layer between the gradient and central differences along a random direction."""
    state, mode, rng = streams.state(), Mode(streams, record=False), np.random.default_rng(0)

    def at() -> np.ndarray:
        streams.restore(state)
        return loss(mode)

    at()
    state = streams.state()  # every stream now exists
    net.grad.fill(0)
    at()
    grad, theta, errors = net.grad.copy(), net.theta.copy(), {}
    for key, part in net.slices.items():
        direction = rng.standard_normal(theta[:, part].shape)
        values = []
        for sign in (1, -1):
            net.theta[...] = theta
            net.theta[:, part] += sign * h * direction
            values.append(at())
        net.theta[...] = theta
        numeric = (values[0] - values[1]) / (2 * h)
        exact = (grad[:, part] * direction).sum(-1)
        scale = np.maximum(np.maximum(np.abs(numeric), np.abs(exact)), 1e-4)
        errors[key] = float((np.abs(numeric - exact) / scale).max())
    return errors

"""How both players' gradients change along a direction of both: the Jacobian of the game's field, without ever making it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dessine.games.field import same_draws
from dessine.games.game import Array
from dessine.games.pair import Batch, Pair, as_logits
from dessine.games.remedies import packed, unpacked
from dessine.games.remedies.augment import Drawn
from dessine.nn import Mode
from dessine.nn.tangent import along


class Jacobian:
    """J of the field v = (dL_D / d theta_D, dL_G / d theta_G) at one batch, penalties and other aims of the generator apart.

    batch: what the game is played at, augmented, noise on it and labels drawn as for a look; else the first examples and
    latents that are always the same, as they are, and the means of the labels that training draws. Layers draw the same at
    each call.
    """

    def __init__(self, pair: Pair, batch: Batch | None = None):
        self.pair, streams = pair, pair.fixed() if batch is None else pair.streams
        classes: Array | None
        asked: Array | None
        self.noise: Array | float = 0.0
        self.drawn: Drawn | None = None
        if batch is None:
            n = min(pair.batch_size, len(pair.examples))
            one = pair.examples.floats(np.arange(n), pair.dtype)
            each = np.repeat(one[None], streams.replicates, 0)  # a view would make arrays of its own layout, summed otherwise
            self.real = packed(each, pair.pack)
            self.z = pair.latent.draw(streams, n, pair.dtype)
            known = None if pair.kinds is None else pair.kinds.indices(pair.examples, np.arange(n))
            classes = pair.classes_of(streams, n, known)
            asked = pair.classes_of(streams, n)
            labels = [np.full((1, self.real.shape[1], 1), t, pair.dtype) for t in (pair.labels.mean, 0.0)]
        else:
            self.real, self.z = pair.shown(batch.real), batch.latent
            classes, asked = batch.classes, batch.asked
            if pair.augment is not None:
                self.drawn = pair.augment.draw(batch.real, streams["augment"])
            if pair.instance_noise is not None:
                self.noise = pair.instance_noise.add(np.zeros_like(batch.real), streams["instance_noise"])
            labels = [pair.told(truth, self.real.shape[1]) for truth in (1.0, 0.0)]
        self.labels, self.n = np.concatenate(labels, 1), self.real.shape[1]
        mode = Mode(streams, record=batch is not None)
        self.again, self.modes = same_draws(streams), (mode.told(classes), mode.told(asked))

    def field(self) -> tuple[Array, Array, Array, Array]:
        """Adds v to the players' gradients. Returns both losses, (R,), what the discriminator says, (R, 2 B, 1): of real, then
        of generated examples, and what the generator has made, (R, B, *shape)."""
        pair, n = self.pair, self.n
        self.again()
        x, generator_back = pair.generator.network.forward(self.z, self.modes[1])
        made = x.reshape(*x.shape[:2], *pair.examples.shape)
        sides = self.real, self._shown(x, x)[0]
        passes = (pair.discriminator.network.forward(side, mode) for side, mode in zip(sides, self.modes, strict=True))
        (y, back_real), (y_shown, back) = passes
        logits = np.concatenate([as_logits(y), as_logits(y_shown)], 1)
        critic, dy = pair.loss.critic_of_both(logits, self.labels)
        back_real(dy[:, :n].reshape(y.shape), inputs=False)
        back(dy[:, n:].reshape(y.shape), inputs=False)
        generator, dy = pair.loss.generator_of_both(logits)
        dx = back(dy[:, n:].reshape(y.shape), params=False)
        assert dx is not None
        generator_back(self._unshown(dx).reshape(x.shape), inputs=False)
        return critic, generator, logits, made

    def along(self, w: Array) -> Array:
        """J w, (R, P), of a direction w, (R, P): P counts the discriminator's parameters, then the generator's.

        It leaves the gradients of both at something that nobody wants: keep them, if they are.
        """
        pair, modes, real, n = self.pair, self.modes, self.real, self.n
        d, g = pair.discriminator.network, pair.generator.network
        self.again()
        d.grad.fill(0)
        g.grad.fill(0)
        by_d, by_g = np.split(w.astype(pair.dtype), [d.theta.shape[1]], 1)
        x, t, generator_back = along(g, self.z, np.zeros_like(self.z), modes[1], by_g)
        shown, moved = self._shown(x, t)
        sides = (real, np.zeros_like(real), modes[0]), (shown, moved, modes[1])
        (y, s, back_real), (y_shown, s_shown, back) = (along(d, side, way, mode, by_d) for side, way, mode in sides)
        logits, slope = (np.concatenate([as_logits(a), as_logits(b)], 1) for a, b in ((y, y_shown), (s, s_shown)))
        dy, ds = pair.loss.critic_along(logits, slope), pair.loss.critic_of_both(logits, self.labels)[1]
        back_real(dy[:, :n].reshape(y.shape), ds[:, :n].reshape(y.shape))
        back(dy[:, n:].reshape(y.shape), ds[:, n:].reshape(y.shape))
        told = d.grad.copy()
        dy, ds = pair.loss.generator_along(logits, slope), pair.loss.generator_of_both(logits)[1]
        by_shown = back(dy[:, n:].reshape(y.shape), ds[:, n:].reshape(y.shape))
        generator_back(*(self._unshown(a).reshape(x.shape) for a in by_shown))
        return np.concatenate([told, g.grad], 1).astype(np.float64)

    def pulled(self, u_d: Array, u_g: Array) -> None:
        """Adds J' u to the players' gradients: that of u v by all parameters, of a u that counts as given, (R, P) for each.

        u v is how L_D changes along u_d, and L_G along u_g; both are derivatives along a direction, whose gradients are exact.
        """
        pair, modes, n = self.pair, self.modes, self.n
        d, g = pair.discriminator.network, pair.generator.network
        self.again()
        x, t, generator_back = along(g, self.z, np.zeros_like(self.z), modes[1], u_g)
        shown, moved = self._shown(x, t)
        (y, s, back_real), (y_shown, s_shown, back) = (
            along(d, side, np.zeros_like(side), mode, u_d) for side, mode in zip((self.real, shown), modes, strict=True)
        )
        logits, slope = (np.concatenate([as_logits(a), as_logits(b)], 1) for a, b in ((y, y_shown), (s, s_shown)))
        dy, ds = pair.loss.critic_along(logits, slope), pair.loss.critic_of_both(logits, self.labels)[1]
        back_real(dy[:, :n].reshape(y.shape), ds[:, :n].reshape(y.shape))
        by_x, _ = back(dy[:, n:].reshape(y.shape), ds[:, n:].reshape(y.shape))
        self.again()
        y, back_of_real = d.forward(self.real, replace(modes[0], record=False))
        y_shown, s_shown, back = along(d, shown, moved, modes[1])
        logits = np.concatenate([as_logits(y), as_logits(y_shown)], 1)
        slope = np.concatenate([np.zeros_like(as_logits(y)), as_logits(s_shown)], 1)
        dy, ds = pair.loss.generator_along(logits, slope), pair.loss.generator_of_both(logits)[1]
        back_of_real(dy[:, :n].reshape(y.shape), inputs=False)
        dx, dt = back(dy[:, n:].reshape(y.shape), ds[:, n:].reshape(y.shape))
        generator_back(*(self._unshown(a).reshape(x.shape) for a in (by_x + dx, dt)))

    def _shown(self, x: Array, t: Array) -> tuple[Array, Array]:
        """What the generator makes, and how it moves, as the discriminator is shown it."""
        x, t = (a.reshape(*a.shape[:2], *self.pair.examples.shape) for a in (x, t))
        if self.drawn is not None:
            x, t = self.drawn.show(x), self.drawn.along(t)
        return packed(x + self.noise, self.pair.pack), packed(t, self.pair.pack)

    def _unshown(self, dx: Array) -> Array:
        """A gradient by what is shown, back to what the generator makes."""
        dx = unpacked(dx, self.pair.pack)
        return dx if self.drawn is None else self.drawn.back(dx)

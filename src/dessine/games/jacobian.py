"""How both players' gradients change along a direction of both: the Jacobian of the game's field, without ever making it."""

from __future__ import annotations

import numpy as np

from dessine.games.field import same_draws
from dessine.games.game import Array
from dessine.games.pair import Pair
from dessine.games.remedies import packed, unpacked
from dessine.nn import Mode
from dessine.nn.tangent import along


class Jacobian:
    """J of the field (dL_D / d theta_D, dL_G / d theta_G) on one fixed batch, penalties and remedies apart.

    The same draws for every direction; the labels are the means of those that training draws. A call leaves the gradients of
    both players at something that nobody wants: keep them, if they are.
    """

    def __init__(self, pair: Pair):
        self.pair, fixed = pair, pair.fixed()
        n = min(pair.batch_size, len(pair.examples))
        one = pair.examples.floats(np.arange(n), pair.dtype)
        self.real = packed(np.broadcast_to(one, (fixed.replicates, *one.shape)), pair.pack)
        self.z = pair.latent.draw(fixed, n, pair.dtype)
        self.labels = [np.full((1, self.real.shape[1], 1), t, pair.dtype) for t in (pair.labels.mean, 0.0)]
        self.again, self.mode = same_draws(fixed), Mode(fixed, record=False)

    def along(self, w: Array) -> Array:
        """J w, (R, P), of a direction w, (R, P): P counts the discriminator's parameters, then the generator's."""
        pair, mode, real = self.pair, self.mode, self.real
        d, g = pair.discriminator.network, pair.generator.network
        self.again()
        d.grad.fill(0)
        g.grad.fill(0)
        by_d, by_g = np.split(w.astype(pair.dtype), [d.theta.shape[1]], 1)
        x, t, generator_back = along(g, self.z, np.zeros_like(self.z), mode, by_g)
        shown, moved = (packed(a.reshape(*a.shape[:2], *pair.examples.shape), pair.pack) for a in (x, t))
        for side, way, label in ((real, np.zeros_like(real), self.labels[0]), (shown, moved, self.labels[1])):
            y, s, back = along(d, side, way, mode, by_d)
            logits, slope = (a.reshape(*a.shape[:2], 1) for a in (y, s))
            dy, ds = pair.loss.curvature(logits) * slope, pair.loss.critic(logits, label)[1]
            back(dy.reshape(y.shape), ds.reshape(y.shape))
        told = d.grad.copy()
        dy, ds = pair.loss.generator_curvature(logits) * slope, pair.loss.generator(logits)[1]
        by_shown = back(dy.reshape(y.shape), ds.reshape(y.shape))
        generator_back(*(unpacked(a, pair.pack).reshape(x.shape) for a in by_shown))
        return np.concatenate([told, g.grad], 1).astype(np.float64)

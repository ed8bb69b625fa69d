"""How both players' gradients change along a direction of both: the Jacobian of the game's field, without ever making it."""

from __future__ import annotations

import numpy as np

from dessine.games.field import same_draws
from dessine.games.game import Array
from dessine.games.pair import Pair, as_logits
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
        self.labels = np.repeat(np.array([pair.labels.mean, 0.0], pair.dtype), self.real.shape[1])[None, :, None]
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
        sides = (real, np.zeros_like(real)), (shown, moved)
        (y, s, back_real), (y_shown, s_shown, back) = (along(d, side, way, mode, by_d) for side, way in sides)
        logits, slope = (np.concatenate([as_logits(a), as_logits(b)], 1) for a, b in ((y, y_shown), (s, s_shown)))
        dy, ds = pair.loss.critic_along(logits, slope), pair.loss.critic_of_both(logits, self.labels)[1]
        n = real.shape[1]
        back_real(dy[:, :n].reshape(y.shape), ds[:, :n].reshape(y.shape))
        back(dy[:, n:].reshape(y.shape), ds[:, n:].reshape(y.shape))
        told = d.grad.copy()
        dy, ds = pair.loss.generator_along(logits, slope), pair.loss.generator_of_both(logits)[1]
        by_shown = back(dy[:, n:].reshape(y.shape), ds[:, n:].reshape(y.shape))
        generator_back(*(unpacked(a, pair.pack).reshape(x.shape) for a in by_shown))
        return np.concatenate([told, g.grad], 1).astype(np.float64)

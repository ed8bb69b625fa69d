"""The workloads in JAX: compiled, SCAN steps of each in one call, random numbers included."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from timing import Step

Params = Any
ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "relu": jax.nn.relu,
    "leaky_relu": partial(jax.nn.leaky_relu, negative_slope=0.2),
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
}
NUMBERS, TWO = ("NHWC", "HWIO", "NHWC"), (1, 2, 2, 1)


def network(layers: list[Any], shape: tuple[int, ...], seed: int) -> tuple[Params, Callable[[Params, jax.Array], jax.Array]]:
    """From our spec: parameters, and the function of them and a batch, flat or images."""
    rng = np.random.default_rng(seed)
    params: list[Any] = []
    steps: list[Callable[[Any, jax.Array], jax.Array]] = []
    given = shape

    def drawn(*size: int) -> jax.Array:
        return jnp.asarray(0.05 * rng.standard_normal(size), jnp.float32)

    def add(step: Callable[[Any, jax.Array], jax.Array], *own: jax.Array) -> None:
        steps.append(step)
        params.append(own)

    for layer in layers:
        node = {"type": layer} if isinstance(layer, str) else layer
        kind = node["type"]
        if kind == "dense":
            n, shape = int(np.prod(shape)), (node["units"],)
            add(lambda p, x: x.reshape(len(x), -1) @ p[0] + p[1], drawn(n, shape[0]), jnp.zeros(shape[0]))
        elif kind == "reshape":
            shape = tuple(node["shape"])
            add(lambda p, x, s=shape: x.reshape(len(x), *s))
        elif kind == "batch_norm":
            axes = (0, 1, 2) if len(shape) == 3 else (0,)
            add(lambda p, x, a=axes: _normal(x, a) * p[0] + p[1], jnp.ones(shape[-1]), jnp.zeros(shape[-1]))
        elif kind in ("conv2d", "conv2d_transpose"):
            k, s, pad, m = node["kernel"], node.get("stride", 1), node.get("padding", 0), node["channels"]
            weights = drawn(k, k, shape[2], m), jnp.zeros(m)
            if kind == "conv2d":
                add(partial(_conv, stride=(s, s), padding=[(pad, pad)] * 2, spread=(1, 1)), *weights)
                shape = (*((n + 2 * pad - k) // s + 1 for n in shape[:2]), m)
            else:
                add(partial(_conv, stride=(1, 1), padding=[(k - 1 - pad,) * 2] * 2, spread=(s, s)), *weights)
                shape = (*((n - 1) * s - 2 * pad + k for n in shape[:2]), m)
        elif kind == "max_pool":
            add(lambda p, x: jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, TWO, TWO, "VALID"))
            shape = (shape[0] // 2, shape[1] // 2, shape[2])
        elif kind == "minibatch_discrimination":
            dims = node["kernels"], node["dims"]
            add(partial(_closeness, dims=dims), drawn(shape[0], dims[0] * dims[1]))
            shape = (shape[0] + dims[0],)
        activation = node.get("function") if kind == "activation" else node.get("activation")
        if activation not in (None, "linear"):
            add(lambda p, x, f=ACTIVATIONS[activation]: f(x))

    def apply(params: Params, x: jax.Array) -> jax.Array:
        x = x.reshape(len(x), *given)
        for own, step in zip(params, steps, strict=True):
            x = step(own, x)
        return x

    return params, apply


def _normal(x: jax.Array, axes: tuple[int, ...]) -> jax.Array:
    return (x - x.mean(axes)) * jax.lax.rsqrt(x.var(axes) + 1e-5)


def _conv(p: Any, x: jax.Array, stride: Any, padding: Any, spread: Any) -> jax.Array:
    return jax.lax.conv_general_dilated(x, p[0], stride, padding, lhs_dilation=spread, dimension_numbers=NUMBERS) + p[1]


def _closeness(p: Any, x: jax.Array, dims: tuple[int, int]) -> jax.Array:
    m = (x @ p[0]).reshape(-1, *dims)
    distance = jnp.abs(m[None] - m[:, None]).sum(3)
    return jnp.concatenate([x, jnp.exp(-distance).sum(1) - 1], 1)


def _rule(rule: dict[str, Any]) -> tuple[Callable[[Params], Any], Callable[[Params, Params, Any], tuple[Params, Any]]]:
    """State and step of an optimizer, from our spec."""
    tree, eta = jax.tree.map, rule["eta"]
    if rule["type"] == "adam":
        b1, b2 = rule.get("beta1", 0.9), rule.get("beta2", 0.999)

        def adam(p: Params, g: Params, s: Any) -> tuple[Params, Any]:
            t, m, n = (
                s[0] + 1,
                tree(lambda a, b: b1 * a + (1 - b1) * b, s[1], g),
                tree(lambda a, b: b2 * a + (1 - b2) * b * b, s[2], g),
            )
            c1, c2 = 1 - b1**t, 1 - b2**t
            return tree(lambda p, a, b: p - eta * (a / c1) / (jnp.sqrt(b / c2) + 1e-8), p, m, n), (t, m, n)

        return lambda p: (jnp.float32(0), tree(jnp.zeros_like, p), tree(jnp.zeros_like, p)), adam
    if rule["type"] == "rmsprop":

        def rmsprop(p: Params, g: Params, s: Any) -> tuple[Params, Any]:
            n = tree(lambda a, b: 0.99 * a + 0.01 * b * b, s, g)
            return tree(lambda p, g, n: p - eta * g / (jnp.sqrt(n) + 1e-8), p, g, n), n

        return lambda p: tree(jnp.zeros_like, p), rmsprop
    return lambda p: (), lambda p, g, s: (tree(lambda p, g: p - eta * g, p, g), s)


def _many(one: Callable[[Any, Any], tuple[Any, None]], state: Any, given: Callable[[], Any]) -> Step:
    """Steps in one compiled call. given: what each of them is given, stacked."""
    many = jax.jit(lambda state, given: jax.lax.scan(one, state, given)[0], donate_argnums=0)

    def step() -> None:
        nonlocal state
        state = jax.block_until_ready(many(state, given()))

    return step


def game(spec: dict[str, Any], pixels: np.ndarray, batch: int, scan: int) -> Step:
    """`scan` turns of a GAN."""
    size, shape = spec["latent"]["size"], pixels.shape[1:]
    g, d = spec["generator"], spec["discriminator"]
    first = d["layers"][0]
    sees = shape if isinstance(first, dict) and first["type"] == "conv2d" else (int(np.prod(shape)),)
    (pg, gen), (pd, dis) = network(g["layers"], (size,), 0), network(d["layers"], sees, 1)
    (start_g, step_g), (start_d, step_d) = _rule(g["optimizer"]), _rule(d["optimizer"])
    wasserstein, held = spec.get("loss") == "wasserstein", d.get("constraint", {"type": ""})
    data = jnp.asarray(pixels.reshape(len(pixels), -1))

    def critic(pd: Params, real: jax.Array, made: jax.Array, mix: jax.Array) -> jax.Array:
        a, b = dis(pd, real), dis(pd, made)
        if not wasserstein:
            return jax.nn.softplus(-a).mean() + jax.nn.softplus(b).mean()
        loss = b.mean() - a.mean()
        if held["type"] == "gradient_penalty":
            slope = jax.grad(lambda x: dis(pd, x).sum())(mix * real + (1 - mix) * made)
            loss += held["weight"] * jnp.square(jnp.linalg.norm(slope, axis=1) - 1).mean()
        return loss

    def fooled(pg: Params, pd: Params, z: jax.Array) -> jax.Array:
        said = dis(pd, gen(pg, z).reshape(batch, -1))
        return -said.mean() if wasserstein else jax.nn.softplus(-said).mean()

    def move(state: Any, key: jax.Array) -> tuple[Any, None]:
        pg, pd, sg, sd = state
        k1, k2, k3 = jax.random.split(key, 3)
        real = data[jax.random.randint(k1, (batch,), 0, len(data))].astype(jnp.float32) * (2 / 255) - 1
        made = gen(pg, jax.random.normal(k2, (batch, size))).reshape(batch, -1)
        pd, sd = step_d(pd, jax.grad(critic)(pd, real, made, jax.random.uniform(k3, (batch, 1))), sd)
        if held["type"] == "clip":
            pd = jax.tree.map(lambda p: jnp.clip(p, -held["c"], held["c"]), pd)
        return (pg, pd, sg, sd), None

    def turn(state: Any, key: jax.Array) -> tuple[Any, None]:
        keys = jax.random.split(key, spec.get("n_critic", 1) + 1)
        (pg, pd, sg, sd), _ = jax.lax.scan(move, state, keys[1:])
        pg, sg = step_g(pg, jax.grad(fooled)(pg, pd, jax.random.normal(keys[0], (batch, size))), sg)
        return (pg, pd, sg, sd), None

    keys = jax.random.split(jax.random.key(0), scan)
    return _many(turn, (pg, pd, start_g(pg), start_d(pd)), lambda: keys)


def classifier(player: dict[str, Any], loss: str, pixels: np.ndarray, labels: np.ndarray, batch: int, scan: int) -> Step:
    """`scan` steps of a classifier."""
    first = player["layers"][0]
    sees = pixels.shape[1:] if first["type"] == "conv2d" else (int(np.prod(pixels.shape[1:])),)
    params, net = network(player["layers"], sees, 0)
    start, rule = _rule(player["optimizer"])
    x = jnp.asarray(pixels.reshape(len(pixels), -1).astype(np.float32) / 255)
    answers = jnp.asarray(np.eye(len(np.unique(labels)), dtype=np.float32)[labels])

    def error(params: Params, at: jax.Array) -> jax.Array:
        said = net(params, jax.lax.dynamic_slice_in_dim(x, at, batch))
        target = jax.lax.dynamic_slice_in_dim(answers, at, batch)
        if loss == "quadratic":
            return 0.5 * jnp.square(said - target).sum() / batch
        return -(target * jax.nn.log_softmax(said)).sum() / batch

    def one(state: Any, at: jax.Array) -> tuple[Any, None]:
        params, s = state
        return rule(params, jax.grad(error)(params, at), s), None

    starts = jnp.asarray(np.resize(np.arange(0, len(x) - batch + 1, batch), scan))
    return _many(one, (params, start(params)), lambda: starts)


def layer(node: dict[str, Any], features: int, batch: int, scan: int) -> Step:
    """`scan` times forward and backward of one layer; each begins with what the last one gave, so that none is left out."""
    params, net = network([node], (features,), 0)
    x = jnp.asarray(np.random.default_rng(0).standard_normal((batch, features)), jnp.float32)

    def one(state: Any, _: jax.Array) -> tuple[Any, None]:
        params, x = state
        dp, dx = jax.grad(lambda p, x: net(p, x).sum(), (0, 1))(params, x)
        return (jax.tree.map(lambda p, g: p - 1e-6 * g, params, dp), x - 1e-6 * dx), None

    return _many(one, (params, x), lambda: jnp.arange(scan))

"""The perceptron of configs/mnist.yaml once more, in JAX: does another program, with its own gradients, reach the same success?

python benchmarks/same_in_jax.py. Needs `pip install '.[bench]'` and `dessine data fetch mnist`; a minute or two.
"""

from __future__ import annotations

import argparse

import jax
import jax.numpy as jnp
import numpy as np

from dessine.data.mnist import Mnist

Params = tuple[jax.Array, jax.Array, jax.Array, jax.Array]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--eta", type=float, default=0.2)
    parser.add_argument("--mu", type=float, default=0.1)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    split = Mnist(source="full").load()
    x, test = (jnp.array(part.floats(np.arange(len(part)), np.float32).reshape(-1, 784)) for part in (split.train, split.test))
    answers = jnp.eye(10)[jnp.array(split.train.y)]

    def output(params: Params, x: jax.Array) -> jax.Array:
        w1, b1, w2, b2 = params
        return jax.nn.sigmoid(args.mu * (jax.nn.sigmoid(args.mu * (x @ w1 + b1)) @ w2 + b2))

    gradient = jax.grad(lambda params, x, t: jnp.sum((output(params, x) - t) ** 2))

    def step(params: Params, i: jax.Array) -> tuple[Params, None]:
        slope = gradient(params, x[i], answers[i])
        return jax.tree.map(lambda p, g: p - args.eta * g, params, slope), None

    epoch = jax.jit(lambda params, order: jax.lax.scan(step, params, order)[0])
    rng = np.random.default_rng(args.seed)
    w1, w2 = (jnp.array(rng.standard_normal(shape, np.float32)) for shape in ((784, 300), (300, 10)))
    params: Params = (w1, jnp.zeros(300), w2, jnp.zeros(10))
    for n in range(1, args.epochs + 1):
        params = epoch(params, jnp.array(rng.permutation(len(x))))
        success = (output(params, test).argmax(-1) == jnp.array(split.test.y)).mean()
        print(f"epoch {n}: test success {float(success):.4f}", flush=True)


if __name__ == "__main__":
    main()

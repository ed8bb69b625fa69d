"""Minibatch discrimination, ours against PyTorch's plain expression: `python benchmarks/minibatch_discrimination.py`.

100 kernels of 5 on a batch of 64 with 256 features, forward and backward, float32. Needs `pip install '.[bench]'`. Measured in
turn, A B A B; the ratio is the median over pairs. Both give the same numbers, which is looked at first.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from pairs import Timing

from dessine.nn import Network

BATCH, FEATURES, KERNELS, DIMS, BOUND = 64, 256, 100, 5, 0.7
Result = tuple[np.ndarray, np.ndarray, np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--steps", type=int, default=20, help="steps per measurement")
    args = parser.parse_args()
    torch.set_num_threads(2)
    network = Network([{"type": "minibatch_discrimination", "kernels": KERNELS, "dims": DIMS}], FEATURES)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, BATCH, FEATURES)).astype(np.float32)
    error = rng.standard_normal((1, BATCH, FEATURES + KERNELS)).astype(np.float32)

    def ours() -> Result:
        y, backward = network.forward(x)
        dx = backward(error, params="first")
        assert dx is not None
        return y[0], dx[0], network.grad[0]

    def kernels_first(t: np.ndarray) -> np.ndarray:
        """Its columns in the order that the expression is written in everywhere: dims within kernels."""
        return np.ascontiguousarray(t.reshape(FEATURES, DIMS, KERNELS).swapaxes(1, 2)).reshape(FEATURES, -1)

    at, t = torch.tensor(x[0], requires_grad=True), torch.tensor(kernels_first(network.theta[0]), requires_grad=True)
    pull = torch.tensor(error[0])

    def theirs() -> Result:
        at.grad = t.grad = None
        m = (at @ t).reshape(BATCH, KERNELS, DIMS)
        distance = (m.unsqueeze(0) - m.unsqueeze(1)).abs().sum(3)
        y = torch.cat([at, torch.exp(-distance).sum(1) - 1], 1)
        y.backward(pull)
        return y.detach().numpy(), at.grad.numpy(), t.grad.numpy()  # type: ignore[attr-defined]

    (y, dx, dt), expected = ours(), theirs()
    for a, b in zip((y, dx, kernels_first(dt)), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)
    took = Timing({"ours": ours, "theirs": theirs}, {"ours": args.steps, "theirs": args.steps}, args.pairs)
    print(
        f"NumPy {np.__version__}, PyTorch {torch.__version__} on 2 threads, {KERNELS} kernels of {DIMS}, batch {BATCH}, float32"
    )
    mine, peer = 1e3 * took.median("ours"), 1e3 * took.median("theirs")
    print(f"ours {mine:.2f} ms, PyTorch {peer:.2f} ms, ratio {took.ratio('ours', 'theirs'):.2f} (at most {BOUND})")


if __name__ == "__main__":
    main()

"""The workloads in PyTorch, written as its users write them: networks from our specs, one step of each game."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from timing import Step
from torch import nn

F = nn.functional
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


class Closeness(nn.Module):
    """Minibatch discrimination, the expression as it is found everywhere."""

    def __init__(self, features: int, kernels: int, dims: int):
        super().__init__()
        self.t = nn.Parameter(torch.randn(features, kernels * dims) * 0.1)
        self.shape = (-1, kernels, dims)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        m = (x @ self.t).view(self.shape)
        distance = (m.unsqueeze(0) - m.unsqueeze(1)).abs().sum(3)
        return torch.cat([x, torch.exp(-distance).sum(1) - 1], 1)


def network(layers: list[Any], shape: tuple[int, ...]) -> nn.Sequential:
    """From our spec; shape: of one example, channels last as ours."""
    made: list[nn.Module] = []
    if len(shape) == 3:
        made.append(nn.Unflatten(1, (shape[2], *shape[:2])))  # ours are images from the start, too
    for layer in layers:
        node = {"type": layer} if isinstance(layer, str) else layer
        kind = node["type"]
        if kind == "dense":
            if len(shape) == 3:
                made.append(nn.Flatten())
                shape = (int(np.prod(shape)),)
            made.append(nn.Linear(shape[0], node["units"]))
            shape = (node["units"],)
        elif kind == "reshape":
            h, w, c = shape = tuple(node["shape"])
            made.append(nn.Unflatten(1, (c, h, w)))
        elif kind == "batch_norm":
            made.append(nn.BatchNorm2d(shape[2]) if len(shape) == 3 else nn.BatchNorm1d(shape[0]))
        elif kind in ("conv2d", "conv2d_transpose"):
            k, s, p = node["kernel"], node.get("stride", 1), node.get("padding", 0)
            made.append((nn.Conv2d if kind == "conv2d" else nn.ConvTranspose2d)(shape[2], node["channels"], k, s, p))
            places = [(n + 2 * p - k) // s + 1 if kind == "conv2d" else (n - 1) * s - 2 * p + k for n in shape[:2]]
            shape = (*places, node["channels"])
        elif kind == "max_pool":
            made.append(nn.MaxPool2d(2))
            shape = (shape[0] // 2, shape[1] // 2, shape[2])
        elif kind == "minibatch_discrimination":
            made.append(Closeness(shape[0], node["kernels"], node["dims"]))
            shape = (shape[0] + node["kernels"],)
        activation = node.get("function") if kind == "activation" else node.get("activation")
        if activation not in (None, "linear"):
            made.append(ACTIVATIONS[activation]())
    return nn.Sequential(*made)


def optimizer(net: nn.Module, rule: dict[str, Any], fused: bool) -> torch.optim.Optimizer:
    """From our spec."""
    if rule["type"] == "adam":
        betas = rule.get("beta1", 0.9), rule.get("beta2", 0.999)
        return torch.optim.Adam(net.parameters(), rule["eta"], betas, fused=fused)
    if rule["type"] == "rmsprop":
        return torch.optim.RMSprop(net.parameters(), rule["eta"])
    return torch.optim.SGD(net.parameters(), rule["eta"], fused=fused)


def game(spec: dict[str, Any], pixels: np.ndarray, batch: int, fused: bool) -> Step:
    """One turn of a GAN: fresh latents for each move, moves of the discriminator on a real and a generated batch, one of G."""
    size, shape = spec["latent"]["size"], pixels.shape[1:]
    g, d = spec["generator"], spec["discriminator"]
    gen, dis = network(g["layers"], (size,)), network(d["layers"], shape if _sees_images(d) else (int(np.prod(shape)),))
    gen.append(nn.Flatten())
    opt_g, opt_d = optimizer(gen, g["optimizer"], fused), optimizer(dis, d["optimizer"], fused)
    data = torch.tensor(pixels.reshape(len(pixels), -1))
    wasserstein, held = spec.get("loss") == "wasserstein", d.get("constraint", {"type": ""})

    def critic(real: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
        """Two passes, as ours are: batches are not mixed."""
        a, b = dis(real), dis(made)
        if not wasserstein:
            zeros, ones = torch.zeros_like(a), torch.ones_like(a)
            return F.binary_cross_entropy_with_logits(a, ones) + F.binary_cross_entropy_with_logits(b, zeros)
        loss: torch.Tensor = b.mean() - a.mean()
        if held["type"] == "gradient_penalty":
            mix = torch.rand(batch, 1)
            between = (mix * real + (1 - mix) * made).requires_grad_()
            (slope,) = torch.autograd.grad(dis(between).sum(), between, create_graph=True)
            loss = loss + held["weight"] * (slope.norm(2, 1) - 1).square().mean()
        return loss

    def step() -> None:
        for _ in range(spec.get("n_critic", 1)):
            real = data[torch.randint(len(data), (batch,))].float() * (2 / 255) - 1
            with torch.no_grad():
                made = gen(torch.randn(batch, size))
            opt_d.zero_grad()
            critic(real, made).backward()
            opt_d.step()
            if held["type"] == "clip":
                with torch.no_grad():
                    for p in dis.parameters():
                        p.clamp_(-held["c"], held["c"])
        opt_g.zero_grad()
        for p in dis.parameters():
            p.requires_grad_(False)
        said = dis(gen(torch.randn(batch, size)))
        loss = -said.mean() if wasserstein else F.binary_cross_entropy_with_logits(said, torch.ones_like(said))
        loss.backward()
        for p in dis.parameters():
            p.requires_grad_(True)
        opt_g.step()

    return step


def _sees_images(player: dict[str, Any]) -> bool:
    first = player["layers"][0]
    return isinstance(first, dict) and first["type"] == "conv2d"


def classifier(player: dict[str, Any], loss: str, pixels: np.ndarray, labels: np.ndarray, batch: int, fused: bool) -> Step:
    """One step of a classifier."""
    net = network(player["layers"], pixels.shape[1:] if _sees_images(player) else (int(np.prod(pixels.shape[1:])),))
    rule, classes = optimizer(net, player["optimizer"], fused), len(np.unique(labels))
    x, y = torch.from_numpy(pixels.reshape(len(pixels), -1).astype(np.float32) / 255), torch.from_numpy(labels)
    answers = F.one_hot(y, classes).float()
    starts = itertools.cycle(range(0, len(x) - batch + 1, batch))

    def step() -> None:
        part = slice(i := next(starts), i + batch)
        rule.zero_grad()
        said = net(x[part])
        quadratic = loss == "quadratic"
        error = 0.5 * (said - answers[part]).square().sum() / batch if quadratic else F.cross_entropy(said, y[part])
        error.backward()
        rule.step()

    return step


def layer(node: dict[str, Any], features: int, batch: int) -> Step:
    """Forward and backward of one layer."""
    net = network([node], (features,))
    x = torch.randn(batch, features, requires_grad=True)
    pull = torch.randn_like(net(x))

    def step() -> None:
        x.grad = None
        net.zero_grad()
        net(x).backward(pull)

    return step

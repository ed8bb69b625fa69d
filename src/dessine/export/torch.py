"""PyTorch: the network as a module that a person reads, and its numbers under the names that this module has for them.

What is made is plain PyTorch: channels stand first, weights are as PyTorch has them, and nothing is unpickled.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dessine.export.geometry import rest, windows
from dessine.export.taken import Refused, Step, Taken, as_text
from dessine.letters import clipped
from dessine.nn.layer import size
from dessine.nn.shaping import Downsample

Array = np.ndarray
Shape = tuple[int, ...]


@dataclass
class Code:
    """What is written: the lines of __init__ and of forward, and the numbers by their names in the module."""

    made: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    tensors: dict[str, Array] = field(default_factory=dict)

    def module(self, step: Step, made: str, tensors: Mapping[str, Array], of: str = "") -> str:
        """Add a part of the module, with its numbers; how forward calls it."""
        name = f"layer{step.name}{of and '_' + of}"
        self.made.append(f"self.{name} = {made}")
        self.tensors |= {f"{name}.{key}": np.ascontiguousarray(value, np.float32) for key, value in tensors.items()}
        return f"self.{name}"

    def parameter(self, step: Step, of: str, value: Array) -> str:
        """Add numbers that belong to no part."""
        name = f"layer{step.name}_{of}"
        self.made.append(f"self.{name} = nn.Parameter(torch.empty({', '.join(map(str, value.shape))}))")
        self.tensors[name] = np.ascontiguousarray(value, np.float32)
        return f"self.{name}"


Maker = Callable[[Code, Step, str], str]
"""(code, step, name of x) -> what is assigned to it."""

HELPERS = {
    "flat": """
def flat(x):
    \"\"\"(N, C, *sides) -> (N, n), in the order of the weights: channels last.\"\"\"
    return x.movedim(1, -1).flatten(1)
""",
    "shaped": """
def shaped(x, *shape):
    \"\"\"The same numbers as (N, C, *sides). shape: with channels last.\"\"\"
    return flat(x).reshape(-1, *shape).movedim(-1, 1)
""",
    "spread": """
def spread(v, x):
    \"\"\"(N, n), the same for all pixels of x.\"\"\"
    return v.reshape(*v.shape, *(1,) * (x.ndim - 2))
""",
    "beside": """
def beside(x, v):
    \"\"\"x, with v, (N, n), behind its channels.\"\"\"
    return torch.cat([x, spread(v, x).expand(*v.shape, *x.shape[2:])], 1)
""",
    "swish": """
def swish(x, beta):
    return x * torch.sigmoid(beta * x)
""",
    "drawn": """
def drawn(given, x, shape, distribution):
    \"\"\"The noise that is given, or fresh noise for each example.\"\"\"
    if given is not None:
        return given
    noise = torch.empty(len(x), *shape, dtype=x.dtype, device=x.device)
    return noise.normal_() if distribution == "gaussian" else noise.uniform_(-1, 1)
""",
    "closeness": """
def closeness(m):
    \"\"\"(N, dims, kernels) -> (N, kernels): how near each example is to all others of its batch.\"\"\"
    return torch.exp(-(m[None] - m[:, None]).abs().sum(2)).sum(1) - 1
""",
    "nearest": """
def nearest(x, neighbours, scale):
    \"\"\"(N, n) -> (N, neighbours): how near the nearest others of the batch are, 0 beyond it.\"\"\"
    near = torch.exp((x[None] - x[:, None]).square().mean(2).sqrt() / -scale)
    near = near * (1 - torch.eye(len(x), dtype=x.dtype, device=x.device))
    return F.pad(near, (0, neighbours)).topk(neighbours, 1).values
""",
    "spread_of_batch": """
def spread_of_batch(x, group):
    \"\"\"(N, 1): the standard deviation over groups of the batch, averaged over features.\"\"\"
    b = len(x)
    n = max(b // (group or b), 1)
    parts = [x[b * i // n : b * (i + 1) // n] for i in range(n)]
    spreads = [((p - p.mean(0)).square().mean(0) + 1e-8).sqrt().mean().expand(len(p), 1) for p in parts]
    return torch.cat(spreads)
""",
}
"""Functions of the module, each written where it is called."""


def _activated(f: Mapping[str, Any], x: str) -> str:
    return ACTIVATIONS[f["type"]](f, x)


def _times(factor: float, x: str) -> str:
    return x if factor == 1 else f"{factor:.9g} * {x}"


ACTIVATIONS: dict[str, Callable[[Mapping[str, Any], str], str]] = {
    "linear": lambda f, x: _times(f["slope"], x),
    "sigmoid": lambda f, x: f"torch.sigmoid({_times(f['mu'], x)})",
    "centred_sigmoid": lambda f, x: f"torch.tanh({_times(f['mu'] / 2, x)})",
    "tanh": lambda f, x: _times(f["k"], f"torch.tanh({_times(f['alpha'], x)})"),
    "relu": lambda f, x: f"F.relu({x})",
    "leaky_relu": lambda f, x: f"F.leaky_relu({x}, {f['alpha']:.9g})",
    "softplus": lambda f, x: f"F.softplus({x})",
    "swish": lambda f, x: f"F.silu({x})" if f["beta"] == 1 else f"swish({x}, {f['beta']:.9g})",
    "gelu": lambda f, x: f"F.gelu({x}, approximate='{'tanh' if f['form'] == 'tanh' else 'none'}')",
    "softmax": lambda f, x: f"F.softmax({x}, 1)",
    "heaviside": lambda f, x: f"({x} > 0).float()",
}


def _flat(x: str, shape: Shape) -> str:
    return x if len(shape) == 1 else f"flat({x})"


def _linear(code: Code, s: Step, x: str, out: int) -> str:
    bias = {"bias": s.arrays["b"].reshape(-1)} if "b" in s.arrays else {}
    w = s.arrays["w"]
    made = f"nn.Linear({w.shape[0]}, {out}{'' if bias else ', bias=False'})"
    return f"{code.module(s, made, {'weight': w.T, **bias})}({_flat(x, s.input)})"


def _dense(code: Code, s: Step, x: str) -> str:
    return _activated(s.options["activation"], _linear(code, s, x, s.output[0]))


def _maxout(code: Code, s: Step, x: str) -> str:
    pieces, units = s.options["pieces"], s.options["units"]
    return f"{_linear(code, s, x, pieces * units)}.unflatten(1, ({pieces}, {units})).amax(1)"


def _bias(s: Step) -> dict[str, Array]:
    return {"bias": s.arrays["b"].reshape(-1)} if s.options["bias"] else {}


def _conv2d(code: Code, s: Step, x: str) -> str:
    over, c, m = windows(s), s.input[-1], s.output[-1]
    (above, below), (left, right) = over.padding
    even = above == below and left == right
    w = s.arrays["w"].reshape(*over.kernel, c, m).transpose(3, 2, 0, 1)
    more = f", padding={(above, left)}" if even and above + left else ""
    bias = "" if s.options["bias"] else ", bias=False"
    call = code.module(s, f"nn.Conv2d({c}, {m}, {over.kernel}, stride={over.stride}{more}{bias})", {"weight": w, **_bias(s)})
    padded = x if even else f"F.pad({x}, {(left, right, above, below)})"
    return _activated(s.options["activation"], f"{call}({padded})")


def _conv2d_transpose(code: Code, s: Step, x: str) -> str:
    over, c, m, beyond = windows(s), s.input[-1], s.output[-1], rest(s)
    (above, below), (left, right) = over.padding
    even = above == below and left == right
    w = s.arrays["w"].reshape(*over.kernel, m, c).transpose(3, 2, 0, 1)
    more = f", padding={(above, left)}" if even and above + left else ""
    more += f", output_padding={beyond}" if any(beyond) else ""
    bias = "" if s.options["bias"] else ", bias=False"
    made = f"nn.ConvTranspose2d({c}, {m}, {over.kernel}, stride={over.stride}{more}{bias})"
    call = code.module(s, made, {"weight": w, **_bias(s)})
    cut = "" if even else f"[:, :, {above}:{above + s.output[0]}, {left}:{left + s.output[1]}]"
    return _activated(s.options["activation"], f"{call}({x}){cut}")


def _norm(code: Code, s: Step, affine: bool) -> str:
    kind = {1: "1d", 2: "1d", 3: "2d", 4: "3d"}.get(len(s.input))
    if kind is None:
        raise Refused(f"PyTorch has no batch norm for examples of shape {list(s.input)}")
    found = {name: s.arrays[name].reshape(-1) for name in ("running_mean", "running_var")}
    found |= {"weight": s.arrays["gamma"].reshape(-1), "bias": s.arrays["beta"].reshape(-1)} if affine else {}
    more = f", eps={s.options['epsilon']:.9g}, momentum={s.options['momentum']:.9g}" + ("" if affine else ", affine=False")
    return code.module(s, f"nn.BatchNorm{kind}({s.input[-1]}{more})", found)


def _conditional_batch_norm(code: Code, s: Step, x: str) -> str:
    k, n = s.arrays["gamma"].shape
    gamma, beta = (code.module(s, f"nn.Embedding({k}, {n})", {"weight": s.arrays[of]}, of) for of in ("gamma", "beta"))
    u = f"{_norm(code, s, False)}({x})"
    return f"spread({gamma}(label), {x}) * {u} + spread({beta}(label), {x})"


def _group_norm(code: Code, s: Step, x: str) -> str:
    found = {"weight": s.arrays["gamma"].reshape(-1), "bias": s.arrays["beta"].reshape(-1)}
    groups = s.options.get("groups", 1)
    if size(s.input) == groups:
        raise Refused(f"PyTorch has no {s.type} for groups of one number")
    made = f"nn.GroupNorm({groups}, {s.input[-1]}, eps={s.options['epsilon']:.9g})"
    return f"{code.module(s, made, found)}({x})"


def _pool(name: str) -> Maker:
    def pooled(code: Code, s: Step, x: str) -> str:
        over = windows(s)
        return f"F.{name}({x}, {over.kernel}, {over.stride}, {(over.padding[0][0], over.padding[1][0])})"

    return pooled


def _upsample(code: Code, s: Step, x: str) -> str:
    more = ", align_corners=False" if s.options["mode"] == "bilinear" else ""
    return f"F.interpolate({x}, scale_factor={tuple(map(float, s.options['factor']))}, mode='{s.options['mode']}'{more})"


def _downsample(code: Code, s: Step, x: str) -> str:
    if s.options["mode"] == "average":
        return f"F.avg_pool2d({x}, {tuple(s.options['factor'])})"
    layer = Downsample(s.options["factor"], s.options["mode"])
    layer.declare(s.input)
    down, across = (code.parameter(s, of, getattr(layer, of)) for of in ("down", "across"))
    return f"{down} @ {x} @ {across}.T"


def _zero_pad(code: Code, s: Step, x: str) -> str:
    p, q = s.options["padding"]
    return f"F.pad({x}, {(q, q, p, p)})"


def _residual(code: Code, s: Step, x: str) -> str:
    short = f"short{s.name}"
    code.lines.append(f"{short} = {x}")
    _through(code, s.rows["shortcut"], short)
    _through(code, s.rows["layers"], x)
    return f"{x} + {short}"


def _noise(code: Code, s: Step, x: str) -> str:
    how, n = s.options["how"], len(s.input)
    shape = (s.output[-1] - s.input[-1],) if how == "concatenate" else (s.input[-1], *s.input[: n - 1])
    drawn = _times(s.options["scale"], f"drawn(noise_{s.name}, {x}, {shape}, '{s.options['distribution']}')")
    return {"concatenate": f"beside({x}, {drawn})", "add": f"{x} + {drawn}", "multiply": f"{x} * (1 + {drawn})"}[how]


def _minibatch_discrimination(code: Code, s: Step, x: str) -> str:
    t = code.parameter(s, "t", s.arrays["t"])
    return f"beside({x}, closeness(({x} @ {t}).unflatten(1, ({s.options['dims']}, {s.options['kernels']}))))"


def _constant(code: Code, s: Step, x: str) -> str:
    b = code.parameter(s, "b", np.moveaxis(s.arrays["b"], -1, 0))
    return f"{b}.expand(len({x}), {', '.join(map(str, (s.output[-1], *s.output[:-1])))})"


def _condition(code: Code, s: Step, x: str) -> str:
    return f"beside({x}, F.one_hot(label, {s.output[-1] - s.input[-1]}).to({x}.dtype))"


def _embedding(code: Code, s: Step, x: str) -> str:
    k, n = s.arrays["e"].shape
    e = code.module(s, f"nn.Embedding({k}, {n})", {"weight": s.arrays["e"]}) + "(label)"
    return f"beside({x}, {e})" if s.options["how"] == "concatenate" else f"{x} * spread({e}, {x})"


def _projection(code: Code, s: Step, x: str) -> str:
    k, n = s.arrays["v"].shape
    v = code.module(s, f"nn.Embedding({k}, {n})", {"weight": s.arrays["v"]}, "v")
    return f"{_linear(code, s, x, 1)} + ({v}(label) * {_flat(x, s.input)}).sum(1, keepdim=True)"


def _shaped(x: str, before: Shape, after: Shape) -> str:
    if before == after:
        return x
    return _flat(x, before) if len(after) == 1 else f"shaped({x}, {', '.join(map(str, after))})"


MAKERS: dict[str, Maker] = {
    "dense": _dense,
    "activation": lambda code, s, x: _activated(s.options["function"], x),
    "conv2d": _conv2d,
    "conv2d_transpose": _conv2d_transpose,
    "batch_norm": lambda code, s, x: f"{_norm(code, s, True)}({x})",
    "conditional_batch_norm": _conditional_batch_norm,
    "layer_norm": _group_norm,
    "group_norm": _group_norm,
    "dropout": lambda code, s, x: f"F.dropout({x}, {s.options['p']:.9g}, self.training)",
    "maxout": _maxout,
    "max_pool": _pool("max_pool2d"),
    "average_pool": _pool("avg_pool2d"),
    "upsample": _upsample,
    "downsample": _downsample,
    "zero_pad": _zero_pad,
    "residual": _residual,
    "noise": _noise,
    "minibatch_discrimination": _minibatch_discrimination,
    "minibatch_closeness": lambda code, s, x: f"beside({x}, nearest({x}, {s.options['neighbours']}, {s.options['scale']:.9g}))",
    "minibatch_std": lambda code, s, x: f"beside({x}, spread_of_batch({x}, {s.options['group']}))",
    "constant": _constant,
    "condition": _condition,
    "embedding": _embedding,
    "projection": _projection,
    "flatten": lambda code, s, x: _shaped(x, s.input, s.output),
    "reshape": lambda code, s, x: _shaped(x, s.input, s.output),
}
"""How each layer is said; what is not here is refused."""


def _through(code: Code, steps: list[Step], x: str) -> None:
    """Lines after which the variable x is what the steps make of it."""
    for step in steps:
        made = MAKERS[step.type](code, step, x)
        if made != x:
            code.lines.append(f"{x} = {made}")


def module(taken: Taken, weights: str) -> tuple[str, dict[str, Array]]:
    """The text of a module, and its numbers. weights: the name of the file that they are in, beside it."""
    code = Code()
    _through(code, taken.steps, "x")
    before = taken.steps[-1].output if taken.steps else taken.input
    if before != taken.output:
        code.lines.append(f"x = {_shaped('x', before, taken.output)}")
    told = [*(["label"] if taken.classes else []), *(f"{noise.name}=None" for noise in taken.noises)]
    body = "\n".join(code.lines)
    used = {name for name in HELPERS if re.search(rf"\b{name}\(", body)}
    for name, text in HELPERS.items():
        used |= {other for other in HELPERS if name in used and re.search(rf"\b{other}\(", text)}
    used |= {other for other in HELPERS if "shaped" in used and other == "flat"} | ({"spread"} if "beside" in used else set())
    text = TEMPLATE.format(
        name=taken.part.capitalize(),
        about=_comment(as_text(taken.about)),
        input=_said(taken.input),
        output=_said(taken.output),
        labels="; label: (N,) which class, from 0" if taken.classes else "",
        helpers="".join(f"\n{HELPERS[name]}" for name in HELPERS if name in used),
        made="\n".join(f"        {line}" for line in code.made),
        arguments=", ".join(["self", "x", *told]),
        lines="\n".join(f"        {line}" for line in code.lines),
        weights=ascii(weights),
    )
    return text, code.tensors


def _said(shape: Shape) -> str:
    """As a person writes it, channels first."""
    return f"(N, {', '.join(map(str, (shape[-1], *shape[:-1])))})"


def _comment(about: Mapping[str, str]) -> str:
    return "\n".join(f"#   {key}: {clipped(value, 100)}" for key, value in about.items() if key != "config")


TEMPLATE = '''\
"""{name} {input} -> {output}{labels}. Channels stand first. Made by dessine."""

# {name}, as it was trained:
{about}

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

WEIGHTS = Path(__file__).parent / {weights}
{helpers}

class {name}(nn.Module):
    def __init__(self):
        super().__init__()
{made}

    def forward({arguments}):
{lines}
        return x


def load(weights=WEIGHTS):
    """The network with its weights, as it is outside training."""
    network = {name}()
    with np.load(weights, allow_pickle=False) as file:
        network.load_state_dict({{name: torch.from_numpy(file[name]) for name in file.files}})
    return network.eval()
'''

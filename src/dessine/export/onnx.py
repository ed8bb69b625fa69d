"""ONNX: the network as a graph of its operators, for onnxruntime and all that read it.

Arrays are as ours, channels last; where an operator wants channels first, an axis is moved, and moved back only if somebody
asks for it. The batch is free. What the graph says is held against our own forward before it is written.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from dessine.export.geometry import rest, windows
from dessine.export.taken import Refused, Step, Taken, as_text
from dessine.nn.layer import size
from dessine.nn.shaping import Downsample, Upsample

Array = np.ndarray
OPSET, IR = 18, 9
"""Of 2022 and 2023: what is in use reads them."""
TRIED = 6
"""Examples on which the graph is held against our own forward."""
ERROR = 1e-4
"""That may be between the two, of the largest number of a layer's output: single precision adds in another order."""


class Value(NamedTuple):
    """The name of an array of the graph, one example's shape as ours, and whether channels stand first."""

    name: str
    shape: tuple[int, ...]
    first: bool = False


@dataclass
class Graph:
    """Nodes and numbers, as they are added."""

    nodes: list[Any] = field(default_factory=list)
    numbers: dict[str, Array] = field(default_factory=dict)
    onnx: Any = field(default_factory=lambda: import_module("onnx"))

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """The name of what an operator makes."""
        name = f"v{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(operator, inputs, [name], **attributes))
        return name

    def number(self, value: Any, dtype: Any = np.float32, name: str = "") -> str:
        """The name of a constant."""
        name = name or f"c{len(self.numbers)}"
        self.numbers[name] = np.ascontiguousarray(value, dtype)
        return name

    def whole(self, *values: int) -> str:
        """A row of whole numbers, as shapes and axes are given."""
        return self.number(values, np.int64)

    def last(self, x: Value) -> Value:
        """x with channels last."""
        return self._moved(x, False)

    def first(self, x: Value) -> Value:
        """x with channels first."""
        return self._moved(x, True)

    def _moved(self, x: Value, first: bool) -> Value:
        n = len(x.shape) + 1
        if x.first == first or n == 2:
            return x._replace(first=first)
        order = [0, n - 1, *range(1, n - 1)] if first else [0, *range(2, n), 1]
        return Value(self.add("Transpose", x.name, perm=order), x.shape, first)

    def flat(self, x: Value) -> str:
        """(N, n), in our order."""
        x = self.last(x)
        return x.name if len(x.shape) == 1 else self.add("Reshape", x.name, self.whole(0, size(x.shape)))

    def by_channel(self, v: Array, x: Value) -> str:
        """A number for each channel, to be put beside x."""
        return self.number(v.reshape(-1, *(1,) * (len(x.shape) - 1)) if x.first else v.reshape(-1))

    def spread(self, name: str, x: Value) -> str:
        """(N, n), the same for all pixels of x, channels last."""
        n = len(x.shape) - 1
        return self.add("Reshape", name, self.whole(0, *(1,) * n, -1)) if n else name

    def beside(self, x: Value, v: str, step: Step) -> Value:
        """x, with v, (N, n), behind its channels."""
        x = self.last(x)
        more = step.output[-1] - x.shape[-1]
        if len(x.shape) > 1:
            v = self.add("Mul", self.spread(v, x), self.number(np.ones((*x.shape[:-1], more))))
        return Value(self.add("Concat", x.name, v, axis=-1), step.output)


Maker = Callable[[Graph, Step, Value], Value]


def _activated(g: Graph, x: Value, f: Mapping[str, Any]) -> Value:
    """x through an activation; softmax is over channels, which must stand last."""
    x = g.last(x) if f["type"] == "softmax" else x
    return x._replace(name=ACTIVATIONS[f["type"]](g, x.name, f))


def _scaled(g: Graph, x: str, factor: float) -> str:
    return x if factor == 1 else g.add("Mul", x, g.number(factor))


def _gelu(g: Graph, x: str, f: Mapping[str, Any]) -> str:
    if f["form"] == "tanh":
        cube = _scaled(g, g.add("Mul", x, g.add("Mul", x, x)), 0.044715)
        inner = g.add("Tanh", _scaled(g, g.add("Add", x, cube), math.sqrt(2 / math.pi)))
    else:
        inner = g.add("Erf", _scaled(g, x, math.sqrt(0.5)))
    return g.add("Mul", x, _scaled(g, g.add("Add", inner, g.number(1)), 0.5))


def _heaviside(g: Graph, x: str, f: Mapping[str, Any]) -> str:
    return g.add("Cast", g.add("Greater", x, g.number(0)), to=g.onnx.TensorProto.FLOAT)


ACTIVATIONS: dict[str, Callable[[Graph, str, Mapping[str, Any]], str]] = {
    "linear": lambda g, x, f: _scaled(g, x, f["slope"]),
    "sigmoid": lambda g, x, f: g.add("Sigmoid", _scaled(g, x, f["mu"])),
    "centred_sigmoid": lambda g, x, f: g.add("Tanh", _scaled(g, x, f["mu"] / 2)),
    "tanh": lambda g, x, f: _scaled(g, g.add("Tanh", _scaled(g, x, f["alpha"])), f["k"]),
    "relu": lambda g, x, f: g.add("Relu", x),
    "leaky_relu": lambda g, x, f: g.add("LeakyRelu", x, alpha=float(f["alpha"])),
    "softplus": lambda g, x, f: g.add("Softplus", x),
    "swish": lambda g, x, f: g.add("Mul", x, g.add("Sigmoid", _scaled(g, x, f["beta"]))),
    "gelu": _gelu,
    "softmax": lambda g, x, f: g.add("Softmax", x, axis=-1),
    "heaviside": _heaviside,
}


def _dense(g: Graph, s: Step, x: Value) -> Value:
    b = [g.number(s.arrays["b"][0], name=f"{s.name}.b")] if s.options["bias"] else []
    y = g.add("Gemm", g.flat(x), g.number(s.arrays["w"], name=f"{s.name}.w"), *b)
    return _activated(g, Value(y, s.output), s.options["activation"])


def _conv2d(g: Graph, s: Step, x: Value) -> Value:
    over, c, m = windows(s), s.input[-1], s.output[-1]
    w = s.arrays["w"].reshape(*over.kernel, c, m).transpose(3, 2, 0, 1)
    return _convolved(g, s, x, "Conv", w)


def _conv2d_transpose(g: Graph, s: Step, x: Value) -> Value:
    over, c, m = windows(s), s.input[-1], s.output[-1]
    w = s.arrays["w"].reshape(*over.kernel, m, c).transpose(3, 2, 0, 1)
    return _convolved(g, s, x, "ConvTranspose", w, output_padding=rest(s))


def _convolved(g: Graph, s: Step, x: Value, operator: str, w: Array, **more: Any) -> Value:
    over = windows(s)
    (above, below), (left, right) = over.padding
    b = [g.number(s.arrays["b"].reshape(-1), name=f"{s.name}.b")] if s.options["bias"] else []
    names = g.first(x).name, g.number(w, name=f"{s.name}.w"), *b
    y = g.add(operator, *names, kernel_shape=over.kernel, strides=over.stride, pads=(above, left, below, right), **more)
    return _activated(g, Value(y, s.output, True), s.options["activation"])


def _pool(operator: str, **more: Any) -> Maker:
    def pooled(g: Graph, s: Step, x: Value) -> Value:
        over = windows(s)
        (above, below), (left, right) = over.padding
        pads = above, left, below, right
        y = g.add(operator, g.first(x).name, kernel_shape=over.kernel, strides=over.stride, pads=pads, **more)
        return Value(y, s.output, True)

    return pooled


def _resampled(g: Graph, s: Step, x: Value) -> Value:
    """By the matrices of the layer: what runtimes call resizing differs at the borders from one to the other."""
    layer = (Upsample if s.type == "upsample" else Downsample)(s.options["factor"], s.options["mode"])
    layer.declare(s.input)
    down, across = layer.down, layer.across
    if s.options["mode"] == "nearest":
        down, across = (np.repeat(np.eye(n), k, 0) for n, k in zip(s.input, layer.factor, strict=False))
    y = g.add("MatMul", g.number(down), g.first(x).name)
    return Value(g.add("MatMul", y, g.number(across.T)), s.output, True)


def _zero_pad(g: Graph, s: Step, x: Value) -> Value:
    p, q = s.options["padding"]
    ahead = (0, 0, p, q) if x.first else (0, p, q, 0)
    return Value(g.add("Pad", x.name, g.whole(*ahead, *ahead)), s.output, x.first)


def _batch_norm(g: Graph, s: Step, x: Value) -> Value:
    x, a = g.first(x), s.arrays
    ones, zeros = np.ones(x.shape[-1]), np.zeros(x.shape[-1])
    told = s.type == "conditional_batch_norm"
    numbers = (ones if told else a["gamma"], zeros if told else a["beta"], a["running_mean"], a["running_var"])
    names = [g.number(v.reshape(-1)) for v in numbers]
    y = Value(g.add("BatchNormalization", x.name, *names, epsilon=float(s.options["epsilon"])), s.output, True)
    if not told:
        return y
    y = g.last(y)
    gamma, beta = (g.spread(g.add("Gather", g.number(a[of]), "label"), y) for of in ("gamma", "beta"))
    return y._replace(name=g.add("Add", g.add("Mul", y.name, gamma), beta))


def _group_norm(g: Graph, s: Step, x: Value) -> Value:
    """layer_norm, too, which is of one group."""
    x, groups = g.first(x), s.options.get("groups", 1)
    parts = g.add("Reshape", x.name, g.whole(0, groups, -1))
    ones, zeros = g.number(np.ones(groups)), g.number(np.zeros(groups))
    u = g.add("InstanceNormalization", parts, ones, zeros, epsilon=float(s.options["epsilon"]))
    u = g.add("Reshape", u, g.whole(0, x.shape[-1], *x.shape[:-1]))
    gamma, beta = (g.by_channel(s.arrays[of], x) for of in ("gamma", "beta"))
    return Value(g.add("Add", g.add("Mul", u, gamma), beta), s.output, True)


def _maxout(g: Graph, s: Step, x: Value) -> Value:
    a = g.add("Gemm", g.flat(x), g.number(s.arrays["w"]), g.number(s.arrays["b"][0]))
    a = g.add("Reshape", a, g.whole(0, s.options["pieces"], s.options["units"]))
    return Value(g.add("ReduceMax", a, g.whole(1), keepdims=0), s.output)


def _noise(g: Graph, s: Step, x: Value) -> Value:
    drawn, x = _scaled(g, f"noise_{s.name}", s.options["scale"]), g.last(x)
    if s.options["how"] == "concatenate":
        return g.beside(x, drawn, s)
    if s.options["how"] == "add":
        return x._replace(name=g.add("Add", x.name, drawn))
    return x._replace(name=g.add("Mul", x.name, g.add("Add", drawn, g.number(1))))


def _residual(g: Graph, s: Step, x: Value) -> Value:
    y, short = (g.last(_through(g, s.rows[row], x)) for row in ("layers", "shortcut"))
    return Value(g.add("Add", y.name, short.name), s.output)


def _constant(g: Graph, s: Step, x: Value) -> Value:
    count = g.add("Slice", g.add("Shape", x.name), g.whole(0), g.whole(1))
    shape = g.add("Concat", count, g.whole(*s.output), axis=0)
    return Value(g.add("Expand", g.number(s.arrays["b"][None]), shape), s.output)


def _condition(g: Graph, s: Step, x: Value) -> Value:
    k = s.output[-1] - s.input[-1]
    return g.beside(x, g.add("Gather", g.number(np.eye(k)), "label"), s)


def _embedding(g: Graph, s: Step, x: Value) -> Value:
    e = g.add("Gather", g.number(s.arrays["e"]), "label")
    if s.options["how"] == "concatenate":
        return g.beside(x, e, s)
    x = g.last(x)
    return x._replace(name=g.add("Mul", x.name, g.spread(e, x)))


def _projection(g: Graph, s: Step, x: Value) -> Value:
    u = g.add("Add", g.add("Gather", g.number(s.arrays["v"]), "label"), g.number(s.arrays["w"].reshape(1, -1)))
    y = g.add("ReduceSum", g.add("Mul", g.flat(x), u), g.whole(1), keepdims=1)
    return Value(g.add("Add", y, g.number(s.arrays["b"])), s.output)


def _minibatch_discrimination(g: Graph, s: Step, x: Value) -> Value:
    m = g.add("Reshape", g.add("MatMul", x.name, g.number(s.arrays["t"])), g.whole(0, s.options["dims"], s.options["kernels"]))
    apart = g.add("Abs", g.add("Sub", g.add("Unsqueeze", m, g.whole(0)), g.add("Unsqueeze", m, g.whole(1))))
    near = g.add("Exp", g.add("Neg", g.add("ReduceSum", apart, g.whole(2), keepdims=0)))  # (N, N, kernels)
    return g.beside(x, g.add("Sub", g.add("ReduceSum", near, g.whole(1), keepdims=0), g.number(1)), s)


def _minibatch_closeness(g: Graph, s: Step, x: Value) -> Value:
    n, scale = s.options["neighbours"], s.options["scale"]
    apart = g.add("Sub", g.add("Unsqueeze", x.name, g.whole(0)), g.add("Unsqueeze", x.name, g.whole(1)))
    distance = g.add("Sqrt", g.add("ReduceMean", g.add("Mul", apart, apart), g.whole(2), keepdims=0))
    near = g.add("Exp", _scaled(g, distance, -1 / scale))
    near = g.add("Sub", near, g.add("Mul", near, g.add("EyeLike", near)))  # not itself
    near = g.add("Pad", near, g.whole(0, 0, 0, n))  # beyond the batch 0
    name = f"nearest_{s.name}"
    g.nodes.append(g.onnx.helper.make_node("TopK", [near, g.whole(n)], [name, f"{name}_which"], axis=-1))
    return g.beside(x, name, s)


def _minibatch_std(g: Graph, s: Step, x: Value) -> Value:
    """By a matrix that takes the mean over each example's group: which that is depends on the size of the batch."""
    flat, one = g.flat(x), g.whole(1)
    count = g.add("Slice", g.add("Shape", flat), g.whole(0), one)  # (1,)
    groups = g.add("Max", g.add("Div", count, g.whole(s.options["group"])), one) if s.options["group"] else one
    at = g.add("Range", g.number(0, np.int64), g.add("Squeeze", count), g.number(1, np.int64))
    group = g.add("Div", g.add("Sub", g.add("Mul", g.add("Add", at, one), groups), one), count)
    alike = g.add("Equal", g.add("Unsqueeze", group, g.whole(0)), g.add("Unsqueeze", group, g.whole(1)))
    alike = g.add("Cast", alike, to=g.onnx.TensorProto.FLOAT)
    mean = g.add("Div", alike, g.add("ReduceSum", alike, g.whole(1), keepdims=1))  # (N, N)
    gap = g.add("Sub", flat, g.add("MatMul", mean, flat))
    spread = g.add("Sqrt", g.add("Add", g.add("MatMul", mean, g.add("Mul", gap, gap)), g.number(1e-8)))
    return g.beside(x, g.add("ReduceMean", spread, one, keepdims=1), s)


def _reshape(g: Graph, s: Step, x: Value) -> Value:
    x = g.last(x)
    return x if s.input == s.output else Value(g.add("Reshape", x.name, g.whole(0, *s.output)), s.output)


MAKERS: dict[str, Maker] = {
    "dense": _dense,
    "activation": lambda g, s, x: _activated(g, x, s.options["function"]),
    "conv2d": _conv2d,
    "conv2d_transpose": _conv2d_transpose,
    "batch_norm": _batch_norm,
    "conditional_batch_norm": _batch_norm,
    "layer_norm": _group_norm,
    "group_norm": _group_norm,
    "dropout": lambda g, s, x: x,
    "maxout": _maxout,
    "max_pool": _pool("MaxPool"),
    "average_pool": _pool("AveragePool", count_include_pad=1),
    "upsample": _resampled,
    "downsample": _resampled,
    "zero_pad": _zero_pad,
    "residual": _residual,
    "noise": _noise,
    "minibatch_discrimination": _minibatch_discrimination,
    "minibatch_closeness": _minibatch_closeness,
    "minibatch_std": _minibatch_std,
    "constant": _constant,
    "condition": _condition,
    "embedding": _embedding,
    "projection": _projection,
    "flatten": _reshape,
    "reshape": _reshape,
}
"""How each layer is said; what is not here is refused."""


def _through(g: Graph, steps: list[Step], x: Value) -> Value:
    for step in steps:
        x = MAKERS[step.type](g, step, x)
    return x


def model(taken: Taken) -> Any:
    """The network as an ONNX model."""
    g = Graph()
    helper, kind = g.onnx.helper, g.onnx.TensorProto
    name = "latent" if taken.part == "generator" else "input"
    said = {"generator": "images" if taken.about.get("images") else "points"}.get(taken.part, "output")
    y = g.last(_through(g, taken.steps, Value(name, taken.input)))
    shaped = g.add("Reshape", y.name, g.whole(0, *taken.output)) if y.shape != taken.output else y.name
    g.nodes.append(helper.make_node("Identity", [shaped], [said]))
    inputs = [helper.make_tensor_value_info(name, kind.FLOAT, ["N", *taken.input])]
    if taken.classes:
        inputs.append(helper.make_tensor_value_info("label", kind.INT64, ["N"]))
    inputs += [helper.make_tensor_value_info(one.name, kind.FLOAT, ["N", *one.shape]) for one in taken.noises]
    outputs = [helper.make_tensor_value_info(said, kind.FLOAT, ["N", *taken.output])]
    numbers = [g.onnx.numpy_helper.from_array(v, at) for at, v in g.numbers.items()]
    graph = helper.make_graph(g.nodes, str(taken.about.get("name", taken.part)), inputs, outputs, numbers)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR, producer_name="dessine")
    helper.set_model_props(made, as_text(taken.about))
    g.onnx.checker.check_model(made)
    return made


def check(made: Any, taken: Taken) -> str:
    """Hold it against our own forward; by what. Raises Refused where they differ."""
    x, labels = taken.inputs(TRIED, 0), taken.labels(TRIED)
    ours = taken.forward(x, labels)
    feed = {made.graph.input[0].name: x.astype(np.float32), **taken.noise(TRIED)}
    feed |= {"label": labels.astype(np.int64)} if labels is not None else {}
    run, by = _runner(made.SerializeToString())
    gap = float(np.abs(run(feed) - ours).max()) / max(float(np.abs(ours).max()), 1e-6)
    if not gap <= ERROR:
        raise Refused(f"{by} makes something else of it: {gap:.2g} away, of the largest number that it gives")
    return by


def _runner(model: bytes) -> tuple[Callable[[dict[str, Array]], Array], str]:
    """What runs a model here, and its name."""
    try:
        session = import_module("onnxruntime").InferenceSession(model, providers=["CPUExecutionProvider"])
        return lambda feed: session.run(None, feed)[0], "onnxruntime"
    except ImportError:
        evaluator = import_module("onnx.reference").ReferenceEvaluator(model)
        return lambda feed: evaluator.run(None, feed)[0], "onnx.reference"


def content(taken: Taken) -> bytes:
    """The file."""
    made = model(taken)
    check(made, taken)
    written: bytes = made.SerializeToString()
    return written

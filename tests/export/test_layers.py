"""Every layer and activation in every format: the same numbers as our own, or refused by its name."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from layer_table import ACTIVATIONS, LAYERS, alone

from dessine.export import FORMATS, Taken, html, onnx, torch, write
from dessine.export.formats import refuse
from dessine.export.numbers import npz
from dessine.export.taken import Refused, of_network
from dessine.nn import Layer, Network
from dessine.nn.activations import activations
from dessine.nn.layer import Activate, Declaration, layers

NODE = shutil.which("node")
CASES = [({"type": name, **o}, shape) for name in LAYERS for shape, o in LAYERS[name]]
CASES += [({"type": "activation", "function": {"type": name, **o}}, (4,)) for name in ACTIVATIONS for o in ACTIVATIONS[name]]
IDS = [f"{node}-{shape}" for node, shape in CASES]
PAGES = [i for i, (node, _) in enumerate(CASES) if node["type"] in html.LAYERS]
BATCH = 5


def taken(node: dict[str, Any], shape: tuple[int, ...]) -> Taken:
    network = alone(node, shape, np.float32, 1)
    told = any(place.layer.labelled for place in network.places())
    return of_network(network, "network", {"name": "one"}, classes=("a", "b", "c") if told else ())


def error(y: Any, ours: np.ndarray) -> float:
    y = np.asarray(y, np.float64).reshape(ours.shape)
    return float(np.abs(y - ours).max() / max(np.abs(ours).max(), 1e-6))


@pytest.mark.parametrize("to", FORMATS)
def test_every_layer_and_activation_is_said_or_refused_by_name(to: str) -> None:
    refused = {"html": {"minibatch_discrimination", "minibatch_closeness", "minibatch_std"}}.get(to, set())
    assert {name for name in layers.members if name not in FORMATS[to].layers} == refused
    assert all(name in FORMATS[to].activations for name in activations.members)
    for name in refused:
        shape, options = LAYERS[name][0]
        with pytest.raises(Refused, match=f"network, layer 0: a page has no {name}"):
            refuse(to, taken({"type": name, **options}, shape))


@pytest.mark.parametrize("to", ["onnx", "torch", "html"])
def test_a_layer_that_nobody_knows_is_refused_and_nothing_written(to: str, tmp_path: Path) -> None:
    class Mine(Layer):
        type = "mine"

        def declare(self, shape: tuple[int, ...]) -> Declaration:
            return Declaration(shape)

    class Own(type(activations["relu"]())):  # type: ignore[misc]
        type = "own"

    for layer, name in ((Mine(), "mine"), (Activate(Own()), "own")):
        made = of_network(Network([layer], 3), "network", {})
        with pytest.raises(Refused, match=f"layer 0: .* has no {name}"):
            write(to, made, tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("node", "shape"), CASES, ids=IDS)
def test_onnx_gives_our_numbers(node: dict[str, Any], shape: tuple[int, ...]) -> None:
    pytest.importorskip("onnx")
    one = taken(node, shape)
    onnx.check(onnx.model(one), one)  # of another batch than 1


def test_a_wrong_onnx_model_is_noticed() -> None:
    pytest.importorskip("onnx")
    one = taken({"type": "dense", "units": 4}, (3,))
    made = onnx.model(one)
    one.network.theta[...] += 0.1
    with pytest.raises(Refused, match="makes something else of it"):
        onnx.check(made, one)


@pytest.mark.parametrize(("node", "shape"), CASES, ids=IDS)
def test_a_torch_module_is_python_that_names_all_its_numbers(node: dict[str, Any], shape: tuple[int, ...]) -> None:
    text, tensors = torch.module(taken(node, shape), "one.npz")
    tree = ast.parse(text)
    made = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.attr.startswith("layer")}
    assert {name.split(".")[0] for name in tensors} == made
    defined = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
    called = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    assert called & set(torch.HELPERS) == defined & set(torch.HELPERS)
    assert not {n.names[0].name for n in ast.walk(tree) if isinstance(n, ast.Import)} & {"pickle", "dessine"}
    assert "torch.load" not in text


@pytest.mark.parametrize(("node", "shape"), CASES, ids=IDS)
def test_a_torch_module_gives_our_numbers(node: dict[str, Any], shape: tuple[int, ...], tmp_path: Path) -> None:
    pytorch = pytest.importorskip("torch")

    def first(a: np.ndarray) -> Any:
        return pytorch.from_numpy(np.moveaxis(a, -1, 1).copy())

    one = taken(node, shape)
    write("torch", one, tmp_path / "one.py")
    spec = importlib.util.spec_from_file_location("one", tmp_path / "one.py")
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    x, labels = one.inputs(BATCH, 0), one.labels(BATCH)
    given = {name: first(noise) for name, noise in one.noise(BATCH).items()}
    given |= {} if labels is None else {"label": pytorch.from_numpy(labels)}
    with pytorch.no_grad():
        y = module.load()(first(x), **given).numpy()
    assert error(np.moveaxis(y, 1, -1), one.forward(x, labels)) < 1e-5


@pytest.mark.parametrize(("node", "shape"), [("layer_norm", (1,)), ({"type": "group_norm", "groups": 4}, (4,))])
def test_what_pytorch_cannot_normalise_is_refused(node: Any, shape: tuple[int, ...]) -> None:
    with pytest.raises(Refused, match=r"no (layer|group)_norm for groups of one number"):
        torch.module(taken(node, shape), "")


def test_names_of_tensors_are_those_of_pytorch() -> None:
    _, tensors = torch.module(taken({"type": "conv2d", "channels": 3}, (5, 4, 2)), "")
    assert {name: a.shape for name, a in tensors.items()} == {"layer0.weight": (3, 2, 3, 3), "layer0.bias": (3,)}
    _, tensors = torch.module(taken({"type": "batch_norm"}, (3,)), "")
    assert set(tensors) == {"layer0.weight", "layer0.bias", "layer0.running_mean", "layer0.running_var"}
    inside = {"type": "residual", "layers": [{"type": "dense", "units": 2}], "shortcut": [{"type": "dense", "units": 2}]}
    _, tensors = torch.module(taken(inside, (3,)), "")
    assert {"layer0_0.weight", "layer0_shortcut_0.weight"} < set(tensors)


def test_weights_that_are_gone_are_refused() -> None:
    network = alone({"type": "dense", "units": 2}, (3,), np.float32, 1)
    network.theta[0, 1] = np.nan
    with pytest.raises(Refused, match="not finite"):
        of_network(network, "generator", {})


def test_safetensors_hold_the_tensors_of_the_module(tmp_path: Path) -> None:
    library = pytest.importorskip("safetensors")
    one = taken({"type": "dense", "units": 4}, (3,))
    write("safetensors", one, tmp_path / "one.safetensors")
    _, tensors = torch.module(one, "")
    with library.safe_open(tmp_path / "one.safetensors", framework="numpy") as file:
        assert file.metadata()["name"] == "one"
        assert json.loads(file.metadata()["input"]) == [3]
        assert {name: file.get_tensor(name).tolist() for name in file.keys()} == {  # noqa: SIM118
            name: a.tolist() for name, a in tensors.items()
        }


def test_npz_holds_the_numbers_and_the_spec(tmp_path: Path) -> None:
    one = taken({"type": "dense", "units": 4, "activation": "tanh"}, (3,))
    (tmp_path / "one.npz").write_bytes(npz(one))
    with np.load(tmp_path / "one.npz") as file:
        spec = json.loads(str(file["spec"]))
        assert set(file.files) == {"0.w", "0.b", "spec"}
        assert spec["steps"][0]["options"]["activation"] == {"type": "tanh", "k": 1.0, "alpha": 1.0}
        x = one.inputs(2, 0)
        assert np.allclose(np.tanh(x @ file["0.w"] + file["0.b"]), one.forward(x), atol=1e-6)


@pytest.fixture(scope="module")
def answers(tmp_path_factory) -> list[Any]:
    """What engine.js makes of all cases, in one process of node."""
    if NODE is None:
        pytest.skip("needs node")
    folder, asked = tmp_path_factory.mktemp("node"), []
    for i in PAGES:
        one = taken(*CASES[i])
        x, labels = one.inputs(BATCH, 0), one.labels(BATCH)
        noise = {name: a.ravel().tolist() for name, a in one.noise(BATCH).items()}
        told = {"x": x.ravel().tolist(), "labels": None if labels is None else labels.tolist(), "noise": noise}
        asked.append({"net": html.document(one), "weights": html.weights(one), **told})
    engine = files("dessine.export").joinpath("engine.js").read_text(encoding="utf-8")
    ask = """
const cases = JSON.parse(require("fs").readFileSync(process.argv[2], "utf8"));
const said = cases.map((c) => [...network(c.net, c.weights)(Float32Array.from(c.x), c.labels, c.noise)]);
console.log(JSON.stringify({ layers: Object.keys(LAYERS), activations: Object.keys(ACTIVATIONS), said }));
"""
    (folder / "ask.js").write_text(engine + ask)
    (folder / "cases.json").write_text(json.dumps(asked))
    done = subprocess.run([NODE, folder / "ask.js", folder / "cases.json"], capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)
    assert sorted(answer["layers"]) == sorted(html.LAYERS)
    assert sorted(answer["activations"]) == sorted(html.ACTIVATIONS)
    said: list[Any] = answer["said"]
    return said


@pytest.mark.parametrize("at", range(len(PAGES)), ids=[IDS[i] for i in PAGES])
def test_javascript_gives_our_numbers(at: int, answers: list[Any]) -> None:
    one = taken(*CASES[PAGES[at]])
    assert error(answers[at], one.forward(one.inputs(BATCH, 0), one.labels(BATCH))) < 1e-5


def test_no_name_of_the_page_is_declared_twice() -> None:
    text = "".join(files("dessine.export").joinpath(name).read_text(encoding="utf-8") for name in ("engine.js", "page.js"))
    names = re.findall(r"^(?:function|const|let) (\w+)", text, re.MULTILINE)
    assert len(names) == len(set(names))

"""Imports point down: what stands on a floor of the house knows nothing of the floors above it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

parse = cache(ast.parse)
SOURCE = Path(__file__).parents[1] / "src" / "dessine"

FLOORS = [
    ["compiled", "mistakes"],
    ["registry", "streams", "intervals", "threads", "letters", "start", "machine", "shipped", "installed", "stopping"],
    ["schema", "paths"],
    ["node", "plugins"],
    ["schedules"],
    ["nn", "losses", "optimizers"],
    ["constraints"],
    ["data", "runs", "plots", "spec"],
    ["scores", "reports"],
    ["games", "extend"],
    ["choosing"],
    ["experiment"],
    ["finishing"],
    ["training"],
    ["stopwatch"],
    ["sweeps", "export"],
    ["live"],
    ["cli"],
    ["api"],
    ["__main__"],
]
"""From the ground up. A module imports from floors below its own, and from its own package."""

LAZY = {
    "matplotlib": "half a second",
    "pooch": "only to download",
    "platformdirs": "only to look for downloaded data",
    "scipy.optimize": "a quarter of a second",
    "scipy.stats": "half a second",
    "distributed": "need not be installed",
    "submitit": "need not be installed",
    "optuna": "need not be installed",
    "onnx": "need not be installed",
    "safetensors": "need not be installed",
    "dessine.compiled": "it brings Numba, half a second, which need not be installed",
    "fcntl": "not on every system",
    "resource": "not on every system",
    "dessine.schema": "it brings pydantic",
    "dessine.plots": "it brings matplotlib or Pillow",
    "dessine.sweeps.on_dask": "a launcher that few need",
    "dessine.sweeps.on_slurm": "a launcher that few need",
}
"""What may be imported inside a function, and why. In cli, all of dessine may: `--help` must answer at once."""

Import = tuple[int, str, bool]  # line, module, inside a function


def imports(tree: ast.AST, inside: bool = False) -> Iterator[Import]:
    """Every import below `tree`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, inside
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are written from the top, `from dessine...`"
            # `from dessine import experiment` imports a module; a name that is none does no harm here.
            modules = [f"dessine.{a.name}" for a in node.names] if node.module == "dessine" else [node.module or ""]
            for module in modules:
                yield node.lineno, module, inside
        else:
            yield from imports(node, inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda))


def package(module: str) -> str:
    """dessine.nn.dense -> nn."""
    return module.split(".")[1] if "." in module else module


def floor(name: str) -> int:
    return next(i for i, names in enumerate(FLOORS) if name in names)


def is_lazy(module: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in LAZY)


def faults(source: str, own: str) -> list[str]:
    """What is wrong with the imports of a module of the package `own`."""
    found = []
    for line, module, inside in imports(parse(source)):
        known = any(package(module) in names for names in FLOORS) and module.startswith("dessine.")
        if known and package(module) != own and floor(package(module)) >= floor(own):
            found.append(f"line {line}: {own} must not know {module}")
        if inside and not is_lazy(module) and not (own == "cli" and module.startswith("dessine.")):
            found.append(f"line {line}: {module} is imported inside a function")
    return found


MODULES = sorted(path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")


def test_every_package_has_its_floor() -> None:
    packages = {name.split("/")[0].removesuffix(".py") for name in MODULES}
    assert packages <= {name for names in FLOORS for name in names}


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_down(name: str) -> None:
    text = (SOURCE / name).read_text(encoding="utf-8")
    assert faults(text, name.split("/")[0].removesuffix(".py")) == []


def known() -> dict[str, Path]:
    """Module -> its file."""
    names = {name.removesuffix(".py").removesuffix("/__init__").replace("/", "."): name for name in MODULES}
    return {f"dessine.{name}": SOURCE / path for name, path in names.items()}


def edges() -> dict[str, set[str]]:
    """Module -> the modules of dessine that it imports, wherever the import stands: in a function or for types, too."""
    names = set(known())
    return {name: imported(path.read_text(encoding="utf-8"), names) - {name} for name, path in known().items()}


def imported(source: str, known: set[str]) -> set[str]:
    found = set()
    for node in ast.walk(parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            submodules = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in known else str(node.module) for name in submodules}
    return found & known


def circles(edges: dict[str, set[str]]) -> list[set[str]]:
    """Groups of modules each of which leads to all others of its group."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        ring = set(error.args[1])
        rest = {name: to - ring for name, to in edges.items() if name not in ring}
        return [ring, *circles(rest)]
    return []


def test_no_imports_run_in_a_circle() -> None:
    assert circles(edges()) == []


def names_in(module: Path) -> set[str]:
    """What another module may import from it: all that is given a name at its top, and the modules of a package."""
    found = {one.stem for one in module.parent.iterdir()} if module.stem == "__init__" else set()
    for statement in parse(module.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.ClassDef | ast.FunctionDef):
            found.add(statement.name)
            continue
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                found |= {alias.asname or alias.name for alias in node.names}
    return found


def test_what_is_imported_is_there() -> None:
    there = {name: names_in(path) for name, path in {**known(), "dessine": SOURCE / "__init__.py"}.items()}
    for name in MODULES:
        for node in ast.walk(parse((SOURCE / name).read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == "dessine":
                missing = {alias.name for alias in node.names} - there.get(str(node.module), set())
                assert not missing, f"{name}:{node.lineno}: {node.module} has no {missing}"


def test_a_circle_is_noticed() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [{"b", "c"}]
    names = {"dessine.a", "dessine.b"}
    lazy = "def f():\n    from dessine import b"
    typed = "if TYPE_CHECKING:\n    from dessine.b import X"
    assert imported(lazy, names) == imported(typed, names) == {"dessine.b"}


def test_the_brain_knows_no_file_no_yaml_and_no_screen() -> None:
    forbidden = {"yaml", "json", "pathlib", "click", "tqdm", "matplotlib", "PIL", "sys", "io", "pickle", "logging"}
    for name in MODULES:
        if name.split("/")[0].removesuffix(".py") in ("nn", "losses", "optimizers", "constraints", "streams"):
            tree = parse((SOURCE / name).read_text(encoding="utf-8"))
            assert not {module.split(".")[0] for _, module, _ in imports(tree)} & forbidden, name
            assert not {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} & {"open", "print", "input"}, name


def test_nothing_is_unpickled() -> None:
    for name in MODULES:
        tree = parse((SOURCE / name).read_text(encoding="utf-8"))
        assert not {module for _, module, _ in imports(tree)} & {"pickle", "dill", "joblib", "shelve", "marshal"}, name
        told = [k.value for n in ast.walk(tree) if isinstance(n, ast.Call) for k in n.keywords if k.arg == "allow_pickle"]
        assert all(isinstance(v, ast.Constant) and v.value is False for v in told), name


@pytest.mark.parametrize(
    ("own", "source"),
    [
        ("nn", "from dessine.games import Player"),
        ("nn", "import dessine.data"),
        ("games", "from dessine import experiment"),
        ("data", "from dessine.runs.run import Run"),
        ("games", "def f():\n    from dessine.training import train"),
        ("nn", "def f():\n    import json"),
        ("games", "class A:\n    def f(self):\n        from dessine.losses import sigmoid"),
        ("cli", "def f():\n    from datetime import datetime"),
        ("streams", "from dessine.schema import check"),
        ("registry", "def f():\n    from dessine.schema import check"),
        ("schema", "from dessine.node import Node"),
    ],
)
def test_the_rule_notices(own: str, source: str) -> None:
    assert faults(source, own)


@pytest.mark.parametrize(
    ("own", "source"),
    [
        ("nn", "from dessine.nn.layer import Layer\nfrom dessine.node import Node\nimport numpy"),
        ("node", "def f():\n    from dessine.schema import check"),
        ("games", "def f():\n    from dessine.plots.grid import save_grid\n    import matplotlib.pyplot"),
        ("cli", "def f():\n    from dessine.training import train"),
        ("cli", "from dessine import experiment"),
    ],
)
def test_the_rule_allows(own: str, source: str) -> None:
    assert faults(source, own) == []

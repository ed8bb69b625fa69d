"""Runs docs/tour.ipynb and keeps what its cells show: `make tour`. A notebook is JSON, and its cells are run as Python runs them."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def run(notebook: dict[str, Any]) -> None:
    """Run every cell in the current folder, and put what it shows into the notebook. What a cell raises is raised."""
    names: dict[str, Any] = {"__name__": "__main__"}
    count = 0
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            count += 1
            cell |= {"execution_count": count, "outputs": _shown("".join(cell["source"]), names, count)}


def _shown(source: str, names: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """What is printed, and what the last line is, if it is a value."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    text, value = io.StringIO(), None
    with contextlib.redirect_stdout(text):
        exec(compile(tree, f"<cell {count}>", "exec"), names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), f"<cell {count}>", "eval"), names)
    printed = re.sub(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d", "2026-11-26_10-00-00", text.getvalue())
    outputs: list[dict[str, Any]] = []
    if printed:
        outputs.append({"output_type": "stream", "name": "stdout", "text": printed.splitlines(True)})
    if value is not None:
        data = {"text/plain": repr(value).splitlines(True)}
        if hasattr(value, "_repr_html_"):
            data["text/html"] = [value._repr_html_()]
        outputs.append({"output_type": "execute_result", "execution_count": count, "metadata": {}, "data": data})
    return outputs


if __name__ == "__main__":
    path = HERE / "tour.ipynb"
    told = json.loads(path.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        run(told)
    path.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

"""What the pages for Python say is so: the tour runs, the reference is that of the docstrings, links lead somewhere."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
sys.path.insert(0, str(DOCS))

import make_api  # noqa: E402
import make_tour  # noqa: E402


@pytest.fixture(scope="module")
def tour() -> dict:
    return json.loads((DOCS / "tour.ipynb").read_text(encoding="utf-8"))


def test_the_reference_is_what_the_docstrings_say() -> None:
    assert (DOCS / "api.md").read_text(encoding="utf-8") == make_api.page(), "docs/api.md: `make api` writes it anew"


def test_the_tour_runs_and_shows_what_it_shows(tour: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = json.loads(json.dumps(tour))
    make_tour.run(tour)
    for was, now in zip(before["cells"], tour["cells"], strict=True):
        kinds = [[(one["output_type"], sorted(one.get("data", {}))) for one in cell.get("outputs", [])] for cell in (was, now)]
        assert kinds[0] == kinds[1], "docs/tour.ipynb: `make tour` runs it anew"


def test_the_tour_is_small_and_a_notebook(tour: dict) -> None:
    assert (DOCS / "tour.ipynb").stat().st_size < 100_000
    assert (tour["nbformat"], tour["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in tour["cells"]}) == len(tour["cells"])
    keys = {"markdown": {"cell_type", "id", "metadata", "source"}}
    keys["code"] = keys["markdown"] | {"execution_count", "outputs"}
    assert all(set(cell) == keys[cell["cell_type"]] for cell in tour["cells"])


@pytest.mark.parametrize("name", ["api.md", "extending.md", "tour.ipynb"])
def test_links_lead_somewhere(name: str) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", (DOCS / name).read_text(encoding="utf-8"))
    assert not [link for link in links if "://" not in link and not (DOCS / link).exists()]

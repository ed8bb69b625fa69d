"""`dessine draw --label, --labels, --each`: of a run that was told classes, of codes, and by a judge's picking."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dessine.cli import asking
from dessine.cli.draw import _as_numbers
from dessine.scores.sampled import reader

CONFIG = """\
name: told
data: {{type: mnist, source: sample, digits: [2, 5, 7], limit: 60, scale: -1..1}}
game:
  type: adversarial
  latent: {{size: 3}}
  scored: 0
  {more}
  generator:
    layers:
      [{begin}{{type: dense, units: 6}}, {{type: noise, size: 2}}, {{type: dense, units: 784, activation: tanh}}]
  discriminator:
    layers: [{{type: dense, units: 4, activation: leaky_relu}}, {end}]
training: {{steps: 2, batch_size: 6}}
outputs: {{plots: false, samples: 0, gif: false}}
"""
TOLD = {"begin": "condition, ", "end": "projection", "more": "average: 0.9"}
CODE = {
    "begin": "",
    "end": "{type: dense, units: 6}",
    "more": "auxiliary: {type: code, categorical: [3], continuous: 2}",
}
PLAIN = {"begin": "", "end": "{type: dense, units: 1}", "more": "average: 0.9"}


@pytest.fixture
def run(dessine: Any, tmp_path: Path) -> Any:
    def make(options: dict[str, str]) -> str:
        (tmp_path / "told.yaml").write_text(CONFIG.format(**options))
        assert dessine("train", "told.yaml", "--run-dir", "run", "--quiet").code == 0
        return "run"

    return make


def drawn(dessine: Any, tmp_path: Path, *options: Any) -> Any:
    assert dessine("draw", "run", *options, "--out", "some.npz").code == 0
    with np.load(tmp_path / "some.npz") as file:
        return file["images"], file["labels"].tolist()


def test_what_is_asked_for_is_drawn_from_the_same_latents(dessine: Any, run: Any, tmp_path: Path) -> None:
    run(TOLD)
    each, names = drawn(dessine, tmp_path, "--each", 4)
    assert names == [2] * 4 + [5] * 4 + [7] * 4
    fives, _ = drawn(dessine, tmp_path, "--label", 5, "--count", 4)
    np.testing.assert_array_equal(each[4:8], fives)
    some, names = drawn(dessine, tmp_path, "--labels", "7,5,7,2")
    assert names == [7, 5, 7, 2]
    np.testing.assert_array_equal(some, [each[8], each[5], each[10], each[3]])
    rows, names = drawn(dessine, tmp_path, "--each", 2, "--labels", "7,2")
    assert names == [7, 7, 2, 2]
    np.testing.assert_array_equal(rows, [each[8], each[9], each[0], each[1]])
    assert len({image.tobytes() for image in each}) == len(each)


def test_latents_of_a_file_and_truncated_ones_become_what_is_asked(dessine: Any, run: Any, tmp_path: Path) -> None:
    run(TOLD)
    np.save(tmp_path / "z.npy", np.zeros((2, 3)))
    both, _ = drawn(dessine, tmp_path, "--latents", "z.npy", "--label", 5)
    assert len(both) == 2
    one_each, names = drawn(dessine, tmp_path, "--latents", "z.npy", "--labels", "5,7")
    assert names == [5, 7]
    np.testing.assert_array_equal(one_each[0], both[0])
    assert not np.array_equal(one_each[1], both[1])
    assert drawn(dessine, tmp_path, "--label", 5, "--count", 3, "--truncate", 0.5)[1] == [5, 5, 5]


def test_a_walk_keeps_to_the_class_that_is_asked_for(dessine: Any, run: Any, tmp_path: Path) -> None:
    run(TOLD)
    walks = []
    for label in (5, 7):
        assert dessine("draw", "run", "--walk", "3,4", "--frames", 5, "--label", label, "--out", "w.npz").code == 0
        walks.append(np.load(tmp_path / "w.npz")["images"])
    assert not np.array_equal(*walks)


def test_grids_show_a_row_for_each_class(dessine: Any, run: Any, tmp_path: Path) -> None:
    run(TOLD)
    sizes = []
    for options in (["--each", 5], ["--each", 10]):
        assert dessine("draw", "run", *options, "--out", "grid.png").code == 0
        with Image.open(tmp_path / "grid.png") as image:
            sizes.append(image.size)
    assert sizes[1][0] > 1.7 * sizes[0][0]
    assert sizes[1][1] == sizes[0][1]


def test_of_codes_the_first_is_asked_for(dessine: Any, run: Any, tmp_path: Path) -> None:
    run(CODE)
    each, names = drawn(dessine, tmp_path, "--each", 2)
    assert names == [0, 0, 1, 1, 2, 2]
    assert len({image.tobytes() for image in each}) == 6
    np.testing.assert_array_equal(drawn(dessine, tmp_path, "--label", 1, "--count", 2)[0], each[2:4])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--label", 3], r"--label: no class '3' (there are: 2, 5, 7)"),
        (["--labels", "5,8"], r"--labels: no class '8'"),
        (["--label", 5, "--labels", "7"], "--labels: give --label or --labels, not both"),
        (["--labels", "5,,7"], "expects labels, such as"),
        (["--each", 2, "--count", 4], "--count: the labels say how many"),
        (["--walk", "1,2", "--each", 2], "--each: a walk"),
    ],
    ids=str,
)
def test_what_cannot_be_asked_is_said(dessine: Any, run: Any, tmp_path: Path, options: list[Any], message: str) -> None:
    run(TOLD)
    answer = dessine("draw", "run", *options, "--out", "some.npz")
    assert answer.code == 2
    assert message in answer.err
    assert not (tmp_path / "some.npz").exists()


def test_of_a_run_without_labels_the_judge_picks_and_says_how_many_draws_it_took(
    dessine: Any, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(PLAIN)

    def by_light(panel: Any) -> Any:
        names, _ = reader(panel)  # type: ignore[misc]
        return names, lambda x: np.argsort(np.argsort(x.reshape(len(x), -1).sum(1))) * 10 // len(x)

    monkeypatch.setattr(asking, "reader", by_light)
    assert dessine("draw", "run", "--count", 500, "--out", "all.npz").code == 0
    plain = np.load(tmp_path / "all.npz")["images"]
    order = np.argsort(plain.reshape(500, -1).sum(1))
    answer = dessine("draw", "run", "--label", 7, "--count", 20, "--out", "some.npz")
    assert answer.code == 0
    last = int(np.sort(order[350:400])[19]) + 1
    assert f"20 of {last} draws" in answer.err
    assert "rightly" in answer.err
    with np.load(tmp_path / "some.npz") as file:
        assert file["labels"].tolist() == [7] * 20
        np.testing.assert_array_equal(file["images"], plain[np.sort(order[350:400])[:20]])


def test_a_judge_that_finds_too_few_gives_up(dessine: Any, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(PLAIN)
    monkeypatch.setattr(asking, "LEAST", 1000)
    monkeypatch.setattr(asking, "reader", lambda panel: (("0", "1", "2"), lambda x: np.arange(len(x)) % 2))
    answer = dessine("draw", "run", "--each", 2, "--out", "some.npz")
    assert answer.code == 2
    assert "among 1,200 draws: 0 of 2 for 2" in answer.err or "draws: 0 of 2 for 2" in answer.err
    assert not (tmp_path / "some.npz").exists()


def test_a_layer_that_expects_other_classes_is_one_line(dessine: Any, tmp_path: Path) -> None:
    (tmp_path / "told.yaml").write_text(CONFIG.format(**TOLD | {"begin": "{type: condition, classes: 10}, "}))
    answer = dessine("config", "check", "told.yaml")
    assert answer.code == 2
    assert "layers[0].classes: the data have 3 classes, not 10" in answer.err
    assert len(answer.err.splitlines()) == 1


@pytest.mark.parametrize("names", [["\u00b2", "\u00b3"], ["007", "7"], ["9" * 25, "1"], ["\u0663", "3"], ["cat", "2"]])
def test_names_of_classes_that_only_look_like_numbers_stay_names(names: list[str]) -> None:
    told = _as_numbers(names)
    assert told.dtype.kind == "U"
    assert told.tolist() == names
    assert _as_numbers(["10", "0"]).tolist() == [10, 0]

"""Pictures of a classification stay of one size, however many classes there are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dessine.plots.learning import save_confusion


@pytest.mark.parametrize("classes", [62])
def test_the_confusion_of_many_classes_is_no_larger_than_that_of_twenty(tmp_path: Path, classes: int) -> None:
    path = save_confusion(tmp_path, np.eye(classes), [str(i + 1) for i in range(classes)], "letters")
    with Image.open(path) as picture:
        assert max(picture.size) < 2_000


@pytest.mark.parametrize("classes", [2, 10, 20, 47])
def test_no_text_of_a_confusion_leaves_the_sheet(tmp_path: Path, classes: int) -> None:
    path = save_confusion(tmp_path, np.eye(classes, dtype=int), [str(i) for i in range(classes)], "a")
    ink = np.asarray(Image.open(path).convert("L")) < 200
    assert not ink[:, [0, 1, -1]].any()
    assert not ink[[0, 1, -1]].any()

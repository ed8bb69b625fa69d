"""The tiny run as fixtures, and the command line in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tiny_run import CONFIG, Answer, here, write_idx


@pytest.fixture(scope="session")
def images(tmp_path_factory) -> Path:
    """A folder of 40 + 20 images of 4 x 4, so that an epoch is over after a few steps."""
    folder, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for part, n in (("train", 40), ("t10k", 20)):
        write_idx(folder / f"{part}-images-idx3-ubyte", rng.integers(0, 256, (n, 4, 4)))
        write_idx(folder / f"{part}-labels-idx1-ubyte", np.arange(n) % 10)
    return folder


@pytest.fixture(autouse=True)
def _as_in_a_pipe(monkeypatch) -> None:
    """No screen has a width, whatever it is where the tests run: processes that share them are told that of the terminal."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DESSINE_DATA", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def trained(tmp_path_factory, images, _own_cache) -> Callable[..., Path]:
    """Train the tiny config, with overrides; the run's folder."""

    def train(*overrides: str) -> Path:
        folder = tmp_path_factory.mktemp("trained")
        (folder / "tiny.yaml").write_text(CONFIG.format(images=images))
        assert here(["train", folder / "tiny.yaml", *overrides, "--run-dir", folder / "run", "--quiet"]) == 0
        return folder / "run"

    return train


@pytest.fixture
def config(tmp_path, images, monkeypatch) -> Path:
    """The tiny config, as a file in the current folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "tiny.yaml"
    path.write_text(CONFIG.format(images=images))
    return path


@pytest.fixture
def dessine(monkeypatch, capfd, tmp_path) -> Callable[..., Answer]:
    """Run a command line in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)  # a pipe is as wide as it must be

    def call(*args: object) -> Answer:
        capfd.readouterr()
        return Answer(here([*args]), *capfd.readouterr())

    return call

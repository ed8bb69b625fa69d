"""A bar is for terminals, and for those who want one."""

from __future__ import annotations

import io
import sys

import pytest

from dessine.data.progress import hidden, progress


class Screen(io.StringIO):
    """A terminal, or a pipe."""

    def __init__(self, terminal: bool):
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.mark.parametrize(("terminal", "quiet", "drawn"), [(True, False, True), (True, True, False), (False, False, False)])
def test_only_a_terminal_sees_a_bar_and_only_if_it_takes_a_while(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, quiet: bool, drawn: bool
) -> None:
    screen = Screen(terminal)
    monkeypatch.setattr(sys, "stderr", screen)
    clock = iter(range(1000))
    monkeypatch.setattr("tqdm.std.time", lambda: float(next(clock)))
    monkeypatch.setattr("tqdm.std.tqdm.monitor_interval", 0)

    def made() -> list[int]:
        return list(progress(range(5), 5, " pictures"))

    if quiet:
        with hidden():
            assert made() == [0, 1, 2, 3, 4]
    else:
        assert made() == [0, 1, 2, 3, 4]
    assert ("pictures" in screen.getvalue()) == drawn


def test_what_is_quick_draws_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(True)
    monkeypatch.setattr(sys, "stderr", screen)
    assert list(progress(range(3), 3, " pictures")) == [0, 1, 2]
    assert "pictures" not in screen.getvalue()

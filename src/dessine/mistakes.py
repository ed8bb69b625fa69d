"""Errors that say all that their reader needs: a notebook shows their own lines below the line of the cell that asked for it.

What an error is about belongs to where it is raised.
"""

from __future__ import annotations

import traceback
from pathlib import Path

OURS = str(Path(__file__).parent)


class Told(BaseException):
    """Beside the class that an error is of."""

    def _render_traceback_(self) -> list[str]:
        """What IPython prints in place of a traceback: the user's own lines, and none of ours, where nothing is wrong."""
        frames = []
        for frame in traceback.extract_tb(self.__traceback__):
            if frame.filename.startswith(OURS):
                break
            if "IPython" not in Path(frame.filename).parts:
                frames.append(f"line {frame.lineno}: {frame.line}")
        return [*frames, *f"{type(self).__name__}: {self}".splitlines()]

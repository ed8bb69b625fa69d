"""The table of layers is that of the tests of `nn`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "nn"))

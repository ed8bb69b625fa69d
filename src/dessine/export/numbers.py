"""The numbers alone: as PyTorch names them (safetensors), or as we do, with the spec (npz)."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from importlib import import_module

import numpy as np

from dessine.export.taken import Taken, as_text
from dessine.export.torch import module

Array = np.ndarray


def safetensors(taken: Taken) -> bytes:
    """A file of named arrays, with notes; names and orders are those of the module that `torch` makes."""
    _, tensors = module(taken, "")
    written: bytes = import_module("safetensors.numpy").save(tensors, metadata=as_text(taken.about))
    return written


def npz(taken: Taken) -> bytes:
    """Arrays by the names of their steps, and `spec`: JSON of the steps, and of what is known of the network."""
    spec = {"about": taken.about, "steps": [step.plain() for step in taken.steps]}
    return packed(taken.arrays() | {"spec": np.array(json.dumps(spec))})


def packed(arrays: Mapping[str, Array]) -> bytes:
    """A .npz file."""
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()

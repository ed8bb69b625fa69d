"""What lies at a path, before anyone trains: how many pictures, of which sizes and kinds, which cannot be read."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dessine.data.dataset import Array
from dessine.data.images import BLOCK, KINDS, Files, Source, Table, find, natural
from dessine.data.picture import Broken, Wanted, decode
from dessine.data.progress import progress

SHOWN = 64
"""Pictures that are kept to be seen: evenly many from all there are."""


@dataclass
class Looked:
    """kinds: of what is to be known of pictures, such as "coloured"; copies: files whose bytes are those of another

    sample: (n, H, W, C) uint8; mean: (H, W, C) of all in 0..255, means: of each class
    """

    kind: str
    notes: list[str]
    count: int = 0
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)  # width and height
    formats: Counter[str] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    classes: Counter[str] = field(default_factory=Counter)
    parts: Counter[str] = field(default_factory=Counter)
    broken: dict[str, str] = field(default_factory=dict)
    ignored: Counter[str] = field(default_factory=Counter)
    copies: int = 0
    sample: Array = field(default_factory=lambda: np.empty(0, np.uint8))
    means: dict[str, Array] = field(default_factory=dict)

    @property
    def mean(self) -> Array:
        """Of all."""
        total = sum(self.classes.values())
        whole: Array = sum((self.means[name] * (n / total) for name, n in self.classes.items()), np.zeros(1))
        return whole

    @property
    def coloured(self) -> bool:
        """Whether colours are more than a chance."""
        return self.kinds["coloured"] > 0.1 * self.count


def look(path: Path, wanted: Wanted) -> Looked:
    """Read every picture, as it is `wanted`. Raises SpecError where there is none at all."""
    source = find(path)
    looked = Looked(source.kind, source.notes)
    shown = set(np.linspace(0, len(source.names) - 1, min(SHOWN, len(source.names))).astype(int).tolist())
    sample: list[Array] = []
    sums: dict[str, Array] = {}
    for i, x in _pictures(source, wanted, looked):
        name = source.classes[i]
        looked.count += 1
        looked.classes[name] += 1
        looked.parts[source.parts[i]] += 1
        sums[name] = sums[name] + x if name in sums else x.astype(np.float64)
        if i in shown:
            sample.append(x)
    looked.classes = Counter({name: looked.classes[name] for name in sorted(looked.classes, key=natural)})
    looked.means = {name: sums[name] / count for name, count in looked.classes.items()}
    looked.sample = np.array(sample)
    return looked


def _pictures(source: Source, wanted: Wanted, looked: Looked) -> Iterable[tuple[int, Array]]:
    if isinstance(source, Files):
        return _files(source, wanted, looked)
    assert isinstance(source, Table)
    return _table(source, wanted, looked)


def _files(source: Files, wanted: Wanted, looked: Looked) -> Iterable[tuple[int, Array]]:
    seen: set[bytes] = set()
    looked.ignored = source.found.ignored
    looked.broken |= {name: str(why) for name, why in source.found.broken.items()}
    for i, item in enumerate(progress(source.items, len(source.items), " pictures")):
        try:
            data = source.found.read(item)
            x, facts = decode(data, wanted)
        except Broken as error:
            looked.broken[item.name] = str(error)
            continue
        digest = hashlib.sha256(data).digest()
        looked.copies += digest in seen
        seen.add(digest)
        looked.sizes[facts.size] += 1
        looked.formats[facts.format] += 1
        looked.modes[facts.mode] += 1
        looked.kinds.update([kind for kind in ("coloured", *KINDS) if getattr(facts, kind)])
        yield i, x


def _table(source: Table, wanted: Wanted, looked: Looked) -> Iterable[tuple[int, Array]]:
    height, width, channels = source.shape()
    types = {str(part.x.dtype) for part in source.numbers.parts.values()}
    looked.sizes[width, height] = len(source.names)
    looked.formats[source.kind] = len(source.names)
    looked.modes[f"{', '.join(sorted(types))} in {channels} channel{'s' * (channels > 1)}"] = len(source.names)
    step = max(1, BLOCK // (height * width * channels))
    for start in progress(range(0, len(source.names), step), -(-len(source.names) // step), " blocks"):
        index = np.arange(start, min(start + step, len(source.names)))
        x, about = source.pictures(index, wanted)
        looked.kinds.update(about["facts"])
        yield from zip(index.tolist(), x, strict=True)


def proposed(path: str, looked: Looked, chosen: dict[str, Any]) -> dict[str, Any]:
    """The `data:` of a config that trains on it. chosen: options that the user has given."""
    told: dict[str, Any] = {"type": "images", "path": path, **chosen}
    if "color" not in chosen and looked.coloured:
        told["color"] = "rgb"
    if looked.broken:
        told["skip_broken"] = True
    return told

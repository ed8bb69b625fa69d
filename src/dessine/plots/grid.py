"""Sample grids and the GIF of them, with Pillow: milliseconds where matplotlib needs seconds."""

from __future__ import annotations

import os
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

GAP, HEADER = 3, 30


def save_grid(path: Path, images: np.ndarray, columns: int, caption: str) -> None:
    """images: (N, H, W), (N, H, W, 1) or (N, H, W, 3), in [0, 1]; row by row, under a caption."""
    x = np.asarray(images, np.float32)
    x = x[..., None] if x.ndim == 3 else x
    x = np.nan_to_num(np.broadcast_to(x, (*x.shape[:3], 3)))
    n, height, width, _ = x.shape
    zoom = max(1, 56 // height) if n <= 400 else 1
    rows, high, wide = ceil(n / columns), height * zoom + GAP, width * zoom + GAP
    font = _font(caption, columns * wide)
    across = max(columns * wide + GAP, int(font.getlength(caption)) + 2 * GAP + 6)
    canvas = Image.new("RGB", (across, rows * high + GAP + HEADER), (238, 238, 238))
    ImageDraw.Draw(canvas).text((GAP + 2, 6), caption, fill=(20, 20, 20), font=font)
    pixels = (np.clip(x, 0, 1) * 255).round().astype(np.uint8)
    for i, image in enumerate(pixels):
        cell = Image.fromarray(image).resize((width * zoom, height * zoom), Image.Resampling.NEAREST)
        canvas.paste(cell, (GAP + (i % columns) * wide, HEADER + GAP + (i // columns) * high))
    _write(canvas, path)


def save_grids(path: Path, panels: dict[str, np.ndarray], columns: int, caption: str) -> None:
    """Grids of as many images each, side by side, each with its name; one of no name is a plain grid."""
    names, images = list(panels), list(panels.values())
    if len(names) == 1:
        save_grid(path, images[0], columns, caption)
        return
    parts = []
    for i, one in enumerate(images):
        x = np.asarray(one, np.float32)
        rows = ceil(len(x) / columns)
        blank = np.full((rows * columns - len(x), *x.shape[1:]), 0.93, np.float32)
        parts.append(np.concatenate([x, blank]).reshape(rows, columns, *x.shape[1:]))
        if i < len(images) - 1:
            parts.append(np.full((rows, 1, *x.shape[1:]), 0.93, np.float32))  # the gap between two panels
    joined = np.concatenate(parts, 1)
    told = f"{caption}: left {names[0]}, right {names[1]}"
    save_grid(path, joined.reshape(-1, *joined.shape[2:]), joined.shape[1], told)


def save_labelled(path: Path, images: np.ndarray, labels: Sequence[str], columns: int, caption: str) -> None:
    """images: (N, H, W, 1 or 3) in [0, 1], each over its label."""
    x = np.broadcast_to(np.nan_to_num(images), (*images.shape[:3], 3))
    n, height, width, _ = x.shape
    zoom = max(1, 56 // height)
    wide, high, foot = width * zoom + 2 * GAP, height * zoom + GAP, 20
    font, small = ImageFont.load_default(size=16), ImageFont.load_default(size=14)
    columns = min(columns, n)
    across = max(columns * wide + GAP, int(font.getlength(caption)) + 2 * GAP + 6)
    canvas = Image.new("RGB", (across, ceil(n / columns) * (high + foot) + GAP + HEADER), (238, 238, 238))
    pen = ImageDraw.Draw(canvas)
    pen.text((GAP + 2, 6), caption, fill=(20, 20, 20), font=font)
    for i, (image, label) in enumerate(zip((np.clip(x, 0, 1) * 255).round().astype(np.uint8), labels, strict=True)):
        left, top = GAP + (i % columns) * wide, HEADER + GAP + (i // columns) * (high + foot)
        canvas.paste(Image.fromarray(image).resize((width * zoom, height * zoom), Image.Resampling.NEAREST), (left, top))
        pen.text(
            (left + (width * zoom - small.getlength(label)) / 2, top + height * zoom + 1), label, fill=(20, 20, 20), font=small
        )
    _write(canvas, path)


def save_gif(path: Path, frames: Sequence[Path], milliseconds: int = 250) -> None:
    """The pictures in order; the last one stays longer."""
    pictures = [Image.open(frame).convert("P", palette=Image.Palette.ADAPTIVE) for frame in frames]
    durations = [milliseconds] * (len(pictures) - 1) + [8 * milliseconds]
    _write(pictures[0], path, save_all=True, append_images=pictures[1:], duration=durations, loop=0)


def _font(caption: str, width: int) -> Any:
    """The largest that fits; a caption too long for the smallest makes the picture wider."""
    fonts = [ImageFont.load_default(size=size) for size in (16, 14, 12, 11)]
    return next((font for font in fonts if font.getlength(caption) + 2 * GAP + 6 <= width), fonts[-1])


def _write(image: Image.Image, path: Path, **options: object) -> None:
    beside = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    image.save(beside, **options)  # type: ignore[arg-type]
    os.replace(beside, path)

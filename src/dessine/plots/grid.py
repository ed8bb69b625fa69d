"""Sheets of images and the GIF of them, with Pillow: milliseconds where matplotlib needs seconds."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from math import ceil
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dessine.plots.fonts import COMMON, fallback, own_font, plain

Array = np.ndarray
GAP, HEADER, FOOT = 3, 30, 20
READABLE = 56
"""Pixels that an image has on a sheet, at least; half of them on a sheet of more than 400."""
FRAME = 224
"""Pixels of an image that fills a frame of a GIF, at least."""
STEP, PAUSE = 70, 700
"""Milliseconds of a frame, and of one that waits."""
TILE = 84
"""Pixels of an image in a table, at least: its head is as wide."""
MOST_FRAMES, FEWEST_FRAMES, LAST_FRAMES = 200, 64, 16
MOST_BYTES, SMALLEST = 1_000_000, 0.6
"""Of a GIF, so that a page with it loads at once; and how small its frames become for that while there are FEWEST_FRAMES."""
PAPER, INK, BAR = (238, 238, 238), (20, 20, 20), (31, 95, 168)


def save_grid(
    path: Path,
    images: Array,
    columns: int,
    caption: str,
    real: Array | None = None,
    foot: str = "real examples",
    names: Sequence[str] = (),
    rows: Sequence[str] = (),
) -> Path:
    """images: (N, H, W), (N, H, W, 1) or (N, H, W, 3), in [0, 1]; row by row, under a caption.

    real: a last row of its own, under `foot`, each over its name, if they have names; rows: the name of each row, if it has one
    """
    sheet, last = _sheet(images, columns), None if real is None else _sheet(real[:columns], columns, names[:columns])
    called = [plain(name, 24) for name in rows]
    left = ceil(max(_width(name, 14) for name in called)) + 3 * GAP if called else 0
    height = sheet.height + (FOOT + last.height if last else 0)
    canvas, pen, top = _paper(left + max(sheet.width, last.width if last else 0), height, caption)
    canvas.paste(sheet, (left, top))
    high = (sheet.height - GAP) / max(len(called), 1)
    for i, name in enumerate(called):
        _write(pen, (GAP + 2, top + round((i + 0.5) * high) - 9), name, 14)
    if last:
        _write(pen, (left + GAP + 2, top + sheet.height), foot, 14)
        canvas.paste(last, (left, canvas.height - last.height))
    return _save(canvas, path)


def save_labelled(path: Path, images: Array, labels: Sequence[str], columns: int, caption: str) -> Path:
    """images: (N, H, W, 1 or 3) in [0, 1], each over its label."""
    sheet = _sheet(images, columns, labels)
    canvas, _, top = _paper(sheet.width, sheet.height, caption)
    canvas.paste(sheet, (0, top))
    return _save(canvas, path)


def save_pairs(path: Path, left: Array, right: Array, columns: int, caption: str) -> Path:
    """Two images side by side, again and again: (N, H, W, 1 or 3) each."""
    together = np.concatenate([_coloured(left), _coloured(right)], 2)
    sheet = _sheet(together, columns, gap=2 * GAP)
    canvas, _, top = _paper(sheet.width, sheet.height, caption)
    canvas.paste(sheet, (0, top))
    return _save(canvas, path)


def save_table(
    path: Path, images: Sequence[Sequence[Array] | Array], names: Sequence[str], heads: Sequence[str], caption: str
) -> Path:
    """Rows of images, (H, W, 1 or 3) in [0, 1]: each row beside its name, of some lines, each column under its head, if any has
    one."""
    sheets = [_sheet(np.stack(list(row)), len(row), readable=TILE) for row in images]
    told = [[plain(line, 60) for line in name.split("\n")] for name in names]
    left = ceil(max(_width(line, 14) for lines in told for line in lines)) + 3 * GAP
    wide, high = (sheets[0].width - GAP) // len(heads), sheets[0].height - GAP
    top_heads = FOOT if any(heads) else 0
    canvas, pen, top = _paper(left + sheets[0].width, top_heads + high * len(sheets) + GAP, caption)
    for j, head in enumerate(heads):
        text = plain(head, 24)
        _write(pen, (left + j * wide + (wide + GAP - _width(text, 14)) / 2, top), text, 14)
    for i, (sheet, lines) in enumerate(zip(sheets, told, strict=True)):
        at = top + top_heads + i * high
        canvas.paste(sheet, (left, at))
        for k, line in enumerate(lines):
            _write(pen, (GAP + 2, at + (high - 18 * len(lines)) // 2 + 18 * k), line, 14)
    return _save(canvas, path)


def save_walk(path: Path, images: Array, words: Sequence[str], waits: Sequence[bool], caption: str) -> Path:
    """A GIF of images (N, H, W, 1 or 3) in [0, 1], each over its words, with a bar that shows how far it is.

    waits: which frames stay for a moment
    """
    zoom = max(1, ceil(FRAME / images.shape[1]))
    high, wide = images.shape[1] * zoom, images.shape[2] * zoom
    blank, _, top = _paper(wide + 2 * GAP, high + FOOT + 8, caption)

    def frame(i: int) -> Image.Image:
        canvas = blank.copy()
        pen = ImageDraw.Draw(canvas)
        pixels = np.ascontiguousarray(_coloured(images[i : i + 1])[0])
        canvas.paste(Image.fromarray(pixels).resize((wide, high), Image.Resampling.NEAREST), ((canvas.width - wide) // 2, top))
        text = plain(words[i], 60)
        _write(pen, ((canvas.width - _width(text, 14)) / 2, top + high + 1), text, 14)
        done = round(canvas.width * i / max(len(images) - 1, 1))
        pen.rectangle((0, canvas.height - 5, done, canvas.height), fill=BAR)
        return canvas.convert("P", palette=Image.Palette.ADAPTIVE)

    return save_frames(path, (frame(i) for i in range(len(images))), waits)


def save_frames(path: Path, frames: Iterator[Image.Image], waits: Sequence[bool]) -> Path:
    """A GIF that goes round and round. waits: which frames stay for a moment."""
    durations = [PAUSE if wait else STEP for wait in waits]
    return _save(next(frames), path, save_all=True, append_images=frames, duration=durations, loop=0)


def save_gif(path: Path, frames: Sequence[Path], at: Sequence[float] = (), seconds: float = 10.0) -> Path:
    """The pictures in order, with a bar that shows how far they are; the last one stays longer. About `seconds` for all.

    Of more than MOST_FRAMES some are chosen evenly, the first and the last among them. It takes MOST_BYTES at most: where all
    would take more, they are fewer, then smaller, both within limits; and where that is not enough, as of very large pictures,
    fewer again, and at last smaller again.
    at: the step of each, so that the bar runs as the steps do, however they are spaced; else it runs evenly
    """
    every, expected = len(frames), sum(frame.stat().st_size for frame in frames)  # a GIF takes nearly what its PNGs do
    many = min(every, MOST_FRAMES, max(FEWEST_FRAMES, int(every * MOST_BYTES / max(expected, 1))))
    chosen = _evenly(every, many)
    sizes, modes = [], set()
    for i in chosen:
        with Image.open(frames[i]) as file:
            sizes.append(file.size)
            modes.add(file.mode)
    size = max(wide for wide, _ in sizes), max(high for _, high in sizes)  # a caption may take a line more
    colours = _palette([frames[i] for i in chosen[[0, len(chosen) // 2, -1]]]) if modes != {"P"} else None
    scale, takes = 1.0, 0.9 * expected * len(chosen) / every
    while True:
        if takes > MOST_BYTES:
            less = 0.95 * MOST_BYTES / takes
            if scale <= SMALLEST and many > LAST_FRAMES:
                many = max(LAST_FRAMES, int(many * less))
            else:
                smaller = scale * less**0.64  # as measured: between what lines and what areas take
                scale = max(SMALLEST, smaller) if scale > SMALLEST else smaller
        chosen = _evenly(every, many)
        steps = np.array(at if len(at) else range(every), float)[chosen]
        shares = (steps - steps[0]) / max(steps[-1] - steps[0], 1e-12)
        durations = [int(min(250, 1000 * seconds / len(chosen)))] * (len(chosen) - 1) + [2000]
        made = (_with_bar(frames[i], size, scale, share, colours) for i, share in zip(chosen, shares, strict=True))
        _save(next(made), path, save_all=True, append_images=made, duration=durations, loop=0)
        takes = path.stat().st_size
        if takes <= MOST_BYTES:
            return path


def _evenly(every: int, many: int) -> Array:
    """`many` places of so many, the first and the last among them."""
    return np.unique(np.linspace(0, every - 1, many).round().astype(int))


def _palette(frames: Sequence[Path]) -> Image.Image:
    """The colours of some pictures, for all that are like them, PAPER and BAR: many would take a third more room."""
    strip = []
    for frame in frames:
        with Image.open(frame) as file:
            strip.append(np.asarray(file.convert("RGB")).reshape(1, -1, 3))
    least = Image.fromarray(np.concatenate(strip, 1)).quantize(254, dither=Image.Dither.NONE)
    least.putpalette([*_colours(least)[:254].ravel().tolist(), *PAPER, *BAR])
    return least


def _with_bar(frame: Path, size: tuple[int, int], scale: float, share: float, colours: Image.Image | None) -> Image.Image:
    """A picture on a sheet of this size, which is then made smaller, in its own palette or in that of `colours`, with a bar
    along the lower edge that is so far."""
    with Image.open(frame) as file:
        one = file.copy() if file.mode == "P" else file.convert("RGB")
    corner: Any = one.getpixel((0, one.height - 1))
    canvas = Image.new(one.mode, size, PAPER if one.mode == "RGB" else corner)
    if one.mode == "P":  # its own few colours serve, which saves choosing them
        canvas.putpalette(_colours(one).ravel().tolist())
    canvas.paste(one)
    if scale < 1:
        canvas = _smaller(canvas, (max(1, round(size[0] * scale)), max(1, round(size[1] * scale))))
    if canvas.mode == "RGB":
        canvas = canvas.quantize(palette=colours, dither=Image.Dither.NONE)
    bar = (0, canvas.height - 5, round(canvas.width * share), canvas.height)
    ImageDraw.Draw(canvas).rectangle(bar, fill=int(np.square(_colours(canvas) - BAR).sum(1).argmin()))
    return canvas


def _smaller(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Of a picture in few colours only the greys are smoothed, which letters are made of: smooth edges of areas would take as
    much room as the larger picture. Elsewhere the darkest of the pixels that become one is taken, so that no line breaks."""
    if image.mode == "RGB":
        return image.resize(size, Image.Resampling.BOX)
    colours, index = _colours(image), Image.fromarray(np.asarray(image))
    order = np.argsort(colours.sum(1), kind="stable").astype(np.uint8)
    dark = np.asarray(index.point(_table(np.argsort(order))))
    for axis, n in enumerate(reversed(size)):
        ends = np.arange(n + 1) * dark.shape[axis] / n
        first, last = np.floor(ends[:-1]).astype(int), np.ceil(ends[1:]).astype(int) - 1
        dark = np.minimum(dark.take(first, axis), dark.take(last, axis))
    near, grey = Image.fromarray(dark).point(_table(order)), colours.max(1) == colours.min(1)
    if grey.any():
        levels, there = (index.point(_table(one)).resize(size, Image.Resampling.BOX) for one in (colours[:, 0], 255 * grey))
        nearest = np.flatnonzero(grey)[np.abs(np.arange(256)[:, None] - colours[grey, 0]).argmin(1)]
        near.paste(levels.point(nearest.tolist()), mask=there.point([255 * (c == 255) for c in range(256)]))
    near.putpalette(colours.ravel().tolist())
    return near


def _colours(image: Image.Image) -> Array:
    """(n, 3): the palette of a picture in few colours."""
    return np.array(image.getpalette()).reshape(-1, 3)


def _table(values: Array) -> list[int]:
    """Of 256 bytes what each becomes, where there are fewer colours."""
    return [*values.tolist(), *[0] * (256 - len(values))]


def _coloured(images: Array) -> Array:
    """(N, H, W, 3) bytes."""
    x = np.asarray(images, np.float32)
    x = np.nan_to_num(x[..., None] if x.ndim == 3 else x)
    return np.broadcast_to((np.clip(x, 0, 1) * 255).round().astype(np.uint8), (*x.shape[:3], 3))


def _sheet(images: Array, columns: int, labels: Sequence[str] = (), gap: int = GAP, readable: int = READABLE) -> Image.Image:
    """The images row by row, as large as can be seen, each over its label, if it has one."""
    pixels = images if images.dtype == np.uint8 else _coloured(images)
    n, height, width, _ = pixels.shape
    zoom = max(1, ceil(readable / (1 if n <= 400 else 2) / height))
    columns, foot = max(1, min(columns, n)), FOOT if labels else 0
    names = [plain(label, 24) for label in labels]
    wide = max([width * zoom, *(ceil(_width(name, 14)) + GAP for name in names)]) + gap
    high = height * zoom + gap + foot
    sheet = Image.new("RGB", (columns * wide + gap, ceil(n / columns) * high + gap), PAPER)
    pen = ImageDraw.Draw(sheet)
    for i, image in enumerate(pixels):
        left, top = gap + i % columns * wide + (wide - gap - width * zoom) // 2, gap + i // columns * high
        large = Image.fromarray(np.ascontiguousarray(image)).resize((width * zoom, height * zoom), Image.Resampling.NEAREST)
        sheet.paste(large, (left, top))
        if names:
            _write(pen, (left + (width * zoom - _width(names[i], 14)) / 2, top + height * zoom + 1), names[i], 14)
    return sheet


def _paper(width: int, height: int, caption: str) -> tuple[Image.Image, ImageDraw.ImageDraw, int]:
    """A sheet with room for `height` pixels below its caption; the pen, and where the room begins."""
    text = plain(caption, 400)
    width = max(width, 240)
    size = next((size for size in (16, 14) if _width(text, size) + 2 * GAP + 6 <= width), 14)
    lines = wrap(text, max(12, int(len(text) * (width - 2 * GAP - 6) / max(_width(text, size), 1)))) or [""]
    top = HEADER + 18 * (len(lines) - 1)
    canvas = Image.new("RGB", (width, top + height), PAPER)
    pen = ImageDraw.Draw(canvas)
    for i, line in enumerate(lines):
        _write(pen, (GAP + 2, 6 + 18 * i), line, size)
    return canvas, pen, top


def _runs(text: str, size: int) -> list[tuple[str, Any]]:
    """The text in pieces, each with the font that has its letters."""
    own = _font(own_font(), size)
    if not set(text) - COMMON:
        return [(text, own)]
    others = [(_font(path, size), letters) for _, path, letters in fallback(text)]
    each = [next((font for font, letters in others if c in letters), own) for c in text]
    return [("".join(c for c, _ in run), font) for font, run in groupby(zip(text, each, strict=True), lambda pair: pair[1])]


def _font(path: str, size: int) -> Any:
    try:
        return ImageFont.truetype(path, size)
    except OSError:  # a matplotlib without fonts of its own
        return ImageFont.load_default(size=size)


@lru_cache(maxsize=512)
def _width(text: str, size: int) -> float:
    return sum(font.getlength(piece) for piece, font in _runs(text, size))


def _write(pen: ImageDraw.ImageDraw, at: tuple[float, float], text: str, size: int) -> None:
    left, base = at[0], at[1] + _font(own_font(), size).getmetrics()[0]  # all fonts stand on one line
    for piece, font in _runs(text, size):
        pen.text((left, base), piece, fill=INK, font=font, anchor="ls")
        left += font.getlength(piece)


def _save(image: Image.Image, path: Path, **options: object) -> Path:
    beside = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        image.save(beside, **options)  # type: ignore[arg-type]
        os.replace(beside, path)
    except OSError as error:
        if error.errno is not None and error.filename in (None, str(beside)):  # what could not be written has no name
            error.filename = str(path)
        raise
    finally:
        beside.unlink(missing_ok=True)
    return path

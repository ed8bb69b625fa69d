"""One picture file: whatever a camera or a program has made of it, it becomes upright bytes, or a reason."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dessine.data.picture import Broken, Facts, Fit, Wanted, decode, fitted

LEFT_WHITE = np.zeros((6, 8), np.uint8)
LEFT_WHITE[:, :4] = 255


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def read(data: bytes, channels: int = 1, size: tuple[int, int] | None = None, fit: Fit = "crop") -> tuple[np.ndarray, Facts]:
    return decode(data, Wanted(size, channels, fit, False))


@pytest.mark.parametrize("kind", ["PNG", "BMP", "WEBP", "GIF", "JPEG"])
@pytest.mark.parametrize("mode", ["L", "RGB", "1", "P", "CMYK"])
def test_every_format_and_mode_gives_the_same_picture(kind: str, mode: str) -> None:
    image = Image.fromarray(LEFT_WHITE).convert(mode)
    try:
        data = saved(image, kind, **({"lossless": True} if kind == "WEBP" else {}))
    except (OSError, ValueError):
        pytest.skip("Pillow writes no such file")
    grey, facts = read(data)
    colours, _ = read(data, 3)
    assert facts.format == kind
    assert grey.shape == (6, 8, 1)
    assert np.abs(grey[..., 0].astype(int) - LEFT_WHITE).max() <= 8  # a JPEG loses a little
    assert np.abs(colours.astype(int) - LEFT_WHITE[..., None]).max() <= 8
    assert not facts.coloured


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [None, (3, 4)])
def test_a_picture_stands_upright_however_the_camera_was_held(orientation: int, size: tuple[int, int] | None) -> None:
    upright = np.zeros((60, 80), np.uint8)
    upright[:30, :40] = 255  # of all eight only one has its white at the upper left, and is wider than high
    flip = Image.Transpose
    back = [None, flip.FLIP_LEFT_RIGHT, flip.ROTATE_180, flip.FLIP_TOP_BOTTOM, flip.TRANSPOSE, flip.ROTATE_90]
    back += [flip.TRANSVERSE, flip.ROTATE_270]
    step, image, exif = back[orientation - 1], Image.fromarray(upright), Image.Exif()
    exif[0x0112] = orientation
    x, facts = read(saved(image if step is None else image.transpose(step), "JPEG", exif=exif), size=size)
    assert facts.size == (80, 60)
    assert facts.turned == (orientation > 1)
    half = x[..., 0] > 128
    h, w = half.shape
    assert half[: h // 2, : w // 2].mean() > 0.9
    assert half.mean() < 0.3


def test_a_damaged_note_of_the_camera_is_no_damaged_picture() -> None:
    data = saved(Image.fromarray(LEFT_WHITE), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert read(data)[0].shape == (6, 8, 1)


def test_16_bits_keep_their_brightness() -> None:
    x, facts = read(saved(Image.fromarray(LEFT_WHITE.astype(np.uint16) * 100), "PNG"))
    assert facts.deep
    assert set(np.unique(x)) == {0, 25500 >> 8}


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_white(mode: str) -> None:
    image = Image.fromarray(np.zeros((6, 8), np.uint8))
    if mode == "P":
        data = saved(image.convert("P"), "PNG", transparency=0)
    else:
        clear = image.convert(mode)
        clear.putalpha(0)
        data = saved(clear, "PNG")
    x, facts = read(data, 3)
    assert facts.transparent
    assert (x == 255).all()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_is_taken(kind: str) -> None:
    frames = [Image.fromarray(np.full((6, 8), value, np.uint8)) for value in (0, 255)]
    x, facts = read(saved(frames[0], kind, save_all=True, append_images=frames[1:]))
    assert facts.animated
    assert x.max() < 8


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


BOMB = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)) + chunk(b"IEND", b"")
WHOLE = saved(Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 80), np.uint8)), "PNG")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b"hello, I am no picture", "is text"),
        (b"<!DOCTYPE html><html>", "page of the web"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        (b"II*\0" + bytes(40), "TIFF"),
        (bytes(1000), "is no picture: PNG, JPEG"),
        (WHOLE[:1000], "cut off or damaged"),
        (WHOLE[:20], "cut off or damaged"),
        (WHOLE.replace(b"IDAT", b"IDAX"), "cut off or damaged"),
        (b"RIFF\0\0\0\0WEBP" + bytes(50), "cut off or damaged"),
        (BOMB, "more than"),
    ],
)
def test_what_is_no_picture_is_told_in_words(data: bytes, says: str) -> None:
    with pytest.raises(Broken, match=says) as error:
        read(data, size=(28, 28))
    assert "\n" not in str(error.value)
    assert "object at" not in str(error.value)


def test_crop_takes_the_middle_pad_shows_all_and_stretch_fills() -> None:
    wide = np.full((10, 40), 100, np.uint8)
    wide[:, 15:25] = 200
    image = Image.fromarray(wide)
    crop, pad, stretch = (np.asarray(fitted(image, (8, 8), fit)) for fit in ("crop", "pad", "stretch"))
    assert crop.shape == pad.shape == stretch.shape == (8, 8)
    assert crop.min() > 150
    assert (pad[0], pad[-1]) == (pytest.approx(100), pytest.approx(100))
    assert pad[4].max() > 150
    assert stretch[4, 0] < 130 < stretch[4, 4]


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("shape", [(1, 5000), (5000, 1), (1, 1)])
def test_the_thinnest_picture_fits(fit: Fit, shape: tuple[int, int]) -> None:
    assert fitted(Image.fromarray(np.full(shape, 9, np.uint8)), (7, 5), fit).getextrema() == (9, 9)

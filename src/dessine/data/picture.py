"""One picture, from the bytes of its file to an array: upright, 8 bits a channel, in the size that is wanted.

Where files lie is known to `gathered.py`, which of them are learnt to `images.py`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from math import ceil
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from dessine.data.dataset import Array

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
SUFFIXES = (".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".dib", ".gif")
READ = "PNG, JPEG, WebP, BMP and GIF"
SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM", b"GIF87a", b"GIF89a")
OTHERS = (
    (b"II*\0", "a TIFF"),
    (b"MM\0*", "a TIFF"),
    (b"%PDF", "a PDF"),
    (b"8BPS", "a Photoshop file"),
    (b"<svg", "an SVG, a drawing of lines"),
    (b"version https://git-lfs", "Git LFS's note of where the picture is: `git lfs pull` gets it"),
)
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What sets a picture upright, by what a camera has written of how it was held (Exif, orientation)."""
ORIENTATION = 0x0112
COLOURED = 16
"""Of 255, by which channels must differ, in one pixel of a hundred: JPEG gives grey pictures a little colour."""
Fit = Literal["crop", "pad", "stretch"]


class Broken(Exception):
    """A file that holds no picture that can be read; why, in words. passing: whether it may be otherwise the next time."""

    def __init__(self, why: str, passing: bool = False):
        super().__init__(why)
        self.passing = passing


class Wanted(NamedTuple):
    """How a picture becomes an array. size: height and width, or None: as it is; channels: 1 or 3; paper: what is seen where it
    is transparent.
    """

    size: tuple[int, int] | None
    channels: int
    fit: Fit
    transpose: bool
    paper: str = "white"


class Facts(NamedTuple):
    """What a file held. size: width and height, upright; mode: Pillow's word for its channels."""

    format: str
    mode: str
    size: tuple[int, int]
    turned: bool
    animated: bool
    transparent: bool
    deep: bool
    coloured: bool


@contextmanager
def careful() -> Iterator[None]:
    """Within, Pillow refuses pictures of too many pixels, which could fill any memory, and keeps its other doubts to itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def begins(head: bytes) -> bool:
    """Whether a file that begins so may be a picture: 16 bytes suffice."""
    return head.startswith(SIGNATURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


def decode(data: bytes, wanted: Wanted) -> tuple[Array, Facts]:
    """The picture in the bytes of a file, (height, width, channels) uint8, and what it was. Raises Broken.

    Of an animation its first frame; what is transparent becomes white, as paper is.
    """
    if not data:
        raise Broken("is empty")
    if not begins(data[:16]):
        raise Broken(_other(data))
    try:
        with careful(), Image.open(BytesIO(data), formats=FORMATS) as image:
            return _decoded(image, wanted)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise Broken(f"has more than {Image.MAX_IMAGE_PIXELS:,} pixels: make it smaller") from None
    except UnidentifiedImageError:
        raise Broken("is cut off or damaged at its beginning") from None
    except MemoryError:
        raise
    except Exception as error:  # decoders fail in as many ways as files can be damaged
        raise Broken(f"is cut off or damaged ({' '.join(str(error).split())[:100] or type(error).__name__})") from None


def _other(data: bytes) -> str:
    """What a file is that is no picture."""
    head = data.lstrip()[:64]
    if data[4:8] == b"ftyp":
        return f"is HEIC, AVIF or a film: {READ} are read"
    what = next((name for begin, name in OTHERS if head.startswith(begin)), "")
    if not what and head[:15].lower().startswith((b"<!doctype html", b"<html")):
        what = "a page of the web"
    if not what and all(byte >= 32 or byte in b"\t\n\r" for byte in data[:16]):
        what = "text"
    return f"is {what}, no picture" if what else f"is no picture: {READ} are read"


def _decoded(image: Image.Image, wanted: Wanted) -> tuple[Array, Facts]:
    if image.format not in ("JPEG", "MPO"):  # which may be read at a half or less
        image.load()
    turn = UPRIGHT.get(_orientation(image))
    size, mode, animated = image.size, image.mode, getattr(image, "is_animated", False)
    sideways = turn is not None and turn.name in ("TRANSPOSE", "TRANSVERSE", "ROTATE_90", "ROTATE_270")
    if wanted.size is not None:
        _draft(image, wanted.size[::-1] if sideways is wanted.transpose else wanted.size)
    image.load()
    plain, transparent = _plain(image, wanted.paper)
    for step in (turn, Image.Transpose.TRANSPOSE if wanted.transpose else None):
        if step is not None:
            plain = plain.transpose(step)
    small = fitted(plain, wanted.size, wanted.fit)
    x = np.asarray(small)
    spread = np.ptp(x, axis=2) if x.ndim == 3 else np.zeros(1)
    facts = Facts(
        format="JPEG" if image.format == "MPO" else str(image.format),  # as telephones write several in one file
        mode=mode,
        size=size[::-1] if sideways else size,
        turned=turn is not None,
        animated=animated and image.format != "MPO",
        transparent=transparent,
        deep=mode.startswith("I"),
        coloured=bool((spread > COLOURED).mean() > 0.01),
    )
    if small.mode != ("L" if wanted.channels == 1 else "RGB"):
        x = np.asarray(small.convert("L" if wanted.channels == 1 else "RGB"))
    return x.reshape(*x.shape[:2], wanted.channels), facts


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # a damaged note of the camera is no damaged picture
        return 1


def _draft(image: Image.Image, size: tuple[int, int]) -> None:
    """Let a JPEG be decoded at a half, a quarter or an eighth, where it still has twice as many pixels as are wanted.

    size: height and width, as the picture lies in its file.
    """
    scale = max(2 * size[1] / image.width, 2 * size[0] / image.height)
    if scale < 1:
        image.draft(None, (ceil(scale * image.width), ceil(scale * image.height)))


def _plain(image: Image.Image, paper: str) -> tuple[Image.Image, bool]:
    """The same in grey (L) or colours (RGB) of 8 bits, on paper; and whether any of it was transparent."""
    if image.mode.startswith("I"):  # 16 bits: Pillow itself would clip them
        return Image.fromarray((np.clip(np.asarray(image), 0, 65535) >> 8).astype(np.uint8)), False
    if image.has_transparency_data:
        with_alpha = image.convert("RGBA")
        if (np.asarray(with_alpha.getchannel("A")) < 255).any():
            sheet = Image.new("RGBA", image.size, paper)
            sheet.alpha_composite(with_alpha)
            return sheet.convert("RGB"), True
    grey = image.mode in ("1", "L", "LA", "La")
    return image.convert("L" if grey else "RGB"), False


def fitted(image: Image.Image, size: tuple[int, int] | None, fit: Fit) -> Image.Image:
    """In `size`, height and width: cropped about its middle, padded in the colour of its edge, or stretched."""
    if size is None or image.size == size[::-1]:
        return image
    height, width = size
    across, down = image.width / width, image.height / height
    box = (0.0, 0.0, float(image.width), float(image.height))
    if fit == "pad":
        scale = max(across, down)
        inner = max(1, round(image.width / scale)), max(1, round(image.height / scale))
        small = image.resize(inner, Image.Resampling.LANCZOS, reducing_gap=3)
        sheet = Image.new(image.mode, (width, height), _edge(small))
        sheet.paste(small, ((width - inner[0]) // 2, (height - inner[1]) // 2))
        return sheet
    if fit == "crop":
        scale = min(across, down)
        left, top = max(0.0, (image.width - scale * width) / 2), max(0.0, (image.height - scale * height) / 2)
        box = (left, top, image.width - left, image.height - top)
    return image.resize((width, height), Image.Resampling.LANCZOS, box, reducing_gap=3)


def _edge(image: Image.Image) -> int | tuple[int, ...]:
    """The median of its outermost pixels, channel by channel."""
    x = np.asarray(image)
    pixels = np.concatenate([x[0], x[-1], x[:, 0], x[:, -1]])
    colour = np.median(pixels, axis=0).astype(int)
    return int(colour) if colour.ndim == 0 else tuple(int(c) for c in colour)

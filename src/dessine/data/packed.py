"""Packed files, read within bounds: a few kilobytes may unpack to more than any memory holds. What is in them others know."""

from __future__ import annotations

import gzip
import tarfile
import zipfile
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from tokenize import TokenError

LARGEST = 1_000_000_000
"""Bytes that one file of data, or one archive, may hold unpacked: twice as many as the largest of EMNIST's."""
MOST_MEMBERS = 1_000
DAMAGE = (EOFError, gzip.BadGzipFile, zlib.error, tarfile.TarError)
"""What is raised where packed data are cut off or scrambled, or go beyond the bounds."""
NOT_NPY = (ValueError, EOFError, SyntaxError, TokenError, TypeError, OverflowError, RecursionError, zipfile.BadZipFile)
"""What NumPy raises for a file that is no .npy or .npz, or a damaged one: it reads the head as Python."""


class _Bounded(gzip.GzipFile):
    """A .gz that ends with tarfile.ReadError after `largest` bytes, or where a header asks for more at once."""

    largest = LARGEST

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0 or self.tell() + size > self.largest:
            raise tarfile.ReadError(f"it holds more than {self.largest:,} bytes unpacked")
        return super().read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        if offset > self.largest:
            raise tarfile.ReadError(f"it holds more than {self.largest:,} bytes unpacked")
        return super().seek(offset, whence)


def bounded(path: Path, largest: int) -> gzip.GzipFile:
    """A .gz to read from, that ends with one of DAMAGE after so many bytes."""
    file = _Bounded(path)
    file.largest = largest
    return file


def members(archive: Path, names: Collection[str], largest: int) -> Iterator[tuple[str, bytes]]:
    """Those of the named files that stand in a .tar.gz, one after the other, and nothing else of it.

    largest: bytes of one file. Raises one of DAMAGE, and OSError where the archive cannot be read.
    """
    with _Bounded(archive) as file, tarfile.open(fileobj=file, mode="r:") as tar:
        for number, member in enumerate(tar):
            if number >= MOST_MEMBERS:
                raise tarfile.ReadError(f"it holds more than {MOST_MEMBERS:,} files")
            if member.name not in names or not member.isreg():
                continue
            if member.size > largest:
                raise tarfile.ReadError(
                    f"{member.name} in it says it has {member.size:,} bytes, where {largest:,} are the most"
                )
            found = tar.extractfile(member)
            assert found is not None  # of a regular file there is something
            yield member.name, found.read(member.size)

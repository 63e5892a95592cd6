"""What stands in a zip or tar file, entry by entry, each refused that is neither a plain file nor a folder.

Used by `archives`, which decides what is written. Nothing here trusts a number that the archive states: entries are
counted before objects are made of them, and headers and dictionaries have a largest size.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, Protocol, cast

from vision_core.errors import DataError

_BLOCK_BYTES = 2**20
_LARGEST_TAR_HEADER_BYTES = 2**20
_LARGEST_XZ_DICTIONARY_BYTES = 2**28
_LARGEST_ZIP_ENTRY_BYTES = 512  # of the central directory; a name takes most of it
_MAGIC = {b"PK\x03\x04": "zip", b"PK\x05\x06": "zip", b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ\x00": "xz"}
_BROKEN = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError,
    LookupError, ArithmeticError, ValueError, struct.error,
)  # fmt: skip
"""What the standard library raises on damaged archives; nothing of ours runs where these are caught."""


class Content(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True)
class Member:
    """One entry.

    Attributes:
        name: as it stands in the archive, whatever it is.
        content: to be read before the next entry is asked for; None for a folder.
        archive_bytes_read: how far into the archive this is.
    """

    name: str
    content: Content | None
    archive_bytes_read: int


def members(archive: Path, max_files: int) -> Iterator[Member]:
    """The entries of a zip or tar file.

    Raises:
        DataError: it is neither, damaged or encrypted, or holds more than `max_files` entries, or a link or a device.
    """
    with reading(archive), open(archive, "rb") as file:
        head = file.read(512)
    kind = next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), "")
    if not kind and head[257:262] != b"ustar":
        raise DataError(f"'{archive.name}' is neither a zip nor a tar file: pack the data set as one of these.")
    return _zip_members(archive, max_files) if kind == "zip" else _tar_members(archive, kind)


@contextmanager
def reading(archive: Path) -> Iterator[None]:
    """Turns what the standard library raises into a sentence."""
    try:
        yield
    except (OSError, *_BROKEN) as error:
        if isinstance(error, OSError) and error.errno:
            raise DataError(f"'{archive.name}' cannot be read ({error.strerror}).") from error
        reason = str(error).splitlines()[0][:120] if str(error) else "it ends too early"
        raise DataError(f"'{archive.name}' is damaged or of a kind that cannot be unpacked ({reason}).") from error


def _zip_members(archive: Path, max_files: int) -> Iterator[Member]:
    done = 0
    with reading(archive), open(archive, "rb") as file:
        _check_entry_count(archive, file, max_files)
        packed = zipfile.ZipFile(archive)
    with packed:
        for info in packed.infolist():
            name = _zip_name(info)
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise DataError(f"'{archive.name}' holds {name!r}, a link or a device: pack plain files only.")
            if info.flag_bits & 1:
                raise DataError(f"'{archive.name}' is encrypted ({name!r}): pack it without a password.")
            done += info.compress_size
            if info.is_dir():
                yield Member(name, None, done)
                continue
            with reading(archive):
                content = packed.open(info)
            with content:
                yield Member(name, content, done)


def _zip_name(info: zipfile.ZipInfo) -> str:
    """The name of an entry; many tools write UTF-8 without setting the flag that says so."""
    name = info.orig_filename
    if info.flag_bits & 0x800:
        return name
    try:
        return name.encode("cp437").decode("utf-8")
    except UnicodeError:
        return name


def _check_entry_count(archive: Path, file: BinaryIO, max_files: int) -> None:
    """Counts the entries before `zipfile` makes an object of each, which takes ten times the bytes."""
    end = file.seek(0, 2)
    file.seek(max(end - 2**16 - 98, 0))
    tail = file.read()
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) < place + 22:
        raise zipfile.BadZipFile("its end is missing")
    (size,) = struct.unpack_from("<I", tail, place + 12)
    start = end - len(tail) + place - size
    if tail[max(place - 20, 0) : place].startswith(b"PK\x06\x07") and place >= 76:  # zip64: a larger record before it
        (size,) = struct.unpack_from("<Q", tail, place - 76 + 40)
        start = end - len(tail) + place - 76 - size
    if size > max_files * _LARGEST_ZIP_ENTRY_BYTES:
        raise too_many_files(archive, max_files)
    file.seek(max(start, 0))
    if file.read(size).count(b"PK\x01\x02") > max_files:
        raise too_many_files(archive, max_files)


def too_many_files(archive: Path, max_files: int) -> DataError:
    return DataError(f"'{archive.name}' holds more than {max_files} files, the most allowed: split it.")


class _StrictTarInfo(tarfile.TarInfo):
    """Refuses what `tarfile` would take for the end of the archive, and headers that it would read at any length."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _StrictTarInfo:
        info = super().frombuf(buf, encoding, errors)
        if not (info.isreg() or info.isdir()) and info.size > _LARGEST_TAR_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {info.size} bytes")
        return info

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> _StrictTarInfo:  # type: ignore[override]
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:  # pyright: ignore[reportAttributeAccessIssue]
            raise  # the two empty blocks at the end
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"{error}, or its end is missing") from error


def _tar_members(archive: Path, compression: str) -> Iterator[Member]:
    with open(archive, "rb") as file:
        with reading(archive):
            stream = _decompressed(file, compression)
            packed = tarfile.open(  # noqa: SIM115 (closed by the next line, where other errors are meant)
                fileobj=cast("IO[bytes]", stream), mode="r|", tarinfo=_StrictTarInfo
            )
        with packed:
            while True:
                with reading(archive):
                    info = packed.next()
                    if info is None:
                        stream.read(_BLOCK_BYTES)  # what pads the end; compressed data is checked against its sum there
                        return
                packed.members = []  # pyright: ignore[reportAttributeAccessIssue]  # it would keep them all
                if info.isdir():
                    yield Member(info.name, None, file.tell())
                elif info.isreg() and not info.issparse():
                    with reading(archive):
                        content = packed.extractfile(info)
                    yield Member(info.name, content, file.tell())
                else:
                    raise DataError(f"'{archive.name}' holds {info.name!r}, a link or a device: pack plain files only.")


def _decompressed(file: BinaryIO, compression: str) -> Content:
    if compression == "xz":
        return _XzReader(file)
    openers = {"gz": gzip.open, "bz2": bz2.open}
    return openers[compression](file) if compression in openers else file


class _XzReader:
    """Reads one xz stream, whose dictionary may not take more memory than is allowed here."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decoder = lzma.LZMADecompressor(memlimit=_LARGEST_XZ_DICTIONARY_BYTES)

    def read(self, size: int, /) -> bytes:
        while not self._decoder.eof:
            more = self._file.read(_BLOCK_BYTES) if self._decoder.needs_input else b""
            if self._decoder.needs_input and not more:
                raise EOFError("its end is missing")
            block = self._decoder.decompress(more, size)
            if block:
                return block
        return b""

"""Zip and tar files from anywhere, unpacked so that they can do no harm.

    unpack(Path("photos.zip"), Path("datasets/photos"))

Only plain files and folders come out, only below the destination, and no more of them than the limits allow; bytes are
counted as they are written, whatever the archive claims. The destination appears whole or not at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from vision_core.data.archive_members import Content, Member, members, reading, too_many_files
from vision_core.data.staging import staged
from vision_core.data.threads import Progress
from vision_core.errors import DataError

_BLOCK_BYTES = 2**20
_LONGEST_NAME_BYTES = 255
_DEEPEST = 64


@dataclass(frozen=True)
class ArchiveLimits:
    """What is refused.

    Attributes:
        max_files: files and folders.
        max_bytes: of all files together, unpacked.
        max_ratio: bytes unpacked to bytes of the archive, once more than `free_bytes` came out. Annotations shrink to a
            thirtieth at best, pictures hardly; bombs to a thousandth and less.
    """

    max_files: int = 2_000_000
    max_bytes: int = 200 * 2**30
    max_ratio: float = 100.0
    free_bytes: int = 2**26


DEFAULT_ARCHIVE_LIMITS = ArchiveLimits()


def unpack(
    archive: Path,
    destination: Path,
    limits: ArchiveLimits = DEFAULT_ARCHIVE_LIMITS,
    progress: Progress | None = None,
) -> Path:
    """Unpacks a zip or tar file (plain, gzip, bzip2 or xz) into the new folder `destination`, and returns that.

    Args:
        progress: called with the bytes of the archive that were read, and all of them; may raise to cancel.

    Raises:
        DataError: no archive, a damaged or encrypted one, one that holds anything but files and folders or a name that
            leads elsewhere, or one beyond the limits. Nothing is left of it then.
    """
    with staged(destination) as part:
        taker = _Taker(archive, part, limits)
        for member in members(archive, limits.max_files):
            taker.take(member)
            if progress:
                progress(member.archive_bytes_read, taker.archive_bytes)
    return destination


class _Taker:
    """Writes members below a folder, within limits."""

    def __init__(self, archive: Path, folder: Path, limits: ArchiveLimits) -> None:
        with reading(archive):
            self.archive_bytes = archive.stat().st_size
        self._archive, self._folder, self._limits = archive, folder, limits
        self._files = self._bytes = 0

    def take(self, member: Member) -> None:
        """Writes one file or makes one folder."""
        self._files += 1
        if self._files > self._limits.max_files:
            raise too_many_files(self._archive, self._limits.max_files)
        target = self._folder.joinpath(*self._parts(member.name))
        try:
            if member.content is None:
                target.mkdir(parents=True, exist_ok=True)
                return
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(target, "xb") as file:
                self._copy(member.content, file)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise self._refused(member.name, "whose name another entry has already") from error
        except OSError as error:
            raise self._refused(member.name, f"which cannot be written ({error.strerror or error})") from error

    def _copy(self, content: Content, file: BinaryIO) -> None:
        limits = self._limits
        while True:
            with reading(self._archive):
                block = content.read(_BLOCK_BYTES)
            if not block:
                return
            self._bytes += len(block)
            if self._bytes > limits.max_bytes:
                raise DataError(
                    f"'{self._archive.name}' unpacks to more than {limits.max_bytes / 2**30:.4g} GiB, the most allowed."
                )
            if self._bytes > max(limits.free_bytes, limits.max_ratio * self.archive_bytes):
                raise DataError(
                    f"'{self._archive.name}' unpacks to more than {limits.max_ratio:g} times its size, as bombs "
                    "do, and was refused."
                )
            file.write(block)

    def _parts(self, name: str) -> list[str]:
        """The folders and the file name of an entry, none of which leads out of the destination."""
        if re.search(r"[\x00-\x1f\x7f]", name) or not _encodable(name):
            raise self._refused(name, "whose name is not text")
        path = name.replace("\\", "/")
        parts = [part for part in path.split("/") if part not in ("", ".")]
        if path.startswith("/") or re.match(r"[A-Za-z]:", path) or ".." in parts:
            raise self._refused(name, "whose name leads out of the archive")
        if len(parts) > _DEEPEST or any(len(part.encode()) > _LONGEST_NAME_BYTES for part in parts):
            raise self._refused(name, "whose name is too long")
        return parts

    def _refused(self, name: str, why: str) -> DataError:
        shown = repr(name if len(name) <= 80 else f"{name[:60]}…{name[-19:]}")
        return DataError(f"'{self._archive.name}' holds {shown}, {why}: pack it again without it.")


def _encodable(name: str) -> bool:
    try:
        return bool(name.encode())
    except UnicodeEncodeError:
        return False

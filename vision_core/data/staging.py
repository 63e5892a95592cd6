"""Folders that appear whole or not at all, and files put in them without copying where the system can.

    with staged(Path("photos-yolo")) as part: ...        # becomes photos-yolo at the end
    with scratch(Path("exports")) as space: ...          # is gone at the end

Both are hidden folders, locked for as long as their process lives; what a killed process left is removed by the next
that works in the same place. Only where the system has no such locks (Windows, some network disks) it stays.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vision_core.errors import DataError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_LONGEST_NAME = 40
_ENDING = ".whatwhere"


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """An empty folder beside `folder` to write into; it becomes `folder` at the end, and goes when anything is raised.

    Raises:
        DataError: `folder` exists and holds something, or nothing can be written beside it.
    """
    in_use = DataError(f"'{folder}' already exists: name another folder, so that nothing is overwritten.")
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise in_use
    with scratch(folder.parent, folder.name) as part:
        yield part
        try:
            if folder.is_dir():
                folder.rmdir()  # empty; not every system renames over one
            os.replace(part, folder)
        except OSError as error:  # somebody else was quicker
            raise in_use from error


@contextmanager
def scratch(place: Path, name: str = "scratch") -> Iterator[Path]:
    """An empty hidden folder in `place`, removed at the end with all that is in it, unless it was renamed.

    Raises:
        DataError: nothing can be written in `place`.
    """
    try:
        place.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(place)
        part = Path(tempfile.mkdtemp(prefix=f".{name[:_LONGEST_NAME]}.", dir=place))
    except OSError as error:
        raise DataError(
            f"Nothing can be written in '{place}' ({error.strerror}): free some space, or name another folder."
        ) from error
    try:
        with _held(part):
            part = part.rename(part.with_name(part.name + _ENDING))  # only now may it be taken for a leftover
            part.chmod(0o755)  # mkdtemp makes it for its owner alone
            yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Locks a folder for as long as this process lives; False when another holds it, or the system cannot lock."""
    if fcntl is None:
        yield False
        return
    locked, descriptor = False, os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            locked = True
        yield locked
    finally:
        os.close(descriptor)


def _remove_leftovers(place: Path) -> None:
    for part in place.glob(f".*.*{_ENDING}"):
        with suppress(OSError), _held(part) as unclaimed:  # an error: it has gone meanwhile, or is another user's
            if unclaimed:
                shutil.rmtree(part, ignore_errors=True)


def link_or_copy(source: Path, target: Path) -> None:
    """Makes `target` a hard link to `source`, or a copy where the two lie on different disks or links are unknown.

    Raises:
        OSError: there is no `source`, or `target` cannot be written.
    """
    try:
        os.link(os.path.realpath(source), target)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(source, target)

"""A folder that appears whole or not at all, and files put in it without copying where the system can."""

from __future__ import annotations

import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from vision_core.errors import DataError


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """An empty folder beside `folder` to write into; it becomes `folder` at the end, and goes when anything is raised.

    Raises:
        DataError: `folder` exists and holds something, or nothing can be written beside it.
    """
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise DataError(f"'{folder}' already exists: name another folder, so that nothing is overwritten.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{folder.name[:60]}.{_process(os.getpid())}.", dir=folder.parent))
    except OSError as error:
        raise DataError(f"Nothing can be written beside '{folder}' ({error.strerror}): name another folder.") from error
    try:
        part.chmod(0o755)  # mkdtemp makes it for its owner alone
        yield part
        if folder.is_dir():
            folder.rmdir()  # empty; not every system renames over one
        os.replace(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Removes what processes of this machine left in `folder` when they were killed while they were staging."""
    for part in folder.glob(".*.*.*"):
        owner = part.name.rsplit(".", 2)[1]
        number = owner.rpartition("-")[2]
        if number.isdecimal() and owner == _process(int(number)) and not psutil.pid_exists(int(number)):
            shutil.rmtree(part, ignore_errors=True)


def _process(number: int) -> str:
    """A process of this machine, as a part of a file's name."""
    return f"{re.sub(r'[^A-Za-z0-9]', '_', platform.node())}-{number}"


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

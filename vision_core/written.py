"""Files that people name and we write: whole or not at all, and never over something that is not ours."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from vision_core.errors import DataError

_START_BYTES = 65536


def write_aside(path: Path, content: bytes) -> Path:
    """Writes the file aside and renames it; its folder is made.

    Raises:
        DataError: it cannot be written; nothing is left behind.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise DataError(f"'{path}' cannot be written ({error.strerror or error}): name another place.") from error
    return path


def check_ours(path: Path, is_ours: Callable[[bytes], bool], what: str) -> None:
    """Refuses to overwrite anything that we have not written.

    Args:
        is_ours: asked of the file's first bytes.
        what: ours would be, e.g. "report".

    Raises:
        DataError: the path is a folder, or the file holds something else.
    """
    if path.is_dir():
        raise DataError(f"'{path}' is a folder: name a file.")
    if not path.exists():
        return
    with path.open("rb") as file:
        if not is_ours(file.read(_START_BYTES)):
            raise DataError(f"'{path}' is there already and is no {what} of ours: name another file.")

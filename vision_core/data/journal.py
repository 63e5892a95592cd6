"""What people labelled, on disk before anybody is told that it is saved.

    with Journal(folder, index) as journal:            # folder/labels.jsonl, locked against a second writer
        journal.record([operation])                    # on disk when it returns
    labelled = replay(folder, index)                   # a new DatasetIndex, at any time, by anybody

The journal only ever grows: a line a change, each forced to the disk. A process that is killed while it writes leaves
at most one unfinished line, which was never acknowledged and is dropped when the journal is next opened.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout

from vision_core.data.index import DatasetIndex
from vision_core.data.label_operations import Operation
from vision_core.data.labelling import Labelling
from vision_core.errors import DataError

FILE_NAME = "labels.jsonl"
_HEADER = b'{"journal": "labels", "version": 1}\n'


class Journal:
    """The one writer of a data set's labels; several threads of this process may share it."""

    def __init__(self, folder: Path, index: DatasetIndex) -> None:
        """Opens the journal in `folder`, made where absent, and does again what it holds.

        Raises:
            DataError: another process labels this data set, or the journal cannot be read; names the line.
        """
        self.path = folder / FILE_NAME
        self._thread_lock = threading.Lock()
        self._file_lock = FileLock(folder / f"{FILE_NAME}.lock", thread_local=False)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file_lock.acquire(timeout=0)
        except Timeout as error:
            raise DataError(
                f"'{folder}' is being labelled by another process on this computer; close that one first."
            ) from error
        except OSError as error:
            raise DataError(
                f"Labels cannot be kept in '{folder}' ({error.strerror}); check its permissions."
            ) from error
        try:
            self._size = _mend(self.path)
            self._load(index)
        except BaseException:
            self._file_lock.release()
            raise

    def _load(self, index: DatasetIndex) -> None:
        self.labelling = _replayed(self.path, index)
        self._ids = {operation.id for operation in self.labelling.operations}
        self._ahead_of_disk = False

    def record(self, operations: Sequence[Operation]) -> list[str]:
        """Makes these changes in their order and writes them down; what is true on return survives a kill.

        An operation that was recorded before is left out, so that a caller who got no answer may ask again.

        Returns:
            One text an operation: empty when it is on disk, else why it was refused.

        Raises:
            DataError: they cannot be written, for example because the disk is full; none of them was made.
        """
        answers: list[str] = []
        lines: list[bytes] = []
        with self._thread_lock:
            if self._ahead_of_disk:
                self._load(self.labelling.index)
            for operation in operations:
                answer = ""
                if operation.id not in self._ids:
                    stamped = replace(operation, at=round(time.time(), 3))
                    try:
                        self.labelling.apply(stamped)
                    except DataError as error:
                        answer = str(error)
                    else:
                        self._ids.add(operation.id)
                        lines.append(_line(stamped))
                answers.append(answer)
            if lines:
                self._write(b"".join(lines))
        return answers

    def _write(self, data: bytes) -> None:
        try:
            with self.path.open("r+b", buffering=0) as file:
                file.truncate(self._size)
                file.seek(self._size)
                written = file.write(data)
                os.fsync(file.fileno())
                if written != len(data):
                    raise OSError(0, "only a part of it could be written")
        except OSError as error:
            with suppress(OSError):
                os.truncate(self.path, self._size)
            self._ahead_of_disk = True  # a network disk that is away can be read no more than written
            with suppress(DataError):
                self._load(self.labelling.index)
            raise DataError(f"'{self.path}' cannot be written ({error.strerror}); free space and try again.") from error
        self._size += len(data)

    def close(self) -> None:
        """Lets others write; this object must not be used again."""
        self._file_lock.release()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def replay(folder: Path, index: DatasetIndex) -> DatasetIndex:
    """`index` with everything that the journal in `folder` says; `index` itself where there is no journal.

    Reads what is complete, also while somebody is writing.

    Raises:
        DataError: a line cannot be read or does not fit the data set; names file and line.
    """
    path = folder / FILE_NAME
    return _replayed(path, index).to_index() if path.exists() else index


def read_operations(folder: Path) -> list[Operation]:
    """Every operation of the journal in `folder`, in order; none where there is no journal.

    Raises:
        DataError: a line cannot be read; names file and line.
    """
    path = folder / FILE_NAME
    return [operation for _, operation in _operations(path)] if path.exists() else []


def count_changes(folder: Path) -> int:
    """How many changes the journal in `folder` holds, those that were undone included; 0 where there is no journal.

    Raises:
        DataError: as `read_operations`.
    """
    return sum(operation.kind != "left" for operation in read_operations(folder))


def _replayed(path: Path, index: DatasetIndex) -> Labelling:
    labelling = Labelling(index)
    for number, operation in _operations(path):
        try:
            labelling.apply(operation)
        except DataError as error:
            raise DataError(f"'{path}', line {number}: {error} Is it the journal of another data set?") from error
    return labelling


def _operations(path: Path) -> Iterator[tuple[int, Operation]]:
    """Line numbers and operations; an unfinished last line is no line."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"'{path}' cannot be read ({error.strerror}).") from error
    lines = content.split(b"\n")[:-1]
    if lines and lines[0] + b"\n" != _HEADER:
        raise DataError(f"'{path}', line 1: not a journal of labels that this version can read.")
    for number, line in enumerate(lines[1:], 2):
        try:
            yield number, Operation.from_json(json.loads(line))
        except (ValueError, RecursionError) as error:
            raise DataError(f"'{path}', line {number}: not valid JSON; restore the file from a backup.") from error
        except DataError as error:
            raise DataError(f"'{path}', line {number}: {error}") from error


def _mend(path: Path) -> int:
    """Makes the journal where it is absent, cuts off an unfinished last line, and returns the size in bytes."""
    try:
        content = path.read_bytes() if path.exists() else b""
        size = content.rfind(b"\n") + 1
        another_file = not content.startswith(_HEADER) and not _HEADER.startswith(content)
        if another_file or size == len(content) > 0:
            return size
        with path.open("r+b" if content else "wb") as file:
            file.truncate(size)
            if not size:
                file.write(_HEADER)
                size = len(_HEADER)
            file.flush()
            os.fsync(file.fileno())
        _sync_folder(path.parent)
    except OSError as error:
        raise DataError(f"'{path}' cannot be opened for writing ({error.strerror}).") from error
    return size


def _sync_folder(folder: Path) -> None:
    """The name of a new file is safe only when its folder is."""
    if os.name == "nt":  # folders cannot be opened there, and need not be
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _line(operation: Operation) -> bytes:
    return (json.dumps(operation.to_json(), ensure_ascii=False, separators=(",", ":")) + "\n").encode()

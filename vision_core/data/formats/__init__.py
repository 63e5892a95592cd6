"""Reading and writing data sets in the common formats: folder per class, COCO, YOLO, Pascal VOC, CSV.

    index = read_dataset(Path("photos.zip"))
    written = write_dataset(index, Path("photos-yolo"), "yolo")
    written.root, written.notes

Whatever is read is untrusted: a malformed file is refused with one sentence that names it and the line or field, and
no annotation reaches a picture outside its data set's folder.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa

from vision_core.data.archive_members import reading
from vision_core.data.archives import unpack
from vision_core.data.formats import coco, csv_write, voc, yolo
from vision_core.data.formats import folder as class_folders
from vision_core.data.formats.detect import (
    READERS,
    AmbiguousFormat,
    Reading,
    check_against_folders,
    check_format,
    choose,
    possible_readings,
)
from vision_core.data.formats.fields import set_column, shown
from vision_core.data.formats.headers import measure
from vision_core.data.formats.writing import Pictures
from vision_core.data.index import DatasetIndex
from vision_core.data.staging import staged
from vision_core.data.threads import Progress
from vision_core.data.wording import plural
from vision_core.errors import DataError
from vision_core.settings import settings

__all__ = ["AmbiguousFormat", "Reading", "measure", "possible_readings", "read_dataset", "told_as", "write_dataset"]

WRITERS: dict[str, ModuleType] = {"coco": coco, "yolo": yolo, "voc": voc, "csv": csv_write, "folder": class_folders}


def read_dataset(
    path: Path, format: str | None = None, progress: Progress | None = None, from_archive: bool = False
) -> DatasetIndex:
    """The data set in a folder, or in a zip or tar file, every picture measured.

    An archive is unpacked into the workspace, under a name made of its own and its content's, once: reading it again
    finds it there. Nothing stays of one that cannot be read.

    Args:
        format: "coco", "yolo", "voc", "csv" or "folder"; by default what it looks like.
        from_archive: the folder was an archive, so that a lone folder in it is a wrapper and no class.
        progress: called with what is done and all there is to do, step by step (bytes of an archive, files, pictures).

    Raises:
        AmbiguousFormat: several formats fit equally well, or labels differ from the names of the folders that the
            pictures lie in, and no format was named.
        DataError: nothing there can be read, or a file is malformed; names the file and the line or field.
    """
    if not os.path.isfile(path):  # unlike Path.is_file, never raises
        return _read(path, format, progress, from_archive)
    target = settings().home / "unpacked" / f"{path.name.partition('.')[0][:60]}-{_digest(path)}"
    fresh = not target.exists()
    if fresh:
        unpack(path, target, progress=progress)
    try:
        with told_as(target, path.name):
            return _read(target, format, progress, from_archive=True)
    except AmbiguousFormat:
        raise  # the user will name a format: keep what was unpacked
    except BaseException:
        if fresh:
            shutil.rmtree(target, ignore_errors=True)
        raise


def _read(path: Path, format: str | None, progress: Progress | None, from_archive: bool) -> DatasetIndex:
    chosen, listing = choose(path, format, from_archive)
    index = READERS[chosen].read(listing, progress)
    if format is None:
        check_against_folders(path, listing, index, from_archive)
    if not len(index):
        other = "file" if from_archive else "folder"
        raise DataError(f"'{path}' holds no picture that could be read as {chosen}: choose another {other} or format.")
    return measure(index, progress)


@contextmanager
def told_as(folder: Path, name: str) -> Iterator[None]:
    """Has every `DataError` speak of the archive `name` where it speaks of the folder that was unpacked from it."""
    try:
        yield
    except DataError as error:
        sentence = str(error)
        for place in (str(folder), os.path.realpath(folder)):
            sentence = sentence.replace(place, name)
        error.args = (sentence,)
        raise


def _digest(file: Path) -> str:
    """The start of a file's SHA-256, hexadecimal; a `DataError` when it cannot be read."""
    digest = hashlib.sha256()
    with reading(file), open(file, "rb") as content:
        while block := content.read(2**20):
            digest.update(block)
    return digest.hexdigest()[:12]


def write_dataset(
    index: DatasetIndex, folder: Path, format: str, progress: Progress | None = None, link: bool = True
) -> DatasetIndex:
    """Writes a data set, pictures and all, into a new folder, which appears whole or not at all.

    Args:
        format: "coco", "yolo", "voc", "csv" or "folder".
        progress: called with the number of pictures in place, and all of them.
        link: hard-link pictures where the file system can, instead of copying them.

    Returns:
        The data set as it was written, rows in the same order: `root` is the folder, `notes` say what the format could
        not hold or had to be called otherwise.

    Raises:
        DataError: the format has no place for what the data set holds, a picture is missing, or the folder is in use.
    """
    check_format(format, WRITERS)
    _check_class_ids(index)
    ready = WRITERS[format].carried(measure(replace(index, notes=()), progress))
    try:
        with staged(folder) as part:
            pictures = Pictures(ready, part, link, progress)
            WRITERS[format].write(ready, pictures)
    except OSError as error:
        if not error.errno:
            raise  # somebody cancelled
        raise DataError(
            f"'{folder}' cannot be written ({error.strerror}): free some space, or name another folder."
        ) from error
    images = set_column(ready.images, "path", pa.array(pictures.paths, pa.string()))
    notes = (*ready.notes, *pictures.notes())
    return replace(ready, root=folder, format=format, images=images, notes=notes)


def _check_class_ids(index: DatasetIndex) -> None:
    class_ids, count = index.box_column("class_id"), len(index.class_names)
    strange = np.flatnonzero((class_ids < 0) | (class_ids >= count))
    if len(strange):
        box = int(strange[0])
        path = index.images["path"][int(index.box_column("image")[box])].as_py()
        raise DataError(
            f"{plural(len(strange), 'box')} of classes that do not exist, in {shown(path)} of class {class_ids[box]} "
            f"where there are {count}: mend the data set first (in the doctor on the page, or with `data fix`)."
        )

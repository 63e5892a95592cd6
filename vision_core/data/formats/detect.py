"""What a folder could be read as, found out by looking.

for reading in possible_readings(Path("photos")):
    reading.format, reading.sentence
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pyarrow as pa

from vision_core.data.formats import coco, csv_table, folder, voc, yolo
from vision_core.data.formats.listing import Listing, list_files, unwrap
from vision_core.data.index import DatasetIndex
from vision_core.data.wording import plural
from vision_core.errors import DataError, suggest

READERS: dict[str, ModuleType] = {"coco": coco, "yolo": yolo, "voc": voc, "csv": csv_table, "folder": folder}


@dataclass(frozen=True)
class Reading:
    """One way to read a folder.

    Attributes:
        format: "coco", "yolo", "voc", "csv" or "folder".
        root: the folder that the data set's paths start from; it may lie below the one that was looked at.
        sentence: what the data set would be.
        confidence: 2 when annotation files say it, 1 when only the names of folders do, 0 for bare pictures.
    """

    format: str
    root: Path
    sentence: str
    confidence: int


class AmbiguousFormat(DataError):
    """Several formats fit equally well; `readings` are those to choose from."""

    def __init__(self, path: Path, readings: list[Reading]) -> None:
        choices = " or ".join(f"{reading.format} ({reading.sentence.rstrip('.')})" for reading in readings)
        super().__init__(f"'{path}' can be read as {choices}: say which format it is.")
        self.readings = tuple(readings)


def possible_readings(folder: Path) -> list[Reading]:
    """Every way to read a folder, the most likely first; empty when there is neither annotation nor picture.

    Raises:
        DataError: the folder cannot be walked.
    """
    return [reading for reading, _ in _readings(folder, from_archive=False)]


def choose(path: Path, format: str | None, from_archive: bool = False) -> tuple[str, Listing]:
    """The format to read a folder as, and the files to read.

    Raises:
        AmbiguousFormat: several fit equally well and `format` is None.
        DataError: nothing to read is there, or there is no such format.
    """
    if format is not None:
        check_format(format, READERS)
        return format, _listing(list_files(path), format, from_archive)
    readings = _readings(path, from_archive)
    if not readings:
        other = "file" if from_archive else "folder"
        raise DataError(f"'{path}' holds neither annotations that are known here nor pictures: choose another {other}.")
    best, listing = readings[0]
    likely = [reading for reading, _ in readings if reading.confidence == best.confidence]
    if len(likely) > 1:
        raise AmbiguousFormat(path, likely)
    return best.format, listing


def check_against_folders(path: Path, listing: Listing, index: DatasetIndex, from_archive: bool = False) -> None:
    """Asks when annotations give whole pictures other labels than the class folders that these lie in.

    Not where there are boxes: they say more than folders can, which then mostly stand for cameras or days.

    Args:
        listing: what `index` was read from.

    Raises:
        AmbiguousFormat: with both readings.
    """
    if index.format == "folder" or index.has_boxes or not index.has_labels:
        return
    folders = _listing(listing, "folder", from_archive)
    start = "" if folders.root == listing.root else f"{folders.root.relative_to(listing.root).as_posix()}/"
    class_of = {start + path: name.casefold() for path, name in folder.class_folders(folders).items()}
    rows, ids = index.label_pairs()
    said: dict[str, set[str]] = {}
    for image, label in zip(index.images["path"].take(pa.array(rows)).to_pylist(), ids.tolist(), strict=True):
        if image in class_of:
            said.setdefault(image, set()).add(index.class_names[label].casefold())
    several = len({class_of[image] for image in said}) > 1
    if several and any(class_of[image] not in labels for image, labels in said.items()):
        both = [reading for reading, _ in _readings(path, from_archive) if reading.format in (index.format, "folder")]
        raise AmbiguousFormat(path, both)


def check_format(format: str, known: Mapping[str, ModuleType]) -> None:
    """Raises a `DataError` when there is no such format."""
    if format not in known:
        raise DataError(f"There is no format {format!r}.{suggest(format, list(known))} Known: {', '.join(known)}.")


def _readings(folder: Path, from_archive: bool) -> list[tuple[Reading, Listing]]:
    files = list_files(folder)
    found = []
    for name, module in READERS.items():
        listing = _listing(files, name, from_archive)
        sentence = module.recognise(listing)
        if sentence:
            found.append((Reading(name, listing.root, sentence, 1 if name == "folder" else 2), listing))
    if not found and files.pictures:
        listing = _listing(files, "folder", from_archive)
        sentence = f"{plural(len(files.pictures), 'picture')} without labels."
        found.append((Reading("folder", listing.root, sentence, 0), listing))
    return found


def _listing(files: Listing, format: str, from_archive: bool) -> Listing:
    """What the reader of a format looks at: only where folders mean classes does one around them all matter."""
    return unwrap(files, from_archive) if format == "folder" else files

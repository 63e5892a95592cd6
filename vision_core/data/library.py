"""The data sets of the workspace: imported, listed, mended into new versions, moved to the trash.

    photos = import_dataset(Path("photos.zip"), "photos")
    index = photos.index()                                  # of the newest version
    add_version(photos, "mended", lambda folder: fix(index, diagnosis, codes, folder))
    restore_dataset(discard_dataset(photos))                # to the trash and back

A data set is a folder below `WHATWHERE_HOME/datasets`; each version is a folder in it that appears whole or not at all
and never changes again:

    photos/dataset.json                     name, source, when it was imported
    photos/versions/0001/version.json       what was done, when, how many pictures and boxes, where the pictures are
    photos/versions/0001/index/             the index (vision_core.data.index)
    photos/versions/0001/files/             the pictures; not there when they are still where they came from
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from filelock import FileLock, Timeout

from vision_core.data.archives import unpack
from vision_core.data.duplicates import groups
from vision_core.data.formats import read_dataset, told_as
from vision_core.data.index import DatasetIndex
from vision_core.data.splits import assign_splits
from vision_core.data.staging import staged
from vision_core.data.threads import Progress
from vision_core.errors import DataError
from vision_core.settings import DATASET_FILE, ensure_folder, settings

SHELF = "Fashion Shelf"
MAX_NAME = 60
LOCK_S = 10.0

Stage = Callable[[str, int, int], None]
"""Called with what is being done in plain words, how much of it is done and how much there is; may raise to cancel."""


@dataclass(frozen=True)
class Version:
    """One state of a data set.

    Attributes:
        number: from 1.
        note: what was done to get it, in plain words.
        made_at: ISO 8601, UTC.
        uid: tells it from every other version of any data set, also from one that had its name before.
    """

    number: int
    uid: str
    note: str
    made_at: str
    images: int
    boxes: int

    @classmethod
    def read(cls, file: Path) -> Version:
        """From a `version.json`."""
        fields = ("uid", "note", "made_at", "images", "boxes")
        about = _read_json(file, *fields)
        return cls(int(file.parent.name), *(about[name] for name in fields))


@dataclass(frozen=True)
class Dataset:
    """One data set of the workspace; `id` is its folder's name, `name` what its owner called it."""

    id: str
    name: str
    source: str
    folder: Path

    @property
    def versions(self) -> tuple[Version, ...]:
        """All versions, oldest first."""
        found = sorted(self.folder.glob("versions/[0-9][0-9][0-9][0-9]/version.json"))
        return tuple(Version.read(file) for file in found)

    def version_folder(self, number: int) -> Path:
        return self.folder / "versions" / f"{number:04}"

    def index(self, number: int | None = None) -> DatasetIndex:
        """The index of one version, the newest by default, mapped from disk.

        Raises:
            DataError: there is no such version, or it cannot be read.
        """
        numbers = [version.number for version in self.versions]
        number = number or max(numbers, default=0)
        if number not in numbers:
            raise DataError(
                f"'{self.name}' has no version {number}; there are {', '.join(map(str, numbers)) or 'none'}."
            )
        return DatasetIndex.load(self.version_folder(number) / "index", self.root(number))

    def root(self, number: int) -> Path:
        """The folder below which the pictures of a version lie."""
        folder = self.version_folder(number)
        return Path(os.path.normpath(folder / _read_json(folder / "version.json", "root")["root"]))


def list_datasets() -> list[Dataset]:
    """The data sets of the workspace, by name; folders that hold none that can be read are passed over."""
    found = []
    for file in settings().datasets_dir.glob(DATASET_FILE):
        if file.parent.name.startswith("."):
            continue  # not complete yet
        with suppress(DataError):
            dataset = _opened(file.parent)
            if dataset.versions:
                found.append(dataset)
    return sorted(found, key=lambda dataset: dataset.name.casefold())


def get_dataset(name: str) -> Dataset:
    """The data set with this id or name.

    Raises:
        DataError: there is none.
    """
    known = list_datasets()
    for dataset in known:
        if name in (dataset.id, dataset.name):
            return dataset
    names = ", ".join(dataset.name for dataset in known) or "none yet"
    raise DataError(f"There is no data set {name!r} in the workspace; there are: {names}.")


def create_dataset(name: str, source: str, note: str, make: Callable[[Path], DatasetIndex]) -> Dataset:
    """A new data set, whose first version is what `make(folder)` returns; nothing is kept when it raises.

    `make` may write the pictures into `folder`, which does not exist yet, or return an index whose pictures lie
    elsewhere.

    Raises:
        DataError: the name is taken, or cannot be one.
    """
    _check_name(name)
    datasets = ensure_folder(settings().datasets_dir)
    id = f"{re.sub(r'[^a-z0-9]+', '-', name.casefold()).strip('-') or 'data-set'}-{uuid4().hex[:8]}"
    with _writing(datasets), staged(datasets / id) as part:
        version = part / "versions" / "0001"
        _write_version(version, make(version / "files"), note, datasets / id / "versions" / "0001")
        _check_name(name)  # it may have been taken meanwhile
        _write_json(part / "dataset.json", {"name": name, "source": source, "made_at": _now()})
    return _opened(datasets / id)


def _check_name(name: str) -> None:
    if not name.strip() or len(name) > MAX_NAME or not name.isprintable():
        raise DataError(f"{name[:80]!r} cannot name a data set: use 1 to {MAX_NAME} printable characters.")
    if any(name == dataset.name for dataset in list_datasets()):
        raise DataError(f"There is a data set {name!r} already: give this one another name.")


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """A full disk, a folder that may not be written: one sentence instead of a trace."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"'{folder}' cannot be written ({error.strerror or error}): free some space, or set WHATWHERE_HOME to a "
            "folder you may write."
        ) from error


def import_dataset(
    source: Path, name: str = "", format: str | None = None, seed: int = 0, progress: Stage | None = None
) -> Dataset:
    """Brings a folder, a zip or a tar into the workspace.

    An archive's files are unpacked there; a folder's pictures stay where they are. Pictures without a split are given
    one, stratified by class, copies together. An import that fails or is cancelled leaves nothing behind.

    Args:
        name: what to call it; by default the file's or folder's own name.
        format: how to read it where two readings are possible.

    Raises:
        DataError: it cannot be read; `AmbiguousFormat` when it can be read in two ways and `format` is None.
    """

    def of(what: str) -> Progress | None:
        report = progress
        return None if report is None else lambda done, total: report(what, done, total)

    def read(files: Path) -> DatasetIndex:
        if os.path.isdir(source):  # unlike Path.is_dir, never raises: a name can be too long to look up
            return split(read_dataset(source.resolve(), format, of("Reading annotations")))
        unpack(source, files, progress=of("Unpacking"))
        with told_as(files, source.name):
            return split(read_dataset(files, format, of("Reading annotations"), from_archive=True))

    def split(index: DatasetIndex) -> DatasetIndex:
        if "" not in index.splits:
            return index
        return assign_splits(index, seed=seed, groups=groups(index, of("Looking for copies, to keep together")))

    name = name.strip() or source.name.partition(".")[0] or source.name
    return create_dataset(name[:MAX_NAME], source.name, "as imported", read)


def add_shelf(images: int, seed: int = 0, difficulty: str = "medium", progress: Stage | None = None) -> Dataset:
    """Paints Fashion Shelf into the workspace, or finds it there."""
    from vision_core.data.shelf import make_shelf

    usual = (images, seed, difficulty) == (settings().shelf_scenes, 0, "medium")
    name = SHELF if usual else f"{SHELF}, {images} {difficulty}, seed {seed}"
    report = None if progress is None else partial(progress, "Painting shelves")
    with FileLock(ensure_folder(settings().datasets_dir) / ".shelf.lock"):
        for dataset in list_datasets():
            if (dataset.name, dataset.source) == (name, SHELF) and dataset.versions[0].images == images:
                return dataset
        return create_dataset(
            name,
            SHELF,
            f"painted with seed {seed}",
            lambda folder: make_shelf(folder, images, seed, difficulty, report),
        )


def add_version(dataset: Dataset, note: str, make: Callable[[Path], DatasetIndex]) -> int:
    """Adds what `make(folder)` returns as the newest version and returns its number; `make` as in `create_dataset`.

    Raises:
        DataError: the data set is being changed, or was removed, in another window.
    """
    with _locked(dataset), _writing(dataset.folder):
        number = max(version.number for version in dataset.versions) + 1
        with staged(dataset.version_folder(number)) as part:
            _write_version(part, make(part / "files"), note, dataset.version_folder(number))
    return number


@contextmanager
def _locked(dataset: Dataset) -> Iterator[None]:
    """The data set for oneself.

    Raises:
        DataError: somebody else has it, or it is no longer there.
    """
    if not (dataset.folder / "dataset.json").is_file():
        raise DataError(f"'{dataset.name}' was removed in another window.")
    try:
        with FileLock(dataset.folder / ".lock", timeout=LOCK_S):
            yield
    except Timeout as error:
        raise DataError(f"'{dataset.name}' is being changed in another window: try again when that is done.") from error


def discard_dataset(dataset: Dataset) -> Path:
    """Moves a data set to the workspace's trash and returns where it lies now.

    Raises:
        DataError: another data set uses its pictures.
    """
    for other in list_datasets():
        roots = [other.root(version.number) for version in other.versions]
        if other != dataset and any(root.is_relative_to(dataset.folder) for root in roots):
            raise DataError(f"'{other.name}' uses the pictures of '{dataset.name}': remove that one first.")
    trash = ensure_folder(settings().home / "trash")
    place = trash / f"{dataset.id}-{datetime.now(timezone.utc):%Y%m%dT%H%M%S%f}"
    with _locked(dataset), _writing(trash):
        os.replace(dataset.folder, place)
    return place


def list_discarded() -> list[tuple[Path, Dataset]]:
    """The data sets in the trash and where they lie there, the one removed last first."""
    found = []
    for file in (settings().home / "trash").glob("*/dataset.json"):
        with suppress(DataError):
            found.append((file.parent, _opened(file.parent)))
    return sorted(found, key=lambda item: item[0].name.rpartition("-")[2], reverse=True)


def restore_dataset(place: Path) -> Dataset:
    """Moves a data set out of the trash, back to where it was; `place` as `discard_dataset` returned it.

    Raises:
        DataError: it is not in the trash any more, or its name has been given to another data set.
    """
    trash, datasets = settings().home / "trash", ensure_folder(settings().datasets_dir)
    if place.parent != trash or not (place / "dataset.json").is_file():
        raise DataError(f"'{place.name}' is not in the trash any more; it may have been brought back already.")
    _check_name(_opened(place).name)
    target = datasets / place.name.rpartition("-")[0]
    with _writing(datasets):
        if target.exists():
            raise DataError(f"'{target}' is in the way: move that folder out of the workspace first.")
        os.replace(place, target)
    return _opened(target)


def _write_version(folder: Path, index: DatasetIndex, note: str, final: Path) -> None:
    """Saves an index and says what it is. `folder` will be called `final` once it is complete.

    Where the pictures lie in the workspace their place is written as seen from `final`, so that it may be moved.
    """
    root = index.root
    if root.is_relative_to(folder):
        root = root.relative_to(folder)
    elif root.is_relative_to(settings().datasets_dir):
        root = Path(os.path.relpath(root, final))
    index.save(folder / "index")
    about = {"uid": uuid4().hex, "note": note, "made_at": _now(), "root": str(root)}
    counts = {"images": len(index), "boxes": index.boxes.num_rows}
    _write_json(folder / "version.json", about | counts)


def _opened(folder: Path) -> Dataset:
    about = _read_json(folder / "dataset.json", "name", "source")
    return Dataset(folder.name, about["name"], about["source"], folder)


def _read_json(file: Path, *fields: str) -> dict[str, Any]:
    """A JSON object that has these fields.

    Raises:
        DataError: it has not, or cannot be read.
    """
    try:
        about = json.loads(file.read_text("utf-8"))
        return about | {field: about[field] for field in fields}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"'{file}' cannot be read ({error!r}): move its folder out of the workspace.") from error


def _write_json(file: Path, about: dict[str, Any]) -> None:
    file.write_text(json.dumps(about, ensure_ascii=False, indent=1), encoding="utf-8")


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")

"""The pictures of a duel: always the same ones, with splits, so that every run learns from and is judged by the same.

name, index = settled(duel, tell)
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vision_core.data.index import DatasetIndex
from vision_core.duel.folder import DuelFolder
from vision_core.errors import DataError

Tell = Callable[[str, int, int], None]


def settled(duel: DuelFolder, tell: Tell) -> tuple[str, DatasetIndex]:
    """The data set of a duel, as every run of it is told, and its pictures. One without splits is brought into the
    workspace first, which gives it some.

    Raises:
        DataError: it cannot be read, or has changed since the duel began.
    """
    from vision_core.training.prepare import open_data

    if name := duel.data():
        index = open_data(name, tell)
        if duel.pictures() not in ("", fingerprint(index)):
            raise DataError(
                f"The pictures, labels or splits of {name!r} have changed since this duel began, and its runs have "
                "learned from those that were there: begin another duel."
            )
        return name, index
    name = duel.plan().data
    index = open_data(name, tell)
    if "" in index.splits:
        name = _brought_in(duel, Path(name), tell)
        index = open_data(name, tell)
    elif Path(name).exists():
        name = str(Path(name).resolve())
    duel.settle_data(name, fingerprint(index))
    return name, index


def fingerprint(index: DatasetIndex) -> str:
    """64 hexadecimal digits that differ when pictures, labels, boxes or splits do."""
    from vision_core.training.task_data import TaskData

    return TaskData(index, "detection", tuple(index.class_names), False, 1.0, 0).fingerprint()


def _brought_in(duel: DuelFolder, source: Path, tell: Tell) -> str:
    from vision_core.data.library import import_dataset, list_datasets

    taken, name, number = {one.name: one.id for one in list_datasets()}, source.stem, 2
    if (before := duel.brought_as()) in taken:  # by an earlier call that was killed before it could say so
        return taken[before]
    while name in taken:
        name, number = f"{source.stem} {number}", number + 1
    duel.bring_as(name)
    return import_dataset(source, name, progress=tell).id

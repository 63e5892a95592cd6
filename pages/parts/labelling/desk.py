"""One visitor's place at the labelling desk: which pictures in which order, what was saved, what is proposed."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import streamlit as st

from pages.parts.labelling.component import (
    Outbox,
    class_values,
    label_values,
    proposal_values,
    show,
)
from vision_core.boxes import as_boxes, box_iou
from vision_core.data.effort import count_work
from vision_core.data.index import DatasetIndex
from vision_core.data.journal import Journal, read_operations
from vision_core.data.label_operations import Operation
from vision_core.data.labelling import ImageLabels, Labelling
from vision_core.errors import DataError, VisionError
from vision_core.types import Detections, Task

Proposer = Callable[[Path], Detections]
BEFORE, AFTER = 1, 2
"""Neighbours that the browser gets beforehand, so that the next picture is there when its key is pressed."""
_SAME_BOX_IOU = 0.7
_opening = threading.Lock()  # two tabs may come at once


@st.cache_resource(show_spinner=False, max_entries=1)
def _open_journals() -> WeakValueDictionary[Path, Journal]:
    """Visitors of one server share a journal; the last one to leave lets go of its lock."""
    return WeakValueDictionary()


def journal_of(folder: Path, index: DatasetIndex) -> Journal:
    """The journal in that folder, open for writing.

    Raises:
        DataError: another process holds it, or it cannot be read.
    """
    key = folder.resolve()
    with _opening:
        journals = _open_journals()
        journal = journals.get(key)
        if journal is None:
            journal = journals[key] = Journal(key, index)
        return journal


@dataclass
class Desk:
    """What is remembered of one visitor and one data set between runs of the page.

    Attributes:
        queues: rows in the order they are shown, one order a task, fixed when it was first needed: a picture must not
            jump away because it was just labelled.
        earlier: what was done on the versions before this one.
        nonce: changes whenever the server decides where in which queue the browser is.
    """

    folder: Path
    journal: Journal
    mode: Task
    single: bool
    place: int = 0
    nonce: str = ""
    queues: dict[Task, np.ndarray] = field(default_factory=dict)
    acked: dict[str, Any] | None = None
    client: str = ""
    trouble: str = ""
    jumps: int = 0
    has: frozenset[str] = frozenset()
    proposed: dict[str, list[dict[str, Any]] | str] = field(default_factory=dict)
    earlier: tuple[Operation, ...] = ()

    @classmethod
    def open(cls, index: DatasetIndex, folder: Path, earlier: Sequence[Path] = ()) -> Desk:
        """A desk at the first picture that nobody has done; `earlier`: the folders of the versions before.

        Raises:
            DataError: as `journal_of`.
        """
        mode: Task = "detection" if index.has_boxes or not index.has_labels else "classification"
        several = index.has_labels and bool(np.any(np.diff(_label_ends(index)) > 1))
        desk = cls(folder, journal_of(folder, index), mode, single=not several)
        for before in earlier:
            with suppress(DataError):  # it only counts for the pace
                desk.earlier += tuple(read_operations(before))
        desk.turn(mode, None)
        return desk

    @property
    def labelling(self) -> Labelling:
        return self.journal.labelling

    @property
    def queue(self) -> np.ndarray:
        """Rows of the pictures in the order they are shown: first those that need work."""
        if self.mode not in self.queues:
            done = done_rows(self.labelling, self.mode)
            self.queues[self.mode] = np.concatenate([np.flatnonzero(~done), np.flatnonzero(done)])
        return self.queues[self.mode]

    def turn(self, mode: Task, path: str | None) -> None:
        """Goes on with another task (or the same), at that picture where it is known, else at the first."""
        self.mode, self.nonce, self.place = mode, uuid.uuid4().hex, 0
        if path is not None:
            try:
                self.place = int(np.flatnonzero(self.queue == self.labelling.row(path))[0])
            except (DataError, IndexError):
                self.place = 0

    def path(self, place: int) -> str:
        """The path below the data set's root of the picture at a place in the queue."""
        return self.labelling.index.images["path"][int(self.queue[place])].as_py()

    def answer(self, outbox: Outbox | None, proposals: Proposer | None) -> None:
        """Saves what the browser sent and follows its user; a message that comes twice does nothing twice."""
        if outbox is None:
            self.has = frozenset()
            return
        self._save(outbox)
        self.has = outbox.has
        self.single = outbox.single
        if outbox.mode != self.mode:
            self.turn("classification" if outbox.mode == "classification" else "detection", outbox.path)
            self._jump(from_start=True)
        elif outbox.nonce == self.nonce:
            self.place = min(outbox.place, max(len(self.queue) - 1, 0))
        elif self.client != outbox.client:
            self.turn(self.mode, outbox.path)  # a browser that outlived the server's former process
        if outbox.jumps > self.jumps and outbox.nonce == self.nonce:
            self._jump()
        self.jumps = outbox.jumps
        self.client = outbox.client
        if len(self.queue) and proposals is not None:
            here = self.path(self.place)
            if outbox.asked == here or (outbox.auto and self.mode == "detection"):
                self._propose(here, proposals)

    def _save(self, outbox: Outbox) -> None:
        refused: list[str] = [outbox.refused] if outbox.refused else []
        try:
            refused += filter(None, self.journal.record(outbox.operations))
        except DataError as error:
            self.trouble = str(error)
            return  # not acknowledged, so the browser keeps them and tries again
        self.trouble = refused[-1] if refused else ""
        self.acked = {"client": outbox.client, "sequence": outbox.sequence}

    def _jump(self, from_start: bool = False) -> None:
        """To the next picture after this one that nobody has done; from the start once the end is reached."""
        waiting = np.flatnonzero(~done_rows(self.labelling, self.mode)[self.queue])
        if len(waiting):
            later = waiting[waiting > self.place] if not from_start else waiting
            self.place = int(later[0] if len(later) else waiting[0])
            self.nonce = uuid.uuid4().hex

    def _propose(self, path: str, proposals: Proposer) -> None:
        if path in self.proposed:
            return
        while len(self.proposed) >= 200:
            self.proposed.pop(next(iter(self.proposed)))
        try:
            self.proposed[path] = proposal_values(proposals(self.labelling.index.root / path))
        except VisionError as error:
            self.proposed[path] = str(error)

    def values(self, can_propose: bool) -> dict[str, Any]:
        """Everything that the browser is told."""
        first, last = max(self.place - BEFORE, 0), min(self.place + AFTER + 1, len(self.queue))
        items, pixels = [], {}
        for place in range(first, last):
            item, url = self._item(place)
            items.append(item)
            if url and item["path"] not in self.has:
                pixels[item["path"]] = url
        work = count_work(self.labelling)
        here = next((item for item in items if item["place"] == self.place), {})
        said = self.proposed.get(here.get("path", ""))
        return {
            "desk": str(self.folder),
            "acked": self.acked,
            "trouble": self.trouble or (said if isinstance(said, str) else ""),
            "classes": class_values(self.labelling.class_names),
            "queue": {
                "length": len(self.queue),
                "place": self.place,
                "nonce": self.nonce,
                "mode": self.mode,
                "single": self.single,
            },
            "items": items,
            "pixels": pixels,
            "progress": {
                "images": work.images,
                "labelled": work.labelled,
                "searched": work.searched,
                "boxes": work.boxes,
            },
            "can_propose": can_propose,
        }

    def _item(self, place: int) -> tuple[dict[str, Any], str]:
        path = self.path(place)
        shown = show(self.labelling.index.root / path)
        said = self.labelling.image(path)
        proposed = self.proposed.get(path)
        item = {
            "place": place,
            "path": path,
            "name": path.rsplit("/", 1)[-1],
            "width": shown.width_px,
            "height": shown.height_px,
            "error": shown.error,
            "can_undo": self.labelling.can_undo(path),
            "can_redo": self.labelling.can_redo(path),
            "proposals": None if proposed is None else fresh(proposed if isinstance(proposed, list) else [], said),
            "seen": len(proposed) if isinstance(proposed, list) else None,
            **label_values(said),
        }
        return item, shown.url


def done_rows(labelling: Labelling, task: Task) -> np.ndarray:
    """`(len,)` bool: the pictures that need no more work for that task."""
    index = labelling.index
    if task == "detection":
        done = index.image_column("annotated").copy()
    else:
        done = index.images["labels"].is_valid().to_numpy().copy()
    for row, said in labelling.touched.items():
        done[row] = said.searched if task == "detection" else said.labels is not None
    return done


def fresh(proposals: list[dict[str, Any]], said: ImageLabels) -> list[dict[str, Any]]:
    """The proposals that were not answered yet and do not repeat a box that is there already."""
    drawn = as_boxes([box.xyxy for box in said.boxes])
    kept = []
    for proposal in proposals:
        overlap = box_iou(as_boxes([proposal["xyxy"]]), drawn)[0] if len(drawn) else np.zeros(0)
        same = any(
            share > _SAME_BOX_IOU and box.class_name == proposal["class_name"]
            for share, box in zip(overlap, said.boxes, strict=True)
        )
        if not same and proposal["id"] not in said.answered:
            kept.append(proposal)
    return kept


def _label_ends(index: DatasetIndex) -> np.ndarray:
    """Running count of labels, one a picture, from 0."""
    rows, _ = index.label_pairs()
    return np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(index)))])

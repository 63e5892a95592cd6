"""What labelling takes: the user's own seconds, the published ones, and hours and money for a whole data set.

    pace = measure(journal.labelling.operations)
    pace.box.median_s, pace.box.count
    todo = count_work(journal.labelling)
    bill(todo.amount("detection", remaining=True, boxes_per_image=4), pace.rate("detection"), wage_per_hour=20)

Seconds come with the operations: the page counts only time in which its user moves, presses or scrolls; a pause longer
than `IDLE_S` does not count at all. Medians are used throughout, since one telephone call would spoil a mean.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args

import numpy as np
import yaml

from vision_core.data.index import DatasetIndex
from vision_core.data.label_operations import Operation
from vision_core.data.labelling import Labelling
from vision_core.errors import DataError
from vision_core.types import Task

IDLE_S = 15.0
"""A longer pause is no work."""
LONGEST_S = 600.0
"""What one operation can take at most; more than that was not measured but left open."""
PUBLISHED = Path(__file__).resolve().parent.parent / "assets" / "labelling_costs.yaml"


@dataclass(frozen=True)
class Measured:
    """Seconds of one kind of work: how often it was measured, its median and its middle half."""

    count: int = 0
    median_s: float | None = None
    low_s: float | None = None
    high_s: float | None = None

    @classmethod
    def of(cls, seconds: Iterable[float]) -> Measured:
        """The summary of those measurements; without any, all figures are None."""
        values = np.array(list(seconds), np.float64)
        if not len(values):
            return cls()
        low, median, high = (float(value) for value in np.percentile(values, [25, 50, 75]))
        return cls(len(values), median, low, high)


@dataclass(frozen=True)
class Rate:
    """What a picture and a box take, in seconds of somebody paid by the hour or in US dollars; None: unknown."""

    image_s: float | None = 0.0
    box_s: float | None = 0.0
    image_usd: float = 0.0
    box_usd: float = 0.0

    @property
    def has_hours(self) -> bool:
        """Whether it says how long it takes, not only what it costs."""
        return self.image_s != 0 or self.box_s != 0


@dataclass(frozen=True)
class Pace:
    """How fast somebody labels.

    Attributes:
        label: seconds for the image-level labels of a picture.
        box: seconds for a box, from the end of what came before it to the last correction of it.
        proposal: seconds to accept or reject a proposed box, corrections included.
        looking: seconds a picture takes besides its boxes: looking for what may have been missed, and going on.
    """

    label: Measured
    box: Measured
    proposal: Measured
    looking: Measured

    def rate(self, task: Task) -> Rate:
        """The medians as a rate for that task."""
        if task == "classification":
            return Rate(image_s=self.label.median_s)
        return Rate(image_s=self.looking.median_s or 0.0, box_s=self.box.median_s)


def measure(operations: Iterable[Operation]) -> Pace:
    """The pace of whoever made these operations; those without seconds, and those beyond `LONGEST_S`, are left out."""
    labels, looking = defaultdict[str, float](float), defaultdict[str, float](float)
    boxes, answers = defaultdict[tuple[str, str], float](float), defaultdict[tuple[str, str], float](float)
    labelled, searched = set[str](), set[str]()
    for operation in operations:
        seconds, path, box = operation.seconds, operation.image, (operation.image, operation.box)
        if seconds is None or seconds > LONGEST_S:
            continue
        if operation.kind == "labels":
            labels[path] += seconds
            labelled.add(path)
        elif operation.kind in ("accept", "reject"):
            answers[box] += seconds
            searched.add(path)
        elif operation.kind == "add":
            boxes[box] += seconds
            searched.add(path)
        elif operation.kind in ("move", "resize", "reclass"):
            for measured in (boxes, answers):
                if box in measured:
                    measured[box] += seconds
        elif operation.kind == "searched":
            looking[path] += seconds
            searched.add(path)
        elif operation.kind == "left":
            (labels if operation.task == "classification" else looking)[path] += seconds
    return Pace(
        label=Measured.of(seconds for path, seconds in labels.items() if path in labelled),
        box=Measured.of(boxes.values()),
        proposal=Measured.of(answers.values()),
        looking=Measured.of(seconds for path, seconds in looking.items() if path in searched),
    )


@dataclass(frozen=True)
class Amount:
    """How many pictures to look at and how many boxes to draw (expected, so not always whole)."""

    images: int
    boxes: float = 0.0


@dataclass(frozen=True)
class Work:
    """How far a data set is labelled: pictures, those with labels, those searched for objects, and their boxes."""

    images: int
    labelled: int
    searched: int
    boxes: int

    @property
    def boxes_per_image(self) -> float | None:
        """The mean over the pictures that were searched; None when none was."""
        return self.boxes / self.searched if self.searched else None

    def done(self, task: Task) -> int:
        """Pictures that need no more work for that task."""
        return self.labelled if task == "classification" else self.searched

    def amount(self, task: Task, remaining: bool, boxes_per_image: float = 0.0) -> Amount:
        """The whole set, or only what remains; `boxes_per_image` is expected of pictures nobody has searched."""
        missing = self.images - self.done(task)
        images = missing if remaining else self.images
        if task == "classification":
            return Amount(images)
        return Amount(images, missing * boxes_per_image + (0 if remaining else self.boxes))


def count_work(labelling: Labelling) -> Work:
    """How far this data set is labelled now."""
    index = labelling.index
    searched = index.image_column("annotated").copy()
    labelled = index.images["labels"].is_valid().to_numpy().copy()
    boxes = np.where(searched, index.objects_per_image, 0)
    for row, said in labelling.touched.items():
        searched[row], labelled[row] = said.searched, said.labels is not None
        boxes[row] = len(said.boxes) if said.searched else 0
    return Work(len(index), int(labelled.sum()), int(searched.sum()), int(boxes.sum()))


def labels_per_image(index: DatasetIndex) -> float | None:
    """How many classes a picture shows, by label or box, on average; None when nobody labelled or searched any."""
    known = index.images["labels"].is_valid().to_numpy() | index.image_column("annotated")
    rows, ids = index.label_pairs()
    pairs = np.stack([np.append(rows, index.box_column("image")), np.append(ids, index.box_column("class_id"))])
    return float(np.unique(pairs, axis=1).shape[1] / known.sum()) if known.any() else None


@dataclass(frozen=True)
class Bill:
    """Hours of work (None for a price list, which sells labels and not hours) and what it costs."""

    hours: float | None
    money: float


def bill(amount: Amount, rate: Rate, wage_per_hour: float) -> Bill | None:
    """Hours and money for that much work; None when the rate is not known.

    `hours = (images * image_s + boxes * box_s) / 3600` and `money = hours * wage + images * image_usd + boxes *
    box_usd`.
    """
    image_s = rate.image_s if amount.images else 0.0
    box_s = rate.box_s if amount.boxes else 0.0
    if image_s is None or box_s is None:
        return None
    hours = (amount.images * image_s + amount.boxes * box_s) / 3600
    priced = amount.images * rate.image_usd + amount.boxes * rate.box_usd
    return Bill(hours if rate.has_hours else None, hours * wage_per_hour + priced)


@dataclass(frozen=True, kw_only=True)
class Published:
    """Somebody else's figure.

    Attributes:
        name: who, in a few words; what: what one figure counts.
        image_s, box_s: seconds; image_usd, box_usd: US dollars. Exactly one of the four is given.
        source, year: where and when it was published (a price list says no year).
        seen_in: where it was read, on the date `looked_up`.
        each_label: whether `image_s` is of one class in a picture, to be spent again for each further class; otherwise
            it is of a picture, whatever that shows.
        named: whether a box's figure includes saying what is in it; None where nobody says.
    """

    name: str
    task: Task
    what: str
    source: str
    seen_in: str
    looked_up: date
    year: int | None = None
    image_s: float = 0.0
    box_s: float = 0.0
    image_usd: float = 0.0
    box_usd: float = 0.0
    each_label: bool = False
    named: bool | None = None

    @property
    def rate(self) -> Rate:
        return Rate(self.image_s, self.box_s, self.image_usd, self.box_usd)


@lru_cache(maxsize=1)
def published() -> tuple[Published, ...]:
    """The published figures that come with the package (`assets/labelling_costs.yaml`).

    Raises:
        DataError: the file was edited into something else; names the entry.
    """
    try:
        entries = yaml.safe_load(PUBLISHED.read_text("utf-8"))["figures"]
        return tuple(_published(entry, number) for number, entry in enumerate(entries, 1))
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise DataError(f"{PUBLISHED.name} cannot be read ({error}).") from error


def _published(entry: dict[str, Any], number: int) -> Published:
    where = f"{PUBLISHED.name}, entry {number}"
    unknown = sorted(set(entry) - {about.name for about in fields(Published)})
    if unknown:
        raise DataError(f"{where}: there is no field {unknown[0]!r}.")
    figure = Published(**entry)
    given = [value for value in (figure.image_s, figure.box_s, figure.image_usd, figure.box_usd) if value > 0]
    if len(given) != 1 or figure.task not in get_args(Task):
        raise DataError(f"{where}: it needs one task and exactly one figure above zero.")
    return figure

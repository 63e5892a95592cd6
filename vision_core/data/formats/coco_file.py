"""One COCO file as it was read: columns of numbers, everything checked, nothing yet known of the pictures' files."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vision_core.data.formats.fields import LARGEST_COORDINATE_PX, LARGEST_EDGE_PX, Source, shown
from vision_core.data.formats.json_stream import JsonObject, Member
from vision_core.data.threads import Progress

_LEFT_OUT = ("segmentation", "keypoints", "caption")


@dataclass(eq=False)
class CocoFile:
    """Ids may be of any kind and leave gaps, so numbers counted from 0 stand for them.

    Attributes:
        images, categories: id to number, in the order in which they were mentioned first.
        names: a category's number to its name.
        listed: the number of each picture in the list of pictures; `mentions`: its file; `sizes`: width and height of
            each by turns, 0 where missing.
        unlooked: numbers of pictures in which nobody has looked for objects.
        labels: a picture's number to the numbers of its image-level labels.
        boxes: picture, category and place in the file of each box by turns; `edges`: its four edges; `crowd`: 0 or 1.
        keys: which lists the file has; `left_out`: what its annotations say that an index cannot hold.
    """

    source: Source
    images: dict[Any, int] = field(default_factory=dict)
    categories: dict[Any, int] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    listed: array = field(default_factory=lambda: array("q"))
    mentions: list[str] = field(default_factory=list)
    sizes: array = field(default_factory=lambda: array("i"))
    unlooked: set[int] = field(default_factory=set)
    labels: dict[int, list[int]] = field(default_factory=dict)
    boxes: array = field(default_factory=lambda: array("q"))
    edges: array = field(default_factory=lambda: array("d"))
    crowd: bytearray = field(default_factory=bytearray)
    keys: set[str] = field(default_factory=set)
    left_out: set[str] = field(default_factory=set)

    @property
    def searched(self) -> bool:
        """Whether somebody has looked for objects: it has annotations, and not only labels of whole pictures."""
        return "annotations" in self.keys and (len(self.crowd) > 0 or not self.labels)

    def box_columns(self) -> np.ndarray:
        """`(3, N)` int64: picture, category and place in the file of each box."""
        return np.asarray(self.boxes, np.int64).reshape(-1, 3).T

    def parse(self, progress: Progress | None = None) -> CocoFile:
        """Reads the file.

        Raises:
            DataError: it is malformed; names the line or the field.
        """
        take = {"images": self._image, "annotations": self._annotation, "categories": self._category}
        for member in JsonObject(self.source, progress).members():
            if member.key not in take:
                continue
            if member.position is None:
                raise self.source.error(member.key, f"{shown(member.value)} is not a list")
            if member.position <= 0 and member.key in self.keys:
                raise self.source.error(member.key, "stands in the file twice")
            self.keys.add(member.key)
            if member.position < 0:
                continue
            if not isinstance(member.value, dict):
                raise self.source.error(member.place, f"{shown(member.value)} is not an object")
            take[member.key](member)
        if "images" not in self.keys:
            raise self.source.error("", "has no list of 'images', so there is no telling which pictures it is about")
        self._check_pictures()
        self._check_edges()
        return self

    def _number(self, numbers: dict[Any, int], member: Member, key: str) -> int:
        """The number that stands for the id under `key`."""
        value = member.value.get(key)
        if type(value) not in (int, str):  # True is an int too
            raise self.source.error(
                f"{member.place}.{key}", "is missing" if value is None else f"{shown(value)} is no id"
            )
        return numbers.setdefault(value, len(numbers))

    def _image(self, member: Member) -> None:
        value, number = member.value, self._number(self.images, member, "id")
        name = value.get("file_name")
        if not isinstance(name, str):
            problem = "is missing" if name is None else f"{shown(name)} is not a text"
            raise self.source.error(f"{member.place}.file_name", problem)
        self.listed.append(number)
        self.mentions.append(name)
        for key in ("width", "height"):
            edge = value.get(key)
            missing = edge is None
            self.sizes.append(0 if missing else self.source.whole(edge, f"{member.place}.{key}", LARGEST_EDGE_PX))
        if value.get("annotated") is False:
            self.unlooked.add(number)
        labels = value.get("category_ids")
        if labels is not None:
            if not isinstance(labels, list) or not all(isinstance(label, (int, str)) for label in labels):
                raise self.source.error(f"{member.place}.category_ids", f"{shown(labels)} is not a list of ids")
            self.labels[number] = [self.categories.setdefault(label, len(self.categories)) for label in labels]

    def _category(self, member: Member) -> None:
        number = self._number(self.categories, member, "id")
        if number in self.names:
            raise self.source.error(f"{member.place}.id", f"{shown(member.value['id'])} is used twice")
        self.names[number] = self.source.class_name(member.value.get("name"), f"{member.place}.name")

    def _annotation(self, member: Member) -> None:
        value, picture = member.value, self._number(self.images, member, "image_id")
        for key in _LEFT_OUT:
            if value.get(key):
                self.left_out.add(key)
        if "caption" in value and "category_id" not in value:
            return
        category = self._number(self.categories, member, "category_id")
        outline = value.get("segmentation")
        box = value.get("bbox") or (outline and self._around(outline, member))
        if not box:
            self.labels.setdefault(picture, []).append(category)
            return
        crowd = value.get("iscrowd") or 0
        if crowd not in (0, 1):
            raise self.source.error(f"{member.place}.iscrowd", f"{shown(crowd)} is neither 0 nor 1")
        try:
            x, y, width, height = box
            self.edges.extend((x, y, x + width, y + height))
        except (TypeError, ValueError, OverflowError) as error:
            raise self.source.error(f"{member.place}.bbox", f"{shown(box)} is not four numbers") from error
        self.boxes.extend((picture, category, member.position or 0))
        self.crowd.append(bool(crowd))

    def _around(self, outline: Any, member: Member) -> tuple[float, float, float, float]:
        """Corner and size of the box around an outline, for an annotation that has no box."""
        try:
            points = np.concatenate([np.asarray(ring, np.float64).reshape(-1, 2) for ring in outline])
            (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
        except (TypeError, ValueError, OverflowError) as error:
            raise self.source.error(f"{member.place}.bbox", "is missing, and the segmentation is no outline") from error
        return left, top, right - left, bottom - top

    def _check_pictures(self) -> None:
        """Every id of a picture is listed, and once."""
        ids, times = list(self.images), np.bincount(np.asarray(self.listed, np.int64), minlength=len(self.images))
        if (times > 1).any():
            raise self.source.error("images", f"the id {shown(ids[int(np.argmax(times > 1))])} is used twice")
        if (times < 1).any():
            missing = shown(ids[int(np.argmax(times < 1))])
            raise self.source.error("annotations", f"the image_id {missing} is the id of no picture in 'images'")

    def _check_edges(self) -> None:
        usable = (np.abs(np.asarray(self.edges).reshape(-1, 4)) <= LARGEST_COORDINATE_PX).all(axis=1)  # no NaN is
        if not usable.all():
            place = self.box_columns()[2][int(np.argmin(usable))]
            raise self.source.error(f"annotations[{place}].bbox", "has a number that no coordinate can be")

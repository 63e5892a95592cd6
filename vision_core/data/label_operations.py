"""One thing somebody did while labelling, and the plain values it is kept as; read with suspicion.

Operations come from a browser and from files on disk, so `Operation.from_json` checks every field it is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from reprlib import repr as short_repr
from typing import Any, Literal, get_args

from vision_core.errors import DataError
from vision_core.types import Task

Kind = Literal[
    "labels",  # set the image-level labels; None takes them away
    "searched",  # somebody has looked for objects (there may be none), or takes that back
    "add",
    "move",
    "resize",
    "reclass",
    "delete",
    "accept",  # a proposed box becomes a box
    "reject",
    "class",  # a class of its own, which every picture can then have
    "undo",  # of the picture's last change
    "redo",
    "left",  # went on to another picture; holds the seconds that no other operation took
]

BoxEdges = tuple[float, float, float, float]
_MAX_TEXT = 4096
_MAX_LABELS = 10_000
_NEEDS: Mapping[str, tuple[str, ...]] = {
    "searched": ("searched",),
    "add": ("box", "class_name", "box_xyxy"),
    "move": ("box", "box_xyxy"),
    "resize": ("box", "box_xyxy"),
    "reclass": ("box", "class_name"),
    "delete": ("box",),
    "accept": ("box", "class_name", "box_xyxy"),
    "reject": ("box",),
    "class": ("class_name",),
}


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One thing somebody did.

    Attributes:
        id: unique; an operation that arrives twice counts once.
        image: path of the picture below the data set's root; empty for `class`.
        box: id of the box (or of the proposal) it is about; new boxes bring a new one.
        box_xyxy: the box's edges afterwards, in pixels of the upright picture.
        group: operations of one group are undone together; empty for one on its own.
        task: what was being labelled, where only that tells (`left`).
        seconds: what it took its user, without pauses; None when nobody measured.
        at: Unix time at which it was recorded.
    """

    id: str
    kind: Kind
    image: str = ""
    box: str = ""
    class_name: str = ""
    box_xyxy: BoxEdges | None = None
    labels: tuple[str, ...] | None = None
    searched: bool | None = None
    group: str = ""
    task: Task | None = None
    seconds: float | None = None
    at: float = 0.0

    @property
    def edges(self) -> BoxEdges:
        """The box's edges, for the operations that have some."""
        if self.box_xyxy is None:
            raise DataError(f"The operation {self.kind!r} lacks its box_xyxy.")
        return self.box_xyxy

    def to_json(self) -> dict[str, Any]:
        """Plain values, without the fields that say nothing; `from_json` makes the same operation of them."""
        plain = {about.name: getattr(self, about.name) for about in fields(self)}
        return {name: value for name, value in plain.items() if value not in ("", None) or name == "id"}

    @classmethod
    def from_json(cls, value: object) -> Operation:
        """The operation that those values describe; they may come from anywhere.

        Raises:
            DataError: a field is missing, unknown or holds something else; names the field.
        """
        if not isinstance(value, Mapping):
            raise DataError(f"An operation is {short_repr(value)}; expected fields with values.")
        unknown = sorted(str(name) for name in value if name not in _READERS)
        if unknown:
            raise DataError(f"An operation has no field {unknown[0][:40]!r}.")
        given = {}
        for name, read in _READERS.items():
            if value.get(name) is not None:
                given[name] = read(value[name], name)
        for name in ("id", "kind"):
            if not given.get(name):
                raise DataError(f"An operation lacks its {name}.")
        operation = cls(**given)
        for name in _NEEDS.get(operation.kind, ()):
            if getattr(operation, name) in ("", None):
                raise DataError(f"The operation {operation.kind!r} lacks its {name}.")
        return operation


def _text(value: object, name: str) -> str:
    # Half of a surrogate pair, which JSON can carry, could not be written as UTF-8.
    if not isinstance(value, str) or len(value) > _MAX_TEXT or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise DataError(f"The field {name} of an operation is {short_repr(value)}; expected a text.")
    return value


def _seconds(value: object, name: str) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < 1e12:
        raise DataError(f"The field {name} of an operation is {short_repr(value)}; expected a number from 0.")
    return float(value)


def _truth(value: object, name: str) -> bool:
    if not isinstance(value, bool):
        raise DataError(f"The field {name} of an operation is {short_repr(value)}; expected true or false.")
    return value


def _labels(value: object, name: str) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or len(value) > _MAX_LABELS:
        raise DataError(f"The field {name} of an operation is {short_repr(value)}; expected a list of names.")
    return tuple(dict.fromkeys(_text(label, name) for label in value))


def _edges(value: object, name: str) -> BoxEdges:
    if isinstance(value, (list, tuple)) and len(value) == 4 and all(map(_is_number, value)):
        x_min, y_min, x_max, y_max = map(float, value)
        if x_min < x_max and y_min < y_max:
            return x_min, y_min, x_max, y_max
    raise DataError(f"The field {name} of an operation is {short_repr(value)}; expected x_min, y_min, x_max, y_max.")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e9


def _kind(value: object, name: str) -> Kind:
    for kind in get_args(Kind):
        if kind == value:
            return kind
    raise DataError(f"The field {name} of an operation is {short_repr(value)}; allowed is {', '.join(get_args(Kind))}.")


def _task(value: object, name: str) -> Task:
    for task in get_args(Task):
        if task == value:
            return task
    raise DataError(f"The field {name} of an operation is {short_repr(value)}; allowed is {', '.join(get_args(Task))}.")


_READERS = {
    "id": _text,
    "kind": _kind,
    "image": _text,
    "box": _text,
    "class_name": _text,
    "box_xyxy": _edges,
    "labels": _labels,
    "searched": _truth,
    "group": _text,
    "task": _task,
    "seconds": _seconds,
    "at": _seconds,
}

"""A telling picture of a report: who said it, what to say of it, and what to draw on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from vision_core.errors import DataError
from vision_core.evaluation.matching import JudgedBoxes
from vision_core.evaluation.pictures import Outline
from vision_core.report.subject import Contender, Shot

_SEVERAL = 4  # classes named below a picture
_MOST_NAMED = 5  # boxes of a small picture that can carry a name


@dataclass(frozen=True, eq=False)
class Said:
    """A contender whose answers are kept, with its boxes judged where it has any."""

    one: Contender
    judged: JudgedBoxes | None

    @property
    def number_of(self) -> dict[str, int]:
        return {} if self.one.results is None else {path: n for n, path in enumerate(self.one.results.pictures)}


def legible(outlines: tuple[Outline, ...]) -> tuple[Outline, ...]:
    """Without their names where these would hide the picture."""
    if sum(bool(one.text) for one in outlines) <= _MOST_NAMED:
        return outlines
    return tuple(replace(one, text="") for one in outlines)


def shot_of(
    said: Said,
    number: int,
    text: str,
    outlines: tuple[Outline, ...] = (),
    size_px: tuple[int, int] = (0, 0),
    who: str = "",
) -> Shot:
    """A picture, by its number in what was said; `who` is in place of the contender's title."""
    one = said.one
    if one.evaluation is None or one.results is None:
        raise DataError(f"Nothing is kept of what {one.title!r} said.")
    name = one.results.pictures[number]
    path = one.evaluation.path(_place(one, name))
    return Shot(path, name, who or one.title, text, outlines, size_px)


def _place(one: Contender, name: str) -> int:
    """The number of a picture in the evaluation that its file is found by."""
    if one.evaluation is None:
        raise DataError(f"Nothing is kept of what {one.title!r} said.")
    return one.evaluation.results.pictures.index(name)


def names_of(names: Sequence[str], mask: np.ndarray) -> str:
    """The first few names of a mask `(K,)` bool, and how many more there are."""
    found = [names[int(label)] for label in np.flatnonzero(mask)]
    if not found:
        return "nothing"
    more = len(found) - _SEVERAL
    return ", ".join(found[:_SEVERAL]) + (f" and {more} more" if more > 0 else "")


def corners_of(row: np.ndarray) -> tuple[float, float, float, float]:
    """A box `(4,)` as plain numbers."""
    left, top, right, bottom = map(float, row)
    return left, top, right, bottom

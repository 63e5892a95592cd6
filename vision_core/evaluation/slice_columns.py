"""What pictures are told apart by: split, light, sharpness, how many things they show, or a column of anything else.

columns = evaluation_columns(evaluation, progress)                # opens every picture once
columns.append(Column("camera", ["a", "b", …]))                   # one value a picture
names, member = grouped(columns[-1], len(results))
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vision_core.data.threads import in_order
from vision_core.errors import DataError, ImageError
from vision_core.evaluation.box_matching import Stage

if TYPE_CHECKING:
    from vision_core.data.index import DatasetIndex
    from vision_core.evaluation.store import Evaluation

CROWDING = "things in the picture"
UNKNOWN, OTHERS = "not known", "others"
MOST_NAMES = 30
"""Of a column of words: rarer ones are taken together."""
_FEW_NUMBERS = 6  # a column of so many different numbers is taken as it is, one of more in quarters
_LONGEST_PX = 320
_GREY = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True, eq=False)
class Column:
    """One value a picture.

    Attributes:
        title: what it is.
        values: numbers or words; None or nan where it is not known.
        unit: of numbers.
        ends: what the lowest and the highest quarter of the numbers are called.
    """

    title: str
    values: Sequence[Any] | np.ndarray
    unit: str = ""
    ends: tuple[str, str] = ("lowest", "highest")


@dataclass(frozen=True)
class Light:
    """How light and how sharp a picture is.

    Attributes:
        brightness: mean lightness of its pixels, 0 (black) to 255 (white).
        sharpness: variance of the Laplacian of its lightness (Pech-Pacheco et al. 2000), of the picture at 320 pixels;
            blur lowers it, and so do plain surfaces.
    """

    brightness: float
    sharpness: float


def grouped(column: Column, pictures: int) -> tuple[list[str], np.ndarray]:
    """Names of the parts, and `(pictures,)` int64: in which part each picture is.

    Few different numbers are parts of their own; many are told apart in quarters of the pictures. Words are taken as
    they are, the rarest together.

    Raises:
        DataError: it does not have one value a picture.
    """
    values = list(column.values)
    if len(values) != pictures:
        raise DataError(f"The column {column.title!r} has {len(values)} values for {pictures} pictures.")
    known = np.array([not _is_missing(value) for value in values], bool)
    told = [value for value, is_known in zip(values, known, strict=True) if is_known]
    if not all(isinstance(value, int | float | np.number) and not isinstance(value, bool) for value in told):
        said = [str(value) for value in told]
    elif len(set(told)) <= _FEW_NUMBERS:
        said = [f"{float(value):.6g}{_spaced(column.unit)}" for value in told]
    else:
        said = _quarters(column, np.array(told, np.float64))
    words = np.full(pictures, UNKNOWN, object)
    words[known] = said
    return _named(words)


def crowding(counts: Sequence[int] | np.ndarray) -> Column:
    """Pictures told apart by how many things they show."""
    bands = ((0, "none"), (1, "1"), (3, "2 or 3"), (7, "4 to 7"), (15, "8 to 15"))
    tops = np.array([top for top, _ in bands])
    names = [name for _, name in bands] + ["16 or more"]
    places = np.searchsorted(tops, np.asarray(counts))
    return Column(CROWDING, [names[place] for place in places.tolist()])


def evaluation_columns(evaluation: Evaluation, progress: Stage | None = None) -> list[Column]:
    """What every evaluation's pictures can be told apart by: split, size, light and sharpness, and crowding where
    somebody drew boxes.

    Args:
        progress: told of the pictures opened; raise in it to stop.

    Raises:
        DataError: the data set is gone.
    """
    from vision_core.evaluation.ground import with_boxes

    columns = index_columns(evaluation.index, evaluation.rows)
    if not evaluation.index.has_boxes and (index := with_boxes(evaluation)) is not None:
        places = {path: row for row, path in enumerate(index.images["path"].to_pylist())}
        rows = np.array([places.get(path, -1) for path in evaluation.results.pictures])
        if (rows >= 0).all():
            columns += [one for one in index_columns(index, rows) if one.title not in {own.title for own in columns}]
    paths = [evaluation.path(number) for number in range(len(evaluation.results))]
    return columns + light_columns(paths, progress)


def index_columns(index: DatasetIndex, rows: np.ndarray) -> list[Column]:
    """Split, longest edge, and where somebody drew boxes, how many things and how large the largest is."""
    sizes = np.stack([index.image_column("width_px"), index.image_column("height_px")], axis=1)[rows].astype(float)
    longest = np.where(sizes.max(axis=1) > 0, sizes.max(axis=1), np.nan)
    splits = [index.images["split"][int(row)].as_py() or None for row in rows]
    columns = [Column("split", splits), Column("longest edge", longest, "pixels", ("smallest", "largest"))]
    if not index.has_boxes:
        return columns
    single = ~index.box_column("crowd").astype(bool)
    picture, boxes = index.box_column("image")[single], index.boxes_xyxy[single].astype(float)
    counts = np.bincount(picture, minlength=len(index))
    largest = np.zeros(len(index))
    np.maximum.at(largest, picture, (boxes[:, 2:] - boxes[:, :2]).clip(0).prod(axis=1))
    share = np.divide(100 * largest[rows], sizes.prod(axis=1), out=np.full(len(rows), np.nan), where=longest > 0)
    share = np.where(counts[rows] > 0, share, np.nan)
    largest_thing = Column("largest thing", share, "% of the picture", ("smallest", "largest"))
    return [*columns, crowding(counts[rows]), largest_thing]


def light_columns(paths: Sequence[Path], progress: Stage | None = None) -> list[Column]:
    """Brightness and sharpness of every picture, in order; nan of what cannot be opened."""
    found = []
    with closing(in_order(_light, paths)) as lights:
        for done, light in enumerate(lights, 1):
            found.append(light)
            if progress:
                progress("Looking at the light", done, len(paths))
    return [
        Column("brightness", [one.brightness for one in found], "of 255", ("darkest", "brightest")),
        Column("sharpness", [one.sharpness for one in found], "", ("most blurred", "sharpest")),
    ]


def light_of(pixels: np.ndarray) -> Light:
    """How light and how sharp a picture is.

    Args:
        pixels: `(H, W, 3)` uint8.
    """
    import cv2

    shrink = _LONGEST_PX / max(pixels.shape[:2])
    grey = pixels.astype(np.float32) @ _GREY
    small = grey
    if shrink < 1:
        size = max(1, round(grey.shape[1] * shrink)), max(1, round(grey.shape[0] * shrink))
        small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return Light(float(grey.mean()), float(cv2.Laplacian(small, cv2.CV_32F).var()))


def _light(path: Path) -> Light:
    from vision_core.images import open_image

    try:
        return light_of(np.asarray(open_image(path, shortest_px=_LONGEST_PX).pixels))
    except ImageError:
        return Light(float("nan"), float("nan"))


def _is_missing(value: object) -> bool:
    return value is None or value != value or value == ""


def _quarters(column: Column, numbers: np.ndarray) -> list[str]:
    """Of each number, the name of its quarter; equal numbers are in one."""
    edges = np.quantile(numbers, [0.25, 0.5, 0.75])
    member = np.searchsorted(edges, numbers, side="left")
    names = (column.ends[0], "second", "third", column.ends[1])
    said = []
    for place in range(4):
        mine = numbers[member == place]
        limits = f"{mine.min():.3g} to {mine.max():.3g}{_spaced(column.unit)}" if len(mine) else ""
        said.append(f"{names[place]} quarter: {limits}")
    return [said[place] for place in member.tolist()]


def _named(words: np.ndarray) -> tuple[list[str], np.ndarray]:
    """The different words, and which of them each one is; the rarest of many become one."""
    names, member, counts = np.unique(words.astype(str), return_inverse=True, return_counts=True)
    if len(names) > MOST_NAMES:
        is_rare = np.zeros(len(names), bool)
        is_rare[np.argsort(-counts, kind="stable")[MOST_NAMES - 1 :]] = True
        return _named(np.where(is_rare[member], OTHERS, words))
    return names.tolist(), member.astype(np.int64)


def _spaced(unit: str) -> str:
    return f" {unit}" if unit else ""

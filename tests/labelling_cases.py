"""A small data set to label, and one operation on it: what the tests of labelling share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vision_core.data.index import DatasetIndex, IndexBuilder
from vision_core.data.label_operations import Operation

CLASSES = ("shirt", "bag & <b>co</b>", "Schuhe Größe 42")
PATHS = ("a/1.jpg", "a/2.jpg", "b/ü 3.png", "4.jpg")
WIDTH, HEIGHT = 640, 480


def small_index(root: Path = Path("/pictures")) -> DatasetIndex:
    """Four pictures: one untouched, one labelled, one with two boxes (one a crowd), one searched without a find."""
    builder = IndexBuilder(CLASSES)
    builder.add_image(PATHS[0], (WIDTH, HEIGHT))
    builder.add_image(PATHS[1], (WIDTH, HEIGHT), "train", labels=[2, 0])
    boxes = [(1, 1.5, 2.0, 30.0, 40.0, False), (0, 0.0, 0.0, 640.0, 480.0, True)]
    builder.add_image(PATHS[2], (WIDTH, HEIGHT), "val", labels=[], boxes=boxes)
    builder.add_image(PATHS[3], (WIDTH, HEIGHT), boxes=[])
    return builder.finish(root, "folder")


def add(number: int, image: str = PATHS[0], **values: Any) -> Operation:
    given = {"box": f"n{number}", "class_name": "shirt", "box_xyxy": (1.0, 2.0, 10.0 + number % 500, 20.0), **values}
    return Operation(id=f"t:{number}", kind="add", image=image, **given)

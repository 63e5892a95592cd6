"""Small data sets as files: what the tests of reading and writing share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from vision_core.data.index import DatasetIndex, IndexBuilder

WIDTH_PX, HEIGHT_PX = 64, 48


@cache
def picture_bytes(width_px: int = WIDTH_PX, height_px: int = HEIGHT_PX, kind: str = "PNG") -> bytes:
    """A small picture."""
    target = BytesIO()
    Image.new("L" if kind == "JPEG" else "1", (width_px, height_px)).save(target, kind)
    return target.getvalue()


def put(folder: Path, files: Mapping[str, bytes | str], pictures: str = "") -> Path:
    """Writes files by path, and small pictures of the names in `pictures`, which blanks part."""
    for name, content in {**dict.fromkeys(pictures.split(), picture_bytes()), **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def summary(index: DatasetIndex) -> dict[str, tuple]:
    """Each picture's split, labels, and objects as class and four edges; None for what nobody has looked for."""
    found: dict[str, tuple] = {}
    for record in index:
        objects = None
        if record.boxes_xyxy is not None:
            names = [index.class_names[i] for i in record.class_ids]
            objects = [(name, *box) for name, box in zip(names, record.boxes_xyxy.round(2).tolist(), strict=True)]
        key = record.path.relative_to(index.root).as_posix()
        found[key if key not in found else f"{key} again"] = (record.split, record.labels, objects)
    return found


def coco_document(**changes: Any) -> dict[str, Any]:
    """A small valid COCO file, with some of its members replaced; None removes one."""
    document: dict[str, Any] = {
        "images": [
            {"id": 1, "file_name": "a.png", "width": 64, "height": 48},
            {"id": 7, "file_name": "b.png", "width": 64, "height": 48},
        ],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 3, "bbox": [1, 2, 30, 40], "iscrowd": 0}],
        "categories": [{"id": 3, "name": "dog"}],
    }
    return {key: value for key, value in {**document, **changes}.items() if value is not None}


COCO = json.dumps(coco_document())
PLAIN = json.dumps(coco_document(images=[{"id": 1, "file_name": "a.png"}]))
DOG = [("dog", 1.0, 2.0, 31.0, 42.0)]
"""What `summary` says of the object in `COCO`, in `PLAIN`, which states no size, and in `voc()`."""


def voc(box: str = "2,3,31,42", name: str = "dog", more: str = "", size: str = "") -> str:
    """A VOC file of one object; `box`: xmin, ymin, xmax, ymax."""
    corners = "".join(f"<{c}>{v}</{c}>" for c, v in zip(("xmin", "ymin", "xmax", "ymax"), box.split(","), strict=True))
    thing = f"<object><name>{name}</name>{more}<bndbox>{corners}</bndbox></object>"
    return f"<annotation><filename>a.png</filename>{size}{thing}</annotation>"


def two_classes(folder: Path) -> DatasetIndex:
    """Three splits, two classes, a picture without objects and one crowd region; JPEG, as torchvision's VOC wants."""
    builder = IndexBuilder(["no", "größe"])
    for number in range(9):
        path = f"p{number}.jpg"
        put(folder, {path: picture_bytes(64, 48, "JPEG")})
        boxes = [(i % 2, 3.0 + i, 2.0, 20.0 + i, 30.0, False) for i in range(number % 4)]
        if number == 3:
            boxes.append((1, 0.0, 0.0, 64.0, 48.0, True))
        builder.add_image(path, (64, 48), ("train", "train", "val")[number % 3], boxes=boxes)
    return builder.finish(folder, "test")

"""One scene as a file, and what a COCO file says about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vision_core.data.shelf.png import png_bytes
from vision_core.data.shelf.scene import scene
from vision_core.errors import DataError


def paint(folder: Path, seed: int, difficulty: str, number: int) -> dict[str, Any]:
    """Writes one scene to `SPLIT/NUMBER.png`.

    Returns:
        What COCO files say about it, as JSON can hold it: `split`, `image` and `objects`.

    Raises:
        DataError: the file cannot be written.
    """
    painted = scene(seed, number, difficulty)
    height, width, _ = painted.pixels.shape
    image = {"id": number, "file_name": f"{number:06d}.png", "width": width, "height": height, "license": 1}
    file = folder / painted.split / image["file_name"]
    try:
        file.write_bytes(png_bytes(painted.pixels))
    except OSError as error:
        raise DataError(f"'{file}' cannot be written ({error.strerror}); is there room on the disk?") from error
    objects = [
        {
            "image_id": number,
            "category_id": class_id + 1,
            "bbox": [left, top, right - left, bottom - top],
            "area": seen,
            "iscrowd": 0,
            "hidden": round(hidden, 3),
            "photo": photo,
        }
        for (left, top, right, bottom), class_id, seen, hidden, photo in zip(
            painted.boxes_xyxy.tolist(),
            painted.class_ids.tolist(),
            painted.visible_px.tolist(),
            painted.hidden.tolist(),
            painted.photos.tolist(),
            strict=True,
        )
    ]
    return {"split": painted.split, "image": image, "objects": objects}

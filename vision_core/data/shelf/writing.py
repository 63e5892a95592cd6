"""Fashion Shelf on disk: a folder a split, its pictures beside a COCO file, and `shelf.json` on how they were made.

A folder appears when it is complete and not before (`vision_core.data.staging`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock

from vision_core.data.index import DatasetIndex, IndexBuilder
from vision_core.data.shelf.difficulty import difficulty_called
from vision_core.data.shelf.painting import paint
from vision_core.data.shelf.photos import CLASS_NAMES, SPLITS
from vision_core.data.shelf.scene import GENERATOR
from vision_core.data.staging import staged
from vision_core.errors import DataError
from vision_core.settings import REPOSITORY, ensure_folder

ABOUT = "shelf.json"
ANNOTATIONS = "_annotations.coco.json"
MOST_IMAGES = 100_000
_SCENES_WORTH_A_PROCESS = 40  # a process takes about a second to start
_LICENCE = {
    "id": 1,
    "name": "MIT (product photos: Fashion-MNIST, Zalando SE)",
    "url": "https://opensource.org/license/mit",
}

Progress = Callable[[int, int], None]
About = dict[str, Any]


def make_shelf(
    folder: Path, images: int, seed: int = 0, difficulty: str = "medium", progress: Progress | None = None
) -> DatasetIndex:
    """Paints `images` scenes into `folder`, or finds them there if they were painted before.

    Scene `i` is the same whatever the number of scenes, and the same on every machine.

    Args:
        folder: new, empty, or the same shelf from an earlier call.
        progress: called with (scenes done, scenes in all); what it raises cancels, and leaves nothing behind.

    Raises:
        DataError: an argument is out of range, or the folder holds something else.
    """
    difficulty_called(difficulty)
    if not 1 <= images <= MOST_IMAGES:
        raise DataError(f"A shelf of {images} scenes cannot be made; allowed are 1 to {MOST_IMAGES}.")
    if seed < 0:
        raise DataError(f"Seed {seed} cannot be used: choose a whole number from 0.")
    folder = folder.absolute()
    about = _about(images, seed, difficulty)
    with FileLock(ensure_folder(folder.parent) / f".{folder.name}.lock"):
        if not _is_there(folder, about):
            with staged(folder) as part:
                _fill(part, about, progress)
    return read_shelf(folder)


def read_shelf(folder: Path) -> DatasetIndex:
    """The index of a folder that `make_shelf` filled: boxes, and as labels the classes that are in each picture.

    Raises:
        DataError: the folder holds no complete shelf.
    """
    builder = IndexBuilder(CLASS_NAMES)
    try:
        for split in SPLITS:
            coco = json.loads((folder / split / ANNOTATIONS).read_text(encoding="utf-8"))
            boxes: dict[int, list[tuple[int, float, float, float, float, bool]]] = {
                image["id"]: [] for image in coco["images"]
            }
            for item in coco["annotations"]:
                left, top, width, height = item["bbox"]
                box = (item["category_id"] - 1, left, top, left + width, top + height, False)
                boxes[item["image_id"]].append(box)
            for image in coco["images"]:
                mine = boxes[image["id"]]
                size, labels = (image["width"], image["height"]), sorted({box[0] for box in mine})
                builder.add_image(f"{split}/{image['file_name']}", size, split, labels, mine)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"'{folder}' holds no complete Fashion Shelf ({error!r}): make it again.") from error
    return builder.finish(folder, "shelf")


def _about(images: int, seed: int, difficulty: str) -> About:
    return {
        "name": "Fashion Shelf",
        "generator": GENERATOR,
        "seed": seed,
        "difficulty": difficulty,
        "scenes": images,
        "classes": list(CLASS_NAMES),
        "licence": _LICENCE["name"],
    }


def _is_there(folder: Path, about: About) -> bool:
    """Whether this very shelf was made before.

    Raises:
        DataError: something else is in the folder.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    try:
        found = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        odd = [f"{key} {found.get(key)!r}" for key in about if found.get(key) != about[key]]
    except (OSError, ValueError, AttributeError) as error:
        raise DataError(f"'{folder}' holds something else already; name a new or empty folder.") from error
    if odd:
        raise DataError(f"'{folder}' holds another shelf ({', '.join(odd)}); name a new or empty folder.")
    return True


def _fill(folder: Path, about: About, progress: Progress | None) -> None:
    """Paints every scene and writes the COCO file of each split."""
    categories = [{"id": i, "name": name, "supercategory": "fashion"} for i, name in enumerate(CLASS_NAMES, start=1)]
    parts = {
        split: {"info": about, "licenses": [_LICENCE], "categories": categories, "images": [], "annotations": []}
        for split in SPLITS
    }
    for split in SPLITS:
        (folder / split).mkdir()
    objects = 0
    for done, record in enumerate(_painted(folder, about), start=1):
        part = parts[record["split"]]
        part["images"].append(record["image"])
        for item in record["objects"]:
            objects += 1  # from 1: pycocotools takes annotation 0 for none
            part["annotations"].append({"id": objects, **item})
        if progress:
            progress(done, about["scenes"])
    for split, part in parts.items():
        (folder / split / ANNOTATIONS).write_text(json.dumps(part), encoding="utf-8")
    (folder / ABOUT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def _painted(folder: Path, about: About) -> Iterator[dict[str, Any]]:
    """Paints the scenes, with as many processes as pay, and yields their records in order."""
    images, seed, difficulty = about["scenes"], about["seed"], about["difficulty"]
    workers = min(os.cpu_count() or 1, images // _SCENES_WORTH_A_PROCESS)
    if workers <= 1:
        yield from (paint(folder, seed, difficulty, number) for number in range(images))
        return
    command = [sys.executable, "-m", "vision_core.data.shelf", str(folder), str(seed), difficulty]
    painters = [
        subprocess.Popen([*command, str(first), str(workers), str(images)], cwd=REPOSITORY, stdout=subprocess.PIPE)
        for first in range(workers)
    ]
    try:
        for number in range(images):
            yield _next_record(painters[number % workers])
    finally:
        for painter in painters:
            painter.kill()
            painter.communicate()


def _next_record(painter: subprocess.Popen[bytes]) -> dict[str, Any]:
    line = painter.stdout.readline() if painter.stdout else b""
    if not line.endswith(b"\n"):
        raise DataError(
            f"Painting the shelf stopped (exit status {painter.wait()}); is there room on the disk? Then make it again."
        )
    return json.loads(line)

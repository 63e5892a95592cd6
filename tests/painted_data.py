"""Small data sets painted for tests of training: easy to learn, quick to read, the truth known to the pixel."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw
from safetensors.torch import load_file
from torch import Tensor

from vision_core.models import get_spec
from vision_core.run_folder import LAST, RunFolder
from vision_core.training import checkpoints
from vision_core.training.clock import Progress
from vision_core.training.config import TrainConfig
from vision_core.training.loop import Watch, train
from vision_core.types import Task

CLASSIFIER, DETECTOR = "test_vit", "yolov9t"
"""Of the classifier every layer is small and none is a batch norm; the detector is the smallest there is."""

COLOURS = {"red": (220, 40, 30), "blue": (30, 60, 230), "green": (40, 190, 50), "yellow": (235, 210, 40)}
SPLITS: Mapping[str, int] = {"train": 8, "val": 4}


def ground(random: np.random.Generator, size_px: tuple[int, int]) -> Image.Image:
    """A grey picture with grain, so that no two are alike."""
    width, height = size_px
    level = random.integers(90, 150)
    grain = random.normal(level, 12, (height, width, 1)).repeat(3, axis=2)
    return Image.fromarray(grain.clip(0, 255).astype(np.uint8))


def photos(
    folder: Path,
    splits: Mapping[str, int] = SPLITS,
    classes: Sequence[str] = ("red", "blue"),
    size_px: tuple[int, int] = (56, 48),
    seed: int = 0,
) -> Path:
    """A folder per class: a blob of its class's colour in every picture, so many pictures a split in all."""
    random = np.random.default_rng(seed)
    for split, count in splits.items():
        for number in range(count):
            name = classes[number % len(classes)]
            image = ground(random, size_px)
            width, height = (round(side * random.uniform(0.5, 0.8)) for side in size_px)
            left, top = int(random.integers(size_px[0] - width)), int(random.integers(size_px[1] - height))
            ImageDraw.Draw(image).ellipse((left, top, left + width, top + height), fill=COLOURS[name])
            path = folder / split / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(path)
    return folder


def scenes(
    folder: Path,
    splits: Mapping[str, int] = SPLITS,
    classes: Sequence[str] = ("red", "blue"),
    size_px: tuple[int, int] = (96, 96),
    objects: int = 2,
    seed: int = 0,
) -> Path:
    """COCO boxes: rectangles side by side, each of a class's colour, with the exact box of each."""
    random = np.random.default_rng(seed)
    for split, count in splits.items():
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        (folder / split).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            image = ground(random, size_px)
            for place in range(objects):
                class_id = (number + place) % len(classes)
                box = _place(random, size_px, place, objects)
                ImageDraw.Draw(image).rectangle(
                    (box[0], box[1], box[2] - 1, box[3] - 1), fill=COLOURS[classes[class_id]]
                )
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": number,
                        "category_id": class_id + 1,
                        "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]],
                        "area": (box[2] - box[0]) * (box[3] - box[1]),
                        "iscrowd": 0,
                    }
                )
            image.save(folder / split / f"{split}-{number}.png")
            images.append(
                {"id": number, "file_name": f"{split}-{number}.png", "width": size_px[0], "height": size_px[1]}
            )
        document = {
            "images": images,
            "annotations": annotations,
            "categories": [{"id": number + 1, "name": name} for number, name in enumerate(classes)],
        }
        (folder / split / "_annotations.coco.json").write_text(json.dumps(document))
    return folder


def _place(random: np.random.Generator, size_px: tuple[int, int], place: int, of: int) -> tuple[int, int, int, int]:
    """A box in its own upright strip of the picture."""
    strip = size_px[0] // of
    width = round(strip * random.uniform(0.6, 0.9))
    height = round(size_px[1] * random.uniform(0.4, 0.7))
    left = place * strip + int(random.integers(strip - width + 1))
    top = int(random.integers(size_px[1] - height + 1))
    return left, top, left + width, top + height


def config(data: Path, task: Task, model: str, **changes: Any) -> TrainConfig:
    """A run of seconds: one thread, on the CPU, nothing drawn by chance that was not asked for."""
    small: dict[str, Any] = {
        "start": "scratch",
        "input_size_px": 32 if task == "classification" else 96,
        "epochs": 2,
        "batch_size": 4,
        "augmentation": "none",
        "device": "cpu",
        "threads": 1,
    }
    return TrainConfig.from_json({"data": str(data), "task": task, "model": model} | small | changes)


def new_run(folder: Path, data: Path, task: Task, model: str, **changes: Any) -> RunFolder:
    """A folder for such a run."""
    return RunFolder.create(folder, config(data, task, model, **changes))


def starter(folder: Path, data: Path) -> Callable[..., RunFolder]:
    """Makes runs in `folder` on `data/classification` or `data/detection`.

    `start="WEIGHTS"` names a file of fresh weights, the same for all of them.
    """

    def make(name: str = "run", task: Any = "classification", model: str = CLASSIFIER, **changes: Any) -> RunFolder:
        if changes.get("start") == "WEIGHTS":
            changes["start"] = str(folder / "weights.safetensors")
            if not (folder / "weights.safetensors").exists():
                torch.manual_seed(3)
                checkpoints.save_weights(Path(changes["start"]), get_spec(model).build(7), {})
        size = {"input_size_px": 64} if task == "detection" else {}
        return new_run(folder / name, data / task, task, model, **size | changes)

    return make


def learn(run: RunFolder, watch: Callable[[Progress], None] | None = None) -> list[dict[str, Any]]:
    return list(train(run, Watch(step=watch)))


def weights(run: RunFolder, which: Path = LAST) -> dict[str, Tensor]:
    return load_file(run.path / which)


def same(one: RunFolder, other: RunFolder, which: Path = LAST) -> bool:
    """Whether two runs ended with the same weights, to the bit."""
    first, second = weights(one, which), weights(other, which)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)

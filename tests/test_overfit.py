"""Every network of the catalogue can learn: eight scenes to an AP50 above 0.9, eight pictures to the last one.

A family that cannot is built, fed or trained wrongly, whatever else is tested. All start from fresh weights, but for
the embedded detector, which is meant to be fine-tuned. By default one of each family is trained, the smallest;
`WHATWHERE_OVERFIT=all` trains them all, which takes an hour or two on two cores, most of it for SSD300-VGG16 and
Faster R-CNN on a ResNet-50.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from painted_data import new_run, photos, scenes

from vision_core.models import list_models
from vision_core.training.loop import train

EVERY = os.environ.get("WHATWHERE_OVERFIT") == "all"
COPIES = 4
"""Each of the eight pictures so often in an epoch: the same steps, judged less often."""
RECIPE: dict[str, Any] = {"batch_size": 4, "weight_decay": 1e-4, "clip_norm": 10.0, "learning_rate": 1e-3}
SPECIAL: dict[str, dict[str, Any]] = {
    "ssdlite_mobilenet_v2_coco": {"start": "pretrained"},
    "fasterrcnn:test_resnet": {
        "batch_size": 2,
        "learning_rate": 3e-4,
    },  # the second stage costs by the picture, and learns by the step
    "retinanet:test_resnet": {"batch_size": 2},
}
CAREFUL = {"alexnet": 1e-4, "vgg16": 1e-4, "resnet50": 3e-4}
"""Large ones, and fresh: longer steps throw them about."""
INPUT_PX = {"alexnet": 96, "vit_small_patch14_dinov2": 56}

SMALLEST_DETECTORS = (
    "ssdlite_mobilenet_v2_coco",
    "ssdlite320_mobilenet_v3_large",
    "yolov9t",
    "yolox_s",
    "retinanet:test_resnet",
    "fasterrcnn:test_resnet",
)
SMALLEST_CLASSIFIERS = (
    "tf_efficientnet_lite0",
    "resnet18",
    "mobilenetv3_large_100",
    "mobilenetv4_conv_small",
    "test_vit",
    "test_convnext",
    "test_byobnet",
)


def chosen(smallest: tuple[str, ...], task: Any) -> list[Any]:
    """The small ones, and the rest of the catalogue, skipped unless all are wanted."""
    dear = pytest.mark.skipif(not EVERY, reason="takes minutes; set WHATWHERE_OVERFIT=all")
    rest = [spec.name for spec in list_models(task) if spec.name not in smallest]
    return [*smallest, *(pytest.param(name, marks=dear) for name in rest)]


def repeated(folder: Path) -> Path:
    """The same training scenes several times over, under other names."""
    path = folder / "train" / "_annotations.coco.json"
    document = json.loads(path.read_text())
    images, annotations = list(document["images"]), list(document["annotations"])
    for copy in range(1, COPIES):
        for image in images:
            name = f"copy-{copy}-{image['file_name']}"
            shutil.copy(folder / "train" / image["file_name"], folder / "train" / name)
            document["images"].append(image | {"id": image["id"] + 100 * copy, "file_name": name})
        for one in annotations:
            number = len(document["annotations"]) + 1
            document["annotations"].append(one | {"id": number, "image_id": one["image_id"] + 100 * copy})
    path.write_text(json.dumps(document))
    return folder


@pytest.fixture(scope="module")
def eight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Judged by what is trained on: the same seed paints the same pictures."""
    folder = tmp_path_factory.mktemp("eight")
    for split in ("train", "val"):
        scenes(folder / "detection", {split: 8})
        photos(folder / "classification", {split: 8}, ("red", "blue", "green", "yellow"), (72, 64))
    repeated(folder / "detection")
    return folder


def best(run: Any, figure: str, enough: float) -> tuple[float, list[str]]:
    """Trains until the figure is good enough: the best one, and how it went for the message of a failure."""
    records, found, story = train(run), 0.0, []
    for record in records:
        value = record["metrics"].get(figure, 0.0)
        story.append(f"{record['epoch']}: loss {record['train']['loss']:.3f}, {figure} {value:.3f}")
        found = max(found, value)
        if found > enough:
            break
    records.close()
    return found, story


@pytest.mark.slow
@pytest.mark.parametrize("name", chosen(SMALLEST_DETECTORS, "detection"))
def test_a_detector_learns_eight_scenes(name: str, eight: Path, tmp_path: Path):
    recipe = RECIPE | {"input_size_px": 128, "epochs": 24} | SPECIAL.get(name, {})
    run = new_run(tmp_path / "run", eight / "detection", "detection", name, **recipe)
    found, story = best(run, "map50", 0.9)
    assert found > 0.9, story


@pytest.mark.slow
@pytest.mark.parametrize("name", chosen(SMALLEST_CLASSIFIERS, "classification"))
def test_a_classifier_learns_eight_pictures(name: str, eight: Path, tmp_path: Path):
    size = {"input_size_px": INPUT_PX.get(name, 64), "epochs": 40, "batch_size": 8}
    rate = {"learning_rate": CAREFUL.get(name, 1e-3)}
    run = new_run(tmp_path / "run", eight / "classification", "classification", name, **RECIPE | size | rate)
    found, story = best(run, "top1", 0.99)
    assert found == 1.0, story

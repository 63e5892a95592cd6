"""What is written is accepted by the loaders that people train with."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from tests.data_files import picture_bytes, put, two_classes
from vision_core.data.formats import write_dataset
from vision_core.data.index import DatasetIndex, IndexBuilder


@pytest.fixture
def shelf(tmp_path: Path) -> DatasetIndex:
    return two_classes(tmp_path / "from")


def by_file(index: DatasetIndex, split: str) -> dict[str, tuple[list[str], np.ndarray]]:
    """The written file's name to the class names and boxes of its picture."""
    return {
        record.path.name: ([index.class_names[i] for i in record.class_ids], record.boxes_xyxy)
        for record in index
        if record.split == split and record.boxes_xyxy is not None
    }


@pytest.mark.parametrize("split", ["train", "val"])
def test_pycocotools_and_torchvision_read_our_coco(shelf: DatasetIndex, split: str, tmp_path: Path) -> None:
    from torchvision.datasets import CocoDetection

    written = write_dataset(shelf, tmp_path / "coco", "coco")
    loaded = CocoDetection(
        str(tmp_path / "coco/images" / split), str(tmp_path / f"coco/annotations/instances_{split}.json")
    )
    expected = by_file(written, split)
    assert len(loaded) == len(expected)
    names = {category["id"]: category["name"] for category in loaded.coco.loadCats(loaded.coco.getCatIds())}
    for place, image_id in enumerate(loaded.ids):
        image, targets = loaded[place]
        classes, boxes = expected[loaded.coco.loadImgs(image_id)[0]["file_name"]]
        assert image.size == (64, 48)
        assert [names[target["category_id"]] for target in targets] == classes
        corners = [[x, y, x + w, y + h] for x, y, w, h in (target["bbox"] for target in targets)]
        np.testing.assert_allclose(np.reshape(corners, (-1, 4)), boxes)
        assert len(loaded.coco.getAnnIds([image_id], iscrowd=False)) == len([t for t in targets if not t["iscrowd"]])


@pytest.mark.slow
def test_pycocotools_scores_a_perfect_answer_with_1(shelf: DatasetIndex, tmp_path: Path) -> None:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    write_dataset(shelf, tmp_path / "coco", "coco")
    truth = COCO(str(tmp_path / "coco/annotations/instances_train.json"))
    answers = [{**a, "score": 0.9} for a in truth.loadAnns(truth.getAnnIds(iscrowd=False))]
    scorer = COCOeval(truth, truth.loadRes(json.loads(json.dumps(answers))), "bbox")
    scorer.evaluate()
    scorer.accumulate()
    scorer.summarize()
    assert scorer.stats[0] == pytest.approx(1.0)


@pytest.mark.parametrize("split", ["train", "val"])
def test_torchvision_reads_our_voc(shelf: DatasetIndex, split: str, tmp_path: Path) -> None:
    from torchvision.datasets import VOCDetection

    written = write_dataset(shelf, tmp_path / "voc", "voc")
    loaded = VOCDetection(tmp_path / "voc", year="2007", image_set=split)
    expected = by_file(written, split)
    assert len(loaded) == len(expected)
    for image, target in (loaded[i] for i in range(len(loaded))):
        annotation = target["annotation"]
        classes, boxes = expected[annotation["filename"]]
        assert image.size == (int(annotation["size"]["width"]), int(annotation["size"]["height"]))
        objects = annotation["object"] if classes else []
        assert [thing["name"] for thing in objects] == classes
        corners = [[int(thing["bndbox"][c]) for c in ("xmin", "ymin", "xmax", "ymax")] for thing in objects]
        np.testing.assert_allclose(np.reshape(corners, (-1, 4)) - [1, 1, 0, 0], boxes)


@pytest.mark.parametrize("split", ["train", "val"])
def test_libreyolo_reads_our_yolo(shelf: DatasetIndex, split: str, tmp_path: Path) -> None:
    from libreyolo.data import load_data_config
    from libreyolo.data.dataset import YOLODataset

    written = write_dataset(shelf, tmp_path / "yolo", "yolo")
    config = load_data_config(str(tmp_path / "yolo/data.yaml"), autodownload=False)
    assert [config["names"][i] for i in range(2)] == ["no", "größe"]
    expected = by_file(written, split)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it skips malformed lines with a warning
        loaded = YOLODataset(
            img_files=config[f"{split}_img_files"],
            label_files=config[f"{split}_label_files"],
            img_size=(48, 64),
            num_classes=2,
        )
    assert len(loaded) == len(expected)
    for place, file in enumerate(loaded.img_files):
        classes, boxes = expected[file.name]
        found = loaded.load_anno(place)
        assert [config["names"][int(i)] for i in found[:, 4]] == classes
        np.testing.assert_allclose(found[:, :4], boxes, atol=1e-3)


def test_libreyolo_reads_our_yolo_where_nothing_is_split(shelf: DatasetIndex, tmp_path: Path) -> None:
    from libreyolo.data import load_data_config

    write_dataset(shelf.with_splits([""] * len(shelf)), tmp_path / "yolo", "yolo")
    config = load_data_config(str(tmp_path / "yolo/data.yaml"), autodownload=False)
    assert len(config["train_img_files"]) == len(config["val_img_files"]) == len(shelf)
    assert all(label.exists() for label in config["train_label_files"])


def test_torchvision_reads_our_folders(tmp_path: Path) -> None:
    from torchvision.datasets import ImageFolder

    builder = IndexBuilder(["größe", "a/b", "unused"])
    for number in range(6):
        put(tmp_path / "from", {f"{number}/same.png": picture_bytes()})
        builder.add_image(f"{number}/same.png", split="train" if number < 4 else "val", labels=[number % 2])
    written = write_dataset(builder.finish(tmp_path / "from", "test"), tmp_path / "to", "folder")
    assert "'a/b' as 'a_b'" in " ".join(written.notes)
    assert "1 class without pictures" in " ".join(written.notes)
    for split, count in (("train", 4), ("val", 2)):
        loaded = ImageFolder(tmp_path / "to" / split)
        assert loaded.classes == ["a_b", "größe"]
        assert len(loaded) == count
        labels = {record.path: record.labels for record in written}
        assert all(labels[Path(path)] == (loaded.classes[i],) for path, i in loaded.samples)

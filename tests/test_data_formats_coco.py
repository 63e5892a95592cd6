"""COCO in every layout that people bring."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest

from tests.data_files import COCO, DOG, HEIGHT_PX, PLAIN, WIDTH_PX, coco_document, picture_bytes, put, summary
from vision_core.data.formats import read_dataset


def test_coco_as_published(tmp_path: Path) -> None:
    """Several tasks' files, a folder of pictures a split, and training pictures that were never downloaded."""
    gone = json.dumps(coco_document(images=[{"id": 1, "file_name": "z.png"}]))
    files = {
        "annotations/instances_val2017.json": COCO,
        "annotations/instances_train2017.json": gone,
        "annotations/captions_val2017.json": '{"images": [], "annotations": []}',
    }
    index = read_dataset(put(tmp_path, files, "val2017/a.png val2017/b.png val2017/c.png"))
    assert summary(index) == {
        "val2017/a.png": ("val", None, DOG),
        "val2017/b.png": ("val", None, []),
        "val2017/c.png": ("val", None, None),
    }
    notes = " ".join(index.notes)
    assert "instances_train2017.json' was left out: none of its pictures (1)" in notes
    assert "captions_val2017.json' left out" in notes
    assert "1 picture in no annotation file" in notes


def test_coco_as_roboflow_exports_it(tmp_path: Path) -> None:
    splits = {"train": "train", "valid": "val", "test": "test"}
    files = {f"{name}/_annotations.coco.json": PLAIN for name in splits}
    index = read_dataset(put(tmp_path, files, "train/a.png valid/a.png test/a.png"))
    assert summary(index) == {f"{name}/a.png": (split, None, DOG) for name, split in splits.items()}


@pytest.mark.parametrize(
    ("file_name", "picture"),
    [
        ("a.png", "a.png"),
        ("a.png", "images/a.png"),
        ("sub/a.png", "images/sub/a.png"),
        ("a.png", "some/where/else/a.png"),
        ("/content/data/images/a.png", "images/a.png"),
        ("C:\\Users\\me\\images\\a.png", "images/a.png"),
        ("../images/a.png", "images/a.png"),
        ("data/train/a.png", "pictures/train/a.png"),
        ("A.PNG", "images/a.png"),
        (unicodedata.normalize("NFC", "größe.png"), unicodedata.normalize("NFD", "images/größe.png")),
    ],
)
def test_coco_pictures_are_found_wherever_they_are(file_name: str, picture: str, tmp_path: Path) -> None:
    text = json.dumps(coco_document(images=[{"id": 1, "file_name": file_name}]))
    index = read_dataset(put(tmp_path, {"labels.json": text, picture: picture_bytes()}))
    assert summary(index) == {picture: ("", None, DOG)}


def test_coco_pictures_of_one_name_in_two_splits_are_kept_apart_when_one_is_missing(tmp_path: Path) -> None:
    both = coco_document(annotations=[])
    files = {f"annotations/instances_{split}.json": json.dumps(both) for split in ("train", "val")}
    index = read_dataset(put(tmp_path, files, "images/train/a.png images/val/a.png images/val/b.png"))
    assert list(summary(index)) == [
        "images/train/a.png",
        "images/train/b.png",
        "images/val/a.png",
        "images/val/b.png",
    ]


def test_coco_a_missing_picture_is_never_another_of_its_name(tmp_path: Path) -> None:
    listed = [{"id": i, "file_name": f"{place}/1.png"} for i, place in enumerate(("a", "b", "c"))]
    text = json.dumps(coco_document(images=listed, annotations=[]))
    index = read_dataset(put(tmp_path, {"coco.json": text}, "images/a/1.png images/b/1.png images/1.png"))
    assert list(summary(index)) == ["images/a/1.png", "images/b/1.png", "images/c/1.png"]


def test_coco_ids_sizes_and_kinds_of_annotation(tmp_path: Path) -> None:
    """Gaps, texts as ids, annotations first, crowd, an outline without a box, a label without one, no size."""
    document = {
        "annotations": [
            {"image_id": "x", "category_id": 90, "bbox": [0, 0, 5, 5], "iscrowd": 1},
            {"image_id": "x", "category_id": 7, "segmentation": [[1, 2, 9, 2, 9, 8]], "iscrowd": 0},
            {"image_id": 900000000001, "category_id": 7},
        ],
        "images": [{"id": "x", "file_name": "a.png"}, {"id": 900000000001, "file_name": "b.png", "width": None}],
        "categories": [{"id": 7, "name": "cat"}, {"id": 90, "name": "crowd of dogs"}],
    }
    index = read_dataset(put(tmp_path, {"coco.json": json.dumps(document)}, "a.png b.png"))
    boxes = [("crowd of dogs", 0.0, 0.0, 5.0, 5.0), ("cat", 1.0, 2.0, 9.0, 8.0)]
    assert summary(index) == {"a.png": ("", None, boxes), "b.png": ("", ("cat",), [])}
    assert index.record(0).crowd.tolist() == [True, False]
    assert (index.image_column("width_px") == WIDTH_PX).all()
    assert (index.image_column("height_px") == HEIGHT_PX).all()
    assert "Left out of the annotations: segmentation" in " ".join(index.notes)


def test_coco_category_that_nobody_describes_stays_out_of_range(tmp_path: Path) -> None:
    stray = {"id": 2, "image_id": 1, "category_id": 77, "bbox": [1, 1, 2, 2]}
    text = json.dumps(coco_document(annotations=[*coco_document()["annotations"], stray]))
    index = read_dataset(put(tmp_path, {"coco.json": text}, "a.png b.png"))
    assert index.class_names == ("dog",)
    assert index.box_column("class_id").tolist() == [0, 1]
    assert "categories that are not described: 77" in " ".join(index.notes)


def test_coco_without_annotations_is_a_list_of_unlabelled_pictures(tmp_path: Path) -> None:
    text = json.dumps(coco_document(annotations=None))
    index = read_dataset(put(tmp_path, {"image_info_test.json": text}, "a.png b.png"))
    assert summary(index) == {"a.png": ("test", None, None), "b.png": ("test", None, None)}

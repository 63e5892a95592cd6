"""YOLO in every layout that people bring."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.data_files import picture_bytes, put, summary
from vision_core.data.formats import read_dataset

LINE = "0 0.25 0.5 0.5 0.5\n"
HALF = [("dog", 0.0, 12.0, 32.0, 36.0)]


@pytest.mark.parametrize(
    ("config", "pictures", "labels"),
    [
        ("names: [dog]\ntrain: images/train\nval: images/val", "images/{}/a.png", "labels/{}/a.txt"),
        ("names: {0: dog}\npath: .\ntrain: images/train\nval: images/val\ntest:", "images/{}/a.png", "labels/{}/a.txt"),
        (
            "path: /content/set\ntrain: images/train\nval: images/val\nnames: [dog]",
            "images/{}/a.png",
            "labels/{}/a.txt",
        ),
        (
            "path: ../datasets/set\ntrain: images/train\nval: images/val\nnames: [dog]",
            "images/{}/a.png",
            "labels/{}/a.txt",
        ),
        ("train: ../train/images\nval: ../val/images\nnc: 1\nnames: ['dog']", "{}/images/a.png", "{}/labels/a.txt"),
        ("train: train\nval: val\nnames:\n  - dog", "{}/a.png", "{}/a.txt"),
        ("train: [images/train]\nval: [images/val, images/more]\nnames: [dog]", "images/{}/a.png", "labels/{}/a.txt"),
        ("names: [dog]", "images/{}/a.png", "labels/{}/a.txt"),
    ],
)
def test_yolo_trees(config: str, pictures: str, labels: str, tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {"data.yaml": config}
    for split in ("train", "val"):
        files |= {pictures.format(split): picture_bytes(), labels.format(split): LINE}
    index = read_dataset(put(tmp_path, files))
    assert index.format == "yolo"
    assert summary(index) == {pictures.format(split): (split, None, HALF) for split in ("train", "val")}


def test_yolo_absolute_paths_of_this_machine(tmp_path: Path) -> None:
    config = f"path: {tmp_path}\ntrain: {tmp_path}/images/train\nval: images/val\nnames: [dog]"
    put(tmp_path, {"data.yaml": config, "labels/train/a.txt": LINE}, "images/train/a.png images/val/b.png")
    assert summary(read_dataset(tmp_path)) == {
        "images/train/a.png": ("train", None, HALF),
        "images/val/b.png": ("val", None, None),
    }


def test_yolo_lists_of_pictures(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {
        "data.yaml": "train: train.txt\nval: lists/val.txt\nnames: [dog]",
        "train.txt": "./pics/a.png\n# a remark\n/home/me/set/pics/b.png\n",
        "lists/val.txt": "pics/b.png\n",
        "pics/a.txt": LINE,
    }
    index = read_dataset(put(tmp_path, files, "pics/a.png pics/b.png"))
    assert summary(index) == {
        "pics/a.png": ("train", None, HALF),
        "pics/b.png": ("train", None, None),
        "pics/b.png again": ("val", None, None),
    }


def test_yolo_one_folder_for_both_splits_means_none_is_known(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {"data.yaml": "train: images\nval: images\nnames: [dog]", "labels/a.txt": LINE}
    assert summary(read_dataset(put(tmp_path, files, "images/a.png"))) == {"images/a.png": ("", None, HALF)}


def test_yolo_names_that_yaml_would_change(tmp_path: Path) -> None:
    config = "train: images\nval: images\nnames: [no, 1, 1.0, null, 2024-01-01]"
    index = read_dataset(put(tmp_path, {"data.yaml": config, "labels/a.txt": LINE}, "images/a.png"))
    assert index.class_names == ("no", "1", "1.0", "null", "2024-01-01")


def test_yolo_classes_of_one_name_are_one(tmp_path: Path) -> None:
    files = {
        "data.yaml": "train: images\nnames: [dog, dog, cat]",
        "labels/a.txt": "".join(f"{i} .5 .5 .1 .1\n" for i in range(4)),
    }
    index = read_dataset(put(tmp_path, files, "images/a.png"))
    assert index.class_names == ("dog", "cat")
    assert index.box_column("class_id").tolist() == [0, 0, 1, 2]


def test_yolo_without_a_config(tmp_path: Path) -> None:
    put(tmp_path / "beside", {"classes.txt": "dog\ncat\n", "a.txt": LINE}, "a.png")
    assert summary(read_dataset(tmp_path / "beside")) == {"a.png": ("", None, HALF)}
    put(tmp_path / "bare", {"labels/a.txt": "2 .5 .5 .5 .5"}, "images/a.png")
    index = read_dataset(tmp_path / "bare")
    assert index.class_names == ("0", "1", "2")
    assert "called by their numbers" in " ".join(index.notes)


def test_yolo_kinds_of_lines(tmp_path: Path) -> None:
    lines = "0 0 0 0.5 0 0.5 0.5\n\n0 0.25 0.5 0.5 0.5 0.93\n7 0.25 0.5 0.5 0.5\n"
    files: dict[str, bytes | str] = {
        "data.yaml": "train: images\nnames: [dog]",
        "labels/a.txt": lines,
        "labels/b.txt": "",
    }
    index = read_dataset(put(tmp_path, files, "images/a.png images/b.png images/c.png"))
    assert index.box_column("class_id").tolist() == [0, 0, 7]  # the last is for the doctor to find
    np.testing.assert_allclose(index.boxes_xyxy, [[0, 0, 32, 24], [0, 12, 32, 36], [0, 12, 32, 36]])
    assert [record.boxes_xyxy is None for record in index] == [False, False, True]
    assert "1 outline was turned" in " ".join(index.notes)
    assert "scores of 1 box were" in " ".join(index.notes)


def test_yolo_key_points_are_left_out(tmp_path: Path) -> None:
    config = "train: images\nnames: [dog]\nkpt_shape: [2, 3]"
    files: dict[str, bytes | str] = {"data.yaml": config, "labels/a.txt": LINE.strip() + " .1 .1 2 .9 .9 2"}
    index = read_dataset(put(tmp_path, files, "images/a.png"))
    assert summary(index) == {"images/a.png": ("", None, HALF)} or summary(index)["images/a.png"][2] == HALF
    assert "Key points" in " ".join(index.notes)


def test_yolo_labels_of_pictures_that_cannot_be_measured_are_told(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {"data.yaml": "train: images\nval: images\nnames: [dog]"}
    files |= {"images/a.png": b"no picture", "labels/a.txt": LINE, "labels/ghost.txt": LINE, "labels/b.txt": LINE}
    index = read_dataset(put(tmp_path, files, "images/b.png"))
    assert summary(index) == {
        "images/a.png": ("", None, None),
        "images/b.png": ("", None, HALF),
        "images/ghost.jpg": ("", None, None),
    }
    assert "boxes of 2 pictures were left out" in " ".join(index.notes)

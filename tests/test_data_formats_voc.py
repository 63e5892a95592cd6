"""Pascal VOC in every layout that people bring."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.data_files import DOG, WIDTH_PX, put, summary, voc
from vision_core.data.formats import read_dataset


def test_voc_development_kit(tmp_path: Path) -> None:
    """Pixels from 1, difficult objects, image sets, a test picture without annotation, and lists of one class."""
    kit = "VOCdevkit/VOC2012"
    files: dict[str, bytes | str] = {
        f"{kit}/Annotations/1.xml": voc(),
        f"{kit}/Annotations/2.xml": voc("1,1,64,48", "cat", "<difficult>1</difficult><truncated>1</truncated>"),
        f"{kit}/ImageSets/Main/train.txt": "1\n",
        f"{kit}/ImageSets/Main/val.txt": "2\n",
        f"{kit}/ImageSets/Main/trainval.txt": "1\n2\n",
        f"{kit}/ImageSets/Main/test.txt": "3\n",
        f"{kit}/ImageSets/Main/dog_train.txt": "1  1\n",
    }
    index = read_dataset(put(tmp_path, files, " ".join(f"{kit}/JPEGImages/{i}.png" for i in (1, 2, 3))))
    assert summary(index) == {
        f"{kit}/JPEGImages/1.png": ("train", None, DOG),
        f"{kit}/JPEGImages/2.png": ("val", None, [("cat", 0.0, 0.0, 64.0, 48.0)]),
        f"{kit}/JPEGImages/3.png": ("test", None, None),
    }
    assert index.boxes["crowd"].to_pylist() == [False, True]
    assert index.class_names == ("cat", "dog")


def test_voc_beside_the_pictures(tmp_path: Path) -> None:
    put(tmp_path, {"train/a.xml": voc(), "valid/a.xml": voc()}, "train/a.png valid/a.png valid/b.png")
    assert summary(read_dataset(tmp_path)) == {
        "train/a.png": ("train", None, DOG),
        "valid/a.png": ("val", None, DOG),
        "valid/b.png": ("val", None, None),
    }


def test_voc_counted_from_0_by_tools_that_do(tmp_path: Path) -> None:
    index = read_dataset(put(tmp_path, {"a.xml": voc("0,2,31,42"), "b.xml": voc("0,0,9,9")}, "a.png b.png"))
    np.testing.assert_array_equal(index.boxes_xyxy, [[0, 2, 31, 42], [0, 0, 9, 9]])
    assert "counted from 0" in " ".join(index.notes)


def test_voc_sizes_are_kept_or_measured(tmp_path: Path) -> None:
    said = "<size><width>640</width><height>480</height></size>"
    index = read_dataset(put(tmp_path, {"a.xml": voc(size=said), "b.xml": voc()}, "a.png b.png"))
    assert index.image_column("width_px").tolist() == [640, WIDTH_PX]


def test_voc_annotation_without_a_picture_is_kept(tmp_path: Path) -> None:
    index = read_dataset(put(tmp_path, {"Annotations/a.xml": voc(), "Annotations/b.xml": voc()}, "JPEGImages/b.png"))
    assert summary(index) == {"JPEGImages/a.png": ("", None, DOG), "JPEGImages/b.png": ("", None, DOG)}

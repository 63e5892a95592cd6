"""Every layout that people bring, read as what it is; and which readings are offered."""

from __future__ import annotations

import json
import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data_files import HEIGHT_PX, WIDTH_PX, picture_bytes, put, summary, tree
from tests.malformed_data import coco_document, zip_bytes
from vision_core.data.formats import AmbiguousFormat, possible_readings, read_dataset
from vision_core.errors import DataError

DOG = [("dog", 1.0, 2.0, 31.0, 42.0)]
COCO = json.dumps(coco_document())
PLAIN = json.dumps(coco_document(images=[{"id": 1, "file_name": "a.png"}]))


def formats(folder: Path) -> list[str]:
    return [reading.format for reading in possible_readings(folder)]


# COCO


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
    assert "instances_train2017.json' was left out: none of its 1 pictures" in notes
    assert "captions_val2017.json' left out" in notes
    assert "1 pictures are in no annotation file" in notes


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


# YOLO

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
    assert "1 outlines" in " ".join(index.notes)
    assert "scores of 1 boxes" in " ".join(index.notes)


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


# Pascal VOC


def voc(box: str = "2,3,31,42", name: str = "dog", more: str = "", size: str = "") -> str:
    corners = "".join(f"<{c}>{v}</{c}>" for c, v in zip(("xmin", "ymin", "xmax", "ymax"), box.split(","), strict=True))
    thing = f"<object><name>{name}</name>{more}<bndbox>{corners}</bndbox></object>"
    return f"<annotation><filename>a.png</filename>{size}{thing}</annotation>"


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


# CSV


@pytest.mark.parametrize(
    "text",
    [
        "image,x_min,y_min,x_max,y_max,label\na.png,1,2,31,42,dog",
        "filename,width,height,class,xmin,ymin,xmax,ymax\na.png,64,48,dog,1,2,31,42",
        "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax\na,x,dog,1,0.015625,0.484375,0.0416666667,0.875",
        "a.png,1,2,31,42,dog\nb.png,,,,,",
        'image_id,width,height,bbox,source,label\na,64,48,"[1.0, 2.0, 30.0, 40.0]",x,dog',
        "path;left;top;width;height;category\nimages\\a.png;1;2;30;40;dog",
        "\ufefffile_name\tx\ty\tw\th\tclass_name\r\nimages/a.png\t1\t2\t30\t40\tdog\r\n",
        "Path,Roi.X1,Roi.Y1,Roi.X2,Roi.Y2,ClassId\na.png,1,2,31,42,dog",
        'image,label,x1,y1,x2,y2\n\n"/other/machine/images/a.png"," dog ",1,2,31,42\n\n',
    ],
)
def test_csv_tables_of_boxes(text: str, tmp_path: Path) -> None:
    index = read_dataset(put(tmp_path, {"boxes.csv": text}, "images/a.png"))
    assert summary(index)["images/a.png"] == ("", None, DOG)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("image,label\na.png,dog\nb.png,cat\n", {"a.png": ("", ("dog",), None), "b.png": ("", ("cat",), None)}),
        ("id,img_id,class\n1,a,dog\n2,a,cat\n3,b,\n", {"a.png": ("", ("cat", "dog"), None), "b.png": ("", None, None)}),
        ("a.png,10\nb.png,9\n", {"a.png": ("", ("10",), None), "b.png": ("", ("9",), None)}),
        (
            "file,target,subset\na.png,x,valid\nb.png,y,holdout\n",
            {"a.png": ("val", ("x",), None), "b.png": ("holdout", ("y",), None)},
        ),
        (
            "image,xmin,ymin,xmax,ymax,label\na.png,,,,,\nb.png,,,,,dog\n",
            {"a.png": ("", None, []), "b.png": ("", ("dog",), None)},
        ),
    ],
)
def test_csv_tables_of_labels(text: str, expected: dict[str, tuple], tmp_path: Path) -> None:
    index = read_dataset(put(tmp_path, {"labels.csv": text}, "a.png b.png"))
    assert summary(index) == expected


def test_csv_a_table_a_split(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {
        "train_labels.csv": "image,label\na.png,dog",
        "valid/_annotations.csv": "image,label\na.png,cat",
    }
    assert summary(read_dataset(put(tmp_path, files, "train/a.png valid/a.png"))) == {
        "train/a.png": ("train", ("dog",), None),
        "valid/a.png": ("val", ("cat",), None),
    }


# Folder per class


@pytest.mark.parametrize(
    ("pictures", "expected"),
    [
        (
            "cat/a.png dog/a.png dog/deep/b.png",
            {"cat/a.png": ("", "cat"), "dog/a.png": ("", "dog"), "dog/deep/b.png": ("", "dog")},
        ),
        (
            "train/cat/a.png Validation/dog/a.png test/b.png",
            {"train/cat/a.png": ("train", "cat"), "Validation/dog/a.png": ("val", "dog"), "test/b.png": ("test", None)},
        ),
        ("train/a.png car/a.png", {"train/a.png": ("", "train"), "car/a.png": ("", "car")}),
        ("set/cat/a.png set/dog/a.png", {"cat/a.png": ("", "cat"), "dog/a.png": ("", "dog")}),
        ("a.png b.JPG .hidden.png", {"a.png": ("", None), "b.JPG": ("", None)}),
        ("dog/a.png", {"dog/a.png": ("", "dog")}),
    ],
)
def test_folders(pictures: str, expected: dict[str, tuple[str, str | None]], tmp_path: Path) -> None:
    found = summary(read_dataset(put(tmp_path, {}, pictures)))
    assert found == {path: (split, name and (name,), None) for path, (split, name) in expected.items()}


def test_a_lone_folder_in_an_archive_is_only_a_wrapper(tmp_path: Path) -> None:
    archive = tmp_path / "photos.zip"
    archive.write_bytes(zip_bytes({"photos/a.png": picture_bytes(), "__MACOSX/photos/._a.png": b"x"}))
    assert summary(read_dataset(archive)) == {"a.png": ("", None, None)}


def test_one_set_in_every_package(tmp_path: Path) -> None:
    """A folder, a zip and a tar of the same files give the same index; the second time, nothing is unpacked."""
    import shutil

    folder = put(tmp_path / "set", {"data/annotations.json": COCO}, "data/a.png data/b.png")
    expected = summary(read_dataset(folder))
    for kind in ("zip", "tar", "gztar", "bztar", "xztar"):
        archive = Path(shutil.make_archive(str(tmp_path / f"pack-{kind}"), kind, folder))
        first = read_dataset(archive)
        assert summary(first) == expected
        before = {path: path.stat().st_mtime_ns for path in first.root.rglob("*")}
        assert read_dataset(archive).root == first.root
        assert {path: path.stat().st_mtime_ns for path in first.root.rglob("*")} == before


# Which reading


def test_two_readings_are_both_offered_and_the_user_is_asked(tmp_path: Path, workspace: Path) -> None:
    files: dict[str, bytes | str] = {"train.json": COCO, "data.yaml": "train: .\nnames: [cat]", "a.txt": LINE}
    folder = put(tmp_path / "set", files, "a.png b.png")
    assert formats(folder) == ["coco", "yolo"]
    with pytest.raises(AmbiguousFormat, match=r"can be read as coco .*train\.json.* or yolo .*data\.yaml") as caught:
        read_dataset(folder)
    assert [reading.format for reading in caught.value.readings] == ["coco", "yolo"]
    assert read_dataset(folder, "coco").class_names == ("dog",)
    assert read_dataset(folder, "yolo").class_names == ("cat",)
    archive = tmp_path / "set.zip"
    archive.write_bytes(zip_bytes(tree(folder)))
    with pytest.raises(AmbiguousFormat):
        read_dataset(archive)
    assert read_dataset(archive, "yolo").root.is_relative_to(workspace)


def test_annotations_win_over_folder_names_but_both_are_offered(tmp_path: Path) -> None:
    put(tmp_path, {"labels.csv": "image,label\nx/a.png,dog\ny/b.png,cat\n"}, "x/a.png y/b.png")
    assert formats(tmp_path) == ["csv", "folder"]
    assert read_dataset(tmp_path).class_names == ("cat", "dog")
    assert read_dataset(tmp_path, "folder").class_names == ("x", "y")


def test_text_beside_pictures_is_no_yolo(tmp_path: Path) -> None:
    put(tmp_path, {"a.txt": "a dog on a lawn", "b.txt": "two cats"}, "a.png b.png")
    assert formats(tmp_path) == ["folder"]
    assert "2 other files were not read" in " ".join(read_dataset(tmp_path).notes)


@pytest.mark.parametrize("format", ["coco", "voc", "csv"])
def test_a_format_without_its_files_is_refused(format: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"holds no .*{'CSV' if format == 'csv' else ''}"):
        read_dataset(put(tmp_path, {}, "a.png"), format)


def test_an_unknown_format_or_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no format 'coko'. Did you mean coco"):
        read_dataset(tmp_path, "coko")
    with pytest.raises(DataError, match="gone' is not a folder"):
        read_dataset(tmp_path / "gone")
    assert possible_readings(tmp_path) == []
    with pytest.raises(DataError, match="neither annotations"):
        read_dataset(tmp_path)


def test_nothing_outside_the_folder_is_ever_reached(tmp_path: Path) -> None:
    put(tmp_path, {}, "secret.png secrets/a.png")
    folder = put(tmp_path / "set", {}, "dog/a.png")
    (folder / "dog" / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "linked").symlink_to(tmp_path / "secrets")
    os.mkfifo(folder / "dog" / "pipe.png")
    index = read_dataset(folder)
    assert summary(index) == {"dog/a.png": ("", ("dog",), None)}
    assert "1 links that lead out" in " ".join(index.notes)


def test_file_names_that_are_no_text_are_named(tmp_path: Path) -> None:
    put(tmp_path, {}, "dog/a.png")
    try:
        (tmp_path / os.fsdecode(b"dog/\xff.png")).write_bytes(picture_bytes())
    except OSError:
        pytest.skip("this file system takes Unicode names only")
    with pytest.raises(DataError, match=r"xff\.png' is not UTF-8"):
        read_dataset(tmp_path)


def test_progress_is_told_and_cancels_at_every_step(tmp_path: Path, workspace: Path) -> None:
    files = {"a.json": PLAIN.encode(), "a.png": picture_bytes()}
    archives = [tmp_path / "one.zip", tmp_path / "two.zip"]
    for number, archive in enumerate(archives):
        archive.write_bytes(zip_bytes({**files, "number.txt": b"%d" % number}))
    told: list[tuple[int, int]] = []
    read_dataset(archives[0], progress=lambda done, total: told.append((done, total)))
    assert len(told) > 4
    assert all(0 <= done <= total for done, total in told)
    before = sorted(workspace.rglob("*"))

    class Cancel:
        def __init__(self, calls: int) -> None:
            self.left = calls

        def __call__(self, done: int, total: int) -> None:
            self.left -= 1
            if self.left == 0:
                raise InterruptedError  # an OSError, which must not be taken for one of a file

    for step in range(1, len(told) + 1):
        with pytest.raises(InterruptedError):
            read_dataset(archives[1], progress=Cancel(step))
        assert sorted(workspace.rglob("*")) == before


def test_a_link_that_leads_out_is_not_followed_for_an_annotation(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    Image.new("RGB", (8, 8)).save(secret)
    folder = tmp_path / "data"
    folder.mkdir()
    Image.new("RGB", (8, 8)).save(folder / "b.png")
    (folder / "a.png").symlink_to(secret)
    (folder / "labels.csv").write_text("image,label\na.png,cat\nb.png,dog\n")
    with pytest.raises(DataError, match=r"labels\.csv.*'a\.png' is a link that leads out"):
        read_dataset(folder)

"""Exports, each read back by the tool that it is meant for."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO

from vision_core.exports import CSV_COLUMNS, PictureResult, safe_stems, to_coco, to_contract, to_csv, to_yolo_zip
from vision_core.types import Classification, Detections, PipelineResult, Timing

NAMES = ("person", "cat", "traffic light")
LABELS = ("tabby", "tiger cat", "fox")


def classification() -> Classification:
    return Classification(LABELS, np.array([0.25, 0.7, 0.05]), model="lite", timing=Timing(1, 2, 3))


def objects(boxes: Any, scores: Any, ids: Any, names: tuple[str, ...] = NAMES, model: str = "ssd") -> Detections:
    corners = np.array(boxes, float).reshape(-1, 4)
    return Detections(corners, np.array(scores), np.array(ids, int), names, (640, 480), model, Timing(4, 5, 6))


def found(boxes: Any) -> Detections:
    count = len(np.array(boxes, float).reshape(-1, 4))
    return objects(boxes, np.linspace(0.9, 0.4, count), np.arange(count) % 2 + 1)


def picture(name: str = "a.jpg", boxes: Any = ((10, 20, 110, 220), (0.5, 0.25, 30, 40))) -> PictureResult:
    shown = found(boxes)
    labels = tuple(classification() for _ in range(len(shown)))
    both = PipelineResult(shown, labels, Timing(10, 20, 30), Timing(5, 5, 5), "ssd + lite")
    return PictureResult(name, 640, 480, classification(), shown, both)


def test_contract_is_the_one_the_command_line_promises() -> None:
    labels = [{"name": "tiger cat", "score": 0.7}, {"name": "tabby", "score": 0.25}]
    listed = [
        {"name": "cat", "score": 0.9, "box_xyxy": [10.0, 20.0, 110.0, 220.0]},
        {"name": "traffic light", "score": 0.4, "box_xyxy": [0.5, 0.25, 30.0, 40.0]},
    ]
    assert json.loads(json.dumps(to_contract(picture(), top_k=2))) == {
        "image": {"path": "a.jpg", "width_px": 640, "height_px": 480},
        "classification": {"model": "lite", "labels": labels, "latency_ms": 6.0},
        "detection": {"model": "ssd", "objects": listed, "latency_ms": 15.0},
        "pipeline": {"model": "ssd + lite", "objects": [{**o, "labels": labels} for o in listed], "latency_ms": 60.0},
    }


def test_contract_leaves_absent_parts_out() -> None:
    assert list(to_contract(PictureResult("a", 1, 2))) == ["image"]
    only = to_contract(PictureResult("a", 1, 2, Classification(LABELS, np.array([0.2, 0.3, 0.5]))))
    assert list(only) == ["image", "classification"]
    assert only["classification"]["latency_ms"] is None, "not measured is not zero"


def test_csv_has_a_row_a_label_or_object() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv([picture("a.jpg"), picture("b, c.jpg")], top_k=2), newline="")))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert len(rows) == 2 * (2 + 2 + 2 * 2)
    assert [row["image"] for row in rows] == ["a.jpg"] * 8 + ["b, c.jpg"] * 8
    detection = [row for row in rows if row["task"] == "detection"][1]
    assert (detection["object"], detection["object_name"], detection["label"]) == ("2", "traffic light", "")
    assert [float(detection[c]) for c in CSV_COLUMNS[8:12]] == [0.5, 0.25, 30, 40]
    last = rows[-1]
    assert (last["task"], last["object"], last["label_rank"], last["label"]) == ("pipeline", "2", "2", "tabby")
    assert float(last["label_score"]) == pytest.approx(0.25)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", " =", "＝"])
def test_csv_never_starts_a_formula(start: str) -> None:
    evil = start + "cmd|' /C calc'!A0"
    item = Classification((evil,), np.array([1.0]), model=evil)
    boxes = objects([[-5, 0, 5, 5]], [0.5], [0], (evil,), evil)
    text = to_csv([PictureResult(evil, 10, 10, item, boxes)])
    for row in list(csv.reader(io.StringIO(text, newline="")))[1:]:
        for cell in row:
            assert not cell.lstrip(" ").startswith(("=", "+", "@", "\t", "\r", "＝")) or cell.startswith("'")
            assert not cell.startswith("-") or float(cell) == -5
    assert "'" + evil in next(csv.DictReader(io.StringIO(text, newline="")))["image"]


def load_coco(data: dict[str, object]) -> Any:
    coco: Any = COCO()
    coco.dataset = json.loads(json.dumps(data))
    coco.createIndex()
    return coco


def test_coco_loads_in_pycocotools_with_the_same_boxes() -> None:
    pictures = [picture("a.jpg"), picture("empty.jpg", ()), picture("c.jpg", ((1.5, 2.5, 639.25, 479),))]
    coco = load_coco(to_coco(pictures))
    assert [coco.imgs[i]["file_name"] for i in coco.getImgIds()] == ["a.jpg", "empty.jpg", "c.jpg"]
    for image_id, one in enumerate(pictures, start=1):
        assert one.detections is not None
        items = coco.loadAnns(coco.getAnnIds(imgIds=[image_id]))
        boxes = np.array([item["bbox"] for item in items]).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        np.testing.assert_allclose(boxes, one.detections.boxes_xyxy, atol=1e-3)
        assert [coco.cats[item["category_id"]]["name"] for item in items] == one.detections.names
        assert [item["score"] for item in items] == pytest.approx(one.detections.scores.tolist())
    assert coco.loadRes(coco.dataset["annotations"]).getAnnIds() == [1, 2, 3], "also as a result file"


def test_coco_category_ids_do_not_depend_on_what_was_found() -> None:
    full, empty = to_coco([picture()]), to_coco([picture("x", ())])
    assert full["categories"] == empty["categories"]
    assert [(c["id"], c["name"]) for c in full["categories"]] == [(1, "person"), (2, "cat"), (3, "traffic light")]
    other = objects([[0, 0, 1, 1]], [0.5], [1], ("fox", "cat"))
    mixed = to_coco([picture(), PictureResult("b", 9, 9, detections=other)])
    assert [c["name"] for c in mixed["categories"]] == ["person", "cat", "traffic light", "fox"]
    assert mixed["annotations"][-1]["category_id"] == 2


def test_pipeline_boxes_are_exported_when_there_is_no_detector_column() -> None:
    alone = PictureResult("a", 640, 480, pipeline=picture().pipeline)
    assert to_coco([alone])["annotations"] == to_coco([picture("a")])["annotations"]


coordinates = st.floats(-50, 700, width=32)


@settings(max_examples=60, deadline=None)
@given(boxes=st.lists(st.tuples(coordinates, coordinates, coordinates, coordinates), max_size=8))
def test_yolo_reads_back_within_a_ten_thousandth(boxes: list[tuple[float, ...]]) -> None:
    one = picture("street.jpg", boxes)
    assert one.detections is not None
    archive = zipfile.ZipFile(io.BytesIO(to_yolo_zip([one])))
    rows = [line.split() for line in archive.read("labels/street.txt").decode().splitlines()]
    clipped = one.detections.boxes_xyxy.clip([0, 0, 0, 0], [640, 480, 640, 480]) / [640, 480, 640, 480]
    visible = (clipped[:, 2:] > clipped[:, :2]).all(axis=1)
    assert [int(row[0]) for row in rows] == one.detections.class_ids[visible].tolist()
    read = np.array([row[1:] for row in rows], float).reshape(-1, 4)
    back = np.concatenate([read[:, :2] - read[:, 2:] / 2, read[:, :2] + read[:, 2:] / 2], axis=1)
    np.testing.assert_allclose(back, clipped[visible], atol=1e-4)
    assert ((read >= 0) & (read <= 1)).all()


def test_yolo_folder_names_its_classes_and_pictures() -> None:
    names = ["a/photo.jpg", "b/photo.jpg", "PHOTO.png", "../../evil.jpg", "con.jpg", "日本.jpg"]
    archive = zipfile.ZipFile(io.BytesIO(to_yolo_zip([picture(name) for name in names])))
    labels = ["photo", "photo-2", "PHOTO-3", "evil", "con_", "日本"]
    assert archive.namelist() == ["data.yaml", *(f"labels/{stem}.txt" for stem in labels), "pictures.json"]
    head = yaml.safe_load(archive.read("data.yaml"))
    assert head["names"] == dict(enumerate(NAMES))
    assert head["nc"] == 3
    assert list(json.loads(archive.read("pictures.json")).values()) == names
    assert to_yolo_zip([picture()]) == to_yolo_zip([picture()]), "the same bytes for the same pictures"


def test_yolo_class_names_survive_yaml() -> None:
    nasty = ("no", "1.0", "a: b", "#x", "🐈", "- c", "line\nbreak", "'\"", "\t", "null")
    boxes = objects([[0, 0, 5, 5]], [0.5], [0], nasty)
    archive = zipfile.ZipFile(io.BytesIO(to_yolo_zip([PictureResult("a", 10, 10, detections=boxes)])))
    assert yaml.safe_load(archive.read("data.yaml").decode())["names"] == dict(enumerate(nasty))


def test_yolo_labels_are_what_libreyolo_trains_on(tmp_path: Path) -> None:
    from libreyolo.data.yolo_coco_api import parse_yolo_label_line

    zipfile.ZipFile(io.BytesIO(to_yolo_zip([picture()]))).extractall(tmp_path)
    lines = (tmp_path / "labels" / "a.txt").read_text().splitlines()
    parsed: list[Any] = [parse_yolo_label_line(line, 640, 480, len(NAMES)) for line in lines]
    np.testing.assert_allclose([row[1:5] for row in parsed], [[10, 20, 110, 220], [0.5, 0.25, 30, 40]], atol=0.01)
    assert [int(row[0]) for row in parsed] == [1, 2]


@settings(max_examples=200, deadline=None)
@given(names=st.lists(st.text(max_size=30) | st.sampled_from(["a.jpg", "A.JPG", "..", "/", "nul", "a-2"]), max_size=12))
def test_file_names_are_safe_and_different(names: list[str]) -> None:
    stems = safe_stems(names)
    assert len({stem.casefold() for stem in stems}) == len(names)
    for stem in stems:
        assert stem.strip(" .") == stem != ""
        assert not set(stem) & set('/\\:*?"<>|\0\n')
        assert len(stem) <= 90


def test_ordinary_file_names_stay_as_they_are() -> None:
    assert safe_stems(["_DSC 1.2 (a).jpg", "C:\\photos\\x-y.JPG"]) == ["_DSC 1.2 (a)", "x-y"]

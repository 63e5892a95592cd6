"""What every mend makes of pictures, boxes and labels; and that a new version appears whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.faults import Entry, Planted, encoded, jpeg, picture
from vision_core.data.doctor import CheckOptions, Diagnosis, check, fix
from vision_core.data.doctor.draft import turned_boxes
from vision_core.data.index import DatasetIndex, ImageRecord, differences
from vision_core.errors import DataError
from vision_core.images import open_image

FIRST = "a.jpg"


def few(count: int = 3) -> Planted:
    """Pictures a.jpg, b.jpg … with one box and no split."""
    box = (0, 4.0, 5.0, 40.0, 30.0, False)
    entries = [Entry(f"{chr(97 + i)}.jpg", jpeg(i), "", [0], [box]) for i in range(count)]
    return Planted(["cat", "dog"], entries)


def mended(planted: Planted, folder: Path, *codes: str) -> DatasetIndex:
    """The data set after these mends alone."""
    index = planted.write(folder / "original")
    diagnosis = check(index)
    assert set(codes) <= set(diagnosis.fixable), diagnosis.codes
    return fix(index, diagnosis, codes, folder / "new")


def by_name(index: DatasetIndex) -> dict[str, ImageRecord]:
    return {record.path.relative_to(index.root).as_posix(): record for record in index}


def boxes_after(planted: Planted, folder: Path, code: str) -> list[list[float]]:
    boxes = by_name(mended(planted, folder, code))[FIRST].boxes_xyxy
    assert boxes is not None
    return boxes.tolist()


@pytest.mark.parametrize(
    ("code", "drawn", "expected"),
    [
        ("inverted_box", (40, 30, 4, 5), [[4, 5, 40, 30]]),
        ("inverted_box", (40, 5, 4, 30), [[4, 5, 40, 30]]),
        ("normalised_box", (0.25, 0.5, 0.75, 1.0), [[16, 24, 48, 48]]),
        ("box_beyond_border", (-5, 10, 70, 60), [[0, 10, 64, 48]]),
        ("box_outside", (64, 10, 90, 20), []),
        ("zero_area_box", (10, 10, 10, 10), []),
        ("not_finite_box", (float("nan"), 1, 2, 3), []),
    ],
)
def test_boxes_are_mended_to_the_pixel(
    code: str, drawn: tuple[float, float, float, float], expected: list[list[float]], tmp_path: Path
) -> None:
    planted = few()
    planted.entries[0].boxes = [(0, *drawn, False)]
    assert boxes_after(planted, tmp_path, code) == expected


def test_a_box_with_several_faults_is_mended_in_one_pass(tmp_path: Path) -> None:
    planted = few()
    planted.entries[0].boxes = [(0, 70, 60, 4, 5, False), (0, 1.0, 1.0, 0.5, 0.5, False)]
    index = mended(planted, tmp_path, "inverted_box", "box_beyond_border", "normalised_box")
    boxes = by_name(index)[FIRST].boxes_xyxy
    assert boxes is not None
    assert boxes.tolist() == [[4, 5, 64, 48], [32, 24, 64, 48]]


def test_boxes_within_the_tolerance_of_the_border_stay(tmp_path: Path) -> None:
    planted = few()
    planted.entries[0].boxes = [(0, -0.9, -1.0, 64.9, 49.0, False)]
    assert "box_beyond_border" not in check(planted.write(tmp_path)).codes


def test_boxes_of_pictures_without_a_size_are_not_judged_by_it(tmp_path: Path) -> None:
    planted = few()
    planted.entries[0].data, planted.entries[0].size_px = None, (0, 0)
    planted.entries[0].boxes = [(0, 500, 500, 900, 900, False), (0, 0.1, 0.1, 0.9, 0.9, False)]
    codes = check(planted.write(tmp_path)).codes
    assert not {"box_outside", "box_beyond_border", "normalised_box"} & set(codes)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_boxes_turn_with_the_pixels(orientation: int, tmp_path: Path) -> None:
    """A white rectangle on black, its box drawn on the stored pixels: afterwards the box holds all that is white."""
    stored = Image.new("RGB", (64, 48))
    stored.paste("white", (10, 6, 34, 16))
    planted = few()
    first = planted.entries[0]
    first.path, first.data = "a.png", encoded(stored, "PNG", orientation=orientation)
    first.boxes = [(0, 10, 6, 34, 16, False)]
    record = by_name(mended(planted, tmp_path, "boxes_of_unturned_picture"))["a.png"]
    pixels = np.asarray(Image.open(record.path).convert("L"))
    assert Image.open(record.path).getexif().get(0x0112, 1) == 1
    assert (record.width_px, record.height_px) == pixels.shape[::-1] == (48, 64)
    rows, columns = np.nonzero(pixels > 127)
    assert record.boxes_xyxy is not None
    assert record.boxes_xyxy.tolist() == [[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]]


@pytest.mark.parametrize(("orientation", "back"), [(5, 5), (6, 8), (7, 7), (8, 6)])
def test_turning_boxes_there_and_back(orientation: int, back: int) -> None:
    boxes = np.array([[1.0, 2, 30, 40], [0, 0, 64, 48]])
    there = turned_boxes(boxes, orientation, 48, 64)
    np.testing.assert_array_equal(turned_boxes(there, back, 64, 48), boxes)


@pytest.mark.parametrize(("kind", "name"), [("JPEG", "a.jpg"), ("PNG", "a.png"), ("WEBP", "a.webp")])
def test_upright_copies_look_as_the_original_did(kind: str, name: str, tmp_path: Path) -> None:
    planted = few()
    first = planted.entries[0]
    first.path, first.size_px = name, (48, 64)
    first.data = encoded(picture(1000), kind, orientation=8)
    index = mended(planted, tmp_path, "rotated_by_exif")
    (new,) = [path for path in by_name(index) if path.startswith("a.")]
    assert new == {"a.webp": "a.png"}.get(name, name)
    before, after = open_image(tmp_path / "original" / name), open_image(index.root / new)
    assert not any("EXIF" in note for note in after.notes)
    difference = np.abs(np.asarray(before.pixels, np.int16) - np.asarray(after.pixels))
    assert difference.mean() < 1.5
    assert by_name(index)[new].boxes_xyxy is not None


def test_what_was_said_of_the_original_is_not_said_of_the_mended_one(tmp_path: Path) -> None:
    index = few().write(tmp_path / "original")
    told = replace(index, notes=("The boxes of 1 picture were left out.",))
    assert fix(told, check(told), [], tmp_path / "new").notes == ()


def test_boxes_drawn_at_another_size_are_scaled(tmp_path: Path) -> None:
    planted = few()
    planted.entries[0].size_px, planted.entries[0].boxes = (128, 96), [(1, 20, 10, 120, 90, False)]
    record = by_name(mended(planted, tmp_path, "boxes_at_other_size"))[FIRST]
    assert record.boxes_xyxy is not None
    assert record.boxes_xyxy.tolist() == [[10, 5, 60, 45]]
    assert (record.width_px, record.height_px) == (64, 48)


def test_large_pictures_shrink_with_their_boxes(tmp_path: Path) -> None:
    planted = few()
    first = planted.entries[0]
    first.data, first.size_px = encoded(picture(1001, (4000, 3000)), quality=50), (4000, 3000)
    first.boxes = [(0, 1000, 750, 2000, 3000, False)]
    index = planted.write(tmp_path / "original")
    diagnosis = check(index, CheckOptions(large_picture_pixels=10_000_000))
    record = by_name(fix(index, diagnosis, ["large_picture"], tmp_path / "new"))[FIRST]
    assert Image.open(record.path).size == (record.width_px, record.height_px) == (2048, 1536)
    assert record.boxes_xyxy is not None
    assert record.boxes_xyxy.tolist() == [[512, 384, 1024, 1536]]


def test_names_follow_what_files_hold_and_stay_distinct(tmp_path: Path) -> None:
    planted = few()
    planted.entries[0].path = "b.png"  # a JPEG, while b.jpg is another picture
    assert set(by_name(mended(planted, tmp_path, "wrong_extension"))) == {"b-2.jpg", "b.jpg", "c.jpg"}


def test_entries_of_one_file_are_joined(tmp_path: Path) -> None:
    planted = few()
    first = planted.entries[0]
    again = [*(first.boxes or []), (1, 50.0, 30.0, 60.0, 40.0, True)]
    planted.entries.append(Entry(FIRST, first.data, "", [1, 0], again))
    planted.entries.append(Entry(FIRST, first.data, "", None, None))
    index = mended(planted, tmp_path, "listed_twice")
    record = by_name(index)[FIRST]
    assert len(index) == 3
    assert record.labels == ("cat", "dog")
    assert record.boxes_xyxy is not None
    assert record.boxes_xyxy.tolist() == [[4, 5, 40, 30], [50, 30, 60, 40]]
    assert record.class_ids.tolist() == [0, 1]
    assert record.crowd.tolist() == [False, True]


def test_spellings_are_joined_under_the_commonest(tmp_path: Path) -> None:
    planted = few(4)
    planted.class_names = ["T-Shirt", "dog", "t_shirt", "tshirt "]
    box = (4.0, 5.0, 40.0, 30.0, False)
    for entry, labels in zip(planted.entries, ([0], [2], [2, 3], [1]), strict=True):
        entry.labels, entry.boxes = labels, [(labels[0], *box)]
    index = mended(planted, tmp_path, "several_spellings")
    assert index.class_names == ("dog", "t_shirt")
    assert [record.labels for record in index] == [("t_shirt",), ("t_shirt",), ("t_shirt",), ("dog",)]
    assert index.box_column("class_id").tolist() == [1, 1, 1, 0]


def test_classes_without_examples_go_and_ids_follow(tmp_path: Path) -> None:
    planted = few()
    planted.class_names = ["none", "cat", " ", "dog"]
    for entry, class_id in zip(planted.entries, (1, 2, 3), strict=True):
        entry.labels, entry.boxes = [class_id], [(class_id, 4.0, 5.0, 40.0, 30.0, False)]
    index = mended(planted, tmp_path, "empty_class", "blank_class_name")
    assert index.class_names == ("cat", "class 2", "dog")
    assert [record.labels for record in index] == [("cat",), ("class 2",), ("dog",)]
    assert index.box_column("class_id").tolist() == [0, 1, 2]


def test_unknown_classes_stay_unknown_until_they_are_left_out(tmp_path: Path) -> None:
    planted = few()
    planted.entries[0].labels = [7]
    planted.entries[1].labels, planted.entries[1].boxes = [0, -2], [(9, 1.0, 1.0, 20.0, 20.0, False)]
    index = mended(planted, tmp_path, "empty_class")  # "dog" goes, and 7 must not become a class
    assert index.images["labels"].to_pylist() == [[7], [0, -2], [0]]
    assert index.box_column("class_id").tolist() == [0, 9, 0]
    assert "unknown_class" in check(index).codes


def test_pictures_that_lose_all_labels_are_unlabelled_not_empty(tmp_path: Path) -> None:
    planted = few()
    planted.entries[0].labels, planted.entries[1].labels = [7], [0, -2]
    index = mended(planted, tmp_path, "unknown_class")
    assert index.images["labels"].to_pylist() == [None, [0], [0]]


def test_the_copy_for_testing_and_the_labelled_copy_are_kept(tmp_path: Path) -> None:
    planted = few()
    first, second, third = planted.entries
    first.split, second.split, third.split = "train", "test", "val"
    planted.add(first, "later.jpg", split="test")
    planted.add(first, "middle.jpg", split="val")
    planted.add(third, "unlabelled.jpg", split="val", labels=None, boxes=None)
    planted.entries.insert(0, planted.entries.pop())
    index = planted.write(tmp_path / "original")
    diagnosis = check(index)
    leak = diagnosis["exact_leak"]
    assert {index.path(row).name for row in leak.rows} == {"a.jpg", "middle.jpg"}
    assert {index.path(row).name for row in leak.partners} == {"later.jpg"}
    kept = by_name(fix(index, diagnosis, ["exact_leak", "exact_duplicate"], tmp_path / "new"))
    assert set(kept) == {"b.jpg", "c.jpg", "later.jpg"}


def test_an_unlabelled_copy_for_testing_costs_no_labelled_one(tmp_path: Path) -> None:
    planted = few()
    first, second, third = planted.entries
    first.split, second.split, third.split = "train", "test", "val"
    planted.add(first, "unlabelled.jpg", split="test", labels=None, boxes=None)
    index = planted.write(tmp_path / "original")
    diagnosis = check(index)
    assert [index.path(row).name for row in diagnosis["exact_leak"].rows] == ["unlabelled.jpg"]
    kept = by_name(fix(index, diagnosis, ["exact_leak", "unlabelled_picture"], tmp_path / "new"))
    assert set(kept) == {"a.jpg", "b.jpg", "c.jpg"}


def test_one_class_spelled_two_ways_is_no_conflict(tmp_path: Path) -> None:
    planted = few()
    planted.class_names = ["cat", "Cat"]
    planted.add(planted.entries[0], "copy.jpg", labels=[1], boxes=[(1, 4.0, 5.0, 40.0, 30.0, False)])
    codes = check(planted.write(tmp_path)).codes
    assert "exact_duplicate" in codes
    assert "conflicting_copies" not in codes


def test_unchanged_pictures_are_linked_and_the_index_is_saved(tmp_path: Path) -> None:
    planted = few()
    planted.entries[0].labels = [0, 0]
    index = mended(planted, tmp_path, "repeated_label")
    for path in by_name(index):
        assert os.path.samefile(tmp_path / "original" / path, index.root / path)
    assert differences(DatasetIndex.load(index.root), index) == []


def test_pictures_are_copied_where_links_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refused)
    planted = few()
    planted.entries[0].labels = [0, 0]
    index = mended(planted, tmp_path, "repeated_label")
    for path in by_name(index):
        assert not os.path.samefile(tmp_path / "original" / path, index.root / path)
        assert (tmp_path / "original" / path).read_bytes() == (index.root / path).read_bytes()


def test_missing_pictures_that_are_not_mended_stay_listed(tmp_path: Path) -> None:
    planted = few()
    planted.entries[0].labels, planted.entries[1].data = [0, 0], None
    index = mended(planted, tmp_path, "repeated_label")
    assert len(index) == 3
    assert "missing_file" in check(index).codes


def test_unlisted_pictures_are_added_unlabelled_and_named_apart(tmp_path: Path) -> None:
    planted = few()
    planted.entries[0].path = "x.png"  # holds a JPEG; x.jpg lies there unlisted
    planted.loose_files["x.jpg"] = jpeg(77)
    index = mended(planted, tmp_path, "wrong_extension", "unlisted_picture")
    assert set(by_name(index)) == {"x-2.jpg", "b.jpg", "c.jpg", "x.jpg"}
    assert by_name(index)["x.jpg"].labels is by_name(index)["x.jpg"].boxes_xyxy is None


def _cancel(done: int, total: int) -> None:
    if done == 2:
        raise KeyboardInterrupt


def _delete_a_picture(index: DatasetIndex) -> None:
    index.path(1).unlink()


@pytest.mark.parametrize("broken", ["cancelled", "gone"])
def test_nothing_is_left_of_an_unfinished_version(broken: str, tmp_path: Path) -> None:
    planted = few(40)
    planted.entries[0].labels = [0, 0]
    index = planted.write(tmp_path / "original")
    diagnosis = check(index)
    if broken == "gone":
        index.path(1).unlink()
        with pytest.raises(DataError, match=r"b\.jpg' has gone"):
            fix(index, diagnosis, ["repeated_label"], tmp_path / "new")
    else:
        with pytest.raises(KeyboardInterrupt):
            fix(index, diagnosis, ["repeated_label"], tmp_path / "new", _cancel)
    assert [path.name for path in tmp_path.iterdir() if path.name != "workspace"] == ["original"]


def _used_folder(index: DatasetIndex, diagnosis: Diagnosis, folder: Path) -> None:
    fix(index, diagnosis, ["repeated_label"], index.root)


def _unfixable(index: DatasetIndex, diagnosis: Diagnosis, folder: Path) -> None:
    fix(index, diagnosis, ["too_little_data"], folder)


def _not_found(index: DatasetIndex, diagnosis: Diagnosis, folder: Path) -> None:
    fix(index, diagnosis, ["exact_leak"], folder)


def _of_another(index: DatasetIndex, diagnosis: Diagnosis, folder: Path) -> None:
    fix(index.take([0]), diagnosis, ["repeated_label"], folder)


def _nothing_left(index: DatasetIndex, diagnosis: Diagnosis, folder: Path) -> None:
    for path in index.root.iterdir():
        path.unlink()
    fix(index, check(index), ["missing_file"], folder)


@pytest.mark.parametrize(
    ("attempt", "sentence"),
    [
        (_used_folder, "already exists"),
        (_unfixable, "'too_little_data' cannot be mended here; what can: "),
        (_not_found, "'exact_leak' cannot be mended here"),
        (_of_another, "another data set"),
        (_nothing_left, "leave no picture"),
    ],
)
def test_refusals_name_the_way_out(
    attempt: Callable[[DatasetIndex, Diagnosis, Path], None], sentence: str, tmp_path: Path
) -> None:
    planted = few()
    planted.entries[0].labels = [0, 0]
    index = planted.write(tmp_path / "original")
    with pytest.raises(DataError, match=sentence):
        attempt(index, check(index), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_paths_that_lead_out_of_the_data_set_are_refused(tmp_path: Path) -> None:
    planted = few()
    planted.entries[0].path, planted.entries[1].labels = "../outside.jpg", [0, 0]
    index = planted.write(tmp_path / "original")
    with pytest.raises(DataError, match="leads out of the data set"):
        fix(index, check(index), ["repeated_label"], tmp_path / "deeper" / "new")
    assert not (tmp_path / "deeper" / "outside.jpg").exists()


def test_progress_counts_every_picture(tmp_path: Path) -> None:
    planted, seen = few(10), []
    planted.entries[0].labels = [0, 0]
    index = planted.write(tmp_path / "original")
    fix(index, check(index), ["repeated_label"], tmp_path / "new", lambda *at: seen.append(at))
    assert seen == [(i, 10) for i in range(1, 11)]

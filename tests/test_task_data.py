"""What a run learns from: splits, classes, shares and weights; and what cannot be learned is refused before."""

from __future__ import annotations

import shutil
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from painted_data import COLOURS, config, photos, scenes
from PIL import Image

from vision_core.data.tasks import OBJECT
from vision_core.errors import DataError
from vision_core.training.prepare import prepare
from vision_core.training.task_data import TaskData

NAMES = list(COLOURS)


def data_of(path: Path, task: Any = "classification", kept: Path | None = None, **changes: Any) -> TaskData:
    return prepare(config(path, task, "test_vit" if task == "classification" else "yolov9t", **changes), kept)


def unsplit(folder: Path, count: int = 60, classes: int = 3) -> Path:
    """Pictures in class folders alone: nobody has set any aside."""
    photos(folder.parent / "staging", {"train": count}, NAMES[:classes], (40, 32))
    return Path(shutil.move(folder.parent / "staging" / "train", folder))


def paths(data: TaskData, split: str) -> set[str]:
    return {str(data.index.path(int(row))) for row in data.rows[split]}


def test_given_splits_are_kept(tmp_path: Path):
    data = data_of(photos(tmp_path / "data", {"train": 6, "val": 4, "test": 2}))
    assert {split: len(rows) for split, rows in data.rows.items()} == {"train": 6, "val": 4, "test": 2}
    assert all("/val/" in path for path in paths(data, "val"))
    assert (data.class_names, data.multi_label) == (("blue", "red"), False)
    rows = data.rows["train"]
    shown = [Path(data.index.path(int(row))).parent.name for row in rows]
    assert [data.class_names[target] for target in data.targets(rows)] == shown


def test_where_nothing_is_split_every_class_is_in_every_split(tmp_path: Path):
    data = data_of(unsplit(tmp_path / "data"))
    sizes = {split: len(rows) for split, rows in data.rows.items()}
    assert sum(sizes.values()) == 60
    assert sizes["train"] == pytest.approx(42, abs=3)
    for split in ("train", "val", "test"):
        assert set(data.targets(data.rows[split]).tolist()) == {0, 1, 2}
    assert paths(data_of(tmp_path / "data"), "val") == paths(data, "val"), "the same for the same seed"
    assert paths(data_of(tmp_path / "data", seed=1), "val") != paths(data, "val")


def test_where_nothing_is_to_judge_by_some_of_train_is_set_aside_with_its_copies(tmp_path: Path):
    """Of every picture there is a copy: one in train and one in val would make the figures lies."""
    folder = photos(tmp_path / "data", {"train": 20, "test": 4}, size_px=(80, 64))
    for path in list((folder / "train").rglob("*.png")):
        Image.open(path).resize((84, 67)).save(path.with_name(f"copy-{path.stem}.jpg"), quality=90)
    data = data_of(folder)
    val = paths(data, "val")
    assert 2 <= len(val) <= 12
    assert len(paths(data, "test")) == 4
    stems = {
        split: {Path(path).stem.removeprefix("copy-") for path in paths(data, split)} for split in ("train", "val")
    }
    assert not stems["train"] & stems["val"]
    assert len(data.rows["train"]) + len(val) == 40


@pytest.mark.parametrize("task", ["classification", "detection"])
def test_shares_of_the_data_nest_and_keep_every_class(task: str, tmp_path: Path):
    """Rare classes in the same share: red half of the pictures, blue a third, green a sixth."""
    classes = [*["red"] * 3, *["blue"] * 2, "green"]
    if task == "classification":
        folder = photos(tmp_path / "data", {"train": 240, "val": 6}, classes, (24, 20))
    else:
        folder = scenes(tmp_path / "data", {"train": 240, "val": 6}, ("red", "blue", "green"), (48, 40), objects=1)
    found = {share: data_of(folder, task, data_fraction=share) for share in (0.05, 0.1, 0.25, 0.5, 0.75, 1.0)}
    rows = {share: set(data.rows["train"].tolist()) for share, data in found.items()}
    shares = sorted(rows)
    for smaller, larger in pairwise(shares):
        assert rows[smaller] < rows[larger]
    whole = found[1.0].class_counts() / 240
    for share, data in found.items():
        assert len(rows[share]) == round(240 * share)
        assert np.abs(data.class_counts() - whole * len(rows[share])).max() <= max(2, 0.12 * len(rows[share]))
        assert (data.class_counts() > 0).all()
        assert len(data.rows["val"]) == 6, "what is judged by stays the same"
    other = data_of(folder, task, data_fraction=0.5, seed=1)
    assert set(other.rows["train"].tolist()) != rows[0.5]


def test_labels_from_boxes(tmp_path: Path):
    folder = scenes(tmp_path / "data", {"train": 6, "val": 4}, ("red", "blue", "green"), objects=2)
    presence = data_of(folder)
    assert presence.multi_label
    assert presence.targets(presence.rows["train"]).sum(axis=1).tolist() == [2.0] * 6
    majority = data_of(folder, labels_from="majority")
    assert not majority.multi_label
    assert (majority.targets(majority.rows["train"]) >= 0).all()
    crops = data_of(folder, labels_from="crops")
    assert not crops.multi_label
    assert {split: len(rows) for split, rows in crops.rows.items()} == {"train": 12, "val": 8}
    for row in crops.rows["val"].tolist():
        pixels = np.asarray(Image.open(crops.index.path(row)).convert("RGB"), np.float64)
        name = crops.class_names[int(crops.targets(np.array([row]))[0])]
        assert np.abs(np.median(pixels, axis=(0, 1)) - COLOURS[name]).max() < 12
    made = sorted(crops.index.root.rglob("*.jpg"))
    again = data_of(folder, labels_from="crops")
    assert again.index.root == crops.index.root
    assert sorted(again.index.root.rglob("*.jpg")) == made, "cut out once"
    with pytest.raises(DataError, match="labels_from to 'presence'"):
        data_of(folder, labels_from="labels")


def test_crops_are_cut_anew_when_a_picture_was_corrected(tmp_path: Path, workspace: Path):
    folder = scenes(tmp_path / "data", {"train": 2, "val": 2}, objects=1)
    first = data_of(folder, labels_from="crops").index
    picture = next((folder / "train").glob("*.png"))
    again = data_of(folder, labels_from="crops").index
    assert again.root == first.root, "they are cut once"
    Image.open(picture).transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(picture)
    assert data_of(folder, labels_from="crops").index.root != first.root


def test_crops_that_were_cut_halfway_are_cut_again(tmp_path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch):
    folder = scenes(tmp_path / "data", {"train": 2, "val": 2}, objects=1)
    from vision_core.data import tasks

    def full(*_: object) -> None:
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(tasks.IndexBuilder, "finish", full)
        with pytest.raises(OSError, match="No space"):
            data_of(folder, labels_from="crops")
    assert len(data_of(folder, labels_from="crops").index) == 4


def test_a_share_of_crops_or_objects_is_of_the_pictures_that_a_detector_learns_from(tmp_path: Path):
    scenes(tmp_path / "data", {"train": 24, "val": 6})
    quarter = data_of(tmp_path / "data", "detection", data_fraction=0.25)
    learned = {Path(path).stem for path in paths(quarter, "train")}
    objects = data_of(tmp_path / "data", "detection", labels_from="objects", data_fraction=0.25)
    assert {Path(path).stem for path in paths(objects, "train")} == learned
    assert objects.class_names == (OBJECT,)
    every = data_of(tmp_path / "data", labels_from="crops")
    crops = data_of(tmp_path / "data", labels_from="crops", data_fraction=0.25, kept=tmp_path / "kept")
    sources = {name.rsplit("/", 1)[1].rsplit("-", 2)[0] for name in paths(crops, "train")}
    assert sources == learned
    assert len(crops.rows["train"]) == int(quarter.index.objects_per_image[quarter.rows["train"]].sum())
    assert len(crops.rows["val"]) == len(every.rows["val"])
    again = data_of(tmp_path / "data", labels_from="crops", data_fraction=0.25, kept=tmp_path / "kept")
    assert paths(again, "train") == paths(crops, "train"), "the share is not taken twice"


def test_weights_make_rare_classes_count_as_much(tmp_path: Path):
    data = data_of(photos(tmp_path / "data", {"train": 40, "val": 8}, [*["red"] * 3, "blue"]))
    counts, weights = data.class_counts(), data.class_weights()
    assert counts.tolist() == [10, 30]
    np.testing.assert_allclose(weights * counts, [20, 20])
    np.testing.assert_allclose((weights * counts).sum() / 40, 1)
    rows = data.row_weights()
    targets = data.targets(data.rows["train"])
    assert rows[targets == 0].sum() == pytest.approx(rows[targets == 1].sum())


def test_pictures_count_as_their_rarest_class(tmp_path: Path):
    folder = scenes(tmp_path / "data", {"train": 8, "val": 2}, ("red", "blue"), objects=1)
    data = data_of(folder, "detection")
    assert data.row_weights().tolist() == [1.0] * 8
    shutil.rmtree(folder)
    folder = scenes(folder, {"train": 9, "val": 3}, ("red", "blue", "green"), objects=2)
    pairs = data_of(folder, "detection")
    assert np.isfinite(pairs.row_weights()).all()
    assert (pairs.row_weights() >= 1).all()


def test_annotations_are_cocos(tmp_path: Path):
    data = data_of(scenes(tmp_path / "data", objects=2), "detection")
    (first, second) = data.annotations(0)
    boxes = data.index.record(0).boxes_xyxy
    assert boxes is not None
    left, top, width, height = first["bbox"]
    assert [left, top, left + width, top + height] == boxes[0].tolist()
    assert (first["area"], first["iscrowd"]) == (width * height, 0)
    assert {first["category_id"], second["category_id"]} == {0, 1}
    assert data.size_px(0) == (96, 96)


def test_watched_pictures_show_every_class(tmp_path: Path):
    data = data_of(photos(tmp_path / "data", {"train": 10, "val": 40}, [*["red"] * 9, "blue"]))
    rows = data.shown_rows(4)
    assert len(set(rows.tolist())) == 4
    assert set(rows.tolist()) <= set(data.rows["val"].tolist())
    assert set(data.targets(rows).tolist()) == {0, 1}
    assert len(data.shown_rows(100)) == 40


def test_the_fingerprint_tells_when_anything_changed(tmp_path: Path):
    folder = photos(tmp_path / "data", {"train": 6, "val": 4})
    seen = {data_of(folder).fingerprint()}
    assert data_of(folder).fingerprint() in seen
    first = next((folder / "train" / "red").iterdir())

    def changed() -> None:
        fingerprint = data_of(folder).fingerprint()
        assert fingerprint not in seen
        seen.add(fingerprint)

    with open(first, "ab") as file:
        file.write(b"more")
    changed()
    shutil.move(first, folder / "train" / "blue" / "moved.png")
    changed()
    shutil.move(folder / "train" / "blue" / "moved.png", folder / "val" / "blue" / "moved.png")
    changed()
    (folder / "val" / "blue" / "moved.png").unlink()
    changed()


def test_an_index_that_was_kept_is_used_again(tmp_path: Path):
    folder = unsplit(tmp_path / "data", 30, 2)
    first = data_of(folder, kept=tmp_path / "kept")
    shutil.copy(next((folder / "red").iterdir()), folder / "red" / "another.png")
    again = data_of(folder, kept=tmp_path / "kept", seed=5)
    assert len(again.index) == 30
    assert paths(again, "val") == paths(first, "val")
    assert again.fingerprint() == first.fingerprint()


def test_what_cannot_be_learned_is_refused(tmp_path: Path):
    def refused(message: str, folder: Path, **changes: Any) -> None:
        with pytest.raises(DataError, match=message):
            data_of(folder, **changes)

    refused(r"1 labelled pictures to learn from.*at least 2", photos(tmp_path / "few", {"train": 1, "val": 4}))
    refused(r"1 labelled pictures to judge by.*'val'", photos(tmp_path / "judge", {"train": 4, "val": 1}))
    refused(r"0 labelled pictures to learn", photos(tmp_path / "none", {"test": 4, "val": 4}))
    refused(r"0 labelled pictures to learn", tmp_path / "none", data_fraction=0.5)
    refused(r"All pictures show 'red'.*second class", photos(tmp_path / "one", classes=["red"]))
    refused(
        r"has no boxes, and a detector needs them, to learn and to be judged by",
        photos(tmp_path / "plain"),
        task="detection",
    )
    refused(r"There is no data set '.*nowhere'", tmp_path / "nowhere")
    missing = photos(tmp_path / "missing", {"train": 4, "val": 4})
    shutil.rmtree(missing / "train" / "red")
    photos(missing, {"train": 3}, ["blue"], seed=9)
    photos(missing, {"train": 2}, ["green"], seed=9)
    refused(r"The class 'red' is in 'val' but not in 'train'", missing)


def test_a_detector_can_learn_a_single_class(tmp_path: Path):
    data = data_of(scenes(tmp_path / "data", classes=["red"]), "detection")
    assert data.class_names == ("red",)
    assert Counter(data.label_of_class.tolist()) == {0: 1}


def test_a_small_share_of_few_pictures_is_refused_not_empty(tmp_path: Path):
    with pytest.raises(DataError, match="1 labelled pictures to learn from"):
        data_of(photos(tmp_path / "data"), data_fraction=0.1)

"""What is written is read back as the same, and what cannot be written is refused."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data_files import picture_bytes, put, tree, two_classes
from vision_core.data.formats import WRITERS, coco, possible_readings, read_dataset, write_dataset
from vision_core.data.formats.writing import safe_name
from vision_core.data.index import DatasetIndex, IndexBuilder, differences
from vision_core.errors import DataError

SIZES = [(64, 48), (1, 1), (33, 200), (640, 3)]
SPLITS = ["", "train", "val", "test", "fold 1", "größer"]
ANY_NAME = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), min_size=1, max_size=12)
FILE_NAME = ANY_NAME.filter(lambda name: "/" not in name and name[0] != "." and name.strip() == name)


@st.composite
def detection_sets(draw: st.DrawFn, root: Path, splits: list[str], crowd: bool = True) -> DatasetIndex:
    """A data set with pictures on disk: random names, boxes inside and outside, with and without labels."""
    names = draw(st.lists(ANY_NAME, min_size=1, max_size=4, unique=True))
    builder = IndexBuilder(names)
    folder = Path(draw(st.uuids()).hex)
    for stem in draw(st.lists(FILE_NAME, min_size=1, max_size=5, unique=True)):
        size = draw(st.sampled_from(SIZES))
        path = (folder / draw(st.sampled_from(["", "sub", "train"])) / f"{stem}.png").as_posix()
        put(root, {path: picture_bytes(*size)})
        across, down = (st.floats(-0.5, 1.5).map(lambda share, e=edge: _pixel(share * e)) for edge in size)
        box = st.tuples(
            st.integers(0, len(names) - 1), across, down, across, down, st.booleans() if crowd else st.just(False)
        )
        boxes = draw(st.none() | st.lists(box, max_size=4))
        builder.add_image(path, draw(st.sampled_from([(0, 0), size])), draw(st.sampled_from(splits)), boxes=boxes)
    return builder.finish(root, "test")


def _pixel(value: float) -> float:
    """A coordinate to 4 digits. Not -1, which many VOC boxes in a row say only when pixels are counted from 0."""
    return 0.0 if round(value, 4) == -1 else round(value, 4)


@st.composite
def labelled_sets(draw: st.DrawFn, root: Path, splits: list[str], many: bool) -> DatasetIndex:
    """A data set of image-level labels, one a picture, or several or none."""
    names = draw(st.lists(ANY_NAME, min_size=1, max_size=5, unique=True))
    builder = IndexBuilder(names)
    folder = Path(draw(st.uuids()).hex)
    class_id = st.integers(0, len(names) - 1)
    labels = st.lists(class_id, max_size=3, unique=True) if many else class_id.map(lambda label: [label])
    for stem in draw(st.lists(FILE_NAME, min_size=1, max_size=6, unique=True)):
        path = (folder / f"{stem}.png").as_posix()
        put(root, {path: picture_bytes()})
        builder.add_image(path, (0, 0), draw(st.sampled_from(splits)), draw(st.none() | labels))
    return builder.finish(root, "test")


def check_round_trip(index: DatasetIndex, target: Path, format: str) -> DatasetIndex:
    """Writes, reads without being told the format, and compares with what was written and with what was given."""
    written = write_dataset(index, target, format)
    back = read_dataset(target, None if len(possible_readings(target)) == 1 else format)
    assert differences(written, back) == []
    assert len(back) == len(index)
    assert [written.record(row).path.read_bytes() for row in range(len(index))] == [
        index.record(row).path.read_bytes() for row in range(len(index))
    ]
    return written


def same_objects(written: DatasetIndex, index: DatasetIndex, crowd: bool = True) -> None:
    """Row by row, the same splits and boxes, whatever their pictures are called."""
    for after, before in zip(written, index, strict=True):
        assert after.split == before.split
        assert (after.boxes_xyxy is None) == (before.boxes_xyxy is None)
        if after.boxes_xyxy is not None and before.boxes_xyxy is not None:
            keep = ~before.crowd | crowd
            np.testing.assert_allclose(after.boxes_xyxy, before.boxes_xyxy[keep], atol=0.01)
            assert after.class_ids.tolist() == before.class_ids[keep].tolist()


ROUND_TRIP = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@ROUND_TRIP
@given(data=st.data(), format=st.sampled_from(["coco", "yolo", "voc", "csv"]))
def test_boxes_come_back(data: st.DataObject, format: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("boxes")
    index = data.draw(detection_sets(root / "from", SPLITS))
    same_objects(check_round_trip(index, root / "to", format), index, crowd=format != "yolo")


@ROUND_TRIP
@given(data=st.data(), format=st.sampled_from(["coco", "csv"]))
def test_any_labels_come_back(data: st.DataObject, format: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("labels")
    index = data.draw(labelled_sets(root / "from", SPLITS, many=True))
    written = check_round_trip(index, root / "to", format)
    assert written.images["labels"].to_pylist() == index.images["labels"].to_pylist()


@ROUND_TRIP
@given(data=st.data(), splits=st.sampled_from([[""], ["train", "val", "test"]]))
def test_folders_come_back(data: st.DataObject, splits: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("folders")
    index = data.draw(labelled_sets(root / "from", splits, many=False))
    written = check_round_trip(index, root / "to", "folder")
    assert written.images["labels"].to_pylist() == index.images["labels"].to_pylist()


# What writing does to files, and what it refuses


def test_pictures_are_linked_or_copied_and_never_changed(tmp_path: Path) -> None:
    shelf = two_classes(tmp_path / "from")
    before = tree(shelf.root)
    linked = write_dataset(shelf, tmp_path / "linked", "coco")
    copied = write_dataset(shelf, tmp_path / "copied", "coco", link=False)
    for row in range(len(shelf)):
        assert linked.path(row).samefile(shelf.path(row))
        assert not copied.path(row).samefile(shelf.path(row))
    assert tree(shelf.root) == before


@pytest.mark.parametrize("format", sorted(WRITERS))
def test_a_missing_picture_or_a_cancel_leaves_nothing(format: str, tmp_path: Path) -> None:
    builder = IndexBuilder(["dog"])
    for number in range(3):
        put(tmp_path / "from", {f"{number}.png": picture_bytes()})
        builder.add_image(f"{number}.png", (64, 48), labels=[0])
    index = builder.finish(tmp_path / "from", "test")
    if format in ("yolo", "voc"):
        with pytest.raises(DataError, match="no place for labels of whole pictures"):
            write_dataset(index, tmp_path / "to", format)
        index = index.take([])

    def cancel(done: int, total: int) -> None:
        raise InterruptedError

    if len(index):
        with pytest.raises(InterruptedError):
            write_dataset(index, tmp_path / "to", format, cancel)
        (tmp_path / "from/2.png").unlink()
        with pytest.raises(DataError, match=r"'2\.png' is missing"):
            write_dataset(index, tmp_path / "to", format)
    assert [path.name for path in tmp_path.iterdir()] == ["from"]


def test_what_a_format_cannot_hold_is_refused_with_the_way_out(tmp_path: Path) -> None:
    put(tmp_path / "from", {"a.png": picture_bytes(), "b.png": b"no picture"})

    def written(format: str, split: str = "", **about) -> DatasetIndex:
        builder = IndexBuilder(["dog", "cat"])
        builder.add_image(about.pop("path", "a.png"), split=split, **about)
        return write_dataset(builder.finish(tmp_path / "from", "test"), tmp_path / "to", format)

    box = [(0, 1.0, 1.0, 2.0, 2.0, False)]
    for says, call in {
        "no place for boxes: turn them into labels first": lambda: written("folder", boxes=box),
        "'a.png' has 2": lambda: written("folder", labels=[0, 1]),
        "'a.png' has 0": lambda: written("folder", labels=[]),
        "split called 'fold': call it": lambda: written("folder", "fold", labels=[0]),
        "'b.png' cannot be read, and YOLO": lambda: written("yolo", boxes=box, path="b.png"),
        "of class 5 where there are 2": lambda: written("coco", boxes=[(5, 1.0, 1.0, 2.0, 2.0, False)]),
        "no format 'yoloo'. Did you mean yolo": lambda: written("yoloo"),
    }.items():
        with pytest.raises(DataError, match=says):
            call()
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize("format", ["coco", "yolo", "voc", "csv"])
def test_splits_of_any_name_lose_nothing(format: str, tmp_path: Path) -> None:
    """Names of files that collide, that no file can have, or that the format takes for something else."""
    odd = [
        "a/b",
        "a_b",
        "A",
        "a",
        "path",
        "nc",
        "names",
        "default",
        "all",
        "trainval",
        "dog_train",
        "../up",
        "con",
        "x?",
        "2017",
        "images",
    ]
    builder = IndexBuilder(["dog"])
    for number, split in enumerate(["train", *odd]):
        put(tmp_path / "from", {f"{number}.png": picture_bytes() + b"%d" % number})
        builder.add_image(f"{number}.png", (64, 48), split, boxes=[(0, number, 0.0, 30.0, 9.0, False)])
    index = builder.finish(tmp_path / "from", "test")
    written = check_round_trip(index, tmp_path / "to" / "set", format)
    assert len(written.splits) == len(index.splits)
    assert written.record(0).split == "train"
    if format == "csv":
        same_objects(written, index)
    else:
        assert "splits got another name, " in " ".join(written.notes)
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["set"]


def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    builder = IndexBuilder(["dog"])
    builder.add_image("a.png", (64, 48), boxes=[])
    monkeypatch.setattr(coco, "write", full)
    with pytest.raises(DataError, match=r"to' cannot be written \(No space left on device\): free some space"):
        write_dataset(builder.finish(tmp_path, "test"), tmp_path / "to", "coco")
    assert not list(tmp_path.iterdir())


def test_names_that_collide_are_kept_apart(tmp_path: Path) -> None:
    """Label files go by the stem, and some systems hold upper and lower case for one."""
    builder = IndexBuilder(["dog"])
    paths = ["x/a.png", "y/a.png", "y/A.PNG", "y/a.jpg", "z/x_a.png", "z/con.png", "z/ .png"]
    for number, path in enumerate(paths):
        put(tmp_path / "from", {path: picture_bytes() + b"%d" % number})
        builder.add_image(path, (64, 48), boxes=[(0, number, 0.0, 30.0, 9.0, False)])
    index = builder.finish(tmp_path / "from", "test")
    for format in ("yolo", "voc", "coco", "csv"):
        written = check_round_trip(index, tmp_path / format, format)
        stems = [record.path.stem.casefold() for record in written]
        assert len(set(stems)) == len(paths)
        same_objects(written, index)
        assert "pictures got another name" in " ".join(written.notes)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("0 .", "0"),
        (" a. ", "a"),
        ("con", "_con"),
        ("a/b", "a_b"),
        ("x" * 99 + " y", "x" * 99),
        ("版" * 100, "版" * 60),
        ("v1." + "y" * 300, "v1." + "y" * 177),
    ],
)
def test_a_safe_name_is_short_and_has_nothing_at_its_end_that_a_file_system_drops(text: str, name: str) -> None:
    safe = safe_name(text)
    assert len(safe.encode()) <= 180
    assert safe.startswith(name)
    assert safe == safe.rstrip(" .") == safe_name(safe)

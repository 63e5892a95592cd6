"""Detection data answers the classifier's question: presence, majority, and crops that torchvision reads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import ImageFolder

from vision_core.data.index import DatasetIndex, IndexBuilder
from vision_core.data.tasks import as_classification
from vision_core.errors import DataError, ImageError, SettingsError

COLOURS = {"cat": (220, 30, 30), "dog": (30, 200, 30), "a/b: c": (40, 40, 220)}
SIZE_PX = (120, 90)
Box = tuple[int, float, float, float, float, bool]


def drawn(folder: Path, *pictures: tuple[str, list[Box] | None], split: str = "") -> DatasetIndex:
    """Grey pictures whose boxes are filled with the colour of their class."""
    builder = IndexBuilder(COLOURS)
    for name, boxes in pictures:
        canvas = Image.new("RGB", SIZE_PX, "grey")
        for class_id, *edges, _ in boxes or []:
            canvas.paste(list(COLOURS.values())[class_id], tuple(round(edge) for edge in edges))  # type: ignore[arg-type]
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        canvas.save(folder / name)
        builder.add_image(name, SIZE_PX, split, boxes=boxes)
    return builder.finish(folder, "coco", ["read from somewhere"])


@pytest.fixture
def scenes(tmp_path: Path) -> DatasetIndex:
    return drawn(
        tmp_path / "scenes",
        ("1.png", [(0, 0, 0, 20, 20, False), (1, 30, 0, 50, 20, False), (1, 60, 0, 80, 20, False)]),
        ("2.png", [(0, 0, 0, 20, 20, False), (1, 30, 30, 90, 80, False)]),
        ("3.png", [(2, 5, 5, 60, 60, True)]),
        ("4.png", []),
        ("5.png", None),
    )


def labels(index: DatasetIndex) -> dict[str, tuple[str, ...] | None]:
    return {record.path.name: record.labels for record in index}


def test_presence_is_every_class_with_a_box(scenes: DatasetIndex) -> None:
    found = as_classification(scenes, "presence")
    expected = {"1.png": ("cat", "dog"), "2.png": ("cat", "dog"), "3.png": ("a/b: c",), "4.png": (), "5.png": None}
    assert labels(found) == expected
    assert found.root == scenes.root
    assert not found.has_boxes
    assert found.boxes.num_rows == 0


def test_majority_is_the_commonest_class_then_the_largest(scenes: DatasetIndex) -> None:
    found = as_classification(scenes, "majority")
    assert labels(found) == {"1.png": ("dog",), "2.png": ("dog",), "5.png": None}
    assert found.notes[-1] == "2 pictures without an object left out, for want of a majority."
    told = replace(scenes, notes=("Something about the boxes.",))
    assert as_classification(told.take([0, 1]), "majority").notes == ()
    assert as_classification(told, "presence").notes == ()


def test_labels_of_pictures_without_boxes_are_kept(tmp_path: Path) -> None:
    builder = IndexBuilder(["cat", "dog"])
    builder.add_image("a.jpg", labels=[1])
    builder.add_image("b.jpg", labels=[0], boxes=[(1, 0, 0, 5, 5, False)])
    found = as_classification(builder.finish(tmp_path, "csv"), "presence")
    assert labels(found) == {"a.jpg": ("dog",), "b.jpg": ("dog",)}


def test_crops_show_the_object_and_nothing_else(scenes: DatasetIndex, tmp_path: Path) -> None:
    found = as_classification(scenes, "crops", tmp_path / "crops")
    assert len(found) == 5
    assert found.class_names == tuple(COLOURS)
    for record in found:
        pixels = np.asarray(Image.open(record.path))
        assert pixels.shape[:2] == (record.height_px, record.width_px)
        (name,) = record.labels or ("",)
        np.testing.assert_allclose(pixels.reshape(-1, 3).mean(axis=0), COLOURS[name], atol=4)
    sizes = sorted((record.width_px, record.height_px) for record in found)
    assert sizes == [(20, 20)] * 4 + [(60, 50)]
    assert found.notes[-1].startswith("1 box of crowds")


def test_torchvision_reads_the_crops(tmp_path: Path) -> None:
    box = (0, 10.4, 10.6, 40.2, 50.1, False)
    index = drawn(tmp_path / "in", ("x/1.png", [box]), ("y/1.png", [box, (2, 60, 5, 200, 60, False)]), split="train")
    found = as_classification(index, "crops", tmp_path / "crops")
    read = ImageFolder(str(tmp_path / "crops" / "train"))
    assert read.classes == ["a_b_ c", "cat"]
    assert len(read) == len(found) == 3
    assert {record.path for record in found} == {Path(path) for path, _ in read.samples}
    assert sorted((r.width_px, r.height_px) for r in found) == [(31, 41), (31, 41), (60, 55)]
    assert found.splits == ("train",)
    assert DatasetIndex.load(tmp_path / "crops").class_names == found.class_names


def test_crops_of_long_names_have_room(tmp_path: Path) -> None:
    index = drawn(tmp_path / "in", (f"{'版' * 80}.png", [(0, 0, 0, 20, 20, False), (0, 30, 0, 50, 20, False)]))
    names = replace(index, class_names=("v1." + "y" * 300, *index.class_names[1:]))
    found = as_classification(names, "crops", tmp_path / "crops")
    assert [record.path.is_file() for record in found] == [True, True]


def test_crops_without_area_inside_the_picture_are_left_out(tmp_path: Path) -> None:
    nan = float("nan")
    boxes: list[Box] = [(0, 0, 0, 20, 20, False), (0, 130, 0, 150, 20, False), (0, 40, 5, 40, 9, False)]
    index = drawn(tmp_path / "in", ("1.png", boxes))
    builder = IndexBuilder(COLOURS)
    builder.add_image("1.png", SIZE_PX, boxes=[*boxes, (0, nan, 0, 9, 9, False), (0, 50, 5, 30, 9, False)])
    found = as_classification(builder.finish(index.root, "coco"), "crops", tmp_path / "crops")
    assert len(found) == 1
    assert found.notes == ("4 boxes of crowds, or without area inside the picture, left out.",)


def test_nothing_is_left_of_unfinished_crops(scenes: DatasetIndex, tmp_path: Path) -> None:
    def cancel(done: int, total: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        as_classification(scenes, "crops", tmp_path / "crops", cancel)
    (scenes.root / "2.png").write_bytes(b"broken")
    with pytest.raises(ImageError, match=r"2\.png"):
        as_classification(scenes, "crops", tmp_path / "crops")
    assert [path.name for path in tmp_path.iterdir()] == ["scenes"]


def test_refusals_name_the_way_out(scenes: DatasetIndex, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="name the folder"):
        as_classification(scenes, "crops")
    with pytest.raises(SettingsError, match="'presence', 'majority' or 'crops'"):
        as_classification(scenes, "centre")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="already exists"):
        as_classification(scenes, "crops", scenes.root)
    with pytest.raises(DataError, match="Nobody has drawn boxes"):
        as_classification(scenes.take([4]))
    builder = IndexBuilder(["cat"])
    builder.add_image("1.png", boxes=[(4, 0, 0, 9, 9, False)])
    with pytest.raises(DataError, match="unknown_class"):
        as_classification(builder.finish(scenes.root, "coco"))

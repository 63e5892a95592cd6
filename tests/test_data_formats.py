"""Folders and packages as people bring them; which readings are offered; and nothing outside is reached."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from PIL import Image

from tests.data_files import COCO, PLAIN, coco_document, picture_bytes, put, summary, tree, voc
from tests.malformed_archives import zip_bytes
from vision_core.data.formats import AmbiguousFormat, possible_readings, read_dataset
from vision_core.errors import DataError


def formats(folder: Path) -> list[str]:
    return [reading.format for reading in possible_readings(folder)]


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


def test_two_readings_are_both_offered_and_the_user_is_asked(tmp_path: Path, workspace: Path) -> None:
    files: dict[str, bytes | str] = {
        "train.json": COCO,
        "data.yaml": "train: .\nnames: [cat]",
        "a.txt": "0 0.25 0.5 0.5 0.5\n",
    }
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


@pytest.mark.parametrize("wrapper", ["", "set/"])
def test_labels_that_contradict_class_folders_are_asked_about(wrapper: str, tmp_path: Path) -> None:
    table = "image,label\ncat/a.png,tabby\ncat/b.png,tabby\nDog/c.png,hound\n"
    pictures = " ".join(wrapper + name for name in ("cat/a.png", "cat/b.png", "Dog/c.png"))
    folder = put(tmp_path / "both", {f"{wrapper}labels.csv": table}, pictures)
    archive = tmp_path / "ambig.zip"
    archive.write_bytes(zip_bytes(tree(folder)))
    for place in (folder / wrapper, archive):
        with pytest.raises(AmbiguousFormat, match=r"csv .*labels\.csv.* or folder .*'Dog', 'cat'") as caught:
            read_dataset(place)
        assert [reading.format for reading in caught.value.readings] == ["csv", "folder"]
        assert read_dataset(place, "csv").class_names == ("hound", "tabby")
        assert read_dataset(place, "folder").class_names == ("Dog", "cat")


@pytest.mark.parametrize(
    ("table", "pictures"),
    [
        ("image,label\ncat/a.png,Cat\nDog/b.png,dog\n", "cat/a.png Dog/b.png"),
        ("image,label\na.png,tabby\nb.png,hound\n", "images/a.png images/b.png"),
        ("image,label\na.png,tabby\nb.png,hound\n", "train_images/a.png test_images/b.png"),
        ("image,label\na.png,tabby\nb.png,hound\n", "scans_images_part_1/a.png scans_images_part_2/b.png"),
        ("image,label\na.png,tabby\nb.png,hound\n", "photos/a.png photos/b.png"),
        ("image,label\na.png,tabby\nb.png,hound\n", "monday/a.png monday/b.png"),
        (
            "image,label,x1,y1,x2,y2\nmonday/a.png,tabby,1,2,9,9\nfriday/b.png,hound,1,2,9,9\n",
            "monday/a.png friday/b.png",
        ),
    ],
)
def test_folders_that_agree_or_only_keep_the_pictures_are_not_asked_about(
    table: str, pictures: str, tmp_path: Path
) -> None:
    assert read_dataset(put(tmp_path, {"labels.csv": table}, pictures)).format == "csv"


@pytest.mark.parametrize("format", ["coco", "yolo", "voc"])
def test_boxes_win_over_folder_names(format: str, tmp_path: Path) -> None:
    files = {
        "coco": {"all.json": json.dumps(coco_document(images=[{"id": 1, "file_name": "x/a.png"}]))},
        "yolo": {"x/a.txt": "0 0.5 0.5 0.2 0.2\n", "y/b.txt": "0 0.5 0.5 0.2 0.2\n", "classes.txt": "dog\n"},
        "voc": {"x/a.xml": voc()},
    }
    put(tmp_path, files[format], "x/a.png y/b.png")
    assert formats(tmp_path) == [format, "folder"]
    assert read_dataset(tmp_path).class_names == ("dog",)


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
    with pytest.raises(DataError, match="is not a folder"):
        read_dataset(tmp_path / ("x" * 300))
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
    assert "1 link was left out for leading out" in " ".join(index.notes)


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

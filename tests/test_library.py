"""The workspace's data sets: whole or not there, in versions that never change."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from vision_core.data import library
from vision_core.data.doctor import check, fix
from vision_core.data.formats import AmbiguousFormat, read_dataset
from vision_core.data.index import differences
from vision_core.data.library import (
    add_shelf,
    add_version,
    create_dataset,
    discard_dataset,
    get_dataset,
    import_dataset,
    list_datasets,
    list_discarded,
    restore_dataset,
)
from vision_core.errors import DataError


def picture(path: Path, seed: int, size_px: tuple[int, int] = (40, 30)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 255, (size_px[1] // 5, size_px[0] // 5, 3), np.uint8)
    Image.fromarray(noise).resize(size_px).save(path)


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """A folder for each class, 40 pictures, of which one is there twice."""
    folder = tmp_path / "pets"
    for number in range(20):
        picture(folder / "cat" / f"c{number}.png", number)
        picture(folder / "dog" / f"d{number}.png", 100 + number)
    shutil.copy(folder / "cat" / "c3.png", folder / "cat" / "copy.png")
    return folder


def zipped(folder: Path) -> Path:
    return Path(shutil.make_archive(str(folder), "zip", folder))


def test_an_archive_becomes_a_data_set_and_needs_the_archive_no_more(pets: Path) -> None:
    archive = zipped(pets)
    dataset = import_dataset(archive)
    archive.unlink()
    shutil.rmtree(pets)
    index = get_dataset("pets").index()
    assert (len(index), index.class_names, dataset.versions[0].images) == (41, ("cat", "dog"), 41)
    assert all(record.path.is_file() and record.width_px == 40 for record in index)


def test_splits_are_made_once_kept_and_copies_stay_together(pets: Path) -> None:
    index = import_dataset(pets).index()
    assert index.splits == ("train", "val", "test")
    split = {record.path.name: record.split for record in index}
    assert split["c3.png"] == split["copy.png"]
    assert [r.split for r in import_dataset(pets, "again").index()] == [r.split for r in index], "seeded"


def test_given_splits_are_kept(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        for name in ("cat", "dog"):
            for number in range(3):
                picture(tmp_path / "given" / split / name / f"{number}.png", hash((split, name, number)) % 1000)
    index = import_dataset(tmp_path / "given").index()
    assert {record.split for record in index if "valid" in record.path.parts} == {"val"}
    assert index.splits == ("train", "val")


def test_a_folder_s_pictures_stay_where_they_are(pets: Path, workspace: Path) -> None:
    index = import_dataset(pets).index()
    assert index.root == pets.resolve()
    assert not list(workspace.rglob("*.png"))


def test_versions_never_change_and_survive_a_moved_workspace(
    pets: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = import_dataset(zipped(pets))
    before = dataset.index()
    diagnosis = check(before)
    assert "exact_duplicate" in diagnosis.fixable
    assert add_version(dataset, "mended", lambda f: fix(before, diagnosis, diagnosis.fixable, f)) == 2
    assert len(dataset.index()) < len(dataset.index(1)) == len(before)
    assert add_version(dataset, "fewer", lambda _: dataset.index(2).take(range(5))) == 3
    elsewhere = workspace.with_name("moved")
    workspace.rename(elsewhere)
    monkeypatch.setenv("WHATWHERE_HOME", str(elsewhere))
    moved = get_dataset("pets")
    for number in (1, 2, 3):
        assert all(record.path.is_file() for record in moved.index(number)), f"version {number}"
    assert not differences(moved.index(2).take(range(5)), moved.index(3))


def test_what_fails_leaves_nothing(pets: Path, workspace: Path) -> None:
    def stop(what: str, done: int, total: int) -> None:
        if what.startswith("Looking"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_dataset(zipped(pets), progress=stop)
    broken = pets.with_name("broken.zip")
    with zipfile.ZipFile(broken, "w") as archive:
        archive.writestr("annotations.json", '{"images": [{"id": 1}], "annotations": [], "categories": []}')
    with pytest.raises(DataError):
        import_dataset(broken)
    dataset = import_dataset(pets)
    with pytest.raises(ZeroDivisionError):
        add_version(dataset, "never", lambda folder: folder.mkdir() or 1 / 0)  # type: ignore[arg-type,return-value]
    assert [version.number for version in dataset.versions] == [1]
    assert [path.name for path in (workspace / "datasets").iterdir()] == [dataset.id]
    assert [path.name for path in (dataset.folder / "versions").iterdir()] == ["0001"]


def test_an_import_killed_half_way_is_not_there(pets: Path, workspace: Path) -> None:
    program = """
        import sys, time
        from pathlib import Path
        from vision_core.data.library import import_dataset
        def crawl(what, done, total):
            print(what, flush=True)
            if what.startswith("Looking"):
                time.sleep(60)
        import_dataset(Path(sys.argv[1]), progress=crawl)
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(zipped(pets))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Looking"):
                break
        process.send_signal(signal.SIGKILL)
    assert list_datasets() == []
    dataset = import_dataset(zipped(pets))
    assert dataset.name == "pets", "and can be done again"
    assert list((workspace / "datasets").iterdir()) == [dataset.folder], "what was half done is swept away"


def test_names_are_unique_and_become_safe_folders(pets: Path, workspace: Path) -> None:
    datasets = [import_dataset(pets, name) for name in ("Pets!", "pets?", "猫と犬", "../../etc")]
    assert [dataset.id.rpartition("-")[0] for dataset in datasets] == ["pets", "pets", "data-set", "etc"]
    assert {path.parent for path in (dataset.folder for dataset in datasets)} == {workspace / "datasets"}
    with pytest.raises(DataError, match="already"):
        import_dataset(pets, "Pets!")
    for name in ("x" * 61, "two\nlines", "", "  "):
        with pytest.raises(DataError, match="cannot name"):
            create_dataset(name, "", "", lambda _: pytest.fail("not even begun"))


def test_a_folder_s_name_is_never_given_twice(pets: Path) -> None:
    first = import_dataset(pets)
    discard_dataset(first)
    assert import_dataset(pets).id != first.id, "a window that still shows the first must not write into the second"


def test_what_was_removed_is_not_brought_back_by_another_window(pets: Path) -> None:
    dataset = import_dataset(zipped(pets))
    index = dataset.index()
    discard_dataset(dataset)
    with pytest.raises(DataError, match="was removed in another window"):
        add_version(dataset, "too late", lambda _: index.take(range(5)))
    assert not dataset.folder.exists()


def test_who_waits_for_another_window_is_told_so(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "LOCK_S", 0.2)
    dataset = import_dataset(zipped(pets))
    with FileLock(dataset.folder / ".lock"), pytest.raises(DataError, match="being changed in another window"):
        add_version(dataset, "never", lambda _: dataset.index())


def test_folders_that_hold_no_data_set_are_passed_over(pets: Path, workspace: Path) -> None:
    dataset = import_dataset(pets)
    for name, content in (("empty", "{}"), ("broken", "{"), ("list", "[]"), ("bare", '{"name": "bare", "source": ""}')):
        (workspace / "datasets" / name).mkdir()
        (workspace / "datasets" / name / "dataset.json").write_text(content)
    assert list_datasets() == [dataset]
    assert import_dataset(pets, "again").name == "again"


def test_a_workspace_that_cannot_be_written_is_one_sentence(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(library.DatasetIndex, "save", full)
    with pytest.raises(DataError, match=r"No space left on device.*free some space"):
        import_dataset(pets)


def test_two_readings_are_asked_about_not_guessed(tmp_path: Path) -> None:
    folder = tmp_path / "both"
    picture(folder / "a.jpg", 1)
    (folder / "a.xml").write_text(
        "<annotation><filename>a.jpg</filename><size><width>40</width><height>30</height><depth>3</depth></size>"
        "<object><name>cat</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>"
        "</annotation>"
    )
    (folder / "labels.csv").write_text("image,label\na.jpg,dog\n")
    with pytest.raises(AmbiguousFormat) as raised:
        import_dataset(folder)
    assert {reading.format for reading in raised.value.readings} == {"voc", "csv"}
    assert import_dataset(folder, format="csv").index().class_names == ("dog",)


@pytest.mark.parametrize(
    ("files", "format", "says"),
    [
        ({}, None, "'my photos.zip' holds neither annotations that are known here nor pictures: choose another file."),
        ({"labels.csv": "image,label\n"}, None, "'my photos.zip' holds no picture that .*: choose another file or"),
        ({"labels.csv": "image,label\n"}, "folder", "'my photos.zip' holds no picture that .*: choose another file or"),
        ({"labels.csv": "hello"}, "csv", "'my photos.zip' holds no CSV file"),
        ({"a.csv": "image,label\na.png,x\n", "a.xml": "<annotation/>"}, None, "'my photos.zip' can be read as voc"),
    ],
)
def test_errors_name_the_archive_not_where_it_was_unpacked(
    files: dict[str, str], format: str | None, says: str, tmp_path: Path
) -> None:
    archive = tmp_path / "my photos.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for name, content in ({"read me.md": "hello"} | files).items():
            opened.writestr(name, content)
    with pytest.raises(DataError, match=says):
        import_dataset(archive, format=format)
    with pytest.raises(DataError, match=says):
        read_dataset(archive, format)


def test_the_shelf_is_painted_once(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHATWHERE_SHELF_SCENES", "12")
    first = add_shelf(12)
    began = time.time_ns()
    assert add_shelf(12) == first
    assert first.name == "Fashion Shelf"
    assert add_shelf(12, seed=1).name != first.name
    index = first.index()
    assert len(index) == 12
    assert all(path.stat().st_mtime_ns < began for path in (index.path(row) for row in range(12)))


def test_the_trash_keeps_what_was_removed(pets: Path, workspace: Path) -> None:
    dataset = import_dataset(zipped(pets))
    place = discard_dataset(dataset)
    assert list_datasets() == []
    assert (place / "versions/0001/files/cat/c1.png").is_file()
    with pytest.raises(DataError, match="no data set 'pets'"):
        get_dataset("pets")


def test_what_was_removed_can_be_brought_back(pets: Path, workspace: Path) -> None:
    dataset = import_dataset(zipped(pets))
    before = dataset.index()
    place = discard_dataset(dataset)
    (workspace / "trash" / "runs" / "no data set").mkdir(parents=True)
    assert [(path, found.name) for path, found in list_discarded()] == [(place, "pets")]
    assert restore_dataset(place) == dataset
    assert list_discarded() == []
    assert differences(get_dataset("pets").index(), before) == []
    assert all(record.path.is_file() for record in dataset.index())
    with pytest.raises(DataError, match="not in the trash any more"):
        restore_dataset(place)


def test_a_name_that_was_given_again_is_not_taken_back(pets: Path) -> None:
    place = discard_dataset(import_dataset(pets))
    import_dataset(pets)
    with pytest.raises(DataError, match="There is a data set 'pets' already"):
        restore_dataset(place)
    assert len(list_discarded()) == 1


def test_only_data_sets_of_the_trash_are_brought_back(pets: Path, tmp_path: Path) -> None:
    dataset = import_dataset(pets)
    with pytest.raises(DataError, match="not in the trash"):
        restore_dataset(dataset.folder)
    assert list_datasets() == [dataset]


def test_pictures_that_another_data_set_uses_are_not_removed(pets: Path) -> None:
    dataset = import_dataset(zipped(pets))
    fewer = create_dataset("fewer", "pets", "five", lambda _: dataset.index().take(range(5)))
    assert all(record.path.is_file() for record in fewer.index())
    with pytest.raises(DataError, match="'fewer' uses the pictures of 'pets'"):
        discard_dataset(dataset)
    discard_dataset(fewer)
    discard_dataset(dataset)
    assert list_datasets() == []

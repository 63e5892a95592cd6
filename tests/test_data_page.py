"""The Data page by Streamlit's own test runner: import, look, check, mend, relabel, export."""

from __future__ import annotations

import io
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from tests.test_library import picture, zipped
from vision_core.data.formats import read_dataset
from vision_core.data.index import DatasetIndex, IndexBuilder
from vision_core.data.journal import Journal
from vision_core.data.label_operations import Operation
from vision_core.data.library import (
    Dataset,
    add_shelf,
    add_version,
    create_dataset,
    get_dataset,
    import_dataset,
    list_datasets,
)

ROOT = Path(__file__).parent.parent


@pytest.fixture
def page() -> Callable[..., AppTest]:
    def open_page(**address: str) -> AppTest:
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=300).switch_page("pages/2_Data.py")
        for name, value in address.items():
            app.query_params[name] = value
        return seen(app.run())

    return open_page


@pytest.fixture
def shelf() -> Dataset:
    return add_shelf(30, seed=3)


@pytest.fixture
def messy(tmp_path: Path) -> Path:
    """60 pictures in two classes, one there twice, one cut off, one called otherwise than it is."""
    folder = tmp_path / "messy"
    for number in range(30):
        picture(folder / "cat" / f"c{number}.png", number, (64, 48))
        picture(folder / "dog" / f"d{number}.png", 100 + number, (64, 48))
    shutil.copy(folder / "cat" / "c3.png", folder / "cat" / "again.png")
    cut = folder / "dog" / "d5.png"
    cut.write_bytes(cut.read_bytes()[:300])
    (folder / "dog" / "d6.png").rename(folder / "dog" / "d6.jpg")
    return folder


def seen(app: AppTest) -> AppTest:
    assert not app.exception, [item.message for item in app.exception]
    return app


def every(app: AppTest, kind: str) -> Any:
    return app.get(kind)


def words(app: AppTest) -> str:
    kinds = ("markdown", "caption", "info", "error", "success", "warning")
    return "\n".join(str(item.value) for kind in kinds for item in every(app, kind))


def said(item: Any) -> str:
    """What a reader sees of it, without the backslashes that keep Markdown out."""
    return re.sub(r"\\(.)", r"\1", item.value)


def click(app: AppTest, label: str) -> AppTest:
    return seen(next(button for button in app.button if re.match(label, button.label)).click().run())


def select(app: AppTest, label: str) -> Any:
    return next(box for box in app.selectbox if box.label == label)


def test_an_empty_workspace_says_what_to_do(page: Callable[..., AppTest]) -> None:
    app = page()
    assert "drop a zip" in words(app)
    assert app.file_uploader


def test_the_shelf_is_painted_unasked(
    page: Callable[..., AppTest], workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pages.parts.data.shelf import painting

    monkeypatch.setenv("WHATWHERE_SHELF_SCENES", "6")
    painting.clear()
    app = page()
    deadline = time.monotonic() + 120
    while not list_datasets() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert len(get_dataset("Fashion Shelf").index()) == 6
    seen(app.run())
    assert app.metric[0].value == "6"
    painting.clear()


def test_a_zip_dropped_in_becomes_a_data_set(page: Callable[..., AppTest], messy: Path) -> None:
    app = page()
    archive = zipped(messy)
    seen(app.file_uploader[0].set_value((archive.name, archive.read_bytes(), "application/zip")).run())
    app = click(app, "Import")
    assert [said(toast) for toast in app.toast] == ["messy, version 1 (as imported): 61 pictures, 0 boxes."]
    assert not seen(app.run()).toast, "said once"
    assert select(app, "Data set").value == get_dataset("messy").id
    assert [metric.value for metric in app.metric][:2] == ["61", "0"]


def test_what_is_no_archive_is_one_sentence(page: Callable[..., AppTest]) -> None:
    app = page()
    seen(app.file_uploader[0].set_value(("evil.zip", b"<script>alert(1)</script>", "application/zip")).run())
    app = click(app, "Import")
    assert len(app.error) == 1
    assert "<script" not in app.error[0].value
    assert list_datasets() == []


def test_two_readings_are_shown_and_asked(page: Callable[..., AppTest], tmp_path: Path) -> None:
    folder = tmp_path / "both"
    picture(folder / "a.jpg", 1)
    (folder / "a.xml").write_text(
        "<annotation><filename>a.jpg</filename><size><width>40</width><height>30</height><depth>3</depth></size>"
        "<object><name>cat</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>"
        "</annotation>"
    )
    (folder / "labels.csv").write_text("image,label\na.jpg,dog\n")
    app = page()
    seen(app.file_uploader[0].set_value(("both.zip", zipped(folder).read_bytes(), "application/zip")).run())
    app = click(app, "Import")
    asked = next(item for item in app.radio if item.label == "Read it as")
    assert set(asked.options) == {"CSV", "Pascal VOC"}
    seen(asked.set_value("csv").run())
    app = seen(click(app, "Import").run())
    assert get_dataset("both").index().class_names == ("dog",)


def test_the_doctor_finds_and_mends_into_a_new_version(page: Callable[..., AppTest], messy: Path) -> None:
    dataset = import_dataset(messy, "messy")
    before = sorted((path, path.read_bytes()) for path in messy.rglob("*.*g"))
    app = click(page(section="Doctor"), "Check this data set")
    for word in ("Damaged picture", "Wrong extension", "cop"):
        assert word in words(app)
    app = click(app, "Make version 2")
    assert dataset.versions[-1].number == 2
    assert select(app, "Version").value == 2
    assert said(app.toast[0]).startswith("messy, version 2 (mended: damaged picture, ")
    app = click(app, "Check this data set")
    assert "Damaged picture" not in words(app)
    assert "Wrong extension" not in words(app)
    assert sorted((path, path.read_bytes()) for path in messy.rglob("*.*g")) == before, "the original is not touched"


def test_a_clean_set_is_said_to_be_clean(page: Callable[..., AppTest]) -> None:
    add_shelf(300, seed=3)
    app = click(page(section="Doctor"), "Check this data set")
    assert "Nothing found" in words(app)


def test_pictures_are_filtered_and_paged(page: Callable[..., AppTest], shelf: Dataset) -> None:
    app = page(section="Pictures")
    assert "30 of 30 pictures" in words(app)
    assert len(app.get("image")) == 25
    seen(app.number_input[0].set_value(2).run())
    assert len(app.get("image")) == 5
    index = shelf.index()
    bags = sum("Bag" in {index.class_names[i] for i in record.class_ids} for record in index)
    seen(select(app, "Class").set_value("Bag").run())
    assert f"{bags} of 30 pictures" in words(app)
    seen(app.text_input[-1].set_value("no such name").run())
    assert "No picture passes" in words(app)


def test_a_picture_opens_large_and_as_training_sees_it(page: Callable[..., AppTest], shelf: Dataset) -> None:
    app = page(section="Pictures")
    name = shelf.index().record(0).path.name
    app = click(app, re.escape(name).replace(r"\.", r"\\?\."))
    assert len(app.get("image")) == 25 + 1 + 12


def test_findings_filter_the_gallery(page: Callable[..., AppTest], messy: Path) -> None:
    import_dataset(messy, "messy")
    app = click(page(section="Doctor"), "Check this data set")
    section: Any = app.get_by_key("section")
    seen(section.set_value("Pictures").run())
    seen(select(app, "Finding").set_value("Damaged picture").run())
    assert "1 of 61 pictures" in words(app)
    assert len(app.error) == 1, "it is said, and the page stands"


def test_the_map_finds_groups_and_their_names_become_labels(page: Callable[..., AppTest], tmp_path: Path) -> None:
    for number in range(12):
        for name, colour in (("red", (200, 20 + number, 20)), ("blue", (20, 20 + number, 200))):
            (tmp_path / "bare").mkdir(exist_ok=True)
            Image.new("RGB", (64, 64), colour).save(tmp_path / "bare" / f"{name}{number}.png")
    dataset = import_dataset(tmp_path / "bare")
    app = seen(click(page(section="Map"), "Make the map").run())
    seen(next(item for item in app.slider if item.label == "Groups").set_value(2).run())
    first, second = (item for item in app.text_input if item.label.startswith("Group "))
    seen(first.set_value("warm").run())
    seen(second.set_value("cold").run())
    seen(click(app, "Label their pictures").run())
    labels = {record.path.name.rstrip("0123456789.png"): record.labels for record in dataset.index(2)}
    assert set(labels.values()) == {("cold",), ("warm",)}
    assert {record.labels for record in dataset.index(1)} == {None}, "the version before stays"


def test_the_map_says_how_pure_its_groups_are(page: Callable[..., AppTest], messy: Path) -> None:
    import_dataset(messy, "messy")
    app = seen(click(page(section="Map"), "Make the map").run())
    assert re.search(r"Of 60 pictures with one known label, \d+% carry", words(app))
    assert "1 pictures could not be opened" in words(app)


@pytest.mark.parametrize(("how", "images"), [("presence", 30), ("crops", None)])
def test_boxes_become_labels(page: Callable[..., AppTest], shelf: Dataset, how: str, images: int | None) -> None:
    app = page(section="Use it")
    app.radio[0].set_value(how).run()
    app = seen(click(app, "Make this data set").run())
    made = next(dataset for dataset in list_datasets() if dataset.id != shelf.id).index()
    assert made.has_labels
    assert not made.has_boxes
    assert len(made) == (images or shelf.index().boxes.num_rows)
    assert all(path.is_file() for path in map(made.path, range(len(made))))


def test_labels_that_are_not_in_the_version_yet_are_not_lost_by_going_on(
    page: Callable[..., AppTest], messy: Path
) -> None:
    dataset = import_dataset(messy, "messy")
    folder, index = dataset.version_folder(1), dataset.index()
    path = index.images["path"][0].as_py()
    with Journal(folder, index) as journal:
        operation = Operation(id="a:1", kind="labels", image=path, labels=("dog",), seconds=2.0)
        went_on = Operation(id="a:2", kind="left", image=path, seconds=1.0)
        assert journal.record([operation, went_on]) == ["", ""]
    app = click(page(section="Doctor"), "Check this data set")
    assert "1 change made under “Label” is not in this version" in words(app)
    assert not [button for button in app.button if button.label.startswith("Make version")]
    app = seen(click(page(section="Label"), "Make a version with these labels").run())
    assert dataset.index(2).record(0).labels == ("dog",)
    assert [item.value for item in app.success] == ["Version 2 was made with these labels."]
    assert "1 measured, too few yet" in [metric.delta for metric in app.metric], "the pace goes along"
    assert [
        button for button in click(page(section="Doctor"), "Check").button if button.label.startswith("Make version")
    ]


def test_a_version_that_leaves_pictures_out_on_purpose_is_no_fault(page: Callable[..., AppTest], messy: Path) -> None:
    dataset = import_dataset(messy, "messy")
    add_version(dataset, "fewer", lambda _: dataset.index().take(range(55)))
    assert "Unlisted picture" not in words(click(page(section="Doctor"), "Check this data set"))


def test_a_version_in_the_address_is_that_of_its_data_set(page: Callable[..., AppTest], messy: Path) -> None:
    first, second = import_dataset(messy, "first"), import_dataset(messy, "second")
    for dataset in (first, second):
        add_version(dataset, "again", lambda _, dataset=dataset: dataset.index(1))
    app = page(data=first.id, version="1")
    assert select(app, "Version").value == 1
    seen(select(app, "Data set").set_value(second.id).run())
    assert select(app, "Version").value == 2


def test_unknown_classes_are_to_be_mended_before_labelling(page: Callable[..., AppTest], messy: Path) -> None:
    def broken(_: Path) -> DatasetIndex:
        build = IndexBuilder(["cat"])
        build.add_image("cat/c1.png", (64, 48), "train", [0], [(7, 1, 1, 9, 9, False)])
        return build.finish(messy, "coco")

    create_dataset("broken", "", "", broken)
    assert "Unknown class" in words(page(section="Label"))


def test_a_data_set_that_cannot_be_opened_can_still_be_removed(page: Callable[..., AppTest], shelf: Dataset) -> None:
    (shelf.version_folder(1) / "index" / "boxes.arrow").write_bytes(b"nonsense")
    app = page()
    assert "import the data set again" in words(app)
    assert app.file_uploader, "and another one brought in"
    click(app, "Remove it")
    assert list_datasets() == []


def test_a_data_set_is_written_in_another_format(page: Callable[..., AppTest], shelf: Dataset, workspace: Path) -> None:
    app = page(section="Use it")
    select(app, "Format").set_value("yolo").run()
    app = click(app, "Write it")
    (folder,) = (workspace / "exports").iterdir()
    assert read_dataset(folder).boxes.num_rows == shelf.index().boxes.num_rows
    assert app.get("download_button")


def test_removing_asks_first_and_goes_to_the_trash(page: Callable[..., AppTest], shelf: Dataset) -> None:
    app = click(page(), "Remove it")
    assert list_datasets() == []
    assert "no data set yet" in words(seen(app.run()))


def test_removing_can_be_taken_back_and_asks_about_one_data_set_only(page: Callable[..., AppTest], messy: Path) -> None:
    first, second = import_dataset(messy, "first"), import_dataset(messy, "second")
    app = click(page(data=first.id), "Remove it")
    assert [dataset.id for dataset in list_datasets()] == [second.id]
    assert "first** is in the trash" in words(app)
    assert [button.key for button in app.button if button.label == "Remove it"] == [f"discard_{second.id}"]
    app = seen(click(app, "Bring back").run())
    assert select(app, "Data set").value == first.id
    assert not [button for button in app.button if button.label == "Bring back"]
    app = seen(click(page(data=second.id), "Remove it").run())
    app = click(app, "Leave it there")
    assert "is in the trash" not in words(app)
    app = seen(click(app, "Bring back").run())  # from the list of all that were removed
    assert [dataset.name for dataset in list_datasets()] == ["first", "second"]


def test_an_address_of_no_data_set_says_so(page: Callable[..., AppTest], shelf: Dataset) -> None:
    app = page(data="nonsense<b>")
    assert "There is no data set" in app.warning[0].value
    assert select(app, "Data set").value == shelf.id
    assert not seen(app.run()).warning, "said once"


def test_hostile_names_stay_text(page: Callable[..., AppTest], tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32), "red").save(buffer, "PNG")
    for name in ("<img src=x onerror=alert(1)>", "[x](javascript:alert(1))", "$a^b$"):
        folder = tmp_path / "hostile" / name
        folder.mkdir(parents=True)
        for number in range(3):
            (folder / f"<b>{number}</b> `x`.png".replace("/", "∕")).write_bytes(buffer.getvalue())
    import_dataset(tmp_path / "hostile", "<script>alert(1)</script>")
    for section in ("Overview", "Pictures", "Doctor"):
        app = page(section=section)
        for line in words(app).splitlines() + [button.label for button in app.button]:
            assert not re.search(r"(?<!\\)<(img|b|script)|(?<!\\)\]\(javascript", line), line


def test_what_was_brought_in_stays_open_though_the_browser_sends_the_old_address(
    page: Callable[..., AppTest], shelf: Dataset, messy: Path
) -> None:
    app = page(data=shelf.id)
    messy_one = import_dataset(messy, "Messy")
    app.session_state["data_new"] = (messy_one.id, shelf.id)
    for _ in range(3):
        app.query_params["data"] = shelf.id
        assert seen(app.run()).selectbox[0].value == messy_one.id
    assert app.query_params["data"] == messy_one.id
    assert seen(app.run()).selectbox[0].value == messy_one.id, "the address has followed"
    app.query_params["data"] = shelf.id
    assert seen(app.run()).selectbox[0].value == shelf.id, "from now on it counts again"

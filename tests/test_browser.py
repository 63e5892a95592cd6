"""The Compare page in a real browser against a real server: what a visitor sees, moves, uploads and takes away.

Every tab opened here must, at its end, have complained of nothing and asked nobody but the server.
"""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Browser, FilePayload, expect
from pycocotools.coco import COCO
from safetensors.torch import save_file

from tests.browser import OFFLINE, ROOT, Server, Tab, find_chromium, serve, visit
from tests.conftest import SAMPLES, check
from tests.hostile_images import hostile_files
from vision_core import Classifier, Detections, ObjectDetector, load_classifier, load_detector, open_image
from vision_core.models import build_pretrained, class_names, get_spec

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None, reason="no chromium, chromium-browser or google-chrome on the PATH"),
]

OpenTab = Callable[..., Tab]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for this file, without a way to download; its workspace holds a run (`my_run`)."""
    home = tmp_path_factory.mktemp("home")
    write_my_run(home / "runs" / "my-run")
    with serve(home, **OFFLINE) as running:
        yield running


@pytest.fixture(scope="module")
def first_tab(server: Server, browser: Browser) -> Iterator[Tab]:
    """The first visitor of the fresh server, who follows a deep link."""
    with visit(browser) as tab:
        tab.page.goto(f"{server.url}/Compare")
        yield tab
        check(tab, server)


@pytest.fixture
def open_tab(first_tab: Tab, server: Server, browser: Browser) -> Iterator[OpenTab]:
    """Opens the page for a new visitor with `query` in its address; checked when the test is over."""
    with ExitStack() as stack:
        tabs: list[Tab] = []

        def open_one(query: str = "", width_px: int = 1440) -> Tab:
            tab = stack.enter_context(visit(browser, width_px))
            tab.page.goto(f"{server.url}/Compare?{query}")
            tabs.append(tab)
            return tab

        yield open_one
        for tab in tabs:
            check(tab, server)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return load_classifier()


@pytest.fixture(scope="module")
def detector() -> ObjectDetector:
    return load_detector()


def write_my_run(path: Path, first: int | None = None) -> None:
    """A run that is the embedded classifier with names of its own, so that one can tell on screen who spoke.

    With only the `first` so many of them it is damaged: its weights have more outputs than that.
    """
    spec = get_spec("tf_efficientnet_lite0")
    names = [f"my {name}" for name in class_names(spec)[:first]]
    config = {"model": spec.name, "task": spec.task, "class_names": names, "input_size_px": spec.input_size_px}
    (path / "checkpoints").mkdir(parents=True)
    (path / "config.json").write_text(json.dumps(config))
    save_file(build_pretrained(spec).state_dict(), path / "checkpoints" / "best.safetensors")


def listed(found: Detections) -> str:
    """The counts as the page writes them."""
    return ", ".join(f"{count} × {name}" if count > 1 else name for name, count in found.counts().items())


def photo(name: str, shown_as: str = "") -> FilePayload:
    return {"name": shown_as or name, "mimeType": "", "buffer": (SAMPLES / name).read_bytes()}


def upload(tab: Tab, *files: FilePayload) -> None:
    tab.page.get_by_role("radio", name="Upload").click()
    tab.page.locator('input[type="file"]').set_input_files(list(files))


def query_of(tab: Tab) -> dict[str, list[str]]:
    return parse_qs(urlsplit(tab.page.url).query)


def test_a_cold_deep_link_shows_three_columns(first_tab: Tab, classifier: Classifier, detector: ObjectDetector) -> None:
    wall = open_image(SAMPLES / "four_photos.jpg").pixels
    first_tab.measured()
    for number, kind in enumerate(("Classification", "Detection", "Detect-then-classify")):
        expect(first_tab.column(number).get_by_role("heading")).to_contain_text(kind)
        expect(first_tab.column(number).get_by_role("img", name="four_photos.jpg")).to_be_visible()
        expect(first_tab.column(number).get_by_text("median · p95")).to_be_visible()
    best = classifier.predict([wall])[0].top(1)[0]
    found = detector.predict([wall])[0].select(0.4, 0.5)
    expect(first_tab.column(0).get_by_role("figure")).to_have_accessible_name(
        re.compile(f"{best.name} {best.score:.0%}")
    )
    expect(first_tab.column(1).get_by_text(listed(found), exact=True)).to_be_visible()
    expect(first_tab.column(2).get_by_text(f"{listed(found)}, each named by the classifier")).to_be_visible()


def test_an_uploaded_photo_is_shown_upright_and_its_name_is_only_text(open_tab: OpenTab) -> None:
    upright = Image.open(SAMPLES / "coffee.png").convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn by 90 degrees clockwise to see it right", so it is stored turned the other way
    content = io.BytesIO()
    upright.transpose(Image.Transpose.ROTATE_90).save(content, "JPEG", quality=95, exif=exif)
    name = "<img src=x onerror=alert(1)> **b** <b>x<b>.jpg"
    tab = open_tab()
    tab.page.on("dialog", lambda dialog: tab.complaints.append(f"a script of the file's name ran: {dialog.message}"))
    upload(tab, {"name": name, "mimeType": "image/jpeg", "buffer": content.getvalue()})
    shown = tab.column(1).get_by_role("img", name=f"{name} with boxes around cup, dining table", exact=True)
    expect(shown).to_be_visible()
    assert shown.evaluate("image => [image.naturalWidth, image.naturalHeight]") == list(upright.size)
    expect(tab.page.get_by_text(f"{upright.width} × {upright.height} px")).to_be_visible()
    expect(tab.column(0).get_by_role("figure")).to_have_accessible_name(re.compile("espresso"))
    expect(tab.column(2).get_by_text("each named by the classifier")).to_be_visible()
    assert tab.page.locator('img[src="x"], [data-testid="stMain"] b').count() == 0


def test_sliders_move_all_columns_without_a_forward_pass(
    browser: Browser, tmp_path: Path, detector: ObjectDetector
) -> None:
    candidates = detector.predict([open_image(SAMPLES / "four_photos.jpg").pixels])[0]
    layers = tmp_path / "layers"
    with (
        serve(tmp_path / "home", ("-m", "tests.counting_server", str(layers)), **OFFLINE) as counted,
        visit(browser) as tab,
    ):
        tab.page.goto(f"{counted.url}/Compare")
        tab.measured()
        before, latency = layers.stat().st_size, tab.page.get_by_text("median · p95").all_inner_texts()
        assert before > 100, "the networks' layers were not counted"
        assert listed(candidates.select(0.4, 0.5)) != listed(candidates.select(0.65, 0.5))
        move(tab, "Least score", +25)
        expect_objects(tab, candidates.select(0.65, 0.5))
        assert query_of(tab)["score"] == ["0.65"]
        move(tab, "Least score", -55)
        expect_objects(tab, candidates.select(0.1, 0.5))
        move(tab, "Overlap allowed (IoU)", +8)
        expect_objects(tab, candidates.select(0.1, 0.9))
        figure = tab.column(0).get_by_role("figure")
        move(tab, "Labels shown", -3)
        expect(figure).to_have_accessible_name(re.compile(r"^[^,]*,[^,]*$"))
        move(tab, "Activation map", -10)
        expect(tab.page.get_by_text("0 %", exact=True).first).to_be_visible()
        move(tab, "Activation map", +10)
        choose(tab, "Only these classes", "cup", "cup")
        expect_objects(tab, candidates.select(0.1, 0.9, ["cup"]))
        tab.settled()
        assert layers.stat().st_size == before
        assert tab.page.get_by_text("median · p95").all_inner_texts() == latency
        with visit(browser) as second:  # the same picture and models for somebody else: computed already
            second.page.goto(f"{counted.url}/Compare")
            second.measured()
            expect_objects(second, candidates.select(0.4, 0.5))
        assert layers.stat().st_size == before


def choose(tab: Tab, box: str, typed: str, option: str | re.Pattern[str]) -> None:
    """Adds an option to a list of several; its menu covers the page until it is closed."""
    tab.page.get_by_role("combobox", name=box).press_sequentially(typed)
    tab.page.get_by_role("option", name=option, exact=True).click()
    tab.page.keyboard.press("Escape")


def move(tab: Tab, slider: str, steps: int) -> None:
    handle = tab.page.get_by_role("slider", name=slider)
    handle.focus()
    for _ in range(abs(steps)):
        handle.press("ArrowRight" if steps > 0 else "ArrowLeft")


def expect_objects(tab: Tab, found: Detections) -> None:
    """Both columns with a detector show these objects."""
    expect(tab.column(1).get_by_text(listed(found), exact=True)).to_be_visible()
    expect(tab.column(2).get_by_text(f"{listed(found)}, each named by the classifier", exact=True)).to_be_visible()


def test_a_model_that_cannot_be_fetched_is_explained_and_the_others_go_on(open_tab: OpenTab, server: Server) -> None:
    tab = open_tab()
    tab.page.get_by_role("radio", name="Classifiers").click()
    choose(tab, "Classifiers", "ResNet-18", re.compile("^ResNet-18 · downloads"))
    told = tab.errors
    expect(told).to_contain_text("ResNet-18 needs resnet18-")
    expect(told).to_contain_text(re.compile(r"save it as \S+/weights/resnet18-\w+\.pth"))
    expect(told).to_contain_text("WHATWHERE_OFFLINE is set")
    expect(tab.column(0).get_by_role("figure")).to_have_accessible_name(re.compile("Egyptian cat 4"))
    choose(tab, "Classifiers", "my-run", re.compile("^my-run .* your run$"))
    expect(tab.column(1).get_by_role("figure")).to_have_accessible_name(re.compile("my Egyptian cat 4"))
    expect(told).to_have_count(1)
    tab.page.get_by_role("radio", name="Detectors").click()
    expect(tab.column(0).get_by_text("2 × cat, cup, person", exact=True)).to_be_visible()
    expect(told).to_have_count(0)


def test_a_damaged_run_is_explained_and_the_other_column_goes_on(open_tab: OpenTab, server: Server) -> None:
    run = server.log.parent / "runs" / "damaged"
    write_my_run(run, first=3)
    tab = open_tab(f"classifier={quote(str(run))}")
    said = re.compile(r"damaged/checkpoints/best\.safetensors does not fit damaged")
    expect(tab.errors.first).to_contain_text(said)
    columns = tab.page.locator(".st-key-contenders")
    expect(columns.get_by_role("heading", name="Detection")).to_be_visible()
    expect(columns.get_by_text("2 × cat, cup, person", exact=True)).to_be_visible()


def test_what_is_downloaded_is_what_the_package_says(open_tab: OpenTab, tmp_path: Path) -> None:
    tab = open_tab("sample=An espresso")
    tab.measured()

    def download(label: str, name: str = "downloaded") -> bytes:
        with tab.page.expect_download() as wanted:
            tab.page.get_by_test_id("stDownloadButton").get_by_role("button", name=label).click()
        assert wanted.value.suggested_filename.startswith("coffee")
        wanted.value.save_as(tmp_path / name)
        return (tmp_path / name).read_bytes()

    command = [sys.executable, "-m", "vision_core", "predict", str(SAMPLES / "coffee.png"), "--pipeline", "--json"]
    told = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=200).stdout)
    told[0]["image"]["path"] = "coffee.png"
    assert_same(json.loads(download("JSON")), told)
    objects = told[0]["detection"]["objects"]

    rows = list(csv.DictReader(io.StringIO(download("CSV").decode())))
    assert [row["object_name"] for row in rows if row["task"] == "detection"] == [item["name"] for item in objects]
    assert rows[0]["label"] == "espresso"

    download("COCO", "coco.json")
    coco = COCO(tmp_path / "coco.json")
    assert [coco.cats[item["category_id"]]["name"] for item in coco.anns.values()] == [o["name"] for o in objects]
    first = objects[0]["box_xyxy"]
    assert coco.anns[1]["bbox"] == pytest.approx([*first[:2], first[2] - first[0], first[3] - first[1]], abs=0.05)

    with zipfile.ZipFile(io.BytesIO(download("YOLO"))) as archive:
        lines = archive.read("labels/coffee.txt").decode().splitlines()
    assert len(lines) == len(objects)
    assert float(lines[0].split()[1]) == pytest.approx((first[0] + first[2]) / 2 / 600, abs=1e-3)

    plain = Image.open(SAMPLES / "coffee.png").convert("RGB")
    for label in ("PNG: detection", "PNG: detect-then-classify"):
        drawn = Image.open(io.BytesIO(download(label)))
        assert (drawn.format, drawn.size) == ("PNG", plain.size)
        assert drawn.convert("RGB").tobytes() != plain.tobytes()


def assert_same(ours: object, theirs: object, at: str = "") -> None:
    """Two records agree but for their latencies; numbers to what differing batch sizes change."""
    if isinstance(theirs, dict):
        assert isinstance(ours, dict), at
        assert ours.keys() == theirs.keys(), at
        for key in theirs.keys() - {"latency_ms"}:
            assert_same(ours[key], theirs[key], f"{at}.{key}")
    elif isinstance(theirs, list):
        assert isinstance(ours, list), at
        assert len(ours) == len(theirs), at
        for number, pair in enumerate(zip(ours, theirs, strict=True)):
            assert_same(*pair, f"{at}[{number}]")
    elif isinstance(theirs, float):
        assert ours == pytest.approx(theirs, abs=0.02 if "box" in at else 1e-4), at
    else:
        assert ours == theirs, at


def test_hostile_files_get_a_sentence_each_and_the_good_one_is_shown(open_tab: OpenTab, server: Server) -> None:
    wanted = {
        "eighty_one_megapixels.png": "bomb **81** <b>MP<b>.png",
        "cut_at_50_percent.jpg": "truncated.jpg",
        "page.jpg": "page.jpg",
        "empty.jpg": "empty.jpg",
    }
    bad = [(wanted[file.name], file) for file in hostile_files() if file.name in wanted]
    assert len(bad) == len(wanted)
    tab = open_tab()
    files: list[FilePayload] = [{"name": name, "mimeType": "", "buffer": file.content} for name, file in bad]
    upload(tab, *files[:2], photo("coffee.png"), *files[2:])
    expect(tab.column(1).get_by_text("cup, dining table", exact=True)).to_be_visible()
    sentences = tab.errors
    expect(sentences).to_have_count(len(bad))
    for name, file in bad:
        said = sentences.filter(has_text=name)
        expect(said).to_have_count(1)
        expect(said).to_contain_text(re.compile(file.says))
    assert sentences.locator("b, strong").count() == 0
    assert server.is_healthy()


def test_many_pictures_make_a_table_and_a_click_opens_one(open_tab: OpenTab) -> None:
    names = ("chelsea.png", "coffee.png", "astronaut.png")
    tab = open_tab()
    upload(tab, *map(photo, names))
    expect(tab.page.get_by_text("3 of 3 pictures.")).to_be_visible()
    table = tab.page.get_by_test_id("stDataFrame").first
    expect(table.locator("canvas tbody tr")).to_have_count(len(names))
    for row, name in zip(table.locator("canvas tbody tr").all(), names, strict=True):
        expect(row).to_contain_text(name)
    expect(tab.column(1).get_by_role("img", name="chelsea.png")).to_be_visible()
    open_row(tab, 1)
    expect(tab.column(1).get_by_role("img", name="coffee.png")).to_be_visible()
    expect(tab.column(1).get_by_text("cup, dining table", exact=True)).to_be_visible()
    expect(tab.column(0).get_by_role("img", name=re.compile("coffee.png.*espresso"))).to_be_visible()


def open_row(tab: Tab, row: int) -> None:
    """Ticks the box at the start of a row: the table is drawn on a canvas, so by its place."""
    table = tab.page.get_by_test_id("stDataFrame").first
    expect(table.locator("canvas tbody tr").nth(row)).to_be_attached()
    table.locator(".dvn-scroller").click(position={"x": 16, "y": 36 + 72 * row + 36})


def test_a_reload_and_a_walk_through_the_pages_keep_what_was_chosen(open_tab: OpenTab) -> None:
    tab = open_tab()
    upload(tab, photo("chelsea.png"), photo("coffee.png"))
    expect(tab.page.get_by_text("2 of 2 pictures.")).to_be_visible()
    open_row(tab, 1)
    expect(tab.column(1).get_by_text("cup, dining table", exact=True)).to_be_visible()
    move(tab, "Least score", +40)
    expect(tab.column(1).get_by_role("paragraph").get_by_text("cup", exact=True)).to_be_visible()
    tab.page.wait_for_url("**score=0.8**")  # "cup" alone shows a step earlier too
    tab.settled()
    kept = query_of(tab)
    assert kept["source"] == ["Upload"]
    assert {"set", "picture"} <= kept.keys()
    tab.page.reload()
    expect(tab.page.get_by_role("radio", name="Upload")).to_be_checked()
    expect(tab.page.get_by_text("2 of 2 pictures.")).to_be_visible()
    expect(tab.column(1).get_by_role("img", name="coffee.png")).to_be_visible()
    expect(tab.column(1).get_by_role("paragraph").get_by_text("cup", exact=True)).to_be_visible()
    assert query_of(tab) == kept
    tab.measured()
    sidebar = tab.page.get_by_test_id("stSidebar")
    sidebar.get_by_role("link", name="Home").click()
    expect(tab.page.get_by_role("heading", name="What, or what and where?")).to_be_visible()
    sidebar.get_by_role("link", name="Compare").click()
    expect(tab.page.get_by_text("2 of 2 pictures.")).to_be_visible()
    expect(tab.column(1).get_by_role("img", name="coffee.png")).to_be_visible()
    expect(tab.column(1).get_by_role("paragraph").get_by_text("cup", exact=True)).to_be_visible()


def test_two_visitors_at_once_both_get_right_answers(
    open_tab: OpenTab, server: Server, detector: ObjectDetector
) -> None:
    run = server.log.parent / "runs" / "my-run"
    cup, wall = (detector.predict([open_image(SAMPLES / name).pixels])[0] for name in ("coffee.png", "four_photos.jpg"))
    one, other = open_tab("sample=An espresso"), open_tab(f"classifier={quote(str(run))}")
    move(one, "Least score", -30)
    move(other, "Least score", +10)
    expect_objects(one, cup.select(0.1, 0.5))
    expect_objects(other, wall.select(0.5, 0.5))
    best = (tab.column(0).get_by_role("figure") for tab in (one, other))
    expect(next(best)).to_have_accessible_name(re.compile(": espresso 9"))
    expect(next(best)).to_have_accessible_name(re.compile(": my Egyptian cat 4"))
    move(other, "Least score", +15)
    expect_objects(other, wall.select(0.65, 0.5))
    expect_objects(one, cup.select(0.1, 0.5))
    assert (query_of(one)["score"], query_of(other)["score"]) == (["0.1"], ["0.65"])


@pytest.mark.parametrize(("width_px", "side_by_side"), [(400, 1), (800, 2), (1440, 3)])
def test_columns_give_way_one_by_one(open_tab: OpenTab, width_px: int, side_by_side: int) -> None:
    tab = open_tab(width_px=width_px)
    tab.measured()
    tab.settled()
    columns = tab.page.locator(".st-key-contenders").get_by_test_id("stColumn")
    boxes = columns.evaluate_all("columns => columns.map(column => column.getBoundingClientRect().toJSON())")
    tops = [round(box["top"]) for box in boxes]
    assert (len(tops), tops.count(tops[0])) == (3, side_by_side)
    assert all(box["left"] >= 0 and box["right"] <= width_px for box in boxes)
    for scroller in ("html", '[data-testid="stMain"]'):
        wide, visible = tab.page.locator(scroller).evaluate("element => [element.scrollWidth, element.clientWidth]")
        assert wide <= visible


def test_every_picture_has_a_text_for_those_who_cannot_see_it(open_tab: OpenTab) -> None:
    tab = open_tab()
    upload(tab, photo("chelsea.png"), photo("coffee.png"))
    expect(tab.page.get_by_text("2 of 2 pictures.")).to_be_visible()
    tab.measured()
    texts = tab.page.locator('[data-testid="stMain"] img').evaluate_all("images => images.map(image => image.alt)")
    assert len(texts) >= 3
    assert all(text.strip() for text in texts)


def test_the_server_watches_no_files(first_tab: Tab, server: Server) -> None:
    """Watching a folder with an environment and a workspace in it kept a whole processor core busy, idle."""
    descriptors = Path(f"/proc/{server.process.pid}/fd")
    if not descriptors.is_dir():
        pytest.skip("only Linux lists what a process has open")
    first_tab.measured()  # pages were imported
    told = [entry.readlink() for entry in descriptors.iterdir() if entry.is_symlink()]
    assert told
    assert not [target for target in told if "inotify" in str(target)]

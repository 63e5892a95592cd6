"""Labelling by a real mouse, real fingers and real keys in Chromium; what is then in the journal, in original pixels.

The page is `labelling_app.py`: the labelling section and nothing else.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from tests.browser import Tab, find_chromium, visit
from tests.labelling_desk import CLASSES, Desk, Place, running
from vision_core.data.index import ImageRecord
from vision_core.data.journal import read_operations, replay

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None, reason="no chromium, chromium-browser or google-chrome on the PATH"),
]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with running(tmp_path_factory.mktemp("labelling")) as started:
        yield started


@pytest.fixture
def place(host: Place, request: pytest.FixtureRequest) -> Place:
    """The same server and pictures for all tests, and a version nobody has labelled for each."""
    host.name = re.sub(r"\W+", "-", request.node.name)
    return host


PATIENCE_MS = 30_000
OpenDesk = Callable[..., Desk]


@pytest.fixture
def open_desk(place: Place, browser: Browser) -> Iterator[OpenDesk]:
    """Opens the page for a new visitor; whoever opened one must have had nothing to complain of."""
    with ExitStack() as stack:
        tabs: list[Tab] = []

        def open_one(width_px: int = 1440) -> Desk:
            tab = stack.enter_context(visit(browser, width_px))
            expect.set_options(timeout=PATIENCE_MS)
            tabs.append(tab)
            return Desk(tab).open(place)

        yield open_one
        for tab in tabs:
            assert tab.complaints == []
            assert all(address.startswith((place.url, "data:", "blob:")) for address in tab.requests)


def close_to(record: ImageRecord, expected: list, tolerance_px: float) -> None:
    assert record.boxes_xyxy is not None
    np.testing.assert_allclose(record.boxes_xyxy, np.array(expected).reshape(-1, 4), atol=tolerance_px, rtol=0)


def test_a_box_is_drawn_moved_resized_renamed_deleted_and_brought_back(place: Place, open_desk: OpenDesk) -> None:
    desk = open_desk()
    near = desk.scale + 0.01  # the mouse stands on whole pixels of the screen
    desk.press("3")
    desk.drag((100, 80), (300, 280))
    close_to(place.said("1.png"), [[100, 80, 300, 280]], near)
    assert place.said("1.png").class_ids.tolist() == [2]
    desk.drag((200, 180), (260, 150))  # from inside the selected box: move
    close_to(place.said("1.png"), [[160, 50, 360, 250]], 2 * near)
    desk.drag((360, 250), (500, 400))  # a corner
    close_to(place.said("1.png"), [[160, 50, 500, 400]], 2 * near)
    desk.drag((160, 225), (120, 300))  # the middle of the left side moves only that side
    close_to(place.said("1.png"), [[120, 50, 500, 400]], 2 * near)
    desk.press("1")
    desk.saved()
    expect(desk.page.locator(".tag")).to_have_text("shirt")
    desk.drag((300, 200), (2000, 2000))  # further than the picture goes
    close_to(place.said("1.png"), [[260, 130, 640, 480]], 2 * near)
    desk.press("Delete")
    expect(desk.boxes).to_have_count(0)
    desk.saved()
    assert place.said("1.png").class_ids.tolist() == []
    desk.press("Control+z")
    expect(desk.boxes).to_have_count(1)
    desk.press("Control+z", "Control+z")
    expect(desk.page.locator(".tag")).to_have_text("Größe 42")
    desk.saved()
    desk.press("Control+y")
    expect(desk.page.locator(".tag")).to_have_text("shirt")
    desk.saved()
    close_to(place.said("1.png"), [[120, 50, 500, 400]], 2 * near)


def test_arrow_keys_nudge_by_original_pixels_and_a_burst_is_one_change(place: Place, open_desk: OpenDesk) -> None:
    desk = open_desk()
    desk.drag((100, 80), (300, 280))
    before = place.said("1.png").boxes_xyxy
    desk.press(*["ArrowRight"] * 4, "ArrowDown", "Shift+ArrowUp")
    expect(desk.page.locator('.saved[data-state="saved"]')).to_be_visible()
    desk.page.wait_for_timeout(600)
    desk.saved()
    assert before is not None
    close_to(place.said("1.png"), (before[0] + np.array([4, -9, 4, -9])).tolist(), 0.011)
    assert [operation.kind for operation in read_operations(place.version)] == ["add", "move"]
    desk.press("Escape", "ArrowRight")  # nothing selected: the next picture
    desk.shows("2.png")


def test_keys_label_pictures_and_go_on(place: Place, open_desk: OpenDesk) -> None:
    desk = open_desk()
    desk.page.get_by_role("button", name="Labels", exact=True).click()
    expect(desk.page.get_by_text("One label a picture")).to_be_visible()
    for name, key in (("1.png", "2"), ("2.png", "0"), ("3.jpg", "3")):
        desk.shows(name)
        desk.press(key)
    desk.shows("4.png")
    desk.press("p")
    desk.shows("3.jpg")
    expect(desk.page.locator(".chip")).to_have_text("Größe 42")
    desk.page.get_by_text("One label a picture").click()
    desk.press("1")
    expect(desk.page.locator(".chip")).to_have_count(2)
    desk.press("p", "p")
    desk.shows("1.png")
    expect(desk.page.locator(".chip")).to_have_text(CLASSES[1])
    desk.press("Delete")
    expect(desk.page.locator(".chip")).to_have_count(0)
    desk.saved()
    labels = [place.said(name).labels for name in ("1.png", "2.png", "3.jpg", "4.png")]
    assert labels == [None, (), ("Größe 42", "shirt"), None]
    desk.press("Control+z", "Control+z")  # the second undo goes back to the picture it is about
    desk.shows("3.jpg")
    expect(desk.page.locator(".chip")).to_have_count(1)
    desk.saved()
    assert [place.said(name).labels for name in ("1.png", "3.jpg")] == [(CLASSES[1],), ("Größe 42",)]


def test_class_names_are_text_and_new_ones_can_be_added(place: Place, open_desk: OpenDesk) -> None:
    desk = open_desk()
    expect(desk.page.locator(".class .name").nth(1)).to_have_text(CLASSES[1])
    desk.press("2")
    desk.drag((100, 80), (300, 280))
    expect(desk.page.locator(".tag")).to_have_text(CLASSES[1])
    assert desk.page.locator(".labelling img:not(.sheet img), .labelling b").count() == 0
    field = desk.page.get_by_label("Find or add a class")
    field.fill("<script>x</script>")
    field.press("Enter")
    expect(desk.page.locator(".tag")).to_have_text("<script>x</script>")
    desk.saved()
    assert replay(place.version, place.index).class_names == (*CLASSES, "<script>x</script>")
    assert place.said("1.png").class_ids.tolist() == [3]


def test_proposals_are_accepted_corrected_or_rejected_by_key(place: Place, open_desk: OpenDesk) -> None:
    desk = open_desk()
    proposed = desk.page.locator(".proposal.line")
    desk.press("g")
    expect(proposed).to_have_count(2)
    desk.press("Enter")  # the best one, 40 % of each side in the middle
    expect(proposed).to_have_count(1)
    expect(desk.boxes).to_have_count(1)
    desk.press("Delete")
    expect(proposed).to_have_count(0)
    desk.saved()
    close_to(place.said("1.png"), [[192, 144, 448, 336]], 0.01)
    desk.press("Escape", "n", "g")
    expect(proposed).to_have_count(2)
    desk.press("Shift+Enter")
    expect(desk.boxes).to_have_count(2)
    expect(desk.page.locator(".finding")).to_have_text(
        "“seen only by the detector” was no class here yet, so it was added."
    )
    desk.saved()
    names = replay(place.version, place.index).class_names
    assert names[-1] == "seen only by the detector"
    assert place.said("2.png").class_ids.tolist() == [0, len(names) - 1]
    desk.press("Control+z")  # both at once
    expect(desk.boxes).to_have_count(0)
    expect(proposed).to_have_count(2)
    desk.saved()
    assert len(place.said("2.png").class_ids) == 0


def test_a_detector_that_finds_nothing_says_so(open_desk: OpenDesk) -> None:
    desk = open_desk()
    desk.press("n", "n", "n")
    desk.shows("4.png")
    desk.press("g")
    finding = desk.page.locator(".finding")
    expect(finding).to_have_text("Looking for objects …")
    expect(finding).to_have_text("The detector found nothing here that it is sure of.")
    desk.press("p")
    expect(finding).to_have_text("")


def test_another_task_starts_where_it_has_work(place: Place, open_desk: OpenDesk) -> None:
    desk = open_desk()
    desk.press("0")
    desk.page.get_by_role("button", name="Labels", exact=True).click()
    desk.shows("1.png")
    desk.press("1", "1", "1", "1")
    desk.saved()
    desk.page.get_by_role("button", name="Boxes", exact=True).click()
    desk.shows("2.png")  # the first that nobody has searched


def test_the_picture_and_whether_it_is_saved_fit_the_window(open_desk: OpenDesk) -> None:
    page = open_desk().page
    for part in (".tools", ".frame", ".saved"):
        area = page.locator(part).bounding_box()
        assert area is not None
        assert area["y"] >= 0
        assert area["y"] + area["height"] <= 900, part


@pytest.mark.parametrize("width_px", [400, 1440])
def test_boxes_on_a_large_photo_are_in_its_own_pixels(width_px: int, place: Place, open_desk: OpenDesk) -> None:
    desk = open_desk(width_px)
    desk.press("n")
    desk.shows("2.png")
    desk.press("n")
    desk.shows("3.jpg")
    assert desk.scale > 5
    desk.page.locator(".stage").scroll_into_view_if_needed()
    desk.stands_still()
    desk.drag((1200, 800), (4800, 3200))
    close_to(place.said("3.jpg"), [[1200, 800, 4800, 3200]], desk.scale)
    desk.page.mouse.move(*desk.at(3000, 2000))
    desk.press("Escape", "+", "+", "+", "+", "+")
    desk.stands_still()
    assert desk.scale < 4
    area = desk.page.locator(".stage").bounding_box()
    assert area is not None
    middle = area["x"] + area["width"] / 2, area["y"] + area["height"] / 2
    left, top = desk.at(0, 0)
    start = [round((at - edge) * desk.scale) for at, edge in zip(middle, (left, top), strict=True)]
    end = [start[0] + 90 * desk.scale, start[1] + 60 * desk.scale]
    desk.drag((start[0], start[1]), (end[0], end[1]))
    drawn = place.said("3.jpg").boxes_xyxy
    assert drawn is not None
    np.testing.assert_allclose(drawn[1], [*start, *end], atol=desk.scale + 0.01)


def test_a_finger_draws_too(place: Place, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 400, "height": 800}, has_touch=True, is_mobile=True)
    try:
        desk = Desk(Tab(context.new_page())).open(place)
        session = context.new_cdp_session(desk.page)

        def touch(kind: str, *points: tuple[float, float]) -> None:
            session.send(
                "Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]}
            )

        touch("touchStart", desk.at(100, 100))
        for step in (150, 220, 300):
            touch("touchMove", desk.at(step, step))
        touch("touchEnd")
        desk.saved()
        close_to(place.said("1.png"), [[100, 100, 300, 300]], desk.scale + 0.01)
    finally:
        context.close()


def test_a_drawn_box_never_flickers_while_it_is_saved(open_desk: OpenDesk) -> None:
    desk = open_desk()
    desk.drag((20, 20), (60, 60))
    desk.page.evaluate(
        """() => {
          const host = document.querySelector('[data-testid="stBidiComponentIsolated"]').shadowRoot;
          window.counts = [];
          const look = () => {
            window.counts.push(host.querySelectorAll('.box.line').length);
            window.looking = requestAnimationFrame(look);
          };
          look();
        }"""
    )
    for left in (100, 250, 400):
        desk.drag((left, 100), (left + 100, 300))
    desk.page.wait_for_timeout(500)
    counts = desk.page.evaluate("() => { cancelAnimationFrame(window.looking); return window.counts; }")
    assert len(counts) > 20
    assert counts == sorted(counts)
    assert counts[-1] == 4


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_a_killed_server_loses_nothing_and_takes_the_rest_when_it_is_back(tmp_path: Path, browser: Browser) -> None:
    with running(tmp_path) as place, visit(browser) as tab:
        expect.set_options(timeout=PATIENCE_MS)
        desk = Desk(tab).open(place)
        desk.drag((20, 20), (120, 120))
        desk.drag((200, 20), (320, 120))
        acknowledged = [operation.id for operation in read_operations(place.version)]
        desk.drag((400, 20), (520, 120), saved=False)
        place.kill()
        survived = [operation.id for operation in read_operations(place.version)]
        assert survived[: len(acknowledged)] == acknowledged
        desk.drag((20, 200), (120, 300), saved=False)  # there is nobody to save it now
        expect(desk.boxes).to_have_count(4)
        expect(desk.page.locator('.saved[data-state="trouble"]')).to_be_visible()
        place.start()
        desk.saved()
        expect(desk.boxes).to_have_count(4)
        assert len(place.said("1.png").class_ids) == 4
        ids = [operation.id for operation in read_operations(place.version)]
        assert len(ids) == len(set(ids)) == 4
        desk.page.reload()
        desk.shows("2.png")  # the first one that nobody has searched
        offline = ("ERR_CONNECTION_REFUSED", "WebSocket", "disconnected from server", "not responding", "/_stcore/")
        assert [said for said in tab.complaints if not any(word in said for word in offline)] == []


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_more_changes_than_one_message_holds_are_all_saved(tmp_path: Path, browser: Browser) -> None:
    with running(tmp_path) as place, visit(browser) as tab:
        desk = Desk(tab).open(place)
        desk.page.get_by_role("button", name="Labels", exact=True).click()
        desk.page.get_by_label("One label a picture, then the next").uncheck()
        desk.press("1")
        desk.saved()
        place.kill()
        press = "(root, times) => { while (times--) root.dispatchEvent(new KeyboardEvent('keydown', {key: '1'})) }"
        desk.page.locator(".labelling").evaluate(press, 1100)
        expect(desk.page.locator('.saved[data-state="trouble"]')).to_be_visible(timeout=PATIENCE_MS)
        place.start()
        desk.saved()
        assert sum(operation.kind == "labels" for operation in read_operations(place.version)) == 1101


def test_two_visitors_of_one_server_see_each_others_boxes(place: Place, open_desk: OpenDesk) -> None:
    first, second = open_desk(), open_desk()
    first.drag((20, 20), (120, 120))
    second.drag((200, 20), (320, 120))
    expect(second.boxes).to_have_count(2)
    assert len(place.said("1.png").class_ids) == 2


def test_the_page_measures_and_projects(place: Place, open_desk: OpenDesk) -> None:
    desk = open_desk()
    for left in (20, 220, 420):
        desk.drag((left, 20), (left + 150, 300))
    own = desk.page.get_by_role("row").filter(has_text="You (3 measured)")
    expect(own).to_be_visible()
    expect(own).to_contain_text("USD")
    expect(desk.page.get_by_role("row").filter(has_text="Extreme clicking, 2017")).to_contain_text("7 s")
    seconds = [
        json.loads(line).get("seconds") for line in (place.version / "labels.jsonl").read_text().splitlines()[1:]
    ]
    assert all(0 < spent < 30 for spent in seconds)

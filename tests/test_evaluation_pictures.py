"""Pictures of an evaluation: truth and prediction told apart by dash and word, and nothing drawn outside."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.answered_pictures import detected
from vision_core.evaluation.matching import judge_boxes
from vision_core.evaluation.pictures import RIGHT, TRUE, Outline, drawn_jpeg, of_picture, outlined

GREY = Image.new("RGB", (200, 160), (128, 128, 128))


def pixels(outline: Outline) -> np.ndarray:
    return np.asarray(outlined(GREY, (200, 160), [outline], 200))


def colour(text: str) -> np.ndarray:
    return np.array([int(text[at : at + 2], 16) for at in (1, 3, 5)])


def test_what_is_true_is_dashed_and_what_was_found_is_solid() -> None:
    box = (20.0, 20.0, 180.0, 140.0)
    solid = (pixels(Outline(box, False, RIGHT))[20, 24:176] == colour(RIGHT)).all(axis=1)
    dashed = (pixels(Outline(box, True, TRUE))[20, 24:176] == colour(TRUE)).all(axis=1)
    assert solid.all()
    assert 0.3 < dashed.mean() < 0.8


def test_boxes_that_the_page_is_about_are_thicker() -> None:
    box = (50.0, 50.0, 150.0, 120.0)
    thin, wide = (
        int((pixels(Outline(box, False, RIGHT, "", w)) == colour(RIGHT)).all(axis=2).sum()) for w in (False, True)
    )
    assert wide > 1.5 * thin


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=4, max_size=4),
    st.booleans(),
    st.text(max_size=30),
)
@settings(max_examples=60, deadline=None)
def test_any_box_and_any_name_can_be_drawn(box: list[float], is_true: bool, text: str) -> None:
    left, top, right, bottom = box
    drawn = outlined(GREY, (200, 160), [Outline((left, top, right, bottom), is_true, RIGHT, text)], 300)
    assert drawn.size == GREY.size


def test_every_box_of_a_picture_is_there_and_says_what_it_is() -> None:
    results = detected(seed=5)
    judged = judge_boxes(results, 0.3)
    for number in range(len(results)):
        inside = judged.in_picture(number)
        outlines = of_picture(judged, number)
        assert sum(one.is_true for one in outlines) == len(inside.truth)
        assert sum(not one.is_true for one in outlines) == len(inside.found)
        wrong = [one.text for one in outlines if not one.is_true and one.colour not in (RIGHT, TRUE)]
        assert all("," in text for text in wrong)
        assert sum(one.text.startswith("missed: ") for one in outlines) == inside.truth_kinds.count("missed")


def test_in_a_thumbnail_only_the_boxes_in_question_are_named() -> None:
    results = detected(seed=5)
    judged = judge_boxes(results, 0.3)
    place = int(judged.of_kind("missed")[0])
    outlines = of_picture(judged, int(results.truth.picture[place]), ((), [place]), names=False)
    assert [one.text for one in outlines if one.text] == [results.class_names[results.truth.labels[place]]]
    assert outlines[-1].is_wide, "drawn last, so that nothing covers it"


def test_a_small_picture_is_enlarged_so_that_text_reads(tmp_path: Path) -> None:
    Image.new("RGB", (60, 40)).save(tmp_path / "a.png")
    content = drawn_jpeg(tmp_path / "a.png", [Outline((5, 5, 30, 30), True, TRUE, "truth: cup")], (60, 40), 240)
    (tmp_path / "b.jpg").write_bytes(content)
    assert Image.open(tmp_path / "b.jpg").size == (240, 160)


@pytest.mark.parametrize("number", [0, 3])
def test_a_class_without_a_name_can_be_drawn(number: int) -> None:
    results = detected(seed=7)
    results.found.labels[:] = 99
    assert all("class 99" in one.text for one in of_picture(judge_boxes(results), number) if not one.is_true)

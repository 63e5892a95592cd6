"""The pictures behind a figure: a grid of thumbnails, a page at a time; a click shows one large."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

import numpy as np
import streamlit as st

from pages import plain, told
from pages.parts.evaluate import cached
from vision_core.drawing import encode_jpeg
from vision_core.errors import VisionError
from vision_core.evaluation.matching import JudgedBoxes
from vision_core.evaluation.pictures import drawn_jpeg, of_picture
from vision_core.evaluation.store import Evaluation
from vision_core.evaluation.tallies import said_classes
from vision_core.images import open_image

PAGE = 12
LABELS_PX, BOXES_PX, LARGE_PX = 168, 268, 700
LEGEND = (
    "**Dashed** green: what is there. **Solid**: what was found, blue where it is right, vermilion where it is wrong. "
    "Opened large, every box says what it is."
)
_STYLE = """<style>@media (max-width: 460px) {
  [class*="st-key-behind_grid"] > div, [class*="st-key-behind_one_"] { width: 100% !important; flex: 1 1 100%; }
}</style>"""


@dataclass(frozen=True)
class Boxes:
    """How detections are drawn: judged at some score, with the boxes that the page is about.

    Attributes:
        judged: what each box is.
        found, truth: by picture, places in `results.found` and `results.truth` of the boxes to stress.
    """

    judged: JudgedBoxes
    found: dict[int, list[int]] = field(default_factory=dict)
    truth: dict[int, list[int]] = field(default_factory=dict)

    def wide(self, number: int) -> tuple[Collection[int], Collection[int]]:
        return self.found.get(number, []), self.truth.get(number, [])


def grid(
    evaluation: Evaluation,
    numbers: Sequence[int],
    key: str,
    boxes: Boxes | None = None,
    note: Callable[[int], str] | None = None,
    threshold: float = 0.5,
) -> None:
    """The pictures with these numbers.

    Args:
        key: unique on the page, and for what is shown.
        boxes: of a detector, how to draw.
        note: what to say below a picture besides, as plain text.
        threshold: from which a classifier of several classes says one.
    """
    st.html(_STYLE)
    pages = max(1, ceil(len(numbers) / PAGE))
    page = 1
    if pages > 1:
        page = int(st.number_input("Page", 1, pages, 1, key=f"behind_page_{key}", help=f"1 to {pages:,}", width=130))
    if boxes is not None:
        st.caption(LEGEND)
    with st.container(horizontal=True, key=f"behind_grid_{key}"):
        for number in numbers[(page - 1) * PAGE : page * PAGE]:
            _one(evaluation, int(number), key, boxes, note, threshold)


def _one(
    evaluation: Evaluation,
    number: int,
    key: str,
    boxes: Boxes | None,
    note: Callable[[int], str] | None,
    threshold: float,
) -> None:
    name = evaluation.results.pictures[number]
    text = boxes_text(boxes, number) if boxes is not None else labels_text(evaluation, number, threshold)
    width = LABELS_PX if boxes is None else BOXES_PX
    with st.container(width=width, key=f"behind_one_{key}_{number}", gap="xsmall"):
        try:
            st.image(_content(evaluation, number, boxes, width, names=False), width="stretch", alt=f"{name}: {text}")
        except VisionError as error:
            st.error(plain(str(error)), icon=":material/broken_image:")
        st.button(
            plain(name.rpartition("/")[2]),
            key=f"behind_open_{key}_{number}",
            type="tertiary",
            icon=":material/open_in_full:",
            help="Show it large",
            on_click=st.session_state.__setitem__,
            args=("evaluate_open", (evaluation.key, number, boxes, threshold)),
        )
        st.caption(plain(text) + (f"  \n{plain(note(number))}" if note else ""))


def _content(evaluation: Evaluation, number: int, boxes: Boxes | None, width_px: int, names: bool) -> bytes:
    file = evaluation.path(number)
    changed = file.stat().st_mtime_ns if file.is_file() else 0
    if boxes is None:
        return _plain_jpeg(str(file), changed, width_px)
    score, wide = boxes.judged.score, boxes.wide(number)
    said = (evaluation.key, number, changed, width_px, names, score, boxes.judged.iou, tuple(wide[0]), tuple(wide[1]))
    return _boxes_jpeg(said, evaluation, boxes, names)


@st.cache_data(show_spinner=False, max_entries=2000)
def _plain_jpeg(file: str, changed_ns: int, width_px: int) -> bytes:
    return encode_jpeg(open_image(Path(file)).preview(2 * width_px), 85)


@st.cache_data(show_spinner=False, max_entries=1000)
def _boxes_jpeg(said: tuple[object, ...], _evaluation: Evaluation, _boxes: Boxes, _names: bool) -> bytes:
    number, width_px = int(str(said[1])), int(str(said[3]))
    outlines = of_picture(_boxes.judged, number, _boxes.wide(number), _names)
    width, height = cached.boxes(_evaluation).sizes_px[number].tolist()
    return drawn_jpeg(_evaluation.path(number), outlines, (width, height), width_px)


def labels_text(evaluation: Evaluation, number: int, threshold: float = 0.5) -> str:
    """What is there, and what was said how surely."""
    results = cached.labels(evaluation).take(np.array([number]))
    names, scores = results.class_names, results.scores[0]
    truth = ", ".join(names[k] for k in results.shown[0].nonzero()[0]) or "nothing"
    said = said_classes(results, threshold)[0].nonzero()[0]
    answers = ", ".join(f"{names[k]} {scores[k]:.0%}" for k in sorted(said, key=lambda k: -scores[k])) or "nothing"
    return f"truth: {truth} · said: {answers}"


def boxes_text(boxes: Boxes, number: int) -> str:
    """How many boxes of each kind a picture has."""
    inside = boxes.judged.in_picture(number)
    right = sum(kind == "right" for kind in inside.found_kinds)
    wrong = sum(kind not in ("right", "crowd") for kind in inside.found_kinds)
    missed = sum(kind in ("missed", "mistaken") for kind in inside.truth_kinds)
    return f"{right} right, {wrong} wrong, {missed} not found"


def show_opened(evaluations: Sequence[Evaluation]) -> None:
    """The picture that was clicked, large, until its window is closed."""
    key, number, boxes, threshold = st.session_state.pop("evaluate_open", ("", 0, None, 0.5))
    for evaluation in evaluations:
        if evaluation.key == key:
            _large(evaluation, number, boxes, threshold)


@st.dialog("Picture", width="large")
def _large(evaluation: Evaluation, number: int, boxes: Boxes | None, threshold: float) -> None:
    name = evaluation.results.pictures[number]
    text = boxes_text(boxes, number) if boxes is not None else labels_text(evaluation, number, threshold)
    st.markdown(f"**{plain(name)}**")
    st.caption(plain(text))
    with told():
        st.image(_content(evaluation, number, boxes, LARGE_PX, names=True), width="stretch", alt=f"{name}: {text}")
        if boxes is not None:
            st.caption(LEGEND)

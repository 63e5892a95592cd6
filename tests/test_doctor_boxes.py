"""Whatever the boxes, each fault is found where a plain reading of it is, and one pass mends all that can be mended."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from vision_core.boxes import box_iou
from vision_core.data.doctor import CheckOptions
from vision_core.data.doctor.boxes import check_boxes, judge_boxes, overlap_of_pairs
from vision_core.data.doctor.case import Case
from vision_core.data.doctor.catalogue import FAULTS
from vision_core.data.doctor.draft import Draft
from vision_core.data.doctor.mend import _MENDS
from vision_core.data.index import DatasetIndex, IndexBuilder
from vision_core.data.survey import Survey

WIDTH, HEIGHT = SIZE_PX = (100, 60)
EDGE = st.one_of(
    st.floats(-150, 250, width=32),
    st.floats(0, 1, width=32),
    st.integers(-5, 105).map(float),
    st.sampled_from([float("nan"), float("inf"), -float("inf"), 3e38]),
)
BOXES = st.lists(st.tuples(st.integers(0, 1), EDGE, EDGE, EDGE, EDGE, st.booleans()), min_size=1, max_size=12)


def case_of(index: DatasetIndex) -> Case:
    """A case whose pictures are all sound and of the recorded size; none is opened."""
    n = len(index)
    sizes = np.tile(np.array(SIZE_PX, np.int32), (n, 1))
    columns = (np.ones(n, np.uint8), np.zeros(n, "S32"), np.zeros(n, np.uint64), np.zeros((n, 192), np.uint8))
    return Case(index, Survey(np.zeros(n, np.uint8), {}, ["PNG"] * n, sizes, *columns), CheckOptions())


def index_of(*pictures: list[tuple[int, float, float, float, float, bool]]) -> DatasetIndex:
    builder = IndexBuilder(["cat", "dog"])
    for row, boxes in enumerate(pictures):
        builder.add_image(f"{row}.png", SIZE_PX, boxes=boxes)
    return builder.finish(Path("/nowhere"), "coco")


@settings(deadline=None, max_examples=300)
@given(st.lists(BOXES, min_size=1, max_size=3))
def test_one_pass_mends_all_that_can_be_mended(pictures: list) -> None:
    case = case_of(index_of(*pictures))
    draft = Draft(case)
    findings = {finding.code: finding for finding in check_boxes(case)}
    for code, mend in _MENDS.items():
        if code in findings:
            mend(draft, findings[code])
    left = {finding.code for finding in check_boxes(case_of(draft.index(Path("/nowhere"))))}
    assert not {code for code in left if FAULTS[code].fix}


@settings(deadline=None, max_examples=300)
@given(BOXES)
def test_each_fault_is_where_a_plain_reading_finds_it(boxes: list) -> None:
    faults, _ = judge_boxes(case_of(index_of(boxes)))
    for row, (_, *edges, _) in enumerate(boxes):
        x1, y1, x2, y2 = (float(np.float32(edge)) for edge in edges)
        finite = all(np.isfinite((x1, y1, x2, y2)))
        assert faults["not_finite_box"][row] == (not finite)
        if not finite:
            continue
        assert faults["inverted_box"][row] == (x1 > x2 or y1 > y2)
        assert faults["zero_area_box"][row] == (x1 == x2 or y1 == y2)
        left, top, right, bottom = min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)
        if faults["zero_area_box"][row] or faults["normalised_box"][row]:
            continue
        apart = right <= 0 or bottom <= 0 or left >= WIDTH or top >= HEIGHT
        assert faults["box_outside"][row] == apart
        over = left < -1 or top < -1 or right > WIDTH + 1 or bottom > HEIGHT + 1
        assert faults["box_beyond_border"][row] == (over and not apart)


@given(st.lists(st.tuples(*[st.integers(0, 50)] * 8), min_size=1, max_size=20))
def test_overlap_of_pairs_is_the_diagonal_of_all_overlaps(values: list) -> None:
    columns = np.array(values, np.float64).reshape(-1, 2, 4)
    columns[..., 2:] += columns[..., :2] + 1
    first, second = columns[:, 0], columns[:, 1]
    np.testing.assert_allclose(overlap_of_pairs(first, second), np.diagonal(box_iou(first, second)), atol=1e-12)

"""The records: sorted, frozen, and every step from candidates to what is shown is pure."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision_core.types import Classification, Detections, PipelineResult, Timing

NAMES = ("cat", "dog", "bird")


def detections(*rows: tuple[float, float, float, float, float, int]) -> Detections:
    table = np.asarray(rows, np.float32).reshape(-1, 6)
    return Detections(table[:, :4], table[:, 4], table[:, 5].astype(int), NAMES, (100, 80))


@st.composite
def some_detections(draw: st.DrawFn) -> Detections:
    edge, share = st.integers(0, 40), st.integers(0, 100).map(lambda n: n / 100)
    rows = draw(st.lists(st.tuples(edge, edge, st.integers(1, 40), st.integers(1, 40), share, st.integers(0, 2))))
    return detections(*[(x, y, x + w, y + h, s, c) for x, y, w, h, s, c in rows])


def test_detections_come_best_first_and_cannot_be_changed() -> None:
    found = detections((0, 0, 9, 9, 0.2, 0), (5, 5, 9, 9, 0.9, 1))
    assert found.names == ["dog", "cat"]
    with pytest.raises(ValueError, match="read-only"):
        found.scores[0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.scores = np.zeros(2)  # type: ignore[misc]


def test_the_threshold_is_inclusive_at_float32() -> None:
    assert len(detections((0, 0, 9, 9, 0.4, 0)).above(0.4)) == 1
    assert len(detections((0, 0, 9, 9, 0.4, 0)).above(0.41)) == 0


def test_two_classes_on_one_object_are_one_object_unless_asked_otherwise() -> None:
    found = detections((0, 0, 40, 40, 0.9, 0), (1, 1, 40, 40, 0.5, 1), (60, 60, 80, 80, 0.3, 0))
    assert found.suppress(0.5).counts() == {"cat": 2}
    assert found.suppress(0.5, class_agnostic=False).counts() == {"cat": 2, "dog": 1}


def test_counts_are_by_frequency_then_name() -> None:
    found = detections((0, 0, 1, 1, 0.9, 2), (0, 0, 1, 1, 0.8, 1), (0, 0, 1, 1, 0.7, 1), (0, 0, 1, 1, 0.6, 0))
    assert list(found.counts().items()) == [("dog", 2), ("bird", 1), ("cat", 1)]


@given(some_detections(), st.integers(0, 100), st.integers(0, 100), st.sampled_from([0.1, 0.3, 0.5, 0.9]))
def test_a_higher_threshold_only_takes_away(found: Detections, a: int, b: int, iou: float) -> None:
    low, high = sorted((a / 100, b / 100))
    kept = {tuple(row) for row in found.select(low, iou, limit=10**6).boxes_xyxy.tolist()}
    assert {tuple(row) for row in found.select(high, iou, limit=10**6).boxes_xyxy.tolist()} <= kept


@given(some_detections(), st.sampled_from([0.1, 0.5, 0.9]))
def test_suppressing_twice_changes_nothing(found: Detections, iou: float) -> None:
    once = found.suppress(iou)
    np.testing.assert_array_equal(once.suppress(iou).boxes_xyxy, once.boxes_xyxy)


def test_no_class_filter_means_every_class() -> None:
    found = detections((0, 0, 9, 9, 0.9, 0), (20, 20, 30, 30, 0.8, 1))
    assert found.only([]).counts() == {"cat": 1, "dog": 1}
    assert found.only(["dog", "unicorn"]).counts() == {"dog": 1}
    assert found.first(1).names == ["cat"]
    assert len(found.first(0)) == 0


def test_top_labels_keep_class_order_on_ties() -> None:
    said = Classification(("a", "b", "c"), np.asarray([0.2, 0.4, 0.4]))
    assert [label.name for label in said.top(2)] == ["b", "c"]
    assert len(said.top(99)) == 3


def test_lengths_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="2 class names"):
        Classification(("a", "b"), np.zeros(3))
    with pytest.raises(ValueError, match="1 boxes"):
        Detections(np.zeros((1, 4)), np.zeros(2), np.zeros(1), NAMES, (1, 1))
    with pytest.raises(ValueError, match="0 label lists for 1 objects"):
        PipelineResult(detections((0, 0, 1, 1, 1, 0)), (), Timing(), Timing())


def test_timings_add_up_by_stage() -> None:
    both = Timing(1, 2, 3) + Timing(10, 20, 30)
    assert both == Timing(11, 22, 33)
    assert both.total_ms == 66

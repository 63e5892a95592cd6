"""Box arithmetic against torchvision's, over random, empty and degenerate boxes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision import ops

from vision_core.boxes import as_boxes, box_area, box_iou, clip_boxes, non_maximum_suppression


@st.composite
def box_sets(draw: st.DrawFn, max_boxes: int = 30, snapped: bool | None = None) -> np.ndarray:
    """`(N, 4)` boxes, N from 0; on a coarse grid many of them coincide, touch, nest or have no area."""
    count = draw(st.integers(0, max_boxes))
    grid = draw(st.booleans()) if snapped is None else snapped
    number = st.integers(0, 12).map(float) if grid else st.floats(0, 1000, width=32)
    corners = np.asarray(draw(st.lists(st.tuples(*[number] * 4), min_size=count, max_size=count)), np.float32)
    corners = corners.reshape(-1, 2, 2)
    return np.concatenate([corners.min(1), corners.max(1)], axis=1)


@given(box_sets(), box_sets())
def test_iou_agrees_with_torchvision(a: np.ndarray, b: np.ndarray) -> None:
    theirs = ops.box_iou(torch.from_numpy(a).double(), torch.from_numpy(b).double()).numpy()
    # torchvision gives NaN where neither box has an area; the ratio is undefined there and 0 by our choice
    np.testing.assert_allclose(box_iou(a, b), np.nan_to_num(theirs), atol=1e-6)


@given(box_sets())
def test_areas_agree_with_torchvision(boxes: np.ndarray) -> None:
    np.testing.assert_allclose(box_area(boxes), ops.box_area(torch.from_numpy(boxes)).numpy(), rtol=1e-6)


@settings(max_examples=300)
@given(box_sets(), st.data())
def test_suppression_agrees_with_torchvision(boxes: np.ndarray, data: st.DataObject) -> None:
    scores = np.asarray(data.draw(st.lists(st.floats(0, 1, width=32), min_size=len(boxes), max_size=len(boxes))))
    scores = scores.astype(np.float32)
    threshold = data.draw(st.sampled_from([0.0, 0.1, 0.3, 0.45, 0.5, 0.75, 0.9, 1.0]))
    overlaps = box_iou(boxes, boxes)
    if len(np.unique(scores)) < len(scores) or (np.abs(overlaps - threshold) < 1e-6).any():
        return  # the order of equal scores and the last bit of an overlap at the threshold are nobody's promise
    theirs = ops.nms(torch.from_numpy(boxes).double(), torch.from_numpy(scores).double(), threshold)
    assert non_maximum_suppression(boxes, scores, threshold).tolist() == theirs.tolist()


@settings(max_examples=300)
@given(box_sets(snapped=True), st.data())
def test_suppression_by_class_agrees_with_torchvision(boxes: np.ndarray, data: st.DataObject) -> None:
    count = len(boxes)
    scores = np.asarray(data.draw(st.permutations(range(count))), np.float32) / max(count, 1)
    classes = np.asarray(data.draw(st.lists(st.integers(0, 2), min_size=count, max_size=count)), np.int64)
    theirs = ops.batched_nms(torch.from_numpy(boxes), torch.from_numpy(scores), torch.from_numpy(classes), 0.47)
    assert non_maximum_suppression(boxes, scores, 0.47, classes).tolist() == theirs.tolist()


@given(box_sets(), st.integers(1, 500), st.integers(1, 500))
def test_clipped_boxes_lie_inside_and_inner_ones_stay(boxes: np.ndarray, width: int, height: int) -> None:
    clipped = clip_boxes(boxes, width, height)
    assert (clipped[:, [0, 2]] <= width).all()
    assert (clipped[:, [1, 3]] <= height).all()
    assert (clipped >= 0).all()
    inside = (boxes[:, 2] <= width) & (boxes[:, 3] <= height)
    np.testing.assert_array_equal(clipped[inside], boxes[inside])


def test_no_boxes_is_a_shape_of_its_own() -> None:
    assert as_boxes([]).shape == (0, 4)
    assert box_iou(as_boxes([]), as_boxes([[0, 0, 1, 1]])).shape == (0, 1)
    assert non_maximum_suppression(as_boxes([]), np.zeros(0, np.float32), 0.5).tolist() == []


@pytest.mark.parametrize("wrong", [[1, 2, 3, 4], [[1, 2, 3]], np.zeros((2, 4, 1))])
def test_a_wrong_shape_is_named(wrong: object) -> None:
    with pytest.raises(ValueError, match="expected \\(N, 4\\)"):
        as_boxes(wrong)

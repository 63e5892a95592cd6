"""Faults of the boxes. Each box is judged as it will be once worse faults are mended, so that one pass mends all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vision_core.boxes import box_area
from vision_core.data.doctor.case import Case, plural
from vision_core.data.doctor.findings import Finding
from vision_core.data.duplicates import pairs_in_runs

_LEFT_OUT = ("not_finite_box", "zero_area_box", "box_outside", "tiny_box", "absurd_box_shape")
_LEAST_FRAME_PX = 16  # in a smaller picture, edges between 0 and 1 can be meant as pixels


def check_boxes(case: Case) -> Iterator[Finding]:
    """Faults of single boxes, of two boxes in one place, and of too many boxes."""
    faults, edges = judge_boxes(case)
    for code, words in (
        ("not_finite_box", "with an edge that is not a number"),
        ("normalised_box", "with all edges between 0 and 1"),
        ("inverted_box", "whose right edge is left of the left one, or whose lower edge is above the upper one"),
        ("zero_area_box", "without width or height"),
        ("box_outside", "entirely outside the picture"),
        ("box_beyond_border", "reaching over the border of the picture"),
        ("tiny_box", f"with a side below {case.options.min_box_edge_px:g} pixels"),
        ("absurd_box_shape", f"more than {case.options.max_box_aspect:g} times as long as wide"),
    ):
        found = np.flatnonzero(faults[code])
        if len(found):
            yield case.finding(code, f"{plural(len(found), 'box')} {words}.", box_rows=found)
    unsound = np.any([faults[code] for code in _LEFT_OUT], axis=0)
    yield from _two_in_one_place(case, np.flatnonzero(~unsound & ~case.crowd), edges)
    counts = case.index.objects_per_image
    crowded = np.flatnonzero(counts > case.options.max_objects)
    if len(crowded):
        most = f"more than {case.options.max_objects} objects (up to {counts.max():,})"
        words = f"{plural(len(crowded), 'picture')} with {most}."
        yield case.finding("crowded_picture", words, crowded)


def judge_boxes(case: Case) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Code to `(m,)` bool for the faults of single boxes, and the edges `(m, 4)` once the box is mended."""
    options = case.options
    low, high = np.sort(case.boxes_xyxy.reshape(-1, 2, 2), axis=1).transpose(1, 0, 2)  # NaN sorts to the end
    frame = case.frame_px[case.box_image].astype(np.float64)
    known = np.all(frame > 0, axis=1)
    finite = np.all(np.isfinite(case.boxes_xyxy), axis=1)
    with np.errstate(invalid="ignore", over="ignore"):
        flat = finite & np.any(high - low <= 0, axis=1)
        fractions = finite & ~flat & np.all((low >= 0) & (high <= 1) & (frame >= _LEAST_FRAME_PX), axis=1)
        fractions &= np.all((high - low) * frame >= options.min_box_edge_px, axis=1)
        unit = np.where(fractions[:, None], frame, 1)
        low, high = low * unit, high * unit
        outside = finite & ~flat & known & np.any((high <= 0) | (low >= frame), axis=1)
        sound = finite & ~flat & ~outside
        tolerance = options.border_tolerance_px
        beyond = sound & known & np.any((low < -tolerance) | (high > frame + tolerance), axis=1)
        border = np.where(known[:, None], frame, np.inf)
        low, high = np.where(known[:, None], np.maximum(low, 0), low), np.minimum(high, border)
        sides = high - low
        tiny = sound & np.any(sides < options.min_box_edge_px, axis=1)
        absurd = sound & ~tiny & (sides.max(axis=1) > options.max_box_aspect * sides.min(axis=1))
    faults = {
        "not_finite_box": ~finite,
        "normalised_box": fractions,
        "inverted_box": finite & np.any(case.boxes_xyxy[:, :2] > case.boxes_xyxy[:, 2:], axis=1),
        "zero_area_box": flat,
        "box_outside": outside,
        "box_beyond_border": beyond,
        "tiny_box": tiny,
        "absurd_box_shape": absurd,
    }
    return faults, np.concatenate([low, high], axis=1)


def _two_in_one_place(case: Case, judged: np.ndarray, edges: np.ndarray) -> Iterator[Finding]:
    same, other = [], []
    meant = case.meant(case.box_class)
    for first, second in pairs_in_runs(case.box_image[judged]):
        a, b = judged[first], judged[second]
        near = overlap_of_pairs(edges[a], edges[b]) >= case.options.same_box_iou
        alike = meant[a] == meant[b]
        same.append(b[near & alike])
        other.append(b[near & ~alike])
    for code, found, words in (
        ("duplicate_box", same, "in the same place as another one of its class"),
        ("box_of_two_classes", other, "in the same place as one of another class"),
    ):
        rows = np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)
        if len(rows):
            yield case.finding(code, f"{plural(len(rows), 'box')} {words}.", box_rows=rows)


def overlap_of_pairs(a_xyxy: np.ndarray, b_xyxy: np.ndarray) -> np.ndarray:
    """Intersection over union `(N,)` of the first box with the first, the second with the second, ….

    `box_iou` compares every box with every other; here the pairs are given, by the million.
    """
    sides = np.minimum(a_xyxy[:, 2:], b_xyxy[:, 2:]) - np.maximum(a_xyxy[:, :2], b_xyxy[:, :2])
    intersection = np.clip(sides, 0, None).prod(axis=1)
    union = box_area(a_xyxy) + box_area(b_xyxy) - intersection
    return np.divide(intersection, union, out=np.zeros_like(union), where=union > 0)

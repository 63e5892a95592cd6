"""Copies: the same picture twice, in several splits, or with different answers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vision_core.data.doctor.case import Case, plural
from vision_core.data.doctor.findings import Finding
from vision_core.data.duplicates import exact_groups

_RANK = {"test": 0, "val": 1, "train": 3, "": 4}
_OTHER_RANK = 2


def check_copies(case: Case) -> Iterator[Finding]:
    """Exact copies first; near copies only among pictures that differ."""
    order = _best_first(case)
    exact = exact_groups(case.survey)
    conflicts, first = _conflicts(case, exact, order)
    if len(conflicts):
        words = f"{plural(len(conflicts), 'copy')} of pictures that have different labels or boxes each time."
        yield case.finding("conflicting_copies", words, conflicts, partners=first)
    order = order[~np.isin(order, conflicts)]
    yield from _within_and_across(case, exact, order, "exact")
    distinct = order[np.sort(np.unique(exact[order], return_index=True)[1])]
    yield from _within_and_across(case, case.groups, distinct, "near")
    yield from _near_conflicts(case, distinct)


def _best_first(case: Case) -> np.ndarray:
    """Readable rows, each file once, in the order in which copies are kept: labelled, for testing, listed early."""
    rows = np.flatnonzero(case.survey.readable & (case.first_listed == np.arange(len(case.paths))))
    rank = np.array([_RANK.get(case.splits[row], _OTHER_RANK) for row in rows], np.int64)
    answered = case.labelled[rows] | case.annotated[rows]
    return rows[np.lexsort((rows, rank, ~answered))]


def _after_the_first(keys: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of `order` that are not the first with their key, and the row that is."""
    _, first, inverse = np.unique(keys[order], return_index=True, return_inverse=True)
    later = np.flatnonzero(first[inverse] != np.arange(len(order)))
    rows, partners = order[later], order[first[inverse[later]]]
    by_row = np.argsort(rows)
    return rows[by_row], partners[by_row]


def _within_and_across(case: Case, groups: np.ndarray, order: np.ndarray, kind: str) -> Iterator[Finding]:
    """Copies in one split, and copies in several."""
    like = "the same" if kind == "exact" else "nearly the same"
    split = np.unique(case.splits, return_inverse=True)[1]
    rows, partners = _after_the_first(groups * (split.max(initial=0) + 1) + split, order)
    if len(rows):
        words = f"{plural(len(rows), 'picture')} {like} as another one."
        yield case.finding(f"{kind}_duplicate", words, rows, partners=partners)
    rows, partners = _after_the_first(groups, order)
    named = np.array(case.splits, object) != ""
    across = (split[rows] != split[partners]) & named[rows] & named[partners]
    if across.any():
        row, partner = rows[across][0], partners[across][0]
        first = " and ".join(f"'{case.paths[i]}' of {case.splits[i]}" for i in (row, partner))
        words = f"{plural(int(across.sum()), 'picture')} {like} as one of another split: {first}."
        yield case.finding(f"{kind}_leak", words, rows[across], partners=partners[across])


def _conflicts(case: Case, groups: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All copies in groups whose answers differ, and another copy for each."""
    later, first = _after_the_first(groups, order)
    copies: dict[int, list[int]] = {}
    for row, kept in zip(later.tolist(), first.tolist(), strict=True):
        copies.setdefault(kept, [kept]).append(row)
    pairs = [
        (row, rows[0] if row != rows[0] else rows[1])
        for rows in copies.values()
        if len({answer for row in rows if (answer := _labels(case, row)) is not None}) > 1
        or len({answer for row in rows if (answer := _objects(case, row)) is not None}) > 1
        for row in rows
    ]
    found = np.array(sorted(pairs), np.int64).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def _labels(case: Case, row: int) -> frozenset[int] | None:
    labels = case.index.images["labels"][row].as_py()
    return None if labels is None else frozenset(case.meant(np.array(labels, np.int64)).tolist())


def _objects(case: Case, row: int) -> tuple[tuple[float, ...], ...] | None:
    """Class and edges to the pixel, in an order of their own."""
    if not case.annotated[row]:
        return None
    mine = slice(case.index.box_starts[row], case.index.box_starts[row + 1])
    edges = np.nan_to_num(case.boxes_xyxy[mine]).round()
    ids = case.meant(case.box_class[mine]).tolist()
    return tuple(sorted({(class_id, *box) for class_id, box in zip(ids, edges.tolist(), strict=True)}))


def _near_conflicts(case: Case, order: np.ndarray) -> Iterator[Finding]:
    rows, partners = _after_the_first(case.groups, order)
    answers = [(_labels(case, row), _labels(case, first)) for row, first in zip(rows, partners, strict=True)]
    differ = np.array([a is not None and b is not None and a != b for a, b in answers], bool)
    if differ.any():
        words = f"{plural(int(differ.sum()), 'picture')} nearly the same as one with other labels."
        yield case.finding("conflicting_near_copies", words, rows[differ], partners=partners[differ])

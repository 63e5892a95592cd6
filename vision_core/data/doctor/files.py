"""Faults of the files: what cannot be opened, is named or sized wrongly, is turned, listed twice or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np

from vision_core.data.doctor.case import NO_ROWS, Case, plural
from vision_core.data.doctor.findings import Finding
from vision_core.data.looks import State
from vision_core.image_formats import KIND_OF_EXTENSION
from vision_core.images import iter_folder

_REFUSED = {
    State.MISSING: ("missing_file", "listed, but there is no such file"),
    State.EMPTY: ("empty_file", "0 bytes long"),
    State.NOT_A_PICTURE: ("not_a_picture", "something else than a picture"),
    State.DAMAGED: ("damaged_picture", "truncated or damaged"),
    State.HUGE: ("huge_picture", "beyond the size that is opened here"),
}


def check_files(case: Case) -> Iterator[Finding]:
    """What cannot be opened, and what is odd about the files that can."""
    for state, (code, words) in _REFUSED.items():
        rows = np.flatnonzero(case.survey.states == state)
        if len(rows):
            why = case.survey.reasons[int(rows[0])]
            be = "is" if len(rows) == 1 else "are"
            yield case.finding(code, f"{plural(len(rows), 'picture')} {be} {words}: {why}.", rows)
    yield from _odd_files(case)
    yield from _wrong_sizes(case)
    yield from _listing(case)


def _odd_files(case: Case) -> Iterator[Finding]:
    seen, options = case.survey, case.options
    edges = case.measured_px.astype(np.int64)
    tiny = np.flatnonzero(seen.readable & (edges.min(axis=1) < options.min_picture_edge_px))
    if len(tiny):
        limit = options.min_picture_edge_px
        yield case.finding("tiny_picture", f"{plural(len(tiny), 'picture')} with an edge below {limit} pixels.", tiny)
    large = np.flatnonzero(edges.prod(axis=1) > options.large_picture_pixels)
    if len(large):
        limit = f"{options.large_picture_pixels / 1e6:g} megapixels"
        yield case.finding("large_picture", f"{plural(len(large), 'picture')} with more than {limit}.", large)
    misnamed = np.array([row for row in np.flatnonzero(seen.readable).tolist() if _is_misnamed(case, row)], np.int64)
    if len(misnamed):
        first = int(misnamed[0])
        example = f"'{case.paths[first]}' holds {seen.kinds[first]}"
        words = f"{plural(len(misnamed), 'picture')} whose name ends unlike what it holds: {example}."
        yield case.finding("wrong_extension", words, misnamed)
    turned = np.flatnonzero((seen.orientations > 1) & ~_drawn_unturned(case))
    if len(turned):
        words = f"{plural(len(turned), 'picture')} turned or mirrored by an EXIF orientation."
        yield case.finding("rotated_by_exif", words, turned)


def _is_misnamed(case: Case, row: int) -> bool:
    extension = os.path.splitext(case.paths[row])[1].lower()
    return KIND_OF_EXTENSION.get(extension) != case.survey.kinds[row]


def _drawn_unturned(case: Case) -> np.ndarray:
    return case.unturned & case.has_box


def _wrong_sizes(case: Case) -> Iterator[Finding]:
    rescaled = case.rescaled & case.has_box
    for code, where, words in (
        ("boxes_of_unturned_picture", _drawn_unturned(case), "whose boxes refer to it before EXIF turned it"),
        ("boxes_at_other_size", rescaled, "whose boxes refer to a copy of another size"),
        (
            "wrong_recorded_size",
            case.mismatched & ~rescaled & ~_drawn_unturned(case),
            "whose recorded size is not that of the file",
        ),
    ):
        rows = np.flatnonzero(where)
        if len(rows):
            recorded, real = (f"{px[rows[0]][0]} x {px[rows[0]][1]}" for px in (case.recorded_px, case.measured_px))
            example = f"'{case.paths[rows[0]]}' is recorded as {recorded} and is {real}"
            yield case.finding(code, f"{plural(len(rows), 'picture')} {words}: {example}.", rows)


def _listing(case: Case) -> Iterator[Finding]:
    again = np.flatnonzero(case.first_listed != np.arange(len(case.paths)))
    if len(again):
        words = f"{plural(len(again), 'entry')} of a picture listed before."
        yield case.finding("listed_twice", words, again, partners=case.first_listed[again])
    if case.options.find_unlisted and case.index.root.is_dir():
        below = (path.relative_to(case.index.root).as_posix() for path in iter_folder(case.index.root))
        listed = set(case.paths)
        unlisted = [path for path in below if path not in listed]
        if unlisted:
            words = f"{plural(len(unlisted), 'picture')} in the folder, but not in the data set."
            yield case.finding("unlisted_picture", words, NO_ROWS, names=unlisted)

"""Mends what the doctor found, into a new version of the data set; the original is never touched.

diagnosis = check(index)
better = fix(index, diagnosis, diagnosis.fixable, Path("photos-mended"))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from vision_core.data.doctor.case import Case
from vision_core.data.doctor.draft import Draft
from vision_core.data.doctor.findings import Diagnosis, Finding
from vision_core.data.doctor.spelling import is_blank
from vision_core.data.doctor.version import write_pictures
from vision_core.data.index import DatasetIndex
from vision_core.data.splits import DEFAULT_FRACTIONS, assign_splits
from vision_core.data.staging import staged
from vision_core.data.threads import Progress
from vision_core.errors import DataError

SHRUNK_EDGE_PX = 2048


def fix(
    index: DatasetIndex,
    diagnosis: Diagnosis,
    codes: Sequence[str],
    folder: Path,
    progress: Progress | None = None,
) -> DatasetIndex:
    """Writes a new version of a data set into `folder`, with the faults of these codes mended.

    The folder holds every picture of the new version, hard-linked to the old one where nothing in it changes (copied
    where the system cannot link), and the saved index. It appears whole or, when anything is raised, not at all.

    Args:
        diagnosis: what `check` said about this very index.
        codes: of findings that can be mended (`diagnosis.fixable`), in any order.
        progress: called after every picture written; raise in it to cancel.

    Raises:
        DataError: a code was not found or cannot be mended, nothing would be left, or `folder` is in use.
    """
    if (diagnosis.images, diagnosis.boxes) != (len(index), index.boxes.num_rows):
        raise DataError("The diagnosis is of another data set: check this one first.")
    for code in codes:
        if code not in diagnosis.fixable:
            raise DataError(f"{code!r} cannot be mended here; what can: {', '.join(diagnosis.fixable) or 'nothing'}.")
    case = Case(index, diagnosis.survey, diagnosis.options)
    draft = Draft(case)
    for code, mend in _MENDS.items():
        if code in codes:
            mend(draft, diagnosis[code])
    mended = _with_splits(draft.index(folder), draft, diagnosis, codes)
    with staged(folder) as part:
        write_pictures(draft, part, progress)
        mended.save(part)
    return mended


def _with_splits(mended: DatasetIndex, draft: Draft, diagnosis: Diagnosis, codes: Sequence[str]) -> DatasetIndex:
    anew = "missing_split" in codes or "class_missing_in_split" in codes
    if not anew and "unassigned_picture" not in codes:
        return mended
    present = {name: draft.splits.count(name) for name in mended.splits if name}
    kept = diagnosis.groups[draft.kept]
    groups = np.concatenate([kept, len(diagnosis.groups) + np.arange(len(draft.added))])
    fractions = DEFAULT_FRACTIONS if "missing_split" in codes else present
    return assign_splits(mended.with_splits([""] * len(mended)) if anew else mended, fractions, groups=groups)


def _add_unlisted(draft: Draft, finding: Finding) -> None:
    draft.add(finding.names)


def _multiply_by_size(draft: Draft, finding: Finding) -> None:
    boxes = finding.box_rows
    draft.boxes_xyxy[boxes] *= np.tile(draft.case.frame_px[draft.box_image[boxes]], 2)


def _swap_edges(draft: Draft, finding: Finding) -> None:
    low, high = np.split(draft.boxes_xyxy[finding.box_rows], 2, axis=1)
    draft.boxes_xyxy[finding.box_rows] = np.concatenate([np.minimum(low, high), np.maximum(low, high)], axis=1)


def _cut_at_border(draft: Draft, finding: Finding) -> None:
    boxes = finding.box_rows
    frame = np.tile(draft.case.frame_px[draft.box_image[boxes]], 2)
    draft.boxes_xyxy[boxes] = np.clip(draft.boxes_xyxy[boxes], 0, frame)


def _leave_out_boxes(draft: Draft, finding: Finding) -> None:
    draft.box_kept[finding.box_rows] = False


def _scale_to_file(draft: Draft, finding: Finding) -> None:
    rows, case = finding.rows, draft.case
    draft.scale(rows, case.measured_px[rows] / case.recorded_px[rows])
    _record_size(draft, finding)


def _record_size(draft: Draft, finding: Finding) -> None:
    draft.sizes_px[finding.rows] = draft.case.measured_px[finding.rows]


def _write_upright(draft: Draft, finding: Finding) -> None:
    draft.rewrite(finding.rows)


def _shrink(draft: Draft, finding: Finding) -> None:
    rows = finding.rows
    draft.rewrite(rows)
    measured = draft.case.measured_px[rows]
    smaller = np.maximum(np.round(measured * (SHRUNK_EDGE_PX / measured.max(axis=1, keepdims=True))), 1).astype(int)
    draft.scale(rows, smaller / measured)
    draft.sizes_px[rows] = np.round(draft.sizes_px[rows] * smaller / measured)
    draft.rewritten.update(zip(rows.tolist(), map(tuple, smaller.tolist()), strict=True))


def _name_by_content(draft: Draft, finding: Finding) -> None:
    for row in finding.rows.tolist():
        draft.rename(row)


def _join_entries(draft: Draft, finding: Finding) -> None:
    kept_as = np.arange(len(draft.paths))
    kept_as[finding.rows] = finding.partners
    draft.box_image = kept_as[draft.box_image]
    draft.kept[finding.rows] = False
    for row, first in zip(finding.rows.tolist(), finding.partners.tolist(), strict=True):
        draft.annotated[first] |= draft.annotated[row]
        labels = [labels for place in (first, row) if (labels := draft.labels[place]) is not None]
        draft.labels[first] = list(dict.fromkeys(label for some in labels for label in some)) if labels else None
    joined = np.flatnonzero(np.isin(draft.box_image, finding.partners))
    entries = np.column_stack([draft.box_image[joined], draft.case.box_class[joined], draft.boxes_xyxy[joined]])
    once = joined[np.unique(entries, axis=0, return_index=True)[1]]
    draft.box_kept[np.setdiff1d(joined, once)] = False


def _leave_out_pictures(draft: Draft, finding: Finding) -> None:
    draft.kept[finding.rows] = False


def _drop_unknown(draft: Draft, _: Finding) -> None:
    draft.drop_unknown = True


def _label_once(draft: Draft, finding: Finding) -> None:
    for row in finding.rows.tolist():
        draft.labels[row] = list(dict.fromkeys(draft.labels[row] or ()))


def _name_blank(draft: Draft, _: Finding) -> None:
    names = draft.class_names
    draft.class_names = [f"class {i}" if is_blank(name) else name for i, name in enumerate(names)]


def _join_spellings(draft: Draft, _: Finding) -> None:
    draft.new_class = draft.case.one_spelling.copy()


def _remove_empty(draft: Draft, _: Finding) -> None:
    used = np.bincount(draft.case.presence[1], minlength=len(draft.new_class)) > 0
    draft.new_class[~used] = -1


_NOT_DRAWN = ("not_finite_box", "zero_area_box", "box_outside", "tiny_box", "absurd_box_shape", "duplicate_box")
_NOT_KEPT = (
    *("missing_file", "empty_file", "not_a_picture", "damaged_picture", "huge_picture", "tiny_picture"),
    *("exact_duplicate", "near_duplicate", "exact_leak", "near_leak", "conflicting_copies", "unlabelled_picture"),
)

# In this order: edges first in the frame they were drawn in, then frames and files, then pictures, then classes.
_MENDS: dict[str, Callable[[Draft, Finding], None]] = {
    "unlisted_picture": _add_unlisted,
    "normalised_box": _multiply_by_size,
    "inverted_box": _swap_edges,
    "box_beyond_border": _cut_at_border,
    **dict.fromkeys(_NOT_DRAWN, _leave_out_boxes),
    "boxes_at_other_size": _scale_to_file,
    "boxes_of_unturned_picture": _write_upright,
    "wrong_recorded_size": _record_size,
    "rotated_by_exif": _write_upright,
    "large_picture": _shrink,
    "wrong_extension": _name_by_content,
    "listed_twice": _join_entries,
    **dict.fromkeys(_NOT_KEPT, _leave_out_pictures),
    "unknown_class": _drop_unknown,
    "repeated_label": _label_once,
    "blank_class_name": _name_blank,
    "several_spellings": _join_spellings,
    "empty_class": _remove_empty,
}

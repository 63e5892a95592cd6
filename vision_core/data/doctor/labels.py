"""Faults of the labels and classes: spelling, number, balance, and whether there is enough of them for the task."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vision_core.data.doctor.case import NO_ROWS, Case, listed, plural
from vision_core.data.doctor.findings import Finding
from vision_core.data.doctor.spelling import is_blank


def check_labels(case: Case) -> Iterator[Finding]:
    """Labels of pictures, names of classes, and amounts."""
    if not len(case.index):
        yield case.finding("nothing_for_task", "There is no picture in the data set.")
        return
    yield from _pictures(case)
    yield from _ids(case)
    yield from _names(case)
    useful = _useful_pictures(case)
    if not useful:
        yield case.finding("nothing_for_task", f"No picture has what {case.task} learns from.")
        return
    yield from _classes(case)
    yield from _amounts(case, useful)


def _pictures(case: Case) -> Iterator[Finding]:
    unlabelled = np.flatnonzero(~case.labelled & ~case.annotated)
    if len(unlabelled):
        words = f"{plural(len(unlabelled), 'picture')} without labels and boxes."
        yield case.finding("unlabelled_picture", words, unlabelled)
    empty = np.flatnonzero(case.annotated & ~case.has_box)
    searched = int(case.annotated.sum())
    if case.task == "detection" and len(empty) > case.options.max_background * searched:
        words = f"{len(empty):,} of {plural(searched, 'picture')} show no object."
        yield case.finding("mostly_background", words, empty)


def _ids(case: Case) -> Iterator[Finding]:
    labels = np.flatnonzero(~case.known(case.label_ids))
    boxes = np.flatnonzero(~case.known(case.box_class))
    if len(labels) or len(boxes):
        rows = np.union1d(case.label_rows[labels], case.box_image[boxes]).astype(np.int64)
        strange = np.union1d(case.label_ids[labels], case.box_class[boxes])
        words = (
            f"{plural(len(labels), 'label')} and {plural(len(boxes), 'box')} of class {listed(map(str, strange))}, "
            f"but there are {plural(len(case.index.class_names), 'class')}, counted from 0."
        )
        yield case.finding("unknown_class", words, rows, box_rows=boxes)
    order = np.lexsort((case.label_ids, case.label_rows))
    rows, ids = case.label_rows[order], case.label_ids[order]
    repeated = np.unique(rows[1:][(rows[1:] == rows[:-1]) & (ids[1:] == ids[:-1])]).astype(np.int64)
    if len(repeated):
        words = f"{plural(len(repeated), 'picture')} with the same label more than once."
        yield case.finding("repeated_label", words, repeated)


def _names(case: Case) -> Iterator[Finding]:
    names = case.index.class_names
    blank = [i for i, name in enumerate(names) if is_blank(name)]
    if blank:
        words = f"{plural(len(blank), 'class')} without a name: number {', '.join(map(str, blank))}."
        yield case.finding("blank_class_name", words, _showing(case, blank), names=[names[i] for i in blank])
    if case.spellings:
        words = "; ".join(listed(names[i] for i in ids) for ids in case.spellings[:5])
        sentence = f"{plural(len(case.spellings), 'class')} spelled several ways: {words}."
        others = [i for ids in case.spellings for i in ids[1:]]
        yield case.finding("several_spellings", sentence, _showing(case, others), names=[names[i] for i in others])


def _showing(case: Case, class_ids: list[int]) -> np.ndarray:
    rows, ids = case.presence
    return np.unique(rows[np.isin(ids, class_ids)])


def _classes(case: Case) -> Iterator[Finding]:
    names, count, least = case.index.class_names, case.examples_per_class, case.options.min_class_examples
    shown = np.bincount(case.presence[1], minlength=len(names))
    empty = [name for name, number in zip(names, shown, strict=True) if number == 0]
    if empty and len(empty) < len(names):
        words = f"{plural(len(empty), 'class')} without a single example: {listed(empty)}."
        yield case.finding("empty_class", words, NO_ROWS, names=empty)
    tiny = np.flatnonzero((shown > 0) & (count < least))
    if len(tiny):
        words = ", ".join(f"'{names[i]}' ({count[i]})" for i in tiny[:5]) + (" and others" if len(tiny) > 5 else "")
        sentence = f"{plural(len(tiny), 'class')} with fewer than {least} examples: {words}."
        yield case.finding("tiny_class", sentence, _showing(case, tiny.tolist()), names=[names[i] for i in tiny])
    used = count[count > 0]
    if len(used) > 1 and used.max() > case.options.max_imbalance * used.min():
        most, rarest = int(count.argmax()), int(np.where(count > 0, count, count.max()).argmin())
        words = (
            f"'{names[most]}' has {plural(int(count[most]), 'example')}, "
            f"{count[most] / count[rarest]:.0f} times as many as '{names[rarest]}' ({count[rarest]})."
        )
        rows = _showing(case, [rarest])
        yield case.finding("imbalance", words, rows, names=[names[rarest]])


def _useful_pictures(case: Case) -> int:
    """How many pictures the task learns from."""
    if case.task == "detection":
        return int((case.annotated & case.has_box).sum())
    return len(np.unique(case.presence[0]))


def _amounts(case: Case, useful: int) -> Iterator[Finding]:
    needed = case.options.min_pictures[case.task]
    if useful < needed:
        words = f"{plural(useful, 'picture')} for {case.task}; below {needed} little can be said."
        yield case.finding("too_little_data", words)
    classes = np.unique(case.presence[1])
    everywhere = np.count_nonzero(case.labelled | case.annotated) == useful
    if case.task == "classification" and len(classes) == 1 and everywhere:
        name = case.index.class_names[classes[0]]
        yield case.finding("single_class", f"Every labelled picture shows '{name}'.", names=[name])

"""Faults of the splits: pictures in none, splits that are absent or small, classes that one of them lacks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from vision_core.data.doctor.case import Case, listed, plural, unique_pairs
from vision_core.data.doctor.findings import Finding


def check_splits(case: Case) -> Iterator[Finding]:
    """Only data sets that come with splits; the others are split before training."""
    names = case.split_names
    if not names:
        return
    split_of = np.array(case.splits, object)
    unassigned = np.flatnonzero(split_of == "")
    if len(unassigned):
        yield case.finding("unassigned_picture", f"{plural(len(unassigned), 'picture')} in no split.", unassigned)
    if "train" not in names or len(names) == 1:
        absent = "train" if "train" not in names else "val or test"
        words = f"There is no split for {'training' if absent == 'train' else 'testing'}, only {listed(names)}."
        missing = case.finding("missing_split", words, names=[absent])
        yield replace(missing, fixable=len(np.unique(case.groups)) >= 3)
    least = case.options.min_split_pictures
    small = {name: int((split_of == name).sum()) for name in names}
    small = {name: count for name, count in small.items() if count < least}
    if small:
        words = ", ".join(f"'{name}' ({count})" for name, count in small.items())
        sentence = f"{plural(len(small), 'split')} with fewer than {least} pictures: {words}."
        yield case.finding("small_split", sentence, names=list(small))
    yield from _missing_classes(case, split_of)


def _missing_classes(case: Case, split_of: np.ndarray) -> Iterator[Finding]:
    """Classes without an example in a split; splitting anew helps those with enough different pictures."""
    names, splits = case.index.class_names, case.split_names
    rows, ids = case.presence
    lacking: dict[str, list[int]] = {}
    used = np.unique(ids)
    for split in splits:
        if missing := np.setdiff1d(used, ids[split_of[rows] == split]).tolist():
            lacking[split] = missing
    if not lacking:
        return
    missing = sorted({class_id for missing in lacking.values() for class_id in missing})
    groups_per_class = np.bincount(unique_pairs(case.groups[rows], ids)[1], minlength=len(names))
    enough = bool((groups_per_class[missing] >= len(splits)).all())
    words = "; ".join(f"'{split}' has no {listed(names[i] for i in ids)}" for split, ids in lacking.items())
    concerned = np.unique(rows[np.isin(ids, missing)])
    sentence = f"{plural(len(missing), 'class')} not in every split: {words}."
    finding = case.finding("class_missing_in_split", sentence, concerned, names=[names[i] for i in missing])
    yield replace(finding, fixable=enough)

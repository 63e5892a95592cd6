"""Two runs on the pictures that both saw, so that each picture counts for both or for neither."""

from __future__ import annotations

import numpy as np

from vision_core.errors import DataError, SettingsError
from vision_core.evaluation.records import ClassificationResults, DetectionResults, Results


def paired(a: Results, b: Results) -> tuple[Results, Results]:
    """The pictures that both saw, in the order of the first.

    Raises:
        DataError: there are none, a picture comes twice, or they disagree on what one shows.
        SettingsError: one classifies and the other detects.
    """
    if type(a) is not type(b) or getattr(a, "multi_label", None) != getattr(b, "multi_label", None):
        raise SettingsError("These two do not answer the same question: compare them on the common yardstick.")
    if a.pictures != b.pictures:
        if len(set(a.pictures)) < len(a) or len(set(b.pictures)) < len(b):
            raise DataError("A picture comes twice, so the two cannot be paired picture by picture.")
        place = {picture: number for number, picture in enumerate(b.pictures)}
        rows = np.array([number for number, picture in enumerate(a.pictures) if picture in place], np.int64)
        a, b = a.take(rows), b.take(np.array([place[a.pictures[row]] for row in rows], np.int64))
    if not len(a):
        raise DataError("The two share no pictures: evaluate them on the same data.")
    if not _same_truth(a, b):
        raise DataError("The two were judged by different answers to the same pictures: evaluate both anew.")
    return a, b


def _same_truth(a: Results, b: Results) -> bool:
    """Whether both were asked for the same; classes may be numbered differently."""
    names_a, names_b = np.array(a.class_names, object), np.array(b.class_names, object)
    if isinstance(a, DetectionResults) and isinstance(b, DetectionResults):
        same = len(a.truth) == len(b.truth) and (a.truth.picture == b.truth.picture).all()
        return bool(same and _boxes(a) == _boxes(b))
    if isinstance(a, ClassificationResults) and isinstance(b, ClassificationResults):
        if not a.multi_label:
            return bool((names_a[a.targets] == names_b[b.targets]).all())
        shared = set(a.class_names) | set(b.class_names)
        return all((_shows(a, name) == _shows(b, name)).all() for name in shared)
    return False


def _boxes(results: DetectionResults) -> list[tuple[int, str, tuple[float, ...]]]:
    truth = results.truth
    rows = zip(truth.picture.tolist(), truth.labels.tolist(), truth.boxes_xyxy.tolist(), strict=True)
    return sorted((picture, results.class_names[label], tuple(box)) for picture, label, box in rows)


def _shows(results: ClassificationResults, name: str) -> np.ndarray:
    if name not in results.class_names:
        return np.zeros(len(results), bool)
    return results.shown[:, results.class_names.index(name)]

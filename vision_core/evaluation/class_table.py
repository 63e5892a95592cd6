"""One row a class with its figures and their intervals, of either task: what a file or a notebook is given.

    found = classification_intervals(results, by_class=True)     # or detection_intervals(…, by_class=True)
    class_table(results, found)[0]
    # {"class": "cup", "examples": 42, "f1": 0.73, …, "intervals": {"f1": [0.64, 0.80], …}}

Names are those of the figures of the whole: `map` of a class is its own average precision.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vision_core.evaluation.classification import per_class
from vision_core.evaluation.detection import coco_scores
from vision_core.evaluation.intervals import Interval
from vision_core.evaluation.records import ClassificationResults, Results
from vision_core.evaluation.tallies import OF_CLASS

_FIELDS = {"map": "average_precision"}


def class_table(results: Results, found: Mapping[str, Interval]) -> list[dict[str, Any]]:
    """The classes in order.

    Args:
        found: intervals by class, `f1/cup` or `map50/cup`; those that are not known are left out.

    Returns:
        Of each `class`: `examples` (pictures that show it) or `boxes` (true ones that count), its figures, fractions of
        1, absent where the pictures cannot tell, and `intervals`, low and high of each.
    """
    rows = _labels(results) if isinstance(results, ClassificationResults) else coco_scores(results).by_class()
    for row in rows:
        own = {name: found[key] for name in row if (key := f"{name}/{row['class']}") in found}
        row["intervals"] = {name: [one.low, one.high] for name, one in own.items() if one.known}
    return rows


def _labels(results: ClassificationResults) -> list[dict[str, Any]]:
    rows = []
    for one in per_class(results):
        told = {name: getattr(one, _FIELDS.get(name, name)) for name in OF_CLASS}
        known = {name: value for name, value in told.items() if value is not None}
        rows.append({"class": one.name, "examples": one.support, "said": one.said, "right": one.right} | known)
    return rows

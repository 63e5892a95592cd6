"""The table of classes that files and notebooks are given."""

from __future__ import annotations

import json

import pytest
from answered_pictures import detected
from test_classification_figures import several_classes

from vision_core.evaluation.bootstrap_ap import detection_intervals
from vision_core.evaluation.class_table import class_table
from vision_core.evaluation.classification import per_class
from vision_core.evaluation.classification_intervals import classification_intervals
from vision_core.evaluation.detection import coco_scores
from vision_core.evaluation.intervals import Drawing
from vision_core.evaluation.tallies import OF_CLASS

HOW = Drawing(samples=200)


def test_labels_have_their_figures_and_intervals() -> None:
    results = several_classes(2, 80, 3)
    results.targets[:, 2] = False
    table = class_table(results, classification_intervals(results, how=HOW, by_class=True))
    for row, one in zip(table, per_class(results), strict=True):
        assert (row["class"], row["examples"], row["said"], row["right"]) == (
            one.name,
            one.support,
            one.said,
            one.right,
        )
    for row in table[:2]:
        assert set(OF_CLASS) <= row.keys()
        for name, (low, high) in row["intervals"].items():
            assert low <= row[name] <= high
        assert row["intervals"].keys() == set(OF_CLASS)
    assert not {"recall", "map", "roc_auc"} & table[2].keys()  # nobody shows it: there is nothing to find
    assert table[2]["precision"] == 0
    assert json.loads(json.dumps(table, allow_nan=False)) == table


def test_boxes_have_their_figures_and_intervals() -> None:
    results = detected(pictures=30, seed=2)
    table = class_table(results, detection_intervals(results, ["map", "map50"], HOW, by_class=True))
    for row, expected in zip(table, coco_scores(results).by_class(), strict=True):
        assert {name: row[name] for name in expected} == pytest.approx(expected)
        assert row["intervals"].keys() == {"map", "map50"}
        assert all(low <= row[name] <= high for name, (low, high) in row["intervals"].items())
    json.dumps(table, allow_nan=False)

"""Worked examples say what the figures say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.answered_pictures import detected, presence, single
from vision_core.evaluation.classification import figures
from vision_core.evaluation.detection import coco_scores
from vision_core.evaluation.figure_table import TWELVE
from vision_core.evaluation.worked import worked


def test_every_figure_of_labels_has_an_example_or_none() -> None:
    for results in (single(detected()), presence(detected())):
        for name in figures(results):
            text = worked(name, results)
            assert text.endswith((".", "")), name
            assert "nan" not in text
    assert worked("unheard of", single(detected())) == ""


def test_accuracy_is_counted_out() -> None:
    results = single(detected())
    right = int((results.logits.argmax(axis=1) == results.targets).sum())
    assert worked("top1", results) == f"{right} of {len(results)} pictures: {100 * right / len(results):.1f} %."
    value = figures(results)["top1"]
    assert f"{100 * value:.1f} %" in worked("top1", results)


def test_kappa_can_be_worked_out_from_its_example() -> None:
    results = single(detected())
    numbers = worked("kappa", results).split("(")[1].split(")")[0].split(" − ")
    agreed, chance = float(numbers[0]), float(numbers[1])
    assert (agreed - chance) / (1 - chance) == pytest.approx(figures(results)["kappa"], abs=0.01)


@pytest.mark.parametrize("name", TWELVE)
def test_every_figure_of_boxes_has_one(name: str) -> None:
    results = detected()
    text = worked(name, results, coco_scores(results))
    assert "true boxes" in text


def test_nothing_to_count_is_no_example() -> None:
    empty = single(detected()).take(np.zeros(0, np.int64))
    assert worked("top1", empty) == ""


def test_one_class_only_leaves_no_kappa_to_work_out() -> None:
    one = single(detected())
    alike = np.zeros(len(one), np.int64)
    logits = np.zeros_like(one.logits)
    logits[:, 0] = 5
    all_alike = replace(one, logits=logits, targets=alike)
    only = replace(all_alike, logits=logits[:, :1], class_names=one.class_names[:1])
    for results in (all_alike, only):
        assert "kappa" not in figures(results)
        assert worked("kappa", results) == ""
        for name in figures(results):
            assert "nan" not in worked(name, results), name

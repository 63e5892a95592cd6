"""How good models are beside what they cost: intervals of a median by simulation, runs on one yardstick, points."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.bench_cases import CLASSIFIER, DETECTOR, broken, row, rows
from vision_core import background
from vision_core.costs import quality
from vision_core.costs.pareto import judge
from vision_core.costs.quality import Quality, as_published, cost_interval, median_interval, on_the_yardstick, points
from vision_core.evaluation.records import ClassificationResults, DetectionResults, FoundBoxes, TrueBoxes
from vision_core.evaluation.yardstick import NOT_ASKED
from vision_core.run_folder import RunFolder


def test_a_medians_interval_is_that_of_the_tables() -> None:
    assert median_interval(range(1, 51)) == (18, 33)  # Conover 1999: n = 50
    assert median_interval(range(1, 11)) == (2, 9)
    assert median_interval(range(6)) == (0, 5)
    assert median_interval(range(5)) is None
    assert median_interval([]) is None


def test_a_medians_interval_covers_it_as_often_as_it_says() -> None:
    draws = np.sort(np.random.default_rng(0).gamma(2, size=(4000, 40)), axis=1)
    ends = [median_interval(draw) for draw in draws[:1]]
    place = [int(np.flatnonzero(draws[0] == end)[0]) for end in ends[0] or ()]
    true = 1.678346990016661  # of gamma(2)
    covered = ((draws[:, place[0]] <= true) & (true <= draws[:, place[1]])).mean()
    assert 0.95 <= covered < 0.98


def test_what_follows_from_the_median_has_an_interval() -> None:
    one = row(samples_ms=list(np.linspace(9, 11, 51)), latency_ms_p50=10.0, images_per_second=100.0)
    low, high = cost_interval(one, "latency_ms_p50")
    assert low is not None
    assert high is not None
    assert low < 10 < high
    assert cost_interval(one, "images_per_second") == pytest.approx((1000 / high, 1000 / low))
    price = one["usd_per_million"]
    assert cost_interval(one, "usd_per_million") == pytest.approx((price * low / 10, price * high / 10))
    assert cost_interval(one, "parameters") == (None, None)
    assert cost_interval(one | {"samples_ms": [1.0]}, "latency_ms_p50") == (None, None)


def test_points_are_rows_with_their_models_quality() -> None:
    known = {CLASSIFIER: {"presence_f1": Quality(0.7, 0.6, 0.8)}}
    found = points([*rows(), broken()], "latency_ms_p50", known, "presence_f1")
    assert len(found) == 9
    assert (found[0].y, found[0].y_low, found[0].y_high) == (0.7, 0.6, 0.8)
    assert found[0].name == "EfficientNet-Lite0 · PyTorch · batch 1"
    assert [one.y for one in found[6:]] == [None] * 3
    assert [verdict.on_front for verdict in judge(found)].count(True) == 1
    (rough,) = points([row(precision="int8")], "flops", known, "presence_f1")
    assert "32-bit" in rough.note


def test_a_latency_is_divided_among_the_pictures_of_its_batch() -> None:
    known = {CLASSIFIER: {"presence_f1": Quality(0.7)}}
    some = [row(), row(batch_size=8)]
    one, eight = points(some, "latency_ms_p50", known, "presence_f1")
    assert (one.x, eight.x) == (some[0]["latency_ms_p50"], some[1]["latency_ms_p50"] / 8)
    assert (eight.x_low or 0) <= (eight.x or 0) <= (eight.x_high or 0) < some[1]["latency_ms_p50"]
    assert "its batch of 8 takes" in eight.note
    assert one.note == ""
    assert points(some, "images_per_second", known, "presence_f1")[1].x == some[1]["images_per_second"]
    assert [verdict.on_front for verdict in judge([one, eight])] == [False, True]


def test_published_figures_are_the_catalogues() -> None:
    found = as_published([CLASSIFIER, DETECTOR, "nobody", "/a/run"])
    assert found[CLASSIFIER]["published"].value == pytest.approx(0.74846)
    assert "COCO" in found[DETECTOR]["published"].note
    assert set(found) == {CLASSIFIER, DETECTOR}


PICTURES = tuple(f"{number}.png" for number in range(8))
SHOWN = np.array([[number % 2 == 0, number % 3 == 0] for number in range(8)])


def classified(pictures: tuple[str, ...] = PICTURES) -> ClassificationResults:
    return ClassificationResults(
        pictures=pictures,
        class_names=("cat", "dog"),
        logits=np.where(SHOWN, 3, -3).astype(np.float32),
        targets=SHOWN,
        multi_label=True,
    )


def detected() -> DetectionResults:
    picture, labels = np.nonzero(SHOWN)
    boxes = np.tile([1.0, 1.0, 9.0, 9.0], (len(picture), 1))
    truth = TrueBoxes(picture.astype(np.int64), boxes, labels.astype(np.int64), np.zeros(len(picture), bool))
    found = FoundBoxes(truth.picture[1:], boxes[1:], np.full(len(picture) - 1, 0.9), truth.labels[1:])
    return DetectionResults(
        pictures=PICTURES, class_names=("cat", "dog"), sizes_px=np.full((8, 2), 10), truth=truth, found=found
    )


def kept_evaluations(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    elsewhere = classified(tuple(f"other/{name}" for name in PICTURES))
    kept = {"classifier": classified(), "detector": detected(), "crops": elsewhere}

    def evaluation(run: str) -> SimpleNamespace | None:
        if run not in kept:
            return None
        return SimpleNamespace(
            results=kept[run],
            task=kept[run].task,
            run=RunFolder(folder / run),
            data="photos",
            split="test",
            file=folder / run / "kept.safetensors",
            about={"digest": run},
            index=SimpleNamespace(has_boxes=False),
        )

    monkeypatch.setattr(quality, "kept_evaluation", evaluation)


def test_runs_of_both_tasks_stand_on_one_yardstick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kept_evaluations(monkeypatch, tmp_path)
    found = on_the_yardstick(["classifier", "detector", "crops", "new", "classifier"], samples=100)
    assert found.pictures == 8
    assert found.of["classifier"]["presence_f1"].value == 1.0
    best = found.of["detector"]["presence_ap"]
    assert best.value < 1
    assert best.low is not None
    assert best.low <= best.value
    assert "count_mae" not in found.of["classifier"]
    assert found.missing["new"] == quality.NOT_EVALUATED
    assert "not judged on the same pictures" in found.missing["crops"]


def test_a_detector_is_asked_at_the_threshold_that_its_run_keeps(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kept_evaluations(monkeypatch, tmp_path)
    (tmp_path / "detector").mkdir()
    (tmp_path / "detector" / "config.json").write_text('{"score_threshold": 0.95}')
    figures = on_the_yardstick(["detector"], samples=100).of["detector"]
    assert figures["presence_f1"].value == 0.0  # every box scores less
    assert figures["presence_ap"].value > 0.5


def test_a_threshold_chosen_on_these_pictures_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kept_evaluations(monkeypatch, tmp_path)
    assert on_the_yardstick(["detector"], samples=100).flattered == {}
    (tmp_path / "detector").mkdir()
    config = tmp_path / "detector" / "config.json"
    for split, said in (("test", True), ("val", False)):
        chosen = {"score_threshold": 0.3, "score_threshold_chosen_on": {"data": "photos", "split": split}}
        config.write_text(json.dumps(chosen))
        found = on_the_yardstick(["classifier", "detector"], samples=100)
        assert list(found.flattered) == (["detector"] if said else [])
        figures = found.of["detector"]
        assert ("chosen on the pictures judged here" in figures["presence_f1"].note) is said
        assert ("chosen on the pictures" in figures["count_mae"].note) is said
        assert figures["presence_ap"].note == figures["ap50"].note == ""  # of no threshold
        assert found.of["classifier"]["presence_f1"].note == ""


def test_a_classifier_points_once_it_was_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kept_evaluations(monkeypatch, tmp_path)
    before = on_the_yardstick(["classifier", "detector"], samples=100)
    assert "pointing" not in before.of["classifier"]
    assert before.unanswered["classifier"]["pointing"] == NOT_ASKED
    assert before.of["detector"]["pointing"].value < 1
    inside, outside = [5.0, 5.0], [9.5, 0.5]
    points = [[(inside if row % 4 else outside) if shown else None for shown in SHOWN[row]] for row in range(8)]
    result = {"pictures": list(PICTURES), "class_names": ["cat", "dog"], "points": points}
    asked: list[tuple[str, Mapping[str, Any]]] = []

    def find(what: str, arguments: Mapping[str, Any]) -> SimpleNamespace:
        asked.append((what, arguments))
        return SimpleNamespace(result=lambda: result)

    monkeypatch.setattr(background, "find", find)
    found = on_the_yardstick(["classifier", "detector"], samples=100)
    assert asked[-1] == ("points", {"file": str(tmp_path / "classifier" / "kept.safetensors"), "digest": "classifier"})
    cats, dogs = 2 / 4, 2 / 3  # of rows 0, 2, 4, 6 two are asked inside, of 0, 3, 6 two
    assert found.of["classifier"]["pointing"].value == pytest.approx((cats + dogs) / 2)
    assert "pointing" not in found.unanswered["classifier"]
    assert found.of["detector"] == before.of["detector"]
    monkeypatch.setattr(background, "find", lambda *_: SimpleNamespace(result=dict))  # not finished
    assert on_the_yardstick(["classifier", "detector"], samples=100).of == before.of


def test_without_evaluations_there_is_nothing_to_set_beside(tmp_path: Path) -> None:
    found = on_the_yardstick([str(tmp_path)])
    assert (found.of, found.pictures) == ({}, 0)
    assert found.missing == {str(tmp_path): quality.NOT_EVALUATED}

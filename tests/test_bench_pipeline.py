"""Detect-then-classify as one thing to measure: its name, its two halves, its sums, and what cannot run."""

from __future__ import annotations

import doctest
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.bench_cases import CLASSIFIER, DETECTOR
from vision_core.__main__ import main
from vision_core.costs import bench, bench_cell
from vision_core.costs.bench import BenchPlan, Cell, pipeline_parts
from vision_core.costs.bench_cell import Bencher
from vision_core.costs.bench_check import checked
from vision_core.costs.bench_models import picture
from vision_core.costs.bench_pipeline import load_pipeline
from vision_core.costs.bench_run import IOU, SCORE, TwoStageTiming, handed_on, run_once
from vision_core.costs.bench_work import finite
from vision_core.errors import SettingsError
from vision_core.predict import detect_then_classify
from vision_core.types import Detections

pytestmark = pytest.mark.usefixtures("workspace")
RUNS = Path(bench.__file__).parent.parent / "assets" / "runs"
QUICK = f"{DETECTOR}>test_resnet"


@pytest.fixture(autouse=True)
def _no_roof(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_cell, "machine_roof", lambda device: {"flops_per_second": 1e9, "bytes_per_second": 1e9})


def rows(*models: str, **plan: Any) -> list[dict[str, Any]]:
    """Rows as they are written and read again."""
    made = BenchPlan(models, **{"seconds": 0.02, **plan})
    bencher = Bencher(made)
    return [json.loads(json.dumps(finite(bencher.row(cell)), allow_nan=False)) for cell in made.cells()]


# --- names ---


def test_a_pipeline_is_two_names(tmp_path: Path) -> None:
    assert doctest.testmod(bench).failed == 0
    assert pipeline_parts("a > b") == ("a", "b")
    folder = tmp_path / "a>b"
    folder.mkdir()
    assert pipeline_parts(str(folder)) is None
    for wrong in ("a>", ">b", "a>b>c", " > "):
        with pytest.raises(SettingsError, match="write it as DETECTOR>CLASSIFIER"):
            BenchPlan((wrong,))
    with pytest.raises(SettingsError, match="crops holds -1"):
        BenchPlan((QUICK,), crops=-1)


def test_its_cells_say_how_many_crops_and_a_model_alone_has_none() -> None:
    both, alone = BenchPlan((QUICK, "test_resnet"), crops=3).cells()
    assert (both, alone) == (Cell(QUICK, crops=3), Cell("test_resnet"))
    assert both.words.startswith(f"{DETECTOR} > test_resnet, batch 1")


def test_both_parts_must_exist_and_be_in_order() -> None:
    run = str(RUNS / "fashion-shelf-classifier")
    assert checked(BenchPlan((f"{DETECTOR} > {run}",))).models == (f"{DETECTOR}>{run}",)
    with pytest.raises(SettingsError, match="'tf_efficientnet_lite0' does classification, not detection"):
        checked(BenchPlan((f"{CLASSIFIER}>{DETECTOR}",)))
    assert main(["bench", f"{DETECTOR}>{DETECTOR}", "--json"]) == 2


# --- what is handed on ---


def found(count: int) -> Detections:
    boxes = np.asarray([[10 * i, 0, 10 * i + 5, 8] for i in range(count)], np.float32).reshape(-1, 4)
    return Detections(boxes, np.linspace(0.9, 0.5, count), np.zeros(count), ("thing",), (200, 100))


@pytest.mark.parametrize(("objects", "count"), [(5, 3), (5, 5), (2, 5), (0, 4), (0, 0), (1, 1)])
def test_so_many_objects_are_handed_on_whatever_was_found(objects: int, count: int) -> None:
    shown = handed_on(found(objects), count)
    assert len(shown) == count
    if count and not objects:
        assert shown.boxes_xyxy[0].tolist() == [50, 25, 150, 75]  # the picture's middle
    if objects >= count:
        assert np.array_equal(shown.boxes_xyxy, found(objects).boxes_xyxy[:count])  # the best ones
    assert {tuple(box) for box in found(min(objects, count)).boxes_xyxy} <= {tuple(box) for box in shown.boxes_xyxy}


def test_with_as_many_crops_as_objects_it_is_what_the_compare_page_does() -> None:
    loaded = load_pipeline(Cell(f"{DETECTOR}>{CLASSIFIER}"), False, lambda: None)
    pipeline, image = loaded.predictor, picture()
    shown = pipeline.detector.predict([image])[0].select(SCORE, IOU)
    assert pipeline.crops == loaded.found == len(shown) > 0
    handed = handed_on(shown, pipeline.crops)
    one, other = (detect_then_classify(image, objects, pipeline.classifier) for objects in (shown, handed))
    assert [label.top(1)[0].name for label in one.labels] == [label.top(1)[0].name for label in other.labels]
    assert "as many as the detector finds" in loaded.note


def test_the_halves_and_the_stages_are_both_the_whole() -> None:
    loaded = load_pipeline(Cell(QUICK, crops=2), False, lambda: None)
    timing = run_once(loaded.predictor, [picture()] * 2)
    assert isinstance(timing, TwoStageTiming)
    assert timing.total_ms == pytest.approx(timing.detect_ms + timing.classify_ms)
    assert min(timing.preprocess_ms, timing.network_ms, timing.postprocess_ms, timing.classify_ms) > 0


# --- rows ---


def test_what_is_counted_is_the_sum_of_both_networks() -> None:
    both, detector, classifier = rows(QUICK, DETECTOR, "test_resnet", crops=3, region="FRA", watts=10)
    assert both["error"] == detector["error"] == classifier["error"] == ""
    assert (both["task"], both["crops"], both["model"]) == ("two-stage", 3, QUICK)
    assert "crops" not in detector
    for name in ("parameters", "size_on_disk_bytes"):
        assert both[name] == detector[name] + classifier[name]
    for name in ("flops", "activations"):
        assert both[name] == detector[name] + 3 * classifier[name]
    assert both["peak_memory_bytes"] > detector["peak_memory_bytes"]
    assert "3 crops" in both["how"]["flops"]["note"]
    assert "3 crops" in both["how"]["latency_ms_p50"]["note"]
    assert both["how"]["size_on_disk_bytes"]["how"] == "estimated"  # the classifier's weights are not on disk
    assert (both["weights"], detector["weights"]) == ("random", "published")
    assert "the classifier: published weights are not on disk" in both["how"]["latency_ms_p50"]["note"]
    assert both["input_size_px"] == detector["input_size_px"]
    assert both["images_per_second"] == pytest.approx(1000 / both["latency_ms_p50"])
    assert both["detect_ms"] + both["classify_ms"] == pytest.approx(both["latency_ms_p50"], rel=0.5)
    assert both["how"]["detect_ms"]["how"] == "measured"
    assert both["energy_wh_per_1k"] == pytest.approx(10 * both["latency_ms_p50"] / 3600)
    assert both["co2_g_per_1k"] > 0


def test_it_runs_in_batches_with_every_engine_that_both_networks_have() -> None:
    one, two, quick, quick_two = rows(QUICK, batch_sizes=(1, 2), crops=2, engines=("eager", "onnxruntime"))
    assert [row["error"] for row in (one, two, quick, quick_two)] == [""] * 4
    assert one["flops"] == two["flops"]  # of one picture
    assert two["latency_ms_p50"] > one["latency_ms_p50"]
    assert quick["peak_memory_bytes"] is None
    assert quick["how"]["size_on_disk_bytes"]["how"] == "measured"
    (eight,) = rows(QUICK, crops=2, precisions=("int8",))
    assert "SSDLite-MobileNetV2 has no linear layers" in eight["error"]


def test_more_crops_than_go_through_at_a_time_need_batches_of_one_size() -> None:
    odd, even = (rows(QUICK, crops=crops, engines=("onnxruntime",))[0] for crops in (17, 32))
    assert "ask for at most 16 crops" in odd["error"]
    assert (even["error"], even["crops"]) == ("", 32)


def test_a_detector_that_finds_nothing_needs_to_be_told_how_many() -> None:
    pair = ">".join(str(RUNS / f"fashion-shelf-{kind}") for kind in ("detector", "classifier"))
    plan = BenchPlan((pair,), seconds=0.02)
    row = Bencher(plan).row(next(plan.cells()))
    if row["error"]:
        assert "say how many crops" in row["error"]
    (row,) = rows(pair, crops=1)
    assert (row["error"], row["crops"], row["weights"]) == ("", 1, "trained")
    assert row["title"].count(" > ") == 1


def test_the_command_line_knows_pipelines(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", QUICK, "--crops", "2", "--seconds", "0.02", "--device", "cpu", "--json"]) == 0
    (row,) = json.loads(capfd.readouterr().out)
    assert (row["model"], row["crops"], row["error"]) == (QUICK, 2, "")

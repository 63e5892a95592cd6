"""One cell of a benchmark: every field of its row, numbers worked out by hand, and sentences for what cannot run."""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.bench_latency import agreement
from vision_core.costs import bench_cell, bench_models
from vision_core.costs.bench import BenchPlan, Cell
from vision_core.costs.bench_cell import Bencher
from vision_core.costs.bench_work import finite
from vision_core.costs.carbon import carbon_intensity
from vision_core.costs.flops import count_flops
from vision_core.costs.measured import Measured
from vision_core.costs.prices import load_prices
from vision_core.models import get_spec
from vision_core.types import Timing

pytestmark = pytest.mark.usefixtures("workspace")
CONTRACT = {"model", "device", "precision", "batch_size", "input_size_px", "parameters", "flops", "latency_ms_p50"}
CONTRACT |= {"latency_ms_p95", "images_per_second", "peak_memory_bytes", "energy_wh_per_1k", "usd_per_million"}
MORE = {"task", "title", "engine", "threads", "latency_ms_p99", "preprocess_ms", "network_ms", "postprocess_ms"}
MORE |= {"samples_ms", "activations", "size_on_disk_bytes", "load_time_s", "co2_g_per_1k", "uncounted_ops"}
MORE |= {"device_name", "measured_at", "how", "error", "weights", "others_cpu_share"}
ASSETS = Path(bench_cell.__file__).parent.parent / "assets"


@pytest.fixture(autouse=True)
def _no_roof(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the machine reaches at best takes a second to find out; `test_layers` does."""
    monkeypatch.setattr(bench_cell, "machine_roof", lambda device: {"flops_per_second": 1e9, "bytes_per_second": 1e9})


def rows(*models: str, **plan: Any) -> list[dict[str, Any]]:
    """Rows as they are written and read again."""
    made = BenchPlan(models, **{"seconds": 0.02, **plan})
    bencher = Bencher(made)
    return [json.loads(json.dumps(finite(bencher.row(cell)), allow_nan=False)) for cell in made.cells()]


def test_a_row_has_all_its_fields() -> None:
    one, four = rows("test_resnet", batch_sizes=(1, 4), region="FRA")
    for row in (one, four):
        assert set(row) >= CONTRACT | MORE
        assert row["error"] == ""
        assert (row["model"], row["task"], row["device"], row["engine"]) == (
            "test_resnet",
            "classification",
            "cpu",
            "eager",
        )
        size = get_spec("test_resnet").preprocessing.size_px
        assert row["input_size_px"] == [size, size]
        network = get_spec("test_resnet").build(1000)
        assert row["parameters"] == sum(parameter.numel() for parameter in network.parameters())
        assert row["flops"] == count_flops(network, torch.rand(1, 3, size, size)).flops  # of one image, always
        assert row["latency_ms_p50"] <= row["latency_ms_p95"] <= row["latency_ms_p99"]
        assert row["latency_ms_p50"] == pytest.approx(statistics.median(row["samples_ms"]), rel=1e-3)
        assert row["images_per_second"] == pytest.approx(row["batch_size"] * 1000 / row["latency_ms_p50"])
        price = load_prices().entries[0].usd_per_hour
        assert row["usd_per_million"] == pytest.approx(price / 3600 / row["images_per_second"] * 1e6)
        assert row["weights"] == "random"  # this model's are not on disk, and nobody asked to fetch them
        assert "random weights" in row["how"]["latency_ms_p50"]["note"]
        assert row["how"]["size_on_disk_bytes"]["how"] == "estimated"
        assert set(row["how"]) >= {name for name in MORE | CONTRACT if name.endswith(("_ms", "_bytes", "_1k"))} - {
            "samples_ms"
        }
    assert four["peak_memory_bytes"] > one["peak_memory_bytes"] > 4 * one["parameters"]
    assert {layer["name"] for layer in one["layers"]} >= {"conv1", "fc"} or one["layers"]
    assert sum(layer["flops"] for layer in one["layers"]) == one["flops"]
    assert set(one["roof"]) == {"flops_per_second", "bytes_per_second"}
    assert "layers" not in four  # once is enough


def test_what_has_no_counter_is_unavailable_and_what_is_assumed_is_an_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = Measured(None, "unavailable", "no counter")
    monkeypatch.setattr(bench_cell, "energy_wh_per_1k", lambda *_, **__: nothing)
    (row,) = rows("test_resnet", region="FRA")
    assert (row["energy_wh_per_1k"], row["co2_g_per_1k"]) == (None, None)
    assert row["how"]["energy_wh_per_1k"] == {"how": "unavailable", "note": "no counter"}
    (row,) = rows("test_resnet", region="FRA", watts=36, batch_sizes=(2,))
    wh = 36 * row["latency_ms_p50"] / 2 / 3600
    assert row["energy_wh_per_1k"] == pytest.approx(wh)
    assert row["how"]["energy_wh_per_1k"]["how"] == "estimated"
    assert "36 W assumed" in row["how"]["energy_wh_per_1k"]["note"]
    assert row["co2_g_per_1k"] == pytest.approx(wh / 1000 * carbon_intensity("FRA").g_per_kwh)


def test_what_a_counter_says_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    said = Measured(0.25, "measured", "RAPL")
    monkeypatch.setattr(bench_cell, "energy_wh_per_1k", lambda *_, **__: said)
    (row,) = rows("test_resnet", watts=1000)  # an assumption never stands before a measurement
    assert row["energy_wh_per_1k"] == 0.25
    assert row["how"]["energy_wh_per_1k"]["how"] == "measured"
    assert row["co2_g_per_1k"] is None
    assert "no grid region" in row["how"]["co2_g_per_1k"]["note"]


def test_a_detector_is_timed_to_its_last_box_and_plays_a_stream() -> None:
    (row,) = rows("ssdlite_mobilenet_v2_coco", target_fps=1)
    assert row["task"] == "detection"
    assert row["weights"] == "published"
    assert row["postprocess_ms"] > 0
    assert row["size_on_disk_bytes"] == (ASSETS / "ssdlite_mobilenet_v2_coco.safetensors").stat().st_size
    assert row["stream"]["offered"] == row["stream"]["processed"] + row["stream"]["dropped"]
    assert row["stream"]["offered"] == 5


def test_a_run_is_measured_as_any_model() -> None:
    run = ASSETS / "runs" / "fashion-shelf-classifier"
    (row,) = rows(str(run), input_sizes_px=(64,))
    assert (row["error"], row["weights"], row["model"]) == ("", "trained", str(run))
    assert row["input_size_px"] == [64, 64]
    assert row["size_on_disk_bytes"] == (run / "checkpoints" / "best.safetensors").stat().st_size
    assert row["how"]["size_on_disk_bytes"]["how"] == "measured"


def test_memory_that_nobody_sees_is_unavailable() -> None:
    (row,) = rows("test_resnet", engines=("onnxruntime",))
    assert row["error"] == ""
    assert row["peak_memory_bytes"] is None
    assert "PyTorch does not see" in row["how"]["peak_memory_bytes"]["note"]
    assert row["how"]["size_on_disk_bytes"]["how"] == "measured"
    assert "layers" not in row


@pytest.mark.parametrize(
    ("model", "conditions", "reason"),
    [
        ("ssdlite_mobilenet_v2_coco", {"precisions": ("int8",)}, "has no linear layers"),
        ("test_resnet", {"engines": ("onnxruntime",), "precisions": ("bf16",)}, "no bfloat16"),
        ("test_vit", {"input_sizes_px": (17,)}, "cannot run with these settings"),
        ("test_resnet", {"devices": ("cuda:77",)}, "cannot be used on this machine"),
    ],
)
def test_what_cannot_run_has_a_row_that_says_why(model: str, conditions: dict[str, Any], reason: str) -> None:
    (row,) = rows(model, **conditions)
    assert reason in row["error"]
    assert set(row) >= CONTRACT | MORE
    assert all(row[name] is None for name in ("latency_ms_p50", "flops", "parameters", "usd_per_million"))
    assert row["how"]["latency_ms_p50"] == {"how": "unavailable", "note": row["error"]}


def test_too_little_memory_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(bench_models, "prepare", full)
    (row,) = rows("test_resnet", batch_sizes=(64,))
    assert row["error"] == "There is too little memory for a batch of 64; try a smaller one, or smaller inputs."


def test_threads_are_set_and_given_back() -> None:
    before = torch.get_num_threads()
    try:
        one, usual = Bencher(BenchPlan(("test_resnet",), seconds=0.02)), Cell("test_resnet")
        assert one.row(Cell("test_resnet", threads=2))["threads"] == 2
        assert one.row(usual)["threads"] == before
    finally:
        torch.set_num_threads(before)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_is_measured_with_its_own_memory_and_energy() -> None:
    whole, half, eight = rows("test_resnet", devices=("cuda",), precisions=("fp32", "bf16", "int8"))
    for row in (whole, half):
        assert row["error"] == ""
        assert row["device"].startswith("cuda")
        assert row["peak_memory_bytes"] > 0
        assert row["how"]["energy_wh_per_1k"]["how"] in ("measured", "unavailable")
        assert row["device_name"] == torch.cuda.get_device_name()
    assert "CPUs only" in eight["error"]


# --- the clock ---


def test_latency_agrees_with_pytorchs_benchmark_on_a_known_step() -> None:
    """On networks `python -m benchmarks.bench_latency` does the same; a clock is no matter for a test."""

    def step() -> Timing:
        began = time.perf_counter()
        time.sleep(0.01)
        return Timing(0, 1000 * (time.perf_counter() - began), 0)

    ratios: list[float] = []
    for _ in range(4):  # a machine that others use needs another try
        ratios.append(statistics.median(agreement(step, step, rounds=5, runs=5)))
        if abs(ratios[-1] - 1) <= 0.05:
            return
    pytest.fail(f"our median over torch.utils.benchmark's: {ratios}")

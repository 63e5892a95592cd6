"""Costs: counts against published figures and formulas, percentiles and memory against hand-computed cases."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import get_model, get_model_weights

from vision_core.costs.energy import energy_wh_per_1k
from vision_core.costs.flops import count_flops
from vision_core.costs.latency import Budget, LatencyReport, device_name, measure
from vision_core.costs.measured import Measured, unavailable
from vision_core.costs.memory import peak_memory, resident_bytes
from vision_core.costs.prices import load_prices
from vision_core.costs.report import Subject, build_report
from vision_core.errors import VisionError
from vision_core.types import Timing

# --- arithmetic ---


def blank(name: str) -> nn.Module:
    """A torchvision network without the seconds its random initialisation takes; counts do not look at values."""
    with torch.device("meta"):
        network = get_model(name, weights=None)
    network.to_empty(device="cpu")
    for tensor in (*network.parameters(), *network.buffers()):
        tensor.data.zero_()  # an index buffer must hold an index
    return network


@pytest.mark.parametrize(
    "name", ["resnet18", "resnet50", "vgg16", "alexnet", "mobilenet_v3_large", "swin_t", "vit_b_16"]
)
def test_flops_are_twice_the_published_multiply_adds(name: str) -> None:
    count = count_flops(blank(name), torch.rand(1, 3, 224, 224))
    published = next(iter(get_model_weights(name))).meta["_ops"]  # billions of multiply-adds, three decimals
    assert count.flops / 2e9 == pytest.approx(published, abs=6e-4)
    assert count.uncounted == ()
    assert not count.content_dependent
    assert (count.input_size_px, count.images) == ((224, 224), 1)


def test_flops_of_a_timm_vision_transformer_include_attention() -> None:
    count = count_flops(timm.create_model("vit_small_patch16_224"), torch.rand(1, 3, 224, 224))
    tokens, width, depth = 197, 384, 12
    patches = 196 * width * 3 * 16 * 16
    block = 12 * tokens * width**2 + 2 * tokens**2 * width  # qkv, projection, MLP of 4x; two attention products
    head = width * 1000
    assert count.flops == 2 * (patches + depth * block + head)


@settings(deadline=None, max_examples=25)
@given(
    batch=st.integers(1, 3),
    channels=st.sampled_from([2, 4]),
    outputs=st.sampled_from([2, 6]),
    kernel=st.integers(1, 3),
    stride=st.integers(1, 2),
    groups=st.sampled_from([1, 2]),
    size=st.tuples(st.integers(4, 9), st.integers(4, 9)),
)
def test_flops_of_a_convolution_and_a_linear_layer_by_formula(
    batch: int, channels: int, outputs: int, kernel: int, stride: int, groups: int, size: tuple[int, int]
) -> None:
    height, width = size
    convolution = nn.Conv2d(channels, outputs, kernel, stride=stride, groups=groups)
    image = torch.rand(batch, channels, height, width)
    out_height, out_width = ((edge - kernel) // stride + 1 for edge in size)
    products = batch * out_height * out_width * outputs * (channels // groups) * kernel**2
    assert count_flops(convolution, image).flops == 2 * products
    assert count_flops(nn.Linear(width, 5), image).flops == 2 * batch * channels * height * width * 5


def test_flops_agree_with_pytorchs_own_counter_under_inference_mode() -> None:
    network = blank("convnext_tiny")
    network.eval()
    image = torch.rand(2, 3, 64, 96)
    with torch.inference_mode(), FlopCounterMode(display=False) as reference:
        network(image)

    @torch.inference_mode()
    def run(images: torch.Tensor) -> torch.Tensor:
        return network(images)

    count = count_flops(run, image)
    assert count.flops == reference.get_total_flops()
    assert (count.input_size_px, count.images) == ((96, 64), 2)


def test_counting_leaves_the_network_as_it_was() -> None:
    network = get_model("resnet18", weights=None).train()
    network.get_submodule("layer4").eval()
    flags = [module.training for module in network.modules()]
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    count_flops(network, torch.rand(2, 3, 64, 64))
    assert [module.training for module in network.modules()] == flags
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_a_network_that_fails_keeps_its_flags() -> None:
    network = nn.Sequential(nn.Linear(3, 3), nn.Dropout()).train()
    with pytest.raises(RuntimeError):
        count_flops(network, torch.rand(1, 4))
    assert all(module.training for module in network.modules())


def test_a_detector_can_still_be_trained_after_counting() -> None:
    # its anchors are cached on the first run, and a tensor of inference mode in there would refuse backward()
    detector = get_model("ssdlite320_mobilenet_v3_large", weights=None, weights_backbone=None, num_classes=3)
    count = count_flops(detector, [torch.rand(3, 100, 120)])
    assert count.flops > 0
    assert not count.content_dependent  # one stage: what the image shows decides only what happens afterwards
    target = {"boxes": torch.tensor([[10.0, 10, 60, 70]]), "labels": torch.tensor([1])}
    losses = detector([torch.rand(3, 100, 120)] * 2, [target] * 2)
    torch.stack(list(losses.values())).sum().backward()


def test_a_two_stage_detector_names_what_is_not_counted() -> None:
    detector = get_model("fasterrcnn_mobilenet_v3_large_320_fpn", weights=None, weights_backbone=None).train()
    images = [torch.rand(3, 120, 160), torch.rand(3, 90, 160)]
    count = count_flops(detector, images)
    assert {"torchvision::nms", "torchvision::roi_align"} == set(count.uncounted)
    assert count.content_dependent
    assert (count.images, count.input_size_px) == (2, (160, 120))
    assert "torchvision::roi_align" in count.note
    assert "depend on what the image shows" in count.note


def test_a_bound_method_counts_in_evaluation_mode() -> None:
    class Detector(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))

        def candidates(self, images: list[torch.Tensor]) -> torch.Tensor:
            assert not self.training
            return self.network(torch.stack(images))

    detector = Detector().train()
    count = count_flops(detector.candidates, [torch.rand(3, 6, 8)])
    assert count.flops == 2 * 4 * 6 * 4 * 3 * 9
    assert detector.training
    assert detector.network[1].num_batches_tracked == 0


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda x: torch.linalg.inv(x[0, 0]), "aten::linalg_inv_ex"),
        (
            lambda x: torch.nn.functional.grid_sample(x, x[:, :2].movedim(1, 3), align_corners=False),
            "aten::grid_sampler_2d",
        ),
        (
            lambda x: torchvision.ops.deform_conv2d(x, torch.zeros(1, 2, 8, 8), x[:, :, :1, :1]),
            "torchvision::deform_conv2d",
        ),
        (lambda x: torch.fft.fft(x), "aten::_fft_r2c"),
    ],
)
def test_an_operator_without_a_formula_is_named(function: object, name: str) -> None:
    assert name in count_flops(function, torch.rand(1, 3, 8, 8)).uncounted  # pyright: ignore[reportArgumentType]


def test_other_threads_neither_count_nor_break() -> None:
    network, other = nn.Linear(8, 8), blank("mobilenet_v3_small").eval()
    errors: list[Exception] = []
    finished = threading.Event()

    def busy() -> None:
        try:
            while not finished.is_set():
                other(torch.rand(1, 3, 64, 64))
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        counts = {count_flops(network, torch.rand(4, 8)).flops for _ in range(300)}
    finally:
        finished.set()
        thread.join()
    assert counts == {2 * 4 * 8 * 8}
    assert errors == []


# --- time ---


def test_latency_of_known_samples() -> None:
    timings = iter([Timing(90, 90, 90)] * 2 + [Timing(1, 10 + i, 2) for i in range(21)])
    report = measure(lambda: next(timings), budget=Budget(seconds=60, min_runs=21, max_runs=21, warmup=2))
    totals = [13.0 + i for i in range(21)]
    assert report.samples_ms == pytest.approx(totals)
    assert (report.runs, report.p50_ms, report.p95_ms) == (21, 23.0, pytest.approx(32.0))  # sorted[0.95 * 20]
    assert report.p99_ms == pytest.approx(32.8)
    assert (report.preprocess_ms, report.network_ms, report.postprocess_ms) == (1, 20, 2)
    assert report.threads == torch.get_num_threads()
    assert report.device_name == device_name("cpu") != ""
    assert "p95 of" not in report.note


@given(st.lists(st.floats(0.01, 1e4), min_size=1, max_size=60))
def test_percentiles_are_ordered_and_within_the_samples(samples: list[float]) -> None:
    report = LatencyReport.from_timings([Timing(0, sample, 0) for sample in samples], "cpu")
    assert min(samples) <= report.p50_ms <= report.p95_ms <= report.p99_ms <= max(samples)
    assert report.p50_ms == pytest.approx(float(np.median(samples)))
    assert ("p95 of" in report.note) == (len(samples) < 20)


@pytest.mark.parametrize(
    ("budget", "runs"),
    [(Budget(seconds=0, min_runs=4, warmup=3), 4), (Budget(seconds=1e6, min_runs=1, max_runs=7, warmup=0), 7)],
)
def test_the_budget_decides_how_often(budget: Budget, runs: int) -> None:
    calls, seen = [], []
    report = measure(
        lambda: calls.append(1) or Timing(0, 1, 0),
        budget=budget,
        progress=lambda done, most: seen.append((done, most)),
    )
    assert (report.runs, len(calls)) == (runs, runs + budget.warmup)
    assert seen == [(done, budget.max_runs) for done in range(1, runs + 1)]


def test_garbage_collection_rests_during_the_runs_only() -> None:
    states: list[bool] = []
    measure(lambda: states.append(gc.isenabled()) or Timing(0, 1, 0), budget=Budget(seconds=0))
    assert set(states) == {False}
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError):
        measure(lambda: Timing(0, 1 / 0, 0))
    assert gc.isenabled()


def test_cancelling_keeps_what_was_measured() -> None:
    done: list[int] = []
    report = measure(
        lambda: done.append(1) or Timing(0, 1, 0), budget=Budget(seconds=60, warmup=1), cancelled=lambda: len(done) > 3
    )
    assert report.cancelled
    assert report.runs == 3
    with pytest.raises(VisionError, match="before its first run"):
        measure(lambda: Timing(0, 1, 0), cancelled=lambda: True)


@pytest.mark.parametrize("wrong", [{"min_runs": 0}, {"min_runs": 9, "max_runs": 3}, {"seconds": -1}, {"warmup": -1}])
def test_an_impossible_budget_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(VisionError, match="min_runs"):
        Budget(**wrong)


# --- memory ---


def test_peak_memory_of_known_tensors() -> None:
    kept = torch.empty(1000)

    def step() -> torch.Tensor:
        first = torch.empty(1_000_000)  # 4 MB live
        second = torch.empty(2_000_000)  # 12 MB live: the peak
        del first
        third = torch.empty(500_000)  # 10 MB live
        return second[:1] + third[:1] + kept[:1]

    report = peak_memory(step)
    assert (report.run_bytes, report.resident_bytes) == (12_000_000, 0)
    assert report.peak_bytes == 12_000_000


def test_resident_memory_counts_tied_weights_once_and_buffers_too() -> None:
    encoder, decoder = nn.Linear(10, 20, bias=False), nn.Linear(20, 10, bias=False)
    decoder.weight = nn.Parameter(encoder.weight.data.t())  # a view of the same storage
    network = nn.ModuleList([encoder, decoder, nn.BatchNorm1d(20)])
    norm = 4 * 20 * 4 + 8  # weight, bias, mean and variance in float32, one int64 counter
    assert resident_bytes([network, encoder]) == 10 * 20 * 4 + norm
    assert resident_bytes([network], "cuda") == 0


def test_peak_memory_counts_this_thread_only() -> None:
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            torch.ones(2_000_000)

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        reports = {peak_memory(lambda: torch.ones(1_000_000)).peak_bytes for _ in range(3)}
    finally:
        stop.set()
        thread.join()
    assert reports == {4_000_000}


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the highest resident size is Linux's to tell")
def test_peak_memory_is_of_the_order_of_what_the_process_grows_by() -> None:
    program = """
import re, torch
from pathlib import Path
from torchvision.models import resnet18
from vision_core.costs.memory import peak_memory

def kib(field):
    return int(re.search(field + r":\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])

network, images = resnet18().eval(), torch.rand(8, 3, 224, 224)
with torch.inference_mode():
    network(images[:1, :, :64, :64])                 # libraries and thread pools
    Path("/proc/self/clear_refs").write_text("5")    # the highest size so far is now the present one
    before = kib("VmHWM")
    network(images)
    print((kib("VmHWM") - before) * 1024, peak_memory(lambda: network(images)).run_bytes)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    grown, counted = map(int, run.stdout.split())
    assert 0.5 < grown / counted < 2
    assert run.stderr == ""  # the profiler has nothing to tell the user


def test_memory_of_an_unknown_device_is_unavailable() -> None:
    assert peak_memory(lambda: None, "mps").peak_bytes is None


# --- energy ---


def fake_rapl(folder: Path, energy_uj: int, limit_uj: int = 10_000_000) -> Path:
    zone = folder / "intel-rapl:0"
    for name in (zone, folder / "intel-rapl:0:0"):  # the core, part of the package, must not be added
        name.mkdir(exist_ok=True)
        (name / "max_energy_range_uj").write_text(f"{limit_uj}\n")
        (name / "energy_uj").write_text(f"{energy_uj}\n")
    return zone / "energy_uj"


def test_energy_from_a_counter_that_starts_again(tmp_path: Path) -> None:
    counter = fake_rapl(tmp_path, 9_000_000)

    def step() -> None:  # 3.6 J for two images
        counter.write_text(str((int(counter.read_text()) + 3_600_000) % 10_000_000))

    energy = energy_wh_per_1k(step, images_per_step=2, seconds=0, powercap=tmp_path)
    assert (energy.value, energy.how) == (pytest.approx(0.5), "measured")
    assert "package" in energy.note


@pytest.mark.parametrize("case", ["absent", "unreadable", "standing still"])
def test_energy_is_unavailable_rather_than_zero(case: str, tmp_path: Path) -> None:
    if case != "absent":
        counter = fake_rapl(tmp_path, 5)
        if case == "unreadable":
            counter.unlink()
    energy = energy_wh_per_1k(lambda: None, seconds=0, powercap=tmp_path)
    assert (energy.value, energy.how) == (None, "unavailable")
    assert energy.note


# --- the report ---


@pytest.mark.parametrize(("value", "how"), [(None, "measured"), (1.0, "unavailable")])
def test_a_number_cannot_be_missing_and_measured(value: float | None, how: str) -> None:
    with pytest.raises(ValueError, match="unavailable"):
        Measured(value, how)  # pyright: ignore[reportArgumentType]


def test_a_report_of_a_real_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WHATWHERE_HOME", str(tmp_path))
    network, images = get_model("mobilenet_v3_small", weights=None).eval(), torch.rand(2, 3, 64, 64)
    price = load_prices().find("AWS c7i.large")
    latency = LatencyReport.from_timings([Timing(1, 20, 4)] * 5, "cpu")
    report = build_report(
        Subject(
            model="mobilenet_v3_small",
            device="cpu",
            precision="float32",
            batch_size=2,
            input_size_px=(64, 64),
            parameters=sum(parameter.numel() for parameter in network.parameters()),
        ),
        flops=count_flops(network, images),
        latency=latency,
        memory=peak_memory(lambda: network(images), modules=[network]),
        energy=unavailable("no counter"),
        price=price,
    )
    row = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert {"model", "device", "precision", "batch_size", "input_size_px", "parameters", "flops"} < set(row)
    assert (row["latency_ms_p50"], row["latency_ms_p95"], row["images_per_second"]) == (25, 25, 80)
    assert row["usd_per_million"] == pytest.approx(0.08925 / 3600 / 80 * 1e6)
    assert row["energy_wh_per_1k"] is None
    assert row["how"]["energy_wh_per_1k"] == {"how": "unavailable", "note": "no counter"}
    assert row["how"]["latency_ms_p95"]["how"] == "measured"
    assert "p95 of 5 runs" in row["how"]["latency_ms_p95"]["note"]
    assert row["how"]["usd_per_million"]["how"] == "estimated"
    assert "measured on this machine, priced as AWS c7i.large" in row["how"]["usd_per_million"]["note"]
    assert row["peak_memory_bytes"] > 4 * row["parameters"]


def test_what_was_not_measured_is_said_so() -> None:
    subject = Subject(model="m", device="cpu", precision="float32", batch_size=1, input_size_px=(8, 8), parameters=3)
    row = build_report(subject).to_dict()
    missing = {name for name, origin in row["how"].items() if origin["how"] == "unavailable"}
    assert missing == set(row["how"]) - {"parameters"}
    assert all(row[name] is None and row["how"][name]["note"] for name in missing)


def test_a_count_with_gaps_is_an_estimate() -> None:
    subject = Subject(model="m", device="cpu", precision="float32", batch_size=1, input_size_px=(8, 8), parameters=0)
    count = count_flops(lambda x: torch.linalg.inv(x[0]) @ x[0], torch.rand(3, 8, 8))
    flops = build_report(subject, flops=count).flops
    assert (flops.value, flops.how) == (2 * 8**3, "estimated")
    assert "linalg_inv_ex" in flops.note

"""Measures one cell of a benchmark: loads the network, makes the engine ready, and puts every number in a row.

    bencher = Bencher(plan)
    for cell in plan.cells():
        row = bencher.row(cell)          # always a row: what cannot run says why in `error`

Timed is what a user waits for: from decoded pixels to labels, or to boxes after threshold and suppression. The picture
is a sample photo with several objects, the same in every place of a batch.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import psutil
import torch

from vision_core.costs.bench import BenchPlan, Cell
from vision_core.costs.bench_models import Loaded, load, picture, spec_of
from vision_core.costs.carbon import co2_g_per_1k
from vision_core.costs.energy import energy_wh_per_1k
from vision_core.costs.engine_parts import Predictor, Prepared
from vision_core.costs.engines import prepare
from vision_core.costs.latency import Budget, LatencyReport, device_name, measure
from vision_core.costs.layers import machine_roof, measure_layers
from vision_core.costs.measured import Measured
from vision_core.costs.memory import MemoryReport, peak_memory
from vision_core.costs.prices import Price, load_prices
from vision_core.costs.report import CostReport, Subject, build_report
from vision_core.costs.stream import panning_frames, run_stream
from vision_core.errors import VisionError
from vision_core.predict import ObjectDetector, choose_device
from vision_core.types import Timing

if TYPE_CHECKING:
    from PIL import Image

SCORE, IOU = 0.4, 0.5
"""What suppression keeps, as the Compare page starts with."""
_RUNS_FOR_P99 = 100
_LAYER_RUNS = 3
_ENERGY_S, _STREAM_S = 1.0, 5.0
_NUMBERS = (
    *(name for name, kind in CostReport.__annotations__.items() if kind == "Measured"),
    "latency_ms_p99",
    "activations",
    "size_on_disk_bytes",
    "load_time_s",
    "co2_g_per_1k",
)


class Bencher:
    """Measures the cells of one plan in turn, and keeps a loaded network for the next one.

    Args:
        check: called often; what it raises ends the measurement.
        stage: told what is being done.
    """

    def __init__(
        self,
        plan: BenchPlan,
        check: Callable[[], None] = lambda: None,
        stage: Callable[[str], object] = lambda _: None,
    ) -> None:
        self.plan, self._check, self._stage = plan, check, stage
        self._default_threads = torch.get_num_threads()
        self._key: tuple[Any, ...] = ()
        self._loaded: Loaded | None = None
        self._roofs: dict[tuple[str, int], dict[str, float]] = {}
        prices = load_prices()
        self.price: Price = prices.find(plan.price) if plan.price else prices.entries[0]

    def row(self, cell: Cell) -> dict[str, Any]:
        """What `vision_core.costs.bench` says a row holds; errors of the model or the machine are in `error`."""
        self._check()
        torch.set_num_threads(cell.threads or self._default_threads)
        about = self._about(cell)
        try:
            return about | self._measured(cell) | {"error": ""}
        except VisionError as error:
            return about | _nothing(" ".join(str(error).split()))
        except (MemoryError, RuntimeError, ValueError, TypeError, IndexError, AssertionError, OSError) as error:
            return about | _nothing(_sentence(error, cell))
        finally:
            gc.collect()

    def _about(self, cell: Cell) -> dict[str, Any]:
        spec = spec_of(cell)
        return {
            "model": cell.model,
            "task": spec.task,
            "title": spec.title,
            "device": _device(cell),
            "precision": cell.precision,
            "engine": cell.engine,
            "batch_size": cell.batch_size,
            "threads": torch.get_num_threads(),
            "input_size_px": [spec.preprocessing.size_px] * 2,
            "measured_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        }

    def _load(self, cell: Cell) -> Loaded:
        key = (cell.model, cell.input_size_px, cell.device)
        if self._loaded is None or key != self._key:
            self._loaded = None  # before the next one needs the memory
            self._stage("loading the network")
            self._loaded, self._key = load(cell, self.plan.download, self._check), key
        return self._loaded

    def _measured(self, cell: Cell) -> dict[str, Any]:
        loaded = self._load(cell)
        device = str(loaded.predictor.device)
        images = [picture()] * cell.batch_size
        self._stage("making the engine ready")
        prepared = prepare(loaded.predictor, cell.engine, cell.precision, images)
        self._check()
        predictor = prepared.predictor
        flops, activations = loaded.counted
        self._stage("taking the time")
        began = _Busy()
        latency = measure(
            lambda: run_once(predictor, images),
            budget=Budget(seconds=self.plan.seconds, min_runs=5, max_runs=5000, warmup=3),
            device=device,
            progress=lambda *_: self._check(),
        )
        others = began.others_share()
        self._stage("memory and energy")
        energy = self._energy(predictor, images, latency, device)
        report = build_report(
            _subject(cell, loaded, images, device),
            flops=flops,
            latency=latency,
            memory=self._memory(prepared, loaded, images, device),
            energy=energy,
            price=self.price,
        ).to_dict()
        extra = {
            "latency_ms_p99": Measured(latency.p99_ms, "measured", _p99_note(latency)),
            "activations": Measured(activations, "measured", "outputs of convolutions and products, of one image"),
            "size_on_disk_bytes": _size(prepared, loaded),
            "load_time_s": _load_time(cell, prepared, loaded),
            "co2_g_per_1k": co2_g_per_1k(energy, self.plan.region),
        }
        row = with_numbers(report, extra)
        row["how"]["flops"]["note"] += "; of one image"
        for name in ("latency_ms_p50", "latency_ms_p95", "images_per_second"):
            row["how"][name]["note"] += _conditions(images[0], prepared, loaded, others)
        row |= {
            "samples_ms": [round(sample, 4) for sample in latency.samples_ms],
            "device_name": device_name(device),
            "weights": loaded.weights,
            "others_cpu_share": others,
        }
        return row | self._layers(cell, loaded, images, device) | self._stream(cell, predictor)

    def _memory(self, prepared: Prepared, loaded: Loaded, images: list[Image.Image], device: str) -> MemoryReport:
        if prepared.memory_hidden:
            return MemoryReport(None, 0, None, prepared.memory_hidden)
        self._check()
        return peak_memory(lambda: run_once(prepared.predictor, images), device, [loaded.predictor.folded])

    def _energy(self, predictor: Predictor, images: list[Image.Image], latency: LatencyReport, device: str) -> Measured:
        def step() -> None:
            self._check()
            run_once(predictor, images)

        seconds = min(_ENERGY_S, self.plan.seconds)
        read = energy_wh_per_1k(step, device=device, images_per_step=len(images), seconds=seconds)
        if read.value is not None or not self.plan.watts:
            return read
        wh = self.plan.watts * latency.p50_ms / len(images) / 3600  # milliseconds of one image: seconds of a thousand
        return Measured(wh, "estimated", f"{self.plan.watts:g} W assumed for the time it takes, since {read.note}")

    def _layers(self, cell: Cell, loaded: Loaded, images: list[Image.Image], device: str) -> dict[str, Any]:
        """Time by layer, of the smallest batch with PyTorch as it is: other engines fuse layers."""
        if (cell.engine, cell.precision) != ("eager", "fp32") or cell.batch_size != min(self.plan.batch_sizes):
            return {}
        self._stage("looking into the layers")
        place = (device, torch.get_num_threads())
        if place not in self._roofs:
            self._roofs[place] = machine_roof(device)
        with torch.no_grad():
            inputs = loaded.predictor.inputs(images)
        network = loaded.predictor.folded
        layers = measure_layers(network, inputs, runs=_LAYER_RUNS, device=device, check=self._check)
        return {"layers": [layer.to_dict() for layer in layers], "roof": self._roofs[place]}

    def _stream(self, cell: Cell, predictor: Predictor) -> dict[str, Any]:
        if not self.plan.target_fps or cell.batch_size != 1:
            return {}
        self._stage("playing a stream")
        frames = panning_frames(picture())
        run_once(predictor, frames[:1])

        def step(number: int) -> None:
            run_once(predictor, [frames[number % len(frames)]])

        seconds = max(_STREAM_S, 2 / self.plan.target_fps)
        return {"stream": run_stream(step, self.plan.target_fps, seconds, check=self._check).to_dict()}


def run_once(predictor: Predictor, images: list[Image.Image]) -> Timing:
    """A batch from decoded pixels to the final answers; milliseconds of the whole batch by stage."""
    said = predictor.predict(images)
    share = said[0].timing or Timing()
    began = time.perf_counter()
    if isinstance(predictor, ObjectDetector):
        for candidates in said:
            candidates.select(SCORE, IOU)  # pyright: ignore[reportAttributeAccessIssue]
    suppressed_ms = 1000 * (time.perf_counter() - began)
    count = len(images)
    return Timing(share.preprocess_ms * count, share.network_ms * count, share.postprocess_ms * count + suppressed_ms)


# --- numbers ---


def _subject(cell: Cell, loaded: Loaded, images: list[Image.Image], device: str) -> Subject:
    predictor = loaded.predictor
    with torch.no_grad():
        first: Any = predictor.inputs(images[:1])[0]
    return Subject(
        model=cell.model,
        device=device,
        precision=cell.precision,
        batch_size=cell.batch_size,
        input_size_px=(first.shape[-1], first.shape[-2]),
        parameters=sum(parameter.numel() for parameter in predictor.network.parameters()),
    )


def with_numbers(row: dict[str, Any], numbers: dict[str, Measured]) -> dict[str, Any]:
    """A row with more numbers in it, each with its origin under `how`."""
    how = row["how"] | {name: {"how": number.how, "note": number.note} for name, number in numbers.items()}
    return row | {name: number.value for name, number in numbers.items()} | {"how": how}


def _p99_note(latency: LatencyReport) -> str:
    few = latency.runs < _RUNS_FOR_P99
    return f"{latency.runs} runs" + (f"; p99 of {latency.runs} runs is close to the slowest one" if few else "")


def _conditions(image: Image.Image, prepared: Prepared, loaded: Loaded, others: float) -> str:
    parts = [f"from decoded pixels of {image.width}×{image.height} px"]
    parts += [prepared.note] if prepared.note else []
    if prepared.difference > 0 and math.isfinite(prepared.difference):
        parts.append(f"outputs differ from 32-bit PyTorch's by at most {prepared.difference:.2g} of the largest")
    if loaded.weights == "random":
        said = f"random weights: {loaded.weights_note}"
        if loaded.predictor.spec.task == "detection":
            said += "; they find other boxes than trained ones, so post-processing takes another time"
        parts.append(said)
    if others >= 0.1:
        parts.append(f"other programs took {others:.0%} of the processor meanwhile")
    return "; " + "; ".join(parts)


def _size(prepared: Prepared, loaded: Loaded) -> Measured:
    if prepared.size_bytes is None:
        return loaded.file_bytes
    return Measured(prepared.size_bytes, "measured", "the engine's own file, as written")


def _load_time(cell: Cell, prepared: Prepared, loaded: Loaded) -> Measured:
    if cell.engine == "onnxruntime":
        return Measured(prepared.load_s, "measured", prepared.load_note)
    note = f"building the network and {'making' if loaded.weights == 'random' else 'reading'} its weights"
    if prepared.load_s:
        note += f" {loaded.load_s:.2f} s, {prepared.load_note} {prepared.load_s:.2f} s"
    return Measured(loaded.load_s + prepared.load_s, "measured", note)


def _device(cell: Cell) -> str:
    """Its name as PyTorch says it; one that is not here keeps the name it was given."""
    try:
        return str(choose_device(cell.device or None))
    except VisionError:
        return cell.device


class _Busy:
    """How much of the processor other programs take, from now on."""

    def __init__(self) -> None:
        self._began, self._all, self._own = time.perf_counter(), _busy_s(), _own_s()

    def others_share(self) -> float:
        """0..1 of all cores."""
        wall = (time.perf_counter() - self._began) * (psutil.cpu_count() or 1)
        others = (_busy_s() - self._all) - (_own_s() - self._own)
        return round(min(1.0, max(0.0, others / wall)), 3) if wall > 0 else 0.0


def _busy_s() -> float:
    times = psutil.cpu_times()
    return sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0)


def _own_s() -> float:
    times = psutil.Process().cpu_times()
    return times.user + times.system


# --- what cannot run ---


def _nothing(reason: str) -> dict[str, Any]:
    """A row's numbers where there are none."""
    how = {name: {"how": "unavailable", "note": reason} for name in _NUMBERS}
    return {**dict.fromkeys(_NUMBERS), "uncounted_ops": [], "samples_ms": [], "device_name": "", "weights": ""} | {
        "others_cpu_share": None,
        "how": how,
        "error": reason,
    }


def _sentence(error: BaseException, cell: Cell) -> str:
    """Why a network cannot run so, from an error of the libraries."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = lines[0][:200] if lines else type(error).__name__
    out_of_memory = isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "not enough memory" in said
    if out_of_memory:
        return f"There is too little memory for a batch of {cell.batch_size}; try a smaller one, or smaller inputs."
    return f"The network cannot run with these settings ({type(error).__name__}: {said})."

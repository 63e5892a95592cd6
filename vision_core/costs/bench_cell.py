"""Measures one cell of a benchmark: loads the network, makes the engine ready, and puts every number in a row.

    bencher = Bencher(plan)
    for cell in plan.cells():
        row = bencher.row(cell)          # always a row: what cannot run says why in `error`

Timed is what a user waits for: from decoded pixels to labels, or to boxes after threshold and suppression. The picture
is a sample photo with several objects, the same in every place of a batch.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from datetime import datetime, timezone
from statistics import median
from typing import TYPE_CHECKING, Any

import torch

from vision_core.costs.bench import BenchPlan, Cell, pipeline_parts
from vision_core.costs.bench_models import load, picture, spec_of
from vision_core.costs.bench_pipeline import LoadedPipeline, load_pipeline, specs_of
from vision_core.costs.bench_run import TwoStageTiming, run_once
from vision_core.costs.busy import Busy
from vision_core.costs.carbon import co2_g_per_1k
from vision_core.costs.cell_numbers import (
    AnyLoaded,
    conditions,
    load_time,
    nothing,
    p99_note,
    sentence,
    size_on_disk,
    with_numbers,
)
from vision_core.costs.energy import energy_wh_per_1k
from vision_core.costs.engine_parts import AnyPredictor, Pipeline, Prepared
from vision_core.costs.latency import Budget, LatencyReport, device_name, measure
from vision_core.costs.layers import machine_roof, measure_layers
from vision_core.costs.measured import Measured
from vision_core.costs.memory import MemoryReport, peak_memory
from vision_core.costs.prices import Price, load_prices
from vision_core.costs.report import Subject, build_report
from vision_core.costs.stream import panning_frames, run_stream
from vision_core.errors import VisionError
from vision_core.predict import choose_device
from vision_core.types import Timing

if TYPE_CHECKING:
    from PIL import Image

_LAYER_RUNS = 3
_ENERGY_S, _STREAM_S = 1.0, 5.0


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
        self._loaded: AnyLoaded | None = None
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
            return about | nothing(" ".join(str(error).split()))
        except (MemoryError, RuntimeError, ValueError, TypeError, IndexError, AssertionError, OSError) as error:
            return about | nothing(sentence(error, cell))
        finally:
            gc.collect()

    def _about(self, cell: Cell) -> dict[str, Any]:
        is_pipeline = pipeline_parts(cell.model) is not None
        specs = specs_of(cell) if is_pipeline else (spec_of(cell),)
        return {
            "model": cell.model,
            "task": "two-stage" if is_pipeline else specs[0].task,
            "title": " > ".join(spec.title.partition(" (")[0] if is_pipeline else spec.title for spec in specs),
            "device": _device(cell),
            "precision": cell.precision,
            "engine": cell.engine,
            "batch_size": cell.batch_size,
            "threads": torch.get_num_threads(),
            "input_size_px": [specs[0].preprocessing.size_px] * 2,
            "measured_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        }

    def _load(self, cell: Cell) -> AnyLoaded:
        key = (cell.model, cell.input_size_px, cell.device, cell.crops)
        if self._loaded is None or key != self._key:
            self._loaded = None  # before the next one needs the memory
            self._stage("loading the network")
            make = load_pipeline if pipeline_parts(cell.model) else load
            self._loaded, self._key = make(cell, self.plan.download, self._check), key
        return self._loaded

    def _measured(self, cell: Cell) -> dict[str, Any]:
        loaded = self._load(cell)
        device = str(loaded.predictor.device)
        images = [picture()] * cell.batch_size
        self._stage("making the engine ready")
        prepared = loaded.prepare(cell.engine, cell.precision, images)
        self._check()
        predictor = prepared.predictor
        self._stage("taking the time")
        began, passes = Busy(), _Passes(predictor, images)
        latency = measure(
            passes.step,
            budget=Budget(seconds=self.plan.seconds, min_runs=5, max_runs=5000, warmup=3),
            device=device,
            progress=lambda *_: self._check(),
        )
        others = began.others_share()
        self._stage("memory and energy")
        energy = self._energy(predictor, images, latency, device)
        flops, activations = loaded.counted
        report = build_report(
            _subject(cell, loaded, device),
            flops=flops,
            latency=latency,
            memory=self._memory(prepared, loaded, images, device),
            energy=energy,
            price=self.price,
        ).to_dict()
        numbers = passes.halves(latency.runs) | {
            "latency_ms_p99": Measured(latency.p99_ms, "measured", p99_note(latency)),
            "activations": Measured(activations, "measured", "outputs of convolutions and products, of one image"),
            "size_on_disk_bytes": size_on_disk(prepared, loaded),
            "load_time_s": load_time(cell, prepared, loaded),
            "co2_g_per_1k": co2_g_per_1k(energy, self.plan.region),
        }
        row = _explained(with_numbers(report, numbers), loaded, conditions(images[0], prepared, loaded, others))
        row |= _crops(predictor) | {
            "samples_ms": [round(sample, 4) for sample in latency.samples_ms],
            "device_name": device_name(device),
            "weights": loaded.weights,
            "others_cpu_share": others,
        }
        return row | self._layers(cell, loaded, images, device) | self._stream(cell, predictor)

    def _memory(
        self, prepared: Prepared[Any], loaded: AnyLoaded, images: list[Image.Image], device: str
    ) -> MemoryReport:
        if prepared.memory_hidden:
            return MemoryReport(None, 0, None, prepared.memory_hidden)
        self._check()
        return peak_memory(lambda: run_once(prepared.predictor, images), device, loaded.networks)

    def _energy(
        self, predictor: AnyPredictor, images: list[Image.Image], latency: LatencyReport, device: str
    ) -> Measured:
        def step() -> None:
            self._check()
            run_once(predictor, images)

        seconds = min(_ENERGY_S, self.plan.seconds)
        read = energy_wh_per_1k(step, device=device, images_per_step=len(images), seconds=seconds)
        if read.value is not None or not self.plan.watts:
            return read
        wh = self.plan.watts * latency.p50_ms / len(images) / 3600  # milliseconds of one image: seconds of a thousand
        return Measured(wh, "estimated", f"{self.plan.watts:g} W assumed for the time it takes, since {read.note}")

    def _layers(self, cell: Cell, loaded: AnyLoaded, images: list[Image.Image], device: str) -> dict[str, Any]:
        """Time by layer, of the smallest batch with PyTorch as it is: other engines fuse layers."""
        if (cell.engine, cell.precision) != ("eager", "fp32") or cell.batch_size != min(self.plan.batch_sizes):
            return {}
        if isinstance(loaded, LoadedPipeline):  # each of its networks has layers of its own
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

    def _stream(self, cell: Cell, predictor: AnyPredictor) -> dict[str, Any]:
        if not self.plan.target_fps or cell.batch_size != 1:
            return {}
        self._stage("playing a stream")
        frames = panning_frames(picture())
        run_once(predictor, frames[:1])

        def step(number: int) -> None:
            run_once(predictor, [frames[number % len(frames)]])

        seconds = max(_STREAM_S, 2 / self.plan.target_fps)
        return {"stream": run_stream(step, self.plan.target_fps, seconds, check=self._check).to_dict()}


# --- numbers ---


class _Passes:
    """Runs a batch again and again, and keeps what each half of a pipeline took."""

    def __init__(self, predictor: AnyPredictor, images: list[Image.Image]) -> None:
        self._predictor, self._images = predictor, images
        self._halves: list[tuple[float, float]] = []

    def step(self) -> Timing:
        timing = run_once(self._predictor, self._images)
        if isinstance(timing, TwoStageTiming):
            self._halves.append((timing.detect_ms, timing.classify_ms))
        return timing

    def halves(self, runs: int) -> dict[str, Measured]:
        """Medians of the last `runs`, which are those that were timed; nothing where there are no halves."""
        if not self._halves:
            return {}
        medians = [median(values) for values in zip(*self._halves[-runs:], strict=True)]
        note = f"median of {runs} runs, of a whole batch"
        names = ("detect_ms", "classify_ms")
        return {name: Measured(value, "measured", note) for name, value in zip(names, medians, strict=True)}


def _explained(row: dict[str, Any], loaded: AnyLoaded, under: str) -> dict[str, Any]:
    """With the conditions in the notes of what rests on them."""
    row["how"]["flops"]["note"] += "; of one image"
    if isinstance(loaded, LoadedPipeline):
        row["how"]["flops"]["note"] += f": {loaded.note}"
    for name in ("latency_ms_p50", "latency_ms_p95", "images_per_second"):
        row["how"][name]["note"] += under
    return row


def _crops(predictor: AnyPredictor) -> dict[str, int]:
    return {"crops": predictor.crops} if isinstance(predictor, Pipeline) else {}


def _subject(cell: Cell, loaded: AnyLoaded, device: str) -> Subject:
    return Subject(
        model=cell.model,
        device=device,
        precision=cell.precision,
        batch_size=cell.batch_size,
        input_size_px=loaded.input_size_px,
        parameters=loaded.parameters,
    )


def _device(cell: Cell) -> str:
    """Its name as PyTorch says it; one that is not here keeps the name it was given."""
    try:
        return str(choose_device(cell.device or None))
    except VisionError:
        return cell.device

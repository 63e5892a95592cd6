"""What stands in a benchmark's row beside the numbers: on what each rests, or why it is missing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from vision_core.costs.bench import Cell
from vision_core.costs.bench_models import Loaded
from vision_core.costs.bench_pipeline import LoadedPipeline
from vision_core.costs.engine_parts import Prepared
from vision_core.costs.latency import LatencyReport
from vision_core.costs.measured import Measured
from vision_core.costs.report import CostReport

if TYPE_CHECKING:
    from PIL import Image

AnyLoaded = Loaded | LoadedPipeline
_RUNS_FOR_P99 = 100
_NUMBERS = (
    *(name for name, kind in CostReport.__annotations__.items() if kind == "Measured"),
    "latency_ms_p99",
    "activations",
    "size_on_disk_bytes",
    "load_time_s",
    "co2_g_per_1k",
)


def with_numbers(row: dict[str, Any], numbers: dict[str, Measured]) -> dict[str, Any]:
    """A row with more numbers in it, each with its origin under `how`."""
    how = row["how"] | {name: {"how": number.how, "note": number.note} for name, number in numbers.items()}
    return row | {name: number.value for name, number in numbers.items()} | {"how": how}


def p99_note(latency: LatencyReport) -> str:
    few = latency.runs < _RUNS_FOR_P99
    return f"{latency.runs} runs" + (f"; p99 of {latency.runs} runs is close to the slowest one" if few else "")


def conditions(image: Image.Image, prepared: Prepared[Any], loaded: AnyLoaded, others: float) -> str:
    parts = [f"from decoded pixels of {image.width}×{image.height} px"]
    parts += [prepared.note] if prepared.note else []
    if prepared.difference > 0 and math.isfinite(prepared.difference):
        parts.append(f"outputs differ from 32-bit PyTorch's by at most {prepared.difference:.2g} of the largest")
    if loaded.weights == "random":
        said = f"random weights: {loaded.weights_note}"
        if loaded.finds_other_boxes:
            said += "; they find other boxes than trained ones, so post-processing takes another time"
        parts.append(said)
    if others >= 0.1:
        parts.append(f"other programs took {others:.0%} of the processor meanwhile")
    return "; " + "; ".join(parts)


def size_on_disk(prepared: Prepared[Any], loaded: AnyLoaded) -> Measured:
    if prepared.size_bytes is None:
        return loaded.file_bytes
    return Measured(prepared.size_bytes, "measured", "the engine's own file, as written")


def load_time(cell: Cell, prepared: Prepared[Any], loaded: AnyLoaded) -> Measured:
    if cell.engine == "onnxruntime":
        return Measured(prepared.load_s, "measured", prepared.load_note)
    note = f"building the network and {'making' if loaded.weights == 'random' else 'reading'} its weights"
    if prepared.load_s:
        note += f" {loaded.load_s:.2f} s, {prepared.load_note} {prepared.load_s:.2f} s"
    return Measured(loaded.load_s + prepared.load_s, "measured", note)


# --- what cannot run ---


def nothing(reason: str) -> dict[str, Any]:
    """A row's numbers where there are none."""
    how = {name: {"how": "unavailable", "note": reason} for name in _NUMBERS}
    return {**dict.fromkeys(_NUMBERS), "uncounted_ops": [], "samples_ms": [], "device_name": "", "weights": ""} | {
        "others_cpu_share": None,
        "how": how,
        "error": reason,
    }


def sentence(error: BaseException, cell: Cell) -> str:
    """Why a network cannot run so, from an error of the libraries."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = lines[0][:200] if lines else type(error).__name__
    out_of_memory = isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "not enough memory" in said
    if out_of_memory:
        return f"There is too little memory for a batch of {cell.batch_size}; try a smaller one, or smaller inputs."
    return f"The network cannot run with these settings ({type(error).__name__}: {said})."

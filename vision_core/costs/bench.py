"""What a benchmark is asked for: models and conditions, every combination of which is one cell, and one row of results.

    plan = BenchPlan(("tf_efficientnet_lite0", "ssdlite_mobilenet_v2_coco"), batch_sizes=(1, 8))
    [cell.words for cell in plan.cells()]
    BenchPlan(("ssdlite_mobilenet_v2_coco>tf_efficientnet_lite0",), crops=3)     # detect-then-classify, as one thing

Nothing here imports torch. `bench_store` starts a plan in a process of its own; `bench_cell` measures one cell.

A row is what `CostReport.to_dict()` says (`model`, `device`, `precision`, `batch_size`, `input_size_px` as width and
height, `parameters`, `flops`, `uncounted_ops`, `latency_ms_p50`, `latency_ms_p95`, `preprocess_ms`, `network_ms`,
`postprocess_ms`, `images_per_second`, `peak_memory_bytes`, `energy_wh_per_1k`, `usd_per_million`, `how`), and

    task, title, engine, threads, device_name, measured_at (ISO 8601, UTC)
    latency_ms_p99, samples_ms      as all latencies, of a whole batch, from decoded pixels to the final answer
    activations                     elements that convolutions and products put out, one image
    size_on_disk_bytes, load_time_s, co2_g_per_1k
    weights                         "published", "trained" (a run's) or "random" (speed alone means something)
    others_cpu_share                0..1: what other programs took of this machine's processor meanwhile
    layers, roof                    of eager fp32 cells: time and arithmetic by layer (`layers.Layer`), and what this
                                    machine can reach (`flops_per_second`, `bytes_per_second`)
    stream                          where the plan has a `target_fps`: see `stream.StreamReport.to_dict`
    error                           "" or one sentence on why this cell cannot run; its numbers are null then
    crops, detect_ms, classify_ms   of a pipeline: objects of each picture that the classifier looks at, and the median
                                    time of each half, of a whole batch; its `input_size_px` is the detector's

`flops` and `activations` are of one image whatever the batch, so that they compare with published figures. A
pipeline's parameters, arithmetic, memory, size and loading time are those of both networks, the classifier's
arithmetic once for each crop.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal, get_args

from vision_core.errors import SettingsError
from vision_core.plain_values import made_from

BenchPrecision = Literal["fp32", "bf16", "int8"]
Engine = Literal["eager", "compile", "onnxruntime"]
PRECISIONS: tuple[str, ...] = get_args(BenchPrecision)
ENGINES: tuple[str, ...] = get_args(Engine)
TITLES = {
    "fp32": "32-bit floats",
    "bf16": "bfloat16 where it pays (autocast)",
    "int8": "8-bit integers (dynamic quantisation)",
    "eager": "PyTorch",
    "compile": "torch.compile",
    "onnxruntime": "ONNX Runtime",
}
"""How people call a precision or an engine."""
MAX_CELLS = 1000
ARROW = ">"
"""Stands between a pipeline's detector and classifier."""
_LIMITS = {
    "batch_sizes": (1, 1024),
    "input_sizes_px": (16, 4096),
    "threads": (1, 1024),
    "seconds": (0.0, 600.0),
    "watts": (0.0, 20_000.0),
    "target_fps": (0.0, 1000.0),
    "crops": (0, 1000),
}


@dataclass(frozen=True)
class Cell:
    """One combination of a plan.

    Attributes:
        model: a catalogue name or a run's folder, or two of them as a pipeline, see `pipeline_parts`.
        input_size_px: edge of the network's input, None: the model's own; of a pipeline, the detector's.
        threads: of the CPU, None: as many as PyTorch takes by itself.
        device: "" is the best one of this machine.
        crops: of a pipeline, as in `BenchPlan`.
    """

    model: str
    device: str = "cpu"
    input_size_px: int | None = None
    precision: str = "fp32"
    engine: str = "eager"
    threads: int | None = None
    batch_size: int = 1
    crops: int = 0

    @property
    def words(self) -> str:
        """For a progress bar."""
        parts = [short_name(self.model), f"batch {self.batch_size}"]
        parts += [f"{self.input_size_px} px"] if self.input_size_px else []
        parts += [self.precision, TITLES[self.engine]]
        parts += [f"{self.threads} thread{'s' * (self.threads != 1)}"] if self.threads else []
        return ", ".join([*parts, *([self.device] if self.device else [])])


@dataclass(frozen=True)
class BenchPlan:
    """What to measure: every combination of the listed conditions, for each model.

    Attributes:
        models: catalogue names and run folders, of both tasks, and pipelines of a detector and a classifier.
        input_sizes_px: none: each model's own; a pipeline's classifier keeps its own.
        threads: none: PyTorch's choice. devices: "" is the best one here.
        seconds: how long each cell is timed, after warming up; slow ones run at least five times.
        region: whose electricity the grams of CO2 are of, see `carbon.list_regions`; "": none.
        price: the entry of the price list for `usd_per_million`; "": its first.
        watts: what the machine is assumed to draw where no counter can be read; 0: energy stays unavailable.
        target_fps: above 0 each cell of batch 1 is also run on a video-like stream of so many frames a second.
        download: fetch published weights that are not on disk; otherwise such models run with random ones.
        crops: objects of each picture that a pipeline's classifier looks at; 0: as many as its detector finds in the
            picture that is measured with.

    Raises:
        SettingsError: a value outside what is allowed, or more than `MAX_CELLS` combinations.
    """

    models: tuple[str, ...]
    batch_sizes: tuple[int, ...] = (1,)
    input_sizes_px: tuple[int, ...] = ()
    precisions: tuple[str, ...] = ("fp32",)
    threads: tuple[int, ...] = ()
    devices: tuple[str, ...] = ("cpu",)
    engines: tuple[str, ...] = ("eager",)
    seconds: float = 2.0
    region: str = ""
    price: str = ""
    watts: float = 0.0
    target_fps: float = 0.0
    download: bool = False
    crops: int = 0

    def __post_init__(self) -> None:
        for name in _LISTS:
            values = getattr(self, name)
            if isinstance(values, str) or not hasattr(values, "__iter__"):
                raise SettingsError(f"{name} is {values!r}; give a list.")
            object.__setattr__(self, name, tuple(dict.fromkeys(values)))
        for name in ("models", "batch_sizes", "precisions", "devices", "engines"):
            if not getattr(self, name):
                raise SettingsError(f"{name} is empty: there is nothing to measure.")
        for name in ("models", "devices"):
            _check_texts(name, getattr(self, name))
        for model in self.models:
            pipeline_parts(model)
        for name in ("batch_sizes", "input_sizes_px", "threads"):
            _check_wholes(name, getattr(self, name))
        _check_wholes("crops", (self.crops,))
        for name in ("seconds", "watts", "target_fps"):
            _check_number(name, getattr(self, name))
        _check_known("precision", self.precisions, PRECISIONS)
        _check_known("engine", self.engines, ENGINES)
        if (count := self._count()) > MAX_CELLS:
            raise SettingsError(f"{count} combinations are more than {MAX_CELLS}; ask for fewer at a time.")

    def _count(self) -> int:
        lists = (getattr(self, name) for name in _LISTS)
        return math.prod(max(1, len(values)) for values in lists)

    def cells(self) -> Iterator[Cell]:
        """Every combination; what shares a loaded network follows one another."""
        sizes: tuple[int | None, ...] = self.input_sizes_px or (None,)
        threads: tuple[int | None, ...] = self.threads or (None,)
        ways = product(self.models, self.devices, sizes, self.precisions, self.engines, threads, self.batch_sizes)
        return (Cell(*way, crops=self.crops if pipeline_parts(way[0]) else 0) for way in ways)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> BenchPlan:
        """The plan that `to_json` wrote.

        Raises:
            SettingsError: a name or value is not one of a plan.
        """
        return made_from(cls, values, "benchmark")


def pipeline_parts(model: str) -> tuple[str, str] | None:
    """Detector and classifier of a pipeline; None for a model alone, and for a folder whose name has such a sign.

    >>> pipeline_parts("ssdlite_mobilenet_v2_coco > resnet18"), pipeline_parts("resnet18")
    (('ssdlite_mobilenet_v2_coco', 'resnet18'), None)

    Raises:
        SettingsError: not two names.
    """
    if ARROW not in model or Path(model).is_dir():
        return None
    names = [name.strip() for name in model.split(ARROW)]
    if len(names) != 2 or not all(names):
        raise SettingsError(f"{model!r} is no pipeline; write it as DETECTOR{ARROW}CLASSIFIER.")
    return names[0], names[1]


def short_name(model: str) -> str:
    """What to call a model of a plan in a list: of a run, its folder's name.

    >>> short_name("/runs/mine>resnet18"), short_name("resnet18")
    ('mine > resnet18', 'resnet18')
    """
    if parts := pipeline_parts(model):
        return f" {ARROW} ".join(short_name(part) for part in parts)
    return Path(model).name if "/" in model else model


_LISTS = ("models", "batch_sizes", "input_sizes_px", "precisions", "threads", "devices", "engines")


def _check_texts(name: str, values: tuple[Any, ...]) -> None:
    for value in values:
        if not isinstance(value, str) or (name == "models" and not value):
            raise SettingsError(f"{name} holds {value!r}; give names.")


def _check_wholes(name: str, values: tuple[Any, ...]) -> None:
    low, high = _LIMITS[name]
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise SettingsError(f"{name} holds {value!r}; allowed are whole numbers from {low} to {high}.")


def _check_number(name: str, value: Any) -> None:
    low, high = _LIMITS[name]
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not low <= value <= high:  # also false for NaN
        raise SettingsError(f"{name} is {value!r}; allowed is a number from {low:g} to {high:g}.")


def _check_known(what: str, values: tuple[Any, ...], known: tuple[str, ...]) -> None:
    for value in values:
        if value not in known:
            raise SettingsError(f"There is no {what} {value!r}; there are {', '.join(known)}.")

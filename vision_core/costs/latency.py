"""How long one run takes on this machine: repeated, warmed up, synchronised, and told as percentiles.

One line of usage:

    measure(lambda: classifier.predict([pixels])[0].timing).p95_ms
"""

from __future__ import annotations

import gc
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from vision_core.errors import VisionError
from vision_core.types import Timing

# With fewer runs the 95th percentile lies between the two slowest ones: one hiccup decides it.
_RUNS_FOR_P95 = 20


@dataclass(frozen=True)
class Budget:
    """How often to run: at least `min_runs`, then until `seconds` are spent, at most `max_runs`; `warmup` runs go
    before and do not count (nor does their time)."""

    seconds: float = 2.0
    min_runs: int = 5
    max_runs: int = 50
    warmup: int = 2

    def __post_init__(self) -> None:
        if not (self.seconds >= 0 and self.warmup >= 0 and 1 <= self.min_runs <= self.max_runs):
            raise VisionError(f"A budget needs 1 <= min_runs <= max_runs and nothing negative, not {self}.")


@dataclass(frozen=True)
class LatencyReport:
    """Milliseconds of one run, over all runs.

    Attributes:
        samples_ms: total of each run, in the order they ran.
        p50_ms, p95_ms, p99_ms: percentiles of the totals, interpolated linearly (NumPy's `method="linear"`).
        preprocess_ms, network_ms, postprocess_ms: median of each stage; medians need not add up to `p50_ms`.
        device_name: the processor that ran it; `threads`: CPU threads PyTorch was given.
        cancelled: stopped early at the caller's wish.
    """

    samples_ms: tuple[float, ...]
    p50_ms: float
    p95_ms: float
    p99_ms: float
    preprocess_ms: float
    network_ms: float
    postprocess_ms: float
    device_name: str
    threads: int
    cancelled: bool = False

    @property
    def runs(self) -> int:
        return len(self.samples_ms)

    @property
    def note(self) -> str:
        """The conditions in words, and a warning when the tail rests on few runs."""
        where = f"{self.runs} runs on {self.device_name}, {self.threads} CPU thread{'s' * (self.threads != 1)}"
        weak = f"; p95 of {self.runs} runs is close to the slowest one" if self.runs < _RUNS_FOR_P95 else ""
        return where + weak

    @classmethod
    def from_timings(cls, timings: list[Timing], device: str, cancelled: bool = False) -> LatencyReport:
        """Summarise at least one run."""
        stages = np.asarray([(t.preprocess_ms, t.network_ms, t.postprocess_ms) for t in timings], np.float64)
        totals = stages.sum(axis=1)
        p50, p95, p99 = (float(value) for value in np.percentile(totals, [50, 95, 99], method="linear"))
        preprocess, network, postprocess = (float(value) for value in np.median(stages, axis=0))
        return cls(
            samples_ms=tuple(float(total) for total in totals),
            p50_ms=p50,
            p95_ms=p95,
            p99_ms=p99,
            preprocess_ms=preprocess,
            network_ms=network,
            postprocess_ms=postprocess,
            device_name=device_name(device),
            threads=torch.get_num_threads(),
            cancelled=cancelled,
        )


def device_name(device: str = "cpu") -> str:
    """What people call the processor, e.g. "AMD EPYC 7B13" or "NVIDIA L4"."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name(torch.device(device))
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(errors="replace").splitlines() if cpuinfo.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine() or "unknown processor"


def synchronize(device: str) -> None:
    """Wait until the device has finished what was queued; a CPU has nothing queued."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(torch.device(device))


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def measure(
    step: Callable[[], Timing],
    *,
    budget: Budget | None = None,
    device: str = "cpu",
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> LatencyReport:
    """Run `step` repeatedly and report percentiles of what it says it took.

    Args:
        step: one run; returns its own `Timing`. On CUDA it must synchronise before it stops its clock.
        budget: how often; the default is 5 to 50 runs in about 2 s after 2 warm-up runs.
        device: the device `step` uses; CUDA is synchronised between runs.
        progress: called with (runs done, most runs there can be) after each run.
        cancelled: asked before each run; when it says True the report covers the runs so far.

    Python's garbage collector is paused meanwhile, so that no run pays for the others.

    Raises:
        VisionError: cancelled before the first run was done.
    """
    budget = budget or Budget()
    stop = cancelled or (lambda: False)
    timings: list[Timing] = []
    stopped = False
    with _no_garbage_collection():
        for _ in range(budget.warmup):
            if stop():
                break
            step()
            synchronize(device)
        began = time.perf_counter()
        while len(timings) < budget.max_runs:
            if len(timings) >= budget.min_runs and time.perf_counter() - began >= budget.seconds:
                break
            if stopped := stop():
                break
            timings.append(step())
            synchronize(device)
            if progress:
                progress(len(timings), budget.max_runs)
    if not timings:
        raise VisionError("The measurement was cancelled before its first run; start it again to get figures.")
    return LatencyReport.from_timings(timings, device, stopped)

"""How much tensor memory one run needs at its fullest moment.

*Tensor memory* is what tensors occupy: weights, inputs made during the run, activations. It is exact, repeatable and
comparable between a CPU and a GPU. It is not the process's resident set (RSS), which adds Python, the libraries
(hundreds of MB), scratch space of the kernels, decoded images held by Pillow or NumPy, and what the allocator keeps.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

# PyTorch's profiler serves one caller at a time, whatever the thread.
_profiler_lock = threading.Lock()


@dataclass(frozen=True)
class MemoryReport:
    """Tensor memory of one run.

    Attributes:
        peak_bytes: `resident_bytes + run_bytes`, or None where the device cannot tell.
        resident_bytes: parameters and buffers on the device, each storage once.
        run_bytes: most that tensors made during the run occupied at one moment.
        how: the method in words.
    """

    peak_bytes: int | None
    resident_bytes: int
    run_bytes: int | None
    how: str


def resident_bytes(modules: Iterable[nn.Module], device: str = "cpu") -> int:
    """Bytes of the parameters and buffers that live on `device`; tied weights count once."""
    storages = {
        tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes()
        for module in modules
        for tensor in (*module.parameters(), *module.buffers())
        if tensor.device.type == torch.device(device).type
    }
    return sum(storages.values())


def peak_memory(step: Callable[[], object], device: str = "cpu", modules: Iterable[nn.Module] = ()) -> MemoryReport:
    """Run `step` once (warm it up before) and report the most tensor memory it held.

    Args:
        step: one run; what it allocates from this thread counts.
        device: where its tensors live. On CUDA, memory that other threads use meanwhile counts too.
        modules: the networks it uses; their weights are there already and are added.
    """
    resident = resident_bytes(modules, device)
    kind = torch.device(device).type
    if kind == "cuda":
        run, how = _cuda_peak(step, torch.device(device)), "tensor memory: weights plus the CUDA allocator's peak"
    elif kind == "cpu":
        run, how = _cpu_peak(step), "tensor memory: weights plus the peak of allocations replayed from the profiler"
    else:
        return MemoryReport(None, resident, None, f"PyTorch does not record peak memory on {kind}")
    return MemoryReport(resident + run, resident, run, how)


def _cuda_peak(step: Callable[[], object], device: torch.device) -> int:
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    step()
    torch.cuda.synchronize(device)
    return max(torch.cuda.max_memory_allocated(device) - before, 0)


def _cpu_peak(step: Callable[[], object]) -> int:
    """Replay of every allocation (+) and release (-) PyTorch's CPU allocator saw from this thread.

    Blocks that were allocated before and are freed during the run count as negative: the peak is over what was live
    when it began.
    """
    # Kineto, the profiler's back end, writes to standard error that there is no GPU; nobody asked.
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    with _profiler_lock, profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        step()
    results = profiler.profiler.kineto_results if profiler.profiler else None
    recorded: list[Any] = results.events() if results else []
    events = [event for event in recorded if event.name() == "[memory]" and event.device_type().name == "CPU"]
    live = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        live += event.nbytes()
        peak = max(peak, live)
    return peak

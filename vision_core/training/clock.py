"""What training costs while it runs: pictures a second, time spent waiting for pictures, memory, time left."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil
import torch

LOOK_S = 1.0
"""So often the GPU is asked how busy it is."""


@dataclass(frozen=True)
class Progress:
    """How far a run is: epochs and steps from 1.

    Attributes:
        loss: of the last step.
        images_per_second: of this epoch so far; data_wait: share of its time spent waiting for pictures.
        seconds_left: of the whole run, judging included, None before anything is known.
        memory_bytes: at its peak, of the GPU where there is one, else of the process.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    learning_rate: float
    images_per_second: float
    data_wait: float
    seconds_left: float | None
    memory_bytes: int


class Clock:
    """The time of one epoch.

    Args:
        judging_s: seconds that judging took at the end of the last epoch, 0 when unknown.
    """

    def __init__(self, device: torch.device, judging_s: float = 0.0) -> None:
        self._device, self.judging_s = device, judging_s
        self._began = time.perf_counter()
        self._waited = self._trained = 0.0
        self._pictures = 0
        self._mark = self._looked_at = self._began
        self._in_use: list[float] = []
        self._process = psutil.Process()
        self._process.cpu_percent()  # what is asked next counts from here
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Around the wait for the next batch."""
        started = time.perf_counter()
        yield
        self._waited += time.perf_counter() - started

    def stepped(self, pictures: int) -> None:
        """A step with so many pictures, of all processes together, is done."""
        now = time.perf_counter()
        self._pictures += pictures
        self._trained, self._mark = self._trained + now - self._mark, now
        if self._device.type == "cuda" and now - self._looked_at > LOOK_S:
            self._looked_at = now
            self._look()

    def resumed(self) -> None:
        """What was done since the last step (a checkpoint) does not count as training."""
        self._mark = time.perf_counter()

    @property
    def images_per_second(self) -> float:
        return self._pictures / self._trained if self._trained else 0.0

    @property
    def data_wait(self) -> float:
        return min(1.0, self._waited / self._trained) if self._trained else 0.0

    def seconds_left(self, pictures_left: int, epochs_left: int) -> float | None:
        """An estimate for that many more pictures, and judging after each epoch."""
        rate = self.images_per_second
        return pictures_left / rate + epochs_left * self.judging_s if rate else None

    def memory_bytes(self) -> int:
        """The peak so far."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device)
        if sys.platform == "win32":
            return self._process.memory_info().peak_wset
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024

    def record(self) -> dict[str, Any]:
        """The epoch's figures, for its record."""
        found: dict[str, Any] = {
            "images_per_second": self.images_per_second,
            "data_wait": self.data_wait,
            "seconds": time.perf_counter() - self._began,
            "judging_seconds": self.judging_s,
            "peak_memory_bytes": self.memory_bytes(),
            "cpu_share": self._process.cpu_percent() / 100,
        }
        if self._in_use:
            found["gpu_share"] = sum(self._in_use) / len(self._in_use)
        return found

    def _look(self) -> None:
        """How busy the GPU was in the last moments, as its driver says (NVML)."""
        try:
            self._in_use.append(torch.cuda.utilization(self._device) / 100)
        except Exception:  # NVML's errors are classes of its own; not every GPU has this figure
            self._looked_at = float("inf")

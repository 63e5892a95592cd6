"""How much of the processor other programs take while something is measured.

busy = Busy()
…
busy.others_share()
"""

from __future__ import annotations

import time

import psutil


class Busy:
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

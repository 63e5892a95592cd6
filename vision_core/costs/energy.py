"""Energy of one run, from the counters a machine may have; where it has none, the reason instead of a number.

On a CPU: RAPL through `/sys/class/powercap` (the whole processor package, other programs included; most systems let
only root read it). On an NVIDIA GPU: NVML's total energy counter (the whole board, Volta or newer, needs the
`nvidia-ml-py` package). The host around a GPU is not counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import torch

from vision_core.costs.measured import Measured, unavailable

POWERCAP = Path("/sys/class/powercap")
_JOULES_PER_WH = 3600.0


class _NoCounter(Exception):
    """Why the machine cannot tell."""


def energy_wh_per_1k(
    step: Callable[[], object],
    *,
    device: str = "cpu",
    images_per_step: int = 1,
    seconds: float = 1.0,
    powercap: Path = POWERCAP,
) -> Measured:
    """Watt-hours a thousand images take, with what the processor draws anyway.

    Args:
        step: one run on `images_per_step` images; repeated for at least `seconds`, since the counters are coarse.
        device: whose counter to read. powercap: folder of the RAPL counters.
    """
    try:
        read, source = _gpu_counter(device) if torch.device(device).type == "cuda" else _rapl_counter(powercap)
        runs, began, before = 0, time.perf_counter(), read()
        while runs == 0 or time.perf_counter() - began < seconds:
            step()
            runs += 1
        joules = read() - before
    except _NoCounter as reason:
        return unavailable(str(reason))
    if joules <= 0:  # a counter that stands still is no measurement of zero
        return unavailable(f"{source} did not advance in {runs} runs")
    value = joules / (runs * images_per_step) * 1000 / _JOULES_PER_WH
    return Measured(value, "measured", f"{source}, {runs} runs, idle draw included")


def _rapl_counter(powercap: Path) -> tuple[Callable[[], float], str]:
    """Joules of all processor packages; a package's counter starts again at `max_energy_range_uj`."""
    zones = sorted(zone for zone in powercap.glob("intel-rapl:*") if zone.name.count(":") == 1)  # not their subzones
    if not zones:
        raise _NoCounter(f"no RAPL counter under {powercap}")
    try:
        ranges = [int((zone / "max_energy_range_uj").read_text()) for zone in zones]
        last = [int((zone / "energy_uj").read_text()) for zone in zones]
    except (OSError, ValueError) as error:
        raise _NoCounter(f"the RAPL energy counter cannot be read ({error}); it usually takes root") from error
    total_uj = 0

    def read() -> float:
        nonlocal total_uj, last
        now = [int((zone / "energy_uj").read_text()) for zone in zones]
        total_uj += sum((new - old) % limit for new, old, limit in zip(now, last, ranges, strict=True))
        last = now
        return total_uj / 1e6

    return read, "RAPL, whole processor package"


def _gpu_counter(device: str) -> tuple[Callable[[], float], str]:
    try:
        import pynvml  # pyright: ignore[reportMissingImports]  (optional)
    except ImportError as error:
        raise _NoCounter("reading a GPU's energy needs the package nvidia-ml-py") from error
    uuid = f"GPU-{torch.cuda.get_device_properties(torch.device(device)).uuid}"
    try:
        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)
        pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except pynvml.NVMLError as error:
        raise _NoCounter(f"this GPU has no energy counter ({error})") from error

    def read() -> float:
        torch.cuda.synchronize(torch.device(device))
        return pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1000  # millijoules

    return read, "NVML, GPU board only"

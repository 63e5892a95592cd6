"""What this machine is: processor, cores, memory, accelerator; so that no figure stands without its hardware."""

from __future__ import annotations

from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Machine:
    """The hardware at hand. `cores` and `memory_bytes` are what the system reports; `accelerator` is "" without one."""

    processor: str
    cores: int
    memory_bytes: int
    accelerator: str


def describe() -> Machine:
    """The machine this runs on, as its operating system and PyTorch tell it."""
    import torch

    from vision_core.costs.latency import device_name

    return Machine(
        processor=device_name("cpu"),
        cores=psutil.cpu_count() or 1,
        memory_bytes=psutil.virtual_memory().total,
        accelerator=torch.cuda.get_device_name(0) if torch.cuda.is_available() else "",
    )

"""Several processes at one run (`torchrun --nproc_per_node 2 -m -- vision_core train …`): one speaks, others follow.

The main process alone makes the folder, waits for its turn, writes and prints. torch is loaded only where there are
others to talk to. On GPUs `accelerate launch` does the same; on CPUs it starts a single process.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TypeVar

from vision_core.data.threads import available_cores
from vision_core.errors import SettingsError

T = TypeVar("T")
PATIENCE = timedelta(hours=6)
"""So long one waits for another, which may read a large data set or judge many pictures meanwhile."""
_LAUNCHER = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_RANK", "GROUP_WORLD_SIZE", "ROLE_RANK")
_LAUNCHER += ("ROLE_NAME", "ROLE_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""What a launcher tells its processes, besides names that begin with TORCHELASTIC."""


def count() -> int:
    """How many processes were launched together."""
    return _number("WORLD_SIZE", 1)


def is_main() -> bool:
    """Whether this process is the one that speaks; the only one always is."""
    return count() == 1 or _number("RANK", 0) == 0


def here() -> int:
    """How many of them share this machine's memory and cores."""
    return max(1, _number("LOCAL_WORLD_SIZE", 1))


def cores() -> int:
    """This process's part of the cores."""
    return max(1, available_cores() // here())


def _number(name: str, default: int) -> int:
    text = os.environ.get(name, "")
    return int(text) if text.isdecimal() else default


def lone_environment() -> dict[str, str]:
    """This process's environment for a child that works by itself."""
    return {name: it for name, it in os.environ.items() if name not in _LAUNCHER and "TORCHELASTIC" not in name}


def join(device: str | None = None) -> None:
    """Begins the conversation, unless it has begun; each process is given its device.

    Args:
        device: what the run is configured for.

    Raises:
        SettingsError: processes on such a device cannot talk to each other.
    """
    if count() == 1:
        return
    import torch
    from accelerate import PartialState

    if torch.distributed.is_initialized():
        return
    state = PartialState(cpu=device == "cpu" or (device is None and not torch.cuda.is_available()), timeout=PATIENCE)
    if state.num_processes != count():
        raise SettingsError(
            f"{count()} processes were started together, but cannot train together with device {device!r} here: use "
            "'cpu', or leave device out on a machine with GPUs."
        )


def shared(value: T, device: str | None = None) -> T:
    """The main process's value, in all of them; waits until every one has asked.

    Args:
        device: what the run is configured for; matters where this is the first word between them.
    """
    if count() == 1:
        return value
    from accelerate.utils import broadcast_object_list

    join(device)
    return broadcast_object_list([value])[0]


def part() -> None:
    """Ends the conversation, so that processes may exit at different times. It cannot begin a second time."""
    if count() == 1:
        return
    import torch

    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()

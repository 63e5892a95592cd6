"""Several processes at one run (`accelerate launch -m vision_core train …`): one speaks, the others follow.

The main process alone makes the folder, waits for its turn, writes and prints. torch is loaded only where there are
others to talk to.
"""

from __future__ import annotations

import os
from typing import TypeVar

T = TypeVar("T")


def count() -> int:
    """How many processes were launched together."""
    return _number("WORLD_SIZE", 1)


def is_main() -> bool:
    """Whether this process is the one that speaks; the only one always is."""
    return count() == 1 or _number("RANK", 0) == 0


def _number(name: str, default: int) -> int:
    text = os.environ.get(name, "")
    return int(text) if text.isdecimal() else default


def shared(value: T, device: str | None = None) -> T:
    """The main process's value, in all of them; waits until every one has asked.

    Args:
        device: what the run is configured for; matters where this is the first word between them.
    """
    if count() == 1:
        return value
    from accelerate import PartialState
    from accelerate.utils import broadcast_object_list

    PartialState(cpu=device == "cpu")
    return broadcast_object_list([value])[0]


def part() -> None:
    """Ends the conversation, so that processes may exit at different times."""
    if count() > 1:
        from accelerate import PartialState

        PartialState().destroy_process_group()

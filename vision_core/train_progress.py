"""How a run's progress looks in a terminal, and in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

LINE_S = 0.5
"""The line is rewritten no more often."""


class Teller:
    """Progress on standard error: one line that is rewritten; where nobody watches, a line an epoch."""

    def __init__(self) -> None:
        self.watched = sys.stderr.isatty()
        self.said = self.line = ""
        self.told_at = 0.0

    def __call__(self, status: Mapping[str, Any]) -> None:
        message = str(status.get("message") or "")
        if message and message != self.said:
            self._clear()
            print(message, file=sys.stderr, flush=True)
        self.said = message
        line, now = _progress_line(status), time.monotonic()
        if not self.watched:
            stage = line.partition(":")[0]
            if stage and stage != self.line and status.get("stage") != "Training":
                print(stage, file=sys.stderr, flush=True)
            self.line = stage
        elif line and line != self.line and now - self.told_at > LINE_S:
            print("\r" + line.ljust(len(self.line)), end="", file=sys.stderr, flush=True)
            self.line, self.told_at = line, now
        if status.get("state") in ("finished", "failed", "cancelled"):
            self._clear()

    def _clear(self) -> None:
        if self.watched and self.line:
            print("\r" + " " * len(self.line) + "\r", end="", file=sys.stderr, flush=True)
            self.line = ""


def _progress_line(status: Mapping[str, Any]) -> str:
    """What is going on, in one line."""
    if status.get("state") == "queued":
        place = status.get("queue_position") or 1
        return f"Waiting for its turn: number {place} in the queue"
    if status.get("state") != "running":
        return ""
    if status.get("stage") != "Training":
        total = status.get("stage_total")
        return str(status.get("stage", "")) + (f": {status.get('stage_done')} of {total}" if total else "")
    left = status.get("seconds_left")
    return (
        f"Epoch {status['epoch']} of {status['epochs']}, step {status['step']} of {status['steps']}: "
        f"loss {status['loss']:.3g}, {status['images_per_second']:.0f} images/s"
        + ("" if left is None else f", {left:.0f} s left")
    )

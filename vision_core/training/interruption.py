"""Ctrl-C and SIGTERM, taken as a wish that is granted when nothing is lost by it."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType
from typing import Any

SAME_SIGNAL_S = 3.0
"""A signal that follows so closely is the same wish: a terminal and a launcher both send one."""


class Signals:
    """As a context: the two signals stop at once while there is nothing to save, after the step otherwise.

    Attributes:
        patient: whether to wait for the end of the step; a second signal stops at once all the same.
        ignored: nothing is stopped any more: how the run ended is being written.
        asked: a signal has come.
    """

    def __init__(self) -> None:
        self.patient = self.ignored = self.asked = False
        self._asked_at = 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():  # elsewhere Python takes no signals
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._take)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _take(self, number: int, frame: FrameType | None) -> None:
        again, now = self.asked, time.monotonic()
        if self.ignored or (again and now - self._asked_at < SAME_SIGNAL_S):
            return
        self.asked, self._asked_at = True, now
        if again or not self.patient:
            raise KeyboardInterrupt

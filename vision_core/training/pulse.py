"""The sign of life of a run at work: its `status.json`, written by one hand.

    with Pulse(run, report) as pulse:
        pulse.update(state="running")
        pulse.note(step=3, loss=0.4)       # at most twice a second on disk

All values are kept in memory under one lock, so that neither the heartbeat nor a step ever writes half of them. What
cannot be written now is written with the next heartbeat: training does not end because a disk is full for a moment.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any

import psutil

from vision_core.errors import DataError
from vision_core.run_folder import HEARTBEAT_S, STATUS, RunFolder

SHORTEST_S = 0.5
"""Between two writes that nobody waits for."""
PATIENCE_S = 60.0
"""So long a started process waits for whoever started it."""
ABANDONED = "Whoever started it ended before it could begin: start it again."
Report = Callable[[Mapping[str, Any]], None]
"""Called with the status whenever it changes."""


def identity() -> dict[str, Any]:
    """This process, as a status names it."""
    me = psutil.Process()
    return {"pid": me.pid, "pid_started": me.create_time(), "host": socket.gethostname()}


def is_process(status: Mapping[str, Any], process: Mapping[str, Any]) -> bool:
    """Whether a status names this process."""
    same = all(status.get(name) == process[name] for name in ("pid", "host"))
    return same and abs(float(status.get("pid_started", 0)) - process["pid_started"]) < 1


def may_begin(run: RunFolder, go: str, patience_s: float = PATIENCE_S) -> bool:
    """Waits in a process of its own until whoever started it has written all that it needs.

    Args:
        go: the file that they make last.

    Returns:
        False where they ended before that, or took too long.
    """
    file, deadline = run.path / go, time.monotonic() + patience_s
    while not file.exists():
        gone = False
        with suppress(DataError):
            gone = run.record().state == "interrupted"  # until then the status names whoever started it
        if gone or time.monotonic() > deadline:
            return file.exists()
        time.sleep(0.02)
    return True


class Pulse:
    """The status of a run that this process works on; as a context, with a heartbeat every two seconds.

    Args:
        report: told of every change, on the thread that made it.
    """

    def __init__(self, run: RunFolder, report: Report | None = None) -> None:
        self._run, self._report = run, report
        self._lock = threading.Lock()
        try:
            before = run.read(STATUS)
        except DataError:
            before = {}
        self._seconds = float(before.get("seconds") or 0.0)
        self._values = before | identity()
        self._since: float | None = None
        self._written_at = 0.0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Pulse:
        self._since = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._stopped.set()
        self._thread.join()

    def update(self, **values: Any) -> bool:
        """Changes values and writes them now; False when they could not be written."""
        return self._change(values, 0.0)

    def note(self, **values: Any) -> None:
        """Changes values; they are written now unless that happened a moment ago."""
        self._change(values, SHORTEST_S)

    def close(self, **values: Any) -> bool:
        """The last change: tried for a second, because room may just have been made."""
        self._stopped.set()
        for _ in range(5):
            if self._change(values, 0.0):
                return True
            time.sleep(0.2)
        return False

    def _change(self, values: Mapping[str, Any], shortest_s: float) -> bool:
        with self._lock:
            self._values |= values
            written = True
            if time.monotonic() - self._written_at >= shortest_s:
                written = self._write()
            shown = dict(self._values)
        if self._report:
            self._report(shown)
        return written

    def _write(self) -> bool:
        if self._since is not None:
            self._values["seconds"] = self._seconds + time.monotonic() - self._since
        try:
            self._run.write(STATUS, self._values | {"heartbeat": time.time()})
        except OSError:
            return False
        self._written_at = time.monotonic()
        return True

    def _beat(self) -> None:
        while not self._stopped.wait(HEARTBEAT_S):
            with self._lock:
                self._write()

"""The process of a benchmark: `python -m vision_core.costs.bench_work FOLDER` measures what `plan.json` asks for.

It waits until no other work of the workspace is measured or evaluated, measures cell after cell, and writes each row
as it is there. Asked to stop, it does so between two passes, or, within a compiler that cannot be asked, after a few
seconds all the same. Where it was started for a process that is gone, it stops too.
"""

from __future__ import annotations

import json
import math
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from vision_core.costs.bench import BenchPlan, Cell
from vision_core.costs.bench_store import GO, PLAN, ROWS, WAITING, remember
from vision_core.errors import VisionError
from vision_core.run_folder import ABOUT, RunFolder
from vision_core.settings import ensure_folder, settings
from vision_core.training.pulse import ABANDONED, Pulse, may_begin

_LOOK_S = 0.25
_GRACE_S = 5.0
"""So long a pass or a compiler may go on after somebody asked to stop."""


class Cancelled(BaseException):
    """Whoever asked wants no more of it; not an error, so nobody may take it for one."""


class _Wish:
    """Whether somebody wants it to stop; looks at the disk a few times a second."""

    def __init__(self, files: RunFolder) -> None:
        self._files, self._owner = files, files.read(ABOUT).get("for")
        self._looked_at, self._stop = 0.0, False

    def check(self) -> None:
        """Raises Cancelled when it shall stop."""
        if self.is_stop():
            raise Cancelled

    def is_stop(self) -> bool:
        now = time.monotonic()
        if not self._stop and now - self._looked_at >= _LOOK_S:
            self._looked_at = now
            with suppress(VisionError):
                self._stop = self._files.asked() == "cancel"
            self._stop = self._stop or (self._owner is not None and not _is_there(self._owner))
        return self._stop


def _is_there(owner: Mapping[str, Any]) -> bool:
    try:
        return abs(psutil.Process(owner["pid"]).create_time() - owner["pid_started"]) < 1
    except psutil.Error:
        return False


def main(folder: Path) -> None:
    """Measures the plan of a folder, in this process."""
    files = RunFolder(folder)
    began = may_begin(files, GO)
    wish, pulse, ended = _Wish(files), Pulse(files), threading.Event()
    if not began:
        pulse.close(state="interrupted", stage="", cell="", error=ABANDONED)
        return
    threading.Thread(target=_insist, args=(wish, pulse, ended), daemon=True).start()
    with pulse:
        state, error = _outcome(files, wish, pulse)
        ended.set()
        files.forget_request()
        pulse.close(state=state, stage="", cell="", error=error)


def _outcome(files: RunFolder, wish: _Wish, pulse: Pulse) -> tuple[str, str]:
    """Does it; the state it ended in, and why where it failed."""
    try:
        with _turn(wish, pulse):
            _measure(files, wish, pulse)
        return "finished", ""
    except Cancelled:
        return "cancelled", ""
    except VisionError as error:
        return "failed", str(error)
    except BaseException as error:
        traceback.print_exc()
        first = (str(error).splitlines() or [""])[0][:200]
        return "failed", f"It ended with an unexpected {type(error).__name__}: {first}"


@contextmanager
def _turn(wish: _Wish, pulse: Pulse) -> Iterator[None]:
    """Waits until nothing else is measured or evaluated, and keeps others waiting meanwhile."""
    lock = FileLock(ensure_folder(settings().home / "work") / "turn.lock")
    while True:
        wish.check()
        try:
            lock.acquire(timeout=_LOOK_S)
            break
        except Timeout:
            pulse.note(stage=WAITING)
    try:
        yield
    finally:
        lock.release()


def _measure(files: RunFolder, wish: _Wish, pulse: Pulse) -> None:
    pulse.update(state="running", stage="loading libraries")
    from vision_core.costs.bench_cell import Bencher

    plan = BenchPlan.from_json(files.read(PLAN))
    cells = list(plan.cells())
    bencher = Bencher(plan, wish.check, lambda stage: pulse.note(stage=stage))
    now = time.time()
    pulse.update(measuring_since=now)
    for done, cell in enumerate(cells):
        pulse.update(done=done, total=len(cells), cell=cell.words, cell_since=time.time())
        row = bencher.row(cell)
        _keep(files, cell, row)
    pulse.update(done=len(cells), cell="", stage="")


def _keep(files: RunFolder, cell: Cell, row: dict[str, Any]) -> None:
    """Writes a row, with nothing where a number is not finite."""
    plain = finite(row)
    with open(files.path / ROWS, "a", encoding="utf-8") as file:
        file.write(json.dumps(plain, allow_nan=False, ensure_ascii=False) + "\n")
    if row["error"] or not Path(cell.model).is_dir():
        return
    with suppress(OSError, VisionError):  # a run that cannot be written keeps no costs; the row is kept anyway
        remember(Path(cell.model), plain)


def finite(value: Any) -> Any:
    """The same with None for what JSON has no number for."""
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _insist(wish: _Wish, pulse: Pulse, ended: threading.Event) -> None:
    """Ends the process, and the compilers that it started, when asking it to stop does not help."""
    while not ended.wait(_LOOK_S):
        if wish.is_stop() and not ended.wait(_GRACE_S):
            pulse.close(state="cancelled", stage="", cell="", error="")
            if os.name == "posix" and os.getpgid(0) == os.getpid():
                os.killpg(os.getpid(), signal.SIGKILL)
            os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

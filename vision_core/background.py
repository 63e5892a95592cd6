"""Longer work that a page asks for, in a process of its own: started, watched, cancelled; its state is a file.

    work = start("evaluate", {"run": "workspace/runs/…", "split": "test"})
    work.status()["state"], work.status()["done"], work.cancel()
    find("evaluate", {...})          # the same work, asked for from another tab or after a restart
    works("evaluate", run="…")       # whatever the other arguments were

What can be asked for is listed in `CALLS`. Each is a function of plain values and a progress function; what it returns
is kept as JSON. One work runs at a time, the others wait, so that they do not slow each other down. A week after it
ended, or its result was last looked at, it is forgotten when other work of its kind is asked for.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from vision_core.apart import start_apart
from vision_core.errors import DataError, SettingsError, VisionError
from vision_core.run_folder import STATUS, RunFolder
from vision_core.settings import ensure_folder, settings
from vision_core.training.pulse import ABANDONED, Pulse, may_begin

CALLS: Mapping[str, str] = {
    "evaluate": "vision_core.evaluation.asked:evaluate",
    "light": "vision_core.evaluation.asked:light",
    "points": "vision_core.evaluation.asked:points",
    "intervals": "vision_core.evaluation.asked:intervals",
    "robustness": "vision_core.evaluation.asked:robustness",
    "report": "vision_core.report.asked:report",
}
"""What can be asked for, and the function that does it: `f(arguments, progress) -> dict` of plain values."""
ASKED, RESULT, LOG, GO = "asked.json", "result.json", "log.txt", "go"
POLL_S = 0.5
KEPT_S = 7 * 24 * 3600.0
"""So long what has ended is kept after somebody last looked at it: what it found can be found again."""
Stage = Callable[[str, int, int], None]


class Cancelled(BaseException):
    """Whoever asked wants no more of it; not an error, so nobody may take it for one."""


@dataclass(frozen=True)
class Work:
    """One piece of work: its folder in the workspace."""

    folder: Path

    @property
    def _files(self) -> RunFolder:
        return RunFolder(self.folder)

    @property
    def what(self) -> str:
        return str(self._files.read(ASKED).get("what", ""))

    @property
    def arguments(self) -> dict[str, Any]:
        return dict(self._files.read(ASKED).get("arguments", {}))

    def status(self) -> dict[str, Any]:
        """`state` (queued, running, finished, failed, cancelled, interrupted), `stage`, `done`, `total`,
        `seconds_left` (None: nobody can tell yet), `error`."""
        record = self._files.record()
        said = dict(record.status)
        blank = {"stage": "", "done": 0, "total": 0, "error": ""}
        return {**blank, **said, "state": record.state, "seconds_left": _seconds_left(said)}

    @property
    def is_active(self) -> bool:
        return self.status()["state"] in ("queued", "running")

    def result(self) -> dict[str, Any]:
        """What came of it; empty unless it is finished. Looking at it keeps it from being forgotten."""
        with suppress(OSError):
            os.utime(self.folder / RESULT)
        return self._files.read(RESULT)

    def cancel(self) -> None:
        """Stops it at its next step; nothing of it is kept."""
        self._files.ask("cancel")

    def discard(self) -> None:
        """Forgets it.

        Raises:
            SettingsError: it is active.
        """
        if self.is_active:
            raise SettingsError("This work is still going on: cancel it first.")
        shutil.rmtree(self.folder, ignore_errors=True)


def find(what: str, arguments: Mapping[str, Any]) -> Work | None:
    """The work that was asked for with these arguments, if anybody ever did."""
    folder = _folder(what, arguments)
    return Work(folder) if (folder / ASKED).is_file() else None


def works(what: str, **about: Any) -> list[Work]:
    """All work of one kind whose arguments hold these values, whoever asked for it and when; the newest first.

    works("robustness", file="workspace/runs/…/evaluations/….safetensors")
    """
    _forget_old(what)
    found = []
    for folder in settings().home.glob(f"work/{what}-*/"):
        with suppress(OSError, DataError):  # one that cannot be read, or is just being forgotten
            work = Work(folder)
            if work.what == what and about.items() <= work.arguments.items():
                found.append(((folder / ASKED).stat().st_mtime_ns, work))
    return [work for _, work in sorted(found, key=lambda one: one[0], reverse=True)]


def start(what: str, arguments: Mapping[str, Any]) -> Work:
    """Starts it, or returns the one that does just that already.

    Raises:
        SettingsError: there is no such work.
        DataError: the workspace cannot be written.
    """
    if what not in CALLS:
        raise SettingsError(f"{what!r} cannot be done in the background; there is {', '.join(CALLS)}.")
    _forget_old(what)
    folder = _folder(what, arguments)
    work, files = Work(folder), RunFolder(folder)
    ensure_folder(folder.parent)
    with FileLock(folder.with_suffix(".lock")):
        ensure_folder(folder)
        if (folder / ASKED).is_file() and work.is_active:
            return work
        try:
            files.forget_request()
            (folder / RESULT).unlink(missing_ok=True)
            files.write(ASKED, {"what": what, "arguments": dict(arguments)})
            files.write(STATUS, {"state": "queued", **_identity(os.getpid()), "heartbeat": time.time()})
            process = _spawn(folder)
            files.write(STATUS, {"state": "queued", **_identity(process.pid), "heartbeat": time.time()})
            (folder / GO).touch()  # from now on the process itself writes its status
        except OSError as error:
            raise DataError(f"The work cannot be started: {folder} cannot be written ({error.strerror}).") from error
    return work


def _forget_old(what: str) -> None:
    """Removes work of that kind that ended long ago and that nobody has looked at since."""
    for folder in settings().home.glob(f"work/{what}-*/"):
        with suppress(OSError, Timeout):
            if time.time() - _touched(folder) < KEPT_S:
                continue
            with FileLock(folder.with_suffix(".lock"), timeout=0):  # nobody starts it again meanwhile
                if not _goes_on(folder):
                    shutil.rmtree(folder, ignore_errors=True)  # the lock stays: somebody may be waiting for it


def _touched(folder: Path) -> float:
    """When anything of it was last written, or its result looked at (seconds since 1970)."""
    return max((file.stat().st_mtime for file in folder.iterdir()), default=folder.stat().st_mtime)


def _goes_on(folder: Path) -> bool:
    try:
        return Work(folder).is_active
    except DataError:  # damaged, so nobody can go on with it
        return False


def _folder(what: str, arguments: Mapping[str, Any]) -> Path:
    said = hashlib.sha256(json.dumps([what, dict(arguments)], sort_keys=True).encode()).hexdigest()[:12]
    return settings().home / "work" / f"{what}-{said}"


def _identity(pid: int) -> dict[str, Any]:
    return {"pid": pid, "pid_started": psutil.Process(pid).create_time(), "host": socket.gethostname()}


def _spawn(folder: Path) -> subprocess.Popen[bytes]:
    (folder / GO).unlink(missing_ok=True)
    arguments = ["-m", "vision_core.background", str(folder.resolve())]
    return start_apart(arguments, folder / LOG, keep_log=False)


def _seconds_left(status: Mapping[str, Any]) -> float | None:
    """From how long the present stage took so far."""
    done, total, since = status.get("done", 0), status.get("total", 0), status.get("stage_since")
    if not (done and total and since):
        return None
    return max(0.0, (total - done) * (status["heartbeat"] - since) / done)


def main(folder: Path) -> None:
    """Does the work of a folder, in this process."""
    files = RunFolder(folder)
    began = may_begin(files, GO)
    pulse = Pulse(files)
    if not began:
        pulse.close(state="interrupted", stage="", error=ABANDONED)
        return
    with pulse:
        try:
            with _turn(files, pulse):
                found = _do(files, pulse)
                files.write(RESULT, found)
            pulse.close(state="finished", stage="", error="")
        except Cancelled:
            files.forget_request()
            pulse.close(state="cancelled", stage="", error="")
        except VisionError as error:
            pulse.close(state="failed", stage="", error=str(error))
        except BaseException as error:
            traceback.print_exc()
            first = (str(error).splitlines() or [""])[0][:200]
            pulse.close(state="failed", stage="", error=f"It ended with an unexpected {type(error).__name__}: {first}")


@contextmanager
def _turn(files: RunFolder, pulse: Pulse) -> Iterator[None]:
    """Waits until no other work runs, and keeps others waiting meanwhile.

    Raises:
        Cancelled: somebody cancelled it before its turn came.
    """
    lock = FileLock(ensure_folder(settings().home / "work") / "turn.lock")
    while True:
        try:
            lock.acquire(timeout=POLL_S)
            break
        except Timeout:
            pulse.note(stage="Waiting for other work to end")
            if files.asked() == "cancel":
                raise Cancelled from None
    try:
        yield
    finally:
        lock.release()


def _do(files: RunFolder, pulse: Pulse) -> dict[str, Any]:
    asked = files.read(ASKED)
    module, _, name = CALLS[asked["what"]].partition(":")
    stage_of: dict[str, float] = {}

    def progress(stage: str, done: int, total: int) -> None:
        since = stage_of.setdefault(stage, time.time())
        pulse.note(stage=stage, done=done, total=total, stage_since=since)
        if files.asked() == "cancel":
            raise Cancelled

    pulse.update(state="running", stage="Starting", done=0, total=0)
    return getattr(import_module(module), name)(asked["arguments"], progress)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Runs as processes of their own: started, waited for, watched, stopped, resumed.

    run = submit(config)             # returns at once; the run's process waits for its device by itself
    run.record().state, cancel(run), resume(run)
    result = execute(run)            # what that process does, in this one

A run's process has a session of its own: neither a closed browser nor a dead server changes anything for it. It keeps
`status.json` true with a heartbeat; what others want of it is in `request.json`, which it reads after every step.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from vision_core.apart import start_apart
from vision_core.errors import DataError, SettingsError
from vision_core.run_folder import STATUS, Request, RunFolder, create_run
from vision_core.training import turns
from vision_core.training.config import STARTS, TrainConfig
from vision_core.training.pulse import Report, identity
from vision_core.training.turns import move, queue

__all__ = ["cancel", "execute", "finish", "move", "queue", "resume", "start", "submit"]

BLANK: Mapping[str, Any] = {
    "state": "queued",
    "error": "",
    "message": "",
    "stage": "",
    "stage_done": 0,
    "stage_total": 0,
    "seconds_left": None,
    "ended_at": None,
    "queue_position": 0,
}
"""What the status of a run says when it enters the queue; how far it is stays as it was."""


def submit(config: TrainConfig, name: str = "", parent: str = "") -> RunFolder:
    """Makes a run in the workspace and starts its process, which waits until its device is free.

    Raises:
        DataError, SettingsError: the workspace cannot be written.
    """
    run = create_run(anchored(config), name, parent)
    start(run)
    return run


def anchored(config: TrainConfig) -> TrainConfig:
    """The same with whole paths: a run may be resumed from any folder. The words that `start` knows stay words."""
    named = {"data": config.data} if config.start in STARTS else {"data": config.data, "start": config.start}
    return replace(config, **{name: str(Path(it).resolve()) for name, it in named.items() if os.path.exists(it)})


def start(run: RunFolder) -> None:
    """Starts the process of a run that has none.

    Raises:
        SettingsError: it has one, or is finished.
        DataError: its folder cannot be written.
    """
    with turns.changing() as waiting:
        refuse_active(run)
        if run.record().state == "finished":
            raise SettingsError(f"The run {run.path.name!r} is finished: there is nothing to go on with.")
        try:
            run.forget_request()
            status = {**run.read(STATUS), **BLANK, "heartbeat": time.time()}
            run.write(STATUS, status | identity())
            process = _spawn(run)
            theirs = {"pid": process.pid, "pid_started": psutil.Process(process.pid).create_time()}
            run.write(STATUS, status | identity() | theirs)
        except OSError as error:
            raise DataError(f"The run {run.path.name!r} cannot be started ({error.strerror or error}).") from error
        turns.enter(waiting, run, turns.devices_of(run.read("config.json")))


def resume(run: RunFolder) -> None:
    """Starts a new process that goes on from the last checkpoint, or from the start where there is none.

    Raises:
        SettingsError: it is active or finished.
    """
    start(run)


def refuse_active(run: RunFolder) -> None:
    """Raises a SettingsError where a process works on the run or waits to do so."""
    record = run.record()
    if record.is_active:
        doing = "running" if record.state == "running" else "waiting for its turn"
        raise SettingsError(f"The run {run.path.name!r} is already {doing} (process {record.status.get('pid')}).")


def _spawn(run: RunFolder) -> subprocess.Popen[bytes]:
    """The run's own process, its words in `log.txt`."""
    arguments = ["-m", "vision_core", "resume", str(run.path.resolve()), "--quiet"]
    return start_apart(arguments, run.path / "log.txt")


def cancel(run: RunFolder) -> None:
    """Stops a run after its present step; it can be resumed. One that waits is cancelled at once.

    Raises:
        SettingsError: it is not active.
        DataError: its folder cannot be written.
    """
    _ask(run, "cancel")


def finish(run: RunFolder) -> None:
    """Ends a run as if its present epoch were the last: the best weights are kept and evaluated.

    One that waits is cancelled.

    Raises:
        SettingsError: it is not active.
        DataError: its folder cannot be written.
    """
    _ask(run, "finish")


def _ask(run: RunFolder, action: Request) -> None:
    with turns.changing() as waiting:
        record = run.record()
        if not record.is_active:
            raise SettingsError(f"The run {run.path.name!r} is {record.state}: there is nothing to stop.")
        try:
            if record.state == "running":
                run.ask(action)
                return
            turns.leave(waiting, run)  # its process ends on seeing that it is cancelled
            run.write(STATUS, {**record.status, "state": "cancelled", "queue_position": 0})
        except OSError as error:
            raise DataError(
                f"The run {run.path.name!r} cannot be asked to stop ({error.strerror or error}): free some space, or "
                f"end its process {record.status.get('pid')}; nothing up to the last checkpoint is lost."
            ) from error


def execute(run: RunFolder, report: Report | None = None) -> dict[str, Any]:
    """Does a run in this process: waits for its turn, trains from the last checkpoint on, evaluates.

    Ctrl-C and SIGTERM stop it as `cancel` does; a second one at once.

    Args:
        report: told of the status whenever it changes.

    Returns:
        `run`, `state` ("finished" or "cancelled"), and of a finished one the metrics by name, `images_per_second`,
        `epochs`, `best_epoch`, `split`, `seconds`. In all but the main one of several processes: nothing.

    Raises:
        VisionError: why it failed, as the status says too.
    """
    from vision_core.training import worker

    return worker.work(RunFolder(run.path.resolve()), report)

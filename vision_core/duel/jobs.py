"""Duels as processes of their own: started, watched, stopped, gone on with, removed.

    duel = start_duel(DuelPlan(data="Fashion Shelf"))       # returns at once
    duel_status(duel)["state"], cancel_duel(duel), resume_duel(duel)

A duel's process has a session of its own: neither a closed browser nor a dead server changes anything for it. It keeps
`status.json` true with a heartbeat, and reads what others want of it from `request.json`. Its words are in `log.txt`.
"""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock

from vision_core.apart import start_apart
from vision_core.duel.folder import DUEL, RESULT, DuelFolder, create_duel
from vision_core.duel.plan import DuelPlan
from vision_core.duel.preflight import preflight
from vision_core.errors import DataError, SettingsError
from vision_core.run_folder import STATUS
from vision_core.training.pulse import identity

ACTIVE = ("queued", "running")
_BLANK: Mapping[str, Any] = {
    "state": "queued",
    "error": "",
    "title": "",
    "stage": "",
    "done": 0,
    "total": 0,
    "part": 0,
    "parts": 0,
}
_PATIENCE_S = 5.0
_GONE = "Its process ended unasked; there may have been too little memory, or the machine was switched off."


def start_duel(plan: DuelPlan, name: str = "") -> DuelFolder:
    """Makes a duel in the workspace and starts its process.

    Args:
        name: what to call it; by default what is asked, and of which data.

    Raises:
        VisionError: it could not come to an end, as `preflight` says; or the workspace cannot be written.
    """
    preflight(plan)
    here = Path(plan.data)
    duel = create_duel(replace(plan, data=str(here.resolve())) if here.exists() else plan, name)
    resume_duel(duel)
    return duel


def resume_duel(duel: DuelFolder) -> None:
    """Starts a process that goes on where an earlier one ended; what is done is not done again.

    Raises:
        SettingsError: a process is at it already.
        DataError: its folder cannot be written, or its plan cannot be read.
    """
    duel.plan()
    try:
        with FileLock(duel.path / ".starting.lock"):  # two tabs may ask at once
            state = duel_status(duel)["state"]
            if state in ACTIVE:
                raise SettingsError(f"The duel {duel.name!r} is going on already (process {_status(duel).get('pid')}).")
            if state == "finished":
                raise SettingsError(f"The duel {duel.name!r} is finished: there is nothing to go on with.")
            duel.files.forget_request()
            status = {**_status(duel), **_BLANK, "heartbeat": time.time()}
            duel.files.write(STATUS, status | identity())
            try:
                process = start_apart(
                    ["-m", "vision_core", "duel", "--out", str(duel.path.resolve()), "--quiet"], duel.path / "log.txt"
                )
            except OSError:
                duel.files.write(
                    STATUS, status | {"state": "interrupted", "error": "Its process could not be started."}
                )
                raise
            theirs = {"pid": process.pid, "pid_started": psutil.Process(process.pid).create_time()}
            duel.files.write(STATUS, status | identity() | theirs)
    except OSError as error:
        raise DataError(f"The duel {duel.name!r} cannot be started ({error.strerror or error}).") from error


def cancel_duel(duel: DuelFolder) -> None:
    """Stops a duel after its present step; it can be gone on with.

    Raises:
        SettingsError: it is not active.
        DataError: its folder cannot be written.
    """
    state = duel_status(duel)["state"]
    if state not in ACTIVE:
        raise SettingsError(f"The duel {duel.name!r} is {state}: there is nothing to stop.")
    try:
        if state == "running":
            duel.files.ask("cancel")
        else:
            _end(duel)
    except OSError as error:
        raise DataError(
            f"The duel {duel.name!r} cannot be asked to stop ({error.strerror or error}): free some space, or end its "
            f"process {_status(duel).get('pid')}; nothing that is finished is lost."
        ) from error


def _end(duel: DuelFolder) -> None:
    """Ends a process that has not begun yet, so that it reads no request."""
    with FileLock(duel.path / ".starting.lock"):  # while it is started, the process in the status is the starter's
        status = _status(duel)
    with suppress(psutil.Error, KeyError):
        process = psutil.Process(int(status["pid"]))
        is_it = status.get("host") == socket.gethostname() and abs(process.create_time() - status["pid_started"]) < 1
        if is_it and process.pid != os.getpid():
            process.terminate()
            with suppress(psutil.TimeoutExpired):
                process.wait(_PATIENCE_S)
    if is_active(duel):  # it had begun meanwhile
        duel.files.ask("cancel")
    elif duel_status(duel)["state"] == "interrupted":
        duel.files.write(STATUS, {**_status(duel), "state": "cancelled", "error": ""})


def discard_duel(duel: DuelFolder) -> None:
    """Deletes a duel for good; its runs stay.

    Raises:
        SettingsError: it is active.
    """
    with suppress(DataError):  # a damaged one has nobody at work
        if is_active(duel):
            raise SettingsError(f"The duel {duel.name!r} is still going on: stop it first.")
    (duel.path / DUEL).unlink(missing_ok=True)  # from now on it is none, whatever else cannot be removed
    shutil.rmtree(duel.path, ignore_errors=True)


def is_active(duel: DuelFolder) -> bool:
    """Whether a process is at it, or is about to be.

    Raises:
        DataError: its status is damaged.
    """
    return duel.files.record().state in ACTIVE


def duel_status(duel: DuelFolder) -> dict[str, Any]:
    """How far a duel is; one that cannot be read is "failed", and `error` says why.

    Returns:
        `state` (queued, running, finished, failed, cancelled, interrupted), `title` of the present part, which is
        number `part` (from 0) of `parts`, its `stage` with `done` of `total`, `seconds` that were spent so far,
        `error`, and `silent_s`: seconds since its process gave a sign; None of one that has none.
    """
    blank = {**_BLANK, "seconds": 0.0, "silent_s": None}
    try:
        duel.plan()
        record = duel.files.record()
    except (DataError, SettingsError) as error:
        return {**blank, "state": "failed", "error": str(error)}
    said = {**blank, **record.status, "state": record.state, "silent_s": record.silent_s}
    if not record.status:
        ended = (duel.path / RESULT).is_file()
        said |= {"state": "finished"} if ended else {"state": "interrupted", "error": "It was never started."}
    elif record.state == "interrupted" and not said["error"]:
        said["error"] = _GONE
    return said


def _status(duel: DuelFolder) -> dict[str, Any]:
    return duel.files.read(STATUS)

"""Whose turn it is: one run a device, the others wait in a queue that outlives every one of them.

    with changing() as waiting:
        enter(waiting, run, devices)
        device_locks = claim(waiting, run)      # None: not yet

There is no supervisor: every waiting process looks once a second whether it is next. The queue is one file of the
workspace, changed under a lock. A device is a lock that a run's process holds for as long as it lives, so the system
gives it back whatever happens to that process; who died while waiting is passed over.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from vision_core.errors import DataError, SettingsError
from vision_core.run_folder import RunFolder, runs_folder
from vision_core.settings import ensure_folder

QUEUE = ".queue.json"
_DRIVERS = ("/proc/driver/nvidia/version", "/dev/dxg", "/dev/kfd")
"""Where Linux shows a GPU that torch calls "cuda": NVIDIA's driver, WSL's, AMD's."""
LOCK_S = 60.0
"""Nobody keeps the queue's lock for longer than it takes to write a few small files."""


@dataclass(frozen=True)
class Waiting:
    """A run in the queue: its folder, and the devices that it needs for itself."""

    run: str
    devices: tuple[str, ...]


def devices_of(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The devices a configuration trains on, as "cpu" or "cuda:0"; found out without loading torch."""
    device = config.get("device") or ("cuda" if _has_gpu() else "cpu")
    if device != "cuda":
        return (str(device),)
    processes = os.environ.get("LOCAL_WORLD_SIZE", "1")  # a launcher starts one a GPU
    return tuple(f"cuda:{number}" for number in range(int(processes) if processes.isdecimal() else 1))


def _has_gpu() -> bool:
    if os.environ.get("CUDA_VISIBLE_DEVICES", "all") in ("", "-1"):
        return False
    return any(map(os.path.exists, _DRIVERS)) or (os.name == "nt" and shutil.which("nvidia-smi") is not None)


@contextmanager
def changing() -> Iterator[list[Waiting]]:
    """The queue, next first, for the caller alone; what is changed in the list is written at the end.

    Raises:
        SettingsError: the workspace cannot be written.
    """
    folder = ensure_folder(runs_folder())
    lock = FileLock(folder / ".queue.lock", timeout=LOCK_S)
    try:
        held = lock.acquire()
    except (OSError, Timeout) as error:
        raise _unwritable(folder, error) from error
    with held:
        waiting = _read(folder)
        before = list(waiting)
        yield waiting
        if waiting != before:
            try:
                _write(folder, waiting)
            except OSError as error:
                raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: Exception) -> SettingsError:
    reason = getattr(error, "strerror", None) or error
    return SettingsError(f"The queue of runs in {folder} cannot be changed ({reason}): free space or make it writable.")


def _read(folder: Path) -> list[Waiting]:
    """Those in the queue file whose process still waits."""
    try:
        entries = json.loads((folder / QUEUE).read_text(encoding="utf-8"))
        waiting = [Waiting(str(entry["run"]), tuple(map(str, entry["devices"]))) for entry in entries]
    except (OSError, ValueError, KeyError, TypeError):  # none yet, or damaged: who waits enters again
        return []
    return [entry for entry in waiting if _waits(RunFolder(Path(entry.run)))]


def _waits(run: RunFolder) -> bool:
    try:
        return run.record().state == "queued"
    except DataError:
        return False


def _write(folder: Path, waiting: list[Waiting]) -> None:
    part = folder / f"{QUEUE}.part"
    part.write_text(json.dumps([asdict(entry) for entry in waiting]), encoding="utf-8")
    os.replace(part, folder / QUEUE)


def queue() -> list[RunFolder]:
    """The waiting runs, next first."""
    return [RunFolder(Path(entry.run)) for entry in _read(runs_folder())]


def enter(waiting: list[Waiting], run: RunFolder, devices: tuple[str, ...]) -> None:
    """Puts a run at the end of the queue; one that is in it keeps its place."""
    at = _place(waiting, run)
    mine = Waiting(str(run.path.resolve()), tuple(map(_here, devices)))
    if at is None:
        waiting.append(mine)
    else:
        waiting[at] = mine


def leave(waiting: list[Waiting], run: RunFolder) -> None:
    """Takes a run out of the queue."""
    at = _place(waiting, run)
    if at is not None:
        del waiting[at]


def position(waiting: list[Waiting], run: RunFolder) -> int:
    """A run's place among those that wait for its devices, from 1; 0 when it does not wait."""
    at = _place(waiting, run)
    return 0 if at is None else 1 + _rivals(waiting, waiting[at]).index(at)


def move(run: RunFolder, places: int) -> None:
    """Moves a waiting run forward (-1) or back (+1) among those that wait for its devices.

    Raises:
        SettingsError: it does not wait.
    """
    with changing() as waiting:
        at = _place(waiting, run)
        if at is None:
            raise SettingsError(f"The run {run.path.name!r} does not wait in the queue, so it cannot be moved there.")
        slots = _rivals(waiting, waiting[at])
        order = [waiting[slot] for slot in slots]
        mine = order.pop(slots.index(at))
        order.insert(min(max(0, slots.index(at) + places), len(order)), mine)
        for slot, entry in zip(slots, order, strict=True):
            waiting[slot] = entry


def _place(waiting: list[Waiting], run: RunFolder) -> int | None:
    path = str(run.path.resolve())
    return next((at for at, entry in enumerate(waiting) if entry.run == path), None)


def _rivals(waiting: list[Waiting], mine: Waiting) -> list[int]:
    """Places of the runs that need a device of this one, itself included."""
    return [at for at, entry in enumerate(waiting) if set(entry.devices) & set(mine.devices)]


def claim(waiting: list[Waiting], run: RunFolder) -> list[FileLock] | None:
    """Its devices' locks, taken, when a run is next and they are free; it has left the queue then."""
    if position(waiting, run) != 1:
        return None
    mine = waiting[_place(waiting, run) or 0]
    taken: list[FileLock] = []
    for device in mine.devices:
        lock = _lock(device)
        try:
            lock.acquire()
        except Timeout:
            for other in taken:
                other.release()
            return None
        taken.append(lock)
    leave(waiting, run)
    return taken


def is_busy(devices: tuple[str, ...]) -> bool:
    """Whether a run of this workspace trains on one of these devices now."""
    for device in devices:
        lock = _lock(_here(device))
        if not os.path.exists(lock.lock_file):  # nothing was ever trained here; looking must not leave a file
            continue
        try:
            lock.acquire()
        except Timeout:
            return True
        lock.release()
    return False


def _here(device: str) -> str:
    """A device of this machine, as the queue names it: a workspace may be shared by several machines."""
    return f"{socket.gethostname()} {device}"


def _lock(device: str) -> FileLock:
    name = re.sub(r"[^A-Za-z0-9.]+", "-", device)
    return FileLock(runs_folder() / f".device-{name}.lock", timeout=0, thread_local=False)

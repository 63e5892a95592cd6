"""Benchmarks of the workspace: each a folder, and a process of its own while it measures.

    bench = start_bench(BenchPlan(("resnet18",), batch_sizes=(1, 8)))      # returns at once
    bench.status()["state"], bench.rows(), bench.cancel()
    [bench.name for bench in list_benches()]

    plan.json       what was asked (`BenchPlan`)
    about.json      its name, and for whom it runs where nobody wants it afterwards
    status.json     state, cell, progress, process, heartbeat
    rows.jsonl      one row a cell, as it is measured; `vision_core.costs.bench` says what a row holds
    request.json    that somebody wants it to stop
    log.txt         what libraries said

Rows of a run also go to `costs.json` in the run's folder: the last ones of each condition. Nothing here imports torch.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil

from vision_core.apart import start_apart
from vision_core.costs.bench import BenchPlan, short_name
from vision_core.costs.bench_check import checked
from vision_core.errors import DataError, SettingsError, VisionError
from vision_core.run_folder import ABOUT, STATUS, RunFolder
from vision_core.settings import ensure_folder, settings

PLAN, ROWS, GO, COSTS = "plan.json", "rows.jsonl", "go", "costs.json"
_SAME = ("model", "device", "precision", "engine", "batch_size", "threads", "input_size_px")
"""What two rows of one run agree in where the newer replaces the older."""
WAITING = "waiting for other work to end"
"""The stage of one whose turn has not come."""
MOST_CHARACTERS = 80
"""Of a name."""
_LONG = ("layers", "roof", "samples_ms")
"""What a run's own summary of its costs leaves out."""


@dataclass(frozen=True)
class BenchFolder:
    """One benchmark."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def files(self) -> RunFolder:
        """Its folder, written and read as a run's."""
        return RunFolder(self.path)

    @property
    def name(self) -> str:
        """What its owner calls it; its models where nobody said."""
        with suppress(VisionError):
            return str(self.files.read(ABOUT).get("name") or self.id)
        return self.id

    @property
    def made_at(self) -> str:
        """When it was asked for (ISO 8601, UTC)."""
        with suppress(VisionError):
            return str(self.files.read(ABOUT).get("made_at") or "")
        return ""

    def plan(self) -> BenchPlan:
        """What was asked.

        Raises:
            DataError, SettingsError: the file is damaged.
        """
        return BenchPlan.from_json(self.files.read(PLAN))

    def status(self) -> dict[str, Any]:
        """`state` (queued, running, finished, failed, cancelled, interrupted), `done` of `total` cells, `cell` and
        `stage` in words, `seconds_left` (None: nobody can tell yet), `error`."""
        blank = {"done": 0, "total": 0, "cell": "", "stage": "", "seconds_left": None, "error": ""}
        try:
            record = self.files.record()
        except DataError as error:
            return {**blank, "state": "failed", "error": str(error)}
        said = {**blank, **record.status, "state": record.state}
        said["seconds_left"] = _seconds_left(said) if record.state == "running" else None
        if record.state == "interrupted" and not said["error"]:
            said["error"] = "Its process ended unasked; there may have been too little memory."
        return said

    @property
    def is_active(self) -> bool:
        return self.status()["state"] in ("queued", "running")

    def rows(self) -> list[dict[str, Any]]:
        """What is measured so far, oldest first; a line that is not whole is left out."""
        try:
            lines = (self.path / ROWS).read_text(encoding="utf-8").splitlines()
        except OSError:
            return []
        found = []
        for line in lines:
            with suppress(ValueError):
                found.append(json.loads(line))
        return [row for row in found if isinstance(row, dict)]

    def cancel(self) -> None:
        """Stops it within a few seconds; the rows that are measured stay.

        Raises:
            DataError: its folder cannot be written.
        """
        try:
            self.files.ask("cancel")
        except OSError as error:
            raise DataError(f"{self.path} cannot be written ({error.strerror}), so nobody can be asked.") from error

    def discard(self) -> None:
        """Deletes it.

        Raises:
            SettingsError: it is active.
        """
        if self.is_active:
            raise SettingsError("This benchmark is still measuring: cancel it first.")
        shutil.rmtree(self.path, ignore_errors=True)


def benches_folder() -> Path:
    """Where the workspace keeps its benchmarks."""
    return settings().home / "benches"


def list_benches() -> list[BenchFolder]:
    """The workspace's benchmarks, newest first."""
    folder = benches_folder()
    paths = [path for path in folder.iterdir() if (path / PLAN).is_file()] if folder.is_dir() else []
    return [BenchFolder(path) for path in sorted(paths, key=lambda path: path.name, reverse=True)]


def open_bench(id: str) -> BenchFolder:
    """The benchmark of that id.

    Raises:
        DataError: there is none.
    """
    path = benches_folder() / id
    if path.parent != benches_folder() or path.name != id or not (path / PLAN).is_file():
        raise DataError(f"There is no benchmark {id!r} in the workspace.")
    return BenchFolder(path)


def start_bench(plan: BenchPlan, name: str = "", folder: Path | None = None) -> BenchFolder:
    """Starts a plan in a process of its own, and returns at once. One measures at a time; others wait.

    Args:
        name: what to call it; by default its models.
        folder: a new folder outside the workspace, for one that is thrown away: it ends when this process does.

    Raises:
        VisionError: a model, price or region that does not exist; or the folder cannot be written.
    """
    plan = checked(plan)
    now = datetime.now(timezone.utc)
    path = folder or ensure_folder(benches_folder()) / f"{now.strftime('%Y%m%d-%H%M%S-%f')}-{uuid4().hex[:4]}"
    bench = BenchFolder(ensure_folder(path))
    about = {"name": cut(name) or _default_name(plan), "made_at": now.isoformat(timespec="seconds")}
    total = sum(1 for _ in plan.cells())
    try:
        bench.files.write(ABOUT, about | ({"for": _identity(os.getpid())} if folder else {}))
        status = {"state": "queued", "done": 0, "total": total, "heartbeat": time.time()}
        bench.files.write(STATUS, status | _identity(os.getpid()))
        bench.files.write(PLAN, plan.to_json())
        process = _spawn(bench.path)
        bench.files.write(STATUS, status | _identity(process.pid))
        (bench.path / GO).touch()  # from now on the process itself writes its status
    except OSError as error:
        raise DataError(f"The benchmark cannot be started: {path} cannot be written ({error.strerror}).") from error
    return bench


def cut(name: str, longest: int = MOST_CHARACTERS) -> str:
    """A name in so many characters, cut between words where it has any.

    >>> cut("EfficientNet-Lite0, ResNet-18 and 3 more", 32)
    'EfficientNet-Lite0, ResNet-18 …'
    """
    name = " ".join(name.split())
    if len(name) <= longest:
        return name
    words, _, _ = name[: longest - 1].rpartition(" ")
    return f"{words.rstrip(' ,·(')} …" if len(words) > longest // 2 else f"{name[: longest - 1]}…"


def _default_name(plan: BenchPlan) -> str:
    names = [short_name(model) for model in plan.models]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _identity(pid: int) -> dict[str, Any]:
    return {"pid": pid, "pid_started": psutil.Process(pid).create_time(), "host": socket.gethostname()}


def _spawn(path: Path) -> subprocess.Popen[bytes]:
    """The benchmark's own process, in a session of its own, its words in `log.txt`."""
    return start_apart(["-m", "vision_core.costs.bench_work", str(path.resolve())], path / "log.txt")


def _seconds_left(status: dict[str, Any]) -> float | None:
    """From how long the cells so far took, on average."""
    done, total, since = status["done"], status["total"], status.get("measuring_since")
    cell_since = status.get("cell_since")
    if not (done and total and since and cell_since):
        return None
    each = (cell_since - since) / done
    return max(0.0, each * (total - done) - max(0.0, time.time() - cell_since))


def remember(run: Path, row: dict[str, Any]) -> None:
    """Puts a row into the run's `costs.json`, in the place of an older one of the same conditions.

    Raises:
        DataError, OSError: the file is damaged, or cannot be written.
    """
    files = RunFolder(run)
    key = [row.get(name) for name in _SAME]
    before = files.read(COSTS).get("rows", [])
    kept = [old for old in before if [old.get(name) for name in _SAME] != key]
    short = {name: value for name, value in row.items() if name not in _LONG}
    files.write(COSTS, {"rows": [*kept, short]})


def costs_of_run(run: Path) -> list[dict[str, Any]]:
    """The rows that were measured of a run, as `remember` keeps them; none where nobody measured.

    Raises:
        DataError: the file is damaged.
    """
    rows = RunFolder(run).read(COSTS).get("rows", [])
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []

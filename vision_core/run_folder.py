"""A run's folder: its files, its state, and how they are written. The one place that knows the layout.

run = create_run(config)                      # in the workspace, or RunFolder.create(path, config)
run.record().state, run.history()

config.json     what was asked (TrainConfig), and from the start on what came of it: class names, versions, hardware
about.json      the run's name and its owner's note
status.json     state, progress, process, heartbeat; written by the process that trains
request.json    what a user asks of that process: to stop, or to finish early
metrics.jsonl   one record an epoch
previews.jsonl  one line an epoch: what the network says of the same few pictures
checkpoints/    last.safetensors, best.safetensors, resume.pt and the ones before it
data/           the index that was trained on, splits and all
evaluation.json, costs.json, log.txt
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args
from uuid import uuid4

import psutil

from vision_core.errors import DataError, SettingsError
from vision_core.settings import ensure_folder, settings

if TYPE_CHECKING:
    from vision_core.training.config import TrainConfig

State = Literal["queued", "running", "finished", "failed", "cancelled", "interrupted"]
STATES: tuple[State, ...] = get_args(State)
Request = Literal["cancel", "finish"]
HEARTBEAT_S = 2.0
SILENT_S = 60.0
"""A process without a heartbeat for so long does not answer, though it may be there."""
CHECKPOINTS = "checkpoints"
BEST = Path(CHECKPOINTS) / "best.safetensors"
LAST = Path(CHECKPOINTS) / "last.safetensors"
CONFIG, STATUS, REQUEST, ABOUT = "config.json", "status.json", "request.json", "about.json"


@dataclass(frozen=True)
class RunRecord:
    """What there is to know about a run, without its history.

    Attributes:
        id: the folder's name; `name` what its owner calls it.
        config: what `config.json` holds.
        state: "interrupted" for one whose process is gone though it never ended.
        status: what `status.json` holds: `epoch`, `epochs`, `step`, `steps`, `seconds_left`, `message` …
        error: why it failed, one sentence; "" otherwise.
        silent_s: seconds since its process last gave a sign, None unless it is running.
        can_resume: there is a checkpoint to go on from.
    """

    id: str
    path: Path
    name: str
    note: str
    config: Mapping[str, Any]
    state: State
    status: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    silent_s: float | None = None
    can_resume: bool = False

    @property
    def is_active(self) -> bool:
        return self.state in ("queued", "running")


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run."""

    path: Path

    @classmethod
    def create(cls, path: Path, config: TrainConfig, name: str = "", parent: str = "") -> RunFolder:
        """A new run's folder, with its configuration in it.

        Raises:
            DataError: the folder holds something already, or cannot be written.
        """
        run = cls(Path(path))
        try:
            run.path.mkdir(parents=True, exist_ok=True)
            if any(run.path.iterdir()):
                raise DataError(f"'{path}' already holds something: name another folder for the run.")
            made_at = datetime.now(timezone.utc).isoformat(timespec="seconds")
            run.write(CONFIG, config.to_json() | {"created_at": made_at, "parent": parent})
            run.write(ABOUT, {"name": name or run.path.name, "note": ""})
        except OSError as error:
            raise DataError(f"The run's folder '{path}' cannot be written ({error.strerror}).") from error
        return run

    @classmethod
    def open(cls, path: Path | str) -> RunFolder:
        """An existing run's folder.

        Raises:
            DataError: there is no run.
        """
        if not (Path(path) / CONFIG).is_file():
            raise DataError(f"'{path}' is not a run's folder: it holds no {CONFIG}.")
        return cls(Path(path))

    @property
    def checkpoints(self) -> Path:
        return self.path / CHECKPOINTS

    def write(self, name: str, values: Mapping[str, Any]) -> None:
        """Writes a JSON file aside and renames it; on a full disk nothing is left behind."""
        self._write(name, json.dumps(values, ensure_ascii=False, indent=1) + "\n")

    def _write(self, name: str, text: str) -> None:
        part = self.path / f"{name}.{os.getpid()}.part"
        try:
            with open(part, "w", encoding="utf-8") as file:
                file.write(text)
                if name == CONFIG:  # without it, a power cut would leave nothing of the run
                    file.flush()
                    os.fsync(file.fileno())
            os.replace(part, self.path / name)
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    def read(self, name: str) -> dict[str, Any]:
        """A JSON file's values; none where it is missing.

        Raises:
            DataError: it is damaged.
        """
        try:
            values = json.loads((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise DataError(f"{self.path / name} cannot be read ({error}).") from error
        if not isinstance(values, dict):
            raise DataError(f"{self.path / name} holds {type(values).__name__}, not a set of named values.")
        return values

    def config(self) -> TrainConfig:
        """What the run was asked to do.

        Raises:
            DataError, SettingsError: it cannot be read.
        """
        from vision_core.training.config import SETTINGS, TrainConfig

        return TrainConfig.from_json({name: value for name, value in self.read(CONFIG).items() if name in SETTINGS})

    def extend_config(self, **values: Any) -> None:
        """Adds what came of the configuration."""
        self.write(CONFIG, self.read(CONFIG) | values)

    def rename(self, name: str | None = None, note: str | None = None) -> None:
        """Gives the run another name or note."""
        about = self.read(ABOUT)
        changes = {"name": name.strip()[:80] if name and name.strip() else None, "note": note}
        self.write(ABOUT, about | {key: value for key, value in changes.items() if value is not None})

    def record(self) -> RunRecord:
        """Its state now."""
        about, status = self.read(ABOUT), self.read(STATUS)
        state: State = status.get("state", "queued")
        silent = None
        if state in ("queued", "running"):
            silent = max(0.0, time.time() - float(status.get("heartbeat", 0)))
            if not _alive(status) or (status.get("host") != socket.gethostname() and silent > SILENT_S):
                state, silent = "interrupted", None
        return RunRecord(
            id=self.path.name,
            path=self.path,
            name=str(about.get("name") or self.path.name),
            note=str(about.get("note") or ""),
            config=self.read(CONFIG),
            state=state if state in STATES else "failed",
            status=status,
            error=str(status.get("error") or ""),
            silent_s=silent,
            can_resume=any(self.checkpoints.glob("resume*.pt")),
        )

    def ask(self, action: Request) -> None:
        """Asks the process that trains to stop at once ("cancel") or after this step as if it were the last."""
        self.write(REQUEST, {"action": action})

    def asked(self) -> Request | None:
        """What was asked and not done yet."""
        if not (self.path / REQUEST).is_file():  # looked at every step
            return None
        action = self.read(REQUEST).get("action")
        return action if action in ("cancel", "finish") else None

    def forget_request(self) -> None:
        """What was asked is done."""
        (self.path / REQUEST).unlink(missing_ok=True)

    def history(self) -> list[dict[str, Any]]:
        """One record an epoch, oldest first; a line that is not whole is left out."""
        return self._lines("metrics.jsonl")

    def previews(self) -> list[dict[str, Any]]:
        """What the network said of the same few pictures after each epoch."""
        return self._lines("previews.jsonl")

    def write_lines(self, name: str, records: list[dict[str, Any]]) -> None:
        """Writes one record a line, aside and renamed."""
        self._write(name, "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records))

    def _lines(self, name: str) -> list[dict[str, Any]]:
        try:
            lines = (self.path / name).read_text(encoding="utf-8").splitlines()
        except OSError:
            return []
        found = []
        for line in lines:
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found

    def log(self, text: str) -> None:
        """Adds a line to the log, with the time; no run ends because its log cannot be written."""
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        with suppress(OSError), open(self.path / "log.txt", "a", encoding="utf-8") as file:
            file.write(f"{now} {text}\n")


def _alive(status: Mapping[str, Any]) -> bool:
    """Whether the process that wrote the status still runs; on another machine nobody can tell."""
    if not status:
        return False
    if status.get("host") != socket.gethostname():
        return True
    try:
        process = psutil.Process(int(status["pid"]))
        same = abs(process.create_time() - float(status["pid_started"])) < 1
        return same and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, KeyError, ValueError, TypeError):
        return False


def runs_folder() -> Path:
    """Where the workspace keeps its runs."""
    return settings().home / "runs"


def create_run(config: TrainConfig, name: str = "", parent: str = "") -> RunFolder:
    """A new run in the workspace.

    Args:
        name: what to call it; by default its model and data.
    """
    data = re.sub(r"[^A-Za-z0-9]+", "-", Path(config.data).name).strip("-").lower()[:30]
    model = re.sub(r"[^A-Za-z0-9]+", "-", Path(config.model).name).strip("-")[:40]
    now = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S")
    folder = ensure_folder(runs_folder()) / f"{now}-{model}-{data or 'data'}-{uuid4().hex[:4]}"
    return RunFolder.create(folder, config, name.strip()[:80] or f"{model} on {data}", parent)


def list_run_folders() -> list[RunFolder]:
    """The workspace's runs, newest first."""
    folder = runs_folder()
    if not folder.is_dir():
        return []
    paths = [path for path in folder.iterdir() if (path / CONFIG).is_file() and not path.name.startswith(".")]
    return [RunFolder(path) for path in sorted(paths, key=lambda path: path.name, reverse=True)]


def discard_run(run: RunFolder) -> Path:
    """Moves a run to the trash and returns where it is now.

    Raises:
        SettingsError: it is running or waiting.
    """
    if run.record().is_active:
        raise SettingsError(f"The run {run.path.name!r} is still active: stop it first.")
    target = ensure_folder(settings().home / "trash" / "runs") / f"{run.path.name}-{uuid4().hex[:8]}"
    os.replace(run.path, target)
    return target


def restore_run(path: Path) -> RunFolder:
    """Moves a run out of the trash, back to where it was.

    Raises:
        DataError: it is no longer there, or another run has its place.
    """
    target = ensure_folder(runs_folder()) / path.name.rpartition("-")[0]
    if path.parent != settings().home / "trash" / "runs" or not path.is_dir() or target.exists():
        raise DataError(f"The run {path.name!r} cannot be restored: it left the trash, or its place is taken.")
    os.replace(path, target)
    return RunFolder(target)


def list_trash() -> list[Path]:
    """Runs in the trash, newest first."""
    folder = settings().home / "trash" / "runs"
    return sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True) if folder.is_dir() else []


def empty_trash() -> int:
    """Deletes the runs in the trash for good and returns the bytes that frees."""
    freed = 0
    for path in list_trash():
        freed += sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        shutil.rmtree(path)
    return freed

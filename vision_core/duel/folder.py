"""A duel's folder: what was asked, how far it is, and what came of it.

duel.json       the plan, when it was made, and the data set that it is about
about.json      what its owner calls it
status.json     state, stage, process, heartbeat
request.json    that somebody wants it to stop
parts.json      the run of each part
two-stage-*.safetensors   what detecting and classifying in turn said of each picture
detected-*.safetensors    what a pretrained detector found, where nobody has drawn boxes
costs.json      what each contender costs, measured in one sitting
result.json     the yardstick, the curves and the verdict

The runs are runs of the workspace like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

from vision_core.duel.plan import WORDS, DuelPlan
from vision_core.errors import DataError, SettingsError, VisionError
from vision_core.run_folder import ABOUT, RunFolder
from vision_core.settings import ensure_folder, settings

DUEL, PARTS, RESULT = "duel.json", "parts.json", "result.json"
MOST_CHARACTERS = 80
"""Of a name."""


@dataclass(frozen=True)
class DuelFolder:
    """One duel."""

    path: Path

    @classmethod
    def create(cls, path: Path, plan: DuelPlan, name: str = "") -> DuelFolder:
        """A new duel's folder; or the one that is there, where it is of the same plan.

        Args:
            name: what to call it; by default what is asked, and of which data.

        Raises:
            SettingsError: the folder holds another duel.
            DataError: it holds something else, or cannot be written.
        """
        duel = cls(Path(path))
        if (duel.path / DUEL).is_file():
            duel._check_same(plan)
            return duel
        try:
            duel.path.mkdir(parents=True, exist_ok=True)
            if any(duel.path.iterdir()):
                raise DataError(f"'{path}' already holds something: name another folder for the duel.")
            made_at = datetime.now(timezone.utc).isoformat(timespec="microseconds")
            usual = f"{WORDS[plan.question]} {Path(plan.data).name}"
            duel.files.write(ABOUT, {"name": name.strip()[:MOST_CHARACTERS] or usual, "note": ""})
            duel.files.write(DUEL, {"plan": plan.to_json(), "id": uuid4().hex[:8], "made_at": made_at, "data": ""})
        except OSError as error:
            raise DataError(f"The duel's folder '{path}' cannot be written ({error.strerror}).") from error
        return duel

    @classmethod
    def open(cls, path: Path | str) -> DuelFolder:
        """An existing duel's folder.

        Raises:
            DataError: there is no duel.
        """
        if not (Path(path) / DUEL).is_file():
            raise DataError(f"'{path}' is not a duel's folder: it holds no {DUEL}.")
        return cls(Path(path))

    @property
    def files(self) -> RunFolder:
        """Written and read as a run's folder."""
        return RunFolder(self.path)

    @property
    def id(self) -> str:
        """By which its runs name it.

        Raises:
            DataError: the file is damaged.
        """
        return str(self.files.read(DUEL).get("id") or self.path.name)

    @property
    def name(self) -> str:
        """What its owner calls it; the folder's name where nobody said."""
        with suppress(VisionError):
            return str(self.files.read(ABOUT).get("name") or self.path.name)
        return self.path.name

    @property
    def made_at(self) -> str:
        """When it was asked for (ISO 8601, UTC); "" where nobody can read it."""
        with suppress(VisionError):
            return str(self.files.read(DUEL).get("made_at") or "")
        return ""

    def plan(self) -> DuelPlan:
        """What was asked.

        Raises:
            DataError, SettingsError: it cannot be read.
        """
        return DuelPlan.from_json(self.files.read(DUEL).get("plan", {}))

    def result(self) -> dict[str, Any]:
        """What came of it; empty before its end."""
        return self.files.read(RESULT)

    def data(self) -> str:
        """The id of the data set that it is about, or a folder; "" before it is known."""
        return str(self.files.read(DUEL).get("data", ""))

    def pictures(self) -> str:
        """Digits that differ when the data set's pictures, labels, boxes or splits do; "" before they are known."""
        return str(self.files.read(DUEL).get("pictures", ""))

    def settle_data(self, name: str, pictures: str) -> None:
        """Keeps which data set it is, and what is in it, so that later calls take the very same."""
        self.files.write(DUEL, self.files.read(DUEL) | {"data": name, "pictures": pictures})

    def brought_as(self) -> str:
        """The name under which its data were to be brought into the workspace; "" where they were there."""
        return str(self.files.read(DUEL).get("brought_as", ""))

    def bring_as(self, name: str) -> None:
        """Keeps that name before anything is brought in."""
        self.files.write(DUEL, self.files.read(DUEL) | {"brought_as": name})

    def runs(self) -> dict[str, Path]:
        """The run of each part that was begun and is still there."""
        said: Mapping[str, Any] = self.files.read(PARTS)
        return {name: Path(path) for name, path in said.items() if (Path(path) / "config.json").is_file()}

    def add_run(self, part: str, run: RunFolder) -> None:
        """Keeps which run does a part."""
        self.files.write(PARTS, self.files.read(PARTS) | {part: str(run.path)})

    def _check_same(self, plan: DuelPlan) -> None:
        asked, kept = plan.to_json(), self.plan().to_json()
        for name, value in asked.items():
            if value != kept[name]:
                raise SettingsError(
                    f"The duel in '{self.path}' has {name} {kept[name]!r}, not {value!r}: name another folder, or ask "
                    "for the same to go on with it."
                )


def duels_folder() -> Path:
    """Where the workspace keeps its duels."""
    return settings().home / "duels"


def create_duel(plan: DuelPlan, name: str = "") -> DuelFolder:
    """A new duel in the workspace."""
    now = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S")
    return DuelFolder.create(ensure_folder(duels_folder()) / f"{now}-{uuid4().hex[:4]}", plan, name)


def list_duels() -> list[DuelFolder]:
    """The workspace's duels, newest first."""
    folder = duels_folder()
    found = [path for path in folder.iterdir() if (path / DUEL).is_file()] if folder.is_dir() else []
    return sorted(map(DuelFolder, found), key=lambda duel: (duel.made_at, duel.path.name), reverse=True)

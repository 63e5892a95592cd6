"""Ways from a number to the run behind it, where that run is in this workspace: a duel may come from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from urllib.parse import urlencode

from vision_core.run_folder import BEST, CONFIG, runs_folder
from vision_core.settings import settings


def in_workspace(run: Path | str) -> str | None:
    """A run's name in this workspace; None where it is not here, wherever its path was once."""
    text = str(run)
    name = (PureWindowsPath(text) if "\\" in text else PurePosixPath(text)).name
    return name if name and (runs_folder() / name / CONFIG).is_file() else None


def evaluate(runs: Sequence[Path | str]) -> str | None:
    """The address of the Evaluate page with these runs; None where one of them is not here, or cannot predict."""
    names = [in_workspace(run) for run in runs]
    if not names or any(name is None or not (runs_folder() / name / BEST).is_file() for name in names):
        return None
    return "Evaluate?" + urlencode([("run", name) for name in names])


def bench(id: str) -> str | None:
    """The address of a measurement on the Costs page; None where it is not here."""
    known = id and Path(id).name == id and (settings().home / "benches" / id).is_dir()
    return "Costs?" + urlencode({"show": "Results", "bench": id}) if known else None

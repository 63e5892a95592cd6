"""A report from what it is about: a duel, a run or several; gathered by `of_duel` and the like, written by `page`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from vision_core.errors import DataError, SettingsError
from vision_core.report.page import MARKER, render
from vision_core.report.subject import Report, Stage

START_BYTES = 4096
"""Of a file, in which one of our own is known."""


def report_html(targets: Sequence[Path | str], progress: Stage | None = None) -> str:
    """The whole file.

    Args:
        targets: a duel's folder, a run's folder, or several runs' folders.
        progress: told of what is done; what it raises ends the work.

    Raises:
        SettingsError: nothing is named, or a duel and something else.
        DataError: there is no such run or duel, it is not finished, or runs cannot be compared.
    """
    tell = progress or _silent
    return render(gather(targets, tell), tell)


def gather(targets: Sequence[Path | str], tell: Stage) -> Report:
    """What the report tells; as `report_html`."""
    from vision_core.duel.folder import DUEL, DuelFolder
    from vision_core.report.of_comparison import report_on_comparison
    from vision_core.report.of_duel import report_on_duel
    from vision_core.report.of_run import report_on_run
    from vision_core.run_folder import RunFolder

    paths = list(dict.fromkeys(Path(target) for target in targets))
    if not paths:
        raise SettingsError("Name what the report is about: a duel, a run, or several runs.")
    duels = [path for path in paths if (path / DUEL).is_file()]
    if duels and len(paths) > 1:
        raise SettingsError(f"'{duels[0]}' is a duel, and a report is about one duel or about runs: name it alone.")
    if duels:
        return report_on_duel(DuelFolder.open(duels[0]), tell)
    runs = [RunFolder.open(path) for path in paths]
    return report_on_run(runs[0], tell) if len(runs) == 1 else report_on_comparison(runs, tell)


def write_report(targets: Sequence[Path | str], out: Path | str, progress: Stage | None = None) -> Path:
    """Writes the file aside and renames it; a report of ours that is there is replaced.

    Raises:
        DataError: the file holds something else, or cannot be written; otherwise as `report_html`.
    """
    path = Path(out)
    check_free(path)
    text = report_html(targets, progress)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise DataError(f"'{path}' cannot be written ({error.strerror or error}): name another place.") from error
    return path


def check_free(path: Path) -> None:
    """Refuses to overwrite anything but a report of ours.

    Raises:
        DataError: the file holds something else.
    """
    if path.is_dir():
        raise DataError(f"'{path}' is a folder: name a file.")
    if not path.exists():
        return
    with path.open("rb") as file:
        if MARKER.encode() not in file.read(START_BYTES):
            raise DataError(f"'{path}' is there already and is no report of ours: name another file.")


def _silent(stage: str, done: int, total: int) -> None:
    """Nobody wants to know."""

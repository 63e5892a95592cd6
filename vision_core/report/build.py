"""A report from what it is about: a duel, a run or several; gathered by `of_duel` and the like, written by `page`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vision_core.errors import SettingsError
from vision_core.report.page import MARKER, render
from vision_core.report.subject import Report, Stage
from vision_core.written import check_ours, write_aside


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
    check_ours(path, lambda start: MARKER.encode() in start, "report")
    return write_aside(path, report_html(targets, progress).encode("utf-8"))


def _silent(stage: str, done: int, total: int) -> None:
    """Nobody wants to know."""

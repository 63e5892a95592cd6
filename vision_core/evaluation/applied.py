"""The score threshold that a detector is used with: chosen from its evaluation, kept with the run.

apply_threshold("workspace/runs/…", 0.37)       # the Compare page starts with it
applied_threshold("workspace/runs/…")           # 0.37; None: nobody chose one
"""

from __future__ import annotations

from pathlib import Path

from vision_core.errors import SettingsError, VisionError
from vision_core.run_folder import CONFIG, RunFolder

SETTING = "score_threshold"
USUAL = 0.4
"""Where nobody chose: what `predict` and the Compare page show boxes from."""


def apply_threshold(run_path: Path | str, score: float | None) -> None:
    """Keeps a threshold with the run; None takes it away.

    Raises:
        DataError: there is no such run.
        SettingsError: it is not between 0 and 1.
    """
    run = RunFolder.open(run_path)
    if score is not None and not 0 <= score <= 1:
        raise SettingsError(f"A score threshold is between 0 and 1, not {score}.")
    values = run.read(CONFIG)
    values.pop(SETTING, None)
    run.write(CONFIG, values if score is None else values | {SETTING: round(float(score), 4)})


def applied_threshold(run_path: Path | str) -> float | None:
    """The threshold that the run keeps; None where it keeps none, or where there is no run."""
    try:
        kept = RunFolder(Path(run_path)).read(CONFIG).get(SETTING)
    except VisionError:
        return None
    return float(kept) if isinstance(kept, int | float) and not isinstance(kept, bool) and 0 <= kept <= 1 else None

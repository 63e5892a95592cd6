"""The score threshold that a detector is used with: chosen from its evaluation, kept with the run.

apply_threshold("workspace/runs/…", 0.37)       # the Compare page starts with it
applied_threshold("workspace/runs/…")           # 0.37; None: nobody chose one

With it stands on which pictures it was chosen: on those it looks better than it will on others (`flattered`).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vision_core.errors import SettingsError, VisionError
from vision_core.run_folder import CONFIG, RunFolder

if TYPE_CHECKING:
    from vision_core.evaluation.store import Evaluation

SETTING = "score_threshold"
CHOSEN_ON = "score_threshold_chosen_on"
USUAL = 0.4
"""Where nobody chose: what `predict` and the Compare page show boxes from."""


def apply_threshold(run_path: Path | str, score: float | None, chosen_on: Evaluation | None = None) -> None:
    """Keeps a threshold with the run; None takes it away.

    Args:
        chosen_on: whose pictures were looked at to choose it.

    Raises:
        DataError: there is no such run.
        SettingsError: it is not between 0 and 1.
    """
    run = RunFolder.open(run_path)
    if score is not None and not 0 <= score <= 1:
        raise SettingsError(f"A score threshold is between 0 and 1, not {score}.")
    values = run.read(CONFIG)
    for name in (SETTING, CHOSEN_ON):
        values.pop(name, None)
    if score is not None:
        values[SETTING] = float(score)
        if chosen_on is not None:
            values[CHOSEN_ON] = {"data": chosen_on.data, "split": chosen_on.split}
    run.write(CONFIG, values)


def applied_threshold(run_path: Path | str) -> float | None:
    """The threshold that the run keeps; None where it keeps none, or where there is no run."""
    try:
        kept = RunFolder(Path(run_path)).read(CONFIG).get(SETTING)
    except VisionError:
        return None
    return float(kept) if isinstance(kept, int | float) and not isinstance(kept, bool) and 0 <= kept <= 1 else None


def flattered(evaluation: Evaluation) -> str:
    """Why the run's threshold looks better on these pictures than it will on others, in a sentence; "" where it does
    not. Pictures of one data set are the same where their split is, or where either was all of them."""
    kept = applied_threshold(evaluation.run.path)
    if kept is None or evaluation.task != "detection":
        return ""
    on = evaluation.run.read(CONFIG).get(CHOSEN_ON)
    if not isinstance(on, dict):
        return f"Nobody knows on which pictures score {say_score(kept)} was chosen: if on these, it flatters the run."
    splits = {str(on.get("split", "")), evaluation.split} - {"", "all"}
    if on.get("data") != evaluation.data or len(splits) > 1:
        return ""
    instead = "" if evaluation.split == "val" else " Choose it on validation pictures instead."
    said = f"Score {say_score(kept)} was chosen on the pictures judged here, which flatters the run"
    return f"{said}: expect less on others.{instead}"


def counted_from(task: str, threshold: float | None, kept: bool = False) -> str:
    """From which score on a run's answers count, in words.

    Args:
        threshold: None of a classifier that gives each picture one class.
        kept: somebody chose it, and the run keeps it.
    """
    if threshold is None:
        return "says its best class of each picture, whatever its score"
    if task == "detection":
        return f"counts boxes from score {say_score(threshold)} on, {'chosen by you' if kept else 'as nobody chose'}"
    return f"says yes above {say_score(threshold)}"


def say_score(score: float) -> str:
    """Two digits, or as many as it takes, up to four: "0.40", "0.2631"."""
    return f"{score:.2f}" if round(score, 2) == score else f"{score:.4f}".rstrip("0")

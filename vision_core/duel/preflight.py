"""What would end a duel after hours, or make it unfair, is looked for before it begins: models, tasks, weights, price,
device, and pictures that a given run has learned from already."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vision_core.data.index import DatasetIndex
from vision_core.data.wording import plural
from vision_core.duel.plan import DuelPlan
from vision_core.errors import ModelError, SettingsError
from vision_core.evaluation.evaluation_file import digest_of_file
from vision_core.run_folder import BEST, RunFolder, runs_folder
from vision_core.runs import is_run, read_run
from vision_core.types import Task


def preflight(plan: DuelPlan) -> None:
    """Refuses what cannot come to an end.

    Raises:
        ModelError: a model or run that does not exist, is for the other task, or has no weights yet.
        SettingsError: a price or device that does not exist, or a workspace whose path cannot be named in a pipeline.
    """
    from vision_core.costs.prices import load_prices
    from vision_core.predict import choose_device

    tasks: dict[str, Task] = {plan.classifier: "classification", plan.detector: "detection"}
    for model, task in tasks.items():
        _check_model(model, task)
    if plan.price:
        load_prices().find(plan.price)
    choose_device(plan.device)
    if "two-stage" in plan.contenders and ">" in str(runs_folder().resolve()):
        raise SettingsError(
            f"The workspace {str(runs_folder())!r} has '>' in its path, which stands between two networks."
        )


def _check_model(model: str, task: Task) -> None:
    from vision_core.models.catalogue import get_spec

    spec = read_run(Path(model))[0] if is_run(model) else get_spec(model)
    if spec.task != task:
        raise ModelError(f"{model!r} does {spec.task}, not {task}: name one for {task}.")
    if is_run(model) and not (Path(model) / BEST).is_file():
        raise ModelError(f"The run {model!r} has no weights yet: train it first.")


def check_unseen(run: RunFolder, index: DatasetIndex) -> list[str]:
    """Refuses a given run that has learned from pictures that the duel judges by: it would win by heart.

    Args:
        index: of the duel, with its splits; pictures are known again by their bytes, wherever the files are.

    Returns:
        A sentence where pictures that it has learned from are gone, so that nobody can tell; else nothing.

    Raises:
        SettingsError: names a picture and how many there are.
    """
    split = "test" if "test" in index.splits else "val"
    judged = _files(index, split)
    sizes = {path.stat().st_size for path in judged if path.is_file()}
    own = DatasetIndex.load(run.path / "data")
    every = _files(own, "train")
    every += _files(own, "val") if split == "test" else []  # by these its best epoch was chosen
    known = {digest_of_file(path) for path in every if _size(path) in sizes}
    seen = [path for path in judged if path.is_file() and digest_of_file(path) in known] if known else []
    if seen:
        raise SettingsError(
            f"The run {run.record().name!r} has learned from {len(seen)} of the {len(judged)} pictures that the duel "
            f"would judge it by (such as {seen[0].name!r}): let the duel train one of its own, or name another run."
        )
    gone = sum(_size(path) < 0 for path in every)
    said = (
        f"{plural(gone, 'picture')} that the run “{run.record().name}” learned from can no longer be read, so nobody "
        "can tell whether it is judged by some of them."
    )
    return [said] if gone else []


def _files(index: DatasetIndex, split: str) -> list[Path]:
    splits = np.array(index.images["split"].to_pylist(), object)
    return [index.path(int(row)) for row in np.flatnonzero(splits == split)]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1

"""What would end a duel after hours is looked for before it begins: models, tasks, weights, price, device."""

from __future__ import annotations

from pathlib import Path

from vision_core.duel.plan import DuelPlan
from vision_core.errors import ModelError, SettingsError
from vision_core.run_folder import BEST, runs_folder
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

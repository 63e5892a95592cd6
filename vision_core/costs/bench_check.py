"""Whether everything that a benchmark's plan names exists, and under which full names it is measured.

Nothing here imports torch.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from vision_core.costs.bench import ARROW, BenchPlan, pipeline_parts
from vision_core.errors import SettingsError


def checked(plan: BenchPlan) -> BenchPlan:
    """The same with whole paths of runs, once everything that it names is known to exist.

    A run may be named by its folder, or by its id in the workspace.

    Raises:
        VisionError: there is no such model, price or region; or a pipeline is not a detector, then a classifier.
    """
    from vision_core.costs.carbon import carbon_intensity
    from vision_core.costs.prices import load_prices

    models = tuple(_known_model(name) for name in plan.models)
    if plan.price:
        load_prices().find(plan.price)
    if plan.region:
        carbon_intensity(plan.region)
    return replace(plan, models=models)


def _known_model(name: str) -> str:
    if parts := pipeline_parts(name):
        tasks = ("detection", "classification")
        return ARROW.join(_part(part, task) for part, task in zip(parts, tasks, strict=True))
    return _known(name)[0]


def _part(name: str, task: str) -> str:
    """A part of a pipeline, which must do `task`."""
    known, does = _known(name)
    if does != task:
        raise SettingsError(
            f"{name!r} does {does}, not {task}; a pipeline is a detector, then a classifier: DETECTOR{ARROW}CLASSIFIER."
        )
    return known


def _known(name: str) -> tuple[str, str]:
    """A model's full name and its task."""
    from vision_core.models.catalogue import get_spec
    from vision_core.run_folder import runs_folder
    from vision_core.runs import is_run, read_run

    in_workspace = runs_folder() / name
    path = name if is_run(name) else str(in_workspace) if re.fullmatch(r"[\w.-]+", name) else ""
    if not (path and is_run(path)):
        spec = get_spec(name)
        return spec.name, spec.task
    return str(Path(path).resolve()), read_run(Path(path))[0].task

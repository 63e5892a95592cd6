"""What pages ask of evaluation in the background: plain values in, plain values out; see `vision_core.background`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vision_core.background import Stage


def evaluate(arguments: Mapping[str, Any], progress: Stage) -> dict[str, Any]:
    """Evaluates a run.

    Args:
        arguments: `run` (its folder), and optionally `data`, `split`, `again`, as `evaluate_run` takes them.

    Returns:
        `file`: where the evaluation is kept; `figures`.
    """
    from vision_core.evaluation.store import evaluate_run

    found = evaluate_run(
        arguments["run"],
        arguments.get("data"),
        arguments.get("split", "test"),
        progress,
        bool(arguments.get("again", False)),
    )
    return {"file": str(found.file), "figures": found.figures}


def light(arguments: Mapping[str, Any], progress: Stage) -> dict[str, Any]:
    """Looks how light and how sharp the pictures of an evaluation are.

    Args:
        arguments: `file` of the evaluation, and its `digest`, so that another one is another question.

    Returns:
        Lists `brightness` and `sharpness`, None of what cannot be opened.
    """
    from vision_core.evaluation.slice_columns import light_columns
    from vision_core.evaluation.store import open_evaluation

    evaluation = open_evaluation(Path(arguments["file"]))
    paths = [evaluation.path(number) for number in range(len(evaluation.results))]
    found = light_columns(paths, progress)
    return {column.title: [None if value != value else float(value) for value in column.values] for column in found}


def points(arguments: Mapping[str, Any], progress: Stage) -> dict[str, Any]:
    """Asks a classifier where it looks for each class that its pictures show.

    Args:
        arguments: `file` of the evaluation, and its `digest`.

    Returns:
        `pictures` and `class_names` of the ground, and `points` `(N, K)` of x and y in pixels, None where it points
        nowhere.
    """
    from vision_core.evaluation.ground import common_ground, with_boxes
    from vision_core.evaluation.pointing import points as ask
    from vision_core.evaluation.store import open_evaluation
    from vision_core.predict import load_classifier

    evaluation = open_evaluation(Path(arguments["file"]))
    ground = common_ground([evaluation.results], with_boxes(evaluation))
    number_of = {path: number for number, path in enumerate(evaluation.results.pictures)}
    paths = [evaluation.path(number_of[path]) for path in ground.pictures]
    found = ask(load_classifier(str(evaluation.run.path)), paths, ground, progress)
    said = [[None if x != x else [float(x), float(y)] for x, y in row] for row in found.tolist()]
    return {"pictures": list(ground.pictures), "class_names": list(ground.class_names), "points": said}


def intervals(arguments: Mapping[str, Any], progress: Stage) -> dict[str, Any]:
    """The intervals of an evaluation's figures and of those of each class, as `map50/cup` or `f1/cup`.

    Args:
        arguments: `file` of the evaluation, `key` of what it said, and `samples`, how often pictures are drawn.

    Returns:
        `ends`: of each figure that has an interval, its low and high end.
    """
    from vision_core.evaluation.figure_table import figure_intervals
    from vision_core.evaluation.store import open_evaluation

    results = open_evaluation(Path(arguments["file"])).results
    found = figure_intervals(results, int(arguments["samples"]), progress=progress)
    return {"ends": {name: [one.low, one.high] for name, one in found.items()}}


def robustness(arguments: Mapping[str, Any], progress: Stage) -> dict[str, Any]:
    """Shows a run its pictures spoilt; what is found is kept with the evaluation, step by step.

    Args:
        arguments: `file` of the evaluation, `key` of what it said, `kinds`, and `pictures`, at most so many.

    Returns:
        `pictures`: how many were looked at.
    """
    from vision_core.evaluation.robustness import robustness as spoil
    from vision_core.evaluation.store import open_evaluation

    evaluation = open_evaluation(Path(arguments["file"]))
    found = spoil(evaluation, arguments["kinds"], int(arguments["pictures"]), progress=progress)
    return {"pictures": found.pictures}

"""The command line's `compare`: runs of any task side by side, and which is better, how surely; thin.

As in `__main__`: JSON on standard output with `--json`, progress on standard error, heavy imports inside the commands.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vision_core.data_commands import Stages
from vision_core.errors import SettingsError
from vision_core.evaluation_commands import Data, Split, is_multi_label, main_figure
from vision_core.train_commands import Json, open_run, print_json

if TYPE_CHECKING:
    from vision_core.evaluation.significance import Comparison
    from vision_core.evaluation.store import Evaluation
    from vision_core.evaluation.yardstick import Yardstick

app = typer.Typer()


@app.command()
def compare(
    runs: Annotated[list[str], typer.Argument(metavar="RUN RUN…", help="Runs of any task: folders, ids or names.")],
    data: Data = None,
    split: Split = "test",
    as_json: Json = False,
) -> None:
    """Set runs side by side: is it there, how many, where? And say which is better, and how surely."""
    from vision_core.evaluation.applied import applied_threshold, flattered
    from vision_core.evaluation.store import evaluate_run

    if len(runs) < 2:
        raise SettingsError("Name two runs at least; one alone is judged by `evaluate`.")
    found = [evaluate_run(open_run(run).path, data, split, Stages()) for run in runs]
    yardsticks = _yardsticks(found)
    rows = [
        {
            "run": str(evaluation.run.path),
            "name": evaluation.name,
            "task": evaluation.task,
            "images": len(yardstick.ground),
            "figures": yardstick.figures,
            "intervals": {name: list(ends) for name, ends in yardstick.intervals().items() if ends[0] == ends[0]},
            "unanswered": yardstick.unanswered,
            "score_threshold": applied_threshold(evaluation.run.path) if evaluation.task == "detection" else None,
            "flattered": flattered(evaluation),
        }
        for evaluation, yardstick in zip(found, yardsticks, strict=True)
    ]
    pairs = _pairs(found, yardsticks)
    if as_json:
        print_json({"runs": rows, "classes": list(yardsticks[0].ground.class_names), "pairs": pairs})
        return
    _print_yardstick(rows)
    for row in rows:
        if row["flattered"]:
            print(f"{row['name']}: {row['flattered']}")
    for pair in pairs:
        print(f"{pair['one']} and {pair['other']}, {pair['figure']}: {pair['words']}")


def _yardsticks(found: Sequence[Evaluation]) -> list[Yardstick]:
    """The runs on the pictures and classes that they have in common, where they point included."""
    from vision_core.evaluation.applied import applied_threshold
    from vision_core.evaluation.ground import common_ground, with_boxes
    from vision_core.evaluation.pointing import points
    from vision_core.evaluation.yardstick import side_by_side
    from vision_core.predict import load_classifier

    index = next((boxes for one in found if (boxes := with_boxes(one)) is not None), None)
    results = [one.results for one in found]
    ground = common_ground(results, index)
    pointed = []
    for one in found:
        if one.task == "detection":
            pointed.append(None)
            continue
        number_of = {path: number for number, path in enumerate(one.results.pictures)}
        paths = [one.path(number_of[path]) for path in ground.pictures]
        pointed.append(points(load_classifier(str(one.run.path)), paths, ground, Stages()))
    scores = [applied_threshold(one.run.path) if one.task == "detection" else None for one in found]
    return side_by_side(results, index, scores, pointed)


def _pairs(found: Sequence[Evaluation], yardsticks: Sequence[Yardstick]) -> list[dict[str, Any]]:
    """Every two runs: how far apart their figures are on the same drawn pictures, and in words which is better."""
    from vision_core.evaluation.yardstick import differences

    pairs = []
    for first, second in combinations(range(len(found)), 2):
        one, other = found[first], found[second]
        gaps = differences(yardsticks[first], yardsticks[second])
        verdict = _verdict(one, other, yardsticks[first], yardsticks[second])
        pairs.append(
            {
                "one": one.name,
                "other": other.name,
                "gaps": {name: {"gap": gap.value, "low": gap.low, "high": gap.high} for name, gap in gaps.items()},
                "figure": verdict.figure.name,
                "chance": verdict.chance,
                "words": verdict.words,
            }
        )
    return pairs


def _verdict(one: Evaluation, other: Evaluation, first: Yardstick, second: Yardstick) -> Comparison:
    """Two runs of one task by its main figure, others by what both can say: is it there?"""
    from vision_core.evaluation.intervals import Drawing
    from vision_core.evaluation.significance import Figure, compare, compare_statistics

    names = (one.name, other.name)
    if one.task == other.task and is_multi_label(one) == is_multi_label(other):
        return compare(one.results, other.results, main_figure(one), names, progress=Stages())
    asked = "presence_ap"
    return compare_statistics(
        lambda weights: first.resampled(weights)[asked],
        lambda weights: second.resampled(weights)[asked],
        len(first.ground),
        Figure(asked),
        names,
        Drawing(samples=1000),
        Stages(),
    )


def _print_yardstick(rows: Sequence[dict[str, Any]]) -> None:
    """A line a figure, a column a run."""
    from vision_core.evaluation.yardstick import QUESTIONS

    print(" " * 14 + "".join(f"{row['name'][:26]:>28}" for row in rows))
    for question, names in QUESTIONS.items():
        print(question)
        for name in names:
            cells = []
            for row in rows:
                value, ends = row["figures"].get(name), row["intervals"].get(name)
                said = "cannot say" if value is None else f"{value:.3f}"
                cells.append(said + (f" ({ends[0]:.3f} to {ends[1]:.3f})" if ends else ""))
            print(f"  {name:12}" + "".join(f"{cell:>28}" for cell in cells))

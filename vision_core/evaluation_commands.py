"""The command line's `evaluate`: how good a run is, how surely, and what of that is kept with it; thin.

As in `__main__`: JSON on standard output with `--json`, progress on standard error, heavy imports inside the commands.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vision_core.data_commands import Stages
from vision_core.errors import SettingsError
from vision_core.train_commands import Json, Run, open_run, print_json, print_metrics

if TYPE_CHECKING:
    from vision_core.evaluation.intervals import Interval
    from vision_core.evaluation.keeping import Kept
    from vision_core.evaluation.store import Evaluation

app = typer.Typer()

Data = Annotated[str | None, typer.Option(help="Other pictures with the same classes.")]
Split = Annotated[
    str, typer.Option(help="Which pictures; val stands in for test where there is none; all: every picture.")
]
WORST = 10
"""Slices that are told of."""


@app.command()
def evaluate(
    run: Run,
    data: Data = None,
    split: Split = "test",
    again: Annotated[bool, typer.Option("--again", help="Compute it even where a current one is kept.")] = False,
    details: Annotated[
        bool,
        typer.Option(
            "--details", help="Also intervals, each class, where it is weakest, a detector's kinds of errors."
        ),
    ] = False,
    robustness: Annotated[
        bool, typer.Option("--robustness", help="Also how it does on blurred, noisy, compressed and dark pictures.")
    ] = False,
    keep_temperature: Annotated[
        bool, typer.Option("--keep-temperature", help="Fit a classifier's temperature on validation pictures; keep it.")
    ] = False,
    keep_threshold: Annotated[
        str | None,
        typer.Option(
            metavar="best|SCORE", help="Keep a detector's score threshold; best: F1's on validation pictures."
        ),
    ] = None,
    forget: Annotated[bool, typer.Option("--forget", help="Take a kept temperature or threshold away first.")] = False,
    as_json: Json = False,
) -> None:
    """Judge a run's best weights on pictures it was not trained on; what is kept and still true is not done again."""
    found = open_run(run)
    score = None if keep_threshold in (None, "best") else _score(keep_threshold)
    task = found.config().task
    if keep_temperature and task == "detection":
        raise SettingsError("--keep-temperature is for the scores of a classifier; this run detects.")
    if keep_threshold is not None and task == "classification":
        raise SettingsError("--keep-threshold is for the boxes of a detector; this run classifies.")
    from vision_core.evaluation import keeping
    from vision_core.evaluation.store import evaluate_run

    evaluation = evaluate_run(found.path, data, split, Stages(), again)
    forgotten = keeping.forget(found.path) if forget else []  # only once all else is known to be right
    if forgotten:
        evaluation = evaluate_run(found.path, data, split, Stages())
    kept = [keeping.keep_temperature(evaluation, Stages())] if keep_temperature else []
    kept += [keeping.keep_threshold(evaluation, score, Stages())] if keep_threshold is not None else []
    if keep_temperature:
        evaluation = evaluate_run(found.path, data, split, Stages())  # the same answers at the temperature kept now
    if data is not None and (every := len(evaluation.index)) > len(evaluation.results):
        judged, of = len(evaluation.results), f"of the split {evaluation.split!r}" if evaluation.split else "labelled"
        print(f"{judged} of {every} pictures are {of}; --split all judges every labelled one.", file=sys.stderr)
    said = evaluation.summary()
    about = {name: said[name] for name in ("split", "images", "data", "left_out")}
    result = {
        "run": str(found.path),
        "state": found.record().state,
        **said["metrics"],
        "losses": said["losses"],
        **about,
    }
    if kept:
        result["kept"] = {one.name: one.to_json() for one in kept}
    if forget:
        result["forgotten"] = forgotten
    if details:
        result |= _details(evaluation)
    if robustness:
        result["robustness"] = _robustness(evaluation)
    if as_json:
        print_json(result)
    else:
        _print(result, kept)


def _print(result: dict[str, Any], kept: Sequence[Kept]) -> None:
    """The same for people."""
    print_metrics({name: value for name, value in result.items() if not isinstance(value, list)})
    if "forgotten" in result:
        print(f"{'forgotten':18} {', '.join(result['forgotten']) or 'nothing was kept'}")
    for one in kept:
        _print_kept(one)
    for name, (low, high) in result.get("intervals", {}).items():
        print(f"{name:18} {low:.4g} to {high:.4g} with 95 % confidence")
    for name, gain in result.get("errors", {}).items():
        print(f"{name:18} {'unknown' if gain is None else f'{gain:.4g}'} AP50 to be gained")
    for row in result.get("classes", []):
        _print_class(row)
    for one in result.get("slices", []):
        print(f"weakest: {one['by']} {one['name']}, F1 {one['f1']:.3f} of {one['pictures']} pictures")


def _print_class(row: dict[str, Any]) -> None:
    """A class with the figures that people ask for first."""
    said = []
    for name in ("f1", "precision", "recall", "map", "map50"):
        if name in row:
            ends = row["intervals"].get(name)
            said.append(f"{name} {row[name]:.3f}" + (f" ({ends[0]:.3f} to {ends[1]:.3f})" if ends else ""))
    things = "examples" if "examples" in row else "boxes"
    print(f"class {row['class']!r}, {row[things]} {things}: {', '.join(said) or 'nothing to tell'}")


def _score(text: str | None) -> float:
    try:
        score = float(text or "")
    except ValueError:
        score = -1.0
    if not 0 <= score <= 1:
        raise SettingsError(f"--keep-threshold takes best or a score between 0 and 1, not {text!r}.")
    return score


def _print_kept(kept: Kept) -> None:
    """What is kept now, what it was chosen by, and each figure before and after."""
    on = kept.chosen_on
    chosen = "as given" if on is None else f"chosen on {on['images']} pictures of {on['data']}, split {on['split']!r}"
    was = "none" if kept.was is None else f"{kept.was:.4g}"
    print(f"{kept.name:18} {kept.now:.4g} is kept (it was {was}), {chosen}")
    for name, after in kept.after.items():
        said = ["unknown" if value is None else f"{value:.4g}" for value in (kept.before.get(name), after)]
        print(f"  {name:16} {said[0]} before, {said[1]} after")
    if kept.warning:
        print(f"  {kept.warning} (--forget takes it away.)")


def _details(evaluation: Evaluation) -> dict[str, Any]:
    """Intervals, each class and the worst slices with theirs, and what each kind of a detector's errors costs."""
    from vision_core.evaluation.class_table import class_table
    from vision_core.evaluation.records import DetectionResults
    from vision_core.evaluation.slice_columns import evaluation_columns
    from vision_core.evaluation.slices import slices
    from vision_core.evaluation.tide import break_down

    progress = Stages()
    worst = slices(evaluation.results, evaluation_columns(evaluation, progress), progress=progress)[:WORST]
    every = _intervals(evaluation)
    found: dict[str, Any] = {
        "intervals": {name: [one.low, one.high] for name, one in every.items() if "/" not in name},
        "classes": class_table(evaluation.results, every),
        "slices": [
            {
                **{name: getattr(one, name) for name in ("by", "name", "pictures", "things", "low", "high", "rest")},
                "f1": one.value,
                "surely_weak": one.weak,
            }
            for one in worst
        ],
    }
    if isinstance(evaluation.results, DetectionResults) and not evaluation.results.truth.crowd.all():
        found["errors"] = dict(break_down(evaluation.results).gains)
    return found


def _intervals(evaluation: Evaluation) -> dict[str, Interval]:
    """Those that the pictures can tell."""
    from vision_core.evaluation.bootstrap_ap import detection_intervals
    from vision_core.evaluation.classification_intervals import classification_intervals
    from vision_core.evaluation.records import ClassificationResults

    results = evaluation.results
    if isinstance(results, ClassificationResults):
        found = classification_intervals(results, progress=Stages(), by_class=True)
    else:
        found = detection_intervals(results, by_class=True, progress=Stages())
    return {name: one for name, one in found.items() if one.known}


def _robustness(evaluation: Evaluation) -> dict[str, Any]:
    """The main figure of the same pictures clean and spoilt, by kind and severity 1 to 5."""
    from vision_core.evaluation.robustness import robustness

    figure = main_figure(evaluation)
    found = robustness(evaluation, progress=Stages())
    curves: dict[str, Any] = {"figure": figure, "pictures": found.pictures, "clean": found.clean.get(figure)}
    return curves | {"severities": found.curve(figure), "kept_share": found.kept_share(figure)}


def main_figure(evaluation: Evaluation) -> str:
    """What two runs of one task are compared by."""
    if evaluation.task == "detection":
        return "map50"
    return "map" if is_multi_label(evaluation) else "top1"


def is_multi_label(evaluation: Evaluation) -> bool:
    return bool(getattr(evaluation.results, "multi_label", False))

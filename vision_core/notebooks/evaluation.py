"""The Evaluate page as a notebook: one run in one of its parts, or several on the common yardstick."""

from __future__ import annotations

from dataclasses import dataclass

from vision_core.errors import SettingsError
from vision_core.notebooks.writer import Step, lines, run_code, script, write

INTRO = (
    "The same runs, pictures and figures as on the Evaluate page. Run it where `vision_core` and this workspace are: "
    "an evaluation that a run keeps is opened, one that is missing is computed, and then stands on the page too."
)


@dataclass(frozen=True, kw_only=True)
class EvaluationView:
    """What the Evaluate page shows.

    Attributes:
        runs: folders; one is looked into, several stand side by side.
        task: of the one run: "classification" or "detection".
        several_labels: whether its pictures carry several labels each.
        data, split: the pictures, as `evaluate_run` takes them.
        part: the page's name of the part that is open.
        score: from which score on answers count in that part; None: the usual.
        iou, class_name: of a detector's threshold: the overlap from which a box is right, and the class (None: all).
        pair: places in `runs` of the two that are compared.

    Raises:
        SettingsError: no run, a score or overlap outside 0..1, or a pair that is not there.
    """

    runs: tuple[str, ...]
    task: str = "classification"
    several_labels: bool = False
    data: str | None = None
    split: str = "test"
    part: str = "Overview"
    score: float | None = None
    iou: float = 0.5
    class_name: str | None = None
    pair: tuple[int, int] = (0, 1)

    def __post_init__(self) -> None:
        if not self.runs:
            raise SettingsError("There is no run to evaluate: name one.")
        for name, value in (("score", self.score), ("iou", self.iou)):
            if value is not None and not 0 <= value <= 1:
                raise SettingsError(f"{name} {value} is outside 0 to 1.")
        if len(self.runs) > 1 and not all(0 <= place < len(self.runs) for place in self.pair):
            raise SettingsError(f"pair {self.pair} is none of {len(self.runs)} runs.")


def notebook(view: EvaluationView) -> bytes:
    """What is on screen as a notebook."""
    return write("Which is better, and what goes wrong?", INTRO, steps(view))


def python_code(view: EvaluationView) -> str:
    """The same lines as one script."""
    return script(steps(view))


def steps(view: EvaluationView) -> list[Step]:
    """Of several runs the yardstick, of one its figures and the part that is open."""
    if len(view.runs) > 1:
        return _side_by_side(view)
    return [_opening(view), _figures(), *_part(view)]


def _asked(view: EvaluationView) -> str:
    data = "" if view.data is None else f", data={view.data!r}"
    return data + ("" if view.split == "test" else f", split={view.split!r}")


def _opening(view: EvaluationView) -> Step:
    imports, run = run_code(view.runs[0])
    code = lines(
        "import pandas as pd",
        "from vision_core.evaluation.store import evaluate_run",
        imports,
        f"\nevaluation = evaluate_run({run}{_asked(view)})",
        "results = evaluation.results",
        "print(len(results), 'pictures of', evaluation.data, 'and', len(results.class_names), 'classes')",
    )
    return Step("The evaluation", "How many pictures it rests on says how much it can tell.", code)


def _figures() -> Step:
    code = lines(
        "from vision_core.evaluation.figure_table import figure_intervals, figure_rows",
        "ends = figure_intervals(results)",
        "figures = pd.DataFrame(figure_rows(evaluation, ends)).set_index('figure')",
        "figures",
    )
    return Step("Its figures", "Look at how far low and high lie apart before you trust a second digit.", code)


def _part(view: EvaluationView) -> list[Step]:
    made = (_of_boxes if view.task == "detection" else _of_labels).get(view.part)
    if made is None:
        made = {"Slices": _slices, "Robustness": _robustness}.get(view.part, _classes)
    return [made(view)]


def _classes(view: EvaluationView) -> Step:
    code = lines(
        "from vision_core.evaluation.class_table import class_table",
        "classes = pd.DataFrame(class_table(results, ends)).set_index('class')",
        "classes",
    )
    return Step("Class by class", "Look for the class that pulls the mean down, and how many examples it has.", code)


def _confusion(view: EvaluationView) -> Step:
    if view.several_labels:
        score = 0.5 if view.score is None else float(view.score)
        code = lines(
            "from vision_core.evaluation.classification import label_confusion",
            f"counts = label_confusion(results, {score!r})",
            "counts.tolist()",
        )
        look = "Of each class a table of two by two: rightly silent, wrongly said, missed, rightly said."
        return Step("What is taken for what", look, code)
    code = lines(
        "from vision_core.evaluation.classification import confusion",
        "counts = pd.DataFrame(confusion(results), results.class_names, results.class_names)",
        "counts",
    )
    return Step("What is taken for what", "Rows are the truth: look for the largest number off the diagonal.", code)


def _worst(view: EvaluationView) -> Step:
    code = lines(
        "from vision_core.evaluation.classification import top_losses",
        "numbers, losses = top_losses(results, 20)",
        "worst = pd.DataFrame({'picture': [results.pictures[n] for n in numbers], 'loss': losses})",
        "worst",
    )
    return Step("Worst pictures", "The first ones are wrong and sure of it: often the label is the mistake.", code)


def _confidence(view: EvaluationView) -> Step:
    code = lines(
        "from vision_core.evaluation.calibration import fit_temperature, reliability",
        "now = reliability(results)",
        "fitted = fit_temperature(results)",
        "confidence = {'ece': now.ece, 'temperature': results.temperature, 'fitted': fitted.temperature}",
        "confidence",
    )
    return Step("Confidence", "An error of calibration of 0 would mean that 80 % sure is right 8 times in 10.", code)


def _label_threshold(view: EvaluationView) -> Step:
    code = lines(
        "from vision_core.evaluation.thresholds import sweep",
        "found = sweep(results)",
        "threshold = {'best': found.best}",
        "pd.DataFrame({'score': found.thresholds, 'precision': found.precision_micro,"
        " 'recall': found.recall_micro, 'f1': found.f1_micro}).iloc[::10]",
    )
    return Step(
        "Curves and threshold", "Precision rises and recall falls with the threshold: F1 is best between.", code
    )


def _errors(view: EvaluationView) -> Step:
    code = lines(
        "from vision_core.evaluation.tide import break_down",
        "report = break_down(results)",
        "errors = pd.DataFrame({'gain': report.gains, 'boxes': report.counts})",
        "errors",
    )
    return Step("What AP50 is lost to", "The longest gain is the kind of error that is worth mending first.", code)


def _box_threshold(view: EvaluationView) -> Step:
    code = lines(
        "from vision_core.evaluation.score_threshold import sweep_thresholds",
        f"sweep = sweep_thresholds(results, {float(view.iou)!r}, {view.class_name!r})",
        "best = sweep.at(sweep.best_score or 0.0)",
        f"now = sweep.at({0.4 if view.score is None else float(view.score)!r})",
        "threshold = pd.DataFrame({name: vars(at) for name, at in (('now', now), ('best', best))})",
        "threshold",
    )
    return Step("Threshold", "How much F1 the threshold in use gives away to the best one.", code)


def _box_curves(view: EvaluationView) -> Step:
    code = lines(
        "from vision_core.evaluation.detection import coco_scores",
        "scores = coco_scores(results)",
        "classes = pd.DataFrame(scores.by_class()).set_index('class')",
        "classes",
    )
    return Step("Average precision of each class", "Between map50 and map lies how well boxes fit.", code)


def _box_confusion(view: EvaluationView) -> Step:
    score = 0.4 if view.score is None else float(view.score)
    code = lines(
        "from vision_core.evaluation.box_confusion import confuse_boxes",
        f"found = confuse_boxes(results, {score!r}, 0.5)",
        "counts = pd.DataFrame(found.counts, found.names, found.names)",
        "counts",
    )
    look = "The last column is what was missed, the last row what was found without an object left for it."
    return Step("What is taken for what", look, code)


def _slices(view: EvaluationView) -> Step:
    score = "" if view.score is None else f", score={float(view.score)!r}"
    code = lines(
        "from vision_core.evaluation.slice_columns import index_columns",
        "from vision_core.evaluation.slices import slices",
        f"found = slices(results, index_columns(evaluation.index, evaluation.rows){score})",
        "names = ('by', 'name', 'value', 'low', 'high', 'rest', 'pictures', 'weak')",
        "parts = pd.DataFrame([{name: getattr(one, name) for name in names} for one in found])",
        "parts",
    )
    return Step("Where it is weak", "Trust only parts that are marked weak: others may be worse by chance.", code)


def _robustness(view: EvaluationView) -> Step:
    code = lines(
        "from vision_core.evaluation.robustness import kept_robustness",
        "spoilt = kept_robustness(evaluation)  # None before somebody measured it",
        "kept = {} if spoilt is None else {name: spoilt.kept_share(name) for name in spoilt.clean}",
        "pd.DataFrame(kept)",
    )
    return Step("Robustness", "Which damage takes most of the figure away.", code)


def _side_by_side(view: EvaluationView) -> list[Step]:
    named = [run_code(run) for run in view.runs]
    opening = lines(
        "import pandas as pd",
        "from vision_core.costs.quality import stand",
        "from vision_core.evaluation.store import evaluate_run",
        *dict.fromkeys(imports for imports, _ in named),
        f"\nruns = [{', '.join(run for _, run in named)}]",
        f"evaluations = [evaluate_run(run{_asked(view)}) for run in runs]",
        "sticks = stand(evaluations)",
        "print(len(sticks[0].ground), 'pictures and', len(sticks[0].ground.class_names), 'classes in common')",
    )
    table = lines(
        "from vision_core.evaluation.figure_table import gap_rows, yardstick_rows",
        "yardstick = pd.DataFrame(yardstick_rows(sticks, [one.name for one in evaluations])).set_index('run').T",
        "yardstick",
    )
    one, other = (int(place) for place in view.pair)
    gaps = lines(f"gaps = pd.DataFrame(gap_rows(sticks[{one}], sticks[{other}])).set_index('figure')", "gaps")
    return [
        Step("The evaluations", "Only pictures and classes that all of them know are compared.", opening),
        Step("One yardstick", "Nothing stands where a run cannot say: a classifier counts nothing.", table),
        *([Step("Which of two is better", "Look at “surely”: without it, chance could explain the gap.", gaps)]
          if one != other else []),
    ]  # fmt: skip


_of_labels = {
    "Overview": _classes,
    "Confusion": _confusion,
    "Worst pictures": _worst,
    "Confidence": _confidence,
    "Curves and threshold": _label_threshold,
}
_of_boxes = {
    "Overview": _classes,
    "Errors": _errors,
    "Threshold": _box_threshold,
    "Curves": _box_curves,
    "Confusion": _box_confusion,
}

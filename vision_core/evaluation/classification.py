"""What a classifier gets right and wrong: its figures, each class's, which classes it takes for which, and its worst.

    figures(results)["f1_macro"]
    for row in per_class(results): print(row.name, row.recall, row.support)
    counts = confusion(results); pictures_of(results, shown=3, said=5)

The figures, fractions of 1 and better when higher unless it says otherwise. Of pictures that show one class each:

- `top1`, `top5`: the right class is the first, or among the first five (where there are more than five).
- `precision_macro`, `recall_macro`, `f1_macro`: means over classes that have an example or an answer; a class without
  an answer has precision 0, as in scikit-learn. `f1_weighted`: by each class's examples.
- `balanced_accuracy`: mean recall of classes that have an example. `kappa`: Cohen's, agreement beyond chance, -1..1.
- `map`, `roc_auc`: each class against the rest, mean over classes.
- `log_loss`: mean cross-entropy in nats, lower is better. `brier`: mean of the squared errors of all scores of a
  picture added up, 0..2, lower is better.
- `ece`: expected calibration error in 15 equal bins, lower is better (Guo et al. 2017, arXiv:1706.04599).

Where a picture may show several classes or none, each class is a yes or no at a threshold: `f1_micro`,
`precision_micro`, `recall_micro` of all answers together; `exact_match`, the share of pictures with every answer right;
`top1`, of pictures that show anything, the share whose best class is there; `log_loss`, `brier` (0..1) and `ece` of all
answers. There is no `top5`, `balanced_accuracy` or `kappa`. A figure that the pictures cannot tell is absent.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from vision_core.errors import DataError
from vision_core.evaluation import ranking
from vision_core.evaluation.records import ClassificationResults
from vision_core.evaluation.tallies import Tally, best_class, losses, ratio, said_classes

LOWER_IS_BETTER = frozenset({"log_loss", "brier", "ece"})


@dataclass(frozen=True)
class ClassFigures:
    """One class against all others. A share that has nothing to be counted of is None.

    Attributes:
        support: pictures that show it; `said`: pictures it was said of; `right`: both.
        precision: share of what was said that is right; recall: share of what is there that was said; f1: their
            harmonic mean; accuracy: share of all pictures where its yes or no is right.
        average_precision, roc_auc: areas under its curves, whatever the threshold.
    """

    class_id: int
    name: str
    support: int
    said: int
    right: int
    precision: float | None
    recall: float | None
    f1: float | None
    accuracy: float | None
    average_precision: float | None
    roc_auc: float | None


def figures(
    results: ClassificationResults, names: Collection[str] | None = None, threshold: float | np.ndarray = 0.5
) -> dict[str, float]:
    """All figures, or those named; see above.

    Args:
        threshold: a class is said where its score is above it; only where pictures may show several. A number, or
            `(K,)`, one for each class.

    Raises:
        SettingsError: a name that is no figure.
    """
    found = Tally(results, names, threshold)(np.ones((1, len(results))))
    return {name: float(value[0]) for name, value in found.items() if not np.isnan(value[0])}


def per_class(results: ClassificationResults, threshold: float | np.ndarray = 0.5) -> list[ClassFigures]:
    """The figures of each class, in the order of the classes; `threshold` as in `figures`."""
    shown, said = results.shown, said_classes(results, threshold)
    rows = []
    for class_id, name in enumerate(results.class_names):
        there, answered = shown[:, class_id], said[:, class_id]
        support, answers, right = int(there.sum()), int(answered.sum()), int((there & answered).sum())
        precise, area = _areas(there, results.scores[:, class_id])
        rows.append(
            ClassFigures(
                class_id,
                name,
                support,
                answers,
                right,
                precision=_share(right, answers),
                recall=_share(right, support),
                f1=_share(2 * right, support + answers),
                accuracy=_share(int((there == answered).sum()), len(results)),
                average_precision=precise,
                roc_auc=area,
            )
        )
    return rows


def _areas(shown: np.ndarray, scores: np.ndarray) -> tuple[float | None, float | None]:
    """Both areas of one class, as far as there are any."""
    if not shown.any():
        return None, None
    precise, area = ranking.areas(shown, scores, np.ones((1, len(shown))))
    return float(precise[0]), None if shown.all() else float(area[0])


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def confusion(results: ClassificationResults) -> np.ndarray:
    """`(K, K)` int64: how many pictures that show the row's class were said to show the column's.

    Raises:
        DataError: a picture may show several classes: see `label_confusion`.
    """
    _one_class_each(results)
    classes = len(results.class_names)
    cells = results.targets * classes + best_class(results)
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def label_confusion(results: ClassificationResults, threshold: float | np.ndarray = 0.5) -> np.ndarray:
    """`(K, 2, 2)` int64: of each class, how many pictures do not show it (0) or do (1), by whether it was said."""
    shown, said = results.shown, said_classes(results, threshold)
    cells = [[(there & answer).sum(axis=0) for answer in (~said, said)] for there in (~shown, shown)]
    return np.array(cells, np.int64).transpose(2, 0, 1)


def normalised(counts: np.ndarray, by: str = "shown") -> np.ndarray:
    """The counts of `confusion` as shares of their row ("shown"), column ("said") or all ("all"); NaN of nothing."""
    axis = {"shown": 1, "said": 0, "all": None}[by]
    return ratio(counts, counts.sum(axis=axis, keepdims=True))


def pictures_of(results: ClassificationResults, shown: int, said: int) -> np.ndarray:
    """Numbers of the pictures behind a cell of `confusion`, the surest answer first.

    Raises:
        DataError: as `confusion`.
    """
    _one_class_each(results)
    numbers = np.flatnonzero((results.targets == shown) & (best_class(results) == said))
    return numbers[np.argsort(-results.scores[numbers, said], kind="stable")]


def pictures_where(
    results: ClassificationResults, class_id: int, shown: bool, said: bool, threshold: float | np.ndarray = 0.5
) -> np.ndarray:
    """Numbers of the pictures behind a cell of `label_confusion`, the surest answer first."""
    answered = said_classes(results, threshold)[:, class_id]
    numbers = np.flatnonzero((results.shown[:, class_id] == shown) & (answered == said))
    scores = results.scores[numbers, class_id]
    return numbers[np.argsort(-scores if said else scores, kind="stable")]


@dataclass(frozen=True)
class Confused:
    """A class that is taken for another: how many pictures, and their share of all that show the class."""

    shown: int
    said: int
    count: int
    share: float


def most_confused(results: ClassificationResults, limit: int = 10) -> list[Confused]:
    """Which classes are taken for which, most pictures first; raises as `confusion`."""
    counts = confusion(results)
    support = counts.sum(axis=1)
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:limit]
    pairs = [divmod(int(cell), len(counts)) for cell in order]
    return [Confused(i, j, int(wrong[i, j]), float(wrong[i, j] / support[i])) for i, j in pairs if wrong[i, j]]


def top_losses(results: ClassificationResults, limit: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the pictures that the network was most surprised by, worst first, and their losses in nats."""
    values = losses(results)
    numbers = np.argsort(-values, kind="stable")[:limit]
    return numbers, values[numbers]


def _one_class_each(results: ClassificationResults) -> None:
    if results.multi_label:
        raise DataError("These pictures may show several classes: look at each class's own yes and no instead.")

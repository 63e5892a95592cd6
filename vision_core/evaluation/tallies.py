"""The figures of a classifier, counted for many drawings of the same pictures at once.

    tally = Tally(results)
    tally(np.ones((1, len(results))))["f1_macro"]       # the figures themselves
    tally(drawn)["f1_macro"]                            # (B,): of B drawings with replacement, for an interval

What a picture adds to each figure is worked out once; a drawing only weighs it. So an interval comes from the same
lines as the figure, and a thousand drawings are a few matrix products.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial

import numpy as np

from vision_core.errors import SettingsError, suggest
from vision_core.evaluation import ranking
from vision_core.evaluation.records import ClassificationResults

MEANS = ("top1", "top5", "log_loss", "brier")
COUNTS = (
    *("f1_macro", "f1_micro", "f1_weighted", "precision_macro", "precision_micro", "recall_macro", "recall_micro"),
    *("balanced_accuracy", "kappa"),
)
RANKS = ("map", "roc_auc")
OF_CLASS = ("precision", "recall", "f1", *RANKS)
"""Figures of a class of its own, told as `f1/cup`."""
NAMES = (*MEANS, "exact_match", *COUNTS, *RANKS, "ece")
"""Every figure there may be; `vision_core.evaluation.classification` says what each is."""
ECE_BINS = 15

Part = Callable[[np.ndarray], dict[str, np.ndarray]]


class Tally:
    """What `results` say, ready to be weighed.

    Args:
        names: which figures, all by default; one that these results do not have is left out.
        threshold: where a class counts as said when each is a yes or no of its own: a score above it; a number, or
            one for each class.
        by_class: also `OF_CLASS` of each class, as `f1/cup`, NaN where a drawing has nothing to count it of.

    Raises:
        SettingsError: a name that is no figure.
    """

    def __init__(
        self,
        results: ClassificationResults,
        names: Collection[str] | None = None,
        threshold: float | np.ndarray = 0.5,
        by_class: bool = False,
    ) -> None:
        for name in names or ():
            if name not in NAMES:
                raise SettingsError(f"There is no figure {name!r}.{suggest(name, list(NAMES))}")
        of_class = [f"{name}/{each}" for name in OF_CLASS for each in results.class_names] if by_class else []
        self._told = [*(name for name in NAMES if names is None or name in names), *of_class]
        groups: list[tuple[tuple[str, ...], Callable[[], Part]]] = [
            ((*MEANS, "exact_match"), lambda: partial(_means, _values(results, threshold))),
            ((*COUNTS, *of_class), lambda: _counting(results, threshold, by_class)),
            ((*RANKS, *of_class), lambda: partial(_ranks, results, by_class)),
            (("ece",), lambda: _confidence(results)),
        ]
        wanted = frozenset(self._told)
        self._parts = [make() for group, make in groups if wanted.intersection(group)] if len(results) else []

    def __call__(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """The figures of each drawing.

        Args:
            weights: `(B, N)` float64, how often each picture was drawn.

        Returns:
            Arrays `(B,)`; NaN where a drawing cannot tell.
        """
        found = {name: values for part in self._parts for name, values in part(weights).items()}
        return {name: found[name] for name in self._told if name in found}


def said_classes(results: ClassificationResults, threshold: float | np.ndarray = 0.5) -> np.ndarray:
    """`(N, K)` bool: the best class of each picture, or where `multi_label` all that score above `threshold`."""
    if results.multi_label:
        return results.scores > threshold
    said = np.zeros(results.logits.shape, bool)
    said[np.arange(len(results)), best_class(results)] = True
    return said


def best_class(results: ClassificationResults) -> np.ndarray:
    """`(N,)` int64: the class with the highest score; of equals, the first."""
    return results.logits.argmax(axis=1)


def losses(results: ClassificationResults) -> np.ndarray:
    """`(N,)` float64: the cross-entropy of each picture, in nats; where `multi_label`, the mean over its classes.

    From the logits, so that a sure mistake costs what it should and not what rounding leaves of it.
    """
    logits = results.logits.astype(np.float64) / results.temperature
    if results.multi_label:
        return (np.logaddexp(0.0, logits) - logits * results.shown).mean(axis=1)
    return np.logaddexp.reduce(logits, axis=1) - logits[np.arange(len(logits)), results.targets]


def confidence_bins(confidence: np.ndarray, bins: int) -> np.ndarray:
    """Which of `bins` equal parts of 0..1 each confidence falls into: from its lower edge to below its upper one.

    A confidence of 1 belongs to the last.
    """
    edges = np.linspace(0, 1, bins + 1)
    return np.minimum(np.searchsorted(edges, confidence, side="right") - 1, bins - 1)


def ratio(part: np.ndarray, whole: np.ndarray, undefined: float = np.nan) -> np.ndarray:
    """`part / whole`, and `undefined` where the whole is 0."""
    part, whole = np.broadcast_arrays(np.asarray(part, np.float64), np.asarray(whole, np.float64))
    return np.divide(part, whole, out=np.full(whole.shape, undefined), where=whole != 0)


def _values(
    results: ClassificationResults, threshold: float | np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray | None]]:
    """What the figures that are plain means average, and over which pictures (None: all)."""
    shown, scores = results.shown, results.scores
    best = shown[np.arange(len(results)), best_class(results)].astype(np.float64)
    squares = (scores - shown) ** 2
    values: dict[str, tuple[np.ndarray, np.ndarray | None]] = {"log_loss": (losses(results), None)}
    if results.multi_label:
        exact = (said_classes(results, threshold) == shown).all(axis=1)
        return values | {
            "top1": (best, shown.any(axis=1)),
            "brier": (squares.mean(axis=1), None),
            "exact_match": (exact.astype(np.float64), None),
        }
    values |= {"top1": (best, None), "brier": (squares.sum(axis=1), None)}
    if shown.shape[1] > 5:
        logits, rows = results.logits, np.arange(len(results))
        true = logits[rows, results.targets][:, None]
        before = np.arange(logits.shape[1]) < results.targets[:, None]
        rank = (logits > true).sum(axis=1) + ((logits == true) & before).sum(axis=1)
        values["top5"] = ((rank < 5).astype(np.float64), None)
    return values


def _means(values: dict[str, tuple[np.ndarray, np.ndarray | None]], weights: np.ndarray) -> dict[str, np.ndarray]:
    found = {}
    for name, (each, over) in values.items():
        drawn = weights if over is None else weights * over
        found[name] = ratio(drawn @ each, drawn.sum(axis=1))
    return found


def _counting(results: ClassificationResults, threshold: float | np.ndarray, by_class: bool = False) -> Part:
    """Figures that come from how often each class is shown, said, and both."""
    from scipy.sparse import csr_array

    shown, said = results.shown, said_classes(results, threshold)
    tables = [csr_array(each.astype(np.float64)) for each in (shown & said, shown, said)]
    figures = _several_figures if results.multi_label else _one_figures

    def count(weights: np.ndarray) -> dict[str, np.ndarray]:
        right, there, answers = (np.asarray(weights @ table) for table in tables)
        told = _macro_figures(right, there, answers) | figures(right, there, answers)
        return told | _of_each(_class_figures(right, there, answers), results.class_names) if by_class else told

    return count


def _class_figures(right: np.ndarray, there: np.ndarray, answers: np.ndarray) -> dict[str, np.ndarray]:
    """`(B, K)` counts to `(B, K)` figures, NaN where there is nothing to count one of."""
    found = {"precision": ratio(right, answers), "recall": ratio(right, there)}
    return found | {"f1": ratio(2 * right, there + answers)}


def _of_each(tables: dict[str, np.ndarray], class_names: Sequence[str]) -> dict[str, np.ndarray]:
    """`(B, K)` figures as one `(B,)` a class."""
    return {f"{name}/{each}": table[:, k] for name, table in tables.items() for k, each in enumerate(class_names)}


def _macro_figures(right: np.ndarray, there: np.ndarray, answers: np.ndarray) -> dict[str, np.ndarray]:
    """Means over classes that have an example or an answer; `(B, K)` counts to `(B,)`."""
    used = (there + answers) > 0
    f1 = ratio(2 * right, there + answers, 0.0)
    classes = used.sum(axis=1)
    return {
        "f1_macro": ratio(f1.sum(axis=1), classes),
        "f1_weighted": ratio((f1 * there).sum(axis=1), there.sum(axis=1)),
        "precision_macro": ratio(ratio(right, answers, 0.0).sum(axis=1), classes),
        "recall_macro": ratio(ratio(right, there, 0.0).sum(axis=1), classes),
    }


def _one_figures(right: np.ndarray, there: np.ndarray, answers: np.ndarray) -> dict[str, np.ndarray]:
    recall = ratio(right, there, 0.0)
    total = there.sum(axis=1)
    agreed, expected = ratio(right.sum(axis=1), total), ratio((there * answers).sum(axis=1), total**2)
    return {
        "balanced_accuracy": ratio(recall.sum(axis=1), (there > 0).sum(axis=1)),
        "kappa": ratio(agreed - expected, 1 - expected),
    }


def _several_figures(right: np.ndarray, there: np.ndarray, answers: np.ndarray) -> dict[str, np.ndarray]:
    hits, shown, said = right.sum(axis=1), there.sum(axis=1), answers.sum(axis=1)
    return {
        "f1_micro": ratio(2 * hits, shown + said),
        "precision_micro": ratio(hits, said),
        "recall_micro": ratio(hits, shown),
    }


def _ranks(results: ClassificationResults, by_class: bool, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Means over the classes that each figure is defined for, and the classes' own."""
    shown, scores = results.shown, results.scores
    each = [ranking.areas(shown[:, k], scores[:, k], weights) for k in range(shown.shape[1])]
    tables = {name: np.stack(values, axis=1) for name, values in zip(RANKS, zip(*each, strict=True), strict=True)}
    known = {name: ~np.isnan(table) for name, table in tables.items()}
    found = {name: ratio(np.nansum(table, axis=1), known[name].sum(axis=1)) for name, table in tables.items()}
    return found | _of_each(tables, results.class_names) if by_class else found


def _confidence(results: ClassificationResults) -> Part:
    table = calibration_gaps(results)
    return lambda weights: {"ece": ratio(np.abs(weights @ table).sum(axis=1), weights.sum(axis=1))}


def calibration_gaps(results: ClassificationResults) -> np.ndarray:
    """`(N, ECE_BINS)`: what each picture adds to the gap of confidence and truth in each bin.

    The expected calibration error is the sum over bins of the sizes of the mean gaps.
    """
    confidence, right = confidences(results)
    answers = confidence.size // max(len(results), 1)
    cells = np.repeat(np.arange(len(results)), answers) * ECE_BINS + confidence_bins(confidence, ECE_BINS)
    table = np.bincount(cells, (confidence - right) / answers, len(results) * ECE_BINS)
    return table.reshape(-1, ECE_BINS)


def confidences(results: ClassificationResults) -> tuple[np.ndarray, np.ndarray]:
    """How sure each answer is, and whether it is right: of the best class of each picture, `(N,)` twice.

    Where `multi_label`, of every class of every picture, `(N * K,)`: the score, and whether the class is there.
    """
    if results.multi_label:
        return results.scores.ravel(), results.shown.ravel()
    rows, best = np.arange(len(results)), best_class(results)
    return results.scores[rows, best], best == results.targets

"""The intervals of a classifier's figures.

    every = classification_intervals(results)["top1"]          # Interval(0.87, 0.84, 0.90)
    of_cup = classification_intervals(results, by_class=True)["recall/cup"]

Coverage, simulated with 150 pictures of 5 classes, the rarest of them 12 times: 94 to 97 % for the 95 % intervals of
accuracy, F1, kappa, log-loss and Brier; 91 % for `map`, which hangs on the rarest class; at least 95 % for `ece`.

A class that some drawings hold no picture of is judged by the others; where more than a tenth of the drawings cannot
tell a figure of it, there is no interval, and the interval's note says so.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from vision_core.evaluation.intervals import (
    DRAWING,
    Drawing,
    Interval,
    Progress,
    distribution,
    intervals,
    proportion_interval,
    unknown,
)
from vision_core.evaluation.records import ClassificationResults
from vision_core.evaluation.tallies import Tally, calibration_gaps, said_classes

_FEW = 10
"""A class with fewer right or fewer wrong pictures has intervals by formula: drawing again hardly moves its shares."""
_SHARES = frozenset({"top1", "top5", "exact_match"})


def classification_intervals(
    results: ClassificationResults,
    names: Collection[str] | None = None,
    how: Drawing = DRAWING,
    progress: Progress | None = None,
    threshold: float | np.ndarray = 0.5,
    by_class: bool = False,
) -> dict[str, Interval]:
    """The intervals of a classifier's figures; see `vision_core.evaluation.classification` for these.

    Args:
        names: which figures, all by default; `map` and `roc_auc` take the longest.
        threshold, by_class: as in `Tally`.

    Raises:
        DataError: there are no pictures. SettingsError: a name that is no figure.
    """
    tally = Tally(results, names, threshold, by_class)
    every = intervals(tally, len(results), how, progress)
    found = {name: each for name, each in every.items() if not np.isnan(each.value)}
    for name in _SHARES & found.keys() if how.groups is None else ():
        asked = int(results.shown.any(axis=1).sum()) if results.multi_label and name == "top1" else len(results)
        found[name] = proportion_interval(round(found[name].value * asked), asked, how)
    if "ece" in found:
        found["ece"] = calibration_interval(results, how)
    return found | _of_few(results, threshold, how) if by_class and how.groups is None else found


def _of_few(results: ClassificationResults, threshold: float | np.ndarray, how: Drawing) -> dict[str, Interval]:
    """Wilson's intervals of precision, recall and F1 where a class has few right or few wrong pictures.

    F1 is 2s / (1 + s) of the share s of right pictures among those that show the class or were said to, and so are its
    ends.
    """
    shown, said = results.shown, said_classes(results, threshold)
    right, there, answers = (each.sum(axis=0).tolist() for each in (shown & said, shown, said))
    found = {}
    for name, hits, true, told in zip(results.class_names, right, there, answers, strict=True):
        for figure, of in (("precision", told), ("recall", true), ("f1", true + told - hits)):
            if of and min(hits, of - hits) < _FEW:
                share = proportion_interval(hits, of, how)
                found[f"{figure}/{name}"] = _doubled(share) if figure == "f1" else share
    return found


def _doubled(share: Interval) -> Interval:
    """An interval of s as one of 2s / (1 + s), which rises with s."""
    value, low, high = (2 * end / (1 + end) for end in (share.value, share.low, share.high))
    return replace(share, value=value, low=low, high=high)


def calibration_interval(results: ClassificationResults, how: Drawing = DRAWING) -> Interval:
    """The interval of the expected calibration error.

    Noise only ever adds to it: a network that is perfectly calibrated shows some on any number of pictures, and each
    drawing adds more, so that the usual interval would lie above the truth. The low end therefore takes off all that
    noise may have added (the sizes of the gaps' own noise, summed, bound it by the triangle inequality); the high end
    is the percentile's. It holds the truth at least as often as `how.confidence` says.
    """
    table, count = calibration_gaps(results), len(results)
    gaps = table.sum(axis=0)
    value = float(np.abs(gaps).sum() / count)

    def sizes(weights: np.ndarray) -> dict[str, np.ndarray]:
        drawn, size = weights @ table, weights.sum(axis=1)
        noise = drawn - gaps * (size / count)[:, None]
        return {"ece": np.abs(drawn).sum(axis=1) / size, "noise": np.abs(noise).sum(axis=1) / size}

    drawn = distribution(sizes, count, how)
    if np.ptp(drawn["ece"]) == 0:
        return unknown(value, how, "every drawing of these pictures gives the same")
    tail = (1 + how.confidence) / 2
    low = max(0.0, value - float(np.quantile(drawn["noise"], tail)))
    return Interval(value, low, float(np.quantile(drawn["ece"], tail)), how.confidence, "recentred")

"""What a classifier's figures would be for somebody who never looks at a picture: what a good figure has to beat.

    guessing(results)["map"]            # 0.59 where classes are shown by 59 % of the pictures, on average
    guessing_of_classes(results).f1     # (K,)

Guessing knows how often each class is shown by these pictures, and nothing else. Where a picture may show several
classes it says yes to all; where it shows one, always the commonest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vision_core.evaluation.records import ClassificationResults
from vision_core.evaluation.tallies import ratio


@dataclass(frozen=True, eq=False)
class GuessedClasses:
    """`(K,)` each of one class: its average precision and F1 of always saying yes; nan without an example."""

    average_precision: np.ndarray
    f1: np.ndarray


def guessing_of_classes(results: ClassificationResults) -> GuessedClasses:
    """Of each class: equal scores for all pictures have its share as average precision, always yes has 2p / (1 + p)."""
    shares = _shares(results)
    known = np.where(shares > 0, shares, np.nan)
    return GuessedClasses(known, 2 * known / (1 + known))


def guessing(results: ClassificationResults) -> dict[str, float]:
    """The figures of guessing by the names of `classification.figures`, fractions of 1; those that have a meaning.

    `log_loss` is that of always giving each class its share as score.
    """
    if not len(results):
        return {}
    shares, each = _shares(results), guessing_of_classes(results)
    there = shares > 0
    found = {"log_loss": float(_entropy(shares, results.multi_label))}
    if there.any():
        found |= {"map": float(shares[there].mean()), "roc_auc": 0.5}
    if results.multi_label:
        total = shares.sum()
        found["f1_macro"] = float(np.nan_to_num(each.f1).mean())
        found["f1_micro"] = float(ratio(2 * total, total + len(shares)))
        return found
    commonest = np.sort(shares)[::-1]
    f1 = float(2 * commonest[0] / (1 + commonest[0]))
    found |= {"top1": float(commonest[0]), "f1_macro": f1 / int(there.sum()), "f1_weighted": float(commonest[0]) * f1}
    found |= {"balanced_accuracy": 1 / int(there.sum()), "kappa": 0.0}
    if len(shares) > 5:
        found["top5"] = float(commonest[:5].sum())
    return found


def _shares(results: ClassificationResults) -> np.ndarray:
    """`(K,)` share of the pictures that show each class."""
    return results.shown.mean(axis=0) if len(results) else np.zeros(len(results.class_names))


def _entropy(shares: np.ndarray, multi_label: bool) -> float:
    """In nats; of several labels the mean of each one's."""
    both = np.stack([shares, 1 - shares] if multi_label else [shares])
    terms = -both * np.log(np.where(both > 0, both, 1.0))
    return float(terms.sum(axis=0).mean() if multi_label else terms.sum())

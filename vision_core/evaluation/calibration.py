"""Whether a classifier is as right as it is sure, and the one number that mends most of it.

    bins = reliability(results); bins.accuracy - bins.confidence; bins.ece
    fitted = fit_temperature(validation_results)      # never on the pictures it is judged by
    test_results.at_temperature(fitted.temperature)
    store_temperature(run, fitted.temperature)        # 1.0 takes it away

Dividing the logits by a temperature leaves every answer as it is and changes only how sure it is (Guo et al. 2017,
arXiv:1706.04599).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from vision_core.errors import DataError, SettingsError
from vision_core.evaluation.classification import figures
from vision_core.evaluation.intervals import Interval, mean_interval, wilson
from vision_core.evaluation.records import ClassificationResults
from vision_core.evaluation.tallies import ECE_BINS, confidence_bins, confidences, losses, ratio
from vision_core.run_folder import CONFIG, RunFolder

LOWEST, HIGHEST = 0.05, 20.0
"""Temperatures beyond these say that the pictures cannot tell one (all answered right, or no better than guessing)."""


@dataclass(frozen=True, eq=False)
class Reliability:
    """Confidence against truth in bins of confidence.

    Attributes:
        edges: `(B + 1,)` of the bins, 0..1.
        counts: `(B,)` int64, answers in each.
        confidence, accuracy: `(B,)` mean confidence, and the share that is right; NaN in an empty bin.
        low, high: `(B,)` 95 % interval of that share (Wilson's), NaN in an empty bin.
    """

    edges: np.ndarray
    counts: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def gaps(self) -> np.ndarray:
        """`(B,)` confidence less truth: above 0 where the network is too sure."""
        return self.confidence - self.accuracy

    @property
    def ece(self) -> float:
        """Expected calibration error: the mean size of the gap, each bin by its answers."""
        return float(np.nansum(np.abs(self.gaps) * self.counts) / self.counts.sum())

    @property
    def mce(self) -> float:
        """Maximum calibration error: the largest gap of any bin, however few answers it holds."""
        return float(np.nanmax(np.abs(self.gaps)))

    @property
    def overconfidence(self) -> float:
        """Mean confidence less the share that is right: above 0 for a network that is too sure."""
        return float(np.nansum(self.gaps * self.counts) / self.counts.sum())


def reliability(
    results: ClassificationResults,
    bins: int = ECE_BINS,
    class_id: int | None = None,
    equal: Literal["width", "count"] = "width",
) -> Reliability:
    """The reliability diagram.

    Args:
        class_id: the score of this class against whether it is shown; by default the best class of each picture
            (where `multi_label`, every class of every picture).
        equal: bins of equal width, as `ece` has them, or with an equal count of answers.

    Raises:
        DataError: there are no pictures. SettingsError: there are no bins.
    """
    if bins < 1:
        raise SettingsError(f"A reliability diagram needs at least one bin, not {bins}.")
    if not len(results):
        raise DataError("There are no pictures to judge the confidence by.")
    if class_id is None:
        confidence, right = confidences(results)
    else:
        confidence, right = results.scores[:, class_id], results.shown[:, class_id]
    if equal == "width":
        edges, place = np.linspace(0, 1, bins + 1), confidence_bins(confidence, bins)
    else:
        inner = np.unique(np.quantile(confidence, np.arange(1, bins) / bins))
        edges, place = np.concatenate([[0.0], inner, [1.0]]), np.searchsorted(inner, confidence, side="right")
    size = len(edges) - 1
    counts = np.bincount(place, minlength=size)
    hits = np.bincount(place, right, size)
    low, high = wilson(hits, counts)
    return Reliability(
        edges, counts, ratio(np.bincount(place, confidence, size), counts), ratio(hits, counts), low, high
    )


@dataclass(frozen=True)
class Fitted:
    """A temperature and what it did on the pictures it was fitted to.

    Attributes:
        temperature: above 1 for a network that was too sure.
        before, after: `log_loss`, `brier` and `ece` without it and with it.
        note: why it is not to be trusted, "" when it is.
    """

    temperature: float
    before: dict[str, float]
    after: dict[str, float]
    note: str = ""


def fit_temperature(results: ClassificationResults) -> Fitted:
    """The temperature with the lowest log-loss, from `LOWEST` to `HIGHEST`; the results' own is left aside.

    The log-loss is convex in 1 / temperature, so its slope has one root, found to the last digits.

    Raises:
        DataError: there are no pictures, or a single class and so nothing to be sure of.
    """
    from scipy.optimize import root_scalar

    if not len(results) or (not results.multi_label and len(results.class_names) < 2):
        raise DataError("A temperature needs pictures of at least two classes: evaluate a split that has some.")
    plain = results.at_temperature(1.0)
    low, high = 1 / HIGHEST, 1 / LOWEST
    note = ""
    if _slope(plain, low) >= 0:
        factor, note = low, "The network is hardly better than guessing on these pictures: no temperature mends that."
    elif _slope(plain, high) <= 0:
        factor, note = high, "Every picture is answered right, so these pictures cannot tell how sure is too sure."
    else:
        factor = float(root_scalar(lambda factor: _slope(plain, factor), bracket=(low, high), xtol=1e-12).root)
    names = ["log_loss", "brier", "ece"]
    return Fitted(1 / factor, figures(plain, names), figures(plain.at_temperature(1 / factor), names), note)


def log_loss_gain(results: ClassificationResults, temperature: float) -> Interval:
    """By how much another temperature than the results' own would lower their mean log-loss, in nats: above 0 it helps.

    Both temperatures are weighed on the same drawings, so the interval is of the gain itself.

    Raises:
        DataError: there are no pictures.
    """
    return mean_interval(losses(results) - losses(results.at_temperature(temperature)))


def gain_in_words(gain: Interval) -> str:
    """What a gain comes to; "" where it surely helps."""
    if gain.value <= 0:
        return f"On the pictures judged here it makes the log-loss worse, by {-gain.value:.2g}: rather leave it."
    if gain.low > 0:
        return ""
    if not gain.known:
        return "The pictures judged here cannot tell whether it helps."
    return (
        f"The log-loss would fall by {gain.value:.2g} (95 %: {gain.low:.2g} to {gain.high:.2g}), which may be chance: "
        "these pictures cannot tell whether it helps."
    )


def _slope(results: ClassificationResults, factor: float) -> float:
    """How the log-loss changes with the factor (1 / temperature) that the logits are multiplied by."""
    logits = results.logits.astype(np.float64)
    scores = results.at_temperature(1 / factor).scores
    return float(np.sum(logits * (scores - results.shown)) / len(results))


def check_temperature(value: object) -> float:
    """A temperature as a configuration or a form holds it.

    Raises:
        SettingsError: it is no number above 0.
    """
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else np.nan
    if not 0 < number < np.inf:
        raise SettingsError(f"A temperature is a number above 0, not {value!r}: 1 leaves scores as they were trained.")
    return number


def store_temperature(run_path: Path | str, temperature: float) -> None:
    """Keeps a temperature with a run: its predictions and exports use it from now on; 1.0 takes it away.

    Raises:
        DataError: there is no such run, or it detects: boxes have no shared scale to divide.
        SettingsError: it is no number above 0.
    """
    value, run = check_temperature(temperature), RunFolder.open(run_path)
    about = run.read(CONFIG)
    if about.get("task") != "classification":
        raise DataError(f"The run {run.path.name!r} detects: a temperature is for the scores of a classifier.")
    kept = {name: each for name, each in about.items() if name != "temperature"}
    run.write(CONFIG, kept if value == 1.0 else kept | {"temperature": value})

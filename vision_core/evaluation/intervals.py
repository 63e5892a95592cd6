"""How far a figure could be from what it is on all pictures there might be: intervals, by drawing pictures again.

    found = interval(statistic, pictures=423)                  # any figure of weighted pictures
    found = mean_interval(losses(results))                     # quicker, for a plain mean

The pictures are drawn with replacement, as many as there are, again and again (Efron & Tibshirani 1993, "An
Introduction to the Bootstrap"); a drawing is told by how often it holds each picture, so a statistic takes weights
`(B, N)` and gives `(B,)`. The picture is the unit: all boxes or labels of a picture come and go together. Pictures that
belong together (of one scene, one patient) do so as well where `Drawing.groups` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from vision_core.errors import DataError, SettingsError

Statistic = Callable[[np.ndarray], np.ndarray]
Statistics = Callable[[np.ndarray], Mapping[str, np.ndarray]]
Progress = Callable[[str, int, int], None]
ALL_ALIKE = "every drawing of these pictures gives the same"
"""The note of a figure that no drawing changes: it has no interval, and no doubt that drawing could show."""
LEAST_GAP = 1e-12
"""Figures that are closer are the same: they differ by the computer's rounding."""
_CHUNK_CELLS = 2_000_000
_JACKKNIFE_PARTS = 500
_FEW = 10
"""A proportion with fewer successes or failures has an interval by formula: drawing again hardly moves it."""
_LEAST_DEFINED = 0.9


def is_apart(gap: float, low: float | None, high: float | None, note: str = "") -> bool:
    """Whether a gap is more than chance: its interval leaves zero out, or no drawing of the pictures changes it.

    Args:
        low, high: of its interval; None or nan where there is none, and `note` says why.
    """
    if low is None or high is None or np.isnan(low) or np.isnan(high):
        return note == ALL_ALIKE and abs(gap) > LEAST_GAP
    return low > 0 or high < 0


@dataclass(frozen=True)
class Drawing:
    """How pictures are drawn again.

    Attributes:
        samples: how many drawings; seed: of the random numbers, so that the same question has the same answer.
        confidence: share of such intervals that hold the truth, 0..1.
        method: "percentile", or "bca", which corrects for bias and for a spread that depends on the value.
        groups: `(N,)` a number for each picture; those with the same number are drawn together.
    """

    samples: int = 2000
    seed: int = 0
    confidence: float = 0.95
    method: Literal["percentile", "bca"] = "bca"
    groups: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.samples < 100 or not 0 < self.confidence < 1:
            raise SettingsError(
                f"An interval takes at least 100 drawings and a confidence between 0 and 1, not {self.samples} and "
                f"{self.confidence}."
            )


DRAWING = Drawing()


@dataclass(frozen=True)
class Interval:
    """A figure and how far it could be off.

    Attributes:
        value: the figure itself.
        low, high: the interval; NaN where the pictures cannot tell.
        confidence: 0..1.
        method: "percentile", "bca", "wilson", "recentred" (of `ece`), or "" where there is none.
        note: why there is none, or what to know; "" otherwise.
    """

    value: float
    low: float
    high: float
    confidence: float = 0.95
    method: str = ""
    note: str = ""

    @property
    def known(self) -> bool:
        return not np.isnan(self.low)

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high


def one_by_one(statistic: Callable[[np.ndarray], float]) -> Statistic:
    """A statistic of one drawing's weights `(N,)` as one of many."""
    return lambda weights: np.array([statistic(row) for row in weights], np.float64)


def drawings(pictures: int, how: Drawing = DRAWING) -> Iterator[np.ndarray]:
    """Weights `(b, N)` float64, portion by portion: how often each drawing holds each picture.

    Raises:
        DataError: the groups are not of these pictures.
    """
    units, member = _groups(pictures, how)
    random, portion = np.random.default_rng(how.seed), _portion(pictures)
    for first in range(0, how.samples, portion):
        count = min(portion, how.samples - first)
        drawn = random.integers(units, size=(count, units)) + np.arange(count)[:, None] * units
        weights = np.bincount(drawn.ravel(), minlength=count * units).reshape(count, units).astype(np.float64)
        yield weights if member is None else weights[:, member]


def distribution(
    statistics: Statistics, pictures: int, how: Drawing = DRAWING, progress: Progress | None = None
) -> dict[str, np.ndarray]:
    """Each statistic of every drawing, `(samples,)`. `progress` is told of each portion and may raise to cancel."""
    parts: dict[str, list[np.ndarray]] = {}
    done = 0
    for weights in drawings(pictures, how):
        for name, values in statistics(weights).items():
            parts.setdefault(name, []).append(values)
        done += len(weights)
        if progress:
            progress("Drawing pictures again", done, how.samples)
    return {name: np.concatenate(values) for name, values in parts.items()}


def jackknife(statistics: Statistics, pictures: int, how: Drawing = DRAWING) -> dict[str, np.ndarray]:
    """Each statistic without each picture in turn (without a portion of them, where there are very many)."""
    units, member = _groups(pictures, how)
    member = np.arange(pictures) if member is None else member
    parts = min(units, _JACKKNIFE_PARTS)
    if parts < units:
        member = np.random.default_rng(how.seed).permutation(units)[member] % parts
    found: dict[str, list[np.ndarray]] = {}
    for some in np.array_split(np.arange(parts), -(-parts // _portion(pictures))):
        for name, values in statistics((member != some[:, None]).astype(np.float64)).items():
            found.setdefault(name, []).append(values)
    return {name: np.concatenate(values) for name, values in found.items()}


def interval(statistic: Statistic, pictures: int, how: Drawing = DRAWING, progress: Progress | None = None) -> Interval:
    """The interval of any statistic of weighted pictures.

    Args:
        statistic: `(B, N)` weights to `(B,)` values, NaN where a drawing cannot tell; `one_by_one` makes one.
    """
    return intervals(lambda weights: {"": statistic(weights)}, pictures, how, progress)[""]


def intervals(
    statistics: Statistics, pictures: int, how: Drawing = DRAWING, progress: Progress | None = None
) -> dict[str, Interval]:
    """The intervals of several statistics, from the same drawings.

    Raises:
        DataError: there are no pictures.
    """
    if not pictures:
        raise DataError("There are no pictures to draw again.")
    values = statistics(np.ones((1, pictures)))
    drawn = distribution(statistics, pictures, how, progress)
    without = jackknife(statistics, pictures, how) if how.method == "bca" else {}
    return {name: endpoints(float(value[0]), drawn[name], how, without.get(name)) for name, value in values.items()}


def endpoints(value: float, drawn: np.ndarray, how: Drawing = DRAWING, without: np.ndarray | None = None) -> Interval:
    """The interval that a distribution gives.

    Args:
        drawn: `(samples,)` the statistic of each drawing; without: `(P,)` the statistic of each part of the jackknife,
            which "bca" needs; the percentile interval is given where it tells nothing.
    """
    defined = drawn[~np.isnan(drawn)]
    if np.isnan(value) or len(defined) < _LEAST_DEFINED * len(drawn):
        return unknown(value, how, "too few pictures: many drawings of them cannot tell it")
    if np.ptp(defined) <= 1e-12 * max(1.0, abs(value)):
        return unknown(value, how, ALL_ALIKE)
    tails = np.array([1 - how.confidence, 1 + how.confidence]) / 2
    if how.method == "bca" and without is not None:
        corrected = _corrected(value, defined, without, tails)
        if corrected is not None:
            low, high = np.quantile(defined, corrected)
            return Interval(value, float(low), float(high), how.confidence, "bca")
    low, high = np.quantile(defined, tails)
    return Interval(value, float(low), float(high), how.confidence, "percentile")


def _corrected(value: float, drawn: np.ndarray, without: np.ndarray, tails: np.ndarray) -> np.ndarray | None:
    """Where in the distribution BCa reads its ends (Efron 1987); None where it cannot tell."""
    from scipy.special import ndtr, ndtri

    bias = ndtri(((drawn < value).mean() + (drawn <= value).mean()) / 2)
    without = without[~np.isnan(without)]
    away = without.sum() / max(len(without), 1) - without
    spread = (away**2).sum()
    if not np.isfinite(bias) or spread == 0:
        return None
    acceleration = (away**3).sum() / (6 * spread**1.5)
    shifted = bias + ndtri(tails)
    return ndtr(bias + shifted / (1 - acceleration * shifted))


def mean_interval(values: np.ndarray, how: Drawing = DRAWING) -> Interval:
    """The interval of a plain mean of one number a picture; of zeros and ones as `proportion_interval`.

    Raises:
        DataError: there are no values.
    """
    values = np.asarray(values, np.float64)
    if not len(values):
        raise DataError("There is nothing to take the mean of.")
    if how.groups is None and np.isin(values, (0, 1)).all():
        return proportion_interval(int(values.sum()), len(values), how)
    return interval(lambda weights: weights @ values / weights.sum(axis=1), len(values), how)


def proportion_interval(successes: int, trials: int, how: Drawing = DRAWING) -> Interval:
    """The interval of a share of pictures, without drawing: how many successes a drawing holds is binomial.

    With fewer than ten successes or failures drawing again hardly moves (with none it stands still), so there it is
    Wilson's score interval, which covers well even then (Brown, Cai & DasGupta 2001).

    Raises:
        DataError: there are no trials.
    """
    if not trials:
        raise DataError("There is nothing to take a share of.")
    share = successes / trials
    if min(successes, trials - successes) < _FEW:
        low, high = wilson(np.array([successes]), np.array([trials]), how.confidence)
        return Interval(share, float(low[0]), float(high[0]), how.confidence, "wilson")
    drawn = np.random.default_rng(how.seed).binomial(trials, share, how.samples) / trials
    counts = np.array([successes, trials - successes])
    without = np.repeat((successes - np.array([1, 0])) / (trials - 1), counts)
    return endpoints(share, drawn, how, without)


def wilson(successes: np.ndarray, trials: np.ndarray, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's score interval (1927) of shares: low and high, NaN where there are no trials."""
    from scipy.special import ndtri

    z2 = float(ndtri((1 + confidence) / 2)) ** 2
    trials = np.where(trials > 0, trials, np.nan).astype(np.float64)
    share = successes / trials
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = np.sqrt(z2 * (share * (1 - share) / trials + z2 / (4 * trials**2))) / (1 + z2 / trials)
    return np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)


def _groups(pictures: int, how: Drawing) -> tuple[int, np.ndarray | None]:
    """How many units are drawn, and which of them each picture belongs to (None: each is its own)."""
    if how.groups is None:
        return pictures, None
    if len(how.groups) != pictures:
        raise DataError(f"{len(how.groups)} groups do not go with {pictures} pictures.")
    names, member = np.unique(how.groups, return_inverse=True)
    return len(names), member


def _portion(pictures: int) -> int:
    """How many drawings are weighed at once."""
    return max(1, _CHUNK_CELLS // max(pictures, 1))


def unknown(value: float, how: Drawing, note: str) -> Interval:
    """A figure whose interval nobody can tell, and why."""
    return Interval(value, np.nan, np.nan, how.confidence, "", note)

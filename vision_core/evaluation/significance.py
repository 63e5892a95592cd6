"""Which of two is better, by how much and how surely, in figures and in words.

    found = compare(a, b, "top1", names=("small", "large"))      # what two networks said of the same pictures
    found.words        # "large is better by 2.1 points (0.4 to 3.9); were they equal, a gap like this would …"
    compare_figures(a, b, ["top1", "f1_macro"])["f1_macro"]      # several, from the same drawings
    compare_statistics(tally_a, tally_b, pictures, "map")        # any figure of weighted pictures, as `intervals` takes
    mcnemar(a_right, b_right).chance

Both are drawn together, picture by picture, so that a hard picture is hard for both and does not count as a
difference (Efron & Tibshirani 1993). The interval is the gap give or take the distance that the gaps of 95 % of the
drawings keep from it (Hall 1988), and the chance is the share of drawings whose gap is as far from it as zero is: so
the interval holds zero exactly when the chance is above 5 %. For accuracy the chance is McNemar's (1947) as well, and
the more careful of the two decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from vision_core.errors import DataError, SettingsError
from vision_core.evaluation.classification import LOWER_IS_BETTER
from vision_core.evaluation.intervals import (
    DRAWING,
    Drawing,
    Interval,
    Progress,
    Statistic,
    Statistics,
    distribution,
    unknown,
)
from vision_core.evaluation.pairing import paired
from vision_core.evaluation.records import ClassificationResults, DetectionResults, Results
from vision_core.evaluation.tallies import Tally, best_class

_POWER = 0.8
_NATS = frozenset({"log_loss"})
_FEW_DISCORDANT = 25


@dataclass(frozen=True)
class Figure:
    """A figure's name, which way is better, and its unit: "points" for hundredths of a share of 1."""

    name: str
    lower_is_better: bool = False
    unit: str = "points"

    @classmethod
    def of(cls, name: str) -> Figure:
        """One of `classification.figures` or `detection.figures`."""
        return cls(name, name in LOWER_IS_BETTER, "nats" if name in _NATS else "points")


@dataclass(frozen=True)
class McNemar:
    """Pictures that only one of two answers right: were they equally good, each of the two would have half of them.

    Attributes:
        only_a, only_b: how many only the one, and only the other answers right.
        chance: of a split as uneven as this if they were equal; 1 when they never differ.
        exact: from the binomial distribution, or from chi-squared (1 degree of freedom, continuity corrected).
        statistic: the smaller count, or chi-squared.
    """

    only_a: int
    only_b: int
    chance: float
    exact: bool
    statistic: float


def mcnemar(a_right: np.ndarray, b_right: np.ndarray, exact: bool | None = None) -> McNemar:
    """McNemar's test of two networks' answers to the same pictures; as statsmodels computes it.

    Args:
        a_right, b_right: `(N,)` bool, whether each answers right.
        exact: by default where fewer than 25 pictures tell them apart.

    Raises:
        DataError: they are not of the same pictures.
    """
    from scipy.stats import binomtest, chi2

    a_right, b_right = np.asarray(a_right, bool), np.asarray(b_right, bool)
    if a_right.shape != b_right.shape:
        raise DataError(f"Answers to {len(a_right)} and {len(b_right)} pictures cannot be paired.")
    only_a, only_b = int((a_right & ~b_right).sum()), int((b_right & ~a_right).sum())
    differ = only_a + only_b
    if exact or (exact is None and differ < _FEW_DISCORDANT) or not differ:
        chance = float(binomtest(only_a, differ).pvalue) if differ else 1.0
        return McNemar(only_a, only_b, chance, True, float(min(only_a, only_b)))
    statistic = (abs(only_a - only_b) - 1) ** 2 / differ
    return McNemar(only_a, only_b, float(chi2.sf(statistic, 1)), False, statistic)


@dataclass(frozen=True)
class Comparison:
    """Two of the same kind on the same pictures.

    Attributes:
        figure: what is compared; names: of the two.
        value_a, value_b: the figure of each; gap: the second's less the first's, with its interval.
        chance: how often drawings would show a gap like this if the two were equal, 0..1; NaN where nobody can tell.
        pictures: how many both saw; deviation: the gap's standard deviation over drawings of them.
        mcnemar: the test of accuracies, None for other figures.
    """

    figure: Figure
    names: tuple[str, str]
    value_a: float
    value_b: float
    gap: Interval
    chance: float
    pictures: int
    deviation: float = np.nan
    mcnemar: McNemar | None = None

    @property
    def surely(self) -> bool:
        """Whether these pictures tell them apart."""
        return bool(self.gap.value) and self.chance < 1 - self.gap.confidence

    @property
    def better(self) -> str:
        """The name of the better one; "" where these pictures cannot tell."""
        return self._ahead if self.surely else ""

    @property
    def _ahead(self) -> str:
        return self.names[int((self.gap.value > 0) != self.figure.lower_is_better)]

    @property
    def more_pictures(self) -> int | None:
        """How many more would show a gap of this size four times in five; None without a gap, or when it is shown.

        The gap's deviation shrinks with the square root of the pictures; the chance of finding it is that of a normal
        distribution to lie beyond the ends of the interval.
        """
        from scipy.special import ndtri

        if self.surely or not self.gap.known or not self.gap.value or not self.deviation:
            return None
        needed = float(ndtri((1 + self.gap.confidence) / 2) + ndtri(_POWER)) * self.deviation / abs(self.gap.value)
        return max(1, int(np.ceil(self.pictures * (needed**2 - 1))))

    @property
    def words(self) -> str:
        """One or two sentences for people."""
        cannot = "These data cannot tell them apart"
        if np.isnan(self.chance):
            return f"{cannot}: {self.gap.note}."
        chance = f"were they equal, a gap like this would appear in {self._of_a_thousand} samples"
        gap = f"{self._amount(abs(self.gap.value))} {self.figure.unit}"
        if self.surely:
            low, high = (self._amount(end) for end in sorted(map(abs, (self.gap.low, self.gap.high))))
            ends = f" ({low} to {high})" if self.gap.known else ""
            return f"{self._ahead} is better by {gap}{ends}; {chance}."
        if not self.gap.value:
            return f"{cannot}: they score the same on these {self.pictures:,} pictures."
        more = self.more_pictures
        could = f"; about {_rounded(more)} more pictures could, if the gap stays" if more else ""
        return f"{cannot}: the gap is {gap}, and {chance}{could}."

    @property
    def _of_a_thousand(self) -> str:
        times = round(self.chance * 1000)
        return f"{times} of 1,000" if times else "fewer than 1 of 1,000"

    def _amount(self, value: float) -> str:
        if self.figure.unit != "points":
            return f"{value:.3g}"
        return f"{100 * value:.1f}" if round(100 * value, 1) or not value else f"{100 * value:.1g}"


def compare(
    a: Results,
    b: Results,
    figure: str,
    names: tuple[str, str] = ("A", "B"),
    how: Drawing = DRAWING,
    progress: Progress | None = None,
) -> Comparison:
    """Two runs of one task on the pictures that both saw.

    Args:
        figure: a name of `classification.figures`, or of `detection.figures`.

    Raises:
        DataError: they share no pictures, or disagree on what these show.
        SettingsError: there is no such figure, or one classifies and the other detects (see `yardstick`).
    """
    return compare_figures(a, b, [figure], names, how, progress)[figure]


def compare_figures(
    a: Results,
    b: Results,
    figures: Sequence[str],
    names: tuple[str, str] = ("A", "B"),
    how: Drawing = DRAWING,
    progress: Progress | None = None,
) -> dict[str, Comparison]:
    """`compare` by several figures, all of the same drawings: hardly slower than by one."""
    a, b = paired(a, b)
    asked = [Figure.of(figure) for figure in figures]
    if isinstance(a, ClassificationResults) and isinstance(b, ClassificationResults):
        of_a, of_b = Tally(a, figures), Tally(b, figures)
        found = compare_several(of_a, of_b, len(a), asked, names, how, progress)
        if "top1" in found and not a.multi_label and how.groups is None:
            test, top1 = mcnemar(best_class(a) == a.targets, best_class(b) == b.targets), found["top1"]
            chance = max(top1.chance, test.chance) if top1.gap.known else test.chance
            found["top1"] = replace(top1, mcnemar=test, chance=chance)
        return found
    from vision_core.evaluation.bootstrap_ap import ApTally

    if not (isinstance(a, DetectionResults) and isinstance(b, DetectionResults)):
        raise SettingsError("These two do not answer the same question: compare them on the common yardstick.")
    return compare_several(ApTally(a, figures), ApTally(b, figures), len(a), asked, names, how, progress)


def compare_statistics(
    a: Statistic,
    b: Statistic,
    pictures: int,
    figure: Figure | str,
    names: tuple[str, str] = ("A", "B"),
    how: Drawing = DRAWING,
    progress: Progress | None = None,
) -> Comparison:
    """Two statistics of the same weighted pictures, as `intervals.interval` takes one."""
    one = Figure.of(figure) if isinstance(figure, str) else figure
    of_a, of_b = (lambda weights, each=each: {one.name: each(weights)} for each in (a, b))
    return compare_several(of_a, of_b, pictures, [one], names, how, progress)[one.name]


def compare_several(
    a: Statistics,
    b: Statistics,
    pictures: int,
    figures: Sequence[Figure],
    names: tuple[str, str] = ("A", "B"),
    how: Drawing = DRAWING,
    progress: Progress | None = None,
) -> dict[str, Comparison]:
    """Several statistics of the same weighted pictures by name, as `intervals.intervals` takes them."""

    def both(weights: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        of_a, of_b, none = a(weights), b(weights), np.full(len(weights), np.nan)
        return {one.name: (of_a.get(one.name, none), of_b.get(one.name, none)) for one in figures}

    def gaps(weights: np.ndarray) -> dict[str, np.ndarray]:
        return {name: of_b - of_a for name, (of_a, of_b) in both(weights).items()}

    values, drawn = both(np.ones((1, pictures))), distribution(gaps, pictures, how, progress)
    found = {}
    for one in figures:
        value_a, value_b = (float(value[0]) for value in values[one.name])
        gap, chance, deviation = _gap(value_b - value_a, drawn[one.name], how, pictures)
        found[one.name] = Comparison(one, names, value_a, value_b, gap, chance, pictures, deviation)
    return found


def compare_values(
    a: np.ndarray,
    b: np.ndarray,
    figure: Figure | str,
    names: tuple[str, str] = ("A", "B"),
    how: Drawing = DRAWING,
) -> Comparison:
    """The means of one number a picture, of two on the same pictures: counts that are off, answers that are right.

    Raises:
        DataError: they are not of the same pictures.
    """
    if len(a) != len(b) or not len(a):
        raise DataError(f"{len(a)} and {len(b)} pictures cannot be paired.")
    return compare_statistics(_mean_of(a), _mean_of(b), len(a), figure, names, how)


def _mean_of(values: np.ndarray) -> Statistic:
    values = np.asarray(values, np.float64)
    return lambda weights: weights @ values / weights.sum(axis=1)


def _gap(value: float, drawn: np.ndarray, how: Drawing, pictures: int) -> tuple[Interval, float, float]:
    """The gap's interval, the chance of it, and its deviation."""
    defined = drawn[~np.isnan(drawn)]
    if np.isnan(value) or len(defined) < 0.9 * len(drawn):
        return unknown(value, how, "too few pictures to tell this figure of both"), np.nan, np.nan
    away = np.abs(defined - value)
    if not away.max() > 1e-12:
        # Every picture speaks for the same one, which would be chance as often as a coin falls on one side each time.
        units = pictures if how.groups is None else len(np.unique(how.groups))
        chance = min(1.0, 2 * 0.5**units) if value else 1.0
        return unknown(value, how, "every drawing of these pictures gives the same gap"), chance, 0.0
    half = float(np.quantile(away, how.confidence, method="higher"))
    half = abs(value) if abs(half - abs(value)) < 1e-12 else half  # rounding must not part the ends from zero
    chance = (1 + int((away >= abs(value) - 1e-12).sum())) / (1 + len(away))
    return Interval(value, value - half, value + half, how.confidence, "recentred"), chance, float(defined.std())


def _rounded(count: int) -> str:
    """Two digits of it are more than anybody knows."""
    digits = max(len(str(count)) - 2, 0)
    return f"{int(round(count, -digits)):,}"

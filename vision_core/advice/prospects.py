"""What each candidate comes to under somebody's needs: figures with the labels that could be had, errors, money, days.

prospect = prospect_of(candidate, needs)
prospect.figures["count_mae"].value, prospect.usd, prospect.days

With other labels than the candidate learned from, its learning curve moves the measured figure; without a curve the
figure stays as measured, and `is_moved` says so. Speeds are this machine's, whatever computer is paid for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from vision_core.advice.evidence import FIGURE_OF, KIND_WITH_PLACES, Candidate, Evidence, Figure, Gap, Law
from vision_core.advice.needs import EDGE, HOURS_A_DAY, Needs
from vision_core.costs.prices import load_prices, usd_per_million
from vision_core.evaluation.yardstick import LOWER_IS_BETTER

_NORMAL = 1.96
NEEDS_BOXES = frozenset({"detection", "two-stage"})


@dataclass(frozen=True)
class Errors:
    """What errors cost a picture, counted in false alarms.

    Attributes:
        value, low, high: with the ends of a 95 % interval.
        threshold: it answers from; draws: `(1 + R,)` of the same drawn pictures for all; None: counted at the
            contender's own threshold, and the interval is that of Poisson counts.
        doubt: of a learning curve that moved it: half of its interval, as a share of the value; it is in both ends.
    """

    value: float
    low: float
    high: float
    threshold: float | None
    draws: np.ndarray | None = None
    doubt: float = 0.0


@dataclass(frozen=True, eq=False)
class Prospect:
    """One candidate under needs.

    Attributes:
        figures: as they are to be expected; moved: how far labels moved each, and half the interval of that.
        labelled: pictures that it would learn from; hours: of labelling that are still to come; None: unknown.
        errors: what misses and false alarms cost, where their exchange was said; None: unknown, or not said.
        labelling_usd, training_usd, inference_usd, errors_usd: over the period; None: unknown.
        days: until it works.
    """

    candidate: Candidate
    figures: Mapping[str, Figure] = field(default_factory=dict)
    moved: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    labelled: float = 0.0
    hours: float | None = None
    errors: Errors | None = None
    labelling_usd: float | None = None
    training_usd: float | None = None
    inference_usd: float | None = None
    errors_usd: float | None = 0.0
    days: float | None = None

    @property
    def name(self) -> str:
        return self.candidate.name

    @property
    def usd(self) -> float | None:
        """All of it; None when a part is unknown."""
        parts = (self.labelling_usd, self.training_usd, self.inference_usd, self.errors_usd)
        known = [one for one in parts if one is not None]
        return sum(known) if len(known) == len(parts) else None

    @property
    def is_moved(self) -> bool:
        """Whether other labels than it learned from are reckoned with."""
        taught = self.candidate.taught
        return taught is not None and round(self.labelled) != taught.pictures


def figure_of(question: str, needs: Needs) -> str:
    """The figure that decides a question; of a kind, a box with its name right where places or counts are asked too."""
    if question == "kind" and {"count", "where"} & set(needs.ask):
        return KIND_WITH_PLACES
    return FIGURE_OF[question]


def weighs_errors(needs: Needs) -> bool:
    """Whether misses and false alarms decide about presence, at an exchange that was said."""
    return bool({"presence", "kind"} & set(needs.ask)) and (needs.miss_cost or needs.false_alarm_usd) is not None


@dataclass(frozen=True)
class Rates:
    """What an hour of the computer costs that answers, and of the one that trains, US dollars."""

    answering: float
    training: float

    @classmethod
    def of(cls, needs: Needs) -> Rates:
        """As the price list has them; nobody trains on the edge, so its training is priced as the list's first entry.

        Raises:
            SettingsError: the list cannot be read.
        """
        here = needs.price.usd_per_hour
        return cls(here, load_prices().entries[0].usd_per_hour if needs.hardware == EDGE else here)


def prospect_of(candidate: Candidate, needs: Needs, rates: Rates | None = None) -> Prospect:
    """That candidate under those needs."""
    rates = rates or Rates.of(needs)
    labelled, hours = _labels(candidate, needs)
    moved = _moved(candidate, labelled)
    figures = {name: _figure(name, one, moved.get(name, (0.0, 0.0))) for name, one in candidate.figures.items()}
    errors = _errors(candidate, needs, labelled) if weighs_errors(needs) else None
    trained, speed = candidate.training_s, candidate.images_per_second
    return Prospect(
        candidate=candidate,
        figures=figures,
        moved=moved,
        labelled=labelled,
        hours=hours,
        errors=errors,
        labelling_usd=None if hours is None else hours * needs.wage_per_hour,
        training_usd=None if trained is None else trained / 3600 * rates.training,
        inference_usd=usd_per_million(speed, rates.answering) * needs.pictures / 1e6 if speed else None,
        errors_usd=_errors_usd(errors, needs),
        days=None if hours is None or trained is None else hours / HOURS_A_DAY + trained / 86_400,
    )


def _labels(candidate: Candidate, needs: Needs) -> tuple[float, float | None]:
    """Pictures that it would learn from, and the hours of labelling still to come."""
    taught = candidate.taught
    if taught is None:  # nothing is trained
        return 0.0, 0.0 if candidate.runs == () and candidate.figures else None
    each_h = None if taught.hours is None or not taught.pictures else taught.hours / taught.pictures
    have = float(taught.pictures if needs.labelled is None else needs.labelled)
    more = needs.more_pictures + (needs.more_hours / each_h if each_h else 0.0)
    ticked = needs.labelled is not None and needs.labelled_as == "ticks" and candidate.kind in NEEDS_BOXES
    to_pay = have + more if needs.labelled is None or ticked else more
    return max(1.0, have + more), None if each_h is None else to_pay * each_h


def _moved(candidate: Candidate, labelled: float) -> dict[str, tuple[float, float]]:
    """By figure, how much lower the error is with those labels, and half the interval of that."""
    taught = candidate.taught
    if taught is None or not taught.pictures or round(labelled) == taught.pictures:
        return {}
    marks = taught.marks * labelled / taught.pictures
    found = {}
    for name, law in candidate.laws.items():
        found[name] = (law.error(law.most) - law.error(marks), _spread(law, marks))
    return found


def _figure(name: str, measured: Figure, moved: tuple[float, float]) -> Figure:
    by, spread = moved
    most = math.inf if name in LOWER_IS_BETTER else 1.0
    by = -by if name in LOWER_IS_BETTER else by
    low, high = (
        None if end is None else min(max(end + by + sign * spread, 0.0), most)
        for end, sign in ((measured.low, -1), (measured.high, 1))
    )
    return Figure(min(max(measured.value + by, 0.0), most), low, high)


def _errors(candidate: Candidate, needs: Needs, labelled: float) -> Errors | None:
    """At the best threshold for the exchange where raw answers are kept, else at the contender's own."""
    ratio, factor = needs.miss_cost or 1.0, _fewer(candidate, labelled)
    if candidate.traded is not None:
        threshold, draws = candidate.traded.at_ratio(ratio)
        draws = draws * factor.value
        low, high = _ends(draws[1:])
        return Errors(float(draws[0]), *_wider(low, high, float(draws[0]), factor), threshold, draws, factor.doubt)
    counted = _counted(candidate)
    if counted is None:
        return None
    misses, false_alarms = counted
    of = max(candidate.judged_on, 1)
    value = (ratio * misses + false_alarms) / of * factor.value
    half = _NORMAL * math.sqrt(ratio**2 * misses + false_alarms) / of * factor.value
    return Errors(value, *_wider(value - half, value + half, value, factor), candidate.threshold, doubt=factor.doubt)


def _counted(candidate: Candidate) -> tuple[float, float] | None:
    """Misses and false alarms in all its pictures, from precision and recall of each class."""
    by = candidate.by_class
    if not candidate.judged_on or not by.get("recall"):
        return None
    misses = false_alarms = 0.0
    for precision, recall, shown in zip(by["precision"], by["recall"], by["pictures"], strict=True):
        if recall is None or not shown:
            continue
        if precision == 0:  # nothing was right, and how much was wrong no share tells
            return None
        misses += shown * (1 - recall)
        false_alarms += shown * recall * (1 / precision - 1) if precision else 0.0
    return misses, false_alarms


@dataclass(frozen=True)
class _Factor:
    """What errors are multiplied with; `doubt`: half of its interval, as a share of it."""

    value: float = 1.0
    doubt: float = 0.0


def _wider(low: float, high: float, value: float, factor: _Factor) -> tuple[float, float]:
    """The ends of an interval with the doubt of a factor added, as of independent errors."""
    return (
        max(0.0, value - math.hypot(value - low, factor.doubt * value)),
        value + math.hypot(high - value, factor.doubt * value),
    )


def _fewer(candidate: Candidate, labelled: float) -> _Factor:
    """When there are other labels: as one minus the F1 of presence falls, with what its curve is unsure of."""
    taught, law = candidate.taught, candidate.laws.get("presence_f1") or candidate.laws.get("presence_ap")
    if taught is None or law is None or not taught.pictures or round(labelled) == taught.pictures:
        return _Factor()
    marks = taught.marks * labelled / taught.pictures
    expected = law.error(marks)
    return _Factor(expected / max(law.error(law.most), 1e-9), _spread(law, marks) / max(expected, 1e-9))


def _spread(law: Law, marks: float) -> float:
    """Half of the interval of what so many labels change."""
    return abs(law.spread * math.log(max(marks, 1.0) / law.most) / math.log((law.most + law.more) / law.most))


def _errors_usd(errors: Errors | None, needs: Needs) -> float | None:
    if needs.false_alarm_usd is None or not weighs_errors(needs):
        return 0.0
    return None if errors is None else errors.value * needs.false_alarm_usd * needs.pictures


def gap_between(one: Prospect, other: Prospect, figure: str, evidence: Evidence) -> Gap | None:
    """How much higher a figure of `one` is; None where either has none.

    From the same drawn pictures where the evidence has them so; else the two intervals are taken to be independent.
    """
    if figure not in one.figures or figure not in other.figures:
        return None
    mine, theirs = one.figures[figure], other.figures[figure]
    if (figure in one.moved) != (figure in other.moved) and (one.is_moved or other.is_moved):
        return Gap(mine.value - theirs.value, None, None)  # one has a learning curve, the other stays as measured
    sign = -1 if figure in LOWER_IS_BETTER else 1
    (by, spread), (others_by, others_spread) = (way.moved.get(figure, (0.0, 0.0)) for way in (one, other))
    shift, wider = sign * (by - others_by), math.hypot(spread, others_spread)
    for names, turned in (((one.name, other.name), 1), ((other.name, one.name), -1)):
        found = evidence.gaps.get(names, {}).get(figure)
        if found is not None:
            if found.low is None or found.high is None:
                return Gap(turned * found.value + shift, None, None, found.certain and not wider)
            low, high = sorted((turned * found.low, turned * found.high))
            return Gap(turned * found.value + shift, low + shift - wider, high + shift + wider)
    value = mine.value - theirs.value
    ends = (mine.low, mine.high, theirs.low, theirs.high)
    if None in ends:
        return Gap(value, None, None)
    half = math.hypot((mine.high or 0) - (mine.low or 0), (theirs.high or 0) - (theirs.low or 0)) / 2
    return Gap(value, value - half, value + half)


def errors_between(one: Prospect, other: Prospect) -> Gap | None:
    """How much more the errors of `one` cost, in false alarms a picture; None where either's are unknown."""
    mine, theirs = one.errors, other.errors
    if mine is None or theirs is None:
        return None
    value = mine.value - theirs.value
    if bool(mine.doubt) != bool(theirs.doubt):  # as with figures: only one of them was moved by a learning curve
        return Gap(value, None, None)
    if mine.draws is not None and theirs.draws is not None and len(mine.draws) == len(theirs.draws):
        low, high = _ends((mine.draws - theirs.draws)[1:])
        doubt = math.hypot(mine.doubt * mine.value, theirs.doubt * theirs.value)
        return Gap(value, value - math.hypot(value - low, doubt), value + math.hypot(high - value, doubt))
    half = math.hypot(mine.high - mine.low, theirs.high - theirs.low) / 2
    return Gap(value, value - half, value + half)


def _ends(draws: np.ndarray) -> tuple[float, float]:
    """The ends that 95 % of the drawings keep, as `numpy.percentile` has them, in a fifth of its time."""
    ordered, places = np.sort(draws), (0.025 * (len(draws) - 1), 0.975 * (len(draws) - 1))
    low, high = (
        float(ordered[int(at)] + (at - int(at)) * (ordered[min(int(at) + 1, len(ordered) - 1)] - ordered[int(at)]))
        for at in places
    )
    return low, high

"""When each rule of the advisor holds: one function a rule, named as the rule is."""

from __future__ import annotations

from dataclasses import dataclass

from vision_core.advice.evidence import Candidate, Evidence, Gap
from vision_core.advice.licences import is_copyleft, is_non_commercial, is_unstated, origin_of, own_terms
from vision_core.advice.needs import HERE, Needs
from vision_core.advice.prospects import NEEDS_BOXES, Prospect, errors_between, figure_of, gap_between, weighs_errors
from vision_core.evaluation.yardstick import LOWER_IS_BETTER

PRESETS = ("instant", "balanced", "thorough")
SPARE_DAYS = 1.0
"""So much time has to be left before the deadline for a longer training to be advised."""
FAR, FEW_PICTURES = 4.0, 100


@dataclass(frozen=True, eq=False)
class Case:
    """What a rule is asked about.

    Attributes:
        mine: the candidate.
        others: all the others; leaders: those (it may be among them) that fewest of the stronger rules speak against;
            level: those that only money tells apart from it.
    """

    needs: Needs
    mine: Prospect
    evidence: Evidence
    others: tuple[Prospect, ...] = ()
    leaders: tuple[Prospect, ...] = ()
    level: tuple[Prospect, ...] = ()

    @property
    def kind(self) -> str:
        return self.mine.candidate.kind

    @property
    def is_measured(self) -> bool:
        return bool(self.evidence.candidates)

    def asks(self, *questions: str) -> bool:
        """Whether any of them is asked."""
        return any(question in self.needs.ask for question in questions)


def cannot_count(case: Case) -> bool:
    return case.asks("count") and case.kind == "classification"


def cannot_place(case: Case) -> bool:
    return case.asks("where") and case.kind == "classification" and "pointing" not in case.mine.figures


def cannot_name_each(case: Case) -> bool:
    return case.asks("kind") and case.asks("count", "where") and case.kind == "classification"


def too_slow(case: Case) -> bool:
    most, takes = case.needs.most_ms, case.mine.candidate.latency_ms
    return most is not None and takes is not None and takes > most


def too_wrong(case: Case) -> bool:
    return bool(short_of(case))


def short_of(case: Case) -> list[tuple[str, float, float]]:
    """Figures that are worse than they may be: name, value, limit."""
    limits = {}
    if case.needs.least_right is not None:
        if case.asks("presence", "kind"):
            limits["presence_f1"] = case.needs.least_right
        if case.asks("where"):
            limits["pointing"] = case.needs.least_right
    if case.needs.most_miscounted is not None and case.asks("count"):
        limits["count_mae"] = case.needs.most_miscounted
    found = [
        (name, case.mine.figures[name].value, limit) for name, limit in limits.items() if name in case.mine.figures
    ]
    return [(name, value, limit) for name, value, limit in found if _worse(name, value, limit)]


def _worse(figure: str, value: float, limit: float) -> bool:
    return value > limit if figure in LOWER_IS_BETTER else value < limit


def copyleft(case: Case) -> bool:
    return case.needs.no_copyleft and any(is_copyleft(one) for one in licences(case))


def non_commercial(case: Case) -> bool:
    return case.needs.no_non_commercial and any(is_non_commercial(own_terms(one)) for one in licences(case))


def licences(case: Case) -> tuple[str, ...]:
    """Of the candidate's networks."""
    return case.mine.candidate.licences


def too_late(case: Case) -> bool:
    most, days = case.needs.deadline_days, case.mine.days
    return most is not None and days is not None and days > most


def not_measured(case: Case) -> bool:
    return case.is_measured and bool(missing(case))


def missing(case: Case) -> list[str]:
    """Questions that the candidate's kind can answer, but of which nobody measured how well it does."""
    able = [one for one in case.needs.ask if one not in ("count", "where") or case.kind in NEEDS_BOXES]
    weighed = weighs_errors(case.needs)
    figures = {one: figure_of(one, case.needs) for one in able}
    return [
        one
        for one, figure in figures.items()
        if (case.mine.errors is None if weighed and figure == "presence_ap" else figure not in case.mine.figures)
    ]


def speed_unknown(case: Case) -> bool:
    return case.is_measured and case.needs.most_ms is not None and case.mine.candidate.latency_ms is None


def days_unknown(case: Case) -> bool:
    return case.is_measured and case.needs.deadline_days is not None and case.mine.days is None


def licence_unknown(case: Case) -> bool:
    limited = case.needs.no_copyleft or case.needs.no_non_commercial
    return limited and any(is_unstated(own_terms(one)) for one in licences(case))


def measurably_worse(case: Case) -> bool:
    return bool(worse_in(case))


def worse_in(case: Case) -> list[tuple[str, Prospect, Gap]]:
    """Questions, one figure each, in which the best of the leaders is measurably better; who it is, and the gap."""
    found = []
    for figure in dict.fromkeys(figure_of(question, case.needs) for question in _by_figure(case.needs)):
        best = best_in(case.leaders, figure)
        if best is None or best.name == case.mine.name:
            continue
        gap = gap_between(case.mine, best, figure, case.evidence)
        if gap is not None and gap.is_apart and (gap.value > 0) == (figure in LOWER_IS_BETTER):
            found.append((figure, best, gap))
    return found


def _by_figure(needs: Needs) -> tuple[str, ...]:
    """Questions that a figure decides; where errors have an exchange, that decides about presence."""
    if not weighs_errors(needs):
        return needs.ask
    return tuple(one for one in needs.ask if figure_of(one, needs) != "presence_ap")


def best_in(leaders: tuple[Prospect, ...], figure: str) -> Prospect | None:
    """Whose figure is the best."""
    known = [one for one in leaders if figure in one.figures]
    sign = 1 if figure in LOWER_IS_BETTER else -1
    return min(known, key=lambda one: (sign * one.figures[figure].value, one.name), default=None)


def dearer_errors(case: Case) -> bool:
    return fewest_errors(case) is not None


def fewest_errors(case: Case) -> tuple[Prospect, Gap] | None:
    """Whose errors cost least, and how much more those of this candidate do, where that is measurable."""
    if not weighs_errors(case.needs) or case.needs.false_alarm_usd is not None or case.mine.errors is None:
        return None
    known = [one for one in case.leaders if one.errors is not None]
    best = min(known, key=lambda one: (one.errors.value if one.errors else 0.0, one.name), default=None)
    if best is None or best.name == case.mine.name:
        return None
    gap = errors_between(case.mine, best)
    return (best, gap) if gap is not None and gap.is_apart and gap.value > 0 else None


def _only_what(case: Case) -> bool:
    return not case.is_measured and not case.asks("count", "where")


def _hard_to_see(case: Case) -> bool:
    return case.needs.small or case.needs.objects == "many"


def ticks_are_cheaper(case: Case) -> bool:
    return _only_what(case) and not _hard_to_see(case) and case.kind == "classification"


def boxes_count_and_place(case: Case) -> bool:
    return not case.is_measured and case.asks("count", "where") and not case.asks("kind") and case.kind == "detection"


def small_or_many(case: Case) -> bool:
    return _only_what(case) and not case.asks("kind") and _hard_to_see(case) and case.kind == "detection"


def kinds_need_a_close_look(case: Case) -> bool:
    close = case.asks("kind") and (case.asks("count", "where") or _hard_to_see(case))
    return not case.is_measured and close and case.kind == "two-stage"


def cheapest_of_equals(case: Case) -> bool:
    return bool(case.level) and case.mine.usd is not None and all(one.usd is not None for one in case.level)


def next_preset(candidate: Candidate) -> str:
    """The next longer one; "" after the longest, and of one that was not trained here."""
    if candidate.preset not in PRESETS[:-1]:
        return ""
    return PRESETS[PRESETS.index(candidate.preset) + 1]


def train_longer(case: Case) -> bool:
    falls_short = too_wrong(case) or any(one.candidate.kind != case.kind for one in case.level)
    most = case.needs.deadline_days
    in_time = most is None or most - (case.mine.days or 0.0) >= SPARE_DAYS
    return case.is_measured and bool(next_preset(case.mine.candidate)) and falls_short and in_time


def unequal_training(case: Case) -> bool:
    return trained_less(case) is not None


def trained_less(case: Case) -> Prospect | None:
    """The best of another task, where it was trained with a shorter preset than the candidate."""
    asked = {figure_of(question, case.needs) for question in case.needs.ask}
    able = (one for one in case.others if one.candidate.kind != case.kind and asked & set(one.figures))
    rival = next(able, None)
    if rival is None:
        return None
    presets = (rival.candidate.preset, case.mine.candidate.preset)
    known = all(one in PRESETS for one in presets)
    return rival if known and PRESETS.index(presets[0]) < PRESETS.index(presets[1]) else None


def label_more(case: Case) -> bool:
    laws = case.mine.candidate.laws
    figures = [figure_of(question, case.needs) for question in case.needs.ask]
    return any(name in laws and laws[name].low > 0 for name in figures)


def far_from_measured(case: Case) -> bool:
    taught = case.mine.candidate.taught
    if taught is None or not case.mine.moved:
        return False
    return case.mine.labelled > FAR * taught.pictures or case.mine.labelled * FAR < taught.pictures


def fewer_labels_unknown(case: Case) -> bool:
    taught = case.mine.candidate.taught
    fewer = taught is not None and round(case.mine.labelled) < taught.pictures
    others_fall = any(one.laws for one in case.evidence.candidates)
    return case.is_measured and fewer and others_fall and not case.mine.candidate.laws


def no_curve(case: Case) -> bool:
    return case.is_measured and case.mine.is_moved and not case.mine.candidate.laws


def other_computer(case: Case) -> bool:
    return case.is_measured and case.needs.hardware != HERE


def chosen_on_the_judged(case: Case) -> bool:
    made = case.mine.candidate.traded
    return weighs_errors(case.needs) and made is not None and not made.on_validation


def threshold_of_counting(case: Case) -> bool:
    asked = case.needs.least_right is not None and case.asks("presence", "kind")
    return asked and case.evidence.plan.get("question") == "count"


def slow_tail(case: Case) -> bool:
    most, tail = case.needs.most_ms, case.mine.candidate.latency_ms_p95
    return most is not None and tail is not None and tail > most and not too_slow(case)


def few_pictures(case: Case) -> bool:
    return 0 < case.mine.candidate.judged_on < FEW_PICTURES


def research_pictures(case: Case) -> bool:
    learned = [origin_of(one) for one in licences(case)]
    return case.needs.no_non_commercial and any(is_non_commercial(one) for one in learned)


def nothing_measured(case: Case) -> bool:
    return not case.is_measured

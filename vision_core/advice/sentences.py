"""What each rule of the advisor says where it holds: one function a rule, named as the rule is."""

from __future__ import annotations

from collections.abc import Sequence

from vision_core.advice import conditions as when
from vision_core.advice.conditions import Case
from vision_core.advice.needs import HOURS_A_DAY
from vision_core.advice.prospects import Prospect, figure_of
from vision_core.costs.totals import usd_text

FIGURES = {
    "presence_ap": "average precision of presence",
    "presence_f1": "F1 of presence",
    "count_mae": "objects counted wrong per class and picture",
    "pointing": "pointing accuracy",
    "ap50": "AP50 of boxes with their names",
}


def name_of(prospect: Prospect) -> str:
    """What sentences call a candidate: its way, or its run's name."""
    return prospect.candidate.title


def listed(names: Sequence[str]) -> str:
    """ "A", "A and B", "A, B and C"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def said(figure: str, value: float) -> str:
    """A figure in words: "0.61 objects counted wrong …", "86.4 % average precision …"."""
    return f"{value:.2f} {FIGURES[figure]}" if figure == "count_mae" else f"{100 * value:.1f} % {FIGURES[figure]}"


def difference(figure: str, value: float) -> str:
    """A gap in words, without its direction."""
    return (
        f"{abs(value):.2f} {FIGURES[figure]}"
        if figure == "count_mae"
        else f"{100 * abs(value):.1f} points of {FIGURES[figure]}"
    )


def ms_text(value: float) -> str:
    """Milliseconds in plain digits."""
    return f"{value:,.3g} ms" if value < 1000 else f"{value:,.0f} ms"


def cannot_count(case: Case) -> str:
    return f"{name_of(case.mine)} says what is there, not how many."


def cannot_place(case: Case) -> str:
    return f"{name_of(case.mine)} says what is there, not where."


def cannot_name_each(case: Case) -> str:
    return f"{name_of(case.mine)} names kinds for the whole picture, not for each object."


def too_slow(case: Case) -> str:
    takes, most = case.mine.candidate.latency_ms or 0.0, case.needs.most_ms or 0.0
    return f"{name_of(case.mine)} takes {ms_text(takes)} a picture; {ms_text(most)} are allowed."


def too_wrong(case: Case) -> str:
    parts = [
        f"{said(name, value)} where {'no more than' if name == 'count_mae' else 'at least'} "
        f"{f'{limit:.2f}' if name == 'count_mae' else f'{100 * limit:.1f} %'} is wanted"
        for name, value, limit in when.short_of(case)
    ]
    return f"{name_of(case.mine)} has {listed(parts)}."


def copyleft(case: Case) -> str:
    return f"{name_of(case.mine)} has a copyleft licence: {listed(case.mine.candidate.licences)}."


def non_commercial(case: Case) -> str:
    return f"{name_of(case.mine)} may not be used commercially: {listed(case.mine.candidate.licences)}."


def too_late(case: Case) -> str:
    days, most, hours = case.mine.days or 0.0, case.needs.deadline_days or 0.0, case.mine.hours or 0.0
    return (
        f"{name_of(case.mine)} works after {days:.3g} days ({hours:.3g} h of labelling at {HOURS_A_DAY:g} h a day, and "
        f"training); there are {most:.3g}."
    )


def not_measured(case: Case) -> str:
    names = dict.fromkeys(figure_of(one, case.needs) for one in when.missing(case))
    figures = listed(["misses and false alarms" if name in case.mine.figures else FIGURES[name] for name in names])
    return f"Of {name_of(case.mine)} nobody measured: {figures}."


def speed_unknown(case: Case) -> str:
    return f"Nobody measured how long {name_of(case.mine)} takes for a picture."


def days_unknown(case: Case) -> str:
    return f"Nobody knows how long {name_of(case.mine)} takes until it works: its labels or its training have no time."


def licence_unknown(case: Case) -> str:
    return f"A licence of {name_of(case.mine)} is not stated: look at its model's page."


def measurably_worse(case: Case) -> str:
    parts = []
    for figure, best, gap in when.worse_in(case):
        ends = sorted((abs(gap.low or 0.0), abs(gap.high or 0.0)))
        scale, digits = (1, 2) if figure == "count_mae" else (100, 1)
        within = f" (95 %: {scale * ends[0]:.{digits}f} to {scale * ends[1]:.{digits}f})" if gap.low is not None else ""
        parts.append(f"{difference(figure, gap.value)} behind {name_of(best)}{within}")
    return f"{name_of(case.mine)} is measurably worse: {listed(parts)}."


def dearer_errors(case: Case) -> str:
    found = when.fewest_errors(case)
    if found is None or case.mine.errors is None:
        return ""
    best, gap = found
    threshold = "best threshold for that exchange" if case.mine.errors.draws is not None else "threshold in the duel"
    return (
        f"The errors of {name_of(case.mine)} weigh {case.mine.errors.value:.2f} false alarms a picture, "
        f"{gap.value:.2f} more than those of {name_of(best)} (95 %: {gap.low or 0:.2f} to {gap.high or 0:.2f}), each "
        f"at its {threshold}."
    )


def ticks_are_cheaper(case: Case) -> str:
    return f"Whole pictures are enough for what is asked, and ticks are quicker than boxes: {name_of(case.mine)}."


def boxes_count_and_place(case: Case) -> str:
    return f"Counting and placing want objects one by one: {name_of(case.mine)}."


def small_or_many(case: Case) -> str:
    return f"Small or many objects drown in a whole picture: {name_of(case.mine)}."


def kinds_need_a_close_look(case: Case) -> str:
    return f"Fine-grained kinds of such objects want a close look at each: {name_of(case.mine)}."


def cheapest_of_equals(case: Case) -> str:
    mine = case.mine.usd or 0.0
    others = listed([f"{name_of(one)} {usd_text(one.usd or 0.0)}" for one in case.level])
    level = listed([name_of(case.mine), *map(name_of, case.level)])
    years = "a year" if case.needs.years == 1 else f"{case.needs.years:g} years"
    if case.needs.false_alarm_usd is not None:
        return f"With errors at their price {name_of(case.mine)} costs {usd_text(mine)} in {years} ({others})."
    return (
        f"These pictures cannot tell {level} apart in what is asked, and {name_of(case.mine)} is the cheapest: "
        f"{usd_text(mine)} in {years} ({others})."
    )


def train_longer(case: Case) -> str:
    had, then = case.mine.candidate.preset, when.next_preset(case.mine.candidate)
    return f"{name_of(case.mine)} was trained with the preset “{had}”: train it with “{then}” before you decide."


def unequal_training(case: Case) -> str:
    rival = when.trained_less(case)
    if rival is None:
        return ""
    return (
        f"{name_of(case.mine)} was trained with “{case.mine.candidate.preset}”, {name_of(rival)} with "
        f"“{rival.candidate.preset}”: a part of what lies between them is training, not the task."
    )


def label_more(case: Case) -> str:
    laws, parts = case.mine.candidate.laws, []
    for figure in dict.fromkeys(figure_of(question, case.needs) for question in case.needs.ask):
        law = laws.get(figure)
        if law is not None and law.low > 0:
            fewer = "less" if figure == "count_mae" else "more"
            parts.append(f"{difference(figure, law.gain)} {fewer}")
    return f"{law_more(case)} more labels would buy {name_of(case.mine)} {listed(parts)}, its learning curve says."


def law_more(case: Case) -> str:
    """How many more labels the learning curves were asked about."""
    return f"{max((law.more for law in case.mine.candidate.laws.values()), default=0):,.0f}"


def far_from_measured(case: Case) -> str:
    taught = case.mine.candidate.taught
    had = taught.pictures if taught else 0
    return (
        f"{case.mine.labelled:,.0f} labelled pictures are far from the {had:,} that were learned from: a guess at best."
    )


def fewer_labels_unknown(case: Case) -> str:
    taught = case.mine.candidate.taught
    return (
        f"{name_of(case.mine)} learned from {taught.pictures if taught else 0:,} pictures, and nobody knows what fewer "
        "would make of it."
    )


def no_curve(case: Case) -> str:
    return (
        f"Nobody knows what {case.mine.labelled:,.0f} labelled pictures would make of {name_of(case.mine)}: its "
        "figures stay as measured."
    )


def other_computer(case: Case) -> str:
    device = case.mine.candidate.device or "this machine"
    return f"Speeds are of {device}, not of {case.needs.price.name}, which only gives the price: measure there."


def chosen_on_the_judged(case: Case) -> str:
    return (
        f"The threshold of {name_of(case.mine)} was chosen on the very pictures it is judged on: it errs a little more."
    )


def threshold_of_counting(case: Case) -> str:
    del case
    return (
        "Shares of right answers are at the thresholds that count best: a duel that asks “Is it there?” may find "
        "higher ones."
    )


def slow_tail(case: Case) -> str:
    tail = case.mine.candidate.latency_ms_p95 or 0.0
    return f"One picture in twenty takes {name_of(case.mine)} longer than {ms_text(tail)}."


def few_pictures(case: Case) -> str:
    judged = case.mine.candidate.judged_on
    return f"Only {judged} held-out pictures were judged: a share can be off by {98 / judged**0.5:.0f} points."


def research_pictures(case: Case) -> str:
    return f"Weights behind {name_of(case.mine)} began on pictures licensed for non-commercial research: ask a lawyer."


def nothing_measured(case: Case) -> str:
    del case
    return "Nothing has been measured yet: this is published guidance, not evidence about your pictures."

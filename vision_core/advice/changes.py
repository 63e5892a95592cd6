"""What would change the decision: how far a need has to move until another candidate comes first.

for change in changes(ranking): print(change.sentence)        # "Above 40,000 pictures a day …"

Each threshold is found by ranking again. Limits turn where a candidate meets them, money where two lines cross: those
values are tried. Exchanges of errors and labels are tried on a grid of equal factors, and halved to 0.1 % where the
first candidate changes; what comes and goes between two points of the grid is not seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from vision_core.advice.needs import HOURS_A_DAY, QUESTIONS, Needs
from vision_core.advice.prospects import Prospect, Rates, weighs_errors
from vision_core.advice.ranking import Ranking, ranked
from vision_core.advice.sentences import ms_text, name_of
from vision_core.costs.totals import pictures_text, usd_text

_STEPS, _HALVINGS = 9, 11
_JUST = 1e-9
_MOST_PICTURES = 1e9
_RATIOS = (0.02, 50.0)
_MORE_LABELS = (1.0, 100_000.0)
_NO_LIMIT = 1e6
"""Milliseconds and days that any network keeps: who falls at these falls because nobody measured it."""
_USD = (1e-6, 1e3)
_ABOUT_ONE = 0.02
_LIMITS = ("latency_ms", "deadline_days", "least_right", "most_miscounted")
"""Needs that change no prospect."""


@dataclass(frozen=True)
class Change:
    """A need that would turn the answer.

    Attributes:
        need: a field of `Needs`; above: whether the answer turns above the value, not below it.
        value: where; a question, where `need` is "ask".
        first: the candidate that then comes first; kind: its task; keeps_all: whether it keeps every limit.
        sentence: all that in words.
    """

    need: str
    above: bool
    value: Any
    first: str
    kind: str
    keeps_all: bool
    sentence: str


@dataclass(frozen=True, eq=False)
class _Search:
    """The ranking that is to be turned, and how to rank again."""

    now: Ranking
    rates: Rates

    def at(self, **changes: Any) -> Ranking:
        prospects = tuple(one.prospect for one in self.now.standings) if set(changes) <= set(_LIMITS) else None
        return ranked(self.now.needs.changed(**changes), self.now.evidence, self.rates, prospects)

    def turns(self, found: Ranking, base: Ranking | None = None) -> bool:
        """Whether another comes first, or the first no longer keeps every limit."""
        return _outcome(found) != _outcome(base or self.now)

    def change(self, need: str, above: bool, value: Any, when: str, found: Ranking) -> Change:
        first, before = found.first, self.now.first
        title = name_of(first.prospect)
        if not first.answers_all:
            said = f"{when} nothing here answers all of it; {title} comes closest."
        elif not first.keeps_all:
            said = f"{when} nothing here keeps every limit; {title} comes closest."
        elif first.prospect.name == before.prospect.name:
            said = f"{when} {title} keeps every limit."
        elif any(one.name == before.prospect.name for one in found.case(first).level):
            said = f"{when} {title} comes first, the cheaper of two that could not be told apart."
        else:
            said = f"{when} {title} comes first."
        return Change(need, above, value, first.prospect.name, first.prospect.candidate.kind, first.keeps_all, said)


def _outcome(found: Ranking) -> str:
    """Who comes first; "" where that is nobody who keeps every limit."""
    return found.first.prospect.name if found.first.keeps_all else ""


def changes(now: Ranking, rates: Rates | None = None) -> tuple[Change, ...]:
    """All that would turn the answer, the nearest value of each need in each direction."""
    search = _Search(now, rates or Rates.of(now.needs))
    found: list[Change] = []
    if now.evidence.candidates:
        for walk in (_volume, _misses, _price_of_errors, _latency, _days, _right, _miscounted, _labels):
            found += walk(search)
    return (*found, *_questions(search))


def _tried(
    search: _Search, need: str, values: Sequence[tuple[float, float]], above: bool, say: Callable[[float], str]
) -> Iterator[Change]:
    """The first of some values, each with where it is said to turn, at which it does."""
    for value, turn in sorted(values, reverse=not above):
        found = search.at(**{need: value})
        if search.turns(found):
            yield search.change(need, above, turn, say(turn), found)
            return


def _volume(search: _Search) -> Iterator[Change]:
    """Where the money of two candidates crosses: each is a straight line over the number of pictures."""
    volume = search.now.needs.pictures_a_day
    crossings = set[float]()
    for one, other in combinations([_line(one.prospect, search) for one in search.now.standings], 2):
        if one is not None and other is not None and one[1] != other[1]:
            crossings.add((other[0] - one[0]) / (one[1] - other[1]))
    known = [one for one in crossings if 0 < one < _MOST_PICTURES]
    up = [(one * (1 + _JUST), one) for one in known if one > volume]
    down = [(one * (1 - _JUST), one) for one in known if one < volume]
    yield from _tried(search, "pictures_a_day", up, True, lambda at: f"Above {pictures_text(at)} pictures a day")
    yield from _tried(search, "pictures_a_day", down, False, lambda at: f"Below {pictures_text(at)} pictures a day")


def _line(prospect: Prospect, search: _Search) -> tuple[float, float] | None:
    """What it costs once, and for each picture a day; None where a part is unknown."""
    if prospect.usd is None or not search.now.needs.pictures_a_day:
        return None
    once = (prospect.labelling_usd or 0.0) + (prospect.training_usd or 0.0)
    return once, (prospect.usd - once) / search.now.needs.pictures_a_day


def _walked(
    search: _Search, need: str, ends: tuple[float, float], say: Callable[[float], str], base: Ranking | None = None
) -> Iterator[Change]:
    """From one value to another in steps of equal factors, then by halves to where it first turns."""
    start, end = ends
    before = start
    for step in range(1, _STEPS + 1):
        value = start * (end / start) ** (step / _STEPS)
        found = search.at(**{need: _as_needed(need, value)})
        if search.turns(found, base):
            for _ in range(_HALVINGS):
                middle = math.sqrt(before * value)
                tried = search.at(**{need: _as_needed(need, middle)})
                before, value, found = (before, middle, tried) if search.turns(tried, base) else (middle, value, found)
            if search.turns(found):  # with a base: not back to what comes first now
                yield search.change(need, end > start, _as_needed(need, value), say(value), found)
            return
        before = value


def _as_needed(need: str, value: float) -> float:
    return math.ceil(value) if need == "more_pictures" else value


def _misses(search: _Search) -> Iterator[Change]:
    """How bad a miss is, where presence is asked and raw answers or rates by class are known."""
    needs = search.now.needs
    if not {"presence", "kind"} & set(needs.ask):
        return
    base = None
    if not weighs_errors(needs):
        base = search.at(miss_cost=1.0)
        if any(one.prospect.errors is None for one in base.standings):
            return
        if search.turns(base):
            when = "If a miss and a false alarm were equally bad, and errors decided instead of average precision,"
            yield search.change("miss_cost", True, 1.0, when, base)
    start = needs.miss_cost or 1.0
    if start < _RATIOS[1]:
        yield from _walked(search, "miss_cost", (start, _RATIOS[1]), _worse_misses, base)
    if start > _RATIOS[0]:
        yield from _walked(search, "miss_cost", (start, _RATIOS[0]), _worse_alarms, base)


def _worse_misses(at: float) -> str:
    if abs(math.log(at)) < _ABOUT_ONE:
        return "If a miss were worse than a false alarm,"
    return (
        f"If a miss were worse than {at:.3g} false alarms,"
        if at > 1
        else f"If a miss were worse than {at:.2g} of a false alarm,"
    )


def _worse_alarms(at: float) -> str:
    if abs(math.log(at)) < _ABOUT_ONE:
        return "If a false alarm were worse than a miss,"
    if at < 1:
        return f"If a false alarm were worse than {1 / at:.3g} misses,"
    return f"If a miss were as bad as {at:.3g} false alarms or fewer,"


def _price_of_errors(search: _Search) -> Iterator[Change]:
    price = search.now.needs.false_alarm_usd
    if price is None or not weighs_errors(search.now.needs):
        return
    up, down = (price, max(_USD[1], 10 * price)), (price, min(_USD[0], price / 10))
    yield from _walked(search, "false_alarm_usd", up, lambda at: f"If a false alarm cost more than {_cents(at)},")
    yield from _walked(search, "false_alarm_usd", down, lambda at: f"If a false alarm cost less than {_cents(at)},")


def _cents(usd: float) -> str:
    return usd_text(usd) if usd >= 0.01 else f"{usd:.2g} USD"


def _latency(search: _Search) -> Iterator[Change]:
    most = search.now.needs.most_ms
    if search.now.needs.frames_per_second is not None and search.now.needs.latency_ms is None:
        return
    if most is None and search.now.first.prospect.candidate.latency_ms is None:
        found = search.at(latency_ms=_NO_LIMIT)
        if search.turns(found):
            yield search.change("latency_ms", False, _NO_LIMIT, "If there were any limit of time for a picture,", found)
            return
    takes = [one.prospect.candidate.latency_ms for one in search.now.standings]
    known = [one for one in takes if one is not None]
    tighter = [(one * (1 - _JUST), one) for one in known if most is None or one <= most]
    looser = [(one * (1 + _JUST), one) for one in known if most is not None and one > most]
    yield from _tried(
        search, "latency_ms", tighter, False, lambda at: f"If a picture had to take less than {ms_text(at)},"
    )
    yield from _tried(search, "latency_ms", looser, True, lambda at: f"If a picture could take {ms_text(at)} or more,")


def _days(search: _Search) -> Iterator[Change]:
    most = search.now.needs.deadline_days
    if most is None and search.now.first.prospect.days is None:
        found = search.at(deadline_days=_NO_LIMIT)
        if search.turns(found):
            yield search.change("deadline_days", False, _NO_LIMIT, "If there were any deadline,", found)
            return
    known = [one.prospect.days for one in search.now.standings if one.prospect.days]
    tighter = [(one * (1 - _JUST), one) for one in known if most is None or one <= most]
    looser = [(one * (1 + _JUST), one) for one in known if most is not None and one > most]
    yield from _tried(
        search, "deadline_days", tighter, False, lambda at: f"If it had to work within less than {_span(at)},"
    )
    yield from _tried(search, "deadline_days", looser, True, lambda at: f"If there were {_span(at)} or more,")


def _span(days: float) -> str:
    return f"{days:.3g} days" if days >= 1 else f"{HOURS_A_DAY * days:.3g} working hours"


def _right(search: _Search) -> Iterator[Change]:
    asked, least = search.now.needs.ask, search.now.needs.least_right
    names = ["presence_f1"] if {"presence", "kind"} & set(asked) else []
    names += ["pointing"] if "where" in asked else []
    known = _figures(search, names)
    up = [(one + _JUST, one) for one in known if one < 1 - _JUST and (least is None or one >= least)]
    down = [(one, one) for one in known if least is not None and one < least]
    share = "places" if "where" in asked and len(names) == 1 else "answers"
    yield from _tried(
        search, "least_right", up, True, lambda at: f"If more than {100 * at:.1f} % of {share} had to be right,"
    )
    yield from _tried(
        search, "least_right", down, False, lambda at: f"If {100 * at:.1f} % of right {share} were enough,"
    )


def _miscounted(search: _Search) -> Iterator[Change]:
    needs = search.now.needs
    if "count" not in needs.ask:
        return
    most, known = needs.most_miscounted, [one for one in _figures(search, ["count_mae"]) if one > _JUST]
    tighter = [(one - _JUST, one) for one in known if most is None or one <= most]
    looser = [(one, one) for one in known if most is not None and one > most]
    of = "objects counted wrong per class and picture"
    yield from _tried(
        search, "most_miscounted", tighter, False, lambda at: f"If fewer than {at:.2f} {of} were allowed,"
    )
    yield from _tried(search, "most_miscounted", looser, True, lambda at: f"If {at:.2f} {of} were allowed,")


def _figures(search: _Search, names: Sequence[str]) -> list[float]:
    every = [one.prospect.figures for one in search.now.standings]
    return [figures[name].value for figures in every for name in names if name in figures]


def _labels(search: _Search) -> Iterator[Change]:
    """More labelled pictures, as far as learning curves say what they would buy."""
    if not all(one.prospect.candidate.laws for one in search.now.standings if one.answers_all):
        return  # some would stay as measured while others move
    start = max(_MORE_LABELS[0], float(search.now.needs.more_pictures))
    if start < _MORE_LABELS[1]:
        yield from _walked(
            search,
            "more_pictures",
            (start, _MORE_LABELS[1]),
            lambda at: f"If {math.ceil(at):,} more pictures were labelled,",
        )


def _questions(search: _Search) -> Iterator[Change]:
    """Another question asked besides."""
    needs: Needs = search.now.needs
    for question, words in QUESTIONS.items():
        if question not in needs.ask:
            found = search.at(ask=(*needs.ask, question))
            if search.turns(found):
                yield search.change("ask", True, question, f"If “{words}” had to be answered too,", found)

"""The advice: task first, then model, then preset; the short-list with what each gives up, rules, numbers, changes.

found = advise(Needs(ask=("count",)), evidence())
found.task, found.model, found.preset
found.to_json()
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from vision_core.advice import conditions, sentences
from vision_core.advice.changes import Change, changes
from vision_core.advice.evidence import Evidence
from vision_core.advice.experiment import Experiment, experiment
from vision_core.advice.needs import QUESTIONS, Needs
from vision_core.advice.numbers import Number, numbers_of
from vision_core.advice.prospects import NEEDS_BOXES, Prospect, Rates, figure_of
from vision_core.advice.ranking import Ranking, Standing, ranked
from vision_core.advice.rule import OF_A_CANDIDATE, Rule
from vision_core.advice.rules import RULES
from vision_core.costs.totals import usd_text
from vision_core.duel.plan import TITLES
from vision_core.evaluation.yardstick import FIGURES, LOWER_IS_BETTER

Basis = Literal["measured", "published guidance"]
_SLOWER, _DEARER = 1.2, 1.05
"""Factors from which on a candidate gives up speed or money."""


@dataclass(frozen=True)
class Fired:
    """A rule that holds: of whom, and what it says."""

    rule: Rule
    candidate: str
    sentence: str


@dataclass(frozen=True, eq=False)
class Listed:
    """A place of the short-list.

    Attributes:
        gives_up: what others here have more of, in sentences.
        fired: rules that speak for or against it.
    """

    standing: Standing
    gives_up: tuple[str, ...]
    fired: tuple[Fired, ...]
    numbers: tuple[Number, ...]

    @property
    def prospect(self) -> Prospect:
        return self.standing.prospect

    @property
    def title(self) -> str:
        return self.prospect.candidate.title


@dataclass(frozen=True, eq=False)
class Advice:
    """The answer.

    Attributes:
        basis: what it rests on.
        task: what to do; places: whether that is "what and where", not "what" alone.
        model: as `predict` and `bench` take it; networks: of the catalogue; preset: to train with next.
        sentences: the answer in one to three.
        shortlist: best first; fired: rules of the answer itself; changes: what would turn it.
        experiment: the cheapest that would settle what is open; None where nothing is.
        notes: what else to know of the evidence.
    """

    ranking: Ranking
    basis: Basis
    task: str
    places: bool
    model: str
    networks: tuple[str, ...]
    preset: str
    sentences: tuple[str, ...]
    shortlist: tuple[Listed, ...]
    fired: tuple[Fired, ...]
    changes: tuple[Change, ...]
    experiment: Experiment | None
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values, as `advise --json` prints them."""
        return {
            "needs": self.ranking.needs.to_json(),
            "basis": self.basis,
            "about": self.ranking.evidence.about,
            "task": self.task,
            "places": self.places,
            "model": self.model,
            "networks": list(self.networks),
            "preset": self.preset,
            "sentences": list(self.sentences),
            "shortlist": [_listed_json(one) for one in self.shortlist],
            "fired": [_fired_json(one) for one in self.fired],
            "changes": [asdict(one) for one in self.changes],
            "experiment": asdict(self.experiment) if self.experiment else None,
            "notes": list(self.notes),
        }


def advise(needs: Needs, evidence: Evidence) -> Advice:
    """The answer to those needs, as that evidence has it; quick enough for a slider to ask for it.

    Raises:
        SettingsError: the hardware is none of the price list.
    """
    rates = Rates.of(needs)
    found = ranked(needs, evidence, rates)
    first = found.first
    fired = tuple(_fired_for(found, first))
    candidate = first.prospect.candidate
    longer = any(one.rule.name == "train-longer" for one in fired)
    had = candidate.preset or ("" if candidate.figures else "instant")
    return Advice(
        ranking=found,
        basis="measured" if evidence.candidates else "published guidance",
        task=candidate.kind,
        places=candidate.kind in NEEDS_BOXES,
        model=candidate.model,
        networks=candidate.networks,
        preset=conditions.next_preset(candidate) if longer else had,
        sentences=tuple(_sentences(found, fired)),
        shortlist=tuple(_place(found, one) for one in found.standings),
        fired=fired,
        changes=changes(found, rates),
        experiment=experiment(found),
        notes=tuple(_notes(evidence)),
    )


def _fired_for(found: Ranking, standing: Standing) -> Iterator[Fired]:
    """Rules of the answer, of the one that comes first."""
    case = found.case(standing)
    for rule in RULES:
        if rule.effect not in OF_A_CANDIDATE and rule.holds(case):
            yield Fired(rule, standing.prospect.name, rule.sentence(case))


def _sentences(found: Ranking, fired: tuple[Fired, ...]) -> Iterator[str]:
    first, needs = found.first, found.needs
    title, asked = sentences.name_of(first.prospect), sentences.listed([f"“{QUESTIONS[one]}”" for one in needs.ask])
    if not found.evidence.candidates:
        yield f"Nothing has been measured yet. For {asked} published guidance points to {_lower(title)}."
        return
    have = list(_asked_figures(first.prospect, needs))
    has = f": it has {sentences.listed(have)}" if have else ""
    if not first.answers_all:
        yield f"Nothing measured here answers all of {asked}. {title} comes closest{has}."
    elif not first.keeps_all:
        yield f"Nothing measured here keeps every limit of yours. For {asked} {_lower(title)} comes closest{has}."
    elif any(rule.effect == "unproven" for rule in first.fired):
        yield f"For {asked} {_lower(title)} is the best that is known{has}, but not all was measured of it."
    else:
        yield f"For {asked} choose {_lower(title)}{has}."
    if (runner := _against(found)) is not None:
        yield f"{runner} {_less_trained(found)}".strip()
    yield _costs(first.prospect, needs)


def _lower(title: str) -> str:
    """A title inside a sentence; names of runs stay as they are."""
    return title[:1].lower() + title[1:] if title in TITLES.values() else title


def _asked_figures(prospect: Prospect, needs: Needs) -> Iterator[str]:
    """What decides about it, in words; errors in place of average precision where their exchange was said."""
    for name in dict.fromkeys(figure_of(question, needs) for question in needs.ask):
        if name == "presence_ap" and prospect.errors is not None:
            yield f"errors that weigh {prospect.errors.value:.2f} false alarms a picture"
        elif name in prospect.figures:
            yield sentences.said(name, prospect.figures[name].value)


def _against(found: Ranking) -> str | None:
    """Why not the next task, else the next: by money where they are level, else by the strongest rule against it."""
    case = found.case(found.first)
    if conditions.cheapest_of_equals(case):
        return sentences.cheapest_of_equals(case)
    rest = found.standings[1:]
    other = [one for one in rest if one.prospect.candidate.kind != found.first.prospect.candidate.kind]
    for standing in (other or rest)[:1]:
        own = found.case(standing)
        return next((rule.sentence(own) for rule in standing.fired if rule.effect != "guide"), None)
    return None


def _less_trained(found: Ranking) -> str:
    """That the next task was trained with a shorter preset, where it was: the comparison is not fair to it."""
    rival = conditions.trained_less(found.case(found.first))
    if rival is None:
        return ""
    longer, shorter = found.first.prospect.candidate.preset, rival.candidate.preset
    return f"It was trained with “{shorter}” though, the first with “{longer}”: the experiment below would be fair."


def _costs(prospect: Prospect, needs: Needs) -> str:
    takes = prospect.candidate.latency_ms
    speed = (
        f"takes {sentences.ms_text(takes)} a picture on {prospect.candidate.device or 'this machine'}" if takes else ""
    )
    years = f"{needs.years:g} year{'s' * (needs.years != 1)}"
    money = f"costs {usd_text(prospect.usd)} in {years}" if prospect.usd is not None else ""
    said = " and ".join(filter(None, (speed, money)))
    return f"It {said}." if said else "How fast it is was not measured: the Costs page does that."


def _place(found: Ranking, standing: Standing) -> Listed:
    case = found.case(standing)
    mine = standing.prospect
    fired = tuple(Fired(rule, mine.name, rule.sentence(case)) for rule in standing.fired)
    return Listed(standing, tuple(_gives_up(found, mine)), fired, tuple(numbers_of(mine, found.needs)))


def _gives_up(found: Ranking, mine: Prospect) -> Iterator[str]:
    """What the best of the others has more of: answers, figures beyond chance, speed, money, hours of labelling."""
    others = [one.prospect for one in found.standings if one.prospect is not mine]
    if mine.candidate.kind not in NEEDS_BOXES and any(one.candidate.kind in NEEDS_BOXES for one in others):
        yield "counts and boxes"
    for figure in FIGURES:
        able = tuple(one for one in others if figure in one.figures)
        best = conditions.best_in(able, figure)
        if best is None or figure not in mine.figures:
            continue
        gap = conditions.gap_between(mine, best, figure, found.evidence)
        if gap is not None and gap.is_apart and (gap.value > 0) == (figure in LOWER_IS_BETTER):
            yield f"{sentences.difference(figure, gap.value)} ({sentences.name_of(best)})"
    quick = min((one.candidate.latency_ms for one in others if one.candidate.latency_ms), default=None)
    takes = mine.candidate.latency_ms
    if quick and takes and takes > _SLOWER * quick:
        yield f"speed: {takes / quick:.2g} times the time for a picture"
    usd = min((one.usd for one in others if one.usd is not None), default=None)
    if usd is not None and mine.usd is not None and mine.usd > max(_DEARER * usd, usd + 0.01):
        yield f"{usd_text(mine.usd - usd)} more in all"
    hours = min((one.hours for one in others if one.hours is not None), default=None)
    if hours is not None and mine.hours is not None and mine.hours > _DEARER * hours:
        yield f"{mine.hours - hours:.3g} h more of labelling"


def _notes(evidence: Evidence) -> Iterator[str]:
    yield evidence.about
    if evidence.left_out:
        others = " ".join(evidence.left_out)
        yield f"Not set beside it, since figures of other duels or pictures are not mixed: {others}"
    yield from evidence.notes


def _fired_json(one: Fired) -> dict[str, Any]:
    rule = one.rule
    return {
        "rule": rule.name,
        "candidate": one.candidate,
        "when": rule.when,
        "effect": rule.effect,
        "sentence": one.sentence,
        "source": rule.source,
    }


def _listed_json(one: Listed) -> dict[str, Any]:
    mine, candidate = one.prospect, one.prospect.candidate
    return {
        "name": mine.name,
        "title": candidate.title,
        "task": candidate.kind,
        "model": candidate.model,
        "networks": list(candidate.networks),
        "preset": candidate.preset,
        "runs": list(candidate.runs),
        "answers_all": one.standing.answers_all,
        "keeps_all": one.standing.keeps_all,
        "usd": mine.usd,
        "hours": mine.hours,
        "days": mine.days,
        "gives_up": list(one.gives_up),
        "fired": [_fired_json(fired) for fired in one.fired],
        "numbers": [asdict(number) for number in one.numbers],
    }

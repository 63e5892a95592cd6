"""Who stands where: every candidate by the rules that speak for or against it, then by money.

ranked(Needs(ask=("count",)), evidence()).first.prospect.candidate.model
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vision_core.advice.conditions import Case
from vision_core.advice.evidence import Evidence
from vision_core.advice.guidance import guided
from vision_core.advice.needs import Needs
from vision_core.advice.prospects import Prospect, Rates, figure_of, gap_between, prospect_of, weighs_errors
from vision_core.advice.rule import OF_A_CANDIDATE, Rule
from vision_core.advice.rules import RULES
from vision_core.evaluation.yardstick import LOWER_IS_BETTER

_STRONG = ("cannot", "limit", "unproven")
_OF: Mapping[str, tuple[Rule, ...]] = {
    effect: tuple(rule for rule in RULES if rule.effect == effect) for effect in OF_A_CANDIDATE
}


@dataclass(frozen=True, eq=False)
class Standing:
    """Where a candidate stands.

    Attributes:
        fired: the rules that spoke for or against it.
        key: what it is ranked by, smallest first.
    """

    prospect: Prospect
    fired: tuple[Rule, ...]
    key: tuple[Any, ...]

    @property
    def answers_all(self) -> bool:
        """Whether it can answer everything that is asked."""
        return not any(rule.effect == "cannot" for rule in self.fired)

    @property
    def keeps_all(self) -> bool:
        """Whether it answers everything and keeps every limit."""
        return not any(rule.effect in ("cannot", "limit") for rule in self.fired)

    def is_level_with(self, other: Standing) -> bool:
        """Whether only money and chance tell the two apart."""
        places = len(OF_A_CANDIDATE)
        return self.key[:places] == other.key[:places]


@dataclass(frozen=True, eq=False)
class Ranking:
    """All candidates in order, best first, and what was asked."""

    needs: Needs
    evidence: Evidence
    standings: tuple[Standing, ...]
    leaders: tuple[Prospect, ...] = field(default=())

    @property
    def first(self) -> Standing:
        return self.standings[0]

    def case(self, standing: Standing) -> Case:
        """What the rules are asked about one of them."""
        others = tuple(one.prospect for one in self.standings if one is not standing)
        level = tuple(
            one.prospect
            for one in self.standings
            if one is not standing
            and one.is_level_with(standing)
            and not self._are_apart(one.prospect, standing.prospect)
        )
        return Case(self.needs, standing.prospect, self.evidence, others, self.leaders, level)

    def _are_apart(self, one: Prospect, other: Prospect) -> bool:
        """Whether one is measurably better in something that is asked, though the other may be in something else."""
        figures = dict.fromkeys(figure_of(question, self.needs) for question in self.needs.ask)
        gaps = [gap_between(one, other, figure, self.evidence) for figure in figures]
        return any(gap is not None and gap.is_apart for gap in gaps)


def ranked(
    needs: Needs,
    evidence: Evidence,
    rates: Rates | None = None,
    prospects: tuple[Prospect, ...] | None = None,
) -> Ranking:
    """Every candidate where it stands; those of the catalogue where nothing was measured.

    Args:
        rates, prospects: where they are known already, since they are the same for many needs.
    """
    if prospects is None:
        rates = rates or Rates.of(needs)
        prospects = tuple(prospect_of(one, needs, rates) for one in evidence.candidates or guided(needs))
    strong = {one.name: _fired(Case(needs, one, evidence), _STRONG) for one in prospects}
    counted = {name: tuple(_number(fired, effect) for effect in _STRONG) for name, fired in strong.items()}
    least = min(counted.values())
    leaders = tuple(one for one in prospects if counted[one.name] == least)
    found = []
    for one in prospects:
        case = Case(needs, one, evidence, prospects, leaders)
        fired = (*strong[one.name], *_fired(case, ("behind", "guide")))
        found.append(Standing(one, fired, _key(one, fired, needs)))
    return Ranking(needs, evidence, tuple(sorted(found, key=lambda one: one.key)), leaders)


def _fired(case: Case, effects: tuple[str, ...]) -> tuple[Rule, ...]:
    return tuple(rule for effect in effects for rule in _OF[effect] if rule.holds(case))


def _number(fired: tuple[Rule, ...], effect: str) -> int:
    return sum(rule.effect == effect for rule in fired)


def _key(prospect: Prospect, fired: tuple[Rule, ...], needs: Needs) -> tuple[Any, ...]:
    """The rules in the order of their strength, then money, then the first figure that is asked, then the name."""
    rules = tuple(_number(fired, effect) * (-1 if effect == "guide" else 1) for effect in OF_A_CANDIDATE)
    usd = math.inf if prospect.usd is None else prospect.usd
    return (*rules, usd, _badness(prospect, needs), prospect.name)


def _badness(prospect: Prospect, needs: Needs) -> float:
    if weighs_errors(needs) and prospect.errors is not None:
        return prospect.errors.value
    figure = figure_of(needs.ask[0], needs)
    found = prospect.figures.get(figure)
    if found is None:
        return math.inf
    return found.value if figure in LOWER_IS_BETTER else -found.value

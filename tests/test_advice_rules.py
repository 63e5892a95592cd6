"""The advisor's table of rules: each holds where it should, and only there."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.advice_cases import FREE, ahead, candidate, errors, evidence, law, three
from vision_core.advice.evidence import Evidence, Figure
from vision_core.advice.needs import Needs
from vision_core.advice.ranking import ranked
from vision_core.advice.rule import EFFECTS, OF_A_CANDIDATE
from vision_core.advice.rules import RULES

Asked = tuple[Needs, Evidence, str]
NOTHING = Evidence()
WEAK = {"presence_ap": Figure(0.5, 0.45, 0.55)}
COUNTS = Needs(ask=("count",))
BAD_ERRORS = evidence(
    candidate(traded=errors([0.1, 1.0], [0.9, 0.1])), candidate("detection", traded=errors([2.0, 2.0], [0.1, 0.1]))
)
IMAGENET = f"{FREE}; learned from pictures licensed for non-commercial research"

EXAMPLES: dict[str, tuple[Asked, Asked]] = {
    "cannot-count": ((COUNTS, three(), "classification"), (COUNTS, three(), "detection")),
    "cannot-place": ((Needs(ask=("where",)), three(), "classification"), (Needs(), three(), "classification")),
    "cannot-name-each": (
        (Needs(ask=("kind", "count")), three(), "classification"),
        (Needs(ask=("kind",)), three(), "classification"),
    ),
    "too-slow": ((Needs(latency_ms=39), three(), "detection"), (Needs(latency_ms=40), three(), "detection")),
    "too-wrong": ((Needs(least_right=0.76), three(), "detection"), (Needs(least_right=0.75), three(), "detection")),
    "copyleft": (
        (Needs(no_copyleft=True), evidence(candidate(licences=("AGPL-3.0 (somebody)",))), "classification"),
        (Needs(no_copyleft=True), evidence(candidate(licences=("MIT", FREE))), "classification"),
    ),
    "non-commercial": (
        (Needs(no_non_commercial=True), evidence(candidate(licences=("CC-BY-NC-4.0",))), "classification"),
        (Needs(no_non_commercial=True), evidence(candidate(licences=(IMAGENET,))), "classification"),
    ),
    "too-late": (
        (Needs(deadline_days=0.4), three(), "detection"),
        (Needs(deadline_days=0.4), three(), "classification"),
    ),
    "not-measured": (
        (Needs(), evidence(candidate(figures={}), candidate("detection")), "classification"),
        (Needs(), NOTHING, "classification"),
    ),
    "speed-unknown": (
        (Needs(latency_ms=40), evidence(candidate(latency_ms=None)), "classification"),
        (Needs(), evidence(candidate(latency_ms=None)), "classification"),
    ),
    "days-unknown": (
        (Needs(deadline_days=1), evidence(candidate(training_s=None)), "classification"),
        (Needs(), evidence(candidate(training_s=None)), "classification"),
    ),
    "fewer-labels-unknown": (
        (
            Needs(labelled=50),
            evidence(candidate(), candidate("detection", laws={"presence_ap": law(0.02, 0.01)})),
            "classification",
        ),
        (Needs(labelled=50), evidence(candidate(), candidate("detection")), "classification"),
    ),
    "licence-unknown": (
        (Needs(no_copyleft=True), evidence(candidate(licences=("not stated by its maker",))), "classification"),
        (Needs(no_copyleft=True), three(), "classification"),
    ),
    "measurably-worse": (
        (Needs(), evidence(candidate(figures=WEAK), candidate("detection")), "classification"),
        (Needs(), evidence(candidate(figures=WEAK), candidate("detection")), "detection"),
    ),
    "dearer-errors": (
        (Needs(miss_cost=1), BAD_ERRORS, "detection"),
        (Needs(miss_cost=1), BAD_ERRORS, "classification"),
    ),
    "ticks-are-cheaper": ((Needs(), NOTHING, "classification"), (Needs(small=True), NOTHING, "classification")),
    "boxes-count-and-place": ((COUNTS, NOTHING, "detection"), (COUNTS, three(), "detection")),
    "small-or-many": ((Needs(objects="many"), NOTHING, "detection"), (Needs(objects="one"), NOTHING, "detection")),
    "kinds-need-a-close-look": (
        (Needs(ask=("kind",), small=True), NOTHING, "two-stage"),
        (Needs(ask=("kind",)), NOTHING, "two-stage"),
    ),
    "cheapest-of-equals": (
        (Needs(), three(), "classification"),
        (Needs(), evidence(candidate(), candidate("detection", images_per_second=None)), "classification"),
    ),
    "train-longer": (
        (Needs(least_right=0.9), evidence(candidate(preset="instant")), "classification"),
        (Needs(least_right=0.9), evidence(candidate(preset="thorough")), "classification"),
    ),
    "label-more": (
        (Needs(), evidence(candidate(laws={"presence_ap": law(0.02, 0.01)})), "classification"),
        (Needs(), evidence(candidate(laws={"presence_ap": law(0.02, 0.03)})), "classification"),
    ),
    "far-from-measured": (
        (Needs(more_pictures=700), evidence(candidate(laws={"presence_ap": law(0.02, 0.01)})), "classification"),
        (Needs(more_pictures=500), evidence(candidate(laws={"presence_ap": law(0.02, 0.01)})), "classification"),
    ),
    "no-curve": ((Needs(more_pictures=10), three(), "classification"), (Needs(), three(), "classification")),
    "other-computer": ((Needs(hardware="edge"), three(), "classification"), (Needs(), three(), "classification")),
    "unequal-training": (
        (Needs(), evidence(candidate(), candidate("detection", preset="instant")), "classification"),
        (Needs(), evidence(candidate(preset="instant"), candidate("detection")), "classification"),
    ),
    "threshold-of-counting": (
        (Needs(least_right=0.5), three(plan={"question": "count"}), "classification"),
        (Needs(least_right=0.5), three(plan={"question": "presence"}), "classification"),
    ),
    "slow-tail": ((Needs(latency_ms=21), three(), "classification"), (Needs(latency_ms=23), three(), "classification")),
    "chosen-on-the-judged": (
        (Needs(miss_cost=2), evidence(candidate(traded=errors([1, 2], [2, 1], on_validation=False))), "classification"),
        (Needs(miss_cost=2), evidence(candidate(traded=errors([1, 2], [2, 1]))), "classification"),
    ),
    "few-pictures": (
        (Needs(), evidence(candidate(judged_on=99)), "classification"),
        (Needs(), evidence(candidate(judged_on=100)), "classification"),
    ),
    "research-pictures": (
        (Needs(no_non_commercial=True), evidence(candidate(licences=(IMAGENET,))), "classification"),
        (Needs(), evidence(candidate(licences=(IMAGENET,))), "classification"),
    ),
    "nothing-measured": ((Needs(), NOTHING, "classification"), (Needs(), three(), "classification")),
}
"""Of each rule: needs, evidence and a candidate with which it holds, and with which it does not."""


def case_of(asked: Asked) -> Any:
    needs, found, name = asked
    ranking = ranked(needs, found)
    return ranking.case(next(one for one in ranking.standings if one.prospect.name == name))


def test_every_rule_has_its_examples_and_no_other_is_tested():
    assert list(EXAMPLES) == [rule.name for rule in RULES]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_holds_where_it_should_and_only_there(rule: Any):
    holds, holds_not = EXAMPLES[rule.name]
    assert rule.holds(case_of(holds))
    assert not rule.holds(case_of(holds_not))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_says_one_whole_sentence_and_where_it_comes_from(rule: Any):
    said = rule.sentence(case_of(EXAMPLES[rule.name][0]))
    assert re.fullmatch(r"[A-Z0-9].*[.]", said), said
    assert "None" not in said
    assert "nan" not in said
    assert rule.when
    assert rule.source
    assert rule.does == EFFECTS[rule.effect]


def test_a_rule_of_a_candidate_stands_with_it_when_it_holds():
    for rule in RULES:
        if rule.effect in OF_A_CANDIDATE:
            needs, found, name = EXAMPLES[rule.name][0]
            standing = next(one for one in ranked(needs, found).standings if one.prospect.name == name)
            assert rule in standing.fired, rule.name


def test_whose_errors_nobody_knows_stands_behind_those_whose_errors_are_weighed():
    unknown = evidence(candidate(), candidate("detection", traded=errors([1.0, 2.0], [2.0, 1.0])))
    first, second = ranked(Needs(miss_cost=2), unknown).standings
    assert first.prospect.name == "detection"
    assert [rule.name for rule in second.fired] == ["not-measured"]


def test_a_gap_on_the_same_pictures_decides_where_intervals_alone_would_not():
    close = evidence(
        candidate(figures={"presence_ap": Figure(0.78, 0.70, 0.86)}),
        candidate("detection", figures={"presence_ap": Figure(0.82, 0.74, 0.90)}),
    )
    assert ranked(Needs(), close).first.prospect.name == "classification", "level, and cheaper"
    sure = evidence(*close.candidates, gaps=ahead("classification", "detection", "presence_ap", -0.04))
    assert ranked(Needs(), sure).first.prospect.name == "detection"
    turned = evidence(*close.candidates, gaps=ahead("detection", "classification", "presence_ap", 0.04))
    assert ranked(Needs(), turned).first.prospect.name == "detection", "whichever way it was written down"

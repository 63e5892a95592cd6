"""The advisor: what it needs, whom it ranks where, what would turn it, and what it says where nothing was measured."""

from __future__ import annotations

import json
import math
import shlex
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.advice_cases import ahead, candidate, errors, evidence, law, three
from vision_core.advice import Needs, advise
from vision_core.advice.evidence import Evidence, Figure, Taught
from vision_core.advice.experiment import YOUR_DATA
from vision_core.advice.needs import QUESTIONS
from vision_core.advice.prospects import Rates, prospect_of
from vision_core.advice.ranking import ranked
from vision_core.advice.traded import Traded
from vision_core.costs.prices import load_prices
from vision_core.duel.plan import DuelPlan
from vision_core.errors import SettingsError

NOTHING = Evidence()
ASKS = st.sets(st.sampled_from(list(QUESTIONS)), min_size=1).map(tuple)


def test_needs_come_back_from_their_json_and_know_their_questions_in_order():
    needs = Needs(ask=("where", "presence"), miss_cost=3, labelled=100, labelled_as="ticks", hardware="edge")
    assert needs.ask == ("presence", "where")
    assert Needs.from_json(needs.to_json()) == needs
    assert Needs.from_json(json.loads(json.dumps(needs.to_json()))) == needs
    assert Needs.from_json({}) == Needs()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"ask": ("who",)}, "'who'"),
        ({"miss_cost": 0}, "miss_cost is 0"),
        ({"latency_ms": -1.0}, "latency_ms is -1.0"),
        ({"pictures_a_day": math.inf}, "pictures_a_day is inf"),
        ({"years": math.nan}, "years is nan"),
        ({"labelled": -1}, "labelled is -1"),
        ({"least_right": 1.1}, "least_right is 1.1"),
        ({"labelled_as": "masks"}, "'masks'"),
        ({"objects": "two"}, "'two'"),
        ({"hardware": "a potato"}, "'a potato'"),
    ],
)
def test_needs_that_cannot_be_are_refused_by_name(changes: dict[str, Any], named: str):
    with pytest.raises(SettingsError, match=named):
        Needs(**changes)
    with pytest.raises(SettingsError, match=named):
        Needs().changed(**changes)


def test_a_need_that_does_not_exist_is_refused_with_the_nearest():
    for asked in (lambda: Needs.from_json({"pictures_aday": 3}), lambda: Needs().changed(pictures_aday=3)):
        with pytest.raises(SettingsError, match="pictures_a_day"):
            asked()


def test_frames_a_second_and_milliseconds_are_one_limit():
    assert Needs(frames_per_second=25).most_ms == 40
    assert Needs(frames_per_second=25, latency_ms=30).most_ms == 30
    assert Needs().most_ms is None


def one_centred_object() -> Evidence:
    """A picture shows one object, labels are few: both know what is there, and a box costs more than a tick."""
    same = {"presence_ap": Figure(0.93, 0.90, 0.96), "presence_f1": Figure(0.9, 0.86, 0.94)}
    boxes = {"count_mae": Figure(0.1, 0.05, 0.15), "pointing": Figure(0.9, 0.85, 0.95), "ap50": Figure(0.8, 0.7, 0.9)}
    weaker = {"presence_ap": Figure(0.84, 0.79, 0.89), "presence_f1": Figure(0.8, 0.74, 0.86)}
    return evidence(
        candidate(figures=same, taught=Taught(60, 60, 0.085, "a published pace")),
        candidate("detection", figures={**weaker, **boxes}, taught=Taught(60, 60, 0.117, "a published pace")),
        gaps=ahead("classification", "detection", "presence_ap", 0.09),
        objects_per_picture=1.0,
    )


def many_small_objects() -> Evidence:
    """Dozens of small objects a picture, which have to be counted."""
    lost = {"presence_ap": Figure(0.6, 0.55, 0.65), "presence_f1": Figure(0.55, 0.5, 0.6)}
    seen = {"presence_ap": Figure(0.9, 0.87, 0.93), "presence_f1": Figure(0.85, 0.8, 0.9)}
    boxes = {"count_mae": Figure(1.2, 1.0, 1.4), "pointing": Figure(0.85, 0.8, 0.9), "ap50": Figure(0.7, 0.6, 0.8)}
    return evidence(
        candidate(figures=lost),
        candidate("detection", figures={**seen, **boxes}, taught=Taught(200, 6000, 11.7, "a published pace")),
        gaps=ahead("detection", "classification", "presence_ap", 0.3),
        objects_per_picture=30.0,
    )


def test_where_one_object_stands_in_the_middle_and_labels_are_few_classification_wins_with_its_evidence():
    found = advise(Needs(ask=("presence",)), one_centred_object())
    assert (found.task, found.places, found.basis) == ("classification", False, "measured")
    assert "93.0 %" in found.sentences[0]
    against = {fired.rule.name: fired.sentence for one in found.shortlist[1:] for fired in one.fired}
    assert "9.0 points" in against["measurably-worse"]
    assert all(number.source.of == "run" for one in found.shortlist for number in one.numbers)


def test_where_many_small_objects_are_to_be_counted_detection_wins_with_its_evidence():
    found = advise(Needs(ask=("count",)), many_small_objects())
    assert (found.task, found.places) == ("detection", True)
    assert "1.20 objects counted wrong" in found.sentences[0]
    assert [fired.rule.name for fired in found.shortlist[1].fired] == ["cannot-count"]
    assert advise(Needs(ask=("presence",)), many_small_objects()).task == "detection", "it also sees what is there"


def test_guidance_alone_leads_the_same_way_says_so_and_proposes_a_duel_that_can_be_typed():
    simple = advise(Needs(objects="one"), NOTHING)
    assert (simple.task, simple.basis, simple.preset) == ("classification", "published guidance", "instant")
    assert "Nothing has been measured" in simple.sentences[0]
    counted = advise(Needs(ask=("count",), objects="many", small=True), NOTHING)
    assert counted.task == "detection"
    assert advise(Needs(ask=("count", "kind")), NOTHING).task == "two-stage"
    for found in (simple, counted):
        assert found.experiment is not None
        assert {one.how for place in found.shortlist for one in place.numbers} == {"published"}
        plan = DuelPlan.from_json(found.experiment.plan)
        assert plan.data == YOUR_DATA
        words = shlex.split(found.experiment.command)
        assert words[:4] == ["python", "-m", "vision_core", "duel"]
        assert words[words.index("--question") + 1] == plan.question
        assert float(words[words.index("--minutes") + 1]) == plan.minutes > 0
        assert words[words.index("--contenders") + 1] == ",".join(plan.contenders)


def test_where_one_was_trained_longer_it_says_so_and_proposes_the_same_training_for_both():
    """With a detector of the thorough preset beside a classifier of the instant one the gap is of two things."""
    weaker = {"presence_ap": Figure(0.6, 0.55, 0.65)}
    longer = evidence(
        candidate(preset="instant", networks=("tf_efficientnet_lite0",), figures=weaker),
        candidate("detection", preset="thorough", networks=("ssdlite_mobilenet_v2_coco",)),
        gaps=ahead("detection", "classification", "presence_ap", 0.2),
    )
    found = advise(Needs(), longer)
    assert found.task == "detection"
    assert "the experiment below would be fair" in found.sentences[1]
    assert "training, not the task" in next(one.sentence for one in found.fired if one.rule.name == "unequal-training")
    assert found.experiment is not None
    plan = DuelPlan.from_json(found.experiment.plan)
    assert (plan.preset, plan.contenders, plan.data) == ("thorough", ("classification", "detection"), "Shelf")
    assert (plan.classifier, plan.detector) == ("tf_efficientnet_lite0", "ssdlite_mobilenet_v2_coco")
    assert advise(Needs(), replace(longer, candidates=longer.candidates[:1])).experiment is None, "nobody to compare"


def test_a_model_whose_licence_may_not_be_is_not_what_guidance_names():
    open_to_all = advise(Needs(no_copyleft=True, no_non_commercial=True), NOTHING)
    assert open_to_all.networks == ("tf_efficientnet_lite0",)
    assert any(fired.rule.name == "research-pictures" for fired in open_to_all.fired)


def priced(**changes: float | None) -> Evidence:
    return evidence(candidate(), candidate("detection", **changes))


@settings(max_examples=40, deadline=None)
@given(asks=ASKS, latency=st.none() | st.floats(1, 300), days=st.none() | st.floats(0.01, 10))
def test_nobody_who_cannot_answer_comes_before_one_who_can(asks: tuple[str, ...], latency: Any, days: Any):
    found = ranked(Needs(ask=asks, latency_ms=latency, deadline_days=days), three())
    able = [one.answers_all for one in found.standings]
    assert able == sorted(able, reverse=True)
    keeping = [one.keeps_all for one in found.standings if one.answers_all]
    assert keeping == sorted(keeping, reverse=True)


@settings(max_examples=40, deadline=None)
@given(
    asks=ASKS,
    factor=st.floats(1, 1000),
    name=st.sampled_from(["classification", "detection", "two-stage"]),
    latency=st.none() | st.floats(1, 300),
)
def test_who_becomes_dearer_or_slower_never_comes_further_up(
    asks: tuple[str, ...], factor: float, name: str, latency: Any
):
    needs = Needs(ask=asks, latency_ms=latency)
    before = three()
    slower = [
        replace(one, latency_ms=one.latency_ms * factor, images_per_second=one.images_per_second / factor)
        if one.name == name and one.latency_ms and one.images_per_second
        else one
        for one in before.candidates
    ]
    place = [
        [one.prospect.name for one in ranked(needs, found).standings].index(name)
        for found in (before, evidence(*slower))
    ]
    assert place[1] >= place[0]


@settings(max_examples=25, deadline=None)
@given(volume=st.floats(1, 1e7), ask=ASKS, cost=st.none() | st.floats(0.05, 20))
def test_ranking_again_is_ranking_with_changed_needs(volume: float, ask: tuple[str, ...], cost: Any):
    changed = Needs().changed(pictures_a_day=volume, ask=ask, miss_cost=cost)
    fresh = Needs(pictures_a_day=volume, ask=ask, miss_cost=cost)
    assert changed == fresh
    orders = [[one.prospect.name for one in ranked(needs, BY_ERRORS).standings] for needs in (changed, fresh)]
    assert orders[0] == orders[1]


BY_ERRORS = evidence(
    candidate(traded=errors([0.2, 0.4], [0.9, 0.7]), laws={"presence_ap": law(0.01, 0.001)}),
    candidate("detection", traded=errors([1.0, 1.1], [0.3, 0.1]), laws={"presence_ap": law(0.05, 0.001)}),
)
DEAR_ONCE = evidence(
    candidate("two-stage", taught=Taught(10, 10, 0.01, "a pace"), images_per_second=0.1),
    candidate("detection", taught=Taught(10, 10, 5.0, "a pace"), images_per_second=50.0),
)


@pytest.mark.parametrize(
    ("needs", "found", "need"),
    [
        (Needs(pictures_a_day=10), DEAR_ONCE, "pictures_a_day"),
        (Needs(pictures_a_day=1e7), DEAR_ONCE, "pictures_a_day"),
        (Needs(miss_cost=1), BY_ERRORS, "miss_cost"),
        (Needs(miss_cost=0.1), BY_ERRORS, "miss_cost"),
        (Needs(latency_ms=30, ask=("count",)), three(), "latency_ms"),
        (Needs(), three(), "latency_ms"),
        (Needs(deadline_days=0.3, ask=("count",)), three(), "deadline_days"),
        (Needs(least_right=0.99), three(), "least_right"),
        (Needs(ask=("count",)), three(), "most_miscounted"),
        (Needs(), three(), "ask"),
    ],
)
def test_what_would_change_the_answer_does_change_it_there_and_not_before(needs: Needs, found: Evidence, need: str):
    now = ranked(needs, found).first
    mine = [one for one in advise(needs, found).changes if one.need == need]
    assert mine
    for change in mine:
        if need == "ask":
            after = ranked(needs.changed(ask=(*needs.ask, change.value)), found).first
        else:
            beyond, before = (change.value * (1 + 0.002 * sign) for sign in ((1, -1) if change.above else (-1, 1)))
            after, still = (ranked(needs.changed(**{need: value}), found).first for value in (beyond, before))
            assert (still.prospect.name, still.keeps_all) == (now.prospect.name, now.keeps_all)
        assert (after.prospect.name, after.keeps_all) == (change.first, change.keeps_all)
        assert (after.prospect.name, after.keeps_all) != (now.prospect.name, now.keeps_all)
        assert change.sentence.endswith(".")


def test_who_was_never_timed_falls_at_any_limit_of_time_and_not_at_some_other_s_speed():
    found = evidence(candidate(latency_ms=None, images_per_second=None), candidate("two-stage"))
    ahead_anyway = replace(found, gaps=ahead("classification", "two-stage", "presence_ap", 0.05))
    best = replace(found.candidates[0], figures={"presence_ap": Figure(0.9, 0.88, 0.92)})
    said = advise(Needs(), replace(ahead_anyway, candidates=(best, found.candidates[1])))
    (change,) = [one for one in said.changes if one.need == "latency_ms"]
    assert change.sentence.startswith("If there were any limit of time")
    assert change.first == "two-stage"


def test_two_that_are_each_better_in_one_thing_are_not_said_to_be_level():
    apart = {**ahead("detection", "two-stage", "count_mae", 0.3)[("detection", "two-stage")]}
    apart |= ahead("detection", "two-stage", "pointing", 0.3)[("detection", "two-stage")]
    one = candidate("detection", figures={**candidate("detection").figures, "pointing": Figure(0.9, 0.85, 0.95)})
    other = candidate("two-stage", figures={**candidate("two-stage").figures, "count_mae": Figure(0.2, 0.1, 0.3)})
    said = advise(Needs(ask=("count", "where")), evidence(one, other, gaps={("detection", "two-stage"): apart}))
    assert [fired.rule.name for place in said.shortlist for fired in place.fired] == ["measurably-worse"] * 2
    assert not any("cannot tell" in sentence for sentence in said.sentences)
    assert "cheapest-of-equals" not in [fired.rule.name for fired in said.fired]


@pytest.mark.parametrize("labelled", [20, 900])
def test_with_other_labels_nobody_is_worse_than_one_whose_figures_stay_as_measured(labelled: int):
    curved = candidate("detection", laws={"presence_ap": law(0.02, 0.01), "presence_f1": law(0.02, 0.01)})
    found = ranked(Needs(labelled=labelled, miss_cost=2), evidence(candidate(), curved))
    assert all("measurably-worse" not in [rule.name for rule in one.fired] for one in found.standings)
    assert all("dearer-errors" not in [rule.name for rule in one.fired] for one in found.standings)
    unknown = [one.prospect.name for one in found.standings if "fewer-labels-unknown" in [r.name for r in one.fired]]
    assert unknown == (["classification"] if labelled < 200 else [])


def test_nothing_is_said_to_change_an_answer_that_nothing_changes():
    alone = evidence(candidate("detection"))
    assert [one.need for one in advise(Needs(ask=tuple(QUESTIONS)), alone).changes if one.keeps_all] == []
    assert not [one for one in advise(Needs(), three()).changes if one.need == "pictures_a_day"], (
        "cheapest at any volume"
    )


def test_money_is_labels_training_and_answers_over_the_whole_period():
    needs = Needs(pictures_a_day=1000, years=2, wage_per_hour=30, hardware="AWS g4dn.xlarge (T4)")
    price = load_prices().find("AWS g4dn.xlarge (T4)").usd_per_hour
    found = prospect_of(candidate("detection"), needs)
    assert found.labelling_usd == pytest.approx(4.0 * 30)
    assert found.training_usd == pytest.approx(60 / 3600 * price)
    assert found.inference_usd == pytest.approx(1000 * 365 * 2 / 25 / 3600 * price)
    assert found.usd == pytest.approx(4.0 * 30 + 60 / 3600 * price + 1000 * 730 / 25 / 3600 * price)
    assert found.days == pytest.approx(4.0 / 8 + 60 / 86400)
    edge = Rates.of(Needs(hardware="edge"))
    assert edge.training == load_prices().entries[0].usd_per_hour != edge.answering


def test_labels_that_are_there_cost_nothing_ticks_have_to_become_boxes_and_hours_buy_more_ticks():
    boxed = Needs(labelled=200)
    assert prospect_of(candidate("detection"), boxed).hours == 0
    ticked = Needs(labelled=200, labelled_as="ticks")
    assert prospect_of(candidate(), ticked).hours == 0
    assert prospect_of(candidate("detection"), ticked).hours == pytest.approx(4.0)
    more = Needs(labelled=200, more_hours=2)
    found = [prospect_of(candidate(kind), more) for kind in ("classification", "detection")]
    assert [round(one.labelled) for one in found] == [200 + 667, 200 + 100]
    assert [one.hours for one in found] == pytest.approx([2.0, 2.0])


def test_a_learning_curve_moves_what_was_measured_and_widens_it():
    curved = candidate(laws={"presence_ap": law(0.02, 0.01)})
    more = prospect_of(curved, Needs(more_pictures=250))  # 900 labels in place of 400
    gained = 400**-0.25 - 900**-0.25
    measured = candidate().figures["presence_ap"]
    figure = more.figures["presence_ap"]
    assert figure.value == pytest.approx(measured.value + gained)
    assert figure.low == pytest.approx((measured.low or 0) + gained - 0.01)
    assert figure.high == pytest.approx((measured.high or 0) + gained + 0.01)
    assert more.figures["presence_f1"] == candidate().figures["presence_f1"], "no curve of its own"
    assert prospect_of(curved, Needs()).figures["presence_ap"] == measured


def test_the_threshold_is_chosen_for_the_exchange_on_pictures_that_nobody_is_judged_on():
    made = Traded(
        np.array([0.2, 0.8]),
        np.array([[1.0, 3.0]]),
        np.array([[4.0, 0.5]]),
        np.array([0.0, 9.0]),
        np.array([9.0, 0.0]),
        True,
    )
    assert [made.at_ratio(ratio)[0] for ratio in (2.0, 0.5)] == [0.2, 0.8]
    assert made.at_ratio(2.0)[1].tolist() == [6.0]
    assert made.at_ratio(0.5)[1].tolist() == [2.0]


def test_without_raw_answers_errors_are_counted_from_precision_and_recall():
    by = {"precision": [0.5, None], "recall": [0.8, 0.0], "pictures": [10.0, 5.0]}
    rough = candidate(by_class=by, judged_on=100)
    found = prospect_of(rough, Needs(miss_cost=3)).errors
    assert found is not None
    assert found.draws is None
    misses, false_alarms = 10 * 0.2 + 5, 10 * 0.8 * (1 / 0.5 - 1)
    assert found.value == pytest.approx((3 * misses + false_alarms) / 100)
    half = 1.96 * math.sqrt(9 * misses + false_alarms) / 100
    assert (found.low, found.high) == (pytest.approx(found.value - half), pytest.approx(found.value + half))


def test_a_price_of_errors_makes_them_money_that_grows_with_the_pictures():
    needs = Needs(miss_cost=1, false_alarm_usd=0.5)
    found = ranked(needs, BY_ERRORS)
    for one in found.standings:
        assert one.prospect.errors is not None
        assert one.prospect.errors_usd == pytest.approx(one.prospect.errors.value * 0.5 * needs.pictures)
        assert "dearer-errors" not in [rule.name for rule in one.fired]


def test_the_short_list_says_what_each_gives_up():
    listed = {one.prospect.name: " ".join(one.gives_up) for one in advise(Needs(), three()).shortlist}
    assert "counts and boxes" in listed["classification"]
    assert "10 times the time" in listed["two-stage"]
    assert "more of labelling" in listed["detection"]
    assert "more in all" not in listed["classification"]

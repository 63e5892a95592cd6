"""What a way costs in all: crossings against plain arithmetic, the cheapest way against trying, and the words."""

from __future__ import annotations

import doctest
import math
from dataclasses import replace
from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision_core.costs import totals
from vision_core.costs.measured import Measured, unavailable
from vision_core.costs.prices import Price
from vision_core.costs.totals import Approach, cheapest, crossings, in_words, labelling_cost, training_cost, two_stage
from vision_core.data.effort import Amount, Rate
from vision_core.errors import SettingsError

PRICE = Price(
    name="box",
    kind="cloud CPU",
    usd_per_hour=0.5,
    vcpus=2,
    provider="p",
    region="r",
    as_of=date(2026, 1, 1),
    source="s",
)


def way(name: str, once: float | None, rate: float | None) -> Approach:
    def number(value: float | None) -> Measured:
        return unavailable("nobody looked") if value is None else Measured(value, "estimated")

    return Approach(name, "classification", number(once), Measured(0.0, "estimated"), number(rate))


WAYS = (way("Classification", 100, 40), way("Detection", 400, 10), way("Two stages", 450, 50))
MONEY = st.floats(0, 1e7)


def test_doctests() -> None:
    assert doctest.testmod(totals).failed == 0


def test_a_total_is_paid_once_and_by_the_picture() -> None:
    assert WAYS[0].total_usd(2_000_000) == 180
    assert WAYS[0].parts_usd(2_000_000) == {"labelling": 100, "training": 0, "inference": 80}


def test_a_crossing_is_where_both_cost_the_same() -> None:
    (crossing,) = crossings(WAYS)
    assert (crossing.below.name, crossing.above.name) == ("Classification", "Detection")
    assert (crossing.pictures_a_year, crossing.usd) == (10_000_000, 500)
    assert crossings(WAYS, years=5)[0].pictures_a_year == 2_000_000


@given(st.lists(st.tuples(MONEY, MONEY), min_size=2, max_size=5), st.floats(0.1, 30))
def test_at_a_crossing_the_totals_agree_and_around_it_the_names_are_right(
    lines: list[tuple[float, float]], years: float
) -> None:
    ways = tuple(way(f"way {number}", once, rate) for number, (once, rate) in enumerate(lines))
    for crossing in crossings(ways, years):
        volume = crossing.pictures_a_year * years
        below, above = crossing.below.total_usd(volume), crossing.above.total_usd(volume)
        assert below == pytest.approx(above, rel=1e-9, abs=1e-9)
        assert (crossing.below.once_usd or 0) <= (crossing.above.once_usd or 0)
        assert (crossing.below.usd_per_million.value or 0) > (crossing.above.usd_per_million.value or 0)


@given(st.lists(st.tuples(MONEY, MONEY), min_size=1, max_size=5), st.floats(0.1, 30), st.floats(0, 1e12))
def test_nothing_is_cheaper_than_the_cheapest(lines: list[tuple[float, float]], years: float, volume: float) -> None:
    ways = tuple(way(f"way {number}", once, rate) for number, (once, rate) in enumerate(lines))
    spans = cheapest(ways, years)
    assert spans[0].low == 0
    assert spans[-1].high == math.inf
    assert all(first.high == second.low for first, second in pairwise(spans))
    span = next(span for span in spans if span.low <= volume <= span.high)
    least = min(each.total_usd(volume * years) or 0.0 for each in ways)
    assert span.approach.total_usd(volume * years) == pytest.approx(least, rel=1e-6, abs=1e-6)


def test_what_cannot_be_added_up_is_left_out_and_says_why() -> None:
    broken = way("Detection", None, 10)
    assert broken.total_usd(1) is None
    assert broken.missing == ("labelling: nobody looked",)
    assert crossings((WAYS[0], broken)) == ()
    assert [span.approach.name for span in cheapest((WAYS[0], broken))] == ["Classification"]
    assert in_words((broken,), 1e6) == ()
    assert cheapest(()) == ()


def test_two_stages_are_a_detector_and_a_pass_for_each_object() -> None:
    both = two_stage(WAYS[1], WAYS[0], objects_per_picture=2.5)
    assert (both.kind, both.once_usd, both.usd_per_million.value) == ("two-stage", 400, 10 + 2.5 * 40)
    assert "2.5 ×" in replace(both).usd_per_million.note or WAYS[0].usd_per_million.note == ""
    named = two_stage(WAYS[1], WAYS[0], 2.5, Measured(70.0, "estimated"))
    assert named.once_usd == 470
    assert two_stage(way("Detection", None, 1), WAYS[0], 1).missing == ("labelling: nobody looked",)
    with pytest.raises(SettingsError, match="-1 objects"):
        two_stage(WAYS[1], WAYS[0], -1)


def test_training_and_labelling_have_a_price() -> None:
    assert training_cost(7200, PRICE, times=3).value == 3.0
    assert training_cost(None, PRICE).how == training_cost(0, PRICE).how == "unavailable"
    found = labelling_cost(Amount(100, 300), Rate(image_s=6, box_s=10), 20, "a paper")
    assert found.value == pytest.approx((600 + 3000) / 3600 * 20)
    assert found.note == "100 pictures and 300 boxes: 1.0 h at 20 USD/h, after a paper"
    assert labelling_cost(Amount(100), Rate(image_s=0, image_usd=0.02), 20, "a list").value == 2.0
    assert labelling_cost(Amount(100), Rate(image_s=None), 20, "nobody").how == "unavailable"


def test_the_words_say_what_the_chart_shows() -> None:
    total, spans, first, second, third = in_words(WAYS, 1e6)
    assert total == (
        "At 1 million pictures a year: Classification 140.00 USD, Detection 410.00 USD, Two stages 500.00 USD."
    )
    assert spans == "Up to 10 million pictures a year Classification is the cheapest, beyond that Detection."
    assert first == (
        "Classification and Detection cost the same at 10 million pictures a year (500.00 USD): with fewer "
        "Classification is cheaper, with more Detection."
    )
    assert second == (
        "Classification is cheaper than Two stages at any volume: 350.00 USD less at first and 10.00 USD less for each "
        "million pictures."
    )
    assert third.startswith("Detection is cheaper than Two stages at any volume")


def test_ways_that_cost_the_same_say_so() -> None:
    ways = (way("one", 3, 4), way("other", 3, 4))
    assert "one and other cost the same at any volume." in in_words(ways, 10)
    assert crossings(ways) == ()
    almost = (way("one", 0, 4), way("other", 1e15, 4 - 1e-12))
    assert in_words(almost, 10)[-1] == "one is cheaper than other at any volume that there is."


@pytest.mark.parametrize("years", [0, -1, math.nan, math.inf])
def test_years_must_be_some(years: float) -> None:
    with pytest.raises(SettingsError, match="years"):
        crossings(WAYS, years)


def test_computers_are_a_share_of_a_year() -> None:
    assert totals.computers(365 * 24 * 3600 * 10, 5) == 2

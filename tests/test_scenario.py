"""What a year is reckoned with: the ways, their parts, paces, energy and CO2."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.bench_cases import DETECTOR, broken, row
from vision_core.costs.carbon import carbon_intensity
from vision_core.costs.prices import Price
from vision_core.costs.scenario import Pace, Scenario, energy_of, paces, speed_of
from vision_core.costs.totals import crossings
from vision_core.data.effort import Rate
from vision_core.data.label_operations import Operation
from vision_core.errors import SettingsError

PRICE = Price(
    name="box",
    kind="cloud CPU",
    usd_per_hour=0.36,
    vcpus=2,
    provider="somebody",
    region="somewhere",
    as_of=date(2026, 1, 1),
    source="a list",
)
ROWS = {
    "classification": row(images_per_second=100.0),
    "detection": row(DETECTOR, images_per_second=25.0, energy_wh_per_1k=0.5, how={}),
}


def scenario(**changes: Any) -> Scenario:
    usual: dict[str, Any] = {
        "price": PRICE,
        "label_pace": Pace("quick", Rate(image_s=3.6), "somebody"),
        "box_pace": Pace("slow", Rate(image_s=0, box_s=7.2), "somebody"),
        "training_hours": {"classification": 1.0, "detection": 2.0},
    }
    return Scenario(**usual | changes)


def test_the_ways_are_priced_as_by_hand() -> None:
    classification, detection, both = scenario().ways(ROWS)
    assert classification.labelling_usd.value == pytest.approx(1000 * 3.6 / 3600 * 20)
    assert detection.labelling_usd.value == pytest.approx(3000 * 7.2 / 3600 * 20)
    assert classification.training_usd.value == pytest.approx(0.36)
    assert classification.usd_per_million.value == pytest.approx(1.0)
    assert detection.usd_per_million.value == pytest.approx(4.0)
    assert [way.name for way in (classification, detection, both)] == [
        "Classification",
        "Detection",
        "Detect-then-classify",
    ]
    assert both.labelling_usd.value == detection.labelling_usd.value
    assert both.training_usd.value == pytest.approx(3 * 0.36)
    assert both.usd_per_million.value == pytest.approx(4 + 3 * 1)


def test_crops_that_are_named_one_by_one_cost_labels_too() -> None:
    plain, named = (scenario(crops_are_named=named).ways(ROWS)[2] for named in (False, True))
    assert (named.labelling_usd.value or 0) - (plain.labelling_usd.value or 0) == pytest.approx(3000 * 3.6 / 3600 * 20)


def test_a_pace_of_one_label_is_paid_for_each_class_that_a_picture_shows() -> None:
    each = Pace("a label", Rate(image_s=3.6), "somebody", each_label=True)
    once = scenario(labels_per_picture=6.0).ways(ROWS)[0].labelling_usd
    many = scenario(labels_per_picture=6.0, label_pace=each).ways(ROWS)[0].labelling_usd
    assert (once.value, many.value) == (pytest.approx(20), pytest.approx(6 * 20))
    assert (many.note, once.note) == (
        "6,000 labels: 6.0 h at 20 USD/h, after somebody",
        "1,000 pictures: 1.0 h at 20 USD/h, after somebody",
    )
    named = scenario(labels_per_picture=6.0, label_pace=each, crops_are_named=True).ways(ROWS)
    assert (named[2].labelling_usd.value or 0) - (named[1].labelling_usd.value or 0) == pytest.approx(3 * 20)


def test_a_way_without_a_measurement_is_absent_and_one_that_failed_says_why() -> None:
    assert [way.kind for way in scenario().ways({"detection": ROWS["detection"]})] == ["detection"]
    (way,) = scenario().ways({"classification": broken("no compiler")})
    assert way.usd_per_million.value is None
    assert "no compiler" in way.missing[0]
    assert "training" in scenario(training_hours={}).ways(ROWS)[0].missing[0]
    assert scenario(training_hours={"classification": 0}).ways(ROWS)[0].training_usd.value == 0


def test_what_is_cheap_to_label_and_slow_crosses() -> None:
    rows = {"classification": row(images_per_second=10.0), "detection": row(DETECTOR, images_per_second=100.0)}
    one = crossings(scenario().ways(rows))[0]
    assert (one.below.kind, one.above.kind) == ("classification", "detection")


@pytest.mark.parametrize(
    "changes",
    [{"years": 0}, {"years": float("nan")}, {"pictures_a_year": -1}, {"watts": float("inf")}, {"trainings": -2}],
)
def test_impossible_numbers_are_named(changes: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=next(iter(changes))):
        scenario(**changes)


def test_energy_is_measured_or_assumed_or_unavailable() -> None:
    assert energy_of(ROWS["detection"]).value == 0.5
    assert energy_of(ROWS["classification"]).how == "unavailable"
    assumed = energy_of(ROWS["classification"], watts=36)
    assert (assumed.value, assumed.how) == (pytest.approx(0.1), "estimated")
    assert energy_of({}, watts=36).how == "unavailable"


def test_co2_follows_the_region() -> None:
    found = scenario(watts=36, region="FRA").co2_g_per_1k(ROWS)
    grams = carbon_intensity("FRA").g_per_kwh / 1000
    assert found["detection"].value == pytest.approx(0.5 * grams)
    assert found["two-stage"].value == pytest.approx((0.5 + 3 * 0.1) * grams)
    assert scenario(region="FRA").co2_g_per_1k(ROWS)["two-stage"].how == "unavailable"
    assert scenario(watts=36).co2_g_per_1k(ROWS)["detection"].note == "no grid region was chosen"


def test_ones_own_pace_comes_first() -> None:
    assert paces("classification")[0].rate.image_s == 5.1
    boxes = [Operation(id=f"{n}", kind="add", image="a", box=f"{n}", seconds=4.0 + n) for n in range(3)]
    own = paces("detection", boxes)[0]
    assert own.rate.box_s == 5.0
    assert (own.name, own.named) == ("Your own: 5.0 s", True)
    assert [pace.each_label for pace in paces("classification")][:2] == [True, False]
    assert paces("classification")[0].name == "Naming a class in a picture: 5.1 s a label"
    assert [pace.named for pace in paces("detection")][:2] == [False, True]
    labels = [Operation(id=f"{n}", kind="labels", image=f"{n}", labels=("a",), seconds=4.0 + n) for n in range(3)]
    assert (paces("classification", labels)[0].name, paces("classification", labels)[0].each_label) == (
        "Your own: 5.0 s a picture",
        False,
    )
    assert paces("detection", boxes[:2])[0].name == "Extreme clicking: 7 s"


# --- the two in turn, as measured ---

PAIR = row(
    "a>b",
    task="two-stage",
    crops=4,
    images_per_second=20.0,
    detect_ms=40.0,
    classify_ms=12.0,
    energy_wh_per_1k=0.7,
    how={},
)


def test_the_two_in_turn_are_priced_as_they_were_measured() -> None:
    both = scenario(objects_per_picture=4).ways({**ROWS, "two-stage": PAIR})[2].usd_per_million
    assert both.value == pytest.approx(0.36 / 3600 / 20 * 1e6)
    assert "measured with 4 crops" in both.note
    estimated = scenario(objects_per_picture=4).ways(ROWS)[2].usd_per_million
    assert estimated.value == pytest.approx(4 + 4 * 1)
    assert "4 × (" in estimated.note


@pytest.mark.parametrize(("objects", "ms"), [(0.0, 40.0), (1.0, 43.0), (2.5, 47.5), (8.0, 64.0)])
def test_other_numbers_of_objects_are_reckoned_from_the_halves(objects: float, ms: float) -> None:
    speed = speed_of(PAIR, objects)
    assert (speed.value, speed.how) == (pytest.approx(1000 / ms), "estimated")
    assert "in proportion" in speed.note
    assert speed_of({**PAIR, "batch_size": 8}, objects).value == pytest.approx(8000 / ms)


def test_a_pipeline_without_its_halves_or_that_failed_is_unavailable() -> None:
    assert speed_of(PAIR, 4).how == "measured"
    assert "how long each half" in speed_of({**PAIR, "detect_ms": None}, 3).note
    assert speed_of(broken("too little memory", crops=None), 3).note == "too little memory"
    both = scenario().ways({**ROWS, "two-stage": broken("too little memory", crops=None)})[2]
    assert "too little memory" in both.missing[0]


def test_energy_of_the_two_in_turn_is_measured_else_from_its_time_else_the_sum() -> None:
    grams = carbon_intensity("FRA").g_per_kwh / 1000
    rows = {**ROWS, "classification": row(images_per_second=100.0, energy_wh_per_1k=0.1, how={}), "two-stage": PAIR}
    found = scenario(objects_per_picture=4, region="FRA").co2_g_per_1k(rows)["two-stage"]
    assert found.value == pytest.approx(0.7 * grams)
    found = scenario(objects_per_picture=2, region="FRA", watts=36).co2_g_per_1k(rows)["two-stage"]
    assert found.value == pytest.approx(36 * 46 / 3600 * grams)  # 40 + 12 / 2 ms
    found = scenario(objects_per_picture=2, region="FRA").co2_g_per_1k(rows)["two-stage"]
    assert found.value == pytest.approx((0.5 + 2 * 0.1) * grams)

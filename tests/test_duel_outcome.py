"""What is read off a duel's result: gaps in words, the table, money, and the charts of the contenders."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.duel_cases import HOSTILE, contender, finished, gaps, made, result
from vision_core.costs.prices import load_prices
from vision_core.costs.totals import crossings
from vision_core.duel import charts
from vision_core.duel.money import Rates, ways_of
from vision_core.duel.outcome import (
    best,
    busy,
    ends_said,
    gap,
    gaps_in_words,
    is_sure,
    read_result,
    standing,
    table,
)
from vision_core.duel.plan import KINDS, TITLES
from vision_core.errors import DataError, SettingsError
from vision_core.evaluation.intervals import ALL_ALIKE
from vision_core.evaluation.yardstick import FIGURES


def traces(figure: Any) -> list[Any]:
    return list(figure.data)


def test_a_result_is_checked_before_anything_is_read_off_it():
    assert read_result(finished())["verdict"]["task"] == "detection"
    with pytest.raises(DataError, match="no result yet"):
        read_result(made())
    for name in ("verdict", "contenders", "gaps", "plan"):
        broken = finished(**dict[str, Any]({name: None}))
        with pytest.raises(DataError, match=f"'{name}'"):
            read_result(broken)
    one = contender("detection")
    del one["costs"]
    with pytest.raises(DataError, match="'costs'"):
        read_result(finished(contenders=[one]))
    for changes in ({"question": "why"}, {"contenders": [contender("detection") | {"task": "x"}]}, {"verdict": {}}):
        with pytest.raises(DataError, match="damaged"):
            read_result(finished(**dict[str, Any](changes)))


def test_a_gap_is_above_zero_where_the_one_is_better_whichever_is_asked_first():
    found = result()
    for figure, one, other, value in (
        ("presence_ap", "detection", "classification", 0.06),
        ("count_mae", "two-stage", "detection", 0.3),
    ):
        ahead, behind = gap(found, figure, one, other), gap(found, figure, other, one)
        assert ahead is not None
        assert behind is not None
        assert ahead["value"] == pytest.approx(value)
        assert ahead["low"] <= ahead["value"] <= ahead["high"]
        assert (behind["value"], behind["low"], behind["high"]) == pytest.approx(
            (-ahead["value"], -ahead["high"], -ahead["low"])
        )
    assert gap(found, "count_mae", "classification", "detection") is None


def test_sure_is_what_leaves_zero_out_or_what_no_drawing_changes():
    assert is_sure({"value": 0.1, "low": 0.01, "high": 0.2, "note": ""})
    assert is_sure({"value": -0.1, "low": -0.2, "high": -0.01, "note": ""})
    assert not is_sure({"value": 0.1, "low": -0.01, "high": 0.2, "note": ""})
    assert is_sure({"value": 0.1, "low": None, "high": None, "note": ALL_ALIKE})
    assert not is_sure({"value": 0.0, "low": None, "high": None, "note": ALL_ALIKE})
    assert not is_sure(None)


def test_who_stands_where():
    found = result()
    assert (best(found, "count_mae") or {})["task"] == "two-stage"
    stands = {kind: standing(found, "presence_ap", kind) for kind in KINDS}
    assert stands == {
        "classification": "measurably worse",
        "detection": "level with the best",
        "two-stage": "best",
    }
    assert standing(found, "count_mae", "classification") == ""
    assert best(result(contenders=[contender("classification")]), "count_mae") is None


def test_gaps_are_said_with_their_doubt():
    sure, both, level = gaps_in_words(result(), "presence_ap")
    assert sure == "Detection is better than Classification by 6 points (95 %: 4 to 8)."
    assert both.startswith("Detect-then-classify is better than Classification by 8 points")
    assert level.startswith("Detect-then-classify and Detection cannot be told apart: 2 points in favour of detect")
    (counted,) = gaps_in_words(result(), "count_mae")
    assert counted == "Detect-then-classify is better than Detection by 0.3 objects counted wrong (95 %: 0.28 to 0.32)."
    alike = gaps()
    alike[0]["figures"]["presence_ap"] |= {"low": None, "high": None, "note": ALL_ALIKE}
    assert ALL_ALIKE in gaps_in_words(result(gaps=alike), "presence_ap")[0]


def test_the_table_holds_every_number_once():
    rows = table(result())
    assert [row["figure"] for row in rows[:5]] == list(FIGURES)
    assert rows[2]["classification"] is None
    assert rows[2]["two-stage, high"] == pytest.approx(0.65)
    by_name = {row["figure"]: row for row in rows}
    assert by_name["labelling_hours"]["detection"] == 4.0
    assert by_name["training_seconds"]["classification"] == 200
    assert by_name["latency_ms_p50"]["two-stage"] > by_name["latency_ms_p50"]["detection"]


def test_ends_share_their_unit():
    assert ends_said("presence_ap", [0.71, 0.8]) == "71.0 to 80.0 %"
    assert ends_said("presence_ap", None) == ""


def test_what_kept_the_machine_busy_is_said():
    slow = contender("detection")
    slow["costs"]["others_cpu_share"] = 0.5
    assert busy(result(contenders=[contender("classification"), slow])) == ["Detection"]


def test_money_is_labelling_training_and_speed_at_their_rates():
    price = load_prices().entries[0]
    ways = {way.kind: way for way in ways_of(result(), Rates(price, wage_per_hour=10.0))}
    detection = ways["detection"]
    assert detection.labelling_usd.value == pytest.approx(40)
    assert detection.training_usd.value == pytest.approx(400 / 3600 * price.usd_per_hour)
    speed = contender("detection")["costs"]["images_per_second"]
    assert detection.usd_per_million.value == pytest.approx(1e6 / speed / 3600 * price.usd_per_hour)
    assert (ways["two-stage"].total_usd(1e9) or 0) > (detection.total_usd(1e9) or 0)
    assert not crossings(tuple(ways.values())) or all(one.usd > 0 for one in crossings(tuple(ways.values())))
    unknown = contender("detection") | {"labels": None, "costs": {"error": "Out of memory."}, "training_seconds": 0.0}
    (way,) = ways_of(result(contenders=[unknown]), Rates(price))
    assert way.once_usd is None
    assert any("Out of memory." in missing for missing in way.missing)
    with pytest.raises(SettingsError, match="wage_per_hour"):
        Rates(price, math.nan)


def test_the_yardstick_shows_who_can_say_with_intervals():
    chart = charts.yardstick(result(), ["presence_ap", "pointing", "ap50"])
    by_name = {trace.name: trace for trace in traces(chart)}
    assert list(by_name) == list(TITLES.values())
    assert list(by_name["Detection"].x) == pytest.approx([84, 63, 45])
    assert list(by_name["Detection"].error_x.array) == pytest.approx([5, 5, 5])
    assert list(by_name["Detection"].error_x.arrayminus) == pytest.approx([4, 4, 4])
    assert len(by_name["Classification"].x) == 2, "it draws no boxes"
    rows = [trace.y[0] for trace in by_name.values()]
    assert len(set(rows)) == 3, "nobody hides behind another"
    counts = charts.yardstick(result(), ["count_mae"])
    assert [trace.name for trace in traces(counts)] == ["Detection", "Detect-then-classify"]
    assert list(traces(counts)[0].x) == [0.9]
    assert "fewer is better" in counts.layout.xaxis.title.text  # type: ignore[attr-defined]
    assert not traces(charts.yardstick(result(contenders=[contender("classification")]), ["count_mae"]))


def test_good_against_dear_knows_who_is_beaten():
    verdicts = {one.point.task: one for one in charts.judged(result(), "count_mae", "latency_ms_p50")}
    assert verdicts["two-stage"].on_front, "fewer objects counted wrong is better"
    assert verdicts["detection"].on_front, "it is quicker"
    assert not verdicts["classification"].point.is_known
    dearer = contender("detection")
    dearer["costs"] |= {"latency_ms_p50": 999.0}
    found = result(contenders=[dearer, contender("two-stage")])
    beaten = {one.point.task: one for one in charts.judged(found, "count_mae", "latency_ms_p50")}
    assert not beaten["detection"].on_front
    assert charts.judged(result(), "presence_ap", "hours")[0].point.x == 1.7
    assert charts.judged(result(), "presence_ap", "training")[1].point.x == 400
    assert traces(charts.contenders(result(), "presence_ap", "usd_per_million"))
    with pytest.raises(SettingsError, match="'beauty'"):
        charts.contenders(result(), "presence_ap", "beauty")


def test_no_name_becomes_markup_in_a_chart():
    words = charts.learning_curves(result(), "presence_ap").to_json() or ""
    assert HOSTILE not in words

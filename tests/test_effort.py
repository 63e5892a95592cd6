"""What labelling takes: seconds, hours and money."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.labelling_cases import PATHS, add, small_index
from vision_core.data.effort import Amount, Bill, Rate, Work, bill, count_work, labels_per_image, measure, published
from vision_core.data.label_operations import Operation
from vision_core.data.labelling import Labelling


def test_seconds_belong_to_pictures_boxes_and_proposals() -> None:
    def one(kind: str, seconds: float | None, **values: Any) -> Operation:
        return Operation(id=f"{kind}{len(made)}", kind=kind, seconds=seconds, **values)  # type: ignore[arg-type]

    made: list[Operation] = []
    edge = {"class_name": "shirt", "box_xyxy": (0.0, 0.0, 1.0, 1.0)}
    made += [one("add", 4.0, image="1", box="n1", **edge), one("resize", 2.0, image="1", box="n1", **edge)]
    made += [one("add", 3.0, image="1", box="n2", **edge), one("left", 1.5, image="1", task="detection")]
    made += [one("add", 99999.0, image="1", box="n3", **edge)]  # left open over lunch
    made += [one("add", None, image="1", box="n4", **edge)]
    made += [one("accept", 1.0, image="2", box="p1", **edge), one("reclass", 0.5, image="2", box="p1", **edge)]
    made += [one("reject", 0.7, image="2", box="p2"), one("searched", 2.5, image="3", searched=True)]
    made += [one("labels", 1.0, image="4", labels=("shirt",)), one("labels", 0.6, image="4", labels=("bag",))]
    made += [one("left", 0.4, image="4", task="classification"), one("labels", 5.0, image="5", labels=())]
    made += [one("left", 60.0, image="6", task="detection")]  # only looked at, not worked on
    pace = measure(made)
    assert (pace.box.count, pace.box.median_s) == (2, pytest.approx(4.5))
    assert (pace.proposal.count, pace.proposal.median_s) == (2, pytest.approx(1.1))
    assert (pace.label.count, pace.label.median_s) == (2, pytest.approx(3.5))
    assert (pace.looking.count, pace.looking.median_s) == (2, pytest.approx(2.0))
    assert (pace.box.low_s, pace.box.high_s) == (pytest.approx(3.75), pytest.approx(5.25))


def test_a_picture_shows_as_many_labels_as_classes_by_label_or_box() -> None:
    index = small_index()
    shows = [
        {*(record.labels or ()), *map(index.class_name, record.class_ids.tolist())}
        for record in index
        if record.labels is not None or record.boxes_xyxy is not None
    ]
    assert labels_per_image(index) == pytest.approx(sum(map(len, shows)) / len(shows))
    assert labels_per_image(index.take([])) is None


def test_one_long_pause_does_not_move_the_median() -> None:
    quick = [add(n, seconds=2.0) for n in range(9)]
    assert measure([*quick, add(9, seconds=500.0)]).box.median_s == pytest.approx(2.0)


def test_nothing_measured_is_said_as_nothing() -> None:
    pace = measure([])
    assert (pace.box.count, pace.box.median_s, pace.box.low_s) == (0, None, None)
    assert bill(Amount(10, 20), pace.rate("detection"), 20) is None
    assert bill(Amount(10), pace.rate("classification"), 20) is None
    assert bill(Amount(0), pace.rate("classification"), 20) == Bill(0.0, 0.0)


def test_hours_and_money_add_up() -> None:
    assert bill(Amount(3600), Rate(image_s=2.0), 25) == Bill(2.0, 50.0)
    both = bill(Amount(100, 360), Rate(image_s=3.6, box_s=10.0), 30)
    assert both is not None
    assert (both.hours, both.money) == (pytest.approx(1.1), pytest.approx(33.0))
    assert bill(Amount(1000, 4000), Rate(box_usd=0.0625), 30) == Bill(None, 250.0)


def test_work_is_counted_with_what_was_just_labelled() -> None:
    labelling = Labelling(small_index())
    assert count_work(labelling) == Work(images=4, labelled=2, searched=2, boxes=2)
    labelling.apply(add(1))
    labelling.apply(Operation(id="l", kind="labels", image=PATHS[0], labels=("shirt",)))
    labelling.apply(Operation(id="m", kind="labels", image=PATHS[1]))
    work = count_work(labelling)
    assert work == Work(images=4, labelled=2, searched=3, boxes=3)
    assert work.boxes_per_image == pytest.approx(1.0)
    assert work.amount("classification", remaining=True) == Amount(2)
    assert work.amount("detection", remaining=True, boxes_per_image=2.5) == Amount(1, 2.5)
    assert work.amount("detection", remaining=False, boxes_per_image=2.5) == Amount(4, 5.5)


def test_published_figures_name_their_sources_and_days() -> None:
    figures = published()
    assert {figure.task for figure in figures} == {"classification", "detection"}
    assert all(figure.source and figure.seen_in and figure.looked_up <= date.today() for figure in figures)
    clicking = next(figure for figure in figures if figure.name == "Extreme clicking")
    assert bill(Amount(0, 3600), clicking.rate, 10) == Bill(7.0, 70.0)

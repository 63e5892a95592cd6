"""A scenario of money: how many pictures, labelled at what pace, on what computer; and the ways it can be done.

scenario = Scenario(price=load_prices().find("AWS c7i.large"), pictures_a_year=1e6, label_pace=…, box_pace=…)
ways = scenario.ways({"classification": row, "detection": other})    # rows as `bench` writes them
ways = scenario.ways({…, "two-stage": both})                         # with the two in turn as they were measured
in_words(ways, scenario.pictures_a_year, scenario.years)             # `vision_core.costs.totals`
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from vision_core.costs.bench_rows import Row
from vision_core.costs.carbon import co2_g_per_1k
from vision_core.costs.measured import Measured, unavailable
from vision_core.costs.prices import Price
from vision_core.costs.report import price_per_million
from vision_core.costs.totals import Approach, labelling_cost, training_cost, two_stage
from vision_core.data.effort import Amount, Rate, measure, published
from vision_core.data.label_operations import Operation
from vision_core.errors import SettingsError
from vision_core.types import Task

LEAST_MEASURED = 3
"""With fewer of one's own measurements there is no pace."""
NAMES: Mapping[str, str] = {
    "classification": "Classification",
    "detection": "Detection",
    "two-stage": "Detect-then-classify",
}
_S_PER_H = 3600


@dataclass(frozen=True)
class Pace:
    """How fast, or at what price, somebody labels.

    Attributes:
        name: for a list; source: for a sentence.
        each_label: whether a picture takes it once for each class that it shows, and not once in all.
        named: whether a box's time includes saying what is in it; None where nobody says.
    """

    name: str
    rate: Rate
    source: str
    each_label: bool = False
    named: bool | None = None


def paces(task: Task, operations: Sequence[Operation] = ()) -> list[Pace]:
    """One's own pace first, where `operations` tell it, then the published ones."""
    own, found = measure(operations), []
    timed = own.label if task == "classification" else own.box
    if timed.count >= LEAST_MEASURED and timed.median_s:
        said = f"Your own: {timed.median_s:.1f} s" + (" a picture" if task == "classification" else "")
        found.append(Pace(said, own.rate(task), f"your own {timed.count} measurements", named=True))
    for one in (one for one in published() if one.task == task):
        seconds, usd = one.image_s or one.box_s, one.image_usd or one.box_usd
        of = "" if task == "detection" else " a label" if one.each_label else " a picture"
        said = f"{one.name}: {f'{seconds:g} s' if seconds else f'{usd:g} USD'}{of}"
        found.append(Pace(said, one.rate, one.source, one.each_label, one.named))
    return found


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What a year is reckoned with.

    Attributes:
        price: of the computer that trains and predicts; its speed is taken to be this machine's.
        pictures_a_year, years: how many, and for how long.
        wage_per_hour: of who labels, US dollars.
        labelled_pictures, boxes_per_picture: what there is to label.
        labels_per_picture: classes that a picture shows, on average; each is paid for where the pace is of one label.
        label_pace, box_pace: how fast.
        crops_are_named: whether the two-stage way's crops are named one by one, at the pace of labels; otherwise the
            boxes carry the names.
        objects_per_picture: what the two-stage way's classifier looks at, on average.
        training_hours: of one training by task; a task that is not in it was not measured.
        trainings: how often each network is trained in all those years.
        watts, region: for energy and CO2 where no counter was read; 0 and "": unknown.

    Raises:
        SettingsError: a number that cannot be.
    """

    price: Price
    label_pace: Pace
    box_pace: Pace
    pictures_a_year: float = 1e6
    years: float = 1.0
    wage_per_hour: float = 20.0
    labelled_pictures: int = 1000
    boxes_per_picture: float = 3.0
    labels_per_picture: float = 1.0
    crops_are_named: bool = False
    objects_per_picture: float = 3.0
    training_hours: Mapping[str, float] = field(default_factory=dict)
    trainings: int = 1
    watts: float = 0.0
    region: str = ""

    def __post_init__(self) -> None:
        at_least = {"pictures_a_year": 0, "wage_per_hour": 0, "labelled_pictures": 0, "boxes_per_picture": 0}
        at_least |= {"labels_per_picture": 0, "objects_per_picture": 0, "trainings": 0, "watts": 0}
        for name, low in at_least.items():
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= low):
                raise SettingsError(f"{name} is {value}; give {low} or more.")
        if not (math.isfinite(self.years) and self.years > 0):
            raise SettingsError(f"years is {self.years}; give more than zero.")

    def ways(self, rows: Mapping[str, Row]) -> tuple[Approach, ...]:
        """Classification, detection and, where both are there, the two in turn.

        Args:
            rows: a measured row of each task; under "two-stage" one of the two in turn, without which its speed is an
                estimate from theirs.
        """
        found = {task: self._way(task, row) for task, row in rows.items() if task in ("classification", "detection")}
        if len(found) == 2:
            naming = self._naming() if self.crops_are_named else None
            rate = self._measured_rate(rows.get("two-stage"))
            both = two_stage(
                found["detection"], found["classification"], self.objects_per_picture, naming, usd_per_million=rate
            )
            found["two-stage"] = both
        return tuple(found[kind] for kind in NAMES if kind in found)

    def _way(self, task: str, row: Row) -> Approach:
        detects = task == "detection"
        boxes = self.labelled_pictures * self.boxes_per_picture if detects else 0.0
        pace = self.box_pace if detects else self.label_pace
        labels = self.labels_per_picture if pace.each_label else None
        return Approach(
            NAMES[task],
            "detection" if detects else "classification",
            labelling_cost(Amount(self.labelled_pictures, boxes), pace.rate, self.wage_per_hour, pace.source, labels),
            self._training(task),
            price_per_million(_speed(row), self.price),
        )

    def _measured_rate(self, row: Row | None) -> Measured | None:
        """What a million pictures cost the two in turn; None where nobody measured them."""
        if row is None:
            return None
        speed = speed_of(row, self.objects_per_picture)
        rate = price_per_million(speed, self.price)
        return rate if rate.value is None else replace(rate, note=f"{rate.note}; {speed.note}")

    def _naming(self) -> Measured:
        boxes = Amount(round(self.labelled_pictures * self.boxes_per_picture))
        return labelling_cost(boxes, self.label_pace.rate, self.wage_per_hour, self.label_pace.source)

    def _training(self, task: str) -> Measured:
        hours = self.training_hours.get(task)
        if hours == 0:
            return Measured(0.0, "estimated", "nothing is trained")
        return training_cost(None if hours is None else hours * _S_PER_H, self.price, self.trainings)

    def co2_g_per_1k(self, rows: Mapping[str, Row]) -> dict[str, Measured]:
        """Grams of CO2 for a thousand pictures, by kind of way; why there are none in the note of those without."""
        alone = {task: row for task, row in rows.items() if task in ("classification", "detection")}
        energy = {task: energy_of(row, self.watts) for task, row in alone.items()}
        if len(energy) == 2:
            energy["two-stage"] = self._energy_in_turn(rows.get("two-stage"), energy)
        return {kind: co2_g_per_1k(one, self.region) for kind, one in energy.items()}

    def _energy_in_turn(self, row: Row | None, alone: Mapping[str, Measured]) -> Measured:
        """Measured with as many crops as there are objects, else from the time that the two in turn take, else both."""
        if row is not None:
            found = energy_of(at_objects(row, self.objects_per_picture), self.watts)
            if found.value is not None:
                return found
        return self._both(alone["detection"], alone["classification"])

    def _both(self, detector: Measured, classifier: Measured) -> Measured:
        for one in (detector, classifier):
            if one.value is None:
                return one
        value = (detector.value or 0.0) + self.objects_per_picture * (classifier.value or 0.0)
        return Measured(value, "estimated", f"detector and {self.objects_per_picture:g} × classifier")


def speed_of(row: Row, objects_per_picture: float) -> Measured:
    """Pictures a second of the two in turn, with so many objects on average.

    As measured where that is how many crops it was measured with; else estimated from its two halves: the detector
    once a picture, and the classifier's half in proportion to the crops.
    """
    speed, crops = row.get("images_per_second"), row.get("crops")
    if not speed or not crops:
        return unavailable(str(row.get("error") or "the two in turn were not measured"))
    with_crops = f"the two in turn measured with {crops} crop{'s' * (crops != 1)}"
    if crops == objects_per_picture:
        return Measured(speed, "measured", with_crops)
    detect_ms, classify_ms = row.get("detect_ms"), row.get("classify_ms")
    if not detect_ms or classify_ms is None:
        return unavailable(f"{with_crops}, and not how long each half takes")
    batch_ms = detect_ms + classify_ms * objects_per_picture / crops
    note = f"{with_crops}, and reckoned with {objects_per_picture:g} in proportion"
    return Measured((row.get("batch_size") or 1) * 1000 / batch_ms, "estimated", note)


def at_objects(row: Row, objects_per_picture: float) -> Row:
    """A row of the two in turn as it would be with so many objects; its energy is then unknown."""
    speed = speed_of(row, objects_per_picture)
    if speed.how == "measured":
        return row
    how = {"energy_wh_per_1k": {"how": "unavailable", "note": f"it was measured with {row.get('crops')} crops"}}
    return {**row, "images_per_second": speed.value, "energy_wh_per_1k": None, "how": how}


def energy_of(row: Row, watts: float = 0.0) -> Measured:
    """Watt-hours for a thousand pictures: what was measured, else what a machine that draws so many watts takes."""
    how = (row.get("how") or {}).get("energy_wh_per_1k") or {}
    if row.get("energy_wh_per_1k") is not None:
        return Measured(row["energy_wh_per_1k"], how.get("how", "measured"), str(how.get("note") or ""))
    if not watts:
        return unavailable(str(how.get("note") or "nobody measured it"))
    speed = _speed(row)
    if not speed.value:
        return unavailable("its speed is unknown")
    return Measured(watts * 1000 / speed.value / _S_PER_H, "estimated", f"{watts:g} W assumed")


def _speed(row: Row) -> Measured:
    speed = row.get("images_per_second")
    return Measured(speed, "measured") if speed else unavailable(str(row.get("error") or "it was not measured"))

"""What knowing *what*, or *what and where*, costs in all: labelling and training once, every picture ever after.

    ways = (Approach("Classification", "classification", labelling, training, rate), …)
    two_stage(detection, classification, objects_per_picture=3)      # a third way out of the two
    crossings(ways, years=1)                                         # at how many pictures a year two cost the same
    in_words(ways, pictures_a_year=1e6, years=1)

Every way is a straight line over the number of pictures, `once_usd + pictures * usd_per_million / 1e6`, so that what
is cheapest where, and where that changes, follows exactly and is not read off a chart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Literal

from vision_core.costs.measured import Measured, unavailable
from vision_core.costs.prices import Price
from vision_core.data.effort import Amount, Rate, bill
from vision_core.errors import SettingsError

Kind = Literal["classification", "detection", "two-stage"]
PARTS = ("labelling", "training", "inference")
MOST_PICTURES = 1e15
"""A crossing beyond so many pictures a year is none: nobody takes so many."""
SECONDS_A_YEAR = 365 * 24 * 3600
_MILLION = 1e6


@dataclass(frozen=True)
class Approach:
    """One way to do the job.

    Attributes:
        name: what sentences and charts call it; of several ways each has its own.
        labelling_usd, training_usd: paid once, US dollars.
        usd_per_million: for a million pictures, US dollars.
    """

    name: str
    kind: Kind
    labelling_usd: Measured
    training_usd: Measured
    usd_per_million: Measured

    @property
    def once_usd(self) -> float | None:
        """What is paid before the first picture; None when a part of it is unavailable."""
        if self.labelling_usd.value is None or self.training_usd.value is None:
            return None
        return self.labelling_usd.value + self.training_usd.value

    @property
    def missing(self) -> tuple[str, ...]:
        """What is not known and why, e.g. "training: the run does not say how long it took"."""
        parts = zip(PARTS, (self.labelling_usd, self.training_usd, self.usd_per_million), strict=True)
        return tuple(f"{name}: {part.note}" for name, part in parts if part.value is None)

    def total_usd(self, pictures: float) -> float | None:
        """What that many pictures cost in all; None when a part is unavailable."""
        once, rate = self.once_usd, self.usd_per_million.value
        return None if once is None or rate is None else once + pictures / _MILLION * rate

    def parts_usd(self, pictures: float) -> dict[str, float | None]:
        """Labelling, training and inference of that many pictures, under the names in `PARTS`."""
        rate = self.usd_per_million.value
        inference = None if rate is None else pictures / _MILLION * rate
        return dict(zip(PARTS, (self.labelling_usd.value, self.training_usd.value, inference), strict=True))


@dataclass(frozen=True)
class Crossing:
    """Where two ways cost the same, `usd` at `pictures_a_year`: `below` is cheaper with fewer, `above` with more."""

    below: Approach
    above: Approach
    pictures_a_year: float
    usd: float


@dataclass(frozen=True)
class Span:
    """From `low` to `high` pictures a year (infinity at the end) nothing is cheaper than `approach`."""

    approach: Approach
    low: float
    high: float


def labelling_cost(
    amount: Amount, rate: Rate, wage_per_hour: float, source: str, labels_per_picture: float | None = None
) -> Measured:
    """What labelling that much costs at that pace.

    Args:
        source: whose pace it is.
        labels_per_picture: of a pace that is of one label, how many a picture gets; by default it is of a picture.
    """
    labels = round(amount.images * (1.0 if labels_per_picture is None else labels_per_picture))
    found = bill(Amount(labels, amount.boxes), rate, wage_per_hour)
    if found is None:
        return unavailable("nobody measured how long this takes")
    of = f"{amount.images:,} pictures" if labels_per_picture is None else f"{labels:,} labels"
    of += f" and {amount.boxes:,.0f} boxes" if amount.boxes else ""
    how = f"{found.hours:,.1f} h at {wage_per_hour:g} USD/h" if found.hours is not None else "a price list"
    return Measured(found.money, "estimated", f"{of}: {how}, after {source}")


def training_cost(seconds: float | None, price: Price, times: int = 1) -> Measured:
    """What training `times` times costs, from the time that it took once."""
    if not seconds:
        return unavailable("nobody measured how long this training takes")
    note = f"{seconds / 3600:.3g} h measured, {times} time{'s' * (times != 1)}, priced as {price.name}"
    return Measured(times * seconds / 3600 * price.usd_per_hour, "estimated", note)


def two_stage(
    detection: Approach,
    classification: Approach,
    objects_per_picture: float,
    naming_usd: Measured | None = None,
    name: str = "Detect-then-classify",
    usd_per_million: Measured | None = None,
) -> Approach:
    """Detect, and classify what was cut out: one pass of the detector and one of the classifier for each object.

    The classifier learns from what the boxes show, so that its labels come with them; `naming_usd` is what giving each
    box a name costs where they do not. `usd_per_million` is what the two in turn were measured at; without it, that
    each crop takes as long as a picture is an assumption: decoding is not in either speed, and cutting out takes next
    to nothing.

    Raises:
        SettingsError: fewer than no objects.
    """
    if not (math.isfinite(objects_per_picture) and objects_per_picture >= 0):
        raise SettingsError(f"{objects_per_picture} objects a picture cannot be; give zero or more.")
    naming = naming_usd or Measured(0.0, "estimated", "the boxes carry the names")
    return Approach(
        name,
        "two-stage",
        _sum((detection.labelling_usd, 1.0), (naming, 1.0)),
        _sum((detection.training_usd, 1.0), (classification.training_usd, 1.0)),
        usd_per_million
        or _sum((detection.usd_per_million, 1.0), (classification.usd_per_million, objects_per_picture)),
    )


def _sum(*parts: tuple[Measured, float]) -> Measured:
    """Numbers times factors; unavailable as soon as one of them is."""
    for part, _ in parts:
        if part.value is None:
            return part
    notes = [f"{factor:g} × ({part.note})" if factor != 1 else part.note for part, factor in parts if part.note]
    return Measured(sum(factor * (part.value or 0.0) for part, factor in parts), "estimated", " + ".join(notes))


def computers(pictures_a_year: float, images_per_second: float) -> float:
    """How many computers of that speed work all year, day and night, for so many pictures; a fraction is a share."""
    return pictures_a_year / (images_per_second * SECONDS_A_YEAR)


def known(ways: Sequence[Approach]) -> tuple[Approach, ...]:
    """Those that can be added up."""
    return tuple(way for way in ways if way.total_usd(0) is not None)


def crossings(ways: Sequence[Approach], years: float = 1.0) -> tuple[Crossing, ...]:
    """Every volume at which two of the ways cost the same, fewest pictures first; none for parallel lines.

    Raises:
        SettingsError: not more than zero years.
    """
    _check_years(years)
    found = []
    for one, other in combinations(known(ways), 2):
        volume = _crossing(one, other, years)
        if volume is None:
            continue
        steep, flat = sorted((one, other), key=lambda way: -_rate(way))
        usd = one.total_usd(volume * years)
        found.append(Crossing(below=steep, above=flat, pictures_a_year=volume, usd=usd or 0.0))
    return tuple(sorted(found, key=lambda crossing: crossing.pictures_a_year))


def _crossing(one: Approach, other: Approach, years: float) -> float | None:
    """Pictures a year at which both cost the same; None when that is at none, at all, or at more than there are."""
    slope = (_rate(one) - _rate(other)) * years
    ahead = _once(other) - _once(one)
    if slope == 0 or ahead == 0 or (slope > 0) != (ahead > 0):
        return None
    volume = ahead * _MILLION / slope
    return volume if volume <= MOST_PICTURES else None


def cheapest(ways: Sequence[Approach], years: float = 1.0) -> tuple[Span, ...]:
    """Which way is the cheapest at what volume, from zero pictures a year on; of ways that cost the same, the first."""
    candidates = known(ways)
    if not candidates:
        return ()
    edges = [0.0, *sorted({crossing.pictures_a_year for crossing in crossings(candidates, years)}), math.inf]
    spans: list[Span] = []
    for low, high in pairwise(edges):
        inside = (low + high) / 2 if math.isfinite(high) else 2 * low + 1
        best = min(candidates, key=lambda way: _once(way) + _rate(way) * years * inside / _MILLION)
        if spans and spans[-1].approach is best:
            spans[-1] = Span(best, spans[-1].low, high)
        else:
            spans.append(Span(best, low, high))
    return tuple(spans)


def in_words(ways: Sequence[Approach], pictures_a_year: float, years: float = 1.0) -> tuple[str, ...]:
    """What the chart of these ways says: the totals at that volume, what is cheapest where, and each crossing."""
    candidates = known(ways)
    if not candidates:
        return ()
    of_years = "a year" if years == 1 else f"a year for {years:g} years"
    totals = ", ".join(f"{way.name} {usd_text(way.total_usd(pictures_a_year * years) or 0.0)}" for way in candidates)
    sentences = [f"At {pictures_text(pictures_a_year)} pictures {of_years}: {totals}."]
    if len(candidates) == 1:
        return tuple(sentences)
    sentences.append(_spans_in_words(cheapest(candidates, years)))
    crossing = {frozenset((one.below.name, one.above.name)): one for one in crossings(candidates, years)}
    for one, other in combinations(candidates, 2):
        sentences.append(_pair_in_words(one, other, crossing.get(frozenset((one.name, other.name)))))
    return tuple(sentences)


def _spans_in_words(spans: Sequence[Span]) -> str:
    if len(spans) == 1:
        return f"{spans[0].approach.name} is the cheapest at any volume."
    first, *middle, last = spans
    then = "".join(f", then {span.approach.name} up to {pictures_text(span.high)}" for span in middle)
    return (
        f"Up to {pictures_text(first.high)} pictures a year {first.approach.name} is the cheapest{then}, "
        f"beyond that {last.approach.name}."
    )


def _pair_in_words(one: Approach, other: Approach, crossing: Crossing | None) -> str:
    if crossing is not None:
        return (
            f"{one.name} and {other.name} cost the same at {pictures_text(crossing.pictures_a_year)} pictures a year "
            f"({usd_text(crossing.usd)}): with fewer {crossing.below.name} is cheaper, with more {crossing.above.name}."
        )
    cheap, dear = sorted((one, other), key=lambda way: (_once(way), _rate(way)))
    once, rate = _once(dear) - _once(cheap), _rate(dear) - _rate(cheap)
    if once == rate == 0:
        return f"{one.name} and {other.name} cost the same at any volume."
    if rate < 0:  # they cross beyond all pictures
        return f"{cheap.name} is cheaper than {dear.name} at any volume that there is."
    return (
        f"{cheap.name} is cheaper than {dear.name} at any volume: {usd_text(once)} less at first and {usd_text(rate)} "
        "less for each million pictures."
    )


def _once(way: Approach) -> float:
    return way.once_usd or 0.0


def _rate(way: Approach) -> float:
    return float(way.usd_per_million.value or 0.0)


def _check_years(years: float) -> None:
    if not (math.isfinite(years) and years > 0):
        raise SettingsError(f"{years} years cannot be counted; give more than zero.")


def pictures_text(pictures: float) -> str:
    """A number of pictures as people say it.

    >>> pictures_text(950), pictures_text(12_345), pictures_text(3_210_000), pictures_text(1.4e9)
    ('950', '12,300', '3.21 million', '1.4 billion')
    """
    rounded = float(f"{pictures:.3g}")
    if rounded < 1e6:
        return f"{rounded:,.0f}" if rounded >= 1 or not rounded else "less than 1"
    size, word = next(pair for pair in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")) if rounded >= pair[0])
    return f"{rounded / size:,.4g} {word}"


def usd_text(usd: float) -> str:
    """Money in plain digits: cents of small sums only.

    >>> usd_text(0), usd_text(0.001), usd_text(12.344), usd_text(123456.7)
    ('0 USD', 'under 0.01 USD', '12.34 USD', '123,457 USD')
    """
    if usd == 0 or abs(usd) >= 1000:
        return f"{usd:,.0f} USD"
    return f"{usd:,.2f} USD" if abs(usd) >= 0.005 else "under 0.01 USD"

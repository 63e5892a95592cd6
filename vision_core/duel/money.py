"""What each contender of a finished duel costs in all: labelling and training once, every picture ever after.

ways = ways_of(result, Rates(price=load_prices().find("AWS c7i.large"), wage_per_hour=20))
cost_by_volume(ways, 1e6)                       # `vision_core.costs.total_charts`
in_words(ways, 1e6)                             # `vision_core.costs.totals`
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vision_core.costs.measured import Measured, unavailable
from vision_core.costs.prices import Price
from vision_core.costs.report import price_per_million
from vision_core.costs.totals import Approach, training_cost
from vision_core.duel.outcome import hours, trained
from vision_core.duel.plan import TITLES
from vision_core.errors import SettingsError

_AS_IT_IS = "nothing: it is taken as it was published"


@dataclass(frozen=True)
class Rates:
    """What time costs.

    Attributes:
        price: of the computer that trains and predicts; its speed is taken to be that of the duel's machine.
        wage_per_hour: of who labels, US dollars.

    Raises:
        SettingsError: a wage that cannot be.
    """

    price: Price
    wage_per_hour: float = 20.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.wage_per_hour) and self.wage_per_hour >= 0):
            raise SettingsError(f"wage_per_hour is {self.wage_per_hour}; give 0 or more.")


def ways_of(result: Mapping[str, Any], rates: Rates) -> tuple[Approach, ...]:
    """Every contender as a way to do the job; `missing` of one says what nobody measured."""
    return tuple(
        Approach(
            TITLES[one["task"]],
            one["task"],
            _labelling(one, rates),
            training_cost(trained(one), rates.price) if one["runs"] else Measured(0.0, "measured", _AS_IT_IS),
            price_per_million(_speed(one), rates.price),
        )
        for one in result["contenders"]
    )


def _labelling(one: Mapping[str, Any], rates: Rates) -> Measured:
    taken = hours(one)
    if not one["runs"]:
        return Measured(0.0, "measured", _AS_IT_IS)
    if taken is None:
        return unavailable("nobody measured how long this takes")
    note = f"{taken:,.2f} h at {rates.wage_per_hour:g} USD/h, after {one['labels'].get('pace') or 'a published pace'}"
    return Measured(taken * rates.wage_per_hour, "estimated", note)


def _speed(one: Mapping[str, Any]) -> Measured:
    speed = one["costs"].get("images_per_second")
    return (
        Measured(speed, "measured") if speed else unavailable(str(one["costs"].get("error") or "it was not measured"))
    )

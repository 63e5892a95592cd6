"""What a duel will take, before it is started: a few steps of each network are measured, the rest is arithmetic.

found = forecast(plan)
found.seconds, found.networks        # {"Classifier": 40.0, "Detector, 25% of the labels": 95.0, …}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from vision_core.costs.prices import Price, load_prices
from vision_core.duel.parts import parts
from vision_core.duel.plan import DuelPlan
from vision_core.training.overview import cost_usd

Stage = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Forecast:
    """What a duel's training will take on this machine.

    Attributes:
        networks: seconds by the title of the part; networks that are given take none.
        usd: all of it at the price of `price`.
    """

    networks: Mapping[str, float]
    usd: float
    price: Price

    @property
    def seconds(self) -> float:
        """Of all networks; judging and measuring come on top."""
        return sum(self.networks.values())


def forecast(plan: DuelPlan, has_boxes: bool = True, progress: Stage | None = None) -> Forecast:
    """Measures a few steps of each network on all the labels; with a share of them it takes that share of the time.

    Args:
        progress: called with what is being done and how much of it; raise in it to stop.

    Raises:
        TrainingError: one of them cannot be trained; the sentence says why.
    """
    from vision_core.training.estimate import estimate

    prices = load_prices()
    price = prices.find(plan.price) if plan.price else prices.entries[0]
    limit = limit_seconds(plan, price)
    whole: dict[str, float] = {}
    networks: dict[str, float] = {}
    for part in parts(plan, has_boxes):
        if part.given(plan) is not None:
            networks[part.title] = 0.0
            continue
        if part.lesson not in whole:
            told = progress and partial(_told, progress, part.title)
            whole[part.lesson] = estimate(part.config(plan, plan.data, has_boxes), told).seconds
        networks[part.title] = part.share * min(whole[part.lesson], limit or whole[part.lesson])
    return Forecast(networks, cost_usd(sum(networks.values()), price.usd_per_hour), price)


def _told(progress: Stage, title: str, stage: str, done: int, total: int) -> None:
    progress(f"{title}: {stage}", done, total)


def limit_seconds(plan: DuelPlan, price: Price) -> float | None:
    """What the plan's budget leaves each network; None without one."""
    limits = [60 * plan.minutes] if plan.minutes else []
    if plan.usd:
        limits.append(3600 * plan.usd / price.usd_per_hour)
    return min(limits, default=None)

"""Which models are worth a look: those than which no other is both better and cheaper.

    verdicts = judge(points, lower_x_is_better=True)      # x: what it costs, y: how good it is
    [verdict.point.name for verdict in verdicts if verdict.on_front]

A point is *dominated* when another is at least as good in both figures and better in one. Points with the same figures
do not dominate each other. With intervals, a point is *surely* dominated when that holds whatever the true values
within the intervals are; where a figure has no interval, its value stands for both ends.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_Ends = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class Point:
    """A model with two figures.

    Attributes:
        name: what people call it; task: `classification`, `detection` or `two-stage`.
        x, y: what it costs and how good it is; None where one is not known.
        x_low, x_high, y_low, y_high: ends of the intervals, None without one.
        note: what to know of it, one sentence.
    """

    name: str
    task: str
    x: float | None
    y: float | None
    x_low: float | None = None
    x_high: float | None = None
    y_low: float | None = None
    y_high: float | None = None
    note: str = ""

    @property
    def is_known(self) -> bool:
        """Whether both figures are numbers."""
        return all(value is not None and math.isfinite(value) for value in (self.x, self.y))


@dataclass(frozen=True)
class Verdict:
    """What is to be said of a point.

    Attributes:
        on_front: no other point dominates it. False, with nobody to blame, of a point that is not known.
        dominated_by: names of the points on the front that dominate it.
        surely: dominated by one of the points even at the ends of the intervals.
    """

    point: Point
    on_front: bool
    dominated_by: tuple[str, ...] = ()
    surely: bool = False


def front(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """`(N,)` bool: which points no other dominates, where less `x` and more `y` is better.

    Args:
        x, y: `(N,)` finite numbers.
    """
    order = np.lexsort((-y, x))
    mask = np.zeros(len(x), bool)
    best, at = -np.inf, np.nan
    for place in order.tolist():
        if y[place] > best:
            best, at = y[place], x[place]
            mask[place] = True
        elif y[place] == best and x[place] == at:  # the same figures
            mask[place] = True
    return mask


def judge(points: Sequence[Point], lower_x_is_better: bool = True, higher_y_is_better: bool = True) -> list[Verdict]:
    """The verdict on each point, in their order."""
    known = [point for point in points if point.is_known]
    x = np.array([point.x for point in known], np.float64) * (1 if lower_x_is_better else -1)
    y = np.array([point.y for point in known], np.float64) * (1 if higher_y_is_better else -1)
    best = np.flatnonzero(front(x, y))
    ends = [_ends(point, lower_x_is_better, higher_y_is_better) for point in known]
    verdicts = iter([_verdict(known, x, y, ends, place, best) for place in range(len(known))])
    return [next(verdicts) if point.is_known else Verdict(point, False) for point in points]


def _verdict(
    known: list[Point], x: np.ndarray, y: np.ndarray, ends: list[_Ends], place: int, best: np.ndarray
) -> Verdict:
    no_worse = (x[best] <= x[place]) & (y[best] >= y[place])
    better = (x[best] < x[place]) | (y[best] > y[place])
    over = best[no_worse & better].tolist()
    surely = bool(over) and any(_dominates_surely(other, ends[place]) for other in ends)
    return Verdict(known[place], not over, tuple(known[other].name for other in over), surely)


def _ends(point: Point, lower_x_is_better: bool, higher_y_is_better: bool) -> _Ends:
    """Best and worst x, then best and worst y, with less x and more y better; the value itself without an interval."""
    x, y = float(point.x or 0.0), float(point.y or 0.0)
    xs = (x if point.x_low is None else point.x_low, x if point.x_high is None else point.x_high)
    ys = (y if point.y_low is None else point.y_low, y if point.y_high is None else point.y_high)
    best_x, worst_x = xs if lower_x_is_better else (-xs[1], -xs[0])
    worst_y, best_y = ys if higher_y_is_better else (-ys[1], -ys[0])
    return best_x, worst_x, best_y, worst_y


def _dominates_surely(other: _Ends, mine: _Ends) -> bool:
    """Whether the other's worst is still no worse than my best in both figures, and better in one."""
    no_worse = other[1] <= mine[0] and other[3] >= mine[2]
    return no_worse and (other[1] < mine[0] or other[3] > mine[2])


def in_words(verdicts: Sequence[Verdict], x_name: str, y_name: str) -> tuple[str, ...]:
    """What the chart says: who is on the front, and by whom each of the others is beaten."""
    best = [verdict.point.name for verdict in verdicts if verdict.on_front]
    if not best:
        return ()
    any_of_them = "it" if len(best) == 1 else "any of them"
    sentences = [f"Worth a look: {_listed(best)}. Nothing here beats {any_of_them} in both {x_name} and {y_name}."]
    for verdict in verdicts:
        if verdict.dominated_by:
            sure = "" if verdict.surely else "; within the intervals it might still be otherwise"
            sentences.append(
                f"{verdict.point.name} is beaten by {_listed(verdict.dominated_by)}: at least as good in both, and "
                f"better in one{sure}."
            )
    return tuple(sentences)


def _listed(names: Sequence[str]) -> str:
    """ "A", "A and B", "A, B and C"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"

"""Which models are worth a look, against comparing each with each."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vision_core.costs.pareto import Point, front, in_words, judge

FIGURES = st.one_of(st.integers(-3, 3).map(float), st.floats(-1e6, 1e6))
POINTS = st.lists(st.tuples(FIGURES, FIGURES), max_size=25)


def dominates(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] <= other[0] and one[1] >= other[1] and one != other


@given(POINTS)
def test_the_front_is_what_nothing_dominates(points: list[tuple[float, float]]) -> None:
    x, y = np.array(points, np.float64).reshape(-1, 2).T
    mask = front(x, y)
    assert mask.tolist() == [not any(dominates(other, one) for other in points) for one in points]


@given(POINTS)
def test_everybody_else_is_dominated_by_somebody_on_the_front(points: list[tuple[float, float]]) -> None:
    verdicts = judge([point(str(number), *pair) for number, pair in enumerate(points)])
    on_front = {verdict.point.name for verdict in verdicts if verdict.on_front}
    for verdict in verdicts:
        assert verdict.on_front == (not verdict.dominated_by)
        assert set(verdict.dominated_by) <= on_front
        assert verdict.surely == bool(verdict.dominated_by)  # without intervals what is, is sure


@given(POINTS)
def test_turning_an_axis_around_turns_the_figures_around(points: list[tuple[float, float]]) -> None:
    plain = judge([point(str(number), *pair) for number, pair in enumerate(points)])
    for flip_x, flip_y in ((True, False), (False, True), (True, True)):
        flipped = [point(str(number), -x if flip_x else x, -y if flip_y else y) for number, (x, y) in enumerate(points)]
        found = judge(flipped, lower_x_is_better=not flip_x, higher_y_is_better=not flip_y)
        assert [verdict.on_front for verdict in found] == [verdict.on_front for verdict in plain]


def point(name: str, x: float | None, y: float | None, half: float | None = None) -> Point:
    ends = (None, None) if half is None or y is None else (y - half, y + half)
    return Point(name=name, task="detection", x=x, y=y, y_low=ends[0], y_high=ends[1])


def test_what_is_not_known_is_nobodys_rival() -> None:
    verdicts = judge([point("a", 1, 0.5), point("b", None, 0.9), point("c", 2, None), point("d", float("nan"), 1)])
    assert [(verdict.on_front, verdict.dominated_by) for verdict in verdicts] == [(True, ()), *[(False, ())] * 3]
    assert judge([]) == []
    assert in_words(judge([point("b", None, 0.9)]), "latency", "accuracy") == ()


def test_intervals_that_touch_leave_a_doubt() -> None:
    _, near, far = judge([point("best", 1, 0.8, 0.05), point("near", 2, 0.76, 0.05), point("far", 2, 0.6, 0.05)])
    assert (near.dominated_by, near.surely) == (("best",), False)
    assert (far.dominated_by, far.surely) == (("best",), True)


def test_the_words_name_the_front_and_who_beats_whom() -> None:
    verdicts = judge([point("quick", 1, 0.7, 0.1), point("good", 5, 0.9, 0.1), point("neither", 6, 0.85, 0.1)])
    assert in_words(verdicts, "latency", "accuracy") == (
        "Worth a look: quick and good. Nothing here beats any of them in both latency and accuracy.",
        "neither is beaten by good: at least as good in both, and better in one; within the intervals it might still "
        "be otherwise.",
    )

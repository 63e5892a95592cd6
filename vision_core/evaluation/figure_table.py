"""Figures with their intervals as plain rows, for a table in a notebook or a file.

    pd.DataFrame(figure_rows(evaluation))                       # one run: each figure, low and high
    pd.DataFrame(yardstick_rows(sticks, names))                 # several on the common yardstick, a row each
    pd.DataFrame(gap_rows(sticks[0], sticks[1]))                # how far two of them are apart

The page shows the very same: 1000 drawings of the pictures, from the same seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vision_core.evaluation.bootstrap_ap import detection_intervals
from vision_core.evaluation.classification_intervals import classification_intervals
from vision_core.evaluation.intervals import Drawing, Interval, Progress, is_apart
from vision_core.evaluation.records import ClassificationResults, Results
from vision_core.evaluation.store import Evaluation
from vision_core.evaluation.yardstick import FIGURES, Yardstick, differences

SAMPLES = 1000
TWELVE = (
    *("map", "map50", "map75", "map_small", "map_medium", "map_large"),
    *("ar1", "ar10", "ar100", "ar_small", "ar_medium", "ar_large"),
)
"""COCO's figures."""


def figure_intervals(
    results: Results, samples: int = SAMPLES, by_class: bool = True, progress: Progress | None = None
) -> dict[str, Interval]:
    """The interval of every figure that has one, and with `by_class` those of each class, as `f1/cup` or `map50/cup`.

    Raises:
        SettingsError: fewer than 100 samples.
    """
    how = Drawing(samples=samples)
    if isinstance(results, ClassificationResults):
        found = classification_intervals(results, how=how, progress=progress, by_class=by_class)
    else:
        found = detection_intervals(results, TWELVE, how, by_class=by_class, progress=progress)
    return {name: one for name, one in found.items() if one.known}


def figure_rows(evaluation: Evaluation, ends: Mapping[str, Interval] | None = None) -> list[dict[str, Any]]:
    """`figure`, `value`, and `low` and `high` of its 95 % interval (None where there is none), of one run.

    Args:
        ends: as `figure_intervals` found them; by default they are found here.
    """
    ends = figure_intervals(evaluation.results, by_class=False) if ends is None else ends
    return [
        {"figure": name, "value": value, "low": _end(ends, name, "low"), "high": _end(ends, name, "high")}
        for name, value in evaluation.figures.items()
    ]


def yardstick_rows(
    sticks: Sequence[Yardstick], names: Sequence[str], samples: int = SAMPLES
) -> list[dict[str, str | float | None]]:
    """A row a run: `run`, and each figure of the common yardstick with its `…, low` and `…, high`; None: cannot say."""
    rows = []
    for stick, name in zip(sticks, names, strict=True):
        ends = stick.intervals(samples)
        row: dict[str, str | float | None] = {"run": name}
        for figure in FIGURES:
            low, high = ends.get(figure, (None, None))
            row |= {figure: stick.figures[figure], f"{figure}, low": low, f"{figure}, high": high}
        rows.append(row)
    return rows


def gap_rows(one: Yardstick, other: Yardstick, samples: int = SAMPLES) -> list[dict[str, Any]]:
    """How much higher each figure of the first is, with its paired interval, and whether that leaves zero out."""
    return [
        {"figure": name, "gap": gap.value, "low": gap.low, "high": gap.high}
        | {"surely": is_apart(gap.value, gap.low, gap.high, gap.note)}
        for name, gap in differences(one, other, samples).items()
    ]


def _end(ends: Mapping[str, Interval], name: str, which: str) -> float | None:
    return float(getattr(ends[name], which)) if name in ends else None

"""How good the models of a measurement are, to set beside what they cost: runs on the common yardstick, with intervals.

    found = on_the_yardstick([run_path, …])
    found.of[run_path]["presence_f1"].low        # 95 % over pictures
    found.missing[run_path]                      # why a run has no figures
    found.unanswered[run_path]["pointing"]       # why it lacks this one
    points(rows, "latency_ms_p50", found.of, "presence_f1")      # for `pareto.judge`

Evaluations are not computed here: those that runs keep are read (`vision_core.evaluation.store`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vision_core import background
from vision_core.costs.bench_rows import Row, labels, usable
from vision_core.costs.pareto import Point
from vision_core.data.index import DatasetIndex
from vision_core.data.wording import digits
from vision_core.errors import DataError, VisionError
from vision_core.evaluation.applied import applied_threshold, flattered
from vision_core.evaluation.ground import with_boxes
from vision_core.evaluation.pointing import points_said
from vision_core.evaluation.store import Evaluation, list_evaluations
from vision_core.evaluation.yardstick import Yardstick, side_by_side
from vision_core.models.catalogue import get_spec
from vision_core.models.published import published
from vision_core.runs import is_run

OF_A_THRESHOLD = frozenset({"presence_f1", "count_mae"})
"""Figures for which a thing is there from some score on."""
NOT_EVALUATED = "It has not been evaluated yet."
MORE_IS_BETTER = frozenset({"images_per_second"})
"""Costs of which more is better."""
OF_A_BATCH = frozenset({"latency_ms_p50", "latency_ms_p95", "latency_ms_p99"})
"""Costs of a whole batch, which `points` divides among its pictures: else a larger batch would always look dearer."""


@dataclass(frozen=True)
class Quality:
    """One figure; `low` and `high` are the ends of its 95 % interval, None where there is none."""

    value: float
    low: float | None = None
    high: float | None = None
    note: str = ""


@dataclass(frozen=True)
class OnTheYardstick:
    """Figures of each run by name (`vision_core.evaluation.yardstick.FIGURES`), and why others have none.

    Attributes:
        of: by run, then by figure.
        missing: by run, one sentence.
        pictures: how many the runs have in common.
        unanswered: figures that a run has none of, by run, then by figure, each with a sentence that says why.
        flattered: runs whose threshold was, or may have been, chosen on pictures judged here, each with a sentence:
            their `OF_A_THRESHOLD` are too good.
    """

    of: Mapping[str, Mapping[str, Quality]] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    pictures: int = 0
    unanswered: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    flattered: Mapping[str, str] = field(default_factory=dict)


def kept_evaluation(run: str) -> Evaluation | None:
    """The newest evaluation on the run's own test pictures, else on others; None before there is any."""
    found = list_evaluations(run)
    own = [one for one in found if one.is_own and one.split == "test"]
    return (own or found or [None])[0]


def kept_threshold(evaluation: Evaluation) -> float | None:
    """The score from which on the run's boxes are shown; None of a classifier, and where the usual one holds."""
    return applied_threshold(evaluation.run.path) if evaluation.task == "detection" else None


def kept_points(evaluation: Evaluation) -> Mapping[str, Any] | None:
    """Where a classifier's activation maps peak (`vision_core.evaluation.asked.points`); None before it was asked."""
    if evaluation.task != "classification":
        return None
    work = background.find("points", {"file": str(evaluation.file), "digest": evaluation.about["digest"]})
    return (work.result() or None) if work is not None else None


def on_the_yardstick(runs: Sequence[str], samples: int = 1000) -> OnTheYardstick:
    """These runs on the pictures and classes that they have in common.

    A run that shares no picture or class with those before it is left out, and it is said. Classifiers point where
    somebody has asked their activation maps; nobody asks them here.
    """
    missing: dict[str, str] = {}
    together: dict[str, Evaluation] = {}
    sticks: list[Yardstick] = []
    for run in dict.fromkeys(runs):
        kept = kept_evaluation(run)
        if kept is None:
            missing[run] = NOT_EVALUATED
            continue
        try:
            sticks = stand([*together.values(), kept])
        except DataError as error:
            missing[run] = str(error)
            continue
        together[run] = kept
    said = {run: why for run, kept in together.items() if (why := flattered(kept))}
    of = {run: _qualities(one, samples, said.get(run, "")) for run, one in zip(together, sticks, strict=True)}
    unanswered = {run: one.unanswered for run, one in zip(together, sticks, strict=True)}
    return OnTheYardstick(of, missing, len(sticks[0].ground) if sticks else 0, unanswered, said)


def stand(evaluations: Sequence[Evaluation]) -> list[Yardstick]:
    """Side by side, each detector at its run's threshold, each classifier with the points that are known.

    Raises:
        DataError: they have no picture or no class in common.
    """
    results, scores = [one.results for one in evaluations], [kept_threshold(one) for one in evaluations]
    index = _boxes_of(evaluations)
    sticks = side_by_side(results, index, scores)
    asked = [kept_points(one) for one in evaluations]
    if sticks[0].ground.boxes is None or not any(asked):
        return sticks
    return side_by_side(
        results, index, scores, [one if one is None else points_said(sticks[0].ground, one) for one in asked]
    )


def _boxes_of(evaluations: Sequence[Evaluation]) -> DatasetIndex | None:
    """The data set with boxes, where no detector brings them."""
    if any(one.task == "detection" for one in evaluations):
        return None
    return next((index for one in evaluations if (index := with_boxes(one)) is not None), None)


def _qualities(stick: Yardstick, samples: int, flattered_by: str) -> dict[str, Quality]:
    ends = stick.intervals(samples)
    return {
        name: Quality(value, *_known(ends.get(name)), flattered_by if name in OF_A_THRESHOLD else "")
        for name, value in stick.figures.items()
        if value is not None
    }


def _known(ends: tuple[float, float] | None) -> tuple[float | None, float | None]:
    return (None, None) if ends is None or np.isnan(ends).any() else ends


def qualities_of(rows: Sequence[Row]) -> dict[str, dict[str, Quality]]:
    """All that is known of how good the models of these rows are: as published, and of runs on the common yardstick."""
    models = list(dict.fromkeys(str(row.get("model")) for row in rows))
    published, judged = as_published(models), on_the_yardstick([model for model in models if is_run(model)]).of
    return {model: {**published.get(model, {}), **judged.get(model, {})} for model in models}


def as_published(models: Sequence[str]) -> dict[str, dict[str, Quality]]:
    """What was published of each catalogue model, under "published"; runs and unknown names are left out."""
    found = {}
    for model in dict.fromkeys(models):
        try:
            known = published(get_spec(model))
        except VisionError:
            continue
        if known is not None:
            found[model] = {"published": Quality(known.value, note=f"{known.metric}, {known.source}")}
    return found


def points(rows: Sequence[Row], cost: str, qualities: Mapping[str, Mapping[str, Quality]], figure: str) -> list[Point]:
    """One point a row: what it costs, with its interval where runs were timed, and how good its model is.

    Latencies are of one picture: a batch's, divided by its size.
    """
    known = usable(rows)
    names = labels(known)
    found = []
    for name, row in zip(names, known, strict=True):
        quality = qualities.get(str(row.get("model")), {}).get(figure)
        share = 1 / (row.get("batch_size") or 1) if cost in OF_A_BATCH else 1.0
        x, low, high = (None if one is None else one * share for one in (row.get(cost), *cost_interval(row, cost)))
        found.append(
            Point(
                name=name,
                task=str(row.get("task")),
                x=x,
                y=None if quality is None else quality.value,
                x_low=low,
                x_high=high,
                y_low=None if quality is None else quality.low,
                y_high=None if quality is None else quality.high,
                note=_note(row, quality, cost),
            )
        )
    return found


def _note(row: Row, quality: Quality | None, cost: str) -> str:
    precision = str(row.get("precision") or "fp32")
    said = [quality.note] if quality is not None and quality.note else []
    if cost in OF_A_BATCH and (row.get("batch_size") or 1) > 1 and row.get(cost) is not None:
        said.append(f"its batch of {row['batch_size']} takes {digits(row[cost], 4)} ms in all")
    if precision != "fp32":
        said.append(f"how good it is was found with 32-bit floats, not with {precision}")
    return "; ".join(one.rstrip(".") for one in said)


def cost_interval(row: Row, cost: str) -> tuple[float | None, float | None]:
    """The 95 % interval of what follows from the median run: latency, throughput and the price of a million.

    None where the figure does not follow from it, or too few runs were timed.
    """
    samples, median = row.get("samples_ms") or (), row.get("latency_ms_p50")
    value: Any = row.get(cost)
    if cost not in ("latency_ms_p50", "images_per_second", "usd_per_million") or value is None or not median:
        return None, None
    ends = median_interval(samples)
    if ends is None:
        return None, None
    factors = sorted(median / end if cost == "images_per_second" else end / median for end in ends)
    return value * factors[0], value * factors[1]


def median_interval(samples: Sequence[float], confidence: float = 0.95) -> tuple[float, float] | None:
    """An interval for the median that holds whatever the distribution is; None for too few samples.

    The order statistics between which the median lies with at least that probability, by the binomial distribution
    (Conover 1999, "Practical Nonparametric Statistics", section 3.2). Runs that follow one another are not quite
    independent, so that it is a little too narrow.
    """
    from scipy.stats import binom

    count = len(samples)
    below = int(binom.ppf((1 - confidence) / 2, count, 0.5)) if count else 0
    if below < 1:
        return None
    ordered = sorted(samples)
    return float(ordered[below - 1]), float(ordered[count - below])

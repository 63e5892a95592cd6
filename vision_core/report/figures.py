"""The charts of a report: those of the rest of the package, chosen and said in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vision_core import glossary
from vision_core.costs import pareto
from vision_core.costs.cost_charts import Axis
from vision_core.costs.cost_charts import pareto as pareto_chart
from vision_core.costs.measured import Measured, unavailable
from vision_core.costs.prices import Price
from vision_core.costs.totals import Approach, in_words, training_cost
from vision_core.evaluation.interval_charts import Bar, intervals
from vision_core.evaluation.yardstick import LOWER_IS_BETTER, QUESTIONS
from vision_core.report.subject import Chart, Contender
from vision_core.report.tables import TITLES, titled

WAGE_PER_HOUR = 20.0
PICTURES_A_YEAR = 1e6
"""What the money of a report is reckoned with, where nobody says otherwise."""


def yardstick(contenders: Sequence[Contender]) -> list[Chart]:
    """A chart for each question: every figure that anybody can say, with its interval."""
    charts = []
    for question, names in QUESTIONS.items():
        for name in names:
            if all(one.figures.get(name) is None for one in contenders):
                continue
            charts.append(_bars(question, name, contenders))
    return charts


def _bars(question: str, name: str, contenders: Sequence[Contender]) -> Chart:
    term = glossary.term(name)
    percent = term.unit == "share"
    bars = []
    for one in contenders:
        low, high = one.intervals.get(name) or (None, None)
        why = one.unanswered.get(name, "these pictures cannot tell")
        bars.append(Bar(one.title, one.figures.get(name), low, high, why))
    title = titled(name)
    axis = f"{title} ({'%' if percent else 'per class and picture'})"
    figure = intervals(bars, axis, percent=percent)
    return Chart(f"figure_{name}", f"{question} {title}", figure, (term.definition, better(name)))


def better(name: str) -> str:
    """Which way a figure is better, in a sentence."""
    return "Lower is better." if name in LOWER_IS_BETTER else "Higher is better."


def tradeoff(contenders: Sequence[Contender], name: str, task: str = "") -> Chart | None:
    """Quality against latency; None where not even one contender has both."""
    points = []
    for one in contenders:
        low, high = one.intervals.get(name) or (None, None)
        latency = one.costs.get("latency_ms_p50")
        points.append(
            pareto.Point(name=one.title, task=one.kind, x=latency, y=one.figures.get(name), y_low=low, y_high=high)
        )
    if not any(point.is_known for point in points):
        return None
    term = glossary.term(name, task)
    higher = term.better != "lower"
    verdicts = pareto.judge(points, True, higher)
    scale, unit = (100.0, "%") if term.unit == "share" else (1.0, "per class and picture")
    title = TITLES.get(name, term.short)
    figure = pareto_chart(verdicts, Axis("latency of a picture", "ms"), Axis(title, unit, scale))
    words = pareto.in_words(verdicts, "latency", title)
    lead = f"Further {'up' if higher else 'down'} is better, further left is quicker."
    return Chart("pareto", f"{title[:1].upper()}{title[1:]} against latency", figure, (lead, *words))


def money(ways: Sequence[Approach], price: Price) -> Chart | None:
    """What each costs in all over how many pictures it is asked; None where no way can be added up."""
    from vision_core.costs.total_charts import cost_by_volume

    if all(way.missing for way in ways):
        return None
    figure = cost_by_volume(ways, PICTURES_A_YEAR)
    lead = (
        f"Reckoned with {WAGE_PER_HOUR:g} USD an hour for labelling, {price.name} at {price.usd_per_hour:.4g} USD an "
        f"hour, and this machine's speed. The Costs page takes your own numbers."
    )
    left = [f"{way.name} cannot be added up. {way.missing[0]}." for way in ways if way.missing]
    return Chart("money", "Cost of a year, by pictures a year", figure, (lead, *in_words(ways, PICTURES_A_YEAR), *left))


def way(one: Contender, price: Price) -> Approach:
    """Labels, training and inference of a contender, from what was measured of it."""
    hours = None if not one.labels else one.labels.get("hours")
    labelling = unavailable("nobody knows how long its labels took")
    if hours is not None:
        labelling = Measured(hours * WAGE_PER_HOUR, "estimated", f"{hours:.2f} h at {WAGE_PER_HOUR:g} USD/h")
    rate = one.costs.get("usd_per_million")
    each = unavailable("its speed was not measured") if rate is None else Measured(rate, "estimated", "as measured")
    kind: Any = one.kind
    return Approach(one.title, kind, labelling, training_cost(one.training_seconds or None, price), each)


def learning(result: Mapping[str, Any], name: str) -> list[Chart]:
    """What a duel's contenders learned from more labels: over pictures, and over hours of labelling."""
    from vision_core.duel.charts import AXES, in_words, learning_curves

    if not result.get("curves"):
        return []
    words = in_words(result, name)
    charts = []
    for axis in ("pictures", "hours"):
        lead = f"Each point is a training of its own; over {AXES[axis]}. Dashed: what the fitted line expects."
        said = words if axis == "pictures" else ()
        short = titled(name)
        figure = learning_curves(result, name, axis)
        figure.update_yaxes(title_text=f"{short} ({'per class and picture' if name in LOWER_IS_BETTER else '%'})")
        title = f"{short} by {'labelled pictures' if axis == 'pictures' else 'hours of labelling'}"
        charts.append(Chart(f"learning_{axis}", title, figure, (lead, *said)))
    return charts


def training(histories: Sequence[tuple[str, Sequence[dict[str, Any]]]], monitor: str, task: str) -> list[Chart]:
    """Loss and metric of runs, epoch by epoch."""
    from vision_core.training import charts

    curves = [charts.Curve(name, history) for name, history in histories]
    if not any(curve.history for curve in curves):
        return []
    found = [
        Chart(
            "loss",
            "Loss while it learned",
            charts.losses(curves),
            ("Solid: on validation pictures. Dotted: on those it learned from. Both should fall.",),
        )
    ]
    if monitor:
        title = f"{charts.metric_title(monitor, task)} while it learned"
        words = ("On validation pictures; the ring marks the epoch whose weights are kept.",)
        found.append(Chart("metric", title, charts.metric(curves, monitor, task), words))
    return found

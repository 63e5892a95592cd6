"""The figures of costs: what they hold, what they say where there is nothing, and hostile names."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from plotly.graph_objects import Figure

from tests.bench_cases import DETECTOR, HOSTILE, broken, layers, row, rows
from tests.test_totals import WAYS, way
from vision_core.costs import bench_charts
from vision_core.costs.cost_charts import Axis, pareto
from vision_core.costs.pareto import Point, judge
from vision_core.costs.roof import Roof, raised
from vision_core.costs.total_charts import cost_by_volume, cost_parts
from vision_core.costs.totals import Approach, crossings


def point(name: str, x: float | None, y: float | None, task: str = "detection") -> Point:
    ends = (None, None) if y is None else (y - 0.05, y + 0.04)
    return Point(name=name, task=task, x=x, y=y, y_low=ends[0], y_high=ends[1])


POINTS = [point("quick", 10, 0.6, "classification"), point("good", 30, 0.8), point("beaten", 40, 0.7)]
MILLISECONDS, QUALITY = Axis("latency", "ms"), Axis("F1", "%", scale=100)


def drawn(figure: Figure) -> str:
    """Everything in a figure as text; also shows that it can be sent to a browser."""
    return json.dumps(json.loads(figure.to_json() or ""))


def traces(figure: Figure) -> list[Any]:
    return list(figure.data)


def trace(figure: Figure, name: str) -> Any:
    return next(one for one in traces(figure) if one.name == name)


def test_the_front_is_bright_and_the_rest_is_faint() -> None:
    figure = pareto(judge(POINTS), MILLISECONDS, QUALITY)
    front, beaten = trace(figure, "detection"), trace(figure, "detection, beaten")
    assert (list(front.x), list(front.y)) == ([30], [80])
    assert list(beaten.x) == [40]
    assert beaten.opacity < 0.6
    assert beaten.marker.symbol.endswith("-open")
    assert list(trace(figure, "front").x) == [10, 30]
    assert "beaten by good" in drawn(figure)
    assert figure.layout.yaxis.title.text == "F1 (%)"


def test_intervals_are_drawn_where_there_are_some() -> None:
    figure = pareto(judge(POINTS), MILLISECONDS, QUALITY)
    bars = trace(figure, "detection").error_y
    assert bars.visible
    assert bars.array[0] == pytest.approx(4)
    assert bars.arrayminus[0] == pytest.approx(5)
    assert not trace(figure, "detection").error_x.visible


@pytest.mark.parametrize("log", [True, False])
def test_one_point_and_equal_points_have_axes(log: bool) -> None:
    for points in (POINTS[:1], [POINTS[0]] * 2, [point("free", 0, 0)]):
        figure = pareto(judge(points), Axis("USD", log=log), QUALITY)
        low, high = figure.layout.yaxis.range
        assert low < high


def test_without_figures_it_says_so() -> None:
    assert "both figures" in drawn(pareto(judge([point("a", None, 0.4)]), MILLISECONDS, QUALITY))
    assert "unknown" in drawn(cost_by_volume([way("a", None, 1)], 1e6))
    assert "unknown" in drawn(cost_parts([], 1e6))
    for empty in (bench_charts.throughput, bench_charts.latencies, bench_charts.stages):
        assert "Nothing has been measured" in drawn(empty([broken()]))
    assert "No layer" in drawn(bench_charts.roofline([]))
    assert "No layer" in drawn(bench_charts.layer_times([{"name": "a", "time_ms": None}]))


def ways() -> tuple[Approach, ...]:
    kinds = ("classification", "detection", "two-stage")
    return tuple(
        Approach(each.name, kind, each.labelling_usd, each.training_usd, each.usd_per_million)  # type: ignore[arg-type]
        for each, kind in zip(WAYS, kinds, strict=True)
    )


def test_crossings_are_marked_where_the_lines_meet() -> None:
    figure = cost_by_volume(ways(), 1e6)
    (mark,) = [one for one in traces(figure) if one.name == "same cost"]
    (crossing,) = crossings(ways())
    assert (mark.x[0], mark.y[0]) == (crossing.pictures_a_year, crossing.usd)
    lines = [one for one in traces(figure) if one.mode == "lines"]
    assert len({(one.line.color, one.line.dash) for one in lines}) == 3
    for line, each in zip(lines, ways(), strict=True):
        assert line.y[-1] == pytest.approx(each.total_usd(line.x[-1]))
    assert figure.layout.yaxis.type == "log"
    assert "yours: 1 million" in drawn(figure)


def test_what_is_free_has_a_linear_axis() -> None:
    figure = cost_by_volume([way("free", 0, 0), way("dear", 1, 1)], 1000, years=3)
    assert figure.layout.yaxis.type != "log"
    assert "USD in 3 years" in drawn(figure)


def test_the_parts_add_up_to_the_total() -> None:
    figure = cost_parts(ways(), 2e6)
    assert [one.name for one in traces(figure)] == ["labelling", "training", "inference"]
    assert [sum(one.x[row] for one in traces(figure)) for row in range(3)] == [each.total_usd(2e6) for each in ways()]


def test_throughput_has_a_line_for_each_configuration() -> None:
    figure = bench_charts.throughput(rows())
    assert [one.name for one in traces(figure)] == [
        "EfficientNet-Lite0 · PyTorch",
        "EfficientNet-Lite0 · ONNX Runtime",
        "SSDLite-MobileNetV2",
    ]
    assert list(traces(figure)[0].x) == [1, 2, 8]
    assert list(figure.layout.xaxis.tickvals) == [1, 2, 8]


def test_latencies_show_every_run_or_enough_of_them() -> None:
    many = row(samples_ms=[10.0 + place / 1000 for place in range(5000)])
    figure = bench_charts.latencies([many, row(DETECTOR)])
    assert len(traces(figure)[0].x) == 200
    assert (traces(figure)[0].x[0], traces(figure)[0].x[-1]) == (10.0, many["samples_ms"][-1])
    assert [one.name for one in traces(figure) if one.name] == ["p50", "p95", "p99"]
    assert bench_charts.latencies([row(samples_ms=[1.0, 50.0])]).layout.xaxis.type == "log"


def test_layers_lie_where_their_figures_put_them() -> None:
    roof = {"flops_per_second": 5e10, "bytes_per_second": 1e10}
    figure = bench_charts.roofline(layers(), roof)
    convolutions = trace(figure, "Conv2d")
    first = layers()[0]
    assert convolutions.x[0] == first["flops"] / first["bytes_moved"]
    assert convolutions.y[0] == pytest.approx(first["flops"] / (first["time_ms"] / 1000) / 1e9)
    line = trace(figure, "most this machine can do")
    assert max(line.y) == 50
    assert math.isclose(line.y[0], line.x[0] * 10)
    bars = traces(bench_charts.layer_times(layers(), most=5))[0]
    assert sum(bars.x) == pytest.approx(sum(one["time_ms"] for one in layers()))
    assert len(bars.x) == 6


def test_no_layer_lies_above_the_roof() -> None:
    machine = {"flops_per_second": 5e10, "bytes_per_second": 1e10}
    assert raised(machine, layers()) == Roof(5e10, 1e10)
    busy = {"flops_per_second": 1e9, "bytes_per_second": 1e8}
    roof = raised(busy, layers())
    known = [(one["flops"], one["bytes_moved"], one["time_ms"] / 1000) for one in layers()]
    for flops, moved, seconds in known:
        assert flops / seconds <= min(roof.flops_per_second, flops / moved * roof.bytes_per_second) * (1 + 1e-12)
    assert roof.flops_per_second == pytest.approx(max(flops / seconds for flops, _, seconds in known))
    assert "arithmetic (1 GFLOP/s measured) and of memory (0.1 GB/s measured)" in roof.words
    assert "memory" not in raised(busy | {"bytes_per_second": 1e12}, layers()).words
    line = trace(bench_charts.roofline(layers(), busy), "most this machine can do")
    assert max(line.y) == pytest.approx(roof.flops_per_second / 1e9)
    assert "raised to the quickest layer" in line.hovertemplate


def test_long_times_are_written_in_plain_digits_and_volumes_in_words() -> None:
    slow = row(preprocess_ms=300.0, network_ms=1000.0, postprocess_ms=12.0)
    assert [one.text for one in bench_charts.stages([slow]).layout.annotations][-1] == " 1,310"
    ticks = cost_by_volume(ways(), 1e6).layout.xaxis.ticktext
    assert "1 million" in ticks
    assert len(ticks) <= 5
    few = bench_charts.latencies([row(samples_ms=[10.0] * 19), row(samples_ms=[10.0] * 20)])
    assert [value is None for value in trace(few, "p99").x] == [True, False]


def test_the_stages_are_drawn_in_their_order() -> None:
    figure = bench_charts.stages([row()])
    assert [one.name for one in traces(figure)] == ["pre-processing", "network", "post-processing"]


def test_names_are_never_markup() -> None:
    hostile = [row(title=HOSTILE), row(DETECTOR, title=HOSTILE)]
    figures = [bench_charts.throughput(hostile), bench_charts.latencies(hostile), bench_charts.stages(hostile)]
    figures.append(pareto(judge([point(HOSTILE, 1, 0.5)]), Axis(HOSTILE), QUALITY))
    figures.append(cost_by_volume([way(HOSTILE, 1, 2), way("other", 2, 1)], 1e6))
    figures.append(cost_parts([way(HOSTILE, 1, 2)], 1e6))
    figures.append(bench_charts.roofline([layers()[0] | {"name": HOSTILE, "kind": HOSTILE}]))
    for figure in figures:
        assert "<b>bold" not in drawn(figure)

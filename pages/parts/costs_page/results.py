"""What a measurement found: the table, how good against how dear, and where the time goes."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages import plain
from pages.parts import explained, figures
from pages.parts.costs_page import table, tradeoff
from pages.parts.costs_page.wrapped import wrapped
from vision_core.costs import bench_charts
from vision_core.costs.bench_rows import P99, Row, labels, quotable, usable
from vision_core.costs.roof import raised
from vision_core.data.wording import digits, plural


def draw(rows: Sequence[Row], key: str) -> None:
    """Everything there is to show of these rows."""
    known = usable(rows)
    if not known:
        if rows:
            st.warning(
                "None of these combinations could be measured: the reasons stand above.", icon=":material/block:"
            )
        return
    table.draw(rows, key)
    tradeoff.draw(known, key)
    left, right = wrapped("charts", 2)
    with left:
        _throughput(known, key)
    with right:
        _latencies(known, key)
    _inside(known, key)


def _throughput(rows: Sequence[Row], key: str) -> None:
    best = max(rows, key=lambda row: float(row.get("images_per_second") or 0.0))
    figures.draw(
        bench_charts.throughput(rows),
        "Throughput by batch size",
        alt=f"Pictures a second by batch size; {labels([best], rows)[0]} is the quickest with "
        f"{digits(best['images_per_second'])} pictures a second",
        key=f"bench_throughput_{key}",
        help=explained.brief("images_per_second"),
    )


def _latencies(rows: Sequence[Row], key: str) -> None:
    shown = rows[: bench_charts.MOST_ROWS]
    figures.draw(
        bench_charts.latencies(shown),
        "How latencies spread",
        alt="Every run's milliseconds: "
        + "; ".join(
            f"{name} median {digits(row['latency_ms_p50'])}, p99 {digits(quotable(row, P99))} ms"
            for name, row in zip(labels(shown, rows), shown, strict=True)
        ),
        key=f"bench_latencies_{key}",
        help=explained.brief("latency_ms_p95"),
    )
    if len(rows) > len(shown):
        st.caption(f"The first {len(shown)} of {plural(len(rows), 'configuration')}.")


def _inside(rows: Sequence[Row], key: str) -> None:
    """Stages, and the layers of one configuration."""
    left, right = wrapped("inside", 2)
    with left:
        figures.draw(
            bench_charts.stages(rows),
            "Before, in and after the network",
            alt="Milliseconds of each stage: "
            + "; ".join(
                f"{name} {digits(row['preprocess_ms'])} + {digits(row['network_ms'])} + {digits(row['postprocess_ms'])}"
                for name, row in list(zip(labels(rows), rows, strict=True))[: bench_charts.MOST_ROWS]
                if row.get("network_ms") is not None
            ),
            key=f"bench_stages_{key}",
        )
    with right:
        _layers(rows, key)


def _layers(rows: Sequence[Row], key: str) -> None:
    """Where the time of one configuration goes, layer by layer."""
    names = dict(zip(labels(rows), rows, strict=True))
    with_layers = [name for name, row in names.items() if row.get("layers")]
    if not with_layers:
        st.markdown("##### Where the time goes, layer by layer")
        st.caption("Layers are looked at with PyTorch and 32-bit floats; measure one so.")
        return
    name = st.selectbox("Layers of", with_layers, key=f"bench_layers_{key}") or with_layers[0]
    layers = list(names[name]["layers"])
    view = st.segmented_control(
        "View", ["Roofline", "Layers by time"], default="Roofline", required=True, key=f"bench_layer_view_{key}"
    )
    roof = names[name].get("roof")
    is_roofline = view == "Roofline"
    chart = bench_charts.roofline(layers, roof) if is_roofline else bench_charts.layer_times(layers)
    slowest = max(layers, key=lambda one: float(one.get("time_ms") or 0.0))
    total = sum(float(one.get("time_ms") or 0.0) for one in layers) or 1.0
    words = f"{slowest['name']} takes the most time: {float(slowest['time_ms'] or 0.0) / total:.0%} of all layers'."
    figures.draw(
        chart,
        "Where the time goes, layer by layer",
        alt=f"{name}: {words}",
        key=f"bench_roofline_{key}",
        table=layers,
        help=explained.brief("roofline"),
    )
    st.caption(plain(words))
    if is_roofline and roof and (why := raised(roof, layers).words):
        st.caption(f":material/info: {plain(why)}")

"""What each column costs, measured on this machine after its answer is on screen."""

from __future__ import annotations

from functools import lru_cache

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages import plain, told
from pages.parts import engine, price_editor
from pages.parts.columns import Shown, headings
from pages.parts.controls import View
from pages.parts.engine import Ref
from vision_core.charts import latency_split
from vision_core.costs.latency import LatencyReport
from vision_core.costs.measured import Measured
from vision_core.costs.prices import Price, load_prices
from vision_core.costs.report import price_per_million
from vision_core.types import Timing

BUSY = 2.5  # times the median at which the 95th percentile says more of the machine than of the model
DOLLAR = "\\$"  # a bare one starts a formula in Streamlit's Markdown


def panel(columns: list[Shown], strips: list[DeltaGenerator], ref: Ref, view: View) -> None:
    """Fills the strip under each column, then draws the comparison and the prices below."""
    st.subheader("What it costs", anchor=False)
    prices = load_prices()
    names = [entry.name for entry in prices.entries]
    asked = st.selectbox(
        "Price a million such pictures on",
        names,
        key="price",
        bind="query-params",
        help="The speed is this machine's, the price that of the computer you choose.",
    )
    price = prices.find(asked or names[0])
    chart, note = st.empty(), st.empty()
    prices_at = st.expander("Prices", icon=":material/payments:", key="prices_open", on_change="rerun")
    if prices_at.open:  # drawing a table that nobody sees would slow every slider down
        with prices_at:
            price_editor.draw(prices)
    measured: list[tuple[str, LatencyReport]] = []
    heads = headings([column.contender for column in columns])
    for number, (column, strip) in enumerate(zip(columns, strips, strict=True)):
        with told():
            cost = _measured(column, strip, ref, view)
            with strip.container(key=f"costs_{number}"):
                _strip(cost, price)
                _offer_again(column, cost, view, number)
            measured.append((heads[number], cost.latency))
    if measured:
        chart.plotly_chart(
            _split(tuple((title, _medians(latency)) for title, latency in measured)),
            width="stretch",
            config={"displaylogo": False},
            alt="Bar chart of median milliseconds a picture by stage and model",
        )
        latency = measured[0][1]
        note.caption(
            "Medians of each stage (they need not add up to the median of the whole), on "
            f"{plain(latency.device_name)} with {latency.threads} CPU "
            f"thread{'s' * (latency.threads != 1)}. Decoding the file is not included; p95 of few runs is close to "
            "the slowest."
        )
        if any(latency.p95_ms > BUSY * latency.p50_ms for _, latency in measured):
            st.warning("Runs differed a lot: something else keeps this machine busy. Measure again when it is quiet.")


def _measured(column: Shown, strip: DeltaGenerator, ref: Ref, view: View) -> engine.Cost:
    """The column's cost: from the book, or measured now, run by run, so that a new click can interrupt it."""
    where = (0.4, 0.5)
    if column.pipeline:
        where = st.session_state.get(_key(column, ref.digest), where)
    contender = column.contender

    def progress(done: int, most: int) -> None:
        strip.progress(done / most, f"Measuring: run {done} of at most {most}")

    strip.progress(0.0, "Measuring: warming up")
    return engine.costs(ref.digest, (contender.classifier, contender.detector), where, progress)


def _key(column: Shown, digest: str) -> str:
    return f"measured_at_{digest}_{column.contender.title}"


def _offer_again(column: Shown, cost: engine.Cost, view: View, number: int) -> None:
    """Detect-then-classify takes longer with more objects: a slider never measures again by itself, a button does."""
    if not column.pipeline or cost.objects is None:
        return
    shown = len(column.pipeline.labels)
    st.caption(f"Measured with {cost.objects} object{'s' * (cost.objects != 1)}.")
    if not view.only and shown != cost.objects:
        key = _key(column, cost.digest)
        st.button(
            f"Measure with {shown}",
            key=f"again_{number}",
            icon=":material/timer:",
            on_click=st.session_state.__setitem__,
            args=(key, (view.score, view.iou)),
        )


def _strip(cost: engine.Cost, price: Price) -> None:
    report, latency = cost.report, cost.latency
    money = price_per_million(report.images_per_second, price)
    rows = [
        ("Latency", f"**{latency.p50_ms:.1f} ms** median", f"p95 {latency.p95_ms:.1f} ms, {latency.runs} runs"),
        (
            "of which",
            f"{latency.preprocess_ms:.1f} + {latency.network_ms:.1f} + {latency.postprocess_ms:.1f} ms",
            "pre-processing + network + post-processing",
        ),
        ("Parameters", _large(report.parameters), ""),
        (
            "FLOPs",
            _large(report.flops),
            report.flops.note + ("" if cost.objects is None else f"; plus one pass for each of {cost.objects} crops"),
        ),
        ("Peak memory", _bytes(report.peak_memory_bytes), "weights and tensors"),
        ("Energy", _energy(report.energy_wh_per_1k), report.energy_wh_per_1k.note),
        (
            "A million",
            f"**${money.value:,.2f}**" if money.value is not None else "—",
            f"estimated: this machine's speed, {price.name} at ${price.usd_per_hour:.3g}/h ({price.as_of})",
        ),
    ]
    lines = [f"| {name} | {_cell(value, note)} |" for name, value, note in rows]
    st.markdown("| | |\n| --- | --- |\n" + "\n".join(lines))


def _cell(value: str, note: str) -> str:
    return value.replace("$", DOLLAR) + (f" :gray[· {plain(note)}]" if note else "")


_split = lru_cache(maxsize=100)(latency_split)  # made once: a slider changes none of these figures


def _medians(latency: LatencyReport) -> Timing:
    return Timing(latency.preprocess_ms, latency.network_ms, latency.postprocess_ms)


def _large(number: Measured) -> str:
    if number.value is None:
        return "—"
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number.value >= size:
            return f"{number.value / size:.3g} {unit}"
    return f"{number.value:g}"


def _bytes(number: Measured) -> str:
    return "—" if number.value is None else f"{number.value / 1e6:.0f} MB"


def _energy(number: Measured) -> str:
    return "unavailable" if number.value is None else f"{number.value:.2f} Wh for 1,000"

"""Real time: how many frames a second of a video-like stream each model keeps up with, against a target."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages import plain, told
from pages.parts import explained, figures
from pages.parts.costs_page import benches, code, form, kept, table
from vision_core.costs import bench_store
from vision_core.costs.bench import ENGINES, TITLES, BenchPlan
from vision_core.costs.bench_rows import Row, labels, newest
from vision_core.costs.bench_store import BenchFolder
from vision_core.costs.stream_chart import streamed, streams

_TARGETS = (5, 10, 15, 25, 30, 60)


def draw(found: Sequence[BenchFolder]) -> None:
    """What to try, and what came of the newest try of each configuration and target."""
    specs = form.known_models()
    models = form.choose_models("stream_models", "Models and runs to try", specs)
    left, right = st.columns(2, gap="large")
    with left:
        target = st.number_input(
            "Target, frames a second",
            1.0,
            1000.0,
            step=5.0,
            key=kept.first("target_fps", 25.0),
            help="What a camera delivers. It does not wait: a frame that comes while a model is at work is dropped.",
        )
    with right:
        engine = st.segmented_control(
            "Engine",
            ENGINES,
            format_func=lambda name: TITLES[name],
            required=True,
            key=kept.one_of("stream_engine", ENGINES, ENGINES[0]),
        )
    plan = _plan(models, engine or ENGINES[0], float(target or 25.0))
    pressed = st.button(
        "Try them", type="primary", icon=":material/videocam:", disabled=plan is None, key="bench_stream_start"
    )
    if pressed and plan is not None:
        with told():
            bench_store.start_bench(plan, f"Real time, {plan.target_fps:g} frames a second")
            st.rerun()
    for bench in found:
        state = str(bench.status()["state"])
        if state in benches.ACTIVE and _has_stream(bench):
            benches.standing(bench, bench.rows(), state)
    _outcome(_rows(found), plan)


def _plan(models: Sequence[str], engine: str, target_fps: float) -> BenchPlan | None:
    """None as long as no model is chosen."""
    with told():
        if models:
            return BenchPlan(
                tuple(models),
                engines=(engine,),
                devices=form.devices_here()[-1:],
                seconds=1.0,
                target_fps=target_fps,
            )
    return None


def _has_stream(bench: BenchFolder) -> bool:
    with told():
        return bench.plan().target_fps > 0
    return False


def _rows(found: Sequence[BenchFolder]) -> list[Row]:
    """The newest of each configuration, for each target."""
    by_target: dict[float, list[Row]] = {}
    for row in (row for bench in found for row in streamed(bench.rows())):
        by_target.setdefault(float(row["stream"]["target_fps"]), []).append(row)
    return [row for target in sorted(by_target) for row in newest(by_target[target])]


def _outcome(rows: Sequence[Row], plan: BenchPlan | None) -> None:
    """What came of the tries, and their code; `plan`: of another try, as the form has it."""
    if not rows:
        st.info("No model has been tried on a stream yet.", icon=":material/videocam:")
        return
    targets = sorted({float(row["stream"]["target_fps"]) for row in rows})
    target = targets[-1]
    if len(targets) > 1:
        target = st.segmented_control(
            "Results at",
            targets,
            format_func=lambda fps: f"{fps:g} frames a second",
            required=True,
            key=kept.one_of("shown_fps", targets, targets[-1]),
        )
    shown = [row for row in rows if row["stream"]["target_fps"] == (target or targets[-1])]
    names = labels(shown)
    lines = []
    for name, row in zip(names, shown, strict=True):
        report = row["stream"]
        icon = ":green[:material/check_circle:]" if report["keeps_up"] else ":orange[:material/warning:]"
        verdict = "keeps up" if report["keeps_up"] else "does not keep up"
        delays = f"{report['delay_ms_p50']:.0f} ms from frame to answer (p95: {report['delay_ms_p95']:.0f} ms)"
        lines.append(f"{icon} **{plain(name)}** {verdict}: {plain(str(report['words']))}, {plain(delays)}.")
    st.markdown("  \n".join(lines))
    table.warn_of_others(shown, "a model may keep up with more")
    figures.draw(
        streams(shown),
        "Frames a second, answered and dropped",
        alt="; ".join(f"{name}: {row['stream']['words']}" for name, row in zip(names, shown, strict=True)),
        key="bench_streams",
        table=[
            {"model": name, "task": row.get("task"), **row["stream"]} for name, row in zip(names, shown, strict=True)
        ],
        help=explained.brief("frames_per_second"),
    )
    processors = sorted({str(row.get("device_name")) for row in shown if row.get("device_name")})
    st.caption(
        f"On {plain(', '.join(processors) or 'this machine')}, one frame of 640 × 480 pixels at a time. To keep up "
        "is to drop at most one frame in a hundred."
    )
    code.of_stream(float(target or targets[-1]), plan)

"""One run while it learns, and afterwards: how far it is, its curves beside others', and what it says of pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages import plain, told
from pages.parts.train import runs
from vision_core.errors import VisionError
from vision_core.training import charts, lesson, pictures
from vision_core.training.overview import METRIC_TITLES, Overview, duration, overview, rounded

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

EVERY_S = 2.0
SILENT_S = 20.0
PAIR_PX = 390
LABELLED_PX = 150
_SIGNS = {True: ":material/check:", False: ":material/close:"}
_CONFIG = {"displaylogo": False, "displayModeBar": False}


def draw(one: Overview, found: list[Overview]) -> None:
    """Everything about a run that changes while it learns; redrawn by itself as long as it is active."""
    active = one.record.is_active or any(other.record.is_active for other in lesson.mates(one, found))
    st.fragment(_live, run_every=EVERY_S if active else None)(one, one.record.state)


def _live(known: Overview, state: str) -> None:
    with told():
        one = overview(known.run)
        if one.record.state != state:
            st.rerun()  # other buttons, and perhaps nothing to follow any more
        _standing(one)
        found = runs.every()
        beside = _beside(one, found)
        _curves(one, beside)
        _pictures(one)


def _standing(one: Overview) -> None:
    """State, progress and the figures of now."""
    record = one.record
    if record.state == "failed":
        st.error(f"**Failed.** {plain(record.error or 'The log says why.')}", icon=":material/error:")
    elif record.state == "interrupted":
        st.warning(
            "Its process is gone, though it had not ended: the machine was switched off, or something stopped it. "
            + ("Resume goes on from the last checkpoint." if record.can_resume else "Resume starts it over."),
            icon=":material/power_off:",
        )
    elif record.state == "queued":
        st.info("Waits for its turn: one run at a time uses a device.", icon=":material/hourglass_empty:")
    elif record.state == "running":
        _progress(one)
        if record.silent_s is not None and record.silent_s > SILENT_S:
            st.warning(f"It has given no sign for {record.silent_s:.0f} s.", icon=":material/sensors_off:")
    _figures(one)
    if one.tested:
        st.markdown(f":material/verified: {plain(one.tested)}")
    _events(one)


def _progress(one: Overview) -> None:
    status = one.record.status
    epoch, epochs = int(status.get("epoch") or 0), int(status.get("epochs") or one.record.config.get("epochs") or 1)
    total = int(status.get("stage_total") or 0)
    stage = str(status.get("stage") or "")
    if stage and total:
        done = int(status.get("stage_done") or 0)
        st.progress(min(1.0, done / total), f"{plain(stage)}: {done:,} of {total:,}")
        return
    if not epoch:
        st.progress(0.0, f"{plain(stage or 'Getting ready')} …")
        return
    left = duration(status.get("seconds_left"))
    steps = f", step {int(status.get('step') or 0):,} of {int(status.get('steps') or 0):,}"
    st.progress(one.share, f"Epoch {epoch} of {epochs}{steps}" + (f": about {left} left" if left else ""))


def _figures(one: Overview) -> None:
    status, last = one.record.status, (one.history[-1] if one.history else {})
    running = one.record.state == "running"
    now = status if running else {}
    best = "–" if one.best is None else f"{one.best:.1%}"
    losses = last.get("val", {}).get("loss")
    memory = now.get("memory_bytes") or last.get("peak_memory_bytes")
    rates = [float(line.get("learning_rate") or 0) for line in one.history]
    rate = now.get("learning_rate") or max(rates, default=0)
    speed, wait = (now.get(name) or last.get(name) for name in ("images_per_second", "data_wait"))
    with st.container(horizontal=True, key="train_figures"):
        title = METRIC_TITLES.get(one.monitor, "Best so far")
        kept = f"Of epoch {one.best_epoch}, whose weights are kept" if one.best_epoch else "After the first epoch"
        st.metric(title, best, border=True, help=kept)
        if running and now.get("loss") is not None:
            st.metric("Loss now", f"{now['loss']:.3g}", border=True, help="Of the last training step")
        elif losses is not None:
            st.metric("Validation loss", f"{losses:.3g}", border=True, help="Of the last epoch")
        st.metric("Epochs", f"{len(one.history)} of {one.record.config.get('epochs', '?')}", border=True)
        if rate:
            st.metric("Learning rate", f"{rate:.2g}", border=True, help="Of now" if running else "At its highest")
        if speed:
            st.metric("Pictures/s", rounded(speed), border=True, help="In training, judging not counted")
        if wait is not None:
            st.metric("Waiting for data", f"{wait:.0%}", border=True, help="Share of the training time")
        if memory:
            st.metric("Memory, GB", f"{memory / 1e9:.1f}", border=True, help="At its peak")
        if last.get("gpu_share") is not None:
            st.metric("GPU in use", f"{last['gpu_share']:.0%}", border=True)
        if not running and one.history:
            st.metric("Time", duration(one.seconds), border=True, help="With everything, from the start to the end")


def _events(one: Overview) -> None:
    """What the run itself had to say, newest epochs last."""
    said = [(record["epoch"], event) for record in one.history for event in record.get("events", ())]
    for epoch, event in said[-4:]:
        st.caption(f":material/history: Epoch {epoch}: {plain(str(event))}")


def _beside(one: Overview, found: list[Overview]) -> list[Overview]:
    """Other runs whose curves are drawn along: those of the same lesson at first."""
    others = {other.record.id: other for other in found if other.task == one.task and other.record.id != one.record.id}
    if not others:
        return []
    mates = lesson.mates(one, found)
    asked = [id for id in st.query_params.get_all("beside") if id in others]
    key = f"train_beside_{one.record.id}"
    ids = st.multiselect(
        "Overlay the curves of",
        list(others),
        default=asked or [mate.record.id for mate in mates],
        format_func=lambda id: others[id].record.name if id in others else id,
        key=key,
        placeholder="earlier runs",
        max_selections=5,
    )
    if ids != st.query_params.get_all("beside"):
        st.query_params["beside"] = ids
    chosen = [others[id] for id in ids]
    if mates and {mate.record.id for mate in mates} & set(ids):
        st.info(f"{lesson.summary([one, *mates])} {lesson.WHAT_TO_SEE}".strip(), icon=":material/school:")
    return chosen


def _curves(one: Overview, beside: list[Overview]) -> None:
    everyone = [charts.Curve(each.record.name, each.history) for each in (one, *beside)]
    names = list(dict.fromkeys(name for each in (one, *beside) for line in each.history for name in line["metrics"]))
    if not names:
        if not one.record.is_active:
            st.caption("No epoch has ended, so there is nothing to draw.")
        return
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("##### Loss: training dotted, validation solid")
        _plot(charts.losses(everyone), "Loss by epoch", one, "loss")
    with right:
        st.markdown("##### How good it is")
        first = one.monitor if one.monitor in names else names[0]
        name = st.selectbox(
            "Figure",
            [first, *(name for name in names if name != first)],
            format_func=_metric_title,
            key=f"train_metric_{one.record.id}_{first}",
            label_visibility="collapsed",
        )
        name = name or first
        _plot(charts.metric(everyone, name), f"{_metric_title(name)} by epoch", one, "metric")
    with st.expander(
        "Learning rate, speed and memory", icon=":material/speed:", key="train_more", on_change="rerun"
    ) as box:
        if box.open:
            _more(one, everyone)


def _metric_title(name: str) -> str:
    return METRIC_TITLES.get(name, name)


def _more(one: Overview, everyone: list[charts.Curve]) -> None:
    wanted = [
        ("Learning rate", charts.learning_rate),
        ("Training pictures a second", charts.speed),
        ("Time spent waiting for pictures", charts.data_wait),
        ("Peak memory", charts.memory),
    ]
    if any(line.get("gpu_share") is not None for curve in everyone for line in curve.history):
        wanted.append(("GPU in use", charts.device_use))
    for start in range(0, len(wanted), 2):
        for place, (title, draw_chart) in zip(st.columns(2, gap="large"), wanted[start : start + 2], strict=False):
            with place:
                st.markdown(f"##### {title}")
                _plot(draw_chart(everyone), f"{title} by epoch", one, title)


def _plot(figure: Figure, alt: str, one: Overview, key: str) -> None:
    st.plotly_chart(figure, width="stretch", key=f"train_{key}_{one.record.id}", config=_CONFIG, alt=alt)


def _pictures(one: Overview) -> None:
    """The same few validation pictures, after the epoch that the slider says."""
    known = pictures.epochs(one.run)
    if not known:
        return
    st.markdown("##### See it learn: the same validation pictures after each epoch")
    epoch = _epoch(one, known)
    named = one.task == "detection" and st.toggle("Names on the boxes", key=f"train_named_{one.record.id}")
    try:
        shown = pictures.pictures(one.run, epoch, named)
    except VisionError as error:
        st.caption(f":material/broken_image: {plain(str(error))}")
        return
    rights = [preview.is_right for preview in shown if preview.is_right is not None]
    if rights:
        st.caption(f"After epoch {epoch}: {sum(rights)} of {len(rights)} right.")
    with st.container(horizontal=True, key="train_pictures"):
        for number, preview in enumerate(shown):
            if one.task == "detection":
                _pair(preview, number)
            else:
                _labelled(preview, number)


def _epoch(one: Overview, known: list[int]) -> int:
    """The chosen epoch: the newest, until somebody looks at another one."""
    if len(known) < 2:
        return known[-1]
    kept = f"train_epoch_{one.record.id}"
    looked_at = st.session_state.get(kept)
    epoch = st.select_slider(
        "After epoch",
        known,
        value=looked_at if looked_at in known else known[-1],
        key=f"{kept}_{known[-1]}",
        help="Drag it to the left to see how it began.",
    )
    st.session_state[kept] = None if epoch == known[-1] else epoch
    return int(epoch)


def _pair(preview: pictures.Preview, number: int) -> None:
    """What is there, and what the detector sees."""
    with st.container(width=PAIR_PX, key=f"train_pair_{number}", gap="small"):
        left, right = st.columns(2, gap="small")
        left.image(preview.truth, width="stretch", alt=f"{preview.name}: truth: {preview.truth_text}")
        left.caption(f"There: {plain(preview.truth_text)}")
        right.image(preview.said, width="stretch", alt=f"{preview.name}: detected: {preview.said_text}")
        right.caption(f"Seen: {plain(preview.said_text)}")


def _labelled(preview: pictures.Preview, number: int) -> None:
    """A picture, whether its best label is right, its three best labels, and the truth."""
    with st.container(width=LABELLED_PX, key=f"train_pair_{number}", gap="small"):
        st.image(preview.said, width="stretch", alt=f"{preview.name}: {preview.truth_text}; said: {preview.said_text}")
        mark = {
            True: ":green[:material/check_circle: **right**]",
            False: ":red[:material/cancel: **wrong**]",
            None: ":gray[:material/help: not labelled]",
        }[preview.is_right]
        lines = [f"{_SIGNS[name in preview.truths]} {plain(name)} {score:.0%}" for name, score in preview.labels]
        st.markdown(f"{mark}  \n" + "  \n".join([f"**{lines[0]}**", *lines[1:]]) if lines else mark)
        st.caption(f"Truth: {plain(preview.truth_text)}")

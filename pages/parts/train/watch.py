"""One run while it learns, and afterwards: how far it is, its curves beside others', and what it says of pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages import plain, told
from pages.parts.train import runs
from vision_core.errors import VisionError
from vision_core.training import charts, lesson, pictures
from vision_core.training.overview import Overview, duration, metric_help, metric_title, overview, rounded

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

EVERY_S = 2.0
SILENT_S = 20.0
PAIR_PX = 390
LABELLED_PX = 150
_SIGNS = {True: ":material/check:", False: ":material/close:"}
_Chart = tuple[str, "Callable[[Sequence[charts.Curve]], Figure]", str, Callable[[float], str]]
"""Title, what draws it, the record's field, and how that is said."""
_CONFIG = {"displaylogo": False, "displayModeBar": False}


def draw(one: Overview, found: list[Overview]) -> None:
    """Everything about a run that changes while it learns; redrawn by itself as long as it is active."""
    active = one.record.is_active or any(other.record.is_active for other in lesson.mates(one, found))
    st.fragment(_live, run_every=EVERY_S if active else None)(one, one.record.state)


def _live(known: Overview, state: str) -> None:
    with told():
        one = overview(known.run)
        if (one.record.state, one.has_weights) != (state, known.has_weights):
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
            + ("Resume goes on from the last checkpoint." if record.can_resume else "Start over trains it anew."),
            icon=":material/power_off:",
        )
    elif record.state == "queued":
        st.info("Waits for its turn: one run at a time uses a device.", icon=":material/hourglass_empty:")
    elif record.state == "running":
        _progress(one)
        if record.silent_s is not None and record.silent_s > SILENT_S:
            st.warning(f"It has given no sign for {record.silent_s:.0f} s.", icon=":material/sensors_off:")
    _figures(one)
    if one.is_example:
        device = str(one.record.config.get("environment", {}).get("device", ""))
        machine = f" ({plain(device)})" if device else ""
        st.caption(f":material/info: Trained on another machine{machine}: its speed, memory and time say little here.")
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
    frozen = int(one.record.config.get("frozen_epochs") or 0)
    about = "at least" if epoch <= frozen < epochs else "about"  # later all layers learn, which takes longer
    st.progress(one.share, f"Epoch {epoch} of {epochs}{steps}" + (f": {about} {left} left" if left else ""))


def _figures(one: Overview) -> None:
    status, last = one.record.status, (one.history[-1] if one.history else {})
    running = one.record.state == "running"
    now = status if running else {}
    best = "–" if one.best is None else f"{one.best:.1%}"
    losses = last.get("val", {}).get("loss")
    speed, wait = (now.get(name) or last.get(name) for name in ("images_per_second", "data_wait"))
    memory = now.get("memory_bytes") or last.get("peak_memory_bytes")
    rate = now.get("learning_rate") or one.record.config.get("learning_rate")
    with st.container(horizontal=True, key="train_figures"):
        title = metric_title(one.monitor, one.task) or "Best so far"
        kept = f"Of epoch {one.best_epoch}, whose weights are kept." if one.best_epoch else "After the first epoch."
        st.metric(title, best, border=True, help=f"{metric_help(one.monitor, one.task)} {kept}".strip())
        if running and now.get("loss") is not None:
            st.metric("Loss now", f"{now['loss']:.3g}", border=True, help="Of the last training step")
        elif losses is not None:
            st.metric("Validation loss", f"{losses:.3g}", border=True, help="Of the last epoch")
        st.metric("Epochs", f"{len(one.history)} of {one.record.config.get('epochs', '?')}", border=True)
        if rate:
            st.metric("Learning rate", f"{rate:.2g}", border=True, help="Of now" if running else "At its highest")
        if one.is_example:
            return
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
    names = runs.labels(found)
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
        format_func=lambda id: str(names.get(id, id)),
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
    named = runs.labels((one, *beside))
    everyone = [charts.Curve(named[each.record.id], each.history) for each in (one, *beside)]
    names = list(dict.fromkeys(name for each in (one, *beside) for line in each.history for name in line["metrics"]))
    if not names:
        if not one.record.is_active:
            st.caption("No epoch has ended, so there is nothing to draw.")
        return
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("##### Loss: training dotted, validation solid")
        last = _last(one, "val", "loss", say="validation loss {:.3g}".format)
        _plot(charts.losses(everyone), f"Loss by epoch{last}", one, "loss")
    with right:
        st.markdown("##### How good it is")
        first = one.monitor if one.monitor in names else names[0]
        name = st.selectbox(
            "Figure",
            [first, *(name for name in names if name != first)],
            format_func=lambda name: metric_title(name, one.task),
            key=f"train_metric_{one.record.id}_{first}",
            label_visibility="collapsed",
        )
        name = name or first
        alt = f"{metric_title(name, one.task)} by epoch{_last(one, 'metrics', name, say='{:.1%}'.format)}"
        _plot(charts.metric(everyone, name, one.task), alt, one, "metric")
        st.caption(plain(metric_help(name, one.task)))
    with st.expander(
        "Learning rate, speed and memory", icon=":material/speed:", key="train_more", on_change="rerun"
    ) as box:
        if box.open:
            _more(one, everyone, [each for each in beside if each.is_example])


def _last(one: Overview, *names: str, say: Callable[[float], str]) -> str:
    """The newest value in words, for those who hear of a chart; found by names in the last record."""
    value: Any = one.history[-1] if one.history else {}
    for name in names:
        value = (value or {}).get(name)
    return "" if value is None else f"; {say(value)} after the last one"


def _more(one: Overview, everyone: list[charts.Curve], elsewhere: list[Overview]) -> None:
    """`elsewhere`: those of the other runs that were trained on another machine."""
    wanted: list[_Chart] = [
        ("Learning rate", charts.learning_rate, "learning_rate", "{:.2g}".format),
        ("Training pictures a second", charts.speed, "images_per_second", rounded),
        ("Time spent waiting for pictures", charts.data_wait, "data_wait", "{:.0%}".format),
        ("Peak memory", charts.memory, "peak_memory_bytes", lambda value: f"{value / 1e9:.1f} GB"),
    ]
    if any(line.get("gpu_share") is not None for curve in everyone for line in curve.history):
        wanted.append(("GPU in use", charts.device_use, "gpu_share", "{:.0%}".format))
    for start in range(0, len(wanted), 2):
        shown = zip(st.columns(2, gap="large"), wanted[start : start + 2], strict=False)
        for place, (title, draw_chart, field, say) in shown:
            with place:
                st.markdown(f"##### {title}")
                _plot(draw_chart(everyone), f"{title} by epoch{_last(one, field, say=say)}", one, title)
    for other in elsewhere:
        st.caption(f":material/info: {plain(other.record.name)} was trained on another machine.")


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

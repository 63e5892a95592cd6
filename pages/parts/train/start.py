"""Before a run starts: what it will learn from, why it cannot, what it will take; and the button."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import streamlit as st

from pages import plain, told
from pages.parts import code
from pages.parts.data.progress import working
from vision_core.costs.prices import load_prices
from vision_core.data.library import list_datasets
from vision_core.errors import SettingsError, VisionError
from vision_core.models import get_spec
from vision_core.training import charts, jobs, lesson
from vision_core.training.config import TrainConfig
from vision_core.training.overview import cost_usd, duration, money, rounded
from vision_core.training.preflight import Preflight, check, check_places
from vision_core.training.snippets import notebook, python_code, unsized
from vision_core.training.task_data import Stage

KEPT = 200
_SAYS = "These lines train what the form says; run them beside `app.py`."
_MATTERS = (
    "data",
    "task",
    "model",
    "start",
    "labels_from",
    "data_fraction",
    "batch_size",
    "micro_batch",
    "seed",
    "optimizer",
    "precision",
    "device",
    "trackers",
)


@st.cache_resource(show_spinner=False)
def _measured() -> OrderedDict[tuple[str, str], Any]:
    """Looks at data, estimates and searched rates by what was asked, the oldest dropped; not cached functions, since
    they draw."""
    return OrderedDict()


def _keep(kind: str, asked: str, value: Any) -> None:
    _measured()[kind, asked] = value
    while len(_measured()) > KEPT:
        _measured().popitem(last=False)


def _kept(kind: str, asked: str) -> Any:
    return _measured().get((kind, asked))


def _asked(config: TrainConfig, **more: Any) -> str:
    """A configuration, and the version of its data, as a key."""
    known = [one for one in list_datasets() if config.data in (one.id, one.name)]
    return json.dumps([known[0].versions[-1].uid if known else "", config.to_json() | more])


def _checked(config: TrainConfig, progress: Stage) -> Preflight:
    """`check`, once for all that matters to it."""
    other = {name: None for name in config.to_json() if name not in _MATTERS}
    asked = _asked(config, **other, all_frozen=bool(config.views) or config.frozen_epochs >= config.epochs)
    found = _kept("check", asked)
    if found is None:
        found = check(config, progress)
        _keep("check", asked, found)
    return found


@contextmanager
def _looking() -> Iterator[Stage]:
    """A bar that shows how far a look at the data is; gone afterwards."""
    place = st.empty()

    def progress(what: str, done: int, total: int) -> None:
        place.progress(min(1.0, done / max(1, total)), f"{plain(what)}: {done:,} of {total:,}")

    try:
        with st.spinner("Looking at the data …"):
            yield progress
    finally:
        place.empty()


def draw(config: TrainConfig) -> None:
    """What would be learned from, an estimate, and the buttons that start."""
    found = _look(config)
    if found is not None:
        _contents(found)
    ready = found is not None
    _estimate(config, ready)
    with st.container(horizontal=True, vertical_alignment="bottom", key="train_go"):
        name = st.text_input("Name of the run", key="train_name", placeholder=_usual_name(config), max_chars=80)
        if st.button("Train", type="primary", icon=":material/play_arrow:", disabled=not ready, key="train_start_run_"):
            with told():
                check_places(config)
                open_run(jobs.submit(config, name or _usual_name(config)).path.name)
    code.draw(python_code(config), partial(notebook, config), "train", "train_form", says=_SAYS)
    _lesson(config, ready)


def _usual_name(config: TrainConfig) -> str:
    """What a run is called by default: "ResNet-18 on Fashion Shelf, balanced"."""
    return f"{_what(config)}, {config.preset}"


def _what(config: TrainConfig) -> str:
    """Network and data in words."""
    names = {dataset.id: dataset.name for dataset in list_datasets()}
    data = names.get(config.data, Path(config.data).name)
    return f"{get_spec(config.model).title} on {data}"


def open_run(id: str, beside: tuple[str, ...] = ()) -> None:
    """Shows a run in the next run of the page, with others overlaid."""
    st.session_state["train_next"] = (id, beside)
    st.rerun()


def _look(config: TrainConfig) -> Preflight | None:
    """What the data hold, None with the reason on the page when they cannot be learned from."""
    try:
        with _looking() as progress:
            return _checked(config, progress)
    except VisionError as error:
        st.error(f"**This cannot be trained.** {plain(str(error))}", icon=":material/block:")
        return None


def _contents(found: Preflight) -> None:
    splits = [("train", "to learn from"), ("val", "to judge by"), ("test", "kept for the end")]
    counts = [f"**{found.pictures.get(name, 0):,}** {what}" for name, what in splits if found.pictures.get(name)]
    several = ", several of them in a picture" if found.multi_label else ""
    st.markdown(f":material/photo_library: Pictures: {', '.join(counts)}. **{len(found.classes)}** classes{several}.")
    for note in found.notes:
        st.caption(f":material/info: {plain(note)}")
    with st.expander(
        "Pictures of each class", icon=":material/bar_chart:", key="train_classes", on_change="rerun"
    ) as box:
        if box.open:
            st.plotly_chart(
                charts.class_counts(found.classes),
                width="stretch",
                config={"displaylogo": False},
                alt="Training pictures of each class: "
                + ", ".join(f"{name} {count}" for name, count in found.classes[:20]),
            )


def _estimate(config: TrainConfig, ready: bool) -> None:
    """Time, memory and money, from a few measured steps; and the search for a learning rate."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        measure = st.button(
            "Estimate before starting", icon=":material/timer:", disabled=not ready, key="train_estimate"
        )
        search = st.button("Look for the learning rate now", icon=":material/search:", disabled=not ready)
        prices = _prices()
        priced = st.selectbox(
            "At the price of",
            [None, *prices],
            format_func=lambda name: name or "no price",
            width=260,
            key="train_price",
        )
    with told():
        if measure:
            from vision_core.training.estimate import estimate

            with working("Measuring a few steps", "estimate") as bar:
                found = estimate(config, bar.stage)
            _keep("estimate", _asked(config), found)
            if _is_typical(config):
                st.session_state.setdefault("train_speeds", {})[config.model] = found.images_per_second
            st.rerun()
        if search:
            from vision_core.training.finder import find_learning_rate

            with working("Trying learning rates", "finder") as bar:
                _keep("finder", _asked(config, learning_rate=None), find_learning_rate(config, bar.stage))
    _show_estimate(config, prices.get(priced or ""))
    _show_search(config)


def _prices() -> dict[str, float]:
    """What an hour of a machine costs, by name; none, and why, where the user's own list is broken."""
    with told():
        return {entry.name: entry.usd_per_hour for entry in load_prices().entries}
    return {}


def _is_typical(config: TrainConfig) -> bool:
    """All of the network is trained, at its own input size: a speed to compare networks by."""
    whole = not config.views and config.frozen_epochs < config.epochs
    return whole and unsized(config).input_size_px is None


def _show_estimate(config: TrainConfig, usd_per_hour: float | None) -> None:
    found = _kept("estimate", _asked(config))
    if found is None:
        return
    with st.container(horizontal=True, key="train_estimated"):
        st.metric("Time", duration(found.seconds), border=True)
        st.metric("An epoch", duration(found.seconds_per_epoch), border=True)
        st.metric("Pictures/s", rounded(found.images_per_second), border=True)
        st.metric("Memory, GB", f"{found.peak_memory_bytes / 1e9:.1f}", border=True)
        if usd_per_hour is not None:
            st.metric("Money, USD", money(cost_usd(found.seconds, usd_per_hour)), border=True)
    st.caption(":material/info: " + " ".join(plain(note) for note in found.notes))


def _show_search(config: TrainConfig) -> None:
    found = _kept("finder", _asked(config, learning_rate=None))
    if found is None:
        return
    st.markdown("##### Loss by learning rate")
    st.plotly_chart(
        charts.search(found),
        width="stretch",
        config={"displaylogo": False},
        alt=f"Loss by learning rate; {found.suggestion:.2g} is suggested",
    )
    st.caption("The rate was raised step by step; a good one is where the loss falls fastest, well before it explodes.")
    if config.learning_rate != found.suggestion:
        st.button(
            f"Use {found.suggestion:.2g}",
            icon=":material/check:",
            key="train_use_rate",
            on_click=_use_rate,
            args=(found.suggestion,),
        )


def _use_rate(rate: float) -> None:
    st.session_state["train_rate"], st.session_state["train_find"] = rate, False


def _lesson(config: TrainConfig, ready: bool) -> None:
    with st.expander("A lesson: what do transfer and more pictures bring?", icon=":material/school:"):
        st.markdown(
            "Trains this network five times, one after the other, same seed and epochs: with transfer, from scratch, "
            "and with transfer on 50, 25 and 10 % of the pictures. Their curves are drawn over one another."
        )
        if st.button("Queue the five runs", icon=":material/playlist_add:", disabled=not ready, key="train_lesson"):
            with told():
                check_places(config)
                planned = lesson.lesson(config)
                with _looking() as progress:
                    for each in planned:  # before the first is queued: all five, or none
                        try:
                            _checked(each, progress)
                        except VisionError as error:
                            raise SettingsError(f"{lesson.title(each)}: {error}") from error
                parent = f"{lesson.MARK}{uuid4().hex[:8]}"
                runs = [jobs.submit(each, f"{lesson.title(each)}: {_what(each)}", parent) for each in planned]
                first, *others = [run.path.name for run in runs]
                open_run(first, tuple(others))

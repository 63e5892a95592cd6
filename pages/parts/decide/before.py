"""What is to be known before a duel starts: whether it can come to an end, what it will do, how long it takes."""

from __future__ import annotations

import json
from collections.abc import Sequence

import streamlit as st

from pages import plain, told
from pages.parts.decide import code
from vision_core.data.doctor.case import listed
from vision_core.data.library import Dataset
from vision_core.data.wording import plural
from vision_core.duel.command import command_line
from vision_core.duel.forecast import Forecast, forecast
from vision_core.duel.parts import parts
from vision_core.duel.plan import DuelPlan
from vision_core.duel.preflight import preflight
from vision_core.duel.unboxed import known_classes
from vision_core.errors import SettingsError, VisionError
from vision_core.models import list_models
from vision_core.training.overview import duration, money

_KEPT = "duel_forecasts"


def about_data(dataset: Dataset, has_boxes: bool, question: str) -> bool:
    """Says what cannot be compared on data without boxes; whether the question can be answered on these."""
    if has_boxes:
        return True
    st.warning(
        f"Nobody has drawn boxes in {plain(dataset.name)}. **What can be compared:** whether a thing is there, between "
        "a classifier trained on your labels and a detector as it was pretrained, for those of your classes that it "
        "knows by name. **What cannot:** how many there are and where, the two in turn, learning curves, and a "
        "detector that was trained on your pictures.",
        icon=":material/select:",
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("With boxes in the pictures all of it can be compared.", width="content")
        st.page_link(
            "pages/2_Data.py",
            label="Draw boxes",
            icon=":material/draw:",
            query_params={"section": "Label", "set": dataset.id},
            width="content",
        )
    if question != "presence":
        st.error("Without boxes only “Is it there?” can be answered: choose that, or draw boxes first.")
        return False
    return True


def draw(plan: DuelPlan, dataset: Dataset, fits: bool, going_on: bool) -> bool:
    """What will be done, the estimate, the command line, and the button; whether it is pressed."""
    has_boxes = bool(dataset.versions[-1].boxes)
    trouble = _trouble(plan, has_boxes) or ("" if has_boxes else _known(plan.detector, dataset.index().class_names))
    if trouble:
        st.error(plain(trouble), icon=":material/block:")
    ready = fits and not trouble
    if ready:
        _what_is_done(plan, has_boxes)
        _forecast(plan, has_boxes)
    if going_on:
        st.caption(":material/info: Another duel is going on; networks of both take turns.")
    pressed = st.button(
        "Start the duel", type="primary", icon=":material/swords:", disabled=not ready, key="duel_start"
    )
    if ready:
        with st.expander("The same from the command line", icon=":material/terminal:"):
            st.code(command_line(plan, "duels/mine"), language="bash", wrap_lines=True)
            st.caption("The same command goes on with a duel that was stopped.")
        code.of_plan(plan)
    return pressed


def _trouble(plan: DuelPlan, has_boxes: bool) -> str:
    """Why it could not come to an end; "" where nothing is known against it."""
    try:
        preflight(plan)
        for part in parts(plan, has_boxes):
            if part.given(plan) is None:
                part.config(plan, plan.data, has_boxes)
        if not has_boxes and plan.detector not in {spec.name for spec in list_models(task="detection")}:
            raise SettingsError("Without boxes the detector must be one of the catalogue, as it was pretrained.")
    except VisionError as error:
        return str(error)
    return ""


def _known(detector: str, class_names: Sequence[str]) -> str:
    """Says which classes the detector knows; why there is nothing to compare where it knows none."""
    try:
        known = known_classes(detector, class_names)
    except VisionError as error:
        return str(error)
    unknown = [name for name in class_names if name not in known]
    said = f"The detector knows **{plain(listed(known))}**"
    st.markdown(f":material/label: {said}{f', but not {plain(listed(unknown))}' if unknown else ''}.")
    return ""


def _what_is_done(plan: DuelPlan, has_boxes: bool) -> None:
    every = list(parts(plan, has_boxes))
    trained = [part for part in every if part.given(plan) is None]
    shares = sorted({part.share for part in trained})
    said = f"**{plural(len(trained), 'network')}** will be trained"
    if len(shares) > 1:
        said += f", on {', '.join(f'{share:.0%}' for share in shares[:-1])} and all of the labels"
    if len(every) > len(trained):
        said += f"; {plural(len(every) - len(trained), 'run')} taken as it is"
    st.markdown(
        f":material/model_training: {said}. Then all contenders are judged on the same held-out pictures, and what "
        "each costs is measured on this machine in one sitting."
    )


def _forecast(plan: DuelPlan, has_boxes: bool) -> None:
    """Time and money, from a few measured steps of each network; behind a button, since that takes a while."""
    asked = json.dumps([plan.to_json(), has_boxes], sort_keys=True)
    known: dict[str, Forecast] = st.session_state.setdefault(_KEPT, {})
    if asked not in known:
        pressed = st.button(
            "Estimate before starting",
            icon=":material/timer:",
            key="duel_estimate",
            help="Runs a few steps of each network, about half a minute for each.",
        )
        if pressed:
            _measure(plan, has_boxes, known, asked)
        return
    found = known[asked]
    price = plain(f"{money(found.usd)} USD as {found.price.name}")
    longest = max(found.networks, key=lambda title: found.networks[title])
    st.markdown(
        f":material/timer: About **{duration(found.seconds)}** of training ({price}), most of it “{plain(longest)}” "
        f"with {duration(found.networks[longest])}. Judging and measuring come on top."
    )


def _measure(plan: DuelPlan, has_boxes: bool, known: dict[str, Forecast], asked: str) -> None:
    place = st.empty()
    networks = len({part.lesson for part in parts(plan, has_boxes) if part.given(plan) is None})
    begun: list[str] = []

    def progress(stage: str, done: int, total: int) -> None:
        network = stage.partition(":")[0]
        begun.extend([network] if network not in begun else [])
        share = (len(begun) - 1 + done / max(1, total)) / max(1, networks)
        place.progress(min(1.0, share), plain(f"Network {len(begun)} of {networks}. {stage}"))

    with told():
        try:
            st.caption("Takes about half a minute for each network. Whatever you change above stops it.")
            with st.spinner("Measuring a few steps of each network …", show_time=True):
                known[asked] = forecast(plan, has_boxes, progress)
            st.rerun()
        finally:
            place.empty()

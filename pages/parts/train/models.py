"""Cards of the networks: what each is, how large, whether its weights are there, how fast it trains here."""

from __future__ import annotations

import streamlit as st

from pages import plain, told
from vision_core.errors import VisionError
from vision_core.models import get_spec, list_models
from vision_core.models.catalogue import backbone_of
from vision_core.models.published import published
from vision_core.models.weights import badge
from vision_core.predict import DEFAULT_CLASSIFIER, DEFAULT_DETECTOR
from vision_core.training.config import LabelsFrom
from vision_core.training.overview import Overview, known_speeds, metric_title, rounded
from vision_core.types import ModelSpec, Task

FEW = 4
CARD_PX = 262
_EXPECT = "it orders networks, but your own pictures may be harder or easier."


def choose(task: Task, found: list[Overview], data: tuple[str, ...], labels: LabelsFrom) -> str:
    """Cards to click; returns the chosen model's name, of `task`.

    Args:
        found: earlier runs, newest first.
        data: the names that the chosen data set goes by; labels: where its labels are from.
    """
    chosen = _chosen(task)
    specs = list_models(task)
    if chosen not in [spec.name for spec in specs]:
        specs.insert(0, get_spec(chosen))
    everything = st.session_state.get("train_every_model", False)
    shown = specs if everything else _first(specs, chosen)
    alike = _alike(task, found, data, labels)
    speeds = known_speeds(found) | st.session_state.get("train_speeds", {})
    with st.container(horizontal=True, key="train_models"):
        for spec in shown:
            _card(spec, spec.name == chosen, speeds.get(spec.name), _reached(spec, alike))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.toggle(f"Show all {len(specs)} networks", key="train_every_model")
        if everything:
            with told():
                _by_name(task)
    return chosen


def _chosen(task: Task) -> str:
    """The chosen model, or the default one where another task's was chosen."""
    name = st.session_state.get("train_model", "")
    try:
        fits = bool(name) and get_spec(name).task == task
    except VisionError:
        fits = False
    if not fits:
        name = DEFAULT_CLASSIFIER if task == "classification" else DEFAULT_DETECTOR
        st.session_state["train_model"] = name
    return name


def _first(specs: list[ModelSpec], chosen: str) -> list[ModelSpec]:
    """A few: the chosen one among the small and the well-known."""
    small = sorted(specs[1:], key=lambda spec: spec.parameters)
    few = [specs[0], *small][:FEW]
    return few if chosen in [spec.name for spec in few] else [get_spec(chosen), *few[: FEW - 1]]


def _alike(task: Task, found: list[Overview], data: tuple[str, ...], labels: LabelsFrom) -> list[Overview]:
    """Earlier runs whose figures can be compared: same task, data and labels, all the pictures, the same figure."""
    asked = {"task": task, "labels_from": labels, "data_fraction": 1}
    same = [
        one
        for one in found
        if one.best is not None
        and not one.is_example
        and one.record.config.get("data") in data
        and all(one.record.config.get(name) == value for name, value in asked.items())
    ]
    return [one for one in same if one.monitor == same[0].monitor]


def _reached(spec: ModelSpec, alike: list[Overview]) -> str:
    """The best figure of earlier runs of a network, in words; "" where there is none."""
    mine = [one for one in alike if one.model == spec.name]
    if not mine:
        return ""
    best = max(mine, key=lambda one: one.best or 0.0)
    return f"{metric_title(best.monitor, best.task)} {best.best:.1%} on these pictures"


def _card(spec: ModelSpec, is_chosen: bool, speed: float | None, reached: str) -> None:
    """One network.

    Args:
        speed: pictures a second in training, where it was measured here; reached: what an earlier run came to.
    """
    with st.container(
        border=True, width=CARD_PX, height="stretch", key=f"train_card{'_chosen' if is_chosen else ''}_{spec.name}"
    ):
        st.markdown(f"**{plain(spec.title)}**")
        st.caption(
            f"{plain(spec.family)}, {spec.year} · {spec.parameters / 1e6:.1f} M parameters · {spec.input_size_px} px"
        )
        st.markdown(f":small[{plain(spec.suits)}]")
        measured = f"trains {rounded(speed)} pictures/s here" if speed else "speed here: estimate it below"
        weights = badge(spec) if backbone_of(spec) is None else "its backbone's weights to start from"
        known = published(spec)
        said = "nobody publishes a figure" if known is None else f"published: {known}"
        lines = [f":material/download: {plain(weights)}", f":material/speed: {measured}"]
        lines.append(f":material/military_tech: {f'your best run: {plain(reached)}' if reached else plain(said)}")
        st.caption("  \n".join(lines), help=None if known is None else f"From {known.source}; {_EXPECT}")
        st.button(
            "Chosen" if is_chosen else f"Choose {plain(spec.title)}",
            icon=":material/check_circle:" if is_chosen else None,
            key=f"choose_{spec.name}",
            disabled=is_chosen,
            width="stretch",
            on_click=st.session_state.__setitem__,
            args=("train_model", spec.name),
        )


def _by_name(task: Task) -> None:
    """Any other network of timm by its name."""
    hint = "resnet34.a1_in1k" if task == "classification" else "retinanet:mobilenetv4_conv_small"
    name = st.text_input("Another one, by timm's name", placeholder=hint, key="train_other_model", width=360)
    if name and st.button("Choose it", key="choose_other"):
        spec = get_spec(name.strip())
        if spec.task != task:
            st.error(f"{plain(spec.title)} does {spec.task}.")
        else:
            st.session_state["train_model"] = spec.name
            st.rerun()

"""All settings of a run as text, for whoever wants them all, with what they mean beside."""

from __future__ import annotations

import json

import streamlit as st

from pages import plain, told
from vision_core.errors import SettingsError
from vision_core.training.config import TrainConfig, make_config
from vision_core.training.preflight import check_places


def fill(config: TrainConfig) -> None:
    """The form shows this configuration in the next run of the page."""
    st.session_state["train_fill"] = config.to_json()


def draw(config: TrainConfig) -> None:
    overrides = st.session_state["train_overrides"]
    changed = f" · changed: {', '.join(overrides)}" if overrides else ""
    with st.expander(
        f"All settings{plain(changed)}", icon=":material/tune:", key="train_all", on_change="rerun"
    ) as box:
        if not box.open:
            return
        left, right = st.columns(2, gap="large")
        text = json.dumps(config.to_json(), indent=1, ensure_ascii=False)
        with left:
            edited = st.text_area(
                "As JSON", text, height=520, key=f"train_json_{hash(text)}", help="Edit it, then press the button."
            )
            with st.container(horizontal=True):
                if st.button("Use these settings", icon=":material/check:", disabled=edited == text):
                    with told():
                        fill(_parsed(edited or ""))
                        st.rerun()
                if st.button("Back to the preset", icon=":material/undo:", disabled=not overrides, type="tertiary"):
                    _back()
        right.caption("What they mean")
        right.code(_meanings(), language=None, wrap_lines=True, height=560)


def _back() -> None:
    config = TrainConfig.from_json(st.session_state["train_config"])
    fill(
        make_config(
            config.data, config.task, config.model, config.preset, start=config.start, labels_from=config.labels_from
        )
    )
    st.rerun()


def _parsed(text: str) -> TrainConfig:
    """The configuration in a text box.

    Raises:
        SettingsError: it is no JSON, a setting does not exist, or names a place that may not be opened.
    """
    try:
        values = json.loads(text)
    except ValueError as error:
        raise SettingsError(f"This is not JSON: {error}.") from error
    if not isinstance(values, dict):
        raise SettingsError("The settings must be named: write them between { and }.")
    config = TrainConfig.from_json(values)
    check_places(config)
    return config


def _meanings() -> str:
    """The settings' own documentation."""
    lines = (TrainConfig.__doc__ or "").split("Attributes:")[-1].split("Raises:")[0].strip("\n").splitlines()
    return "\n".join(line.removeprefix("        ") for line in lines).strip()

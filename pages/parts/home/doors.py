"""The three ways in: explore a photo, decide with your own data, teach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import streamlit as st

from pages import plain
from vision_core.settings import REPOSITORY
from vision_core.whats_next import WorkspaceState

LESSON = REPOSITORY / "notebooks" / "6_lesson_plan.ipynb"


@dataclass(frozen=True)
class Way:
    """One step behind a door; `done` is shown as a tick."""

    label: str
    page: str
    icon: str
    address: Mapping[str, str] = field(default_factory=dict)
    done: bool = False


def draw(state: WorkspaceState) -> None:
    """Draws the doors side by side; under one another on a phone."""
    explore, decide, teach = st.columns(3, gap="medium")
    with explore, st.container(border=True, height="stretch", key="door_explore"):
        _door(
            "Explore a photo",
            ":material/image_search:",
            "Drop in a photo and see both tasks on it, with what each costs on this machine.",
            (
                Way("Compare the tasks on a photo", "pages/1_Compare.py", ":material/compare:"),
                Way("Measure the models", "pages/5_Costs.py", ":material/payments:", {"show": "Measure"}),
            ),
        )
    with decide, st.container(border=True, height="stretch", key="door_decide"):
        _door(
            "Decide with your own data",
            ":material/balance:",
            "Bring pictures, have both tasks trained on them, and leave with an answer you can defend.",
            _deciding(state),
        )
    with teach, st.container(border=True, height="stretch", key="door_teach"):
        _door(
            "Teach",
            ":material/school:",
            "Show how networks learn: clusters without labels, transfer against scratch, thresholds by hand.",
            (
                Way("Pictures that look alike, as a map", "pages/2_Data.py", ":material/scatter_plot:", _MAP),
                Way("Watch a network learn", "pages/3_Train.py", ":material/model_training:"),
                Way("What it gets wrong", "pages/4_Evaluate.py", ":material/analytics:"),
            ),
        )
        _lesson()


_MAP = {"section": "Map"}


def _deciding(state: WorkspaceState) -> Sequence[Way]:
    """The four steps, ticked as far as they are done."""
    answered = any(how == "finished" for _, how in state.duels.values())
    return (
        Way("1. Bring your pictures", "pages/2_Data.py", ":material/photo_library:", {}, bool(state.own_data)),
        Way(
            "2. Fight the duel",
            "pages/6_Decide.py",
            ":material/swords:",
            {"show": "New duel"},
            bool(state.duels),
        ),
        Way("3. Read the answer", "pages/6_Decide.py", ":material/gavel:", {"show": "Result"}, answered),
        Way("4. Ask the advisor, take the report", "pages/6_Decide.py", ":material/description:", {"show": "Advisor"}),
    )


def _door(title: str, icon: str, words: str, ways: Sequence[Way]) -> None:
    st.markdown(f"#### {icon} {title}")
    st.markdown(words)
    for way in ways:
        done = " :green[:material/check_circle:]" if way.done else ""
        st.page_link(
            way.page, label=plain(way.label) + done, icon=way.icon, query_params=dict(way.address), width="stretch"
        )


def _lesson() -> None:
    if LESSON.is_file():
        st.download_button(
            "A lesson plan, as a notebook",
            LESSON.read_bytes(),
            LESSON.name,
            "application/x-ipynb+json",
            icon=":material/menu_book:",
            on_click="ignore",
            type="tertiary",
            key="lesson",
        )

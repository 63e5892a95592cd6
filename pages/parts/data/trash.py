"""Removing a data set, and bringing it back: nothing is ever deleted here."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages import plain, told
from pages.parts.data import newest
from vision_core.data.library import Dataset, discard_dataset, list_discarded, restore_dataset

_REMOVED = "data_removed"  # where the data set that was removed last lies, and its name


def discard(dataset: Dataset) -> None:
    """A button that moves the data set to the trash, after a question.

    Its question is this data set's own: once answered, it is gone and never asks about the next one.
    """
    with st.popover("Remove", icon=":material/delete:", type="tertiary", key=f"remove_{dataset.id}"):
        st.markdown(f"**{plain(dataset.name)}** goes to the workspace's trash, with all its versions.")
        if st.button("Remove it", key=f"discard_{dataset.id}"):
            with told():
                st.session_state[_REMOVED] = (discard_dataset(dataset), dataset.name)
                st.query_params.pop("data", None)
                st.rerun()


def offer() -> None:
    """Says which data set was removed a moment ago and offers to bring it back, until that is done or waved away."""
    place, name = st.session_state.get(_REMOVED, (None, ""))
    if place is None or not place.is_dir():
        return
    with st.container(horizontal=True, vertical_alignment="center", border=True, key="data_removed_offer"):
        st.markdown(f":material/delete: **{plain(name)}** is in the trash.")
        _bring_back(place, "removed")
        st.button("Leave it there", type="tertiary", on_click=st.session_state.pop, args=(_REMOVED, None))


def draw() -> None:
    """The data sets in the trash, each with a way back; nothing where there are none."""
    discarded = list_discarded()
    if not discarded:
        return
    with st.expander(f"Removed data sets ({len(discarded)})", icon=":material/delete:", key="data_trash"):
        for place, dataset in discarded:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"**{plain(dataset.name)}**, from {plain(dataset.source)}")
                _bring_back(place, "trash")
        st.caption("They lie in the workspace's folder “trash”; deleting them there frees their space.")


def _bring_back(place: Path, where: str) -> None:
    if st.button("Bring back", icon=":material/restore_from_trash:", key=f"bring_back_{where}_{place.name}"):
        with told():
            restored = restore_dataset(place)
            st.session_state.pop(_REMOVED, None)
            st.session_state["data_done"] = plain(f"{restored.name} is back.")
            newest.show(restored)
            st.query_params.pop("version", None)
            st.rerun()

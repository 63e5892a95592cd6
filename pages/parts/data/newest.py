"""Which data set the page opens: the one of its address, or the one that has just been brought in.

A browser that acts before it has heard of its new address sends the old one along.
"""

from __future__ import annotations

import streamlit as st

from vision_core.data.library import Dataset


def asked_for() -> str:
    """The id of the data set to open, empty when nothing was asked for."""
    address = st.query_params.get("data", "")
    new, left = st.session_state.get("data_new", ("", ""))
    if new and address == left:
        return new
    st.session_state.pop("data_new", None)
    return address


def show(dataset: Dataset) -> None:
    """Opens a data set in the next runs of the page, until the browser's address has followed."""
    st.session_state["data_new"] = (dataset.id, st.query_params.get("data", ""))

"""Which part of a page is shown: chosen on the page, kept in its address as `show`."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st


def choose(sections: Sequence[str], key: str, usual: str, empty: str = "") -> str:
    """The chosen section, at first the one in the address.

    Args:
        usual: where the address names none; empty: in place of it, at first, where there is nothing to see there yet.
    """
    if key not in st.session_state:
        asked = st.query_params.get("show", "")
        st.session_state[key] = asked if asked in sections else empty or usual
    chosen = st.segmented_control("Show", sections, required=True, key=key, label_visibility="collapsed") or usual
    st.query_params["show"] = chosen
    return chosen

"""Choices that the page's address keeps, so that a reload, a link and a walk through the pages lead back to them."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st


def choose(label: str, options: Sequence[str], parameter: str, key: str, help: str = "") -> str:
    """A select box whose choice stands in the address as `parameter`, unless it is the first option.

    The first option follows the picture, a choice of the user's stays as long as it is among the options.
    """
    asked = st.query_params.get(parameter, "")
    place = options.index(asked) if asked in options else 0
    chosen = st.selectbox(label, options, index=place, key=key, help=help) or options[0]
    if chosen == options[0]:
        st.query_params.pop(parameter, None)
    else:
        st.query_params[parameter] = chosen
    return chosen

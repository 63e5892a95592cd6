"""Show the code, and take it away as a notebook: the same expander on every page."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

SAME = "These lines give exactly what is on screen; run them beside `app.py`."


def draw(code: str, notebook: Callable[[], bytes], name: str, key: str, *, says: str = SAME) -> None:
    """The lines, closed at first, and the button.

    Args:
        notebook: makes the file when the button is pressed.
        name: of the file, without its ending.
        key: unique on the page.
        says: what to know of the lines, as Markdown.
    """
    with st.expander("Show the code", icon=":material/code:", key=f"code_{key}"):
        st.caption(says)
        st.code(code, language="python")
        button(notebook, name, key)


def button(notebook: Callable[[], bytes], name: str, key: str) -> None:
    """The download alone."""
    st.download_button(
        "As a notebook",
        notebook,
        f"{name}.ipynb",
        "application/x-ipynb+json",
        key=f"{key}_notebook",
        on_click="ignore",
        icon=":material/menu_book:",
    )

"""The frame every page shares: title, navigation, style, and the box that says what went wrong.

with frame("Compare", "What is in the picture, and where?"):
    ...
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from vision_core.errors import VisionError

PAGES = (
    ("app.py", "Home", ":material/home:"),
    ("pages/1_Compare.py", "Compare", ":material/compare:"),
)

# Columns give way one by one instead of all at once: three on a desktop, two on a tablet, one on a phone.
_STYLE = """<style>
.st-key-setup [data-testid="stHorizontalBlock"], .st-key-sliders [data-testid="stHorizontalBlock"],
.st-key-contenders > div > [data-testid="stHorizontalBlock"] { flex-wrap: wrap; }
.st-key-setup [data-testid="stColumn"] { flex: 1 1 190px; min-width: min(190px, 100%); }
.st-key-sliders [data-testid="stColumn"] { flex: 1 1 150px; min-width: 150px; }
.st-key-contenders > div > [data-testid="stHorizontalBlock"] > [data-testid="stColumn"] {
  flex: 1 1 190px; min-width: min(190px, 100%);
}
.st-key-answers table, [class*="st-key-costs_"] table { width: 100%; table-layout: fixed; }
.st-key-answers td, .st-key-answers th, [class*="st-key-costs_"] td { overflow-wrap: anywhere; vertical-align: top; }
[class*="st-key-costs_"] thead { display: none; }
[class*="st-key-costs_"] td { padding: 0.2rem 0.4rem; font-size: 0.85rem; }
[class*="st-key-costs_"] td:first-child { width: 32%; }
.block-container { padding: 3.5rem 2.5rem 4rem; }
@media (max-width: 900px) { .block-container { padding-left: 1rem; padding-right: 1rem; } }
</style>"""
SIDEBAR_PX = 220
_KEPT = ("set", "shot", "picture", "classifier", "classifiers", "detector", "detectors")


@contextmanager
def frame(title: str, subtitle: str = "") -> Iterator[None]:
    """Draws what surrounds a page; an error that the user can mend becomes a sentence instead of a trace."""
    st.set_page_config(
        page_title=f"{title} · WhatWhere", page_icon="🔎", layout="wide", initial_sidebar_state=SIDEBAR_PX
    )
    st.html(_STYLE)
    with st.sidebar:
        st.markdown("### :material/image_search: WhatWhere")
        for path, label, icon in PAGES:
            st.page_link(path, label=label, icon=icon, query_params=st.session_state.get(f"address of {label}", {}))
    st.title(title)
    if subtitle:
        st.markdown(subtitle)
    with told():
        yield


def remember(page: str) -> None:
    """Lets the navigation lead back to what is open on `page`.

    Streamlit itself keeps what widgets are bound to the address; the rest of the address would be lost.
    """
    address = {name: st.query_params.get_all(name) for name in _KEPT if name in st.query_params}
    st.session_state[f"address of {page}"] = address


@contextmanager
def told() -> Iterator[None]:
    """Shows a `VisionError` raised inside as a box with its sentence; the rest of the page goes on."""
    try:
        yield
    except VisionError as error:
        st.error(plain(str(error)), icon=":material/error:")


def plain(text: str) -> str:
    """Text that Streamlit's Markdown shows letter by letter: file and class names are not ours to trust."""
    return text.translate(_ESCAPED)


_ESCAPED = str.maketrans({letter: f"\\{letter}" for letter in "\\`*_{}[]()#+-.!|$:<>~&\"'^=@/"})

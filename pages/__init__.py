"""The frame every page shares: title, navigation, style, and the box that says what went wrong.

with frame("Compare", "What is in the picture, and where?"):
    ...
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from pages.parts.data.shelf import painting
from vision_core.errors import VisionError

PAGES = (
    ("app.py", "Home", ":material/home:"),
    ("pages/1_Compare.py", "Compare", ":material/compare:"),
    ("pages/2_Data.py", "Data", ":material/photo_library:"),
    ("pages/3_Train.py", "Train", ":material/model_training:"),
    ("pages/4_Evaluate.py", "Evaluate", ":material/analytics:"),
    ("pages/5_Costs.py", "Costs", ":material/payments:"),
    ("pages/6_Decide.py", "Decide", ":material/swords:"),
)

# Columns give way one by one instead of all at once: three on a desktop, two on a tablet, one on a phone.
_STYLE = """<style>
.st-key-setup [data-testid="stHorizontalBlock"], .st-key-sliders [data-testid="stHorizontalBlock"],
.st-key-contenders > div > [data-testid="stHorizontalBlock"] { flex-wrap: wrap; }
.st-key-setup [data-testid="stColumn"] { flex: 1 1 190px; min-width: min(190px, 100%); }
.st-key-setup > div > [data-testid="stHorizontalBlock"] > [data-testid="stColumn"] {
  flex: 1 1 310px; min-width: min(310px, 100%);
}
.st-key-sliders [data-testid="stColumn"] { flex: 1 1 150px; min-width: 150px; }
.st-key-contenders > div > [data-testid="stHorizontalBlock"] > [data-testid="stColumn"] {
  flex: 1 1 190px; min-width: min(190px, 100%);
}
.st-key-contenders > div > [data-testid="stHorizontalBlock"] > [data-testid="stColumn"]:only-child { max-width: 760px; }
.st-key-answers table, [class*="st-key-costs_"] table { width: 100%; table-layout: fixed; border-collapse: collapse; }
.st-key-answers td, .st-key-answers th, [class*="st-key-costs_"] td { overflow-wrap: anywhere; vertical-align: top; }
.st-key-answers td, .st-key-answers th {
  padding: 0.5rem 0.75rem; border-bottom: 1px solid rgba(128, 128, 128, 0.3); text-align: left;
}
.st-key-answers .cannot-say { opacity: 0.7; }
.st-key-answers .yes .mark { color: #009e73; }
.st-key-answers .no .mark { color: #d55e00; }
[class*="st-key-costs_"] thead { display: none; }
[class*="st-key-costs_"] td { padding: 0.2rem 0.4rem; font-size: 0.85rem; }
[class*="st-key-costs_"] td:first-child { width: 32%; }
[class*="st-key-train_card_chosen"] { border-color: var(--st-primary-color, #0b62a4); border-width: 2px; }
[class*="st-key-train_run_open"] { border-color: var(--st-primary-color, #0b62a4); border-width: 2px; }
[class*="st-key-train_run_open"] button:disabled { color: inherit; opacity: 1; }
.st-key-train_figures [data-testid="stMetric"] > div { padding: 0.5rem 0.75rem; }
[class*="st-key-train_run_"] { padding: 0.4rem 0.8rem; }
[class*="st-key-train_run_"] button { text-align: left; padding-inline: 0; }
.st-key-train_figures [data-testid="stMetricValue"] { font-size: 1.4rem; }
.block-container { padding: 1.1rem 2.5rem 4rem; }
.block-container h1 { font-size: 1.9rem; padding: 0 3rem 0.7rem 0; }
[data-testid="stHeader"] { background: transparent; pointer-events: none; }
[data-testid="stHeader"] button { pointer-events: auto; }
@media (max-width: 900px) {
  .block-container { padding: 3rem 1rem 4rem; }
  .st-key-setup > div > [data-testid="stHorizontalBlock"] { gap: 1rem; }
}
@media (max-width: 640px) {
  .st-key-answers thead { display: none; }
  .st-key-answers tr, .st-key-answers td, .st-key-answers tr > th { display: block; border: 0; padding: 0.15rem 0; }
  .st-key-answers tr { padding: 0.5rem 0; border-bottom: 1px solid rgba(128, 128, 128, 0.3); }
  .st-key-answers td::before { content: attr(data-who) ": "; opacity: 0.7; font-size: 0.85rem; }
}
</style>"""
SIDEBAR_PX = 220
_KEPT = (
    "set",
    "shot",
    "picture",
    "classifier",
    "classifiers",
    "detector",
    "detectors",
    "thing",
    "show",
    "run",
    "beside",
    "one",
    "part",
    "data",
    "split",
    "bench",
    "duel",
)
_KEPT_FIRST = "explained."  # a class for each classifier


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
        painting()  # Fashion Shelf is there before anybody asks for it
        yield


def remember(page: str) -> None:
    """Lets the navigation lead back to what is open on `page`.

    Streamlit itself keeps what widgets are bound to the address; the rest of the address would be lost.
    """
    kept = [name for name in st.query_params if name in _KEPT or name.startswith(_KEPT_FIRST)]
    address = {name: st.query_params.get_all(name) for name in kept}
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

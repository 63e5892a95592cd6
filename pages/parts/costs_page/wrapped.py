"""Columns that give way one by one where the page is narrow."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

_STYLE = """<style>
[class*="st-key-bench_wrap_"] [data-testid="stHorizontalBlock"]:has(> [data-testid="stColumn"]) {
  flex-wrap: wrap; row-gap: 1rem;
}
[class*="st-key-bench_wrap_"] [data-testid="stColumn"] { flex-basis: 110px; min-width: min(110px, 100%); }
[class*="st-key-bench_wrap_"] > div > [data-testid="stHorizontalBlock"] > [data-testid="stColumn"] {
  flex-basis: 300px; min-width: min(300px, 100%);
}
</style>"""


def wrapped(key: str, widths: int | Sequence[float]) -> list[DeltaGenerator]:
    """As many columns as asked for, each at least 300 pixels wide, below one another where there is no room."""
    st.html(_STYLE)
    with st.container(key=f"bench_wrap_{key}"):
        return st.columns(widths, gap="large")

"""What was typed into a page stays while other sections or pages are looked at; Costs and Decide share it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import streamlit as st

PREFIX = "bench_in_"
"""Keys of widgets whose values are kept; those of buttons begin otherwise."""
_KEPT = "bench_kept"
T = TypeVar("T")


def key(name: str) -> str:
    """The widget key of a value that is kept."""
    return PREFIX + name


def recall() -> None:
    """Brings back what Streamlit forgot because its widget was not drawn; before any widget of the page."""
    known: dict[str, Any] = st.session_state.setdefault(_KEPT, {})
    for name, value in known.items():
        st.session_state[name] = st.session_state.get(name, value)


def keep() -> None:
    """Writes down what stands in the widgets now; after all of them."""
    now = {str(name): st.session_state[name] for name in st.session_state if str(name).startswith(PREFIX)}
    st.session_state[_KEPT] = st.session_state.get(_KEPT, {}) | now


def first(name: str, value: Any) -> str:
    """A widget's key, whose value is `value` until somebody chooses another one."""
    st.session_state.setdefault(key(name), value)
    return key(name)


def one_of(name: str, options: Sequence[T], value: T) -> str:
    """The same for a choice of one; what is no longer offered is forgotten."""
    if st.session_state.get(key(name)) not in options:
        st.session_state[key(name)] = value
    return key(name)


def some_of(name: str, options: Iterable[T], values: Sequence[T]) -> str:
    """The same for a choice of several."""
    offered = list(options)
    chosen = st.session_state.get(key(name))
    if chosen is None:
        st.session_state[key(name)] = [value for value in values if value in offered]
    else:
        st.session_state[key(name)] = [value for value in chosen if value in offered]
    return key(name)

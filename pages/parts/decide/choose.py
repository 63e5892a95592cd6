"""Which duel is looked at: the one in the address, which a list changes."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages import plain
from pages.parts.states import states
from vision_core.duel.folder import DuelFolder
from vision_core.duel.jobs import ACTIVE, duel_status

STATES = states("starting", "going on", ":material/swords:")
"""Icon, colour and word of each state."""
_SHOWN = "duel_shown"
__all__ = ["ACTIVE", "STATES", "draw", "open_next", "silently", "state"]


def state(duel: DuelFolder) -> str:
    """Its state now."""
    return str(duel_status(duel)["state"])


def silently(found: Sequence[DuelFolder]) -> DuelFolder | None:
    """The one in the address where it has ended, else the newest that has, else none; without a list."""
    asked = st.query_params.get("duel", "")
    ended = [duel for duel in found if state(duel) == "finished"]
    return next((duel for duel in ended if duel.path.name == asked), ended[0] if ended else None)


def draw(found: Sequence[DuelFolder]) -> tuple[DuelFolder, str]:
    """The list, and the one that is chosen with the state that the list shows of it."""
    known = {duel.path.name: duel for duel in found}
    asked = st.query_params.get("duel", "")
    if asked and asked not in known:
        st.info(f"The duel {plain(asked)} of this address is not here any more; here is another one.")
    states = {name: state(duel) for name, duel in known.items()}
    going = [name for name in known if states[name] in ACTIVE]
    first = asked if asked in known else (going or list(known))[0]
    said = {name: f"{label} · {STATES[states[name]][2]}" for name, label in zip(known, _names(found), strict=True)}
    key = f"duel_duel_{hash(tuple(said.items()))}"  # a browser goes on showing what it was first told
    if key not in st.session_state or asked != st.session_state.get(_SHOWN):  # else it was chosen in this very box
        st.session_state[key] = first
    name = st.selectbox("Duel", list(known), format_func=lambda name: said[name], key=key) or first
    st.query_params["duel"] = st.session_state[_SHOWN] = name
    return known[name], states[name]


def _names(found: Sequence[DuelFolder]) -> list[str]:
    """A name for each; with its folder where others are called the same: a list knows its entries by name."""
    own = [duel.name for duel in found]
    return [
        f"{name} · {duel.path.name}" if own.count(name) > 1 else name for name, duel in zip(own, found, strict=True)
    ]


def open_next(section: str, name: str = "") -> None:
    """Shows a section, and a duel in it, in the next run of the page."""
    st.session_state["duel_next"] = (section, name)
    st.rerun(scope="app")

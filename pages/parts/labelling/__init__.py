"""Labelling in the page: image labels by key, boxes by mouse or finger, and what it all takes.

    draw(index, version_folder, proposals=lambda path: detector.predict(open_image(path)).select(0.4, 0.5))

Every change is in `version_folder/labels.jsonl` before the page says "saved"; `vision_core.data.journal.replay` makes
the new index of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from pages import told
from pages.parts.labelling import pace
from pages.parts.labelling.component import Outbox, mount
from pages.parts.labelling.desk import Desk, Proposer
from vision_core.data.index import DatasetIndex

__all__ = ["Proposer", "draw"]


def draw(
    index: DatasetIndex,
    folder: Path,
    proposals: Proposer | None = None,
    key: str = "labelling",
    earlier: Sequence[Path] = (),
) -> None:
    """Draws the labelling section; it runs by itself, without the rest of the page.

    Args:
        index: the data set as it was before anybody labelled it here; it is not changed.
        folder: of this version of the data set; the journal lives there.
        proposals: given a picture's path, the boxes a detector sees in it; without it nothing is proposed.
        key: tells several such sections apart.
        earlier: folders of the versions before, whose labelling counts for the pace too.
    """
    _draw(index, folder, proposals, key, earlier)


@st.fragment
def _draw(index: DatasetIndex, folder: Path, proposals: Proposer | None, key: str, earlier: Sequence[Path]) -> None:
    with told():
        desk = _desk(index, folder, key, earlier)
        name = f"{key}_component"
        before = _outbox(st.session_state.get(name))
        desk.answer(before, proposals)
        result = mount(key=name, data=desk.values(proposals is not None), on_outbox_change=_nothing)
        after = _outbox(result)
        if after is not None and after != before:  # a browser that outlived the server's former process
            desk.answer(after, proposals)
            st.rerun()
        pace.draw(desk.labelling, key, desk.earlier)


def _desk(index: DatasetIndex, folder: Path, key: str, earlier: Sequence[Path]) -> Desk:
    """This visitor's desk; a new one for another data set."""
    kept = st.session_state.get(f"{key}_desk")
    if not isinstance(kept, Desk) or kept.folder != folder:
        kept = st.session_state[f"{key}_desk"] = Desk.open(index, folder, earlier)
    return kept


def _outbox(state: object) -> Outbox | None:
    """The browser's last message, from the component's state or from what mounting it returned."""
    return Outbox.read(state.get("outbox")) if isinstance(state, dict) else None


def _nothing() -> None:
    """Streamlit keeps only the states that have a callback."""

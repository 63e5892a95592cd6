"""Many pictures: each predicted in turn with progress and a stop, then a table to sort and to open one from."""

from __future__ import annotations

import time

import pandas as pd
import streamlit as st

from pages import plain
from pages.parts import engine
from pages.parts.controls import Contender, View
from pages.parts.engine import Ref
from vision_core.answers import listed
from vision_core.drawing import thumbnail_data_uri
from vision_core.errors import VisionError


def pick(refs: tuple[Ref, ...], columns: list[Contender], view: View) -> Ref:
    """Draws the table when there are several pictures and returns the one that is open."""
    if len(refs) == 1:
        st.query_params.pop("picture", None)
        return refs[0]
    rows = _rows(refs, columns, view)
    asked = st.query_params.get("picture", "")
    opened = next((ref for ref in refs if ref.digest == asked), rows[0][0] if rows else refs[0])
    if rows:
        st.caption(f"{len(rows)} of {len(refs)} pictures. Sort by any heading; click a row to open it below.")
        event = st.dataframe(
            pd.DataFrame([row for _, row in rows]),
            hide_index=True,
            row_height=72,
            height=min(420, 40 + 73 * len(rows)),
            column_config=_COLUMNS,
            on_select="rerun",
            selection_mode="single-row",
            key=f"gallery_{hash(refs)}",
            alt="The pictures with their top label, object counts and latency",
        )
        if chosen := event["selection"]["rows"]:
            opened = rows[chosen[0]][0]
    st.query_params["picture"] = opened.digest
    return opened


def _rows(refs: tuple[Ref, ...], columns: list[Contender], view: View) -> list[tuple[Ref, dict[str, object]]]:
    """One row a picture. Results stay in the cache, so a stopped or interrupted pass goes on where it was."""
    done: set[tuple[str, Contender]] = st.session_state.setdefault("done", set())
    rows: list[tuple[Ref, dict[str, object]]] = []
    bar, button = st.empty(), st.empty()
    stopped = st.session_state.get("stopped_at") == refs
    started, done_before, offered = time.monotonic(), 0, False
    for number, ref in enumerate(refs):
        if any((ref.digest, column) not in done for column in columns):
            if stopped:
                break
            left = (time.monotonic() - started) / max(number - done_before, 1) * (len(refs) - number)
            bar.progress(number / len(refs), f"Picture {number + 1} of {len(refs)}, about {left:.0f} s left")
            if not offered:  # one button for the whole pass: a second one with its key would be refused
                button.button("Stop", key="stop", icon=":material/stop:", on_click=_stop, args=(refs,))
                offered = True
        else:
            done_before += 1
        try:
            rows.append((ref, _row(ref, columns, view)))
            done.update((ref.digest, column) for column in columns)
        except VisionError as error:
            st.error(plain(f"{ref.name}: {error}"), icon=":material/broken_image:")
    bar.empty()
    button.empty()
    if stopped and len(rows) < len(refs):
        st.button(f"Go on with the other {len(refs) - len(rows)}", key="go_on", on_click=_go_on)
    return rows


def _stop(refs: tuple[Ref, ...]) -> None:
    st.session_state["stopped_at"] = refs


def _go_on() -> None:
    st.session_state.pop("stopped_at", None)


def _row(ref: Ref, columns: list[Contender], view: View) -> dict[str, object]:
    row: dict[str, object] = {"picture": _thumbnail(ref.digest), "name": ref.name}
    for column in columns:
        if column.detector and column.classifier:
            continue
        if column.classifier:
            said = engine.classify(ref.digest, column.classifier)
            best = said.top(1)[0]
            row[f"label · {column.title}"] = best.name
            row[f"sure, % · {column.title}"] = round(100 * best.score)
            timing = said.timing
        else:
            found = engine.detect(ref.digest, str(column.detector))
            shown = found.select(view.score, view.iou, view.only)
            row[f"objects · {column.title}"] = len(shown)
            row[f"which · {column.title}"] = listed(shown.counts())
            timing = found.timing
        if timing:
            row[f"ms, one pass · {column.title}"] = round(timing.total_ms, 1)
    return row


@st.cache_data(show_spinner=False, max_entries=1000)
def _thumbnail(digest: str) -> str:
    return thumbnail_data_uri(engine.store().picture(digest).preview(1024), 96)


_COLUMNS = {"picture": st.column_config.ImageColumn("picture", width="small")}

"""How far a duel is, or how it ended: its parts, progress, time left, and what can be done with it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages import plain, told
from pages.parts.decide.choose import ACTIVE, STATES, open_next
from pages.parts.decide.links import in_workspace
from vision_core.data.wording import plural
from vision_core.duel import jobs
from vision_core.duel.folder import DuelFolder
from vision_core.duel.progress import GIVEN, GONE, LEFT_OUT, WAITING, PartState, overall, part_states, time_left
from vision_core.errors import VisionError
from vision_core.run_folder import SILENT_S
from vision_core.training.overview import duration, read_log

EVERY_S = 1.0
_ABSENT = {
    WAITING: (":material/hourglass_empty:", "gray", "waiting"),
    GIVEN: (":material/inventory_2:", "green", "taken as it is"),
    LEFT_OUT: (":material/remove_circle:", "orange", "left out: too few labels"),
    GONE: (":material/delete:", "orange", "its run was removed"),
}
_OF_RUNS = {**STATES, "running": (":material/play_circle:", "blue", "training"), **_ABSENT}
_BUSY = (":material/autorenew:", "blue", "under way")
_TO_DO = (":material/pending:", "gray", "still to do")
_STYLE = """<style>
.st-key-duel_parts [data-testid="stPageLink"] a { padding: 0; min-height: 0; }
.st-key-duel_parts [data-testid="stPageLink"] p { text-decoration: underline; text-underline-offset: 0.2em; }
.st-key-duel_parts p { font-size: 0.9rem; }
</style>"""


def draw(duel: DuelFolder, state: str) -> None:
    """Args: `state`: that the page was drawn with; when it changes, all of the page is drawn anew."""
    st.fragment(_watch, run_every=EVERY_S if state in ACTIVE else None)(duel, state)


def _watch(duel: DuelFolder, drawn_as: str) -> None:
    """Runs by itself, so that the page's own way with errors is not around it."""
    with told():
        status = jobs.duel_status(duel)
        if status["state"] != drawn_as:
            st.rerun(scope="app")  # another name in the list, other buttons, or a result to show
        if status["state"] in ACTIVE:
            _going_on(duel, status)
        elif status["state"] != "finished":
            _ended_early(duel, status)
        _buttons(duel, status["state"])


def _going_on(duel: DuelFolder, status: dict[str, Any]) -> None:
    try:
        parts = part_states(duel)
    except VisionError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    trained = all(one.is_settled for one in parts)
    left = time_left(parts)
    settled = sum(one.is_settled for one in parts)
    said = f"{settled} of {plural(len(parts), 'network')} ready"
    if left.seconds and not trained:
        said += f", {'about' if left.is_all else 'at least'} {duration(left.seconds)} of training left"
    st.progress(min(1.0, overall(parts)), said)
    _doing(status)
    _list(parts, status)


def _doing(status: dict[str, Any]) -> None:
    """What happens this moment, in a line."""
    if status["state"] == "queued":
        st.caption(":material/hourglass_empty: Its process is starting …")
        return
    done, total = int(status.get("done") or 0), int(status.get("total") or 0)
    far = f": {done:,} of {total:,}" if total else ""
    what = ": ".join(filter(None, (str(status.get("title") or ""), str(status.get("stage") or "Starting"))))
    st.caption(f":material/autorenew: {plain(what + far)} · {duration(status.get('seconds'))} so far")
    if (status.get("silent_s") or 0.0) > SILENT_S:
        st.warning(
            f"Its process has given no sign for {duration(status['silent_s'])}; it may be stuck, or short of memory.",
            icon=":material/hourglass_disabled:",
        )
    st.caption(
        ":material/info: It works in a process of its own: the page may be closed meanwhile. Leave the machine alone "
        "for the measuring at the end."
    )


def _list(parts: list[PartState], status: dict[str, Any]) -> None:
    """Every part with its state; those with a run lead to it."""
    st.html(_STYLE)
    active = status["state"] in ACTIVE
    present = int(status.get("part") or 0) if status["state"] == "running" and status.get("parts") else -1
    waits = _ABSENT[WAITING] if active else _TO_DO
    with st.container(border=True, gap="xsmall", key="duel_parts"):
        for number, one in enumerate(parts):
            state = _OF_RUNS.get(one.state, waits)
            if one.state == WAITING:
                state = _BUSY if number == present else waits
            _row(one.title, state, _about(one), one)
        last = "Setting side by side and measuring costs"
        _row(last, _BUSY if present == len(parts) else waits, "")


def _about(one: PartState) -> str:
    if one.state in ACTIVE and one.done:
        left = f", {duration(one.left)} left" if one.left else ""
        return f"{one.done:.0%}{left}"
    return duration(one.seconds) if one.seconds and one.state == "finished" else ""


def _row(title: str, state: tuple[str, str, str], about: str, one: PartState | None = None) -> None:
    icon, colour, word = state
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        run = in_workspace(one.run) if one is not None and one.run is not None else None
        if run is None:
            st.markdown(f"{plain(title)}", width="content")
        else:
            st.page_link(
                "pages/3_Train.py", label=plain(title), query_params={"show": "Runs", "run": run}, width="content"
            )
        st.caption(f":{colour}[{icon} {word}]" + (f" · {plain(about)}" if about else ""), width="content")


def _ended_early(duel: DuelFolder, status: dict[str, Any]) -> None:
    """What happened, and what is there already."""
    state, why = status["state"], plain(str(status.get("error") or ""))
    if state == "failed":
        st.error(f"**This duel failed.** {why or 'Nobody knows why.'}", icon=":material/error:")
    elif state == "interrupted":
        st.warning(f"**This duel was interrupted.** {why}", icon=":material/power_off:")
    else:
        st.info("This duel was stopped.", icon=":material/stop_circle:")
    try:
        parts = part_states(duel)
    except VisionError:
        return  # the sentence above says what is damaged
    ready = sum(one.is_settled for one in parts)
    st.markdown(
        f"{ready} of {plural(len(parts), 'network')} are ready. “Go on” does what is still to be done, and nothing "
        "twice; runs that were cut off go on from their last checkpoint."
    )
    _list(parts, status)
    log = read_log(duel.files, 20_000)
    if log.strip():
        with st.expander("What its process said", icon=":material/terminal:"):
            st.code(log, language=None)


def _buttons(duel: DuelFolder, state: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if state in ACTIVE:
            asked = duel.files.asked() == "cancel"
            label = "Stopping …" if asked else "Stop"
            if st.button(label, icon=":material/stop:", disabled=asked, key=f"duel_cancel_{duel.path.name}"):
                with told():
                    jobs.cancel_duel(duel)
                    st.rerun(scope="app")
            return
        icon, colour, word = STATES[state]
        st.caption(f":{colour}[{icon} {word}]", width="content")
        if state != "finished" and st.button(
            "Go on", icon=":material/play_arrow:", type="primary", key=f"duel_resume_{duel.path.name}"
        ):
            with told():
                jobs.resume_duel(duel)
                open_next("Result", duel.path.name)
        with st.popover("Remove", icon=":material/delete:", type="tertiary"):
            st.markdown("The duel and what it found are gone for good. The runs it trained stay.")
            if st.button("Remove it", icon=":material/delete_forever:", key=f"duel_discard_{duel.path.name}"):
                with told():
                    jobs.discard_duel(duel)
                    st.query_params.pop("duel", None)
                    st.rerun(scope="app")

"""The list of runs: what each is doing, the queue, and the trash."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import streamlit as st

from pages import plain, told
from pages.parts.states import states
from vision_core.errors import VisionError
from vision_core.run_folder import RunFolder, discard_run, empty_trash, list_run_folders, list_trash, restore_run
from vision_core.training import jobs
from vision_core.training.overview import Overview, duration, metric_title, overviews

EVERY_S = 2.0
SHOWN = 8
STATES = states("waiting", "running")
"""Icon, colour and word of each state."""


def every() -> list[Overview]:
    """All runs of the workspace, newest first."""
    return overviews(list_run_folders())


def chosen(found: list[Overview]) -> Overview:
    """The run in the address, else, and that is said, the one that is running, else the newest."""
    asked = st.query_params.get("run", "")
    running = [one for one in found if one.record.state == "running"]
    one = next((one for one in found if one.record.id == asked), None)
    if one is None and asked:
        st.info(f"The run {plain(asked)} of this address is not here any more; here is another one.")
    return one or (running or found)[0]


def labels(found: Iterable[Overview]) -> dict[str, str]:
    """What to call each run, by its id: its name, with the id behind where several are called so."""
    names = {one.record.id: one.record.name for one in found}
    many = Counter(names.values())
    return {id: f"{name} · {id}" if many[name] > 1 else name for id, name in names.items()}


def badge(one: Overview) -> str:
    """A run's state as icon and word."""
    icon, colour, word = STATES[one.record.state]
    return f":{colour}[{icon} {word}]"


def draw(open_id: str, is_active: bool) -> None:
    """The list; it keeps itself up to date while anything is active."""
    st.fragment(_list, run_every=EVERY_S if is_active else None)(open_id, is_active)
    _trash()


def _list(open_id: str, is_active: bool) -> None:
    with told():
        _draw_list(open_id, is_active)


def _draw_list(open_id: str, is_active: bool) -> None:
    found = every()
    if is_active and not any(one.record.is_active for one in found):
        st.rerun()  # nothing to follow any more
    _undo()
    places = {run.path.name: place for place, run in enumerate(jobs.queue(), start=1)}
    ordered = sorted(found, key=lambda one: (not one.record.is_active, places.get(one.record.id, 0)))
    few = SHOWN + sum(one.record.is_active for one in found)
    shown = ordered if st.session_state.get("train_every_run") else ordered[:few]
    if not any(one.record.id == open_id for one in shown):
        shown += [one for one in ordered if one.record.id == open_id]
    for one in shown:
        _row(one, one.record.id == open_id, places)
    if len(found) > few:
        st.toggle(f"Show all {len(found)} runs", key="train_every_run")


def _row(one: Overview, is_open: bool, places: dict[str, int]) -> None:
    record = one.record
    key = f"train_run{'_open' if is_open else ''}_{record.id}"
    with st.container(border=True, key=key, gap="xxsmall"):
        label = f"**{plain(record.name)}**" if is_open else plain(record.name)
        if st.button(label, key=f"open_{record.id}", type="tertiary", disabled=is_open):
            st.query_params["run"] = record.id
            st.query_params.pop("beside", None)
            st.rerun()
        said = [badge(one)]
        if record.state == "queued" and record.id in places:
            said.append(f"{places[record.id]} in the queue")
        if one.best is not None:
            said.append(f"{plain(metric_title(one.monitor, one.task))} {one.best:.0%}")
        st.caption(" · ".join(said))
        if record.state == "running":
            left = duration(record.status.get("seconds_left"))
            st.progress(one.share, f"{one.share:.0%}" + (f", {left} left" if left else ""))
        elif record.state == "queued" and len(places) > 1:
            _move(one, places.get(record.id, 0), len(places))


def _move(one: Overview, place: int, last: int) -> None:
    """Buttons that change a waiting run's place."""
    with st.container(horizontal=True, gap="small"):
        for places, icon, word in (
            (-1, ":material/arrow_upward:", "Earlier"),
            (1, ":material/arrow_downward:", "Later"),
        ):
            at_the_end = place == (1 if places < 0 else last)
            if st.button(
                word,
                icon=icon,
                key=f"move_{places}_{one.record.id}",
                disabled=at_the_end,
                type="tertiary",
                help=f"{plain(one.record.name)}: {word.lower()} in the queue",
            ):
                with told():
                    jobs.move(one.run, places)
                    st.rerun()


def discard(one: Overview) -> None:
    """Moves a run to the trash; the list then offers to take it back.

    Raises:
        SettingsError: it is active.
    """
    st.session_state["train_discarded"] = (discard_run(one.run), one.record.name)
    for name in ("run", "beside"):
        st.query_params.pop(name, None)
    st.rerun()


def _undo() -> None:
    path, name = st.session_state.get("train_discarded", (None, ""))
    if path is None or not path.is_dir():
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{plain(name)} is in the trash.")
        if st.button("Undo", icon=":material/undo:", key="train_undo", type="tertiary"):
            with told():
                st.query_params["run"] = restore_run(path).path.name
                del st.session_state["train_discarded"]
                st.rerun()


def _trash() -> None:
    """What was deleted, to be taken back or gone for good."""
    paths: list[Path] = []
    with told():
        paths = list_trash()
    if not paths:
        return
    with st.popover(f"Trash ({len(paths)})", icon=":material/delete:", type="tertiary"):
        for path in paths[:20]:
            if st.button(
                f"Restore {plain(_name(path))}", key=f"restore_{path.name}", icon=":material/undo:", type="tertiary"
            ):
                with told():
                    st.query_params["run"] = restore_run(path).path.name
                    st.rerun()
        if st.button("Empty the trash for good", key="train_empty", icon=":material/delete_forever:"):
            with told():
                st.toast(f"{empty_trash() / 1e6:,.0f} MB are free again.")
                st.session_state.pop("train_discarded", None)
                st.rerun()


def _name(path: Path) -> str:
    """What a run in the trash is called; its folder's name where it is damaged."""
    try:
        return RunFolder(path).record().name
    except (VisionError, OSError):
        return path.name

"""The measurements of this workspace: which one is looked at, how far the one that runs is, and what to do with it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages import plain, told
from pages.parts.states import ACTIVE, states
from vision_core.costs import bench_store
from vision_core.costs.bench_rows import Row, failed, labels, newest
from vision_core.costs.bench_store import BenchFolder
from vision_core.data.wording import plural, was
from vision_core.training.overview import duration

EVERY_S = 1.0
ALL = ""
"""Stands for all measurements together."""
_SHOWN = "bench_shown"
STATES = states("waiting", "measuring")
"""Icon, colour and word of each state."""


def choose(found: Sequence[BenchFolder]) -> tuple[BenchFolder | None, str]:
    """The one that is looked at, None for all of them together; and the state that the list shows of it."""
    known = {bench.id: bench for bench in found}
    asked = st.query_params.get("bench", found[0].id)
    if asked not in (*known, ALL, "all"):
        st.info(f"The measurement {plain(asked)} of this address is not here any more; here is another one.")
    options = [*known, *([ALL] if len(known) > 1 else [])]
    first = ALL if asked == "all" else asked
    states = {bench.id: str(bench.status()["state"]) for bench in found}
    said = {
        bench.id: f"{name} · {STATES[states[bench.id]][2]}" for bench, name in zip(found, names(found), strict=True)
    }
    key = f"bench_bench_{hash(tuple(said.items()))}"  # a browser goes on showing what it was first told
    if key not in st.session_state or asked != st.session_state.get(_SHOWN):  # else it was chosen in this very box
        st.session_state[key] = first if first in options else options[0]
    id = st.selectbox(
        "Measurement",
        options,
        format_func=lambda id: said[id] if id else "All of them, the newest of each configuration",
        key=key,
    )
    st.query_params["bench"] = st.session_state[_SHOWN] = id or "all"
    return known.get(id or ""), states.get(id or "", "")


def names(found: Sequence[BenchFolder]) -> list[str]:
    """A name for each, with when it was asked for where others are called the same: a list knows its entries by name.

    Two of one second are told apart by their folders too.
    """
    own = [bench.name for bench in found]
    timed = [
        f"{name} · {bench.made_at[:19].replace('T', ' ')} UTC" if own.count(name) > 1 else name
        for name, bench in zip(own, found, strict=True)
    ]
    return [f"{name} · {bench.id}" if timed.count(name) > 1 else name for name, bench in zip(timed, found, strict=True)]


def rows_of(bench: BenchFolder | None, found: Sequence[BenchFolder]) -> list[Row]:
    """What was measured: in one of them, or the newest of each configuration in all of them."""
    return list(bench.rows()) if bench is not None else newest(row for one in found for row in one.rows())


def standing(bench: BenchFolder, rows: Sequence[Row], state: str) -> None:
    """How far it is, or how it ended; what could not be measured; and the buttons.

    Args:
        state: that the page was drawn with; when it changes, all of the page is drawn anew.
    """
    active = state in ACTIVE
    st.fragment(_watch, run_every=EVERY_S if active else None)(bench, state, len(rows))
    _failures(rows)


def _watch(bench: BenchFolder, drawn_as: str, shown: int) -> None:
    """Runs by itself, so that the page's own way with errors is not around it."""
    with told():
        _standing(bench, drawn_as, shown)


def _standing(bench: BenchFolder, drawn_as: str, shown: int) -> None:
    status = bench.status()
    state = status["state"]
    icon, colour, word = STATES[state]
    if state != drawn_as or (state in ACTIVE and len(bench.rows()) != shown):
        st.rerun(scope="app")  # another name in the list, other buttons, or more rows to show
    if state == "running":
        done, total = int(status.get("done") or 0), max(1, int(status.get("total") or 1))
        left = duration(status.get("seconds_left"))
        said = f"{done} of {total} measured" + (f", about {left} left" if left else "")
        doing = [str(status.get(name)) for name in ("cell", "stage") if status.get(name)] or ["getting ready"]
        st.progress(min(1.0, done / total), f"{said} · {plain(': '.join(doing))} …")
    elif state == "queued":
        st.info(_waiting(str(status.get("stage") or "")), icon=":material/hourglass_empty:")
    elif state == "failed":
        st.error(f"**Failed.** {plain(str(status.get('error') or 'Nobody knows why.'))}", icon=":material/error:")
    elif state == "interrupted":
        why = plain(str(status.get("error") or "Its process is gone, though it had not ended."))
        st.warning(f"{why} What it had measured is here.", icon=":material/power_off:")
    with st.container(horizontal=True, vertical_alignment="center"):
        if state in ACTIVE:
            if st.button("Cancel", icon=":material/stop:", key=f"bench_cancel_{bench.id}"):
                with told():
                    bench.cancel()
            return
        st.caption(f":{colour}[{icon} {word}] · {plural(shown, 'row')}")
        if st.button("Measure again", icon=":material/refresh:", type="tertiary", key=f"bench_again_{bench.id}"):
            with told():
                open_next(bench_store.start_bench(bench.plan(), bench.name))
        with st.popover("Delete", icon=":material/delete:", type="tertiary"):
            st.markdown("Its rows are gone for good.")
            if st.button("Delete it", icon=":material/delete_forever:", key=f"bench_discard_{bench.id}"):
                with told():
                    bench.discard()
                    st.query_params.pop("bench", None)
                    st.rerun(scope="app")


def _waiting(stage: str) -> str:
    """Why it has not begun: it says itself once something else keeps it waiting."""
    if stage == bench_store.WAITING:
        return "Waits for other work on this machine, such as an evaluation or another measurement, to end."
    return "Starting …"


def open_next(bench: BenchFolder) -> None:
    """Shows a measurement's results in the next run of the page."""
    st.session_state["bench_next"] = bench.id
    st.rerun(scope="app")


def _failures(rows: Sequence[Row]) -> None:
    """What could not be measured, each with its reason."""
    broken = failed(rows)
    if not broken:
        return
    with st.expander(f"{was(len(broken), 'combination')} not possible", icon=":material/block:"):
        names = labels(broken, rows)
        lines = [f"- **{plain(name)}**: {plain(str(row['error']))}" for name, row in zip(names, broken, strict=True)]
        st.markdown("\n".join(lines))

"""The evaluation of a run: the one that is kept, or one computed in a process of its own, with progress and cancel."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from pages import plain, told
from pages.parts.evaluate.choose import Pictures
from vision_core import background
from vision_core.background import Work
from vision_core.errors import DataError
from vision_core.evaluation.store import Evaluation, open_evaluation, why_outdated
from vision_core.run_folder import BEST, CONFIG
from vision_core.training.overview import Overview, duration

EVERY_S = 1.0
CHECKED_S = 30


def ready(chosen: Sequence[Overview], pictures: Pictures) -> list[Evaluation]:
    """The evaluations that are there; for every other run, the way to one."""
    found, missing = [], []
    for one in chosen:
        evaluation = kept(one, pictures)
        if evaluation is None:
            missing.append(one)
            continue
        found.append(evaluation)
        if why := _outdated(evaluation.key, _changed_ns(one), evaluation):
            _offer_again(one, pictures, why)
    if missing:
        _compute(missing, pictures)
    return found


def kept(one: Overview, pictures: Pictures) -> Evaluation | None:
    """The evaluation of exactly these pictures, if the run keeps one."""
    for file in sorted((one.run.path / "evaluations").glob("*.safetensors")):
        found = _opened(str(file), file.stat().st_mtime_ns, _config_ns(one))
        if found is not None and _is_of(found, pictures):
            return found
    return None


def _is_of(found: Evaluation, pictures: Pictures) -> bool:
    same = found.is_own if pictures.data is None else found.data == pictures.data
    return same and found.about["asked"] == pictures.split


@st.cache_resource(show_spinner=False, max_entries=24)
def _opened(file: str, changed_ns: int, config_ns: int) -> Evaluation | None:
    try:
        return open_evaluation(Path(file))
    except DataError:
        return None  # damaged: it is computed anew


@st.cache_data(show_spinner=False, max_entries=200, ttl=CHECKED_S)
def _outdated(key: str, weights_ns: int, _evaluation: Evaluation) -> str:
    return why_outdated(_evaluation)


def _changed_ns(one: Overview) -> int:
    file = one.run.path / BEST
    return file.stat().st_mtime_ns if file.is_file() else 0


def _config_ns(one: Overview) -> int:
    """The temperature stands in there, and changes every score."""
    return (one.run.path / CONFIG).stat().st_mtime_ns


def _offer_again(one: Overview, pictures: Pictures, why: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.warning(f"{plain(one.record.name)}: {plain(why)}", icon=":material/update:")
        work = background.find("evaluate", pictures.arguments(one.run))
        if work is not None and work.is_active:
            watch(work, f"again_{one.record.id}")
        elif st.button("Evaluate again", icon=":material/refresh:", key=f"evaluate_again_{one.record.id}"):
            with told():
                background.start("evaluate", pictures.arguments(one.run))
                st.rerun()


def _compute(missing: Sequence[Overview], pictures: Pictures) -> None:
    """The runs without such an evaluation: those on their way, those that failed, and a button for the rest."""
    waiting: list[Overview] = []
    for one in missing:
        if not one.has_weights:
            st.info(f"{plain(one.record.name)} has no weights yet: it can be judged after its first epoch.")
            continue
        work = background.find("evaluate", pictures.arguments(one.run))
        if work is not None and work.is_active:
            st.markdown(f"**{plain(one.record.name)}** is being evaluated.")
            watch(work, one.record.id)
            continue
        if work is not None:
            _ended(one, work)
        waiting.append(one)
    if not waiting:
        return
    names = ", ".join(plain(one.record.name) for one in waiting)
    st.info(f"Not evaluated on these pictures yet: {names}.", icon=":material/analytics:")
    label = "Evaluate" if len(waiting) == 1 else f"Evaluate these {len(waiting)}"
    if st.button(label, type="primary", icon=":material/play_arrow:", key="evaluate_start"):
        with told():
            for one in waiting:
                background.start("evaluate", pictures.arguments(one.run))
            st.rerun()


def _ended(one: Overview, work: Work) -> None:
    """Why there is nothing though somebody asked."""
    status = work.status()
    if status["state"] == "failed":
        st.error(f"{plain(one.record.name)}: {plain(str(status['error']))}", icon=":material/error:")
    elif status["state"] in ("cancelled", "interrupted"):
        st.caption(f"{plain(one.record.name)}: {status['state']}.")


def watch(work: Work, key: str, title: str = "") -> None:
    """Progress and a way to stop, kept up to date; the page is drawn anew when the work has ended."""
    st.fragment(_watch, run_every=EVERY_S)(work, key, title)


def _watch(work: Work, key: str, title: str) -> None:
    with told():
        _progress(work, key, title)


def _progress(work: Work, key: str, title: str) -> None:
    status = work.status()
    if status["state"] not in ("queued", "running"):
        st.rerun()
    done, total = int(status["done"]), int(status["total"])
    left = duration(status["seconds_left"])
    said = (f"{title}: " if title else "") + str(status["stage"] or "Waiting for its turn")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(
            min(1.0, done / total) if total else 0.0,
            plain(said) + (f": {done:,} of {total:,}" if total else " …") + (f", about {left} left" if left else ""),
        )
        if st.button("Cancel", icon=":material/stop:", key=f"evaluate_cancel_{key}"):
            work.cancel()
            st.toast("It stops after this step.")

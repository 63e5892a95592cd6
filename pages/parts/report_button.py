"""The report on a page: a button that has it made in the background, then one that takes it away; a run's card too.

report_button.draw([run.path], "train")
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import streamlit as st

from pages import plain, told
from pages.parts.evaluate import prepare
from vision_core import background
from vision_core.background import Work
from vision_core.errors import VisionError
from vision_core.run_folder import RunFolder

_WHAT_IT_IS = (
    "One HTML file for people who were not here: the decision, figures on test pictures with intervals, charts, "
    "telling pictures, data, method and licences. It opens anywhere, needs no network, and prints."
)


def draw(targets: Sequence[Path], key: str) -> None:
    """The buttons for a report on a duel, a run, or several runs.

    Args:
        key: unique on the page.
    """
    if not targets:
        return
    asked = {"targets": [str(Path(target).resolve()) for target in targets]}
    with told():
        work = background.find("report", asked)
        if work is not None and work.is_active:
            prepare.watch(work, f"report_{key}", "Report")
            return
        made = None if work is None else _made(work)
        if work is not None and made is None:
            _say_why(work)
        with st.container(horizontal=True, vertical_alignment="center", key=f"report_row_{key}"):
            if made is not None:
                _download(made, targets, key)
            label = "Make the report" if made is None else "Make it anew"
            kind = "secondary" if made is None else "tertiary"
            icon = ":material/summarize:" if made is None else ":material/refresh:"
            if st.button(label, icon=icon, type=kind, key=f"report_make_{key}", help=_WHAT_IT_IS):
                background.start("report", asked)
                st.rerun()
            if len(targets) == 1 and (Path(targets[0]) / "config.json").is_file():
                _card(Path(targets[0]), key)


def _made(work: Work) -> tuple[Path, str] | None:
    """The file and when it was made; None where it is not there."""
    if work.status()["state"] != "finished":
        return None
    found = work.result()
    file = Path(str(found.get("file", "")))
    return (file, str(found.get("made_at", ""))) if file.is_file() else None


def _say_why(work: Work) -> None:
    status = work.status()
    if status["state"] == "failed":
        st.error(f"The report was not made: {plain(str(status['error']))}", icon=":material/error:")
    elif status["state"] in ("cancelled", "interrupted"):
        st.caption(f"The report was {status['state']}.")


def _download(made: tuple[Path, str], targets: Sequence[Path], key: str) -> None:
    file, made_at = made
    st.download_button(
        "Download the report",
        partial(file.read_bytes),
        f"report-{_stem(targets)}.html",
        "text/html",
        icon=":material/download:",
        on_click="ignore",
        type="primary",
        key=f"report_take_{key}",
        help=f"Made {made_at[:16].replace('T', ' ')} UTC. {_WHAT_IT_IS}",
    )


def _card(run: Path, key: str) -> None:
    st.download_button(
        "Model card",
        partial(_card_of, run),
        f"{_stem([run])}.md",
        "text/markdown",
        icon=":material/badge:",
        on_click="ignore",
        key=f"report_card_{key}",
        help="Intended use, data, settings, figures with intervals, costs, limits and licence, in the format that "
        "model hubs read",
    )


def _card_of(run: Path) -> str:
    """The card, or why there is none: a download cannot fail on screen."""
    from vision_core.model_card import model_card

    try:
        return model_card(run)
    except VisionError as error:
        return f"There is no card: {error}\n"


def _stem(targets: Sequence[Path]) -> str:
    """A plain name for the file, from what its owner calls the first target."""
    first = RunFolder(Path(targets[0]))
    try:
        name = str(first.read("about.json").get("name") or first.path.name)
    except VisionError:
        name = first.path.name
    stem = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower()[:50] or "run"
    return stem if len(targets) == 1 else f"{stem}-and-{len(targets) - 1}-more"

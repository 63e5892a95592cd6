"""The doctor's visit: a check with progress, findings in plain words with examples, and fixes into a new version."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import streamlit as st

from pages import plain
from pages.parts.data.choose import Opened, labels_are_in, show_newest
from pages.parts.data.gallery import THUMBNAIL_PX, changed_ns, thumbnail
from pages.parts.data.progress import working
from vision_core.data.doctor import CheckOptions, Diagnosis, Finding, Task, check, fix
from vision_core.data.library import add_version
from vision_core.errors import ImageError

ICONS = {
    "error": ":red[:material/error:]",
    "warning": ":orange[:material/warning:]",
    "note": ":blue[:material/info:]",
}
EXAMPLES = 6
KEPT = 20
TASKS: dict[str, Task | None] = {"what it has": None, "classification": "classification", "detection": "detection"}


@st.cache_resource(show_spinner=False)
def _diagnoses() -> OrderedDict[tuple[str, str], Diagnosis]:
    """What the last checks said, the oldest dropped; not a cached function, since checking draws its progress."""
    return OrderedDict()


def diagnosis_of(opened: Opened) -> Diagnosis | None:
    """What the last check of this version said to this visitor's question, if there was one."""
    return _diagnoses().get((opened.key, st.session_state.get(f"check_task_{opened.key}", next(iter(TASKS)))))


def findings_by_name(opened: Opened) -> dict[str, np.ndarray]:
    """For the gallery's filter: each finding that concerns pictures, with their rows."""
    diagnosis = diagnosis_of(opened)
    found = diagnosis.findings if diagnosis else ()
    return {title(finding): finding.rows for finding in found if len(finding.rows)}


def title(finding: Finding) -> str:
    """A finding's code as people read it."""
    return finding.code.replace("_", " ").capitalize()


def draw(opened: Opened) -> None:
    """The button, or what the check said."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        task = st.selectbox("Judge it for", list(TASKS), key=f"check_task_{opened.key}", width=200) or next(iter(TASKS))
        diagnosis = diagnosis_of(opened)
        asked = st.button(
            "Check again" if diagnosis else "Check this data set",
            type="secondary" if diagnosis else "primary",
            icon=":material/stethoscope:",
            key=f"check_{opened.key}",
        )
    if asked:
        with working("Checking", "check") as bar:
            diagnosis = check(opened.index, _options(opened, task), bar.of("Opening pictures"))
        _diagnoses()[opened.key, task] = diagnosis
        while len(_diagnoses()) > KEPT:
            _diagnoses().popitem(last=False)
        st.rerun()
    if diagnosis is None:
        st.info(
            "The doctor opens every picture once and looks for some forty kinds of fault: damaged files, copies in "
            "both train and test, wrong boxes, labels spelled in several ways … It changes nothing by itself.",
            icon=":material/stethoscope:",
        )
        return
    _results(opened, diagnosis)


def _options(opened: Opened, task: str) -> CheckOptions:
    """Pictures that the index leaves out on purpose are no fault where it shares them with another version."""
    number = opened.version.number
    shares = number > 1 and not opened.index.root.is_relative_to(opened.dataset.version_folder(number))
    borrows = opened.index.root.is_relative_to(opened.dataset.folder.parent) and not opened.index.root.is_relative_to(
        opened.dataset.folder
    )
    return CheckOptions(task=TASKS[task], find_unlisted=not (shares or borrows))


def _results(opened: Opened, diagnosis: Diagnosis) -> None:
    if not diagnosis.findings:
        st.success(
            f"Nothing found: {diagnosis.images:,} pictures and {diagnosis.boxes:,} boxes, judged for {diagnosis.task}.",
            icon=":material/verified:",
        )
        return
    counts = [sum(f.severity == severity for f in diagnosis.findings) for severity in ICONS]
    words = [f"{n} {word}{'s' * (n != 1)}" for n, word in zip(counts, ICONS, strict=True) if n]
    st.markdown(f"**{', '.join(words)}**, judged for {diagnosis.task}.")
    chosen = [finding.code for finding in diagnosis.findings if _finding(opened, finding)]
    if diagnosis.fixable:
        _fixes(opened, diagnosis, chosen)


def _finding(opened: Opened, finding: Finding) -> bool:
    """One finding; returns whether it is ticked for fixing."""
    with st.container(border=True, key=f"finding_{finding.code}"):
        st.markdown(f"{ICONS[finding.severity]} **{title(finding)}** · {finding.count:,}")
        st.markdown(plain(finding.sentence))
        st.caption(plain(finding.effect))
        examples = finding.rows[:EXAMPLES].tolist()
        if examples:
            with st.container(horizontal=True):
                for row in examples:
                    with st.container(width=THUMBNAIL_PX * 2 // 3):
                        _example(opened, row)
        elif finding.examples:
            st.caption(", ".join(plain(example) for example in finding.examples[:EXAMPLES]))
        if finding.fix is None:
            return False
        wanted = finding.severity != "note"  # what is only good to know is left as it is, unless somebody asks
        return st.checkbox(f"Fix: {plain(finding.fix)}", value=wanted, key=f"fix_{opened.key}_{finding.code}")


def _example(opened: Opened, row: int) -> None:
    path = opened.index.path(row)
    try:
        st.image(
            thumbnail(opened.index, row, opened.key, changed_ns(path)),
            width="stretch",
            caption=plain(path.name),
            alt=path.name,
        )
    except ImageError:
        st.caption(f":material/broken_image: {plain(path.name)}")


def _fixes(opened: Opened, diagnosis: Diagnosis, chosen: list[str]) -> None:
    if not labels_are_in(opened):
        return
    label = f"Make version {opened.dataset.versions[-1].number + 1} with {len(chosen)} fix{'es' * (len(chosen) != 1)}"
    if not st.button(label, type="primary", icon=":material/healing:", disabled=not chosen, key=f"mend_{opened.key}"):
        st.caption("The original is never touched; unchanged pictures take no space again.")
        return
    with working("Mending", "mend") as bar:
        names = ", ".join(code.replace("_", " ") for code in chosen)
        add_version(
            opened.dataset,
            f"mended: {names}"[:200],
            lambda folder: fix(opened.index, diagnosis, chosen, folder, bar.of("Writing pictures")),
        )
    show_newest(opened.dataset)

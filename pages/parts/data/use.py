"""What to do with a data set: turn boxes into labels, write it in another format, label it in the page."""

from __future__ import annotations

import shutil
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np
import streamlit as st

from pages import plain, told
from pages.parts import engine, labelling
from pages.parts.data.bring import FORMAT_TITLES, FORMATS
from pages.parts.data.choose import Opened, labels_are_in, show_newest
from pages.parts.data.progress import working
from vision_core.data.doctor.case import plural
from vision_core.data.formats import write_dataset
from vision_core.data.journal import count_changes, replay
from vision_core.data.library import MAX_NAME, add_version, create_dataset
from vision_core.data.staging import scratch
from vision_core.data.tasks import as_classification
from vision_core.images import open_image
from vision_core.predict import DEFAULT_DETECTOR
from vision_core.settings import ensure_folder, settings
from vision_core.types import Detections

DOWNLOAD_BYTES = 200_000_000
HOW = {
    "presence": "Every class that is in the picture: several labels a picture",
    "majority": "The class with most objects: one label a picture",
    "crops": "Every object as a picture of its own: one label a crop",
}


def draw(opened: Opened) -> None:
    """Detection data as classification data, and the data set in other formats."""
    if not labels_are_in(opened):
        return
    left, right = st.columns(2, gap="large")
    with left, told():
        _as_classification(opened)
    with right, told():
        _write(opened)


def _as_classification(opened: Opened) -> None:
    st.markdown("##### :material/label: Boxes answer classification too")
    if not opened.index.has_boxes:
        st.caption("Nobody has drawn boxes here: it is for classification already.")
        return
    how = st.radio("Labels from boxes", list(HOW), format_func=HOW.__getitem__, key=f"how_{opened.key}")
    how = how or "presence"
    name = st.text_input(
        "Name", f"{opened.dataset.name}, {how}"[:MAX_NAME], max_chars=MAX_NAME, key=f"name_{opened.key}_{how}"
    )
    st.caption("Pixels are copied only for crops.")
    if st.button("Make this data set", icon=":material/library_add:", key=f"classify_{opened.key}"):
        with working("Making it", "classify") as bar:
            note = f"{how} of version {opened.version.number} of {opened.dataset.name}"

            def make(folder: Path) -> object:
                return as_classification(opened.index, how, folder, bar.of("Cutting out objects"))  # type: ignore[arg-type]

            made = create_dataset(name, opened.dataset.name, note, make)  # type: ignore[arg-type]
        show_newest(made)


def _write(opened: Opened) -> None:
    st.markdown("##### :material/output: Take it elsewhere")
    formats = [format for format in FORMATS if format != "folder" or not opened.index.has_boxes]
    format = st.selectbox("Format", formats, format_func=FORMAT_TITLES.__getitem__, key=f"to_{opened.key}") or "coco"
    if len(formats) < len(FORMATS):
        st.caption("A folder for each class holds no boxes: make them labels first, beside.")
    kept = f"written_{opened.key}_{format}"
    if st.button("Write it", icon=":material/save:", key=f"write_{opened.key}"):
        exports = ensure_folder(settings().home / "exports")
        folder = exports / f"{opened.dataset.id}-{opened.version.number}-{format}-{datetime.now():%Y%m%d-%H%M%S}"
        with working("Writing", "write") as bar:
            written = write_dataset(opened.index, folder, format, bar.of("Writing pictures"))
        size_bytes = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        st.session_state[kept] = (folder, written.notes, size_bytes)
    if kept not in st.session_state:
        st.caption("It is written into the workspace; unchanged pictures take no space again.")
        return
    folder, notes, size_bytes = st.session_state[kept]
    st.success(f"Written to `{folder}`", icon=":material/check:")
    for note in notes:
        st.caption(f":material/info: {plain(note)}")
    if size_bytes <= DOWNLOAD_BYTES:
        st.download_button(
            "Download as a zip", partial(_zipped, folder), f"{folder.name}.zip", "application/zip", on_click="ignore"
        )


def _zipped(folder: Path) -> bytes:
    with scratch(folder.parent) as space:
        return Path(shutil.make_archive(str(space / "download"), "zip", folder)).read_bytes()


def label(opened: Opened) -> None:
    """The labelling section, and a button that makes a version of what was labelled."""
    if _unknown_classes(opened):
        st.warning(
            "Some boxes or labels are of classes that this data set does not define. Mend “Unknown class” under "
            "“Doctor” first.",
            icon=":material/stethoscope:",
        )
        return
    folder = opened.dataset.version_folder(opened.version.number)
    dataset, number = opened.dataset, opened.version.number
    earlier = [dataset.version_folder(version.number) for version in dataset.versions if version.number < number]
    labelling.draw(opened.index, folder, _propose, key=f"labelling_{opened.key}", earlier=earlier)
    _labels_as_version(opened, folder)


def _unknown_classes(opened: Opened) -> bool:
    index = opened.index
    ids = np.concatenate([index.label_pairs()[1], index.box_column("class_id")])
    return bool(((ids < 0) | (ids >= len(index.class_names))).any())


@st.fragment
def _labels_as_version(opened: Opened, folder: Path) -> None:
    st.caption("Changes are kept beside this version as you make them; training and charts use versions.")
    if st.session_state.get("labels_made") == opened.key:
        st.success(f"Version {opened.version.number} was made with these labels.", icon=":material/check:")
    if not st.button("Make a version with these labels", icon=":material/new_label:", key=f"relabel_{opened.key}"):
        return
    with told():
        changes = count_changes(folder)
        if not changes:
            st.info("Nothing was labelled here yet.")
        else:
            add_version(
                opened.dataset,
                f"labelled, {plural(changes, 'change')}",
                lambda _: replay(folder, opened.index),
            )
            st.session_state["labels_made"] = opened.dataset.versions[-1].uid
            show_newest(opened.dataset)


def _propose(path: Path) -> Detections:
    """What the embedded detector sees."""
    return engine.detector(DEFAULT_DETECTOR).predict([open_image(path).pixels])[0].select(0.4, 0.5)

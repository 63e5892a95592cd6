"""Bringing a data set in: an archive, a folder of the server, or Fashion Shelf at any size."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages import plain, told
from pages.parts.data.progress import working
from vision_core.data.formats import AmbiguousFormat
from vision_core.data.library import MAX_NAME, Dataset, add_shelf, import_dataset
from vision_core.data.shelf import DIFFICULTIES
from vision_core.data.staging import scratch
from vision_core.errors import DataError
from vision_core.images import display_name
from vision_core.settings import allowed_path, settings

ARCHIVES = ["zip", "tar", "tgz", "gz", "bz2", "xz"]
ARCHIVE, FOLDER, SHELF = "A zip or tar", "A folder on the server", "Fashion Shelf"
FORMATS = ("coco", "yolo", "voc", "csv", "folder")
FORMAT_TITLES = {
    "coco": "COCO",
    "yolo": "YOLO",
    "voc": "Pascal VOC",
    "csv": "CSV",
    "folder": "a folder for each class",
    "shelf": "Fashion Shelf",
}


def draw() -> Dataset | None:
    """The import form; returns the data set that it has just brought in."""
    options = [ARCHIVE] + ([FOLDER] if settings().folder_roots else []) + [SHELF]
    kind = st.segmented_control("From", options, default=ARCHIVE, required=True, key="bring_from")
    with told():
        return {ARCHIVE: _archive, FOLDER: _folder, SHELF: _shelf}[kind or ARCHIVE]()
    return None


def _archive() -> Dataset | None:
    st.caption(
        "Folder for each class, COCO, YOLO, Pascal VOC or CSV: what it is, is found out by looking. Nothing leaves "
        "this machine, and the file itself is not kept."
    )
    file = st.file_uploader(
        "Drop a zip or tar with pictures here",
        type=ARCHIVES,
        key=f"bring_file_{st.session_state.get('brought', 0)}",  # what was imported needs no memory any more
        max_upload_size=settings().max_dataset_bytes // 1_000_000,
    )
    if file is None:
        return None
    shown = display_name(file.name)
    name = st.text_input(
        "Name", Path(shown).name.split(".")[0][:MAX_NAME], max_chars=MAX_NAME, key=f"bring_name_{file.file_id}"
    )
    format = _asked_format(file.file_id)
    if not st.button("Import", type="primary", icon=":material/download_done:", key="bring_go"):
        return None
    with scratch(settings().home / "uploads") as space, working("Importing", "import") as bar:
        path = space / shown
        try:
            path.write_bytes(file.getbuffer())
        except OSError as error:
            raise DataError(f"The upload cannot be kept ({error.strerror or error}): free some space.") from error
        return _import(path, name, format, file.file_id, bar.stage)


def _folder() -> Dataset | None:
    text = st.text_input("Folder on the server", key="bring_folder", help="Its pictures stay where they are.")
    name = st.text_input("Name", Path(text).name[:MAX_NAME], max_chars=MAX_NAME, key=f"bring_name_{text}")
    format = _asked_format(text)
    if not st.button("Import", type="primary", key="bring_folder_go", disabled=not text):
        return None
    with working("Importing", "import") as bar:
        return _import(allowed_path(text, settings()), name, format, text, bar.stage)


def _import(path: Path, name: str, format: str | None, source: str, progress: object) -> Dataset | None:
    try:
        return import_dataset(path, name, format, progress=progress)  # type: ignore[arg-type]
    except AmbiguousFormat as error:
        st.session_state["bring_readings"] = (source, error.readings)
        st.rerun()


def _asked_format(source: str) -> str | None:
    """The format the user chose where two readings of this source are possible; None before that is known."""
    known, readings = st.session_state.get("bring_readings", ("", ()))
    if known != source or not readings:
        return None
    st.warning("This can be read in more than one way. Which one is meant?", icon=":material/call_split:")
    sentences = {reading.format: reading.sentence for reading in readings}
    return st.radio(
        "Read it as",
        list(sentences),
        format_func=FORMAT_TITLES.__getitem__,
        captions=[plain(sentence) for sentence in sentences.values()],
        key="bring_format",
    )


def _shelf() -> Dataset | None:
    st.caption("Scenes painted from real product photos. The same picture carries labels, counts and boxes.")
    images = st.slider("Scenes", 50, 5000, 300, 50, key="shelf_images")
    left, right = st.columns(2)
    difficulty = left.selectbox("Difficulty", list(DIFFICULTIES), index=1, key="shelf_difficulty") or "medium"
    seed = right.number_input("Seed", 0, 2**31 - 1, 0, key="shelf_seed", help="The same seed paints the same scenes.")
    if not st.button("Paint", type="primary", icon=":material/palette:", key="shelf_go"):
        return None
    with working("Painting", "shelf") as bar:
        return add_shelf(int(images), int(seed), difficulty, bar.stage)

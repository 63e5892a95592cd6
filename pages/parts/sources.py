"""Where the pictures come from: samples, upload, camera, and (if configured) a folder of the server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import streamlit as st

from pages import plain
from pages.parts import engine
from pages.parts.engine import Ref
from vision_core.errors import VisionError
from vision_core.images import iter_folder
from vision_core.samples import list_samples
from vision_core.settings import allowed_folder, settings

UPLOAD_TYPES = ["jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff", "gif", "avif", "heic", "heif"]
FOLDER_LIMIT = 200

SAMPLES, UPLOAD, CAMERA, FOLDER = "Samples", "Upload", "Camera", "Folder"


@dataclass(frozen=True)
class Chosen:
    """The pictures at hand and the one that is open; `alt` describes it where somebody wrote a description."""

    refs: tuple[Ref, ...]
    alt: str = ""


def choose() -> Chosen:
    """Draws the source widgets and returns the readable pictures; each unreadable file gets a sentence of its own."""
    options = [SAMPLES, UPLOAD, CAMERA] + ([FOLDER] if settings().folder_roots else [])
    source = st.segmented_control(
        "Pictures from", options, default=SAMPLES, required=True, key="source", bind="query-params"
    )
    draw: dict[str, Callable[[], Chosen]] = {UPLOAD: _upload, CAMERA: _camera, FOLDER: _folder}
    return draw.get(source or SAMPLES, _samples)()


def _samples() -> Chosen:
    samples = {sample.title: sample for sample in list_samples()}
    title = st.selectbox("Sample", list(samples), key="sample", bind="query-params")
    sample = samples[title or next(iter(samples))]
    return Chosen(_readable([(sample.name, sample.path.name, partial(Path, sample.path))]), sample.alt)


def _upload() -> Chosen:
    files = st.file_uploader(
        "Drop photos here, one or many",
        type=UPLOAD_TYPES,
        accept_multiple_files=True,
        key="upload",
        help="Pictures stay in this server's memory and are never written to its disk.",
        on_change=_touched,
        args=("set",),
    )
    return _brought(
        "set",
        [(file.file_id, file.name, file.getvalue) for file in files or ()],
        "Drop a photo above, or several: everything below follows. Nothing leaves this machine.",
    )


def _camera() -> Chosen:
    shot = st.camera_input("Take a photo", key="camera", on_change=_touched, args=("shot",))
    return _brought(
        "shot",
        [(shot.file_id, "camera.jpg", shot.getvalue)] if shot else [],
        "Take a photo above. If the camera stays black, allow this page to use it, or upload a photo.",
    )


def _folder() -> Chosen:
    text = st.text_input("Folder on the server", key="folder", bind="query-params")
    if not text:
        allowed = ", ".join(str(root) for root in settings().folder_roots)
        st.info(f"Type the path of a folder with pictures inside {plain(allowed)}.", icon=":material/folder_open:")
        return Chosen(())
    found = list(islice(iter_folder(allowed_folder(text, settings())), FOLDER_LIMIT + 1))
    if len(found) > FOLDER_LIMIT:
        st.warning(
            f"The page shows the first {FOLDER_LIMIT} pictures of this folder. For all of them, in constant memory: "
            "`python -m vision_core predict FOLDER --jsonl`.",
            icon=":material/filter_list:",
        )
    if not found:
        st.info("This folder holds no pictures.", icon=":material/folder_off:")
    return Chosen(_readable([(str(path), path.name, partial(Path, path)) for path in found[:FOLDER_LIMIT]]))


def _readable(files: Sequence[tuple[str, str, Callable[[], bytes | Path]]]) -> tuple[Ref, ...]:
    """Each file decoded once a session; what cannot be read is said and left out, the others go on."""
    known: dict[str, Ref | str] = st.session_state.setdefault("opened", {})
    bar = st.empty()
    for number, (key, name, content) in enumerate(files):
        if key not in known:
            if len(files) > 1:
                bar.progress(number / len(files), f"Reading {number + 1} of {len(files)}: {plain(name)}")
            try:
                known[key] = engine.store().add(name, content())
            except (VisionError, OSError) as error:
                known[key] = str(error)
    bar.empty()
    for key, _, _ in files:
        if isinstance(message := known[key], str):
            st.error(plain(message), icon=":material/broken_image:")
    return tuple(ref for key, _, _ in files if isinstance(ref := known[key], Ref))


def _touched(parameter: str) -> None:
    """Somebody put files into the widget or took them out; leaving the page does not call this."""
    st.session_state[f"{parameter}_touched"] = True


def _brought(parameter: str, files: Sequence[tuple[str, str, Callable[[], bytes | Path]]], invitation: str) -> Chosen:
    """The files in the widget, whose set goes into the address; after a reload the set that the address names."""
    kept = f"{parameter}_kept"
    if files:
        refs = _readable(files)
        if refs:
            st.query_params[parameter] = st.session_state[kept] = engine.store().add_set(refs)
        return Chosen(refs)
    if st.session_state.pop(f"{parameter}_touched", False):  # emptied by its user, not by a reload or another page
        st.session_state.pop(kept, None)
        st.query_params.pop(parameter, None)
    elif parameter not in st.query_params and kept in st.session_state:
        st.query_params[parameter] = st.session_state[kept]
    asked = engine.store().get_set(st.query_params.get(parameter, ""))
    refs = tuple(ref for ref in asked if ref.digest in engine.store())
    if len(refs) < len(asked):
        st.warning(f"{len(asked) - len(refs)} of {len(asked)} pictures are no longer in the server's memory.")
    if not refs:
        st.info(invitation, icon=":material/add_photo_alternate:")
    return Chosen(refs)

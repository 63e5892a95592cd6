"""The pictures of a data set: filtered, paged, with boxes; a click shows one large and as training will see it."""

from __future__ import annotations

import os
from dataclasses import replace
from math import ceil
from pathlib import Path

import numpy as np
import streamlit as st

from pages import plain, told
from pages.parts.data.choose import Opened
from vision_core.answers import listed
from vision_core.data.index import DatasetIndex, Filter, ImageRecord
from vision_core.data.pictures import PLAIN_BOXES, as_detections, drawn_jpeg
from vision_core.drawing import DrawOptions
from vision_core.errors import ImageError

PAGE = 25  # five rows of the five columns that a desktop shows
THUMBNAIL_PX, LARGE_PX = 204, 680
_ON_A_PHONE = """<style>@media (max-width: 460px) {
  .st-key-thumbnails > div, [class*="st-key-thumbnail_"], [class*="st-key-thumbnail_"] [data-testid="stImage"] {
    width: 100% !important; max-width: none; flex: 1 1 100%;
  }
}</style>"""


def draw(opened: Opened, findings: dict[str, np.ndarray]) -> None:
    """Filters, then a page of thumbnails. `findings`: the doctor's findings by name, with the rows concerned."""
    index = opened.index
    with st.container(horizontal=True, vertical_alignment="bottom", key="filters"):
        rows = index.find(_filter(opened, findings))
        pages = max(1, ceil(len(rows) / PAGE))
        page = st.number_input("Page", 1, pages, 1, key=f"page_{opened.key}_{pages}", help=f"1 to {pages:,}", width=130)
    if not len(rows):
        st.info("No picture passes these filters. Clear one of them.", icon=":material/filter_list_off:")
        return
    st.caption(f"{len(rows):,} of {len(index):,} pictures. Click a name to see it large.")
    st.html(_ON_A_PHONE)
    with st.container(horizontal=True, key="thumbnails"):
        for record in index.page(rows, (int(page) - 1) * PAGE, PAGE):
            _thumbnail(opened, record)


def _filter(opened: Opened, findings: dict[str, np.ndarray]) -> Filter:
    index = opened.index
    class_name = _one_of("Class", index.class_names, opened, 190)
    split = _one_of("Split", index.splits, opened, 130)
    finding = _one_of("Finding", tuple(findings), opened, 220) if findings else None
    edges = np.maximum(index.image_column("width_px"), index.image_column("height_px"))
    least, most = _between("Objects", index.objects_per_image, opened)
    shortest, longest = _between("Longest edge, px", edges[edges > 0], opened)
    return Filter(
        class_name=class_name,
        split=split,
        min_objects=least,
        max_objects=most,
        min_edge_px=shortest,
        max_edge_px=longest,
        text=st.text_input("Name contains", key=f"text_{opened.key}", width=170),
        rows=tuple(findings[finding].tolist()) if finding in findings else None,
    )


def _one_of(label: str, names: tuple[str, ...], opened: Opened, width_px: int) -> str | None:
    """One of the names, or None for any."""
    return st.selectbox(
        label,
        [None, *names],
        format_func=lambda name: "any" if name is None else name or "none",
        key=f"{label}_{opened.key}",
        width=width_px,
    )


def _between(label: str, values: np.ndarray, opened: Opened) -> tuple[int | None, int | None]:
    """Both ends of a range, None where nothing is cut off; nothing is drawn when all values are the same."""
    low, high = (int(values.min()), int(values.max())) if len(values) else (0, 0)
    if low == high:
        return None, None
    first, last = st.slider(label, low, high, (low, high), key=f"{label}_{opened.key}", width=190)
    return (first if first > low else None), (last if last < high else None)


def _thumbnail(opened: Opened, record: ImageRecord) -> None:
    with st.container(width=THUMBNAIL_PX, key=f"thumbnail_{record.row}"):
        try:
            st.image(
                thumbnail(opened.index, record.row, opened.key, changed_ns(record.path)),
                width="stretch",
                alt=f"{record.path.name}: {_summary(opened.index, record)}",
            )
        except ImageError as error:
            st.error(plain(str(error)), icon=":material/broken_image:")
        st.button(
            plain(record.path.name),
            key=f"open_{opened.key}_{record.row}",
            type="tertiary",
            help=plain(_summary(opened.index, record)),
            on_click=st.session_state.__setitem__,
            args=("data_open", (opened.key, record.row)),
        )


def changed_ns(path: Path) -> int:
    """When the file was changed last; 0 where there is none."""
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


@st.cache_data(show_spinner=False, max_entries=4000)
def thumbnail(_index: DatasetIndex, row: int, key: str, changed_ns: int, width_px: int = THUMBNAIL_PX) -> bytes:
    """One picture with its boxes as a small JPEG; `key` and `changed_ns` tell versions and files apart."""
    return drawn_jpeg(_index, row, 2 * width_px, replace(PLAIN_BOXES, shown_width_px=width_px * 3 // 2))


def _summary(index: DatasetIndex, record: ImageRecord) -> str:
    parts = [", ".join(record.labels) or "none of the classes"] if record.labels is not None else []
    if record.boxes_xyxy is not None:
        parts.append(listed(as_detections(record, index.class_names).counts()) or "no objects")
    return "; ".join(parts) or "not labelled yet"


def show_opened(opened: Opened) -> None:
    """The picture that was clicked, large, until its window is closed."""
    key, row = st.session_state.pop("data_open", ("", 0))
    if key == opened.key:
        _large(opened, row)


@st.dialog("Picture", width="medium")
def _large(opened: Opened, row: int) -> None:
    record = opened.index.record(row)
    size = f"{record.width_px} × {record.height_px} px" if record.width_px else "size unknown"
    st.markdown(f"**{plain(record.path.name)}** · {size} · split {plain(record.split or 'none')}")
    st.caption(plain(_summary(opened.index, record)))
    with told():
        st.image(
            drawn_jpeg(opened.index, row, 2 * LARGE_PX, DrawOptions(scores=False, shown_width_px=LARGE_PX)),
            width="stretch",
            alt=f"{record.path.name} with its boxes",
        )
        from pages.parts.data import augmentation

        augmentation.draw(opened, record)

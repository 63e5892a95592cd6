"""What a data set holds, in figures and charts; and how far Fashion Shelf is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages import plain
from pages.parts.data.bring import FORMAT_TITLES
from pages.parts.data.choose import Opened
from pages.parts.data.shelf import Painting
from pages.parts.data.trash import discard
from vision_core.data import box_charts, charts
from vision_core.data.index import DatasetIndex

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_MOST_NOTES = 5


def painting(shelf: Painting | None) -> None:
    """How far Fashion Shelf is, drawn anew every second until it is there."""
    if shelf is None:
        return
    if shelf.error:
        st.warning(f"Fashion Shelf could not be painted: {plain(shelf.error)}", icon=":material/error:")
    elif shelf.running:
        _follow(shelf)


@st.fragment(run_every=1.0)
def _follow(shelf: Painting) -> None:
    if not shelf.running:
        st.rerun()
    left = f", about {shelf.left_s:.0f} s left" if shelf.done else ""
    st.progress(shelf.done / shelf.scenes, f"Painting Fashion Shelf: {shelf.done} of {shelf.scenes} scenes{left}")


def draw(opened: Opened) -> None:
    """Figures first, then every chart that has something to show."""
    index = opened.index
    _notes(index.notes)
    searched = int(index.image_column("annotated").sum())
    labelled = len(index) - index.images["labels"].null_count
    with st.container(horizontal=True):
        st.metric("Pictures", f"{len(index):,}", border=True)
        st.metric("Boxes", f"{index.boxes.num_rows:,}", border=True, help=f"{searched:,} pictures were searched")
        st.metric("With image labels", f"{labelled:,}", border=True)
        st.metric("Classes", f"{len(index.class_names):,}", border=True)
        bare = index.format == "folder" and not index.class_names
        title = "pictures without labels" if bare else FORMAT_TITLES.get(index.format, index.format)
        st.metric("Read as", title, border=True)
    st.caption("Splits: " + ", ".join(f"{plain(name or 'none')} {count:,}" for name, count in _splits(index).items()))
    if not index.has_boxes and not index.has_labels:
        st.info("Nobody has labelled anything yet: open “Label”.", icon=":material/edit:")
    figures = _figures(opened.key, index)
    for start in range(0, len(figures), 2):
        for place, (title, figure) in zip(st.columns(2, gap="large"), figures[start : start + 2], strict=False):
            with place:
                st.markdown(f"##### {title}")
                st.plotly_chart(
                    figure, width="stretch", key=f"{title}_{opened.key}", config={"displaylogo": False}, alt=title
                )
    discard(opened.dataset)


def _notes(notes: tuple[str, ...]) -> None:
    """What the import had to decide or leave out."""
    if not notes:
        return
    lines = [f"- {plain(note)}" for note in notes]
    st.info("\n".join(lines[:_MOST_NOTES]), icon=":material/info:")
    if len(lines) > _MOST_NOTES:
        with st.expander(f"{len(lines) - _MOST_NOTES:,} more notes"):
            st.markdown("\n".join(lines[_MOST_NOTES:]))


def _splits(index: DatasetIndex) -> dict[str, int]:
    counts = {item["values"]: item["counts"] for item in index.images["split"].value_counts().to_pylist()}
    return {name: counts[name] for name in index.splits}


@st.cache_resource(show_spinner="Counting …", max_entries=20)
def _figures(key: str, _index: DatasetIndex) -> list[tuple[str, Figure]]:
    """Title and chart of everything there is to show; counted once a version."""
    things: charts.Things = "boxes" if _index.boxes.num_rows else "labels"
    figures = []
    if _index.has_labels:
        figures.append(("Pictures of each class", charts.class_balance(_index, "labels")))
    if _index.has_boxes:
        figures += [
            ("Boxes of each class", charts.class_balance(_index, "boxes")),
            ("Objects in a picture", charts.objects_per_image(_index)),
            ("How large boxes are", box_charts.box_sizes(_index)),
            ("Where boxes lie", box_charts.box_positions(_index)),
            ("How long boxes are", box_charts.box_aspects(_index)),
        ]
    if _index.has_boxes or _index.has_labels:
        figures.append(("Which classes are seen together", charts.co_occurrence(_index, things)))
    return [*figures, ("How large pictures are", charts.image_sizes(_index))]

"""The map: pictures that look alike lie close, in groups that a person can name, which labels them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import streamlit as st

from pages import plain, told
from pages.parts import engine
from pages.parts.data.choose import Opened, labels_are_in, show_newest
from pages.parts.data.gallery import THUMBNAIL_PX, changed_ns, thumbnail
from pages.parts.data.progress import working
from vision_core.data.clusters import (
    MOST_CLUSTERS,
    Clusters,
    agreement,
    cluster,
    compress,
    known_classes,
    name_clusters,
    project,
    representatives,
    suggest_count,
)
from vision_core.data.embedding import embed
from vision_core.data.library import add_version
from vision_core.data.map_chart import MapPoints, embedding_map
from vision_core.errors import ImageError
from vision_core.predict import DEFAULT_CLASSIFIER

KEPT = 8
TYPICAL, CHOSEN = 6, 12
GROUPS, CLASSES = "group", "known label"


@dataclass(frozen=True, eq=False)
class Layout:
    """What is computed once a version: `rows` that could be opened, their `points`, and `places` on the map."""

    rows: np.ndarray
    points: np.ndarray
    places: np.ndarray
    suggested: int
    unreadable: int


@st.cache_resource(show_spinner=False)
def _layouts() -> OrderedDict[str, Layout]:
    """The last maps, the oldest dropped; not a cached function, since making one draws its progress."""
    return OrderedDict()


def draw(opened: Opened) -> None:
    """A button at first, then the map and its groups."""
    layout = _layouts().get(opened.key)
    if layout is None:
        st.info(
            "The embedded classifier looks at every picture, without any label; what looks alike to it is put side by "
            "side. Name a group, and its pictures are labelled: the quickest start there is.",
            icon=":material/scatter_plot:",
        )
        if st.button("Make the map", type="primary", icon=":material/scatter_plot:", key=f"map_{opened.key}"):
            made = _laid_out(opened)
            if not len(made.rows):
                st.warning("No picture could be opened; see “Doctor”.", icon=":material/broken_image:")
                return
            _layouts()[opened.key] = made
            while len(_layouts()) > KEPT:
                _layouts().popitem(last=False)
            st.rerun()
        return
    if layout.unreadable:
        st.caption(f"{layout.unreadable:,} pictures could not be opened and are not on the map; see “Doctor”.")
        if st.button("Make it again", icon=":material/refresh:", key=f"remap_{opened.key}"):
            _layouts().pop(opened.key, None)
            st.rerun()
    _explore(opened, layout)


def _laid_out(opened: Opened) -> Layout:
    with working("Looking at every picture", "map") as bar:
        seen = embed(opened.index, engine.classifier(DEFAULT_CLASSIFIER), progress=bar.of("Looking at every picture"))
        points = compress(seen.vectors)
        places = project(points, progress=bar.of("Laying out the map"))
        bar.stage("Looking for groups", 0, 1)
        return Layout(seen.rows, points, places, suggest_count(points), len(seen.unreadable))


@st.cache_resource(show_spinner=False, max_entries=50)
def _clusters(key: str, count: int, pictures: int, _points: np.ndarray) -> Clusters:
    return cluster(_points, count)


@st.fragment
def _explore(opened: Opened, layout: Layout) -> None:
    with told():  # what goes wrong in a fragment does not reach the page around it
        _groups(opened, layout)


def _groups(opened: Opened, layout: Layout) -> None:
    most = min(MOST_CLUSTERS, len(layout.rows))
    classes = known_classes(opened.index, layout.rows)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        count = layout.suggested
        if most > 1:
            count = st.slider("Groups", 1, most, layout.suggested, key=f"groups_{opened.key}", width=320)
        by = GROUPS
        if (classes >= 0).any():
            by = st.segmented_control(
                "Colour by", [GROUPS, CLASSES], default=GROUPS, required=True, key=f"colour_{opened.key}"
            )
    groups = _clusters(opened.key, count, len(layout.rows), layout.points)
    _agreement(groups, classes)
    left, right = st.columns([2, 1], gap="large")
    with left:
        event = st.plotly_chart(
            embedding_map(_shown(opened, layout, groups, classes, by == CLASSES)),
            width="stretch",
            key=f"scatter_{opened.key}",
            on_select="rerun",
            selection_mode=("points", "box", "lasso"),
            config={"displaylogo": False},
            alt="Map of the pictures: alike ones lie close together",
        )
    with right:
        _chosen(opened, [int(np.ravel(point["customdata"])[0]) for point in event["selection"]["points"]])
    _name_groups(opened, layout, groups)


def _agreement(groups: Clusters, classes: np.ndarray) -> None:
    found = agreement(groups, classes)
    if found is not None:
        st.caption(
            f"Of {found.pictures:,} pictures with one known label, {found.purity:.0%} carry the most frequent label of "
            f"their group (purity; {found.purity_of_one:.0%} would, were all one group). Normalised mutual information "
            f"{found.nmi:.2f} of 1."
        )


def _shown(opened: Opened, layout: Layout, groups: Clusters, classes: np.ndarray, by_class: bool) -> MapPoints:
    index = opened.index
    captions = [index.path(row).name for row in layout.rows.tolist()]
    if by_class:
        names = (*index.class_names, "no or several labels")
        return MapPoints(layout.places, layout.rows, captions, np.where(classes < 0, len(names) - 1, classes), names)
    names = tuple(f"group {number + 1}" for number in range(len(groups.centres)))
    return MapPoints(layout.places, layout.rows, captions, groups.ids, names)


def _chosen(opened: Opened, rows: list[int]) -> None:
    """The pictures that are selected on the map."""
    if not rows:
        st.caption("Click a point to see its picture, or draw a box around several.")
        return
    st.caption(f"{len(rows):,} selected" + (f", the first {CHOSEN}" if len(rows) > CHOSEN else ""))
    with st.container(horizontal=True):
        for row in rows[:CHOSEN]:
            _picture(opened, row, THUMBNAIL_PX if len(rows) == 1 else THUMBNAIL_PX // 2)


def _picture(opened: Opened, row: int, width_px: int) -> None:
    name = opened.index.path(row).name
    try:
        st.image(thumbnail(opened.index, row, opened.key, changed_ns(opened.index.path(row))), width=width_px, alt=name)
    except ImageError:
        st.caption(f":material/broken_image: {plain(name)}")


def _name_groups(opened: Opened, layout: Layout, groups: Clusters) -> None:
    """A row a group: its most typical pictures and a field for its name."""
    st.markdown("##### Name the groups")
    names: dict[int, str] = {}
    for number, typical in enumerate(representatives(layout.points, groups, TYPICAL)):
        with st.container(horizontal=True, vertical_alignment="center", key=f"group_{number}"):
            names[number] = st.text_input(
                f"Group {number + 1}: {groups.sizes[number]:,} pictures",
                placeholder="a label",
                max_chars=200,
                key=f"name_{opened.key}_{len(groups.centres)}_{number}",
                width=230,
            )
            for place in typical.tolist():
                _picture(opened, int(layout.rows[place]), THUMBNAIL_PX // 2)
    named = {number: name for number, name in names.items() if name.strip()}
    unlabelled = opened.index.images["labels"].null_count
    if not unlabelled:
        st.caption("Every picture has image labels already; names of groups would change none of them.")
    elif labels_are_in(opened) and st.button(
        f"Label their pictures in a new version ({len(named)} named)",
        type="primary",
        icon=":material/new_label:",
        disabled=not named,
        key=f"name_groups_{opened.key}",
    ):
        note = f"groups named: {', '.join(dict.fromkeys(named.values()))}"[:200]
        add_version(opened.dataset, note, lambda _: name_clusters(opened.index, layout.rows, groups.ids, named))
        show_newest(opened.dataset)

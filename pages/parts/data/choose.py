"""Which data set and which of its versions is looked at; both stand in the page's address."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages import plain
from pages.parts.data import newest, trash
from vision_core.data.doctor.case import plural
from vision_core.data.index import DatasetIndex
from vision_core.data.journal import count_changes
from vision_core.data.library import Dataset, Version, list_datasets
from vision_core.errors import DataError


@dataclass(frozen=True)
class Opened:
    """One version of a data set, with its index."""

    dataset: Dataset
    version: Version
    index: DatasetIndex

    @property
    def key(self) -> str:
        """Tells this version from any other, in widget keys and caches."""
        return self.version.uid


@st.cache_resource(show_spinner=False, max_entries=8)
def _index(uid: str, _dataset: Dataset, _number: int) -> DatasetIndex:
    return _dataset.index(_number)


def choose() -> Opened | None:
    """Draws the choice, None when the workspace holds no data set; first of all says what was done a moment ago."""
    if done := st.session_state.pop("data_done", None):
        st.toast(done, icon=":material/check:", duration="long")
    trash.offer()
    datasets = {dataset.id: dataset for dataset in list_datasets()}
    if not datasets:
        return None
    wanted = newest.asked_for()
    if wanted and wanted not in datasets:
        st.warning(
            f"There is no data set {plain(wanted[:80])} here; it may have been removed. Another one is shown.",
            icon=":material/link_off:",
        )
    left, right = st.columns([2, 1])
    ids = list(datasets)
    id = left.selectbox(
        "Data set",
        ids,
        index=ids.index(wanted) if wanted in ids else 0,
        format_func=lambda id: datasets[id].name,
        key=f"data_{hash((wanted, *ids))}",
    )
    dataset = datasets[id or ids[0]]
    if st.query_params.get("data") != dataset.id:
        st.query_params.pop("version", None)  # it was that of another data set
    st.query_params["data"] = dataset.id
    versions = {version.number: version for version in reversed(dataset.versions)}
    number = _version(right, dataset, versions)
    try:
        return Opened(dataset, versions[number], _index(versions[number].uid, dataset, number))
    except DataError:
        trash.discard(dataset)  # the only way on
        raise


def _version(place: DeltaGenerator, dataset: Dataset, versions: dict[int, Version]) -> int:
    numbers = list(versions)
    asked = st.query_params.get("version", "")
    first = next((number for number in numbers if str(number) == asked), numbers[0])
    number = place.selectbox(
        "Version",
        numbers,
        index=numbers.index(first),
        format_func=lambda n: f"{n}: {versions[n].note}",
        key=f"version_{dataset.id}_{numbers[0]}",
        help="A fix or new labels make a new version; the ones before stay as they are.",
    )
    number = number or numbers[0]
    if number == numbers[0]:
        st.query_params.pop("version", None)
    else:
        st.query_params["version"] = str(number)
    return number


def labels_are_in(opened: Opened) -> bool:
    """Whether this version holds every label that was made on it; if not, says where to make a version with them.

    A fix, named groups or an export would otherwise go on without them.
    """
    changes = count_changes(opened.dataset.version_folder(opened.version.number))
    if changes and opened.version.number == opened.dataset.versions[-1].number:
        st.warning(
            f"{plural(changes, 'change')} made under “Label” {'is' if changes == 1 else 'are'} not in this version "
            "yet: make a version with the labels there first.",
            icon=":material/new_label:",
        )
        return False
    return True


def show_newest(dataset: Dataset) -> None:
    """Opens the newest version of a data set in the next run of the page, which says what it is."""
    version = dataset.versions[-1]
    contents = f"{plural(version.images, 'picture')}, {plural(version.boxes, 'box')}"
    st.session_state["data_done"] = plain(f"{dataset.name}, version {version.number} ({version.note}): {contents}.")
    newest.show(dataset)
    st.session_state["brought"] = st.session_state.get("brought", 0) + 1
    st.query_params.pop("version", None)
    st.rerun()

"""What a year is reckoned with: volume, computer, labelling, training, electricity; all of it editable."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypedDict

import streamlit as st

from pages import plain, told
from pages.parts.costs_page import kept
from pages.parts.costs_page.form import choose_price, choose_region
from pages.parts.costs_page.wrapped import wrapped
from vision_core.costs.bench_rows import Row
from vision_core.costs.prices import Price, load_prices
from vision_core.costs.scenario import Pace, Scenario, paces
from vision_core.costs.totals import pictures_text
from vision_core.data.effort import labels_per_image
from vision_core.data.journal import read_operations
from vision_core.data.label_operations import Operation
from vision_core.data.library import Dataset, list_datasets
from vision_core.errors import VisionError
from vision_core.run_folder import RunFolder
from vision_core.runs import is_run
from vision_core.training.overview import overview
from vision_core.types import Task

TASKS = ("classification", "detection")
PERIODS = {"a year": 1.0, "a month": 12.0, "a day": 365.0}
MOST_PICTURES = 10**13
_PICTURES, _BOXES = 1000, 3.0
_NAMED = {
    True: "naming what is in them included",
    False: "without naming what is in them, which comes on top where there are several classes",
    None: "which does not say whether naming what is in them is included",
}


def draw(rows: Mapping[str, Row]) -> Scenario | None:
    """The inputs; None where the price list or the paces cannot be read, and the page says why.

    Args:
        rows: what was chosen of each task.
    """
    use, labelling, training = wrapped("assumptions", 3)
    with labelling:  # before everything that it fills in
        labelled = _labelling()
    with use:
        used = _use()
    with training:
        trained = _training(rows)
    if labelled is None or used is None:
        return None
    return Scenario(**labelled, **used, **trained)


class _Labelling(TypedDict):
    """What a `Scenario` knows of labelling."""

    label_pace: Pace
    box_pace: Pace
    wage_per_hour: float
    labelled_pictures: int
    labels_per_picture: float
    boxes_per_picture: float
    crops_are_named: bool


class _Use(TypedDict):
    """What a `Scenario` knows of use."""

    price: Price
    pictures_a_year: float
    years: float
    objects_per_picture: float


class _Training(TypedDict):
    """What a `Scenario` knows of training and electricity."""

    training_hours: dict[str, float]
    trainings: int
    watts: float
    region: str


def _labelling() -> _Labelling | None:
    """None where the paces cannot be read."""
    st.markdown("##### :material/edit: Labelling")
    dataset = _dataset()
    images, labels, boxes = _amounts()
    wage = st.number_input("Wage, USD an hour", 0.0, 1000.0, step=1.0, key=kept.first("wage", 20.0))
    label_pace, box_pace = _paces(dataset)
    named = st.toggle(
        "Crops are named one by one",
        key=kept.first("named", False),
        help="Off: the boxes carry the names, and the two-stage way's classifier learns from what they show.",
    )
    if label_pace is None or box_pace is None:
        return None
    return {
        "label_pace": label_pace,
        "box_pace": box_pace,
        "wage_per_hour": float(wage or 0.0),
        "labelled_pictures": images,
        "labels_per_picture": labels,
        "boxes_per_picture": boxes,
        "crops_are_named": bool(named),
    }


def _use() -> _Use | None:
    """None where the price list cannot be read."""
    st.markdown("##### :material/stacked_line_chart: Use")
    pictures = volume()
    years = st.number_input("Years", 0.1, 30.0, step=1.0, key=kept.first("years", 1.0), help="From 0.1 to 30.")
    price = _price()
    objects = st.number_input(
        "Objects a picture",
        0.0,
        1000.0,
        step=0.5,
        key=kept.first("objects", _BOXES),
        help="So many crops does the two-stage way's classifier look at, on average; as many as the boxes of the "
        "chosen data set, until you say otherwise.",
    )
    if price is None:
        return None
    return {
        "price": price,
        "pictures_a_year": pictures,
        "years": float(years or 1.0),
        "objects_per_picture": float(objects or 0.0),
    }


def _training(rows: Mapping[str, Row]) -> _Training:
    """Of each network alone: the two in turn need no training of their own."""
    st.markdown("##### :material/model_training: Training and electricity")
    hours = {task: _hours(task, row) for task, row in rows.items() if task in TASKS}
    trainings = st.number_input(
        "Trainings in all", 0, 1000, step=1, key=kept.first("trainings", 1), help="Of each network."
    )
    region = choose_region("region")
    watts = st.number_input(
        "Watts, where nothing was measured",
        0.0,
        20_000.0,
        step=5.0,
        key=kept.first("watts", 0.0),
        help="0: then energy and CO₂ stay unavailable.",
    )
    return {
        "training_hours": hours,
        "trainings": int(trainings or 0),
        "watts": float(watts or 0.0),
        "region": region,
    }


def volume() -> float:
    """Pictures a year."""
    left, right = st.columns([3, 2])
    amount = left.number_input("Pictures", step=1000, key=kept.first("pictures", 1_000_000))
    period = right.selectbox("Period", list(PERIODS), key=kept.one_of("period", list(PERIODS), "a year"))
    counted = min(max(int(amount or 0), 1), MOST_PICTURES)  # a box with limits of its own refuses without a word
    pictures = float(counted) * PERIODS[period or "a year"]
    if counted != amount:
        st.warning(f"Give 1 to {pictures_text(MOST_PICTURES)} pictures; reckoned with {pictures_text(counted)}.")
    st.caption(f"{pictures_text(pictures)} pictures a year")
    return pictures


def _price() -> Price | None:
    name = choose_price("price", "Computer")
    with told():
        return load_prices().find(name) if name else None
    return None


def _dataset() -> Dataset | None:
    """Whose pictures are counted, and whose labellers' pace is offered."""
    known: dict[str, Dataset] = {}
    with told():
        known = {dataset.id: dataset for dataset in list_datasets()}
    if not known:
        return None
    options = list(known)
    st.selectbox(
        "As much as in",
        options,
        format_func=lambda id: known[id].name,
        key=kept.one_of("dataset", options, options[0]),
        on_change=_count,
        args=(known,),
        help="Fills in the figures below, and how many objects a picture shows.",
    )
    if kept.key("images") not in st.session_state:
        _count(known)
    return known.get(st.session_state[kept.key("dataset")])


def _count(known: Mapping[str, Dataset]) -> None:
    """Pictures, and labels, boxes and objects a picture, as the chosen data set has them."""
    dataset = known.get(st.session_state.get(kept.key("dataset"), ""))
    if dataset is None:
        return
    newest = dataset.versions[-1]
    st.session_state[kept.key("images")] = newest.images
    if newest.boxes and newest.images:
        for name in ("boxes", "objects"):
            st.session_state[kept.key(name)] = round(newest.boxes / newest.images, 1)
    with suppress(VisionError, OSError):
        if (labels := labels_per_image(dataset.index())) is not None:
            st.session_state[kept.key("labels")] = round(labels, 1)


def _amounts() -> tuple[int, float, float]:
    """Pictures to label, and labels and boxes of each."""
    images = st.number_input("Pictures to label", 0, 10**9, step=100, key=kept.first("images", _PICTURES))
    left, right = st.columns(2)
    labels = left.number_input(
        "Labels a picture",
        0.0,
        1000.0,
        step=0.5,
        format="%.1f",
        key=kept.first("labels", 1.0),
        help="How many classes a picture shows, on average. Each is paid for where the pace below is of “a label”; a "
        "pace of “a picture” is of all of them together.",
    )
    boxes = right.number_input("Boxes a picture", 0.0, 1000.0, step=0.5, format="%.1f", key=kept.first("boxes", _BOXES))
    return int(images or 0), float(labels or 0.0), float(boxes or 0.0)


def _paces(dataset: Dataset | None) -> tuple[Pace | None, Pace | None]:
    operations = _operations(dataset)
    return _pace("classification", "A label takes", operations), _pace("detection", "A box takes", operations)


def _pace(task: Task, label: str, operations: list[Operation]) -> Pace | None:
    with told():
        known = {pace.name: pace for pace in paces(task, operations)}
        options = list(known)
        chosen = st.selectbox(
            label,
            options,
            key=kept.one_of(f"pace_{task}", options, options[0]),
            help="Your own, from the Data page's “Label”, or somebody else's published figure.",
        )
        return known[chosen or options[0]]
    return None


def _operations(dataset: Dataset | None) -> list[Operation]:
    """All that was labelled of any version of a data set."""
    if dataset is None:
        return []
    try:
        folders = [dataset.version_folder(version.number) for version in dataset.versions]
        return [operation for folder in folders for operation in read_operations(folder)]
    except (VisionError, OSError):
        return []


def _hours(task: str, row: Row) -> float:
    """Of one training; filled in from the run where the model is one."""
    model = str(row.get("model"))
    seconds, example = _trained(model)
    what = "Hours of training, " + ("classifier" if task == "classification" else "detector")
    if seconds is None:
        said = "A network of the catalogue, not trained here: 0 is using it as it is."
    else:
        said = "As its run took" + (", on another machine." if example else ".")
    found = st.number_input(
        what,
        0.0,
        100_000.0,
        step=0.5,
        format="%.3f",
        key=kept.first(f"hours_{model}", (seconds or 0.0) / 3600),
        help=said,
    )
    return float(found or 0.0)


def _trained(model: str) -> tuple[float | None, bool]:
    """How long a run took, and whether that was elsewhere; None for what is no run."""
    if not is_run(model):
        return None, False
    try:
        about = overview(RunFolder(Path(model)))
    except (VisionError, OSError):
        return None, False
    return about.seconds, about.is_example


def explain(scenario: Scenario) -> str:
    """What the labelling figures rest on, in a few sentences, as Markdown."""
    label, box = scenario.label_pace, scenario.box_pace
    each = f"{scenario.labels_per_picture:g} to a picture" if label.each_label else "all of a picture's at once"
    return plain(
        f"Labels, {each}, after {label.source}; boxes after {box.source}, {_NAMED[box.named]}. One worker a label: "
        "asking two or three, as is usual for quality, doubles or triples it."
    )

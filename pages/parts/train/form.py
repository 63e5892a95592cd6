"""What to learn, from what and how: the form of a new run. It holds every setting, and survives a look elsewhere.

The usual settings have widgets of their own; whatever else "All settings" was told lies in `train_overrides`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from pages import plain, told
from pages.parts.train import all_settings, models, runs
from vision_core.data.library import Dataset, list_datasets
from vision_core.errors import SettingsError
from vision_core.settings import settings
from vision_core.training.config import PRESETS, LabelsFrom, TrainConfig, make_config, usual_changes
from vision_core.training.overview import Overview
from vision_core.training.preflight import WEIGHTS_ENDINGS, keep_weights
from vision_core.training.snippets import unsized
from vision_core.types import Task

TASKS: dict[Task, str] = {
    "classification": ":material/label: What: classification",
    "detection": ":material/select_all: What and where: detection",
}
LABELS: dict[LabelsFrom, str] = {
    "auto": "Labels where there are some, else what boxes say",
    "labels": "The labels of whole pictures",
    "presence": "Every class with a box in it: several labels",
    "majority": "The class with most boxes: one label",
    "crops": "Every box as a picture of its own",
}
BOXES: dict[LabelsFrom, str] = {
    "auto": "Boxes and their classes",
    "objects": "Boxes alone: that something is there (class-agnostic)",
}
PRETRAINED, SCRATCH, RUN, FILE = "Pretrained", "From scratch", "An earlier run", "Your own weights"
_WIDGETS = (
    "train_data",
    "train_task",
    "train_labels",
    "train_preset",
    "train_start",
    "train_epochs",
    "train_rate",
    "train_find",
)
_MAIN = ("data", "task", "model", "preset", "start", "labels_from", "epochs", "learning_rate")


def recall() -> None:
    """Puts a configuration back into the widgets: one that was asked for, or the last one when the form was away."""
    asked = st.session_state.pop("train_fill", None)
    kept = st.session_state.get("train_config")
    if asked is None and kept is not None and any(key not in st.session_state for key in _WIDGETS):
        asked = kept
    if asked is not None:
        _fill(TrainConfig.from_json(asked))
    for key in _WIDGETS:
        if key in st.session_state:  # Streamlit would forget a widget's value where an error keeps it from being drawn
            st.session_state[key] = st.session_state[key]


def _fill(config: TrainConfig) -> None:
    preset = config.preset if config.preset in PRESETS else "balanced"
    named = {dataset.name: dataset.id for dataset in list_datasets()}
    kind = {"pretrained": PRETRAINED, "scratch": SCRATCH}.get(config.start)
    if kind is None:
        kind = FILE if config.start.endswith(WEIGHTS_ENDINGS) else RUN
    state = st.session_state
    state["train_data"] = named.get(config.data, config.data)
    state["train_task"], state["train_labels"] = config.task, config.labels_from
    state["train_model"], state["train_preset"] = config.model, preset
    state["train_start"] = kind
    state["train_start_run" if kind == RUN else "train_start_file"] = config.start
    state["train_epochs"], state["train_find"] = config.epochs, config.learning_rate is None
    state["train_rate"] = config.learning_rate or 1e-3
    base = make_config(config.data, config.task, config.model, preset, start=config.start, epochs=config.epochs)
    values, usual = unsized(config).to_json(), base.to_json()
    state["train_overrides"] = {
        name: value for name, value in values.items() if name not in _MAIN and value != usual[name]
    }


def draw(found: list[Overview]) -> TrainConfig | None:
    """The form; the configuration it stands for, or None, with the reason on the page, when it stands for none.

    `found`: earlier runs, newest first.
    """
    datasets = {dataset.id: dataset for dataset in list_datasets()}
    with st.container(key="train_setup"):
        data_at, task_at, labels_at = st.columns([1.2, 1.4, 1.2])
    data = _data(data_at, datasets)
    task = _task(task_at)
    labels = _labels(labels_at, datasets.get(data), task)
    st.markdown("##### Which network?")
    named = datasets[data].name if data in datasets else data
    model = models.choose(task, found, (data, named), labels)
    left, right = st.columns([1.15, 1], gap="large")
    start = None
    with left:
        preset = _preset(task)
    with right:
        with told():
            start = _start(model, found)
        epochs, rate = _schedule()
    if start is None:
        return None
    changes = {"labels_from": labels, "start": start, "epochs": epochs, "learning_rate": rate}
    config = _configured(data, task, model, preset, changes)
    if config is not None:
        st.session_state["train_config"] = config.to_json()
        all_settings.draw(config)
    return config


def _data(place: Any, datasets: dict[str, Dataset]) -> str:
    ids = list(datasets)
    kept = st.session_state.get("train_data")
    if kept is not None and kept not in ids:
        ids.append(kept)  # a folder that a run from the command line was given, or a data set that was removed
    if kept is None:
        wanted = st.query_params.get("data", "")
        st.session_state["train_data"] = wanted if wanted in datasets else ids[0]
    chosen = place.selectbox(
        "Data set", ids, format_func=lambda id: datasets[id].name if id in datasets else id, key="train_data"
    )
    return chosen or ids[0]


def _task(place: Any) -> Task:
    st.session_state.setdefault("train_task", "classification")
    chosen = place.segmented_control(
        "Task",
        list(TASKS),
        format_func=TASKS.__getitem__,
        required=True,
        key="train_task",
        on_change=_usual_numbers,
    )
    return chosen or "classification"


def _labels(place: Any, dataset: Dataset | None, task: Task) -> LabelsFrom:
    """What a network learns, where boxes leave a choice."""
    known = BOXES if task == "detection" else LABELS
    if st.session_state.get("train_labels") not in known:
        st.session_state["train_labels"] = "auto"
    if dataset is None or not dataset.versions[-1].boxes:
        return st.session_state["train_labels"]
    return place.selectbox(
        "A detector learns" if task == "detection" else "A classifier learns",
        list(known),
        format_func=known.__getitem__,
        key="train_labels",
    )


def _preset(task: Task) -> str:
    st.session_state.setdefault("train_preset", "instant")
    chosen = st.radio(
        "How thoroughly?",
        list(PRESETS),
        format_func=str.capitalize,
        captions=[preset.summary for preset in PRESETS.values()],
        key="train_preset",
        on_change=_usual_numbers,
    )
    return chosen or "instant"


def _usual_numbers() -> None:
    """Another preset or task: its own epochs and rate, and nothing else that was changed."""
    start = "scratch" if st.session_state.get("train_start") == SCRATCH else "pretrained"
    st.session_state["train_epochs"], st.session_state["train_rate"] = _numbers(start)
    st.session_state["train_find"] = False
    st.session_state["train_overrides"] = {}


def _numbers(start: str) -> tuple[int, float]:
    """Epochs and rate of the chosen preset and task."""
    state = st.session_state
    usual = usual_changes(state.get("train_preset", "instant"), state.get("train_task", "classification"), start)
    return usual["epochs"], usual.get("learning_rate", 1e-3)


def _start(model: str, found: list[Overview]) -> str:
    """Where the weights start."""
    st.session_state.setdefault("train_start", PRETRAINED)
    kind = st.segmented_control(
        "Start from", [PRETRAINED, SCRATCH, RUN, FILE], required=True, key="train_start", on_change=_restarted
    )
    if kind == RUN:
        return _earlier_run(model, found)
    if kind == FILE:
        return _own_weights()
    return "scratch" if kind == SCRATCH else "pretrained"


def _restarted() -> None:
    """Another start: no frozen part and layer-wise rates from an earlier one; epochs and rate, where they were not
    changed, become its own."""
    state = st.session_state
    for name in ("frozen_epochs", "views", "layer_decay"):
        state.get("train_overrides", {}).pop(name, None)
    kept, fresh = _numbers("pretrained"), _numbers("scratch")
    shown = state.get("train_epochs"), state.get("train_rate")
    if shown in (kept, fresh):
        state["train_epochs"], state["train_rate"] = fresh if state["train_start"] == SCRATCH else kept


def _earlier_run(model: str, found: list[Overview]) -> str:
    usable = {str(one.run.path): one for one in found if one.model == model and one.has_weights}
    if not usable:
        raise SettingsError("No earlier run of this network has weights to go on from: start from pretrained ones.")
    if st.session_state.get("train_start_run") not in usable:
        st.session_state["train_start_run"] = next(iter(usable))
    labels = runs.labels(usable.values())
    chosen = st.selectbox(
        "Go on from", list(usable), format_func=lambda path: labels[usable[path].record.id], key="train_start_run"
    )
    return chosen or next(iter(usable))


def _own_weights() -> str:
    file = st.file_uploader(
        "A state dict of this network",
        type=[ending[1:] for ending in WEIGHTS_ENDINGS],
        max_upload_size=settings().max_dataset_bytes // 1_000_000,
        help="Only tensors are read; what does not fit by name and shape starts fresh.",
    )
    if file is not None:
        st.session_state["train_start_file"] = str(keep_weights(file.name, file.getvalue()))
    if "train_start_file" not in st.session_state:
        raise SettingsError("Drop a .safetensors, .pth or .pt file with the network's weights above.")
    path = st.session_state["train_start_file"]
    if file is None:
        st.caption(f":material/description: {plain(Path(path).name)}")
    return path


def _schedule() -> tuple[int, float | None]:
    """Epochs and learning rate."""
    if "train_epochs" not in st.session_state:
        _usual_numbers()
    epochs_at, rate_at = st.columns(2)
    epochs = epochs_at.number_input("Epochs", 1, 10_000, key="train_epochs", help="Times every picture is seen.")
    find = st.session_state.get("train_find", False)
    rate = rate_at.number_input(
        "Learning rate",
        1e-9,
        100.0,
        step=1e-4,
        format="%.2g",
        key="train_rate",
        disabled=find,
        help="How far each step goes, at its highest. It rises at first and falls to almost nothing at the end.",
    )
    find = st.toggle("Find the learning rate before training", key="train_find")
    return int(epochs), None if find else float(rate)


def _configured(data: str, task: Task, model: str, preset: str, changes: dict[str, Any]) -> TrainConfig | None:
    overrides = st.session_state.setdefault("train_overrides", {})
    try:
        return make_config(data, task, model, preset, **(changes | overrides))
    except SettingsError as error:
        st.error(plain(str(error)), icon=":material/error:")
        if overrides:
            st.button("Forget what was changed under “All settings”", on_click=overrides.clear)
        return None

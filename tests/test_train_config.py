"""What a run may be told: every preset works for both tasks, and what cannot be is refused by name."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vision_core.errors import SettingsError
from vision_core.training.config import PRESETS, SETTINGS, TRACKERS, TrainConfig, make_config
from vision_core.types import Task

TASKS: tuple[Task, ...] = ("classification", "detection")
MODELS = {"classification": "resnet18", "detection": "yolov9t"}


def plain(task: Task = "classification", **changes: Any) -> TrainConfig:
    return TrainConfig.from_json({"data": "photos", "task": task, "model": MODELS[task]} | changes)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_one_sentence_and_a_valid_configuration(preset: str, task: Task):
    config = make_config("photos", task, MODELS[task], preset)
    assert (config.preset, config.task, config.model, config.data) == (preset, task, MODELS[task], "photos")
    assert PRESETS[preset].summary.endswith(".")
    assert set(PRESETS[preset].changes(task)) <= SETTINGS
    assert config.frozen_epochs <= config.epochs


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("epochs", [1, 2, 5, 200])
def test_other_epochs_keep_the_sense_of_a_preset(preset: str, task: Task, epochs: int):
    usual, config = make_config("p", task, "m", preset), make_config("p", task, "m", preset, epochs=epochs)
    assert config.epochs == epochs
    if usual.frozen_epochs == usual.epochs:
        assert config.frozen_epochs == epochs, "what is frozen throughout stays so"
    else:
        assert config.frozen_epochs <= usual.frozen_epochs
        assert config.frozen_epochs < epochs, "all layers learn in the end"


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("preset", PRESETS)
def test_from_scratch_nothing_is_frozen(preset: str, task: Task):
    config = make_config("p", task, "m", preset, start="scratch")
    assert (config.frozen_epochs, config.views, config.layer_decay) == (0, 0, 1.0)


@pytest.mark.parametrize("task", TASKS)
def test_from_scratch_instant_has_not_the_numbers_of_a_head(task: Task):
    config, whole = (make_config("p", task, "m", preset, start="scratch") for preset in ("instant", "balanced"))
    assert config.changed(preset="balanced") == whole
    assert make_config("p", task, "m", "instant", start="scratch", learning_rate=1e-2).learning_rate == 1e-2


def test_a_change_wins_over_the_preset():
    config = make_config("p", "classification", "m", "thorough", mix="none", ema_decay=0.5, epochs=3)
    assert (config.mix, config.ema_decay, config.epochs, config.augmentation) == ("none", 0.5, 3, "strong")


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("preset", PRESETS)
def test_a_file_gives_the_same_configuration_back(preset: str, task: Task):
    config = make_config("photos/größe", task, MODELS[task], preset, trackers=["mlflow"], learning_rate=None)
    text = json.dumps(config.to_json(), allow_nan=False)
    assert TrainConfig.from_json(json.loads(text)) == config
    assert set(config.to_json()) == SETTINGS


def test_what_is_not_named_has_its_default():
    assert plain() == TrainConfig(data="photos", task="classification", model="resnet18")


def test_changed_is_checked_again_and_leaves_the_first_alone():
    config = plain()
    assert config.changed(epochs=3).epochs == 3
    assert config.epochs == 10
    with pytest.raises(SettingsError, match="epochs is 0"):
        config.changed(epochs=0)


WRONG: list[tuple[str, Any]] = [
    ("data", ""),
    ("data", None),
    ("task", "segmentation"),
    ("model", ""),
    ("start", 3),
    ("labels_from", "boxes"),
    ("data_fraction", 0),
    ("data_fraction", 1.01),
    ("input_size_px", 31),
    ("input_size_px", 224.0),
    ("epochs", 0),
    ("epochs", 2.5),
    ("epochs", True),
    ("epochs", "10"),
    ("frozen_epochs", -1),
    ("views", 65),
    ("batch_size", 0),
    ("batch_size", None),
    ("micro_batch", -4),
    ("learning_rate", 0),
    ("learning_rate", math.nan),
    ("learning_rate", math.inf),
    ("learning_rate", "1e-3"),
    ("weight_decay", -0.1),
    ("layer_decay", 0),
    ("layer_decay", 1.5),
    ("warmup", 2),
    ("clip_norm", -1),
    ("clip_norm", math.inf),
    ("augmentation", "wild"),
    ("mix", "cutout"),
    ("label_smoothing", 0.95),
    ("balance", "focal"),
    ("ema_decay", 1),
    ("patience", -1),
    ("precision", "fp8"),
    ("compile", 1),
    ("device", 0),
    ("threads", -1),
    ("seed", 2**31),
    ("seed", 1.0),
    ("checkpoint_minutes", -1),
    ("keep_checkpoints", 0),
    ("trackers", ["comet"]),
    ("trackers", "mlflow"),
    ("trackers", [1]),
    ("optimizer", ""),
]


@pytest.mark.parametrize(("name", "value"), WRONG, ids=lambda value: str(value))
def test_a_wrong_value_is_refused_by_name(name: str, value: Any):
    with pytest.raises(SettingsError) as caught:
        TrainConfig.from_json({"data": "photos", "task": "classification", "model": "resnet18", name: value})
    said = str(caught.value)
    assert name in said or (name == "trackers" and "tracker" in said)
    assert "\n" not in said


@pytest.mark.parametrize(
    ("task", "changes", "named"),
    [
        ("classification", {"mix": "mosaic"}, "mosaic"),
        ("detection", {"mix": "mixup_cutmix"}, "mixup_cutmix"),
        ("detection", {"balance": "weights"}, "balance"),
        ("detection", {"views": 2}, "views"),
        ("detection", {"label_smoothing": 0.1}, "label_smoothing"),
        ("classification", {"views": 2, "ema_decay": 0.9}, "ema_decay"),
        ("classification", {"views": 2, "frozen_epochs": 1}, "frozen_epochs"),
        ("classification", {"views": 2, "mix": "mixup_cutmix"}, "mix"),
        ("classification", {"views": 2, "start": "scratch"}, "pretrained"),
    ],
)
def test_what_does_not_go_together_is_refused(task: Task, changes: dict[str, Any], named: str):
    with pytest.raises(SettingsError, match=named):
        plain(task, **changes)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"data": "p", "task": "detection"}, "'model' is missing"),
        ({"task": "detection", "model": "yolov9t"}, "'data' is missing"),
        ({"data": "p", "model": "yolov9t"}, "'task' is missing"),
        ({"data": "p", "task": "detection", "model": "m", "epoch": 3}, "'epoch'.*epochs"),
        ({"data": "p", "task": "detection", "model": "m", 3: 3}, "no setting 3"),
    ],
)
def test_names_that_are_missing_or_unknown_are_told(values: dict[Any, Any], message: str):
    with pytest.raises(SettingsError, match=message):
        TrainConfig.from_json(values)


def test_an_unknown_preset_is_told_with_the_nearest_one():
    with pytest.raises(SettingsError, match=r"'balancd'.*balanced"):
        make_config("p", "classification", "m", "balancd")
    with pytest.raises(SettingsError, match="task is 'both'"):
        make_config("p", "both", "m")  # type: ignore[arg-type]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=6,
)


@settings(max_examples=400, deadline=None)
@given(name=st.sampled_from(sorted(SETTINGS)), value=JSON, task=st.sampled_from(TASKS))
def test_whatever_a_text_box_holds_is_taken_or_refused(name: str, value: Any, task: Task):
    """No value that JSON can hold ends in anything but a configuration or one sentence; what is taken can be kept."""
    try:
        config = TrainConfig.from_json({"data": "p", "task": task, "model": "m", name: value})
    except SettingsError:
        return
    assert TrainConfig.from_json(json.loads(json.dumps(config.to_json(), allow_nan=False))) == config


@settings(max_examples=100, deadline=None)
@given(values=st.dictionaries(st.sampled_from(sorted(SETTINGS)) | st.text(max_size=6), JSON, max_size=6))
def test_whatever_a_file_holds_is_taken_or_refused(values: dict[str, Any]):
    try:
        config = TrainConfig.from_json({"data": "p", "task": "classification", "model": "m"} | values)
    except SettingsError:
        return
    assert set(values) <= set(config.to_json()), "what is not known is refused, not passed over"


def test_every_setting_is_described():
    described = TrainConfig.__doc__ or ""
    for field in dataclasses.fields(TrainConfig):
        if field.name not in ("preset", "task", "optimizer", "weight_decay"):
            assert f"{field.name}" in described
    assert all(name in described for name in TRACKERS)

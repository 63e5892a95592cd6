"""What a run is told: data, task, model, and how to learn. Presets are ready-made answers that can be edited.

config = make_config("photos/", "classification", "resnet18", preset="balanced", epochs=5)
config.to_json()
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from vision_core.data.augment import AUGMENTATIONS
from vision_core.errors import SettingsError, suggest
from vision_core.types import Task

LabelsFrom = Literal["auto", "labels", "presence", "majority", "crops", "objects"]
Balance = Literal["none", "weights", "sampling"]
Mix = Literal["none", "mixup_cutmix", "mosaic"]
TRACKERS = ("tensorboard", "mlflow", "wandb", "trackio")
STARTS = ("pretrained", "scratch")
"""What `start` may say besides a path."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that decides what a run learns.

    Attributes:
        data: a data set's folder or archive, or the id of one in the workspace.
        model: a name of the catalogue.
        preset: the preset it started from.
        start: "pretrained", "scratch", an earlier run's folder, or a weights file (.safetensors, .pth, .pt).
        labels_from: what a classifier learns: "labels" of the pictures, or what boxes tell of them ("presence",
            "majority", "crops", see `vision_core.data.tasks`); "auto": labels where there are some, else presence. A
            detector learns every box with its class, or with "objects" that it is some object (class-agnostic).
        data_fraction: share of the training pictures that is used, 0..1, the same share of every class; of crops those
            that were cut out of these pictures.
        input_size_px: edge of the network's input; None: the model's own.
        epochs: times every training picture is seen.
        frozen_epochs: first epochs in which only what is fresh learns, the rest of the network being frozen.
        views: above 0, the backbone is frozen for good and runs only once, on so many augmented views of every
            picture (fewer of large data sets: see `vision_core.training.instant`); the head then learns from its
            features, for `epochs` epochs (classification only).
        batch_size: pictures a step of the optimiser.
        micro_batch: pictures that go through the network at once; 0: all of the batch. Less needs less memory.
        optimizer: timm's name: adamw, sgd, lamb, lion …
        learning_rate: at its highest. None: found by the learning-rate finder before training.
        layer_decay: each group of layers learns at this share of the rate of the group after it, 0..1; 1: all alike.
        warmup: share of all steps in which the rate rises; afterwards it falls as a cosine.
        clip_norm: longest gradient; 0: not clipped.
        augmentation: "none", "light" or "strong".
        mix: "mixup_cutmix" (classification) or "mosaic" (detection) in all but the last quarter of the epochs.
        label_smoothing: classification, 0..1.
        balance: rare classes count more in the loss ("weights", classification) or are drawn more often ("sampling").
        ema_decay: above 0, the weights that are kept are a running average of the trained ones.
        patience: epochs without a better figure after which training stops; 0: never.
        precision: "auto" (bf16 where the GPU has it, fp16 on older ones, fp32 on a CPU), "fp32", "bf16" or "fp16".
        compile: whether `torch.compile` is used.
        device: "cpu", "cuda", "cuda:1"; None: the best one.
        threads: CPU threads of torch; 0: one a core. Results are the same to the bit only with the same number.
        seed: of everything that chance decides.
        checkpoint_minutes: how often what was learned is saved within an epoch (it always is after one).
        keep_checkpoints: the last so many are kept, besides the best weights.
        trackers: any of tensorboard, mlflow, wandb, trackio.

    Raises:
        SettingsError: a value outside its range; names it.
    """

    data: str
    task: Task
    model: str
    preset: str = "balanced"
    start: str = "pretrained"
    labels_from: LabelsFrom = "auto"
    data_fraction: float = 1.0
    input_size_px: int | None = None
    epochs: int = 10
    frozen_epochs: int = 0
    views: int = 0
    batch_size: int = 16
    micro_batch: int = 0
    optimizer: str = "adamw"
    learning_rate: float | None = 1e-3
    weight_decay: float = 0.02
    layer_decay: float = 1.0
    warmup: float = 0.1
    clip_norm: float = 5.0
    augmentation: str = "light"
    mix: Mix = "none"
    label_smoothing: float = 0.0
    balance: Balance = "none"
    ema_decay: float = 0.0
    patience: int = 0
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    compile: bool = False
    device: str | None = None
    threads: int = 0
    seed: int = 0
    checkpoint_minutes: float = 2.0
    keep_checkpoints: int = 2
    trackers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, hint in _HINTS.items():
            _check_type(name, getattr(self, name), hint)
        for name in ("data", "model", "start", "optimizer"):
            if not getattr(self, name).strip():
                raise SettingsError(f"{name} is empty; every run needs one.")
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:  # also false for NaN
                raise SettingsError(f"{name} is {value}; allowed is {low:g} to {high:g}.")
        if self.augmentation not in AUGMENTATIONS:
            raise SettingsError(f"augmentation is {self.augmentation!r}; use one of {', '.join(AUGMENTATIONS)}.")
        unknown = [name for name in self.trackers if name not in TRACKERS]
        if unknown:
            raise SettingsError(f"There is no tracker {unknown[0]!r}; use any of {', '.join(TRACKERS)}.")
        self._check_task()

    def _check_task(self) -> None:
        other = {
            "classification": {"mix": "mosaic"},
            "detection": {"mix": "mixup_cutmix", "balance": "weights"},
        }[self.task]
        for name, value in other.items():
            if getattr(self, name) == value:
                raise SettingsError(f"{name} {value!r} is not for {self.task}; use another one, or 'none'.")
        if self.task == "classification" and self.labels_from == "objects":
            raise SettingsError("labels_from 'objects' is for detection: boxes without their classes.")
        if self.task == "detection" and (self.views or self.label_smoothing):
            name = "views" if self.views else "label_smoothing"
            raise SettingsError(f"{name} is for classification; set it to 0.")
        if self.views and (self.ema_decay or self.mix != "none" or self.frozen_epochs):
            raise SettingsError("With views only the head learns: set ema_decay and frozen_epochs to 0, mix to 'none'.")
        if self.views and self.start == "scratch":
            raise SettingsError("A frozen backbone with fresh weights has learned nothing: start it 'pretrained'.")

    def to_json(self) -> dict[str, Any]:
        """Plain values, as `config.json` and the page's editor hold them."""
        return dataclasses.asdict(self) | {"trackers": list(self.trackers)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> TrainConfig:
        """From plain values; what is not named has its default.

        Raises:
            SettingsError: a name or value that does not exist.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            if name not in known:
                raise SettingsError(f"There is no setting {name!r}.{suggest(str(name), known)}")
        missing = [name for name in ("data", "task", "model") if name not in values]
        if missing:
            raise SettingsError(f"The setting {missing[0]!r} is missing; every run needs data, task and model.")
        plain = dict(values)
        if isinstance(plain.get("trackers"), list):
            plain["trackers"] = tuple(plain["trackers"])
        return cls(**plain)

    def changed(self, **changes: Any) -> TrainConfig:
        """The same with other values; checked again."""
        return self.from_json(self.to_json() | changes)


_HINTS: dict[str, Any] = typing.get_type_hints(TrainConfig)
_RANGES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "data_fraction": (0.001, 1),
        "input_size_px": (32, 2048),
        "epochs": (1, 10_000),
        "frozen_epochs": (0, 10_000),
        "views": (0, 64),
        "batch_size": (1, 65_536),
        "micro_batch": (0, 65_536),
        "learning_rate": (1e-9, 100),
        "weight_decay": (0, 10),
        "layer_decay": (0.01, 1),
        "warmup": (0, 1),
        "clip_norm": (0, 1e9),
        "label_smoothing": (0, 0.9),
        "ema_decay": (0, 0.99999),
        "patience": (0, 10_000),
        "threads": (0, 1024),
        "seed": (0, 2**31 - 1),
        "checkpoint_minutes": (0, 1e6),
        "keep_checkpoints": (1, 100),
    }
)


_WORDS = {float: "a number", int: "a whole number", str: "text", bool: "true or false", type(None): "nothing"}


def _check_type(name: str, value: object, hint: Any) -> None:
    """Numbers where numbers belong: a configuration may come from a text box or a file."""
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if not any(_is(value, option) for option in options):
        allowed = " or ".join(_words(option) for option in options)
        raise SettingsError(f"{name} is {value!r}; allowed is {allowed}.")


def _is(value: object, option: Any) -> bool:
    if typing.get_origin(option) is Literal:
        return value in typing.get_args(option)
    if typing.get_origin(option) is tuple:
        return isinstance(value, tuple) and all(isinstance(item, str) for item in value)
    if isinstance(value, bool):  # a bool is an int to Python
        return option is bool
    return isinstance(value, (int, float) if option is float else option)


def _words(option: Any) -> str:
    if typing.get_origin(option) is Literal:
        return " or ".join(map(repr, typing.get_args(option)))
    return _WORDS.get(option, "a list of names")


@dataclass(frozen=True)
class Preset:
    """A ready-made answer to "how?": `summary` is one sentence; `changes` what differs from the defaults, by task."""

    name: str
    summary: str
    classification: Mapping[str, Any]
    detection: Mapping[str, Any]

    def changes(self, task: Task) -> Mapping[str, Any]:
        return self.classification if task == "classification" else self.detection


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        preset.name: preset
        for preset in (
            Preset(
                "instant",
                "Keeps what the network has learned elsewhere and trains only its last layers: seconds to minutes, "
                "even on a CPU.",
                {"epochs": 15, "views": 4, "batch_size": 64, "learning_rate": 1e-2, "weight_decay": 0.5},
                {"epochs": 8, "frozen_epochs": 8, "batch_size": 8, "clip_norm": 10.0, "weight_decay": 1e-4},
            ),
            Preset(
                "balanced",
                "Trains the last layers first, then everything, early layers more carefully: what most data sets want.",
                {
                    "epochs": 12,
                    "frozen_epochs": 2,
                    "layer_decay": 0.75,
                    "label_smoothing": 0.1,
                    "patience": 6,
                },
                {
                    "epochs": 15,
                    "frozen_epochs": 1,
                    "batch_size": 8,
                    "layer_decay": 0.85,
                    "clip_norm": 10.0,
                    "weight_decay": 1e-4,
                    "patience": 8,
                },
            ),
            Preset(
                "thorough",
                "A longer schedule with strong augmentation, mixed pictures and averaged weights: the best figures, "
                "for hours of time.",
                {
                    "epochs": 40,
                    "frozen_epochs": 2,
                    "layer_decay": 0.75,
                    "label_smoothing": 0.1,
                    "augmentation": "strong",
                    "mix": "mixup_cutmix",
                    "ema_decay": 0.999,
                    "patience": 15,
                },
                {
                    "epochs": 50,
                    "frozen_epochs": 1,
                    "batch_size": 8,
                    "layer_decay": 0.85,
                    "clip_norm": 10.0,
                    "weight_decay": 1e-4,
                    "augmentation": "strong",
                    "mix": "mosaic",
                    "ema_decay": 0.999,
                    "patience": 15,
                },
            ),
        )
    }
)


def usual_changes(preset: str, task: Task, start: str) -> dict[str, Any]:
    """What a preset changes of the defaults for this task.

    From scratch nothing is frozen and all layers learn alike, whatever the preset says; "instant", whose numbers are
    those of a head, then has the ones of "balanced".
    """
    if start != "scratch":
        return dict(PRESETS[preset].changes(task))
    whole = PRESETS["balanced" if preset == "instant" else preset].changes(task)
    return {**whole, "frozen_epochs": 0, "views": 0, "layer_decay": 1.0}


def make_config(data: str, task: Task, model: str, preset: str = "balanced", **changes: Any) -> TrainConfig:
    """A preset's configuration for this task (see `usual_changes`), with `changes`.

    Raises:
        SettingsError: an unknown preset or setting, or a value outside its range.
    """
    if preset not in PRESETS:
        raise SettingsError(f"There is no preset {preset!r}; use {', '.join(PRESETS)}.{suggest(preset, list(PRESETS))}")
    if task not in ("classification", "detection"):
        raise SettingsError(f"task is {task!r}; allowed is 'classification' or 'detection'.")
    chosen = usual_changes(preset, task, changes.get("start", "pretrained"))
    if "epochs" in changes and isinstance(changes["epochs"], int):  # fewer epochs: the same share of them frozen
        frozen = chosen.get("frozen_epochs", 0)
        every = chosen["epochs"]
        chosen["frozen_epochs"] = changes["epochs"] if frozen == every else min(frozen, max(0, changes["epochs"] - 1))
    return TrainConfig.from_json({"data": data, "task": task, "model": model, "preset": preset} | chosen | changes)


SETTINGS = frozenset(field.name for field in dataclasses.fields(TrainConfig))
"""Names of all settings."""

"""Whether a configuration can be trained at all, and on what: asked before a run is started.

found = check(config)
found.pictures, found.classes, found.notes
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from timm.optim import list_optimizers  # pyright: ignore[reportPrivateImportUsage]

from vision_core.data.library import list_datasets
from vision_core.errors import DataError, SettingsError, WeightsError, suggest
from vision_core.models.catalogue import backbone_of, get_spec
from vision_core.models.weights import is_on_disk, load_state_dict
from vision_core.predict import choose_device
from vision_core.run_folder import CONFIG, list_run_folders
from vision_core.settings import allowed_path, ensure_folder, settings
from vision_core.training.config import STARTS, TrainConfig
from vision_core.training.prepare import prepare
from vision_core.training.task_data import Stage, TaskData

WEIGHTS_ENDINGS = (".safetensors", ".pth", ".pt")
FEW = 10
"""Fewer training pictures of a class than this are worth a word."""


@dataclass(frozen=True)
class Preflight:
    """What a run would learn from.

    Attributes:
        pictures: how many of each split.
        classes: name and training pictures that show it, in the order of the network's outputs.
        multi_label: a picture may show several classes.
        notes: plain sentences on what was chosen, left out, or is scarce.
    """

    pictures: dict[str, int]
    classes: tuple[tuple[str, int], ...]
    multi_label: bool
    notes: tuple[str, ...] = ()


def check(config: TrainConfig, progress: Stage | None = None) -> Preflight:
    """Looks at data, weights and batches of a configuration.

    Raises:
        VisionError: it cannot be trained; the sentence says why and what to do.
    """
    _check_weights(config)
    _check_machine(config)
    data = prepare(config, progress=progress)
    _check_batches(config, data)
    classes = tuple(zip(data.class_names, data.class_counts().tolist(), strict=True))
    return Preflight(
        pictures={name: len(rows) for name, rows in data.rows.items()},
        classes=classes,
        multi_label=data.multi_label,
        notes=(*data.notes, *_scarce(classes)),
    )


def check_places(config: TrainConfig) -> None:
    """Refuses data and weights that a visitor of the page may not open: only the workspace and the folders that the
    settings allow may be named, and what an earlier run was given.

    Raises:
        SettingsError: names the place and what to do.
    """
    known = {name for dataset in list_datasets() for name in (dataset.id, dataset.name)}
    earlier = list(_earlier())
    if config.data not in known | {str(values.get("data")) for values in earlier}:
        allowed_path(Path(config.data), settings())
    places = {*STARTS, *(str(values.get("start")) for values in earlier)}
    places |= {str(run.path) for run in list_run_folders()}
    if config.start not in places and Path(config.start).parent != _uploads():
        allowed_path(Path(config.start), settings())


def _earlier() -> Iterator[dict[str, Any]]:
    """What earlier runs were told; a damaged one says nothing."""
    for run in list_run_folders():
        with suppress(DataError, OSError):
            yield run.read(CONFIG)


def _uploads() -> Path:
    return settings().home / "uploads" / "weights"


def _check_weights(config: TrainConfig) -> None:
    spec = get_spec(config.model)
    if config.start != "pretrained":
        return
    if spec.weights.kind == "none" and backbone_of(spec) is None:
        raise WeightsError(
            f"Nobody publishes weights of {spec.title}: start it from scratch, or from weights of yours."
        )
    if settings().offline and spec.weights.kind == "download" and not is_on_disk(spec):
        raise WeightsError(
            f"The weights of {spec.title} are not on this machine and WHATWHERE_OFFLINE is set: choose an embedded "
            "model, or start it from scratch."
        )


def _check_machine(config: TrainConfig) -> None:
    """Whether this machine has the device, and its libraries the optimiser and the trackers."""
    if config.device is not None:
        choose_device(config.device)
    if config.precision == "fp16" and (config.device == "cpu" or not torch.cuda.is_available()):
        raise SettingsError("precision is 'fp16', which wants a GPU: use 'auto', 'bf16' or 'fp32' on a CPU.")
    known = [str(name) for name in list_optimizers()]
    if config.optimizer.lower() not in known:
        nearest = suggest(config.optimizer, known)
        raise SettingsError(f"optimizer is {config.optimizer!r}, which timm does not know.{nearest}")
    if not config.trackers:
        return
    from accelerate.tracking import get_available_trackers

    missing = [name for name in config.trackers if name not in map(str, get_available_trackers())]
    if missing:
        raise SettingsError(
            f"The tracker {missing[0]!r} needs a package that is not installed: try 'pip install {missing[0]}'."
        )


def _check_batches(config: TrainConfig, data: TaskData) -> None:
    """Asks the network only where a step could have a single picture: building it takes a while."""
    from vision_core.training.feed import plan_epoch

    smallest = min(map(len, plan_epoch(data.rows["train"], config.batch_size, 0, 0)))
    if config.task == "classification" and min(smallest, config.micro_batch or smallest) < 2:
        from vision_core.training.session import check_batches

        check_batches(config, data, get_spec(config.model).build(len(data.class_names)))


def _scarce(classes: tuple[tuple[str, int], ...]) -> list[str]:
    few = [f"{name} ({count})" for name, count in classes if count < FEW]
    if not few:
        return []
    more = f" and {len(few) - 5} more" if len(few) > 5 else ""
    return [f"Few pictures to learn from: {', '.join(few[:5])}{more}. Expect weak figures for these classes."]


def keep_weights(name: str, content: bytes) -> Path:
    """Keeps an uploaded weights file in the workspace and returns its path, which `start` may name.

    Raises:
        WeightsError: it holds no tensors that can be read safely.
        DataError: it cannot be written.
    """
    ending = Path(name).suffix.lower()
    if ending not in WEIGHTS_ENDINGS:
        raise WeightsError(f"{name[-80:]!r} is not a weights file: use {', '.join(WEIGHTS_ENDINGS)}.")
    path = (
        ensure_folder(settings().home / "uploads" / "weights") / f"{hashlib.sha256(content).hexdigest()[:24]}{ending}"
    )
    if not path.is_file():
        part = path.with_name(f".part{path.name}")
        try:
            part.write_bytes(content)
            load_state_dict(part)
            part.replace(path)
        except OSError as error:
            raise DataError(f"The weights cannot be kept ({error.strerror or error}): free some space.") from error
        finally:
            part.unlink(missing_ok=True)
    return path

"""Models by name or by run folder, and what a run folder holds that a predictor needs.

A run folder can stand wherever a model name can. It holds `config.json` with `model`, `task`, `class_names` and
`input_size_px` (and `multi_label`, and the `temperature` that its logits are divided by), the network in
`checkpoints/best.safetensors`, and its name in `about.json`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vision_core.errors import ModelError, WeightsError
from vision_core.models.catalogue import get_spec
from vision_core.models.pretrained import build_pretrained, class_names
from vision_core.preprocess import sized
from vision_core.run_folder import ABOUT, BEST, CONFIG
from vision_core.settings import settings
from vision_core.types import ModelSpec, Task, WeightsSource

if TYPE_CHECKING:
    import torch


def is_run(name: str) -> bool:
    """Whether `name` is the path of a run folder."""
    return os.path.isfile(os.path.join(name, CONFIG))  # False, not an error, for what cannot be a path


def list_runs(task: Task | None = None) -> list[ModelSpec]:
    """The workspace's runs that can predict, newest first. A folder that cannot be read as a run is left out."""
    folder = settings().home / "runs"
    found = []
    paths = [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    for path in sorted(paths, key=lambda p: p.stat().st_mtime, reverse=True):
        if is_run(str(path)) and (path / BEST).is_file():
            try:
                spec, _ = read_run(path)
            except ModelError:
                continue
            if task in (None, spec.task):
                found.append(spec)
    return found


def find_model(name: str, task: Task) -> tuple[ModelSpec, tuple[str, ...]]:
    """The spec and class names of a catalogue model or run folder that does `task`.

    Raises:
        ModelError: unknown, made for the other task, or published without labels.
    """
    if is_run(name):
        spec, names = read_run(Path(name))
    else:
        spec = get_spec(name)
        names = class_names(spec)
    if spec.task != task:
        option = "--detector" if spec.task == "detection" else "--classifier"
        raise ModelError(f"{name!r} does {spec.task}, not {task}; use it with {option}.")
    if not names:
        raise ModelError(f"{name!r} is published without labels, so it cannot predict before it is fine-tuned.")
    return spec, names


def read_run(path: Path) -> tuple[ModelSpec, tuple[str, ...]]:
    """The spec and class names of the run in `path`.

    Raises:
        ModelError: the folder's configuration is missing, damaged or lacks a field.
    """
    try:
        config: dict[str, Any] = json.loads((path / CONFIG).read_text(encoding="utf-8"))
        base, names = get_spec(str(config["model"])), tuple(str(name) for name in config["class_names"])
        size, temperature = int(config["input_size_px"]), float(config.get("temperature", 1.0))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{path / CONFIG} is not a run's configuration ({error!r}); name another run.") from error
    if config.get("task") != base.task or not names:
        raise ModelError(f"{path / CONFIG} names task {config.get('task')!r} and {len(names)} classes for {base.name}.")
    if not 0 < temperature < float("inf"):
        raise ModelError(f"{path / CONFIG} holds the temperature {temperature}: it is a number above 0; remove it.")
    return (
        replace(
            base,
            name=str(path),
            title=f"{_name(path)} ({base.title})",
            source="run",
            input_size_px=size,
            weights=WeightsSource(kind="embedded", file_name=str(path / BEST), trained_on=path.name),
            preprocessing=sized(base.preprocessing, size),
            class_names_key="none",
            multi_label=config.get("multi_label") is True,
            temperature=temperature,
        ),
        names,
    )


def _name(path: Path) -> str:
    """What the run's owner calls it; the folder's name where nothing says so."""
    try:
        about = json.loads((path / ABOUT).read_text(encoding="utf-8"))
        return str(about.get("name") or path.name)
    except (OSError, ValueError, AttributeError):
        return path.name


def load_network(spec: ModelSpec, progress: Callable[[int, int | None], None] | None = None) -> torch.nn.Module:
    """The network with its trained weights: published ones, or those of a run.

    Raises:
        WeightsError: the weights are missing, damaged or do not fit the network.
    """
    if spec.source != "run":
        return build_pretrained(spec, progress)
    from vision_core.models.weights import load_state_dict

    _, names = read_run(Path(spec.name))
    network = spec.build(len(names))
    try:
        plain = network.network if spec.task == "detection" else network  # the module of the library it comes from
        plain.load_state_dict(load_state_dict(Path(spec.weights.file_name)))
    except RuntimeError as error:
        raise WeightsError(
            f"{spec.weights.file_name} does not fit {spec.title}: {str(error).splitlines()[-1].strip()}"
        ) from error
    return network

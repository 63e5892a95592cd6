"""What a run finds around it: accelerate's view of the machine, trackers, versions and hardware."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState, PartialState
from accelerate.tracking import get_available_trackers

from vision_core.data.threads import available_cores
from vision_core.errors import TrainingError
from vision_core.settings import REPOSITORY, ensure_folder, settings
from vision_core.training.config import TrainConfig

_PACKAGES = ("torch", "torchvision", "timm", "libreyolo", "accelerate", "numpy", "pillow")


def make_accelerator(config: TrainConfig, folder: Path) -> Accelerator:
    """accelerate's view of this machine, for this configuration; a former run's in the same process is forgotten."""
    if not PartialState._shared_state or PartialState().num_processes == 1:
        AcceleratorState._reset_state(reset_partial_state=True)
        GradientState._reset_state()
    on_cpu = config.device == "cpu" or (config.device is None and not torch.cuda.is_available())
    if config.device and config.device.startswith("cuda:"):
        os.environ["ACCELERATE_TORCH_DEVICE"] = config.device
    precision = config.precision
    if precision == "auto":
        precision = "fp32" if on_cpu else "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    for name in config.trackers:
        if name not in map(str, get_available_trackers()):
            raise TrainingError(
                f"The tracker {name!r} needs a package that is not installed: try 'pip install {name}'."
            )
    accelerator = Accelerator(
        cpu=on_cpu,
        mixed_precision="no" if precision == "fp32" else precision,
        log_with=list(config.trackers) or None,  # type: ignore[arg-type]
        project_dir=str(folder / "trackers"),
    )
    if config.trackers:
        plain = {name: value for name, value in config.to_json().items() if isinstance(value, (int, float, str, bool))}
        accelerator.init_trackers("whatwhere", plain, _tracker_options(config, folder))
    return accelerator


def _tracker_options(config: TrainConfig, folder: Path) -> dict[str, Any]:
    """What trackers are told besides. MLflow, unless it was told otherwise, writes to the workspace, not just here."""
    if "mlflow" not in config.trackers:
        return {}
    options = {"run_name": folder.name}
    if "MLFLOW_TRACKING_URI" not in os.environ:
        import mlflow

        home = ensure_folder(settings().home / "mlflow").resolve()
        if importlib.util.find_spec("sqlalchemy"):
            mlflow.set_tracking_uri(f"sqlite:///{home / 'mlflow.db'}")
        else:  # mlflow-skinny knows only files, and those only if it is asked for them
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
            mlflow.set_tracking_uri(home.as_uri())
        options["logging_dir"] = str(home / "artifacts")
    return {"mlflow": options}


def environment(device: torch.device) -> dict[str, Any]:
    """Versions and hardware, as `config.json` keeps them."""
    versions = {}
    for package in _PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return {
        "code": code_version(),
        "python": platform.python_version(),
        "packages": versions,
        "system": platform.platform(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or "CPU",
        "cores": available_cores(),
        "threads": torch.get_num_threads(),
        "memory_bytes": psutil.virtual_memory().total,
    }


def code_version() -> str:
    """The package's version, and the commit where it is a checkout."""
    from vision_core import __version__

    command = ["git", "-C", str(REPOSITORY), "rev-parse", "--short", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return __version__
    commit = found.stdout.strip()
    return f"{__version__}+{commit}" if found.returncode == 0 and commit else __version__

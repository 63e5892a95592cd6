"""What a run finds around it: accelerate's view of the machine, trackers, versions and hardware."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState
from accelerate.tracking import get_available_trackers

from vision_core.data.threads import available_cores
from vision_core.errors import SettingsError, TrainingError
from vision_core.predict import choose_device
from vision_core.settings import REPOSITORY, ensure_folder, settings
from vision_core.training import peers
from vision_core.training.config import TrainConfig

_PACKAGES = ("torch", "torchvision", "timm", "libreyolo", "accelerate", "numpy", "pillow")


class _Accelerator(Accelerator):
    """One whose end leaves the processes their conversation, for it cannot begin again: `peers.part` ends it."""

    def end_training(self) -> None:
        for tracker in self.trackers:
            tracker.finish()


def make_accelerator(config: TrainConfig, folder: Path) -> Accelerator:
    """accelerate's view of this machine, for this configuration; a former run's in the same process is forgotten.

    Raises:
        SettingsError: there is no such device here, or it cannot do what is configured.
        TrainingError: a tracker's package is missing.
    """
    device = _device(config)
    AcceleratorState._reset_state(reset_partial_state=not torch.distributed.is_initialized())
    GradientState._reset_state()
    peers.join(config.device)
    for name in config.trackers:
        if name not in map(str, get_available_trackers()):
            raise TrainingError(
                f"The tracker {name!r} needs a package that is not installed: try 'pip install {name}'."
            )
    with _chosen(device):
        accelerator = _Accelerator(
            cpu=device.type == "cpu",
            mixed_precision=_precision(config, device),
            log_with=list(config.trackers) or None,  # type: ignore[arg-type]
            project_dir=str(folder / "trackers"),
        )
    if config.trackers:
        plain = {name: value for name, value in config.to_json().items() if isinstance(value, (int, float, str, bool))}
        accelerator.init_trackers("whatwhere", plain, _tracker_options(config, folder))
    return accelerator


def _device(config: TrainConfig) -> torch.device:
    """The configured device, with its number where this process is alone."""
    several = peers.count() > 1
    if several and config.device and config.device.startswith("cuda:"):
        raise SettingsError(
            f"device is {config.device!r}, but {peers.count()} processes train together, each on a GPU of its own: "
            "leave device out, and name the GPUs in CUDA_VISIBLE_DEVICES where not all are meant."
        )
    device = choose_device(config.device)
    return torch.device("cuda", device.index or 0) if device.type == "cuda" and not several else device


@contextmanager
def _chosen(device: torch.device) -> Iterator[None]:
    """Lets accelerate take this device inside; several processes have been given theirs already."""
    if peers.count() > 1:
        yield
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    before = os.environ.get("ACCELERATE_TORCH_DEVICE")
    os.environ["ACCELERATE_TORCH_DEVICE"] = str(device)
    try:
        yield
    finally:
        del os.environ["ACCELERATE_TORCH_DEVICE"]
        if before is not None:
            os.environ["ACCELERATE_TORCH_DEVICE"] = before


def _precision(config: TrainConfig, device: torch.device) -> str:
    """As accelerate calls it; on a GPU, of the one that torch uses now."""
    precision = config.precision
    if precision == "fp16" and device.type == "cpu":
        raise SettingsError("precision is 'fp16', which wants a GPU: use 'auto', 'bf16' or 'fp32' on a CPU.")
    if precision == "auto":
        has_bf16 = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        precision = "bf16" if has_bf16 else "fp16" if device.type == "cuda" else "fp32"
    return "no" if precision == "fp32" else precision


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
        "processes": peers.count(),
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

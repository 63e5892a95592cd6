"""The device and the precision that a run gets are those it was configured for, or it is refused with a way out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from painted_data import CLASSIFIER, config

from vision_core.errors import SettingsError
from vision_core.training import environment, turns
from vision_core.training.environment import make_accelerator

without_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="what a machine without a GPU refuses")


def made(tmp_path: Path, **changes: Any) -> Any:
    return make_accelerator(config(tmp_path, "classification", CLASSIFIER, **changes), tmp_path)


class Taken:
    """What accelerate was asked for, on a machine with two imagined GPUs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, has_bf16: bool) -> None:
        self.said: dict[str, Any] = {}
        monkeypatch.setattr(environment, "choose_device", lambda name: torch.device(name or "cuda"))
        monkeypatch.setattr(environment, "_Accelerator", self._accelerator)
        monkeypatch.setattr(torch.cuda, "set_device", lambda device: self.said.update(current=str(device)))
        monkeypatch.setattr(
            torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation or has_bf16
        )

    def _accelerator(self, **options: Any) -> None:
        self.said |= {"device": os.environ["ACCELERATE_TORCH_DEVICE"], **options}


@pytest.mark.parametrize(
    ("changes", "device", "precision"),
    [
        ({"device": "cuda:1"}, "cuda:1", "bf16"),
        ({"device": "cuda"}, "cuda:0", "bf16"),
        ({"device": None, "precision": "fp16"}, "cuda:0", "fp16"),
        ({"device": "cuda:1", "precision": "fp32"}, "cuda:1", "no"),
    ],
)
def test_a_gpu_is_the_one_that_was_named(
    changes: dict[str, Any], device: str, precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    taken = Taken(monkeypatch, has_bf16=True)
    made(tmp_path, **changes)
    assert (taken.said["device"], taken.said["current"]) == (device, device)
    assert (taken.said["mixed_precision"], taken.said["cpu"]) == (precision, False)
    assert "ACCELERATE_TORCH_DEVICE" not in os.environ


def test_an_older_gpu_that_only_emulates_bf16_trains_in_fp16(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    taken = Taken(monkeypatch, has_bf16=False)
    made(tmp_path, device="cuda")
    assert taken.said["mixed_precision"] == "fp16"


def test_a_cpu_is_taken_whatever_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ACCELERATE_TORCH_DEVICE", "cuda:1")
    accelerator = made(tmp_path, device="cpu")
    assert (accelerator.device.type, accelerator.mixed_precision) == ("cpu", "no")
    assert os.environ["ACCELERATE_TORCH_DEVICE"] == "cuda:1"
    assert made(tmp_path, device="cpu", precision="bf16").mixed_precision == "bf16", "a former run is forgotten"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"device": "banana"}, "banana"),
        pytest.param({"device": "cuda"}, "try 'cpu'", marks=without_gpu),
        ({"precision": "fp16"}, "use 'auto'"),
        pytest.param({"device": None, "precision": "fp16"}, "use 'auto'", marks=without_gpu),
    ],
)
def test_what_this_machine_cannot_do_is_refused(changes: dict[str, Any], said: str, tmp_path: Path):
    with pytest.raises(SettingsError, match=said):
        made(tmp_path, **changes)


def test_several_processes_cannot_share_one_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(SettingsError, match="leave device out"):
        made(tmp_path, device="cuda:1")


@pytest.mark.parametrize("driver", ["/proc/driver/nvidia/version", "/dev/dxg", "/dev/kfd"])
def test_a_gpu_is_seen_by_its_driver(driver: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    monkeypatch.setattr(os.path, "exists", lambda path: path == driver)
    assert turns.devices_of({}) == ("cuda:0",)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert turns.devices_of({}) == ("cpu",)

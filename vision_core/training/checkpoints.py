"""What a run has learned, on disk: written aside and renamed, so that a file is the old one or the new one, whole.

`resume.pt` holds all that training needs to go on; the ones before it are kept as `resume-1.pt` and so on, for the day
the disk fails in the middle of one. Weights that others load are safetensors of the library's own names.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor, nn

from vision_core.errors import WeightsError
from vision_core.training.networks import plain

RESUME = "resume.pt"
FORMAT = 1


def save_resume(folder: Path, state: Mapping[str, Any], keep: int) -> None:
    """Writes `resume.pt` into `folder` and keeps `keep - 1` of those before it.

    Raises:
        OSError: nothing can be written; what was there before is whole.
    """
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{RESUME}.part"
    _write_aside(part, lambda file: torch.save({"format": FORMAT, **state}, file))
    for age in range(keep - 1, 0, -1):
        newer = _resume(folder, age - 1)
        if newer.is_file():
            os.replace(newer, _resume(folder, age))
    os.replace(part, folder / RESUME)


def load_resume(folder: Path) -> tuple[dict[str, Any] | None, list[str]]:
    """The newest checkpoint that is whole, or None where there never was one; and a sentence on each damaged one.

    Raises:
        WeightsError: there are checkpoints, and all are damaged.
    """
    damaged = []
    for path in sorted(folder.glob("resume*.pt"), key=_age):
        try:
            with zipfile.ZipFile(path) as archive:
                if archive.testzip() is not None:
                    raise zipfile.BadZipFile("a part of it is damaged")
            state = torch.load(path, map_location="cpu", weights_only=True)
            if state["format"] != FORMAT:
                raise ValueError(f"its format is {state['format']}")
        except Exception as error:  # of a damaged file the readers raise nearly anything
            damaged.append(f"{path.name} is damaged ({error}) and was passed over.")
            continue
        return state, damaged
    if damaged:
        raise WeightsError(f"Every checkpoint in {folder} is damaged ({damaged[0]}); train again from the start.")
    return None, []


def _resume(folder: Path, age: int) -> Path:
    return folder / (RESUME if age == 0 else f"resume-{age}.pt")


def _age(path: Path) -> int:
    return int(path.stem.partition("-")[2] or 0)


def save_weights(path: Path, network: nn.Module, about: Mapping[str, Any]) -> None:
    """The network's weights as safetensors, with what they are inside the file's own header.

    Args:
        about: plain values (model, class names, preprocessing …), kept as JSON texts.

    Raises:
        OSError: nothing can be written; what was there before is whole.
    """
    from safetensors.torch import save

    tensors = unshared(plain(network).state_dict())
    content = save(tensors, {name: json.dumps(value, ensure_ascii=False) for name, value in about.items()})
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    _write_aside(part, lambda file: file.write(content))
    os.replace(part, path)


def _write_aside(part: Path, write: Callable[[BinaryIO], object]) -> None:
    """Writes a file through to the disk, or leaves nothing: on a full disk the space is given back."""
    try:
        with open(part, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
    except BaseException as error:
        part.unlink(missing_ok=True)
        if isinstance(error, RuntimeError):  # torch's writer says so of a full disk
            raise OSError(str(error)) from error
        raise


def unshared(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors on the CPU, each with memory of its own, in plain layout."""
    return {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in state.items()}

"""What networks put out, whatever its structure: its tensors in order, others in their place, how far two differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

import torch
from torch import Tensor

from vision_core.errors import ModelError


def tensors_in(value: Any) -> list[Tensor]:
    """Every tensor in nested lists, tuples, dictionaries and records, in their order."""
    if isinstance(value, Tensor):
        return [value]
    if is_dataclass(value) and not isinstance(value, type):
        value = [getattr(value, field.name) for field in fields(value)]
    if isinstance(value, dict):
        value = list(value.values())
    return [tensor for item in value for tensor in tensors_in(item)] if isinstance(value, (list, tuple)) else []


def tensors_at(template: Any, value: Any) -> list[Tensor]:
    """The tensors of `value` where `template`, of the same structure, has some."""
    if isinstance(template, Tensor):
        return [value]
    if is_dataclass(template) and not isinstance(template, type):
        names = [field.name for field in fields(template)]
        return [tensor for name in names for tensor in tensors_at(getattr(template, name), getattr(value, name))]
    if isinstance(template, dict):
        return [tensor for key, item in template.items() for tensor in tensors_at(item, value[key])]
    if isinstance(template, (list, tuple)):
        return [tensor for a, b in zip(template, value, strict=True) for tensor in tensors_at(a, b)]
    return []


def refilled(value: Any, tensors: Sequence[Tensor]) -> Any:
    """The same structure with other tensors, in the order of `tensors_in`.

    Raises:
        ModelError: there are not as many.
    """
    if len(tensors) != len(tensors_in(value)):
        raise ModelError(f"The network gave {len(tensors)} outputs instead of {len(tensors_in(value))}.")
    return _refilled(value, iter(tensors))


def _refilled(value: Any, tensors: Iterator[Tensor]) -> Any:
    if isinstance(value, Tensor):
        return next(tensors)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: _refilled(getattr(value, field.name), tensors) for field in fields(value)})
    if isinstance(value, dict):
        return {key: _refilled(item, tensors) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_refilled(item, tensors) for item in value)
    return value


def difference_of(expected: list[Tensor], found: list[Tensor], exact: bool) -> float:
    """The largest difference of any output, relative to the largest value of that output (or to 1).

    Raises:
        ModelError: a value is not finite, or (where outputs must be the same) their shapes differ.
    """
    worst = 0.0
    for a, b in zip(expected, found, strict=True):
        if not torch.isfinite(b.float()).all():
            raise ModelError("The network's outputs are not finite with this precision, so its time means nothing.")
        if a.shape != b.shape:
            if exact:
                raise ModelError(f"An output has the shape {tuple(b.shape)} with this engine, not {tuple(a.shape)}.")
            return float("nan")  # as many rows as it proposed regions
        if a.numel():
            largest = max(1.0, float(a.float().abs().max()))
            worst = max(worst, float((a.float() - b.float()).abs().max()) / largest)
    return worst

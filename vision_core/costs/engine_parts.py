"""What all engines share: a predictor ready for the clock, and a network run another way in its place."""

from __future__ import annotations

import copy
import logging
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from torch import nn

from vision_core.predict import Classifier, ObjectDetector

Predictor = Classifier | ObjectDetector


@dataclass(frozen=True)
class Pipeline:
    """Detect, and classify what was cut out, as the Compare page does it.

    Attributes:
        crops: so many objects of each picture are handed on whatever the detector finds: with others in each run
            nobody could repeat a measurement.
    """

    detector: ObjectDetector
    classifier: Classifier
    crops: int

    @property
    def device(self) -> torch.device:
        return self.detector.device


AnyPredictor = Predictor | Pipeline
P = TypeVar("P", Predictor, Pipeline, covariant=True)


@dataclass(frozen=True)
class Prepared(Generic[P]):
    """A predictor ready for the clock.

    Attributes:
        predictor: runs the network with the engine and precision asked for.
        load_s: what it took on top of loading the network: compiling, or opening the ONNX file.
        load_note: what that was.
        size_bytes: of its own file, None where it has none.
        difference: of the outputs from PyTorch's with 32-bit floats, relative to the largest output; NaN where they
            cannot be compared, since a network with fewer bits proposes other regions.
        note: what to know of this way to run it.
        memory_hidden: why PyTorch does not see all the memory it takes, "" where it does.
    """

    predictor: P
    load_s: float = 0.0
    load_note: str = ""
    size_bytes: int | None = None
    difference: float = 0.0
    note: str = ""
    memory_hidden: str = ""


class Replaced(nn.Module):
    """Stands where a predictor keeps its network: another way to run it, the network's own way to decode."""

    def __init__(self, run: Callable[[Any], Any], network: nn.Module) -> None:
        super().__init__()
        self.run = run
        self.decode = getattr(network, "decode", None)

    def forward(self, inputs: Any) -> Any:
        return self.run(inputs)


def with_network(predictor: Predictor, network: nn.Module) -> Predictor:
    changed = copy.copy(predictor)
    changed.folded = network  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    return changed


@contextmanager
def silence() -> Iterator[None]:
    """The exporters warn of what the check of the outputs decides."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = logging.root.manager.disable
        logging.disable(logging.ERROR)
        try:
            yield
        finally:
            logging.disable(before)


def first_line(error: BaseException) -> str:
    """The first line of an error that says something, without colours."""
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip() for line in str(error).splitlines()]
    said = next((line for line in lines if line), "")
    return f"{type(error).__name__}: {said[:200]}" if said else type(error).__name__

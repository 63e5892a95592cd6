"""Networks that a benchmark measures: catalogue models and runs, at any input size, with what weights there are.

    loaded = load(Cell("resnet18", input_size_px=160), download=False, check=lambda: None)
    loaded.predictor, loaded.weights                 # "random" where the published weights are not on disk

How quick a network is hardly depends on its weights, so a model need not be downloaded to be measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from vision_core.costs.bench import Cell
from vision_core.costs.engine_parts import Predictor, Prepared
from vision_core.costs.engines import prepare
from vision_core.costs.flops import FlopCount, count_flops
from vision_core.costs.layers import count_activations
from vision_core.costs.measured import Measured
from vision_core.errors import ModelError, WeightsError
from vision_core.models.weights import is_on_disk
from vision_core.predict import Classifier, ObjectDetector, choose_device
from vision_core.preprocess import sized
from vision_core.runs import is_run, load_network, read_run
from vision_core.types import ModelSpec

if TYPE_CHECKING:
    from PIL import Image

PICTURE = "four_photos"


@dataclass
class Loaded:
    """A network in memory, as one model, input size and device want it.

    Attributes:
        load_s: from the weights on disk to a network that can run.
        weights: "published", "trained" or "random"; weights_note: why random ones.
        file_bytes: of its weights on disk.
    """

    predictor: Predictor
    load_s: float
    weights: str
    weights_note: str
    file_bytes: Measured

    @property
    def networks(self) -> list[torch.nn.Module]:
        """Those whose weights a pass needs."""
        return [self.predictor.folded]

    @property
    def parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.predictor.network.parameters())

    @cached_property
    def input_size_px(self) -> tuple[int, int]:
        """Width and height that the network sees of the picture that is measured with."""
        with torch.no_grad():
            first: Any = self.predictor.inputs([picture()])[0]
        return first.shape[-1], first.shape[-2]

    @property
    def finds_other_boxes(self) -> bool:
        """Whether random weights make it find other boxes than trained ones would."""
        return self.weights == "random" and isinstance(self.predictor, ObjectDetector)

    def prepare(self, engine: str, precision: str, images: Sequence[Image.Image]) -> Prepared[Predictor]:
        """As `engines.prepare`."""
        return prepare(self.predictor, engine, precision, images)

    @cached_property
    def counted(self) -> tuple[FlopCount, int]:
        """Arithmetic and activations of one picture."""
        predictor, pictures = self.predictor, [picture()]
        with torch.no_grad():
            inputs = predictor.inputs(pictures)
        run = predictor.folded.candidates if isinstance(predictor, ObjectDetector) else predictor.folded
        return count_flops(run, inputs), count_activations(predictor.folded, inputs)


def picture() -> Image.Image:
    from vision_core.samples import open_sample

    return open_sample(PICTURE).pixels


def spec_of(cell: Cell) -> ModelSpec:
    """The cell's model at the cell's input size; raises a ModelError where there is none."""
    from vision_core.models.catalogue import get_spec

    spec = read_run(Path(cell.model))[0] if is_run(cell.model) else get_spec(cell.model)
    if cell.input_size_px is None:
        return spec
    how = sized(spec.preprocessing, cell.input_size_px)
    return replace(spec, preprocessing=how, input_size_px=cell.input_size_px)


def load(cell: Cell, download: bool, check: Callable[[], None]) -> Loaded:
    """The cell's network in memory.

    Args:
        download: fetch published weights that are not on disk.
        check: called while they come; what it raises ends it.

    Raises:
        ModelError, WeightsError, SettingsError: the network cannot be had, or there is no such device.
    """
    spec, device = spec_of(cell), choose_device(cell.device or None)
    began = time.perf_counter()
    network, weights, note = _network(spec, download, check)
    make = Classifier if spec.task == "classification" else ObjectDetector
    predictor = make(spec, network, _names(spec), device)
    spent = time.perf_counter() - began
    if isinstance(predictor, Classifier):
        predictor.class_names = _as_many_as_outputs(predictor)
    return Loaded(predictor, spent, weights, note, _file_bytes(spec, weights))


def _network(spec: ModelSpec, download: bool, check: Callable[[], None]) -> tuple[torch.nn.Module, str, str]:
    """The network, whose weights it has, and why they are random."""
    from vision_core.models.pretrained import build_published

    if spec.source == "run":
        return load_network(spec), "trained", ""
    if is_on_disk(spec) or (download and spec.weights.kind == "download"):
        try:
            return load_network(spec, lambda *_: check()), "published", ""
        except WeightsError as error:
            reason = f"published weights cannot be had ({error})"
    else:
        reason = "published weights are not on disk"
    torch.manual_seed(0)
    return build_published(spec).eval(), "random", reason


def _names(spec: ModelSpec) -> tuple[str, ...]:
    from vision_core.models.pretrained import class_names

    if spec.source == "run":
        return read_run(Path(spec.name))[1]
    try:
        return class_names(spec)
    except ModelError:
        return ()


def _as_many_as_outputs(predictor: Classifier) -> tuple[str, ...]:
    """The class names, or numbers where the network puts out something else (features, classes nobody named)."""
    with torch.no_grad():
        outputs = predictor.folded(predictor.inputs([picture()])).shape[1]
    names = predictor.class_names
    return names if len(names) == outputs else tuple(str(number) for number in range(outputs))


def _file_bytes(spec: ModelSpec, weights: str) -> Measured:
    from vision_core.models.weights import fetch

    if weights == "random":
        size = spec.weights.size_bytes or 4 * spec.parameters
        how = "as published" if spec.weights.size_bytes else "4 bytes a parameter"
        return Measured(size, "estimated", f"weights file, {how}; it is not on disk")
    path = Path(spec.weights.file_name) if weights == "trained" else fetch(spec)
    return Measured(path.stat().st_size, "measured", f"weights file {path.name}")

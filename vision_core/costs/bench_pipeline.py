"""A pipeline in memory, ready to be measured: a detector, and the classifier that names what was cut out.

    loaded = load_pipeline(Cell("ssdlite_mobilenet_v2_coco>resnet18", crops=3), download=False, check=lambda: None)
    loaded.prepare("onnxruntime", "fp32", [image]).predictor           # an `engine_parts.Pipeline`

What is counted of it is the sum of both networks, the classifier's arithmetic once for each crop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from torch import nn

from vision_core.costs.bench import Cell, pipeline_parts
from vision_core.costs.bench_models import Loaded, load, picture, spec_of
from vision_core.costs.bench_run import IOU, SCORE, handed_on
from vision_core.costs.engine_parts import Pipeline, Predictor, Prepared
from vision_core.costs.engines import prepare
from vision_core.costs.flops import FlopCount
from vision_core.costs.measured import Measured
from vision_core.data.wording import plural
from vision_core.errors import ModelError
from vision_core.predict import MAX_CROPS_AT_ONCE, Classifier, ObjectDetector, crop_boxes
from vision_core.types import Detections, ModelSpec

if TYPE_CHECKING:
    from PIL import Image


@dataclass
class LoadedPipeline:
    """Two networks in memory; otherwise as `bench_models.Loaded`.

    Attributes:
        found: objects that the detector finds in the picture that is measured with.
    """

    detector: Loaded
    classifier: Loaded
    predictor: Pipeline
    found: int

    @property
    def _both(self) -> tuple[Loaded, Loaded]:
        return self.detector, self.classifier

    @property
    def networks(self) -> list[nn.Module]:
        return [network for part in self._both for network in part.networks]

    @property
    def parameters(self) -> int:
        return sum(part.parameters for part in self._both)

    @property
    def input_size_px(self) -> tuple[int, int]:
        """The detector's."""
        return self.detector.input_size_px

    @property
    def load_s(self) -> float:
        return sum(part.load_s for part in self._both)

    @property
    def weights(self) -> str:
        """Random where one of them has random ones."""
        known = [part.weights for part in self._both]
        return next(name for name in ("random", "trained", "published") if name in known)

    @property
    def weights_note(self) -> str:
        notes = zip(("the detector", "the classifier"), self._both, strict=True)
        return "; ".join(f"{name}: {part.weights_note}" for name, part in notes if part.weights_note)

    @property
    def finds_other_boxes(self) -> bool:
        return self.detector.finds_other_boxes

    @property
    def file_bytes(self) -> Measured:
        return _sum_of_sizes([part.file_bytes for part in self._both])

    @property
    def counted(self) -> tuple[FlopCount, int]:
        """Arithmetic and activations of one picture."""
        (first, one), (second, other) = self.detector.counted, self.classifier.counted
        crops = self.predictor.crops
        both = replace(
            first,
            flops=first.flops + crops * second.flops,
            uncounted=tuple(sorted({*first.uncounted, *second.uncounted})),
            content_dependent=first.content_dependent or second.content_dependent,
        )
        return both, one + crops * other

    @property
    def note(self) -> str:
        """How many crops, and where they come from."""
        crops = self.predictor.crops
        if crops == self.found:
            where = "as many as the detector finds in this picture"
        else:
            where = f"of {plural(self.found, 'object')} that the detector finds in this picture"
        return f"the detector once a picture, the classifier {plural(crops, 'crop')}, {where}"

    def prepare(self, engine: str, precision: str, images: Sequence[Image.Image]) -> Prepared[Pipeline]:
        """Both networks on that engine, each checked against PyTorch; the classifier on the crops of one picture.

        Raises:
            ModelError: as `engines.prepare`, and where ONNX Runtime would need networks for several sizes of a batch.
        """
        pipeline = self.predictor
        crops = pipeline.crops
        if engine == "onnxruntime" and crops > MAX_CROPS_AT_ONCE and crops % MAX_CROPS_AT_ONCE:
            raise ModelError(
                f"{crops} crops go through the classifier {MAX_CROPS_AT_ONCE} at a time, and an ONNX network takes "
                f"batches of one size only; ask for at most {MAX_CROPS_AT_ONCE} crops, or measure PyTorch's engines."
            )
        first = prepare(pipeline.detector, engine, precision, images)
        second = prepare(pipeline.classifier, engine, precision, _crops(pipeline)[:MAX_CROPS_AT_ONCE])
        return _together(self, first, second)


def load_pipeline(cell: Cell, download: bool, check: Callable[[], None]) -> LoadedPipeline:
    """The cell's two networks in memory; arguments and errors as of `bench_models.load`.

    Raises:
        ModelError: the number of crops is left to the detector, and it finds nothing.
    """
    detector, classifier = (load(part, download, check) for part in _cells(cell))
    shown = _objects(detector.predictor)
    crops = cell.crops or len(shown)
    if not crops:
        raise ModelError(
            "This detector finds nothing in the picture that is measured with, so there is nothing to name; say how "
            "many crops the classifier shall look at, e.g. --crops 3."
        )
    made = _pipeline(detector.predictor, classifier.predictor, crops)
    return LoadedPipeline(detector, classifier, made, len(shown))


def specs_of(cell: Cell) -> tuple[ModelSpec, ModelSpec]:
    """Those of the cell's detector and classifier."""
    detector, classifier = _cells(cell)
    return spec_of(detector), spec_of(classifier)


def _cells(cell: Cell) -> tuple[Cell, Cell]:
    """Of each network alone; the classifier takes crops at its own size."""
    parts = pipeline_parts(cell.model)
    if parts is None:
        raise ModelError(f"{cell.model!r} is no pipeline.")
    return replace(cell, model=parts[0]), replace(cell, model=parts[1], input_size_px=None)


def _objects(detector: Predictor) -> Detections:
    """What a detector finds in the picture that is measured with."""
    if not isinstance(detector, ObjectDetector):
        raise ModelError(f"{detector.name} does {detector.spec.task}; a pipeline begins with a detector.")
    return detector.predict([picture()])[0].select(SCORE, IOU)


def _crops(pipeline: Pipeline) -> list[Image.Image]:
    """What the classifier looks at in that picture."""
    shown = handed_on(_objects(pipeline.detector), pipeline.crops)
    return [picture().crop((x0, y0, x1, y1)) for x0, y0, x1, y1 in crop_boxes(shown).tolist()]


def _pipeline(detector: Predictor, classifier: Predictor, crops: int) -> Pipeline:
    if not (isinstance(detector, ObjectDetector) and isinstance(classifier, Classifier)):
        raise ModelError("A pipeline is a detector, then a classifier.")
    return Pipeline(detector, classifier, crops)


def _together(loaded: LoadedPipeline, first: Prepared[Predictor], second: Prepared[Predictor]) -> Prepared[Pipeline]:
    """Two prepared networks as one; NaN where either's outputs cannot be compared."""
    both = (first, second)
    sizes = [part.size_bytes for part in both]
    own_file = any(size is not None for size in sizes)
    files = [part.file_bytes.value or 0 for part in (loaded.detector, loaded.classifier)]
    size = int(sum(file if size is None else size for size, file in zip(sizes, files, strict=True)))
    return Prepared(
        _pipeline(first.predictor, second.predictor, loaded.predictor.crops),
        sum(part.load_s for part in both),
        next((part.load_note for part in both if part.load_note), ""),
        size if own_file else None,
        difference=max((part.difference for part in both), key=lambda value: (value != value, value)),
        note="; ".join(dict.fromkeys([loaded.note, *(part.note for part in both if part.note)])),
        memory_hidden=next((part.memory_hidden for part in both if part.memory_hidden), ""),
    )


def _sum_of_sizes(sizes: Sequence[Measured]) -> Measured:
    how = "measured" if all(size.how == "measured" for size in sizes) else "estimated"
    return Measured(sum(size.value or 0 for size in sizes), how, " + ".join(size.note for size in sizes))

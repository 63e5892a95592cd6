"""Networks with published weights: as they are, or as a start for one's own classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vision_core.errors import ModelError, WeightsError
from vision_core.models import weights
from vision_core.models.catalogue import CATALOGUE, backbone_of, get_spec, timm_name_of
from vision_core.models.label_names import COCO_NAMES, imagenet_names
from vision_core.types import ModelSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    Progress = Callable[[int, "int | None"], None]

_IMAGENET_CLASSES = 1000


def class_names(spec: ModelSpec) -> tuple[str, ...]:
    """The names of the classes that the model's published weights know, in the order of its outputs.

    Raises:
        ModelError: it has no published classes.
    """
    if spec.class_names_key == "imagenet":
        return imagenet_names()
    if spec.class_names_key == "coco":
        return COCO_NAMES
    raise ModelError(f"{spec.name} has no published labels: fine-tune it on your own classes first.")


def build_published(spec: ModelSpec) -> nn.Module:
    """A fresh module with the outputs that its published weights have; where there are none, as for COCO.

    A classifier without published labels has no logits then: `(B, 3, S, S)` to features `(B, D)`.
    """
    if name := timm_name_of(spec):
        from vision_core.models.classifiers import build_timm

        return build_timm(name, None)
    if spec.task == "classification":
        return spec.build(_IMAGENET_CLASSES)
    if spec.name == "ssdlite_mobilenet_v2_coco":
        from vision_core.models.ssdlite_mobilenet_v2 import build

        return build(None)
    if spec.source == "torchvision" and backbone_of(spec) is None:
        from vision_core.models.torchvision_detectors import build as build_torchvision

        return build_torchvision(spec.name, None)
    return spec.build(len(COCO_NAMES))


def build_pretrained(spec: ModelSpec, progress: Progress | None = None) -> nn.Module:
    """The model with its published weights and classes, in evaluation mode.

    Args:
        progress: called with (bytes so far, bytes in all or None) while weights download.

    Raises:
        ModelError: it has no pretrained weights.
        WeightsError: they cannot be fetched, or do not fit.
    """
    if spec.weights.kind == "none":
        raise ModelError(f"{spec.name} has no pretrained weights: it must be trained before it can predict.")
    state = weights.load_state_dict(weights.fetch(spec, progress))
    try:
        return _loaded(spec, state).eval()
    except (RuntimeError, KeyError) as error:  # torch's strict loading names the keys that do not fit
        reason = str(error).split("\n")[0]
        raise WeightsError(f"The weights in {spec.weights.file_name} do not fit {spec.name}: {reason}") from error


def _loaded(spec: ModelSpec, state: dict[str, Tensor]) -> nn.Module:
    name = timm_name_of(spec)
    if name and spec.source == "timm":
        from vision_core.models.classifiers import build_timm

        return build_timm(name, None, state)
    module = build_published(spec)
    if name:
        from vision_core.models.classifiers import pair_in_order

        state = pair_in_order(state, module)
    if spec.source == "libreyolo":
        from vision_core.models.yolo import own_weights

        state = own_weights(state)
    state.pop("anchors", None)  # the embedded detector makes its own, for any input size
    network = module.network if spec.task == "detection" else module
    network.load_state_dict(state)  # type: ignore[operator, union-attr]
    return module


def build_for_finetuning(spec: ModelSpec, num_classes: int, progress: Progress | None = None) -> nn.Module:
    """The model for `num_classes` of one's own: fresh class outputs, all the rest from published weights.

    A detector without weights of its own, on a timm backbone, starts from the backbone's. Whatever has another shape
    than published stays fresh: the class outputs, and in YOLOv9 the narrow class branch before them.

    Raises:
        ModelError, WeightsError: as `build_pretrained`.
    """
    module = spec.build(num_classes)
    if backbone_of(spec) is not None:
        initialise_backbone(spec, module, progress)
        return module
    published = build_pretrained(spec, progress).state_dict()
    own = module.state_dict()
    module.load_state_dict({name: _best_start(published.get(name), tensor) for name, tensor in own.items()})
    return module


def _best_start(published: Tensor | None, own: Tensor) -> Tensor:
    return published if published is not None and published.shape == own.shape else own


def initialise_backbone(spec: ModelSpec, detector: nn.Module, progress: Progress | None = None) -> None:
    """Starts the backbone of a `fasterrcnn:` or `retinanet:` detector from its classifier's published weights.

    Raises:
        ModelError: the model has no timm backbone, or that has no pretrained weights.
        WeightsError: as `build_pretrained`.
    """
    from vision_core.models.timm_detectors import load_backbone
    from vision_core.models.torchvision_detectors import TorchvisionDetector

    backbone = backbone_of(spec)
    if backbone is None or not isinstance(detector, TorchvisionDetector):
        raise ModelError(f"{spec.name} has no timm backbone to start; use build_for_finetuning instead.")
    known = CATALOGUE.get(backbone)
    classifier = known if known is not None and timm_name_of(known) else get_spec(f"timm:{backbone}")
    load_backbone(detector, build_pretrained(classifier, progress).state_dict())

"""What the catalogue's specs are put together from: builders named here and imported on use, licences, addresses.

A spec's `build` is a `partial` of one of the `build_…` functions below, so that a spec is plain data, can be pickled,
and costs no import of torch.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

from vision_core.errors import ModelError
from vision_core.types import ModelSpec, Preprocessing, WeightsSource

if TYPE_CHECKING:
    from torch import nn

TORCHVISION_CODE = "BSD-3-Clause (torchvision)"
TIMM_CODE = "Apache-2.0 (timm)"
LIBREYOLO_CODE = "MIT (libreyolo)"
OWN_CODE = "Apache-2.0"
IMAGENET_TERMS = "learned from ImageNet-1k, whose images are licensed for non-commercial research"
COCO_TERMS = "learned from COCO 2017 (annotations CC BY 4.0, photos under Flickr's terms)"

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5)


def build_torchvision(name: str, num_classes: int) -> nn.Module:
    """torchvision's classifier `name`."""
    from vision_core.models import classifiers

    return classifiers.build_torchvision(name, _checked(num_classes, name))


def build_timm(name: str, num_classes: int) -> nn.Module:
    """timm's classifier `name`."""
    from vision_core.models import classifiers

    return classifiers.build_timm(name, _checked(num_classes, name))


def build_torchvision_detector(name: str, num_classes: int) -> nn.Module:
    """torchvision's detector `name`."""
    from vision_core.models import torchvision_detectors

    return torchvision_detectors.build(name, _checked(num_classes, name))


def build_timm_detector(family: str, backbone: str, num_classes: int) -> nn.Module:
    """A torchvision detector `family` on timm's `backbone`."""
    from vision_core.models import timm_detectors

    return timm_detectors.build(family, backbone, _checked(num_classes, f"{family}:{backbone}"))


def build_ssdlite_mobilenet_v2(num_classes: int) -> nn.Module:
    """The embedded detector."""
    from vision_core.models import ssdlite_mobilenet_v2

    return ssdlite_mobilenet_v2.build(_checked(num_classes, "ssdlite_mobilenet_v2_coco"))


def build_yolo(family: str, size: str, num_classes: int) -> nn.Module:
    """A YOLO of libreyolo: `family` "yolov9" or "yolox"."""
    from vision_core.models import yolo

    build = yolo.build_yolov9 if family == "yolov9" else yolo.build_yolox
    return build(size, _checked(num_classes, f"{family}{size}"))


def _checked(num_classes: int, name: str) -> int:
    if num_classes < 1:
        raise ModelError(f"{name} cannot be built for {num_classes} classes; give at least 1.")
    return num_classes


def crop(
    size_px: int,
    resize_px: int,
    interpolation: Literal["bilinear", "bicubic"] = "bicubic",
    mean: tuple[float, float, float] = IMAGENET_MEAN,
    std: tuple[float, float, float] = IMAGENET_STD,
) -> Preprocessing:
    """A classifier's preprocessing: shortest edge to `resize_px`, centre square of `size_px`."""
    return Preprocessing(
        mode="crop", size_px=size_px, resize_px=resize_px, interpolation=interpolation, mean=mean, std=std
    )


def torchvision_weights(file_name: str, mebibytes: float, trained_on: str) -> WeightsSource:
    """A file of download.pytorch.org, whose name carries the first 8 digits of its SHA-256.

    Args:
        mebibytes: its size as torchvision publishes it, rounded to 1 KiB.
    """
    return WeightsSource(
        kind="download",
        file_name=file_name,
        url=f"https://download.pytorch.org/models/{file_name}",
        size_bytes=round(mebibytes * 2**20),
        sha256=file_name.rpartition("-")[2].removesuffix(".pth"),
        trained_on=trained_on,
    )


def huggingface_weights(repository: str, remote_name: str, trained_on: str) -> WeightsSource:
    """A file of a model repository on huggingface.co; the server states its size and digest."""
    ending = remote_name.rpartition(".")[2]
    return WeightsSource(
        kind="download",
        file_name=f"{repository.rpartition('/')[2]}.{ending}",
        url=f"https://huggingface.co/{repository}/resolve/main/{remote_name}",
        trained_on=trained_on,
    )


def pyramid_spec(name: str, family: str, backbone: str, parameters: int) -> ModelSpec:
    """A detector on a timm backbone with feature maps.

    Args:
        name: how the catalogue or the user calls it.
        family: "fasterrcnn" or "retinanet".
        parameters: its weights when built for 80 classes.
    """
    is_two_stage = family == "fasterrcnn"
    kind = "Faster R-CNN" if is_two_stage else "RetinaNet"
    how = "proposes regions first, then names and corrects each" if is_two_stage else "scores a dense grid of anchors"
    return ModelSpec(
        name=name,
        title=f"{kind} on {backbone}",
        task="detection",
        family=kind,
        source="torchvision",
        year=2017,
        summary=f"A feature pyramid on timm's {backbone}; the head {how}.",
        suits="Who wants to fine-tune a detector on a backbone of their choice.",
        parameters=parameters,
        input_size_px=320,
        code_licence=f"{TORCHVISION_CODE}, {TIMM_CODE}",
        weights_licence="no weights for the whole detector; the backbone's can start it",
        weights=WeightsSource(kind="none"),
        preprocessing=Preprocessing(mode="shortest", size_px=320, max_size_px=640),
        class_names_key="none",
        build=partial(build_timm_detector, family, backbone),
    )

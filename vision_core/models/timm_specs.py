"""Specs made on the spot for what is not in the catalogue but timm can build."""

from __future__ import annotations

import math
from functools import lru_cache, partial
from typing import Any

from vision_core.errors import ModelError, suggest
from vision_core.models.spec_parts import (
    TIMM_CODE,
    build_timm,
    build_timm_detector,
    huggingface_weights,
    pyramid_spec,
)
from vision_core.types import ModelSpec, Preprocessing, WeightsSource

DETECTOR_FAMILIES = ("fasterrcnn", "retinanet")
TIMM_PREFIX = "timm:"
_COCO_CLASSES = 80
_UNKNOWN_YEAR = 0


@lru_cache(maxsize=256)
def ad_hoc_spec(name: str, known: tuple[str, ...]) -> ModelSpec:
    """The spec of a timm classifier, or of a detector on a timm backbone, by the name a user types.

    Args:
        known: names to suggest besides timm's.

    Raises:
        ModelError: timm does not know the name, or the backbone has no feature maps for a detector.
    """
    family, _, rest = name.partition(":")
    timm_name = rest if family in DETECTOR_FAMILIES else name.removeprefix(TIMM_PREFIX)
    published = _published(timm_name, name, known)
    if family in DETECTOR_FAMILIES:
        parameters = count_parameters(partial(build_timm_detector, family, timm_name), _COCO_CLASSES)
        return pyramid_spec(name, family, timm_name, parameters)
    return _classifier_spec(name, timm_name, published)


def _published(timm_name: str, typed: str, known: tuple[str, ...]) -> Any:
    """timm's record of the pretrained weights that belong to this name."""
    import timm

    if not timm.is_model(timm_name):
        hint = suggest(typed, list(dict.fromkeys([*known, *timm.list_models()])))
        raise ModelError(f"There is no model called {typed!r}.{hint or ' See `python -m vision_core models`.'}")
    try:
        return timm.get_pretrained_cfg(timm_name, allow_unregistered=False)
    except RuntimeError as error:  # timm knows the network, but not the tag behind the dot
        network = timm_name.partition(".")[0]
        tagged = ", ".join(timm.list_models(f"{network}.*", include_tags=True)) or f"only {network}"
        raise ModelError(f"There is no model called {typed!r}; timm has {tagged}.") from error


def _classifier_spec(name: str, timm_name: str, published: Any) -> ModelSpec:
    import timm
    from timm.data.imagenet_info import infer_imagenet_subset

    classes = published.num_classes
    return ModelSpec(
        name=name,
        title=timm_name,
        task="classification",
        family=timm.models.model_entrypoint(timm_name).__module__.rpartition(".")[2],
        source="timm",
        year=_UNKNOWN_YEAR,
        summary="A classifier from the timm collection.",
        suits="Who knows which network they want.",
        parameters=count_parameters(partial(build_timm, timm_name), classes) if classes else _backbone_size(timm_name),
        input_size_px=published.input_size[-1],
        code_licence=TIMM_CODE,
        weights_licence=published.license or "not stated by timm; see the model's page",
        weights=_weights(published),
        preprocessing=_preprocessing(published),
        class_names_key="imagenet" if infer_imagenet_subset({"num_classes": classes}) == "imagenet-1k" else "none",
        build=partial(build_timm, timm_name),
    )


def _weights(published: Any) -> WeightsSource:
    remote_name = published.hf_hub_filename or "model.safetensors"
    # timm reads a few weights with code of their own ("hf"); the rest are state dicts on Hugging Face.
    if not published.hf_hub_id or published.custom_load == "hf" or remote_name.endswith(".npz"):
        return WeightsSource(kind="none")
    return huggingface_weights(published.hf_hub_id, remote_name, published.tag or "")


def _preprocessing(published: Any) -> Preprocessing:
    """timm's evaluation transform; its rarer interpolations and crops are given as the nearest we have."""
    size_px = published.input_size[-1]
    return Preprocessing(
        mode="squash" if published.crop_mode == "squash" else "crop",
        size_px=size_px,
        resize_px=math.floor(size_px / published.crop_pct),
        interpolation="bilinear" if published.interpolation == "bilinear" else "bicubic",
        mean=published.mean,
        std=published.std,
    )


def count_parameters(build: partial[Any], num_classes: int) -> int:
    """How many weights a model has, without making them where that is possible."""
    import torch

    try:
        with torch.device("meta"):
            module = build(num_classes)
    except (NotImplementedError, RuntimeError):  # something in it computes while it is built
        module = build(num_classes)
    return sum(weight.numel() for weight in module.parameters())


def _backbone_size(timm_name: str) -> int:
    from vision_core.models import classifiers

    return count_parameters(partial(classifiers.build_timm, timm_name), 0)

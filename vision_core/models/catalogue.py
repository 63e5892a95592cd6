"""The catalogue: every model by its name, as plain data. Nothing here imports torch.

list_models("detection")
get_spec("resnet18").build(3)
get_spec("resnet34.a1_in1k")                  # any other timm classifier, by its name or as timm:NAME
get_spec("retinanet:mobilenetv4_conv_small")  # a detector on any timm backbone with feature maps
"""

from __future__ import annotations

from functools import partial

from vision_core.models.classification_specs import CLASSIFIERS
from vision_core.models.detection_specs import DETECTORS
from vision_core.models.spec_parts import build_timm, build_timm_detector
from vision_core.types import ModelSpec, Task

CATALOGUE: dict[str, ModelSpec] = {spec.name: spec for spec in (*CLASSIFIERS, *DETECTORS)}


def list_models(task: Task | None = None) -> list[ModelSpec]:
    """The models of the catalogue, of one task or of both; each task's embedded default comes first."""
    return [spec for spec in CATALOGUE.values() if task in (None, spec.task)]


def get_spec(name: str) -> ModelSpec:
    """The model called `name`: one of the catalogue, or any that timm can build.

    Args:
        name: a catalogue name; a timm classifier (`resnet34`, `resnet34.a1_in1k`, `timm:resnet18`); or
            `fasterrcnn:BACKBONE` or `retinanet:BACKBONE` with a timm backbone.

    Raises:
        ModelError: there is no such model.
    """
    if name in CATALOGUE:
        return CATALOGUE[name]
    from vision_core.models.timm_specs import ad_hoc_spec

    return ad_hoc_spec(name, tuple(CATALOGUE))


def timm_name_of(spec: ModelSpec) -> str | None:
    """The name under which timm builds this classifier, or None where something else does."""
    build = spec.build
    return build.args[0] if isinstance(build, partial) and build.func is build_timm else None


def backbone_of(spec: ModelSpec) -> str | None:
    """The timm backbone of a detector made on one, or None."""
    build = spec.build
    return build.args[1] if isinstance(build, partial) and build.func is build_timm_detector else None

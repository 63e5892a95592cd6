"""The catalogue of models and what builds them. Names are imported on use; listing the catalogue needs no torch.

spec = get_spec("ssdlite_mobilenet_v2_coco")
network = build_pretrained(spec)            # published weights and classes
names = class_names(spec)
network = build_for_finetuning(spec, 3)     # one's own classes, everything else from published weights
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vision_core.models.catalogue import get_spec, list_models
    from vision_core.models.detectors import Candidates, Detector
    from vision_core.models.pretrained import (
        build_for_finetuning,
        build_pretrained,
        build_published,
        class_names,
        initialise_backbone,
    )

_HOME_OF = {
    "Candidates": "detectors",
    "Detector": "detectors",
    "build_for_finetuning": "pretrained",
    "build_pretrained": "pretrained",
    "build_published": "pretrained",
    "class_names": "pretrained",
    "get_spec": "catalogue",
    "initialise_backbone": "pretrained",
    "list_models": "catalogue",
}

__all__ = [
    "Candidates",
    "Detector",
    "build_for_finetuning",
    "build_pretrained",
    "build_published",
    "class_names",
    "get_spec",
    "initialise_backbone",
    "list_models",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)

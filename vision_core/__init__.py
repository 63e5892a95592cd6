"""WhatWhere's engine: is it enough to know *what* is in a picture, or do we need *what and where*?

Everything the dashboard and the command line do is one call of this package. Names are imported on first use, so
that `import vision_core` is quick and does not load torch.

    from vision_core import open_image, load_classifier, load_detector
    picture = open_image("photo.jpg")
    print(load_classifier().predict([picture.pixels])[0].top(5))
    print(load_detector().predict([picture.pixels])[0].above(0.4).suppress(0.5).counts())
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vision_core.errors import DataError, ImageError, ModelError, SettingsError, VisionError, WeightsError
    from vision_core.images import ImageLimits, Picture, open_image
    from vision_core.models import get_spec, list_models
    from vision_core.predict import Classifier, ObjectDetector, detect_then_classify, load_classifier, load_detector
    from vision_core.samples import list_samples, open_sample
    from vision_core.types import Classification, Detections, ModelSpec, PipelineResult, Timing

_HOMES = {
    "errors": ("DataError", "ImageError", "ModelError", "SettingsError", "VisionError", "WeightsError"),
    "images": ("ImageLimits", "Picture", "open_image"),
    "models": ("get_spec", "list_models"),
    "predict": ("Classifier", "ObjectDetector", "detect_then_classify", "load_classifier", "load_detector"),
    "samples": ("list_samples", "open_sample"),
    "types": ("Classification", "Detections", "ModelSpec", "PipelineResult", "Timing"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__version__ = "0.1.0"
__all__ = [
    "Classification",
    "Classifier",
    "DataError",
    "Detections",
    "ImageError",
    "ImageLimits",
    "ModelError",
    "ModelSpec",
    "ObjectDetector",
    "Picture",
    "PipelineResult",
    "SettingsError",
    "Timing",
    "VisionError",
    "WeightsError",
    "detect_then_classify",
    "get_spec",
    "list_models",
    "list_samples",
    "load_classifier",
    "load_detector",
    "open_image",
    "open_sample",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])

"""A torchvision detector without published weights that behaves like a trained one, for timing only.

Fresh weights score nothing (their activations fade to zero), so a fresh detector would have no candidates to decode
and suppress. This one has: batch norm knows the statistics of a photo, and the class outputs are scaled and shifted
until the photo has as many candidates as the embedded, trained detector finds in the samples (80 to 230 above 0.05,
10,000 to 19,000 above 0.001).
"""

from __future__ import annotations

from typing import Any

import torch

from benchmarks.shared import photo
from vision_core.images import open_image
from vision_core.models import build_published, get_spec
from vision_core.models.label_names import COCO_NAMES
from vision_core.predict import ObjectDetector

NAME = "ssdlite320_mobilenet_v3_large"
LOGIT_SPREAD = 2.5  # with it, 100 candidates above 0.05 come with about 10,000 above 0.001
CANDIDATES = 100


def usable_detector(device: torch.device) -> ObjectDetector:
    """SSDLite320-MobileNetV3 with fresh weights (seed 0) that yields about a hundred candidates a photo."""
    torch.manual_seed(0)
    spec = get_spec(NAME)
    adapter: Any = build_published(spec)
    on_cpu = ObjectDetector(spec, adapter, COCO_NAMES, torch.device("cpu"))
    images = on_cpu.inputs([open_image(photo(1280, 960)).pixels])
    with torch.no_grad():
        _settle_batch_norm(adapter, images)
        outputs = [head[-1] for head in adapter.network.head.classification_head.module_list]
        for output, logits in zip(outputs, _logits_by_level(adapter, images), strict=True):
            output.weight *= LOGIT_SPREAD / logits.std()
        unused = adapter.label_of < 0  # COCO's unused ids, which a trained detector never says, and background
        for output in outputs:
            output.bias.view(-1, len(unused))[:, unused] -= 30
        background = _background(adapter(images).logits[0])
        for output in outputs:
            output.bias.view(-1, len(unused))[:, 0] += background
    return ObjectDetector(spec, adapter, COCO_NAMES, device)


def _background(logits: torch.Tensor) -> float:
    """How much must be added to column 0 of `(A, C)` logits to leave `CANDIDATES` scores above 0.05; by bisection."""
    low, high = 0.0, 60.0
    for _ in range(30):
        middle = (low + high) / 2
        shifted = logits.clone()
        shifted[:, 0] += middle
        too_many = int((shifted.softmax(dim=1)[:, 1:] > 0.05).sum()) > CANDIDATES
        low, high = (middle, high) if too_many else (low, middle)
    return high


def _settle_batch_norm(adapter: Any, images: list[torch.Tensor]) -> None:
    """One pass that makes each batch norm's running statistics those of the picture."""
    norms = [module for module in adapter.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    kept = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
        norm.train()
    adapter(images * 2)  # twice the picture: statistics over one value, where a map is a single pixel, are refused
    for norm, momentum in zip(norms, kept, strict=True):
        norm.momentum = momentum
        norm.eval()


def _logits_by_level(adapter: Any, images: list[torch.Tensor]) -> list[torch.Tensor]:
    """The class logits of each feature map by itself."""
    batch, _ = adapter.network.transform(images)
    features = adapter.network.backbone(batch.tensors).values()
    heads = adapter.network.head.classification_head.module_list
    return [head(feature) for head, feature in zip(heads, features, strict=True)]

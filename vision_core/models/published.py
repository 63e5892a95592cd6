"""How good the catalogue's networks are said to be by those who published them: what to expect before measuring.

A classifier's figure is its top-1 accuracy on ImageNet-1k's validation pictures, a detector's its average precision
(mean over IoU 0.5 to 0.95) on COCO, at the size that the catalogue uses (DINOv2's at 224 px). Where weights were ported
(EfficientNet-Lite0, SSDLite-MobileNetV2, the YOLOs) it is the original's, and the port was not measured here. Figures
order networks; what one reaches on other pictures only a run tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from vision_core.types import ModelSpec

_TORCHVISION = "torchvision's table of its weights"
_TIMM = "timm's results-imagenet.csv"
_YOLOV9 = "the table of github.com/WongKinYiu/yolov9"


@dataclass(frozen=True)
class Published:
    """A published figure: a fraction of 1, what it is of, and where it stands."""

    value: float
    metric: str
    source: str

    def __str__(self) -> str:
        return f"{self.value:.1%} {self.metric}"


def _top1(percent: float, source: str, how: str = "") -> Published:
    return Published(percent / 100, f"top-1 on ImageNet{how}", source)


def _ap(percent: float, source: str) -> Published:
    return Published(percent / 100, "AP on COCO", source)


PUBLISHED: Mapping[str, Published] = MappingProxyType(
    {
        "tf_efficientnet_lite0": _top1(74.846, _TIMM),
        "alexnet": _top1(56.522, _TORCHVISION),
        "vgg16": _top1(71.592, _TORCHVISION),
        "resnet18": _top1(69.758, _TORCHVISION),
        "resnet50": _top1(80.858, _TORCHVISION),
        "mobilenetv3_large_100": _top1(75.784, _TIMM),
        "mobilenetv4_conv_small": _top1(73.756, _TIMM),
        "tf_efficientnetv2_s": _top1(83.348, _TIMM),
        "convnext_tiny": _top1(84.192, _TIMM),
        "vit_small_patch16_224": _top1(81.402, _TIMM),
        "deit3_small_patch16_224": _top1(81.382, _TIMM),
        "swin_tiny_patch4_window7_224": _top1(81.388, _TIMM),
        "vit_small_patch14_dinov2": _top1(81.1, "the table of github.com/facebookresearch/dinov2", " (linear probe)"),
        "ssdlite_mobilenet_v2_coco": _ap(22.0, "TensorFlow 1's detection model zoo"),
        "ssdlite320_mobilenet_v3_large": _ap(21.3, _TORCHVISION),
        "ssd300_vgg16": _ap(25.1, _TORCHVISION),
        "fasterrcnn_mobilenet_v3_large_320_fpn": _ap(22.8, _TORCHVISION),
        "fasterrcnn_resnet50_fpn_v2": _ap(46.7, _TORCHVISION),
        "retinanet_resnet50_fpn_v2": _ap(41.5, _TORCHVISION),
        "fcos_resnet50_fpn": _ap(39.2, _TORCHVISION),
        "yolov9t": _ap(38.3, _YOLOV9),
        "yolov9s": _ap(46.8, _YOLOV9),
        "yolov9m": _ap(51.4, _YOLOV9),
        "yolov9c": _ap(53.0, _YOLOV9),
        "yolox_s": _ap(40.5, "the table of github.com/Megvii-BaseDetection/YOLOX"),
    }
)


def published(spec: ModelSpec) -> Published | None:
    """The figure that was published with a model's weights; None where nobody publishes weights of the whole model."""
    return PUBLISHED.get(spec.name)

"""Faster R-CNN and RetinaNet on any timm backbone that has feature maps at several strides.

A feature pyramid and torchvision's heads on top of a timm network; so the embedded classifier's weights, or those of
any other, can start a detector.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FasterRCNN
from torchvision.models.detection.retinanet import RetinaNet, RetinaNetHead
from torchvision.ops.feature_pyramid_network import FeaturePyramidNetwork, LastLevelMaxPool, LastLevelP6P7

from vision_core.errors import ModelError
from vision_core.models.classifiers import any_input_size
from vision_core.models.torchvision_detectors import TorchvisionDetector, adapt, labels_of_columns

STRIDES = {"fasterrcnn": (4, 8, 16, 32), "retinanet": (8, 16, 32)}
INPUT_SIZE_PX, MAX_SIZE_PX = 320, 640
_WIDTH = 256
_PROPOSALS = 300


class TimmPyramid(nn.Module):
    """A timm network's feature maps, merged from coarse to fine: `(B, 3, H, W)` to maps of 256 channels.

    Args:
        backbone: timm's name.
        strides: the strides wanted.
        extra: what adds the coarser maps.
    """

    out_channels = _WIDTH

    def __init__(self, backbone: str, strides: tuple[int, ...], extra: nn.Module) -> None:
        super().__init__()
        self.name, self.strides = backbone, strides
        self.body = feature_maps(backbone, strides)
        info: Any = self.body.feature_info
        self.fpn = FeaturePyramidNetwork(info.channels(), _WIDTH, extra)  # type: ignore[arg-type]
        self._channels_last = "NHWC" in str(getattr(self.body, "output_fmt", ""))

    def forward(self, batch: Tensor) -> dict[str, Tensor]:
        maps = self.body(batch)
        if self._channels_last:
            maps = [x.permute(0, 3, 1, 2) for x in maps]
        return self.fpn(OrderedDict((str(index), x) for index, x in enumerate(maps)))


def feature_maps(backbone: str, strides: tuple[int, ...], state: dict[str, Tensor] | None = None) -> nn.Module:
    """timm's `backbone` cut down to its feature maps at `strides`.

    Args:
        state: weights of the whole classifier; None: fresh ones.

    Raises:
        ModelError: timm does not know it, or it has no such feature maps.
    """
    import timm

    refusal = ModelError(
        f"{backbone} has no feature maps at strides {', '.join(map(str, strides))}, which a detector needs; "
        "choose a backbone with a pyramid, such as resnet34 or mobilenetv4_conv_small."
    )
    if not timm.is_model(backbone):
        raise ModelError(f"timm has no model called {backbone!r}; see timm.list_models().")
    try:
        with torch.device("meta"):
            info: Any = timm.create_model(backbone, features_only=True).feature_info
    except (RuntimeError, TypeError, ValueError, AttributeError) as error:  # timm's many ways of saying no
        raise refusal from error
    reductions = info.reduction()
    if not set(strides) <= set(reductions):
        raise refusal
    places = tuple(len(reductions) - 1 - reductions[::-1].index(stride) for stride in strides)
    return timm.create_model(
        backbone,
        features_only=True,
        out_indices=places,
        pretrained=state is not None,
        pretrained_cfg_overlay=None if state is None else {"state_dict": state},
        **any_input_size(backbone),
    )


def load_backbone(detector: TorchvisionDetector, state: dict[str, Tensor]) -> None:
    """Puts a classifier's weights into the detector's backbone; the pyramid and the heads stay as they are."""
    pyramid: Any = detector.network.backbone
    pyramid.body.load_state_dict(feature_maps(pyramid.name, pyramid.strides, state).state_dict())


def build(family: str, backbone: str, num_classes: int) -> TorchvisionDetector:
    """`family` ("fasterrcnn" or "retinanet") on timm's `backbone`, with fresh weights."""
    import timm

    published: Any = timm.get_pretrained_cfg(backbone, allow_unregistered=False)
    make = _faster_rcnn if family == "fasterrcnn" else _retinanet
    background = family == "fasterrcnn"
    network = make(backbone, num_classes + background)
    transform: Any = network.transform
    transform.image_mean, transform.image_std = list(published.mean), list(published.std)
    return adapt(network, labels_of_columns(num_classes, background))


def _faster_rcnn(backbone: str, columns: int) -> FasterRCNN:
    pyramid = TimmPyramid(backbone, STRIDES["fasterrcnn"], LastLevelMaxPool())
    anchors = AnchorGenerator(((32,), (64,), (128,), (256,), (512,)), ((0.5, 1.0, 2.0),) * 5)
    return FasterRCNN(
        pyramid,
        columns,
        min_size=INPUT_SIZE_PX,
        max_size=MAX_SIZE_PX,
        rpn_anchor_generator=anchors,
        rpn_pre_nms_top_n_test=_PROPOSALS,  # a level; torchvision's 1000 is meant for 800 px
        rpn_post_nms_top_n_test=_PROPOSALS,
    )


def _retinanet(backbone: str, columns: int) -> RetinaNet:
    pyramid = TimmPyramid(backbone, STRIDES["retinanet"], LastLevelP6P7(_WIDTH, _WIDTH))
    sizes = tuple(tuple(int(size * 2 ** (third / 3)) for third in range(3)) for size in (32, 64, 128, 256, 512))
    anchors = AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * len(sizes))
    # Group norm in the head, as in torchvision's retinanet_resnet50_fpn_v2: it trains with small batches.
    head = RetinaNetHead(_WIDTH, anchors.num_anchors_per_location()[0], columns, norm_layer=partial(nn.GroupNorm, 32))
    return RetinaNet(
        pyramid, columns, min_size=INPUT_SIZE_PX, max_size=MAX_SIZE_PX, anchor_generator=anchors, head=head
    )

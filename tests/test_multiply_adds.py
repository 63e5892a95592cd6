"""The catalogue's arithmetic against what others publish and count: multiply-adds of one picture, within 1 %.

Published figures are compared at full size, on networks without memory (`meta`), which cost nothing to run. fvcore
must run a network, so it looks at small pictures; of its figure the products and convolutions count, not the
normalisation and pooling that it adds.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from fvcore.nn import FlopCountAnalysis
from timm.layers.config import set_fused_attn, use_fused_attn
from torch import Tensor, nn
from torchvision.models import get_model_weights

from vision_core.costs.flops import FlopCount, count_flops
from vision_core.costs.outputs import tensors_in
from vision_core.models import get_spec
from vision_core.models.pretrained import build_published

TORCHVISION = (
    "alexnet",
    "vgg16",
    "resnet18",
    "resnet50",
    "convnext_tiny",
    "ssdlite320_mobilenet_v3_large",
    "ssd300_vgg16",
    "retinanet_resnet50_fpn_v2",
    "fcos_resnet50_fpn",
)
OTHERS = {  # billions of multiply-adds, as published
    "swin_tiny_patch4_window7_224": 4.491,  # torchvision's table of swin_t
    "tf_efficientnetv2_s": 5.35,  # timm's benchmark tables, at 300 px
    "vit_small_patch16_224": 4.6,  # Touvron et al. 2021, arXiv:2012.12877, table 5: the same network
    "deit3_small_patch16_224": 4.6,  # Touvron et al. 2022, arXiv:2204.07118, table 1
    "yolox_s": 26.8 / 2,  # the table of github.com/Megvii-BaseDetection/YOLOX, 2 a multiply-add
}
BY_FVCORE = (
    "tf_efficientnet_lite0",
    "mobilenetv3_large_100",
    "mobilenetv4_conv_small",
    "vit_small_patch16_224",
    "vit_small_patch14_dinov2",
    "ssdlite_mobilenet_v2_coco",
    "yolov9t",
)
PRODUCTS = {"conv", "linear", "matmul", "addmm", "bmm", "mm", "einsum"}


def counted(name: str) -> FlopCount:
    """Of one picture at the size the catalogue uses, square."""
    spec = get_spec(name)
    with torch.device("meta"):
        network = build_published(spec)
        picture = torch.empty(3, spec.preprocessing.size_px, spec.preprocessing.size_px)
    return count_flops(network, [picture] if spec.task == "detection" else picture[None])


@pytest.mark.parametrize("name", TORCHVISION)
def test_torchvisions_networks_are_as_published(name: str) -> None:
    count = counted(name)
    (billions,) = {
        entry.meta["_ops"] for entry in get_model_weights(name) if "COCO" in entry.name or "1K" in entry.name
    }
    assert count.flops / 2e9 == pytest.approx(billions, rel=1e-3)
    assert count.uncounted == ()


@pytest.mark.parametrize("name", OTHERS)
def test_other_networks_are_as_published(name: str) -> None:
    count = counted(name)
    assert count.flops / 2e9 == pytest.approx(OTHERS[name], rel=0.01)
    assert count.uncounted == ()


class Plain(nn.Module):
    """A network from one picture to tensors, as tracing wants it."""

    def __init__(self, network: nn.Module, takes_list: bool) -> None:
        super().__init__()
        self.network, self.takes_list = network, takes_list

    def forward(self, picture: Tensor) -> tuple[Tensor, ...]:
        return tuple(tensors_in(self.network([picture[0]] if self.takes_list else picture)))


@pytest.fixture
def _plain_attention() -> Iterator[None]:
    """Attention as two products, which fvcore knows; the fused operator it does not."""
    fused = use_fused_attn()
    set_fused_attn(False)
    yield
    set_fused_attn(bool(fused))


@pytest.mark.parametrize("name", [*BY_FVCORE[:-1], pytest.param(BY_FVCORE[-1], marks=pytest.mark.slow)])
@pytest.mark.usefixtures("_plain_attention")
def test_networks_are_as_fvcore_counts_them(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.root.manager, "disable", logging.ERROR)
    spec = get_spec(name)
    network = build_published(spec).eval()
    edge = 56 if "patch14" in name else 64
    picture, is_detector = torch.rand(1, 3, edge, edge), spec.task == "detection"
    count = count_flops(network, [picture[0]] if is_detector else picture)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        reference: Any = FlopCountAnalysis(Plain(network, is_detector), picture).by_operator()
    products = sum(number for operator, number in reference.items() if operator in PRODUCTS)
    assert count.flops / 2 == pytest.approx(products, rel=1e-9)
    assert count.uncounted == ()


def test_there_are_enough_of_them() -> None:
    assert len({*TORCHVISION, *OTHERS, *BY_FVCORE}) >= 15

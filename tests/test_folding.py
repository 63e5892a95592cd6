"""Batch norm folded into convolutions: the same answers, the network itself untouched, and no risk taken."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torchvision.ops import FrozenBatchNorm2d

from vision_core.models import build_published, get_spec, list_models
from vision_core.models.folding import fold_batch_norm
from vision_core.predict import load_classifier
from vision_core.samples import open_sample

NORMS = (nn.BatchNorm2d, FrozenBatchNorm2d)
QUICK = ["tf_efficientnet_lite0", "resnet18", "mobilenetv3_large_100", "ssdlite320_mobilenet_v3_large", "yolov9t"]


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def used(network: nn.Module) -> nn.Module:
    """The network with statistics as if it had seen pictures: fresh ones would fold to nothing."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)  # type: ignore[union-attr]
            module.running_var.uniform_(0.5, 1.5)  # type: ignore[union-attr]
            nn.init.uniform_(module.weight, 0.8, 1.2)
            nn.init.uniform_(module.bias, -0.2, 0.2)
    return network.eval().requires_grad_(False)


def norms(network: nn.Module) -> int:
    return sum(isinstance(module, NORMS) for module in network.modules())


def tensors(value: object) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    parts = vars(value).values() if hasattr(value, "__dataclass_fields__") else value
    parts = parts.values() if isinstance(parts, dict) else parts
    return [found for part in parts for found in tensors(part)] if isinstance(parts, (list, tuple)) else []


def one_pass(size_px: int, is_detector: bool) -> Callable[[nn.Module], object]:
    picture = torch.rand(1, 3, size_px, size_px)
    return lambda network: network(list(picture)) if is_detector else network(picture)


@pytest.mark.parametrize("name", QUICK)
def test_another_picture_gets_the_same_answer(name: str) -> None:
    spec = get_spec(name)
    network = used(build_published(spec))
    before = copy.deepcopy(network.state_dict())
    is_detector, size = spec.task == "detection", min(spec.preprocessing.size_px, 320)
    quick = fold_batch_norm(network, one_pass(size, is_detector))
    assert norms(network) > 0
    assert norms(quick) == 0
    other = one_pass(size, is_detector)
    for expected, found in zip(tensors(other(network)), tensors(other(quick)), strict=True):
        scale = max(1.0, float(expected.abs().max()))
        torch.testing.assert_close(found / scale, expected / scale, atol=1e-4, rtol=0)
    after = network.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)


@pytest.mark.slow
@pytest.mark.parametrize("name", [s.name for s in list_models() if s.name not in QUICK and s.input_size_px <= 320])
def test_every_model_answers_alike_folded_or_not(name: str) -> None:
    spec = get_spec(name)
    network = build_published(spec).eval().requires_grad_(False)
    run = one_pass(spec.preprocessing.size_px, spec.task == "detection")
    quick = fold_batch_norm(network, run)
    assert quick is network or norms(quick) < norms(network)
    for expected, found in zip(tensors(run(network)), tensors(run(quick)), strict=True):
        torch.testing.assert_close(found.float(), expected.float(), atol=1e-3, rtol=1e-3)


def test_weights_that_stay_are_shared() -> None:
    network = used(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1)))
    quick = fold_batch_norm(network, one_pass(16, False))
    assert norms(quick) == 0
    assert quick.get_parameter("2.weight") is network.get_parameter("2.weight")
    assert quick.get_parameter("0.weight") is not network.get_parameter("0.weight")


def test_a_network_without_batch_norm_is_returned_as_it_is() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).eval()
    assert fold_batch_norm(network, lambda _: pytest.fail("nothing to look at")) is network


def test_training_is_never_folded() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train()
    assert fold_batch_norm(network, lambda _: pytest.fail("it must not run")) is network


class Peeks(nn.Module):
    """Uses what the convolution says before the norm as well: folding would change it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        raw = self.conv(x)
        return self.norm(raw) + raw


class Repeats(nn.Module):
    """Two norms after one convolution that runs twice."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.first, self.second = nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3), nn.BatchNorm2d(3)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.conv(self.first(self.conv(x))))


@pytest.mark.parametrize("kind", [Peeks, Repeats])
def test_what_cannot_be_folded_still_answers_rightly(kind: type[nn.Module]) -> None:
    network = used(kind())
    quick = fold_batch_norm(network, one_pass(16, False))
    picture = torch.rand(1, 3, 16, 16)
    assert norms(quick) == norms(network)
    torch.testing.assert_close(quick(picture), network(picture))


def test_frozen_norms_and_activations_inside_a_norm_are_kept_right() -> None:
    from timm.layers import BatchNormAct2d  # type: ignore[attr-defined]

    frozen = FrozenBatchNorm2d(4)
    frozen.get_buffer("running_mean").uniform_(-1, 1)
    network = used(nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), frozen, nn.Conv2d(4, 4, 1), BatchNormAct2d(4)))
    quick, picture = fold_batch_norm(network, one_pass(16, False)), torch.rand(1, 3, 16, 16)
    assert norms(quick) == 0
    torch.testing.assert_close(quick(picture), network(picture), atol=1e-5, rtol=1e-4)
    assert float(quick(picture).min()) == 0  # the activation is still there


def test_a_predictor_runs_the_folded_network_and_keeps_the_published_one() -> None:
    classifier, image = load_classifier(device="cpu"), open_sample("coffee").pixels
    assert norms(classifier.folded) == 0
    assert norms(classifier.network) == 49
    with torch.inference_mode():
        expected = classifier.network(classifier.inputs([image])).softmax(dim=1)[0]
    torch.testing.assert_close(torch.from_numpy(classifier.predict([image])[0].scores.copy()), expected)

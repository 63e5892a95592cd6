"""Time, arithmetic, traffic and activations by layer: against fvcore, hand-made networks and the whole pass."""

from __future__ import annotations

import time
import warnings

import pytest
import timm
import torch
from fvcore.nn import ActivationCountAnalysis
from test_costs import blank
from torch import Tensor, nn

from vision_core.costs.flops import count_flops
from vision_core.costs.layers import count_activations, machine_roof, measure_layers


class Residual(nn.Module):
    """A convolution, and a sum that the block does by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.slow = Slow()

    def forward(self, x: Tensor) -> Tensor:
        return self.slow(self.convolution(x)) + x


class Slow(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        time.sleep(0.02)
        return x.relu()


def test_each_layer_has_its_own_part() -> None:
    network = nn.Sequential(Residual(), nn.Flatten(), nn.Linear(4 * 8 * 8, 5)).train()
    layers = {layer.name: layer for layer in measure_layers(network, torch.rand(2, 4, 8, 8), runs=3)}
    assert list(layers) == ["0.convolution", "0.slow", "0", "2"]  # Flatten only looks at its input in another way
    elements = 2 * 4 * 8 * 8
    assert layers["0.convolution"].flops == 2 * elements * 4 * 9
    assert layers["0.convolution"].bytes_moved == 4 * (elements + 4 * 4 * 9 + elements)
    assert layers["0.convolution"].activations == elements
    assert (layers["0"].flops, layers["0"].bytes_moved, layers["0"].kind) == (0, 3 * 4 * elements, "Residual")
    assert (layers["2"].flops, layers["2"].activations) == (2 * 2 * 256 * 5, 10)
    assert layers["0.slow"].time_ms >= 20
    assert layers["0"].time_ms < 15  # its part's time is not its own
    assert network.training
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


def test_a_layer_used_twice_has_the_sum() -> None:
    shared = nn.Linear(8, 8, bias=False)
    (layer,) = measure_layers(nn.Sequential(shared, shared), torch.rand(1, 8), runs=1)
    assert (layer.flops, layer.activations) == (2 * 2 * 64, 16)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_large", "vit_tiny_patch16_224"])
def test_the_layers_add_up_to_the_whole(name: str) -> None:
    network = timm.create_model(name) if name.startswith("vit") else blank(name)
    network, image = network.eval(), torch.rand(1, 3, 224, 224)
    layers = measure_layers(network, image, runs=1)
    assert sum(layer.flops for layer in layers) == count_flops(network, image).flops
    assert all(layer.bytes_moved > 0 for layer in layers)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_large", "alexnet"])
def test_activations_are_as_fvcore_counts_them(name: str) -> None:
    network, image = blank(name).eval(), torch.rand(1, 3, 224, 224)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference = ActivationCountAnalysis(network, image).unsupported_ops_warnings(False)
        assert count_activations(network, image) == reference.total()


def test_looking_can_be_ended() -> None:
    calls: list[int] = []

    def check() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt

    network = nn.Linear(3, 3)
    with pytest.raises(KeyboardInterrupt):
        measure_layers(network, torch.rand(1, 3), check=check)
    assert not network._forward_hooks
    assert not network._forward_pre_hooks


def test_no_layer_beats_the_roof_by_far() -> None:
    roof = machine_roof()
    assert roof["flops_per_second"] > 1e8
    assert roof["bytes_per_second"] > 1e8
    network, image = nn.Linear(1024, 1024, bias=False), torch.rand(512, 1024)
    (layer,) = measure_layers(network, image)
    assert layer.flops / layer.time_ms * 1000 < 5 * roof["flops_per_second"]

"""Batch norm folded into the convolution before it: the same answers from fewer, larger steps.

In evaluation mode batch norm is a fixed scale and shift, so it can live in the convolution's weights (Jacob et al.
2018, arXiv:1712.05877, section 3.2). Which batch norm follows which convolution is seen in one pass over a real input
rather than guessed from names, so it works for any library's modules.

    quick = fold_batch_norm(network, lambda module: module(batch))
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torchvision.ops import FrozenBatchNorm2d

_NORMS = (nn.BatchNorm2d, FrozenBatchNorm2d)
_LARGEST_DIFFERENCE = 1e-4  # of outputs, relative to the largest


def fold_batch_norm(network: nn.Module, run: Callable[[nn.Module], Any]) -> nn.Module:
    """A copy for inference without its batch norms; the network itself where there are none, or it cannot be done.

    The copy shares every weight but those of the folded convolutions. It is used only if a pass through it gives the
    network's own answers.

    Args:
        network: in evaluation mode.
        run: passes a typical input through the module it is given and returns its tensors, nested as they like.
    """
    if network.training or not any(isinstance(module, _NORMS) for module in network.modules()):
        return network
    with torch.no_grad():
        shared: dict[int, Any] = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())}
        copy = deepcopy(network, shared)
        pairs, expected = _pairs(copy, run)
        for convolution, norm in pairs:
            _fold(convolution, norm)
            _replace(copy, norm, getattr(norm, "act", nn.Identity()))
        return copy if _same(expected, _tensors(run(copy))) else network


def _pairs(
    network: nn.Module, run: Callable[[nn.Module], Any]
) -> tuple[list[tuple[nn.Conv2d, nn.Module]], list[Tensor]]:
    """Each batch norm whose input is a convolution's output, with that convolution, both used once; and the outputs."""
    makers: dict[int, nn.Conv2d] = {}
    pairs: list[tuple[nn.Conv2d, nn.Module]] = []
    used: list[nn.Module] = []
    kept: list[Tensor] = []  # a freed tensor's id could be given to another

    def look(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        used.append(module)
        if isinstance(module, nn.Conv2d):
            makers[id(output)] = module
            kept.append(output)
        elif id(inputs[0]) in makers:
            pairs.append((makers[id(inputs[0])], module))

    hooks = [m.register_forward_hook(look) for m in network.modules() if isinstance(m, (nn.Conv2d, *_NORMS))]
    outputs = _tensors(run(network))
    for hook in hooks:
        hook.remove()
    return [pair for pair in pairs if all(used.count(module) == 1 for module in pair)], outputs


def _fold(convolution: nn.Conv2d, norm: Any) -> None:
    weight, bias = fuse_conv_bn_weights(
        convolution.weight, convolution.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )
    layout = torch.channels_last if weight.is_contiguous(memory_format=torch.channels_last) else torch.contiguous_format
    convolution.weight = nn.Parameter(weight.contiguous(memory_format=layout), requires_grad=False)
    convolution.bias = nn.Parameter(bias, requires_grad=False)


def _replace(network: nn.Module, old: nn.Module, new: nn.Module) -> None:
    for parent in network.modules():
        for name, child in parent.named_children():
            if child is old:
                setattr(parent, name, new)


def _tensors(value: Any) -> list[Tensor]:
    """Every tensor in nested lists, tuples, dictionaries and records."""
    if isinstance(value, Tensor):
        return [value]
    if hasattr(value, "__dataclass_fields__"):
        value = vars(value)
    if isinstance(value, dict):
        value = list(value.values())
    return [tensor for item in value for tensor in _tensors(item)] if isinstance(value, (list, tuple)) else []


def _same(expected: list[Tensor], found: list[Tensor]) -> bool:
    return len(expected) == len(found) and all(
        a.shape == b.shape and float((a - b).abs().max()) <= _LARGEST_DIFFERENCE * max(1.0, float(a.abs().max()))
        for a, b in zip(expected, found, strict=True)
        if a.numel() and a.is_floating_point()
    )

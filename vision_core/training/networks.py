"""The network that a run trains: where its weights start, which part of it is fresh, which is frozen.

A classifier's *head* is the layer that makes the class scores; everything before it is its *backbone*. A detector's
backbone is what it shares with a classifier; pyramid, proposals and predictions are the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from timm.layers import DropPath  # pyright: ignore[reportPrivateImportUsage]
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from torchvision.ops import StochasticDepth

from vision_core.errors import ModelError, TrainingError, WeightsError
from vision_core.models.pretrained import build_for_finetuning
from vision_core.models.weights import load_state_dict
from vision_core.runs import is_run, read_run
from vision_core.types import ModelSpec

BACKBONES = ("backbone.body", "backbone.features", "backbone.backbone", "backbone", "stem", "blocks")
"""Where the libraries' detectors keep their backbone; `stem` and `blocks` belong together (the embedded one)."""
Progress = Callable[[int, "int | None"], None]
_FRESH_STD = 0.01
NORMS = (nn.modules.batchnorm._BatchNorm, nn.InstanceNorm2d)


def build(
    spec: ModelSpec, class_names: tuple[str, ...], start: str, progress: Progress | None = None
) -> tuple[nn.Module, str]:
    """The network for these classes, and a sentence on what its weights start from.

    Args:
        start: "pretrained", "scratch", a run folder, or a weights file.
        progress: called with the bytes so far and the bytes in all or None while published weights are fetched.

    Raises:
        ModelError: there are no such weights for this model.
        WeightsError: they cannot be fetched or read, or belong to another network.
    """
    if start == "scratch":
        network = spec.build(len(class_names))
        if spec.task == "classification":
            _start_undecided(network)
        return network, "Fresh weights."
    if start == "pretrained":
        network = build_for_finetuning(spec, len(class_names), progress)
        if spec.task == "classification":
            _start_undecided(network)
        return network, f"Weights learned from {spec.weights.trained_on or 'ImageNet (backbone only)'}."
    network = spec.build(len(class_names))
    if is_run(start):
        base, names = read_run(Path(start))
        state = load_state_dict(Path(base.weights.file_name))
        if names != class_names:
            state = _without_head(state, plain(network), spec, len(names))
        taken = _take(network, state, start)
        return network, f"Weights of the run {Path(start).name}: {taken}."
    path = Path(start)
    if not path.is_file():
        raise WeightsError(
            f"start is {start!r}; allowed is 'pretrained', 'scratch', a run's folder, or a weights file that exists."
        )
    return network, f"Weights of {path.name}: {_take(network, load_state_dict(path), path.name)}."


def check_input(network: nn.Module, size_px: int) -> None:
    """Refuses an input size that a classifier cannot take, by trying one.

    Raises:
        TrainingError: names the size and the reason.
    """
    first = next(network.parameters())
    picture = torch.zeros(1, 3, size_px, size_px, dtype=first.dtype, device=first.device)
    network.eval()
    try:
        with torch.inference_mode():
            network(picture)
    except Exception as error:  # each architecture has its own way of saying so
        if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
            raise
        why = (str(error).splitlines() or [type(error).__name__])[0][:120].rstrip(".")
        raise TrainingError(
            f"The network cannot take pictures of {size_px} x {size_px} pixels ({why}): set input_size_px to another "
            "size, for transformers to a multiple of their patches' edge (14, 16 or 32)."
        ) from error


def _start_undecided(network: nn.Module) -> None:
    """Fresh class outputs that favour no class: features are large, and chance would be loud (MobileNets begin at a
    loss of nine)."""
    with suppress(ModelError):
        head: Any = network.get_submodule(head_name(network))
        nn.init.normal_(head.weight, std=_FRESH_STD)
        if head.bias is not None:
            nn.init.zeros_(head.bias)


def plain(network: nn.Module) -> nn.Module:
    """The module of the library it comes from, whose `state_dict` that library loads."""
    inner = getattr(network, "network", None)
    return inner if isinstance(inner, nn.Module) else network


def _take(network: nn.Module, state: dict[str, Tensor], source: str) -> str:
    """Loads what fits by name and shape; refuses what is plainly another network's."""
    own = plain(network).state_dict()
    fitting = {name: tensor for name, tensor in state.items() if name in own and own[name].shape == tensor.shape}
    if len(fitting) < 0.5 * len(own):
        strange = next((name for name in state if name not in fitting), "nothing")
        raise WeightsError(
            f"{source} fits {len(fitting)} of the network's {len(own)} tensors (not {strange!r}, for one): these are "
            "another model's weights; choose the model they belong to."
        )
    plain(network).load_state_dict(own | fitting)
    return f"{len(fitting)} of {len(own)} tensors, the rest fresh" if len(fitting) < len(own) else "all tensors"


def _without_head(state: dict[str, Tensor], network: nn.Module, spec: ModelSpec, classes: int) -> dict[str, Tensor]:
    """Other classes in the same number would fit by shape: the class outputs start fresh."""
    if spec.task == "detection":  # its class outputs are what another number of classes changes
        more = plain(spec.build(classes + 1)).state_dict()
        return {key: tensor for key, tensor in state.items() if key not in more or more[key].shape == tensor.shape}
    name = head_name(network)
    return {key: tensor for key, tensor in state.items() if not key.startswith(f"{name}.")}


def head_name(network: nn.Module) -> str:
    """The name of the layer that makes a classifier's class scores: its last linear or 1 x 1 convolution.

    Raises:
        ModelError: the network has none, or several that are averaged.
    """
    get = getattr(network, "get_classifier", None)
    found = get() if callable(get) else None
    for name, module in reversed(list(network.named_modules())):
        if module is found or (found is None and isinstance(module, (nn.Linear, nn.Conv2d))):
            return name
    raise ModelError(f"A {type(network).__name__} has no single last layer to train alone: use 'balanced'.")


class Features(nn.Module):
    """A classifier up to its head: pictures `(B, 3, H, W)` to what the head is given, in evaluation mode."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.head = network, network.get_submodule(head_name(network))

    def forward(self, images: Tensor) -> Tensor:
        kept: list[Tensor] = []
        hook = self.head.register_forward_pre_hook(lambda _, inputs: kept.append(inputs[0]))
        try:
            self.network(images)
        finally:
            hook.remove()
        if len(kept) != 1:
            raise ModelError(f"The head of a {type(self.network).__name__} is used {len(kept)} times: use 'balanced'.")
        return kept[0]


def fresh_part(network: nn.Module, is_detector: bool) -> list[nn.Module]:
    """The modules that do not belong to the backbone."""
    if not is_detector:
        return [network.get_submodule(head_name(network))]
    backbone = {id(module) for part in _backbone(network) for module in part.modules()}
    return [
        module
        for module in plain(network).modules()
        if id(module) not in backbone and not any(id(child) in backbone for child in module.modules())
    ]


def _backbone(detector: nn.Module) -> list[nn.Module]:
    network: Any = plain(detector)
    for path in BACKBONES:
        try:
            found = network.get_submodule(path)
        except AttributeError:
            continue
        return [found, network.blocks] if path == "stem" else [found]
    raise ModelError(f"The backbone of a {type(network).__name__} is not known; set frozen_epochs to 0.")


def freeze(network: nn.Module, is_detector: bool) -> None:
    """Only what is not backbone keeps learning."""
    network.requires_grad_(False)
    for module in fresh_part(network, is_detector):
        module.requires_grad_(True)


@contextmanager
def lean_backbone(detector: nn.Module, device: torch.device) -> Iterator[None]:
    """Mixed precision, where it is on, for a detector's backbone and neck alone.

    Boxes are decoded, matched and compared in pixels, for which 8 bits (bfloat16) are too few: beyond 256 they would
    be two pixels apart.
    """
    if not torch.is_autocast_enabled(device.type) or torch.compiler.is_compiling():
        yield
        return
    lean = torch.get_autocast_dtype(device.type)
    entered: list[torch.autocast] = []

    def enter(_: nn.Module, __: Any) -> None:
        entered.append(torch.autocast(device.type, dtype=lean))
        entered[-1].__enter__()

    def leave(_: nn.Module, __: Any, outputs: Any) -> Any:
        entered.pop().__exit__(None, None, None)
        return _in_full(outputs)

    hooks = [hook for part in _wide(detector) for hook in _around(part, enter, leave)]
    try:
        with torch.autocast(device.type, enabled=False):
            yield
    finally:
        for hook in hooks:
            hook.remove()
        while entered:  # an error left some of them
            entered.pop().__exit__(None, None, None)


def _wide(detector: nn.Module) -> list[nn.Module]:
    """Backbone, pyramid and neck, where most of the work is done."""
    network: Any = plain(detector)
    backbone = getattr(network, "backbone", None)
    return [*([backbone] if backbone else _backbone(detector)), *filter(None, [getattr(network, "neck", None)])]


def _around(part: nn.Module, enter: Callable[..., None], leave: Callable[..., Any]) -> list[RemovableHandle]:
    """Hooks on what is called: a list of blocks never is, each of its blocks is."""
    called = list(part) if isinstance(part, nn.ModuleList) else [part]
    return [
        handle
        for module in called
        for handle in (module.register_forward_pre_hook(enter), module.register_forward_hook(leave))
    ]


def _in_full(values: Any) -> Any:
    """The same tensors in float32, nested as they are."""
    if isinstance(values, Tensor):
        return values.float() if values.is_floating_point() else values
    if isinstance(values, dict):
        return type(values)((name, _in_full(value)) for name, value in values.items())
    if isinstance(values, (list, tuple)):
        return type(values)(_in_full(value) for value in values)
    return values


def training_mode(network: nn.Module) -> None:
    """Training mode, but for what is frozen: batch norm there keeps its statistics, or accuracy is lost."""
    network.train()
    for module in network.modules():
        own = list(module.parameters())
        if own and not any(parameter.requires_grad for parameter in own):
            module.eval()


def loss_mode(network: nn.Module) -> None:
    """The mode in which detectors tell losses but nothing changes: no statistics, no dropout."""
    network.train()
    for module in network.modules():
        if isinstance(module, (*NORMS, nn.modules.dropout._DropoutNd, DropPath, StochasticDepth)):
            module.eval()


def fresh_norms(network: nn.Module) -> dict[nn.modules.batchnorm._BatchNorm, float]:
    """The batch norms that have seen nothing yet, each with the share a new batch usually has in its statistics."""
    found = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    return {
        module: module.momentum
        for module in found
        if module.momentum is not None
        and module.running_mean is not None
        and module.running_var is not None
        and not module.running_mean.any()
        and bool((module.running_var == 1).all())
    }


def pace_norms(norms: dict[nn.modules.batchnorm._BatchNorm, float], step: int, steps: int) -> None:
    """Before step `step` (from 0) of `steps`: statistics are the mean of the batches so far, then a running average.

    Detectors give a batch a share of 0.03. By that alone fresh statistics, wrong in every layer, would still count
    after a hundred steps, and lag behind in a short run: the network learns, and in evaluation mode finds nothing. So
    the average reaches back no further than a tenth of the run (but ten steps).
    """
    shortest = max(1 / (step + 1), min(0.1, 10 / steps))
    for module, usual in norms.items():
        module.momentum = max(usual, shortest)


def has_batch_norm(network: nn.Module) -> bool:
    """Whether any batch norm of it learns."""
    return any(
        isinstance(module, NORMS) and any(parameter.requires_grad for parameter in module.parameters())
        for module in network.modules()
    )


def layered(network: nn.Module, is_detector: bool) -> nn.Module:
    """The network as timm's layer-wise rates want it: with a method or a note that tells what its head is."""
    inner: Any = plain(network)
    if hasattr(inner, "group_matcher") or getattr(inner, "pretrained_cfg", None):
        return inner
    if is_detector:
        backbone = {id(parameter) for part in _backbone(network) for parameter in part.parameters()}
        heads = tuple(name for name, parameter in inner.named_parameters() if id(parameter) not in backbone)
    else:
        heads = (head_name(inner),)
    inner.pretrained_cfg = {"classifier": heads}
    return inner

"""Builds the classifiers: torchvision's, and any of timm's by name."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from vision_core.errors import WeightsError

# What lets a transformer take other input sizes than its own, by timm's module; its parameters stay the same.
_ANY_INPUT_SIZE: dict[str, dict[str, Any]] = {
    "timm.models.vision_transformer": {"dynamic_img_size": True},
    "timm.models.deit": {"dynamic_img_size": True},
    "timm.models.swin_transformer": {"strict_img_size": False},
}


def build_torchvision(name: str, num_classes: int) -> nn.Module:
    """torchvision's classifier `name` with fresh weights; `(B, 3, S, S)` to logits `(B, num_classes)`."""
    from torchvision.models import get_model

    return get_model(name, weights=None, num_classes=num_classes)


def build_timm(name: str, num_classes: int | None, state: dict[str, Tensor] | None = None) -> nn.Module:
    """timm's classifier `name`, with or without a tag, e.g. `resnet34.a1_in1k`.

    Args:
        num_classes: logits; None: as many as its published weights have (0: features `(B, D)` and no logits).
        state: weights to load with timm's own conversion, strictly; None: fresh ones.
    """
    import timm

    published: Any = timm.get_pretrained_cfg(name)
    classes = published.num_classes if num_classes is None and published else num_classes
    overlay = None if state is None else {"state_dict": state}
    module = timm.create_model(
        name,
        pretrained=state is not None,
        pretrained_cfg_overlay=overlay,
        num_classes=classes,
        **any_input_size(name),
    )
    if isinstance(getattr(module, "pretrained_cfg", None), dict):
        module.pretrained_cfg.pop("state_dict", None)  # type: ignore[union-attr]  # or the weights stay in memory twice
    return module


def any_input_size(name: str) -> dict[str, Any]:
    """The options with which timm's `name` takes inputs of any size, where it needs some."""
    import timm

    return _ANY_INPUT_SIZE.get(timm.models.model_entrypoint(name).__module__, {})


def pair_in_order(state: dict[str, Tensor], module: nn.Module) -> dict[str, Tensor]:
    """The same tensors under the module's names, where a source names them otherwise but keeps their order.

    Raises:
        WeightsError: their number or shapes differ.
    """
    own = module.state_dict()
    if [t.shape for t in state.values()] != [t.shape for t in own.values()]:
        raise WeightsError(f"these weights do not fit a {type(module).__name__}: shapes differ; fetch them again.")
    return dict(zip(own, state.values(), strict=True))

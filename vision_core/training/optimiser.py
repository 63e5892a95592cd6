"""The optimiser of a stage and how its learning rate runs: timm's own, made from a run's configuration."""

from __future__ import annotations

from typing import Any

import torch
from timm.optim import create_optimizer_v2, list_optimizers  # pyright: ignore[reportPrivateImportUsage]
from timm.scheduler.cosine_lr import CosineLRScheduler
from torch import nn

from vision_core.errors import TrainingError, suggest
from vision_core.training import networks
from vision_core.training.config import TrainConfig

LOWEST_RATE = 0.01
"""Where the cosine ends, as a share of the highest rate."""
_FUSED = ("adam", "adamw", "sgd")
"""Of these torch has versions that update all weights in one go."""


def make_optimizer(config: TrainConfig, network: nn.Module, trained: nn.Module) -> torch.optim.Optimizer:
    """The optimiser for what learns now, with layer-wise rates where they are wanted.

    Args:
        network: the whole network; trained: it, or its head alone where features stand in for pictures.

    Raises:
        TrainingError: there is no learning rate yet, or timm has no such optimiser.
    """
    decay = config.layer_decay if config.layer_decay < 1 and not config.views else None
    inner = trained if decay is None else networks.layered(network, config.task == "detection")
    if config.learning_rate is None:
        raise TrainingError("No learning rate was found yet: set one, or start the run with 'train'.")
    name = config.optimizer.lower()
    known = [str(one) for one in list_optimizers()]
    if name not in known:
        nearest = suggest(config.optimizer, known)
        raise TrainingError(f"optimizer is {config.optimizer!r}, which timm does not know.{nearest}")
    fused: dict[str, Any] = {"fused": True} if name in _FUSED else {}
    return create_optimizer_v2(
        networks.plain(inner),
        opt=config.optimizer,
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        layer_decay=decay,
        **fused,
    )


def make_schedule(config: TrainConfig, optimizer: torch.optim.Optimizer, updates: int) -> CosineLRScheduler:
    """A short rise, then a cosine down to `LOWEST_RATE`, over so many updates."""
    lowest = LOWEST_RATE * (config.learning_rate or 0.0)
    return CosineLRScheduler(
        optimizer,
        t_initial=max(1, updates),
        lr_min=lowest,
        warmup_t=round(updates * config.warmup),
        warmup_lr_init=lowest,
        t_in_epochs=False,
    )

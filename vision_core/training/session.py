"""Everything one run holds while it learns: data, network, optimiser, how far it is; and how to restore it."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.utils.deterministic
from timm.scheduler.cosine_lr import CosineLRScheduler
from timm.utils.model_ema import ModelEmaV3
from torch import Tensor, nn

from vision_core.data.augment import AUGMENTATIONS
from vision_core.errors import TrainingError
from vision_core.models.catalogue import get_spec
from vision_core.preprocess import sized
from vision_core.run_folder import BEST, LAST, RunFolder
from vision_core.training import checkpoints, networks, peers
from vision_core.training.clock import Clock
from vision_core.training.config import TrainConfig
from vision_core.training.environment import environment, make_accelerator
from vision_core.training.feed import PictureFeed, plan_epoch
from vision_core.training.instant import FeatureFeed, FeatureObjective
from vision_core.training.objectives import Objective, objective_for
from vision_core.training.optimiser import make_optimizer, make_schedule
from vision_core.training.prepare import prepare
from vision_core.training.task_data import FETCHING, Stage, TaskData
from vision_core.types import Preprocessing


class Learner(nn.Module):
    """The network and its loss as one module, so that accelerate can distribute both."""

    def __init__(self, network: nn.Module, objective: Objective) -> None:
        super().__init__()
        self.network = network
        self._losses = objective.losses

    def forward(self, inputs: Any, targets: Any) -> dict[str, Tensor]:
        return self._losses(self.network, inputs, targets)


@dataclass
class Standing:
    """How far a run is; all of it is saved.

    Attributes:
        epoch: the epoch it is in, from 0; step: the next step of it.
        updates: steps of the optimiser since the stage began.
        micro_batch: pictures that go through the network at once.
        sums: losses of this epoch, each times the pictures it is the mean of; pictures: how many.
        best: the best figure so far, and best_epoch its epoch, from 1.
        finished: its owner wanted this to be the end.
        history: one record an epoch; previews: what the network said of a few pictures.
    """

    micro_batch: int
    epoch: int = 0
    step: int = 0
    updates: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    pictures: int = 0
    best: float = -1.0
    best_epoch: int = 0
    finished: bool = False
    history: list[dict[str, Any]] = field(default_factory=list)
    previews: list[dict[str, Any]] = field(default_factory=list)
    events: list[str] = field(default_factory=list)


class Session:
    """One run at work.

    Attributes:
        network: the whole network, as it is saved; trained: what learns (the network, or its head).
        stage_frozen: whether the backbone is frozen now.
        fresh_norms: batch norms without statistics at the start (none are paced where a change would compile anew).
    """

    def __init__(self, run: RunFolder, progress: Stage | None = None) -> None:
        self.run, self.config = run, run.config()
        self.accelerator = make_accelerator(self.config, run.path)
        self.device = self.accelerator.device
        torch.set_num_threads(self.config.threads or peers.cores())
        torch.manual_seed(self.config.seed)
        if self.device.type == "cpu":
            torch.use_deterministic_algorithms(True, warn_only=True)
            # A third of a step on a CPU, which only shows bugs that we have not.
            torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue]
        with self.accelerator.main_process_first():
            self.data = prepare(self.config, run.path / "data", progress)
        self.spec = get_spec(self.config.model)
        self.how = sized(self.spec.preprocessing, self.config.input_size_px)
        self.network, started = networks.build(
            self.spec, self.data.class_names, self.config.start, partial(_fetching, progress)
        )
        self.network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if self.config.task == "classification":
            networks.check_input(self.network, self.how.size_px)
        self.rows = self.data.rows
        self.standing = Standing(micro_batch=self.config.micro_batch or self.config.batch_size)
        self.standing.events.append(started)
        notes = self._describe()
        self.objective, self.feed, self.trained = self._task(progress)
        self.watched = self.data.shown_rows()
        self.fresh_norms = {} if self.config.compile else networks.fresh_norms(self.network)
        self.ema = ModelEmaV3(self.trained, self.config.ema_decay, use_warmup=True) if self.config.ema_decay else None
        self.stage_frozen: bool | None = None
        self.clock = Clock(self.device)
        self.learner: nn.Module
        self.optimizer: Any
        self.schedule: CosineLRScheduler
        self._restore(notes)

    def _task(self, progress: Stage | None) -> tuple[Objective, Any, nn.Module]:
        augmentation = AUGMENTATIONS[self.config.augmentation]
        pictures = PictureFeed(self.data.index, self.how, augmentation, self.config.seed)
        objective = objective_for(self.config, self.data, self.how)
        check_batches(self.config, self.data, self.network, self.accelerator.num_processes)
        if not self.config.views:
            return objective, pictures, self.network
        features = networks.Features(self.network)
        feed = FeatureFeed(pictures, features, objective, self.device, self.data, self.config, progress)
        return FeatureObjective(self.config, self.data, self.how), feed, features.head

    def enter_stage(self, epoch: int) -> bool:
        """Freezes or unfreezes for this epoch, with an optimiser and a schedule of its own; True when one began."""
        frozen = epoch < self.config.frozen_epochs
        if frozen == self.stage_frozen:
            return False
        self.stage_frozen = frozen
        if self.config.views:
            self.trained.requires_grad_(True)
        elif frozen:
            networks.freeze(self.network, self.config.task == "detection")
        else:
            self.network.requires_grad_(True)
        first = 0 if frozen else min(self.config.frozen_epochs, self.config.epochs)
        last = self.config.frozen_epochs if frozen else self.config.epochs
        updates = (min(last, self.config.epochs) - first) * len(self.plan(epoch))
        optimizer = make_optimizer(self.config, self.network, self.trained)
        self.schedule = make_schedule(self.config, optimizer, updates)
        learner: nn.Module = Learner(self.trained, self.objective)
        if self.config.compile:
            learner.compile()
        self.accelerator.free_memory()  # of the stage before: its gradients would be scaled back with these, twice
        self.learner, self.optimizer = self.accelerator.prepare(learner, optimizer)
        self.standing.updates = 0
        return True

    def plan(self, epoch: int) -> list[np.ndarray]:
        """The rows of every step of an epoch, of all processes together."""
        weights = self.data.row_weights() if self.config.balance == "sampling" else None
        return plan_epoch(self.rows["train"], self.config.batch_size, self.config.seed, epoch, weights)

    def autocast(self) -> AbstractContextManager[None]:
        return self.accelerator.autocast()

    def judged(self) -> nn.Module:
        """What is judged and kept: the averaged weights where there are some."""
        return self.trained if self.ema is None else self.ema.module

    def about(self) -> dict[str, Any]:
        """What a weights file says of itself."""
        how = self.how
        return {
            "model": self.config.model,
            "task": self.config.task,
            "class_names": list(self.data.class_names),
            "multi_label": self.data.multi_label,
            "input_size_px": how.size_px,
            "preprocessing": {name: getattr(how, name) for name in Preprocessing.__dataclass_fields__},
            "made_with": "WhatWhere",
        }

    def _describe(self) -> list[str]:
        """Completes `config.json`: what the data says, and what it was trained with; and says what has changed."""
        if not self.accelerator.is_main_process:
            return []
        before = self.run.read("config.json")
        known = before.get("environment", {}).get("data_fingerprint")
        fingerprint = self.data.fingerprint()
        self.run.extend_config(
            class_names=list(self.data.class_names),
            multi_label=self.data.multi_label,
            input_size_px=self.how.size_px,
            environment=environment(self.device) | {"data_fingerprint": fingerprint},
            **({"temperature": 1.0} if "temperature" in before else {}),  # it was fitted to weights that now change
        )
        return [] if known in (None, fingerprint) else ["The pictures have changed since this run began."]

    def state(self) -> dict[str, Any]:
        """All that `resume.pt` holds."""
        averaged = None if self.ema is None else self.ema.module.state_dict()
        return {
            "network": self.trained.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "stage_frozen": self.stage_frozen,
            "scaler": self.accelerator.scaler.state_dict() if self.accelerator.scaler else None,
            "averaged": averaged,
            "standing": vars(self.standing),
        }

    def save(self) -> None:
        """Writes `resume.pt`.

        Raises:
            TrainingError: the disk is full or cannot be written; the checkpoint before is whole.
        """
        if not self.accelerator.is_main_process:
            return
        try:
            checkpoints.save_resume(self.run.checkpoints, self.state(), self.config.keep_checkpoints)
        except OSError as error:
            raise cannot_write(error) from error

    def save_weights(self, best: bool) -> None:
        """Writes `last.safetensors`, and `best.safetensors` where this is the best; raises as `save`."""
        if not self.accelerator.is_main_process:
            return
        try:
            with self._averaged_in_place():
                if best:
                    checkpoints.save_weights(self.run.path / BEST, self.network, self.about())
                checkpoints.save_weights(self.run.path / LAST, self.network, self.about())
        except OSError as error:
            raise cannot_write(error) from error

    def _averaged_in_place(self) -> AbstractContextManager[None]:
        return _Swapped(self.trained, None if self.ema is None else self.ema.module)

    def _restore(self, notes: list[str]) -> None:
        """Goes on where the last whole checkpoint was, maybe with the first step of the next stage."""
        saved, damaged = checkpoints.load_resume(self.run.checkpoints)
        if saved is None:
            self.standing.events += notes
            self.enter_stage(0)
            if self.stage_frozen and not self.config.views:
                self.standing.events.append("Training the last layers.")
            return
        self.standing = Standing(**saved["standing"])
        self.standing.events += [*damaged, *notes]
        updates = self.standing.updates
        self.trained.load_state_dict(saved["network"])
        self.enter_stage(min(self.standing.epoch, self.config.epochs - 1))
        if saved["stage_frozen"] == self.stage_frozen:
            self.standing.updates = updates
            self.optimizer.load_state_dict(saved["optimizer"])
        if self.accelerator.scaler and saved["scaler"]:
            self.accelerator.scaler.load_state_dict(saved["scaler"])
        if self.ema is not None:
            self.ema.module.load_state_dict(saved["averaged"])


def _fetching(progress: Stage | None, done: int, total: int | None) -> None:
    if progress:
        progress(FETCHING, done // 1_000_000, (total or 0) // 1_000_000)


class _Swapped:
    """Another module's values in place of a module's own, for a moment."""

    def __init__(self, module: nn.Module, other: nn.Module | None) -> None:
        self._module, self._other = module, other

    def __enter__(self) -> None:
        if self._other is not None:
            self._own = {name: tensor.clone() for name, tensor in self._module.state_dict().items()}
            self._module.load_state_dict(self._other.state_dict())

    def __exit__(self, *_: object) -> None:
        if self._other is not None:
            self._module.load_state_dict(self._own)


def check_batches(config: TrainConfig, data: TaskData, network: nn.Module, processes: int = 1) -> None:
    """Refuses batches of one picture where batch norm learns from them, and of none for one of several processes.

    Raises:
        TrainingError: names the setting to change.
    """
    learns_norm = networks.has_batch_norm(network) and not config.views and config.frozen_epochs < config.epochs
    smallest = min(map(len, plan_epoch(data.rows["train"], config.batch_size, 0, 0))) // processes
    if not smallest:
        raise TrainingError(
            f"{processes} processes cannot share batches of {config.batch_size} pictures: set batch_size to at least "
            f"{2 * processes}."
        )
    at_once = smallest // math.ceil(smallest / (config.micro_batch or smallest))
    if learns_norm and at_once < 2 and config.task == "classification":
        raise TrainingError(
            f"{config.model} has batch norm, which cannot learn from one picture at a time (batch_size "
            f"{config.batch_size}, micro_batch {config.micro_batch}): set both to at least 2."
        )


def cannot_write(error: OSError) -> TrainingError:
    """What to say when a checkpoint could not be written."""
    return TrainingError(
        f"A checkpoint could not be written ({error.strerror or error}): free some space or make the folder writable, "
        "then resume; the checkpoint before is whole."
    )

"""One step of training: forward, backward, update; in portions where memory is too small for all of it at once."""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch
from accelerate.utils.memory import should_reduce_batch_size
from torch import Tensor
from torchvision.transforms import v2

from vision_core.errors import TrainingError
from vision_core.training.networks import training_mode

if TYPE_CHECKING:
    from vision_core.training.session import Session


def one_step(session: Session, batch: Any, mixing: bool = False, rate: float | None = None) -> float:
    """One step outside an epoch, for whoever tries or measures; returns its loss.

    Args:
        rate: the learning rate; None: what the schedule says.
    """
    training_mode(session.trained)
    return step(session, batch, len(batch), mixing, rate)["loss"]


def step(session: Session, batch: Any, of_all: int, mixing: bool, rate: float | None = None) -> dict[str, float]:
    """One step of the optimiser; its losses by name, means over the batch.

    A classifier learns the same from portions as from the whole; a detector's loss is normalised in each portion (and
    process) by what that shows, as in torchvision's references, so there the portions weigh by their pictures.

    Args:
        batch: this process's part of the step; of_all: pictures of all processes together.

    Raises:
        TrainingError: loss or gradient is not finite; nothing was updated.
    """
    losses = _gradients(session, batch, of_all, mixing)
    accelerator, standing = session.accelerator, session.standing
    norm = accelerator.clip_grad_norm_(session.trained.parameters(), session.config.clip_norm or math.inf)
    if norm is not None and accelerator.scaler is None and not math.isfinite(float(norm)):
        raise not_finite(session, f"gradient became {float(norm)}")
    if rate is None:
        session.schedule.step_update(standing.updates)
    else:
        for group in session.optimizer.param_groups:
            group["lr"] = rate * group.get("lr_scale", 1.0)
    session.optimizer.step()
    standing.updates += 1
    if session.ema is not None:
        session.ema.update(session.trained, standing.updates)
    return losses


def _gradients(session: Session, batch: Any, of_all: int, mixing: bool) -> dict[str, float]:
    """Losses and gradients of a batch. What does not fit into memory is tried again in halves: nothing has changed."""
    standing = session.standing
    while True:
        try:
            return _forward_and_back(session, batch, of_all, mixing)
        except Exception as error:
            at_once = min(standing.micro_batch, len(batch))
            if not is_too_much(error) or at_once == 1 or session.accelerator.num_processes > 1:
                raise
        session.optimizer.zero_grad()
        free_memory(session.device)
        standing.micro_batch = math.ceil(at_once / 2)
        standing.events.append(
            f"Memory was too small for {at_once} pictures at once: going on with {standing.micro_batch} at once, "
            f"{math.ceil(len(batch) / standing.micro_batch)} times a step."
        )


def is_too_much(error: Exception) -> bool:
    """Whether an error says that memory was too small."""
    return should_reduce_batch_size(error) or isinstance(error, MemoryError)


def free_memory(device: torch.device) -> None:
    """Gives back what a failed attempt left in a GPU's memory."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


def _forward_and_back(session: Session, batch: Any, of_all: int, mixing: bool) -> dict[str, float]:
    accelerator, objective = session.accelerator, session.objective
    processes = accelerator.num_processes
    # The same number in every process, or some would wait for others' portions; none of them empty.
    portions = min(math.ceil(math.ceil(of_all / processes) / session.standing.micro_batch), of_all // processes)
    session.optimizer.zero_grad()
    sums: dict[str, Tensor] = {}
    for number in range(portions):  # of even size: a single picture left over would be bad for batch norm
        part = batch.part(number * len(batch) // portions, (number + 1) * len(batch) // portions)
        is_last = number == portions - 1
        with nullcontext() if is_last else accelerator.no_sync(session.learner):
            with accelerator.autocast():
                inputs, targets = objective.inputs(part, session.device), objective.targets(part, session.device)
                if mixing and session.config.mix == "mixup_cutmix":
                    inputs, targets = _mixed(session, inputs, targets)
                losses = session.learner(inputs, targets)
            share = len(part) * processes / of_all
            accelerator.backward(losses["loss"] * share)
        for name, value in losses.items():
            sums[name] = sums.get(name, 0) + value.detach() * (len(part) / of_all)
    every: Any = accelerator.reduce(torch.stack(list(sums.values())), "sum")  # of all processes, so that all stop alike
    found = {name: float(value) for name, value in zip(sums, every.tolist(), strict=True)}
    if not math.isfinite(found["loss"]):
        raise not_finite(session, f"loss became {found['loss']}")
    return found


def _mixed(session: Session, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Pictures and answers blended or pasted into one another (mixup, cutmix)."""
    if len(inputs) < 2:
        return inputs, targets
    classes = len(session.data.class_names)
    choice = v2.RandomChoice([v2.MixUp(alpha=0.2, num_classes=classes), v2.CutMix(alpha=1.0, num_classes=classes)])
    return choice(inputs, targets)


def not_finite(session: Session, what: str) -> TrainingError:
    """Why training cannot go on, and how it could; to be raised before anything is saved."""
    standing = session.standing
    rate = session.optimizer.param_groups[-1]["lr"]
    return TrainingError(
        f"The {what} in epoch {standing.epoch + 1}, step {standing.step + 1}, at a learning rate of {rate:.2g}: train "
        "again with a lower one; the checkpoint before is whole."
    )

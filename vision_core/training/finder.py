"""Which learning rate? Raise it step by step and watch the loss: where it falls fastest is a good one.

Smith 2017, "Cyclical Learning Rates for Training Neural Networks" (arXiv:1506.01186), section 3.3. Nothing of this is
kept: the network is built anew for training.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from vision_core.errors import TrainingError
from vision_core.run_folder import RunFolder
from vision_core.training.aside import ask
from vision_core.training.config import TrainConfig
from vision_core.training.task_data import Stage

if TYPE_CHECKING:
    from vision_core.training.session import Session

LOWEST, HIGHEST = 1e-6, 1.0
STEPS = 60
SMOOTHING = 0.9
DIVERGED = 4.0
"""The search ends where the loss is so many times its lowest value."""
_SHARE_OF_LOWEST = 0.1


@dataclass(frozen=True)
class Finder:
    """What was found.

    Attributes:
        rates: the rates tried, rising; losses: the smoothed loss at each.
        suggestion: the rate at which the loss fell fastest.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    suggestion: float


def find_learning_rate(config: TrainConfig, progress: Stage | None = None) -> Finder:
    """Tries rates from 1e-6 to 1 on the configuration's own data and network, in a process of its own.

    Args:
        progress: called with what is being done and how much of it; raise in it to stop.

    Raises:
        TrainingError: the configuration cannot be trained, or the loss is not finite at the lowest rate.
    """
    values = ask("finder", config, progress)
    return Finder(tuple(values["rates"]), tuple(values["losses"]), values["suggestion"])


def search(config: TrainConfig, progress: Stage | None = None, steps: int = STEPS) -> Finder:
    """As `find_learning_rate`, in this process, which takes its threads and its settings over."""
    from vision_core.training.session import Session

    with TemporaryDirectory(prefix="whatwhere-finder-") as folder:
        trial = config.changed(learning_rate=LOWEST, trackers=[], patience=0)
        session = Session(RunFolder.create(Path(folder) / "run", trial), progress)
        session.enter_stage(max(0, min(config.frozen_epochs, config.epochs - 1)))
        try:
            rates, losses = _raise_rate(session, steps, progress)
        finally:
            session.accelerator.end_training()
    return Finder(tuple(rates), tuple(losses), suggest_rate(rates, losses))


def _raise_rate(session: Session, steps: int, progress: Stage | None) -> tuple[list[float], list[float]]:
    from vision_core.training.step import one_step

    rates: list[float] = []
    losses: list[float] = []
    average, epoch = 0.0, 0
    wanted = np.geomspace(LOWEST, HIGHEST, steps).tolist()
    while len(rates) < steps:
        plan = session.plan(epoch)
        with closing(session.feed.training(epoch, plan)) as batches:
            for batch in batches:
                if len(rates) == steps:
                    break
                rate = wanted[len(rates)]
                try:
                    loss = one_step(session, batch, rate)
                except TrainingError:
                    if not losses:
                        raise
                    return rates, losses
                average = SMOOTHING * average + (1 - SMOOTHING) * loss
                rates.append(rate)
                losses.append(average / (1 - SMOOTHING ** len(rates)))
                if progress:
                    progress("Trying learning rates", len(rates), steps)
                if losses[-1] > DIVERGED * min(losses) and len(losses) > steps // 6:
                    return rates, losses
        epoch += 1
    return rates, losses


def suggest_rate(rates: list[float], losses: list[float]) -> float:
    """Where the loss falls fastest by the logarithm of the rate, but at most a tenth of where it is lowest.

    Both are usual rules of thumb; the smaller one is safe also where the loss falls to the very end.
    """
    lowest = int(np.argmin(losses))
    tenth = rates[lowest] * _SHARE_OF_LOWEST
    if lowest < 2:
        return float(f"{tenth:.2g}")
    slopes = np.gradient(np.asarray(losses[: lowest + 1]), np.log(rates[: lowest + 1]))
    return float(f"{min(rates[int(np.argmin(slopes))], tenth):.2g}")

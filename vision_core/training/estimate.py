"""What a run will take, before it is started: a few of its own steps are measured, the rest is arithmetic.

found = estimate(config)
found.seconds, found.peak_memory_bytes, found.notes
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from vision_core.run_folder import RunFolder
from vision_core.training.aside import ask
from vision_core.training.config import TrainConfig
from vision_core.training.task_data import Stage

if TYPE_CHECKING:
    from vision_core.training.session import Session

STEPS = 4
"""Steps that are measured of each stage, after one that warms up."""
JUDGED = 2
"""Batches that are judged, to see what an epoch's end takes."""


@dataclass(frozen=True)
class Estimate:
    """What a run will take on this machine.

    Attributes:
        seconds: of the whole run, with judging; early stopping may end it sooner.
        seconds_per_epoch: of the longest stage's epochs; images_per_second: in them.
        peak_memory_bytes: of the GPU where there is one, else of a process that did the measured steps.
        usd: at the price that was given, None without one.
        notes: plain sentences on what was measured and what was not.
    """

    seconds: float
    seconds_per_epoch: float
    images_per_second: float
    peak_memory_bytes: int
    usd: float | None = None
    notes: tuple[str, ...] = ()


def estimate(config: TrainConfig, progress: Stage | None = None, usd_per_hour: float | None = None) -> Estimate:
    """Runs a few steps of every stage of this configuration, in a process of its own, and keeps nothing of them.

    Args:
        progress: called with what is being done and how much of it; raise in it to stop.
        usd_per_hour: price of this machine, for `usd`.

    Raises:
        TrainingError: the configuration cannot be trained; the sentence says why.
    """
    values = ask("estimate", config, progress)
    usd = None if usd_per_hour is None else usd_per_hour * values["seconds"] / 3600
    return Estimate(**values | {"usd": usd, "notes": tuple(values["notes"])})


def measure(config: TrainConfig, progress: Stage | None = None) -> Estimate:
    """As `estimate`, in this process, which takes its threads and its settings over."""
    from vision_core.training.session import Session

    with TemporaryDirectory(prefix="whatwhere-estimate-") as folder:
        started = time.perf_counter()
        trial = config.changed(trackers=[], learning_rate=config.learning_rate or 1e-4)
        session = Session(RunFolder.create(Path(folder) / "run", trial), progress)
        preparing = time.perf_counter() - started
        try:
            stages = _stages(config)
            rates = [_rate(session, epoch, progress, (n, len(stages))) for n, (epoch, _) in enumerate(stages)]
            judging = _judging(session)
        finally:
            session.accelerator.end_training()
    pictures = len(session.rows["train"])
    each = [pictures / rate + judging for rate in rates]
    seconds = preparing + sum(one * epochs for one, (_, epochs) in zip(each, stages, strict=True))
    steps = "the features of all pictures and " if config.views else ""
    return Estimate(
        seconds=seconds,
        seconds_per_epoch=max(each),
        images_per_second=min(rates),
        peak_memory_bytes=session.clock.memory_bytes(),
        notes=(
            f"From {steps}{STEPS} steps of {min(config.batch_size, pictures)} pictures on this machine, which may be "
            "busier or quieter later.",
        ),
    )


def _stages(config: TrainConfig) -> list[tuple[int, int]]:
    """First epoch and number of epochs of each stage."""
    frozen = min(config.frozen_epochs, config.epochs)
    return [(first, count) for first, count in ((0, frozen), (frozen, config.epochs - frozen)) if count]


def _rate(session: Session, epoch: int, progress: Stage | None, place: tuple[int, int]) -> float:
    """Pictures a second in this epoch's stage."""
    from vision_core.training.step import one_step

    session.enter_stage(epoch)
    plan = session.plan(epoch)
    spent, pictures = 0.0, 0
    with closing(session.feed.training(epoch, plan)) as batches:
        for number, batch in enumerate(islice(batches, STEPS + 1)):
            started = time.perf_counter()
            one_step(session, batch)
            if number or len(plan) == 1:
                spent, pictures = spent + time.perf_counter() - started, pictures + len(batch)
            if progress:
                progress("Measuring steps", place[0] * (STEPS + 1) + number + 1, place[1] * (STEPS + 1))
    return pictures / spent


def _judging(session: Session) -> float:
    """Seconds to judge all validation pictures, from a few batches of them."""
    rows = session.rows["val"]
    few = rows[: JUDGED * session.config.batch_size]

    def judge(some: np.ndarray) -> float:
        started = time.perf_counter()
        batches = partial(session.feed.plain, some, session.config.batch_size)
        session.objective.judge(session.judged(), batches, session.device, session.autocast)
        return time.perf_counter() - started

    judge(few[:1])  # the libraries that compute the figures are imported
    return judge(few) * len(rows) / len(few)

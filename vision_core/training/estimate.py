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
from vision_core.training.finder import STEPS as SEARCHED
from vision_core.training.task_data import FETCHING, Stage
from vision_core.training.turns import devices_of, is_busy

if TYPE_CHECKING:
    from vision_core.training.session import Session

STEPS = 4
"""Steps that are measured of each stage, after those that warm up."""
JUDGED = 2
"""Batches that are judged, to see what an epoch's end takes."""


@dataclass(frozen=True)
class Estimate:
    """What a run will take on this machine.

    Attributes:
        seconds: of the whole run, with judging and the search for a rate, without the time that weights take to be
            fetched; early stopping may end it sooner.
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
        fetching: list[float] = []

        def told(stage: str, done: int, total: int) -> None:
            if stage == FETCHING:
                fetching.append(time.perf_counter())
            if progress:
                progress(stage, done, total)

        started = time.perf_counter()
        trial = config.changed(trackers=[], learning_rate=config.learning_rate or 1e-4)
        session = Session(RunFolder.create(Path(folder) / "run", trial), told)
        preparing = time.perf_counter() - started - (fetching[-1] - fetching[0] if fetching else 0.0)
        try:
            stages = _stages(config)
            rates = [_rate(session, epoch, progress, (n, len(stages))) for n, (epoch, _) in enumerate(stages)]
            judging = _judging(session)
        finally:
            session.accelerator.end_training()
    pictures = len(session.rows["train"])
    each = [pictures / rate + judging for rate in rates]
    seconds = preparing + sum(one * epochs for one, (_, epochs) in zip(each, stages, strict=True))
    if config.learning_rate is None:
        seconds += SEARCHED * config.batch_size / rates[-1]
    seconds += judging * len(session.rows.get("test", ())) / len(session.rows["val"])
    steps = "the features of all pictures and " if config.views else ""
    busy = is_busy(devices_of(config.to_json()))
    return Estimate(
        seconds=seconds,
        seconds_per_epoch=max(each),
        images_per_second=min(rates),
        peak_memory_bytes=session.clock.memory_bytes(),
        notes=(
            f"From {steps}{STEPS} steps of {min(config.batch_size, pictures)} pictures on this machine, which may be "
            "busier or quieter later.",
            *(["A run trains on this device now and slows the measured steps; yours would wait for its end."] * busy),
        ),
    )


def _stages(config: TrainConfig) -> list[tuple[int, int]]:
    """First epoch and number of epochs of each stage."""
    frozen = min(config.frozen_epochs, config.epochs)
    return [(first, count) for first, count in ((0, frozen), (frozen, config.epochs - frozen)) if count]


def _rate(session: Session, epoch: int, progress: Stage | None, place: tuple[int, int]) -> float:
    """Pictures a second in this epoch's stage."""
    from vision_core.training.feed import BATCHES_AHEAD
    from vision_core.training.step import one_step

    session.enter_stage(epoch)
    plan = session.plan(epoch)
    spent, pictures, mosaic = 0.0, 0, {}
    mixing = session.config.mix != "none"
    if session.config.mix == "mosaic":
        mosaic = {"mosaic_rows": session.rows["train"]}
    unmeasured = min(BATCHES_AHEAD + 1, len(plan) - 1)  # the first one warms up, others were made ready meanwhile
    with closing(session.feed.training(epoch, plan, **mosaic)) as batches:
        started = time.perf_counter()
        for number, batch in enumerate(islice(batches, unmeasured + STEPS)):
            one_step(session, batch, mixing)
            now = time.perf_counter()
            if number >= unmeasured:  # with the wait for the batch, where there was one
                spent, pictures = spent + now - started, pictures + len(batch)
            started = now
            if progress:
                done = number + 1 + place[0] * (unmeasured + STEPS)
                progress("Measuring steps", done, place[1] * (unmeasured + STEPS))
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

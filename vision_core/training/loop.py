"""The loop: one epoch after the other, each a record; it survives being killed at any moment.

    for record in train(run):                       # from the start, or from the last checkpoint
        print(record["epoch"], record["metrics"])

Everything that chance decides follows from the seed and the place in the run, so a run that was interrupted and
resumed ends with the very weights of one that was not (on a CPU, with the same number of threads).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from accelerate.utils import broadcast

from vision_core.errors import ImageError, TrainingError
from vision_core.run_folder import Request, RunFolder
from vision_core.training import peers
from vision_core.training.clock import Clock, Progress
from vision_core.training.config import TrainConfig
from vision_core.training.networks import pace_norms, training_mode
from vision_core.training.objectives import Verdict
from vision_core.training.session import Session
from vision_core.training.step import not_finite, step
from vision_core.training.task_data import Stage

MIX_UNTIL = 0.75
"""Share of the epochs in which pictures are mixed; the last ones show them as they are (as YOLOX, arXiv:2107.08430)."""


class Stop(Exception):
    """Raised by `Watch.step` to end training: "cancel" at once (to be resumed), "finish" as if this were the end."""

    def __init__(self, how: Request) -> None:
        super().__init__(how)
        self.how = how


@dataclass(frozen=True)
class Watch:
    """Who looks on: `preparing` while data and network are made ready, `step` after every step; it may raise `Stop`."""

    preparing: Stage | None = None
    step: Callable[[Progress], None] | None = None


def train(run: RunFolder, watch: Watch | None = None) -> Generator[dict[str, Any], None, None]:
    """Trains what the run's `config.json` says, from the start or from its last checkpoint, one record an epoch.

    A record holds `epoch`, `train` and `val` losses by name, `metrics`, `learning_rate`, `images_per_second`,
    `data_wait` (share of the time spent waiting for pictures), `peak_memory_bytes`, `seconds`, `best` and `events`.
    Closing the generator saves nothing; `Stop("cancel")` saves first.

    Raises:
        VisionError: what cannot work is refused before training; `TrainingError` where it cannot go on.
        Stop: what `watch` raised with "cancel", after a checkpoint.
    """
    watch = watch or Watch()
    session = Session(run, watch.preparing)
    config, standing = session.config, session.standing
    try:
        if standing.history:  # it may have been killed after its last checkpoint and before this
            write_history(session)
        while standing.epoch < config.epochs and not standing.finished and not _out_of_patience(session):
            if session.enter_stage(standing.epoch):
                standing.events.append("Training all layers.")
            standing.finished = _epoch(session, watch)
            yield _close_epoch(session)
    finally:
        session.accelerator.end_training()


def _epoch(session: Session, watch: Watch) -> bool:
    """The rest of an epoch; True when it is to be the last one."""
    standing, config = session.standing, session.config
    plan = session.plan(standing.epoch)
    mixing = config.mix != "none" and standing.epoch < MIX_UNTIL * config.epochs
    mosaic_rows = {"mosaic_rows": session.rows["train"]} if mixing and config.mix == "mosaic" else {}
    clock = session.clock = Clock(session.device, session.clock.judging_s)
    saved_at = time.monotonic()
    training_mode(session.trained)
    share = session.accelerator.process_index, session.accelerator.num_processes
    source = session.feed.training(standing.epoch, plan, standing.step, share=share, **mosaic_rows)
    with closing(source) as batches:
        while standing.step < len(plan):
            with clock.waiting():
                batch = _next(batches)
            torch.manual_seed(_seed(config, standing.epoch, standing.step))
            pace_norms(session.fresh_norms, standing.epoch * len(plan) + standing.step, config.epochs * len(plan))
            losses = step(session, batch, len(plan[standing.step]), mixing)
            standing.step += 1
            _note(session, losses, len(plan[standing.step - 1]))
            clock.stepped(len(plan[standing.step - 1]))
            try:
                if watch.step:
                    watch.step(_progress(session, plan, losses["loss"]))
            except Stop as stop:
                if stop.how == "finish":
                    return True
                session.save()
                raise
            if time.monotonic() - saved_at > 60 * config.checkpoint_minutes:
                session.save()
                saved_at = time.monotonic()
            clock.resumed()
    return False


def _next(batches: Generator[Any, None, None]) -> Any:
    try:
        return next(batches)
    except ImageError as error:
        raise TrainingError(
            f"A picture cannot be read any more: {error} Put it back, or mend the data set with the doctor; then "
            "resume from the last checkpoint."
        ) from error


def _seed(config: TrainConfig, epoch: int, step: int) -> int:
    """What torch's own chance (dropout, mixing, proposals) starts from at this step."""
    return int(np.random.SeedSequence([config.seed, epoch, step]).generate_state(1)[0])


def _progress(session: Session, plan: list[np.ndarray], loss: float) -> Progress:
    standing, clock, config = session.standing, session.clock, session.config
    left = sum(map(len, plan[standing.step :])) + (config.epochs - standing.epoch - 1) * sum(map(len, plan))
    return Progress(
        epoch=standing.epoch + 1,
        epochs=config.epochs,
        step=standing.step,
        steps=len(plan),
        loss=loss,
        learning_rate=session.optimizer.param_groups[-1]["lr"],
        images_per_second=clock.images_per_second,
        data_wait=clock.data_wait,
        seconds_left=clock.seconds_left(left, config.epochs - standing.epoch),
        memory_bytes=clock.memory_bytes(),
    )


def _note(session: Session, losses: dict[str, float], pictures: int) -> None:
    standing = session.standing
    for name, value in losses.items():
        standing.sums[name] = standing.sums.get(name, 0.0) + value * pictures
    standing.pictures += pictures


def _close_epoch(session: Session) -> dict[str, Any]:
    """Judges the network, writes what there is to write and moves on to the next epoch."""
    standing, clock = session.standing, session.clock
    verdict = peers.shared(_judge(session))
    if not math.isfinite(verdict.losses["loss"]):
        raise not_finite(session, f"validation loss became {verdict.losses['loss']}")
    figure = verdict.metrics.get(session.objective.monitor, -verdict.losses.get("loss", 0.0))
    is_best = figure > standing.best or not standing.best_epoch
    record = {
        "epoch": standing.epoch + 1,
        "train": {name: value / max(1, standing.pictures) for name, value in standing.sums.items()},
        "val": verdict.losses,
        "metrics": verdict.metrics,
        "monitor": session.objective.monitor,
        "best": is_best,
        "learning_rate": session.optimizer.param_groups[-1]["lr"],
        "frozen": bool(session.stage_frozen or session.config.views),
        "micro_batch": standing.micro_batch,
        **clock.record(),
        "events": standing.events,
    }
    if session.accelerator.is_main_process:
        for event in standing.events:
            session.run.log(event)
    if is_best:
        standing.best, standing.best_epoch = figure, standing.epoch + 1
    seen = {str(row): said for row, said in verdict.seen.items()}
    standing.history.append(record)
    standing.previews.append({"epoch": standing.epoch + 1, "pictures": seen})
    standing.epoch, standing.step, standing.sums, standing.pictures, standing.events = standing.epoch + 1, 0, {}, 0, []
    session.save_weights(is_best)
    session.save()
    write_history(session)
    session.accelerator.log(_flat(record), step=record["epoch"])
    return record


def _judge(session: Session) -> Verdict:
    """Losses and metrics on the validation pictures, with the weights that would be kept.

    Every process judges all of them: the losses of some detectors are sums over all processes.
    """
    if session.accelerator.num_processes > 1:  # batch norm has seen other pictures in each of them
        broadcast(list(session.judged().buffers()))
    started = time.perf_counter()
    rows, size = session.rows["val"], session.standing.micro_batch
    plain, others = partial(session.feed.plain, rows), (session.device, session.autocast, session.watched)
    if session.accelerator.num_processes > 1:  # halved in one of them alone, they would wait for one another
        verdict = session.objective.judge(session.judged(), partial(plain, size), *others)
    else:
        verdict = session.objective.judge_in_portions(session.judged(), plain, size, *others)
    session.clock.judging_s = time.perf_counter() - started
    return verdict


def _out_of_patience(session: Session) -> bool:
    """Whether the figure that matters has not become better for too long. Epochs with frozen layers do not count."""
    standing, patience = session.standing, session.config.patience
    since = max(standing.best_epoch, session.config.frozen_epochs)
    return bool(patience) and standing.epoch - since >= patience and standing.epoch > 0


def write_history(session: Session) -> None:
    """Writes the records of all epochs for others to read."""
    if session.accelerator.is_main_process:
        session.run.write_lines("metrics.jsonl", session.standing.history)
        session.run.write_lines("previews.jsonl", session.standing.previews)


def _flat(record: dict[str, Any]) -> dict[str, float]:
    """A record's numbers for a tracker: `val/loss`, `metrics/top1` …"""
    flat = {}
    for name, value in record.items():
        if isinstance(value, dict):
            flat |= {f"{name}/{part}": float(number) for part, number in value.items()}
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            flat[name] = float(value)
    return flat

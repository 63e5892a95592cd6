"""A run's best weights on pictures whose answers are known: judged as during training, in full precision.

judged = judge("workspace/runs/…")                   # on the test split of its own data
judged = judge("workspace/runs/…", "photos/")        # on other pictures with the same classes

What comes of it is kept and opened by `vision_core.evaluation.store`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from vision_core.data.index import DatasetIndex
from vision_core.data.threads import available_cores
from vision_core.errors import DataError, SettingsError
from vision_core.predict import choose_device
from vision_core.run_folder import BEST, CONFIG, RunFolder
from vision_core.runs import load_network, read_run
from vision_core.training.config import TrainConfig
from vision_core.training.feed import Batch, PictureFeed, Spoil
from vision_core.training.objectives import Verdict, objective_for
from vision_core.training.prepare import for_task, open_data, prepare
from vision_core.training.task_data import Stage, TaskData

ALL = "all"


@dataclass(frozen=True, eq=False)
class Subject:
    """What is judged: a run's best weights, and the pictures.

    Attributes:
        data: with the run's classes; its own data, or others'.
        rows: the pictures, in the order of `data.index`.
        split: whose they are; "" for all pictures.
        name: of the data, as it was asked for; "" for the run's own.
    """

    run: RunFolder
    config: TrainConfig
    data: TaskData
    rows: np.ndarray
    split: str
    name: str = ""

    @property
    def left_out(self) -> int:
        """Pictures of the split without an answer to judge by: not labelled, or of several classes where the run
        knows one a picture."""
        return _left_out(self.data, self.split)


def subject(
    run_path: Path | str, data: str | None = None, split: str = "test", progress: Stage | None = None
) -> Subject:
    """What a run is to be judged on.

    Args:
        data: other pictures than the run's own: a data set's folder or archive, or its name in the workspace.
        split: "val" stands in for "test" where there is none; "all" for every picture, also of data without splits.

    Raises:
        DataError: the run has no weights yet, or there are no such pictures or classes.
        ModelError: the run cannot be read.
    """
    run = RunFolder.open(run_path)
    if not (run.path / BEST).is_file():
        raise DataError(f"The run {run.path.name!r} has no weights yet: train it for at least one epoch.")
    config = run.config()
    if data is None:
        judged = prepare(config, run.path / "data", progress)
    else:
        judged = _other(run, config.changed(data=data), progress)
    rows, split = _rows(judged, split)
    return Subject(run, config, judged, rows, split, data or "")


def judge(of: Subject, progress: Stage | None = None, spoil: Spoil | None = None) -> Verdict:
    """What the network says of the pictures, and how well that is.

    Args:
        spoil: what is done to each picture first; see `vision_core.evaluation.robustness`.

    Raises:
        ModelError, WeightsError: the run cannot be read.
    """
    torch.set_num_threads(of.config.threads or available_cores())
    return _judge(of, progress, spoil)


def _other(run: RunFolder, config: TrainConfig, progress: Stage | None) -> TaskData:
    """Other pictures, with the run's classes.

    Raises:
        DataError: they show a class that the run does not know.
    """
    about = run.read(CONFIG)
    index = for_task(open_data(config.data, progress), config)
    names = tuple(map(str, about.get("class_names", ())))
    for class_id in np.unique(_class_ids(index, config)).tolist():
        name = index.class_name(class_id)
        if name not in names:
            raise DataError(
                f"{config.data!r} shows {name!r}, which the run has not learned (it knows {', '.join(names[:5])}"
                f"{' …' if len(names) > 5 else ''}): rename or remove that class, or train on it."
            )
    return TaskData(index, config.task, names, about.get("multi_label") is True, 1.0, config.seed)


def _class_ids(index: DatasetIndex, config: TrainConfig) -> np.ndarray:
    return index.box_column("class_id") if config.task == "detection" else index.label_pairs()[1]


def _rows(data: TaskData, split: str) -> tuple[np.ndarray, str]:
    """The labelled pictures of a split, or of what stands in for it; and its name."""
    named = [name for name in data.index.splits if name]
    if not named or split == ALL:
        data = _undivided(data)
        named, split = [ALL], ALL
    elif split not in named and split == "test" and "val" in named:
        split = "val"
    if split not in named:
        raise DataError(f"There is no split {split!r} in the data; there is {', '.join(named)}.")
    rows = data.rows[split]
    if not len(rows):
        raise DataError(f"No picture of the split {split!r} is labelled for {data.task}: label some first.")
    return rows, "" if split == ALL else split


def _undivided(data: TaskData) -> TaskData:
    return replace(data, index=data.index.with_splits([ALL] * len(data.index)), data_fraction=1.0)


def _left_out(data: TaskData, split: str) -> int:
    """How many pictures of a split ("": of all) have no answer to judge by."""
    if not split:
        data = _undivided(data)
    splits = np.array(data.index.images["split"].to_pylist(), object)
    return int((splits == (split or ALL)).sum()) - len(data.rows[split or ALL])


def _judge(of: Subject, progress: Stage | None, spoil: Spoil | None) -> Verdict:
    run, config, data, rows = of.run, of.config, of.data, of.rows
    spec, _ = read_run(run.path)
    device = _device(config)
    network = load_network(spec).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    objective = objective_for(config, data, spec.preprocessing)
    feed = PictureFeed(data.index, spec.preprocessing, seed=config.seed, spoil=spoil)
    batches = _counted(partial(feed.plain, rows), len(rows), progress)
    halved = [record["micro_batch"] for record in run.history() if record.get("micro_batch")]
    size = min([config.micro_batch or config.batch_size, *halved])
    return objective.judge_in_portions(network, batches, size, device, nullcontext)


def _device(config: TrainConfig) -> torch.device:
    """Where it was trained, or the best device of this machine where there is no such one here."""
    try:
        return choose_device(config.device)
    except SettingsError:
        return choose_device()


def _counted(
    batches: Callable[[int], Generator[Batch, None, None]], total: int, progress: Stage | None
) -> Callable[[int], Generator[Batch, None, None]]:
    """The same batches; progress is told of each."""

    def walk(size: int) -> Generator[Batch, None, None]:
        done = 0
        with closing(batches(size)) as source:
            for batch in source:
                yield batch
                done += len(batch)
                if progress:
                    progress("Evaluating", done, total)

    return walk

"""How well a run does on pictures that it was not trained on: its best weights, judged as during training.

found = evaluate("workspace/runs/…")                    # on the test split of its own data
found = evaluate("workspace/runs/…", data="photos/")    # on other pictures with the same classes
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vision_core.data.index import DatasetIndex
from vision_core.data.threads import available_cores
from vision_core.errors import DataError, SettingsError
from vision_core.predict import choose_device
from vision_core.run_folder import BEST, CONFIG, RunFolder
from vision_core.runs import load_network, read_run
from vision_core.training.config import TrainConfig
from vision_core.training.feed import Batch, PictureFeed
from vision_core.training.objectives import objective_for
from vision_core.training.task_data import Stage, TaskData, for_task, open_data, prepare

EVALUATION = "evaluation.json"


def evaluate(
    run_path: Path | str, data: str | None = None, split: str = "test", progress: Stage | None = None
) -> dict[str, Any]:
    """Judges a run's best weights, in full precision.

    On its own data what comes out is kept in the run's `evaluation.json`.

    Args:
        data: other pictures than the run's own: a data set's folder or archive, or its name in the workspace.
        split: "val" is judged where there is no "test"; all pictures of other data that has no splits.

    Returns:
        `split` (the one that was judged, "" for all), `metrics` (fractions of 1), `losses`, `images`, `data`,
        `left_out`: pictures of the split without an answer to judge by (not labelled, or of several classes where the
        run knows one a picture).

    Raises:
        DataError: the run has no weights yet, or there are no such pictures or classes.
        ModelError, WeightsError: the run cannot be read.
    """
    run = RunFolder.open(run_path)
    if not (run.path / BEST).is_file():
        raise DataError(f"The run {run.path.name!r} has no weights yet: train it for at least one epoch.")
    config = run.config()
    torch.set_num_threads(config.threads or available_cores())
    if data is None:
        judged = prepare(config, run.path / "data", progress)
    else:
        judged = _other(run, config.changed(data=data), progress)
    rows, split = _rows(judged, split)
    found = _judge(run, config, judged, rows, progress)
    found = {"split": split, **found, "images": len(rows), "data": data or config.data}
    found["left_out"] = _left_out(judged, split)
    if data is None:
        run.write(EVALUATION, found)
    return found


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
    if not named:
        data = replace(data, index=data.index.with_splits(["all"] * len(data.index)))
        named, split = ["all"], "all"
    elif split not in named and split == "test" and "val" in named:
        split = "val"
    if split not in named:
        raise DataError(f"There is no split {split!r} in the data; there is {', '.join(named)}.")
    rows = data.rows[split]
    if not len(rows):
        raise DataError(f"No picture of the split {split!r} is labelled for {data.task}: label some first.")
    return rows, "" if split == "all" else split


def _left_out(data: TaskData, split: str) -> int:
    """How many pictures of a split ("": of all) have no answer to judge by."""
    if not split:
        data = replace(data, index=data.index.with_splits(["all"] * len(data.index)))
    splits = np.array(data.index.images["split"].to_pylist(), object)
    return int((splits == (split or "all")).sum()) - len(data.rows[split or "all"])


def _judge(
    run: RunFolder, config: TrainConfig, data: TaskData, rows: np.ndarray, progress: Stage | None
) -> dict[str, Any]:
    spec, _ = read_run(run.path)
    device = _device(config)
    network = load_network(spec).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    objective = objective_for(config, data, spec.preprocessing)
    feed = PictureFeed(data.index, spec.preprocessing, seed=config.seed)
    batches = _counted(partial(feed.plain, rows), len(rows), progress)
    halved = [record["micro_batch"] for record in run.history() if record.get("micro_batch")]
    size = min([config.micro_batch or config.batch_size, *halved])
    verdict = objective.judge_in_portions(network, batches, size, device, nullcontext)
    return {"metrics": verdict.metrics, "losses": verdict.losses}


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

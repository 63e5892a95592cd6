"""Evaluations of runs: computed once, kept with the run, computed anew when its weights or the pictures change.

    found = evaluate_run("workspace/runs/…")                      # on its own test pictures
    found = evaluate_run("workspace/runs/…", data="photos/")      # on others, which the run never saw
    found.results, found.figures, found.path(3)
    for kept in list_evaluations("workspace/runs/…"): ...

An evaluation is one file in the run's `evaluations/`, written aside and renamed: what the network said of every
picture (safetensors), with everything else in the file's header. All figures follow from that without the network.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vision_core.data.index import DatasetIndex
from vision_core.errors import DataError, VisionError
from vision_core.evaluation import evaluation_file
from vision_core.evaluation.records import ClassificationResults, Results
from vision_core.run_folder import BEST, RunFolder

if TYPE_CHECKING:
    from vision_core.training.evaluate import Subject
    from vision_core.training.task_data import Stage

EVALUATION = "evaluation.json"
FOLDER = "evaluations"


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a run's best weights said of pictures whose answers are known.

    Attributes:
        file: where it is kept.
        about: the header's plain values.
        results: what was said, and what is true; with the temperature that the run keeps now.
    """

    file: Path
    about: Mapping[str, Any]
    results: Results

    @property
    def run(self) -> RunFolder:
        return RunFolder(self.file.parent.parent)

    @property
    def name(self) -> str:
        """What the run's owner calls it."""
        return str(self.run.read("about.json").get("name") or self.run.path.name)

    @property
    def key(self) -> str:
        """Differs whenever the evaluation does: what caches of its figures go by."""
        temperature = getattr(self.results, "temperature", 1.0)
        return f"{self.run.path}|{self.file.stem}|{self.about['digest']}|{temperature}"

    @property
    def task(self) -> str:
        return self.results.task

    @property
    def model(self) -> str:
        return str(self.about["model"])

    @property
    def data(self) -> str:
        """The name of the data set."""
        return str(self.about["data"])

    @property
    def is_own(self) -> bool:
        """Whether the pictures are the run's own, and not others that were named."""
        return bool(self.about["own"])

    @property
    def split(self) -> str:
        """Whose pictures; "" for all."""
        return str(self.about["split"])

    @property
    def left_out(self) -> int:
        return int(self.about["left_out"])

    @property
    def losses(self) -> dict[str, float]:
        return dict(self.about["losses"])

    @property
    def made_at(self) -> str:
        return str(self.about["made_at"])

    @cached_property
    def rows(self) -> np.ndarray:
        """`(N,)` int64: the row in `index` of each picture."""
        return np.array(self.about["rows"], np.int64)

    @cached_property
    def figures(self) -> dict[str, float]:
        """The usual figures by name, as the glossary explains them; one that the data cannot tell is absent."""
        return figures_of(self.results)

    @cached_property
    def index(self) -> DatasetIndex:
        """The data set as it is now, with the labels of the task.

        Raises:
            DataError: it is gone, or `rows` are other pictures in it now.
        """
        index = self._index()
        paths = index.images["path"]
        if self.rows.max(initial=-1) >= len(index) or paths.take(self.rows).to_pylist() != self.about["pictures"]:
            raise DataError(f"Pictures of {self.data!r} came or went since the evaluation: evaluate the run again.")
        return index

    def _index(self) -> DatasetIndex:
        if self.is_own:
            return DatasetIndex.load(self.run.path / "data")
        from vision_core.training.prepare import for_task, open_data

        config = self.run.config().changed(data=self.data)
        return for_task(open_data(self.data, None), config)

    def path(self, number: int) -> Path:
        """The file of a picture, by its number in `results`."""
        return self.index.path(int(self.rows[number]))

    def summary(self) -> dict[str, Any]:
        """What the run's `evaluation.json` and the command line say of it."""
        found = {"split": self.split, "metrics": self.figures, "losses": self.losses, "images": len(self.results)}
        return {**found, "data": self.data, "left_out": self.left_out}


def evaluate_run(
    run_path: Path | str,
    data: str | None = None,
    split: str = "test",
    progress: Stage | None = None,
    again: bool = False,
) -> Evaluation:
    """The evaluation of a run: the one that is kept, or a new one where weights or pictures have changed since.

    On the run's own test pictures its figures are in the run's `evaluation.json` too.

    Args:
        data: other pictures than the run's own: a data set's folder or archive, or its name in the workspace.
        split: "val" stands in for "test" where there is none; "all" for every picture.
        progress: told of what is done; what it raises ends the work, and nothing is kept.
        again: compute it even where a current one is kept.

    Raises:
        DataError: the run has no weights yet, or there are no such pictures or classes.
        ModelError, WeightsError: the run cannot be read.
    """
    from vision_core.training.evaluate import judge, subject

    of = subject(run_path, data, split, progress)
    file = _file(of.run, of.name, split)
    kept = None if again else _kept(file, of)
    if kept is None:
        about, arrays = evaluation_file.taken_down(of, judge(of, progress))
        evaluation_file.write(file, about | {"asked": split}, arrays)
        kept = open_evaluation(file)
    if data is None and split == "test" and of.run.read(EVALUATION) != kept.summary():
        of.run.write(EVALUATION, kept.summary())
    return kept


def list_evaluations(run_path: Path | str) -> list[Evaluation]:
    """The evaluations that a run keeps, newest first; one that cannot be read is left out."""
    found = []
    for file in sorted((Path(run_path) / FOLDER).glob("*.safetensors")):
        with suppress(DataError):
            found.append(open_evaluation(file))
    return sorted(found, key=lambda one: one.made_at, reverse=True)


def open_evaluation(file: Path) -> Evaluation:
    """An evaluation that is kept.

    Raises:
        DataError: it cannot be read; compute it again.
    """
    about, results = evaluation_file.read(file, RunFolder(file.parent.parent))
    return Evaluation(file, about, results)


def why_outdated(evaluation: Evaluation) -> str:
    """What has changed since, in a sentence; "" where nothing has."""
    from vision_core.training.evaluate import subject

    if evaluation.about["weights"] != evaluation_file.digest_of_file(evaluation.run.path / BEST):
        return "The run's weights have changed since."
    try:
        asked = evaluation.about["asked"]
        of = subject(evaluation.run.path, None if evaluation.is_own else evaluation.data, asked)
    except VisionError as error:
        return str(error)
    return "" if _same_pictures(evaluation.about, of) else "The pictures or their labels have changed since."


def figures_of(results: Results) -> dict[str, float]:
    """The figures of either task by their usual names."""
    if isinstance(results, ClassificationResults):
        from vision_core.evaluation import classification

        return classification.figures(results)
    from vision_core.evaluation import detection

    return detection.figures(results)


def _file(run: RunFolder, data: str, split: str) -> Path:
    said = hashlib.sha256(json.dumps([data, split]).encode()).hexdigest()[:12]
    return run.path / FOLDER / f"{said}.safetensors"


def _kept(file: Path, of: Subject) -> Evaluation | None:
    """The one that is kept, unless weights, pictures or labels are others now."""
    try:
        found = open_evaluation(file)
    except DataError:
        return None
    same = found.about["weights"] == evaluation_file.digest_of_file(of.run.path / BEST) and _same_pictures(
        found.about, of
    )
    return found if same else None


def _same_pictures(about: Mapping[str, Any], of: Subject) -> bool:
    """Whether the same pictures with the same answers are meant: by their times where those are the same, else by
    their bytes (a copy has other times)."""
    if about["rows"] != of.rows.tolist() or about["labels"] != of.data.fingerprint():
        return False
    return about["times"] == of.data.fingerprint(with_times=True) or about[
        "bytes"
    ] == evaluation_file.digest_of_pictures(of)

"""What has to be trained for a duel: a run a part, and its configuration.

for part in parts(plan, has_boxes=True):
    part.name, part.config(plan, "Fashion Shelf")      # "boxes-25": a detector on a quarter of the pictures
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vision_core.duel.plan import DuelPlan
from vision_core.run_folder import CONFIG, RunFolder
from vision_core.runs import is_run
from vision_core.training.config import LabelsFrom, TrainConfig, make_config
from vision_core.types import Task

Lesson = Literal["pictures", "boxes", "objects", "crops"]
"""What a network learns from: labels of whole pictures, boxes, boxes without their classes, or one object cut out at a
time."""


@dataclass(frozen=True)
class Part:
    """One run of a duel.

    Attributes:
        share: of the training pictures; of the crops, where the network learns from them.
    """

    lesson: Lesson
    share: float

    @property
    def name(self) -> str:
        return f"{self.lesson}-{self.share * 100:g}"

    @property
    def title(self) -> str:
        """For the list of runs and a progress bar."""
        what = {
            "pictures": "Classifier",
            "boxes": "Detector",
            "objects": "Detector of objects",
            "crops": "Classifier of crops",
        }[self.lesson]
        return what if self.share == 1 else f"{what}, {self.share:.0%} of the labels"

    @property
    def task(self) -> Task:
        return "detection" if self.lesson in ("boxes", "objects") else "classification"

    @property
    def labels_from(self) -> LabelsFrom:
        """The setting of its run, of data with boxes."""
        known: dict[Lesson, LabelsFrom] = {
            "pictures": "presence",
            "boxes": "auto",
            "objects": "objects",
            "crops": "crops",
        }
        return known[self.lesson]

    def given(self, plan: DuelPlan) -> Path | None:
        """The run that is taken for it as it is, where the plan names one."""
        named = {"pictures": plan.classifier, "boxes": plan.detector}.get(self.lesson, "")
        return Path(named).resolve() if named and self.share == 1 and is_run(named) else None

    def config(self, plan: DuelPlan, data: str, has_boxes: bool = True) -> TrainConfig:
        """What its run is told.

        Raises:
            SettingsError: the plan cannot be carried out so.
        """
        changes = {} if plan.epochs is None else {"epochs": plan.epochs}
        named = plan.detector if self.task == "detection" else plan.classifier
        model = str(RunFolder(Path(named)).read(CONFIG)["model"]) if is_run(named) else named
        config = make_config(data, self.task, model, plan.preset, **changes)
        labels = self.labels_from if has_boxes else "labels"
        return config.changed(labels_from=labels, data_fraction=self.share, seed=plan.seed, device=plan.device)


def lessons_of(kind: str, plan: DuelPlan) -> tuple[Lesson, ...]:
    """What the networks of a contender learn from, in the order they are used."""
    if kind == "two-stage":
        return ("boxes" if plan.first_stage == "class-aware" else "objects", "crops")
    return ("pictures",) if kind == "classification" else ("boxes",)


def parts(plan: DuelPlan, has_boxes: bool = True) -> Iterator[Part]:
    """Every run that a duel needs, the whole pictures first: with them alone there is a verdict.

    A contender that is given as a run has no learning curve.
    """
    if not has_boxes:  # a pretrained detector stands against it
        yield Part("pictures", 1.0)
        return
    kinds = plan.contenders
    every: list[tuple[Lesson, ...]] = [lessons_of(kind, plan) for kind in kinds]
    fresh = [own for own in every if all(Part(lesson, 1.0).given(plan) is None for lesson in own)]
    for share in sorted(plan.shares, reverse=True):
        wanted: dict[Lesson, None] = dict.fromkeys(lesson for own in (every if share == 1 else fresh) for lesson in own)
        for lesson in wanted:
            yield Part(lesson, share)

"""One held-out picture: what is there, and what each contender of a finished duel said of it.

for view in answers_to_one(duel):
    view.title, view.jpeg, view.words
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vision_core.drawing import class_colours
from vision_core.duel.folder import DuelFolder
from vision_core.duel.parts import Part, lessons_of
from vision_core.duel.two_stage import two_stage
from vision_core.errors import DataError
from vision_core.evaluation.pictures import Outline, drawn_jpeg
from vision_core.evaluation.records import ClassificationResults, DetectionResults
from vision_core.evaluation.store import Evaluation, evaluate_run
from vision_core.images import open_image

WIDTH_PX = 440


@dataclass(frozen=True)
class View:
    """What a contender said.

    Attributes:
        jpeg: the picture, with its boxes where it draws any.
        words: the same in words, for those who cannot see it.
    """

    title: str
    jpeg: bytes
    words: str


def answers_to_one(duel: DuelFolder) -> tuple[View, ...]:
    """A picture with what people drew, then as each contender sees it that was trained for the duel: of the third with
    a middling number of objects the brightest, which shows best.

    Raises:
        DataError: the duel has no result, a run is gone, or nobody has drawn boxes in the pictures.
    """
    every = duel.result().get("contenders", [])
    judged = {one["task"]: _evaluation(duel, one) for one in every if one["runs"]}
    boxed = [one for one in judged.values() if isinstance(one.results, DetectionResults)]
    if not boxed:
        raise DataError("This duel has no pictures with boxes to show.")
    results = boxed[0].results
    if not isinstance(results, DetectionResults):
        raise DataError("A detector's evaluation has no boxes.")
    number = _chosen(results, boxed[0])
    name, path, size = results.pictures[number], boxed[0].path(number), results.sizes_px[number]
    size_px = (int(size[0]), int(size[1]))
    told = [_view(duel, one, judged[one["task"]], name, path, size_px) for one in every if one["task"] in judged]
    return (_truth(results, number, path, size_px), *told)


def _truth(results: DetectionResults, number: int, path: Path, size_px: tuple[int, int]) -> View:
    """What people have drawn."""
    truth, colours = results.truth, class_colours(results.class_names)
    said = []
    for place in np.flatnonzero(truth.picture == number).tolist():
        name = results.class_names[int(truth.labels[place])]
        left, top, right, bottom = map(float, truth.boxes_xyxy[place])
        said.append(Outline((left, top, right, bottom), True, colours[name], name))
    return View("What is there", drawn_jpeg(path, said, size_px, WIDTH_PX), f"People drew: {_counted(said)}.")


def _counted(outlines: Sequence[Outline]) -> str:
    counts = {text: sum(one.text == text for one in outlines) for text in dict.fromkeys(one.text for one in outlines)}
    return ", ".join(f"{count} x {text}" for text, count in counts.items()) or "nothing that it knows"


def _chosen(results: DetectionResults, judged: Evaluation) -> int:
    order = np.argsort(np.bincount(results.truth.picture, minlength=len(results)), kind="stable")
    middling = order[len(order) // 3 : max(1, 2 * len(order) // 3)].tolist()
    light = {number: float(np.asarray(open_image(judged.path(number)).preview(64)).mean()) for number in middling}
    return max(light, key=lambda number: light[number])


def _evaluation(duel: DuelFolder, one: Mapping[str, Any]) -> Evaluation:
    lesson = lessons_of(one["task"], duel.plan())[0]
    return evaluate_run(one["runs"][0], duel.data() if Part(lesson, 1.0).given(duel.plan()) else None)


def _view(
    duel: DuelFolder, one: Mapping[str, Any], judged: Evaluation, name: str, path: Path, size_px: tuple[int, int]
) -> View:
    results = judged.results
    if isinstance(results, ClassificationResults):
        number = results.pictures.index(name)
        names = [results.class_names[label] for label in np.flatnonzero(results.scores[number] > one["threshold"])]
        words = ", ".join(names) or "nothing that it knows"
        return View(one["title"], drawn_jpeg(path, (), size_px, WIDTH_PX), f"It shows: {words}.")
    if one["task"] == "two-stage":
        kept = duel.path / f"two-stage-100-{judged.split}.safetensors"
        agnostic = lessons_of("two-stage", duel.plan())[0] == "objects"
        results = two_stage(judged, one["runs"][1], kept, data=duel.data() if agnostic else "")
    outlines = _outlines(results, results.pictures.index(name), float(one["threshold"]))
    return View(one["title"], drawn_jpeg(path, outlines, size_px, WIDTH_PX), f"It finds: {_counted(outlines)}.")


def _outlines(results: DetectionResults, number: int, threshold: float) -> list[Outline]:
    found, colours = results.found, class_colours(results.class_names)
    mine = np.flatnonzero((found.picture == number) & (found.scores >= threshold))
    said = []
    for place in mine.tolist():
        name = results.class_names[int(found.labels[place])]
        left, top, right, bottom = map(float, found.boxes_xyxy[place])
        said.append(Outline((left, top, right, bottom), False, colours[name], name))
    return said

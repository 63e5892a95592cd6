"""Pictures of a detector where nobody has drawn boxes: judged by whether each class is there, which labels tell."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vision_core.evaluation.answers import answers
from vision_core.evaluation.ground import Ground, columns_of
from vision_core.evaluation.pictures import RIGHT, WRONG, Outline
from vision_core.evaluation.records import DetectionResults
from vision_core.report.shots import Said, corners_of, legible, names_of, shot_of
from vision_core.report.subject import Shot


def of_presence(said: Said, results: DetectionResults, ground: Ground, key: str) -> Iterator[Shot]:
    """Pictures with a class that is rightly found, missed, or found and not there; the surest first.

    Args:
        ground: the pictures, and the classes that all who are compared know.
        key: of `galleries.KINDS`; of a kind that labels cannot tell there is none.
    """
    told = answers(results, ground, said.one.threshold)
    there, shown = told.there, ground.shown
    known = {"right": there & shown, "missed": shown & ~there, "background": there & ~shown}
    if key not in known:
        return
    mask = known[key]
    sure = np.where(mask, -told.scores if key == "missed" else told.scores, -np.inf).max(axis=1)
    if key == "right":
        sure -= (there != shown).sum(axis=1)
    for row in np.argsort(-sure, kind="stable").tolist():
        if not mask[row].any():
            continue
        number = said.number_of[ground.pictures[row]]
        named = names_of(ground.class_names, mask[row])
        text = {"right": f"finds {named}", "missed": f"finds no {named}"}.get(key, f"finds {named}, which is not there")
        outlines = legible(tuple(_boxes(results, ground, number, row, told.threshold or 0.0)))
        width, height = results.sizes_px[number].tolist()
        yield shot_of(said, number, text, outlines, (width, height))


def _boxes(results: DetectionResults, ground: Ground, number: int, row: int, threshold: float) -> Iterator[Outline]:
    """What was found of these classes in one picture, those that it does not show in the colour of a mistake."""
    label_of = {
        own: label for label, name in enumerate(ground.class_names) for own in columns_of(results.class_names, name)
    }
    found = results.found
    for at in np.flatnonzero((found.picture == number) & (found.scores >= threshold)).tolist():
        label = label_of.get(int(found.labels[at]))
        if label is not None:
            colour = RIGHT if ground.shown[row, label] else WRONG
            yield Outline(corners_of(found.boxes_xyxy[at]), False, colour, ground.class_names[label])

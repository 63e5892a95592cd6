"""Show the code: Python lines, or a notebook, that reproduce what is on screen.

Whatever a user typed or uploaded enters the code through `repr` only, so that a hostile file name stays a string.
"""

from __future__ import annotations

from dataclasses import dataclass

from vision_core.errors import SettingsError
from vision_core.notebooks.writer import Step, script, write


@dataclass(frozen=True, kw_only=True)
class SnippetSettings:
    """What is on screen.

    Attributes:
        image: the picture's file name, or a sample's name when `is_sample`.
        classifiers, detectors: model names or run folders, one a column.
        pipeline: detector and classifier of detect-then-classify, or None.
        score, iou: thresholds 0..1 of what is shown.
        only: classes that are shown; none means all.
    """

    image: str
    is_sample: bool = False
    classifiers: tuple[str, ...] = ()
    detectors: tuple[str, ...] = ()
    pipeline: tuple[str, str] | None = None
    score: float = 0.4
    iou: float = 0.5
    only: tuple[str, ...] = ()
    top_k: int = 5


def python_snippet(settings: SnippetSettings) -> str:
    """The lines as one Python script.

    Raises:
        SettingsError: a threshold outside 0..1 or `top_k` below 1.
    """
    return script(_steps(settings))


def notebook(settings: SnippetSettings) -> bytes:
    """The same lines as a Jupyter notebook (nbformat 4), one step a cell, each under a line of text.

    Raises:
        SettingsError: as `python_snippet`.
    """
    intro = "The same models, picture and thresholds as on the Compare page. "
    return write(
        "What, or what and where?", intro + "Run it where `vision_core` and the picture are.", _steps(settings)
    )


def _steps(settings: SnippetSettings) -> list[Step]:
    """The titles hold nothing that a user wrote."""
    for name, value in (("score", settings.score), ("iou", settings.iou)):
        if not 0 <= value <= 1:
            raise SettingsError(f"{name} {value} is outside 0 to 1.")
    if settings.top_k < 1:
        raise SettingsError(f"top_k {settings.top_k} must be at least 1.")
    last = (settings.pipeline,) if settings.pipeline else ()
    classifiers = _variables("classifier", (*settings.classifiers, *(pair[1] for pair in last)))
    detectors = _variables("detector", (*settings.detectors, *(pair[0] for pair in last)))
    opening = _opening(settings, bool(classifiers), bool(detectors))
    steps = [Step("The picture", "It is upright, whatever the camera said.", opening)]
    if classifiers:
        steps.append(Step("What is it?", "One list for the whole picture.", _classify(settings, classifiers)))
    if detectors:
        steps.append(Step("What is there, and where?", "A line an object.", _detect(settings, detectors)))
    if settings.pipeline:
        detector, classifier = detectors[settings.pipeline[0]], classifiers[settings.pipeline[1]]
        code = _classify_objects(settings, detector, classifier)
        steps.append(Step("What is each object?", "The detector's name first, then the classifier's.", code))
    return steps


def _variables(kind: str, names: tuple[str, ...]) -> dict[str, str]:
    """A variable for every different model: `detector`, `detector_2` …"""
    different = list(dict.fromkeys(names))
    return {name: kind if not index else f"{kind}_{index + 1}" for index, name in enumerate(different)}


def _opening(settings: SnippetSettings, classify: bool, detect: bool) -> str:
    opener = "open_sample" if settings.is_sample else "open_image"
    wanted = {"load_classifier": classify, "load_detector": detect, "detect_then_classify": settings.pipeline}
    names = sorted([opener, *(name for name, used in wanted.items() if used)])
    imports = f"from vision_core import {', '.join(names)}\n"
    if settings.only and settings.classifiers:
        imports += "from vision_core.vocabulary import restrict\n"
    return f"{imports}\npicture = {opener}({settings.image!r})"


def _texts(values: tuple[str, ...]) -> list[str]:
    return [str(value) for value in values]


def _classify(settings: SnippetSettings, classifiers: dict[str, str]) -> str:
    lines = []
    for name, variable in classifiers.items():
        lines.append(f"{variable} = load_classifier({name!r})")
        if name in settings.classifiers:
            lines += [
                f"classification = {variable}.predict([picture.pixels])[0]",
                *([f"classification = restrict(classification, {_texts(settings.only)!r})"] if settings.only else []),
                f"for label in classification.top({int(settings.top_k)}):",
                '    print(f"{label.score:6.1%}  {label.name}")',
            ]
    return "\n".join(lines)


def _detect(settings: SnippetSettings, detectors: dict[str, str]) -> str:
    lines = []
    for name, variable in detectors.items():
        found = variable.replace("detector", "found")
        lines += [
            f"{variable} = load_detector({name!r})",
            f"candidates = {variable}.predict([picture.pixels])[0]",
            f"{found} = candidates.select(score={float(settings.score)!r}, iou={float(settings.iou)!r},"
            f" only={_texts(settings.only)!r})",
        ]
        if name in settings.detectors:
            lines += [
                f"for name, score, box in zip({found}.names, {found}.scores, {found}.boxes_xyxy):",
                '    print(f"{score:6.1%}  {name} at {box.round().tolist()}")',
            ]
    return "\n".join(lines)


def _classify_objects(settings: SnippetSettings, detector: str, classifier: str) -> str:
    return "\n".join(
        [
            f"result = detect_then_classify(picture.pixels, {detector.replace('detector', 'found')}, {classifier})",
            "for name, labels in zip(result.detections.names, result.labels):",
            f'    top = [f"{{label.name}} {{label.score:.1%}}" for label in labels.top({int(settings.top_k)})]',
            '    print(f"{name}: {top}")',
        ]
    )

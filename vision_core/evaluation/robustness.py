"""How a run does on the same test pictures spoilt in graded ways: blur, noise, compression, darkness.

    found = robustness(evaluation, progress=progress)
    found.clean["map"], found.curve("map")["gaussian_blur"]      # of severities 1 to 5
    kept_robustness(evaluation)                                   # what was found before, if it still holds

Every picture is spoilt at its own size before it is made ready for the network, so that two networks see the same
damage whatever their input size. What is found is kept with the evaluation after each step, so that nothing is done
twice, even when it was stopped.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from vision_core.errors import DataError, SettingsError
from vision_core.evaluation.box_matching import Stage
from vision_core.evaluation.corruptions import CORRUPTIONS, SEVERITIES, USUAL
from vision_core.evaluation.records import ClassificationResults, FoundBoxes, Results, join_boxes
from vision_core.evaluation.store import Evaluation, figures_of, why_outdated

if TYPE_CHECKING:
    from vision_core.training.objectives import Verdict

PICTURES = 300
"""As many pictures as are looked at unless more are asked for: each is looked at twenty times."""
SPOILT_AT_PX = 640
"""Longest edge that damage is done at: that of COCO's pictures, which the constants were used for. A larger picture is
spoilt at this size (or the network's input size where that is larger) and enlarged again."""
_FORMAT = 1


@dataclass(frozen=True)
class Robustness:
    """Figures of spoilt pictures.

    Attributes:
        pictures: how many were looked at; of: how many there are.
        clean: figures of the same pictures as they are.
        spoilt: by corruption and severity, the figures; what was not done yet is absent.
    """

    pictures: int
    of: int
    clean: Mapping[str, float]
    spoilt: Mapping[str, Mapping[int, Mapping[str, float]]]

    def curve(self, figure: str) -> dict[str, list[float]]:
        """Of each corruption that is done, the figure at severities 1 to 5; nan where the pictures cannot tell it."""
        return {
            name: [float(steps[severity].get(figure, np.nan)) for severity in SEVERITIES]
            for name, steps in self.spoilt.items()
            if set(steps) >= set(SEVERITIES)
        }

    def kept_share(self, figure: str) -> dict[str, float]:
        """Of each corruption that is done, the mean over severities as a share of the clean figure (rPC of Michaelis et
        al. 2019); absent where the clean figure is 0."""
        clean = self.clean.get(figure, 0.0)
        return {name: float(np.mean(values)) / clean for name, values in self.curve(figure).items() if clean}


def robustness(
    evaluation: Evaluation,
    kinds: Sequence[str] = USUAL,
    pictures: int | None = PICTURES,
    seed: int = 0,
    progress: Stage | None = None,
) -> Robustness:
    """Shows the network its pictures spoilt, one kind and severity after another, and keeps what it says.

    Args:
        kinds: of `CORRUPTIONS`.
        pictures: at most so many, drawn by the seed; None: all of them.
        progress: told of what is done, in pictures; raise in it to stop.

    Raises:
        SettingsError: an unknown kind.
        DataError, ModelError, WeightsError: the run or its pictures are gone, or others than were evaluated.
    """
    for kind in kinds:
        if kind not in CORRUPTIONS:
            raise SettingsError(f"Pictures cannot be spoilt by {kind!r}; there is {', '.join(CORRUPTIONS)}.")
    chosen = _chosen(len(evaluation.results), pictures, seed)
    about = {"format": _FORMAT, "key": _key(evaluation), "pictures": chosen.tolist(), "seed": seed}
    document = _read(evaluation)
    if {name: document.get(name) for name in about} != about:
        document = {**about, "clean": None, "spoilt": {}}
    steps: list[tuple[str, int]] = [] if document["clean"] else [("", 0)]
    done: Mapping[str, Any] = document["spoilt"]
    steps += [(kind, n) for kind in kinds for n in SEVERITIES if str(n) not in done.get(kind, {})]
    if steps and (why := why_outdated(evaluation)):
        raise DataError(f"{why} Evaluate the run again first.")
    for number, (kind, severity) in enumerate(steps):
        told = None if progress is None else _told(progress, kind, severity, number, len(steps))
        found = figures_of(_answers(evaluation, chosen, kind, severity, seed, told))
        if kind:
            document["spoilt"].setdefault(kind, {})[str(severity)] = found
        else:
            document["clean"] = found
        _write(evaluation, document)
    return _opened(document, len(evaluation.results), kinds)


def kept_robustness(evaluation: Evaluation, kinds: Sequence[str] | None = None) -> Robustness | None:
    """What was found of this very evaluation before; None where nothing was, or weights or pictures changed since.

    Args:
        kinds: only these; all by default.
    """
    document = _read(evaluation)
    if document.get("format") != _FORMAT or document.get("key") != _key(evaluation) or not document.get("clean"):
        return None
    return _opened(document, len(evaluation.results), kinds)


def spoiler(kind: str, severity: int, seed: int, longest_px: int) -> Callable[[Image.Image, int], Image.Image]:
    """What spoils the picture of a row of the data set; the same row always in the same way.

    Args:
        kind: of `CORRUPTIONS`; "" leaves pictures as they are, but for what `longest_px` does to them.
        longest_px: the longest edge that damage is done at; see `SPOILT_AT_PX`.
    """

    def spoil(image: Image.Image, row: int) -> Image.Image:
        size = image.size
        if max(size) > longest_px:
            shrink = longest_px / max(size)
            smaller = (max(1, round(size[0] * shrink)), max(1, round(size[1] * shrink)))
            image = image.resize(smaller, Image.Resampling.BILINEAR, reducing_gap=3.0)
        if kind:
            random = np.random.default_rng([seed, zlib.crc32(kind.encode()), severity, row])
            image = Image.fromarray(CORRUPTIONS[kind].apply(np.asarray(image), severity, random))
        return image if image.size == size else image.resize(size, Image.Resampling.BILINEAR)

    return spoil


def _answers(
    evaluation: Evaluation, chosen: np.ndarray, kind: str, severity: int, seed: int, progress: Stage | None
) -> Results:
    """What the network says of the chosen pictures once they are spoilt."""
    from vision_core.runs import read_run
    from vision_core.training.evaluate import judge, subject

    run = evaluation.run.path
    of = subject(run, None if evaluation.is_own else evaluation.data, evaluation.about["asked"])
    of = replace(of, rows=evaluation.rows[chosen])
    longest_px = max(SPOILT_AT_PX, read_run(run)[0].preprocessing.size_px)
    verdict = judge(of, progress, spoiler(kind, severity, seed, longest_px))
    return _of_verdict(evaluation.results.take(chosen), of.rows, verdict)


def _of_verdict(results: Results, rows: np.ndarray, verdict: Verdict) -> Results:
    """The same pictures and truth with what the network said this time."""
    if isinstance(results, ClassificationResults):
        judged, logits = np.asarray(verdict.rows), np.asarray(verdict.logits)
        order = np.argsort(judged)
        return replace(results, logits=logits[order[np.searchsorted(judged[order], rows)]])
    if verdict.found is None:
        return results
    found = [verdict.found.of(int(row)) for row in rows]
    boxes, picture = join_boxes([one.boxes_xyxy for one in found], 4)
    scores = np.concatenate([np.zeros(0), *[one.scores for one in found]]).astype(np.float64)
    labels = np.concatenate([np.zeros(0), *[one.labels for one in found]]).astype(np.int64)
    return replace(results, found=FoundBoxes(picture, boxes.astype(np.float64), scores, labels))


def _chosen(count: int, pictures: int | None, seed: int) -> np.ndarray:
    """Numbers of the pictures that are looked at, in order."""
    if pictures is None or pictures >= count:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).permutation(count)[: max(1, pictures)])


def _told(progress: Stage, kind: str, severity: int, number: int, steps: int) -> Stage:
    """Progress within one step as progress of all of them."""
    title = f"{CORRUPTIONS[kind].title}, step {severity} of {len(SEVERITIES)}" if kind else "Pictures as they are"

    def told(_stage: str, done: int, total: int) -> None:
        progress(title, number * total + done, steps * total)

    return told


def _opened(document: Mapping[str, Any], of: int, kinds: Sequence[str] | None) -> Robustness:
    spoilt = {
        kind: {int(severity): dict(figures) for severity, figures in steps.items()}
        for kind, steps in document["spoilt"].items()
        if kinds is None or kind in kinds
    }
    return Robustness(len(document["pictures"]), of, dict(document["clean"]), spoilt)


def _key(evaluation: Evaluation) -> str:
    """Differs when weights, pictures, labels or the temperature do; not when the run is moved."""
    about, temperature = evaluation.about, getattr(evaluation.results, "temperature", 1.0)
    return "|".join(
        str(part) for part in (*(about[name] for name in ("weights", "bytes", "labels", "digest")), temperature)
    )


def _file(evaluation: Evaluation) -> Path:
    return evaluation.file.with_suffix(".robustness.json")


def _read(evaluation: Evaluation) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        found = json.loads(_file(evaluation).read_text(encoding="utf-8"))
        if isinstance(found, dict):
            return found
    return {}


def _write(evaluation: Evaluation, document: Mapping[str, Any]) -> None:
    file = _file(evaluation)
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    part.write_text(json.dumps(document), encoding="utf-8")
    os.replace(part, file)

"""How an evaluation is laid down in a file and taken up again: arrays, and the header's plain values.

about, arrays = taken_down(of, verdict)      # what a judge said, and of what
write(file, about, arrays)                   # aside, then renamed
about, results = read(file, run)

What was judged is known again by its bytes: `digest_of_file`, `digest_of_pictures`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vision_core.errors import DataError, VisionError
from vision_core.evaluation.calibration import check_temperature
from vision_core.evaluation.records import (
    ClassificationResults,
    DetectionResults,
    FoundBoxes,
    Results,
    TrueBoxes,
    join_boxes,
)
from vision_core.run_folder import BEST, CONFIG, RunFolder
from vision_core.settings import ensure_folder

if TYPE_CHECKING:
    from vision_core.training.evaluate import Subject
    from vision_core.training.objectives import Verdict
    from vision_core.training.task_data import TaskData

FORMAT = 1
_DIGEST_CHUNK = 1 << 20


def taken_down(of: Subject, verdict: Verdict) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What is kept of a verdict: plain values and arrays."""
    paths = of.data.index.images["path"].take(of.rows).to_pylist()
    about: dict[str, Any] = {
        "format": FORMAT,
        "task": of.data.task,
        "model": of.config.model,
        "data": of.name or of.config.data,
        "own": not of.name,
        "split": of.split,
        "rows": of.rows.tolist(),
        "pictures": [str(path) for path in paths],
        "class_names": list(of.data.class_names),
        "multi_label": of.data.multi_label,
        "losses": verdict.losses,
        "left_out": of.left_out,
        "made_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "weights": digest_of_file(of.run.path / BEST),
        "labels": of.data.fingerprint(),
        "times": of.data.fingerprint(with_times=True),
        "bytes": digest_of_pictures(of),
    }
    arrays = _classified(of, verdict) if of.data.task == "classification" else _detected(of, verdict)
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(arrays[name].tobytes())
    return about | {"digest": digest.hexdigest()[:16]}, arrays


def _classified(of: Subject, verdict: Verdict) -> dict[str, np.ndarray]:
    if verdict.rows is None or verdict.logits is None:
        raise DataError("The judge of a classifier took nothing down.")
    place = np.empty(int(verdict.rows.max(initial=0)) + 1, np.int64)
    place[verdict.rows] = np.arange(len(verdict.rows))
    targets = of.data.targets(of.rows)
    return {
        "logits": verdict.logits[place[of.rows]].astype(np.float32),
        "targets": targets.astype(np.uint8 if of.data.multi_label else np.int64),
    }


def _detected(of: Subject, verdict: Verdict) -> dict[str, np.ndarray]:
    if verdict.found is None:
        raise DataError("The judge of a detector took nothing down.")
    found = [verdict.found.of(int(row)) for row in of.rows]
    boxes, picture = join_boxes([one.boxes_xyxy for one in found], 4)
    return {
        "sizes_px": np.array([of.data.size_px(int(row)) for row in of.rows], np.int64).reshape(-1, 2),
        "found_picture": picture,
        "found_boxes": boxes.astype(np.float32),
        "found_scores": np.concatenate([np.zeros(0), *[one.scores for one in found]]).astype(np.float32),
        "found_labels": np.concatenate([np.zeros(0), *[one.labels for one in found]]).astype(np.int64),
        **_true(of.data, of.rows),
    }


def true_boxes(data: TaskData, rows: np.ndarray) -> TrueBoxes:
    """What is in pictures of a data set, as an evaluation of a detector would hold it."""
    return _truth(_true(data, rows))


def _true(data: TaskData, rows: np.ndarray) -> dict[str, np.ndarray]:
    records = [data.index.record(int(row)) for row in rows]
    none = np.zeros((0, 4), np.float32)
    truth, of_truth = join_boxes([none if one.boxes_xyxy is None else one.boxes_xyxy for one in records], 4)
    return {
        "truth_picture": of_truth,
        "truth_boxes": truth.astype(np.float32),
        "truth_labels": data.label_of_class[
            np.concatenate([np.zeros(0), *[one.class_ids for one in records]]).astype(np.int64)
        ],
        "truth_crowd": np.concatenate([np.zeros(0), *[one.crowd for one in records]]).astype(np.uint8),
    }


def _results(about: Mapping[str, Any], arrays: Mapping[str, np.ndarray], run: RunFolder) -> Results:
    pictures, names = tuple(about["pictures"]), tuple(about["class_names"])
    if about["task"] == "classification":
        return ClassificationResults(
            pictures=pictures,
            class_names=names,
            logits=arrays["logits"],
            targets=arrays["targets"].astype(bool) if about["multi_label"] else arrays["targets"],
            multi_label=bool(about["multi_label"]),
            temperature=check_temperature(run.read(CONFIG).get("temperature", 1.0)),
        )
    found = FoundBoxes(
        arrays["found_picture"],
        arrays["found_boxes"].astype(np.float64),
        arrays["found_scores"].astype(np.float64),
        arrays["found_labels"],
    )
    return DetectionResults(
        pictures=pictures, class_names=names, sizes_px=arrays["sizes_px"], truth=_truth(arrays), found=found
    )


def _truth(arrays: Mapping[str, np.ndarray]) -> TrueBoxes:
    return TrueBoxes(
        arrays["truth_picture"],
        arrays["truth_boxes"].astype(np.float64),
        arrays["truth_labels"],
        arrays["truth_crowd"].astype(bool),
    )


def write(file: Path, about: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Writes it aside and renames it; on a full disk nothing is left behind."""
    from safetensors.numpy import save_file

    ensure_folder(file.parent)
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        save_file(whole, part, {"about": json.dumps(about, ensure_ascii=False)})
        os.replace(part, file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def read(file: Path, run: RunFolder) -> tuple[dict[str, Any], Results]:
    """The header's values, and the results with the temperature that the run keeps now.

    Raises:
        DataError: it cannot be read; compute it again.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "numpy") as tensors:
            about = about_of(tensors)
            arrays = {name: tensors.get_tensor(name) for name in tensors.keys()}  # noqa: SIM118  (not a dictionary)
        if about["format"] != FORMAT:
            raise ValueError(f"format {about['format']}")
        return about, _results(about, arrays, run)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, VisionError) as error:
        raise DataError(f"The evaluation {file} cannot be read ({error}): evaluate the run again.") from error


def about_of(tensors: Any) -> dict[str, Any]:
    """The plain values in the header of an open file.

    Raises:
        KeyError, TypeError, ValueError: it has none.
    """
    return json.loads(tensors.metadata()["about"])


def digest_of_file(path: Path) -> str:
    """Of its bytes; "" where it is gone. A file is read once for every time it changes."""
    try:
        about = path.stat()
        return _digest_of_version(path, about.st_size, about.st_mtime_ns)
    except OSError:
        return ""


@lru_cache(maxsize=100_000)
def _digest_of_version(path: Path, size: int, changed_ns: int) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_DIGEST_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()[:16]


def digest_of_pictures(of: Subject) -> str:
    """Of the bytes of every picture that is judged; a missing one counts as such."""
    said = "".join(digest_of_file(of.data.index.path(int(row))) or "-" for row in of.rows)
    return hashlib.sha256(said.encode()).hexdigest()[:16]

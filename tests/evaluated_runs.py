"""Runs with evaluations that no network made: what it would have said is drawn at random around the truth."""

from __future__ import annotations

from typing import Any

import numpy as np

from vision_core.data.library import Dataset
from vision_core.evaluation.evaluation_file import taken_down, write
from vision_core.evaluation.store import Evaluation, _file, open_evaluation
from vision_core.run_folder import BEST, STATUS, RunFolder, create_run
from vision_core.training.config import make_config
from vision_core.training.evaluate import Subject, subject
from vision_core.training.metrics import Boxes, BoxesFound
from vision_core.training.objectives import Verdict

CLASSIFIER, DETECTOR = "tf_efficientnet_lite0", "ssdlite_mobilenet_v2_coco"


def trained_run(data: Dataset, task: Any, name: str, seed: int = 0, **changes: Any) -> RunFolder:
    """A finished run of the workspace, with weights that nobody can load."""
    config = make_config(data.id, task, CLASSIFIER if task == "classification" else DETECTOR, seed=seed, **changes)
    run = create_run(config, name)
    (run.path / BEST).parent.mkdir()
    (run.path / BEST).write_bytes(bytes([seed]))
    judged = subject(run.path)
    names = list(judged.data.class_names)
    run.extend_config(class_names=names, multi_label=judged.data.multi_label, input_size_px=300)
    run.write(STATUS, {"state": "finished"})
    metric = "map" if task == "detection" or judged.data.multi_label else "top1"
    line = {"epoch": 1, "monitor": metric, "metrics": {metric: 0.5}, "best": True, "seconds": 1.0}
    run.write_lines("metrics.jsonl", [line])
    return run


def evaluated(
    run: RunFolder, split: str = "test", data: str | None = None, sure: float = 2.0, seed: int = 0
) -> Evaluation:
    """An evaluation of that run, kept as `evaluate_run` keeps it; the higher `sure`, the more answers are right."""
    of = subject(run.path, data, split)
    about, arrays = taken_down(of, _detected(of, sure, seed) if of.data.task == "detection" else _said(of, sure, seed))
    file = _file(run, of.name, split)
    write(file, about | {"asked": split}, arrays)
    return open_evaluation(file)


def _said(of: Subject, sure: float, seed: int) -> Verdict:
    random = np.random.default_rng(seed)
    shown = np.asarray(of.data.targets(of.rows))
    if shown.ndim == 1:
        shown = np.eye(len(of.data.class_names))[shown]
    logits = sure * (2 * shown - 1) + random.normal(0, 1.5, shown.shape)
    return Verdict(metrics={}, losses={"loss": 1.0}, rows=of.rows, logits=logits.astype(np.float32))


def _detected(of: Subject, sure: float, seed: int) -> Verdict:
    random = np.random.default_rng(seed)
    found, classes = BoxesFound(of.data), len(of.data.class_names)
    for row in of.rows.tolist():
        record = of.data.index.record(row)
        true = np.zeros((0, 4)) if record.boxes_xyxy is None else record.boxes_xyxy
        kept = np.flatnonzero(random.random(len(true)) < min(0.95, 0.4 + 0.2 * sure))
        moved = true[kept] + random.normal(0, 6 / sure, (len(kept), 4))
        labels = of.data.label_of_class[np.asarray(record.class_ids, np.int64)][kept]
        labels = np.where(random.random(len(kept)) < 0.2, random.integers(0, classes, len(kept)), labels)
        extra = random.uniform(0, 150, (2, 2))
        boxes = np.concatenate([moved, np.concatenate([extra, extra + 60], axis=1)]).astype(np.float32)
        scores = np.concatenate([random.uniform(0.3, 1, len(kept)), random.uniform(0, 0.5, 2)]).astype(np.float32)
        order = np.argsort(-scores)
        labels = np.append(labels, random.integers(0, classes, 2))
        found.add(np.array([row]), [Boxes(boxes[order], scores[order], labels[order])])
    return Verdict(metrics={}, losses={"loss": 1.0}, found=found)

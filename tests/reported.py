"""Duels and runs to report on, without a network: runs whose answers are drawn at random, a duel's own account of them.

Names may be as hostile as names can be.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.evaluated_runs import evaluated, trained_run
from vision_core.data.library import Dataset, import_dataset
from vision_core.duel import account as accounts
from vision_core.duel.folder import DUEL, DuelFolder
from vision_core.duel.judging import Said
from vision_core.duel.plan import DuelPlan
from vision_core.evaluation import evaluation_file
from vision_core.evaluation.records import DetectionResults
from vision_core.run_folder import BEST, STATUS, RunFolder

HOSTILE = (
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(2)>",
    '" onmouseover="alert(3)" x="',
    "[go](javascript:alert(4)) & $x^2$ {{ 7*7 }} %{x}",
    "a\u202eb\u0007c`d|e",
    "--- \n!!python/object:os.system " + "long " * 60,
)
SIZE = (240, 180)


def paint(folder: Path, names: Sequence[str], files: Sequence[str] = (), pictures: int = 12) -> Path:
    """COCO splits train, val and test: one coloured square of each of three classes on noise in every picture.

    Args:
        files: how to begin the files' names, in turns.
    """
    random = np.random.default_rng(3)
    for split in ("train", "val", "test"):
        (folder / split).mkdir(parents=True)
        coco: dict[str, Any] = {"images": [], "annotations": []}
        coco["categories"] = [{"id": label, "name": name} for label, name in enumerate(names)]
        for number in range(pictures):
            start = files[number % len(files)] if files else "picture"
            name = f"{start}-{split}-{number}.jpg"
            pixels = random.integers(0, 255, (SIZE[1], SIZE[0], 3)).astype(np.uint8)
            coco["images"].append({"id": number, "file_name": name, "width": SIZE[0], "height": SIZE[1]})
            for place in range(3):
                label = (number + place) % len(names)
                x, y = 10 + 75 * place, 15 + 5 * (number % 8)
                pixels[y : y + 60, x : x + 60] = (40 * label % 255, 255 - 30 * label % 255, 90)
                box = {"image_id": number, "category_id": label, "bbox": [x, y, 60, 60], "iscrowd": 0}
                coco["annotations"].append(box | {"id": len(coco["annotations"]), "area": 3600})
            Image.fromarray(pixels).save(folder / split / name, quality=90)
        (folder / f"{split}.json").write_text(json.dumps(coco))
    return folder


def bring(folder: Path, name: str = "Squares", names: Sequence[str] = ("cup", "plate", "spoon"), **how: Any) -> Dataset:
    """Paints it and brings it into the workspace."""
    return import_dataset(paint(folder, names, **how), name)


def cost_row(model: str, task: str, latency_ms: float) -> dict[str, Any]:
    """A row as `bench` writes it."""
    how = {name: {"how": "measured", "note": "9 runs on a test"} for name in ("latency_ms_p50", "images_per_second")}
    return {
        "model": model,
        "task": task,
        "device": "cpu",
        "precision": "fp32",
        "engine": "eager",
        "batch_size": 1,
        "measured_at": "2026-11-01T10:00:00+00:00",
        "latency_ms_p50": latency_ms,
        "images_per_second": 1000 / latency_ms,
        "usd_per_million": latency_ms / 40,
        "how": how,
    }


def runs_for_a_duel(data: Dataset, name: str = "") -> dict[str, RunFolder]:
    """A classifier and a detector on all the labels and on half of them, each evaluated."""
    made = {}
    for share in (1.0, 0.5):
        for lesson, task in (("pictures", "classification"), ("boxes", "detection")):
            labels = {"labels_from": "presence"} if lesson == "pictures" else {}
            title = f"{name or lesson} {share:g}"
            run = trained_run(data, task, title, seed=int(2 * share), data_fraction=share, **labels)
            run.write(STATUS, {"state": "finished", "seconds": 40.0 * share})
            evaluated(run, sure=1.5 * share)
            made[f"{lesson}-{100 * share:g}"] = run
    return made


def finished_duel(path: Path, data: Dataset, name: str = "", question: str = "count") -> DuelFolder:
    """A duel of three, with the result that the duel's own account makes of what the runs said."""
    from vision_core.evaluation.store import list_evaluations

    runs = runs_for_a_duel(data, name)
    duel = DuelFolder.create(path, DuelPlan(data=data.id, question=question, shares=(0.5, 1.0)))
    duel.files.write(DUEL, duel.files.read(DUEL) | {"data": data.id})
    crops = trained_run(data, "classification", f"{name} crops", labels_from="crops")
    said = []
    for share in (1.0, 0.5):
        classifier, detector = (runs[f"{lesson}-{100 * share:g}"] for lesson in ("pictures", "boxes"))
        (labels,), (boxes,) = list_evaluations(classifier.path), list_evaluations(detector.path)
        said += [Said("classification", share, labels.results), Said("detection", share, boxes.results)]
        if share == 1 and isinstance(boxes.results, DetectionResults):
            _keep_named(duel, boxes.results, boxes.about["digest"], crops)
            said.append(Said("two-stage", share, boxes.results))
    for part, run in {**runs, "crops-100": crops}.items():
        duel.add_run(part, run)
    rows = {
        "classification": cost_row("a", "classification", 12.0),
        "detection": cost_row("b", "detection", 30.0),
        "two-stage": cost_row("c", "two-stage", 75.0),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accounts, "measure", lambda *_, **__: rows)
        found = accounts.account(duel, said, {**runs, "crops-100": crops}, True, lambda *_: None)
    about = {"state": "finished", "id": duel.id, "made_at": "2026-11-01T10:00:00+00:00", "host": "here"}
    about |= {"data": data.id, "plan": duel.plan().to_json(), "out": str(duel.path)}
    duel.files.write("result.json", about | found | {"notes": ["A note on what was left out."]})
    return duel


def _keep_named(duel: DuelFolder, results: DetectionResults, digest: str, crops: RunFolder) -> None:
    """What the two in turn said, as the duel keeps it."""
    about = {"format": evaluation_file.FORMAT, "boxes": digest, "pictures": len(results)}
    about["weights"] = evaluation_file.digest_of_file(crops.path / BEST)
    found = results.found
    arrays = {"picture": found.picture, "boxes": found.boxes_xyxy, "scores": found.scores, "labels": found.labels}
    evaluation_file.write(duel.path / "two-stage-100-test.safetensors", about, arrays)

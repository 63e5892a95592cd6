"""How long COCO's figures of many boxes take, and what else the evaluation makes of them.

    python -m benchmarks.coco_eval

5,000 pictures with 7 objects of 80 classes each and 100 found boxes: half a million boxes. Ours, faster-coco-eval and
pycocotools score them, each in a fresh process and by turns, from what each starts from, in memory: arrays for us, a
dictionary a box for them (making those is not counted, indexing them is, for nothing can be scored without). All
figures must agree to 1e-9, else there is no result. Beside the time on the clock stands processor time, which says more
when the machine has other things to do; all three run on one core.

Then everything the Evaluate page asks of 100,000 boxes: how long it takes, and the longest silence between two reports
of its progress, which is how long a press of "Stop" may wait.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.shared import context, spread, table, with_spread, write
from vision_core.evaluation.bootstrap_ap import detection_intervals
from vision_core.evaluation.box_confusion import confuse_boxes
from vision_core.evaluation.box_matching import Stage
from vision_core.evaluation.detection import coco_scores, figures
from vision_core.evaluation.intervals import Drawing
from vision_core.evaluation.matching import judge_boxes
from vision_core.evaluation.records import DetectionResults, FoundBoxes, TrueBoxes
from vision_core.evaluation.score_threshold import sweep_thresholds
from vision_core.evaluation.tide import break_down

PICTURES, FOUND, OBJECTS, CLASSES = 5000, 100, 7, 80
PAGE_PICTURES = 1000
CONTESTANTS = ("ours", "faster-coco-eval", "pycocotools")
NAMES = ("map", "map50", "map75", "map_small", "map_medium", "map_large")
NAMES += ("ar1", "ar10", "ar100", "ar_small", "ar_medium", "ar_large")
PAGE: dict[str, Callable[[DetectionResults, Stage], object]] = {
    "COCO's figures, tables and curves": coco_scores,
    "F1 against threshold": lambda results, told: sweep_thresholds(results, progress=told),
    "confusion matrix": lambda results, told: confuse_boxes(results, 0.3, progress=told),
    "what each box is": lambda results, told: judge_boxes(results, 0.3, progress=told),
    "error breakdown (TIDE)": lambda results, told: break_down(results, progress=told),
    "intervals, 1,000 drawings": lambda results, told: detection_intervals(results, how=Drawing(1000), progress=told),
}


def drawn(pictures: int) -> DetectionResults:
    """Random objects, and boxes around them: near, off and far, half of them with the right name."""
    dice = np.random.default_rng(0)
    objects, boxes = pictures * OBJECTS, pictures * FOUND
    corner = dice.uniform(0, 440, (objects, 2))
    true = np.concatenate([corner, corner + dice.uniform(8, 200, (objects, 2))], axis=1)
    labels = dice.integers(CLASSES, size=objects)
    picture = np.repeat(np.arange(pictures), FOUND)
    meant = dice.integers(OBJECTS, size=boxes) + picture * OBJECTS
    found = true[meant] + dice.normal(0, 1, (boxes, 4)) * dice.choice([2, 8, 60], size=(boxes, 1))
    found[:, 2:] = np.maximum(found[:, 2:], found[:, :2] + 1)
    named = np.where(dice.random(boxes) < 0.5, labels[meant], dice.integers(CLASSES, size=boxes))
    scores = dice.random(boxes)
    order = np.lexsort((-scores, picture))
    return DetectionResults(
        pictures=tuple(f"{number:06}.jpg" for number in range(pictures)),
        class_names=tuple(f"class {number}" for number in range(CLASSES)),
        sizes_px=np.full((pictures, 2), 640),
        truth=TrueBoxes(np.repeat(np.arange(pictures), OBJECTS), true, labels, dice.random(objects) < 0.01),
        found=FoundBoxes(picture[order], found[order], scores[order], named[order]),
    )


def as_annotations(picture: np.ndarray, boxes_xyxy: np.ndarray, labels: np.ndarray) -> list[dict[str, Any]]:
    """COCO's dictionaries of boxes."""
    sides = np.concatenate([boxes_xyxy[:, :2], boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]], axis=1)
    rows = zip(picture.tolist(), sides.tolist(), (sides[:, 2] * sides[:, 3]).tolist(), labels.tolist(), strict=True)
    return [
        {"id": place, "image_id": image, "bbox": box, "area": area, "category_id": label, "iscrowd": 0}
        for place, (image, box, area, label) in enumerate(rows, 1)
    ]


def library_call(results: DetectionResults, library: str) -> Callable[[], dict[str, float]]:
    """What a library does of the same boxes, its input made."""
    if library == "pycocotools":
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    else:
        from faster_coco_eval import COCO
        from faster_coco_eval import COCOeval_faster as COCOeval
    truth = as_annotations(results.truth.picture, results.truth.boxes_xyxy, results.truth.labels)
    for about, crowd in zip(truth, results.truth.crowd.tolist(), strict=True):
        about["iscrowd"] = int(crowd)
    said = as_annotations(results.found.picture, results.found.boxes_xyxy, results.found.labels)
    for about, score in zip(said, results.found.scores.tolist(), strict=True):
        about["score"] = score
    images = [{"id": number, "width": 640, "height": 640} for number in range(len(results))]
    categories = [{"id": label, "name": name} for label, name in enumerate(results.class_names)]

    def call() -> dict[str, float]:
        sides: list[Any] = []
        with contextlib.redirect_stdout(io.StringIO()):
            for boxes in (truth, said):
                coco: Any = COCO()
                coco.dataset = {"info": {}, "images": images, "annotations": boxes, "categories": categories}
                coco.createIndex()
                sides.append(coco)
            evaluation: Any = COCOeval(sides[0], sides[1], "bbox")
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
        return dict(zip(NAMES, map(float, evaluation.stats[:12]), strict=True))

    return call


def memory_bytes(field: str) -> int:
    """`VmRSS`, what this process holds, or `VmHWM`, the most it held (Linux)."""
    found = re.search(rf"{field}:\s*(\d+)", Path("/proc/self/status").read_text())
    return int(found[1]) * 1024 if found else 0


def score(contestant: str, pictures: int) -> dict[str, Any]:
    """One turn of a contestant, in this process."""
    results = drawn(pictures)
    call = (lambda: figures(results)) if contestant == "ours" else library_call(results, contestant)
    Path("/proc/self/clear_refs").write_text("5")  # the most that was held counts from here
    before, clock, cpu = memory_bytes("VmRSS"), time.perf_counter(), time.process_time()
    found = call()
    spent = {"seconds": time.perf_counter() - clock, "cpu_seconds": time.process_time() - cpu}
    return spent | {"extra_bytes": memory_bytes("VmHWM") - before, "figures": found}


def page(pictures: int) -> dict[str, dict[str, float]]:
    """What each part of the page takes, in this process."""
    results, found = drawn(pictures), {}
    for name, call in PAGE.items():
        reports = [time.perf_counter()]
        cpu = time.process_time()
        call(results, lambda *_, reports=reports: reports.append(time.perf_counter()))
        reports.append(time.perf_counter())
        spent = {"seconds": reports[-1] - reports[0], "cpu_seconds": time.process_time() - cpu}
        found[name] = spent | {"longest_silence_s": float(np.diff(reports).max())}
    return found


def in_fresh_process(step: str, pictures: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.coco_eval", "--step", step, "--pictures", str(pictures)]
    one_core = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    said = subprocess.run(command, check=True, capture_output=True, text=True, env=one_core).stdout
    return json.loads(said.splitlines()[-1])


def agreement(turns: dict[str, list[dict[str, Any]]]) -> float:
    """The greatest difference between any two contestants' figures; more than 1e-9 is a defect."""
    every = np.array([[turn["figures"][name] for name in NAMES] for found in turns.values() for turn in found])
    apart = float(np.ptp(every, axis=0).max())
    if apart > 1e-9:
        raise SystemExit(f"The figures differ by {apart}: {every.tolist()}")
    return apart


def report(
    turns: dict[str, list[dict[str, Any]]], of_page: dict[str, dict[str, float]], pictures: int, apart: float
) -> str:
    cpu = {name: np.array([turn["cpu_seconds"] for turn in found]) for name, found in turns.items()}
    rows = [
        [
            name,
            with_spread(np.array([turn["seconds"] for turn in found]), " s"),
            with_spread(cpu[name], " s"),
            f"{np.median(cpu[name]) / np.median(cpu['ours']):.1f}x",
            f"{max(turn['extra_bytes'] for turn in found) / 1e6:,.0f}",
        ]
        for name, found in turns.items()
    ]
    of_parts = [
        [name, f"{found['seconds']:.2f} s", f"{found['cpu_seconds']:.2f} s", f"{found['longest_silence_s']:.2f} s"]
        for name, found in of_page.items()
    ]
    return (
        f"{pictures:,} pictures, {OBJECTS} objects and {FOUND} found boxes in each, {CLASSES} classes; turns: "
        f"{len(turns['ours'])} (median and quartiles). The twelve figures differ by {apart:.0e} at most.\n\n"
        + table(["", "time", "processor time", "of ours", "memory on top, MB"], rows)
        + f"\n\nWhat the page asks of {PAGE_PICTURES * FOUND:,} boxes:\n\n"
        + table(["", "time", "processor time", "longest silence"], of_parts)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=PICTURES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--step", choices=(*CONTESTANTS, "page"), help="used by the benchmark itself")
    given = parser.parse_args()
    if given.step:
        print(json.dumps(page(given.pictures) if given.step == "page" else score(given.step, given.pictures)))
        return
    about = context()
    about["versions"] |= {name: version(name) for name in CONTESTANTS[1:]}
    turns: dict[str, list[dict[str, Any]]] = {name: [] for name in CONTESTANTS}
    for number in range(given.rounds):
        first = number % len(CONTESTANTS)
        for name in CONTESTANTS[first:] + CONTESTANTS[:first]:
            turns[name].append(in_fresh_process(name, given.pictures))
    of_page = in_fresh_process("page", PAGE_PICTURES)
    apart = agreement(turns)
    told = {
        name: {key: spread(np.array([turn[key] for turn in found])) for key in ("seconds", "cpu_seconds")}
        for name, found in turns.items()
    }
    figures_told = {"pictures": given.pictures, "scoring": told, "page": of_page, "figures_apart": apart}
    write("coco_eval", about, figures_told, report(turns, of_page, given.pictures, apart))


if __name__ == "__main__":
    main()

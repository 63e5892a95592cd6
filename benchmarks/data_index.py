"""A million pictures with five million boxes in one index: time and memory to build, save, open and page.

    python -m benchmarks.data_index [--images 1000000] [--coco-images 100000]

Everything is generated; no picture file exists. Each step runs in a process of its own, so that its peak memory is its
own; the memory of a fresh process with the same imports is given beside it. The same index written as one COCO file is
read by our reader and by pycocotools, on fewer pictures because the latter keeps every annotation as a dict.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.shared import context, table, write
from vision_core.data.formats.coco import read
from vision_core.data.formats.listing import Listing
from vision_core.data.index import DatasetIndex, Filter, IndexBuilder

BOXES_PER_IMAGE, CLASSES, PAGE, DRAWN_AT_ONCE = 5, 80, 24, 10_000
STEPS = ("import", "build and save", "open and page", "COCO, ours", "COCO, pycocotools")


def build(images: int, root: Path) -> DatasetIndex:
    """An index of that many pictures, each with five boxes; drawing them, a few at a time, is not counted."""
    dice = np.random.default_rng(0)
    builder = IndexBuilder(f"class {i}" for i in range(CLASSES))
    seconds = 0.0
    for first in range(0, images, DRAWN_AT_ONCE):
        count = min(DRAWN_AT_ONCE, images - first)
        corners = dice.uniform(0, 500, (count, BOXES_PER_IMAGE, 2))
        edges = np.concatenate([corners, corners + dice.uniform(4, 140, corners.shape)], axis=2).round(1).tolist()
        class_ids = dice.integers(0, CLASSES, (count, BOXES_PER_IMAGE)).tolist()
        splits = dice.choice(["train", "val", "test"], count, p=[0.8, 0.1, 0.1]).tolist()
        boxes = [[(c, *e, False) for c, e in zip(*both, strict=True)] for both in zip(class_ids, edges, strict=True)]
        started = time.perf_counter()
        for place in range(count):
            builder.add_image(f"images/{first + place:08d}.jpg", (640, 480), splits[place], None, boxes[place])
        seconds += time.perf_counter() - started
    started = time.perf_counter()
    index = builder.finish(root, "coco")
    print(json.dumps({"build_s": seconds + time.perf_counter() - started}))
    return index


def timed(name: str, call: Any) -> Any:
    """What the call returns; its seconds go to standard output."""
    started = time.perf_counter()
    result = call()
    print(json.dumps({name: time.perf_counter() - started}))
    return result


def peak_bytes() -> int:
    """Most memory this process ever held; `getrusage` would count what the process that started it held."""
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) * 1024


def run_step(step: str, folder: Path, images: int) -> None:
    """One step, in this process; prints its figures line by line."""
    if step == "build and save":
        index = build(images, folder)
        timed("save_s", lambda: index.save(folder / "index"))
        arrays = index.images.nbytes + index.boxes.nbytes
        print(json.dumps({"tables_bytes": arrays, "boxes": index.boxes.num_rows}))
    elif step == "open and page":
        index = timed("open_s", lambda: DatasetIndex.load(folder / "index"))
        timed("first_page_s", lambda: index.page(range(PAGE), 0, PAGE))
        wanted = Filter(class_name="class 7", split="val", min_objects=1)
        rows = timed("filter_s", lambda: index.find(wanted))
        timed("filtered_page_s", lambda: index.page(rows, len(rows) // 2, PAGE))
        timed("again_s", lambda: index.page(index.find(Filter(text="0999", split="train")), 0, PAGE))
    elif step == "COCO, ours":
        names = tuple(f"images/{row:08d}.jpg" for row in range(images))
        index = timed("read_s", lambda: read(Listing(folder, names, ("coco.json",))))
        print(json.dumps({"boxes": index.boxes.num_rows}))
    elif step == "COCO, pycocotools":
        from pycocotools.coco import COCO

        loaded = timed("read_s", lambda: COCO(str(folder / "coco.json")))
        print(json.dumps({"boxes": len(loaded.anns)}))
    print(json.dumps({"peak_bytes": peak_bytes()}))


def measured(step: str, folder: Path, images: int) -> dict[str, float]:
    """The figures of one step, run in a fresh process."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.data_index",
        "--step",
        step,
        "--folder",
        str(folder),
        "--images",
        str(images),
    ]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return {key: value for line in lines if line.startswith("{") for key, value in json.loads(line).items()}


def write_coco(folder: Path, images: int) -> int:
    """One COCO file of that many pictures, as published ones are (outlines left out); its bytes."""
    dice = np.random.default_rng(0)
    boxes = dice.uniform(1, 300, (images * BOXES_PER_IMAGE, 4)).round(2).tolist()
    class_ids = dice.integers(1, CLASSES + 1, len(boxes)).tolist()
    document = {
        "info": {},
        "images": [{"id": i, "file_name": f"{i:08d}.jpg", "width": 640, "height": 480} for i in range(images)],
        "annotations": [
            {"id": i, "image_id": i // BOXES_PER_IMAGE, "category_id": c, "bbox": b, "area": b[2] * b[3], "iscrowd": 0}
            for i, (c, b) in enumerate(zip(class_ids, boxes, strict=True))
        ],
        "categories": [{"id": i, "name": f"class {i}"} for i in range(1, CLASSES + 1)],
    }
    (folder / "coco.json").write_text(json.dumps(document))
    return (folder / "coco.json").stat().st_size


def report(found: dict[str, dict[str, float]], images: int, coco_images: int, coco_bytes: int) -> str:
    base = found["import"]["peak_bytes"]

    def own_mb(step: str) -> str:
        return f"{(found[step]['peak_bytes'] - base) / 1e6:.0f}"

    made, opened = found["build and save"], found["open and page"]
    rows = [
        [
            "build, picture by picture",
            f"{made['build_s']:.1f} s",
            own_mb("build and save"),
        ],
        ["save", f"{made['save_s']:.2f} s", ""],
        ["open", f"{opened['open_s'] * 1e3:.0f} ms", ""],
        [f"first page of {PAGE}", f"{opened['first_page_s'] * 1e3:.0f} ms", ""],
        ["filter by class, split and count", f"{opened['filter_s'] * 1e3:.0f} ms", ""],
        [f"page of {PAGE} from what was found", f"{opened['filtered_page_s'] * 1e3:.0f} ms", ""],
        ["filter by text and split, and a page", f"{opened['again_s'] * 1e3:.0f} ms", own_mb("open and page")],
    ]
    coco = [
        [who, f"{found[step]['read_s']:.1f}", f"{found[step]['boxes'] / found[step]['read_s']:,.0f}", own_mb(step)]
        for who, step in (("`read_dataset`", "COCO, ours"), ("pycocotools", "COCO, pycocotools"))
    ]
    coco_boxes = f"{coco_images * BOXES_PER_IMAGE:,} boxes ({coco_bytes / 1e6:.0f} MB)"
    return (
        f"{images:,} pictures with {int(made['boxes']):,} boxes; tables of {made['tables_bytes'] / 1e6:.0f} MB.\n\n"
        + table(["step", "time", "peak memory of the process, MB above a fresh one"], rows)
        + f"\n\nA COCO file of {coco_images:,} pictures and {coco_boxes}:\n\n"
        + table(["reader", "seconds", "boxes a second", "peak memory, MB above a fresh process"], coco)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--coco-images", type=int, default=100_000)
    parser.add_argument("--step", choices=STEPS, help="used by the benchmark itself")
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if given.step:
        return run_step(given.step, given.folder, given.images)
    about = context()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        coco_bytes = write_coco(folder, given.coco_images)
        sizes = {step: given.coco_images if step.startswith("COCO") else given.images for step in STEPS}
        found = {step: measured(step, folder, sizes[step]) for step in STEPS}
    figures = {"images": given.images, "coco_images": given.coco_images, "coco_bytes": coco_bytes, "steps": found}
    write("data_index", about, figures, report(found, given.images, given.coco_images, coco_bytes))


if __name__ == "__main__":
    main()

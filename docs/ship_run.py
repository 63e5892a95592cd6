"""Makes a finished run of Fashion Shelf into an example that ships with the project.

    python -m vision_core train --data "Fashion Shelf" --task detection --model ssdlite_mobilenet_v2_coco --run DIR
    python docs/ship_run.py DIR fashion-shelf-detector "Fashion Shelf detector"

Weights are kept at half precision, which halves the file and changes figures by less than a thousandth; what they
reach is evaluated again. Of the rest only what the pages read is kept, without anything of the machine but its kind.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from vision_core.data.library import SHELF
from vision_core.evaluation.store import evaluate_run
from vision_core.run_folder import BEST, CONFIG, STATUS, RunFolder
from vision_core.training.examples import EXAMPLES

KEPT = ("metrics.jsonl", "previews.jsonl", "data/images.arrow", "data/boxes.arrow", "data/index.json")
DROPPED = ("pid", "pid_started", "host", "heartbeat", "queue_position", "device")


def ship(source: Path, name: str, title: str, examples: Path = EXAMPLES) -> Path:
    """Copies the run in `source` to the package's assets and returns its folder there."""
    run, target = RunFolder.open(source), examples / name
    (target / BEST).parent.mkdir(parents=True, exist_ok=True)
    (target / "data").mkdir(exist_ok=True)
    for file in KEPT:
        shutil.copyfile(run.path / file, target / file)
    halve(run.path / BEST, target / BEST)
    config = run.read(CONFIG) | {"data": SHELF, "example": True}
    config["environment"] = {key: value for key, value in config["environment"].items() if key != "system"}
    shipped = RunFolder(target)
    shipped.write(CONFIG, config)
    shipped.write("about.json", {"name": title, "note": "Comes with WhatWhere; trained on Fashion Shelf by its code."})
    status = {key: value for key, value in run.read(STATUS).items() if key not in DROPPED}
    shipped.write(STATUS, status | {"state": "finished", "error": ""})
    evaluate_run(target)  # on the pictures where they still are
    shipped.write("evaluation.json", shipped.read("evaluation.json") | {"data": SHELF})
    index = json.loads((target / "data/index.json").read_text(encoding="utf-8"))
    (target / "data/index.json").write_text(json.dumps(index | {"root": ""}, indent=1) + "\n", encoding="utf-8")
    return target


def halve(source: Path, target: Path) -> None:
    """Writes the same weights at half precision; aside and renamed, since `target` may be `source`."""
    with safe_open(source, "pt") as weights:
        tensors = {key: weights.get_tensor(key) for key in weights.keys()}  # noqa: SIM118  (not a dictionary)
        halved = {key: tensor.half() if tensor.dtype == torch.float32 else tensor for key, tensor in tensors.items()}
        save_file(halved, target.with_suffix(".part"), weights.metadata())
    target.with_suffix(".part").replace(target)


if __name__ == "__main__":
    print(ship(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))

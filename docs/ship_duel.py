"""Makes a finished duel on Fashion Shelf into the example that ships with the project.

    python -m vision_core duel --data "Fashion Shelf" --question count --out DIR
    python docs/ship_duel.py DIR

Weights are kept at half precision, so all that follows from the runs on all the labels is judged and measured again
with those: the duel in DIR is changed. Nothing of the machine stays but its kind.
"""

import json
import shutil
import sys
from pathlib import Path

from ship_run import halve, ship

from vision_core.duel.examples import EXAMPLE, OUT, RUNS
from vision_core.duel.fight import fight
from vision_core.duel.folder import DuelFolder
from vision_core.evaluation.store import FOLDER
from vision_core.run_folder import BEST

NAMES = {"pictures-100": "classifier", "boxes-100": "detector", "crops-100": "crops"}
TITLES = {"classifier": "Duel: classifier", "detector": "Duel: detector", "crops": "Duel: classifier of crops"}
NAME = "How many? Fashion Shelf (an example)"
DROPPED = ("pid", "pid_started", "host", "heartbeat", "seconds")


def judge_again(duel: DuelFolder) -> None:
    """With halved weights; nothing is trained."""
    for part in NAMES:
        run = duel.runs()[part]
        halve(run / BEST, run / BEST)
        shutil.rmtree(run / FOLDER, ignore_errors=True)
    for name in ("status.json", "result.json", "costs.json", "points.safetensors"):
        (duel.path / name).unlink(missing_ok=True)
    fight(duel, lambda status: print(status.get("title"), status.get("stage"), flush=True))


def pack(duel: DuelFolder) -> None:
    """Copies the duel and its three runs to the package's assets."""
    places = {}
    for part, name in NAMES.items():
        shipped = ship(duel.runs()[part], f"duel-fashion-shelf-{name}", TITLES[name], EXAMPLE / "runs")
        places[str(duel.runs()[part])] = f"{RUNS}/{shipped.name}"
    for name in ("result.json", "costs.json", "parts.json", "duel.json", "status.json"):
        values = {key: value for key, value in duel.files.read(name).items() if key not in DROPPED}
        if name == "parts.json":
            values = {part: values[part] for part in NAMES}
        text = json.dumps(values, ensure_ascii=False, indent=1)
        for path, place in (*places.items(), (str(duel.path), OUT)):
            text = text.replace(path, place)
        (EXAMPLE / name).write_text(text + "\n", encoding="utf-8")
    (EXAMPLE / "about.json").write_text(json.dumps({"name": NAME}, indent=1) + "\n", encoding="utf-8")
    for name in ("two-stage-100-test", "two-stage-100-val", "points"):
        shutil.copyfile(duel.path / f"{name}.safetensors", EXAMPLE / f"{name}.safetensors")


if __name__ == "__main__":
    folder = DuelFolder.open(Path(sys.argv[1]).resolve())
    judge_again(folder)
    pack(folder)
    print(EXAMPLE)

"""Measures the costs of the example duel again, on a machine that is left alone meanwhile, and ships them.

    WHATWHERE_HOME=EMPTY_FOLDER python docs/measure_duel.py

Nothing is trained or judged; the verdict is decided again, since latency decides between those that are level.
"""

import json
from pathlib import Path

from vision_core.data.library import add_shelf
from vision_core.duel.account import crops
from vision_core.duel.again import decide, yardsticks
from vision_core.duel.costs import COSTS, measure
from vision_core.duel.examples import EXAMPLE, OUT, RUNS, install_example_duel
from vision_core.duel.folder import RESULT, DuelFolder
from vision_core.duel.judging import Said
from vision_core.duel.two_stage import candidates
from vision_core.evaluation.store import evaluate_run
from vision_core.run_folder import runs_folder


def measured_again(duel: DuelFolder) -> dict:
    """The result with new costs."""
    result, sticks = duel.result(), yardsticks(duel)
    every = {one["task"]: one for one in result["contenders"]}
    detected = evaluate_run(every["two-stage"]["runs"][0])
    said = Said("two-stage", 1.0, detected.results, candidates=candidates(detected))
    weights = {kind: tuple(map(Path, one["runs"])) for kind, one in every.items()}
    models = {kind: ">".join(map(str, paths)) for kind, paths in weights.items()}
    rows = measure(duel, models, weights, crops([said], sticks), lambda *told: print(*told, flush=True))
    for kind, one in every.items():
        one["costs"] = {name: value for name, value in rows[kind].items() if name != "host"}
    duel.files.write(RESULT, result)
    verdict = decide(duel, sticks)
    result["verdict"] |= {"task": verdict.task, "model": verdict.model, "sentence": verdict.sentence}
    duel.files.write(RESULT, result)
    return result


def pack(duel: DuelFolder) -> None:
    """Only what has changed."""
    for name in (RESULT, COSTS):
        text = json.dumps(duel.files.read(name), ensure_ascii=False, indent=1)
        for path, place in ((duel.path, OUT), (runs_folder().resolve(), RUNS)):
            text = text.replace(json.dumps(str(path), ensure_ascii=False)[1:-1], place)
        (EXAMPLE / name).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    example = install_example_duel(add_shelf(300))
    if example is None:
        raise SystemExit("The workspace has the example duel already: name an empty one.")
    measured_again(example)
    pack(example)
    print(EXAMPLE)

"""What each contender of a duel costs: on the same machine, in one sitting; and what its labels took.

rows = measure(duel, {"classification": "runs/a", "detection": "runs/b"})
learned(run)              # pictures, labels and boxes that a run learned from, and the hours they take
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vision_core.costs.bench import BenchPlan
from vision_core.costs.bench_store import list_benches, start_bench
from vision_core.costs.scenario import Pace, paces
from vision_core.data.effort import Amount, bill
from vision_core.duel.folder import DuelFolder
from vision_core.errors import DataError
from vision_core.evaluation import evaluation_file
from vision_core.run_folder import BEST, RunFolder

COSTS = "costs.json"
_LONG = ("layers", "roof", "samples_ms")
_POLL_S = 0.2
_PATIENCE_S = 60.0


@dataclass(frozen=True)
class Learned:
    """What a network learned from.

    Attributes:
        pictures: that were labelled.
        labels: classes ticked in them, 0 of a detector; boxes: drawn in them, 0 of a classifier.
        hours: what that takes at the published pace `pace`.
    """

    pictures: int
    labels: int
    boxes: int
    hours: float | None
    pace: str

    @property
    def marks(self) -> int:
        """Ticks or boxes: what its owner had to make."""
        return self.boxes or self.labels

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def learned(run: RunFolder) -> Learned:
    """What a run learned from, pictures for validation left out.

    Raises:
        DataError: its data cannot be read.
    """
    from vision_core.training.prepare import prepare

    data = prepare(run.config(), run.path / "data")
    rows = data.rows["train"]
    pace = next(iter(paces(data.task)))
    if data.task == "detection":
        boxes = int(np.asarray(data.index.objects_per_image)[rows].sum())
        return Learned(len(rows), 0, boxes, _hours(pace, len(rows), boxes), pace.source)
    labels = int(np.isin(data.index.label_pairs()[0], rows).sum())
    of = max(labels, len(rows)) if pace.each_label else len(rows)
    return Learned(len(rows), labels, 0, _hours(pace, of, 0), pace.source)


def _hours(pace: Pace, images: int, boxes: int) -> float | None:
    found = bill(Amount(images, boxes), pace.rate, 0.0)
    return found.hours if found else None


def measure(
    duel: DuelFolder,
    models: Mapping[str, str],
    weights: Mapping[str, tuple[Path, ...]],
    crops: int,
    tell: Callable[[str, int, int], None],
) -> dict[str, dict[str, Any]]:
    """A row of `bench` for each contender; those of an earlier call where no weights have changed.

    Args:
        models: by kind, as `bench` takes them.
        weights: by kind, the run folders behind it.
        crops: how many objects of a picture the second of two stages names.
        tell: told of the progress; raise in it to stop.

    Raises:
        DataError: the measuring failed.
    """
    asked = {kind: [evaluation_file.digest_of_file(run / BEST) for run in weights[kind]] for kind in models}
    kept = duel.files.read(COSTS)
    if kept.get("weights") == asked and kept.get("crops") == crops:
        return kept["rows"]
    plan = BenchPlan(tuple(models.values()), devices=(duel.plan().device or "",), price=duel.plan().price, crops=crops)
    _end_earlier(duel)
    bench = start_bench(plan, _title(duel))
    try:
        while bench.is_active:
            status = bench.status()
            tell("Measuring costs", int(status.get("done", 0)), len(models))
            time.sleep(_POLL_S)
    except BaseException:
        bench.cancel()
        raise
    status = bench.status()
    if status["state"] != "finished":
        raise DataError(f"The costs could not be measured: {status['error'] or status['state']}.")
    short = [{name: value for name, value in row.items() if name not in _LONG} for row in bench.rows()]
    by_model = {row["model"]: row for row in short}
    missing = [kind for kind, model in models.items() if model not in by_model]
    if missing:
        raise DataError(f"The costs of {missing[0]} were not measured: the benchmark {bench.id!r} has no row of it.")
    rows = {kind: by_model[model] for kind, model in models.items()}
    if any(row["error"] for row in rows.values()):
        return rows  # told, but measured again the next time
    duel.files.write(COSTS, {"weights": asked, "crops": crops, "bench": bench.id, "rows": rows})
    return rows


def _title(duel: DuelFolder) -> str:
    return f"Duel {duel.id}"


def _end_earlier(duel: DuelFolder) -> None:
    """Ends and removes benchmarks that a call began which was killed before it heard of them."""
    mine = [bench for bench in list_benches() if bench.name == _title(duel) and bench.status()["state"] != "finished"]
    for bench in mine:
        if bench.is_active:
            bench.cancel()
    until = time.monotonic() + _PATIENCE_S
    for bench in mine:
        while bench.is_active and time.monotonic() < until:
            time.sleep(_POLL_S)
        if not bench.is_active:
            bench.discard()

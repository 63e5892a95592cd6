"""Runs as a list shows them, and what a list knows of a model from them: how fast it trains here, how far it came."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from vision_core.errors import VisionError
from vision_core.run_folder import BEST, RunFolder, RunRecord

LOG_BYTES = 200_000
_F1 = "F1 is high only where few answers are wrong and few objects are missed"
_AP = "average precision: how few wrong boxes come along while all objects are being found"
_OVERLAP = "overlap (IoU: shared area by joint area)"
_METRICS = {
    "top1": ("Accuracy (top 1)", "Share of the pictures whose best label is right."),
    "top5": ("Accuracy (top 5)", "Share of the pictures whose right label is among the best five."),
    "f1_macro": ("F1, mean of classes", f"{_F1}; here every class counts alike."),
    "f1_micro": ("F1 of all answers", f"{_F1}; here every answer counts alike."),
    "ece": ("Calibration error", "How far its scores are from how often it is right; lower is better."),
    "map": ("AP (COCO)", f"COCO's {_AP}, over classes and ten degrees of {_OVERLAP} from 50 to 95 %."),
    "map50": ("AP50", f"COCO's {_AP}; a box counts as found from 50 % {_OVERLAP} on."),
    "map75": ("AP75", f"COCO's {_AP}; a box counts as found from 75 % {_OVERLAP} on."),
    "map_small": ("AP of small objects", "AP (COCO) of objects below 32 × 32 pixels."),
    "map_medium": ("AP of medium objects", "AP (COCO) of objects of 32 × 32 to 96 × 96 pixels."),
    "map_large": ("AP of large objects", "AP (COCO) of objects above 96 × 96 pixels."),
    "ar100": ("Recall with 100 boxes", "Share of the objects that are found when a picture may have 100 boxes."),
}
_OF_LABELS = (
    "Mean AP over labels",
    "Of every label, how few wrong pictures come along while all that show it are being found (average precision); "
    "the mean of all labels. It has nothing to do with boxes.",
)
"""What `map` is of a classifier."""


def metric_title(name: str, task: str) -> str:
    """A metric as people call it."""
    return _metric(name, task)[0]


def metric_help(name: str, task: str) -> str:
    """What a metric says, in a plain sentence; "" of one that is not known."""
    return _metric(name, task)[1]


def _metric(name: str, task: str) -> tuple[str, str]:
    return _OF_LABELS if (name, task) == ("map", "classification") else _METRICS.get(name, (name, ""))


@dataclass(frozen=True)
class Overview:
    """A run with its history.

    Attributes:
        history: one record an epoch (see `vision_core.training.loop.train`).
        monitor: the metric that decides which epoch is best, "" before the first epoch.
        best: its best value, a fraction of 1, and `best_epoch`, from 1; None and 0 before the first epoch.
        has_weights: there are best weights, so that it can predict.
        seconds: that it took, or takes so far; `tested`: how it does on pictures it never saw, one sentence, "" before
            it was asked.
    """

    run: RunFolder
    record: RunRecord
    history: tuple[dict[str, Any], ...] = ()
    monitor: str = ""
    best: float | None = None
    best_epoch: int = 0
    has_weights: bool = False
    seconds: float = 0.0
    tested: str = ""

    @property
    def task(self) -> str:
        return str(self.record.config.get("task", ""))

    @property
    def model(self) -> str:
        return str(self.record.config.get("model", ""))

    @property
    def is_example(self) -> bool:
        """It came with the project, trained on another machine."""
        return bool(self.record.config.get("example"))

    @property
    def share(self) -> float:
        """How much of it is done, 0..1: epochs, and steps of the present one."""
        status = self.record.status
        epochs = int(status.get("epochs") or self.record.config.get("epochs") or 1)
        steps = int(status.get("steps") or 0)
        into = float(status.get("step") or 0) / steps if steps else 0.0
        done = max(float(len(self.history)), int(status.get("epoch") or 1) - 1 + into)
        return min(1.0, done / max(1, epochs))


def overview(run: RunFolder) -> Overview:
    """What there is to show of a run now.

    Raises:
        DataError: one of its files is damaged.
    """
    record = run.record()
    history = read_history(run)
    best = [line for line in history if line.get("best")]
    monitor = str(history[-1].get("monitor", "")) if history else ""
    return Overview(
        run=run,
        record=record,
        history=history,
        monitor=monitor,
        best=best[-1]["metrics"].get(monitor) if best else None,
        best_epoch=int(best[-1]["epoch"]) if best else 0,
        has_weights=(run.path / BEST).is_file(),
        seconds=float(record.status.get("seconds") or sum(line.get("seconds") or 0 for line in history)),
        tested=_tested(run.read("evaluation.json"), monitor, str(record.config.get("task", ""))),
    )


def _tested(evaluation: dict[str, Any], monitor: str, task: str) -> str:
    """What `evaluation.json` says in a sentence."""
    value = evaluation.get("metrics", {}).get(monitor)
    if value is None:
        return ""
    split = "pictures that it never saw" if evaluation.get("split") == "test" else "the validation pictures"
    return f"{metric_title(monitor, task)} {value:.1%} on {evaluation.get('images', 0):,} {split}."


def overviews(runs: Iterable[RunFolder]) -> list[Overview]:
    """The same of several runs; one that cannot be read is left out."""
    found = []
    for run in runs:
        try:
            found.append(overview(run))
        except (VisionError, OSError):
            continue
    return found


def read_history(run: RunFolder) -> tuple[dict[str, Any], ...]:
    """The run's records, read again only when the file was changed."""
    return _lines(run, "metrics.jsonl", _changed(run.path / "metrics.jsonl"))


def read_previews(run: RunFolder) -> tuple[dict[str, Any], ...]:
    """What the network said of the same few pictures after each epoch, read again only when it was changed."""
    return _lines(run, "previews.jsonl", _changed(run.path / "previews.jsonl"))


@lru_cache(maxsize=500)
def _lines(run: RunFolder, name: str, changed: tuple[int, int]) -> tuple[dict[str, Any], ...]:
    return tuple(run.history() if name == "metrics.jsonl" else run.previews())


def _changed(path: Path) -> tuple[int, int]:
    """What differs once a file was written again; zeros where there is none."""
    try:
        about = path.stat()
    except OSError:
        return 0, 0
    return about.st_mtime_ns, about.st_size


def read_log(run: RunFolder, most_bytes: int = LOG_BYTES) -> str:
    """The end of the run's log, whole lines; "" where there is none."""
    try:
        with open(run.path / "log.txt", "rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - most_bytes))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return text if size <= most_bytes else text.partition("\n")[2]


def known_speeds(found: Iterable[Overview]) -> dict[str, float]:
    """Training pictures a second of each model, as its newest run with one measured them; newest runs first.

    The first epoch is left out where there is a second: it fills caches.
    """
    speeds: dict[str, float] = {}
    for one in found:
        if one.is_example:
            continue  # trained on another machine
        rates = [float(line.get("images_per_second") or 0) for line in one.history if not line.get("frozen")]
        rates = rates[1:] or rates
        if rates and one.model not in speeds:
            speeds[one.model] = sorted(rates)[len(rates) // 2]
    return speeds


def cost_usd(seconds: float, usd_per_hour: float) -> float:
    """What so much time costs on a computer of that price."""
    return seconds / 3600 * usd_per_hour


def money(usd: float) -> str:
    """Money in plain digits."""
    return f"{usd:,.2f}" if usd >= 0.005 or not usd else "under 0.01"


def rounded(value: float) -> str:
    """A number as people say it: three digits of a small one, thousands of a large one."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def duration(seconds: float | None) -> str:
    """A time in two steps at most: "40 s", "3 min", "1 h 20 min"; "" when it is not known."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"

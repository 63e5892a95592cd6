"""A run as a report sees it: what it keeps of its judging, its costs and its learning; for one run and for several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from vision_core.costs.bench_store import costs_of_run
from vision_core.data.index import DatasetIndex
from vision_core.duel.costs import learned
from vision_core.errors import VisionError
from vision_core.evaluation.applied import applied_threshold, flattered
from vision_core.evaluation.records import ClassificationResults
from vision_core.evaluation.store import Evaluation, why_outdated
from vision_core.model_card import data_title
from vision_core.report import chapters, tables
from vision_core.report.subject import Contender, Section
from vision_core.report.wording import cost_words
from vision_core.run_folder import CONFIG, STATUS, RunFolder
from vision_core.training.overview import overview

MAIN: Mapping[str, tuple[str, ...]] = {
    "one": ("top1", "f1_macro", "balanced_accuracy", "log_loss", "ece", "top5"),
    "several": ("map", "f1_macro", "f1_micro", "exact_match", "ece"),
    "detection": ("map", "map50", "map75", "ar100", "map_small", "map_medium", "map_large"),
}
"""Figures that a report starts with; the first one says how good a run is."""


def kind_of(evaluation: Evaluation) -> str:
    """Which figures are its main ones."""
    if isinstance(evaluation.results, ClassificationResults):
        return "several" if evaluation.results.multi_label else "one"
    return "detection"


def contender(run: RunFolder, title: str, evaluation: Evaluation | None) -> Contender:
    task = str(run.read(CONFIG).get("task", ""))
    threshold = applied_threshold(run.path) if task == "detection" else None
    if evaluation is not None and task == "detection" and threshold is None:
        from vision_core.evaluation.answers import THRESHOLDS

        threshold = THRESHOLDS["detection"]
    try:
        labels: dict[str, Any] | None = learned(run).to_json()
    except VisionError:
        labels = None
    seconds = run.read(STATUS).get("seconds")
    return Contender(
        title=title,
        kind=task,
        runs=(run.path,),
        costs=_cost_row(run),
        labels=labels,
        training_seconds=float(seconds) if isinstance(seconds, int | float) else 0.0,
        threshold=threshold,
        evaluation=evaluation,
        results=None if evaluation is None else evaluation.results,
    )


def _cost_row(run: RunFolder) -> Mapping[str, Any]:
    """What was measured last of one picture at a time, in full precision where it was."""
    rows = [row for row in costs_of_run(run.path) if not row.get("error") and row.get("latency_ms_p50") is not None]
    alone = [row for row in rows if row.get("batch_size") == 1] or rows
    plain = [row for row in alone if row.get("precision") == "fp32" and row.get("engine", "eager") == "eager"] or alone
    return max(plain, key=lambda row: str(row.get("measured_at", "")), default={})


def cost_sections(contenders: Sequence[Contender]) -> tuple[Section, ...]:
    return (Section("What each takes", (cost_words(contenders),), (tables.cost_table(contenders),)),)


def learned_words(run: RunFolder) -> str:
    seen = overview(run)
    if not seen.history:
        return "No epoch of its training is on record."
    best = f", the best weights are those of epoch {seen.best_epoch}" if seen.best_epoch else ""
    return f"It learned for {len(seen.history)} of {seen.record.config.get('epochs', '?')} epochs{best}."


def method(named: Sequence[tuple[str, RunFolder]], contenders: Sequence[Contender]) -> tuple[Section, ...]:
    said = [
        "Each run was judged on pictures that it was not trained on, with the weights of its best epoch.",
        "Intervals come from drawing the same pictures a thousand times with replacement (bootstrap), or from an exact "
        "formula where there is one, and are of 95 %.",
    ]
    if len(contenders) > 1:
        said.append("Differences are of the same drawn pictures for both (paired).")
    said += [f"{name}: {run.path.name}." for name, run in named]
    shown = [table for table in (chapters.settings(named), chapters.machines(named, contenders)) if table is not None]
    return (Section("How it was done", tuple(said)), Section("Settings, hardware and versions", (), tuple(shown)))


def notes(contenders: Sequence[Contender]) -> list[str]:
    """What makes a figure look better than it is, or old."""
    found = []
    for one in contenders:
        if one.evaluation is None:
            continue
        said = [flattered(one.evaluation), why_outdated(one.evaluation)]
        if one.evaluation.split == "val":
            said.append("It was judged on validation pictures, by which its best epoch was chosen.")
        if one.evaluation.left_out:
            said.append(f"{one.evaluation.left_out:,} pictures without an answer to judge by were left out.")
        found += [f"{one.title}: {each}" for each in said if each]
    return found


def data_name(run: RunFolder) -> str:
    return data_title(str(run.read(CONFIG).get("data", "")))


def index_of(contenders: Sequence[Contender], run: RunFolder) -> DatasetIndex | None:
    for one in contenders:
        try:
            if one.evaluation is not None:
                return one.evaluation.index
        except VisionError:
            continue
    try:
        return DatasetIndex.load(run.path / "data")
    except VisionError:
        return None


def now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")

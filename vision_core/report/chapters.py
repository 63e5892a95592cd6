"""Chapters that every report has: the data and what the doctor says of it, method, settings, licences and limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vision_core.data.index import DatasetIndex
from vision_core.data.wording import plural
from vision_core.errors import VisionError
from vision_core.model_card import environment
from vision_core.report.subject import Cell, Contender, Section, Stage, Table
from vision_core.run_folder import CONFIG, RunFolder
from vision_core.runs import is_run
from vision_core.types import ModelSpec

MOST_CLASSES = 40
_SETTINGS = (
    *("model", "task", "preset", "start", "labels_from", "data_fraction", "input_size_px", "epochs", "frozen_epochs"),
    *("batch_size", "optimizer", "learning_rate", "weight_decay", "augmentation", "precision", "device", "seed"),
)
_WORDS = {
    "data_fraction": "share of the training pictures",
    "labels_from": "labels taken from",
    "input_size_px": "edge of the input, pixels",
    "frozen_epochs": "epochs with a frozen backbone",
}
_LEFT_OUT = ("numpy", "pillow")


def data_sections(name: str, index: DatasetIndex | None, tell: Stage) -> tuple[Section, ...]:
    """What the data set holds, class by class, and the doctor's findings."""
    if index is None:
        gone = f"The data set “{name}” is no longer there, so that nothing can be said of it."
        return (Section("What it holds", (gone,)),)
    splits = np.array(index.images["split"].to_pylist(), object)
    rows = [
        (Cell("Pictures"), Cell(f"{len(index):,}", "", float(len(index)))),
        (Cell("Boxes"), Cell(f"{index.boxes.num_rows:,}" if index.has_boxes else "nobody drew any")),
        (Cell("Classes"), Cell(f"{len(index.class_names):,}")),
        (Cell("Read as"), Cell(index.format)),
    ]
    for split in index.splits:
        count = int((splits == split).sum())
        rows.append((Cell(f"Split “{split}”" if split else "Without a split"), Cell(plural(count, "picture"))))
    table = Table("data", f"The data set “{name}”.", ("What", "How many"), tuple(rows))
    holds = Section("What it holds", tuple(index.notes), (table, _classes(index)))
    return (holds, _doctor(index, tell))


def _classes(index: DatasetIndex) -> Table:
    boxed = index.has_boxes
    ids = index.box_column("class_id") if boxed else index.label_pairs()[1]
    ids = ids[(ids >= 0) & (ids < len(index.class_names))]
    counts = np.bincount(ids.astype(np.int64), minlength=len(index.class_names))
    order = np.argsort(-counts, kind="stable")[:MOST_CLASSES].tolist()
    rows = tuple((Cell(index.class_names[at]), Cell(f"{counts[at]:,}", "", float(counts[at]))) for at in order)
    more = len(index.class_names) - len(rows)
    note = f"And {plural(more, 'class')} with fewer." if more > 0 else ""
    return Table(
        "data_classes", "How often each class is there.", ("Class", "Boxes" if boxed else "Labels"), rows, (), note
    )


def _doctor(index: DatasetIndex, tell: Stage) -> Section:
    from vision_core.data.doctor import CheckOptions, check

    said = "Every picture was opened, and files, copies, labels, boxes and splits were judged."
    try:
        found = check(
            index, CheckOptions(find_unlisted=False), lambda done, total: tell("Looking for faults", done, total)
        ).findings
    except (VisionError, OSError) as error:
        return Section("What the doctor found", (f"The pictures could not be looked at: {error}",))
    if not found:
        return Section("What the doctor found", (f"{said} Nothing was found.",))
    rows = tuple((Cell(one.severity), Cell(one.sentence), Cell(one.effect)) for one in found)
    head = ("How bad", "What was found", "What it does to training")
    table = Table("doctor", "The worst first.", head, rows, tuple(one.code for one in found))
    return Section("What the doctor found", (said,), (table,))


def settings(runs: Sequence[tuple[str, RunFolder]]) -> Table | None:
    """How each network was trained, a column a run; None without any."""
    if not runs:
        return None
    configs = [run.read(CONFIG) for _, run in runs]
    known = [name for name in _SETTINGS if any(name in config for config in configs)]
    rows = [
        (Cell(_WORDS.get(name, name.replace("_", " "))), *(Cell(_said(config.get(name))) for config in configs))
        for name in known
    ]
    return Table(
        "settings", "How each network was trained.", ("Setting", *(n for n, _ in runs)), tuple(rows), tuple(known)
    )


def _said(value: object) -> str:
    return "the best one" if value is None else "" if value == "" else str(value)


def machines(runs: Sequence[tuple[str, RunFolder]], measured: Sequence[Contender]) -> Table:
    """Hardware and versions of training and measuring."""
    found = [dict(environment(run.read(CONFIG))) for _, run in runs]
    names = [name for name in dict.fromkeys(each for one in found for each in one) if name not in _LEFT_OUT]
    rows = [(Cell(name), *(Cell(one.get(name, "unknown")) for one in found)) for name in names]
    notes = []
    for one in measured:
        how = ((one.costs.get("how") or {}).get("latency_ms_p50") or {}).get("note")
        if how:
            notes.append(f"{one.title} was measured: {how}, {str(one.costs.get('measured_at', ''))[:10]}.")
    note = " ".join(notes) or "No costs were measured."
    caption = "Hardware and versions that each network was trained with."
    return Table("machines", caption, ("What", *(n for n, _ in runs)), tuple(rows), tuple(names), note)


def licences(contenders: Sequence[Contender], runs: Sequence[tuple[str, RunFolder]]) -> tuple[Table, ...]:
    """Of code and weights, for each network once."""
    from vision_core.models.catalogue import get_spec

    names = [str(run.read(CONFIG).get("model", "")) for _, run in runs]
    names += [one.model for one in contenders if one.model and not is_run(one.model)]
    specs: list[ModelSpec] = []
    for name in dict.fromkeys(names):
        try:
            specs.append(get_spec(name))
        except VisionError:
            continue
    rows = [(Cell(one.title), Cell(one.code_licence), Cell(one.weights_licence)) for one in specs]
    rows.append((Cell("WhatWhere, which made this file"), Cell("Apache-2.0"), Cell("—")))
    rows.append((Cell("plotly.js, which draws the charts in it"), Cell("MIT"), Cell("—")))
    note = "Whether the pictures themselves may be used so is for whoever brought them to say."
    head = ("Network or library", "Code", "Published weights")
    return (Table("licences", "Who may use what, and how.", head, tuple(rows), (), note),)


LIMITS = (
    "An interval says how much the figures would move with other pictures of the same kind. It does not know other "
    "cameras, light, places or products.",
    "Each network was trained once. Another seed would give somewhat other figures, which the intervals do not hold.",
    "Times and costs are of the machine named under “Method”. On another they are others, and their order may be too.",
)


def whole(runs: Sequence[Path]) -> list[tuple[str, RunFolder]]:
    """The runs that are still there, each with its name; alike names get a number."""
    found = [RunFolder(path) for path in dict.fromkeys(runs) if is_run(str(path))]
    names = [run.record().name for run in found]
    told: dict[str, RunFolder] = {}
    for name, run in zip(names, found, strict=True):
        number = 1
        called = f"{name} (1)" if names.count(name) > 1 else name
        while called in told or (called != name and called in names):
            number += 1
            called = f"{name} ({number})"
        told[called] = run
    return list(told.items())


def cards(
    runs: Sequence[tuple[str, RunFolder]], models: Sequence[str], tell: Stage, known: Mapping[str, Any] | None = None
) -> tuple[tuple[str, str], ...]:
    """Title and text of the card of each run and of each model that was taken as it is published.

    Args:
        known: what is known of a run's evaluation, by the run's path.
    """
    from vision_core.model_card import model_card

    found, total = [], len(runs) + len(models)
    wanted: list[tuple[str, str, Callable[[], str]]] = [
        (name, str(run.path), lambda run=run: model_card(run.path, (known or {}).get(str(run.path))))
        for name, run in runs
    ]
    wanted += [(name, name, lambda name=name: model_card(name)) for name in models]
    for number, (title, _, make) in enumerate(wanted):
        tell("Writing model cards", number, total)
        try:
            found.append((title, make()))
        except VisionError as error:
            found.append((title, f"There is no card of it: {error}"))
    tell("Writing model cards", total, total)
    return tuple(found)

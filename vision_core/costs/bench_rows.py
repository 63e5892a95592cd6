"""Rows of a measurement as people read them: what to call each, which belong together, and the table.

    names = labels(rows)                 # "EfficientNet-Lite0 · ONNX Runtime · batch 8": only what differs is said
    series(rows)                         # rows of one configuration, by batch size
    usable(rows)                         # those that could be measured

What a row holds stands in `vision_core.costs.bench`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vision_core.costs.bench import TITLES

Row = Mapping[str, Any]
SETTINGS = ("device", "engine", "precision", "input_size_px", "threads", "batch_size")
"""What tells two measurements of one model apart."""
NUMBERS = (
    "latency_ms_p50",
    "latency_ms_p95",
    "latency_ms_p99",
    "preprocess_ms",
    "network_ms",
    "postprocess_ms",
    "images_per_second",
    "peak_memory_bytes",
    "parameters",
    "flops",
    "activations",
    "size_on_disk_bytes",
    "load_time_s",
    "energy_wh_per_1k",
    "co2_g_per_1k",
    "usd_per_million",
)
"""What is measured, in the order of the table; each has an entry in the glossary."""


def title(row: Row) -> str:
    """What people call the model."""
    return str(row.get("title") or row.get("model") or "model")


def usable(rows: Iterable[Row]) -> list[Row]:
    """Those that could be measured."""
    return [row for row in rows if not row.get("error") and row.get("latency_ms_p50")]


def failed(rows: Iterable[Row]) -> list[Row]:
    """Those that could not, with the reason in `error`."""
    return [row for row in rows if row.get("error")]


def setting(row: Row, name: str) -> str:
    """One setting in words; "" where the row does not say it."""
    value = row.get(name)
    if value is None or value == "":
        return ""
    if name == "engine":
        return TITLES.get(str(value), str(value))
    if name == "input_size_px":
        return size_text(value)
    if name == "threads":
        return f"{value} thread{'s' * (value != 1)}"
    return f"batch {value}" if name == "batch_size" else str(value)


def size_text(size: object) -> str:
    """An input size, given as an edge or as width and height: "224 px", "320 × 240 px"."""
    if isinstance(size, (list, tuple)):
        return f"{size[0]} px" if len(set(size)) == 1 else f"{size[0]} × {size[1]} px"
    return f"{size} px"


def labels(rows: Sequence[Row], among: Sequence[Row] | None = None, without: Sequence[str] = ()) -> list[str]:
    """A name for each row: its model, and those settings that differ among the model's rows.

    Args:
        among: the rows that are looked at together, by default these.
        without: settings that are said elsewhere, e.g. on an axis.
    """
    together = rows if among is None else among
    by_model: dict[Any, list[Row]] = {}
    for row in together:
        by_model.setdefault(row.get("model"), []).append(row)
    titles = Counter(title(group[0]) for group in by_model.values())
    found = []
    for row in rows:
        own = by_model.get(row.get("model"), [row])
        parts = [title(row) if titles[title(row)] < 2 else f"{title(row)} ({row.get('model')})"]
        differing = [n for n in SETTINGS if n not in without and len({setting(one, n) for one in own}) > 1]
        found.append(" · ".join([*parts, *(setting(row, name) for name in differing if setting(row, name))]))
    return found


def configuration(row: Row) -> tuple[str, ...]:
    """What was measured, without when: equal for two measurements of the same."""
    return (str(row.get("model")), *(str(row.get(name)) for name in SETTINGS), str(row.get("device_name") or ""))


def newest(rows: Iterable[Row]) -> list[Row]:
    """The last measurement of each configuration, in the order in which they first came.

    A configuration that could be measured once is not replaced by one that then could not.
    """
    found: dict[tuple[str, ...], Row] = {}
    for row in sorted(rows, key=lambda row: str(row.get("measured_at") or "")):
        key = configuration(row)
        if key not in found or not row.get("error") or found[key].get("error"):
            found[key] = row
    return list(found.values())


def series(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows of one model in one configuration, by rising batch size, under the configuration's name."""
    known = usable(rows)
    names = labels(known, without=("batch_size",))
    found: dict[str, list[Row]] = {}
    for name, row in zip(names, known, strict=True):
        found.setdefault(name, []).append(row)
    return {name: sorted(group, key=lambda row: row["batch_size"]) for name, group in found.items()}


def table(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """One plain line a row: model, task, settings, numbers, and where each was got (`measured`, `estimated`)."""
    lines = []
    for row in rows:
        how = row.get("how") or {}
        line: dict[str, Any] = {"model": title(row), "task": row.get("task")}
        line |= {name: row.get(name) for name in SETTINGS}
        for name in NUMBERS:
            line[name] = row.get(name)
            origin = (how.get(name) or {}).get("how")
            if origin == "estimated":
                line[f"{name}, how"] = origin
        line |= {"processor": row.get("device_name"), "measured at": row.get("measured_at"), "error": row.get("error")}
        lines.append(line | {"uncounted operators": ", ".join(row.get("uncounted_ops") or ())})
    return lines


def note(row: Row, name: str) -> str:
    """What to know of a number before it is quoted: where it comes from, or why there is none; "" where nobody says."""
    about = (row.get("how") or {}).get(name) or {}
    if not about:
        return ""
    return " · ".join(str(about[part]) for part in ("how", "note") if about.get(part))

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
SETTINGS = ("device", "engine", "precision", "input_size_px", "threads", "batch_size", "crops")
"""What tells two measurements of one model apart."""
SEPARATOR = " · "
_LEAST = 3  # characters of a model's name that are left
P99 = "latency_ms_p99"
LEAST_FOR_P99 = 20
"""Runs."""
NUMBERS = (
    "latency_ms_p50",
    "latency_ms_p95",
    P99,
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

HALVES = ("detect_ms", "classify_ms")
"""What is measured of a pipeline besides."""


def title(row: Row) -> str:
    """What people call the model."""
    return str(row.get("title") or row.get("model") or "model")


def usable(rows: Iterable[Row]) -> list[Row]:
    """Those that could be measured."""
    return [row for row in rows if not row.get("error") and row.get("latency_ms_p50")]


def quotable(row: Row, name: str) -> float | None:
    """A number as it may be shown: None where it is not known, and for a p99 of so few runs that it is the slowest."""
    if name == P99 and len(row.get("samples_ms") or ()) < LEAST_FOR_P99:
        return None
    return row.get(name)


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
    if name in ("threads", "crops"):
        return f"{value} {name if value != 1 else name[:-1]}"
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
    titles = _titles(by_model)
    found = []
    for row in rows:
        own = by_model.get(row.get("model"), [row])
        differing = [n for n in SETTINGS if n not in without and len({setting(one, n) for one in own}) > 1]
        said = [setting(row, name) for name in differing if setting(row, name)]
        found.append(SEPARATOR.join([titles.get(row.get("model"), title(row)), *said]))
    return found


def _titles(by_model: Mapping[Any, Sequence[Row]]) -> dict[Any, str]:
    """A name for each model, as short as tells them apart: a run's without its network, the network's own, or both."""
    whole = {model: title(group[0]) for model, group in by_model.items()}
    short = {model: name.partition(" (")[0] for model, name in whole.items()}
    many, many_short = Counter(whole.values()), Counter(short.values())
    return {
        model: short[model] if many_short[short[model]] < 2 else name if many[name] < 2 else f"{name} ({model})"
        for model, name in whole.items()
    }


def short_titles(rows: Sequence[Row]) -> list[str]:
    """What to call each row's model among these."""
    return labels(rows, without=SETTINGS)


def shortened(name: str, longest: int) -> str:
    """A name of `labels` in so many characters: the model's is cut first, since what follows tells rows apart.

    >>> shortened("Fashion Shelf classifier · ONNX Runtime · batch 8", 40)
    'Fashion Shelf… · ONNX Runtime · batch 8'
    """
    if len(name) <= longest:
        return name
    head, separator, tail = name.partition(SEPARATOR)
    room = longest - len(separator) - len(tail) - 1
    if not separator or room < _LEAST:
        return f"{name[: longest - 1]}…"
    return f"{head[:room].rstrip()}…{separator}{tail}"


def told_apart(names: Sequence[str], longest: int) -> list[str]:
    """Names of `labels` in so many characters each; where one is too long, models lose the words they all begin with.

    >>> told_apart(["Fashion Shelf classifier · batch 1", "Fashion Shelf detector · batch 1"], 30)
    ['classifier · batch 1', 'detector · batch 1']
    """
    if max(map(len, names), default=0) <= longest:
        return list(names)
    heads = {name.partition(SEPARATOR)[0] for name in names}
    short = []
    for name in names:
        head, separator, tail = name.partition(SEPARATOR)
        words = head.split()
        alike = max((_shared(words, other.split()) for other in heads - {head}), default=0)
        short.append(shortened(f"{' '.join(words[alike:])}{separator}{tail}", longest))
    return [_in_the_middle(one, short, name, longest) for one, name in zip(short, names, strict=True)]


def _shared(words: Sequence[str], others: Sequence[str]) -> int:
    """How many words both begin with, of each at least the last one left."""
    most = min(len(words), len(others)) - 1
    return next((place for place in range(most) if words[place] != others[place]), max(most, 0))


def _in_the_middle(one: str, short: Sequence[str], name: str, longest: int) -> str:
    """A name that was cut to the same as another, cut in its middle instead."""
    if short.count(one) < 2 or len(name) <= longest:
        return one
    start = (longest - 1) // 2
    return f"{name[:start]}…{name[start - longest + 1 :]}"


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
        for name in (*NUMBERS, *HALVES):
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

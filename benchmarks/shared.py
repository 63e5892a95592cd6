"""What the benchmarks share: photos, turns, medians with their spread, and how a result is written down."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vision_core.samples import open_sample

RESULTS = Path(__file__).parent / "results"
LIBRARIES = ("torch", "torchvision", "timm", "pillow", "numpy", "streamlit")
PAUSE_S = 0.005  # between turns, so that the threads of the one before have stopped spinning
Row = Sequence[object]


@cache
def photo(width_px: int, height_px: int) -> bytes:
    """A JPEG of that size: a sample photo, upscaled, with the grain of a sensor so that it weighs as much as a photo.

    An upscaled picture without grain would decode far quicker than what a camera makes.
    """
    small = open_sample("rocket").pixels
    large = small.resize((width_px, height_px), Image.Resampling.BICUBIC)
    grain = np.random.default_rng(0).normal(0, 3, (height_px, width_px, 1)).astype(np.float32)
    pixels = (np.asarray(large) + grain).clip(0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def timed_ms(call: Callable[[], object]) -> float:
    """Milliseconds one call takes."""
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


def take_turns(
    contestants: dict[str, Callable[[], float]], seconds: float, min_rounds: int = 7, warmup: int = 2
) -> dict[str, np.ndarray]:
    """Each contestant once a round, starting with another one each time, until the seconds are over.

    Args:
        contestants: name to a call that returns its own milliseconds.

    Returns:
        Name to milliseconds `(rounds,)`.
    """
    for _ in range(warmup):
        for call in contestants.values():
            call()
    names, rounds = list(contestants), []
    until = time.monotonic() + seconds
    while len(rounds) < min_rounds or time.monotonic() < until:
        first = len(rounds) % len(names)
        spent: dict[str, float] = {}
        for name in names[first:] + names[:first]:
            time.sleep(PAUSE_S)
            spent[name] = contestants[name]()
        rounds.append([spent[name] for name in names])
    return dict(zip(names, np.asarray(rounds).T, strict=True))


def spread(values: np.ndarray) -> dict[str, float]:
    """Median, quartiles and number of values."""
    low, middle, high = np.percentile(values, [25, 50, 75])
    return {"median": float(middle), "q25": float(low), "q75": float(high), "rounds": len(values)}


def with_spread(values: np.ndarray, unit: str = "") -> str:
    """A median with its quartiles in brackets, as a table shows it."""
    found = spread(values)
    digits = 2 if found["median"] < 10 else 1
    return f"{found['median']:.{digits}f}{unit} ({found['q25']:.{digits}f} to {found['q75']:.{digits}f})"


def context() -> dict[str, Any]:
    """What a figure means nothing without: machine, versions, date, command and load."""
    import torch

    from vision_core.costs.machine import describe

    module = getattr(sys.modules["__main__"], "__spec__", None)
    return {
        "command": shlex.join(["python", "-m", module.name if module else "?", *sys.argv[1:]]),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "hardware": asdict(describe()),
        "threads": torch.get_num_threads(),
        "python": sys.version.split()[0],
        "versions": {name: version(name) for name in LIBRARIES},
        "load_1min_at_start": round(os.getloadavg()[0], 2),
    }


def table(head: Row, rows: Sequence[Row]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def write(name: str, about: dict[str, Any], figures: dict[str, Any], text: str) -> None:
    """Writes `results/NAME-HARDWARE.json` and `.md`, and prints the latter."""
    machine = about["hardware"]
    about["load_1min_at_end"] = round(os.getloadavg()[0], 2)
    hardware = machine["accelerator"] if about.get("device", "cpu") != "cpu" else machine["processor"]
    title = f"{hardware}, {machine['cores']} cores, {machine['memory_bytes'] / 1e9:.0f} GB"
    slug = re.sub(r"[^a-z0-9]+", "-", f"{hardware} {machine['cores']} cores".lower()).strip("-")
    versions = ", ".join(f"{key} {value}" for key, value in about["versions"].items())
    load = f"{about['load_1min_at_start']} at the start, {about['load_1min_at_end']} at the end"
    page = (
        f"# {name}: {title}\n\n`{about['command']}`, {about['date']}\n\nPython {about['python']}, {versions}; "
        f"{about['threads']} threads; load average {load} (this benchmark's own included).\n\n{text}\n"
    )
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}-{slug}.json").write_text(json.dumps({**about, **figures}, indent=1) + "\n", encoding="utf-8")
    (RESULTS / f"{name}-{slug}.md").write_text(page, encoding="utf-8")
    print(page)

"""The limits of a roofline, never lower than what was measured under them.

    roof = raised(row["roof"], row["layers"])
    roof.flops_per_second, roof.words       # "": no layer was quicker than the machine's own measurement

What a machine reaches at best is measured in a moment (`vision_core.costs.layers.machine_roof`). Other programs may
have kept it busy just then, and a layer whose data lies in a cache is quicker than memory allows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Roof:
    """Arithmetic and memory traffic a second at most; `words`: what was raised and why, one sentence."""

    flops_per_second: float
    bytes_per_second: float
    words: str = ""


def raised(machine: Mapping[str, float], layers: Sequence[Mapping[str, Any]]) -> Roof:
    """The machine's limits, each raised to the quickest of the layers where that was quicker.

    Args:
        machine: `flops_per_second` and `bytes_per_second`.
        layers: with `time_ms`, `flops` and `bytes_moved`; those of which one is not known do not count.
    """
    timed = [one for one in layers if one.get("time_ms") and one.get("flops") and one.get("bytes_moved")]
    reached = {
        "flops_per_second": max((one["flops"] / one["time_ms"] * 1000 for one in timed), default=0.0),
        "bytes_per_second": max((one["bytes_moved"] / one["time_ms"] * 1000 for one in timed), default=0.0),
    }
    measured = {name: float(machine[name]) for name in reached}
    said = [
        f"{what} ({measured[name] / 1e9:,.3g} {unit} measured)"
        for name, what, unit in (("flops_per_second", "arithmetic", "GFLOP/s"), ("bytes_per_second", "memory", "GB/s"))
        if reached[name] > measured[name]
    ]
    words = (
        f"The limit of {' and of '.join(said)} was raised to the quickest layer: other programs kept the machine busy "
        "when it was measured, or that layer's data lay in a cache."
    )
    highest = {name: max(measured[name], reached[name]) for name in reached}
    return Roof(**highest, words=words if said else "")

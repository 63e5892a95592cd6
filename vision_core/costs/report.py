"""One record of what a model costs, every number with its unit in its name and with how it was got.

Measure what is wanted and put it together; `to_dict()` is one row of `bench --json`, plus "how":

    build_report(subject, flops=count_flops(network, images), latency=measure(step), price=price).to_dict()
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from vision_core.costs.flops import FlopCount
from vision_core.costs.latency import LatencyReport
from vision_core.costs.measured import Measured, unavailable
from vision_core.costs.memory import MemoryReport
from vision_core.costs.prices import Price, usd_per_million

__all__ = ["CostReport", "Measured", "Subject", "build_report", "price_per_million"]

_NOT_RUN = unavailable("not measured in this run")


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What was measured.

    Attributes:
        device: as PyTorch calls it (`cpu`, `cuda`); precision: of weights and arithmetic, e.g. `float32`.
        batch_size: images a run; latencies are of the whole batch.
        input_size_px: width and height the network saw.
        parameters: number of weights.
    """

    model: str
    device: str
    precision: str
    batch_size: int
    input_size_px: tuple[int, int]
    parameters: int


@dataclass(frozen=True, kw_only=True)
class CostReport:
    """What a model costs on this machine; see `Subject` for what was measured.

    Attributes:
        parameters: number of weights.
        flops: of one run, 2 per multiply-add; `uncounted_ops`: operators without a formula, missing from it.
        latency_ms_p50, latency_ms_p95: of one run, all stages together.
        preprocess_ms, network_ms, postprocess_ms: median of each stage.
        images_per_second: batch size over the median run.
        peak_memory_bytes: weights and the most tensors alive during a run.
        energy_wh_per_1k: watt-hours for a thousand images.
        usd_per_million: US dollars for a million images.
    """

    model: str
    device: str
    precision: str
    batch_size: int
    input_size_px: tuple[int, int]
    uncounted_ops: tuple[str, ...]
    parameters: Measured
    flops: Measured
    latency_ms_p50: Measured
    latency_ms_p95: Measured
    preprocess_ms: Measured
    network_ms: Measured
    postprocess_ms: Measured
    images_per_second: Measured
    peak_memory_bytes: Measured
    energy_wh_per_1k: Measured
    usd_per_million: Measured

    def to_dict(self) -> dict[str, Any]:
        """Plain values under the fields' names (null: unavailable), and under `how` each number's origin and note."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        numbers = {name: value for name, value in values.items() if isinstance(value, Measured)}
        row = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
        row.update({name: number.value for name, number in numbers.items()})
        return row | {"how": {name: {"how": item.how, "note": item.note} for name, item in numbers.items()}}


def price_per_million(images_per_second: Measured, price: Price | None) -> Measured:
    """What a million images cost at this speed and that price: an estimate, since the speed is this machine's."""
    if price is None:
        return unavailable("no price was chosen")
    if images_per_second.value is None:
        return unavailable(f"the speed is unavailable: {images_per_second.note}")
    formula = f" = {price.owned.formula}" if price.owned else ""
    note = (
        f"speed measured on this machine, priced as {price.name} at {price.usd_per_hour:.4g} USD/h{formula} "
        f"({price.provider}, {price.region}, {price.as_of.isoformat()}); that computer may be faster or slower"
    )
    return Measured(usd_per_million(images_per_second.value, price.usd_per_hour), "estimated", note)


def build_report(
    subject: Subject,
    *,
    flops: FlopCount | None = None,
    latency: LatencyReport | None = None,
    memory: MemoryReport | None = None,
    energy: Measured | None = None,
    price: Price | None = None,
) -> CostReport:
    """Put the measurements of one subject together; what is left out is reported as unavailable."""

    def from_latency(name: str) -> Measured:
        return Measured(getattr(latency, name), "measured", latency.note) if latency else _NOT_RUN

    speed = _speed(subject.batch_size, latency)
    return CostReport(
        model=subject.model,
        device=subject.device,
        precision=subject.precision,
        batch_size=subject.batch_size,
        input_size_px=subject.input_size_px,
        uncounted_ops=flops.uncounted if flops else (),
        parameters=Measured(subject.parameters, "measured", "counted"),
        flops=_flops(flops),
        latency_ms_p50=from_latency("p50_ms"),
        latency_ms_p95=from_latency("p95_ms"),
        preprocess_ms=from_latency("preprocess_ms"),
        network_ms=from_latency("network_ms"),
        postprocess_ms=from_latency("postprocess_ms"),
        images_per_second=speed,
        peak_memory_bytes=_memory(memory),
        energy_wh_per_1k=energy or _NOT_RUN,
        usd_per_million=price_per_million(speed, price),
    )


def _speed(batch_size: int, latency: LatencyReport | None) -> Measured:
    if latency is None:
        return _NOT_RUN
    if latency.p50_ms <= 0:
        return unavailable("the runs were too short for the clock")
    note = f"{batch_size} image{'s' * (batch_size != 1)} per median run, one run after the other; {latency.note}"
    return Measured(batch_size * 1000 / latency.p50_ms, "measured", note)


def _flops(count: FlopCount | None) -> Measured:
    if count is None:
        return _NOT_RUN
    return Measured(count.flops, "estimated" if count.uncounted else "measured", count.note)


def _memory(memory: MemoryReport | None) -> Measured:
    if memory is None:
        return _NOT_RUN
    return unavailable(memory.how) if memory.peak_bytes is None else Measured(memory.peak_bytes, "measured", memory.how)

"""Rows as a benchmark writes them, made up: for tests of charts and of the page, without measuring anything."""

from __future__ import annotations

from typing import Any

import numpy as np

CLASSIFIER, DETECTOR = "tf_efficientnet_lite0", "ssdlite_mobilenet_v2_coco"
TITLES = {CLASSIFIER: "EfficientNet-Lite0", DETECTOR: "SSDLite-MobileNetV2"}
HOSTILE = "<b>bold</b> **x** $y$ =1+1"


def row(model: str = CLASSIFIER, batch_size: int = 1, ms: float = 12.0, **changes: Any) -> dict[str, Any]:
    """One measured row; `ms` is the median of a batch of one."""
    samples = ms * batch_size**0.9 * (1 + np.random.default_rng(batch_size).gamma(2, 0.03, 60))
    p50, p95, p99 = (float(value) for value in np.percentile(samples, [50, 95, 99]))
    speed = batch_size * 1000 / p50
    detects = model == DETECTOR
    found = {
        "model": model,
        "title": TITLES.get(model, model),
        "task": "detection" if detects else "classification",
        "device": "cpu",
        "device_name": "A processor",
        "precision": "fp32",
        "engine": "eager",
        "threads": 2,
        "batch_size": batch_size,
        "input_size_px": [300, 300] if detects else [224, 224],
        "parameters": 4_650_000,
        "flops": 0.8e9,
        "activations": 6.7e6,
        "uncounted_ops": ["aten.strange"] if detects else [],
        "latency_ms_p50": p50,
        "latency_ms_p95": p95,
        "latency_ms_p99": p99,
        "preprocess_ms": 0.1 * p50,
        "network_ms": 0.8 * p50,
        "postprocess_ms": 0.1 * p50,
        "samples_ms": samples.tolist(),
        "images_per_second": speed,
        "peak_memory_bytes": 40e6 * batch_size,
        "size_on_disk_bytes": 18.6e6,
        "load_time_s": 0.4,
        "energy_wh_per_1k": None,
        "co2_g_per_1k": None,
        "usd_per_million": 0.08925 / 3600 / speed * 1e6,
        "weights": "published",
        "others_cpu_share": 0.02,
        "measured_at": "2026-11-23T10:00:00+00:00",
        "how": {
            "latency_ms_p50": {"how": "measured", "note": "60 runs on A processor, 2 CPU threads"},
            "energy_wh_per_1k": {"how": "unavailable", "note": "no RAPL counter under /sys/class/powercap"},
        },
        "layers": layers(),
        "error": "",
    }
    return found | changes


def broken(reason: str = "torch.compile finds no C++ compiler here.", **changes: Any) -> dict[str, Any]:
    """A row of a configuration that cannot run."""
    numbers = ("latency_ms_p50", "latency_ms_p95", "latency_ms_p99", "images_per_second", "usd_per_million")
    whole = row(**{"engine": "compile", **changes})
    return whole | dict.fromkeys(numbers) | {"samples_ms": [], "layers": [], "error": reason}


def rows() -> list[dict[str, Any]]:
    """Both tasks, three batch sizes, two engines, one of which fails once."""
    found = [row(batch_size=size) for size in (1, 2, 8)]
    found += [row(batch_size=size, ms=7.5, engine="onnxruntime") for size in (1, 2, 8)]
    found += [row(DETECTOR, size, 31.0) for size in (1, 2, 8)]
    return [*found, broken()]


def layers() -> list[dict[str, Any]]:
    """Some layers of a network."""
    kinds = [("Conv2d", 9), ("BatchNorm2d", 3), ("Linear", 2)]
    found = []
    for kind, many in kinds:
        for number in range(many):
            flops = 4e6 * (number + 1) if kind != "BatchNorm2d" else 1e5
            found.append(
                {
                    "name": f"blocks.{number}.{kind.lower()}",
                    "kind": kind,
                    "time_ms": 0.2 + 0.1 * number,
                    "flops": flops,
                    "bytes_moved": 2e5 * (number + 2),
                }
            )
    return found


STREAM = {
    "target_fps": 25.0,
    "seconds": 5.0,
    "offered": 125,
    "processed": 100,
    "dropped": 25,
    "sustained_fps": 20.0,
    "capacity_fps": 21.0,
    "delay_ms_p50": 48.0,
    "delay_ms_p95": 60.0,
    "keeps_up": False,
    "words": "20 of 25 frames a second; 20% dropped",
}

"""Rows of a measurement in words: what tells them apart, which belong together, and which is the newest."""

from __future__ import annotations

import doctest
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bench_cases import CLASSIFIER, DETECTOR, broken, row, rows
from vision_core.costs import bench_rows
from vision_core.costs.bench_rows import (
    NUMBERS,
    failed,
    labels,
    newest,
    note,
    quotable,
    series,
    short_titles,
    shortened,
    size_text,
    table,
    told_apart,
    usable,
)
from vision_core.data import wording
from vision_core.data.wording import digits


def test_only_what_differs_is_said() -> None:
    alone = [row(), row(DETECTOR)]
    assert labels(alone) == ["EfficientNet-Lite0", "SSDLite-MobileNetV2"]
    assert labels([row(), row(batch_size=8, engine="onnxruntime")]) == [
        "EfficientNet-Lite0 · PyTorch · batch 1",
        "EfficientNet-Lite0 · ONNX Runtime · batch 8",
    ]
    assert labels([row(), row(threads=1, input_size_px=128)], without=("threads",)) == [
        "EfficientNet-Lite0 · 224 px",
        "EfficientNet-Lite0 · 128 px",
    ]
    assert labels(alone[:1], among=[row(), row(precision="int8")]) == ["EfficientNet-Lite0 · fp32"]


def test_two_models_of_one_title_are_told_apart() -> None:
    one, other = row("runs/a", title="Mine"), row("runs/b", title="Mine")
    assert labels([one, other]) == ["Mine (runs/a)", "Mine (runs/b)"]


def test_a_run_is_called_by_its_name_alone_where_that_is_enough() -> None:
    runs = [row("runs/a", title="Mine (ResNet-18)"), row("runs/b", title="Yours (ResNet-18)")]
    assert labels(runs) == short_titles(runs) == ["Mine", "Yours"]
    alike = [row("runs/a", title="Mine (ResNet-18)"), row("runs/b", title="Mine (VGG-16)")]
    assert labels(alike) == ["Mine (ResNet-18)", "Mine (VGG-16)"]
    assert short_titles([*runs, row("runs/a", title="Mine (ResNet-18)", threads=1)])[2] == "Mine"


def test_a_long_name_keeps_what_tells_it_apart() -> None:
    assert shortened("short · batch 8", 40) == "short · batch 8"
    assert shortened("a" * 50, 10) == "a" * 9 + "…"
    assert shortened("name · " + "b" * 50, 20).endswith("…")
    for longest in range(20, 60):
        assert len(shortened("Fashion Shelf classifier · ONNX Runtime · batch 8", longest)) <= longest


def test_names_beside_points_keep_what_tells_models_apart() -> None:
    tails = ("PyTorch · batch 1", "ONNX Runtime · batch 8")
    names = [f"Fashion Shelf {kind} · {tail}" for kind in ("classifier", "detector") for tail in tails]
    assert told_apart(names, 30) == [
        "classifier · PyTorch · batch 1",
        "clas… · ONNX Runtime · batch 8",
        "detector · PyTorch · batch 1",
        "dete… · ONNX Runtime · batch 8",
    ]
    assert told_apart(names[:1], 60) == names[:1]
    assert told_apart([*names, "ResNet-18 · batch 1"], 30)[-1] == "ResNet-18 · batch 1"
    assert told_apart(["My long net of old", "My long net of old 2"], 12) == ["old", "old 2"]
    alike = [f"{'a' * 40}{end}" for end in "xy"]
    assert len(set(told_apart(alike, 20))) == 2
    assert all(len(one) <= 20 for one in told_apart(alike, 20))
    assert told_apart([], 5) == []


def test_a_p99_of_few_runs_is_not_quoted() -> None:
    few, enough = row(samples_ms=[12.0] * 19), row(samples_ms=[12.0] * 20)
    assert quotable(few, "latency_ms_p99") is None
    assert quotable(few, "latency_ms_p95") == few["latency_ms_p95"]
    assert quotable(enough, "latency_ms_p99") == enough["latency_ms_p99"]


@settings(deadline=None)
@given(st.floats(1e-9, 1e12), st.integers(1, 6))
def test_numbers_are_said_in_plain_digits(value: float, significant: int) -> None:
    said = digits(value, significant)
    assert "e" not in said
    assert float(said.replace(",", "")) == pytest.approx(float(f"{value:.{significant - 1}e}"), rel=1e-12)


def test_no_number_is_a_dash() -> None:
    assert doctest.testmod(wording).failed == doctest.testmod(bench_rows).failed == 0
    assert (digits(0), digits(math.nan), digits(-1234.5)) == ("0", "—", "-1,230")


def test_sizes_are_said_as_people_say_them() -> None:
    assert [size_text(size) for size in (224, [224, 224], (320, 240))] == ["224 px", "224 px", "320 × 240 px"]


def test_a_series_is_one_configuration_by_batch() -> None:
    found = series(reversed(rows()))
    assert set(found) == {"EfficientNet-Lite0 · PyTorch", "EfficientNet-Lite0 · ONNX Runtime", "SSDLite-MobileNetV2"}
    assert all([one["batch_size"] for one in group] == [1, 2, 8] for group in found.values())


def test_what_failed_is_no_measurement() -> None:
    assert len(usable(rows())) == 9
    assert [one["error"] for one in failed(rows())] == ["torch.compile finds no C++ compiler here."]
    assert usable([row(latency_ms_p50=None)]) == []


def test_the_newest_of_each_configuration_is_kept() -> None:
    old, new = row(ms=10), row(ms=20, measured_at="2026-11-24T10:00:00+00:00")
    failing = broken(engine="eager", measured_at="2026-11-25T10:00:00+00:00")
    assert newest([new, old, failing]) == [new]
    assert newest([broken(), broken(measured_at="2026-11-24")])[0]["measured_at"] == "2026-11-24"
    assert len(newest([row(), row(threads=1)])) == 2


def test_the_table_holds_every_number() -> None:
    line = table(
        [row(how={"flops": {"how": "estimated", "note": "one operator is missing"}}, uncounted_ops=["a", "b"])]
    )[0]
    assert (line["model"], line["task"], line["batch_size"]) == ("EfficientNet-Lite0", "classification", 1)
    assert set(NUMBERS) <= set(line)
    assert (line["flops, how"], line["uncounted operators"]) == ("estimated", "a, b")


def test_a_number_says_where_it_is_from() -> None:
    assert note(row(), "energy_wh_per_1k").startswith("unavailable · no RAPL counter")
    assert note(row(), "flops") == ""
    assert note({"model": CLASSIFIER}, "flops") == ""


def test_how_many_crops_tells_pipelines_apart() -> None:
    pair = f"{DETECTOR}>{CLASSIFIER}"
    few, many = (row(pair, crops=crops, task="two-stage", detect_ms=30.0, classify_ms=12.0) for crops in (1, 5))
    assert labels([few, many]) == [f"{pair} · 1 crop", f"{pair} · 5 crops"]
    assert len(newest([few, many])) == 2
    line, other = table([few, row()])
    assert (line["crops"], line["detect_ms"], line["classify_ms"]) == (1, 30.0, 12.0)
    assert (other["crops"], other["detect_ms"]) == (None, None)

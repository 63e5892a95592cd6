"""Benchmarks as plans, as processes of their own, and on the command line."""

from __future__ import annotations

import doctest
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision_core.__main__ import main
from vision_core.costs import bench_store, bench_work
from vision_core.costs.bench import MAX_CELLS, BenchPlan, Cell
from vision_core.costs.bench_store import BenchFolder, costs_of_run, list_benches, open_bench, remember, start_bench
from vision_core.errors import DataError, SettingsError, VisionError
from vision_core.run_folder import RunFolder
from vision_core.training.pulse import Pulse

pytestmark = pytest.mark.usefixtures("workspace")
RUN = Path(bench_store.__file__).parent.parent / "assets" / "runs" / "fashion-shelf-classifier"
PATIENCE_S = 180
QUICK = ("--seconds", "0.02")


# --- plans ---


def test_a_long_name_is_cut_between_words() -> None:
    assert doctest.testmod(bench_store).failed == 0
    assert bench_store.cut("  two \n words ") == "two words"
    assert bench_store.cut("a" * 90) == "a" * 79 + "…"
    assert all(len(bench_store.cut("word " * 40, longest)) <= longest for longest in range(10, 90))


def test_every_combination_is_a_cell() -> None:
    plan = BenchPlan(("a", "b"), (1, 8), (160, 224), ("fp32", "bf16"), (1, 2), ("cpu", "cuda"), ("eager", "compile"))
    cells = list(plan.cells())
    assert len(cells) == len(set(cells)) == 2**7
    assert cells[0] == Cell("a", "cpu", 160, "fp32", "eager", 1, 1)
    assert cells[0].words == "a, batch 1, 160 px, fp32, PyTorch, 1 thread, cpu"
    loads = [(cell.model, cell.device, cell.input_size_px) for cell in cells]
    assert len([1 for before, after in pairwise(loads) if before != after]) == 7  # one load each
    assert list(BenchPlan(("a",)).cells()) == [Cell("a")]


@given(
    st.lists(st.text("ab", min_size=1), min_size=1, max_size=3),
    st.lists(st.integers(1, 1024), min_size=1, max_size=4),
    st.lists(st.integers(16, 4096), max_size=3),
    st.floats(0, 600),
)
def test_a_plan_survives_being_written(models: list[str], batches: list[int], sizes: list[int], seconds: float) -> None:
    plan = BenchPlan(tuple(models), tuple(batches), tuple(sizes), seconds=seconds)
    assert BenchPlan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    assert len(list(plan.cells())) == len(set(models)) * len(set(batches)) * max(1, len(set(sizes)))


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"models": ()}, "nothing to measure"),
        ({"models": "resnet18"}, "give a list"),
        ({"batch_sizes": (0,)}, "from 1 to 1024"),
        ({"batch_sizes": (True,)}, "whole numbers"),
        ({"batch_sizes": (1.5,)}, "whole numbers"),
        ({"precisions": ("int4",)}, "fp32, bf16, int8"),
        ({"engines": ("tensorrt",)}, "eager, compile, onnxruntime"),
        ({"seconds": math.nan}, "0 to 600"),
        ({"watts": -1}, "watts"),
        ({"batch_sizes": tuple(range(1, 1025)), "threads": (1, 2)}, f"more than {MAX_CELLS}"),
    ],
)
def test_a_wrong_plan_is_refused(wrong: dict[str, Any], reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        BenchPlan(**{"models": ("a",), **wrong})


def test_a_plan_with_unknown_settings_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"no setting 'batch_size'.*batch_sizes"):
        BenchPlan.from_json({"models": ["a"], "batch_size": 3})
    with pytest.raises(SettingsError, match="no plan"):
        BenchPlan.from_json({})


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        (BenchPlan(("resnet81",)), "resnet18"),
        (BenchPlan(("resnet18",), price="a gold bar"), "no entry"),
        (BenchPlan(("resnet18",), region="Atlantis"), "no grid region"),
    ],
)
def test_what_does_not_exist_is_refused_before_anything_starts(plan: BenchPlan, reason: str) -> None:
    with pytest.raises(VisionError, match=reason):
        start_bench(plan)
    assert list_benches() == []


# --- a run's own costs ---


def test_a_run_keeps_the_last_row_of_each_condition(tmp_path: Path) -> None:
    row = {"model": "r", "device": "cpu", "precision": "fp32", "engine": "eager", "batch_size": 1, "threads": 1}
    row |= {"input_size_px": [64, 64], "latency_ms_p50": 5.0, "samples_ms": [5.0], "layers": [{}]}
    remember(tmp_path, row)
    remember(tmp_path, row | {"batch_size": 8})
    remember(tmp_path, row | {"latency_ms_p50": 4.0})
    kept = costs_of_run(tmp_path)
    assert [(it["batch_size"], it["latency_ms_p50"]) for it in kept] == [(8, 5.0), (1, 4.0)]
    assert not any("samples_ms" in it or "layers" in it for it in kept)
    assert costs_of_run(tmp_path / "nowhere") == []


# --- processes ---


def ended(bench: BenchFolder) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE_S
    while bench.is_active:
        assert time.monotonic() < deadline, bench.status()
        time.sleep(0.1)
    return bench.status()


def measuring(bench: BenchFolder) -> dict[str, Any]:
    """Waits until it has begun to take the time."""
    deadline = time.monotonic() + PATIENCE_S
    while (status := bench.status())["stage"] != "taking the time":
        assert time.monotonic() < deadline, status
        assert status["state"] in ("queued", "running"), status
        time.sleep(0.05)
    return status


def test_a_benchmark_runs_to_its_end_and_is_kept(tmp_path: Path) -> None:
    run = shutil.copytree(RUN, tmp_path / "run")
    plan = BenchPlan((str(run), "ssdlite_mobilenet_v2_coco"), precisions=("fp32", "int8"), seconds=0.02)
    bench = start_bench(plan, "  both tasks ")
    assert bench.status()["state"] in ("queued", "running")
    assert bench.status()["total"] == 4
    with pytest.raises(SettingsError, match="cancel it first"):
        bench.discard()
    status = ended(bench)
    assert (status["state"], status["done"], status["total"]) == ("finished", 4, 4), (
        bench.path / "log.txt"
    ).read_text()
    assert [row["task"] for row in bench.rows()] == ["classification"] * 2 + ["detection"] * 2
    assert [bool(row["error"]) for row in bench.rows()] == [False, False, False, True]
    assert [row["precision"] for row in costs_of_run(run)] == ["fp32", "int8"]
    other = BenchFolder(bench.path)
    assert (other.name, other.plan(), list_benches()) == ("both tasks", plan, [bench])
    assert open_bench(bench.id) == bench
    bench.discard()
    assert list_benches() == []
    for wrong in (bench.id, "..", "../benches", ""):
        with pytest.raises(DataError, match="no benchmark"):
            open_bench(wrong)


def test_a_benchmark_can_be_cancelled_and_others_wait_meanwhile() -> None:
    first = start_bench(BenchPlan(("test_resnet",), batch_sizes=(1, 2), seconds=300))
    status = measuring(first)
    assert (status["done"], status["seconds_left"]) == (0, None)
    assert "batch 1" in status["cell"]
    second = start_bench(BenchPlan(("test_resnet",), seconds=300))
    assert [bench.id for bench in list_benches()] == [second.id, first.id]
    time.sleep(0.5)
    assert second.status()["state"] == "queued"
    second.cancel()
    assert ended(second)["state"] == "cancelled"
    asked_at = time.monotonic()
    first.cancel()
    assert ended(first)["state"] == "cancelled"
    assert time.monotonic() - asked_at < 20
    assert first.rows() == []


def test_a_killed_benchmark_is_noticed() -> None:
    bench = start_bench(BenchPlan(("test_resnet",), seconds=300))
    pid = measuring(bench)["pid"]
    os.kill(pid, signal.SIGKILL)
    status = ended(bench)
    assert status["state"] == "interrupted"
    assert "ended unasked" in status["error"]


STUBBORN = """
import sys, time
from pathlib import Path
from vision_core.costs import bench_work
bench_work._GRACE_S = 0.5
bench_work._measure = lambda files, wish, pulse: (pulse.update(state="running"), time.sleep(600))
bench_work.main(Path(sys.argv[1]))
"""


def test_what_does_not_listen_is_ended_all_the_same(tmp_path: Path) -> None:
    bench = BenchFolder(tmp_path)
    (tmp_path / bench_store.GO).touch()
    process = subprocess.Popen([sys.executable, "-c", STUBBORN, str(tmp_path)], start_new_session=True)
    try:
        while bench.status()["state"] != "running":
            assert process.poll() is None
            time.sleep(0.05)
        bench.cancel()
        assert process.wait(30) != 0
    finally:
        process.kill()
    assert bench.status()["state"] == "cancelled"


def test_a_benchmark_ends_with_the_process_that_it_is_for(tmp_path: Path) -> None:
    files = RunFolder(tmp_path)
    me = psutil.Process()
    files.write("about.json", {"for": {"pid": me.pid, "pid_started": me.create_time()}})
    assert not bench_work._Wish(files).is_stop()
    files.write("about.json", {"for": {"pid": me.pid, "pid_started": me.create_time() - 500}})  # another of that number
    wish = bench_work._Wish(files)
    assert wish.is_stop()
    with pytest.raises(bench_work.Cancelled):
        wish.check()


def test_an_unexpected_error_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("oh\ndear")

    monkeypatch.setattr(bench_work, "_measure", broken)
    (tmp_path / bench_store.GO).touch()
    bench_work.main(tmp_path)
    status = BenchFolder(tmp_path).status()
    assert (status["state"], status["error"]) == ("failed", "It ended with an unexpected ZeroDivisionError: oh")
    assert threading.active_count() < 50


def test_the_time_left_is_told_from_the_cells_so_far(tmp_path: Path) -> None:
    bench = BenchFolder(tmp_path)
    now = time.time()
    with Pulse(bench.files) as pulse:
        pulse.update(state="running", done=2, total=5, measuring_since=now - 20, cell_since=now)
        assert bench.status()["seconds_left"] == pytest.approx(30, abs=1)  # three more, ten seconds each
        pulse.update(done=0)
        assert bench.status()["seconds_left"] is None


def test_damaged_files_open_as_failed(tmp_path: Path) -> None:
    (tmp_path / "status.json").write_text("{")
    (tmp_path / "rows.jsonl").write_text('{"model": "a"}\n{"model": \n[1]\n')
    bench = BenchFolder(tmp_path)
    assert bench.status()["state"] == "failed"
    assert bench.rows() == [{"model": "a"}]


# --- the command line ---


def test_the_command_line_keeps_its_contract(capsys: pytest.CaptureFixture[str]) -> None:
    models = ("tf_efficientnet_lite0", "ssdlite_mobilenet_v2_coco")
    assert main(["bench", *models, "--batch-sizes", "1,8", "--device", "cpu", "--json", *QUICK]) == 0
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 1
    rows = json.loads(said.out)
    assert [(row["model"], row["batch_size"]) for row in rows] == [(model, size) for model in models for size in (1, 8)]
    for row in rows:
        assert row["error"] == ""
        assert {
            "device",
            "precision",
            "input_size_px",
            "parameters",
            "flops",
            "latency_ms_p50",
            "latency_ms_p95",
        } < set(row)
        assert {"images_per_second", "peak_memory_bytes", "energy_wh_per_1k", "usd_per_million"} < set(row)
        assert row["latency_ms_p50"] > 0
        assert "layers" not in row
    assert [row["flops"] // 10**7 for row in rows] == [77, 77, 149, 149]
    assert "1 of 4" in said.err
    assert list_benches() == []  # nobody asked to keep it


def test_a_kept_benchmark_is_found_by_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["bench", "test_resnet", "--input-sizes", "32,64", "--threads", "1", "--save", "--name", "mine", *QUICK])
        == 0
    )
    out = capsys.readouterr().out
    assert "32x32" in out
    assert "64x64" in out
    (bench,) = list_benches()
    assert (bench.name, bench.status()["state"], len(bench.rows())) == ("mine", "finished", 2)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("no_such_model",), "no_such_model"),
        (("resnet18", "--batch-sizes", "1,two"), "--batch-sizes '1,two'"),
        (("resnet18", "--batch-sizes", "0"), "batch_sizes"),
        (("resnet18", "--engines", "magic"), "magic"),
        (("resnet18", "--device", "cuda:99"), "cuda:99"),
        (("resnet18", "--price", "free beer"), "free beer"),
        (("resnet18", "--region", "Atlantis"), "Atlantis"),
    ],
)
def test_what_the_caller_can_mend_is_one_line(
    arguments: tuple[str, ...], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *arguments, "--json"]) == 2
    said = capsys.readouterr()
    assert (said.out, len(said.err.splitlines())) == ("", 1)
    assert reason in said.err

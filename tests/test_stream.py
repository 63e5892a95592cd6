"""A stream in a time of the test's own: every count and delay worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vision_core.costs.stream import FRAME_SIZE_PX, StreamReport, panning_frames, run_stream
from vision_core.errors import SettingsError


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def stream(step_s: float, target_fps: float, seconds: float) -> tuple[StreamReport, list[int]]:
    clock, seen = Clock(), []

    def step(number: int) -> None:
        seen.append(number)
        clock.now += step_s

    return run_stream(step, target_fps, seconds, clock=clock, sleep=clock.sleep), seen


def test_a_quick_model_answers_every_frame() -> None:
    report, seen = stream(0.01, 25, 2)
    assert seen == list(range(50))
    assert (report.offered, report.processed, report.dropped) == (50, 50, 0)
    assert report.sustained_fps == pytest.approx(25)
    assert report.capacity_fps == pytest.approx(100)
    assert (report.delay_ms_p50, report.delay_ms_p95) == (pytest.approx(10), pytest.approx(10))
    assert report.keeps_up


def test_a_slow_model_looks_at_the_newest_frame_only() -> None:
    report, seen = stream(0.25, 10, 1)  # free at 0, 0.25, 0.5, 0.75: frames 0, 2, 5 and 7 are the newest then
    assert seen == [0, 2, 5, 7]
    assert (report.offered, report.processed, report.dropped) == (10, 4, 6)
    assert report.sustained_fps == pytest.approx(4)
    assert report.delay_ms_p50 == pytest.approx(275)  # 250, 300, 250, 300
    assert not report.keeps_up
    assert report.words == "4 of 10 frames a second; 60% dropped"
    assert report.to_dict()["keeps_up"] is False


def test_a_model_slower_than_the_stream_is_long_answers_once() -> None:
    report, seen = stream(9.0, 10, 1)
    assert seen == [0]
    assert report.sustained_fps == pytest.approx(1 / 9)


@given(st.floats(0.001, 0.5), st.floats(1, 60), st.floats(0.2, 3))
def test_frames_add_up_and_come_in_order(step_s: float, target_fps: float, seconds: float) -> None:
    report, seen = stream(step_s, target_fps, seconds)
    assert report.processed + report.dropped == report.offered
    assert seen == sorted(set(seen))
    assert report.sustained_fps <= min(1 / step_s, report.offered / seconds) * (1 + 1e-6)
    assert report.delay_ms_p50 >= 1000 * step_s - 1e-6


@pytest.mark.parametrize(("fps", "seconds"), [(0, 1), (-5, 1), (float("nan"), 1), (10, 0)])
def test_a_stream_without_frames_is_refused(fps: float, seconds: float) -> None:
    with pytest.raises(SettingsError, match="no frames"):
        run_stream(lambda _: None, fps, seconds)


def test_a_stream_can_be_ended() -> None:
    def check() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_stream(lambda _: None, 10, check=check)


@pytest.mark.parametrize("size", [(916, 636), (200, 900), (31, 17)])
def test_frames_move_and_have_one_size(size: tuple[int, int]) -> None:
    picture = Image.radial_gradient("L").resize(size).convert("RGB")
    frames = panning_frames(picture, 8)
    assert {frame.size for frame in frames} == {FRAME_SIZE_PX}
    assert len({frame.tobytes() for frame in frames}) > 3

"""Real time: how many frames a second a model keeps up with on a video-like stream, and how many it must drop.

    report = run_stream(lambda number: detector.predict([frames[number % len(frames)]]), target_fps=25)
    report.words             # "23.1 of 25 frames a second; 8 % dropped"

A camera does not wait: a frame is there at its time, and only the newest one is looked at when the model is free. One
frame is in work at a time, as in a loop around a camera's `read()` with a buffer of one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vision_core.errors import SettingsError

if TYPE_CHECKING:
    from PIL import Image

FRAME_SIZE_PX = (640, 480)
FRAMES = 30
_TOLERANCE = 0.01  # of the frames may be lost to a hiccup before a model counts as too slow


@dataclass(frozen=True)
class StreamReport:
    """What came of a stream.

    Attributes:
        target_fps: frames a second that the camera delivers; seconds: how long.
        offered, processed, dropped: frames; the first is the sum of the others.
        sustained_fps: frames answered a second.
        capacity_fps: what it could do if frames never ended: one over the median time of a frame.
        delay_ms_p50, delay_ms_p95: from a frame's arrival to its answer, of the frames that were answered.
    """

    target_fps: float
    seconds: float
    offered: int
    processed: int
    dropped: int
    sustained_fps: float
    capacity_fps: float
    delay_ms_p50: float
    delay_ms_p95: float

    @property
    def keeps_up(self) -> bool:
        """Whether at most one frame in a hundred was dropped."""
        return self.dropped <= _TOLERANCE * self.offered

    @property
    def words(self) -> str:
        share = self.dropped / self.offered
        return f"{self.sustained_fps:.3g} of {self.target_fps:g} frames a second; {share:.0%} dropped"

    def to_dict(self) -> dict[str, Any]:
        """Plain values under the attributes' names, `keeps_up` and `words` with them."""
        return asdict(self) | {"keeps_up": self.keeps_up, "words": self.words}


def run_stream(
    step: Callable[[int], object],
    target_fps: float,
    seconds: float = 5.0,
    *,
    clock: Callable[[], float] = time.perf_counter,
    sleep: Callable[[float], object] = time.sleep,
    check: Callable[[], object] = lambda: None,
) -> StreamReport:
    """Play a stream in real time to `step`, which looks at the frame of that number; warm it up before.

    Args:
        clock, sleep: the time, for tests.
        check: called between frames; what it raises ends the stream.

    Raises:
        SettingsError: less than one frame would come.
    """
    frames = target_fps * seconds
    if not (np.isfinite(frames) and target_fps > 0 and frames > 0):
        raise SettingsError(f"A stream of {target_fps:g} frames a second for {seconds:g} s has no frames.")
    offered = int(np.ceil(round(frames, 6)))
    delays, durations = [], []
    began, following = clock(), 0
    while following < offered:
        check()
        now = clock() - began
        newest = min(int(now * target_fps + 1e-9), offered - 1)  # frame n is there n / fps after the start
        if newest < following:
            sleep(following / target_fps - now)
            continue
        if now >= seconds:
            break
        started = clock()
        step(newest)
        ended = clock()
        durations.append(ended - started)
        delays.append(ended - began - newest / target_fps)
        following = newest + 1
    elapsed = max(clock() - began, seconds)
    p50, p95 = (float(value) for value in np.percentile(delays, [50, 95]))
    return StreamReport(
        target_fps=float(target_fps),
        seconds=float(seconds),
        offered=offered,
        processed=len(delays),
        dropped=offered - len(delays),
        sustained_fps=len(delays) / elapsed,
        capacity_fps=1 / max(float(np.median(durations)), 1e-9),
        delay_ms_p50=1000 * p50,
        delay_ms_p95=1000 * p95,
    )


def panning_frames(picture: Image.Image, count: int = FRAMES) -> list[Image.Image]:
    """A camera that moves over a picture and back: `count` RGB frames of `FRAME_SIZE_PX`."""
    width, height = FRAME_SIZE_PX
    scale = max(1.0, 1.25 * width / picture.width, 1.25 * height / picture.height)
    large = picture.convert("RGB").resize((round(picture.width * scale), round(picture.height * scale)))
    frames = []
    for number in range(count):
        way = abs(2 * number / count - 1)  # 1 to 0 and back
        left, top = round(way * (large.width - width)), round(way * (large.height - height))
        frames.append(large.crop((left, top, left + width, top + height)))
    return frames

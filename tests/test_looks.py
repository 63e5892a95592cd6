"""The doctor's quick look says of every file what `open_image` says, for sound, odd, hostile and damaged ones."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.faults import encoded, picture
from tests.hostile_images import HostileFile, hostile_files, speckled
from vision_core.data.looks import State, look
from vision_core.errors import ImageError
from vision_core.images import ImageLimits, Picture, configured_limits, open_image

SOUND = {
    "baseline": encoded(speckled()),
    "turned": encoded(picture(1, (700, 520)), orientation=6),
    "grey": encoded(picture(2).convert("L")),
    "of the hash's own size": encoded(picture(4, (32, 32))),
    "reduced fourfold": encoded(picture(5, (256, 256))),
}
with io.BytesIO() as _buffer:
    picture(3, (640, 480)).save(_buffer, "JPEG", progressive=True)
    SOUND["progressive"] = _buffer.getvalue()


def opened(path: Path, limits: ImageLimits) -> Picture | str:
    """What `open_image` makes of a file, or why it refuses."""
    try:
        return open_image(path, limits=limits)
    except ImageError as error:
        return str(error)


def agree(path: Path, limits: ImageLimits) -> State:
    """Looks and opens, and says what the look said once both agree."""
    seen, picture = look(path, limits), opened(path, limits)
    if isinstance(picture, str):
        assert seen.state != State.READABLE
        assert seen.reason == picture.rstrip(".")
        return seen.state
    assert (seen.state, seen.reason) == (State.READABLE, "")
    assert (seen.kind, seen.size_px, seen.sha256.hex()) == (picture.format, picture.size_px, picture.sha256)
    return seen.state


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # damaged EXIF
@pytest.mark.parametrize("file", hostile_files(), ids=lambda file: file.name[:40].encode("ascii", "replace").decode())
def test_unusual_and_hostile_files(file: HostileFile, tmp_path: Path) -> None:
    path = tmp_path / "file.jpg"
    path.write_bytes(file.content)
    agree(path, configured_limits())


@pytest.mark.parametrize("name", SOUND)
def test_sound_jpegs(name: str, tmp_path: Path) -> None:
    path = tmp_path / "sound.jpg"
    path.write_bytes(SOUND[name])
    assert agree(path, configured_limits()) == State.READABLE
    seen = look(path, configured_limits())
    assert seen.orientation == (6 if name == "turned" else 1)
    whole = open_image(path).pixels.resize((8, 8), reducing_gap=3.0)
    thumbnail = np.frombuffer(seen.thumbnail, np.uint8).reshape(8, 8, 3)
    assert np.abs(np.asarray(whole, np.int16) - thumbnail).mean() < 3


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(list(SOUND)), cut=st.floats(0, 1), places=st.lists(st.floats(0, 1), max_size=4))
@example(name="baseline", cut=0.99, places=[])
@example(name="progressive", cut=0.5, places=[])
def test_damaged_jpegs(name: str, cut: float, places: list[float], tmp_path: Path) -> None:
    data = bytearray(SOUND[name])
    for place in places:
        data[int(place * (len(data) - 1))] ^= 0x5A
    path = tmp_path / "damaged.jpg"
    path.write_bytes(data[: round(len(data) * cut)])
    agree(path, configured_limits())


@pytest.mark.parametrize(
    ("limits", "state"),
    [
        (ImageLimits(max_bytes=100), State.HUGE),
        (ImageLimits(max_pixels=100), State.HUGE),
        (ImageLimits(), State.READABLE),
    ],
)
def test_limits_hold(limits: ImageLimits, state: State, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(SOUND["baseline"])
    assert agree(path, limits) == state

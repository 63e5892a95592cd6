"""Opening pictures: every unusual and hostile file, exact colours, limits, names, sources, folders, previews."""

from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from tests.hostile_images import hostile_files, speckled, valid_files
from tests.unusual_images import card, saved
from vision_core.errors import ImageError
from vision_core.images import IMAGE_EXTENSIONS, ImageLimits, Picture, display_name, iter_folder, open_image

ROOT = Path(__file__).parent.parent
FILES = hostile_files()
VALID = valid_files()
DECODED = {extension: np.asarray(open_image(content).pixels) for extension, content in VALID.items()}

# Pillow warns about damaged metadata on its way; what counts here is what comes out.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def by_outcome(outcome: str) -> list:
    return [pytest.param(file, id=ascii(file.name)[1:60]) for file in FILES if file.outcome == outcome]


def quarter_colours(picture: Picture) -> list:
    width, height = picture.size_px
    pixels = np.asarray(picture.pixels)
    return [tuple(pixels[y * height // 4, x * width // 4].tolist()) for y in (1, 3) for x in (1, 3)]


def test_there_are_enough_files_and_each_has_its_own_name():
    assert len({file.name for file in FILES}) == len(FILES) >= 60


@pytest.mark.parametrize("file", by_outcome("shown"))
def test_unusual_file_is_shown_rightly(file):
    picture = open_image(file.content, name=file.name)
    assert picture.pixels.mode == "RGB"
    assert picture.size_px == picture.pixels.size == file.size_px
    for seen, expected in zip(quarter_colours(picture), file.corners, strict=True):
        assert max(abs(a - b) for a, b in zip(seen, expected, strict=True)) <= file.tolerance, quarter_colours(picture)
    assert re.search(file.says, " ".join(picture.notes)), picture.notes
    assert picture.name == (file.shown_as or file.name)


@pytest.mark.parametrize("file", by_outcome("refused"))
def test_bad_file_is_refused_with_one_sentence(file):
    with pytest.raises(ImageError, match=file.says) as refusal:
        open_image(file.content, name=file.name)
    sentence = str(refusal.value)
    assert sentence.startswith(f"'{file.name}' ")
    assert "\n" not in sentence
    assert "object at 0x" not in sentence
    assert len(sentence) < 250
    assert ":" in sentence, "the way out follows a colon"


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from Linux's accounting")
def test_all_hostile_files_together_stay_within_bounded_memory(tmp_path):
    """In a process of its own: nothing hangs, nothing eats memory, and nothing but ImageError comes out."""
    for index, file in enumerate(FILES):
        (tmp_path / f"{index:03}").write_bytes(file.content)
    code = """
import resource, sys
from pathlib import Path
from vision_core.images import ImageError, open_image
open_image("vision_core/assets/samples/coffee.png")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        open_image(path)
    except ImageError:
        pass
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""
    command = [sys.executable, "-W", "ignore", "-c", code, str(tmp_path)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    assert float(result.stdout) < 250, "MiB on top of an ordinary photo"


@pytest.mark.parametrize("extension", VALID)
def test_a_file_cut_anywhere_is_refused_or_shown_whole(extension):
    """Half a picture is never shown as if it were one."""
    content = VALID[extension]
    for length in sorted(
        {*range(0, len(content), max(len(content) // 60, 1)), *range(len(content) - 12, len(content))}
    ):
        try:
            picture = open_image(content[:length])
        except ImageError:
            continue
        np.testing.assert_array_equal(np.asarray(picture.pixels), DECODED[extension], err_msg=f"cut at {length}")


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_flipped_bytes_open_or_raise_image_error(data):
    content = bytearray(VALID[data.draw(st.sampled_from(sorted(VALID)))])
    # Headers are where the traps are, so half of the flips go there.
    anywhere = st.integers(0, len(content) - 1) | st.integers(0, min(len(content), 300) - 1)
    for position, value in data.draw(st.lists(st.tuples(anywhere, st.integers(0, 255)), min_size=1, max_size=12)):
        content[position] = value
    try:
        picture = open_image(bytes(content), limits=ImageLimits(max_pixels=4_000_000))
    except ImageError:
        return
    assert picture.pixels.mode == "RGB"
    assert picture.width_px * picture.height_px <= 4_000_000


@given(content=st.binary(max_size=200), start=st.sampled_from([content[:40] for content in VALID.values()]))
@settings(max_examples=200, deadline=None)
def test_random_bytes_behind_any_signature_raise_image_error(content, start):
    with pytest.raises(ImageError):
        open_image(start[:16] + content)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientation_agrees_with_pillows_own(orientation, kind):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = saved(speckled(), kind, exif=exif)
    with Image.open(BytesIO(content)) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    np.testing.assert_array_equal(np.asarray(open_image(content).pixels), expected)


def test_an_ordinary_picture_is_exactly_what_pillow_decodes():
    for extension in ("jpg", "png", "bmp", "tif", "webp"):
        with Image.open(BytesIO(VALID[extension])) as image:
            np.testing.assert_array_equal(DECODED[extension], np.asarray(image.convert("RGB")))
        assert open_image(VALID[extension]).notes == ()


@given(colour=st.tuples(*[st.integers(0, 255)] * 4), matte=st.booleans())
@settings(max_examples=60, deadline=None)
def test_transparency_over_white_agrees_with_arithmetic(colour, matte):
    image = Image.new("RGBA", (3, 2), colour)
    image = image.convert("LA") if matte else image
    *colours, alpha = np.asarray(image.convert("RGBA"))[1, 1].tolist()
    expected = [value * alpha / 255 + 255 - alpha for value in colours]
    np.testing.assert_allclose(np.asarray(open_image(saved(image, "PNG")).pixels)[1, 1], expected, atol=1)


def test_a_profile_never_outlives_the_conversion():
    file = next(file for file in FILES if file.name == "profile.jpg")
    assert "icc_profile" not in open_image(file.content).pixels.info


def test_limits_hold_from_the_header_and_say_so():
    content = VALID["png"]  # 96 x 80
    assert open_image(content, limits=ImageLimits(max_pixels=7_680)).size_px == (96, 80)
    with pytest.raises(
        ImageError, match=r"'a\.png' has 96 x 80 = 0\.00768 megapixels, more than the 0\.007679 allowed"
    ):
        open_image(content, "a.png", ImageLimits(max_pixels=7_679))
    assert open_image(content, limits=ImageLimits(max_bytes=len(content)))
    for source in (content, BytesIO(content)):
        with pytest.raises(ImageError, match="MiB"):
            open_image(source, limits=ImageLimits(max_bytes=len(content) - 1))


def test_paths_streams_and_bytes_give_the_same_picture(tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(VALID["png"])
    stream = BytesIO(VALID["png"])
    stream.read()  # as an upload that was read before
    with path.open("rb") as file:
        pictures = [open_image(path), open_image(str(path)), open_image(file), open_image(stream, "photo.png")]
    assert {picture.name for picture in pictures} == {"photo.png"}
    assert len(set(pictures)) == 1
    with pytest.raises(ImageError, match="MiB"):
        open_image(path, limits=ImageLimits(max_bytes=100))


def test_what_is_no_file_is_refused(tmp_path):
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    for source, says in {
        tmp_path: "is a folder",
        tmp_path / "missing.png": r"'missing\.png' does not exist",
        pipe: "not an ordinary file",
        tmp_path / "loop.png": "cannot be read",
        tmp_path / "no\0name.png": "cannot be read",
        tmp_path / "missing.png" / "below.png": "does not exist",
    }.items():
        with pytest.raises(ImageError, match=says):
            open_image(source)


@given(name=st.text(max_size=300))
def test_display_names_are_short_and_harmless(name):
    shown = display_name(name)
    assert 0 < len(shown) <= 80
    assert "/" not in shown
    assert "\\" not in shown
    assert shown.isprintable()
    assert shown == display_name(shown)


def test_preview_is_small_cached_bounded_and_true_to_the_picture():
    picture = open_image(saved(card(size_px=(3000, 1500)), "PNG"))
    small = picture.preview()
    assert small.size == (1280, 640)
    assert picture.preview() is small
    assert [small.getpixel((x, y)) for y in (100, 500) for x in (100, 1000)] == quarter_colours(picture)
    for edge in range(100, 110):
        assert max(picture.preview(edge).size) == edge
    assert len(picture._previews) <= 4
    assert picture.preview(5000) is picture.pixels
    assert open_image(saved(Image.new("RGB", (4000, 1)), "PNG")).preview(100).size == (100, 1)


def test_a_picture_is_a_value():
    picture = open_image(VALID["jpg"], "a.jpg")
    assert picture == open_image(VALID["jpg"], "a.jpg")
    assert picture != open_image(VALID["jpg"], "b.jpg")
    copied = pickle.loads(pickle.dumps(picture))
    assert copied == picture
    np.testing.assert_array_equal(np.asarray(copied.pixels), DECODED["jpg"])


def test_threads_open_heic_and_converted_pictures_at_once():
    names = ["still.heic", "profile.jpg", "still.avif", "float.tif", "animated.gif"]
    wanted = [file for file in FILES if file.name in names] * 8
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda file: np.asarray(open_image(file.content).pixels), wanted))
    for file, pixels in zip(wanted, opened, strict=True):
        np.testing.assert_array_equal(pixels, np.asarray(open_image(file.content).pixels))


def test_folder_is_walked_sorted_without_leaving_it(tmp_path):
    inside, outside = tmp_path / "in", tmp_path / "out"
    for path in (
        "b.JPG",
        "a/2.png",
        "a/10.webp",
        "a/notes.txt",
        ".hidden/x.png",
        "a/._x.png",
        "c/d/e.heic",
        "z.jpg/y.gif",
    ):
        (inside / path).parent.mkdir(parents=True, exist_ok=True)
        (inside / path).write_bytes(b"x")
    outside.mkdir()
    (outside / "secret.png").write_bytes(b"x")
    (inside / "link.png").symlink_to(outside / "secret.png")
    (inside / "linked_folder").symlink_to(outside)
    (inside / "within.png").symlink_to(inside / "a" / "2.png")
    (inside / "dangling.png").symlink_to(inside / "nothing.png")
    found = [path.relative_to(inside).as_posix() for path in iter_folder(inside)]
    assert found == ["a/10.webp", "a/2.png", "b.JPG", "c/d/e.heic", "within.png", "z.jpg/y.gif"]
    assert next(iter(iter_folder(str(inside)))) == inside / "a" / "10.webp"
    with pytest.raises(ImageError, match=r"'missing'.*cannot be read"):
        list(iter_folder(tmp_path / "missing"))
    assert {".jpg", ".heic", ".avif", ".webp"} <= IMAGE_EXTENSIONS


def test_opening_a_picture_needs_neither_torch_nor_other_decoders():
    code = """
import sys
from pathlib import Path
from PIL import Image
from vision_core.images import open_image
open_image(Path("vision_core/assets/samples/coffee.png"))
open_image(Path("vision_core/assets/samples/flower.jpg"))
print("torch" in sys.modules, "pillow_heif" in sys.modules, "EPS" in Image.OPEN)
"""
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    assert result.stdout.split() == ["False"] * 3

"""Preprocessing against torchvision's and timm's own transforms, and the way back to the picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torchvision import transforms

from tests.conftest import SAMPLES
from vision_core.preprocess import as_tensor, placement, resized, scaled_size
from vision_core.types import Preprocessing

SIZES = st.tuples(st.integers(1, 400), st.integers(1, 400))
CROP = Preprocessing(mode="crop", size_px=64, resize_px=73, interpolation="bicubic")


def picture(width: int, height: int) -> Image.Image:
    return Image.open(SAMPLES / "astronaut.png").convert("RGB").resize((width, height), Image.Resampling.BICUBIC)


@given(st.tuples(st.integers(8, 400), st.integers(8, 400)))
def test_resize_and_crop_equal_torchvision(size: tuple[int, int]) -> None:
    image = picture(*size)
    reference = transforms.Compose(
        [transforms.Resize(73, transforms.InterpolationMode.BICUBIC), transforms.CenterCrop(64)]
    )
    assert scaled_size(CROP, *size) == transforms.Resize(73)(image).size
    difference = np.abs(resized(image, CROP).astype(int) - np.asarray(reference(image)).astype(int))
    # Pillow may resize a crop in the other order of axes, which rounds differently where edges overshoot
    assert difference.mean() < 0.5
    assert np.percentile(difference, 99) <= 3


@pytest.mark.parametrize("size", [(500, 20), (20, 500), (64, 64), (65, 64), (30, 31)])
def test_a_crop_larger_than_the_resized_picture_is_padded_like_torchvision(size: tuple[int, int]) -> None:
    how = Preprocessing(mode="crop", size_px=64, resize_px=48)
    reference = transforms.Compose([transforms.Resize(48), transforms.CenterCrop(64)])
    image = picture(*size)
    assert np.abs(resized(image, how).astype(int) - np.asarray(reference(image)).astype(int)).max() <= 2


@given(SIZES, st.sampled_from(["squash", "shortest", "letterbox", "crop"]))
def test_the_network_input_has_the_promised_size(size: tuple[int, int], mode: str) -> None:
    how = Preprocessing(mode=mode, size_px=64, resize_px=73, max_size_px=100)  # type: ignore[arg-type]
    height, width, channels = resized(picture(*size), how).shape
    assert channels == 3
    if mode == "shortest":
        assert (width, height) == scaled_size(how, *size)
        assert max(width, height) <= 100
        assert min(width, height) <= 64
    else:
        assert (width, height) == (64, 64)


@given(SIZES, st.sampled_from(["squash", "shortest", "letterbox", "crop"]), st.data())
def test_boxes_find_their_way_back(size: tuple[int, int], mode: str, data: st.DataObject) -> None:
    how = Preprocessing(mode=mode, size_px=64, resize_px=73, max_size_px=100)  # type: ignore[arg-type]
    where = placement(how, *size)
    edges = np.asarray(data.draw(st.tuples(*[st.floats(0, 400)] * 4)), np.float64)[None]
    inside = edges * np.tile([where.scale_x, where.scale_y], 2)
    inside -= np.tile([where.left, where.top], 2)
    np.testing.assert_allclose(where.to_picture(inside), edges, atol=1e-2)


def test_a_letterboxed_picture_keeps_its_shape_and_is_padded_at_the_end() -> None:
    how = Preprocessing(mode="letterbox", size_px=64, pad_value=7)
    pixels = resized(Image.new("RGB", (200, 100), "white"), how)
    assert (pixels[:32] == 255).all()
    assert (pixels[32:] == 7).all()


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(640, 427), (427, 640), (2500, 1700), (1700, 2500), (40, 30), (700, 80), (90, 800)])
@pytest.mark.parametrize("mode", ["squash", "shortest", "letterbox"])
def test_every_resize_is_pillows(size: tuple[int, int], interpolation: str, mode: str) -> None:
    how = Preprocessing(mode=mode, size_px=96, max_size_px=160, interpolation=interpolation)  # type: ignore[arg-type]
    image, (width, height) = picture(*size), scaled_size(how, *size)
    expected = image.resize((width, height), getattr(Image.Resampling, interpolation.upper()))
    difference = np.abs(resized(image, how)[:height, :width].astype(int) - np.asarray(expected).astype(int))
    assert difference.max() <= (2 if max(size) <= 8 * min(size) else 6)  # a long strip is shrunk in two steps
    assert difference.mean() < 0.5


def test_a_large_picture_is_the_same_in_one_thread_and_in_several() -> None:
    image, how = picture(2500, 1700), Preprocessing(mode="squash", size_px=96)
    threads, found = torch.get_num_threads(), []
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            found.append(resized(image, how))
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(*found)


def test_a_picture_in_several_blocks_of_memory_is_read_too() -> None:
    how, block_bytes = Preprocessing(mode="squash", size_px=64), Image.core.get_block_size()
    whole = picture(300, 200)
    try:
        Image.core.set_block_size(4096)
        scattered = whole.copy()
    finally:
        Image.core.set_block_size(block_bytes)
    with pytest.raises(ValueError, match="contiguous"):
        scattered.__arrow_c_array__()  # else this test tests nothing
    np.testing.assert_array_equal(resized(scattered, how), resized(whole, how))


def test_the_picture_stays_as_it_was() -> None:
    image = picture(120, 90)
    before = image.tobytes()
    batch = as_tensor(resized(image, CROP)[None], CROP, torch.device("cpu"))
    batch.zero_()
    assert image.tobytes() == before


def test_tensors_are_normalised_and_channels_last() -> None:
    how = Preprocessing(mode="squash", size_px=2, mean=(0.5, 0.25, 0.0), std=(0.5, 0.5, 1.0))
    pixels = np.full((1, 2, 2, 3), 255, np.uint8)
    batch = as_tensor(pixels, how, torch.device("cpu"))
    assert batch.shape == (1, 3, 2, 2)
    assert batch.is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(batch[0, :, 0, 0], torch.tensor([1.0, 1.5, 1.0]))

"""Augmentation: boxes stay on their pixels whatever chance does, and the same seed draws the same sample."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from torchvision.transforms.v2 import functional
from torchvision.tv_tensors import BoundingBoxes

from vision_core.boxes import box_iou
from vision_core.data.augment import AUGMENTATIONS, Augmentation, Sample, augment, preview
from vision_core.errors import SettingsError
from vision_core.preprocess import resized
from vision_core.types import Preprocessing

MODES = {
    "crop": Preprocessing(mode="crop", size_px=192, resize_px=220),
    "squash": Preprocessing(mode="squash", size_px=192),
    "shortest": Preprocessing(mode="shortest", size_px=192, max_size_px=320),
    "letterbox": Preprocessing(mode="letterbox", size_px=192),
}
COLOURS = ((230, 30, 30), (30, 200, 30), (40, 60, 235))
ANYTHING = Augmentation(mirror=True, smallest_crop=0.2, stretch=1.5, tilt_deg=30, smallest_visible=0.0)


def only(field: str, value: float) -> Augmentation:
    """An augmentation that changes nothing else."""
    make: Any = Augmentation
    return make(**{field: value})


def painted(size_px: tuple[int, int], boxes: list[tuple[int, int, int, int]]) -> Sample:
    """A grey picture with one filled rectangle a box, class `i` in `COLOURS[i]`."""
    image = Image.new("RGB", size_px, (128, 128, 128))
    draw = ImageDraw.Draw(image)
    for box, colour in zip(boxes, COLOURS, strict=False):
        draw.rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill=colour)
    return Sample(image, np.array(boxes, np.float32), np.arange(len(boxes)))


def seen_box(image: Image.Image, colour: tuple[int, int, int]) -> np.ndarray | None:
    """The edges of what has that colour, found in the pixels alone."""
    difference = np.abs(np.asarray(image, np.int16) - np.array(colour)).max(axis=2)
    rows, columns = np.nonzero(difference < 80)
    if not len(rows):
        return None
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    mode=st.sampled_from(sorted(MODES)),
    size_px=st.tuples(st.integers(180, 420), st.integers(180, 420)),
)
def test_boxes_follow_their_pixels(seed: int, mode: str, size_px: tuple[int, int]) -> None:
    width, height = size_px
    boxes = [
        (10, 12, width // 3, height // 3),
        (width // 2, height // 4, width - 20, height // 2),
        (width // 4, height * 2 // 3, width * 2 // 3, height - 5),
    ]
    sample = painted(size_px, boxes)
    result = augment(sample, ANYTHING, MODES[mode], np.random.default_rng(seed))
    found = dict(zip(result.class_ids.tolist(), result.boxes_xyxy, strict=True))
    assert len(found) == len(result.boxes_xyxy)
    for class_id, colour in enumerate(COLOURS):
        seen = seen_box(result.image, colour)
        if class_id not in found:
            assert seen is None or (seen[2:] - seen[:2]).min() <= 3, "a dropped box has no pixels to speak of"
        elif seen is None:
            # The corner of a tilted rectangle's box can reach into the picture without the rectangle.
            shown = np.argwhere((np.asarray(result.image) != 114).any(axis=2)).max(axis=0)[::-1] + 1  # no padding
            assert (found[class_id][:2] == 0).any() or (found[class_id][2:] >= shown).any()
        else:
            assert (found[class_id][:2] <= seen[:2] + 2).all()
            assert (found[class_id][2:] >= seen[2:] - 2).all()


@pytest.mark.parametrize("mode", sorted(MODES))
@pytest.mark.parametrize("seed", range(15))
def test_boxes_are_tight(mode: str, seed: int) -> None:
    """Of a rectangle that nothing cuts off, the box is that of its pixels, tilted or not."""
    sample = painted((300, 260), [(120, 100, 190, 150)])
    mild = replace(ANYTHING, smallest_crop=0.8, tilt_deg=12)
    result = augment(sample, mild, MODES[mode], np.random.default_rng(seed))
    seen = seen_box(result.image, COLOURS[0])
    assert seen is not None
    assert np.abs(result.boxes_xyxy[0] - seen).max() <= 2


@pytest.mark.parametrize("seed", range(10))
def test_a_crop_moves_boxes_where_torchvision_does(seed: int) -> None:
    boxes = np.array([[20, 30, 120, 90], [100, 10, 280, 190], [0, 0, 300, 200]], np.float32)
    image = Image.effect_noise((300, 200), 60).convert("RGB")
    drawn = np.random.default_rng(seed)
    share, _ = drawn.uniform(0.3, 1), drawn.uniform(-1, 1)
    width, height = round(300 * share**0.5), round(200 * share**0.5)
    left, top = int(drawn.integers(300 - width + 1)), int(drawn.integers(200 - height + 1))
    make_boxes: Any = BoundingBoxes
    before = make_boxes(torch.from_numpy(boxes), format="XYXY", canvas_size=(200, 300))
    reference = functional.resized_crop(before, top, left, height, width, [192, 192]).numpy()
    cropped = Augmentation(smallest_crop=0.3, smallest_visible=0.0)
    result = augment(Sample(image, boxes, np.arange(3)), cropped, MODES["squash"], np.random.default_rng(seed))
    np.testing.assert_allclose(result.boxes_xyxy, reference[result.class_ids], atol=1e-3)
    part = image.crop((left, top, left + width, top + height))
    np.testing.assert_array_equal(np.asarray(result.image), resized(part, MODES["squash"]))


@pytest.mark.parametrize("mode", sorted(MODES))
def test_without_augmentation_training_sees_what_prediction_sees(mode: str) -> None:
    sample = painted((300, 260), [(100, 90, 190, 150)])
    first, second = preview(sample, AUGMENTATIONS["none"], MODES[mode], count=2)
    np.testing.assert_array_equal(np.asarray(first.image), resized(sample.image, MODES[mode]))
    np.testing.assert_array_equal(np.asarray(first.image), np.asarray(second.image))
    seen = seen_box(first.image, COLOURS[0])
    assert seen is not None
    assert np.abs(first.boxes_xyxy[0] - seen).max() <= 1


def test_a_seed_draws_the_same_samples_in_any_thread_and_leaves_torch_alone() -> None:
    sample = painted((300, 260), [(100, 90, 190, 150), (10, 10, 60, 60)])
    state = torch.random.get_rng_state()
    expected = preview(sample, AUGMENTATIONS["strong"], MODES["letterbox"], seed=7)
    assert torch.equal(state, torch.random.get_rng_state())
    results: list[list[Sample]] = []
    threads = [
        threading.Thread(
            target=lambda: results.append(preview(sample, AUGMENTATIONS["strong"], MODES["letterbox"], seed=7))
        )
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        for one, other in zip(expected, result, strict=True):
            assert one.image.tobytes() == other.image.tobytes()
            np.testing.assert_array_equal(one.boxes_xyxy, other.boxes_xyxy)
    others = preview(sample, AUGMENTATIONS["strong"], MODES["letterbox"], seed=8)
    assert others[0].image.tobytes() != expected[0].image.tobytes()
    assert len({one.image.tobytes() for one in expected}) == 12


def test_what_is_cut_off_is_dropped_by_the_share_that_is_left() -> None:
    """A centre crop of 100 from 200 x 100 leaves the columns 50 to 150."""
    how = Preprocessing(mode="crop", size_px=100, resize_px=100)
    boxes = np.array([[0, 10, 40, 50], [20, 10, 60, 50], [40, 10, 60, 50], [60, 20, 60, 40], [70, 20, 70.5, 60]])
    sample = Sample(Image.new("RGB", (200, 100)), boxes.astype(np.float32), np.array([4, 5, 6, 7, 8]))

    def kept(share: float) -> list[int]:
        mirrored = Augmentation(smallest_visible=share, mirror=True, tilt_deg=0.001)
        (found,) = {tuple(one.class_ids) for one in preview(sample, mirrored, how)}
        return list(found)

    assert kept(0.0) == [5, 6], "nothing is left of 4; 7 and 8 have no width to learn from"
    assert kept(0.24) == [5, 6]
    assert kept(0.26) == [6]
    assert kept(0.51) == []


def test_the_share_counts_from_what_the_picture_shows() -> None:
    """A box drawn half outside the picture is not half hidden by augmentation."""
    how = Preprocessing(mode="squash", size_px=100)
    sample = Sample(Image.new("RGB", (100, 100)), np.array([[-90, 0, 10, 50]], np.float32), np.array([1]))
    result = augment(sample, Augmentation(smallest_visible=1.0), how, np.random.default_rng())
    np.testing.assert_array_equal(result.boxes_xyxy, [[0, 0, 10, 50]])


def test_a_picture_without_objects_is_a_sample_too() -> None:
    for how in MODES.values():
        for one in preview(Sample(Image.new("RGB", (90, 60), "red")), AUGMENTATIONS["strong"], how, count=3):
            assert one.boxes_xyxy.shape == (0, 4)
            assert one.class_ids.shape == (0,)
            assert one.image.mode == "RGB"


def test_the_letterbox_keeps_its_padding() -> None:
    sample = painted((200, 100), [(20, 20, 80, 80)])
    for one in preview(sample, replace(AUGMENTATIONS["strong"], smallest_crop=1), MODES["letterbox"]):
        assert one.image.size == (192, 192)
        assert set(np.unique(np.asarray(one.image)[96:])) == {114}


@pytest.mark.parametrize("size_px", [(1, 1), (2, 300), (5000, 3)])
@pytest.mark.parametrize("mode", sorted(MODES))
def test_the_oddest_pictures_pass(size_px: tuple[int, int], mode: str) -> None:
    sample = Sample(Image.new("RGB", size_px), np.array([[0, 0, *size_px]], np.float32), np.array([0]))
    for one in preview(sample, AUGMENTATIONS["strong"], MODES[mode], count=4):
        assert len(one.boxes_xyxy) == len(one.class_ids)


@pytest.mark.parametrize(
    ("field", "reference"),
    [
        ("brightness", functional.adjust_brightness),
        ("contrast", functional.adjust_contrast),
        ("saturation", functional.adjust_saturation),
    ],
)
def test_light_and_colour_mean_what_they_mean_in_torchvision(field: str, reference: object, samples: object) -> None:
    image = Image.open(f"{samples}/chelsea.png").convert("RGB").resize((192, 192))
    image = Image.fromarray((np.asarray(image) // 2 + 50).astype(np.uint8))  # mid-tones: nothing is cut at 0 or 255
    for seed in range(3):
        result = augment(Sample(image), only(field, 0.3), MODES["squash"], np.random.default_rng(seed)).image
        drawn = np.random.default_rng(seed)
        factors = {name: drawn.uniform(1 - 0.3 * (name == field), 1 + 0.3 * (name == field)) for name in FACTORS}
        expected = reference(functional.pil_to_tensor(image), factors[field])  # type: ignore[operator]
        difference = np.asarray(result, np.int16) - expected.permute(1, 2, 0).numpy()
        assert np.abs(difference).max() <= 2


FACTORS = ("brightness", "contrast", "saturation")


def test_hue_turns_colours_and_leaves_greys_and_lightness() -> None:
    how = Preprocessing(mode="squash", size_px=16)
    grey, red = Image.new("RGB", (16, 16), (90, 90, 90)), Image.new("RGB", (16, 16), (150, 100, 100))
    hues = Augmentation(hue=0.5)
    lightness = np.array([0.299, 0.587, 0.114])
    seen = set()
    for number in range(10):
        random = np.random.default_rng(number)
        assert augment(Sample(grey), hues, how, random).image.getpixel((3, 3)) == (90, 90, 90)
        turned = np.array(augment(Sample(red), hues, how, random).image.getpixel((3, 3)))
        assert turned @ lightness == pytest.approx(lightness @ (150, 100, 100), abs=1)
        seen.add(int(turned.argmax()))
    assert seen == {0, 1, 2}


def test_light_is_milder_than_strong() -> None:
    sample = painted((300, 260), [(100, 90, 190, 150)])
    overlaps = {}
    for name in ("light", "strong"):
        results = preview(sample, replace(AUGMENTATIONS[name], mirror=False), MODES["squash"], count=40)
        plain = preview(sample, AUGMENTATIONS["none"], MODES["squash"], count=1)[0].boxes_xyxy
        overlaps[name] = np.mean([box_iou(plain, one.boxes_xyxy).max(initial=0) for one in results])
    assert overlaps["light"] > overlaps["strong"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("smallest_crop", 0.0), ("stretch", 0.5), ("tilt_deg", 90), ("hue", 0.6), ("brightness", float("nan"))],
)
def test_values_out_of_range_are_refused_by_name(field: str, value: float) -> None:
    with pytest.raises(SettingsError, match=f"{field}.*allowed"):
        only(field, value)


def test_one_class_id_a_box() -> None:
    with pytest.raises(ValueError, match="1 boxes with 0 class ids"):
        augment(
            Sample(Image.new("RGB", (9, 9)), np.array([[0, 0, 1, 1]], np.float32)),
            AUGMENTATIONS["none"],
            MODES["squash"],
            np.random.default_rng(),
        )

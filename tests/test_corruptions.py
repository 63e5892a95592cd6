"""Spoilt pictures: each kind against its definition written with other libraries, and what all kinds keep to."""

from __future__ import annotations

import colorsys
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import convolve, gaussian_filter

from vision_core.errors import SettingsError
from vision_core.evaluation.corruptions import CORRUPTIONS, SEVERITIES, USUAL
from vision_core.samples import open_sample

HD2019 = {  # the constants as printed in the authors' code
    "gaussian_blur": (1, 2, 3, 4, 6),
    "gaussian_noise": (0.08, 0.12, 0.18, 0.26, 0.38),
    "jpeg_compression": (25, 18, 15, 10, 7),
    "defocus_blur": (3, 4, 6, 8, 10),
    "shot_noise": (60, 25, 12, 5, 3),
    "brightness": (0.1, 0.2, 0.3, 0.4, 0.5),
    "contrast": (0.4, 0.3, 0.2, 0.1, 0.05),
}


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.asarray(open_sample("chelsea").pixels.resize((90, 60)))


def spoilt(photo: np.ndarray, kind: str, severity: int, seed: int = 0) -> np.ndarray:
    return CORRUPTIONS[kind].apply(photo, severity, np.random.default_rng(seed))


def whole_numbers(values: np.ndarray) -> np.ndarray:
    return (np.clip(values, 0, 1) * 255).astype(np.uint8)  # as imagecorruptions cuts them


def test_constants_are_the_published_ones() -> None:
    assert {name: CORRUPTIONS[name].amounts for name in HD2019} == HD2019
    assert USUAL == ("gaussian_blur", "gaussian_noise", "jpeg_compression", "darkness")


@pytest.mark.parametrize("severity", SEVERITIES)
def test_blur_is_scipys(photo: np.ndarray, severity: int) -> None:
    sigma = HD2019["gaussian_blur"][severity - 1]
    expected = whole_numbers(gaussian_filter(photo / 255.0, (sigma, sigma, 0), mode="nearest", truncate=4.0))
    found = spoilt(photo, "gaussian_blur", severity)
    assert np.abs(found.astype(int) - expected).max() <= 1
    assert (found != expected).mean() < 0.001


@pytest.mark.parametrize("severity", SEVERITIES)
def test_out_of_focus_spreads_a_point_over_a_disc(severity: int) -> None:
    radius = HD2019["defocus_blur"][severity - 1]
    point = np.zeros((41, 41, 3), np.uint8)
    point[20, 20] = 255
    y, x = np.mgrid[-20:21, -20:21]
    disc = (x**2 + y**2 <= radius**2).astype(float)
    found = CORRUPTIONS["defocus_blur"].spoil(point, radius, np.random.default_rng(0))[..., 0] / 255
    assert found.sum() == pytest.approx(1, abs=0.02)  # theirs is reflected where the disc meets its frame
    assert np.abs(found - disc / disc.sum()).sum() < 0.35  # but for the softened rim
    inside = convolve(disc, np.ones((5, 5))) == 25
    np.testing.assert_allclose(found[inside], 1 / disc.sum(), rtol=1e-4)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_noise_contrast_and_jpeg_are_their_formulas(photo: np.ndarray, severity: int) -> None:
    values = photo / 255.0
    noise = np.random.default_rng(4).normal(0, HD2019["gaussian_noise"][severity - 1], photo.shape)
    np.testing.assert_array_equal(spoilt(photo, "gaussian_noise", severity, 4), whole_numbers(values + noise))
    photons = HD2019["shot_noise"][severity - 1]
    counted = np.random.default_rng(4).poisson(values * photons) / photons
    np.testing.assert_array_equal(spoilt(photo, "shot_noise", severity, 4), whole_numbers(counted))
    mean = values.mean(axis=(0, 1))
    faint = (values - mean) * HD2019["contrast"][severity - 1] + mean
    assert np.abs(spoilt(photo, "contrast", severity).astype(int) - whole_numbers(faint)).max() <= 1
    file = BytesIO()
    Image.fromarray(photo).save(file, "JPEG", quality=HD2019["jpeg_compression"][severity - 1])
    np.testing.assert_array_equal(spoilt(photo, "jpeg_compression", severity), np.asarray(Image.open(file)))


@pytest.mark.parametrize(("kind", "sign"), [("brightness", 1), ("darkness", -1)])
def test_light_moves_the_value_of_hsv(kind: str, sign: int) -> None:
    random = np.random.default_rng(0)
    colours = np.concatenate([random.integers(0, 256, (60, 3)), [[0, 0, 0], [255, 255, 255], [0, 0, 7]]])
    pixels = colours.astype(np.uint8)[None]
    for severity in SEVERITIES:
        by = sign * CORRUPTIONS[kind].amount(severity)
        expected = []
        for colour in colours / 255:
            hue, saturation, value = colorsys.rgb_to_hsv(*colour)
            expected.append(colorsys.hsv_to_rgb(hue, saturation, min(max(value + by, 0), 1)))
        found = CORRUPTIONS[kind].spoil(pixels, abs(by), random)[0]
        np.testing.assert_allclose(found, np.array(expected) * 255, atol=1e-6)


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_every_kind_keeps_size_and_seed_and_grows_worse(photo: np.ndarray, kind: str) -> None:
    before = photo.copy()
    away = []
    for severity in SEVERITIES:
        found = spoilt(photo, kind, severity)
        assert (found.shape, found.dtype) == (photo.shape, np.uint8)
        np.testing.assert_array_equal(found, spoilt(photo, kind, severity))
        away.append(float(((found.astype(float) - photo) ** 2).mean()))
    assert away == sorted(away)
    assert away[0] > 0
    np.testing.assert_array_equal(photo, before)
    tiny = np.full((1, 1, 3), 200, np.uint8)
    assert spoilt(tiny, kind, 5).shape == (1, 1, 3)


@pytest.mark.parametrize("severity", [0, 6])
def test_there_are_five_steps(photo: np.ndarray, severity: int) -> None:
    with pytest.raises(SettingsError, match="There is no severity"):
        spoilt(photo, "darkness", severity)


def test_one_pixel_is_one_pixel() -> None:
    blur = CORRUPTIONS["gaussian_blur"]
    assert [blur.said_amount(step) for step in (1, 2)] == [
        "1 pixel (standard deviation)",
        "2 pixels (standard deviation)",
    ]

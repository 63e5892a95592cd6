"""Pictures spoilt on purpose, in five steps: blur, noise, compression, darkness.

    spoilt = CORRUPTIONS["gaussian_noise"].apply(pixels, severity=3, random=np.random.default_rng(0))

The constants are those of Hendrycks & Dietterich 2019 (arXiv:1903.12261) as the package `imagecorruptions` applies them
to pictures of any size (Michaelis et al. 2019, arXiv:1907.07484). Darkness is ours: their brightness with the sign
turned round, so that the same constants are taken away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from types import MappingProxyType
from typing import Any

import numpy as np
from PIL import Image

from vision_core.errors import SettingsError

SEVERITIES = (1, 2, 3, 4, 5)
Spoil = Callable[[np.ndarray, Any, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Corruption:
    """One way to spoil a picture.

    Attributes:
        name: as in `imagecorruptions`, where it is one of theirs.
        title: for people; what it looks like, and where it comes from in life.
        amounts: of the five steps; unit: what they are.
        spoil: `(H, W, 3)` uint8, an amount and a source of chance to float64 0..255, not yet cut to whole numbers.
    """

    name: str
    title: str
    amounts: tuple[float, float, float, float, float]
    unit: str
    spoil: Spoil

    def amount(self, severity: int) -> float:
        """Of a step.

        Raises:
            SettingsError: the severity is not 1 to 5.
        """
        if severity not in SEVERITIES:
            raise SettingsError(f"There is no severity {severity!r}; there are 1 (mild) to 5.")
        return self.amounts[severity - 1]

    def said_amount(self, severity: int) -> str:
        """Of a step, with its unit: "1 pixel (standard deviation)"; raises as `amount`."""
        amount = self.amount(severity)
        unit = self.unit.replace("pixels", "pixel", 1) if amount == 1 else self.unit
        return f"{amount:g} {unit}".rstrip()

    def apply(self, pixels: np.ndarray, severity: int, random: np.random.Generator) -> np.ndarray:
        """The spoilt picture, `(H, W, 3)` uint8.

        Args:
            pixels: `(H, W, 3)` uint8.
            severity: 1 (mild) to 5.
            random: where noise comes from; the same state gives the same noise.

        Raises:
            SettingsError: the severity is not 1 to 5.
        """
        spoilt = self.spoil(pixels, self.amount(severity), random)
        return np.clip(spoilt, 0, 255).astype(np.uint8)  # cut off, not rounded, as imagecorruptions does


def _gaussian_blur(pixels: np.ndarray, sigma_px: float, _random: np.random.Generator) -> np.ndarray:
    import cv2

    edge = 2 * int(4 * sigma_px + 0.5) + 1  # scipy's and scikit-image's width
    blurred = cv2.GaussianBlur(pixels / 255.0, (edge, edge), sigma_px, borderType=cv2.BORDER_REPLICATE)
    return np.clip(blurred, 0, 1) * 255


def _defocus_blur(pixels: np.ndarray, radius_px: float, _random: np.random.Generator) -> np.ndarray:
    """Out of focus: every point becomes a disc with a slightly softened rim."""
    import cv2

    reach = 8 if radius_px <= 8 else int(radius_px)
    x, y = np.meshgrid(np.arange(-reach, reach + 1), np.arange(-reach, reach + 1))
    disc = (x**2 + y**2 <= radius_px**2).astype(np.float32)
    edge = 3 if radius_px <= 8 else 5
    soft = 0.1 if radius_px == 3 else 0.5
    kernel = cv2.GaussianBlur(disc / disc.sum(), (edge, edge), soft)
    return np.clip(cv2.filter2D(pixels / 255.0, -1, kernel), 0, 1) * 255


def _gaussian_noise(pixels: np.ndarray, deviation: float, random: np.random.Generator) -> np.ndarray:
    return np.clip(pixels / 255.0 + random.normal(0, deviation, pixels.shape), 0, 1) * 255


def _shot_noise(pixels: np.ndarray, photons: float, random: np.random.Generator) -> np.ndarray:
    return np.clip(random.poisson(pixels / 255.0 * photons) / photons, 0, 1) * 255


def _jpeg(pixels: np.ndarray, quality: float, _random: np.random.Generator) -> np.ndarray:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=int(quality))
    with Image.open(file) as saved:
        return np.asarray(saved, np.float64)


def _lighter(pixels: np.ndarray, by: float) -> np.ndarray:
    """The value of HSV, the largest of the three colours, moved by so much of its range; hue and saturation stay."""
    value = pixels.max(axis=2, keepdims=True) / 255.0
    moved = np.clip(value + by, 0, 1)
    ratio = np.divide(moved, value, out=np.zeros_like(value), where=value > 0)
    return np.where(value > 0, pixels * ratio, moved * 255)


def _brightness(pixels: np.ndarray, by: float, _random: np.random.Generator) -> np.ndarray:
    return _lighter(pixels, by)


def _darkness(pixels: np.ndarray, by: float, _random: np.random.Generator) -> np.ndarray:
    return _lighter(pixels, -by)


def _contrast(pixels: np.ndarray, share: float, _random: np.random.Generator) -> np.ndarray:
    mean = (pixels / 255.0).mean(axis=(0, 1), keepdims=True)
    return np.clip((pixels / 255.0 - mean) * share + mean, 0, 1) * 255


_STEPS = (0.1, 0.2, 0.3, 0.4, 0.5)
_ALL = (
    Corruption("gaussian_blur", "blur", (1, 2, 3, 4, 6), "pixels (standard deviation)", _gaussian_blur),
    Corruption("gaussian_noise", "noise", (0.08, 0.12, 0.18, 0.26, 0.38), "of the range (deviation)", _gaussian_noise),
    Corruption("jpeg_compression", "JPEG", (25, 18, 15, 10, 7), "quality of 100", _jpeg),
    Corruption("darkness", "darkness", _STEPS, "of the range taken away", _darkness),
    Corruption("defocus_blur", "out of focus", (3, 4, 6, 8, 10), "pixels (radius)", _defocus_blur),
    Corruption("shot_noise", "noise of little light", (60, 25, 12, 5, 3), "photons of white", _shot_noise),
    Corruption("brightness", "too much light", _STEPS, "of the range added", _brightness),
    Corruption("contrast", "haze", (0.4, 0.3, 0.2, 0.1, 0.05), "of the contrast left", _contrast),
)
CORRUPTIONS = MappingProxyType({one.name: one for one in _ALL})
USUAL = tuple(one.name for one in _ALL[:4])
"""Blur, noise, JPEG and darkness: what is measured unless something else is asked for."""

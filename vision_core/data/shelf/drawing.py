"""Soft-edged shapes, and a small sheet to lay them on: what clutter is drawn with."""

from __future__ import annotations

import numpy as np

from vision_core.data.shelf.canvas import Sprite, column

Shape = np.ndarray
"""Coverage `(h, w)` float32, 0..1."""


class Sheet:
    """An empty transparent sheet of `height` x `width` pixels; shapes are laid one over the other.

    Attributes:
        y, x: `(height, 1)` and `(1, width)` float32, the middle of each pixel.
    """

    def __init__(self, height: int, width: int) -> None:
        self.rgb = np.zeros((3, height, width), np.float32)
        self.alpha = np.zeros((height, width), np.float32)
        self.y = np.arange(height, dtype=np.float32)[:, None] + np.float32(0.5)
        self.x = np.arange(width, dtype=np.float32)[None, :] + np.float32(0.5)

    def lay(self, shape: Shape, colour: tuple[int, ...] | np.ndarray, light: np.ndarray | float = 1.0) -> None:
        """Paints a shape in one colour or in many `(3, h, w)`; `light` is multiplied with it."""
        wanted = (colour if isinstance(colour, np.ndarray) else column(colour)) * np.asarray(light, np.float32)
        self.rgb += (wanted - self.rgb) * np.where(self.alpha > 0, shape, shape > 0)
        self.alpha += (1 - self.alpha) * shape

    def block(self, left: float, top: float, right: float, bottom: float, corner: float = 0.0) -> Shape:
        """A rectangle with rounded corners."""
        beyond_x = abs(self.x - (left + right) / 2) - ((right - left) / 2 - corner)
        beyond_y = abs(self.y - (top + bottom) / 2) - ((bottom - top) / 2 - corner)
        out_x, out_y = np.maximum(beyond_x, 0), np.maximum(beyond_y, 0)
        distance = np.sqrt(out_x * out_x + out_y * out_y) + np.minimum(np.maximum(beyond_x, beyond_y), 0) - corner
        return np.clip(0.5 - distance, 0, 1)

    def disc(self, x: float, y: float, radius_x: float, radius_y: float) -> Shape:
        """An ellipse."""
        across, down = (self.x - x) / radius_x, (self.y - y) / radius_y
        return np.clip((1 - np.sqrt(across * across + down * down)) * min(radius_x, radius_y) + 0.5, 0, 1)

    def blade(self, start: tuple[float, float], end: tuple[float, float], width: float) -> Shape:
        """A leaf from `start` to `end` (x, y), `width` pixels wide in its middle."""
        along_x, along_y = (end[0] - start[0]) / 2, (end[1] - start[1]) / 2
        square = along_x * along_x + along_y * along_y
        x, y = self.x - (start[0] + end[0]) / 2, self.y - (start[1] + end[1]) / 2
        along = (x * along_x + y * along_y) / square
        across = (x * along_y - y * along_x) / np.sqrt(np.float32(square))
        return np.clip((1 - along * along) * (width / 2) - abs(across) + 0.5, 0, 1) * (abs(along) <= 1)

    def taper(self, top: float, bottom: float, top_half: float, bottom_half: float, middle: float) -> Shape:
        """A flower pot: wider at one end, upright axis at `middle`."""
        part = np.clip((self.y - top) / (bottom - top), 0, 1)
        half = top_half + (bottom_half - top_half) * part
        rows = np.clip(self.y - top + 0.5, 0, 1) * np.clip(bottom - self.y + 0.5, 0, 1)
        return np.clip(half - abs(self.x - middle) + 0.5, 0, 1) * rows

    def roundness(self, middle: float, half: float, strength: float = 0.35) -> np.ndarray:
        """Light on an upright cylinder: brightest left of its middle, darker towards its sides; `(1, w)`."""
        off = (self.x - middle) / half + 0.3
        return np.clip(1.1 - strength * off * off, 0.4, 1.2)

    def sprite(self) -> Sprite:
        """What was laid, with a shadow of its own shape."""
        return Sprite(np.clip(self.rgb, 0, 255), self.alpha, self.alpha, np.zeros(self.alpha.shape, bool))

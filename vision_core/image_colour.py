"""From any pixel mode Pillow decodes to the 8-bit sRGB a careful viewer shows.

`to_srgb` keeps an ordinary RGB picture as it is, without a copy. Every other conversion comes with a plain sentence, so
that a reader of the page knows what was done to the picture.
"""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

_MODE_NOTES = {
    "1": "Black and white, repeated in red, green and blue.",
    "L": "Greyscale, repeated in red, green and blue.",
    "P": "Palette colours written out as RGB.",
    "CMYK": "CMYK converted to RGB.",
    "LAB": "CIE L*a*b* converted to RGB.",
    "YCbCr": "YCbCr converted to RGB.",
    "HSV": "HSV converted to RGB.",
}
_TIFF_BITS_PER_SAMPLE, _TIFF_PHOTOMETRIC = 258, 262


def mend_depth(image: Image.Image) -> list[str]:
    """Notes and mends that need the file's own pixel layout, which is gone once `image` is loaded.

    Pillow widens 2- and 4-bit grey to 8 bits and cuts 16-bit colours to 8, but leaves the value that a PNG declares
    transparent as it stands in the file.
    """
    layouts = {str(tile[3]) for tile in getattr(image, "tile", [])}
    transparent = image.info.get("transparency")
    if isinstance(transparent, int) and image.mode == "L":
        image.info["transparency"] = transparent * (17 if "L;4" in layouts else 85 if "L;2" in layouts else 1)
    if _is_numeric(image) or not any(";16" in layout for layout in layouts):
        return []
    if isinstance(transparent, tuple):
        image.info["transparency"] = tuple(value >> 8 for value in transparent)
    return ["16 bits a colour, cut to 8."]


def to_srgb(image: Image.Image) -> tuple[Image.Image, list[str]]:
    """The loaded `image` as 8-bit RGB in the sRGB colour space, transparency laid over white, with what was done.

    Returns the very same object when nothing had to be done.
    """
    notes: list[str] = []
    profile = image.info.get("icc_profile")
    if _is_numeric(image):
        image = _grey_from_numbers(image, notes)
    elif image.mode in _MODE_NOTES:
        notes.append(_MODE_NOTES[image.mode])
    image, alpha = _split_alpha(image)
    if profile:
        image = _apply_profile(image, profile, notes)
    if image.mode != "RGB":
        image = image.convert("RGB")
    if alpha is not None and alpha.getextrema() != (255, 255):
        notes.append("Transparency laid over white.")
        canvas = Image.new("RGB", image.size, "white")
        canvas.paste(image, mask=alpha)
        image = canvas
    return image, notes


def _is_numeric(image: Image.Image) -> bool:
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def _split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Colours as L, RGB, CMYK or LAB, and the opacity `L` or None."""
    if not image.has_transparency_data:
        if image.mode in ("L", "RGB", "CMYK", "LAB"):
            return image, None
        return image.convert("L" if image.mode == "1" else "RGB"), None
    if image.mode in ("LA", "La"):
        grey = image.convert("LA")
        return grey.getchannel("L"), grey.getchannel("A")
    rgba = image.convert("RGBA")
    return rgba.convert("RGB"), rgba.getchannel("A")


def _grey_from_numbers(image: Image.Image, notes: list[str]) -> Image.Image:
    """16-bit, 32-bit and floating-point grey as 8-bit `L` (`LA` where one value is declared transparent)."""
    values = np.asarray(image)
    tags = getattr(image, "tag_v2", {})
    grey = _scale_16_bit(values, tags, notes) if image.mode.startswith("I;16") else _scale_by_range(values, notes)
    if tags.get(_TIFF_PHOTOMETRIC) == 0:
        grey = 255 - grey  # "white is zero", which Pillow leaves alone at these depths
    result = Image.fromarray(grey)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        result.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
    return result


def _scale_16_bit(values: np.ndarray, tags: dict, notes: list[str]) -> np.ndarray:
    """Full scale to 255. A 16-bit file whose values all fit 12 (or 8) bits came from a 12-bit (8-bit) source."""
    stored = tags.get(_TIFF_BITS_PER_SAMPLE, (16,))[0]
    peak = int(values.max(initial=0))
    bits = stored if stored < 16 else next(depth for depth in (8, 12, 16) if peak < 1 << depth)
    full = (1 << bits) - 1
    table = (np.minimum(np.arange(1 << 16), full) * 255 + full // 2) // full
    held = f"{bits}-bit grey values in a 16-bit file" if bits < stored else f"{bits}-bit grey"
    notes.append(f"{held} scaled to 8-bit.")
    return table.astype(np.uint8)[values]


def _scale_by_range(values: np.ndarray, notes: list[str]) -> np.ndarray:
    """Smallest value to 0, largest to 255; what is not a finite number becomes black."""
    finite = np.isfinite(values)
    low, high = (float(values[finite].min()), float(values[finite].max())) if finite.any() else (0.0, 0.0)
    depth = "32-bit floating-point" if values.dtype.kind == "f" else "32-bit"
    notes.append(f"{depth} grey scaled from {low:g}…{high:g} to 0…255.")
    if not finite.all():
        notes.append("Pixels that are not finite numbers are shown black.")
        values = np.where(finite, values, low)
    # Halved, so that the span of the largest float32 values does not overflow.
    span = high / 2 - low / 2
    scaled = (values.astype(np.float64) / 2 - low / 2) * (255 / span if span > 0 else 0)
    return (scaled + 0.5).astype(np.uint8)


def _apply_profile(image: Image.Image, profile: bytes, notes: list[str]) -> Image.Image:
    """`image` in sRGB where its colour profile is sound and describes its kind of pixels; otherwise unchanged."""
    if image.mode == "LAB":
        return image
    try:
        if image.mode == "L" and _colour_space(profile) == "RGB":
            image = image.convert("RGB")  # a grey picture saved with the profile of a colour one
        transform = _srgb_transform(profile, image.mode)
        if transform is None:
            return image
        converted = transform.apply(image)
    except (ImageCms.PyCMSError, ImportError, OSError, ValueError, TypeError):
        notes.append("Its colour profile is broken or of another kind and was ignored.")
        return image
    notes.append("Colours converted from the picture's own profile to sRGB.")
    return converted


def _colour_space(profile: bytes) -> str:
    """RGB, GRAY, CMYK … from the profile's header (ICC.1:2022, table 17)."""
    return profile[16:20].decode("latin-1").strip()


@lru_cache(maxsize=16)
def _srgb_transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """The way from `profile` to sRGB, or None when they are the same to within two steps of 255.

    Compared by colours rather than by name: cameras and editors call sRGB by a dozen names.
    """
    if _colour_space(profile) != {"L": "GRAY"}.get(mode, mode):
        raise ValueError(f"a {_colour_space(profile)} profile in a picture with {mode} pixels")
    source = ImageCms.getOpenProfile(BytesIO(profile))
    transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    if mode == "CMYK":
        return transform
    levels = np.linspace(0, 255, 9).astype(np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
    colours = Image.fromarray(grid) if mode == "RGB" else Image.fromarray(levels[None])
    difference = np.asarray(transform.apply(colours), np.int16) - np.asarray(colours.convert("RGB"), np.int16)
    return transform if np.abs(difference).max() > 2 else None

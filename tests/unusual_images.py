"""Makes unusual but valid picture files, each with what must be seen in it; `hostile_images` adds the bad ones.

Most show one test card: red, green, blue and yellow quarters (top left, top right, bottom left, bottom right).
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Literal

import numpy as np
from PIL import Image, ImageCms, ImageOps, TiffImagePlugin
from pillow_heif import register_heif_opener

RED, GREEN, BLUE, YELLOW, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 255, 255)
CARD = (RED, GREEN, BLUE, YELLOW)
CARD_SIZE_PX = (64, 48)


@dataclass(frozen=True)
class HostileFile:
    """One file and its expectation.

    Attributes:
        corners: expected colours in the middle of the four quarters (top left, top right, bottom left, bottom right).
        tolerance: how far a colour may be off, 0..255; lossless formats allow nothing.
        says: regular expression for the notes of a shown file, or for the sentence of a refused one.
        shown_as: expected display name, where it differs from `name`.
    """

    name: str
    content: bytes
    outcome: Literal["shown", "refused"]
    says: str = ""
    corners: tuple[tuple[int, ...], ...] = CARD
    tolerance: int = 0
    size_px: tuple[int, int] = CARD_SIZE_PX
    shown_as: str = ""


def card(mode: str = "RGB", corners: tuple = CARD, size_px: tuple[int, int] = CARD_SIZE_PX) -> Image.Image:
    width, height = size_px
    image = Image.new(mode, size_px, corners[0])
    image.paste(corners[1], (width // 2, 0, width, height))
    image.paste(corners[2], (0, height // 2, width, height))
    image.paste(corners[3], (width // 2, height // 2, width, height))
    return image


def saved(image: Image.Image, kind: str, **options) -> bytes:
    register_heif_opener()
    target = BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def png_chunk(tag: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body))


def png(
    size_px: tuple[int, int], depth: int, colour: int, rows: bytes, before: bytes = b"", interlace: int = 0
) -> bytes:
    """A PNG of filtered `rows`, with `before` between its header and its pixels."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", *size_px, depth, colour, 0, 0, interlace))
    pixels = png_chunk(b"IDAT", zlib.compress(rows, 9))
    return b"\x89PNG\r\n\x1a\n" + header + before + pixels + png_chunk(b"IEND", b"")


def png_rows(values: np.ndarray) -> bytes:
    return b"".join(b"\x00" + row.tobytes() for row in values)


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


# How a picture has to be stored so that each EXIF orientation turns it upright (the inverse of the turn; 6 and 8 swap).
_STORED = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}


def _oriented() -> Iterator[HostileFile]:
    for orientation, turn in _STORED.items():
        image = card() if turn is None else card().transpose(Image.Transpose(turn))
        note = "" if turn is None else "upright by its EXIF"
        jpeg = saved(image, "JPEG", exif=_exif(orientation), quality=95)
        yield HostileFile(f"orientation{orientation}.jpg", jpeg, "shown", note, tolerance=4)
        tiff = saved(image, "TIFF", exif=_exif(orientation), compression="tiff_lzw" if orientation % 2 else None)
        yield HostileFile(f"orientation{orientation}.tif", tiff, "shown", note)
    turned = card().transpose(Image.Transpose(_STORED[6]))
    yield HostileFile("orientation6.png", saved(turned, "PNG", exif=_exif(6)), "shown", "upright")
    yield HostileFile("orientation6.webp", saved(turned, "WEBP", exif=_exif(6), lossless=True), "shown", "upright")
    yield HostileFile(
        "orientation6.avif", saved(turned, "AVIF", exif=_exif(6), quality=95), "shown", "upright", tolerance=8
    )
    yield HostileFile(
        "orientation6.heic", saved(turned, "HEIF", exif=_exif(6).tobytes(), quality=95), "shown", tolerance=8
    )
    bad = b"Exif\x00\x00II*\x00\xff\xff\xff\x00" + b"\xff" * 90
    yield HostileFile("bad_exif.jpg", saved(card(), "JPEG", exif=bad, quality=95), "shown", tolerance=4)
    yield HostileFile("orientation99.png", saved(card(), "PNG", exif=_exif(99)), "shown")


def swapped_profile() -> bytes:
    """sRGB with the red and green primaries exchanged, so that a viewer that honours it shows red as green."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"rXYZ", b"????", 1).replace(b"gXYZ", b"rXYZ", 1).replace(b"????", b"gXYZ", 1)


def _ycck() -> bytes:
    """An Adobe YCCK JPEG: inverted CMYK, its first three channels stored as the YCbCr of their complement."""
    stored = ImageOps.invert(card()).convert("YCbCr")
    # Pillow inverts on writing, so inverted channels are handed over; the marker then says "transform 2".
    channels = [ImageOps.invert(band) for band in stored.split()]
    jpeg = saved(Image.merge("CMYK", [*channels, Image.new("L", CARD_SIZE_PX, 0)]), "JPEG", quality=95, subsampling=0)
    adobe = jpeg.index(b"Adobe")
    return jpeg[: adobe + 11] + b"\x02" + jpeg[adobe + 12 :]


# Made once by `cjpeg -arithmetic`: no Python encoder writes arithmetic coding. 32 x 24 pixels.
_ARITHMETIC_JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8XGBYUGBIU"
    "FRT/2wBDAQMEBAUEBQkFBQkUDQsNFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBT/yQARCAAYACADAREAAhEBAxEB"
    "/8wACgAQEAUBEBEF/9oADAMBAAIRAxEAPwD/ANlJHFQSon83F93NBO0kIZXGtEE5VHD52Hv8TucwaYeYr7lZhQAcmk6WK7/6XDUGyrKeLcblvkvceMEcb6GS"
    "HuaO9UY/dnIpXrrxQMBS22WN1239LcRhmJHUvOV5Idhqofm0kZCWcP/Z"
)


def _jpegs() -> Iterator[HostileFile]:
    plain = saved(card(), "JPEG", quality=95)
    yield HostileFile("progressive.jpg", saved(card(), "JPEG", quality=95, progressive=True), "shown", tolerance=4)
    yield HostileFile("arithmetic.jpg", _ARITHMETIC_JPEG, "shown", tolerance=4, size_px=(32, 24))
    cmyk = saved(card().convert("CMYK"), "JPEG", quality=95)
    yield HostileFile("cmyk.jpg", cmyk, "shown", "CMYK converted", tolerance=4)
    yield HostileFile("ycck.jpg", _ycck(), "shown", "CMYK converted", tolerance=4)
    mismatched = saved(card().convert("CMYK"), "JPEG", quality=95, icc_profile=swapped_profile())
    yield HostileFile("cmyk_with_rgb_profile.jpg", mismatched, "shown", "profile is broken or of another", tolerance=4)
    broken = saved(card(), "JPEG", quality=95, icc_profile=b"\x00\x00\x10\x00junk" * 40)
    yield HostileFile("broken_profile.jpg", broken, "shown", "profile is broken", tolerance=4)
    swapped = saved(card(), "JPEG", quality=95, icc_profile=swapped_profile())
    yield HostileFile("profile.jpg", swapped, "shown", "own profile", corners=(GREEN, RED, BLUE, YELLOW), tolerance=8)
    yield HostileFile("trailing.jpg", plain + b"\x00garbage\xff\xd8\xff" * 500, "shown", tolerance=4)
    yield HostileFile("page.jpg.exe.jpg", plain + b"<script>alert(1)</script>", "shown", tolerance=4)
    second = card(corners=(WHITE,) * 4)
    mpo = saved(card(), "MPO", save_all=True, append_images=[second], quality=95)
    yield HostileFile("two.mpo", mpo, "shown", "first of 2 pictures", tolerance=4)
    grey = saved(card("L", (0, 80, 160, 255)), "JPEG", quality=95, icc_profile=swapped_profile())
    shades = tuple((value,) * 3 for value in (0, 80, 160, 255))
    yield HostileFile("grey_with_rgb_profile.jpg", grey, "shown", "Greyscale", corners=shades, tolerance=6)


def _adam7() -> bytes:
    """The card as an interlaced PNG, which Pillow reads but does not write."""
    pixels = np.asarray(card())
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    rows = b"".join(png_rows(pixels[y::step_y, x::step_x]) for x, y, step_x, step_y in passes)
    return png(CARD_SIZE_PX, 8, 2, rows, interlace=1)


def _pngs() -> Iterator[HostileFile]:
    palette = card().quantize(4)
    hole = palette.getpixel((0, 0))
    under_white = (WHITE, GREEN, BLUE, YELLOW)
    yield HostileFile("interlaced.png", _adam7(), "shown")
    yield HostileFile("palette.png", saved(palette, "PNG"), "shown", "Palette")
    yield HostileFile("palette_hole.png", saved(palette, "PNG", transparency=hole), "shown", "over white", under_white)
    clear = card("RGBA", ((255, 0, 0, 0), (0, 255, 0, 255), (0, 0, 255, 255), (255, 255, 0, 128)))
    blended = (WHITE, GREEN, BLUE, (255, 255, 127))
    yield HostileFile("alpha.png", saved(clear, "PNG"), "shown", "over white", blended, tolerance=1)
    opaque = card("RGBA", tuple((*colour, 255) for colour in CARD))
    yield HostileFile("opaque_alpha.png", saved(opaque, "PNG"), "shown", "^$")
    yield HostileFile("colour_key.png", saved(card(), "PNG", transparency=RED), "shown", "over white", under_white)
    frames = [card(corners=(WHITE,) * 4), card()]
    animated = saved(card(), "PNG", save_all=True, append_images=frames)
    yield HostileFile("animated.png", animated, "shown", "first of 3 frames")
    yield HostileFile("really_a_png.jpg", saved(card(), "PNG"), "shown", r"Named \.jpg, but it holds PNG")
    wide = np.asarray(card()).astype(np.uint16) * 257
    deep_key = png_chunk(b"tRNS", struct.pack(">3H", 65535, 0, 0))
    deep = png(CARD_SIZE_PX, 16, 2, png_rows(wide.astype(">u2")), deep_key)
    yield HostileFile("deep_colour_key.png", deep, "shown", "cut to 8.*over white", under_white)
    wrong = png(CARD_SIZE_PX, 8, 2, png_rows(np.asarray(card())), png_chunk(b"iCCP", b"x\x00\x00not deflate"))
    yield HostileFile("bad_profile.png", wrong, "shown")
    yield HostileFile("trailing.png", saved(card(), "PNG") + b"PK\x03\x04" * 50, "shown")


def _greys() -> Iterator[HostileFile]:
    def quarters(values: tuple, dtype: str) -> np.ndarray:
        top, bottom = (np.repeat(np.array([pair], dtype), 24, axis=0) for pair in (values[:2], values[2:]))
        return np.repeat(np.concatenate([top, bottom]), 32, axis=1)

    def shades(*values: int) -> tuple:
        return tuple((value,) * 3 for value in values)

    def tiff(values: np.ndarray, tags: dict[int, int] | None = None) -> bytes:
        directory = TiffImagePlugin.ImageFileDirectory_v2()
        for tag, value in (tags or {}).items():
            directory[tag] = value
        return saved(Image.fromarray(values), "TIFF", tiffinfo=directory)

    full = quarters((0, 257, 32896, 65535), "<u2")
    yield HostileFile("one_bit.png", saved(card("1", (0, 1, 1, 0)), "PNG"), "shown", "Black", shades(0, 255, 255, 0))
    eight = saved(card("L", (0, 1, 128, 255)), "PNG")
    yield HostileFile("grey.png", eight, "shown", "Greyscale", shades(0, 1, 128, 255))
    grey_alpha = card("LA", ((0, 255), (0, 0), (100, 255), (0, 127)))
    yield HostileFile(
        "grey_alpha.png", saved(grey_alpha, "PNG"), "shown", "white", shades(0, 255, 100, 128), tolerance=1
    )
    two_bits = png(
        CARD_SIZE_PX, 2, 0, png_rows(np.full((48, 16), 0b01101101, np.uint8)), png_chunk(b"tRNS", b"\x00\x01")
    )
    yield HostileFile("two_bit_key.png", two_bits, "shown", "white", shades(*[255] * 4), size_px=CARD_SIZE_PX)
    deep = png(CARD_SIZE_PX, 16, 0, png_rows(full.astype(">u2")))
    yield HostileFile("deep_grey.png", deep, "shown", "16-bit grey scaled", shades(0, 1, 128, 255))
    keyed = png(CARD_SIZE_PX, 16, 0, png_rows(full.astype(">u2")), png_chunk(b"tRNS", b"\x00\x00"))
    yield HostileFile("deep_grey_key.png", keyed, "shown", "over white", shades(255, 1, 128, 255))
    yield HostileFile("deep_little_endian.tif", tiff(full), "shown", "16-bit grey scaled", shades(0, 1, 128, 255))
    big_endian = saved(Image.fromarray(full.astype(">u2")), "TIFF")
    yield HostileFile("deep_big_endian.tif", big_endian, "shown", "16-bit grey", shades(0, 1, 128, 255))
    inverted = tiff(full, {262: 0})
    yield HostileFile("deep_white_is_zero.tif", inverted, "shown", "16-bit grey", shades(255, 254, 127, 0))
    twelve = tiff(quarters((0, 16, 2048, 4095), "<u2"))
    yield HostileFile("twelve_in_sixteen.tif", twelve, "shown", "12-bit grey values in a 16", shades(0, 1, 128, 255))
    floats = tiff(quarters((-2.0, 0.0, 0.5, 2.0), "<f4"))
    yield HostileFile("float.tif", floats, "shown", "floating-point grey scaled from -2…2", shades(0, 128, 159, 255))
    holes = tiff(quarters((np.nan, np.inf, 3.4e38, -3.4e38), "<f4"))
    yield HostileFile("float_extremes.tif", holes, "shown", "not finite", shades(0, 0, 255, 0))
    integers = tiff(quarters((-(2**31), 0, 2**30, 2**31 - 1), "<i4"))
    yield HostileFile("integer.tif", integers, "shown", "32-bit grey scaled", shades(0, 128, 191, 255))


def _gifs_and_webps() -> Iterator[HostileFile]:
    white = card(corners=(WHITE,) * 4)
    yield HostileFile("still.gif", saved(card(), "GIF"), "shown", "^Palette[^.]*\\.$")
    animated = saved(card(), "GIF", save_all=True, append_images=[white, card()], duration=50)
    yield HostileFile("animated.gif", animated, "shown", "first of 3 frames")
    palette = card().quantize(4)
    hole = saved(palette, "GIF", transparency=palette.getpixel((0, 0)))
    yield HostileFile("hole.gif", hole, "shown", "over white", (WHITE, GREEN, BLUE, YELLOW))
    yield HostileFile("gif_and_zip.gif", saved(card(), "GIF") + b"PK\x03\x04" + bytes(200), "shown")
    yield HostileFile("lossless.webp", saved(card(), "WEBP", lossless=True), "shown")
    yield HostileFile("lossy.webp", saved(card(), "WEBP", quality=95), "shown", tolerance=30)
    clear = card("RGBA", tuple((*colour, 0) for colour in CARD))
    yield HostileFile("clear.webp", saved(clear, "WEBP", lossless=True), "shown", "over white", (WHITE,) * 4)
    moving = saved(card(), "WEBP", save_all=True, append_images=[white], lossless=True)
    yield HostileFile("animated.webp", moving, "shown", "first of 2 frames")
    yield HostileFile("still.avif", saved(card(), "AVIF", quality=95), "shown", tolerance=8)
    yield HostileFile(
        "animated.avif",
        saved(card(), "AVIF", save_all=True, append_images=[white], quality=95),
        "shown",
        "first of 2",
        tolerance=8,
    )
    yield HostileFile("still.heic", saved(card(), "HEIF", quality=95), "shown", tolerance=8)
    two = saved(card(), "HEIF", save_all=True, append_images=[white], quality=95)
    yield HostileFile("two.heic", two, "shown", "first of 2 pictures", tolerance=8)
    see_through = saved(card("RGBA", ((*RED, 255), (*GREEN, 255), (*BLUE, 255), (0, 0, 0, 0))), "HEIF", quality=95)
    yield HostileFile("alpha.heic", see_through, "shown", "over white", (RED, GREEN, BLUE, WHITE), tolerance=8)


def _rle8_bmp() -> bytes:
    """The card in run-length coded 8-bit BMP, bottom row first."""
    palette = b"".join(bytes((blue, green, red, 0)) for red, green, blue in CARD)
    row = {True: b"\x20\x00\x20\x01\x00\x00", False: b"\x20\x02\x20\x03\x00\x00"}
    body = row[False] * 24 + row[True] * 24 + b"\x00\x01"
    header = struct.pack("<IiiHHIIiiII", 40, *CARD_SIZE_PX, 1, 8, 1, len(body), 2835, 2835, 4, 4)
    offset = 14 + len(header) + len(palette)
    return struct.pack("<2sIII", b"BM", offset + len(body), 0, offset) + header + palette + body


def _bmps() -> Iterator[HostileFile]:
    plain = saved(card(), "BMP")
    yield HostileFile("plain.bmp", plain, "shown")
    upside_down = saved(card().transpose(Image.Transpose.FLIP_TOP_BOTTOM), "BMP")
    top_down = upside_down[:22] + struct.pack("<i", -CARD_SIZE_PX[1]) + upside_down[26:]
    yield HostileFile("top_down.bmp", top_down, "shown")
    yield HostileFile("run_length.bmp", _rle8_bmp(), "shown", "Palette")
    shades = (WHITE, (0, 0, 0), (0, 0, 0), WHITE)
    yield HostileFile("one_bit.bmp", saved(card("1", (1, 0, 0, 1)), "BMP"), "shown", "Black", shades)


def _tiffs() -> Iterator[HostileFile]:
    white = card(corners=(WHITE,) * 4)
    yield HostileFile("deflated.tif", saved(card(), "TIFF", compression="tiff_adobe_deflate"), "shown")
    yield HostileFile("jpeg_inside.tif", saved(card(), "TIFF", compression="jpeg", quality=95), "shown", tolerance=4)
    pages = saved(card(), "TIFF", save_all=True, append_images=[white, white])
    yield HostileFile("pages.tif", pages, "shown", "first of 3 pages")
    yield HostileFile("big.tif", saved(card(), "TIFF", big_tiff=True), "shown")
    yield HostileFile("cmyk.tif", saved(card().convert("CMYK"), "TIFF"), "shown", "CMYK")
    yield HostileFile("lab.tif", saved(card().convert("LAB"), "TIFF"), "shown", r"L\*a\*b", tolerance=24)
    yield HostileFile("ycbcr.tif", saved(card().convert("YCbCr"), "TIFF", compression="tiff_lzw"), "shown", tolerance=3)
    clear = card("RGBA", tuple((*colour, 0) for colour in CARD))
    yield HostileFile("clear.tif", saved(clear, "TIFF"), "shown", "over white", (WHITE,) * 4)
    single = saved(card(), "TIFF")
    (directory,) = struct.unpack_from("<I", single, 4)
    (entries,) = struct.unpack_from("<H", single, directory)
    link = directory + 2 + 12 * entries
    looped = single[:link] + struct.pack("<I", directory) + single[link + 4 :]
    yield HostileFile("looped_pages.tif", looped, "shown")


def unusual_files() -> Iterator[HostileFile]:
    """Every file that must be shown rightly, whatever it looks like."""
    for make in (_oriented, _jpegs, _pngs, _greys, _gifs_and_webps, _bmps, _tiffs):
        yield from make()

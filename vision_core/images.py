"""Bytes or a path -> a safe, upright RGB picture.

    picture = open_image(uploaded.getvalue(), name=uploaded.name)
    picture.pixels, picture.notes

Limits are checked from the header before anything is decoded, one decoder is ever asked (the one the first bytes
name), and whatever goes wrong comes out as an `ImageError` with one sentence. Pixels are exact: never a draft decode.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import re
import stat
import threading
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from PIL import Image, features

from vision_core.errors import ImageError
from vision_core.image_colour import mend_depth, to_srgb
from vision_core.image_formats import KIND_OF_EXTENSION, Probe, probe
from vision_core.settings import settings

IMAGE_EXTENSIONS = frozenset(KIND_OF_EXTENSION)
UNNAMED = "unnamed picture"

_ORIENTATION_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = {_TURNS[orientation] for orientation in (5, 6, 7, 8)}
_TRUNCATION_WORDS = re.compile(r"truncat|premature|unexpected end|end of file|too short|not enough|incomplete", re.I)
_FRAME_WORDS = {"TIFF": "pages", "JPEG": "pictures in the file", "HEIC": "pictures in the file"}
_heif_lock = threading.Lock()


@dataclass(frozen=True)
class ImageLimits:
    """What is refused before decoding.

    Attributes:
        max_bytes: size of the file.
        max_pixels: width times height. A decoded megapixel takes 4 MB, a conversion up to twice that again. Pillow's
            own ceiling (2 x `PIL.Image.MAX_IMAGE_PIXELS`, 179 megapixels) holds whatever is set here.
        max_scan_pixels: width times height times the passes of a progressive JPEG (an ordinary one has about ten).
    """

    max_bytes: int = 50 * 1024 * 1024
    max_pixels: int = 80_000_000
    max_scan_pixels: int = 2_000_000_000


DEFAULT_LIMITS = ImageLimits()


def configured_limits() -> ImageLimits:
    """The limits of this machine's settings."""
    current = settings()
    return ImageLimits(current.max_image_bytes, current.max_image_pixels)


@dataclass(frozen=True)
class Picture:
    """A decoded picture. Equal and hashed by name, size and digest; share it freely, but never draw on `pixels`.

    Attributes:
        name: what to call it on screen: no folders, no control or direction-changing characters, at most 80 long.
        pixels: 8-bit RGB in sRGB, upright, fully loaded; smaller than `size_px` only where `shortest_px` was asked.
        width_px, height_px: of the upright picture.
        sha256: of the file's bytes, hexadecimal.
        format: JPEG, PNG, WebP, BMP, TIFF, GIF, AVIF or HEIC, whatever the name says.
        notes: plain sentences on what was converted.
    """

    name: str
    pixels: Image.Image = field(repr=False, compare=False)
    width_px: int
    height_px: int
    sha256: str
    format: str
    notes: tuple[str, ...] = field(default=(), compare=False)
    _previews: dict[int, Image.Image] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def size_px(self) -> tuple[int, int]:
        return self.width_px, self.height_px

    def preview(self, max_edge_px: int = 1280) -> Image.Image:
        """A smaller RGB copy whose longest edge is at most `max_edge_px`; the picture itself when it is small enough.

        The last four sizes are kept, so a page that redraws a 12-megapixel photo pays once.
        """
        longest = max(self.size_px)
        if longest <= max_edge_px:
            return self.pixels
        kept = self._previews.get(max_edge_px)
        if kept is None:
            size = tuple(max(round(edge * max_edge_px / longest), 1) for edge in self.size_px)
            kept = self.pixels.resize((size[0], size[1]), Image.Resampling.BILINEAR, reducing_gap=1.5)
            while len(self._previews) >= 4:
                self._previews.pop(next(iter(self._previews)), None)
            self._previews[max_edge_px] = kept
        return kept


def open_image(
    source: bytes | str | os.PathLike[str] | BinaryIO,
    name: str = "",
    limits: ImageLimits | None = None,
    shortest_px: int | None = None,
) -> Picture:
    """Read one picture: its first frame or page, upright, in RGB.

    Args:
        source: the file's bytes, a path, or an open binary file (read from its start where it can seek).
        name: what to call it; by default the path's or the file object's own name.
        limits: what is refused; by default what this machine's settings say (`WHATWHERE_MAX_IMAGE_MB`, …).
        shortest_px: where so many pixels along the shortest edge are enough, a JPEG is decoded at half, a quarter or
            an eighth of its size, which is several times quicker; `pixels` are smaller then, `size_px` is not.

    Raises:
        ImageError: not a picture of an accepted format, damaged, or beyond `limits`; names the file and the way out.
    """
    own_name = os.fspath(source) if isinstance(source, (str, os.PathLike)) else getattr(source, "name", "")
    shown = display_name(name or str(own_name))
    limits = limits or configured_limits()
    try:
        data = _read(source, limits)
        return _decode(data, shown, limits, shortest_px)
    except ImageError as error:
        raise ImageError(f"'{shown}' {error}") from error.__cause__


def display_name(name: str, max_length: int = 80) -> str:
    """An untrusted file name as one short line of text: no folders, control or direction-changing characters.

    Markup is left as it is; whoever writes the name into HTML or Markdown escapes it there.
    """
    last_part = re.split(r"[/\\]", name)[-1]
    spaced = (" " if unicodedata.category(char) in ("Cc", "Zl", "Zp") else char for char in last_part)
    kept = " ".join("".join(char for char in spaced if unicodedata.category(char)[0] != "C").split())
    if not kept.strip("."):
        return UNNAMED
    return kept if len(kept) <= max_length else f"{kept[: max_length - 13]}…{kept[-12:]}"


def iter_folder(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Paths of the picture files (by extension) in a folder and below, sorted, one at a time.

    Holds the names of one folder a level, never a picture. Hidden entries are skipped; so are linked folders, and
    links to files outside `folder`.

    Raises:
        ImageError: the folder, or one below it, is missing or cannot be read.
    """
    root = os.path.realpath(folder)

    def inside(entry: os.DirEntry[str]) -> bool:
        return not entry.is_symlink() or Path(os.path.realpath(entry.path)).is_relative_to(root)

    def walk(directory: str) -> Iterator[Path]:
        try:
            with os.scandir(directory) as found:
                entries = sorted((entry for entry in found if entry.name[0] != "."), key=lambda entry: entry.name)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ImageError(f"The folder '{display_name(directory)}' cannot be read ({reason}).") from error
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from walk(entry.path)
            elif os.path.splitext(entry.name)[1].lower() in IMAGE_EXTENSIONS and entry.is_file() and inside(entry):
                yield Path(entry.path)

    return walk(os.fspath(folder))


def _read(source: bytes | str | os.PathLike[str] | BinaryIO, limits: ImageLimits) -> bytes:
    try:
        if isinstance(source, (bytes, bytearray, memoryview)):
            data = bytes(source)
        elif isinstance(source, (str, os.PathLike)):
            data = _read_path(source, limits)
        else:
            if source.seekable():
                source.seek(0)
            data = source.read(limits.max_bytes + 1)
    except FileNotFoundError as error:
        raise ImageError("does not exist: check the path") from error
    except (OSError, ValueError) as error:
        raise ImageError(f"cannot be read ({getattr(error, 'strerror', None) or error}): check the path") from error
    _check_bytes(len(data), limits)
    if not data:
        raise ImageError("is empty (0 bytes): choose another file, or copy it again")
    return data


def _read_path(path: str | os.PathLike[str], limits: ImageLimits) -> bytes:
    about = os.stat(path)
    if stat.S_ISDIR(about.st_mode):
        raise ImageError("is a folder: name the pictures inside it")
    if not stat.S_ISREG(about.st_mode):  # a pipe or a device might never end
        raise ImageError("is not an ordinary file: copy the picture to one")
    _check_bytes(about.st_size, limits)
    with open(path, "rb") as file:
        return file.read(limits.max_bytes + 1)


def _check_bytes(size: int, limits: ImageLimits) -> None:
    if size > limits.max_bytes:
        mebibytes = f"more than {limits.max_bytes / 2**20:.4g} MiB"
        raise ImageError(f"has {mebibytes}, the most allowed here: save it smaller or with stronger compression")


def _decode(data: bytes, shown: str, limits: ImageLimits, shortest_px: int | None) -> Picture:
    probed = probe(data)
    decoder = _decoder(probed.kind)
    try:
        image = Image.open(BytesIO(data), formats=(decoder,))
        _check_pixels(image.size, probed, limits)
        notes = _notes_on_file(image, probed, shown)
        full = image.size
        drafted = bool(shortest_px and image.draft(None, (shortest_px, shortest_px)))
        image.load()
        _check_pixels(image.size, probed, limits)
        pixels, colour_notes = to_srgb(image)
        turn = _TURNS.get(_exif_orientation(image, notes))
        if turn is not None:
            pixels = pixels.transpose(turn)
    except ImageError:
        raise
    except Exception as error:  # decoders raise anything from struct.error to MemoryError on a damaged file
        raise ImageError(_reason(error, probed, limits)) from error
    if turn is not None or probed.orientation in _TURNS:
        notes.append("Turned upright by its EXIF orientation.")
    pixels.info = {}  # saving a crop must not write the profile or the EXIF of pixels that were converted
    digest = hashlib.sha256(data).hexdigest()
    width, height = full if drafted else pixels.size
    if drafted and turn in _SIDEWAYS:
        width, height = height, width
    return Picture(shown, pixels, width, height, digest, probed.kind, (*notes, *colour_notes))


def _decoder(kind: str) -> str:
    """Pillow's name of the one decoder for `kind`, with its plugin loaded (and no other)."""
    if kind == "HEIC":
        try:
            from pillow_heif import register_heif_opener
        except ImportError as error:
            raise ImageError("is a HEIC picture: install pillow-heif to read it, or save it as JPEG") from error
        with _heif_lock:
            if "HEIF" not in Image.OPEN:
                register_heif_opener()
        return "HEIF"
    if kind == "AVIF" and not features.check("avif"):
        raise ImageError("is an AVIF picture, which this Pillow was built without: update Pillow, or save it as PNG")
    plugin = kind if kind == "WebP" else kind.title()
    importlib.import_module(f"PIL.{plugin}ImagePlugin")
    return kind.upper()


def _check_pixels(size: tuple[int, int], probed: Probe, limits: ImageLimits) -> None:
    width, height = size
    pixels = width * height
    if pixels > limits.max_pixels:
        raise ImageError(
            f"has {width} x {height} = {pixels / 1e6:.4g} megapixels, more than the {limits.max_pixels / 1e6:.4g} "
            "allowed here: scale it down first"
        )
    if pixels * probed.scans > limits.max_scan_pixels:
        raise ImageError(f"is a JPEG in {probed.scans} passes, too many for its size: save it again as ordinary JPEG")


def _notes_on_file(image: Image.Image, probed: Probe, shown: str) -> list[str]:
    notes: list[str] = []
    extension = os.path.splitext(shown)[1].lower()
    if extension and KIND_OF_EXTENSION.get(extension) != probed.kind:
        notes.append(f"Named {extension}, but it holds {probed.kind}.")
    frames = probed.frames or getattr(image, "n_frames", 1)
    if frames > 1:
        notes.append(f"The first of {frames} {_FRAME_WORDS.get(probed.kind, 'frames')}.")
    return notes + mend_depth(image)


def _exif_orientation(image: Image.Image, notes: list[str]) -> int:
    """1 to 8. TIFF comes out of Pillow, and HEIC out of libheif, already turned and says 1."""
    try:
        return image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # EXIF is parsed only now, and damaged EXIF raises as freely as damaged pixels
        notes.append("Its EXIF data is damaged and was ignored.")
        return 1


def _reason(error: Exception, probed: Probe, limits: ImageLimits) -> str:
    if isinstance(error, MemoryError):
        return "needs more memory than there is: scale it down first"
    if isinstance(error, Image.DecompressionBombError):
        return f"has far more than the {limits.max_pixels / 1e6:.4g} megapixels allowed here: scale it down first"
    if probed.truncated or _TRUNCATION_WORDS.search(str(error)):
        return f"is a truncated {probed.kind} picture, its end is missing: copy or download it again"
    return (
        f"starts like a picture in {probed.kind} format, but is damaged or of a kind that cannot be read: "
        "save it again with an image editor, as JPEG or PNG"
    )

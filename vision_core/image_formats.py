"""Which picture format bytes hold, and whether their headers may be handed to a decoder.

Everything here looks at bytes only; nothing is decoded. `probe` says what a file is, or raises `ImageError` with the
half sentence that follows the file's name ("is a PDF document: …"). Pillow parses headers in Python, block by block,
so a file of millions of tiny blocks would keep it busy for minutes; the walks below count blocks first and refuse.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from vision_core.errors import ImageError

KIND_OF_EXTENSION = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG", ".mpo": "JPEG",
    ".png": "PNG", ".apng": "PNG", ".webp": "WebP", ".bmp": "BMP", ".dib": "BMP", ".tif": "TIFF", ".tiff": "TIFF",
    ".gif": "GIF", ".avif": "AVIF", ".heic": "HEIC", ".heif": "HEIC", ".hif": "HEIC",
}  # fmt: skip
ACCEPTED = "JPEG, PNG, WebP, BMP, TIFF, GIF, AVIF or HEIC"

MAX_BLOCKS = 400_000
"""Most chunks, sub-blocks or table entries a header may have; 50 MiB of GIF sub-blocks are 206,000."""
MAX_SEGMENTS = 4_096
"""Most JPEG segments before the picture data; a 16 MiB colour profile takes 256."""
MAX_METADATA_BYTES = 4 * 1024 * 1024
"""Most bytes of GIF comments, or of EXIF spread over JPEG segments: Pillow joins them in quadratic time."""
MAX_PAGES = 10_000

# What a refused file seems to be, by its first bytes.
_OTHER_SIGNATURES = {
    "a PDF document": (b"%PDF",),
    "a zip archive (or an office document)": (b"PK\x03\x04", b"PK\x05\x06"),
    "a gzip, 7z or rar archive": (b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c", b"Rar!"),
    "a PostScript drawing": (b"%!PS", b"\xc5\xd0\xd3\xc6"),
    "a Photoshop document": (b"8BPS",),
    "an icon": (b"\x00\x00\x01\x00",),
    "a JPEG 2000 picture": (b"\x00\x00\x00\x0cjP", b"\xff\x4f\xff\x51"),
    "a JPEG XL picture": (b"\x00\x00\x00\x0cJXL", b"\xff\x0a"),
    "a camera's raw picture": (b"IIRO", b"IIRS", b"IIU\x00", b"FUJIFILMCCD"),
    "a video": (b"\x1a\x45\xdf\xa3", b"\x00\x00\x01\xba"),
    "a sound": (b"ID3", b"fLaC", b"OggS"),
    "a NumPy array": (b"\x93NUMPY",),
    "a program": (b"MZ", b"\x7fELF"),
    "a database": (b"SQLite format 3",),
}
_HEIC_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1"}
_TIFF_STARTS = (b"II\x2a\x00", b"MM\x00\x2a", b"II\x2b\x00", b"MM\x00\x2b")
_BMP_HEADER_SIZES = {12, 16, 40, 52, 56, 64, 108, 124}


@dataclass(frozen=True)
class Probe:
    """What the bytes say before decoding.

    Attributes:
        kind: one of the values of `KIND_OF_EXTENSION`.
        frames: frames or pages counted here (GIF, TIFF); None where the decoder knows better.
        truncated: the bytes end before what the header promises; a decoder that fails on them failed for that.
        scans: passes a JPEG decoder makes over the picture (1 for other formats).
        orientation: the TIFF orientation tag, which Pillow applies by itself while decoding.
    """

    kind: str
    frames: int | None = None
    truncated: bool = False
    scans: int = 1
    orientation: int = 1


def probe(data: bytes) -> Probe:
    """Say which accepted picture format `data` holds and walk its header.

    Raises:
        ImageError: not an accepted format, or a header of absurdly many parts.
    """
    kind = picture_kind(data)
    if kind is None:
        raise ImageError(f"is {_describe_other(data)}, not a picture this can open: save it as {ACCEPTED}")
    if kind == "WebP":
        return Probe(kind, truncated=int.from_bytes(data[4:8], "little") + 8 > len(data))
    if kind == "BMP":
        return Probe(kind, truncated=int.from_bytes(data[2:6], "little") > len(data))
    walk = {"PNG": _walk_png, "JPEG": _walk_jpeg, "GIF": _walk_gif, "TIFF": _walk_tiff}.get(kind, _walk_boxes)
    return walk(data, kind)


def picture_kind(data: bytes) -> str | None:
    """The accepted format that `data` starts like, or None."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return "GIF"
    if data.startswith(_TIFF_STARTS) and data[8:10] != b"CR":
        return "TIFF"
    if data[:2] == b"BM" and int.from_bytes(data[14:18], "little") in _BMP_HEADER_SIZES:
        return "BMP"
    brands = _brands(data)
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    return "HEIC" if brands & _HEIC_BRANDS else None


def _brands(data: bytes) -> set[bytes]:
    if data[4:8] != b"ftyp":
        return set()
    end = min(max(int.from_bytes(data[:4], "big"), 12), 256, len(data))
    return {data[8:12], *(data[i : i + 4] for i in range(16, end - 3, 4))}


def _describe_other(data: bytes) -> str:
    for description, signatures in _OTHER_SIGNATURES.items():
        if data.startswith(signatures):
            return description
    if data[4:8] == b"ftyp":
        return "a sound" if data[8:11] == b"M4A" else "a video"
    if data[:4] == b"RIFF":
        return {b"AVI ": "a video", b"WAVE": "a sound"}.get(data[8:12], "a RIFF file")
    if data.startswith(_TIFF_STARTS):
        return "a camera's raw picture"
    if data[257:262] == b"ustar":
        return "a tar archive"
    return _describe_text(data[:4096])


def _describe_text(head: bytes) -> str:
    lower = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in lower:
        return "an SVG drawing"
    if lower.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<script")):
        return "a web page"
    if lower.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer (the picture itself was not fetched)"
    if not head.strip(b"\x00"):
        return "nothing but zero bytes"
    printable = sum(byte >= 32 or byte in b"\t\r\n\f" for byte in head)
    return "a text file" if b"\x00" not in head and printable > 0.95 * len(head) else "data of an unknown kind"


def _too_many(what: str) -> ImageError:
    return ImageError(f"has {what} than any real picture and was refused unread: save it again with an image editor")


def _walk_png(data: bytes, kind: str) -> Probe:
    position, chunks = 8, 0
    while position + 12 <= len(data):
        chunks += 1
        if chunks > MAX_BLOCKS:
            raise _too_many("more chunks")
        if data[position + 4 : position + 8] == b"IEND":
            return Probe(kind)
        position += 12 + int.from_bytes(data[position : position + 4], "big")
    return Probe(kind, truncated=True)


def _walk_jpeg(data: bytes, kind: str) -> Probe:
    position, exif_bytes, junk_bytes = 2, 0, 0
    for _ in range(MAX_SEGMENTS):
        found = data.find(b"\xff", position)
        if found < 0:
            return Probe(kind, truncated=True)
        junk_bytes += found - position
        marker, position = data[found + 1 : found + 2], found + 2
        if not marker or marker == b"\xda":
            break
        if marker in b"\x00\x01\xff" or b"\xd0" <= marker <= b"\xd8":  # fill bytes and markers without a length
            position -= marker == b"\xff"
            continue
        size = int.from_bytes(data[position : position + 2], "big")
        exif_bytes += size if marker == b"\xe1" and data[position + 2 : position + 6] == b"Exif" else 0
        position += max(size, 2)
        if junk_bytes > MAX_METADATA_BYTES or exif_bytes > MAX_METADATA_BYTES:
            raise _too_many("more bytes between its segments")
    else:
        raise _too_many("more segments")
    return Probe(kind, truncated=data.rfind(b"\xff\xd9") < position, scans=_jpeg_scans(data, position))


def _jpeg_scans(data: bytes, position: int) -> int:
    """Scans of the picture whose first scan starts at `position`; an exact walk only where a quick count alarms."""
    scans, found = 1, data.find(b"\xff\xda", position)
    while found >= 0 and scans < 50:
        scans, found = scans + 1, data.find(b"\xff\xda", found + 2)
    if scans < 50:
        return scans
    scans = 1
    for match in re.finditer(rb"\xff([^\x00\xff\xd0-\xd8])", memoryview(data)[position:]):
        scans += match[1] == b"\xda"
        if match[1] == b"\xd9":
            break
    return scans


def _walk_gif(data: bytes, kind: str) -> Probe:
    def table_bytes(flags: int) -> int:
        return 3 << ((flags & 7) + 1) if flags & 0x80 else 0

    def skip_blocks(position: int) -> int:
        nonlocal blocks
        while position < len(data) and data[position]:
            position += data[position] + 1
            blocks += 1
            if blocks > MAX_BLOCKS and frames < 2:
                raise _too_many("more blocks")
        return position + 1

    frames, blocks, comment_bytes = 0, 0, 0
    position = 13 + (table_bytes(data[10]) if len(data) > 10 else 0)
    while position + 1 < len(data) and blocks <= MAX_BLOCKS:
        start, position = position, position + 1
        blocks += 1
        if data[start] == 0x2C:
            frames += 1
            flags = data[start + 9] if start + 9 < len(data) else 0
            position = skip_blocks(start + 11 + table_bytes(flags))
        elif data[start] == 0x21:
            position = skip_blocks(start + 2)
            comment_bytes += position - start if data[start + 1] == 0xFE else 0
        elif data[start] == 0x3B:
            return Probe(kind, frames)
        if comment_bytes > MAX_METADATA_BYTES:
            raise _too_many("longer comments")
    if blocks > MAX_BLOCKS and frames == 0:
        raise _too_many("more blocks")
    return Probe(kind, max(frames, 1), truncated=frames < 2)


_TIFF_TYPE_BYTES = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}  # 1 otherwise


def _walk_tiff(data: bytes, kind: str) -> Probe:
    order, big = ("<" if data[:2] == b"II" else ">"), 43 in data[2:4]
    entry, word, counter = (order + code for code in (("HHQQ", "Q", "Q") if big else ("HHII", "I", "H")))
    seen: set[int] = set()
    orientation, truncated = 1, False
    try:
        (offset,) = struct.unpack_from(word, data, 8 if big else 4)
        while offset and offset not in seen and len(seen) < MAX_PAGES:
            (entries,) = struct.unpack_from(counter, data, offset)
            table, entry_bytes = offset + struct.calcsize(counter), struct.calcsize(entry)
            if not seen:  # the first page, the one that is shown
                for place in range(table, table + min(entries, 65_536) * entry_bytes, entry_bytes):
                    tag, code, count, value = struct.unpack_from(entry, data, place)
                    truncated |= _check_tiff_entry(tag, code, count, value, len(data))
                    if tag == 274:
                        (orientation,) = struct.unpack_from(order + "H", data, place + entry_bytes // 2 + 2)
            seen.add(offset)
            (offset,) = struct.unpack_from(word, data, table + entries * entry_bytes)
    except (struct.error, OverflowError):
        truncated = True
    return Probe(kind, max(len(seen), 1), truncated=truncated, orientation=orientation)


def _check_tiff_entry(tag: int, code: int, count: int, value: int, file_bytes: int) -> bool:
    """Whether this entry points past the end of the file."""
    if tag == 50706:
        raise ImageError(f"is a camera's raw picture (DNG): develop it and save it as {ACCEPTED}")
    if code not in (1, 2, 6, 7) and count > MAX_BLOCKS:
        raise _too_many("longer tables")
    size = count * _TIFF_TYPE_BYTES.get(code, 1)
    return size > 8 and value + size > file_bytes


def _walk_boxes(data: bytes, kind: str) -> Probe:
    """AVIF and HEIC: a row of boxes, each with its length in front."""
    position = boxes = 0
    while position + 8 <= len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        if size == 1:
            size = int.from_bytes(data[position + 8 : position + 16], "big")
        boxes += 1
        if size == 0:
            return Probe(kind)
        if boxes > MAX_BLOCKS:
            raise _too_many("more boxes")
        position += max(size, 8)
    return Probe(kind, truncated=position > len(data))

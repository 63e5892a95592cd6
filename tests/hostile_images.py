"""Makes damaged, disguised and hostile files, and lists them together with the unusual ones.

for file in hostile_files():
    file.name, file.content, file.outcome
"""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Iterator
from functools import cache
from io import BytesIO

import numpy as np
from PIL import Image

from tests.unusual_images import HostileFile, card, png, png_chunk, png_rows, saved, unusual_files


def hostile_files() -> list[HostileFile]:
    """All of them, every name different; the same bytes on every call."""
    return list(_all_files())


@cache
def _all_files() -> tuple[HostileFile, ...]:
    makers = (unusual_files, _names, _truncated, _other_kinds, _huge_pictures, _metadata_bombs, _floods, _broken)
    return tuple(file for make in makers for file in make())


def refused(name: str, content: bytes, says: str) -> HostileFile:
    return HostileFile(name, content, "refused", says)


def speckled() -> Image.Image:
    """A picture whose pixels fill its file to the end, 96 x 80."""
    noise = np.random.default_rng(7).integers(0, 256, (80, 96, 3), dtype=np.uint8)
    return Image.fromarray(noise)


def valid_files() -> dict[str, bytes]:
    """One ordinary file of each format, by extension."""
    options = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "bmp": "BMP", "tif": "TIFF", "gif": "GIF", "avif": "AVIF"}
    files = {extension: saved(speckled(), kind) for extension, kind in options.items()}
    files["lzw.tif"] = saved(speckled(), "TIFF", compression="tiff_lzw")
    files["progressive.jpg"] = saved(speckled(), "JPEG", progressive=True)
    files["heic"] = saved(speckled(), "HEIF")
    return files


def _names() -> Iterator[HostileFile]:
    content = saved(card(), "PNG")
    names = {
        "../../etc/passwd": "passwd",
        "..\\..\\windows\\win.png": "win.png",
        "<script>alert(1)<script>.png": "<script>alert(1)<script>.png",
        "![x](http:evil)`code`.png": "![x](http:evil)`code`.png",
        "photo\u202egnp.exe": "photognp.exe",
        "two\nlines\x00\x1b[31m.png": "two lines [31m.png",
        "x" * 300 + ".png": "x" * 67 + "…" + "xxxxxxxx.png",
        "..": "unnamed picture",
        "\u200b\u200f": "unnamed picture",
        "Größe 写真 😀.png": "Größe 写真 😀.png",
    }
    for name, shown_as in names.items():
        yield HostileFile(name, content, "shown", shown_as=shown_as)


def _truncated() -> Iterator[HostileFile]:
    for extension, content in valid_files().items():
        for percent in (3, 50, 95):
            cut = content[: max(len(content) * percent // 100, 12)]
            yield refused(f"cut_at_{percent}_percent.{extension}", cut, "truncated")


def _other_kinds() -> Iterator[HostileFile]:
    svg = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    page = b"<!DOCTYPE html><html><script>location='http://evil'</script></html>"
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id) (w) file\nshowpage\n"
    psd = b"8BPS\x00\x01" + bytes(6) + struct.pack(">HIIHH", 3, 8, 8, 8, 3) + bytes(300)
    dng = saved(card(), "TIFF", tiffinfo={50706: b"\x01\x04\x00\x00"})
    video = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(500)
    kinds: dict[str, tuple[bytes, str]] = {
        "drawing.svg": (svg, "an SVG drawing"),
        "page.jpg": (page, "a web page"),
        "paper.pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF"),
        "office.png": (b"PK\x03\x04\x14\x00" + bytes(100), "a zip archive"),
        "drawing.eps": (postscript, "a PostScript"),
        "layers.psd": (psd, "a Photoshop"),
        "layers.jpg": (psd, "a Photoshop"),
        "favicon.ico": (saved(card(), "ICO"), "an icon"),
        "film.heic": (video, "a video"),
        "film.avi": (b"RIFF\x00\x01\x00\x00AVI LIST" + bytes(300), "a video"),
        "wave.webp": (b"RIFF\x00\x01\x00\x00WAVEfmt " + bytes(300), "a sound"),
        "old.jp2": (b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(100), "JPEG 2000"),
        "new.jxl": (b"\xff\x0a" + bytes(100), "JPEG XL"),
        "raw.cr2": (b"II*\x00\x10\x00\x00\x00CR\x02\x00" + bytes(500), "raw picture"),
        "raw.dng": (dng, r"raw picture \(DNG\)"),
        "notes.png": (b"Shopping:\n- milk\n- bread\n", "a text file"),
        "bmw.bmp": (b"BMW is a maker of cars and motorcycles.\n", "a text file"),
        "lfs.jpg": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "Git LFS"),
        "zeros.jpg": (bytes(5000), "zero bytes"),
        "noise.jpg": (random.Random(3).randbytes(4000), "unknown kind"),
        "array.npy": (b"\x93NUMPY\x01\x00" + bytes(120), "NumPy"),
        "program.png": (b"MZ\x90\x00" + bytes(200), "a program"),
        "portable.ppm": (saved(card(), "PPM"), "not a picture this can open"),
        "targa.tga": (saved(card(), "TGA"), "not a picture this can open"),
        "empty.jpg": (b"", "empty"),
        "one_byte.png": (b"\x89", "not a picture"),
        "signature_only.png": (b"\x89PNG\r\n\x1a\n", "truncated"),
        "signature_only.jpg": (b"\xff\xd8\xff", "truncated"),
        "signature_only.gif": (b"GIF89a", "truncated"),
    }
    for name, (content, says) in kinds.items():
        yield refused(name, content, says)


def _flat_png(size_px: tuple[int, int]) -> bytes:
    """One-bit black: 81 megapixels in 10 kB."""
    row_bytes = (size_px[0] + 7) // 8 + 1
    return png(size_px, 1, 0, bytes(row_bytes * size_px[1]))


def _huge_pictures() -> Iterator[HostileFile]:
    """Small files that promise more pixels than are allowed."""
    megapixels = "megapixels"
    yield refused("eighty_one_megapixels.png", _flat_png((9_000, 9_000)), megapixels)
    header = png((1, 1), 8, 2, b"\x00\x00\x00\x00").replace(
        struct.pack(">II", 1, 1), struct.pack(">II", 2**31 - 1, 2**31 - 1)
    )
    size_crc = struct.pack(">I", zlib.crc32(header[12:29]))
    yield refused("two_billion_wide.png", header[:29] + size_crc + header[33:], megapixels)
    gif = saved(card(), "GIF")
    yield refused("huge.gif", gif[:6] + b"\xff\xff\xff\xff" + gif[10:], megapixels)
    big_frame = gif.index(b"\x2c\x00\x00\x00\x00")
    yield refused("huge_frame.gif", gif[: big_frame + 5] + b"\xff\xff\xff\xff" + gif[big_frame + 9 :], megapixels)
    jpeg = saved(card(), "JPEG")
    frame = jpeg.index(b"\xff\xc0") + 5
    yield refused("huge.jpg", jpeg[:frame] + b"\xff\xdc\xff\xdc" + jpeg[frame + 4 :], megapixels)
    bmp = saved(card(), "BMP")
    yield refused("huge.bmp", bmp[:18] + struct.pack("<ii", 60_000, 60_000) + bmp[26:], megapixels)
    webp = saved(card("RGBA", ((0, 0, 0, 9),) * 4), "WEBP", exif=b"Exif\x00\x00" + bytes(20))
    yield refused("huge.webp", webp[:24] + b"\xff\xff\x00\xff\xff\x00" + webp[30:], "megapixels|damaged")
    tiff = saved(card(), "TIFF")
    for tag, edge in ((256, 64), (257, 48)):
        tiff = tiff.replace(struct.pack("<HHII", tag, 4, 1, edge), struct.pack("<HHII", tag, 4, 1, 65_000))
    yield refused("huge.tif", tiff, megapixels)
    avif = saved(card(), "AVIF")
    size = avif.index(b"ispe") + 8
    yield refused(
        "huge.avif", avif[:size] + struct.pack(">II", 30_000, 30_000) + avif[size + 8 :], "megapixels|damaged"
    )
    heic = saved(card(), "HEIF")
    size = heic.index(b"ispe") + 8
    yield refused(
        "huge.heic", heic[:size] + struct.pack(">II", 30_000, 30_000) + heic[size + 8 :], "megapixels|damaged"
    )


def _metadata_bombs() -> Iterator[HostileFile]:
    """Small chunks that unpack to 64 MiB."""
    packed = zlib.compress(bytes(64 * 2**20), 9)
    rows = png_rows(np.asarray(card()))
    for tag, head in ((b"zTXt", b"Comment\x00\x00"), (b"iCCP", b"profile\x00\x00")):
        content = png((64, 48), 8, 2, rows, png_chunk(tag, head + packed))
        yield refused(f"{tag.decode()}_bomb.png", content, "damaged or of a kind")
    exif = b"II*\x00\x08\x00\x00\x00" + struct.pack("<H", 5_000)
    exif += b"".join(struct.pack("<HHII", 60_000 - i, 7, 60_000, 0) for i in range(5_000))
    content = saved(card(), "JPEG", exif=b"Exif\x00\x00" + exif[:65_000], quality=95)
    yield HostileFile("overlapping_exif.jpg", content, "shown", tolerance=4)


def _floods() -> Iterator[HostileFile]:
    """Files of a few hundred thousand tiny parts, which would keep a parser written in Python busy."""
    rows, chunk = png_rows(np.asarray(card())), png_chunk(b"abCd", b"")
    yield refused("many_chunks.png", png((64, 48), 8, 2, rows, chunk * 410_000), "more chunks")
    jpeg = saved(card(), "JPEG")
    yield refused("many_segments.jpg", jpeg[:2] + b"\xff\xfe\x00\x03x" * 5_000 + jpeg[2:], "more segments")
    gif = saved(card(), "GIF")
    palette_end = gif.index(b"\x2c\x00\x00\x00\x00")
    yield refused(
        "many_blocks.gif",
        gif[:palette_end] + b"\x21\xfe" + b"\x01x" * 410_000 + b"\x00" + gif[palette_end:],
        "more blocks",
    )
    comment = b"\x21\xfe" + (b"\xff" + b"x" * 255) * 20_000 + b"\x00"
    yield refused("long_comment.gif", gif[:palette_end] + comment + gif[palette_end:], "longer comments")
    tiff = saved(card(), "TIFF")
    entry = tiff.index(struct.pack("<HH", 273, 4))
    strips = tiff[:entry] + struct.pack("<HHII", 273, 4, 1_000_000, len(tiff)) + tiff[entry + 12 :] + bytes(4_000_000)
    yield refused("many_strips.tif", strips, "longer tables")
    yield refused("many_scans.jpg", _many_scans(), "passes")


def _many_scans() -> bytes:
    """A progressive JPEG of 16 megapixels whose coefficients are refined in thousands of passes over nothing."""
    jpeg = saved(Image.new("L", (4_096, 4_096)), "JPEG", progressive=True)
    last = jpeg.rindex(b"\xff\xda")
    return jpeg[:last] + jpeg[last:-2] * 300 + jpeg[-2:]


def _broken() -> Iterator[HostileFile]:
    bmp, tiff = saved(card(), "BMP"), saved(card(), "TIFF")
    damaged = "damaged or of a kind"
    yield refused("zero_wide.bmp", bmp[:18] + struct.pack("<ii", 0, 48) + bmp[26:], damaged)
    yield refused("zero_wide.png", png((0, 48), 8, 2, b"\x00" * 48), damaged)
    yield refused("zero_high.gif", b"GIF89a\x00\x00\x00\x00\x00\x00\x00;", damaged + "|truncated")
    jpeg = saved(card(), "JPEG")
    frame = jpeg.index(b"\xff\xc0")
    yield refused("zero_high.jpg", jpeg[: frame + 5] + b"\x00\x00" + jpeg[frame + 7 :], damaged)
    yield refused("twelve_bit.jpg", jpeg[: frame + 4] + b"\x0c" + jpeg[frame + 5 :], damaged)
    (directory,) = struct.unpack_from("<I", tiff, 4)
    yield refused("no_tags.tif", tiff[:directory] + bytes(len(tiff) - directory), damaged)
    yield refused("directory_outside.tif", tiff[:4] + b"\xff\xff\xff\x7f" + tiff[8:], "truncated")
    itself = tiff[:4] + struct.pack("<I", 4) + tiff[8:]
    yield refused("directory_in_header.tif", itself, f"{damaged}|truncated|more bytes|longer tables")
    content = saved(card(), "PNG")
    data = content.index(b"IDAT")
    yield refused("bad_deflate.png", content[: data + 8] + b"\xff" * 20 + content[data + 28 :], f"{damaged}|truncated")
    bits_17 = (
        content[:24]
        + b"\x11"
        + content[25:29]
        + struct.pack(">I", zlib.crc32(content[12:24] + b"\x11" + content[25:29]))
    )
    yield refused("seventeen_bits.png", bits_17 + content[33:], damaged)
    raw = BytesIO()
    card().save(raw, "WEBP")
    webp = bytearray(raw.getvalue())
    webp[30:60] = bytes(30)
    yield refused("zeroed.webp", bytes(webp), f"{damaged}|truncated")

"""Pixels as a PNG file, in half the time that Pillow takes: a third of all the time that goes into a shelf.

Pillow tries five filters for each row and keeps the best. Furniture and cloth change little from one row to the next,
so the filter "up" for all rows gives files within some percent of the same size. Written after the PNG specification,
third edition (https://www.w3.org/TR/png-3/).
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_UP = 2  # number of the filter: each byte minus the one above it
_RGB_8_BIT = (8, 2, 0, 0, 0)  # bits a channel, colour type, compression, filters, no interlacing


def png_bytes(pixels: np.ndarray) -> bytes:
    """The PNG file of `(H, W, 3)` uint8 RGB."""
    height, width, _ = pixels.shape
    rows = pixels.reshape(height, -1)
    filtered = np.empty((height, 1 + rows.shape[1]), np.uint8)
    filtered[:, 0] = _UP
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    header = struct.pack(">II5B", width, height, *_RGB_8_BIT)
    return b"".join(
        (_SIGNATURE, _chunk(b"IHDR", header), _chunk(b"IDAT", zlib.compress(filtered.data, 1)), _chunk(b"IEND", b""))
    )


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

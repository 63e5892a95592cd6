"""Makes archives, good ones and malformed or hostile ones.

for case in malformed_archives():
    case.name, case.content, case.says
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

from tests.data_files import picture_bytes


@dataclass(frozen=True)
class MalformedArchive:
    """An archive's bytes and a regular expression for the sentence that refuses it."""

    name: str
    content: bytes
    says: str


def malformed_archives() -> list[MalformedArchive]:
    """All of them, every name different."""
    return [*_zips(), *_tars()]


def zip_bytes(files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip file of these entries."""
    target = BytesIO()
    with zipfile.ZipFile(target, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return target.getvalue()


def tar_bytes(*members: tuple[tarfile.TarInfo, bytes], mode: str = "w") -> bytes:
    """A tar file of these members."""
    target = BytesIO()
    with tarfile.open(fileobj=target, mode=mode, format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, BytesIO(content))
    return target.getvalue()


def _zips() -> Iterator[MalformedArchive]:
    good = {"a.png": picture_bytes(), "b.png": picture_bytes()}
    whole = zip_bytes(good)
    names = {
        "climbs": "../evil.png", "climbs inside": "a/../../evil.png", "absolute": "/etc/evil.png",
        "drive": "C:/evil.png", "backslashes": "..\\..\\evil.png", "network": "\\\\server\\evil.png",
    }  # fmt: skip
    for what, name in names.items():
        yield MalformedArchive(f"{what}.zip", zip_bytes({**good, name: b"x"}), "evil.png.*leads out of the archive")
    yield MalformedArchive("newline.zip", zip_bytes({**good, "a\nb.png": b"x"}), "name is not text")
    yield MalformedArchive("null.zip", whole.replace(b"b.png", b"b\x00png"), "name is not text")
    yield MalformedArchive("long_name.zip", zip_bytes({**good, "x" * 300: b"x"}), "name is too long")
    yield MalformedArchive("deep.zip", zip_bytes({**good, "a/" * 100 + "b": b"x"}), "name is too long")
    yield MalformedArchive("twice.zip", whole.replace(b"b.png", b"a.png"), "another entry has already")
    yield MalformedArchive("file_and_folder.zip", zip_bytes({"a": b"x", "a/b.png": b"x"}), "another entry has already")
    link = zipfile.ZipInfo("link.png")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    target = BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    yield MalformedArchive("link.zip", target.getvalue(), "a link or a device")
    yield MalformedArchive("encrypted.zip", _with_flag(whole, 1), "encrypted")
    yield MalformedArchive("cut.zip", whole[: len(whole) // 2], "damaged")
    yield MalformedArchive("flipped.zip", _flipped(zip_bytes(good, zipfile.ZIP_STORED)), "damaged")
    yield MalformedArchive("method.zip", whole.replace(struct.pack("<HH", 0, 8), struct.pack("<HH", 0, 97)), "damaged")
    yield MalformedArchive("no_end.zip", whole[:-22], "damaged")
    bomb = zip_bytes({f"{i}.png": bytes(2**26) for i in range(2)})
    yield MalformedArchive("bomb.zip", bomb, "100 times its size")
    yield MalformedArchive(
        "many.zip", zip_bytes({f"{i}": b"" for i in range(3_000)}, zipfile.ZIP_STORED), "more than 2000 files"
    )
    yield MalformedArchive("empty.zip", b"", "neither a zip nor a tar file")
    yield MalformedArchive("picture.zip", picture_bytes(), "neither a zip nor a tar file")
    yield MalformedArchive("seven.7z", b"7z\xbc\xaf\x27\x1c" + bytes(500), "neither a zip nor a tar file")


def _flipped(content: bytes) -> bytes:
    place = content.index(b"IDAT") + 6
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


def _with_flag(content: bytes, flag: int) -> bytes:
    """The zip with a flag set in the central directory and in the local headers."""
    changed = bytearray(content)
    for magic, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        place = content.find(magic)
        while place >= 0:
            changed[place + offset] |= flag
            place = content.find(magic, place + 4)
    return bytes(changed)


def _tars() -> Iterator[MalformedArchive]:
    good = [(tarfile.TarInfo(name), picture_bytes()) for name in ("a.png", "b.png")]

    def special(name: str, kind: bytes, says: str, target: str = "") -> MalformedArchive:
        info = tarfile.TarInfo("evil.png")
        info.type, info.linkname = kind, target
        return MalformedArchive(name, tar_bytes(*good, (info, b"")), says)

    yield special("symlink.tar", tarfile.SYMTYPE, "a link or a device", "/etc/passwd")
    yield special("hard_link.tar", tarfile.LNKTYPE, "a link or a device", "/etc/passwd")
    yield special("device.tar", tarfile.CHRTYPE, "a link or a device")
    yield special("pipe.tar", tarfile.FIFOTYPE, "a link or a device")
    for what, name in (("climbs", "../evil.png"), ("absolute", "/tmp/evil.png"), ("inside", "a/../../evil.png")):
        yield MalformedArchive(
            f"{what}.tar", tar_bytes(*good, (tarfile.TarInfo(name), b"x")), "leads out of the archive"
        )
    yield MalformedArchive("again.tar", tar_bytes(*good, good[0]), "another entry has already")
    whole = tar_bytes(*good)
    yield MalformedArchive("cut_in_file.tar", whole[:700], "damaged")
    yield MalformedArchive("cut_between.tar", whole[:1024], "damaged")
    yield MalformedArchive("bad_header.tar", whole[:1024] + b"x" * 512 + whole[1536:], "damaged")
    packed = gzip.compress(whole)
    yield MalformedArchive("cut.tar.gz", packed[: len(packed) // 2], "damaged")
    yield MalformedArchive("bad_check.tar.gz", packed[:-8] + bytes(8), "damaged")
    yield MalformedArchive("cut.tar.bz2", bz2.compress(whole)[:-20], "damaged")
    yield MalformedArchive("cut.tar.xz", lzma.compress(whole)[:-40], "damaged")
    greedy = lzma.compress(whole, filters=[{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 2**30}])
    yield MalformedArchive("greedy.tar.xz", greedy, "damaged.*(emory|kind)")
    yield MalformedArchive("no_tar.gz", gzip.compress(b"hello" * 1000), "damaged")
    yield MalformedArchive("bomb.tar.gz", gzip.compress(_zero_tar(2**27)), "100 times its size")
    header = tarfile.TarInfo("long")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 2**33
    yield MalformedArchive("greedy_header.tar", header.tobuf(tarfile.GNU_FORMAT) + bytes(2048), "damaged.*header of")
    sparse = tarfile.TarInfo("evil.png")
    sparse.type = tarfile.GNUTYPE_SPARSE
    buffer = bytearray(sparse.tobuf(tarfile.GNU_FORMAT))
    buffer[483:495] = b"77777777777\x00"
    buffer[148:156] = b" " * 8
    buffer[148:156] = b"%06o\x00 " % sum(buffer)
    yield MalformedArchive("sparse.tar", bytes(buffer) + bytes(1024), "a link or a device|damaged")


def _zero_tar(size: int) -> bytes:
    return tar_bytes((tarfile.TarInfo("a.png"), bytes(size)))

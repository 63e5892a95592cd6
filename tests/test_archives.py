"""Unpacking: what good archives give, and that hostile ones leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tarfile
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from tests.data_files import picture_bytes, tree
from tests.malformed_archives import MalformedArchive, malformed_archives, tar_bytes, zip_bytes
from vision_core.data.archives import ArchiveLimits, unpack
from vision_core.errors import DataError

FILES = {"set/a.png": picture_bytes(), "set/sub/größe 写真.png": picture_bytes(8, 8), "set/empty.txt": b""}
LIMITS = ArchiveLimits(max_files=2_000, max_bytes=2**28, free_bytes=2**20)


def packed(kind: str) -> bytes:
    if kind.startswith("zip"):
        methods = {"zip": zipfile.ZIP_DEFLATED, "zip stored": zipfile.ZIP_STORED, "zip lzma": zipfile.ZIP_LZMA}
        return zip_bytes(FILES, methods[kind])
    return tar_bytes(*((tarfile.TarInfo(name), content) for name, content in FILES.items()), mode=kind)


@pytest.mark.parametrize("kind", ["zip", "zip stored", "zip lzma", "w", "w:gz", "w:bz2", "w:xz"])
def test_every_kind_gives_its_files_byte_for_byte(kind: str, tmp_path: Path) -> None:
    archive = tmp_path / "set.any"
    archive.write_bytes(packed(kind))
    told: list[tuple[int, int]] = []
    assert (
        unpack(archive, tmp_path / "out", progress=lambda done, total: told.append((done, total))) == tmp_path / "out"
    )
    assert tree(tmp_path / "out") == FILES
    assert told == sorted(told)
    assert told[-1][0] <= told[-1][1] == archive.stat().st_size


def test_names_in_utf_8_without_the_flag_are_understood(tmp_path: Path) -> None:
    content = zip_bytes({"größe.png": b"x"})
    at = content.index(b"PK\x01\x02")
    content = content[:6] + b"\x00\x00" + content[8 : at + 8] + b"\x00\x00" + content[at + 10 :]
    (tmp_path / "mac.zip").write_bytes(content)
    unpack(tmp_path / "mac.zip", tmp_path / "out")
    assert tree(tmp_path / "out") == {"größe.png": b"x"}


def test_windows_separators_make_folders(tmp_path: Path) -> None:
    (tmp_path / "win.zip").write_bytes(zip_bytes({"dog\\a.png": b"x"}))
    unpack(tmp_path / "win.zip", tmp_path / "out")
    assert tree(tmp_path / "out") == {"dog/a.png": b"x"}


def test_a_zip_with_large_records_is_counted_by_those(tmp_path: Path) -> None:
    target = BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for number in range(70_000):  # more than the small record can say
            archive.writestr(zipfile.ZipInfo(f"{number}"), b"")
    (tmp_path / "large.zip").write_bytes(target.getvalue())
    with pytest.raises(DataError, match="more than 69999 files"):
        unpack(tmp_path / "large.zip", tmp_path / "out", ArchiveLimits(max_files=69_999))


@pytest.mark.parametrize("case", malformed_archives(), ids=lambda case: case.name)
def test_hostile_archives_are_refused_in_a_sentence_and_leave_nothing(case: MalformedArchive, tmp_path: Path) -> None:
    inside = tmp_path / "deep" / "inside"
    inside.mkdir(parents=True)
    archive = inside / case.name
    archive.write_bytes(case.content)
    with pytest.raises(DataError, match=case.says) as caught:
        unpack(archive, inside / "out", LIMITS)
    assert case.name in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [archive]
    assert not (inside / "out").exists()


def test_more_bytes_than_allowed_are_refused(tmp_path: Path) -> None:
    (tmp_path / "big.zip").write_bytes(zip_bytes({"a": os.urandom(3_000), "b": os.urandom(3_000)}))
    with pytest.raises(DataError, match="the most allowed"):
        unpack(tmp_path / "big.zip", tmp_path / "out", ArchiveLimits(max_bytes=5_000))
    unpack(tmp_path / "big.zip", tmp_path / "out", ArchiveLimits(max_bytes=6_000))


def test_what_a_killed_import_left_is_removed_by_the_next(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zip_bytes(FILES))
    program = (
        "import os, sys; from pathlib import Path; from vision_core.data.archives import unpack;"
        "unpack(Path('a.zip'), Path('out'), progress=lambda done, total: os.kill(os.getpid(), 9))"
    )
    path = os.pathsep.join(sys.path)
    killed = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env={**os.environ, "PYTHONPATH": path})
    assert killed.returncode == -signal.SIGKILL
    assert list(tmp_path.glob(".out.*"))
    unpack(tmp_path / "a.zip", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "out"]
    assert tree(tmp_path / "out") == FILES


def test_an_existing_folder_is_never_written_into(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zip_bytes(FILES))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="already exists"):
        unpack(tmp_path / "a.zip", tmp_path / "out")
    assert tree(tmp_path / "out") == {"mine.txt": b"mine"}


def test_cancelling_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zip_bytes(FILES))

    def cancel(done: int, total: int) -> None:
        raise KeyError("cancelled")

    with pytest.raises(KeyError, match="cancelled"):
        unpack(tmp_path / "a.zip", tmp_path / "out", progress=cancel)
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_a_missing_archive_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'gone\.zip' cannot be read"):
        unpack(tmp_path / "gone.zip", tmp_path / "out")

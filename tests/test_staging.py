"""Folders appear whole or not at all, whoever is killed; and nobody takes another's work for a leftover."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.data_files import put
from vision_core.data.staging import scratch, staged
from vision_core.errors import DataError

ROOT = Path(__file__).parent.parent
KILLED = """
import os, sys
from pathlib import Path
from vision_core.data.staging import staged
with staged(Path(sys.argv[1])) as part:
    (part / "half.txt").write_text("half")
    os.kill(os.getpid(), 9)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def kill_while_staging(folder: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(folder)], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})


def test_a_folder_appears_whole_for_everybody_to_read(tmp_path: Path) -> None:
    with staged(tmp_path / "new") as part:
        (part / "a.txt").write_text("a")
        assert not (tmp_path / "new").exists()
    assert names(tmp_path) == ["new"]
    assert (tmp_path / "new" / "a.txt").read_text() == "a"
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o755


def test_what_is_raised_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with staged(tmp_path / "new") as part:
            (part / "a.txt").write_text("a")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with scratch(tmp_path) as space:
        (space / "a.txt").write_text("a")
    assert names(tmp_path) == []


@pytest.mark.skipif(os.name == "nt", reason="no locks on folders there")
def test_what_a_killed_process_left_goes_with_the_next_work_in_that_place(tmp_path: Path) -> None:
    kill_while_staging(tmp_path / "first")
    (left,) = tmp_path.iterdir()
    assert names(left) == ["half.txt"]
    with staged(tmp_path / "second"):
        pass
    assert names(tmp_path) == ["second"]


def test_work_under_way_and_other_hidden_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".first.of.mine").mkdir()
    with staged(tmp_path / "first") as one:
        (one / "a.txt").write_text("a")
        with staged(tmp_path / "second"), scratch(tmp_path):
            assert names(one) == ["a.txt"]
    assert names(tmp_path) == [".first.of.mine", "first", "second"]


def test_a_folder_that_is_in_use_is_never_written_into(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with staged(tmp_path / "mine") as part:  # empty, so it may be filled
        (part / "a.txt").write_text("a")
    with pytest.raises(DataError, match="already exists"), staged(tmp_path / "mine"):
        pytest.fail("not even begun")
    with pytest.raises(DataError, match="already exists"), staged(tmp_path / "new"):
        put(tmp_path / "new", {"theirs.txt": "theirs"})  # by somebody who was quicker
    assert names(tmp_path) == ["mine", "new"]
    assert names(tmp_path / "new") == ["theirs.txt"]


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(DataError, match=r"Nothing can be written in '.*file' .*name another folder"),
        scratch(tmp_path / "file"),
    ):
        pytest.fail("not even begun")

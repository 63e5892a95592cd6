"""The journal of labels on disk, through crashes, second writers and full disks."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tests.labelling_cases import PATHS, add, small_index
from vision_core.data.journal import FILE_NAME, Journal, read_operations, replay
from vision_core.errors import DataError

ROOT = Path(__file__).parent.parent


def test_a_journal_cut_anywhere_keeps_every_whole_line_and_goes_on(tmp_path: Path) -> None:
    index = small_index()
    with Journal(tmp_path / "whole", index) as journal:
        journal.record([add(n) for n in range(4)])
    content = (tmp_path / "whole" / FILE_NAME).read_bytes()
    folder = tmp_path / "cut"
    folder.mkdir()
    for size in range(len(content) + 1):
        (folder / FILE_NAME).write_bytes(content[:size])
        whole = max(content[:size].count(b"\n") - 1, 0)
        assert len(read_operations(folder)) == whole
        with Journal(folder, index) as journal:
            assert len(journal.labelling.operations) == whole
            assert journal.record([add(99)]) == [""]
        assert [operation.id for operation in read_operations(folder)][-1] == "t:99"
        assert len(read_operations(folder)) == whole + 1


def test_zeros_that_a_power_cut_left_at_the_end_are_dropped(tmp_path: Path) -> None:
    with Journal(tmp_path, small_index()) as journal:
        journal.record([add(1)])
    with (tmp_path / FILE_NAME).open("ab") as file:
        file.write(bytes(4096))
    with Journal(tmp_path, small_index()) as journal:
        journal.record([add(2)])
    assert [operation.box for operation in read_operations(tmp_path)] == ["n1", "n2"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"id": "x", "kind"', "line 3: not valid JSON"),
        (b"\xff\xfe", "line 3: not valid JSON"),
        (b'{"id": "x", "kind": "explode"}', "line 3: The field kind"),
        (b'{"id": "x", "kind": "delete", "image": "4.jpg", "box": "n7"}', "line 3: The picture has no box"),
    ],
)
def test_a_damaged_line_in_the_middle_is_named_and_nothing_is_thrown_away(
    line: bytes, reason: str, tmp_path: Path
) -> None:
    with Journal(tmp_path, small_index()) as journal:
        journal.record([add(1), add(2)])
    path = tmp_path / FILE_NAME
    lines = path.read_bytes().splitlines(keepends=True)
    damaged = b"".join([*lines[:2], line + b"\n", *lines[2:]])
    path.write_bytes(damaged)
    with pytest.raises(DataError, match=reason):
        Journal(tmp_path, small_index())
    with pytest.raises(DataError, match=reason):
        replay(tmp_path, small_index())
    assert path.read_bytes() == damaged


def test_a_file_that_is_no_journal_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"my own notes\nwithout an end")
    with pytest.raises(DataError, match="line 1: not a journal"):
        Journal(tmp_path, small_index())
    assert (tmp_path / FILE_NAME).read_bytes() == b"my own notes\nwithout an end"


def test_an_operation_that_arrives_twice_counts_once_also_after_a_restart(tmp_path: Path) -> None:
    with Journal(tmp_path, small_index()) as journal:
        assert journal.record([add(1), add(1), add(2)]) == ["", "", ""]
    with Journal(tmp_path, small_index()) as journal:
        assert journal.record([add(2), add(3)]) == ["", ""]
    assert [operation.box for operation in read_operations(tmp_path)] == ["n1", "n2", "n3"]


def test_it_is_forced_to_the_disk_before_anybody_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forced: list[tuple[int, int]] = []
    fsync = os.fsync

    def noting(handle: int) -> None:
        fsync(handle)
        forced.append((os.fstat(handle).st_ino, os.fstat(handle).st_size))

    with Journal(tmp_path, small_index()) as journal:
        monkeypatch.setattr(os, "fsync", noting)
        for number in range(3):
            journal.record([add(number)])
            about = (tmp_path / FILE_NAME).stat()
            assert forced[-1] == (about.st_ino, about.st_size)
    assert len(forced) == 3


def test_one_refused_operation_does_not_keep_the_others_back(tmp_path: Path) -> None:
    with Journal(tmp_path, small_index()) as journal:
        answers = journal.record([add(1), add(2, class_name="coat"), add(3)])
    assert [bool(answer) for answer in answers] == [False, True, False]
    assert [operation.box for operation in read_operations(tmp_path)] == ["n1", "n3"]


def test_without_a_journal_the_index_is_as_it_was(tmp_path: Path) -> None:
    index = small_index()
    assert replay(tmp_path, index) is index
    assert read_operations(tmp_path) == []


WRITER = """
import sys
from pathlib import Path
from tests.labelling_cases import add, small_index
from vision_core.data.journal import Journal
journal = Journal(Path(sys.argv[1]), small_index())
print("ready", flush=True)
"""


def writer(folder: Path, program: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER + textwrap.dedent(program), str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_second_writer_is_locked_out_until_the_first_is_gone(tmp_path: Path) -> None:
    with writer(tmp_path, "import time; time.sleep(60)") as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "ready\n"
        with pytest.raises(DataError, match="being labelled by another process"):
            Journal(tmp_path, small_index())
        first.kill()
    with Journal(tmp_path, small_index()), pytest.raises(DataError, match="being labelled"):
        Journal(tmp_path, small_index())
    Journal(tmp_path, small_index()).close()


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_a_writer_killed_at_any_moment_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    program = """
    number = 1_000_000 * int(sys.argv[2]) if len(sys.argv) > 2 else len(journal.labelling.operations)
    while True:
        batch = [add(number + n, box=f"n{number + n}") for n in range(1 + number % 3)]
        answers = journal.record(batch)
        number += len(batch)
        print(*[one.id for one, answer in zip(batch, answers) if not answer], flush=True)
    """
    chance = random.Random(3)
    acknowledged: list[str] = []
    for _ in range(8):
        process = writer(tmp_path, program)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0.0, 0.25))
        process.send_signal(signal.SIGKILL)
        lines = process.stdout.read().split("\n")
        process.wait()
        acknowledged += " ".join(lines[:-1]).split()  # the last line may be cut
        found = [operation.id for operation in read_operations(tmp_path)]
        assert set(acknowledged) <= set(found)
        assert len(found) == len(set(found))
    assert len(acknowledged) > 20
    with Journal(tmp_path, small_index()) as journal:
        assert len(journal.labelling.image(PATHS[0]).boxes) == len(journal.labelling.operations)


@pytest.mark.skipif(os.name == "nt", reason="file size limits")
def test_a_full_disk_is_said_and_leaves_the_journal_whole(tmp_path: Path) -> None:
    program = """
    import resource, signal
    from vision_core.errors import DataError
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
    for number in range(100):
        try:
            journal.record([add(number)])
        except DataError as error:
            print(number, journal.labelling.image("a/1.jpg").boxes[-1].id, error, flush=True)
            break
    """
    with writer(tmp_path, program) as process:
        assert process.stdout is not None
        said = process.stdout.read()
    number, last, *sentence = said.removeprefix("ready\n").split()
    assert int(number) > 3
    assert last == f"n{int(number) - 1}"  # what could not be written was not made either
    assert "cannot be written" in " ".join(sentence)
    assert [operation.box for operation in read_operations(tmp_path)] == [f"n{n}" for n in range(int(number))]
    with Journal(tmp_path, small_index()) as journal:
        assert journal.record([add(int(number))]) == [""]


def test_a_disk_that_goes_away_and_comes_back_gets_what_was_not_acknowledged(tmp_path: Path) -> None:
    away = tmp_path.with_name("away")
    with Journal(tmp_path, small_index()) as journal:
        assert journal.record([add(1)]) == [""]
        tmp_path.rename(away)
        for _ in range(2):
            with pytest.raises(DataError, match="cannot be"):
                journal.record([add(2)])
        away.rename(tmp_path)
        assert journal.record([add(2)]) == [""]
    assert [operation.box for operation in read_operations(tmp_path)] == ["n1", "n2"]

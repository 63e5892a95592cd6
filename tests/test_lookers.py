"""Looking by processes says what looking here says, in order, and ends when it is told to or its process dies."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from tests.hostile_images import hostile_files
from vision_core.data import lookers
from vision_core.data.looks import look
from vision_core.errors import DataError
from vision_core.images import configured_limits


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every unusual and hostile file, and one that is not there; few enough to be looked at by processes here."""
    monkeypatch.setattr(lookers, "WORTH_PROCESSES", 1)
    for number, file in enumerate(hostile_files()):
        (tmp_path / f"{number} ü\n.jpg").write_bytes(file.content)
    return [*sorted(tmp_path.iterdir()), tmp_path / "missing.jpg"]


def children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "vision_core.data.lookers" in child.cmdline()]


def test_processes_say_what_one_look_says(paths: list[Path]) -> None:
    limits = configured_limits()
    with closing(lookers.looks(iter(paths), len(paths), limits, workers=2)) as seen:
        first = next(seen)
        assert len(children()) == 2
        found = [first, *seen]
    assert found == [look(path, limits) for path in paths]
    assert not children()


def test_paths_from_here_are_found_by_processes_that_work_elsewhere(
    paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(paths[0].parent)
    here, limits = [Path(path.name) for path in paths], configured_limits()
    with closing(lookers.looks(here, len(here), limits, workers=2)) as seen:
        assert list(seen) == [look(path, limits) for path in here]


def test_stopping_early_ends_the_processes(paths: list[Path]) -> None:
    with closing(lookers.looks(iter(paths * 20), 20 * len(paths), configured_limits(), workers=2)) as seen:
        next(seen)
    assert not children()


def test_a_process_that_dies_is_said_with_what_it_looked_at(paths: list[Path]) -> None:
    def killing() -> Iterator[Path]:
        for number, path in enumerate(paths * 20):
            if number == 64:
                for child in children():
                    child.kill()
                    while child.status() != psutil.STATUS_ZOMBIE:  # reaping it is its parent's
                        time.sleep(0.01)
            yield path

    with (
        closing(lookers.looks(killing(), 20 * len(paths), configured_limits(), workers=2)) as seen,
        pytest.raises(DataError, match=r"ended unasked \(exit status -9\) at '.*jpg' or one of the 15 after"),
    ):
        list(seen)
    assert not children()

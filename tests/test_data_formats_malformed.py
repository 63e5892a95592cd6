"""Malformed annotations: each refused in one sentence that names file and place, and nothing is changed by it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data_files import put, tree
from tests.malformed_archives import malformed_archives, zip_bytes
from tests.malformed_data import MalformedDataset, malformed_datasets
from vision_core.data.formats import read_dataset
from vision_core.errors import DataError

CASES = malformed_datasets()


def test_there_are_enough_of_them_and_each_has_a_name() -> None:
    names = [case.name for case in (*CASES, *malformed_archives())]
    assert len(set(names)) == len(names) >= 120


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_malformed_file_is_refused_with_its_place(case: MalformedDataset, tmp_path: Path) -> None:
    folder = put(tmp_path / "set", dict(case.files))
    with pytest.raises(DataError, match=case.says) as caught:
        read_dataset(folder, case.format or None)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    assert tree(folder) == case.files


@pytest.mark.parametrize("case", CASES[::9], ids=lambda case: case.name)
def test_a_malformed_archive_leaves_nothing_in_the_workspace(
    case: MalformedDataset, tmp_path: Path, workspace: Path
) -> None:
    archive = tmp_path / "set.zip"
    archive.write_bytes(zip_bytes(case.files))
    with pytest.raises(DataError, match=case.says):
        read_dataset(archive, case.format or None)
    assert not tree(workspace)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**9), which=st.integers(0, 10**9))
def test_damage_anywhere_gives_an_index_or_a_sentence(seed: int, which: int, tmp_path: Path) -> None:
    """Bytes of an annotation file changed, cut out or doubled at random: never anything but a `DataError`."""
    dice = random.Random(seed)
    case = CASES[which % len(CASES)]
    files = dict(case.files)
    name = next(name for name in reversed(files) if not name.endswith(".png"))
    content = bytearray(files[name][:2_000])
    for _ in range(dice.randint(0, 3)):
        at = dice.randrange(len(content) + 1)
        content[at : at + dice.randint(0, 9)] = dice.choice(
            [b"", b'"', b"}", b"\x00", b"\xff", b"1e9", b",", bytes(content[:9])]
        )
    files[name] = bytes(content)
    folder = put(tmp_path / f"{seed}-{which}", dict(files))
    said = ""
    try:
        assert len(read_dataset(folder, case.format or None)) > 0
    except DataError as error:
        said = str(error)
    assert "\n" not in said

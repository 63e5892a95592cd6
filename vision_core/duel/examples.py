"""The finished duel that comes with the project, really run by this code on Fashion Shelf: a story on first start.

It is put into the workspace once, with its three runs on all the labels: a duel that is removed stays removed. The runs
on fewer labels do not come with it; what they reached stands in its learning curves.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from filelock import FileLock

from vision_core.data.library import Dataset
from vision_core.data.staging import staged
from vision_core.duel.folder import DuelFolder, duels_folder
from vision_core.models.weights import ASSETS
from vision_core.run_folder import runs_folder
from vision_core.settings import ensure_folder
from vision_core.training.examples import install_examples

EXAMPLE = ASSETS / "duels" / "fashion-shelf"
RUNS, OUT = "{runs}", "{out}"
"""Stand in its files for the workspace's folder of runs, and for its own."""
_GIVEN = ".example"


def install_example_duel(shelf: Dataset) -> DuelFolder | None:
    """Puts the example duel and its runs into the workspace; None where it was put there before.

    Args:
        shelf: Fashion Shelf as it is painted by default, whose pictures the duel is about.

    Raises:
        DataError: the workspace cannot be written.
    """
    folder = ensure_folder(duels_folder())
    target = folder / EXAMPLE.name
    with FileLock(folder / f"{_GIVEN}.lock"):
        if (folder / _GIVEN).exists():
            return None
        install_examples(shelf, EXAMPLE / "runs")
        if not target.exists():
            with staged(target) as part:
                _copy(part, target)
        (folder / _GIVEN).touch()
    return DuelFolder(target)


def _copy(part: Path, target: Path) -> None:
    """The duel's files; where they name a place, that of this workspace."""
    for file in EXAMPLE.iterdir():
        if file.suffix == ".json":
            text = file.read_text(encoding="utf-8")
            for place, path in ((RUNS, runs_folder().resolve()), (OUT, target.resolve())):
                text = text.replace(place, json.dumps(str(path), ensure_ascii=False)[1:-1])
            (part / file.name).write_text(text, encoding="utf-8")
        elif file.is_file():
            shutil.copyfile(file, part / file.name)

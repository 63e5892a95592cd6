"""The finished runs that come with the project: one classifier and one detector, trained on Fashion Shelf by this code.

They are put into the workspace once, when its Fashion Shelf is there: a run that is removed stays removed.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from filelock import FileLock

from vision_core.data.library import Dataset
from vision_core.data.staging import link_or_copy, staged
from vision_core.models.weights import ASSETS
from vision_core.run_folder import CONFIG, RunFolder, runs_folder
from vision_core.settings import ensure_folder
from vision_core.training.prepare import for_task

EXAMPLES = ASSETS / "runs"
_GIVEN = ".examples.json"


def install_examples(shelf: Dataset, examples: Path = EXAMPLES) -> list[Path]:
    """Puts each example run into the workspace that was never there, and returns the new ones.

    Args:
        shelf: Fashion Shelf as it is painted by default, whose pictures the runs were trained on.
        examples: the folder that they come from.

    Raises:
        DataError: the workspace cannot be written.
    """
    folder = ensure_folder(runs_folder())
    added = []
    with FileLock(folder / f"{_GIVEN}.lock"):
        given = _given(folder)
        for source in sorted(examples.glob(f"*/{CONFIG}")):
            name = source.parent.name
            if name in given:
                continue
            if not (folder / name).exists():
                with staged(folder / name) as part:
                    _copy(source.parent, part, _pictures(source.parent, shelf))
                added.append(folder / name)
            given.append(name)
            part = folder / f"{_GIVEN}.part"
            part.write_text(json.dumps(given), encoding="utf-8")
            os.replace(part, folder / _GIVEN)
    return added


def _pictures(run: Path, shelf: Dataset) -> Path:
    """The folder of the pictures that a run's index names: Fashion Shelf's own, or what is cut out of them."""
    config = RunFolder.open(run).config()
    return for_task(shelf.index(1), config).root if config.labels_from == "crops" else shelf.root(1)


def _given(folder: Path) -> list[str]:
    try:
        return [str(name) for name in json.loads((folder / _GIVEN).read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return []


def _copy(source: Path, target: Path, pictures: Path) -> None:
    """The run's files; weights as links where the disk can. Its index points to the workspace's own pictures."""
    for file in source.rglob("*"):
        place = target / file.relative_to(source)
        if file.is_dir():
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".safetensors":
            link_or_copy(file, place)
        else:
            shutil.copyfile(file, place)
    index = target / "data" / "index.json"
    about = json.loads(index.read_text(encoding="utf-8"))
    index.write_text(json.dumps(about | {"root": str(pictures)}, ensure_ascii=False, indent=1), encoding="utf-8")

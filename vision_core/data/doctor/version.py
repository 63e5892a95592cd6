"""Writes the picture files of a mended data set: linked where nothing in them changes, written anew where it must."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from vision_core.data.doctor.draft import Draft
from vision_core.data.looks import State
from vision_core.data.staging import link_or_copy
from vision_core.data.threads import Progress, in_order
from vision_core.errors import DataError
from vision_core.images import open_image

JPEG_QUALITY = 95


@dataclass(frozen=True)
class _Copy:
    """One picture to bring over; `size_px`: written anew, upright, in that size."""

    old: str
    new: str
    size_px: tuple[int, int] | None = None


def write_pictures(draft: Draft, folder: Path, progress: Progress | None = None) -> None:
    """Puts every picture of the draft into `folder`.

    Raises:
        DataError: a picture has gone since it was checked, or its path leads out of the data set.
    """
    copies = list({copy.new: copy for copy in _copies(draft)}.values())  # one picture may be listed twice
    bring = partial(_bring, draft.case.index.root, folder)
    with closing(in_order(bring, copies, draft.case.options.workers)) as brought:
        for done, _ in enumerate(brought, 1):
            if progress:
                progress(done, len(copies))


def _copies(draft: Draft) -> Iterator[_Copy]:
    there = draft.case.survey.states != State.MISSING
    for row in np.flatnonzero(draft.kept & there).tolist():
        yield _Copy(draft.case.paths[row], draft.paths[row], draft.rewritten.get(row))
    for path in draft.added:
        yield _Copy(path, path)


def _bring(root: Path, folder: Path, copy: _Copy) -> None:
    relative = PurePosixPath(copy.new)
    if relative.is_absolute() or ".." in relative.parts:
        raise DataError(f"The path '{copy.new}' leads out of the data set: import it again.")
    source, target = root / copy.old, folder / relative
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if copy.size_px is None:
            link_or_copy(source, target)
        else:
            _write_anew(source, target, copy.size_px)
    except FileNotFoundError as error:
        raise DataError(f"'{source}' has gone since it was checked: check the data set again.") from error
    except OSError as error:
        raise DataError(f"'{copy.new}' cannot be written ({error.strerror}): is the disk full?") from error


def _write_anew(source: Path, target: Path, size_px: tuple[int, int]) -> None:
    pixels = open_image(source).pixels
    if pixels.size != size_px:
        pixels = pixels.resize(size_px, Image.Resampling.LANCZOS, reducing_gap=3.0)
    if target.suffix.lower() == ".png":
        pixels.save(target, "PNG")
    else:
        pixels.save(target, "JPEG", quality=JPEG_QUALITY, subsampling=0)

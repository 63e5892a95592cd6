"""What can go wrong, in the user's words: what was wrong, with which value, and the way out.

Every error that a caller can mend is a `VisionError`; pages show its sentence, the command line prints it on one
line and exits with status 2. Anything else that escapes is a defect of ours.
"""

from __future__ import annotations


class VisionError(Exception):
    """Base of all errors a caller can mend. `str(error)` is one sentence without markup."""


class ImageError(VisionError):
    """An image that cannot be read, or that is refused before it is decoded."""


class ModelError(VisionError):
    """An unknown model, one that does not fit the task, or settings it cannot work with."""


class WeightsError(VisionError):
    """Pretrained weights that cannot be fetched, verified or loaded."""


class DataError(VisionError):
    """A data set, annotation file or archive that cannot be read as it is; names the file and the line or field."""


class SettingsError(VisionError):
    """A configuration value, option or argument outside what is allowed."""


class TrainingError(VisionError):
    """Training that cannot go on: the loss is not finite, memory or disk are exhausted, a picture has gone."""


def suggest(name: str, known: list[str], limit: int = 3) -> str:
    """The ' Did you mean …?' half of an error sentence; empty when nothing is close.

    >>> suggest("resnet81", ["resnet18", "vgg16"])
    ' Did you mean resnet18?'
    """
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=limit, cutoff=0.6)
    return f" Did you mean {' or '.join(close)}?" if close else ""

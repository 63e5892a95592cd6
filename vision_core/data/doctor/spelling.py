"""When two class names are one name spelled two ways."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_JOINTS = re.compile(r"[\s_]+|-(?!\d)")


def spelling_key(name: str) -> str:
    """What the spellings of one name share: its characters, whatever their case and width, without blanks, `_` and `-`.

    A hyphen before a digit stays, as it may be a minus; so do `.` and `+`, which tell versions and languages apart.

    >>> spelling_key("T-Shirt") == spelling_key("t_shirt "), spelling_key("-1") == spelling_key("1")
    (True, False)
    """
    return _JOINTS.sub("", unicodedata.normalize("NFKC", name).casefold().strip())


def is_blank(name: str) -> bool:
    """Whether a name has nothing to read in it."""
    return not spelling_key(name)


def spelled_alike(names: Sequence[str]) -> list[list[int]]:
    """Places of names that are spellings of one, for every such name."""
    alike: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        if key := spelling_key(name):
            alike.setdefault(key, []).append(place)
    return [places for places in alike.values() if len(places) > 1]

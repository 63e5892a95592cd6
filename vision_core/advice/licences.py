"""What the words of a licence allow, as far as the advisor has to know."""

from __future__ import annotations

import re

_COPYLEFT = re.compile(r"\b(A?GPL|LGPL|MPL|EPL|CC-BY-SA|CC BY-SA|copyleft)", re.IGNORECASE)
_NON_COMMERCIAL = re.compile(r"non-?commercial|\bNC\b|CC-BY-NC|CC BY-NC|research only", re.IGNORECASE)
_UNSTATED = re.compile(r"^$|not stated|unknown", re.IGNORECASE)
_LEARNED = "learned from"


def is_copyleft(licence: str) -> bool:
    """Whether what is built on it has to be given away under the same terms."""
    return _COPYLEFT.search(licence) is not None


def is_non_commercial(licence: str) -> bool:
    """Whether it may not be earned with."""
    return _NON_COMMERCIAL.search(licence) is not None


def is_unstated(licence: str) -> bool:
    """Whether nobody says what may be done."""
    return _UNSTATED.search(licence.strip(" ;")) is not None


def own_terms(licence: str) -> str:
    """A licence without what the catalogue adds of the pictures that were learned from."""
    return licence.partition(_LEARNED)[0]


def origin_of(licence: str) -> str:
    """What the catalogue adds of the pictures that were learned from."""
    return licence.partition(_LEARNED)[2]

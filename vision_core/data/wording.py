"""Counts in sentences."""

from __future__ import annotations


def plural(count: int, noun: str) -> str:
    """'1 picture', '2 pictures', '3 boxes', '4 classes'.

    >>> plural(1, "box"), plural(12_000, "box")
    ('1 box', '12,000 boxes')
    """
    ending = "" if count == 1 else "es" if noun.endswith(("x", "s")) else "ies" if noun.endswith("y") else "s"
    return f"{count:,} {noun[:-1] if ending == 'ies' else noun}{ending}"


def was(count: int, noun: str) -> str:
    """'1 picture was', '2 pictures were'."""
    return f"{plural(count, noun)} {'was' if count == 1 else 'were'}"

"""Counts and numbers in sentences."""

from __future__ import annotations

import math


def plural(count: int, noun: str) -> str:
    """'1 picture', '2 pictures', '3 boxes', '4 classes'.

    >>> plural(1, "box"), plural(12_000, "box")
    ('1 box', '12,000 boxes')
    """
    ending = "" if count == 1 else "es" if noun.endswith(("x", "s")) else "ies" if noun.endswith("y") else "s"
    return f"{count:,} {noun[:-1] if ending == 'ies' else noun}{ending}"


def digits(value: float | None, significant: int = 3) -> str:
    """A number in so many significant digits, without powers of ten; "—" for none.

    >>> digits(1310.2), digits(0.012345), digits(2_345_678), digits(None)
    ('1,310', '0.0123', '2,350,000', '—')
    """
    if value is None or not math.isfinite(value):
        return "—"
    if value == 0:
        return "0"
    places = significant - 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, places)
    text = f"{rounded:,.{max(0, places)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def was(count: int, noun: str) -> str:
    """'1 picture was', '2 pictures were'."""
    return f"{plural(count, noun)} {'was' if count == 1 else 'were'}"

"""A number together with how it was got, so that nothing estimated ever passes for measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

How = Literal["measured", "estimated", "unavailable"]


@dataclass(frozen=True)
class Measured:
    """One number of a cost report.

    Attributes:
        value: the number in the unit its field names, or None when it is unavailable.
        how: `measured` on this machine, `estimated` from something measured and an assumption, or `unavailable`.
        note: what to know before quoting it: the method, the assumption, or why there is none.
    """

    value: int | float | None
    how: How
    note: str = ""

    def __post_init__(self) -> None:
        if (self.value is None) != (self.how == "unavailable"):
            raise ValueError(f"a number is None exactly when it is unavailable, not {self.value} and {self.how}")


def unavailable(reason: str) -> Measured:
    """A number that could not be got, and why."""
    return Measured(None, "unavailable", reason)

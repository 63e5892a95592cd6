"""Settings that were written down as plain values, made again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from vision_core.errors import SettingsError, suggest

T = TypeVar("T")


def made_from(cls: type[T], values: Mapping[str, Any], of: str) -> T:
    """An instance of a dataclass of settings.

    Args:
        of: whose settings they are, e.g. "duel".

    Raises:
        SettingsError: a name or value that is none of them.
    """
    known = [field.name for field in fields(cls)]  # type: ignore[arg-type]
    for name in values:
        if name not in known:
            raise SettingsError(f"A {of} has no setting {name!r}.{suggest(str(name), known)}")
    try:
        return cls(**values)
    except TypeError as error:
        raise SettingsError(f"This is no plan of a {of}: {error}.") from error

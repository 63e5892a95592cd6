"""What computers cost by the hour: an editable, dated list, and what a million images then cost.

The list that comes with the package is `assets/prices.yaml`, which also documents the format; a `prices.yaml` in the
workspace replaces it.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from reprlib import repr as short_repr
from typing import Any, Literal, get_args

import yaml

from vision_core.errors import SettingsError, suggest
from vision_core.settings import ensure_folder, settings

PriceKind = Literal["cloud CPU", "cloud GPU", "edge box", "own machine"]

BUILT_IN = Path(__file__).resolve().parent.parent / "assets" / "prices.yaml"
_MAX_FILE_BYTES = 256 * 1024
_MAX_ENTRIES = 200
_MAX_TEXT = 300
_HEADER = (
    "# Your prices of computers; they replace the list that comes with WhatWhere, whose file explains the format:\n"
    "# vision_core/assets/prices.yaml. List prices change without notice: check them before you quote a figure.\n"
)
# Largest believable values: an 8-GPU server costs about 100 USD an hour.
_LIMITS = {
    "usd_per_hour": (0.0, 1000.0),
    "vcpus": (1, 4096),
    "purchase_usd": (0.0, 1e6),
    "years": (0.1, 30.0),
    "hours_per_day": (0.1, 24.0),
    "watts": (0.0, 20_000.0),
    "usd_per_kwh": (0.0, 5.0),
}


@dataclass(frozen=True, kw_only=True)
class Owned:
    """A machine that is bought, or there already, instead of rented."""

    purchase_usd: float
    years: float
    hours_per_day: float
    watts: float
    usd_per_kwh: float

    @property
    def usd_per_hour(self) -> float:
        """Purchase spread over the hours of use, plus electricity."""
        hours = self.years * 365 * self.hours_per_day
        return self.purchase_usd / hours + self.watts / 1000 * self.usd_per_kwh

    @property
    def formula(self) -> str:
        return (
            f"{self.purchase_usd:g} USD / ({self.years:g} years × 365 × {self.hours_per_day:g} h) "
            f"+ {self.watts:g} W / 1000 × {self.usd_per_kwh:g} USD/kWh"
        )


@dataclass(frozen=True, kw_only=True)
class Price:
    """One computer and its price.

    Attributes:
        usd_per_hour: list price, or what `owned` comes to.
        as_of: the date of the price; source: where to check it.
    """

    name: str
    kind: PriceKind
    usd_per_hour: float
    vcpus: int
    provider: str
    region: str
    as_of: date
    source: str
    gpu: str = ""
    note: str = ""
    owned: Owned | None = None


@dataclass(frozen=True)
class PriceList:
    """All prices, in the order of the file `path` they were read from (None: made in memory)."""

    as_of: date
    entries: tuple[Price, ...]
    path: Path | None = None

    def find(self, name: str) -> Price:
        """The entry of that name.

        Raises:
            SettingsError: there is none.
        """
        for entry in self.entries:
            if entry.name == name:
                return entry
        known = [entry.name for entry in self.entries]
        raise SettingsError(f"The price list has no entry {name!r}.{suggest(name, known)}")


def usd_per_million(images_per_second: float, usd_per_hour: float) -> float:
    """US dollars for a million images: `usd_per_hour / 3600 / images_per_second * 1e6`.

    Raises:
        SettingsError: the speed is not above zero, or either number is negative or not finite.
    """
    if not (math.isfinite(images_per_second) and images_per_second > 0):
        raise SettingsError(f"A speed of {images_per_second} images per second has no price; it must be above zero.")
    if not (math.isfinite(usd_per_hour) and usd_per_hour >= 0):
        raise SettingsError(f"{usd_per_hour} is not a price per hour; give zero or more US dollars.")
    return usd_per_hour / 3600 / images_per_second * 1e6


def user_prices_path() -> Path:
    """Where the user's own list lives, whether it exists or not."""
    return settings().home / "prices.yaml"


def load_prices() -> PriceList:
    """The user's own list when there is one, else the one that comes with the package.

    Raises:
        SettingsError: the file cannot be read or holds something wrong; names file, entry and field.
    """
    own = user_prices_path()
    path = own if own.exists() else BUILT_IN
    try:
        about = path.stat()
    except OSError:
        return read_prices(path)  # says what is wrong
    return _read_version(path, about.st_mtime_ns, about.st_size)


@lru_cache(maxsize=4)
def _read_version(path: Path, changed_ns: int, size_bytes: int) -> PriceList:
    """A file is parsed once for every time it changes: a slider move asks for the prices too."""
    return read_prices(path)


def save_prices(prices: PriceList) -> PriceList:
    """Write the user's own list, whole or not at all, and return it as `load_prices` now reads it.

    Raises:
        SettingsError: an entry is wrong (nothing is written), or the file cannot be written.
    """
    path = user_prices_path()
    content = {"as_of": prices.as_of, "prices": [_plain(entry) for entry in prices.entries]}
    text = _HEADER + yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    _parse(text.encode(), path)
    ensure_folder(path.parent)
    try:
        handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=".prices-", suffix=".yaml")
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}.") from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(scratch, path)
    except OSError as error:
        Path(scratch).unlink(missing_ok=True)
        raise SettingsError(f"{path} cannot be written: {error.strerror}.") from error
    return read_prices(path)


def read_prices(path: Path) -> PriceList:
    """The list in that file.

    Raises:
        SettingsError: as `load_prices`.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from error
    return _parse(content, path)


def _plain(entry: Price) -> dict[str, Any]:
    """The entry as it stands in the file: without empty fields, and with one of its two kinds of price."""
    plain = {field.name: getattr(entry, field.name) for field in fields(entry)}
    if entry.owned:
        plain["owned"] = {field.name: getattr(entry.owned, field.name) for field in fields(entry.owned)}
        del plain["usd_per_hour"]
    return {name: value for name, value in plain.items() if value not in ("", None)}


def _parse(content: bytes, path: Path) -> PriceList:
    if len(content) > _MAX_FILE_BYTES:
        raise SettingsError(f"{path} is larger than {_MAX_FILE_BYTES // 1024} KiB; that is no price list.")
    try:
        tree = yaml.safe_load(content)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date such as 2026-13-45
        raise SettingsError(f"{path} is not valid YAML: {' '.join(str(error).split())[:200]}.") from error
    table = _Table(tree, str(path))
    table.check_names({"as_of", "prices"})
    entries = table.required("prices")
    if not isinstance(entries, list) or not 1 <= len(entries) <= _MAX_ENTRIES:
        raise SettingsError(f"{path}: prices must be a list of 1 to {_MAX_ENTRIES} entries.")
    prices = tuple(_price(entry, f"{path}, entry {number}") for number, entry in enumerate(entries, 1))
    names = [price.name for price in prices]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SettingsError(f"{path}: two entries have the name {twice!r}; give each its own.")
    return PriceList(table.date("as_of"), prices, path)


def _price(tree: object, where: str) -> Price:
    table = _Table(tree, where)
    name = table.text("name")
    table.where = f"{where} ({name})"
    table.check_names({field.name for field in fields(Price)})
    kind = table.text("kind")
    if kind not in get_args(PriceKind):
        raise table.error("kind", kind, f"one of {', '.join(get_args(PriceKind))}")
    if ("owned" in table.values) == ("usd_per_hour" in table.values):
        raise SettingsError(f"{table.where}: give either usd_per_hour or owned.")
    owned = _owned(table.values["owned"], f"{table.where}, owned") if "owned" in table.values else None
    return Price(
        name=name,
        kind=kind,  # pyright: ignore[reportArgumentType]  (checked above)
        usd_per_hour=owned.usd_per_hour if owned else table.number("usd_per_hour"),
        vcpus=table.whole("vcpus"),
        provider=table.text("provider"),
        region=table.text("region"),
        as_of=table.date("as_of"),
        source=table.text("source"),
        gpu=table.text("gpu", default=""),
        note=table.text("note", default=""),
        owned=owned,
    )


def _owned(tree: object, where: str) -> Owned:
    table = _Table(tree, where)
    names = [field.name for field in fields(Owned)]
    table.check_names(set(names))
    return Owned(**{name: table.number(name) for name in names})


class _Table:
    """A mapping from a file whose fields are checked as they are asked for; errors say where it stands."""

    def __init__(self, tree: object, where: str) -> None:
        if not isinstance(tree, Mapping):
            raise SettingsError(f"{where}: expected fields with values, not {short_repr(tree)}.")
        self.values: Mapping[Any, Any] = tree
        self.where = where

    def error(self, name: str, value: object, allowed: str) -> SettingsError:
        return SettingsError(f"{self.where}: {name} is {short_repr(value)}; allowed is {allowed}.")

    def check_names(self, known: set[str]) -> None:
        for name in self.values:
            if name not in known:
                hint = suggest(str(name), sorted(known))
                raise SettingsError(f"{self.where}: there is no field {short_repr(name)}.{hint}")

    def required(self, name: str) -> Any:
        if name not in self.values:
            raise SettingsError(f"{self.where}: {name} is missing.")
        return self.values[name]

    def text(self, name: str, default: str | None = None) -> str:
        value = self.required(name) if default is None else self.values.get(name, default)
        if not isinstance(value, str) or len(value) > _MAX_TEXT or (default is None and not value.strip()):
            raise self.error(name, value, f"a text of up to {_MAX_TEXT} characters")
        return value.strip()

    def number(self, name: str) -> float:
        value = self.required(name)
        low, high = _LIMITS[name]
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not low <= value <= high:  # the comparison is also false for NaN
            raise self.error(name, value, f"a number from {low:g} to {high:g}")
        return float(value)

    def whole(self, name: str) -> int:
        value = self.number(name)
        if not value.is_integer():
            raise self.error(name, value, "a whole number")
        return int(value)

    def date(self, name: str) -> date:
        value = self.required(name)
        if isinstance(value, str):
            with suppress(ValueError):
                value = date.fromisoformat(value)
        if not isinstance(value, date) or isinstance(value, datetime):
            raise self.error(name, value, "a date such as 2026-10-05")
        return value

"""How much CO2 a kilowatt-hour of electricity stands for, by country or region; from codecarbon's tables, offline.

    carbon_intensity("FRA").g_per_kwh          # 56.0
    co2_g(wh=3.2, region="SE3")

codecarbon is not run (it would look up where this machine is): its data files are read, and combined as it does.
Sources: Our World in Data and Ember by country, EPA eGRID by US state, the Nordic bidding zones, China's ministry
of ecology by province, Google's published regions; codecarbon's own documentation names each.
"""

from __future__ import annotations

import csv
import json
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from vision_core.costs.measured import Measured, unavailable
from vision_core.errors import SettingsError, suggest

_G_PER_LB = 453.59237


@dataclass(frozen=True)
class Region:
    """Whose electricity.

    Attributes:
        code: as typed: `FRA` (a country's ISO 3166 code), `USA-CA`, `SE3`, `CN-BJ`, `gcp:europe-west1`.
        name: for people; group: "Country", "US state", "Nordic zone", "Chinese province" or "Google Cloud region".
        g_per_kwh: grams of CO2 (equivalent, but for Chinese provinces) a kilowatt-hour, a year's average.
        year: of the data, 0 where the table does not say.
        source: the table it is from.
    """

    code: str
    name: str
    group: str
    g_per_kwh: float
    year: int
    source: str

    @property
    def note(self) -> str:
        when = f", {self.year}" if self.year else ""
        return f"{self.g_per_kwh:.4g} g/kWh on average in {self.name}{when} ({self.source})"


def list_regions() -> list[Region]:
    """All of them: countries by name, then the finer regions.

    Raises:
        SettingsError: codecarbon is not installed, or its tables are not as known.
    """
    return list(_regions().values())


def carbon_intensity(code: str) -> Region:
    """The region of that code, in whatever case.

    Raises:
        SettingsError: there is none, or the tables cannot be read.
    """
    known = {region.code.lower(): region for region in _regions().values()}
    found = known.get(code.strip().lower())
    if found is not None:
        return found
    names = {region.name.lower(): region.code for region in _regions().values()}
    hint = f" Did you mean {names[code.strip().lower()]}?" if code.strip().lower() in names else ""
    hint = hint or suggest(code.upper(), list(_regions()))
    raise SettingsError(f"There is no grid region {code!r}; write a country as FRA, a US state as USA-CA.{hint}")


def co2_g_per_1k(energy_wh_per_1k: Measured, region: str) -> Measured:
    """Grams of CO2 for a thousand images: an estimate, since the grid's mix is a year's average.

    Raises:
        SettingsError: there is no such region.
    """
    if not region:
        return unavailable("no grid region was chosen")
    grid = carbon_intensity(region)
    if energy_wh_per_1k.value is None:
        return unavailable(f"the energy is unavailable: {energy_wh_per_1k.note}")
    grams = energy_wh_per_1k.value / 1000 * grid.g_per_kwh
    return Measured(grams, "estimated", f"{energy_wh_per_1k.how} energy, {grid.note}")


def _folder() -> Path:
    found = find_spec("codecarbon")
    places = list(found.submodule_search_locations or []) if found else []
    if not places:
        raise SettingsError("Grams of CO2 need codecarbon's tables; install it with 'pip install codecarbon'.")
    return Path(places[0]) / "data"


@cache
def _regions() -> dict[str, Region]:
    folder = _folder()
    private = folder / "private_infra"
    try:
        found = _countries(private)
        for read in (_states, _nordic, _provinces):
            with suppress(FileNotFoundError):  # finer tables differ between codecarbon's versions
                found += read(private)
        found += _clouds(folder / "cloud" / "impact.csv")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(f"codecarbon's tables in {folder} are not as known ({error!r}).") from error
    return {region.code: region for region in found}


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def _countries(private: Path) -> list[Region]:
    mixes, factors = _json(private / "global_energy_mix.json"), _json(private / "carbon_intensity_per_source.json")
    found = []
    for code, mix in mixes.items():
        grams = mix.get("carbon_intensity")
        grams = _from_mix(mix, factors) if grams is None else grams
        if grams is not None:
            source = "codecarbon: Our World in Data"
            found.append(Region(code, mix["country_name"], "Country", grams, int(mix.get("year") or 0), source))
    return sorted(found, key=lambda region: region.name)


def _from_mix(mix: dict[str, Any], factors: dict[str, Any]) -> float | None:
    """From the sources of a country's electricity, as codecarbon; None where they do not add up."""
    parts = {name[:-4]: amount for name, amount in mix.items() if name.endswith("_TWh") and name[:-4] in factors}
    total = mix["total_TWh"]
    if not total or sum(parts.values()) != total:
        return None
    return sum(amount / total * factors[name] for name, amount in parts.items())


def _states(private: Path) -> list[Region]:
    table = _json(private / "2023" / "usa_emissions.json")
    year = int(table["_source"]["year"])
    return [
        Region(
            f"USA-{entry['regionCode']}",
            name.title(),
            "US state",
            entry["emissions"] * _G_PER_LB / 1000,  # pounds a megawatt-hour
            year,
            "codecarbon: EPA eGRID",
        )
        for name, entry in table.items()
        if not name.startswith("_")
    ]


def _nordic(private: Path) -> list[Region]:
    zones = _json(private / "nordic_emissions.json")["data"]
    return [
        Region(
            code, entry["description"], "Nordic zone", entry["emission_factor"], entry["year"], "codecarbon: ENTSO-E"
        )
        for code, entry in zones.items()
    ]


def _provinces(private: Path) -> list[Region]:
    provinces = _json(private / "2023" / "china_provincial_emissions.json")["data"]
    source = "codecarbon: China's ministry of ecology, CO2 alone"
    return [
        Region(code, entry["description"], "Chinese province", entry["emission_factor"], entry["year"], source)
        for code, entry in provinces.items()
    ]


def _clouds(path: Path) -> list[Region]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        Region(
            f"{row['provider']}:{row['region']}",
            f"{row['providerName']} {row['region']} ({row['city'] or row['country_name']})",
            "Google Cloud region",
            float(row["impact"]),
            0,
            "codecarbon: published by the provider",
        )
        for row in rows
        if row["impact"]
    ]

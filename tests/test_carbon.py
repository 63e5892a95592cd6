"""Grams of CO2 against codecarbon's own arithmetic, without asking the network where this machine is."""

from __future__ import annotations

import subprocess
import sys

import pytest
from codecarbon.core.emissions import Emissions
from codecarbon.core.units import Energy
from codecarbon.external.geography import CloudMetadata, GeoMetadata
from codecarbon.input import DataSource

from vision_core.costs.carbon import Region, carbon_intensity, co2_g_per_1k, list_regions
from vision_core.costs.measured import Measured, unavailable
from vision_core.errors import SettingsError

ONE_KWH = Energy.from_energy(kWh=1.0)


@pytest.fixture(scope="module")
def reference() -> Emissions:
    return Emissions(DataSource())


def test_every_country_is_as_codecarbon_says(reference: Emissions) -> None:
    countries = [region for region in list_regions() if region.group == "Country"]
    assert len(countries) > 200
    for region in countries:
        theirs = reference.get_country_emissions(ONE_KWH, GeoMetadata(country_iso_code=region.code))
        assert region.g_per_kwh == pytest.approx(theirs * 1000, rel=1e-12), region


@pytest.mark.parametrize(
    ("code", "country", "name"),
    [
        ("USA-CA", "USA", "california"),
        ("USA-WV", "USA", "west virginia"),
        ("SE3", "SWE", "SE3"),
        ("NO1", "NOR", "NO1"),
        ("CN-BJ", "CHN", "beijing"),
        ("CN-NM", "CHN", "Inner Mongolia"),
    ],
)
def test_finer_regions_are_as_codecarbon_says(reference: Emissions, code: str, country: str, name: str) -> None:
    theirs = reference.get_region_emissions(ONE_KWH, GeoMetadata(country_iso_code=country, region=name))
    assert carbon_intensity(code).g_per_kwh == pytest.approx(theirs * 1000, rel=1e-12)


def test_every_cloud_region_is_as_codecarbon_says(reference: Emissions) -> None:
    clouds = [region for region in list_regions() if ":" in region.code]
    assert len(clouds) > 20
    for region in clouds:
        provider, _, name = region.code.partition(":")
        theirs = reference.get_cloud_emissions(ONE_KWH, CloudMetadata(provider=provider, region=name))
        assert region.g_per_kwh == pytest.approx(theirs * 1000, rel=1e-12)


def test_codes_are_unique_and_have_names() -> None:
    regions = list_regions()
    assert len({region.code for region in regions}) == len(regions)
    assert all(region.name and region.g_per_kwh >= 0 for region in regions)
    assert carbon_intensity(" fra ").name == "France"
    assert "2023" in carbon_intensity("FRA").note


@pytest.mark.parametrize(("wrong", "hint"), [("France", "FRA"), ("USA-KA", "USA-"), ("nowhere", "FRA")])
def test_an_unknown_region_is_refused_with_a_way_out(wrong: str, hint: str) -> None:
    with pytest.raises(SettingsError, match=hint):
        carbon_intensity(wrong)


def test_grams_of_a_thousand_images() -> None:
    found = co2_g_per_1k(Measured(2.0, "measured", "RAPL"), "FRA")
    assert found.value == pytest.approx(2.0 / 1000 * carbon_intensity("FRA").g_per_kwh)
    assert found.how == "estimated"  # a year's average is no measurement
    assert "measured energy" in found.note
    assert co2_g_per_1k(unavailable("no counter"), "FRA") == unavailable("the energy is unavailable: no counter")
    assert co2_g_per_1k(Measured(2.0, "measured"), "").how == "unavailable"


def test_a_table_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from vision_core.costs import carbon

    monkeypatch.setattr(carbon, "find_spec", lambda name: None)
    carbon._regions.cache_clear()
    try:
        with pytest.raises(SettingsError, match="pip install codecarbon"):
            list_regions()
    finally:
        carbon._regions.cache_clear()


def test_nothing_is_asked_of_the_network_or_of_codecarbon_itself() -> None:
    program = (
        "import sys; from vision_core.costs.carbon import list_regions as f; f(); print('codecarbon' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_region_knows_what_it_says() -> None:
    assert Region("X", "Here", "Country", 100.0, 0, "a table").note == "100 g/kWh on average in Here (a table)"

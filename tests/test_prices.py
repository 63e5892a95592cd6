"""The price file: what ships is sound, what a user writes is taken or refused with the place named."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from vision_core.costs.prices import (
    BUILT_IN,
    Owned,
    PriceList,
    load_prices,
    read_prices,
    save_prices,
    usd_per_million,
    user_prices_path,
)
from vision_core.errors import SettingsError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WHATWHERE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def entry(**changes: object) -> dict[str, object]:
    """A sound entry, some fields changed; None takes a field away."""
    fields: dict[str, object] = {
        "name": "box",
        "kind": "cloud CPU",
        "usd_per_hour": 0.1,
        "vcpus": 2,
        "provider": "someone",
        "region": "somewhere",
        "as_of": "2026-01-02",
        "source": "an address",
    }
    return {name: value for name, value in (fields | changes).items() if value is not None}


def write(folder: Path, *entries: object, **top: object) -> Path:
    path = folder / "prices.yaml"
    path.write_text(yaml.safe_dump({"as_of": "2026-01-02", "prices": list(entries)} | top))
    return path


def test_the_list_that_ships_is_sound_and_says_that_it_must_be_checked() -> None:
    prices = load_prices()
    assert prices.path == BUILT_IN
    assert {price.kind for price in prices.entries} == {"cloud CPU", "cloud GPU", "edge box", "own machine"}
    assert all(0 < price.usd_per_hour < 2 for price in prices.entries)
    assert all(price.gpu for price in prices.entries if price.kind == "cloud GPU")
    assert "CHECK THEM" in BUILT_IN.read_text(encoding="utf-8")


def test_money_by_hand() -> None:
    # 10 images a second are 36,000 an hour; a million take 27.78 hours
    assert usd_per_million(10, 0.36) == pytest.approx(10.0)
    assert usd_per_million(10, 0) == 0


@given(st.floats(1e-3, 1e6), st.floats(1e-6, 1e3))
def test_money_grows_with_the_price_and_shrinks_with_the_speed(speed: float, price: float) -> None:
    cost = usd_per_million(speed, price)
    assert cost * speed * 3600 == pytest.approx(price * 1e6)
    assert usd_per_million(speed * 2, price) == pytest.approx(cost / 2)


@pytest.mark.parametrize(("speed", "price"), [(0, 1), (-1, 1), (math.nan, 1), (math.inf, 1), (1, -1), (1, math.nan)])
def test_money_needs_a_speed_and_a_price(speed: float, price: float) -> None:
    with pytest.raises(SettingsError):
        usd_per_million(speed, price)


def test_an_owned_machine_costs_its_share_and_its_electricity() -> None:
    box = Owned(purchase_usd=8760, years=2, hours_per_day=12, watts=500, usd_per_kwh=0.2)
    # 8760 hours of use in two years of half days: one dollar an hour, and half a kilowatt at 20 cents
    assert box.usd_per_hour == pytest.approx(1.1)
    assert box.formula == "8760 USD / (2 years × 365 × 12 h) + 500 W / 1000 × 0.2 USD/kWh"


def test_the_users_list_replaces_the_one_that_ships(home: Path) -> None:
    home.mkdir()
    write(home, entry(name="mine", usd_per_hour=0.5))
    assert [price.name for price in load_prices().entries] == ["mine"]


def test_saving_keeps_everything_and_leaves_no_scratch_file(home: Path) -> None:
    shipped = load_prices()
    dearer = tuple(
        price if price.owned else replace(price, usd_per_hour=price.usd_per_hour * 2) for price in shipped.entries
    )
    saved = save_prices(PriceList(date(2026, 2, 3), dearer))
    assert load_prices() == saved == PriceList(date(2026, 2, 3), dearer, user_prices_path())
    assert [file.name for file in home.iterdir()] == ["prices.yaml"]


def test_a_wrong_entry_is_refused_and_the_old_file_stays(home: Path) -> None:
    saved = save_prices(load_prices())
    wrong = replace(saved.entries[0], usd_per_hour=math.nan)
    with pytest.raises(SettingsError, match=r"entry 1 \(AWS c7i.large\): usd_per_hour is nan"):
        save_prices(PriceList(saved.as_of, (wrong,)))
    assert load_prices() == saved
    assert [file.name for file in home.iterdir()] == ["prices.yaml"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"usd_per_hour": -0.1}, "usd_per_hour is -0.1"),
        ({"usd_per_hour": math.inf}, "usd_per_hour is inf"),
        ({"usd_per_hour": 5000}, "usd_per_hour is 5000"),
        ({"usd_per_hour": "0.1"}, "usd_per_hour is '0.1'"),
        ({"usd_per_hour": True}, "usd_per_hour is True"),
        ({"usd_per_hour": None}, "either usd_per_hour or owned"),
        ({"owned": {"purchase_usd": 1}}, "either usd_per_hour or owned"),
        ({"usd_per_hour": None, "owned": {"purchase_usd": 1}}, "owned: years is missing"),
        ({"usd_per_hour": None, "owned": [1]}, "expected fields with values"),
        ({"kind": "cloud"}, "kind is 'cloud'; allowed is one of cloud CPU, cloud GPU"),
        ({"vcpus": 2.5}, "a whole number"),
        ({"vcpus": 0}, "vcpus is 0"),
        ({"provider": None}, "provider is missing"),
        ({"source": "  "}, "source is"),
        ({"source": "x" * 1000}, "source is"),
        ({"as_of": "yesterday"}, "as_of is 'yesterday'"),
        ({"as_of": 2026}, "as_of is 2026"),
        ({"usd_per_hours": 1}, "no field 'usd_per_hours'. Did you mean usd_per_hour?"),
    ],
)
def test_a_wrong_field_is_named_with_its_entry_and_file(tmp_path: Path, changes: dict, message: str) -> None:
    path = write(tmp_path, entry(name="first"), entry(name="second", **changes))
    with pytest.raises(SettingsError) as caught:
        read_prices(path)
    assert message in str(caught.value)
    assert f"{path}, entry 2 (second)" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1, 2]",
        "prices: 3\nas_of: 2026-01-02",
        "as_of: 2026-01-02\nprices: []",
        "as_of: 2026-13-45\nprices: [{}]",
        "as_of: 2026-01-02\nprices: [{name: 5}]",
        "as_of: 2026-01-02\nprices: [x, y]",
        "{ unbalanced",
        "\x00\x01",
        "!!python/object/apply:os.system ['echo no']",
        "[" * 5000,
        "a: &a [1,1,1,1]\n" + "".join(f"{b}: &{b} [*{a},*{a},*{a},*{a}]\n" for a, b in pairwise("abcdefghijklmnopqr")),
        "#" * 300_000,
    ],
)
def test_a_file_that_is_no_price_list_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=str(path)) as caught:
        read_prices(path)
    assert len(str(caught.value)) < 600


def test_two_entries_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="two entries have the name 'box'"):
        read_prices(write(tmp_path, entry(), entry()))


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_prices(tmp_path)


def test_an_unknown_name_suggests_the_near_one() -> None:
    assert load_prices().find("AWS c7i.large").vcpus == 2
    with pytest.raises(SettingsError, match=r"Did you mean AWS c7i\.large"):
        load_prices().find("AWS c7i.largo")

"""The advisor's part of the Decide page by Streamlit's own test runner: answer, sliders, links, guidance, rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages import plain
from tests.advice_cases import evidence, result_of, three
from tests.test_data_page import click, every, seen, words
from vision_core.advice.rules import RULES
from vision_core.costs.prices import load_prices
from vision_core.duel.folder import DuelFolder, duels_folder
from vision_core.duel.plan import DuelPlan

ROOT = Path(__file__).parent.parent
HOSTILE = "<script>alert(1)</script> **bold** [here](http://evil)"


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """Opens the advisor in a workspace whose only duel is the one that a test makes."""
    monkeypatch.setattr("vision_core.duel.examples.install_example_duel", lambda shelf: None)

    def open_page(**address: str) -> AppTest:
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).switch_page("pages/6_Decide.py")
        for name, value in {"show": "Advisor", **address}.items():
            app.query_params[name] = value
        return seen(app.run())

    return open_page


@pytest.fixture
def duel() -> DuelFolder:
    return fought(three())


def fought(ways, **changes) -> DuelFolder:
    """A finished duel of the workspace."""
    folder = DuelFolder.create(duels_folder() / "one", DuelPlan(data="Shelf"))
    folder.files.write("result.json", result_of(ways) | changes)
    folder.files.write("status.json", {"state": "finished"})
    return folder


def answer(app: AppTest) -> str:
    """What stands on top, and everything else that is written as HTML."""
    return " ".join(item.proto.body for item in every(app, "html"))


def test_the_answer_the_short_list_and_what_would_change_it_are_there(page: Callable[..., AppTest], duel: DuelFolder):
    app = page(duel=duel.path.name)
    assert '<p class="advice-task">Classification</p>' in answer(app)
    said = words(app)
    assert "1\\. Classification" in said or "1. Classification" in said
    assert "What would change this?" in said
    assert "Gives up" in said
    assert "counts and boxes" in said
    assert not app.exception


def test_a_slider_ranks_again_at_once_and_what_was_said_stays(page: Callable[..., AppTest], duel: DuelFolder):
    app = page(duel=duel.path.name)
    seen(app.button_group(key="bench_in_adv_ask").set_value(["count"]).run())
    assert '<p class="advice-task">Detect-then-classify</p>' in answer(app), "0.3 objects fewer counted wrong"
    seen(app.select_slider(key="bench_in_adv_speed").set_value(100.0).run())
    assert '<p class="advice-task">Detection</p>' in answer(app), "the two in turn take 200 ms"
    seen(app.segmented_control(key="duel_section").set_value("New duel").run())
    seen(app.segmented_control(key="duel_section").set_value("Advisor").run())
    assert '<p class="advice-task">Detection</p>' in answer(app)


def test_every_computer_of_the_price_list_can_be_chosen(page: Callable[..., AppTest], duel: DuelFolder):
    app = page(duel=duel.path.name)
    names = app.selectbox(key="bench_in_adv_hardware").options
    assert names == ["This machine", "An edge box", *(one.name for one in load_prices().entries)]


def test_with_nothing_measured_it_says_so_and_shows_the_duel_to_be_fought(
    page: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        import_module("vision_core.advice.evidence"), "list_duels", list
    )  # not the function in its place
    monkeypatch.setattr("vision_core.advice.evaluated.list_run_folders", list)
    app = page()
    assert "Nothing has been measured yet" in answer(app)
    assert "published guidance" in words(app)
    assert "nothing measured yet" in words(app)
    assert "keeps everything" not in words(app)
    assert any("vision_core duel" in one.value for one in app.code)
    click(app, "To a new duel")
    assert app.segmented_control(key="duel_section").value == "New duel"


def test_all_rules_are_shown_from_the_table(page: Callable[..., AppTest], duel: DuelFolder):
    shown = page(duel=duel.path.name).table[0].value
    assert list(shown["Rule"]) == [rule.name for rule in RULES]
    assert list(shown["Source"]) == [plain(rule.source) for rule in RULES]


def test_names_cannot_write_the_page(page: Callable[..., AppTest]):
    ways = three()
    named = evidence(*(replace(one, title=HOSTILE) for one in ways.candidates))
    app = page(duel=fought(named, notes=[HOSTILE]).path.name)
    assert not app.exception
    assert "<script>" not in answer(app)
    assert "**bold**" not in words(app)
    assert "](http://evil)" not in words(app)

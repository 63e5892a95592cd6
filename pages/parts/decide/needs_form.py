"""What the advisor is told: what is asked, four sliders that re-rank at once, and everything else that may be said.

needs = needs_form.draw()
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.parts.costs_page import kept
from pages.parts.costs_page.wrapped import wrapped
from vision_core.advice.needs import EDGE, HERE, LABELLED_AS, QUESTIONS, Needs
from vision_core.costs.prices import load_prices
from vision_core.costs.totals import pictures_text

VOLUMES = tuple(step * 10**power for power in range(1, 8) for step in (1, 2, 5))
MISSES = (None, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0)
SPEEDS_MS = (None, 1000.0, 500.0, 200.0, 100.0, 50.0, 40.0, 33.0, 20.0, 10.0, 5.0)
MORE_PICTURES = (0, 25, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
T = TypeVar("T")
_HELP = {
    "miss": "How many false alarms one miss is as bad as. Said, errors decide about “Is it there?”, each way at its "
    "best threshold for that; not said, average precision does.",
    "more": "What they would buy follows from the learning curves.",
}
_OBJECTS = {"": "Not said", "one": "One", "few": "A few", "many": "Many, or crowded"}


def draw(first: str = "presence") -> Needs:
    """The form; what it says now.

    Args:
        first: what is asked until somebody says.

    Raises:
        SettingsError: an answer that cannot be.
    """
    asked = st.pills(
        "What must be answered?",
        list(QUESTIONS),
        format_func=lambda name: QUESTIONS[name],
        selection_mode="multi",
        key=kept.some_of("adv_ask", QUESTIONS, [first]),
        help="One or several. Who cannot answer one of them stands behind all who can.",
    )
    said: dict[str, Any] = {"ask": tuple(asked) or (first,), **_sliders()}
    with st.expander("Say more: errors, computer, labels, deadline, licences", icon=":material/tune:"):
        said |= _errors() | _machine() | _labels() | _limits()
    return Needs(**said)


def _sliders() -> dict[str, Any]:
    """The four that are moved most."""
    volume, miss = wrapped("adv_sliders", 2)
    speed, labels = wrapped("adv_sliders_more", 2)
    return {
        "pictures_a_day": _slider(volume, "volume", "Pictures a day", VOLUMES, pictures_text),
        "miss_cost": _slider(miss, "miss", "How bad is a miss?", MISSES, _miss),
        "latency_ms": _slider(speed, "speed", "A picture may take", SPEEDS_MS, _time),
        "more_pictures": _slider(labels, "more", "More labelled pictures", MORE_PICTURES, _more),
    }


def _slider(place: DeltaGenerator, name: str, label: str, options: Sequence[T], text: Callable[[T], str]) -> T:
    """A slider of some values, whose first is what nobody said, but for pictures a day."""
    usual = 1000 if name == "volume" else options[0]
    return place.select_slider(
        label, list(options), format_func=text, key=kept.one_of(f"adv_{name}", options, usual), help=_HELP.get(name)
    )


def _time(most_ms: float | None) -> str:
    return "Any time" if most_ms is None else f"{most_ms:g} ms"


def _more(number: int) -> str:
    return f"{number:,}" if number else "None"


def _miss(cost: float | None) -> str:
    if cost is None:
        return "Not said"
    if cost == 1:
        return "As a false alarm"
    return f"{cost:g} false alarms" if cost > 1 else f"1/{1 / cost:g} of one"


def _errors() -> dict[str, Any]:
    right, counted, price = wrapped("adv_errors", 3)
    least = _number(
        right, "Right answers, at least (%)", "adv_right", 100.0, help="F1 of presence; pointing of places."
    )
    return {
        "least_right": None if least is None else least / 100,
        "most_miscounted": _number(
            counted,
            "Objects counted wrong, at most",
            "adv_miscounted",
            1000.0,
            help="On average, for each class in a picture.",
        ),
        "false_alarm_usd": _above_zero(
            _number(
                price,
                "A false alarm costs (USD)",
                "adv_alarm",
                1e6,
                help="Said, errors are money like labels and computers, and the sum decides.",
            )
        ),
    }


def _machine() -> dict[str, Any]:
    computer, frames, years = wrapped("adv_machine", 3)
    names: dict[str, str] = {HERE: "This machine", EDGE: "An edge box"} | {
        one.name: one.name for one in load_prices().entries
    }
    return {
        "hardware": computer.selectbox(
            "On what hardware?",
            list(names),
            format_func=lambda name: names[name],
            key=kept.one_of("adv_hardware", list(names), HERE),
            help="It gives the price of an hour. Speeds are those that were measured, wherever that was.",
        ),
        "frames_per_second": _above_zero(_number(frames, "Keep up with (pictures/s)", "adv_frames", 1e6)),
        "years": _above_zero(_number(years, "Years of use", "adv_years", 50.0, 1.0)) or 1.0,
    }


def _labels() -> dict[str, Any]:
    have, kind = wrapped("adv_labels", 2)
    hours, wage = wrapped("adv_labels_more", 2)
    labelled = _number(
        have, "Pictures labelled now", "adv_labelled", 1e8, help="Empty: all labels are still to be paid."
    )
    return {
        "labelled": None if labelled is None else int(labelled),
        "labelled_as": kind.selectbox(
            "What they carry",
            list(LABELLED_AS),
            format_func=lambda name: LABELLED_AS[name],
            key=kept.one_of("adv_carry", list(LABELLED_AS), "boxes"),
        ),
        "more_hours": _number(hours, "Hours to label more", "adv_hours", 1e5, 0.0) or 0.0,
        "wage_per_hour": _number(wage, "Wage of who labels (USD/h)", "adv_wage", 1e4, 20.0) or 0.0,
    }


def _limits() -> dict[str, Any]:
    days, objects, licences = wrapped("adv_limits", 3)
    said: dict[str, Any] = {
        "deadline_days": _above_zero(_number(days, "Has to work in (days)", "adv_days", 1e5)),
        "objects": objects.selectbox(
            "Objects in a picture",
            list(_OBJECTS),
            format_func=lambda name: _OBJECTS[name],
            key=kept.one_of("adv_objects", list(_OBJECTS), ""),
            help="Asked only as long as nothing is measured.",
        ),
        "small": objects.checkbox("They are small", key=kept.first("adv_small", False)),
    }
    for name, label in (("no_copyleft", "No copyleft"), ("no_non_commercial", "No non-commercial licences")):
        said[name] = licences.checkbox(label, key=kept.first(f"adv_{name}", False))
    return said


def _number(
    place: DeltaGenerator, label: str, name: str, most: float, value: float | None = None, help: str | None = None
) -> float | None:
    """A number that need not be given."""
    return place.number_input(label, 0.0, most, value=None, key=kept.first(name, value), help=help, format="%g")


def _above_zero(value: float | None) -> float | None:
    """Nothing where 0 was typed."""
    return value or None

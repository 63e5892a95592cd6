"""What somebody needs, in their words; every answer is optional.

needs = Needs(ask=("presence", "count"), pictures_a_day=40_000, latency_ms=50, miss_cost=5)
needs.changed(pictures_a_day=1e6).to_json()
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from vision_core.costs.prices import Price, load_prices
from vision_core.errors import SettingsError, suggest

QUESTIONS: Mapping[str, str] = {
    "presence": "Is it there?",
    "count": "How many?",
    "where": "Where?",
    "kind": "Which fine-grained kind?",
}
LABELLED_AS: Mapping[str, str] = {"ticks": "What each picture shows is ticked", "boxes": "Boxes are drawn"}
OBJECTS: Mapping[str, float] = {"one": 1.0, "few": 3.0, "many": 10.0}
"""How many objects a picture shows, and what is reckoned with where nobody counted them."""
EDGE, HERE = "edge", ""
HOURS_A_DAY = 8.0
"""Of labelling, by one person."""
_ABOVE_ZERO = (
    "miss_cost",
    "false_alarm_usd",
    "latency_ms",
    "frames_per_second",
    "deadline_days",
    "years",
)
_AT_LEAST_ZERO = ("pictures_a_day", "most_miscounted", "labelled", "more_pictures", "more_hours", "wage_per_hour")
_MOST = 1e12


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What is needed. None, 0 and "" mean that nobody said.

    Attributes:
        ask: what must be answered, of `QUESTIONS`.
        least_right: how wrong it may be: the least share of right answers (F1 of presence, pointing of places).
        most_miscounted: the most objects counted wrong, per class and picture.
        miss_cost: how many false alarms one miss is as bad as; below 1 false alarms hurt more.
        false_alarm_usd: what one false alarm costs, US dollars; then errors are money like the rest.
        latency_ms: the most that one picture may take; frames_per_second: how many have to be kept up with.
        hardware: "" this machine, "edge" the price list's first edge box, or the name of one of its entries.
        pictures_a_day, years: how many pictures, and for how long.
        labelled: pictures labelled now, which cost no more; None: all that the figures rest on are still to be paid.
        labelled_as: what those carry, of `LABELLED_AS`: ticks have to become boxes before a detector learns from them.
        more_pictures: how many more could be labelled; more_hours: in how many hours, one person's.
        deadline_days: until it has to work, labelling and training included.
        no_copyleft, no_non_commercial: licences that may not be.
        objects: "one", "few" or "many" a picture; small: whether they are small in it.
        wage_per_hour: of who labels, US dollars.

    Raises:
        SettingsError: a value that cannot be; names it.
    """

    ask: tuple[str, ...] = ("presence",)
    least_right: float | None = None
    most_miscounted: float | None = None
    miss_cost: float | None = None
    false_alarm_usd: float | None = None
    latency_ms: float | None = None
    frames_per_second: float | None = None
    hardware: str = HERE
    pictures_a_day: float = 1000.0
    years: float = 1.0
    labelled: int | None = None
    labelled_as: str = "boxes"
    more_pictures: int = 0
    more_hours: float = 0.0
    deadline_days: float | None = None
    no_copyleft: bool = False
    no_non_commercial: bool = False
    objects: str = ""
    small: bool = False
    wage_per_hour: float = 20.0

    def __post_init__(self) -> None:
        self._check_words()
        self._check_numbers()
        if self.hardware != HERE:
            _ = self.price

    def _check_words(self) -> None:
        for word in (self.ask,) if isinstance(self.ask, str) else self.ask:
            if word not in QUESTIONS:
                raise SettingsError(f"ask is {word!r}; use one or several of {', '.join(QUESTIONS)}.")
        asked = tuple(name for name in QUESTIONS if name in self.ask) or ("presence",)
        object.__setattr__(self, "ask", asked)
        for name, known in (("labelled_as", LABELLED_AS), ("objects", {"": 0.0, **OBJECTS})):
            if getattr(self, name) not in known:
                raise SettingsError(f"{name} is {getattr(self, name)!r}; use one of {', '.join(filter(None, known))}.")

    def _check_numbers(self) -> None:
        for names, lowest in ((_ABOVE_ZERO, "more than 0"), (_AT_LEAST_ZERO, "0 or more")):
            for name in names:
                value = getattr(self, name)
                if value is None and getattr(type(self), name) is None:
                    continue
                if not isinstance(value, int | float):
                    raise SettingsError(f"{name} is {value!r}; give a number, {lowest}.")
                if not math.isfinite(value) or value < 0 or value > _MOST or (value == 0 and names is _ABOVE_ZERO):
                    raise SettingsError(f"{name} is {value}; give {lowest}, and no more than {_MOST:g}.")
        if self.least_right is not None and not 0 <= self.least_right <= 1:
            raise SettingsError(f"least_right is {self.least_right}; give a fraction from 0 to 1.")

    @property
    def most_ms(self) -> float | None:
        """The most that one picture may take, whichever way it was said."""
        said = [self.latency_ms] if self.latency_ms is not None else []
        said += [1000 / self.frames_per_second] if self.frames_per_second is not None else []
        return min(said, default=None)

    @property
    def pictures(self) -> float:
        """In the whole period."""
        return self.pictures_a_day * 365 * self.years

    @property
    def price(self) -> Price:
        """What an hour of its computer costs; the price list's first entry where nobody said.

        Raises:
            SettingsError: the list has no such entry.
        """
        prices = load_prices()
        if self.hardware == HERE:
            return prices.entries[0]
        if self.hardware == EDGE:
            found = next((one for one in prices.entries if one.kind == "edge box"), None)
            if found is None:
                raise SettingsError(
                    "hardware is 'edge', but the price list has no edge box: add one, or name an entry."
                )
            return found
        return prices.find(self.hardware)

    def changed(self, **changes: Any) -> Needs:
        """The same with some answers changed; quick, since finding what turns the answer asks for it a hundred times.

        Raises:
            SettingsError: a name or value that cannot be.
        """
        known = {one.name for one in fields(self)}
        for name in changes:
            if name not in known:
                raise SettingsError(f"There is no need called {name!r}.{suggest(name, sorted(known))}")
        new = copy.copy(self)
        for name, value in changes.items():
            object.__setattr__(new, name, value)
        if {"hardware", "ask", "labelled_as", "objects"} & set(changes):
            new.__post_init__()
        else:
            new._check_numbers()
        return new

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"ask": list(self.ask)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Needs:
        """What `to_json` wrote; answers may be missing.

        Raises:
            SettingsError: a name or value that cannot be.
        """
        known = [one.name for one in fields(cls)]
        for name in values:
            if name not in known:
                raise SettingsError(f"There is no need called {name!r}.{suggest(str(name), known)}")
        try:
            return cls(**({**values, "ask": tuple(values["ask"])} if "ask" in values else values))
        except TypeError as error:
            raise SettingsError(f"These are no needs: {error}.") from error

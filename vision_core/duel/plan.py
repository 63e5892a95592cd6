"""What a duel is told: whose pictures, which networks, how long they may learn, and what is asked of them.

plan = DuelPlan(data="Fashion Shelf", preset="instant", question="count")
plan.to_json()
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from vision_core.errors import SettingsError
from vision_core.plain_values import made_from

Kind = Literal["classification", "detection", "two-stage"]
KINDS: tuple[Kind, ...] = get_args(Kind)
TITLES: Mapping[str, str] = {
    "classification": "Classification",
    "detection": "Detection",
    "two-stage": "Detect-then-classify",
}
Question = Literal["presence", "count", "where"]
FIGURE_OF: Mapping[str, str] = {"presence": "presence_ap", "count": "count_mae", "where": "pointing"}
"""The figure of the common yardstick that decides each question."""
WORDS: Mapping[str, str] = {"presence": "Is it there?", "count": "How many?", "where": "Where?"}
CLASSIFIER, DETECTOR = "tf_efficientnet_lite0", "ssdlite_mobilenet_v2_coco"
SHARES = (0.1, 0.25, 0.5, 1.0)
FIRST_STAGES: Mapping[str, str] = {
    "class-aware": "The contender that detects, its names left aside",
    "class-agnostic": "A detector of its own that learns that something is there, not what",
}
"""Whose boxes the second of two stages names."""


@dataclass(frozen=True, kw_only=True)
class DuelPlan:
    """What a duel is about.

    Attributes:
        data: a data set's folder or archive, or its name in the workspace.
        classifier, detector: catalogue names, or run folders that are taken as they are.
        contenders: who takes part.
        first_stage: of detect-then-classify; see `FIRST_STAGES`.
        preset: as of a run: "instant", "balanced" or "thorough".
        question: what the verdict is about; the yardstick answers all three.
        shares: of the training pictures, on which each contender learns; the last one is 1. One alone: no curves.
        minutes: what each network may train at the most on all the pictures, as an estimate before it starts says;
            fewer epochs are run where they would take longer. 0: no limit.
        usd: the same as money, at the price of `price`. 0: no limit.
        price: the entry of the price list that money is reckoned with; "": its first.
        epochs: in place of the preset's; None: the preset's.
        seed: of everything that chance decides.
        device: as of a run.

    Raises:
        SettingsError: a value that cannot be; names it.
    """

    data: str
    classifier: str = CLASSIFIER
    detector: str = DETECTOR
    contenders: tuple[str, ...] = KINDS
    first_stage: str = "class-aware"
    preset: str = "instant"
    question: str = "presence"
    shares: tuple[float, ...] = SHARES
    minutes: float = 0.0
    usd: float = 0.0
    price: str = ""
    epochs: int | None = None
    seed: int = 0
    device: str | None = None

    def __post_init__(self) -> None:
        from vision_core.training.config import PRESETS

        choices = (("preset", PRESETS), ("question", FIGURE_OF), ("first_stage", FIRST_STAGES))
        for name, known in ((name, tuple(known)) for name, known in choices):
            _check_known(name, getattr(self, name), known)
        object.__setattr__(self, "contenders", tuple(kind for kind in KINDS if kind in set(self.contenders)))
        if len(self.contenders) < 2:
            raise SettingsError(f"A duel takes two contenders or more of {', '.join(KINDS)}.")
        self._check_numbers()

    def _check_numbers(self) -> None:
        shares = tuple(sorted(set(self.shares)))
        if not shares or not all(0 < share <= 1 for share in shares) or shares[-1] != 1:
            raise SettingsError(f"shares are {self.shares}; give shares of the pictures above 0, the largest being 1.")
        object.__setattr__(self, "shares", shares)
        for name in ("minutes", "usd"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise SettingsError(f"{name} is {getattr(self, name)}; give 0 (no limit) or more.")
        if self.epochs is not None and not 1 <= self.epochs <= 10_000:
            raise SettingsError(f"epochs is {self.epochs}; allowed is 1 to 10000.")

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"contenders": list(self.contenders), "shares": list(self.shares)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> DuelPlan:
        """The plan that `to_json` wrote.

        Raises:
            SettingsError: a name or value that is none of a plan.
        """
        lists = [name for name in ("contenders", "shares") if isinstance(values.get(name), list)]
        return made_from(cls, {**values, **{name: tuple(values[name]) for name in lists}}, "duel")


def _check_known(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise SettingsError(f"{name} is {value!r}; use one of {', '.join(known)}.")

"""What a rule of the advisor is, and what rules can do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from vision_core.advice.conditions import Case

Effect = Literal["cannot", "limit", "unproven", "behind", "guide", "money", "preset", "labels", "mind"]
EFFECTS: dict[str, str] = {
    "cannot": "stands behind every candidate that can answer",
    "limit": "stands behind every candidate that keeps the limit",
    "unproven": "stands behind every candidate of which it was measured",
    "behind": "stands behind those that are measurably better",
    "guide": "comes first, as long as nothing was measured",
    "money": "decides between those that nothing above tells apart",
    "preset": "changes the preset that is advised",
    "labels": "advises more labels",
    "mind": "changes nothing, but has to be known",
}
"""What a rule can do; those that rank stand first, the strongest at the top."""
OF_A_CANDIDATE = ("cannot", "limit", "unproven", "behind", "guide")


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        name: unique; when: its condition in words.
        effect: of `EFFECTS`.
        holds: the condition; of the answer's first candidate alone where the effect ranks nobody.
        sentence: what it says where it holds.
        source: where it comes from.
    """

    name: str
    when: str
    effect: Effect
    holds: Callable[[Case], bool]
    sentence: Callable[[Case], str]
    source: str

    @property
    def does(self) -> str:
        """What it does, in words."""
        return EFFECTS[self.effect]

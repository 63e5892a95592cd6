"""What every figure means: one glossary that pages, report and notebooks take their explanations from.

    glossary.term("map50").definition
    glossary.say("map50", 0.6137)                   # "61.4 %"
    print(glossary.markdown("ece"))                 # the whole explanation, for a notebook

The entries stand in `assets/glossary.yaml`. A worked example of the user's own data is not in there: whoever has the
data gives it (`vision_core.evaluation.worked` for metrics).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

from vision_core.errors import SettingsError, suggest

TABLE = Path(__file__).resolve().parent / "assets" / "glossary.yaml"
Better = Literal["higher", "lower", "neither"]
_BETTER: dict[Better, str] = {"higher": "Higher is better.", "lower": "Lower is better.", "neither": ""}
NOTHING = "—"
"""What is shown in place of a value that is not there."""


@dataclass(frozen=True)
class Term:
    """One entry.

    Attributes:
        name: the key of the figure where it is computed, e.g. `map50`.
        title: as people call it; `short` where room is short (a table's column).
        definition: one or two plain sentences.
        formula: in LaTeX; `threshold`: from which score, overlap or size on what counts, "" where there is none.
        good: what a good value is, and against what to hold it.
        better: whether a higher or a lower value is better.
        unit: "share" (a fraction of 1, said in percent), or the unit itself; "" for a plain number.
        source: where the definition comes from.
    """

    name: str
    title: str
    short: str
    definition: str
    formula: str
    threshold: str
    good: str
    better: Better
    unit: str
    source: str


def term(name: str, task: str = "") -> Term:
    """The entry of a figure; `task` tells apart what two tasks call by one name (`map`).

    Raises:
        SettingsError: there is none.
    """
    known = _terms()
    found = known.get(f"{task}:{name}") or known.get(name)
    if found is None:
        raise SettingsError(f"The glossary has no entry {name!r}.{suggest(name, list(known))}")
    return found


def has(name: str) -> bool:
    """Whether there is an entry of that name."""
    return name in _terms()


def terms() -> tuple[Term, ...]:
    """All entries, in the order of the file: classification, detection, comparison, costs."""
    return tuple(_terms().values())


def say(name: str, value: float | None, task: str = "") -> str:
    """A value as people say it, with its unit: "61.4 %", "12.3 ms", "4.65 M"; "—" where there is none.

    COCO's -1 of a size that no object has is "none" too, where the figure is a share.
    """
    unit = term(name, task).unit
    if value is None or not math.isfinite(value) or (unit == "share" and value < -0.999):
        return NOTHING
    if unit == "share":
        return f"{100 * value:.1f} %"
    if unit == "bytes":
        return _with_prefix(value, "B", (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)))
    if unit == "USD":
        return f"${value:,.2f}"
    if unit in ("number", "FLOP", "MAC"):
        letters = (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3))
        return _with_prefix(value, unit if unit != "number" else "", letters)
    return f"{value:,.0f} {unit}".strip() if abs(value) >= _ROUNDS_TO_1000 else f"{value:.3g} {unit}".strip()


_ROUNDS_TO_1000 = 999.5  # from here on three digits would say "1e+03"


def _with_prefix(value: float, unit: str, letters: tuple[tuple[str, float], ...]) -> str:
    for letter, size in letters:
        if abs(value) >= size / 1000 * _ROUNDS_TO_1000:
            return f"{value / size:.3g} {letter}{unit}"
    return f"{value:.3g} {unit}".strip()


def markdown(name: str, task: str = "", example: str = "", heading: bool = True) -> str:
    """The whole explanation as Markdown with its formula between dollar signs.

    Args:
        example: a worked example of the user's own data, Markdown already.
    """
    one = term(name, task)
    lines = [f"**{one.title}**"] if heading else []
    lines.append(one.definition)
    if one.formula:
        lines.append(f"$$\n{one.formula}\n$$")
    good = " ".join(part for part in (_BETTER[one.better], one.good) if part)
    for title, text in (("Threshold", one.threshold), ("What is good", good), ("Here", example)):
        if text:
            lines.append(f"**{title}:** {text}")
    if one.source:
        lines.append(f"*{one.source}*")
    return "\n\n".join(lines)


def brief(name: str, task: str = "") -> str:
    """Definition, threshold and what is good in one paragraph, for whoever hovers."""
    one = term(name, task)
    threshold = f"Threshold: {one.threshold}" if one.threshold else ""
    return " ".join(part for part in (one.definition, threshold, one.good) if part)


@lru_cache(maxsize=1)
def _terms() -> dict[str, Term]:
    import yaml

    table: dict[str, dict[str, Any]] = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    return {key: _entry(key, values) for key, values in table.items()}


def _entry(key: str, values: dict[str, Any]) -> Term:
    texts = {
        name: " ".join(str(values.get(name) or "").split())
        for name in ("title", "short", "definition", "formula", "threshold", "good", "unit", "source")
    }
    texts["short"] = texts["short"] or texts["title"]
    better = values.get("better", "higher")
    if better not in get_args(Better):
        raise ValueError(f"{TABLE.name}: {key}: better: {better!r} is none of {get_args(Better)}")
    return Term(name=key.rpartition(":")[2], better=better, **texts)

"""The numbers behind the advice, each in words and with the place where it was measured.

for number in numbers_of(prospect, needs): print(number.said, number.source)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vision_core.advice import sentences
from vision_core.advice.evidence import Source
from vision_core.advice.needs import Needs
from vision_core.advice.prospects import Prospect
from vision_core.costs.totals import usd_text
from vision_core.data.wording import plural
from vision_core.evaluation.yardstick import FIGURES
from vision_core.models.published import PUBLISHED


@dataclass(frozen=True)
class Number:
    """A number behind the advice.

    Attributes:
        name: of the glossary's entry where it has one; value, low, high: None where unknown.
        said: in words, with its unit.
        source: where it comes from; how: measured, reckoned (from measured numbers) or published.
    """

    name: str
    value: float | None
    said: str
    source: Source
    how: str = "measured"
    low: float | None = None
    high: float | None = None


def numbers_of(mine: Prospect, needs: Needs) -> Iterator[Number]:
    """Figures, errors, speed, labels and money of one candidate, as far as they are known."""
    candidate = mine.candidate
    nowhere = Source("catalogue", candidate.networks[0] if candidate.networks else candidate.name)
    figures, costs = (candidate.sources.get(name, nowhere) for name in ("figures", "costs"))
    labels = candidate.sources.get("labels", nowhere)
    for name in FIGURES:
        if (one := mine.figures.get(name)) is not None:
            moved = "reckoned" if name in mine.moved else "measured"
            yield Number(name, one.value, sentences.said(name, one.value), figures, moved, one.low, one.high)
    if not mine.figures:
        yield from _published(candidate.networks)
    if (errors := mine.errors) is not None:
        at = "" if errors.threshold is None else f" at threshold {errors.threshold:g}"
        said = f"{errors.value:.2f} false alarms a picture{at}, a miss counting as {needs.miss_cost or 1:g}"
        yield Number("error_cost", errors.value, said, figures, "reckoned", errors.low, errors.high)
    if candidate.latency_ms is not None:
        yield Number(
            "latency_ms_p50", candidate.latency_ms, f"{sentences.ms_text(candidate.latency_ms)} a picture", costs
        )
    reckoned = "reckoned" if candidate.figures else "published"
    if mine.hours is not None:
        said = f"{mine.hours:.3g} h of labelling to pay, {plural(round(mine.labelled), 'picture')} learned from"
        yield Number("label_hours", mine.hours, said, labels, reckoned)
    for name, usd, what in _money(mine):
        if usd is not None:
            source = labels if name == "labelling_usd" else costs
            yield Number(name, usd, f"{usd_text(usd)} {what}", source, reckoned)


def _money(mine: Prospect) -> tuple[tuple[str, float | None, str], ...]:
    return (
        ("usd", mine.usd, "in all"),
        ("labelling_usd", mine.labelling_usd, "for labelling"),
        ("training_usd", mine.training_usd, "for training"),
        ("inference_usd", mine.inference_usd, "for answering"),
        ("errors_usd", mine.errors_usd or None, "for errors"),
    )


def _published(networks: tuple[str, ...]) -> Iterator[Number]:
    """What was published of the catalogue's networks, which orders them and says nothing of one's own pictures."""
    for name in networks:
        if (one := PUBLISHED.get(name)) is not None:
            yield Number(one.metric, one.value, f"{name}: {one} ({one.source})", Source("catalogue", name), "published")

"""Who can answer what: the questions people ask of a picture, and what each contender can say to them.

A classifier names the picture, a detector counts and places objects, detect-then-classify names each object. Where a
contender has no means or no word for an answer it says so: `Answer.verdict == "cannot say"`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from vision_core.types import Classification, Detections, PipelineResult
from vision_core.vocabulary import covers, probability_of

Verdict = Literal["yes", "no", "says", "cannot say"]
Said = Classification | Detections | PipelineResult


@dataclass(frozen=True)
class Answer:
    """One contender's answer: a verdict, and a short sentence with its evidence. `count` where it counted."""

    verdict: Verdict
    text: str
    count: int | None = None


@dataclass(frozen=True)
class QuestionRow:
    """One question with every contender's answer, and a sentence where they disagree (else empty)."""

    question: str
    answers: tuple[Answer, ...]
    disagreement: str = ""


def ask_all(said: Sequence[Said], thing: str, score: float) -> list[QuestionRow]:
    """Every question about `thing` put to every contender, in order.

    Args:
        said: what each contender said of one picture; detections already thresholded and suppressed.
        thing: a class name any of them knows, in anyone's vocabulary.
        score: the threshold (0..1) above which a classifier's share counts as "yes".
    """
    present = tuple(_is_there(item, thing, score) for item in said)
    counted = tuple(_how_many(item, thing, score) for item in said)
    return [
        QuestionRow("What is it?", tuple(_what(item) for item in said)),
        QuestionRow(f"Is there {_article(thing)} {thing}?", present, _disagree(present, thing)),
        QuestionRow(f"How many: {thing}?", counted, _disagree_count(counted, thing)),
        QuestionRow(f"Where is the {thing}?", tuple(_where(item, thing, score) for item in said)),
    ]


def listed(counts: Mapping[str, int]) -> str:
    """Counts as people write them.

    >>> listed({"cat": 2, "cup": 1})
    '2 × cat, cup'
    """
    return ", ".join(name if count == 1 else f"{count} × {name}" for name, count in counts.items())


def _article(thing: str) -> str:
    return "an" if thing[:1].lower() in tuple("aeiou") else "a"


def _what(said: Said) -> Answer:
    if isinstance(said, Classification):
        best = said.top(1)[0]
        return Answer("says", f"{best.name}, {best.score:.0%}")
    if isinstance(said, Detections):
        return Answer("says", listed(said.counts()) or "no object above the threshold")
    names = Counter(labels.top(1)[0].name for labels in said.labels)
    return Answer("says", listed(dict(names.most_common())) or "no object above the threshold")


def _matching(said: Detections | PipelineResult, thing: str, score: float) -> list[tuple[int, float]] | None:
    """Objects that are the thing with the score of that, or None when no class means it."""
    detections = said if isinstance(said, Detections) else said.detections
    wanted = covers(detections.class_names, thing)
    found = {i: float(detections.scores[i]) for i, name in enumerate(detections.names) if name in wanted}
    known = bool(wanted)
    if isinstance(said, PipelineResult):
        for index, labels in enumerate(said.labels):
            share = probability_of(thing, labels)
            known = known or share is not None
            if share is not None and share >= score:
                found[index] = max(share, found.get(index, 0.0))
        if not said.labels and not wanted:
            return None
    return sorted(found.items()) if known else None


def _no_word(thing: str, said: Said) -> Answer:
    return Answer("cannot say", f"Cannot say: none of its classes means {thing}.")


def _is_there(said: Said, thing: str, score: float) -> Answer:
    if isinstance(said, Classification):
        share = probability_of(thing, said)
        if share is None:
            return _no_word(thing, said)
        return (
            Answer("yes", f"Yes, {share:.0%}")
            if share >= score
            else Answer("no", f"No: {share:.0%} is below {score:.0%}")
        )
    found = _matching(said, thing, score)
    if found is None:
        return _no_word(thing, said)
    if not found:
        return Answer("no", f"No box of it at or above {score:.0%}")
    return Answer("yes", f"Yes, {max(share for _, share in found):.0%}")


def _how_many(said: Said, thing: str, score: float) -> Answer:
    if isinstance(said, Classification):
        return Answer("cannot say", "Cannot say: one answer for the whole picture.")
    found = _matching(said, thing, score)
    return _no_word(thing, said) if found is None else Answer("says", str(len(found)), len(found))


def _where(said: Said, thing: str, score: float) -> Answer:
    if isinstance(said, Classification):
        return Answer("cannot say", "Cannot say: its activation map only hints at where it looked.")
    found = _matching(said, thing, score)
    if found is None:
        return _no_word(thing, said)
    detections = said if isinstance(said, Detections) else said.detections
    places = [_place(detections.boxes_xyxy[index], detections.image_size_px) for index, _ in found[:3]]
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return Answer("says", "; ".join(places) + more) if places else Answer("no", "Nowhere at this threshold")


def _place(box_xyxy: Sequence[float], image_size_px: tuple[int, int]) -> str:
    """A box in words: which ninth of the picture its centre is in, and how much of the picture it covers."""
    x0, y0, x1, y1 = (float(edge) for edge in box_xyxy)
    width, height = image_size_px
    row = ("top", "middle", "bottom")[min(2, int(3 * (y0 + y1) / 2 / height))]
    column = ("left", "centre", "right")[min(2, int(3 * (x0 + x1) / 2 / width))]
    where = "centre" if (row, column) == ("middle", "centre") else f"{row} {column}"
    return f"{where} ({(x1 - x0) * (y1 - y0) / (width * height):.0%} of the picture)"


def _disagree(answers: Sequence[Answer], thing: str) -> str:
    verdicts = {answer.verdict for answer in answers} & {"yes", "no"}
    return f"They disagree on whether there is {_article(thing)} {thing}." if len(verdicts) > 1 else ""


def _disagree_count(answers: Sequence[Answer], thing: str) -> str:
    counts = {answer.count for answer in answers if answer.count is not None}
    return f"They count differently: {', '.join(map(str, sorted(counts)))}." if len(counts) > 1 else ""

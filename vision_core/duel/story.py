"""A finished duel told in six short scenes, for somebody who sees one for the first time; every number is the duel's.

for scene in story(duel.result()):
    scene.title, scene.words
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from vision_core.charts import COLOURS, FRAME_PX, escape
from vision_core.data.charts import framed
from vision_core.data.wording import plural
from vision_core.duel.charts import in_words
from vision_core.duel.plan import FIGURE_OF, KINDS, WORDS
from vision_core.errors import DataError

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Shows = Literal["picture", "labels", "answers", "curves", "costs", "verdict"]
_ROW_PX = 70
_MEANING = {
    "presence": "average precision of “is it there?”, where 100 % is best",
    "count": "how many objects of a kind it counts wrong in a picture, where 0 is best",
    "where": "how often it points at the right place, where 100 % is best",
}


@dataclass(frozen=True)
class Scene:
    """One scene.

    Attributes:
        shows: what stands beside the words.
        words: a few plain sentences.
    """

    shows: Shows
    title: str
    words: tuple[str, ...]


def story(result: Mapping[str, Any]) -> tuple[Scene, ...]:
    """The scenes of a duel.

    Args:
        result: of a finished one.

    Raises:
        DataError: it is not finished.
    """
    every = result.get("contenders")
    if not every:
        raise DataError("This duel has no result yet, so there is no story to tell: let it come to its end first.")
    question = result["question"]
    return (
        Scene("picture", "One picture, several answers", _picture(result, every)),
        Scene("labels", "What it takes before anything is learned", _labels(every)),
        Scene("answers", f"All are asked the same: “{WORDS[question]}”", _answers(every, question)),
        Scene("curves", "What more labels would buy", _curves(result, question)),
        Scene("costs", "What every picture costs from then on", _costs(every, question)),
        Scene("verdict", "The answer, and what would change it", _verdict(result)),
    )


def _picture(result: Mapping[str, Any], every: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    does = {
        "classification": "Classification ticks what the picture shows.",
        "detection": "Detection draws a box around every thing and names it.",
        "two-stage": "Detect-then-classify cuts out every box and has a second network name it.",
    }
    return (
        f"{plural(result['pictures'], 'picture')} of {result['data']} were held out: no network has learned from them. "
        "Here is one, with what people drew in it, and what each contender says.",
        *(does[one["task"]] for one in every),
    )


def _labels(every: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    said = []
    for one in every:
        labels = one["labels"]
        if not labels:
            said.append(f"{one['title']} was taken as it is, trained elsewhere.")
            continue
        marks = f"{labels['boxes']:,} boxes" if labels["boxes"] else f"{labels['labels']:,} ticks"
        hours = "" if labels["hours"] is None else f": {labels['hours']:.1f} hours at the published pace"
        said.append(f"{one['title']} learned from {plural(labels['pictures'], 'picture')} with {marks}{hours}.")
    return (*said, "A box takes longer than a tick; whether it is worth it is what the duel finds out.")


def _answers(every: Sequence[Mapping[str, Any]], question: str) -> tuple[str, ...]:
    figure = FIGURE_OF[question]
    silent = [
        f"{one['title']} cannot say: {one['unanswered'].get(figure, '')}" for one in every if not _has(one, figure)
    ]
    return (
        f"The yardstick is {_MEANING[question]}.",
        *silent,
        "The line through each point is its 95 % interval: where two lie apart, the difference is no accident of "
        "these pictures.",
    )


def _has(one: Mapping[str, Any], figure: str) -> bool:
    return one["figures"].get(figure) is not None


def _curves(result: Mapping[str, Any], question: str) -> tuple[str, ...]:
    said = in_words(result, FIGURE_OF[question])
    if not said:
        return ("This duel learned from all its labels at once, so it has no learning curve.",)
    first = "Each was trained on a part of the labels, then on more; the dashed line is where its curve would go on."
    return (first, *said)


def _costs(every: Sequence[Mapping[str, Any]], question: str) -> tuple[str, ...]:
    timed = {one["title"]: one["costs"].get("latency_ms_p50") for one in every}
    known = {title: value for title, value in timed.items() if value}
    if not known:
        return ("What they cost could not be measured on this machine.",)
    quickest = min(known, key=lambda title: known[title])
    slower = [
        f"{title} takes {value / known[quickest]:.1f} times as long."
        for title, value in known.items()
        if title != quickest
    ]
    silent = [
        f"{one['title']} has no point beside: “{WORDS[question]}” it cannot say."
        for one in every
        if not _has(one, FIGURE_OF[question])
    ]
    return (f"{quickest} is the quickest, with {known[quickest]:.0f} ms a picture.", *slower, *silent)


def _verdict(result: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        result["verdict"]["sentence"],
        "Other pictures, another question or another price can turn it round: the advisor shows when, and your own "
        "duel shows what holds for you.",
    )


def labelling_chart(result: Mapping[str, Any]) -> Figure:
    """A bar a contender: hours that its labels take at the published pace."""
    known = [one for one in result["contenders"] if one["labels"] and one["labels"]["hours"] is not None]
    chart = framed(_ROW_PX * max(1, len(known)) + FRAME_PX, "hours of labelling", "")
    chart.add_bar(
        y=[escape(one["title"]) for one in known],
        x=[one["labels"]["hours"] for one in known],
        orientation="h",
        marker={"color": [COLOURS[KINDS.index(one["task"])] for one in known]},
        text=[f"{one['labels']['hours']:.1f} h" for one in known],
        hovertemplate="%{y}: %{x:.2f} h<extra></extra>",
    )
    chart.update_yaxes(autorange="reversed", showgrid=False)
    return chart

"""What a report tells, in plain records that a page can be written from: no network, no file and no HTML in here.

A value that was measured is kept as a number beside its words, so that whoever reads the file by machine finds the same
figures as in `result.json`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vision_core.evaluation.pictures import Outline

if TYPE_CHECKING:
    import numpy as np
    from plotly.graph_objects import Figure

    from vision_core.evaluation.records import Results
    from vision_core.evaluation.store import Evaluation

Stage = Callable[[str, int, int], None]
"""Told of what is done: the stage, how much of it, of how much. What it raises ends the work."""
Kind = Literal["duel", "run", "comparison"]


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes:
        text: what people read; small: below it, e.g. an interval or the reason why there is no value.
        value: the number behind the words; None where there is none.
    """

    text: str
    small: str = ""
    value: float | None = None


@dataclass(frozen=True)
class Table:
    """A table whose first column names its rows.

    Attributes:
        key: of the table in the file, for whoever reads it by machine; keys: of its rows, likewise.
        caption: what it shows, in a sentence; note: what to know of it besides.
    """

    key: str
    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    keys: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, eq=False)
class Chart:
    """A Plotly figure with its title, and what it shows in sentences."""

    key: str
    title: str
    figure: Figure
    words: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Shot:
    """A picture that tells something.

    Attributes:
        who: whose answer it is; text: what is there and what was said.
        outlines: boxes to draw, in the pixels of a picture of `size_px`.
    """

    path: Path
    name: str
    who: str
    text: str
    outlines: tuple[Outline, ...] = ()
    size_px: tuple[int, int] = (0, 0)


@dataclass(frozen=True, eq=False)
class Gallery:
    """Up to ten pictures of one kind of success or failure; `why_none`: where there are none."""

    key: str
    title: str
    meaning: str
    shots: tuple[Shot, ...]
    why_none: str = ""


@dataclass(frozen=True)
class Section:
    """Sentences under a heading of their own, and tables."""

    title: str
    paragraphs: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, eq=False, kw_only=True)
class Contender:
    """One way to answer: a contender of a duel, or a run.

    Attributes:
        title: what people call it; kind: classification, detection or two-stage.
        runs: the folders of its runs that are there; model: a catalogue name where it has none.
        figures, intervals, unanswered: on the common yardstick.
        costs: a row of `bench`; empty where nobody measured.
        labels: what its labels took, as a duel keeps it.
        training_seconds: 0 where nobody knows.
        threshold: from which score its answers count; None: the best class alone.
        evaluation, results: what it said, where that is kept; points_xy: where it points on the common ground.
    """

    title: str
    kind: str
    runs: tuple[Path, ...] = ()
    model: str = ""
    figures: Mapping[str, float | None] = field(default_factory=dict)
    intervals: Mapping[str, Any] = field(default_factory=dict)
    unanswered: Mapping[str, str] = field(default_factory=dict)
    costs: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, Any] | None = None
    training_seconds: float = 0.0
    threshold: float | None = None
    evaluation: Evaluation | None = None
    results: Results | None = None
    points_xy: np.ndarray | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Report:
    """A whole report.

    Attributes:
        decision: three sentences.
        good, costs, labels, pictures, data, method: what its chapters say.
        cards: title and text of each model's card.
        verdict: the key of the winner where there is one, for whoever reads it by machine.
    """

    kind: Kind
    title: str
    about: str
    made_at: str
    decision: tuple[str, ...]
    good: tuple[Section, ...]
    good_charts: tuple[Chart, ...]
    costs: tuple[Section, ...]
    cost_charts: tuple[Chart, ...]
    labels: tuple[Section, ...]
    label_charts: tuple[Chart, ...]
    galleries: tuple[Gallery, ...]
    gallery_note: str
    data: tuple[Section, ...]
    method: tuple[Section, ...]
    licences: tuple[Table, ...]
    limits: tuple[str, ...]
    cards: tuple[tuple[str, str], ...]
    verdict: str = ""

"""What the doctor found: one `Finding` a kind of fault, all of them in a `Diagnosis`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from vision_core.data.doctor.catalogue import Fault, Severity
from vision_core.data.survey import Survey

Task = Literal["classification", "detection"]
EXAMPLES = 8

_LEAST_PICTURES: Mapping[Task, int] = MappingProxyType({"classification": 50, "detection": 100})


@dataclass(frozen=True)
class CheckOptions:
    """Where a fault begins. The defaults are rules of thumb for fine-tuning a pretrained network.

    Attributes:
        task: what the data is for; None: detection where there are boxes, classification otherwise.
        min_picture_edge_px, large_picture_pixels: a picture is tiny below the one, large above the other.
        border_tolerance_px: how far a box may reach over the border (rounding).
        min_box_edge_px, max_box_aspect: a box is tiny, or absurd, beyond these.
        same_box_iou: two boxes of one picture that overlap this much are one.
        max_objects: more objects in one picture are a crowd.
        min_class_examples: fewer make a class tiny.
        max_imbalance: times the most frequent class may outnumber the rarest.
        max_background: share of pictures without any object that is still usual.
        min_pictures: pictures of use that each task needs.
        min_split_pictures: fewer make a split small.
        find_unlisted: look for pictures that lie below the root and are not in the index; not for one that shares its
            pictures with others.
        workers: threads; None: one a core.
    """

    task: Task | None = None
    min_picture_edge_px: int = 8
    large_picture_pixels: int = 24_000_000
    border_tolerance_px: float = 1.0
    min_box_edge_px: float = 2.0
    max_box_aspect: float = 25.0
    same_box_iou: float = 0.98
    max_objects: int = 100
    min_class_examples: int = 10
    max_imbalance: float = 20.0
    max_background: float = 0.5
    min_pictures: Mapping[Task, int] = field(default_factory=lambda: _LEAST_PICTURES)
    min_split_pictures: int = 20
    find_unlisted: bool = True
    workers: int | None = None


@dataclass(frozen=True, eq=False)
class Finding:
    """One kind of fault and where it is.

    Attributes:
        fault: its code, severity, effect on training and fix.
        sentence: what was found, with numbers and names.
        count: how many pictures, boxes, classes or splits; 1 for what concerns the data set as a whole.
        rows: pictures concerned, `(K,)` int64; give them to `Filter(rows=…)`.
        partners: of copies, the picture that each of `rows` repeats, `(K,)`; empty otherwise.
        box_rows: boxes concerned, rows of the table of boxes, `(M,)` int64.
        names: classes, splits or files concerned.
        examples: paths below the root of some of the pictures; of copies, each followed by the one that it repeats.
        fixable: `fix` can mend it.
    """

    fault: Fault
    sentence: str
    count: int
    rows: np.ndarray
    partners: np.ndarray
    box_rows: np.ndarray
    names: tuple[str, ...]
    examples: tuple[str, ...]
    fixable: bool

    @property
    def code(self) -> str:
        return self.fault.code

    @property
    def severity(self) -> Severity:
        return self.fault.severity

    @property
    def effect(self) -> str:
        """What it does to training."""
        return self.fault.effect

    @property
    def fix(self) -> str | None:
        """What one click does; None when only a person can mend it."""
        return self.fault.fix if self.fixable else None

    def to_contract(self) -> dict[str, Any]:
        """As `data check --json` prints it."""
        return {
            "code": self.code,
            "severity": self.severity,
            "count": self.count,
            "sentence": self.sentence,
            "effect": self.effect,
            "fix": self.fix,
            "names": list(self.names[:EXAMPLES]),
            "examples": list(self.examples),
        }


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """All that was found in one data set.

    Attributes:
        format, images, boxes, class_names: of the data set that was looked at.
        task: what it was judged for.
        findings: the worst first.
        survey: what opening every picture told.
        groups: `(images,)` int64, copies share a number; for `assign_splits`.
        options: with which it was judged.
    """

    format: str
    images: int
    boxes: int
    class_names: tuple[str, ...]
    task: Task
    findings: tuple[Finding, ...]
    survey: Survey = field(repr=False)
    groups: np.ndarray = field(repr=False)
    options: CheckOptions = field(repr=False)

    def __getitem__(self, code: str) -> Finding:
        """The finding of that code; KeyError when it was not found."""
        for finding in self.findings:
            if finding.code == code:
                return finding
        raise KeyError(code)

    @property
    def codes(self) -> tuple[str, ...]:
        """What was found, the worst first."""
        return tuple(finding.code for finding in self.findings)

    @property
    def fixable(self) -> tuple[str, ...]:
        """Those that `fix` can mend."""
        return tuple(finding.code for finding in self.findings if finding.fixable)

    def to_contract(self) -> dict[str, Any]:
        """As `data check --json` prints it."""
        return {
            "format": self.format,
            "images": self.images,
            "boxes": self.boxes,
            "classes": len(self.class_names),
            "class_names": list(self.class_names),
            "task": self.task,
            "problems": [finding.to_contract() for finding in self.findings],
        }

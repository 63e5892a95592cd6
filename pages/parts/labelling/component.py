"""The labelling component itself: its script and style, and the plain values that go to the browser and come back.

Streamlit's second component interface takes one script, so the four files are joined here; nothing is built or fetched.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v2 import component

from vision_core.data.label_operations import Operation
from vision_core.data.labelling import ImageLabels
from vision_core.drawing import class_colours, encode_jpeg, text_colour_on
from vision_core.errors import DataError, VisionError
from vision_core.images import open_image
from vision_core.types import Detections

PREVIEW_PX = 1600
_HERE = Path(__file__).parent
_SCRIPTS = ("model.js", "canvas.js", "panel.js", "main.js")
_MAX_OPERATIONS = 5000

mount = component(
    "whatwhere_labelling",
    html='<div class="root"></div>',
    css=(_HERE / "style.css").read_text("utf-8"),
    js="\n".join((_HERE / name).read_text("utf-8") for name in _SCRIPTS),
)


@dataclass(frozen=True)
class Outbox:
    """What the browser last said: where its user is, what it has, and every operation it has no answer to.

    Attributes:
        client: which browser tab; sequence: number of the latest operation that is in here or was answered.
        place: position in the queue, as of the queue `nonce`; path: the picture there.
        has: paths of the pictures whose pixels it holds.
        asked: path of the picture to propose boxes for; auto: propose on every one.
        jumps: how often its user asked for the next picture that nobody has done.
    """

    client: str
    sequence: int
    operations: tuple[Operation, ...]
    refused: str
    place: int
    path: str | None
    mode: str
    single: bool
    auto: bool
    asked: str | None
    jumps: int
    nonce: str
    has: frozenset[str]

    @classmethod
    def read(cls, value: object) -> Outbox | None:
        """The message, or None for anything that is not one: what comes from a browser is not to be trusted."""
        if not isinstance(value, Mapping) or not isinstance(value.get("operations"), list):
            return None
        if len(value["operations"]) > _MAX_OPERATIONS:
            return None  # not cut: what is answered is gone from the browser
        operations: list[Operation] = []
        refused = ""
        for plain in value["operations"]:
            try:
                operations.append(Operation.from_json(plain))
            except DataError as error:
                refused = str(error)
        path, asked = value.get("path"), value.get("asked")
        return cls(
            client=str(value.get("client"))[:64],
            sequence=_whole(value.get("sequence")),
            operations=tuple(operations),
            refused=refused,
            place=_whole(value.get("place")),
            path=path if isinstance(path, str) else None,
            mode="classification" if value.get("mode") == "classification" else "detection",
            single=value.get("single") is not False,
            auto=value.get("auto") is True,
            asked=asked if isinstance(asked, str) else None,
            jumps=_whole(value.get("jumps")),
            nonce=str(value.get("nonce"))[:64],
            has=frozenset(path for path in value.get("has") or () if isinstance(path, str)),
        )


def _whole(value: object) -> int:
    return max(int(value), 0) if isinstance(value, (int, float)) and abs(value) < 2**53 else 0


@dataclass(frozen=True)
class Shown:
    """A picture ready for the browser: its size, and its pixels as a `data:` address; or why there are none."""

    width_px: int
    height_px: int
    url: str
    error: str = ""


def show(path: Path) -> Shown:
    """The picture in `path`, upright, at most `PREVIEW_PX` wide or high."""
    try:
        changed_ns = path.stat().st_mtime_ns
    except OSError:
        changed_ns = 0
    return _show(str(path), changed_ns)


@st.cache_data(show_spinner=False, max_entries=24)
def _show(path: str, changed_ns: int) -> Shown:
    try:
        picture = open_image(path)
    except VisionError as error:
        return Shown(0, 0, "", str(error))
    pixels = base64.b64encode(encode_jpeg(picture.preview(PREVIEW_PX), 88)).decode()
    return Shown(picture.width_px, picture.height_px, f"data:image/jpeg;base64,{pixels}")


def class_values(names: tuple[str, ...]) -> list[dict[str, str]]:
    """The classes with their colours, and the ink that can be read on those."""
    return [
        {"name": name, "colour": colour, "ink": text_colour_on(colour)} for name, colour in class_colours(names).items()
    ]


def label_values(said: ImageLabels) -> dict[str, Any]:
    """What is said of a picture, as plain values."""
    return {
        "labels": None if said.labels is None else list(said.labels),
        "boxes": [{"id": box.id, "class_name": box.class_name, "xyxy": list(box.xyxy)} for box in said.boxes],
        "searched": said.searched,
        "answered": sorted(said.answered),
    }


def proposal_values(found: Detections) -> list[dict[str, Any]]:
    """Proposed boxes, best first; the id says which model proposed it, so that an answer holds for that model only."""
    names = found.class_names
    width, height = found.image_size_px
    rows = zip(found.boxes_xyxy.tolist(), found.scores.tolist(), found.class_ids.tolist(), strict=True)
    proposals = []
    for number, ((x_min, y_min, x_max, y_max), score, class_id) in enumerate(rows):
        edges = [max(x_min, 0.0), max(y_min, 0.0), min(x_max, float(width)), min(y_max, float(height))]
        if edges[2] - edges[0] >= 1 and edges[3] - edges[1] >= 1:
            name = names[class_id]
            proposals.append(
                {"id": f"p{found.model}-{number}", "class_name": name, "xyxy": edges, "score": round(score, 3)}
            )
    return proposals

"""One column a contender: its picture, its labels or objects, drawn from results that are already there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from pages import plain
from pages.parts import engine
from pages.parts.address import choose
from pages.parts.controls import Contender, View, model_badge, spec_of
from pages.parts.engine import Ref
from vision_core.answers import listed
from vision_core.charts import label_bars
from vision_core.drawing import DrawOptions, draw_detections, encode_jpeg, overlay_heatmap
from vision_core.predict import crop_boxes
from vision_core.types import Classification, Detections, PipelineResult, Timing
from vision_core.vocabulary import restrict

if TYPE_CHECKING:
    from PIL import Image
    from plotly.graph_objects import Figure

SHOWN_PX = (760, 560, 370)  # how wide a picture stands on a desktop beside no, one and two others
_SHARP = 2  # picture pixels drawn for one such pixel: screens have up to that many
ICONS = {
    "Classification": ":material/label:",
    "Detection": ":material/select_all:",
    "Detect-then-classify": ":material/account_tree:",
}


def headings(contenders: Sequence[Contender]) -> list[str]:
    """What to call each column: by its kind, or by its models where several are of one kind."""
    kinds = [contender.kind for contender in contenders]
    return kinds if len(set(kinds)) == len(kinds) else [contender.title for contender in contenders]


@dataclass(frozen=True)
class Shown:
    """What one contender says at the sliders' present position."""

    contender: Contender
    classification: Classification | None = None
    detections: Detections | None = None
    pipeline: PipelineResult | None = None

    @property
    def said(self) -> Classification | Detections | PipelineResult:
        for said in (self.pipeline, self.detections, self.classification):
            if said is not None:
                return said
        raise ValueError("a contender says nothing")

    @property
    def boxes(self) -> Detections | None:
        """The boxes on the picture, if this column has any."""
        return self.pipeline.detections if self.pipeline else self.detections


def draw_options(shown: Shown, shown_width_px: int | None = None) -> DrawOptions:
    """What is written beside the boxes: the detector's class and score, or each object's own best label."""
    if not shown.pipeline:
        return DrawOptions(shown_width_px=shown_width_px)
    best = [labels.top(1)[0] for labels in shown.pipeline.labels]
    captions = tuple(f"{label.name} {label.score:.0%}" for label in best)
    return DrawOptions(captions=captions, shown_width_px=shown_width_px)


def result(contender: Contender, ref: Ref, view: View) -> Shown:
    """The contender's answer; networks run only for a picture and model that were never seen together."""
    if contender.detector is None:
        said = engine.classify(ref.digest, str(contender.classifier))
        return Shown(contender, classification=restrict(said, view.only))
    candidates = engine.detect(ref.digest, contender.detector)
    detections = candidates.select(view.score, view.iou, view.only)
    if contender.classifier is None:
        return Shown(contender, detections=detections)
    labels = engine.object_labels(ref.digest, contender.detector, contender.classifier)
    named = tuple(labels[tuple(box)] for box in crop_boxes(detections).tolist())
    spent = sum((item.timing for item in named if item.timing), Timing())
    both = PipelineResult(
        detections=detections,
        labels=named,
        timing=(detections.timing or Timing()) + spent,
        classify_timing=spent,
        model=f"{detections.model} + {contender.classifier}",
    )
    return Shown(contender, pipeline=both)


def draw(shown: Shown, ref: Ref, view: View, width_px: int) -> None:
    """Heading, picture and answers of one column that is about `width_px` wide."""
    contender = shown.contender
    st.markdown(f"#### {ICONS[contender.kind]} {contender.kind}")
    _cards([name for name in (contender.detector, contender.classifier) if name])
    if shown.classification is not None:
        _classification(shown.classification, str(contender.classifier), ref, view, width_px)
    elif shown.pipeline:
        _boxes(shown, ref, width_px)
        _pipeline(shown.pipeline, view)
    elif shown.detections is not None:
        _boxes(shown, ref, width_px)
        _detections(shown.detections)


def _cards(names: list[str]) -> None:
    """The models' names and badges; a click tells how they work, whom they suit and under which licences."""
    specs = [spec_of(name) for name in names]
    badges = dict.fromkeys(model_badge(name) for name in names)
    label = f"{' + '.join(plain(spec.title) for spec in specs)} · {', '.join(badges)}"
    with st.popover(label, type="tertiary", icon=":material/info:"):
        for spec in specs:
            when = f", {spec.year}" if spec.year else ""
            st.markdown(f"**{plain(spec.title)}**, {spec.family}{when}. {spec.summary} {spec.suits}")
            st.caption(
                f"{spec.parameters / 1e6:.1f} M parameters, input {spec.input_size_px} px, weights from "
                f"{plain(spec.weights.trained_on or 'nowhere yet')}. Licence of the code: {plain(spec.code_licence)}; "
                f"of the weights: {plain(spec.weights_licence)}."
            )


def _preview(digest: str, width_px: int) -> Image.Image:
    """The picture as small as it can be shown sharply."""
    return engine.store().picture(digest).preview(min(_SHARP * width_px, 1024))


def _classification(said: Classification, name: str, ref: Ref, view: View, width_px: int) -> None:
    names = [label.name for label in said.top(view.top_k)]
    if not names:
        st.image(
            _tinted(ref.digest, name, width_px, None, 0), width="stretch", alt=f"{ref.name}, without an activation map"
        )
        st.info(plain(f"Cannot say: none of its classes means {', '.join(view.only)}."))
        return
    # A filter alone asks for no other map, since making one is a pass through the network.
    names = list(dict.fromkeys([engine.classify(ref.digest, name).top(1)[0].name, *names]))
    slot = st.empty()
    help = (
        "Bright parts of the picture speak for this class (a class activation map). Parts without any tint were not "
        "seen: most classifiers look at the centre square only."
    )
    explained = choose("Where it looked for", names, f"explained.{name}", f"explained_{name}_{ref.digest}", help)
    slot.image(
        _tinted(ref.digest, name, width_px, explained, view.opacity),
        width="stretch",
        alt=f"{ref.name}; tinted where the classifier looked for {explained}",
    )
    st.plotly_chart(
        _bars(ref.digest, name, view.only, view.top_k, said),
        width="stretch",
        key=f"bars_{name}",
        config={"displayModeBar": False},
        alt="Bar chart of the classifier's scores: "
        + ", ".join(f"{label.name} {label.score:.0%}" for label in said.top(view.top_k)),
    )


@st.cache_resource(show_spinner=False, max_entries=100)
def _tinted(digest: str, name: str, width_px: int, explained: str | None, opacity: float) -> bytes:
    """The preview as a JPEG, tinted where the classifier looked for a class."""
    preview = _preview(digest, width_px)
    if explained is not None and opacity > 0:
        preview = overlay_heatmap(preview, engine.heat(digest, name, explained), opacity)
    return encode_jpeg(preview)


@st.cache_resource(show_spinner=False, max_entries=200)
def _bars(digest: str, name: str, only: tuple[str, ...], top_k: int, _said: Classification) -> Figure:
    """The chart of one picture's labels: made once, since making one takes longer than drawing a picture."""
    return label_bars([_said], top_k)


def _detections(found: Detections) -> None:
    if not len(found):
        st.info("No object at this threshold. Lower “Least score”, or clear the class filter.")
        return
    st.caption(plain(_counted(found)))
    st.dataframe(_table(found), hide_index=True, width="stretch", column_config=_COLUMNS, alt="Objects found")


def _pipeline(both: PipelineResult, view: View) -> None:
    found = both.detections
    best = [labels.top(1)[0] for labels in both.labels]
    if not len(found):
        st.info("No object to name at this threshold. Lower “Least score”, or clear the class filter.")
        return
    st.caption(plain(_counted(found)) + ", each named by the classifier")
    table = _table(found)
    table.insert(0, "named", [label.name for label in best])
    table.insert(1, "sure", [100 * label.score for label in best])
    table["all labels"] = [
        ", ".join(f"{label.name} {label.score:.0%}" for label in labels.top(view.top_k)) for labels in both.labels
    ]
    columns = _COLUMNS | {"score": _NARROW_SCORE}
    st.dataframe(table, hide_index=True, width="stretch", column_config=columns, alt="Objects found and their labels")


def _boxes(shown: Shown, ref: Ref, width_px: int) -> None:
    if shown.boxes is not None:
        drawn = draw_detections(_preview(ref.digest, width_px), shown.boxes, draw_options(shown, width_px))
        st.image(encode_jpeg(drawn), width="stretch", alt=f"{ref.name} with boxes around {_counted(shown.boxes)}")


def _counted(found: Detections) -> str:
    return listed(found.counts()) or "no objects"


def _table(found: Detections) -> pd.DataFrame:
    edges = np.round(found.boxes_xyxy).astype(int)
    return pd.DataFrame(
        {
            "object": found.names,
            "score": 100 * found.scores.astype(float),
            "box": [f"{x0}, {y0} – {x1}, {y1}" for x0, y0, x1, y1 in edges],
        }
    )


_NARROW_SCORE = st.column_config.NumberColumn("score", format="%.0f %%", help="How sure the detector is")
_COLUMNS = {
    "score": st.column_config.ProgressColumn(
        "score", width="small", format="%.0f %%", min_value=0, max_value=100, help="How sure the detector is"
    ),
    "sure": st.column_config.NumberColumn(
        "sure", width="small", format="%.0f %%", help="The classifier's share for that name"
    ),
    "box": st.column_config.TextColumn("box, px", help="Left, top – right, bottom, in pixels of the original picture"),
}

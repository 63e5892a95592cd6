"""Which models are compared, and the sliders that everything on the page follows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages import plain, told
from pages.parts import engine
from vision_core.errors import VisionError
from vision_core.evaluation.applied import USUAL, applied_threshold
from vision_core.models import get_spec, list_models
from vision_core.models.weights import badge
from vision_core.predict import DEFAULT_CLASSIFIER, DEFAULT_DETECTOR
from vision_core.runs import find_model, list_runs, read_run
from vision_core.types import ModelSpec, Task

BOTH, CLASSIFIERS, DETECTORS = "Both tasks", "Classifiers", "Detectors"
MAX_MODELS = 3


@dataclass(frozen=True)
class Contender:
    """One column: a classifier, a detector, or the two in turn. Names are model names or run folders."""

    classifier: str | None = None
    detector: str | None = None

    @property
    def kind(self) -> str:
        if self.classifier and self.detector:
            return "Detect-then-classify"
        return "Classification" if self.classifier else "Detection"

    @property
    def title(self) -> str:
        return " + ".join(title_of(name) for name in (self.detector, self.classifier) if name)


@dataclass(frozen=True)
class View:
    """Where the sliders stand. Changing any of these never runs a network."""

    score: float
    iou: float
    top_k: int
    only: tuple[str, ...]
    opacity: float


def contenders(below: DeltaGenerator) -> list[Contender]:
    """Draws the model choice and returns the columns whose models are ready to use.

    `below`: where downloads show their progress and models that cannot be used their reason, at full width.
    """
    mode = st.segmented_control(
        "Compare", [BOTH, CLASSIFIERS, DETECTORS], default=BOTH, required=True, key="compare", bind="query-params"
    )
    if mode == CLASSIFIERS:
        names = _several("classification", DEFAULT_CLASSIFIER)
        return [Contender(classifier=name) for name in names if _prepare(name, "classification", below)]
    if mode == DETECTORS:
        names = _several("detection", DEFAULT_DETECTOR)
        return [Contender(detector=name) for name in names if _prepare(name, "detection", below)]
    left, right = st.columns(2)
    with left:
        classifier = _one("classification", DEFAULT_CLASSIFIER)
    with right:
        detector = _one("detection", DEFAULT_DETECTOR)
    has_classifier = _prepare(classifier, "classification", below)
    has_detector = _prepare(detector, "detection", below)
    columns = []
    if has_classifier:
        columns.append(Contender(classifier=classifier))
    if has_detector:
        columns.append(Contender(detector=detector))
    if has_classifier and has_detector:
        columns.append(Contender(classifier=classifier, detector=detector))
    return columns


def _choices(task: Task) -> list[str]:
    """Names of the runs and models that can predict now: those published without labels must be trained first."""
    usable = [s.name for s in list_models(task) if s.weights.kind != "none" and s.class_names_key != "none"]
    return [*(run.name for run in list_runs(task)), *usable]


def title_of(name: str) -> str:
    """How people call the model; a run by its folder's name."""
    try:
        return spec_of(name).title
    except VisionError:
        return name


def spec_of(name: str) -> ModelSpec:
    """The catalogue's entry of that name, or the run in that folder."""
    return read_run(Path(name))[0] if name in _run_names() else get_spec(name)


def _run_names() -> set[str]:
    """Only runs of the workspace: an address must not open other folders of the server."""
    return {run.name for run in list_runs()}


def _label(name: str) -> str:
    try:
        return f"{spec_of(name).title} · {model_badge(name)}"
    except VisionError:
        return name


def model_badge(name: str) -> str:
    """Where the weights are: embedded, on disk, downloads N MB, your run."""
    spec = spec_of(name)
    return "your run" if spec.source == "run" else badge(spec)


def _one(task: Task, default: str) -> str:
    key = "classifier" if task == "classification" else "detector"
    options = _choices(task)
    wanted = st.query_params.get(key, default)
    if wanted not in options:
        options.append(wanted)
    name = st.selectbox(
        key.capitalize(),
        options,
        index=options.index(wanted),
        format_func=_label,
        key=f"{key}_choice",
        accept_new_options=True,
        help="Choose from the catalogue, or type the name of any timm model."
        if task == "classification"
        else "Choose from the catalogue.",
    )
    _keep(key, [name or default], [default])
    return name or default


def _several(task: Task, default: str) -> list[str]:
    key = "classifiers" if task == "classification" else "detectors"
    options = _choices(task)
    wanted = st.query_params.get_all(key)[:MAX_MODELS] or [default]
    options += [name for name in wanted if name not in options]
    names = st.multiselect(
        key.capitalize(),
        options,
        default=wanted,
        format_func=_label,
        key=f"{key}_choice",
        max_selections=MAX_MODELS,
        accept_new_options=True,
    )
    _keep(key, names, [default])
    if not names:
        st.info(f"Choose one to three {key}.", icon=":material/add:")
    return list(dict.fromkeys(names))


def _keep(key: str, names: list[str], default: list[str]) -> None:
    """The choice in the address by model name, so that a link stays valid when a badge changes."""
    if names == default:
        st.query_params.pop(key, None)
    elif st.query_params.get_all(key) != names:
        st.query_params[key] = names


def _prepare(name: str, task: Task, below: DeltaGenerator) -> bool:
    """Fetches the weights of a model that is to be used; False, with the reason on the page, when it cannot be used."""
    with below, told():
        if spec_of(name).source != "run":
            find_model(name, task)
        bar = st.empty()

        def progress(done_bytes: int, total_bytes: int | None) -> None:
            share = done_bytes / total_bytes if total_bytes else 0.0
            of = f" of {total_bytes / 1e6:.0f}" if total_bytes else ""
            bar.progress(min(share, 1.0), f"Downloading {plain(name)}: {done_bytes / 1e6:.0f}{of} MB")

        engine.ready(name, task, progress)
        bar.empty()
        return True
    return False


def start_at_applied(chosen: Iterable[Contender]) -> None:
    """Moves the score slider to where the chosen detector's run says, once: when it is chosen, not when an address or
    a hand has moved the slider."""
    kept = [score for one in chosen if one.detector and (score := applied_threshold(one.detector)) is not None]
    wanted = min(max(kept[0], engine.MIN_SCORE), 0.95) if kept else None
    before = st.session_state.get("applied_score")
    if wanted == before:
        return
    st.session_state["applied_score"] = wanted
    if before is None and "score" in st.query_params:
        return  # a link says where
    st.session_state["score"] = USUAL if wanted is None else wanted


def view(class_names: Iterable[str]) -> View:
    """Draws the sliders. `class_names`: what the class filter offers."""
    with st.container(key="sliders"):
        score_at, iou_at, top_at, heat_at, only_at = st.columns([1, 1, 1, 1, 1.4])
        score = score_at.slider(
            "Least score",
            engine.MIN_SCORE,
            0.95,
            USUAL,
            0.01,
            key="score",
            bind="query-params",
            help="Boxes below this score are hidden; a classifier says yes from here on.",
        )
        iou = iou_at.slider(
            "Overlap allowed (IoU)",
            engine.IOU_STEPS[0],
            engine.IOU_STEPS[-1],
            0.5,
            0.05,
            key="iou",
            bind="query-params",
            help="Of two boxes that overlap more than this, only the better one stays.",
        )
        top_k = top_at.slider("Labels shown", 1, 10, 5, key="top_k", bind="query-params")
        opacity = heat_at.slider(
            "Activation map",
            0,
            100,
            50,
            5,
            format="%d %%",
            key="opacity",
            bind="query-params",
            help="How strongly the picture is tinted where the classifier looked.",
        )
        only = only_at.multiselect(
            "Only these classes", list(class_names), key="only", bind="query-params", placeholder="all classes"
        )
    # an address may hold any number; only these steps were looked at when the objects were labelled
    step = min(engine.IOU_STEPS, key=lambda known: abs(known - iou))
    return View(score, step, top_k, tuple(only), opacity / 100)

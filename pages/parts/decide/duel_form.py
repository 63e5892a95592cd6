"""What a duel is about: whose pictures, which question, who takes part, how long they may learn."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages import plain, told
from pages.parts.costs_page import kept
from pages.parts.costs_page.form import choose_price, known_models, model_labels
from pages.parts.decide import before
from vision_core.data.library import SHELF, Dataset, list_datasets
from vision_core.duel.folder import MOST_CHARACTERS
from vision_core.duel.plan import CLASSIFIER, DETECTOR, FIRST_STAGES, KINDS, SHARES, TITLES, WORDS, DuelPlan
from vision_core.errors import VisionError
from vision_core.training.config import PRESETS
from vision_core.types import ModelSpec, Task

QUESTIONS = {
    "presence": "Is it there?",
    "count": "How many are there?",
    "where": "Where is it?",
}
_ASKED = {
    "presence": "Which things a picture shows. Classification and detection can both say.",
    "count": "How many of each thing a picture shows. A classifier of whole pictures cannot say.",
    "where": "Where in the picture each thing is. A classifier can only point at what it looks at.",
}
_CONTENDERS = {
    "classification": "Learns which things a picture shows, from ticks alone.",
    "detection": "Learns where each thing is, from boxes.",
    "two-stage": "A detector finds things, a classifier of crops names them.",
}
TIME, MONEY, PRESET = "Time", "Money", "The preset alone"


def draw(going_on: bool) -> tuple[DuelPlan, str] | None:
    """The form; returns plan and name when its button is pressed. `going_on`: another duel is at work already."""
    datasets = _datasets()
    if not datasets:
        return None
    left, right = st.columns(2, gap="large")
    with left:
        dataset = _data(datasets)
    with right:
        question = _question()
    has_boxes = bool(dataset.versions[-1].boxes)
    fits = before.about_data(dataset, has_boxes, question)
    values: dict[str, Any] = {"data": dataset.id, "question": question}
    values |= _contenders(has_boxes) | _networks(has_boxes) | _effort(has_boxes)
    usual = f"{WORDS[question]} {dataset.name}"
    name = st.text_input(
        "Name of the duel", key=kept.first("duel_name", ""), placeholder=usual, max_chars=MOST_CHARACTERS
    )
    try:
        plan = DuelPlan(**values)
    except VisionError as error:
        st.warning(plain(str(error)), icon=":material/rule:")
        st.button("Start the duel", type="primary", icon=":material/swords:", disabled=True, key="duel_start")
        return None
    return (plan, name.strip() or usual) if before.draw(plan, dataset, fits, going_on) else None


def _datasets() -> dict[str, Dataset]:
    found: dict[str, Dataset] = {}
    with told():
        found = {one.id: one for one in list_datasets() if one.versions}
    if not found:
        st.info("There is no data set to fight over yet: bring one in, or wait for Fashion Shelf.")
        if st.button("To the Data page", icon=":material/photo_library:", type="primary"):
            st.switch_page("pages/2_Data.py")
    return found


def _data(datasets: dict[str, Dataset]) -> Dataset:
    options = list(datasets)
    wanted = st.query_params.get("data", "")
    own = [id for id, one in datasets.items() if SHELF not in (one.name, one.source)]
    newest_own = max(own, key=lambda id: datasets[id].versions[0].made_at, default=options[0])
    first = wanted if wanted in datasets else newest_own
    chosen = st.selectbox(
        "Data set",
        options,
        format_func=lambda id: datasets[id].name,
        key=kept.one_of("duel_data", options, first),
        help="All contenders learn from its pictures and are judged on the same held-out ones.",
    )
    dataset = datasets[chosen or first]
    newest = dataset.versions[-1]
    with st.container(horizontal=True, vertical_alignment="center"):
        boxes = f"{newest.boxes:,} boxes" if newest.boxes else "no boxes"
        st.caption(f"{newest.images:,} pictures, {boxes}", width="content")
        st.page_link("pages/2_Data.py", label="Bring in others", icon=":material/photo_library:", width="content")
    return dataset


def _question() -> str:
    chosen = st.radio(
        "What must be answered?",
        list(QUESTIONS),
        format_func=QUESTIONS.__getitem__,
        captions=list(_ASKED.values()),
        key=kept.one_of("duel_question", list(QUESTIONS), "presence"),
        help="This decides who wins. The yardstick answers all three.",
    )
    return chosen or "presence"


def _contenders(has_boxes: bool) -> dict[str, Any]:
    """Who takes part, and whose boxes the two in turn use."""
    if not has_boxes:
        return {"contenders": ("classification", "detection"), "shares": (1.0,)}
    chosen = st.pills(
        "Contenders, two or three",
        KINDS,
        selection_mode="multi",
        format_func=TITLES.__getitem__,
        key=kept.some_of("duel_contenders", KINDS, KINDS),
    )
    st.caption("  \n".join(f"**{TITLES[kind]}**: {_CONTENDERS[kind]}" for kind in KINDS if kind in chosen))
    if "two-stage" not in chosen:
        return {"contenders": tuple(chosen)}
    first = st.selectbox(
        "Detect-then-classify takes the boxes of",
        list(FIRST_STAGES),
        format_func=FIRST_STAGES.__getitem__,
        key=kept.one_of("duel_first", list(FIRST_STAGES), "class-aware"),
    )
    return {"contenders": tuple(chosen), "first_stage": first or "class-aware"}


def _networks(has_boxes: bool) -> dict[str, Any]:
    """The classifier and the detector: of the catalogue, or a run that is there."""
    specs = known_models()
    labels = model_labels(specs)
    left, right = st.columns(2, gap="large")
    with left:
        classifier = _network("Classifier", "classification", CLASSIFIER, specs, labels)
    with right:
        detector = _network("Detector", "detection", DETECTOR, specs, labels)
    taken = [name for name in (classifier, detector) if name in specs and specs[name].source == "run"]
    if taken and has_boxes:
        st.caption(
            ":material/info: A run is taken as it is, without a learning curve; it must not have learned from pictures "
            "that it would be judged on."
        )
    return {"classifier": classifier, "detector": detector}


def _network(label: str, task: Task, usual: str, specs: dict[str, ModelSpec], labels: dict[str, str]) -> str:
    catalogue = [name for name, spec in specs.items() if spec.task == task and spec.source != "run"]
    runs = [name for name, spec in specs.items() if spec.task == task and spec.source == "run"]
    options = [usual, *(name for name in catalogue if name != usual), *runs]
    chosen = st.selectbox(
        label,
        options,
        format_func=lambda name: labels[name],
        key=kept.one_of(f"duel_{task}", options, usual),
        help="A network of the catalogue is fine-tuned on your pictures. A run of yours is taken as it is.",
    )
    return chosen or usual


def _effort(has_boxes: bool) -> dict[str, Any]:
    """Preset, budget, learning curves and seed."""
    left, right = st.columns(2, gap="large")
    with left:
        preset = st.radio(
            "How thoroughly?",
            list(PRESETS),
            format_func=str.capitalize,
            captions=[one.summary for one in PRESETS.values()],
            key=kept.one_of("duel_preset", list(PRESETS), "instant"),
        )
    with right:
        found = _budget()
        found |= _curves() if has_boxes else {}
        seed = st.number_input(
            "Seed", 0, 2**31 - 1, step=1, key=kept.first("duel_seed", 0), help="Of everything that chance decides."
        )
    return {"preset": preset or "instant", "seed": int(seed or 0), **found}


def _budget() -> dict[str, Any]:
    kind = st.segmented_control(
        "Budget of each network",
        [PRESET, TIME, MONEY],
        required=True,
        key=kept.one_of("duel_budget", [PRESET, TIME, MONEY], PRESET),
        help="Where the preset would take longer, as a few measured steps say, fewer epochs are run. The two in turn "
        "are two networks; what each contender really took stands in the result.",
    )
    if kind == TIME:
        minutes = st.number_input("Minutes", 0.1, 100_000.0, step=1.0, key=kept.first("duel_minutes", 10.0))
        return {"minutes": float(minutes or 0.0)}
    if kind == MONEY:
        usd = st.number_input("US dollars", 0.001, 100_000.0, step=0.1, format="%.3f", key=kept.first("duel_usd", 1.0))
        return {"usd": float(usd or 0.0), "price": choose_price("duel_price", "At the price of")}
    return {}


def _curves() -> dict[str, Any]:
    wanted = st.toggle(
        "Learning curves",
        key=kept.first("duel_curves", True),
        help="Every network is trained on 10, 25 and 50 % of the labels too, which says what more labels would buy.",
    )
    return {"shares": SHARES if wanted else (1.0,)}

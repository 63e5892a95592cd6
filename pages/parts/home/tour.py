"""The guided tour: the duel that comes with the project in six scenes, about two minutes."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import streamlit as st

from pages import plain, told
from pages.parts import figures
from vision_core.duel.examples import EXAMPLE
from vision_core.duel.folder import DuelFolder, list_duels
from vision_core.duel.plan import FIGURE_OF, WORDS
from vision_core.errors import VisionError

_STEP = "tour_step"
_SECONDS = 20
"""What a scene takes to read."""


def example() -> DuelFolder | None:
    """The duel that the tour shows; None while it is not there yet, or where it was removed."""
    with suppress(VisionError):  # a damaged one is no story, and no reason to show nothing else
        return next((duel for duel in list_duels() if duel.path.name == EXAMPLE.name and duel.result()), None)
    return None


def invite(duel: DuelFolder | None) -> None:
    """The button that starts the tour, where there is something to show."""
    if duel is None:
        return
    if st.button("Take the two-minute tour", icon=":material/tour:", key="tour_start"):
        st.session_state[_STEP] = 0


@st.fragment
def draw(duel: DuelFolder | None) -> None:
    """The scene that is shown, with the ways to the next and back; nothing before the tour was started."""
    step = st.session_state.get(_STEP)
    if step is None or duel is None:
        return
    with st.spinner("Opening the duel …"):
        from vision_core.duel.story import story
    with told(), st.container(border=True, key="tour"):
        scenes = story(duel.result())
        step = min(step, len(scenes) - 1)
        scene = scenes[step]
        left = _SECONDS * (len(scenes) - step)
        st.progress((step + 1) / len(scenes), f"Scene {step + 1} of {len(scenes)}, about {left} s to go")
        _steer(step, len(scenes))
        st.markdown(f"#### {plain(scene.title)}")
        if scene.shows == "picture":  # three of them side by side need the whole width
            st.markdown(" ".join(plain(sentence) for sentence in scene.words))
            _pictures(duel)
            return
        words, shown = st.columns([1, 1.6], gap="large")
        with words:
            for sentence in scene.words:
                st.markdown(plain(sentence))
            if scene.shows == "verdict":
                _ways_on(duel)
        with shown:
            _show(scene.shows, duel)


def _steer(step: int, scenes: int) -> None:
    with st.container(horizontal=True):
        st.button(
            "Back", icon=":material/arrow_back:", disabled=step == 0, on_click=_go, args=(step - 1,), key="tour_back"
        )
        if step + 1 < scenes:
            st.button(
                "Next",
                icon=":material/arrow_forward:",
                type="primary",
                on_click=_go,
                args=(step + 1,),
                key="tour_next",
            )
        st.button("End the tour", type="tertiary", on_click=_go, args=(None,), key="tour_end")


def _go(step: int | None) -> None:
    st.session_state[_STEP] = step


def _ways_on(duel: DuelFolder) -> None:
    to = {"duel": duel.path.name}
    st.page_link("pages/6_Decide.py", label="Open this duel", icon=":material/swords:", query_params=to)
    st.page_link(
        "pages/6_Decide.py",
        label="Ask the advisor",
        icon=":material/support_agent:",
        query_params=to | {"show": "Advisor"},
    )
    st.page_link("pages/2_Data.py", label="Bring your own pictures", icon=":material/photo_library:")


def _show(what: str, duel: DuelFolder) -> None:
    """What stands beside the words."""
    from vision_core.duel import charts

    result = duel.result()
    figure = FIGURE_OF[result["question"]]
    if what == "labels":
        _labels(result)
    elif what in ("answers", "verdict"):
        title = f"“{WORDS[result['question']]}”"
        figures.draw(charts.yardstick(result, [figure]), title, alt=_alt(result, figure), key=f"tour_{what}")
        if what == "answers" and figure != "presence_ap":
            chart = charts.yardstick(result, ["presence_ap"])
            figures.draw(chart, "And “Is it there?”", alt=_alt(result, "presence_ap"), key="tour_presence")
    elif what == "curves":
        chart = charts.learning_curves(result, figure, "hours")
        figures.draw(chart, "Learning curves", alt=" ".join(charts.in_words(result, figure)), key="tour_curves")
    else:
        chart = charts.contenders(result, figure, "latency_ms_p50")
        figures.draw(chart, "Quality and time", alt=_alt(result, figure), key="tour_costs")


def _alt(result: dict[str, Any], figure: str) -> str:
    said = []
    for one in result["contenders"]:
        value, latency = one["figures"].get(figure), one["costs"].get("latency_ms_p50")
        quality = "cannot say" if value is None else f"{value:.2f}"
        said.append(f"{one['title']}: {quality}" + (f", {latency:.0f} ms" if latency else ""))
    return "; ".join(said)


@st.cache_resource(max_entries=2, show_spinner="Drawing the picture …")
def _views(path: str, made_at: str) -> Any:
    from pathlib import Path

    from vision_core.duel.shown import answers_to_one

    return answers_to_one(DuelFolder(Path(path)))


def _pictures(duel: DuelFolder) -> None:
    views = _views(str(duel.path), str(duel.result().get("made_at")))
    for view, place in zip(views, st.columns(len(views)), strict=True):
        with place:
            st.markdown(f"**{plain(view.title)}**")
            st.image(view.jpeg, width="stretch", alt=f"{view.title}. {view.words}")
            st.caption(plain(view.words))


def _labels(result: dict[str, Any]) -> None:
    from vision_core.duel.story import labelling_chart

    known = [one for one in result["contenders"] if one["labels"] and one["labels"]["hours"] is not None]
    alt = "; ".join(f"{one['title']}: {one['labels']['hours']:.1f} hours" for one in known)
    figures.draw(labelling_chart(result), "Hours of labelling", alt=alt, key="tour_labels")

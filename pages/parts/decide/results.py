"""What came of a duel: the verdict, the yardstick, what it rests on, and what it would cost."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import streamlit as st

from pages import plain, told
from pages.parts.decide import classes, code, good_and_dear, learning, table, take_away, volume
from pages.parts.decide.links import evaluate
from vision_core.data.library import list_datasets
from vision_core.data.wording import plural
from vision_core.duel.folder import DuelFolder
from vision_core.duel.outcome import busy, gaps_in_words, read_result
from vision_core.duel.plan import FIGURE_OF, TITLES, WORDS

_STYLE = """<style>
.st-key-duel_verdict { border-left: 6px solid var(--st-primary-color, #0b62a4); padding-left: 1.2rem; }
.verdict-asked { font-size: 1.05rem; opacity: 0.75; margin: 0; }
.verdict-winner { font-size: 2.3rem; font-weight: 700; line-height: 1.2; margin: 0.1rem 0 0.5rem; }
.verdict-why { font-size: 1.3rem; line-height: 1.5; margin: 0; max-width: 62rem; overflow-wrap: anywhere; }
@media (max-width: 640px) { .verdict-winner { font-size: 1.7rem; } .verdict-why { font-size: 1.1rem; } }
</style>"""


def draw(duel: DuelFolder) -> None:
    """Everything about one duel that has ended."""
    result = read_result(duel)
    key = duel.path.name
    _verdict(result)
    _about(result)
    for part in (
        lambda: table.draw(result, duel, key),
        lambda: _gaps(result),
        lambda: learning.draw(result, key),
        lambda: good_and_dear.draw(result, key),
        lambda: volume.draw(result, key),
        lambda: classes.draw(result, key),
        lambda: _limits(result),
        lambda: take_away.draw(result, duel),
        lambda: code.draw(duel),
    ):
        with told():  # one that cannot be drawn leaves the others standing
            part()


def _verdict(result: Mapping[str, Any]) -> None:
    """Readable from the back of a room."""
    verdict = result["verdict"]
    question, winner = WORDS[result["question"]], TITLES.get(verdict["task"], str(verdict["task"]))
    st.html(_STYLE)
    with st.container(key="duel_verdict"):
        st.html(
            f'<p class="verdict-asked">{escape(question)}</p><p class="verdict-winner">{escape(winner)}</p>'
            f'<p class="verdict-why">{escape(str(verdict["sentence"]))}</p>'
        )


def _about(result: Mapping[str, Any]) -> None:
    """Whose pictures, how many, when, and a way to all runs side by side."""
    names = {dataset.id: dataset.name for dataset in list_datasets()}
    data = str(result.get("data") or result["plan"].get("data", ""))
    said = [
        names.get(data, data),
        plural(result["pictures"], "held-out picture"),
        plural(len(result["classes"]), "class"),
        f"preset {result['plan'].get('preset', '')}",
        str(result.get("made_at", ""))[:10],
    ]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(plain(" · ".join(filter(None, said))), width="content")
        address = evaluate([one["runs"][0] for one in result["contenders"] if len(one["runs"]) == 1])
        if address is not None:
            st.markdown(f":material/analytics: [The runs side by side on Evaluate]({address})", width="content")


def _gaps(result: Mapping[str, Any]) -> None:
    """What decided, in words."""
    words = gaps_in_words(result, FIGURE_OF[result["question"]])
    if words:
        st.markdown("##### How sure is that?")
        st.markdown("\n".join(f"- {plain(sentence)}" for sentence in words))
        st.caption(
            "Intervals of a gap come from the same pictures drawn again for both, so that easy and hard ones weigh "
            "alike. Where one holds zero, these pictures cannot tell the two apart."
        )


def _limits(result: Mapping[str, Any]) -> None:
    """What has to be known before anything of this is quoted."""
    plan, slowed = result["plan"], busy(result)
    notes = [*result["notes"], *result["ground_notes"]]
    if slowed:
        notes.append(
            f"Other programs kept the machine busy while {' and '.join(slowed)} was measured: its speed and price are "
            "worse than they would be on a quiet machine."
        )
    st.markdown("##### What to keep in mind")
    notes += [
        f"The intervals say how far the figures would move with other pictures like these {result['pictures']}. What "
        "another seed of training would give is not in them.",
        f"Every network learned with the preset “{plan.get('preset', '')}”; with more training the order may change.",
        "Hours of labelling follow from published paces, not from yours; the Data page measures yours.",
    ]
    st.markdown("\n".join(f"- {plain(str(note))}" for note in notes))
    with st.expander("How it was done", icon=":material/science:"):
        st.markdown(_method(result))


def _method(result: Mapping[str, Any]) -> str:
    plan = result["plan"]
    device = next(
        (str(one["costs"]["device_name"]) for one in result["contenders"] if one["costs"].get("device_name")), ""
    )
    shares = ", ".join(f"{share:.0%}" for share in plan.get("shares", []))
    lines = [
        "Every contender learns from the same training pictures and is judged on the same held-out ones, on the "
        "common yardstick: a detector's best box of a class says how surely it is there, its boxes say how many, and "
        "the centre of the best one says where; a classifier's score says how surely, and the peak of its activation "
        "map says where.",
        "Each answers from the score on that serves the question best on validation pictures, on which nobody is "
        "judged. Average precision and AP50 need no such score.",
        "Detect-then-classify takes the detector's boxes, of which one stays for each object, and a classifier of "
        "crops names each of them.",
        "The winner is the quickest of those that no other is measurably better than.",
        f"Shares of the labels: {plain(shares)}. Seed {plain(str(plan.get('seed', 0)))}.",
        f"Costs were measured one after the other in one sitting{f' on {plain(device)}' if device else ''}, each with "
        "a batch of one. Money is that speed at a price from the price list.",
    ]
    return "\n".join(f"- {line}" for line in lines)

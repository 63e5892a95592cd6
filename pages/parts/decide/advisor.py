"""The advisor on its page: the answer, what it was told, the short-list, what would turn it, and all of its rules."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape
from pathlib import Path
from urllib.parse import urlencode

import streamlit as st

from pages import plain
from pages.parts.costs_page.wrapped import wrapped
from pages.parts.decide import choose, code, links, needs_form
from vision_core.advice import Advice, Evidence, advise
from vision_core.advice.answer import Fired, Listed
from vision_core.advice.evidence import Source, evidence
from vision_core.advice.needs import QUESTIONS
from vision_core.advice.numbers import Number
from vision_core.advice.prospects import figure_of
from vision_core.advice.rule import Rule
from vision_core.advice.rules import RULES
from vision_core.duel.folder import RESULT, DuelFolder, duels_folder
from vision_core.duel.plan import TITLES
from vision_core.run_folder import list_run_folders

_STYLE = """<style>
.st-key-advice_answer { border-left: 6px solid var(--st-primary-color, #0b62a4); padding-left: 1.2rem; }
.advice-asked { font-size: 1.05rem; opacity: 0.75; margin: 0; }
.advice-task { font-size: 2.3rem; font-weight: 700; line-height: 1.2; margin: 0.1rem 0 0.5rem; }
.advice-why { font-size: 1.2rem; line-height: 1.5; margin: 0; max-width: 62rem; overflow-wrap: anywhere; }
[class*="st-key-advice_place_"] { overflow-wrap: anywhere; }
[class*="st-key-advice_place_"] h4 { padding: 0; }
[class*="st-key-advice_place_"] li { font-size: 0.92rem; }
@media (max-width: 640px) { .advice-task { font-size: 1.7rem; } .advice-why { font-size: 1.05rem; } }
</style>"""
_STANDS = {
    "cannot": (":material/block:", "cannot answer all of it"),
    "limit": (":material/warning:", "breaks a limit"),
    "unproven": (":material/help:", "not measured"),
    "behind": (":material/trending_down:", "measurably worse"),
}
_ALWAYS = {"error_cost", "latency_ms_p50", "usd", "label_hours"}
"""Numbers that are seen at once, besides those of what is asked."""
_MOST_LISTED, _MOST_GIVEN_UP = 6, 4
_HOW = {"reckoned": "reckoned from what was measured", "published": "published, not measured"}
_SIGNS = {
    "money": ":material/payments:",
    "preset": ":material/model_training:",
    "labels": ":material/label:",
    "mind": ":material/info:",
}


def draw(duel: DuelFolder | None) -> None:
    """The advisor, by the evidence of that duel; without one, of the newest, of evaluated runs, or of none."""
    st.html(_STYLE)
    top = st.container(key="advice_answer")
    st.markdown("##### What do you need?")
    needs = needs_form.draw("presence" if duel is None else duel.plan().question)
    with st.spinner("Collecting what was measured …", show_time=True):
        found = advise(needs, _evidence(duel))
    with top:
        _answer(found)
    _shortlist(found)
    _changes(found)
    _experiment(found)
    _notes(found)
    _all_rules()
    code.draw(duel, needs.to_json())


def _evidence(duel: DuelFolder | None) -> Evidence:
    return _collected("" if duel is None else str(duel.path), _state(duel))


@st.cache_data(show_spinner=False, max_entries=4)
def _collected(duel: str, state: tuple[tuple[str, float], ...]) -> Evidence:
    del state  # part of the key: what was measured since makes other evidence
    return evidence(DuelFolder(Path(duel)) if duel else None)


def _state(duel: DuelFolder | None) -> tuple[tuple[str, float], ...]:
    """When everything that evidence is read from was last written."""
    folder = duels_folder()
    files = [] if duel is None else [duel.path / RESULT]
    files += sorted(folder.glob(f"*/{RESULT}")) if folder.is_dir() else []
    for run in list_run_folders():
        files += [run.path / "evaluations", run.path / "costs.json", run.path / "status.json"]
    return tuple((str(file), file.stat().st_mtime) for file in files if file.exists())


def _answer(found: Advice) -> None:
    """Readable from the back of a room."""
    asked = " ".join(QUESTIONS[name] for name in found.ranking.needs.ask)
    with st.container(gap="xsmall"):
        st.html(
            f'<p class="advice-asked">{escape(asked)}</p><p class="advice-task">{escape(TITLES[found.task])}</p>'
            + "".join(f'<p class="advice-why">{escape(one)}</p>' for one in found.sentences)
        )
        title = found.shortlist[0].title
        preset = f" · train it with **{plain(found.preset)}**" if found.preset else ""
        where = "what and where" if found.places else "what is enough"
        networks = " and ".join(plain(one) for one in found.networks)
        named = "" if title == TITLES[found.task] else f" · run {plain(title)}"
        st.caption(f"{where} · {networks}{named}{preset} · {found.basis}")


def _shortlist(found: Advice) -> None:
    st.markdown("##### The short-list")
    shown, needs = found.shortlist[:_MOST_LISTED], found.ranking.needs
    asked = {figure_of(question, needs) for question in needs.ask} | _ALWAYS
    for start in range(0, len(shown), 3):
        line = shown[start : start + 3]
        for number, (place, one) in enumerate(
            zip(wrapped(f"adv_list_{start}", len(line)), line, strict=True), start + 1
        ):
            with place, st.container(border=True, key=f"advice_place_{number}", height="stretch"):
                _place(number, one, asked)


def _place(number: int, one: Listed, asked: Collection[str]) -> None:
    st.markdown(f"#### {number}. {plain(one.title)}")
    stands = next((_STANDS[fired.rule.effect] for fired in one.fired if fired.rule.effect in _STANDS), None)
    if stands is None and not one.prospect.figures:
        st.markdown(":gray-badge[:material/help: nothing measured yet]")
    elif stands is None:
        st.markdown(":green-badge[:material/check: keeps everything that was asked]")
    else:
        st.markdown(f":orange-badge[{stands[0]} {stands[1]}]")
    for fired in one.fired:
        st.markdown(plain(fired.sentence), help=_why(fired))
    first = [one_number for one_number in one.numbers if one_number.name in asked]
    others = [one_number for one_number in one.numbers if one_number not in first]
    whole = one.prospect.candidate.sources.get("labels")  # of a measurement that is gone the duel still tells
    st.markdown("\n".join(f"- {_linked(shown, whole)}" for shown in first or others))
    if one.gives_up:
        st.markdown("**Gives up**\n" + "\n".join(f"- {plain(what)}" for what in one.gives_up[:_MOST_GIVEN_UP]))
    rest = [f"- {_linked(shown, whole)}" for shown in others if first]
    rest += [f"- gives up {plain(what)}" for what in one.gives_up[_MOST_GIVEN_UP:]]
    if rest:
        with st.expander("All numbers"):
            st.markdown("\n".join(rest))


def _linked(number: Number, instead: Source | None) -> str:
    """A number as a way to where it was measured, as Markdown."""
    value = number.said
    if number.low is not None and number.high is not None:
        scale, digits = (1, 2) if number.name in ("count_mae", "error_cost") else (100, 1)
        value += f" (95 %: {scale * number.low:.{digits}f} to {scale * number.high:.{digits}f})"
    where = _address(number.source) or (_address(instead) if instead is not None else None)
    how = f" · {_HOW[number.how]}" if number.how in _HOW and number.how == "published" else ""
    return f"[{plain(value)}]({where}){how}" if where else f"{plain(value)}{how}"


def _address(source: Source) -> str | None:
    """The address of a run, a duel or a measurement, where it is in this workspace."""
    if source.of == "run":
        return links.evaluate([source.where])
    if source.of == "bench":
        return links.bench(source.where)
    if source.of == "duel" and Path(source.where).resolve().parent == duels_folder().resolve():
        return "Decide?" + urlencode({"duel": Path(source.where).name, "show": "Result"})
    return None


def _why(fired: Fired) -> str:
    rule = fired.rule
    return f"**{plain(rule.name)}** — if {plain(rule.when)}: {plain(rule.does)}.\n\n{plain(rule.source)}"


def _changes(found: Advice) -> None:
    left, right = wrapped("adv_beside", 2)
    with left:
        st.markdown("##### What would change this?")
        if found.changes:
            st.markdown("\n".join(f"- {plain(one.sentence)}" for one in found.changes))
            st.caption("Each was found by ranking again, with everything else as you said it.")
        else:
            st.markdown("Nothing that the evidence can tell.")
    with right:
        st.markdown("##### What else the rules say")
        for one in found.fired:
            st.markdown(f"{_SIGNS[one.rule.effect]} {plain(one.sentence)}", help=_why(one))
        if not found.fired:
            st.markdown("Nothing.")


def _experiment(found: Advice) -> None:
    if found.experiment is None:
        return
    st.markdown("##### The cheapest experiment")
    st.markdown(f"{plain(found.experiment.why)} {plain(found.experiment.how_long)}")
    st.code(found.experiment.command, language="bash", wrap_lines=True)
    if st.button("To a new duel", icon=":material/swords:", key="advice_new_duel"):
        choose.open_next("New duel")


def _notes(found: Advice) -> None:
    st.caption("  \n".join(plain(note) for note in found.notes))


def _all_rules() -> None:
    """The table that decides, whole."""
    with st.expander(f"All {len(RULES)} rules", icon=":material/rule:"):
        st.caption(
            "The advisor is this table and nothing else. Rules that rank stand first, the strongest at the top; "
            "between candidates that none of them tells apart the money of the whole period decides."
        )
        st.table(_rows(RULES), hide_index=True, border="horizontal", alt="The rules, in the order they are asked")


def _rows(rules: Sequence[Rule]) -> list[dict[str, str]]:
    return [{"Rule": rule.name, "If": rule.when, "Then it": rule.does, "Source": plain(rule.source)} for rule in rules]

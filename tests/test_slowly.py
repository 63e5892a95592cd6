"""What takes a while on the Evaluate page: found once for everybody, stopped and gone on with by a click."""

from __future__ import annotations

import itertools

from streamlit.testing.v1 import AppTest

_keys = itertools.count()


def page(key: int) -> None:
    import time

    import streamlit as st

    from pages.parts.evaluate import slowly

    def work(progress):  # type: ignore[no-untyped-def]
        counted = st.session_state["counted"] = st.session_state.get("counted", 0) + 1
        for step in range(3):
            if st.session_state.get("slow"):
                time.sleep(0.6)
            progress("Drawing", step + 1, 3)
        return counted

    found = slowly.found(("test", key), work, "Comparing", "test")
    st.markdown(f"found {found}")


def test_what_was_found_is_kept_for_everybody():
    key = next(_keys)
    app = AppTest.from_function(page, args=(key,)).run()
    assert app.markdown[0].value == "found 1"
    assert app.run().session_state["counted"] == 1
    other = AppTest.from_function(page, args=(key,)).run()
    assert other.markdown[0].value == "found 1"
    assert "counted" not in other.session_state


def test_it_is_stopped_and_gone_on_with():
    key = next(_keys)
    app = AppTest.from_function(page, args=(key,))
    app.session_state["evaluate_stopped_test"] = ("test", key)
    app.run()
    assert app.markdown[0].value == "found None"
    assert app.caption[0].value == "Comparing: stopped."
    app.button(key="evaluate_go_test").click().run()
    assert app.markdown[0].value == "found 1"


def test_no_bar_stays_behind():
    app = AppTest.from_function(page, args=(next(_keys),))
    app.session_state["slow"] = True
    app.run(timeout=20)
    assert app.markdown[0].value == "found 1"
    assert not app.button
    assert not app.exception

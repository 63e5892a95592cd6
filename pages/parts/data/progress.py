"""A bar for long work in several stages, with the time left and a way to stop.

Any click makes Streamlit end the run that works, at its next call: that is what "Stop" does, and what is half done is
cleaned up by the work itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages import plain


class Bar:
    """Progress as `vision_core` reports it; may be called thousands of times a second."""

    def __init__(self, place: DeltaGenerator) -> None:
        self.place = place
        self.what = ""
        self.started = self.shown_at = 0.0

    def stage(self, what: str, done: int, total: int) -> None:
        """Called with what is being done, how much of it, and how much there is."""
        now = time.monotonic()
        if what != self.what:
            self.what, self.started, self.shown_at = what, now, 0.0
        if now - self.shown_at < 0.2:
            return
        self.shown_at = now
        left_s = (now - self.started) * (total - done) / max(done, 1)
        share = min(done / total, 1.0) if total else 0.0
        self.place.progress(share, f"{plain(what)}: {done:,} of {total:,}, about {left_s:.0f} s left")

    def of(self, what: str) -> Stage:
        """The same for work that has one stage."""
        return Stage(self, what)


class Stage:
    """Progress of one stage."""

    def __init__(self, bar: Bar, what: str) -> None:
        self.bar, self.what = bar, what

    def __call__(self, done: int, total: int) -> None:
        self.bar.stage(self.what, done, total)


@contextmanager
def working(what: str, key: str) -> Iterator[Bar]:
    """A bar and a stop button, there as long as the work inside goes on."""
    place, button = st.empty(), st.empty()
    place.progress(0.0, f"{what} …")
    button.button("Stop", key=f"stop_{key}", icon=":material/stop:")
    try:
        yield Bar(place)
    finally:
        place.empty()
        button.empty()

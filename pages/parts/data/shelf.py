"""Fashion Shelf, painted unasked: a thread of the server starts with the first visitor and ends with the last scene."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import streamlit as st

from vision_core.errors import VisionError
from vision_core.settings import settings

SCENES_OF_EXAMPLES = 300
"""The runs that come with the project were trained on so many scenes."""


@dataclass
class Painting:
    """How far it is; `error`: why it stopped."""

    scenes: int
    done: int = 0
    started: float = field(default_factory=time.monotonic)
    running: bool = True
    error: str = ""

    @property
    def left_s(self) -> float:
        return (time.monotonic() - self.started) * (self.scenes - self.done) / max(self.done, 1)

    @property
    def brings_runs(self) -> bool:
        """Whether the example runs are still to come."""
        return self.running and self.scenes == SCENES_OF_EXAMPLES

    def paint(self) -> None:
        from vision_core.data.library import add_shelf  # here, so that the first page need not wait for the import
        from vision_core.duel.examples import install_example_duel
        from vision_core.training.examples import install_examples

        def progress(what: str, done: int, total: int) -> None:
            self.done = done

        try:
            shelf = add_shelf(self.scenes, progress=progress)
            if self.scenes == SCENES_OF_EXAMPLES:
                install_examples(shelf)
                install_example_duel(shelf)
        except (VisionError, OSError) as error:
            self.error = str(error)
        finally:
            self.running = False


@st.cache_resource(show_spinner=False)
def painting() -> Painting | None:
    """The one painting of this server, begun at the first call; None when the settings ask for no scenes."""
    scenes = settings().shelf_scenes
    if not scenes:
        return None
    begun = Painting(scenes)
    threading.Thread(target=begun.paint, name="Fashion Shelf", daemon=True).start()
    return begun

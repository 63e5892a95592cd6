"""Takes the pictures of the dashboard that the README and `docs/` show, in a real browser on a server of its own.

python docs/screenshots.py                    # writes docs/*.png; needs Chromium and requirements-dev.txt
python docs/screenshots.py evaluate costs     # only those whose names begin so

The picture on screen is the sample "Four photos on a wall"; the figures are those of the machine it runs on.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent))

import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402
from playwright.sync_api import Browser, expect  # noqa: E402

from tests.browser import ONE_THREAD, Server, Tab, chromium, serve, visit  # noqa: E402

MAX_BYTES = 400_000
EXAMPLES = ("fashion-shelf-classifier", "fashion-shelf-detector")
MEASURE = """
import time
from vision_core.costs.bench import BenchPlan
from vision_core.costs.bench_store import start_bench

bench = start_bench(BenchPlan(("tf_efficientnet_lite0", "ssdlite_mobilenet_v2_coco"), batch_sizes=(1, 8)))
while bench.is_active:
    time.sleep(0.5)
"""
"""The example networks, measured as the Costs page would."""


@dataclass(frozen=True)
class Shot:
    """One picture: its file, the page, and how it is looked at; `whole` shows the page to its end."""

    name: str
    path: str
    width_px: int
    scheme: Literal["light", "dark"]
    whole: bool = True
    height_px: int = 900


SHOTS = (
    Shot("compare-light", "Compare", 1440, "light"),
    Shot("compare-dark", "Compare", 1440, "dark"),
    Shot("compare-phone", "Compare", 400, "light"),
    Shot("home-light", "", 1440, "light"),
    Shot("home-dark", "", 1440, "dark"),
    Shot("data-light", "Data?section=Pictures", 1440, "light", whole=False),
    Shot("data-dark", "Data", 1440, "dark"),
    Shot("data-phone", "Data?section=Label", 400, "light"),
    Shot("train-light", "Train?show=Runs&run=fashion-shelf-detector", 1440, "light"),
    Shot("train-dark", "Train?show=New run", 1440, "dark"),
    Shot("evaluate-light", "Evaluate?run=fashion-shelf-classifier&run=fashion-shelf-detector", 1440, "light"),
    Shot("evaluate-dark", "Evaluate?run=fashion-shelf-detector&part=Errors", 1440, "dark", whole=False),
    Shot("costs-light", "Costs?show=Money", 1440, "light"),
    Shot("costs-dark", "Costs?show=Results", 1440, "dark", whole=False),
    Shot("decide-light", "Decide?show=Result&duel=fashion-shelf", 1440, "light", whole=False, height_px=1250),
    Shot("decide-dark", "Decide?show=Advisor&duel=fashion-shelf", 1440, "dark", whole=False, height_px=1250),
    Shot("hero", "Compare", 1440, "light", whole=False),
)


def main() -> None:
    """Takes every picture; the first visit measures, the others find the figures ready."""
    with (
        tempfile.TemporaryDirectory() as home,
        serve(Path(home), WHATWHERE_SHELF_SCENES="300") as server,
        chromium() as browser,
    ):
        with visit(browser) as tab:  # until Fashion Shelf is painted
            tab.page.goto(f"{server.url}/Data")
            expect(tab.page.get_by_role("combobox", name="Data set")).to_be_visible()
        wanted = [shot for shot in SHOTS if shot.name.startswith(tuple(sys.argv[1:]) or "")]
        for command in {command for shot in wanted for command in needed(shot)}:
            environment = {**os.environ, **ONE_THREAD, "WHATWHERE_HOME": home}
            subprocess.run([sys.executable, *command], cwd=DOCS.parent, env=environment, check=True)
        for shot in wanted:
            content = optimised(take(shot, server, browser))
            (DOCS / f"{shot.name}.png").write_bytes(content)
            print(f"docs/{shot.name}.png  {len(content) // 1000} kB")


def needed(shot: Shot) -> list[tuple[str, ...]]:
    """What has to be worked out before a page has something to show."""
    if shot.path.startswith("Evaluate"):
        return [("-m", "vision_core", "evaluate", run) for run in EXAMPLES]
    return [("-c", MEASURE)] if shot.path.startswith("Costs") else []


def take(shot: Shot, server: Server, browser: Browser) -> bytes:
    """The PNG of one page, after everything on it has come to rest; without the name of this machine's folder."""
    home = str(server.log.parent)
    with visit(browser, shot.width_px, shot.height_px, color_scheme=shot.scheme) as tab:
        tab.page.goto(f"{server.url}/{shot.path}")
        if shot.path == "Compare":
            tab.measured()
        if shot.whole:
            stretch(tab)
        tab.settled()
        tab.page.get_by_text(home).evaluate_all("places => places.forEach(place => place.textContent = 'workspace')")
        return tab.page.screenshot(animations="disabled")


def stretch(tab: Tab) -> None:
    """Makes the window as high as the page: Streamlit scrolls inside it, so a full-page picture would not do."""
    expect(tab.idle).to_be_attached()
    tab.settled()
    height = tab.page.get_by_test_id("stMain").evaluate("main => main.scrollHeight")
    width = (tab.page.viewport_size or {"width": 0})["width"]
    tab.page.set_viewport_size({"width": width, "height": height})


def optimised(png: bytes) -> bytes:
    """The same picture in at most `MAX_BYTES`: with all its colours if they fit, else with 256 or fewer."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    for colours in (None, 256, 128, 64):
        out = io.BytesIO()
        (image if colours is None else reduced(image, colours)).save(out, "PNG", optimize=True)
        if out.tell() <= MAX_BYTES:
            return out.getvalue()
    raise RuntimeError(f"{image.size} px do not fit into {MAX_BYTES} bytes")


def reduced(image: Image.Image, colours: int) -> Image.Image:
    """The page's own colours (its most frequent ones) exactly; the others are shared by the photos, dithered."""
    pixels = np.asarray(image)
    known, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_counts=True)
    known = known[np.argsort(-counts)]
    flat = known[: colours // 4]
    shared = Image.fromarray(known[None, len(flat) :]).quantize(colours - len(flat), kmeans=2).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette([*flat.flatten().tolist(), *shared])
    numbers = np.array(image.quantize(palette=palette))
    for number, colour in enumerate(flat):
        numbers[(pixels == colour).all(axis=2)] = number
    palette = palette.resize(image.size)
    palette.putdata(numbers.flatten())
    return palette


if __name__ == "__main__":
    main()

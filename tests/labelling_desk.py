"""A server with the labelling section alone, and the section in a browser, by positions in the original picture."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Locator, expect

from tests.browser import ROOT, Server, Tab
from vision_core.data.index import DatasetIndex, ImageRecord, IndexBuilder
from vision_core.data.journal import replay

CLASSES = ("shirt", '<img src=x onerror="alert(1)"> & "bag"', "Größe 42")
SIZES = {"1.png": (640, 480), "2.png": (300, 400), "3.jpg": (6000, 4000), "4.png": (640, 480), "5.png": (28, 28)}
"""The last one has a box and a label already, so it comes last in every queue."""


class Place:
    """A data set on disk and the server that shows it, which can be killed and started again at the same address."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.pictures = folder, folder / "pictures"
        self.name = "version"
        self.pictures.mkdir(parents=True)
        for name, size in SIZES.items():
            noise = np.random.default_rng(len(name)).integers(0, 256, (8, 8, 3), np.uint8)
            Image.fromarray(noise).resize(size, Image.Resampling.BILINEAR).save(self.pictures / name)
        self.log = folder / "server.log"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def version(self) -> Path:
        return self.folder / self.name

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        options = [f"--server.port={self.port}", "--server.address=127.0.0.1", "--server.headless=true"]
        options += ["--server.fileWatcherType=none"]
        environment = {
            "LABELLING_PICTURES": str(self.pictures),
            "LABELLING_FOLDER": str(self.folder),
            "LABELLING_CLASSES": ",".join(CLASSES),
            "OMP_NUM_THREADS": "1",
        }
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streamlit", "run", "tests/labelling_app.py", *options],
                cwd=ROOT,
                env={**os.environ, **environment},
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        server = Server(self.url, self.process, self.log)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if server.is_healthy():
                    return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(self.log.read_text(errors="replace")[-3000:])

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL if os.name != "nt" else signal.SIGTERM)
            self.process.wait()

    @property
    def index(self) -> DatasetIndex:
        """The data set as the page was given it."""
        builder = IndexBuilder(CLASSES)
        for name, size in SIZES.items():
            last = name == "5.png"
            builder.add_image(
                name, size, labels=[0] if last else None, boxes=[(0, 2.0, 3.0, 20.0, 22.0, False)] if last else None
            )
        return builder.finish(self.pictures, "folder")

    def said(self, name: str) -> ImageRecord:
        """What the journal makes of a picture."""
        return replay(self.version, self.index).record(list(SIZES).index(name))


@contextmanager
def running(folder: Path) -> Iterator[Place]:
    place = Place(folder)
    place.start()
    try:
        yield place
    finally:
        place.kill()


class Desk:
    """The labelling section in one tab, with the positions on screen of pixels of the original picture."""

    def __init__(self, tab: Tab) -> None:
        self.tab, self.page = tab, tab.page

    def open(self, place: Place) -> Desk:
        self.page.goto(f"{place.url}/?version={place.name}")
        self.shows("1.png")
        return self

    def shows(self, name: str) -> None:
        width, height = SIZES[name]
        expect(self.page.locator(".file")).to_contain_text(f"{name} · {width} × {height} px")
        expect(self.page.locator(".sheet")).to_be_visible()
        expect(self.page.locator(".overlay")).to_have_attribute("viewBox", f"0 0 {width} {height}")
        self.stands_still()

    def stands_still(self) -> None:
        """Waits until the picture has kept its place for a while: positions asked for before would be wrong."""
        last, since = None, time.monotonic()
        deadline = since + 30
        while (now := time.monotonic()) - since < 0.25:
            area = self.page.locator(".overlay").bounding_box()
            if area != last:
                last, since = area, now
            if now > deadline:
                raise AssertionError(f"the picture still moves: {area}")
            self.page.wait_for_timeout(30)

    def at(self, x: float, y: float) -> tuple[float, float]:
        area = self.page.locator(".overlay").bounding_box()
        box = self.page.locator(".overlay").get_attribute("viewBox")
        assert area is not None
        assert box is not None
        width, height = (float(value) for value in box.split()[2:])
        return area["x"] + x / width * area["width"], area["y"] + y / height * area["height"]

    @property
    def scale(self) -> float:
        """Pixels of the original to one of the screen."""
        return 1 / (self.at(1, 0)[0] - self.at(0, 0)[0])

    def drag(self, start: tuple[float, float], end: tuple[float, float], saved: bool = True) -> None:
        """Presses at one pixel of the picture, moves in steps to another, lets go."""
        mouse = self.page.mouse
        mouse.move(*self.at(*start))
        mouse.down()
        for share in (0.3, 0.7, 1.0):
            mouse.move(*self.at(*(a + share * (b - a) for a, b in zip(start, end, strict=True))))
        mouse.up()
        if saved:
            self.saved()

    def saved(self) -> None:
        expect(self.page.locator('.saved[data-state="saved"]')).to_be_visible()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    @property
    def boxes(self) -> Locator:
        return self.page.locator(".box.line")

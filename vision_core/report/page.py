"""Writes a report as one HTML file: nothing in it comes from elsewhere, and nothing in it can be run but our own.

Every value that is written goes through the template's own escaping, after control and direction characters are gone
(`_shown`); charts travel as JSON that cannot end its element; and a content security policy names the two scripts by
their digests, so that a script that found its way in would still not be run.
"""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from vision_core.drawing import clean_text, encode_jpeg
from vision_core.errors import SettingsError, VisionError
from vision_core.evaluation.pictures import outlined
from vision_core.figure_files import for_paper, to_csv
from vision_core.report.subject import Chart, Gallery, Report, Shot, Stage

ASSETS = Path(__file__).resolve().parent.parent / "assets" / "report"
MARKER = 'name="generator" content="WhatWhere report"'
"""By which one of our files is known."""
MOST_BYTES = 5_000_000
_LONGEST = 1500
"""Characters of one value: no name may fill the file."""
_MOST_CARD = 40_000
_MOST_NUMBERS = 60
_SHOWN_PX = 250
_LEVELS = ((400, 72, 10), (320, 62, 10), (250, 50, 10), (250, 50, 4), (0, 0, 0))
"""Width in pixels, JPEG quality and number of a kind of the pictures: the first with which the file is small enough."""
_SPARE = 60_000
_NO_ROOM = "There was no room for pictures: the tables and charts alone fill the file."


def render(report: Report, tell: Stage) -> str:
    """The file's text."""
    scripts = (_plotly(), (ASSETS / "report.js").read_text("utf-8"))
    values = {
        "report": report,
        "policy": _policy(scripts),
        "scripts": [_markup(script) for script in scripts],
        "style": _markup((ASSETS / "report.css").read_text("utf-8")),
        "charts": _markup(_json(report)),
        "numbers": {chart.key: _numbers(chart) for chart in _charts(report)},
        "cards": [(title, _card(text)) for title, text in report.cards],
        "verdict": report.verdict,
    }
    template = _environment().get_template("report.html.j2")
    bare = template.render(values | {"pictures": {}, "galleries": ()})
    size = len(bare.encode())
    if size > MOST_BYTES - _SPARE:
        raise SettingsError(
            f"Without any picture the report has {size / 1e6:.1f} MB already, and {MOST_BYTES / 1e6:g} are its most: "
            "name fewer runs, or ones with fewer classes."
        )
    galleries, pictures = _pictures(report.galleries, MOST_BYTES - size - _SPARE, tell)
    if report.galleries and not galleries:
        values["report"] = replace(report, gallery_note=f"{report.gallery_note} {_NO_ROOM}".strip())
    return template.render(values | {"pictures": pictures, "galleries": galleries})


@lru_cache(maxsize=1)
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "identity": id,
        "address": _markup,
        "prose": _prose,
    }  # an address is our own base64, which nothing may cut
    return made


def _shown(value: Any) -> Any:
    """What is written of a value: text on one line, without what could turn or hide it; escaping comes after."""
    from markupsafe import Markup

    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    line = clean_text(value)
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def _prose(text: str) -> Any:
    """A sentence of ours with the names in it; what stands between backticks is a command."""
    from markupsafe import Markup, escape

    parts = [escape(part) for part in str(_shown(text)).split("`")]
    if len(parts) % 2 == 0:  # a lone backtick is one
        parts[-2:] = [Markup("`").join(parts[-2:])]
    return Markup("").join(Markup("<code>{}</code>").format(part) if at % 2 else part for at, part in enumerate(parts))


def _markup(text: str) -> Any:
    """Our own text, that is written as it is."""
    from markupsafe import Markup

    return Markup(text)


def _card(text: str) -> Any:
    """A model card, line by line as it is indented, escaped."""
    from markupsafe import Markup, escape

    whole = text[:_MOST_CARD].encode("utf-8", "replace").decode("utf-8")
    lines = ["".join(filter(str.isprintable, line)) for line in whole.splitlines()]
    return Markup("\n").join(map(escape, lines))


@lru_cache(maxsize=1)
def _plotly() -> str:
    """plotly.js, in the build that draws points, lines and bars."""
    return gzip.decompress((ASSETS / "plotly-basic.min.js.gz").read_bytes()).decode("utf-8")


def _policy(scripts: Sequence[str]) -> str:
    """Nothing from anywhere; pictures that are in the file; these two scripts and no other."""
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {allowed}; "
        "base-uri 'none'; form-action 'none'"
    )


def _charts(report: Report) -> tuple[Chart, ...]:
    return (*report.good_charts, *report.cost_charts, *report.label_charts)


def _json(report: Report) -> str:
    """The figures by key, as JSON that holds none of the characters that could end its element."""
    found = {chart.key: json.loads(str(for_paper(chart.figure).to_json())) for chart in _charts(report)}
    text = json.dumps(found, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _numbers(chart: Chart) -> list[list[str]]:
    """The points of a chart as a table, its head first; none where they would be a page of their own."""
    rows = list(csv.reader(io.StringIO(to_csv(chart.figure))))
    return rows if 1 < len(rows) <= _MOST_NUMBERS + 1 else []


def _pictures(
    galleries: Sequence[Gallery], budget_bytes: int, tell: Stage
) -> tuple[tuple[Gallery, ...], dict[int, str]]:
    """The galleries, and each picture of them as a `data:` address by the identity of its record; as large as fits."""
    for width_px, quality, most in _LEVELS:
        kept = tuple(replace(one, shots=one.shots[:most]) for one in galleries)
        shots = [shot for one in kept for shot in one.shots]
        found: dict[int, str] = {}
        left = budget_bytes
        for number, shot in enumerate(shots):
            tell("Drawing pictures", number, len(shots))
            found[id(shot)] = _address(shot, width_px, quality)
            left -= len(found[id(shot)]) + 2 * len(shot.text) + 500
            if left < 0:
                break
        if left >= 0:
            tell("Drawing pictures", len(shots), len(shots))
            return kept, found
    return (), {}


def _address(shot: Shot, width_px: int, quality: int) -> str:
    """A picture with its boxes, inside its own address; "" where it can no longer be read."""
    from vision_core.images import open_image

    try:
        image = open_image(shot.path).preview(width_px)
    except (VisionError, OSError):
        return ""
    if image.width < width_px:  # lines and texts need more pixels than a small picture has
        image = image.resize((width_px, max(1, round(image.height * width_px / image.width))))
    drawn = outlined(image, shot.size_px, shot.outlines, _SHOWN_PX) if shot.outlines else image
    drawn.thumbnail((width_px, 2 * width_px))
    return f"data:image/jpeg;base64,{base64.b64encode(encode_jpeg(drawn, quality)).decode('ascii')}"

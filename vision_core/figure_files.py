"""A Plotly figure as a file: PNG and SVG as a browser paints them, a page that works offline, and its numbers.

    Path("chart.svg").write_bytes(to_image(figure, "svg", title="Latency"))

Files have a white ground and dark text, whatever the page they come from looks like. PNG and SVG need an installed
Chrome or Chromium; where there is none, `browser()` says so and a chart's own camera button still makes a PNG.
"""

from __future__ import annotations

import csv
import html
import io
import math
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from vision_core.errors import SettingsError

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

ImageFormat = Literal["png", "svg"]
MIME_TYPES = {"png": "image/png", "svg": "image/svg+xml", "html": "text/html", "csv": "text/csv"}
WIDTH_PX, LEAST_HEIGHT_PX = 960, 320
_INK, _GRID, _PAPER = "#17212B", "#D5DDE5", "#FFFFFF"
_TITLE_PX = 44
_CSV_DIGITS = 6
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_one_at_a_time = threading.Lock()  # each image starts a browser; a server that starts several at once would stall


def browser() -> str | None:
    """The Chrome or Chromium that paints PNG and SVG; None where none is installed."""
    try:
        from choreographer.browsers.chromium import Chromium
    except ImportError:
        return None
    return Chromium.find_browser(skip_local=False)


def to_image(figure: Figure, format: ImageFormat, title: str = "", width_px: int = WIDTH_PX) -> bytes:
    """The figure as a PNG (twice as many pixels, for print) or SVG file; nothing is asked of any network.

    Raises:
        SettingsError: there is no browser to paint it, or it gave up.
    """
    if browser() is None:
        raise SettingsError(
            "PNG and SVG are painted by Chrome or Chromium, and none is installed here: install one, or take HTML or "
            "CSV, or the camera button above the chart."
        )
    import kaleido

    ready = for_paper(figure, title)
    options = {"format": format, "width": width_px, "height": _height(ready), "scale": 2 if format == "png" else 1}
    try:
        with _one_at_a_time:
            return kaleido.calc_fig_sync(ready.to_dict(), opts=options, kopts={"mathjax": False})
    except Exception as error:  # whatever a browser of any version may say
        reason = str(error).strip().splitlines()
        raise SettingsError(
            f"The chart could not be painted ({reason[0] if reason else type(error).__name__}): take HTML or CSV."
        ) from error


def to_html(figure: Figure, title: str = "", alt: str = "") -> str:
    """A page of its own that shows the figure, can be zoomed and hovered, and needs no network."""
    chart = for_paper(figure).to_html(
        full_html=False, include_plotlyjs=True, config={"displaylogo": False, "responsive": True}
    )
    named = html.escape(title)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{named}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<style>body{font-family:sans-serif;color:#17212B;max-width:75rem;margin:2rem auto;padding:0 1rem}</style>"
        f'</head><body><h1>{named}</h1><div role="img" aria-label="{html.escape(alt or title)}">{chart}</div>'
        f"<p>{html.escape(alt)}</p></body></html>\n"
    )


def to_csv(figure: Figure, table: Iterable[Mapping[str, Any]] | None = None) -> str:
    """The numbers of a figure: the `table` where whoever drew it gave one, else every point that is drawn.

    Text that a spreadsheet would run as a formula gets an apostrophe in front (OWASP, "CSV injection").
    """
    rows = list(_points(figure) if table is None else table)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([_cell(name) for name in columns])
    writer.writerows([[_cell(row.get(name)) for name in columns] for row in rows])
    return out.getvalue()


def file_name(title: str, ending: str) -> str:
    """A file's name for a title: "F1 by threshold" -> "f1-by-threshold.png"."""
    stem = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60]
    return f"{stem or 'chart'}.{ending}"


def for_paper(figure: Figure, title: str = "") -> Figure:
    """A copy with white ground, dark text and, where one is given, its title."""
    import plotly.graph_objects as go

    ready = go.Figure(figure)
    ready.update_layout(paper_bgcolor=_PAPER, plot_bgcolor=_PAPER, font={"color": _INK, "family": "sans-serif"})
    ready.update_xaxes(gridcolor=_GRID)
    # without a distance of its own, the feet of an axis's title are cut off
    ready.update_xaxes({"title": {"standoff": 10}}, selector=lambda axis: axis.title.standoff is None)
    ready.update_yaxes(gridcolor=_GRID)
    margin = {"l": 16, "r": 24, "t": 16, "b": 28}
    drawn = ready.layout.margin
    top = max((drawn.t or 0), margin["t"])
    if title:
        top += _TITLE_PX
        ready.update_layout(
            title={"text": _plain(title), "x": 0.01, "y": 0.99, "yanchor": "top", "yref": "container", "pad": {"t": 12}}
        )
    ready.update_layout(margin=margin | {"t": top}, height=_height(figure) + (_TITLE_PX if title else 0) + margin["b"])
    return ready


def _plain(text: str) -> str:
    from vision_core.charts import escape

    return escape(text)


def _height(figure: Figure) -> int:
    return int(figure.layout.height or LEAST_HEIGHT_PX)


def _points(figure: Figure) -> Iterator[dict[str, Any]]:
    """One row a point, or a cell of a heat map, with the axes' titles as columns."""
    for number, trace in enumerate(cast(Any, figure).data):
        names = _axis_titles(figure, trace)
        texts = _tick_texts(figure, trace, "x"), _tick_texts(figure, trace, "y")
        series = html.unescape(str(trace.name)) if trace.name else f"series {number + 1}"
        if trace.type == "heatmap":
            yield from _cells(trace, names, texts)
            continue
        for place, (x, y) in enumerate(zip(_values(trace.x), _values(trace.y), strict=False)):
            row = {"series": series, names[0]: _named(x, texts[0]), names[1]: _named(y, texts[1])}
            yield row | _error(trace, "x", names[0], x, place) | _error(trace, "y", names[1], y, place)


def _cells(trace: Any, names: tuple[str, str], texts: tuple[dict[Any, str], dict[Any, str]]) -> Iterator[dict]:
    values = [_values(row) for row in trace.z]
    ys = _values(trace.y) if trace.y is not None else list(range(len(values)))
    for y, row in zip(ys, values, strict=False):
        xs = _values(trace.x) if trace.x is not None else list(range(len(row)))
        for x, value in zip(xs, row, strict=False):
            yield {names[1]: _named(y, texts[1]), names[0]: _named(x, texts[0]), "value": value}


def _error(trace: Any, axis: str, name: str, value: Any, place: int) -> dict[str, Any]:
    """Both ends of a point's error bar, where it has one."""
    bar = getattr(trace, f"error_{axis}", None)
    ups = [] if bar is None else _values(bar.array)
    downs = ups if bar is None or bar.arrayminus is None else _values(bar.arrayminus)
    if place >= len(ups) or ups[place] is None or value is None:
        return {}
    return {f"{name}, low": value - downs[place], f"{name}, high": value + ups[place]}


def _axis_titles(figure: Figure, trace: Any) -> tuple[str, str]:
    """What the trace's axes are called; "x" and "y" where they are not."""
    found = []
    for letter in ("x", "y"):
        title = _axis(figure, trace, letter).title.text
        found.append(html.unescape(re.sub(r"<[^>]*>", " ", title)) if title else letter)
    return (found[0], found[1]) if found[0] != found[1] else (found[0], f"{found[1]} (y)")


def _axis(figure: Figure, trace: Any, letter: str) -> Any:
    number = str(getattr(trace, f"{letter}axis", None) or letter)[1:]
    return figure.layout[f"{letter}axis{number}"]


def _tick_texts(figure: Figure, trace: Any, letter: str) -> dict[Any, str]:
    """What stands beside a value on the axis, for axes of names."""
    axis = _axis(figure, trace, letter)
    if axis.ticktext is None or axis.tickvals is None:
        return {}
    return dict(zip(_values(axis.tickvals), map(str, axis.ticktext), strict=False))


def _named(value: Any, texts: dict[Any, str]) -> Any:
    return html.unescape(texts[value]) if value in texts else value


def _values(values: Any) -> list[Any]:
    if values is None:
        return []
    return (
        values.tolist() if isinstance(values, np.ndarray) else [v.item() if hasattr(v, "item") else v for v in values]
    )


def _rounded(value: float) -> float | int:
    """To six digits that count, whole numbers in full; no measurement here knows more."""
    if value == 0:
        return 0
    digits = _CSV_DIGITS - 1 - math.floor(math.log10(abs(value)))
    return round(value, digits) if digits > 0 else round(value)


def _cell(value: Any) -> Any:
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return ""
    if isinstance(value, float):
        return _rounded(value)
    if not isinstance(value, str):
        return "; ".join(map(str, value)) if isinstance(value, Sequence) else value
    text = value.encode("utf-8", "replace").decode("utf-8")
    return "'" + text if text.lstrip(" ").startswith(_FORMULA_STARTS) else text

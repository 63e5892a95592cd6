"""Charts of a data set: counts that agree with counting by hand, names that stay text, and no more data than needed."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from vision_core.data import box_charts, charts
from vision_core.data.index import BOXES, IMAGES, DatasetIndex, IndexBuilder
from vision_core.data.map_chart import MOST_POINTS, MapPoints, embedding_map

Chart = Callable[[DatasetIndex], Any]
EVERY_CHART: dict[str, Chart] = {
    "boxes by class": charts.class_balance,
    "labels by class": lambda index: charts.class_balance(index, "labels"),
    "objects per image": charts.objects_per_image,
    "image sizes": charts.image_sizes,
    "boxes together": charts.co_occurrence,
    "labels together": lambda index: charts.co_occurrence(index, "labels"),
    "box sizes": box_charts.box_sizes,
    "box shares": box_charts.box_shares,
    "box positions": box_charts.box_positions,
    "box aspects": box_charts.box_aspects,
}
Box = tuple[int, float, float, float, float, bool]


def small(names: tuple[str, ...] = ("cat", "dog", "cow")) -> DatasetIndex:
    """Five pictures; the fourth is searched and empty, the fifth neither searched, labelled nor measured."""
    build = IndexBuilder(names)
    build.add_image("a.jpg", (640, 480), "train", [0, 1], [(0, 0, 0, 10, 10, False), (1, 0, 0, 64, 32, False)])
    build.add_image("b.jpg", (640, 480), "train", [0], [(0, 500, 380, 640, 480, False), (0, 0, 0, 640, 480, True)])
    build.add_image("c.jpg", (300, 900), "test", [0, 1], [(1, 0, 0, 96, 96, False), (0, 200, 0, 240, 40, False)])
    build.add_image("d.jpg", (320, 320), "val", [], [])
    build.add_image("e.jpg")
    return build.finish(Path("nowhere"), "folder")


def large(images: int, boxes: int, classes: int) -> DatasetIndex:
    """Random pictures and boxes, built from columns."""
    random = np.random.default_rng(0)
    split = pa.DictionaryArray.from_arrays(
        pa.array(random.integers(0, 3, images), pa.int32()), pa.array(["train", "val", "test"])
    )
    offsets = np.arange(images + 1, dtype=np.int32)
    labels = pa.ListArray.from_arrays(
        offsets, pa.array(random.integers(0, classes, images), pa.int32()), type=IMAGES.field("labels").type
    )
    sizes = random.integers(200, 2000, (2, images), np.int32)
    rows = np.sort(random.integers(0, images, boxes, np.int32))
    corners = random.random((2, boxes), np.float32) * sizes[:, rows] * 0.8
    far = corners + 1 + random.random((2, boxes), np.float32) * sizes[:, rows] * 0.19
    return DatasetIndex(
        Path("nowhere"),
        "coco",
        tuple(f"class {number}" for number in range(classes)),
        pa.table(
            [pa.array([f"{i}.jpg" for i in range(images)]), *map(pa.array, sizes), split, labels, [True] * images],
            schema=IMAGES,
        ),
        pa.table(
            [
                pa.array(rows),
                pa.array(random.integers(0, classes, boxes), pa.int32()),
                *(pa.array(column.astype(np.float32)) for column in (*corners, *far)),
                pa.array(np.zeros(boxes, bool)),
            ],
            schema=BOXES,
        ),
    )


def total(figure: Any) -> float:
    """Everything that a figure's bars or cells count."""
    return sum(
        float(np.nansum(np.asarray(trace.z if trace.type == "heatmap" else _lengths(trace), float)))
        for trace in figure.data
    )


def _lengths(bars: Any) -> Any:
    return bars.x if bars.orientation == "h" else bars.y


def test_classes_are_counted_per_split_and_crowds_are_not() -> None:
    figure: Any = charts.class_balance(small())
    assert [bar.name for bar in figure.data] == ["train", "val", "test", "no split"]
    assert [list(bar.x) for bar in figure.data] == [[2, 1, 0], [0, 0, 0], [1, 1, 0], [0, 0, 0]]
    assert list(figure.layout.yaxis.ticktext) == ["cat", "dog", "cow"]
    assert figure.data[0].customdata[0][1] == pytest.approx(100 * 2 / 3)
    assert figure.layout.barmode == "stack"
    labels: Any = charts.class_balance(small(), "labels")
    assert [list(bar.x) for bar in labels.data] == [[2, 1, 0], [0, 0, 0], [1, 1, 0], [0, 0, 0]]
    assert "pictures" in labels.layout.xaxis.title.text


def test_many_classes_show_the_most_frequent_and_sum_up_the_rest() -> None:
    build = IndexBuilder(f"class {number}" for number in range(40))
    for number in range(40):
        for copy in range(number):
            build.add_image(f"{number}-{copy}.jpg", labels=[number])
    figure: Any = charts.class_balance(build.finish(Path("nowhere"), "folder"), "labels")
    (bar,) = figure.data
    assert list(bar.x) == list(range(39, 9, -1))
    assert figure.layout.annotations[0].text == "10 more with 0 to 9 pictures each"


def test_objects_are_counted_where_somebody_looked() -> None:
    figure: Any = charts.objects_per_image(small())
    (bar,) = figure.data
    assert list(bar.x) == [0, 1, 2]
    assert list(bar.y) == [1, 0, 3]


def test_crowded_pictures_are_counted_in_few_bars() -> None:
    build = IndexBuilder(["cat"])
    counts = [0, 3, 7, 8, 400, 401]
    for number, count in enumerate(counts):
        build.add_image(f"{number}.jpg", boxes=[(0, 0, 0, 1, 1, False)] * count)
    figure: Any = charts.objects_per_image(build.finish(Path("nowhere"), "folder"))
    (bar,) = figure.data
    assert len(bar.x) <= 40
    assert total(figure) == len(counts)
    said = [data[0] for data, height in zip(bar.customdata, bar.y, strict=True) if height]
    assert said == ["0 to 10", "396 to 406"]


def test_box_sizes_fall_into_coco_bands() -> None:
    """Areas of 10², 45.3², 118², 96² (large starts there) and 40² pixels."""
    figure: Any = box_charts.box_sizes(small())
    assert [int(sum(bar.y)) for bar in figure.data] == [1, 2, 2]
    assert [bar.name.split()[0] for bar in figure.data] == ["small", "medium", "large"]
    assert "20 %" in figure.data[0].name
    assert "pixels" in figure.layout.xaxis.title.text


@pytest.mark.parametrize("side", [0.2, 1, 31.99, 32, 95.9, 96, 4000])
def test_a_single_size_lies_in_its_own_bar(side: float) -> None:
    figure: Any = box_charts.box_sizes(boxed([(0, 0, 0, side, side, False)]))
    assert total(figure) == 1
    band = next(bar for bar in figure.data if sum(bar.y))
    place = int(np.argmax(band.y))
    half = band.width[place] / 2 / 0.92
    assert 2 ** (band.x[place] - half) <= side * 1.001
    assert side <= 2 ** (band.x[place] + half) * 1.001
    assert band.name.split()[0] == ("small" if side < 32 else "medium" if side < 96 else "large")


def boxed(boxes: list[Box], size_px: tuple[int, int] = (1000, 500)) -> DatasetIndex:
    build = IndexBuilder(["cat"])
    build.add_image("a.jpg", size_px, boxes=boxes)
    return build.finish(Path("nowhere"), "folder")


def test_shares_are_of_the_pictures_area() -> None:
    figure: Any = box_charts.box_shares(boxed([(0, 0, 0, 100, 50, False), (0, 0, 0, 1000, 500, False)]))
    (bar,) = figure.data
    filled = [float(10**x) for x, height in zip(bar.x, bar.y, strict=True) if height]
    assert filled == [pytest.approx(1, rel=0.3), pytest.approx(100, rel=0.3)]
    assert bar.customdata[-1] == "63.1 to 100 % of the picture"


def test_positions_are_of_the_centre_and_the_top_is_up() -> None:
    figure: Any = box_charts.box_positions(boxed([(0, 0, 0, 20, 20, False), (0, 900, 400, 1000, 500, False)]))
    (cells,) = figure.data
    filled = np.argwhere(np.asarray(cells.z) > 0)
    found = [(cells.x[column], cells.y[row]) for row, column in filled]
    np.testing.assert_allclose(found, [(1, 2), (95, 90)], atol=100 / 24 / 2 + 0.1)
    assert list(figure.layout.yaxis.range) == [100, 0]
    assert "boxes" in cells.hovertemplate


@pytest.mark.parametrize(("box", "said"), [((0, 0, 40, 40), "1:1.19 to 1.19:1"), ((0, 0, 20, 80), "1:4.76 to 1:3.36")])
def test_aspects_are_width_to_height(box: tuple[float, ...], said: str) -> None:
    figure: Any = box_charts.box_aspects(boxed([(0, *box, False)]))  # type: ignore[list-item]
    (bar,) = figure.data
    assert bar.customdata[int(np.argmax(bar.y))].endswith(f"from {said}")


def test_the_longest_boxes_count_in_the_last_bars() -> None:
    figure: Any = box_charts.box_aspects(boxed([(0, 0, 0, 900, 1, False), (0, 0, 0, 1, 400, False)]))
    assert [figure.data[0].y[0], figure.data[0].y[-1]] == [1, 1]


def test_image_sizes_are_counted_in_cells_that_hold_them() -> None:
    index = large(images=500, boxes=0, classes=2)
    figure: Any = charts.image_sizes(index)
    (cells,) = figure.data
    assert total(figure) == 500
    assert np.asarray(cells.z).shape <= (32, 32)
    step = cells.x[1] - cells.x[0], cells.y[1] - cells.y[0]
    expected = Counter(
        (int(np.abs(cells.x - w).argmin()), int(np.abs(cells.y - h).argmin()))
        for w, h in zip(index.image_column("width_px"), index.image_column("height_px"), strict=True)
    )
    found = {(x, y): cells.z[y][x] for y, x in zip(*np.nonzero(np.asarray(cells.z) > 0), strict=True)}
    assert sum(abs(found.get(cell, 0) - count) for cell, count in expected.items()) <= 2 * 500 / min(step)


def test_one_size_is_a_sentence() -> None:
    index = boxed([]).take([0])
    figure: Any = charts.image_sizes(index)
    assert not figure.data
    assert "is 1,000 × 500 pixels" in figure.layout.annotations[0].text.replace("<br>", " ")


def test_classes_seen_together() -> None:
    """Cats are in three pictures (a, b, c), dogs in two of them (a, c)."""
    for of in ("boxes", "labels"):
        figure: Any = charts.co_occurrence(small(), of)
        (cells,) = figure.data
        share = np.asarray(cells.z, float)
        assert share.shape == (2, 2), "cows are nowhere"
        assert share[0, 1] == pytest.approx(200 / 3)
        assert share[1, 0] == pytest.approx(100)
        assert np.isnan(np.diag(share)).all()
        assert "2 of 3 pictures" in cells.customdata[0][1]


def test_together_agrees_with_counting_by_hand() -> None:
    index = large(images=300, boxes=900, classes=25)
    figure: Any = charts.co_occurrence(index)
    (cells,) = figure.data
    shown = [str(name) for name in figure.layout.yaxis.ticktext]
    pictures = [{index.class_names[i] for i in record.class_ids} for record in index]
    for a, first in enumerate(shown):
        for b, second in enumerate(shown):
            both = sum({first, second} <= names for names in pictures)
            if a != b and both:
                assert cells.z[a][b] == pytest.approx(100 * both / sum(first in names for names in pictures))
    assert len(shown) == 20


@pytest.mark.parametrize("name", EVERY_CHART)
def test_nothing_to_show_is_said_in_a_sentence(name: str) -> None:
    build = IndexBuilder(["cat"])
    build.add_image("a.jpg")
    for index in (IndexBuilder().finish(Path("nowhere"), "folder"), build.finish(Path("nowhere"), "folder")):
        figure = EVERY_CHART[name](index)
        assert not figure.data
        assert figure.layout.annotations[0].text.endswith(".")


@pytest.mark.parametrize(
    ("name", "counted"),
    [
        ("boxes by class", 5),  # all but the one of class 7
        ("labels by class", 2),
        ("objects per image", 1),
        ("image sizes", 0),  # a sentence: every picture is of one size
        ("boxes together", 200),  # cat shows dog and dog shows cat, in 100 % of the pictures
        ("labels together", 200),
        ("box sizes", 2),  # those with an area
        ("box shares", 2),
        ("box positions", 2),
        ("box aspects", 2),
    ],
)
def test_broken_boxes_and_classes_do_no_harm(name: str, counted: int) -> None:
    """The doctor tells of them; a chart of the rest must still stand."""
    nan, inf = float("nan"), float("inf")
    build = IndexBuilder(["cat", "dog"])
    broken: list[Box] = [
        (0, nan, 0, 5, 5, False),
        (1, 9, 9, 2, 2, False),
        (0, 3, 3, 3, 9, False),
        (7, 0, 0, 5, 5, False),
    ]
    build.add_image(
        "a.jpg", (100, 100), "train", [0, 1], [*broken, (0, 0, 0, inf, 4, False), (1, -50, -9, 5, 500, False)]
    )
    figure = EVERY_CHART[name](build.finish(Path("nowhere"), "folder"))
    assert total(figure) == counted
    assert not re.search(r"NaN|Infinity", figure.to_json())


@pytest.mark.parametrize("name", EVERY_CHART)
def test_names_stay_text_and_axes_have_names(name: str) -> None:
    figure = EVERY_CHART[name](small(("<b>cat</b>", "$dog$ %{y}", "cow")))
    shown = json.dumps(json.loads(figure.to_json()), ensure_ascii=False)
    for markup in ("<b>", "$dog$", "dog$ %{y}"):
        assert markup not in shown
    assert figure.data
    assert figure.layout.xaxis.title.text
    assert all(trace.hovertemplate for trace in figure.data)


def test_figures_do_not_grow_with_the_data() -> None:
    sizes = {}
    for images in (300, 30_000):
        index = large(images, images * 4, classes=40)
        sizes[images] = {name: len(chart(index).to_json()) for name, chart in EVERY_CHART.items()}
    for name in EVERY_CHART:
        assert sizes[30_000][name] < 2 * sizes[300][name] + 40_000, name


def test_every_box_and_picture_is_counted_once() -> None:
    index = large(images=1000, boxes=7000, classes=5)
    for chart in (box_charts.box_sizes, box_charts.box_shares, box_charts.box_positions, box_charts.box_aspects):
        assert total(chart(index)) == 7000
    assert total(charts.objects_per_image(index)) == 1000
    assert total(charts.image_sizes(index)) == 1000


def mapped(count: int, groups: int) -> MapPoints:
    random = np.random.default_rng(0)
    return MapPoints(
        points=random.normal(size=(count, 2)),
        rows=np.arange(count) * 3,
        captions=[f"<b>{number}</b>.jpg" for number in range(count)],
        groups=np.arange(count) % groups,
        group_names=[f"group <i>{number}</i>" for number in range(groups)],
    )


def test_a_point_of_the_map_knows_its_row_and_group() -> None:
    shown = mapped(60, 14)
    figure: Any = embedding_map(shown)
    assert len(figure.data) == 14
    for group, trace in enumerate(figure.data):
        assert [row % 14 for row in np.asarray(trace.customdata) // 3] == [group] * len(trace.x)
        position = int(trace.customdata[0]) // 3
        assert (trace.x[0], trace.y[0]) == pytest.approx(tuple(shown.points[position]))
        assert trace.text[0] == f"&lt;b&gt;{position}&lt;/b&gt;.jpg"
    looks = {(trace.marker.color, trace.marker.symbol) for trace in figure.data}
    assert len(looks) == 14, "groups differ in colour or shape"


def test_a_map_of_very_many_pictures_shows_an_even_choice() -> None:
    figure: Any = embedding_map(mapped(3 * MOST_POINTS, 2))
    rows = np.concatenate([trace.customdata for trace in figure.data])
    assert len(rows) == MOST_POINTS
    assert np.diff(np.sort(rows)).max() <= 12


def test_an_empty_map_is_a_sentence() -> None:
    figure: Any = embedding_map(mapped(0, 1))
    assert not figure.data
    assert figure.layout.annotations

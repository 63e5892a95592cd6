"""Which columns a data set has: one table of its pictures and one of its boxes."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pyarrow as pa

IMAGES = pa.schema(
    [
        ("path", pa.string()),  # below `root`, with forward slashes
        ("width_px", pa.int32()),  # of the upright picture; 0: not measured yet
        ("height_px", pa.int32()),
        ("split", pa.dictionary(pa.int32(), pa.string())),  # "train", "val", "test", another name, or "" for none
        ("labels", pa.list_(pa.int32())),  # class ids; null: nobody has labelled it, []: none of the classes
        ("annotated", pa.bool_()),  # somebody has looked for objects, even if there were none
    ]
)
BOXES = pa.schema(
    [
        ("image", pa.int32()),  # row in the table of pictures; boxes are in the order of pictures
        ("class_id", pa.int32()),
        ("x_min", pa.float32()),  # edges in pixels of the upright picture, counted from 0 at its border
        ("y_min", pa.float32()),
        ("x_max", pa.float32()),
        ("y_max", pa.float32()),
        ("crowd", pa.bool_()),  # one box around a group; never trained on, never counted as missed
    ]
)
EDGES = ("x_min", "y_min", "x_max", "y_max")
_ROWS = 16_384


def contents(table: pa.Table) -> Iterator[bytes]:
    """A table's values, column by column and bounded in size: the same bytes for the same values, however stored."""
    for name in table.column_names:
        for start in range(0, len(table), _ROWS):
            values = table[name].slice(start, _ROWS)
            is_plain = pa.types.is_primitive(values.type) and not values.null_count
            yield values.to_numpy().tobytes() if is_plain else json.dumps(values.to_pylist()).encode()

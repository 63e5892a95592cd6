"""The user's own table: found by path, name or stem; what is no such table is a sentence."""

from __future__ import annotations

import pytest

from vision_core.errors import DataError
from vision_core.evaluation.own_columns import MOST_BYTES, columns_of_csv

PICTURES = ("test/a.jpg", "test/b.jpg", "test/c.jpg")


@pytest.mark.parametrize(
    "table",
    [
        "picture,camera,iso\ntest/c.jpg,left,100\ntest/a.jpg,right,200\n",
        "camera;file;iso\nleft;c.jpg;100\nright;a.jpg;200\n",
        "\ufeffcamera\tname\tiso\nleft\tc\t100\nright\ta\t200\n",
        "file,camera,iso\n./test/c.jpg,left,100\n.\\test\\a.jpg,right,200\n",
    ],
)
def test_the_column_of_names_is_found_by_itself(table: str) -> None:
    found = {column.title: list(column.values) for column in columns_of_csv(table.encode(), PICTURES)}
    assert found == {"camera": ["right", None, "left"], "iso": [200.0, None, 100.0]}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff\xfe\x00", "UTF-8"),
        (b"", "CSV"),
        (b"a,b\n1,2\n3,4\n", "No column of the table names these pictures"),
        (b"x" * (MOST_BYTES + 1), "at most"),
        ((",".join(map(str, range(200))) + "\n" + ",".join("1" * 200)).encode(), "200 columns"),
    ],
)
def test_what_is_no_such_table_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        columns_of_csv(content, PICTURES)

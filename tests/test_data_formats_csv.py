"""Tables of labels and boxes with the headers that people write."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.data_files import DOG, put, summary
from vision_core.data.formats import read_dataset


@pytest.mark.parametrize(
    "text",
    [
        "image,x_min,y_min,x_max,y_max,label\na.png,1,2,31,42,dog",
        "filename,width,height,class,xmin,ymin,xmax,ymax\na.png,64,48,dog,1,2,31,42",
        "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax\na,x,dog,1,0.015625,0.484375,0.0416666667,0.875",
        "a.png,1,2,31,42,dog\nb.png,,,,,",
        'image_id,width,height,bbox,source,label\na,64,48,"[1.0, 2.0, 30.0, 40.0]",x,dog',
        "path;left;top;width;height;category\nimages\\a.png;1;2;30;40;dog",
        "\ufefffile_name\tx\ty\tw\th\tclass_name\r\nimages/a.png\t1\t2\t30\t40\tdog\r\n",
        "Path,Roi.X1,Roi.Y1,Roi.X2,Roi.Y2,ClassId\na.png,1,2,31,42,dog",
        'image,label,x1,y1,x2,y2\n\n"/other/machine/images/a.png"," dog ",1,2,31,42\n\n',
    ],
)
def test_csv_tables_of_boxes(text: str, tmp_path: Path) -> None:
    index = read_dataset(put(tmp_path, {"boxes.csv": text}, "images/a.png"))
    assert summary(index)["images/a.png"] == ("", None, DOG)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("image,label\na.png,dog\nb.png,cat\n", {"a.png": ("", ("dog",), None), "b.png": ("", ("cat",), None)}),
        ("id,img_id,class\n1,a,dog\n2,a,cat\n3,b,\n", {"a.png": ("", ("cat", "dog"), None), "b.png": ("", None, None)}),
        ("a.png,10\nb.png,9\n", {"a.png": ("", ("10",), None), "b.png": ("", ("9",), None)}),
        (
            "file,target,subset\na.png,x,valid\nb.png,y,holdout\n",
            {"a.png": ("val", ("x",), None), "b.png": ("holdout", ("y",), None)},
        ),
        (
            "image,xmin,ymin,xmax,ymax,label\na.png,,,,,\nb.png,,,,,dog\n",
            {"a.png": ("", None, []), "b.png": ("", ("dog",), None)},
        ),
    ],
)
def test_csv_tables_of_labels(text: str, expected: dict[str, tuple], tmp_path: Path) -> None:
    index = read_dataset(put(tmp_path, {"labels.csv": text}, "a.png b.png"))
    assert summary(index) == expected


def test_csv_a_table_a_split(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {
        "train_labels.csv": "image,label\na.png,dog",
        "valid/_annotations.csv": "image,label\na.png,cat",
    }
    assert summary(read_dataset(put(tmp_path, files, "train/a.png valid/a.png"))) == {
        "train/a.png": ("train", ("dog",), None),
        "valid/a.png": ("val", ("cat",), None),
    }

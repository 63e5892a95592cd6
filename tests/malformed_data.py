"""Makes data sets with one malformed annotation file each.

for case in malformed_datasets():
    case.name, case.files, case.says
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.data_files import coco_document, picture_bytes


@dataclass(frozen=True)
class MalformedDataset:
    """Files by path, the format they are meant as, and a regular expression for the sentence that refuses them."""

    name: str
    format: str
    files: dict[str, bytes]
    says: str


def malformed_datasets() -> list[MalformedDataset]:
    """All of them, every name different."""
    coco = (*_coco_texts(), *_coco_members(), *_coco_images(), *_coco_annotations())
    return [*coco, *_yolo(), *_voc(), *_csv(), *_others()]


def _dataset(name: str, format: str, file: str, content: bytes | str, says: str, folder: str = "") -> MalformedDataset:
    data = content.encode() if isinstance(content, str) else content
    pictures = {f"{folder}a.png": picture_bytes(), f"{folder}b.png": picture_bytes()}
    return MalformedDataset(f"{format}: {name}", format, {**pictures, file: data}, says)


def _text(name: str, content: bytes | str, says: str) -> MalformedDataset:
    """A COCO file as text."""
    return _dataset(name, "coco", "train.json", content, f"train.json.*{says}")


def _changed(name: str, says: str, **changes: Any) -> MalformedDataset:
    """A COCO file with some of its members replaced."""
    return _text(name, json.dumps(coco_document(**changes)), says)


def _annotation(name: str, says: str, **values: Any) -> MalformedDataset:
    """A COCO file whose second annotation is wrong; None removes a member."""
    good = coco_document()["annotations"][0]
    wrong = {key: value for key, value in {**good, **values}.items() if value is not None}
    return _changed(name, rf"annotations\[1\]\.{says}", annotations=[good, wrong])


def _image(name: str, says: str, **values: Any) -> MalformedDataset:
    """A COCO file whose second picture is wrong; None removes a member."""
    good = coco_document()["images"][0]
    wrong = {**good, "id": 2, "file_name": "b.png", **values}
    wrong = {key: value for key, value in wrong.items() if value is not None}
    return _changed(name, rf"images\[1\]\.{says}", images=[good, wrong], annotations=[])


def _coco_texts() -> Iterator[MalformedDataset]:
    whole = json.dumps(coco_document(), indent=1)
    yield _text("cut off", whole[:200], r"line \d+.*is not JSON")
    yield _text("missing comma", whole.replace('"width": 64,', '"width": 64', 1), "line 7.*is not JSON")
    yield _text("trailing comma", whole.replace('"height": 48\n', '"height": 48,\n', 1), r"line \d.*is not JSON")
    yield _text("text behind", whole + "\nmore", "something follows")
    yield _text("not UTF-8", whole.replace("dog", "d\u00f6g").encode("latin-1"), "not UTF-8")
    yield _text("UTF-16", whole.encode("utf-16"), "not UTF-8")
    yield _text("NaN", whole.replace("30", "NaN"), "NaN is not a number")
    yield _text("infinity", whole.replace("30", "-Infinity"), "Infinity is not a number")
    yield _text(
        "a number of 9000 digits", whole.replace("30", "9" * 9000), r"line \d+.*(digits|limit|no coordinate|not four)"
    )
    yield _text("nested beyond reason", '{"images": ' + "[" * 200_000, "line 1.*nested too deeply")
    yield _text("nested objects", '{"images": [' + '{"a":' * 200_000, "line 1.*nested too deeply")
    yield _text("a list", json.dumps([coco_document()]), "does not start with")
    yield _text("empty", "", "ends too early")
    yield _text("member without colon", '{"images" []}', "expected ':'")
    yield _text("annotations twice", whole[:-1] + ', "annotations": [{}]}', "annotations.*twice")


def _coco_members() -> Iterator[MalformedDataset]:
    yield _changed("images is an object", "images: .* is not a list", images={"1": "a.png"})
    yield _changed("annotations is a text", "annotations: 'none' is not a list", annotations="none")
    yield _changed("an image is a text", r"images\[0\]: 'a.png' is not an object", images=["a.png"], annotations=[])
    yield _changed("no images", "no list of 'images'", images=None)
    yield _changed("image id twice", "images: the id 1 is used twice", images=coco_document()["images"][:1] * 2)
    twice = [{"id": i, "file_name": "a.png"} for i in (1, 2)]
    yield _changed("file twice", "'a.png' is listed twice", images=twice)
    lost = [{"id": 1, "image_id": 99, "category_id": 3, "bbox": [1, 2, 3, 4]}]
    yield _changed("annotation of no image", "image_id 99 is the id of no picture", annotations=lost)
    yield _changed("category twice", r"categories\[1\].id: 3 is used twice", categories=[{"id": 3, "name": "a"}] * 2)
    yield _changed("category without name", r"categories\[0\].name: None is not", categories=[{"id": 3}])
    yield _changed("blank category", r"categories\[0\].name: ' ' is not", categories=[{"id": 3, "name": " "}])
    absent = [{"id": 1, "file_name": "c.png"}]
    case = _changed("no picture is there", "", images=absent, annotations=[])
    yield MalformedDataset(case.name, "coco", case.files, "None of the pictures that 'train.json' lists")


def _coco_images() -> Iterator[MalformedDataset]:
    yield _image("no id", "id: is missing", id=None)
    yield _image("id is a list", "id: .* is no id", id=[1])
    yield _image("no file name", "file_name: is missing", file_name=None)
    yield _image("file name is a number", "file_name: 5 is not a text", file_name=5)
    yield _image("file name is empty", "file_name: '' is not the name", file_name="")
    yield _image("file name leads out", "file_name: '../../etc/passwd' leads out", file_name="../../etc/passwd")
    yield _image("file name is absolute", "file_name: '/etc/passwd.png' leads out", file_name="/etc/passwd.png")
    yield _image("file name with a null byte", "file_name: .* is not the name", file_name="a\x00.png")
    yield _image("negative width", "width: -5 is not a whole number", width=-5)
    yield _image("absurd height", "height: 1000000000000 is not a whole number", height=10**12)
    yield _image("half a pixel", "width: 10.5 is not a whole number", width=10.5)


def _coco_annotations() -> Iterator[MalformedDataset]:
    yield _annotation("no image id", "image_id: is missing", image_id=None)
    yield _annotation("no category", "category_id: is missing", category_id=None)
    yield _annotation("three numbers", r"bbox: \[1, 2, 3\] is not four numbers", bbox=[1, 2, 3])
    yield _annotation("five numbers", "bbox: .* is not four numbers", bbox=[1, 2, 3, 4, 5])
    yield _annotation("texts", "bbox: .* is not four numbers", bbox=["1", "2", "3", "4"])
    yield _annotation("box is an object", "bbox: .* is not four numbers", bbox={"x": 1, "y": 2, "w": 3, "h": 4})
    yield _annotation("nulls", "bbox: .* is not four numbers", bbox=[None, 2, 3, 4])
    yield _annotation("1e999", "bbox: has a number", bbox=[1, 2, float("1e300"), 4])
    yield _annotation("crowd of two", "iscrowd: 2 is neither", iscrowd=2)
    yield _annotation("no box but a mask", "bbox: is missing", bbox=None, segmentation={"counts": "x", "size": [1, 1]})


def _yolo() -> Iterator[MalformedDataset]:
    def label(name: str, content: bytes | str, says: str) -> MalformedDataset:
        case = _dataset(name, "yolo", "labels/a.txt", content, f"labels/a.txt.*{says}", "images/")
        case.files["data.yaml"] = b"names: [dog, cat]\ntrain: images\nval: images\n"
        return case

    def config(name: str, content: bytes | str, says: str) -> MalformedDataset:
        case = _dataset(name, "yolo", "data.yaml", content, f"data.yaml.*{says}", "images/")
        case.files["labels/a.txt"] = b"0 0.5 0.5 0.1 0.1\n"
        return case

    yield label("four values", "0 .5 .5 .1 .1\n0 0.5 0.5 0.1\n", "line 2.*has 4 values")
    yield label("half an outline", "0 .1 .1 .2 .2 .3 .3 .4\n", "line 1.*has 8 values")
    yield label("a word", "0 0.5 0.5 0.1 wide\n", "line 1.*'wide' is not a number")
    yield label("NaN", "0 0.5 nan 0.1 0.1\n", "line 1.*'nan' is not a number")
    yield label("infinity", "0 0.5 0.5 inf 0.1\n", "line 1.*'inf' is not a number")
    yield label("1e999", "0 0.5 0.5 1e999 0.1\n", "line 1.*is not a number")
    yield label("class by name", "dog 0.5 0.5 0.1 0.1\n", "line 1.*'dog' is not a number")
    yield label("negative class", "-1 0.5 0.5 0.1 0.1\n", "line 1.*'-1' is not a whole number")
    yield label("half a class", "0.5 0.5 0.5 0.1 0.1\n", "line 1.*'0.5' is not a whole number")
    yield label("huge class", "4294967296 0.5 0.5 0.1 0.1\n", "line 1.*is not a whole number")
    yield label("pixels", "0 320 240 100 50\n", "line 1.*far above 1")
    yield label("commas", "0,0.5,0.5,0.1,0.1\n", "line 1.*is not a number")
    yield label("not UTF-8", b"0 0.5 0.5 0.1 0.1\n\xff\xfe", "line 2.*not UTF-8")
    yield label("binary", bytes(range(256)), "line .*(not UTF-8|number)")
    yield config("not YAML", "names: [dog\ntrain: images\n", r"line \d.*is not YAML")
    yield config("tab", "names:\n\t- dog\n", "line 2.*is not YAML")
    yield config("nested beyond reason", "names: " + "[" * 20_000, "is not YAML")
    yield config("names is a text", "names: dog\ntrain: images\n", "names.*neither a list nor a dict")
    yield config("a name is a list", "names: [dog, [a, b]]\n", r"names\[1\].*is not a class name")
    yield config("an id is a word", "names: {first: dog}\n", "names, key 'first'.*is not a number")
    yield config("huge id", "names: {999999999: dog}\n", "names, key.*is not a whole number")
    yield config("count differs", "nc: 3\nnames: [dog, cat]\n", "nc: says 3 classes, but 'names' has 2")
    yield config("a split is a dict", "names: [dog]\ntrain: {a: b}\n", "train.*is not a path")
    yield config("classes not UTF-8", b"names: [d\xf6g]\n", "line 1.*not UTF-8")
    yield config("object tag", "names: !!python/object/apply:os.system [ls]\nnc: 5\n", "nc: says 5")
    listed = config("a list leads out", "names: [dog]\ntrain: train.txt\n", "")
    listed.files["train.txt"] = b"images/a.png\n../../secret.png\n"
    yield MalformedDataset(listed.name, "yolo", listed.files, "train.txt.*line 2.*leads out")


_OBJECT = "<object><name>dog</name><bndbox>{box}</bndbox></object>"
_BOX = "<xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40</ymax>"


def _voc() -> Iterator[MalformedDataset]:
    def xml(name: str, inside: str, says: str) -> MalformedDataset:
        return raw(name, f"<annotation><filename>a.png</filename>\n{inside}</annotation>", says)

    def raw(name: str, content: bytes | str, says: str) -> MalformedDataset:
        return _dataset(name, "voc", "a.xml", content, f"a.xml.*{says}")

    good = _OBJECT.format(box=_BOX)
    yield raw("cut off", f"<annotation>\n{good}\n", "line 3.*is not XML")
    yield raw("crossed tags", "<annotation>\n<object></annotation></object>", "line 2.*is not XML")
    yield raw("empty", "", "is not XML")
    yield raw("another document", "<svg><annotation/></svg>", "starts with <svg>")
    bomb = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><annotation>&b;</annotation>'
    yield raw("entity bomb", bomb, "DOCTYPE")
    yield raw("entity bomb in UTF-16", bomb.encode("utf-16"), "DOCTYPE")
    outside = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><annotation>&a;</annotation>'
    yield raw("external entity", outside, "DOCTYPE")
    yield raw("unknown entity", "<annotation>&nbsp;</annotation>", "line 1.*is not XML")
    yield raw("unknown encoding", '<?xml version="1.0" encoding="klingon"?><annotation/>', "")
    yield raw("not UTF-8", b"<annotation><filename>\xff\xfe</filename></annotation>", "line 1.*is not XML")
    yield xml("no box", good + "<object><name>dog</name></object>", "object 2, bndbox.*is missing")
    yield xml("no corner", _OBJECT.format(box=_BOX.replace("<ymax>40</ymax>", "")), "object 1, bndbox/ymax.*'' is not")
    yield xml("a word", _OBJECT.format(box=_BOX.replace("30", "wide")), "bndbox/xmax.*'wide' is not a number")
    yield xml("NaN", _OBJECT.format(box=_BOX.replace("30", "nan")), "bndbox/xmax.*'nan' is not a number")
    yield xml("too large", _OBJECT.format(box=_BOX.replace("30", "1e30")), "bndbox/xmax.*too large")
    yield xml("no name", f"<object><bndbox>{_BOX}</bndbox></object>", "object 1, name.*not a class name")
    yield xml("size is a word", f"<size><width>big</width></size>{good}", "size/width.*'big' is not a number")
    yield xml("negative size", f"<size><width>-4</width></size>{good}", "size/width.*is not a whole number")
    case = xml("file name leads out", good, "")
    case.files["c.xml"] = case.files.pop("a.xml").replace(b"a.png", b"../../../etc/shadow")
    yield MalformedDataset(case.name, "voc", case.files, "c.xml.*filename.*leads out")
    case = xml("two of one picture", good, "")
    case.files["c.xml"] = case.files["a.xml"]
    yield MalformedDataset(case.name, "voc", case.files, "c.xml.*filename.*is the picture of 'a.xml' too")
    kit = {"JPEGImages/a.png": picture_bytes(), "Annotations/a.xml": b"<annotation></annotation>"}
    kit["ImageSets/Main/train.txt"] = b"a\nghost\n"
    yield MalformedDataset(
        "voc: set names a ghost", "voc", kit, "train.txt.*line 2.*neither an annotation nor a picture"
    )


def _csv() -> Iterator[MalformedDataset]:
    head = "image,xmin,ymin,xmax,ymax,label\n"
    good = "a.png,1,2,30,40,dog\n"

    def table(name: str, content: bytes | str, says: str) -> MalformedDataset:
        return _dataset(name, "csv", "train.csv", content, f"train.csv.*{says}")

    yield table("a cell too few", head + good + "a.png,1,2,30,40\n", "line 3.*has 5 cells")
    yield table("a cell too many", head + good + "a.png,1,2,30,40,dog,cat\n", "line 3.*has 7 cells")
    yield table("a word", head + good + "a.png,1,2,wide,40,dog\n", "line 3, x_max.*'wide' is not a number")
    yield table("half a box", head + good + "a.png,1,,,40,dog\n", "line 3, y_min.*'' is not a number")
    yield table("NaN", head + good + "a.png,1,2,nan,40,dog\n", "line 3, x_max.*'nan' is not a number")
    yield table("too large", head + good + "a.png,1,2,1e20,40,dog\n", "line 3, x_max.*too large")
    yield table("box without label", head + good + "a.png,1,2,30,40,\n", "line 3, label.*not a class name")
    yield table("no picture", head + good + ",1,2,30,40,dog\n", "line 3.*is not the name of a picture")
    yield table("leads out", head + good + "../../../etc/passwd,1,2,30,40,dog\n", "line 3.*leads out")
    yield table("open quote", head + good + 'b.png,1,2,30,40,"dog\n' + good, r"line \d.*is not CSV")
    yield table("quote inside", head + 'a.png,1,2,30,40,"d"og\n', "line 2.*is not CSV")
    yield table("huge cell", head + f"a.png,1,2,30,40,{'x' * 200_000}\n", "line 2.*is not CSV.*field larger")
    yield table("endless line", head + "x" * 3_000_000, "line 2.*longer than")
    yield table("not UTF-8", (head + good).encode() + b"b.png,1,2,3,4,d\xf6g\n", "not UTF-8")
    yield table(
        "crowd is a word", "image,x,y,w,h,label,iscrowd\na.png,1,2,3,4,dog,many\n", "line 2, crowd.*neither yes nor no"
    )
    yield table("box of three", 'image,bbox,label\na.png,"[1, 2, 3]",dog\n', "line 2, bbox.*is not four numbers")
    yield table("width is a word", "image,label,width\na.png,dog,wide\n", "line 2, width.*'wide' is not a number")
    yield table("unknown knowledge", "image,label,known\na.png,dog,everything\n", "line 2, known.*neither labels")


def _others() -> Iterator[MalformedDataset]:
    yield MalformedDataset(
        "nothing", "", {"readme.md": b"hello"}, "neither annotations that are known here nor pictures"
    )
    only_text = {"a.json": b'{"hello": "world"}', "b.csv": b"one,two\n1,2\n", "c.xml": b"<project/>"}
    yield MalformedDataset(
        "other people's files", "", only_text, "neither annotations that are known here nor pictures"
    )

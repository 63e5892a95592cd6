"""Makes data sets with one malformed annotation file each, and malformed or hostile archives.

for case in malformed_datasets():
    case.name, case.files, case.says
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import stat
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from tests.data_files import picture_bytes


@dataclass(frozen=True)
class MalformedDataset:
    """Files by path, the format they are meant as, and a regular expression for the sentence that refuses them."""

    name: str
    format: str
    files: dict[str, bytes]
    says: str


@dataclass(frozen=True)
class MalformedArchive:
    """An archive's bytes and a regular expression for the sentence that refuses it."""

    name: str
    content: bytes
    says: str


def malformed_datasets() -> list[MalformedDataset]:
    """All of them, every name different."""
    return [*_coco(), *_yolo(), *_voc(), *_csv(), *_others()]


def coco_document(**changes: Any) -> dict[str, Any]:
    """A small valid COCO file, with some of its members replaced; None removes one."""
    document: dict[str, Any] = {
        "images": [
            {"id": 1, "file_name": "a.png", "width": 64, "height": 48},
            {"id": 7, "file_name": "b.png", "width": 64, "height": 48},
        ],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 3, "bbox": [1, 2, 30, 40], "iscrowd": 0}],
        "categories": [{"id": 3, "name": "dog"}],
    }
    return {key: value for key, value in {**document, **changes}.items() if value is not None}


def _dataset(name: str, format: str, file: str, content: bytes | str, says: str, folder: str = "") -> MalformedDataset:
    data = content.encode() if isinstance(content, str) else content
    pictures = {f"{folder}a.png": picture_bytes(), f"{folder}b.png": picture_bytes()}
    return MalformedDataset(f"{format}: {name}", format, {**pictures, file: data}, says)


def _coco() -> Iterator[MalformedDataset]:
    def text(name: str, content: bytes | str, says: str) -> MalformedDataset:
        return _dataset(name, "coco", "train.json", content, f"train.json.*{says}")

    def changed(name: str, says: str, **changes: Any) -> MalformedDataset:
        return text(name, json.dumps(coco_document(**changes)), says)

    def annotation(name: str, says: str, **values: Any) -> MalformedDataset:
        good = coco_document()["annotations"][0]
        wrong = {key: value for key, value in {**good, **values}.items() if value is not None}
        return changed(name, rf"annotations\[1\]\.{says}", annotations=[good, wrong])

    def image(name: str, says: str, **values: Any) -> MalformedDataset:
        good = coco_document()["images"][0]
        wrong = {
            key: value for key, value in {**good, "id": 2, "file_name": "b.png", **values}.items() if value is not None
        }
        return changed(name, rf"images\[1\]\.{says}", images=[good, wrong], annotations=[])

    whole = json.dumps(coco_document(), indent=1)
    yield text("cut off", whole[:200], r"line \d+.*is not JSON")
    yield text("missing comma", whole.replace('"width": 64,', '"width": 64', 1), "line 7.*is not JSON")
    yield text("trailing comma", whole.replace('"height": 48\n', '"height": 48,\n', 1), r"line \d.*is not JSON")
    yield text("text behind", whole + "\nmore", "something follows")
    yield text("not UTF-8", whole.replace("dog", "d\u00f6g").encode("latin-1"), "not UTF-8")
    yield text("UTF-16", whole.encode("utf-16"), "not UTF-8")
    yield text("NaN", whole.replace("30", "NaN"), "NaN is not a number")
    yield text("infinity", whole.replace("30", "-Infinity"), "Infinity is not a number")
    yield text(
        "a number of 9000 digits", whole.replace("30", "9" * 9000), r"line \d+.*(digits|limit|no coordinate|not four)"
    )
    yield text("nested beyond reason", '{"images": ' + "[" * 200_000, "line 1.*nested too deeply")
    yield text("nested objects", '{"images": [' + '{"a":' * 200_000, "line 1.*nested too deeply")
    yield text("a list", json.dumps([coco_document()]), "does not start with")
    yield text("empty", "", "ends too early")
    yield text("member without colon", '{"images" []}', "expected ':'")
    yield changed("images is an object", "images: .* is not a list", images={"1": "a.png"})
    yield changed("annotations is a text", "annotations: 'none' is not a list", annotations="none")
    yield changed("an image is a text", r"images\[0\]: 'a.png' is not an object", images=["a.png"], annotations=[])
    yield changed("no images", "no list of 'images'", images=None)
    yield text("annotations twice", whole[:-1] + ', "annotations": [{}]}', "annotations.*twice")
    yield changed("image id twice", "images: the id 1 is used twice", images=coco_document()["images"][:1] * 2)
    twice = [{"id": i, "file_name": "a.png"} for i in (1, 2)]
    yield changed("file twice", "'a.png' is listed twice", images=twice)
    yield image("no id", "id: is missing", id=None)
    yield image("id is a list", "id: .* is no id", id=[1])
    yield image("no file name", "file_name: is missing", file_name=None)
    yield image("file name is a number", "file_name: 5 is not a text", file_name=5)
    yield image("file name is empty", "file_name: '' is not the name", file_name="")
    yield image("file name leads out", "file_name: '../../etc/passwd' leads out", file_name="../../etc/passwd")
    yield image("file name is absolute", "file_name: '/etc/passwd.png' leads out", file_name="/etc/passwd.png")
    yield image("file name with a null byte", "file_name: .* is not the name", file_name="a\x00.png")
    yield image("negative width", "width: -5 is not a whole number", width=-5)
    yield image("absurd height", "height: 1000000000000 is not a whole number", height=10**12)
    yield image("half a pixel", "width: 10.5 is not a whole number", width=10.5)
    yield annotation("no image id", "image_id: is missing", image_id=None)
    yield annotation("no category", "category_id: is missing", category_id=None)
    yield annotation("three numbers", r"bbox: \[1, 2, 3\] is not four numbers", bbox=[1, 2, 3])
    yield annotation("five numbers", "bbox: .* is not four numbers", bbox=[1, 2, 3, 4, 5])
    yield annotation("texts", "bbox: .* is not four numbers", bbox=["1", "2", "3", "4"])
    yield annotation("box is an object", "bbox: .* is not four numbers", bbox={"x": 1, "y": 2, "w": 3, "h": 4})
    yield annotation("nulls", "bbox: .* is not four numbers", bbox=[None, 2, 3, 4])
    yield annotation("1e999", "bbox: has a number", bbox=[1, 2, float("1e300"), 4])
    yield annotation("crowd of two", "iscrowd: 2 is neither", iscrowd=2)
    yield annotation("no box but a mask", "bbox: is missing", bbox=None, segmentation={"counts": "x", "size": [1, 1]})
    lost = [{"id": 1, "image_id": 99, "category_id": 3, "bbox": [1, 2, 3, 4]}]
    yield changed("annotation of no image", "image_id 99 is the id of no picture", annotations=lost)
    yield changed("category twice", r"categories\[1\].id: 3 is used twice", categories=[{"id": 3, "name": "a"}] * 2)
    yield changed("category without name", r"categories\[0\].name: None is not", categories=[{"id": 3}])
    yield changed("blank category", r"categories\[0\].name: ' ' is not", categories=[{"id": 3, "name": " "}])
    absent = [{"id": 1, "file_name": "c.png"}]
    case = changed("no picture is there", "", images=absent, annotations=[])
    yield MalformedDataset(case.name, "coco", case.files, "None of the pictures that 'train.json' lists")


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


def malformed_archives() -> list[MalformedArchive]:
    """All of them, every name different."""
    return [*_zips(), *_tars()]


def zip_bytes(files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip file of these entries."""
    target = BytesIO()
    with zipfile.ZipFile(target, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return target.getvalue()


def tar_bytes(*members: tuple[tarfile.TarInfo, bytes], mode: str = "w") -> bytes:
    """A tar file of these members."""
    target = BytesIO()
    with tarfile.open(fileobj=target, mode=mode, format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, BytesIO(content))
    return target.getvalue()


def _zips() -> Iterator[MalformedArchive]:
    good = {"a.png": picture_bytes(), "b.png": picture_bytes()}
    whole = zip_bytes(good)
    names = {
        "climbs": "../evil.png", "climbs inside": "a/../../evil.png", "absolute": "/etc/evil.png",
        "drive": "C:/evil.png", "backslashes": "..\\..\\evil.png", "network": "\\\\server\\evil.png",
    }  # fmt: skip
    for what, name in names.items():
        yield MalformedArchive(f"{what}.zip", zip_bytes({**good, name: b"x"}), "evil.png.*leads out of the archive")
    yield MalformedArchive("newline.zip", zip_bytes({**good, "a\nb.png": b"x"}), "name is not text")
    yield MalformedArchive("null.zip", whole.replace(b"b.png", b"b\x00png"), "name is not text")
    yield MalformedArchive("long_name.zip", zip_bytes({**good, "x" * 300: b"x"}), "name is too long")
    yield MalformedArchive("deep.zip", zip_bytes({**good, "a/" * 100 + "b": b"x"}), "name is too long")
    yield MalformedArchive("twice.zip", whole.replace(b"b.png", b"a.png"), "another entry has already")
    yield MalformedArchive("file_and_folder.zip", zip_bytes({"a": b"x", "a/b.png": b"x"}), "another entry has already")
    link = zipfile.ZipInfo("link.png")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    target = BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    yield MalformedArchive("link.zip", target.getvalue(), "a link or a device")
    yield MalformedArchive("encrypted.zip", _with_flag(whole, 1), "encrypted")
    yield MalformedArchive("cut.zip", whole[: len(whole) // 2], "damaged")
    yield MalformedArchive("flipped.zip", _flipped(zip_bytes(good, zipfile.ZIP_STORED)), "damaged")
    yield MalformedArchive("method.zip", whole.replace(struct.pack("<HH", 0, 8), struct.pack("<HH", 0, 97)), "damaged")
    yield MalformedArchive("no_end.zip", whole[:-22], "damaged")
    bomb = zip_bytes({f"{i}.png": bytes(2**26) for i in range(2)})
    yield MalformedArchive("bomb.zip", bomb, "100 times its size")
    yield MalformedArchive(
        "many.zip", zip_bytes({f"{i}": b"" for i in range(3_000)}, zipfile.ZIP_STORED), "more than 2000 files"
    )
    yield MalformedArchive("empty.zip", b"", "neither a zip nor a tar file")
    yield MalformedArchive("picture.zip", picture_bytes(), "neither a zip nor a tar file")
    yield MalformedArchive("seven.7z", b"7z\xbc\xaf\x27\x1c" + bytes(500), "neither a zip nor a tar file")


def _flipped(content: bytes) -> bytes:
    place = content.index(b"IDAT") + 6
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


def _with_flag(content: bytes, flag: int) -> bytes:
    """The zip with a flag set in the central directory and in the local headers."""
    changed = bytearray(content)
    for magic, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        place = content.find(magic)
        while place >= 0:
            changed[place + offset] |= flag
            place = content.find(magic, place + 4)
    return bytes(changed)


def _tars() -> Iterator[MalformedArchive]:
    good = [(tarfile.TarInfo(name), picture_bytes()) for name in ("a.png", "b.png")]

    def special(name: str, kind: bytes, says: str, target: str = "") -> MalformedArchive:
        info = tarfile.TarInfo("evil.png")
        info.type, info.linkname = kind, target
        return MalformedArchive(name, tar_bytes(*good, (info, b"")), says)

    yield special("symlink.tar", tarfile.SYMTYPE, "a link or a device", "/etc/passwd")
    yield special("hard_link.tar", tarfile.LNKTYPE, "a link or a device", "/etc/passwd")
    yield special("device.tar", tarfile.CHRTYPE, "a link or a device")
    yield special("pipe.tar", tarfile.FIFOTYPE, "a link or a device")
    for what, name in (("climbs", "../evil.png"), ("absolute", "/tmp/evil.png"), ("inside", "a/../../evil.png")):
        yield MalformedArchive(
            f"{what}.tar", tar_bytes(*good, (tarfile.TarInfo(name), b"x")), "leads out of the archive"
        )
    yield MalformedArchive("again.tar", tar_bytes(*good, good[0]), "another entry has already")
    whole = tar_bytes(*good)
    yield MalformedArchive("cut_in_file.tar", whole[:700], "damaged")
    yield MalformedArchive("cut_between.tar", whole[:1024], "damaged")
    yield MalformedArchive("bad_header.tar", whole[:1024] + b"x" * 512 + whole[1536:], "damaged")
    packed = gzip.compress(whole)
    yield MalformedArchive("cut.tar.gz", packed[: len(packed) // 2], "damaged")
    yield MalformedArchive("bad_check.tar.gz", packed[:-8] + bytes(8), "damaged")
    yield MalformedArchive("cut.tar.bz2", bz2.compress(whole)[:-20], "damaged")
    yield MalformedArchive("cut.tar.xz", lzma.compress(whole)[:-40], "damaged")
    greedy = lzma.compress(whole, filters=[{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 2**30}])
    yield MalformedArchive("greedy.tar.xz", greedy, "damaged.*(emory|kind)")
    yield MalformedArchive("no_tar.gz", gzip.compress(b"hello" * 1000), "damaged")
    yield MalformedArchive("bomb.tar.gz", gzip.compress(_zero_tar(2**27)), "100 times its size")
    header = tarfile.TarInfo("long")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 2**33
    yield MalformedArchive("greedy_header.tar", header.tobuf(tarfile.GNU_FORMAT) + bytes(2048), "damaged.*header of")
    sparse = tarfile.TarInfo("evil.png")
    sparse.type = tarfile.GNUTYPE_SPARSE
    buffer = bytearray(sparse.tobuf(tarfile.GNU_FORMAT))
    buffer[483:495] = b"77777777777\x00"
    buffer[148:156] = b" " * 8
    buffer[148:156] = b"%06o\x00 " % sum(buffer)
    yield MalformedArchive("sparse.tar", bytes(buffer) + bytes(1024), "a link or a device|damaged")


def _zero_tar(size: int) -> bytes:
    return tar_bytes((tarfile.TarInfo("a.png"), bytes(size)))

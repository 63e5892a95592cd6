"""One Pascal VOC annotation file as it was read, everything checked; coordinates as they are written."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree

from vision_core.data.formats.fields import LARGEST_EDGE_PX, Source

_LARGEST_XML_BYTES = 16 * 2**20
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True)
class VocObject:
    """One object; `corners`: xmin, ymin, xmax, ymax as written."""

    name: str
    corners: tuple[float, float, float, float]
    difficult: bool


@dataclass(frozen=True)
class VocFile:
    """One file; `file_name`: what it calls its picture, or ""; `size_px`: 0 where missing."""

    source: Source
    file_name: str
    size_px: tuple[int, int]
    objects: tuple[VocObject, ...]


class _Builder(ElementTree.TreeBuilder):
    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        """Called before the declarations in it are: no entity is ever defined, and so none grows."""
        raise ValueError("has a DOCTYPE, which annotations need not and which is refused because it can hide a bomb")


def parse(source: Source) -> VocFile:
    """Reads one file.

    Raises:
        DataError: it is malformed; names the line or the field.
    """
    root = _tree(source)
    if root.tag != "annotation":
        raise source.error("", f"starts with <{root.tag[:60]}> instead of <annotation>")
    size = []
    for edge in ("width", "height"):
        text = _text(root.find(f"size/{edge}"))
        size.append(source.whole(text, f"size/{edge}", LARGEST_EDGE_PX) if text else 0)
    objects = tuple(_object(node, source, f"object {i}") for i, node in enumerate(root.findall("object"), 1))
    return VocFile(source, _text(root.find("filename")), (size[0], size[1]), objects)


def _tree(source: Source) -> ElementTree.Element:
    parser = ElementTree.XMLParser(target=_Builder())
    try:
        parser.feed(source.bytes(_LARGEST_XML_BYTES))
        return parser.close()
    except ElementTree.ParseError as error:
        raise source.error(f"line {error.position[0]}", f"is not XML ({str(error).partition(':')[0]})") from error
    except (ValueError, LookupError) as error:  # a DOCTYPE, an encoding nobody knows
        raise source.error("", str(error)[:150]) from error


def _object(node: ElementTree.Element, source: Source, place: str) -> VocObject:
    name = source.class_name(_text(node.find("name")), f"{place}, name")
    box = node.find("bndbox")
    if box is None:
        raise source.error(f"{place}, bndbox", "is missing")
    left, top, right, bottom = (source.coordinate(_text(box.find(c)), f"{place}, bndbox/{c}") for c in _CORNERS)
    return VocObject(name, (left, top, right, bottom), _text(node.find("difficult")) == "1")


def _text(node: ElementTree.Element | None) -> str:
    return (node.text or "").strip() if node is not None else ""

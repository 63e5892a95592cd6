"""Reads a large JSON object member by member, so that a file of gigabytes needs no more memory than its largest part.

    for member in JsonObject(source).members():
        member.key, member.position, member.value

A member whose value is a list comes element by element; the elements themselves are parsed by the standard library.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, NoReturn, TextIO

from vision_core.data.formats.fields import Source, shown

_CHUNK_CHARACTERS = 2**20
_LARGEST_PART_CHARACTERS = 2**26
_HEAD_BYTES = 2**16
_TAIL_CHARACTERS = 2**14
_BETWEEN_OBJECTS = re.compile(r"\}\s*,\s*(?=\{)")
_BLANKS = re.compile(r"[ \t\r\n]*")


class Member(NamedTuple):
    """A member of the object, or one element of it where its value is a list.

    `position` counts the elements from 0, and is None for a value that is no list. An empty list comes as one member
    with position -1, so that it can be told from a member that is not there.
    """

    key: str
    position: int | None
    value: Any

    @property
    def place(self) -> str:
        """Where it stands, for a sentence: `images[3]`."""
        return self.key if self.position is None else f"{self.key}[{self.position}]"


class JsonObject:
    """A JSON file that holds one object.

    Args:
        progress: called with the bytes read so far and all of them, about every megabyte.
    """

    def __init__(self, source: Source, progress: Callable[[int, int], None] | None = None) -> None:
        self._source, self._progress = source, progress
        self._text, self._at, self._lines_before = "", 0, 0
        self._whole = self._guessed = False
        self._decode = json.JSONDecoder(parse_constant=self._refuse_constant).raw_decode

    def members(self) -> Iterator[Member]:
        """Its members in the order of the file.

        Raises:
            DataError: it cannot be read, is not UTF-8, not JSON or not an object; names the line.
        """
        try:
            file = open(self._source.root / self._source.name, encoding="utf-8-sig")  # noqa: SIM115 (see below)
        except OSError as error:
            raise self._source.error("", f"cannot be read ({error.strerror})") from error
        with file:  # outside of `try`, where an error of the caller's would be taken for one of the file's
            yield from self._object(file)

    def _object(self, file: TextIO) -> Iterator[Member]:
        self._expect(file, "{", "does not start with '{', as an object of annotations does")
        if self._skip(file, "}"):
            return self._finish(file)
        while True:
            key = self._value(file)
            if not isinstance(key, str):
                raise self._error(f"expected a member's name, found {shown(key)}")
            self._expect(file, ":", f"expected ':' after {shown(key)}")
            if self._skip(file, "["):
                yield from self._elements(file, key)
            else:
                yield Member(key, None, self._value(file))
            if self._skip(file, "}"):
                return self._finish(file)
            self._expect(file, ",", f"expected ',' or '}}' after the member {shown(key)}")

    def _elements(self, file: TextIO, key: str) -> Iterator[Member]:
        if self._skip(file, "]"):
            yield Member(key, -1, None)
            return
        position = 0
        while True:
            for value in self._several() or (self._value(file),):
                yield Member(key, position, value)
                position += 1
            if self._skip(file, "]"):
                return
            self._expect(file, ",", f"expected ',' or ']' after {key}[{position - 1}]")

    def _several(self) -> list[Any]:
        """The elements from here to the last one that seems to end in the text at hand, parsed at once.

        That is far quicker than one by one. Empty where the guess at that end was wrong or something else is: one by
        one, the elements tell what, and where. It is tried once for a text, so that no failure costs more than one.
        """
        if self._guessed:
            return []
        self._guessed = True
        tail = max(self._at, len(self._text) - _TAIL_CHARACTERS)
        ends = [match.start() + 1 for match in _BETWEEN_OBJECTS.finditer(self._text, tail)]
        try:
            values, end = self._decode(f"[{self._text[self._at : ends[-1]]}]", 0) if ends else ([], 0)
        except (ValueError, RecursionError):
            return []
        self._at += max(end - 2, 0)  # less the brackets; before what follows the last element
        return values

    def _value(self, file: TextIO) -> Any:
        self._next(file)
        wanted = _CHUNK_CHARACTERS
        while True:
            try:
                value, end = self._decode(self._text, self._at)
            except json.JSONDecodeError as error:
                problem, place = error.msg, error.pos
                if place < len(self._text) - 16 and not problem.startswith("Unterminated"):
                    self._at = place  # not for want of text
                    raise self._error(f"is not JSON ({problem.lower()})") from error
            except RecursionError as error:
                raise self._error("is nested too deeply") from error
            except ValueError as error:  # NaN, or a number of thousands of digits
                raise self._error(str(error).partition(":")[0]) from error
            else:
                if end < len(self._text) or self._whole:
                    self._at = end
                    return value
                problem, place = "the value does not end", end
            if self._whole or len(self._text) - self._at > _LARGEST_PART_CHARACTERS:
                self._at = min(place, len(self._text))
                raise self._error(f"is not JSON ({problem.lower()})")
            self._read(file, wanted)
            wanted *= 2

    def _read(self, file: TextIO, characters: int) -> None:
        """Forgets what was parsed and reads on."""
        self._lines_before += self._text.count("\n", 0, self._at)
        try:
            more = file.read(characters)
        except UnicodeDecodeError as error:
            raise self._error("is not UTF-8 text from here on or soon after: save the file in that encoding") from error
        except OSError as error:
            raise self._error(f"cannot be read from here on ({error.strerror})") from error
        self._text, self._at, self._guessed = self._text[self._at :] + more, 0, False
        self._whole = len(more) < characters
        if self._progress:
            self._progress(file.buffer.tell(), os.fstat(file.fileno()).st_size)

    def _next(self, file: TextIO) -> str:
        """Steps over blanks; the next character, or "" at the end."""
        while True:
            self._at = _BLANKS.match(self._text, self._at).end()  # type: ignore[union-attr]  # matches anything
            if self._at < len(self._text) or self._whole:
                return self._text[self._at : self._at + 1]
            self._read(file, _CHUNK_CHARACTERS)

    def _skip(self, file: TextIO, character: str) -> bool:
        found = self._next(file) == character
        self._at += found
        return found

    def _expect(self, file: TextIO, character: str, problem: str) -> None:
        if not self._skip(file, character):
            raise self._error("the file ends too early" if self._next(file) == "" else problem)

    def _finish(self, file: TextIO) -> None:
        if self._next(file):
            raise self._error("something follows the end of the object")

    def _refuse_constant(self, constant: str) -> NoReturn:
        raise ValueError(f"{constant} is not a number that JSON knows")

    def _error(self, problem: str) -> Exception:
        return self._source.error(f"line {self._lines_before + self._text.count(chr(10), 0, self._at) + 1}", problem)


def starts_like_object_with(source: Source, keys: tuple[str, ...]) -> bool:
    """Whether the first 64 KiB look like a JSON object that has one of these members; never raises."""
    head = source.head(_HEAD_BYTES).removeprefix(b"\xef\xbb\xbf").lstrip()
    return head.startswith(b"{") and any(b'"%s"' % key.encode() in head for key in keys)

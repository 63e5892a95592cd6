"""One vocabulary for models that speak of different classes, so that their answers can be compared.

A COCO detector says "cat" where an ImageNet classifier says "tabby", "tiger cat" or "Egyptian cat". The table in
`assets/vocabulary.yaml` gives, for each of the 80 COCO classes (here: *concepts*), the ImageNet-1k classes that mean
it and those that are merely related. Any other class name stands for itself, whatever its case, its underscores or
its plural.

    covers(("tabby", "tiger cat", "castle"), "cat")        # {"tabby", "tiger cat"}
    probability_of("cat", classification)                  # their scores' sum; None: no word for it

A name can be a homonym (ImageNet's kite is a bird, COCO's a toy). In a list of 1000 names the place tells; elsewhere
COCO's meaning goes first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from vision_core.types import Classification

TABLE = Path(__file__).resolve().parent / "assets" / "vocabulary.yaml"

_IMAGENET_CLASSES = 1000

# The plurals that the rules of `_singular` would get wrong, of things that people photograph.
_IRREGULAR = {
    "people": "person",
    "men": "man",
    "women": "woman",
    "children": "child",
    "feet": "foot",
    "teeth": "tooth",
    "mice": "mouse",
    "geese": "goose",
    "buses": "bus",
    "knives": "knife",
    "wolves": "wolf",
    "leaves": "leaf",
    "loaves": "loaf",
    "shelves": "shelf",
    "potatoes": "potato",
    "tomatoes": "tomato",
    "cookies": "cookie",
    "skis": "ski",
    "taxis": "taxi",
    "lens": "lens",
    "lenses": "lens",
}


@dataclass(frozen=True)
class Meaning:
    """What a class name stands for: concepts it is an instance of, and concepts it only has to do with."""

    same: frozenset[str] = frozenset()
    related: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Table:
    """The asset, indexed. Keys are `_key(name)`; several ImageNet classes can share a name, and more a key."""

    concepts: tuple[str, ...]
    concept_of: dict[str, str]
    class_names: dict[int, frozenset[str]]
    meanings: dict[int, Meaning]
    by_name: dict[str, tuple[int, ...]]
    by_key: dict[str, tuple[int, ...]]


def covers(class_names: Iterable[str], concept: str) -> frozenset[str]:
    """The names among `class_names` that mean `concept`; empty when a model with these classes cannot say.

    Args:
        class_names: all the names a model knows, in its order.
        concept: a COCO class, or any class name of any model. A narrower name does not mean a wider one's opposite:
            "cat" is covered by "tabby", "tabby" is not covered by "cat".
    """
    names = tuple(class_names)
    return frozenset(names[i] for i in _positions(names, concept))


def related(class_names: Iterable[str], concept: str) -> frozenset[str]:
    """The names that have to do with `concept` without meaning it: "espresso" for "cup"."""
    names, target = tuple(class_names), _table().concept_of.get(_key(concept))
    found = (name for name, meaning in zip(names, _meanings(names), strict=True) if target in meaning.related)
    return frozenset(found) if target else frozenset()


def probability_of(concept: str, classification: Classification) -> float | None:
    """How sure a classifier is, 0..1, that the picture shows `concept`; None when none of its classes means it.

    Shares of a single-label classifier exclude each other, so they add up; the answers of a multi-label one do not,
    so the surest counts.
    """
    positions = list(_positions(classification.class_names, concept))
    if not positions:
        return None
    scores = classification.scores[positions].astype(np.float64)
    return float(scores.max() if classification.multi_label else min(scores.sum(), 1.0))


def concepts(class_name: str) -> frozenset[str]:
    """The concepts a class name stands for: {"cat"} for "tabby"; the name itself where the table has none."""
    return _meaning(class_name).same or frozenset({class_name})


def same_thing(name_a: str, name_b: str) -> bool | None:
    """Whether two class names mean the same thing, or one is a kind of the other (so breeds of dog are not).

    None when the table cannot tell: a name it does not know, two that are only related, or a homonym.
    """
    key_a, key_b = _key(name_a), _key(name_b)
    if key_a == key_b and (name_a == name_b or name_a not in _table().by_name or name_b not in _table().by_name):
        return None if _is_homonym(name_a) else True
    if not (_is_known(name_a) and _is_known(name_b)):
        return None
    concept_a, concept_b = _table().concept_of.get(key_a), _table().concept_of.get(key_b)
    a, b = _meaning(name_a), _meaning(name_b)
    if concept_a in b.same or concept_b in a.same:
        return True
    return None if concept_a in b.related or concept_b in a.related else False


def known_concepts() -> tuple[str, ...]:
    """The 80 COCO class names, in COCO's order."""
    return _table().concepts


@lru_cache(maxsize=1024)
def _positions(class_names: tuple[str, ...], concept: str) -> tuple[int, ...]:
    """Indices of the classes that mean `concept`."""
    target = _table().concept_of.get(_key(concept))
    if target is not None:
        return tuple(i for i, meaning in enumerate(_meanings(class_names)) if target in meaning.same)
    exact = tuple(i for i, name in enumerate(class_names) if name == concept)
    return exact or tuple(i for i, name in enumerate(class_names) if _key(name) == _key(concept))


@lru_cache(maxsize=64)
def _meanings(class_names: tuple[str, ...]) -> tuple[Meaning, ...]:
    placed = len(class_names) == _IMAGENET_CLASSES
    return tuple(_meaning(name, i if placed else None) for i, name in enumerate(class_names))


def _meaning(name: str, index: int | None = None) -> Meaning:
    """What a name stands for, taken at its place `index` in ImageNet-1k where it is the name there."""
    table = _table()
    if index is not None and _first(name) in table.class_names[index]:
        return table.meanings[index]
    concept = table.concept_of.get(_key(name)) or table.concept_of.get(_key(_first(name)))
    if concept is not None:
        return Meaning(same=frozenset({concept}))
    found = [table.meanings[i] for i in _classes_named(name)]
    if not found:
        return Meaning()
    # Of a name with two meanings nothing is sure but what both share.
    same = frozenset.intersection(*(meaning.same for meaning in found))
    near = frozenset[str]().union(*(meaning.same | meaning.related for meaning in found))
    return Meaning(same, near - same)


def _classes_named(name: str) -> tuple[int, ...]:
    """ImageNet classes of that name: by its exact letters if any has them, or else by its key."""
    table = _table()
    for text in (name, _first(name)):
        found = table.by_name.get(text) or table.by_key.get(_key(text))
        if found:
            return found
    return ()


def _is_known(name: str) -> bool:
    return _key(name) in _table().concept_of or bool(_classes_named(name))


def _is_homonym(name: str) -> bool:
    table = _table()
    readings = {table.meanings[i].same for i in _classes_named(name)}
    concept = table.concept_of.get(_key(name))
    if concept is not None:
        return any(concept not in same for same in readings)
    return len(readings) > 1


def _first(name: str) -> str:
    """The first of several synonyms, as in "tabby, tabby cat"."""
    return name.split(",", 1)[0].strip()


@lru_cache(maxsize=65536)
def _key(name: str) -> str:
    """`name` without what people vary: case, underscores and hyphens, plural of the last word."""
    words = re.sub(r"[\s_\-]+", " ", name.casefold()).strip().split(" ")
    return " ".join([*words[:-1], _singular(words[-1])])


def _singular(word: str) -> str:
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("s") and len(word) > 3 and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


@lru_cache(maxsize=1)
def _table() -> _Table:
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one, where built, is ten times faster
    asset = yaml.load(TABLE.read_text(encoding="utf-8"), Loader=loader)
    names: dict[int, set[str]] = {i: {name} for i, name in asset["neither"].items()}
    same: dict[int, set[str]] = {}
    near: dict[int, set[str]] = {}
    concept_of: dict[str, str] = {}
    for concept, entry in asset["concepts"].items():
        concept_of.update({_key(name): concept for name in (concept, *entry.get("also", ()))})
        for kind, collected in (("same", same), ("related", near)):
            for i, name in entry.get(kind, {}).items():
                names.setdefault(i, set()).add(name)
                collected.setdefault(i, set()).add(concept)
    for i, name in asset["renamed"].items():
        names[i].add(name)
    return _Table(
        concepts=tuple(asset["concepts"]),
        concept_of=concept_of,
        class_names={i: frozenset(found) for i, found in names.items()},
        meanings={i: Meaning(frozenset(same.get(i, ())), frozenset(near.get(i, ()))) for i in names},
        by_name=_grouped((name, i) for i, found in names.items() for name in found),
        by_key=_grouped((_key(name), i) for i, found in names.items() for name in found),
    )


def _grouped(pairs: Iterable[tuple[str, int]]) -> dict[str, tuple[int, ...]]:
    groups: dict[str, list[int]] = {}
    for text, index in pairs:
        groups.setdefault(text, []).append(index)
    return {text: tuple(indices) for text, indices in groups.items()}


def restrict(classification: Classification, things: Sequence[str]) -> Classification:
    """Only the labels that mean one of `things`; all of them when nothing is named. It may be left without any."""
    if not things:
        return classification
    return classification.among(name for thing in things for name in covers(classification.class_names, thing))

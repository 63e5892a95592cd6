"""The common vocabulary: complete against timm's ImageNet and torchvision's COCO names, safe with homonyms."""

from __future__ import annotations

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from vision_core.types import Classification
from vision_core.vocabulary import (
    TABLE,
    concepts,
    covers,
    known_concepts,
    probability_of,
    related,
    same_thing,
)


@pytest.fixture(scope="module")
def descriptions() -> list[list[str]]:
    """All synonyms of each ImageNet-1k class, by index, from timm."""
    from timm.data.imagenet_info import ImageNetInfo

    info = ImageNetInfo()
    return [[name.strip() for name in info.index_to_description(i).split(",")] for i in range(1000)]


@pytest.fixture(scope="module")
def imagenet(descriptions: list[list[str]]) -> tuple[str, ...]:
    return tuple(names[0] for names in descriptions)


@pytest.fixture(scope="module")
def coco() -> tuple[str, ...]:
    from torchvision.models._meta import _COCO_CATEGORIES

    return tuple(name for name in _COCO_CATEGORIES if name not in {"__background__", "N/A"})


def said(names: tuple[str, ...], *, multi_label: bool = False, **scores: float) -> Classification:
    """A classification in which only these names (underscores for spaces) score; of homonyms all do."""
    wanted = {name.replace("_", " "): score for name, score in scores.items()}
    return Classification(names, np.asarray([wanted.get(name, 0.0) for name in names]), multi_label)


def test_the_concepts_are_cocos_classes(coco: tuple[str, ...]) -> None:
    assert known_concepts() == coco


def test_every_entry_is_the_imagenet_class_at_its_index_and_none_is_missing(imagenet: tuple[str, ...]) -> None:
    asset = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    seen: dict[int, list[str]] = {}
    for concept, entry in asset["concepts"].items():
        assert set(entry) <= {"same", "related", "also"}
        assert not set(entry.get("same", {})) & set(entry.get("related", {})), concept
        for kind in ("same", "related"):
            for index, name in entry.get(kind, {}).items():
                assert imagenet[index] == name, (concept, index)
                seen.setdefault(index, []).append(kind)
    for index, name in asset["neither"].items():
        assert imagenet[index] == name
        assert index not in seen, f"{name} is in `neither` and in a concept"
        seen[index] = ["neither"]
    assert set(seen) == set(range(1000))
    twice = [imagenet[index] for index, kinds in seen.items() if kinds.count("same") > 1]
    assert twice == [], "a class can be one concept only"


def test_torchvisions_names_are_known_too(imagenet: tuple[str, ...]) -> None:
    from torchvision.models._meta import _IMAGENET_CATEGORIES

    names = tuple(_IMAGENET_CATEGORIES)
    assert names != imagenet
    for concept in known_concepts():
        ours = {i for i, name in enumerate(imagenet) if name in covers(imagenet, concept)} - {517}
        theirs = {i for i, name in enumerate(names) if name in covers(names, concept)}
        assert theirs == ours, concept


def test_a_synonym_that_is_a_coco_name_is_covered_or_a_known_homonym(descriptions: list[list[str]]) -> None:
    """Wherever WordNet lists COCO's very word, the table must agree, except for the bird called kite."""
    names = tuple(synonyms[0] for synonyms in descriptions)
    disagree = [
        (concept, synonyms[0])
        for concept in known_concepts()
        for synonyms in descriptions
        if concept in [name.casefold() for name in synonyms] and synonyms[0] not in covers(names, concept)
    ]
    assert disagree == [("kite", "kite")]


def test_whole_ranges_of_wordnet_are_complete(imagenet: tuple[str, ...]) -> None:
    assert covers(imagenet, "dog") == frozenset(imagenet[151:269])
    assert covers(imagenet, "cat") == frozenset(imagenet[281:286])
    assert covers(imagenet, "bird") == frozenset((*imagenet[7:25], *imagenet[80:101], *imagenet[127:147]))


def test_related_is_not_the_same(imagenet: tuple[str, ...]) -> None:
    assert covers(imagenet, "cup") == {"cup", "coffee mug"}
    assert "espresso" in related(imagenet, "cup")
    assert covers(imagenet, "person") == frozenset()
    assert related(imagenet, "person") == {"groom", "ballplayer", "scuba diver"}
    for concept in known_concepts():
        assert not covers(imagenet, concept) & related(imagenet, concept)


def test_probability_adds_shares_and_takes_the_surest_of_independent_answers(imagenet: tuple[str, ...]) -> None:
    single = said(imagenet, tabby=0.4, tiger_cat=0.3, beagle=0.2, lynx=0.1)
    assert probability_of("cat", single) == pytest.approx(0.7)
    assert probability_of("Cats", single) == pytest.approx(0.7)
    assert probability_of("dog", single) == pytest.approx(0.2)
    assert probability_of("tabby", single) == pytest.approx(0.4)
    assert probability_of("zebra", single) == 0.0
    both = said(imagenet, multi_label=True, tabby=0.9, tiger_cat=0.8)
    assert probability_of("cat", both) == pytest.approx(0.9)


def test_a_model_without_the_word_cannot_say(imagenet: tuple[str, ...], coco: tuple[str, ...]) -> None:
    assert probability_of("person", said(imagenet, groom=1.0)) is None
    assert probability_of("giraffe", said(imagenet, zebra=1.0)) is None
    assert probability_of("tabby", said(coco, cat=1.0)) is None, "a cat need not be a tabby"
    assert probability_of("gizmo", said(imagenet, zebra=1.0)) is None


def test_rounding_never_exceeds_one() -> None:
    names = ("tabby", "tiger cat", "Persian cat")
    assert probability_of("cat", Classification(names, np.asarray([0.5, 0.3, 0.2000001]))) == 1.0


def test_imagenets_kite_is_a_bird_and_cocos_a_toy(imagenet: tuple[str, ...], coco: tuple[str, ...]) -> None:
    flying = said(imagenet, kite=1.0)
    assert probability_of("kite", flying) is None
    assert probability_of("bird", flying) == 1.0
    assert covers(coco, "kite") == {"kite"}
    assert covers(coco, "bird") == {"bird"}
    assert same_thing("kite", "kite") is None


def test_names_that_occur_twice_are_told_by_place_or_case(imagenet: tuple[str, ...]) -> None:
    scores = np.zeros(1000)
    scores[[134, 517]] = 0.3, 0.6
    assert probability_of("bird", Classification(imagenet, scores)) == pytest.approx(0.3)
    scores = np.zeros(1000)
    scores[[264, 474]] = 0.3, 0.6
    assert probability_of("dog", Classification(imagenet, scores)) == pytest.approx(0.3)
    assert probability_of("cardigan", Classification(imagenet, scores)) == pytest.approx(0.6)
    assert covers(("Cardigan", "cardigan", "crane"), "dog") == {"Cardigan"}
    assert covers(("Cardigan", "cardigan", "crane"), "bird") == frozenset()
    assert same_thing("crane", "crane") is None
    assert same_thing("Cardigan", "cardigan") is False
    assert same_thing("maillot", "maillot") is True


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("cat", "tabby", True),
        ("dog", "Border collie", True),
        ("Cup", "coffee_mug", True),
        ("aeroplane", "airplane", True),
        ("pottedplant", "potted plant", True),
        ("sofa", "studio couch", True),
        ("person", "People", True),
        ("dog", "tabby", False),
        ("dog", "castle", False),
        ("beagle", "collie", False),
        ("cat", "dog", False),
        ("cup", "espresso", None),
        ("person", "groom", None),
        ("gizmo", "dog", None),
        ("gizmo", "gadget", None),
        ("Gizmos", "gizmo", True),
    ],
)
def test_same_thing(a: str, b: str, expected: bool | None) -> None:
    assert same_thing(a, b) is expected
    assert same_thing(b, a) is expected


def test_concepts_of_a_name() -> None:
    assert concepts("tabby") == {"cat"}
    assert concepts("tabby, tabby cat") == {"cat"}, "a whole WordNet description"
    assert concepts("TV monitor") == {"tv"}
    assert concepts("castle") == {"castle"}
    assert concepts("crane") == {"crane"}
    assert concepts("my product 17") == {"my product 17"}


@pytest.mark.parametrize(
    ("mine", "asked"),
    [
        ("T-shirt", "t shirts"),
        ("running_shoe", "Running Shoes"),
        ("box", "boxes"),
        ("glass", "Glasses"),
        ("berry", "berries"),
        ("tie", "ties"),
        ("bus", "buses"),
        ("shelf", "shelves"),
        ("cactus", "Cactus"),
        ("skis", "ski"),
        ("scissors", "scissors"),
    ],
)
def test_names_of_ones_own_match_without_case_underscores_and_plural(mine: str, asked: str) -> None:
    assert covers((mine, "something else"), asked) == {mine}
    assert covers((asked, "something else"), mine) == {asked}


@pytest.mark.parametrize(
    ("a", "b"), [("can", "cane"), ("car", "care"), ("plan", "plane"), ("gas", "ga"), ("bus", "bu")]
)
def test_different_short_words_stay_different(a: str, b: str) -> None:
    assert covers((a,), b) == frozenset()


def test_an_exact_name_goes_before_a_folded_one() -> None:
    assert covers(("Widget", "widget"), "widget") == {"widget"}
    assert covers(("Widget", "widgets"), "WIDGET") == {"Widget", "widgets"}


@given(st.lists(st.text(max_size=12), max_size=8, unique=True), st.text(max_size=12))
def test_any_names_are_safe_and_each_covers_itself(names: list[str], concept: str) -> None:
    for name in names:
        assert name in covers(names, name)
        assert same_thing(name, name) in {True, None}
    assert covers(names, concept) <= set(names)
    assert related(names, concept) <= set(names)
    assert same_thing(concept, "cat") == same_thing("cat", concept)
    assert concepts(concept)


def test_a_list_of_a_thousand_own_names_is_not_taken_for_imagenet() -> None:
    names = tuple("kite" if i == 40 else f"thing {i}" for i in range(1000))
    assert covers(names, "kite") == {"kite"}
    assert covers(names, "bird") == frozenset()

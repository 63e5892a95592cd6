"""The vendored photos: complete, decodable, licensed, described, and unchanged."""

from __future__ import annotations

import hashlib
import re

import pytest

from vision_core.errors import ImageError
from vision_core.samples import SAMPLES_FOLDER, list_samples, open_sample

# As scikit-image publishes them (skimage/data/_registry.py): published detections were made on these very bytes.
PUBLISHED_SHA256 = {
    "astronaut": "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    "chelsea": "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb",
    "coffee": "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
}


@pytest.mark.parametrize("sample", list_samples(), ids=lambda sample: sample.name)
def test_sample_opens_and_is_described(sample):
    picture = open_sample(sample.name)
    assert picture.sha256 == hashlib.sha256(sample.path.read_bytes()).hexdigest()
    assert min(picture.size_px) >= 300
    assert picture.pixels.mode == "RGB"
    assert sample.title
    assert sample.author
    assert sample.source.startswith("https://")
    assert 40 <= len(sample.alt) <= 250
    assert sample.alt.endswith(".")


@pytest.mark.parametrize("name", PUBLISHED_SHA256)
def test_pixel_exact_files_are_the_published_ones(name):
    assert open_sample(name).sha256 == PUBLISHED_SHA256[name]
    assert not open_sample(name).notes, "their pixels must reach the networks unconverted"


def test_every_file_has_a_permissive_licence_entry_and_nothing_else_is_shipped():
    text = (SAMPLES_FOLDER / "LICENCES.md").read_text(encoding="utf-8")
    entries = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", text, re.M | re.S))
    files = {path.name for path in SAMPLES_FOLDER.iterdir()} - {"LICENCES.md"}
    assert set(entries) == files == {sample.path.name for sample in list_samples()}
    for sample in list_samples():
        assert sample.licence in {"CC0-1.0", "CC-BY-2.0", "public domain"}
        assert sample.licence in entries[sample.path.name]
        assert sample.author in entries[sample.path.name]
        assert hashlib.sha256(sample.path.read_bytes()).hexdigest() in entries[sample.path.name]


def test_samples_stay_small():
    assert sum(path.stat().st_size for path in SAMPLES_FOLDER.iterdir()) < 4_000_000


def test_unknown_sample_names_the_known_ones():
    with pytest.raises(ImageError, match=r"'chelsae'.*Did you mean chelsea\?.*coffee"):
        open_sample("chelsae")


def test_names_are_unique_and_file_names_work_too():
    assert len({sample.name for sample in list_samples()}) == len(list_samples())
    assert open_sample("coffee.png") == open_sample("coffee")

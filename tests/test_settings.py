"""The environment is read in one place, with clear refusals; folders by path stay inside their roots."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vision_core.errors import SettingsError
from vision_core.settings import REPOSITORY, Settings, allowed_folder, allowed_path, ensure_folder, settings

VARIABLES = (
    "WHATWHERE_HOME",
    "WHATWHERE_MAX_IMAGE_MB",
    "WHATWHERE_MAX_IMAGE_MEGAPIXELS",
    "WHATWHERE_FOLDERS",
    "WHATWHERE_MAX_DATASET_MB",
    "WHATWHERE_SHELF_SCENES",
    "WHATWHERE_OFFLINE",
    "WHATWHERE_DOWNLOAD_TIMEOUT_S",
    "HF_ENDPOINT",
)


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_defaults() -> None:
    found = settings()
    assert found.home == REPOSITORY / "workspace"
    assert found.weights_dir == REPOSITORY / "workspace" / "weights"
    assert (REPOSITORY / "vision_core").is_dir()
    assert found.folder_roots == ()
    assert found.offline is False
    assert found.hf_endpoint == "https://huggingface.co"
    assert found.max_image_bytes == 50_000_000
    assert found.max_image_pixels == 64_000_000
    assert found.max_dataset_bytes == 2_000_000_000
    assert found.shelf_scenes == 300


def test_every_variable_is_honoured_and_read_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    values = {
        "WHATWHERE_HOME": str(tmp_path / "not yet"),
        "WHATWHERE_MAX_IMAGE_MB": "1.5",
        "WHATWHERE_MAX_IMAGE_MEGAPIXELS": "12",
        "WHATWHERE_FOLDERS": os.pathsep.join([str(tmp_path / "a"), str(tmp_path / "b"), "", str(tmp_path / "a")]),
        "WHATWHERE_MAX_DATASET_MB": "30",
        "WHATWHERE_SHELF_SCENES": "0",
        "WHATWHERE_OFFLINE": "Yes",
        "WHATWHERE_DOWNLOAD_TIMEOUT_S": "0.5",
        "HF_ENDPOINT": "http://127.0.0.1:9/",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    assert settings() == Settings(
        home=tmp_path / "not yet",
        max_image_bytes=1_500_000,
        max_image_pixels=12_000_000,
        folder_roots=(tmp_path / "a", tmp_path / "b"),
        max_dataset_bytes=30_000_000,
        shelf_scenes=0,
        offline=True,
        download_timeout_s=0.5,
        hf_endpoint="http://127.0.0.1:9",
    )
    assert not (tmp_path / "not yet").exists(), "reading settings must not create anything"
    monkeypatch.setenv("WHATWHERE_OFFLINE", "off")
    assert settings().offline is False


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WHATWHERE_MAX_IMAGE_MB", "lots"),
        ("WHATWHERE_SHELF_SCENES", "-1"),
        ("WHATWHERE_SHELF_SCENES", "10001"),
        ("WHATWHERE_SHELF_SCENES", "3.5"),
        ("WHATWHERE_MAX_DATASET_MB", "0"),
        ("WHATWHERE_MAX_IMAGE_MB", "-1"),
        ("WHATWHERE_MAX_IMAGE_MB", "0"),
        ("WHATWHERE_MAX_IMAGE_MEGAPIXELS", "nan"),
        ("WHATWHERE_MAX_IMAGE_MEGAPIXELS", "inf"),
        ("WHATWHERE_DOWNLOAD_TIMEOUT_S", "1e9"),
        ("WHATWHERE_OFFLINE", "perhaps"),
        ("WHATWHERE_FOLDERS", "photos"),
        ("WHATWHERE_FOLDERS", "/no/such/folder"),
        ("WHATWHERE_HOME", __file__),
        ("WHATWHERE_HOME", "~nobody-of-that-name/x"),
        ("HF_ENDPOINT", "ftp://mirror.example"),
        ("HF_ENDPOINT", "http://"),
        ("HF_ENDPOINT", "http://[bad"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        settings()
    sentence = str(caught.value)
    assert name in sentence
    assert value in sentence
    assert "allowed" in sentence


def test_folders_by_path_are_disabled_by_default(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="disabled; set WHATWHERE_FOLDERS"):
        allowed_folder(str(tmp_path), settings())


@pytest.fixture
def rooted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A root `open` beside a `secret` folder; `link` inside leads out, `inner` leads to a folder inside."""
    root = tmp_path / "open"
    (root / "photos").mkdir(parents=True)
    (tmp_path / "secret").mkdir()
    (tmp_path / "open-but-not-really").mkdir()
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "inner").symlink_to(root / "photos")
    (root / "circle").symlink_to(root / "circle")
    (root / "file.txt").write_text("x")
    monkeypatch.setenv("WHATWHERE_FOLDERS", str(root))
    return root


def test_folders_inside_a_root_are_allowed(rooted: Path) -> None:
    current = settings()
    assert allowed_folder(str(rooted), current) == rooted
    assert allowed_folder(f"  {rooted}/photos/ ", current) == rooted / "photos"
    assert allowed_folder(f"{rooted}/photos/../photos", current) == rooted / "photos"
    assert allowed_folder(f"{rooted}/inner", current) == rooted / "photos"
    assert allowed_path(rooted / "photos" / "a.jpg", current) == rooted / "photos" / "a.jpg"


@pytest.mark.parametrize(
    "text",
    [
        "{root}/..",
        "{root}/photos/../../secret",
        "{root}/link",
        "{root}/link/../secret",
        "{root}/../open-but-not-really",
        "{root}/circle",
        "{root}/file.txt",
        "{root}/absent",
        "{root}/\0",
        "{root}/" + "x" * 5000,
        "/",
        "",
        "photos",
        "~",
        "..",
    ],
)
def test_everything_else_is_refused(rooted: Path, text: str) -> None:
    with pytest.raises(SettingsError):
        allowed_folder(text.format(root=rooted), settings())


def test_outside_the_roots_the_answer_reveals_nothing(rooted: Path) -> None:
    present, absent = str(rooted.parent / "secret"), str(rooted.parent / "absent")
    sentences = []
    for text in (present, absent):
        with pytest.raises(SettingsError) as caught:
            allowed_folder(text, settings())
        sentences.append(str(caught.value).replace(text, "X"))
    assert sentences[0] == sentences[1]


def test_a_root_that_is_a_link_is_taken_at_its_target(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "alias").symlink_to(tmp_path / "real")
    monkeypatch.setenv("WHATWHERE_FOLDERS", str(tmp_path / "alias"))
    assert allowed_folder(str(tmp_path / "alias"), settings()) == tmp_path / "real"


def test_ensure_folder_creates_and_explains(tmp_path: Path) -> None:
    assert ensure_folder(tmp_path / "a" / "b").is_dir()
    assert ensure_folder(tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").write_text("x")
    with pytest.raises(SettingsError, match="WHATWHERE_HOME"):
        ensure_folder(tmp_path / "file" / "c")


def test_settings_and_vocabulary_load_without_torch_or_timm() -> None:
    code = (
        "import sys, vision_core.settings, vision_core.vocabulary as v; v.concepts('tabby');"
        "sys.exit(any(m in sys.modules for m in ('torch', 'timm', 'streamlit')))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=False).returncode == 0

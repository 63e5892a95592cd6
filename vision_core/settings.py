"""The one place that reads the environment: where things live, what is allowed, how big, online or not.

Every variable, its default and what it means:

    WHATWHERE_HOME                the workspace: weights, data sets, runs (`workspace/` beside app.py)
    WHATWHERE_MAX_IMAGE_MB        largest image file in megabytes of 10^6 bytes (50)
    WHATWHERE_MAX_IMAGE_MEGAPIXELS  largest image in millions of pixels (64)
    WHATWHERE_FOLDERS             server folders a user may open by path, separated as in PATH (none)
    WHATWHERE_MAX_DATASET_MB      largest data set that can be uploaded, in megabytes (2000)
    WHATWHERE_SHELF_SCENES        scenes of Fashion Shelf that are painted unasked on first start; 0: none (300)
    WHATWHERE_OFFLINE             1: never download anything (0)
    WHATWHERE_DOWNLOAD_TIMEOUT_S  seconds without an answer before a download is tried again (30)
    HF_ENDPOINT                   a mirror asked instead of https://huggingface.co
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from vision_core.errors import SettingsError

REPOSITORY = Path(__file__).resolve().parent.parent
"""The folder of app.py."""

DATASET_FILE = "*/dataset.json"
"""What a data set of the workspace is known by, below `Settings.datasets_dir`."""

HUGGING_FACE = "https://huggingface.co"

_SWITCH = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


@dataclass(frozen=True)
class Settings:
    """The configuration at the moment it was read.

    Attributes:
        home: the workspace, absolute; nothing creates it before something is written there (`ensure_folder`).
        max_image_bytes, max_image_pixels: an image beyond either is refused.
        folder_roots: folders a user of the server may open by path; empty means that is disabled.
        max_dataset_bytes: a larger data set cannot be uploaded.
        shelf_scenes: scenes of Fashion Shelf painted on first start.
        offline: never download.
        download_timeout_s: seconds without an answer before a download is tried again.
        hf_endpoint: where huggingface.co addresses are asked, without a trailing slash.
    """

    home: Path
    max_image_bytes: int
    max_image_pixels: int
    folder_roots: tuple[Path, ...]
    max_dataset_bytes: int
    shelf_scenes: int
    offline: bool
    download_timeout_s: float
    hf_endpoint: str

    @property
    def datasets_dir(self) -> Path:
        """Where the data sets of the workspace are kept."""
        return self.home / "datasets"

    @property
    def weights_dir(self) -> Path:
        """Where downloaded pretrained weights are kept."""
        return self.home / "weights"


def settings() -> Settings:
    """The settings as the environment has them now.

    Raises:
        SettingsError: a variable holds a value outside what is allowed.
    """
    environment = os.environ
    return Settings(
        home=_home(environment),
        max_image_bytes=round(_number(environment, "WHATWHERE_MAX_IMAGE_MB", 50, 4000) * 1e6),
        max_image_pixels=round(_number(environment, "WHATWHERE_MAX_IMAGE_MEGAPIXELS", 64, 4000) * 1e6),
        folder_roots=_folder_roots(environment),
        max_dataset_bytes=round(_number(environment, "WHATWHERE_MAX_DATASET_MB", 2000, 100_000) * 1e6),
        shelf_scenes=_count(environment, "WHATWHERE_SHELF_SCENES", 300, 10_000),
        offline=_switch(environment, "WHATWHERE_OFFLINE"),
        download_timeout_s=_number(environment, "WHATWHERE_DOWNLOAD_TIMEOUT_S", 30, 3600),
        hf_endpoint=_endpoint(environment),
    )


def ensure_folder(folder: Path) -> Path:
    """`folder`, created with its parents where absent.

    Raises:
        SettingsError: it cannot be created, or a file is in the way.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"The folder {folder} cannot be created ({error.strerror}); set WHATWHERE_HOME to a folder you may write."
        ) from error
    return folder


def allowed_folder(text: str, current: Settings) -> Path:
    """The folder a user named, resolved, when it lies in one of the allowed roots.

    Raises:
        SettingsError: opening by path is disabled, or `text` is not an existing folder inside a root.
    """
    folder = allowed_path(text, current)
    if not os.path.isdir(folder):  # unlike Path.is_dir, never raises: a name can be too long to look up
        raise SettingsError(f"{text!r} is not a folder on the server.")
    return folder


def allowed_path(text: str | Path, current: Settings) -> Path:
    """`text` with links and `..` resolved, when that lies in one of the allowed roots; it need not exist.

    What lies outside gets one sentence whether it exists or not, so that the answer reveals nothing.

    Raises:
        SettingsError: opening by path is disabled, or `text` is relative, malformed or outside the roots.
    """
    if not current.folder_roots:
        raise SettingsError(
            "Opening server folders by path is disabled; set WHATWHERE_FOLDERS to the folders users may open."
        )
    shown = str(text)
    try:
        # `~` is left alone: it would be the server's home folder, not the user's.
        path = Path(shown.strip()) if isinstance(text, str) else text
        resolved = path.resolve()
    except (OSError, ValueError, RuntimeError) as error:  # too long, a null byte, a circle of links
        raise SettingsError(f"{shown[:200]!r} is not a usable path.") from error
    if not path.is_absolute():
        raise SettingsError(f"{shown!r} is not an absolute path; start it with one of {_listed(current)}.")
    if not any(resolved.is_relative_to(root) for root in current.folder_roots):
        raise SettingsError(f"{shown!r} is outside the folders users may open: {_listed(current)}.")
    return resolved


def _listed(current: Settings) -> str:
    return ", ".join(str(root) for root in current.folder_roots)


def _text(environment: Mapping[str, str], name: str) -> str:
    """A variable's text; one set to nothing counts as not set."""
    return environment.get(name, "").strip()


def _number(environment: Mapping[str, str], name: str, default: float, largest: float) -> float:
    text = _text(environment, name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= largest:  # also false for NaN
        raise SettingsError(f"{name} is {text!r}; allowed is a number above 0 and up to {largest:g}.")
    return value


def _count(environment: Mapping[str, str], name: str, default: int, largest: int) -> int:
    text = _text(environment, name) or str(default)
    if not text.isdecimal() or int(text) > largest:
        raise SettingsError(f"{name} is {text!r}; allowed is a whole number from 0 to {largest}.")
    return int(text)


def _switch(environment: Mapping[str, str], name: str) -> bool:
    text = _text(environment, name)
    value = _SWITCH.get(text.lower() or "0")
    if value is None:
        raise SettingsError(f"{name} is {text!r}; allowed are {', '.join(_SWITCH)}.")
    return value


def _home(environment: Mapping[str, str]) -> Path:
    text = _text(environment, "WHATWHERE_HOME")
    try:
        home = Path(text).expanduser().resolve() if text else REPOSITORY / "workspace"
    except (OSError, RuntimeError, ValueError) as error:  # a circle of links, an unknown ~user
        raise SettingsError(f"WHATWHERE_HOME is {text!r}; allowed is the path of a folder ({error}).") from error
    if home.exists() and not home.is_dir():
        raise SettingsError(f"WHATWHERE_HOME is {text!r}, which is a file; allowed is the path of a folder.")
    return home


def _folder_roots(environment: Mapping[str, str]) -> tuple[Path, ...]:
    roots: list[Path] = []
    for text in _text(environment, "WHATWHERE_FOLDERS").split(os.pathsep):
        if not text.strip():
            continue
        root = Path(text.strip())
        if not root.is_absolute() or not root.is_dir():
            raise SettingsError(
                f"WHATWHERE_FOLDERS names {text.strip()!r}; allowed are absolute paths of existing folders, "
                f"separated by {os.pathsep!r}."
            )
        roots.append(root.resolve())
    return tuple(dict.fromkeys(roots))


def _endpoint(environment: Mapping[str, str]) -> str:
    text = _text(environment, "HF_ENDPOINT").rstrip("/") or HUGGING_FACE
    try:
        address = urlsplit(text)
        usable = address.scheme in {"http", "https"} and bool(address.hostname)
    except ValueError:  # such as half a pair of brackets
        usable = False
    if not usable:
        raise SettingsError(f"HF_ENDPOINT is {text!r}; allowed is an address that starts with https:// or http://.")
    return text

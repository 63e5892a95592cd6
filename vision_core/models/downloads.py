"""One file from an http(s) address to disk: streamed, timed out, resumed, bounded by the free space.

`requests` does the talking (proxies, TLS, redirects, of which it follows only http and https); what is added here is
what neither it nor pooch does: going on after a cut-off from where it stopped, and progress that a caller can stop by
raising. Nothing here knows about models; `weights` turns a `DownloadError` into a sentence for people.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urljoin

import requests

Progress = Callable[[int, "int | None"], object]
"""Called with the bytes so far, which never shrink, and the bytes expected or None; what it raises cancels."""

ATTEMPTS = 4
BACKOFF_S = 0.25
"""Wait before the second attempt; it doubles each time."""

_CHUNK_BYTES = 64 * 1024
_SPACE_RESERVE_BYTES = 64 * 1024 * 1024
_RETRIED_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
_MAX_REDIRECTS = 10
_PERMANENT = (  # an address that is none, or not http(s), or whose owner cannot prove who it is
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.exceptions.SSLError,
)

T = TypeVar("T")


class DownloadError(Exception):
    """A transfer that did not succeed; `str(error)` is the reason, half a sentence."""


class _TryAgainError(Exception):
    """A failure that may pass by itself; `str(error)` is the reason."""


def format_bytes(count: int) -> str:
    """`count` as people write it, in powers of ten: `format_bytes(97_800_000)` is "98 MB"."""
    if count < 10**6:
        return f"{max(1, round(count / 1e3))} kB"
    return f"{count / 1e6:.0f} MB" if count < 999.5e6 else f"{count / 1e9:.1f} GB"


def download(url: str, part: Path, timeout_s: float, progress: Progress | None = None) -> None:
    """Writes the whole of `url` to `part`, from scratch, trying up to `ATTEMPTS` times.

    Args:
        timeout_s: seconds without an answer, in connecting or between two pieces, before the next attempt.

    Raises:
        DownloadError: the server refuses, stalls, cuts off or redirects elsewhere, or the disk has no room for it.
        OSError: the disk refuses. In either case, and when `progress` raises, what was received stays in `part`.
    """
    part.unlink(missing_ok=True)
    with _session() as session:
        transfer = _Transfer(session, url, part, timeout_s, progress)
        _persist(transfer.attempt, timeout_s)


def stated_sha256(url: str, timeout_s: float) -> str | None:
    """SHA-256 (64 hexadecimal digits) that a Hugging Face server states for a file; None when it states none.

    Large files answer with it as `X-Linked-Etag`, before the redirect to where the bytes are; small ones with a git
    hash of another length. Only redirects within the server, as for a renamed repository, are followed.

    Raises:
        DownloadError: the server does not answer, or not with success.
    """

    def ask() -> str | None:
        address = url
        for _ in range(_MAX_REDIRECTS):
            response = session.head(address, timeout=timeout_s, allow_redirects=False)
            _check_status(response)
            stated = response.headers.get("X-Linked-Etag") or response.headers.get("ETag") or ""
            digest = stated.removeprefix("W/").strip('"').lower()
            if re.fullmatch("[0-9a-f]{64}", digest):
                return digest
            location = response.headers.get("Location", "")
            if not location.startswith("/") or location.startswith("//"):
                return None
            address = urljoin(address, location)
        return None

    with _session() as session:
        return _persist(ask, timeout_s)


def _session() -> requests.Session:
    session = requests.Session()
    session.max_redirects = _MAX_REDIRECTS
    session.headers["Accept-Encoding"] = "identity"  # so that sizes and ranges count the bytes of the file itself
    return session


def _persist(action: Callable[[], T], timeout_s: float) -> T:
    """The result of `action`, which is tried again while its failures may pass by themselves."""
    reason = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(BACKOFF_S * 2 ** (attempt - 1))
        try:
            return action()
        except _TryAgainError as error:
            reason = str(error)
        except requests.TooManyRedirects as error:
            raise DownloadError("it redirects in a circle") from error
        except _PERMANENT as error:
            raise DownloadError(_short(error)) from error
        except requests.RequestException as error:
            timed_out = isinstance(error, requests.Timeout) or "timed out" in str(error)
            reason = f"no answer for {timeout_s:g} s" if timed_out else _short(error)
    raise DownloadError(f"{reason} ({ATTEMPTS} attempts)")


def _short(error: Exception) -> str:
    """The innermost cause of a requests error, without the object addresses and pool names around it."""
    cause: object = error
    while isinstance(cause, Exception):
        inner = getattr(cause, "reason", None) or next((arg for arg in cause.args if isinstance(arg, Exception)), None)
        if not isinstance(inner, Exception):
            break
        cause = inner
    return re.sub(r"^.*?object at 0x[0-9a-f]+>[:,]? ?|^HTTPS?Connection\([^)]*\): ", "", str(cause))[:200]


def _check_status(response: requests.Response) -> None:
    if response.status_code < 400:
        return
    answer = f"the server answered {response.status_code} {response.reason}"
    raise (_TryAgainError if response.status_code in _RETRIED_STATUSES else DownloadError)(answer)


class _Transfer:
    """One file on its way: what has arrived, and what a further attempt needs to go on from there."""

    def __init__(
        self, session: requests.Session, url: str, part: Path, timeout_s: float, progress: Progress | None
    ) -> None:
        self.session, self.url, self.part, self.timeout_s, self.progress = session, url, part, timeout_s, progress
        self.received = 0
        self.reported = 0
        self.version = ""

    def attempt(self) -> None:
        # Without a version to hold the server to, the rest might be that of another file: then from the start.
        resumed = bool(self.received and self.version)
        headers = {"Range": f"bytes={self.received}-", "If-Range": self.version} if resumed else {}
        with self.session.get(self.url, headers=headers, stream=True, timeout=self.timeout_s) as response:
            if resumed and response.status_code == 416:
                self.version = ""
                raise _TryAgainError("the server does not resume")
            _check_status(response)
            if self.url.startswith("https:") and not response.url.startswith("https:"):
                raise DownloadError("it redirects from https to http")
            total = self._begin(response)
            self._receive(response, total)
        if total is not None and self.received != total:
            raise _TryAgainError(f"the connection was cut off after {self.received} of {total} bytes")

    def _begin(self, response: requests.Response) -> int | None:
        """Sets `received` to where this answer starts; the size of the whole file, or None when unstated."""
        headers = response.headers
        content_range = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", headers.get("Content-Range", ""))
        if response.status_code == 206:
            if content_range is None or int(content_range[1]) != self.received:
                self.version = ""
                raise _TryAgainError("the server resumed elsewhere than asked")
            return int(content_range[2])
        self.received = 0
        etag = headers.get("ETag", "")
        self.version = etag if etag.startswith('"') else headers.get("Last-Modified", "")
        length = headers.get("Content-Length", "")
        return int(length) if length.isdigit() and "Content-Encoding" not in headers else None

    def _receive(self, response: requests.Response, total: int | None) -> None:
        room = self.received + shutil.disk_usage(self.part.parent).free - _SPACE_RESERVE_BYTES
        self._report(total)
        with self.part.open("ab" if self.received else "wb") as file:
            if total is not None and total > room:
                raise DownloadError(f"it is {format_bytes(total)} and the disk has {format_bytes(max(room, 0))} free")
            for chunk in response.iter_content(_CHUNK_BYTES):
                if self.received + len(chunk) > room:
                    raise DownloadError("it does not fit on the disk")
                file.write(chunk)
                file.flush()  # a full disk shows here, where it is still about this file
                self.received += len(chunk)
                self._report(total)

    def _report(self, total: int | None) -> None:
        self.reported = max(self.reported, self.received)
        if self.progress is not None:
            self.progress(self.reported, total)

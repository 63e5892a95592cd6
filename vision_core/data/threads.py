"""Work on many pictures at once, with results in order and only a few of them in memory.

Decoding runs outside Python's lock, so threads use all cores; unlike processes they start at once, also inside a
server, and need no copies of what they work on. Where decoding takes less than a millisecond the lock is what counts:
`vision_core/data/lookers.py` uses processes there (`benchmarks/data_check.py` measures both).
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
Progress = Callable[[int, int], None]
"""Called with how many are done and how many there are; may raise to cancel."""

_CHUNK = 8  # items a thread takes at once, so that handing over costs little beside the work


def in_order(work: Callable[[T], R], items: Iterable[T], workers: int | None = None) -> Generator[R, None, None]:
    """`work(item)` of every item, in order, worked ahead by a bounded number of items.

    An error raised by `work` ends all of it: what has not begun never begins. Whoever may stop early closes the
    generator (`contextlib.closing`), which waits for the threads.

    Args:
        workers: threads; by default one a core this process may use.
    """
    workers = workers or available_cores()
    source = iter(items)
    pending: deque[Future[list[R]]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        while chunk := list(islice(source, _CHUNK)):
            pending.append(pool.submit(_each, work, chunk))
            if len(pending) > 2 * workers:
                yield from pending.popleft().result()
        while pending:
            yield from pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def available_cores() -> int:
    """Cores this process may use (a container may have fewer than the machine)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _each(work: Callable[[T], R], chunk: list[T]) -> list[R]:
    return [work(item) for item in chunk]

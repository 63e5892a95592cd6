"""Random numbers that are the same on every machine and with every NumPy.

NumPy promises that the raw 64-bit numbers of a bit generator never change, but not what `Generator` makes of them
(NEP 19). So whole numbers are made of the raw ones here, and fractions are whole numbers divided by a power of two.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")
_DRAWN_AT_ONCE = 256
_FINE = 1 << 16


class Dice:
    """A stream of random numbers that depends on `seed` (whole numbers from 0) and on nothing else."""

    def __init__(self, *seed: int) -> None:
        self._raw = np.random.PCG64(np.random.SeedSequence(seed))
        self._ready: list[int] = []

    def below(self, limit: int) -> int:
        """A whole number 0 <= n < `limit` <= 2^32."""
        if not self._ready:
            self._ready = (self._raw.random_raw(_DRAWN_AT_ONCE) >> np.uint64(32)).tolist()
        return self._ready.pop() * limit >> 32

    def between(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return low + self.below(high - low + 1)

    def fraction(self, low: float = 0.0, high: float = 1.0) -> float:
        """A number from `low` up to `high`, in 65,536 steps."""
        return low + (high - low) * (self.below(_FINE) / _FINE)

    def chance(self, probability: float) -> bool:
        """True that often (0..1)."""
        return self.below(_FINE) < probability * _FINE

    def pick(self, items: Sequence[T]) -> T:
        """One of them, all alike."""
        return items[self.below(len(items))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """All of them in random order."""
        rest = list(items)
        return [rest.pop(self.below(len(rest))) for _ in items]

    def bytes(self, *shape: int) -> np.ndarray:
        """Random uint8 of that shape."""
        size = int(np.prod(shape))
        return self._raw.random_raw(-(-size // 8)).astype("<u8").view(np.uint8)[:size].reshape(shape)

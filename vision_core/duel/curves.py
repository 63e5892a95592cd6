"""Learning curves: what each contender would gain from more labels.

    curve = fit(labels=[30, 75, 150, 300], errors=draws)       # `(R, P)`: each drawing's error at each point
    curve.at(800).value, curve.at(800).low

The error of a network falls as a power of the labels, `error = a * labels ** -b` (Hestness et al. 2017,
arXiv:1712.00409): a straight line on logarithmic axes, fitted by least squares. How sure it is comes from fitting the
same line to figures of pictures drawn again, with the distances that points keep from the line turned about at random
(the wild bootstrap, Wu 1986, doi:10.1214/aos/1176350142): a line that fits badly promises little. What another seed of
training would have given shows only in those distances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vision_core.errors import DataError

LEAST_POINTS = 3
_SEED = 0
_LEAST_ERROR = 1e-4
"""No error counts as less: its logarithm would outweigh all others."""


@dataclass(frozen=True)
class Guess:
    """An error to be expected, with the ends that 95 % of the drawings keep."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class PowerLaw:
    """`error = a * labels ** -b`.

    Attributes:
        a, b: `(1 + R,)`: of the figures themselves, then of each drawing.
        most: labels of the largest training set.
    """

    a: np.ndarray
    b: np.ndarray
    most: float

    def at(self, labels: float) -> Guess:
        """The error with that many labels."""
        return _guess(self.a * labels**-self.b)

    def gain(self, more: float) -> Guess:
        """How much lower the error would be with `more` labels than with the most there were; below zero: higher."""
        return _guess(self.a * self.most**-self.b - self.a * (self.most + more) ** -self.b)


def fit(labels: Sequence[float], errors: np.ndarray) -> PowerLaw | None:
    """The line through at least `LEAST_POINTS` points; None where there are fewer.

    Args:
        labels: `(P,)`, above 0.
        errors: `(1 + R, P)`, 0 or more: the figures themselves first, then drawings. A point that is nan in the first
            row is left out, and so is a drawing with one.

    Raises:
        DataError: a number of labels is not above 0.
    """
    x = np.asarray(labels, np.float64)
    if not (x > 0).all():
        raise DataError(f"A learning curve needs numbers of labels above 0, not {x.min():g}.")
    known = ~np.isnan(errors[0])
    x, errors = np.log(x[known]), errors[:, known]
    if len(np.unique(x)) < LEAST_POINTS:
        return None
    y = np.log(np.maximum(errors[~np.isnan(errors).any(axis=1)], _LEAST_ERROR))
    start, slope = _line(x, y)
    fitted = start[:, None] + slope[:, None] * x
    signs = np.random.default_rng(_SEED).choice([-1.0, 1.0], (len(y) - 1, len(x)))
    apart = (y - fitted)[1:] * np.sqrt(len(x) / (len(x) - 2)) * signs
    drawn_start, drawn_slope = _line(x, fitted[1:] + apart)
    a, b = np.exp(np.append(start[:1], drawn_start)), -np.append(slope[:1], drawn_slope)
    return PowerLaw(a, b, float(np.exp(x.max())))


def _line(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the line through each row of `y` `(R, P)` meets zero, and its slope; both `(R,)`."""
    away = x - x.mean()
    slope = (y * away).sum(axis=1) / (away**2).sum()
    return y.mean(axis=1) - slope * x.mean(), slope


def _guess(values: np.ndarray) -> Guess:
    drawn = values[1:] if len(values) > 1 else values
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Guess(float(values[0]), float(min(low, values[0])), float(max(high, values[0])))

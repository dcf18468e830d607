"""Smooth fields on regular grids: cubic B-splines, fitted and evaluated axis by axis.

A field is a lattice of control points, three more than spans along every axis. Its values at the
samples of a grid are three products with small matrices, one an axis; so are all weights of the
fit to scattered data of Lee, Wolberg and Shin (IEEE Transactions on Visualization and Computer
Graphics 1997), because samples of a grid are not scattered.

Rounding is that of ITK's B-spline filters, digit for digit: positions and sums are float32, and
every sum runs through the samples in the order of memory. N4 needs that, see
`histogram_sharpening`. Nothing here depends on the number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.intp]

ORDER: Final = 3
SUPPORT: Final = ORDER + 1
"""Control points along an axis that a sample depends on."""
END_MARGIN: Final = np.float32(1e-3)
"""Share of a sample's spacing by which the last sample is moved into the last span (ITK)."""
NO_WEIGHT: Final = np.float32(0.1) * np.finfo(np.float32).eps
"""Control points whose weights sum up to this at most stay 0 (ITK's comparison with 0)."""
REFINEMENT: Final = np.array(
    [
        [0.5, 0.5, 8.940696716308594e-08, -1.862645149230957e-09],
        [0.12500007450580597, 0.7500002384185791, 0.12500007450580597, -1.862645149230957e-08],
    ],
    dtype=np.float32,
)
"""Share of four neighbours in the two control points that halving a span makes of each.

Knot insertion gives 1/2, 1/2, 0, 0 and 1/8, 6/8, 1/8, 0. ITK solves for them in single precision
whenever it refines a lattice; these are the numbers that it finds.
"""


@dataclass(frozen=True)
class GridAxis:
    """Samples along one axis of a grid, and the spans of the spline over them.

    Parameters
    ----------
    samples
        Of the whole axis, at least 2: the first lies on the first knot, the last on the last.
    spacing
        Between samples, in mm.
    spans
        Between knots.
    start, stop
        The samples in use, as in a slice.
    """

    samples: int
    spacing: float
    spans: int
    start: int
    stop: int

    def __post_init__(self) -> None:
        if self.samples < 2:
            raise ValueError(f"a spline needs 2 samples along every axis, not {self.samples}")

    @property
    def control_points(self) -> int:
        """Along this axis."""
        return self.spans + ORDER

    def fit_basis(self) -> tuple[IntArray, NDArray[np.float64]]:
        """Basis at the positions in mm that samples have in a fit, see `_basis`."""
        place = (np.arange(self.start, self.stop) * self.spacing).astype(np.float32)
        scale = np.float64(self._scale())
        return self._basis((place.astype(np.float64) * scale).astype(np.float32))

    def field_basis(self) -> tuple[IntArray, NDArray[np.float64]]:
        """Basis at the positions in samples that a field is evaluated at, see `_basis`."""
        index = np.arange(self.start, self.stop, dtype=np.float32)
        return self._basis(np.float32(self.spans) * index / np.float32(self.samples - 1))

    def _scale(self) -> np.float32:
        """Spans in a mm."""
        return np.float32(self.spans / ((self.samples - 1) * self.spacing))

    def _basis(self, position: FloatArray) -> tuple[IntArray, NDArray[np.float64]]:
        """First control point of each position, and the weights of the four from there on.

        Returns
        -------
        first : shape (n,)
        weights : shape (n, 4)
        """
        margin = np.float32(np.float64(self._scale()) * self.spacing * np.float64(END_MARGIN))
        end = np.float32(self.spans)
        position = np.where(np.abs(position - end) <= margin, end - margin, position)
        first = position.astype(np.intp)
        points = (first[:, None] + np.arange(SUPPORT)).astype(np.float32)
        # The spline of a control point is centred on the knot one span after its number.
        distance = ((position[:, None] - points).astype(np.float64) + 1.0).astype(np.float32)
        return first, _cubic(distance.astype(np.float64))


def _cubic(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cubic B-spline with knots at whole numbers, centred on 0."""
    far = np.abs(distance)
    square = far * far
    inner = (4.0 - 6.0 * square + 3.0 * square * far) / 6.0
    outer = (8.0 - 12.0 * far + 6.0 * square - square * far) / 6.0
    return np.where(far < 1.0, inner, np.where(far < 2.0, outer, 0.0))


class LatticeFit:
    """Fit of a lattice to values at the samples of a grid, as often as wanted.

    A sample alone would be met by control points in proportion to their weights at it; a control
    point is the mean of what its samples want, weighted by the squares of the weights (Lee 1997,
    equations 3 to 5).

    Parameters
    ----------
    axes
        Grid, slowest axis first.

    Notes
    -----
    Keeps 64 weights and their places for each sample, 512 bytes.
    """

    def __init__(self, axes: Sequence[GridAxis]) -> None:
        self._shape = tuple(axis.control_points for axis in axes)
        (slow, by_slow), (middle, by_middle), (fast, by_fast) = (a.fit_basis() for a in axes)
        plane, every = len(middle) * len(fast), SUPPORT**ORDER
        # As in ITK the fast axis comes first in every product, rounded to float32 each time.
        flat = _rounded_product(
            by_fast.astype(np.float32)[None, :, None, :], by_middle[:, None, :, None]
        ).reshape(plane, 1, SUPPORT**2)
        steps = np.arange(SUPPORT)
        below = self._shape[1] * self._shape[2]
        corner = (middle[:, None] * self._shape[2] + fast).reshape(plane, 1)
        around = (steps[:, None, None] * below + steps[:, None] * self._shape[2] + steps).ravel()
        places = np.empty((len(slow), plane, every), dtype=np.int32)
        weights = np.empty((len(slow), plane, every), dtype=np.float32)
        self._total = np.zeros(int(np.prod(self._shape)), dtype=np.float32)
        for number, (first, by_first) in enumerate(zip(slow, by_slow, strict=True)):
            places[number] = first * below + corner + around
            weight = _rounded_product(flat, by_first[:, None]).reshape(plane, every)
            square = weight * weight
            np.add.at(self._total, places[number].ravel(), square.ravel())
            # A running sum keeps the order of memory, which `sum` does not.
            weights[number] = square * weight / square.cumsum(axis=1)[:, -1:]
        samples = len(slow) * plane
        self._matrix = csc_array(
            (
                weights.ravel(),
                places.ravel(),
                np.arange(0, (samples + 1) * every, every, dtype=np.int32),
            ),
            shape=(self._total.size, samples),
        )
        self._reached = np.abs(self._total) > NO_WEIGHT

    def __call__(self, values: FloatArray) -> FloatArray:
        """Lattice of control points for values at all samples, in the order of memory."""
        wanted = self._matrix @ values
        lattice = np.zeros(wanted.shape, dtype=np.float32)
        np.divide(wanted, self._total, out=lattice, where=self._reached)
        lattice[~np.isfinite(lattice)] = 0
        return lattice.reshape(self._shape)


def _rounded_product(single: FloatArray, double: NDArray[np.float64]) -> FloatArray:
    """Multiply in double precision, keep single precision."""
    shape = np.broadcast_shapes(single.shape, double.shape)
    out = np.empty(shape, dtype=np.float32)
    return np.multiply(single, double, out=out, dtype=np.float64, casting="same_kind")


def refine(lattice: FloatArray) -> FloatArray:
    """Lattice of nearly the same field with every span cut in half."""
    shape = tuple(2 * n - ORDER for n in lattice.shape)
    out = np.zeros(shape, dtype=np.float32)
    # Neighbours behind the last control point have next to no weight; they count as 0.
    wide = np.pad(lattice, (0, ORDER))
    for parity in product(range(2), repeat=3):
        target = out[tuple(slice(odd, None, 2) for odd in parity)]
        slow, middle, fast = (REFINEMENT[odd] for odd in parity)
        for step in product(range(SUPPORT), repeat=3):
            share = fast[step[2]] * middle[step[1]] * slow[step[0]]
            part = tuple(slice(s, s + n) for s, n in zip(step, target.shape, strict=True))
            target += wide[part] * share
    return out


def evaluate(lattice: FloatArray, axes: Sequence[GridAxis]) -> FloatArray:
    """Field at the samples of a grid, for axes from the slowest on."""
    for number, axis in enumerate(axes):
        lattice = _sample_axis(lattice, number, axis)
    return lattice


def _sample_axis(values: FloatArray, number: int, axis: GridAxis) -> FloatArray:
    """Replace control points along one axis of an array by samples."""
    rows = np.ascontiguousarray(values.swapaxes(0, number))
    sampled: FloatArray = _field_matrix(axis) @ rows.reshape(len(rows), -1)
    return sampled.reshape(-1, *rows.shape[1:]).swapaxes(0, number)


@lru_cache(maxsize=64)
def _field_matrix(axis: GridAxis) -> csr_array:
    """Matrix that makes samples of control points; its products add up in their order."""
    first, weights = axis.field_basis()
    places = first[:, None] + np.arange(SUPPORT)
    ends = np.arange(0, places.size + 1, SUPPORT)
    return csr_array(
        (weights.astype(np.float32).ravel(), places.ravel(), ends),
        shape=(len(first), axis.control_points),
    )

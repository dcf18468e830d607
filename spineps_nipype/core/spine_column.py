"""The one column of a scan: which pieces of bodies and discs follow each other along the spine.

Problem: networks find bodies and discs in the belly, the skin, the pelvis and the skull, and each
of them shifts the names of all others. A spine is one column, so what belongs to it can be told
from the whole.

Solution: a column is a chain of pieces from top to bottom. Its score is the sum of logarithms of
ratios: how often pieces of columns have what is measured, against how often pieces that lie
anywhere have it.

- A piece: where its rear face lies in front of the middle of the canal, and how far beside it.
- A step to the next piece: the gap between both, in which pieces may have been missed, and the
  ratio of their depths.
- Two steps: the angle between them.

Each ratio has a floor (`ODD`), so that no single oddness outweighs the others: a fracture, a slip,
a gap of the field of view. A piece that is left out costs in proportion to its volume. A piece's
probability is the share of the chains through it among all chains, found by summing them up
forwards and backwards, as for a hidden Markov model of second order.

Effort: O(pieces^3), vectorised. Lengths are mm. Constants that are not called chosen are from
`training/column/measure.py`, on bodies and discs in the truth masks of 20 SPIDER scans and of 60
phantoms; spreads are 1.5 to 2 times those measured, because masks of networks and damaged spines
vary more. Source: ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .spine_pieces import CanalLine, FloatArray, Pieces, Steps, places_of, steps_between

ODD: Final = 0.02
"""Share of columns in which a value is any other than those measured. Chosen."""
REAR, REAR_SD, REAR_RANGE = 9.6, 3.5, 120.0
"""Distance of the rear face from the middle of the canal: mean and spread in columns, and range of
pieces that lie anywhere. Such ranges, here and below, are chosen."""
ASIDE_SD, ASIDE_RANGE = 3.0, 100.0
"""Distance of a piece from the canal to a side."""
GAP, GAP_SD, GAP_RANGE = 0.02, 0.06, 6.0
"""Gap between neighbours as a multiple of their mean depth."""
BODY, BODY_SD, DISC, DISC_SD = 0.86, 0.15, 0.34, 0.14
"""Height of a body and of a disc as a multiple of its depth."""
MISSED: Final = 0.05
"""Share of pieces that a network misses. Chosen."""
MOST_MISSED: Final = 5
"""Pieces that may be missed one after another. Chosen."""
SIZE_SD, SIZE_RANGE = 0.1, 4.0
"""Logarithm of the ratio of neighbours' depths."""
BEND_SD, SHIFT_SD = 0.087, 2.5
"""Angle between two steps in radians, and what the centroid of a wedged or damaged piece adds by
its shift in mm, which turns short steps most."""
VOLUME_NATS: Final = 2.0
"""Cost of leaving out a piece that has the usual volume of its kind, or more. Chosen."""
TOUCHING_MM: Final = 3.0
"""Gap up to which a piece is a part of a member. Chosen."""
MISPLACED: Final = "it does not lie in front of the canal as the others do"
OUT_OF_LINE: Final = "it follows none of the others at a usual distance, size and direction"


@dataclass(frozen=True)
class Column:
    """What belongs to the column.

    Parameters
    ----------
    probability
        That a piece is a member of the column, shape (n,).
    parts
        Pieces that are no members but touch one.
    reasons
        What speaks against each other piece, empty for members and their parts.
    """

    probability: FloatArray
    parts: NDArray[np.bool_]
    reasons: tuple[str, ...]

    @property
    def members(self) -> NDArray[np.bool_]:
        """Pieces that are more probably members than not."""
        return self.probability >= 0.5

    @property
    def strays(self) -> NDArray[np.bool_]:
        """Pieces that are neither members nor parts of them."""
        return ~self.members & ~self.parts


def find_column(pieces: Pieces, canal: CanalLine | None) -> Column:
    """Find the column among pieces.

    Parameters
    ----------
    canal
        None if it is not known: only steps count then.
    """
    places = places_of(pieces, canal)
    steps = steps_between(pieces)
    beside = _fit(places.rear, REAR, REAR_SD, REAR_RANGE)
    beside += _fit(places.aside, 0.0, ASIDE_SD, ASIDE_RANGE)
    alone = np.nan_to_num(beside) + VOLUME_NATS * _volume_shares(pieces)
    mean_depth = (places.depths[:, None] + places.depths) / 2
    gap = steps.gaps / mean_depth
    size = _fit(np.log(places.depths[:, None] / places.depths), 0.0, SIZE_SD, SIZE_RANGE)
    # What the border of the image leaves of a piece has not its size, and its centroid lies askew:
    # its box may reach into others, and says nothing of the direction.
    cut = pieces.is_cut[:, None] | pieces.is_cut
    gap[cut], size[cut] = np.maximum(gap[cut], GAP), np.maximum(size[cut], 0)
    step = _gap_fit(gap, pieces.is_disc) + size
    order = np.argsort(places.heights, kind="stable")
    probability = np.zeros(len(pieces))
    probability[order] = _shares_of_chains(
        alone[order], step[np.ix_(order, order)], _Bends(steps, cut, order)
    )
    members = probability >= 0.5
    parts = ((steps.gaps < TOUCHING_MM) & members).any(axis=1) & ~members
    words = np.where(beside < 0, MISPLACED, OUT_OF_LINE)
    words[members | parts] = ""
    return Column(probability, parts, tuple(words.tolist()))


class _Bends:
    """Fits of the angles between two steps of pieces in an order."""

    def __init__(self, steps: Steps, cut: NDArray[np.bool_], order: NDArray[np.intp]) -> None:
        both = np.ix_(order, order)
        self._directions, self._cut = steps.directions[both], cut[both]
        self._closeness = SHIFT_SD / np.maximum(steps.distances[both], 1.0)

    def at(self, middle: int) -> FloatArray:
        """Fit of steps i to `middle` and `middle` to k, shape (i, k)."""
        cosine = self._directions[:, middle] @ self._directions[middle].T
        angle = np.arccos(np.clip(cosine, -1, 1))
        shift = self._closeness[:, middle, None] + self._closeness[middle]
        variance = BEND_SD**2 + shift**2
        # against directions that are equally frequent on half a sphere
        fit = np.log(ODD + (1 - ODD) * np.exp(-(angle**2) / (2 * variance)) / variance)
        cut = self._cut[:, middle, None] | self._cut[middle]
        return np.asarray(np.where(cut, np.maximum(fit, 0), fit))


def _shares_of_chains(alone: FloatArray, step: FloatArray, bends: _Bends) -> FloatArray:
    """Share of all chains that run through each piece, the empty chain included.

    Parameters
    ----------
    alone
        Fit of each piece, in the order of the column.
    step
        Fit of the steps from piece j to piece k; only those with j < k count.
    """
    count = len(alone)
    enter = np.where(np.triu(np.ones((count, count), dtype=bool), 1), step + alone, -np.inf)
    # logarithms of sums over chains up to the step from j to k, and over what may follow it
    until = np.full((count, count), -np.inf)
    after = np.zeros((count, count))
    for j in range(count):
        start = np.full((1, count), alone[j])
        longer = until[:j, j, None] + bends.at(j)[:j]
        until[j] = enter[j] + _log_sum(np.concatenate([start, longer]), 0)
    for k in reversed(range(count)):
        end = np.zeros((count, 1))
        longer = bends.at(k)[:, k + 1 :] + (enter + after)[k, k + 1 :]
        after[:, k] = _log_sum(np.concatenate([end, longer], axis=1), 1)
    first = alone + _log_sum(np.concatenate([np.zeros((count, 1)), enter + after], axis=1), 1)
    through = np.logaddexp(first, _log_sum(until + after, 0))
    return np.asarray(np.exp(np.minimum(through - np.logaddexp.reduce([0.0, *first]), 0)))


def _log_sum(values: FloatArray, axis: int) -> FloatArray:
    return np.asarray(np.logaddexp.reduce(values, axis=axis))


def _volume_shares(pieces: Pieces) -> FloatArray:
    """Volume of each piece as a share of the usual one of its kind, at most 1."""
    shares = np.ones(len(pieces))
    for kind in (pieces.is_disc, ~pieces.is_disc):
        volumes = pieces.volumes[kind]
        ordered = np.sort(volumes)
        # a median weighted by volume: crumbs count little
        middle = np.searchsorted(ordered.cumsum(), ordered.sum() / 2)
        shares[kind] = np.minimum(volumes / ordered[middle], 1) if len(volumes) else 1
    return shares


def _fit(values: FloatArray, mean: float, spread: float, extent: float) -> FloatArray:
    """Logarithm of the density in columns, against an even one over a range."""
    return np.asarray(np.log(ODD + (1 - ODD) * extent * _normal(values - mean, spread)))


def _gap_fit(gap: FloatArray, is_disc: NDArray[np.bool_]) -> FloatArray:
    """The same for gaps in which any number of pieces may have been missed.

    Between pieces of one kind an odd number is missed, between others an even one.
    """
    same = is_disc[:, None] == is_disc
    total = np.zeros_like(gap)
    for missed in range(MOST_MISSED + 1):
        discs = missed // 2 + (missed % 2) * ~is_disc[:, None]
        bodies = missed - discs
        spread = np.sqrt(GAP_SD**2 + discs * DISC_SD**2 + bodies * BODY_SD**2)
        density = _normal(gap - (GAP + discs * DISC + bodies * BODY), spread)
        total += (same == (missed % 2 == 1)) * MISSED**missed * density
    return np.asarray(np.log(ODD + (1 - ODD) * GAP_RANGE * total))


def _normal(offset: FloatArray, spread: float | FloatArray) -> FloatArray:
    return np.asarray(np.exp(-((offset / spread) ** 2) / 2) / (spread * np.sqrt(2 * np.pi)))

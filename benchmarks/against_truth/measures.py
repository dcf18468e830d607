"""Agreement of a truth and a result on one grid, by structure and by instance."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import nan, prod
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import linear_sum_assignment

from spineps_nipype.core.components import bounding_box

MATCH: Final = 0.5
"""Least Dice of an instance with the true one that it stands for."""
MERGED_SHARE: Final = 0.5
"""An instance that holds this share of two or more true ones has merged them."""
SPLIT_SHARE: Final = 0.2
"""A true instance of which two or more instances hold this share each is split."""
CUT_SHARE: Final = 0.5
"""An instance at the upper or lower border of the image counts as cut off below this share of
the volume of its nearest neighbour that is whole."""
HEIGHT: Final = 1
"""Axis from top to bottom of arrays in P, I, R."""

Array = np.ndarray


@dataclass(frozen=True)
class Overlap:
    """Agreement of two masks; NaN where a measure has no meaning.

    Parameters
    ----------
    dice
        NaN if both masks are empty.
    assd, hd95
        Average symmetric surface distance, and the larger of both directions' 95th percentiles
        of surface distances [mm]; NaN if a mask has no surface.
    """

    dice: float
    assd: float
    hd95: float


def compare_masks(truth: Array, result: Array, spacing: Sequence[float]) -> Overlap:
    """Dice and surface distances of two masks.

    Parameters
    ----------
    truth, result
        bool, one shape.
    spacing
        mm of each axis.
    """
    sizes = int(np.count_nonzero(truth)), int(np.count_nonzero(result))
    if not sum(sizes):
        return Overlap(nan, nan, nan)
    dice = 2 * int(np.count_nonzero(truth & result)) / sum(sizes)
    if not all(sizes):
        return Overlap(dice, nan, nan)
    box = bounding_box(truth | result, 1)
    there, back = surface_distances(truth[box], result[box], spacing)
    if not len(there):
        return Overlap(dice, nan, nan)
    hd95 = max(float(np.percentile(d, 95)) for d in (there, back))
    return Overlap(dice, float(np.concatenate([there, back]).mean()), hd95)


def surface_distances(a: Array, b: Array, spacing: Sequence[float]) -> tuple[Array, Array]:
    """Distance of each surface voxel of one mask to the surface of the other, both ways [mm].

    The surface are voxels with a face to a voxel outside the mask. Where the image ends there is
    none: two masks that are cut by the same plane agree there anyway, which would flatter them.
    Both arrays are empty if a mask has no surface.
    """
    surfaces = [mask & ~ndimage.binary_erosion(mask, border_value=1) for mask in (a, b)]
    if not all(surface.any() for surface in surfaces):
        return np.empty(0), np.empty(0)
    to_a, to_b = (ndimage.distance_transform_edt(~s, sampling=spacing) for s in surfaces)
    return to_b[surfaces[0]], to_a[surfaces[1]]


@dataclass(frozen=True)
class Instances:
    """Instances of one kind, such as vertebrae.

    Parameters
    ----------
    labels
        Number of the instance of each voxel, 0 for none.
    names
        Levels by number, as far as they are known.
    optional
        Numbers that may be found or not: the border of the image cuts them off.
    """

    labels: Array
    names: Mapping[int, str] = field(default_factory=dict)
    optional: frozenset[int] = frozenset()

    @property
    def numbers(self) -> tuple[int, ...]:
        """All numbers."""
        return tuple(int(n) for n in np.unique(self.labels) if n)

    @property
    def expected(self) -> tuple[int, ...]:
        """Numbers that must be found."""
        return tuple(n for n in self.numbers if n not in self.optional)


@dataclass(frozen=True)
class Match:
    """A true instance and the one that stands for it."""

    truth: int
    result: int
    dice: float


@dataclass(frozen=True)
class Matching:
    """Instances against true ones.

    Parameters
    ----------
    found
        Pairs, also of optional true instances.
    missed
        True instances without a partner.
    extra
        Instances without a partner.
    above
        Instances whose middle is above every true one: many truths stop below the top of the
        image, and what they leave out cannot be judged.
    merged
        Instances that hold half or more of several true ones.
    split
        True instances that are shared by several.
    """

    found: tuple[Match, ...]
    missed: tuple[int, ...]
    extra: tuple[int, ...]
    above: tuple[int, ...]
    merged: tuple[int, ...]
    split: tuple[int, ...]

    @property
    def right(self) -> bool:
        """Whether there is one instance for every true one, and no other."""
        return not (self.missed or self.extra or self.merged or self.split)


def match_instances(truth: Instances, result: Instances) -> Matching:
    """Find the pairs of instances, one to one, with a Dice of `MATCH` or more.

    Of all ways to pair them, the one with the largest sum of Dice counts. Optional true instances
    may be found but not missed; an instance without a partner that is optional itself, or lies
    mostly in an optional true instance, is neither extra nor above.
    """
    true_numbers, numbers = truth.numbers, result.numbers
    common = _common(truth.labels, result.labels, true_numbers, numbers)
    true_sizes, sizes = _sizes(truth.labels, true_numbers), _sizes(result.labels, numbers)
    found = _pair(2 * common / (true_sizes[:, None] + sizes[None]), true_numbers, numbers)
    partners = {match.truth for match in found}, {match.result for match in found}
    # pieces of true instances that need not be found are no mistakes
    optional = np.isin(true_numbers, sorted(truth.optional))
    pieces = np.logical_or.reduce(2 * common[optional] > sizes)
    harmless = partners[1] | set(_chosen(numbers, pieces)) | result.optional
    alone = [n for n in numbers if n not in harmless]
    above = _above(result.labels, alone, truth.labels)
    held = common / true_sizes[:, None] if len(numbers) else common
    merged = (held >= MERGED_SHARE).sum(axis=0) > 1
    split = (held >= SPLIT_SHARE).sum(axis=1) > 1
    return Matching(
        found,
        tuple(n for n in truth.expected if n not in partners[0]),
        tuple(n for n in alone if n not in above),
        above,
        _chosen(numbers, merged),
        tuple(n for n in _chosen(true_numbers, split) if n in truth.expected),
    )


def _chosen(numbers: Sequence[int], which: NDArray[np.bool_]) -> tuple[int, ...]:
    """Numbers of the instances that a mask over them marks."""
    return tuple(number for number, yes in zip(numbers, which, strict=True) if yes)


def _pair(dice: Array, true_numbers: Sequence[int], numbers: Sequence[int]) -> tuple[Match, ...]:
    """Pairs of instances, one to one, with the largest sum of Dice."""
    dice = np.where(dice >= MATCH, dice, 0.0)
    pairs = zip(*linear_sum_assignment(dice, maximize=True), strict=True)
    return tuple(
        Match(true_numbers[i], numbers[k], float(dice[i, k])) for i, k in pairs if dice[i, k] > 0
    )


def levels_agree(matching: Matching, truth: Instances, result: Instances) -> dict[int, bool]:
    """Whether the names of each pair are equal, by the number of the true instance.

    True instances without a name are left out.
    """
    return {
        match.truth: truth.names[match.truth] == result.names.get(match.result)
        for match in matching.found
        if match.truth in truth.names
    }


def cut_off(labels: Array, spacing: Sequence[float]) -> frozenset[int]:
    """Instances that are mostly out of view above or below.

    Parameters
    ----------
    labels
        Numbers of instances (P, I, R).
    spacing
        mm of each axis.
    """
    numbers = [int(n) for n in np.unique(labels) if n]
    at_border = {int(n) for n in np.unique(labels[:, [0, -1]])}
    whole = [n for n in numbers if n not in at_border]
    if not whole:
        return frozenset()
    volumes = dict(zip(numbers, _sizes(labels, numbers) * prod(spacing), strict=True))
    index = np.arange(labels.shape[HEIGHT])[:, None]
    means = ndimage.mean(np.broadcast_to(index, labels.shape), labels, numbers)
    heights = dict(zip(numbers, means, strict=True))

    def nearest_whole(number: int) -> int:
        return min(whole, key=lambda w: abs(heights[w] - heights[number]))

    return frozenset(
        n for n in numbers if n in at_border and volumes[n] < CUT_SHARE * volumes[nearest_whole(n)]
    )


def _above(labels: Array, numbers: Sequence[int], truth: Array) -> tuple[int, ...]:
    """Numbers whose mean row lies above the first row of the truth."""
    rows = np.flatnonzero(truth.any(axis=(0, 2)))
    if not len(rows):
        return ()
    return tuple(n for n in numbers if np.nonzero(labels == n)[HEIGHT].mean() < rows[0])


def _common(one: Array, other: Array, rows: Sequence[int], columns: Sequence[int]) -> Array:
    """Voxels that each pair of instances shares."""
    out = np.zeros((len(rows), len(columns)))
    both = (one > 0) & (other > 0)
    pairs, counts = np.unique(np.stack([one[both], other[both]]), axis=1, return_counts=True)
    for (row, column), count in zip(pairs.T.tolist(), counts.tolist(), strict=True):
        out[rows.index(row), columns.index(column)] = count
    return out


def _sizes(labels: Array, numbers: Collection[int]) -> Array:
    found = dict(zip(*(a.tolist() for a in np.unique(labels, return_counts=True)), strict=True))
    return np.array([found[n] for n in numbers], float)

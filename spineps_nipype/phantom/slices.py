"""Thick slices: several thin slices of a phantom merged into one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .generate import Phantom
from .geometry import Array


def join_slices(phantom: Phantom, count: int) -> Phantom:
    """Merge slices along R, `count` at a time.

    Drawn directly in thick slices, a phantom would show structures as they are in the middle of a
    slice, with bone that is all cortex. A scanner shows the mean of what lies in a slice. So draw
    thin slices, merge them, and give ``render`` the same `count` for the image.

    Parameters
    ----------
    count
        Thin slices per thick one; those left over at the end are dropped.

    Returns
    -------
    Phantom
        Each voxel has the label that fills most of it; of equal ones, that nearest to the middle.

    Raises
    ------
    ValueError
        For a count below 1, or more slices than there are.
    """
    p, i, r = phantom.origin
    step = phantom.spacing[2]
    chosen = common_slices(phantom.spine, count)
    return replace(
        phantom,
        tissue=take_slices(phantom.tissue, chosen, count),
        spine=take_slices(phantom.spine, chosen, count),
        vert=take_slices(phantom.vert, chosen, count),
        spacing=(*phantom.spacing[:2], step * count),
        origin=(p, i, r + step * (count - 1) / 2),
    )


def mean_slices(image: Array, count: int) -> Array:
    """Mean of every `count` slices along the last axis; those left over are dropped."""
    return np.asarray(_grouped(image, count).mean(axis=-1))


def _grouped(array: Array, count: int) -> Array:
    """View with the last axis split into groups: (P, I, groups, count)."""
    groups = array.shape[2] // count if count > 0 else 0
    if groups == 0:
        raise ValueError(f"{count} slices cannot be joined of {array.shape[2]}")
    return array[..., : groups * count].reshape(*array.shape[:2], groups, count)


def common_slices(labels: Array, count: int) -> Array:
    """Index within each group of a slice that shows the group's most common label.

    Of equally common labels, that nearest to the middle of the group. Integers, (P, I, groups).
    """
    members = _grouped(labels, count)
    from_the_middle = sorted(range(count), key=lambda k: abs(k - (count - 1) / 2))
    votes = [(members == members[..., k : k + 1]).sum(-1) for k in from_the_middle]
    return np.asarray(np.asarray(from_the_middle)[np.argmax(votes, axis=0)])


def take_slices(array: Array, chosen: Array, count: int) -> Array:
    """The slice of each group that `common_slices` chose, (P, I, groups)."""
    return np.take_along_axis(_grouped(array, count), chosen[..., None], axis=-1)[..., 0]

"""Thick slices: several thin slices of a phantom seen as one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .generate import Phantom
from .geometry import Array


def join_slices(phantom: Phantom, count: int) -> Phantom:
    """The phantom in slices along R that are `count` times as thick.

    A phantom that is drawn in thick slices shows every structure as it is in the middle of a
    slice, with bone that is all cortex. A scanner shows the mean of all that lies in a slice, so
    draw thin slices, and give ``render`` the same `count` for the image.

    Parameters
    ----------
    count
        Thin slices in a thick one; those left over at the end are dropped.

    Returns
    -------
    Phantom
        Every voxel has the label that fills most of it, of equals the one nearer the middle.

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
    """View with the last axis parted into groups: (P, I, groups, count)."""
    groups = array.shape[2] // count if count > 0 else 0
    if groups == 0:
        raise ValueError(f"{count} slices cannot be joined of {array.shape[2]}")
    return array[..., : groups * count].reshape(*array.shape[:2], groups, count)


def common_slices(labels: Array, count: int) -> Array:
    """Which slice of its group shows the label that most of the group have: int, (P, I, groups).

    Of labels that are equally common, the one nearer the middle of the group.
    """
    members = _grouped(labels, count)
    from_the_middle = sorted(range(count), key=lambda k: abs(k - (count - 1) / 2))
    votes = [(members == members[..., k : k + 1]).sum(-1) for k in from_the_middle]
    return np.asarray(np.asarray(from_the_middle)[np.argmax(votes, axis=0)])


def take_slices(array: Array, chosen: Array, count: int) -> Array:
    """The member of each group that `common_slices` chose: (P, I, groups)."""
    return np.take_along_axis(_grouped(array, count), chosen[..., None], axis=-1)[..., 0]

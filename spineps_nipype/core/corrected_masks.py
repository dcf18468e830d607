"""A mask that a reader corrected: what it must be to take the place of a computed one.

The run and its dry run ask the same question here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
from numpy.typing import NDArray

from ..errors import EmptyResultError, InputError
from .images import load_mask
from .stored_space import same_grid
from .volume import Volume


def corrected_mask(path: Path, shape: Sequence[int], affine: NDArray[Any]) -> Volume:
    """A corrected mask with the axes of its scan.

    Programs that store a mask may turn its axes; that moves no voxel, and is undone.

    Parameters
    ----------
    path
        The mask.
    shape, affine
        Grid of the scan: voxels, and voxel indices to world coordinates (RAS+, mm).

    Raises
    ------
    InputError
        If it cannot be read, is no label map, or is not on the grid of the scan.
    EmptyResultError
        If it has no label.
    """
    mask = load_mask(path)
    codes = nib.aff2axcodes(affine)
    if mask.orientation != codes:
        mask = mask.reorient(codes)
    if not same_grid(mask.shape, mask.affine, shape, affine):
        raise InputError(
            "The corrected mask is not on the grid of its scan.",
            file=path,
            remedy="Save the correction on the grid of the scan (same size and position).",
        )
    refuse_empty(mask.get_array(), path)
    return mask


def refuse_empty(labels: NDArray[Any], path: Path) -> None:
    """Refuse a correction that has no label.

    Raises
    ------
    EmptyResultError
        If all voxels are 0.
    """
    if not labels.any():
        raise EmptyResultError(
            "The corrected mask is empty.", file=path, remedy="Correct it, or take it away."
        )

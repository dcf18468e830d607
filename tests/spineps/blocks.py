"""A spine of blocks in PIR, with exactly known anatomy."""

from __future__ import annotations

import nibabel as nib
import numpy as np
from TPTBox import NII

PERIOD = 12
"""Rows from one vertebra to the next: body 6, plate 1, disc 4, plate 1."""
BODY = 6
FIRST = 8
AFFINE_PIR = np.array([[0, 0, 1.0, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
"""Array axes P, I, R at 1 mm."""


def spine_of_blocks(
    count: int, *, sacrum: bool = True, plate_on_top: bool = False, disc_on_top: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Semantic and vertebra mask; vertebrae are numbered 1, 2, ... from the top."""
    shape = (26, FIRST + PERIOD * count + 14, 9)
    spine, vert = np.zeros(shape, np.uint8), np.zeros(shape, np.uint16)
    front, back, width = slice(3, 10), slice(14, 20), slice(2, 7)
    for k in range(count):
        top = FIRST + PERIOD * k
        spine[front, top : top + BODY, width] = 49
        spine[back, top + 1 : top + 5, width] = 41
        vert[:, top : top + BODY, width] = k + 1
        vert[spine == 0] = 0
        last = k == count - 1 and not sacrum
        spine[front, top + BODY, width] = 62
        if not last:
            spine[front, top + BODY + 1 : top + BODY + 5, width] = 100
            spine[front, top + BODY + 5, width] = 62
    if sacrum:
        start = FIRST + PERIOD * count
        spine[front, start : start + 8, width] = 26
    if plate_on_top:
        spine[front, FIRST - 1, width] = 62
    if disc_on_top:
        spine[front, FIRST - 5 : FIRST - 1, width] = 100
    return spine, vert


def as_nii(array: np.ndarray, orientation: tuple[str, ...] = ("P", "I", "R")) -> NII:
    """Label map at 1 mm with PIR axes, seen in another orientation."""
    return NII(nib.Nifti1Image(array, AFFINE_PIR), True).reorient(orientation)


def grey(mask: NII) -> NII:
    """Image on the grid of a mask."""
    return NII.from_numpy(mask.get_array().astype(np.float32), mask.affine, False)

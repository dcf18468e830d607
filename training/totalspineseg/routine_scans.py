"""Routine scans without masks as samples, by what SPINEPS makes of them.

They show what SPIDER's masks leave out: the sacrum, the cord, and landmark discs in sequences and
hospitals that no mask is there of.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from spineps_nipype.core import anatomy
from spineps_nipype.core.geometry import rescale
from spineps_nipype.core.volume import make_volume
from training.common.patches import FINEST
from training.common.surely_named import SureScan, sure_scans
from training.totalspineseg.samples import CodedScan
from training.totalspineseg.targets import (
    BONE_CODES,
    CANAL,
    CORD,
    DISC_CODES,
    MAYBE_BONE,
    SACRUM,
    SOME_BONE,
)

LANDMARK_BELOW = {anatomy.T12: "T12_L1", anatomy.L5: "L5_S"}
"""Names of the discs below some vertebrae of a lumbar scan."""

Array = np.ndarray


def routine_scans(scans: Path, results: Path) -> Iterator[CodedScan]:
    """Scans that SPINEPS names surely.

    Parameters
    ----------
    scans
        BIDS folder.
    results
        Derivatives of SPINEPS.
    """
    for scan in sure_scans(scans, results):
        p, i, r = scan.spacing
        affine = np.array([[0, 0, r, 0], [-p, 0, 0, 0], [0, -i, 0, 0], [0, 0, 0, 1.0]])
        image, codes = (
            rescale(make_volume(array, affine, seg=seg), FINEST).get_array()
            for array, seg in ((scan.image.astype(np.float32), False), (sure_codes(scan), True))
        )
        yield CodedScan((image - image.mean()) / image.std(), codes.astype(np.uint8))


def sure_codes(scan: SureScan) -> Array:
    """Code of every voxel, uint8 (P, I, R)."""
    codes = np.zeros(scan.spine.shape, np.uint8)
    codes[scan.spine == anatomy.CANAL] = CANAL
    codes[scan.spine == anatomy.CORD] = CORD
    codes[scan.spine == anatomy.SACRUM] = SACRUM
    bone, disc = np.isin(scan.spine, anatomy.VERTEBRA_PARTS), scan.spine == anatomy.DISC
    codes[bone] = SOME_BONE
    codes[disc] = DISC_CODES["?", 0]
    above = scan.labels[0] - 1  # its disc is in view, where it is not wholly so itself
    for place, label in enumerate((above, *scan.labels)):
        codes[bone & (scan.vert == label)] = BONE_CODES[place % 2] if place else SOME_BONE
        name = LANDMARK_BELOW.get(label, "")
        code = DISC_CODES[name, (place + 1) % 2]
        codes[disc & (scan.vert == anatomy.DISC_OFFSET + label)] = code
    # what the upper border cuts may be left out
    first = int(np.nonzero(scan.bodies == scan.labels[0])[1].min())
    codes[:, :first][codes[:, :first] == 0] = MAYBE_BONE
    return codes

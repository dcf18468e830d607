"""Samples for the networks of TotalSpineSeg: patches of phantoms and of real scans.

As for the semantic network, patches are (P, I, R) on its grid and reversed at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.ndimage import map_coordinates

from spineps_nipype.phantom.render import render_tissue
from spineps_nipype.phantom.tissues import mirror_table
from training.common.canal_contents import with_cauda, with_cord
from training.common.loop import Batch
from training.common.patch_images import finish_patch, normalise_phantom
from training.common.patches import (
    FINEST,
    NEAR_A_PHANTOM_SPINE,
    NEAR_A_REAL_SPINE,
    draw_phantom,
    patch_centre,
    patch_grid,
)
from training.common.phantom_seeds import phantom_seed
from training.common.real_scans import RealScan
from training.totalspineseg.targets import marked_codes, phantom_codes, spider_codes

PATCH: Final = (96, 128, 24)
"""Voxels in P, I, R."""
SAMPLES: Final = 10
"""Samples of one group."""
CONTRASTS: Final = ("T2w", "T1w", "CT", "random")
CONTRAST_SHARES: Final = (0.66, 0.2, 0.04, 0.1)
MOVED: Final = 0.4
"""Share of samples of step 2 whose marks are a voxel away from the disc, as predictions may be."""
WIDEST_REAL, WIDEST_PHANTOM = 1.35, 1.15
"""Largest factors by which slices of patches are moved together or apart."""
OUTSIDE: Final = 255
"""Code or tissue of voxels that a scan or phantom does not show."""

Array = np.ndarray


@dataclass(frozen=True)
class CodedScan:
    """Image (normalised) and codes, both (P, I, R) on the grid of the model."""

    image: Array
    codes: Array

    @classmethod
    def from_spider(cls, scan: RealScan, vertebrae: int | None) -> CodedScan:
        """Code a scan with a SPIDER mask.

        Parameters
        ----------
        vertebrae
            Their number in the scan, see `spider_codes`.
        """
        told = with_cord(with_cauda(scan)).mask
        return cls(scan.image, spider_codes(told, FINEST, vertebrae))


@dataclass(frozen=True)
class TotalSpineSegSamples:
    """Maker of groups of samples, half of them for each step.

    Parameters
    ----------
    real
        Real scans; without them all groups are phantoms.
    phantom_share
        Fraction of groups that are phantoms.
    """

    real: Sequence[CodedScan] = ()
    phantom_share: float = 0.5
    patch: tuple[int, int, int] = PATCH

    def __call__(self, seed: int, group: int) -> list[Batch]:
        """Samples of one group."""
        rng = np.random.default_rng((seed, 6, group))
        if self.real and rng.random() >= self.phantom_share:
            pick = rng.integers(len(self.real), size=SAMPLES)
            patches = [self._real(self.real[int(k)], rng) for k in pick]
        else:
            phantom = draw_phantom(phantom_seed(seed, group), rng, FINEST)
            codes = phantom_codes(phantom)
            patches = [self._phantom(phantom.tissue, codes, rng) for _ in range(SAMPLES)]
        return [with_marks(patch, 1 + k % 2, rng) for k, patch in enumerate(patches)]

    def _real(self, scan: CodedScan, rng: np.random.Generator) -> Batch:
        centre = patch_centre(scan.codes, self.patch, rng, NEAR_A_REAL_SPINE)
        grid = patch_grid(self.patch, centre, rng, WIDEST_REAL)
        image = map_coordinates(scan.image, grid, order=1, cval=-1e3)
        codes = map_coordinates(scan.codes, grid, order=0, cval=OUTSIDE)
        # at the border the image is interpolated with what is outside, far below any grey value
        outside = (codes == OUTSIDE) | (image < -1e2)
        image[outside] = scan.image.min()
        if rng.random() < 0.5:
            image, codes, outside = image[..., ::-1], codes[..., ::-1], outside[..., ::-1]
        return finish_patch(image.copy(), codes.astype(np.int64), outside.copy(), rng)

    def _phantom(self, tissue: Array, codes: Array, rng: np.random.Generator) -> Batch:
        centre = patch_centre(codes, self.patch, rng, NEAR_A_PHANTOM_SPINE)
        grid = patch_grid(self.patch, centre, rng, WIDEST_PHANTOM)
        tissue = map_coordinates(tissue, grid, order=0, cval=OUTSIDE)
        codes = map_coordinates(codes, grid, order=0, cval=0)
        outside = tissue == OUTSIDE
        tissue[outside] = 0
        if rng.random() < 0.5:
            tissue = mirror_table()[tissue][..., ::-1]
            codes, outside = codes[..., ::-1], outside[..., ::-1]
        contrast = str(rng.choice(CONTRASTS, p=CONTRAST_SHARES))
        thick = float(rng.uniform(2.5, 5.0)) if rng.random() < 0.5 else None
        image = render_tissue(tissue, FINEST, rng, contrast=contrast, slice_thickness=thick)
        image = normalise_phantom(image, codes == 0, rng)
        return finish_patch(image, codes.astype(np.int64), outside.copy(), rng)


def with_marks(patch: Batch, step: int, rng: np.random.Generator) -> Batch:
    """A patch with its second channel: every second disc for step 2, nothing for step 1.

    Returns
    -------
    dict
        The patch with two channels, and ``step`` and ``odd``, which choose the table of the loss.
    """
    odd = int(rng.integers(2))
    marks = np.zeros(patch["target"].shape, np.float32)
    if step == 2:
        marks[np.isin(patch["target"], marked_codes(odd))] = 1
        if rng.random() < MOVED:
            marks = np.roll(marks, rng.integers(-1, 2, 3).tolist(), axis=(0, 1, 2))
    return {
        "image": np.concatenate([patch["image"], marks[None]]),
        "target": patch["target"],
        "step": np.asarray(step, np.int64),
        "odd": np.asarray(odd, np.int64),
    }

"""Samples for the nets of spine-segmentation: sagittal slices of phantoms and of real scans.

A sample is a slice between its neighbours, as in the pipeline, but on pixels twice as large: the
nets average 2 x 2 pixels first. Every sample is a function of its seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.ndimage import affine_transform, gaussian_filter

from spineps_nipype.spine_segmentation.names import DISC, VERTEBRA
from spineps_nipype.spine_segmentation.settings import SliceSettings
from spineps_nipype.spine_segmentation.slices import HEIGHT, WIDTH, crop_or_pad, normalised
from training.common import spider_masks
from training.common.loop import Batch, phantom_seed
from training.common.real_scans import RealScan
from training.spine_segmentation.phantom_slices import (
    CLASS_OF,
    IGNORED,
    Array,
    Labelled,
    phantom_scan,
    sagittal,
    window,
)
from training.spine_segmentation.sacrum import place_below

PIXEL: Final = 2 * SliceSettings().pixel_size
"""mm; half the resolution of the slices."""
SHAPE: Final = (WIDTH // 2, HEIGHT // 2)
SAMPLES: Final = 6
"""Samples made from one phantom or real scan."""
REAL_SHARE: Final = 0.25
CONTRASTS: Final = ("T2w", "T1w", "random")
CONTRAST_SHARES: Final = (0.7, 0.2, 0.1)
FEWEST, MOST = 4, 24
"""Named vertebrae in a window."""
FRACTURED: Final = 0.35
"""Share of phantoms with several compressed bodies: low and wide, they look like discs."""
FEWEST_FRACTURES, MOST_FRACTURES = 2, 5
TURN: Final = 9.0
"""Standard deviation of the angle by which slices are turned, degrees."""
SPREAD: Final = 0.35
"""Slices lie within so much of the width around the middle, as two standard deviations."""
ANYWHERE: Final = 0.3
"""Share of slices from anywhere: what lies beside the spine must not be taken for it."""


@dataclass(frozen=True)
class SliceSamples:
    """Maker of groups of samples.

    Parameters
    ----------
    real
        Real scans on pixels of `PIXEL` mm; without them all groups are phantoms.
    """

    real: Sequence[Labelled] = ()

    def __call__(self, seed: int, group: int) -> list[Batch]:
        """Samples of one group: slices of one scan."""
        rng = np.random.default_rng((seed, 5, group))
        if self.real and rng.random() < REAL_SHARE:
            scan = self.real[int(rng.integers(len(self.real)))]
        else:
            number = phantom_seed(seed, group)
            limits = window(number, int(rng.integers(FEWEST, MOST + 1)), rng)
            thick, width = float(rng.uniform(2.0, 5.0)), float(rng.uniform(12, 60))
            spacing = (PIXEL * float(np.exp(rng.normal(0, 0.1))),) * 2
            contrast = str(rng.choice(CONTRASTS, p=CONTRAST_SHARES))
            broken = None
            if rng.random() < FRACTURED:
                broken = int(rng.integers(FEWEST_FRACTURES, MOST_FRACTURES + 1))
            scan = phantom_scan(
                number,
                limits,
                rng,
                spacing=(*spacing, thick),
                width=max(width, 4 * thick),
                contrast=contrast,
                fractures=broken,
            )[1]
        return [sample(scan, rng) for _ in range(SAMPLES)]


def sample(scan: Labelled, rng: np.random.Generator) -> Batch:
    """A slice with its neighbours, turned, scaled and changed in intensity."""
    count = len(scan.image)
    at = int(np.clip(round((count - 1) / 2 + rng.normal(0, SPREAD / 2) * count), 0, count - 1))
    if rng.random() < ANYWHERE:
        at = int(rng.integers(count))
    gap = int(rng.integers(1, 3)) if count > 12 else 1
    rows = np.clip([at - gap, at, at + gap], 0, count - 1)
    if rng.random() < 0.5:
        rows = rows[::-1]
    grey = normalised(scan.image)
    grey = np.clip(grey, 0, np.quantile(grey, rng.uniform(0.98, 1.0)) + 1e-6)
    matrix, shift, size = _place(grey.shape[1:], rng)
    slices = [
        affine_transform(grey[row], matrix, shift, size, order=1, mode="constant") for row in rows
    ]
    image = crop_or_pad(_changed(normalised(np.stack(slices)), rng), *SHAPE)
    target = {}
    for name, labels, outside in (
        ("semantic", scan.semantic, IGNORED),
        ("classes", scan.classes, IGNORED),
    ):
        moved = affine_transform(
            labels[rows[1]], matrix, shift, size, order=0, mode="constant", cval=outside
        )
        moved = np.where(moved == IGNORED, -1, moved.astype(np.int64))
        target[name] = crop_or_pad(moved[None], *SHAPE)[0]
    return {"image": image.astype(np.float32), **target}


def _place(shape: Sequence[int], rng: np.random.Generator) -> tuple[Array, Array, tuple[int, int]]:
    """Matrix, offset and size of a turned and scaled slice."""
    angle = np.deg2rad(rng.normal(0, TURN))
    scale, aspect = np.exp(rng.normal(0, 0.1)), np.exp(rng.normal(0, 0.04))
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.array([[cos, -sin], [sin, cos]]) @ np.diag([scale * aspect, scale / aspect])
    size = tuple(round(n / s) for n, s in zip(shape, np.diag(matrix), strict=True))
    middle = (np.array(shape) - 1) / 2
    return matrix, middle - matrix @ ((np.array(size) - 1) / 2), size  # type: ignore[return-value]


def _changed(image: Array, rng: np.random.Generator) -> Array:
    """Gamma, blur and noise; intensities stay between 0 and 1."""
    if rng.random() < 0.5:
        image = image ** np.exp(rng.normal(0, 0.3))
    if rng.random() < 0.25:
        image = gaussian_filter(image, (0, *[rng.uniform(0, 0.8)] * 2))
    if rng.random() < 0.3:
        image = image + rng.standard_normal(image.shape, dtype=np.float32) * rng.uniform(0, 0.05)
    return np.clip(image, 0, 1)


def spider_targets(
    mask: Array,
    spacing: Sequence[float],
    vertebrae: int | None = None,
    *,
    with_sacrum: bool = False,
) -> tuple[Array, Array]:
    """Semantic target and classes of a SPIDER mask, all axes (P, I, R).

    A body is what a vertebra has in front of the canal. The sacrum is not in these masks:
    background below the plane of the lowest disc is not known but for the canal and what lies
    right before S1, and neither is what lies above or below all vertebrae. Names count from the
    lowest disc as that between L5 and S1.

    Parameters
    ----------
    vertebrae
        Number in the scan; where another number of bodies is found, names are not known.
    with_sacrum
        Give the body of S1 below the lowest disc as far as it is sure.
    """
    numbers = spider_masks.number_bodies(mask, spacing)
    semantic = np.where(numbers > 0, VERTEBRA, 0).astype(np.uint8)
    discs = mask == spider_masks.DISC
    semantic[discs] = DISC
    rows = np.arange(mask.shape[1])
    shown = np.flatnonzero((numbers > 0).any(axis=(0, 2)))
    unknown = np.ones(len(rows), bool)
    if len(shown):
        unknown = (rows < shown[0]) | (rows > shown[-1])
    hidden = np.broadcast_to(unknown[None, :, None], mask.shape)
    sacrum = place_below(mask, numbers, spacing)
    if sacrum is not None:
        hidden = (hidden | sacrum.below) & ~sacrum.before
    hidden = hidden & (mask != spider_masks.CANAL)
    semantic[(semantic == 0) & hidden] = IGNORED
    names = spider_masks.lumbar_names(int(numbers.max()))
    sure = bool(names) and len(names) == vertebrae and spider_masks.disc_below(numbers, mask)
    table = np.full(256, IGNORED, np.uint8)
    table[0] = 0
    for number, name in names.items() if sure else ():
        table[number] = CLASS_OF.get(name, IGNORED)
    classes = table[numbers]
    classes[(classes == 0) & hidden] = IGNORED
    if sacrum is not None and with_sacrum:
        semantic[sacrum.top] = VERTEBRA
        classes[sacrum.top] = CLASS_OF["S1"] if sure else IGNORED
    return semantic, classes


def real_slices(scan: RealScan, spacing: Sequence[float], vertebrae: int | None) -> Labelled:
    """A real scan with its targets on pixels of `PIXEL` mm."""
    semantic, classes = spider_targets(scan.mask, spacing, vertebrae, with_sacrum=True)
    steps = [PIXEL / spacing[0], PIXEL / spacing[1]]
    arrays = []
    for array, order in ((scan.image, 1), (semantic, 0), (classes, 0)):
        upright = sagittal(array)
        if order:
            upright = gaussian_filter(upright, (0, *(0.4 * s for s in steps)))
        size = [round(n / s) for n, s in zip(upright.shape[1:], steps, strict=True)]
        offset = [0.0, *((s - 1) / 2 for s in steps)]
        matrix = np.diag([1.0, *steps])
        shape = (len(upright), *size)
        arrays.append(
            affine_transform(upright, matrix, offset, shape, order=order, mode="nearest")
        )
    return Labelled(*arrays)

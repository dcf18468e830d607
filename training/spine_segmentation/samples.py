"""Samples for the nets of spine-segmentation: sagittal slices of phantoms and of real scans.

A sample is a slice between its neighbours, as in the pipeline. Every sample is a function of its
seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.ndimage import affine_transform, gaussian_filter

from spineps_nipype.spine_segmentation.slices import crop_or_pad, normalised
from training.common.loop import Batch
from training.common.phantom_seeds import phantom_seed
from training.spine_segmentation.phantom_slices import draw_window, phantom_scan
from training.spine_segmentation.sliced_scan import IGNORED, PIXEL, Array, SlicedScan

UNKNOWN: Final = -1
"""Class of pixels that teach nothing."""
SAMPLES: Final = 6
"""Samples made from one phantom or real scan."""
REAL_SHARE: Final = 0.35
"""Share of groups that are real scans with masks, where there are any."""
ROUTINE_SHARE: Final = 0.25
"""Share of groups that are routine slices, where there are any."""
CONTRASTS: Final = ("T2w", "T1w", "random")
CONTRAST_SHARES: Final = (0.7, 0.2, 0.1)
FEWEST, MOST = 4, 24
"""Named vertebrae in a window."""
FRACTURED: Final = 0.35
"""Share of phantoms with several compressed bodies: low and wide, they look like discs."""
FEWEST_FRACTURES, MOST_FRACTURES = 2, 5
"""Compressed bodies of such a phantom."""
TURN: Final = 9.0
"""Standard deviation of the angle by which slices are turned, degrees."""
SPREAD: Final = 0.35
"""Share of the width around the middle in which slices lie, as two standard deviations."""
ANYWHERE: Final = 0.3
"""Share of slices from anywhere: what lies beside the spine must not be taken for it."""
SHADED: Final = 0.2
"""Standard deviation of slope and bend of the logarithm of brightness, half a slice along."""
MANY_SLICES: Final = 12
"""Scans with more slices than this are thin enough to lie further apart and to be averaged."""
MOST_APART: Final = 4
"""Largest distance of neighbours in such scans, in slices."""
AVERAGED: Final = 0.4
"""Share of samples whose slices are averages over that distance, as thick ones are."""


@dataclass(frozen=True)
class SliceSamples:
    """Maker of groups of samples.

    Parameters
    ----------
    real
        Real scans with masks on pixels of `PIXEL` mm.
    routine
        Real slices with masks of another system.
    """

    real: Sequence[SlicedScan] = ()
    routine: Sequence[SlicedScan] = ()

    def __call__(self, seed: int, group: int) -> list[Batch]:
        """Samples of one group: slices of one scan."""
        rng = np.random.default_rng((seed, 5, group))
        drawn = rng.random()
        if self.real and drawn < REAL_SHARE:
            scan = self.real[int(rng.integers(len(self.real)))]
        elif self.routine and drawn > 1 - ROUTINE_SHARE:
            scan = self.routine[int(rng.integers(len(self.routine)))]
        else:
            scan = random_phantom(phantom_seed(seed, group), rng)
        return [sample(scan, rng) for _ in range(SAMPLES)]


def random_phantom(seed: int, rng: np.random.Generator) -> SlicedScan:
    """A scan of some vertebrae of a phantom, with slices as thick as scanners make them."""
    limits = draw_window(seed, int(rng.integers(FEWEST, MOST + 1)), rng)
    thick, width = float(rng.uniform(2.0, 5.0)), float(rng.uniform(12, 60))
    pixel = PIXEL * float(np.exp(rng.normal(0, 0.1)))
    contrast = str(rng.choice(CONTRASTS, p=CONTRAST_SHARES))
    fractures = None
    if rng.random() < FRACTURED:
        fractures = int(rng.integers(FEWEST_FRACTURES, MOST_FRACTURES + 1))
    return phantom_scan(
        seed,
        limits,
        rng,
        spacing=(pixel, pixel, thick),
        width=max(width, 4 * thick),
        contrast=contrast,
        fractures=fractures,
    )[1]


def sample(scan: SlicedScan, rng: np.random.Generator) -> Batch:
    """A slice with its neighbours, turned, scaled and changed in intensity.

    Returns
    -------
    dict
        ``image`` (3, width, height) from 0 to 1; ``semantic`` and ``classes`` (width, height) with
        `UNKNOWN` where nothing is known; sizes as for the networks.
    """
    count = len(scan.image)
    at = int(np.clip(round((count - 1) / 2 + rng.normal(0, SPREAD / 2) * count), 0, count - 1))
    if rng.random() < ANYWHERE:
        at = int(rng.integers(count))
    gap = int(rng.integers(1, MOST_APART + 1)) if count > MANY_SLICES else 1
    rows = np.clip([at - gap, at, at + gap], 0, count - 1)
    thick = gap if rng.random() < AVERAGED else 1
    if rng.random() < 0.5:  # left and right look alike
        rows = rows[::-1]
    grey = normalised(scan.image)
    grey = np.clip(grey, 0, np.quantile(grey, rng.uniform(0.98, 1.0)) + 1e-6)
    placed = _place(grey.shape[1:], rng)
    shown = (grey[max(row - thick // 2, 0) : row + (thick + 1) // 2].mean(axis=0) for row in rows)
    slices = [affine_transform(one, *placed, order=1, mode="constant") for one in shown]
    image = crop_or_pad(_augmented(normalised(np.stack(slices)), rng))
    target = {}
    for name, labels in (("semantic", scan.semantic), ("classes", scan.classes)):
        moved = affine_transform(labels[rows[1]], *placed, order=0, mode="constant", cval=IGNORED)
        moved = np.where(moved == IGNORED, UNKNOWN, moved.astype(np.int64))
        target[name] = crop_or_pad(moved[None])[0]
    return {"image": image.astype(np.float32), **target}


def _place(shape: Sequence[int], rng: np.random.Generator) -> tuple[Array, Array, tuple[int, int]]:
    """Matrix, offset and size of a turned and scaled slice, as `affine_transform` takes them."""
    angle = np.deg2rad(rng.normal(0, TURN))
    scale, aspect = np.exp(rng.normal(0, 0.1)), np.exp(rng.normal(0, 0.04))
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.array([[cos, -sin], [sin, cos]]) @ np.diag([scale * aspect, scale / aspect])
    width, height = (round(n / s) for n, s in zip(shape, np.diag(matrix), strict=True))
    middle = (np.array(shape) - 1) / 2
    offset = middle - matrix @ ((np.array((width, height)) - 1) / 2)
    return matrix, offset, (width, height)


def _augmented(image: Array, rng: np.random.Generator) -> Array:
    """Gamma, shading, blur and noise; intensities stay between 0 and 1."""
    if rng.random() < 0.5:
        image = image ** np.exp(rng.normal(0, 0.3))
    if rng.random() < 0.5:
        image = normalised(image * _shading(image.shape[1:], rng))
    if rng.random() < 0.25:
        image = gaussian_filter(image, (0, *[rng.uniform(0, 1.6)] * 2))
    if rng.random() < 0.3:
        image = image + rng.standard_normal(image.shape, dtype=np.float32) * rng.uniform(0, 0.05)
    return np.asarray(np.clip(image, 0, 1))


def _shading(shape: Sequence[int], rng: np.random.Generator) -> Array:
    """Smooth field of brightness, as coils leave it: a slope and a bend along each axis."""
    exponent = np.zeros(shape, np.float32)
    for axis, length in enumerate(shape):
        along = np.linspace(-1, 1, length, dtype=np.float32)
        slope, bend = rng.normal(0, SHADED, 2)
        exponent += np.expand_dims(slope * along + bend * along**2, 1 - axis)
    return np.exp(exponent)

"""Samples for the EPI cord network: axial slabs of phantoms in EPI contrast.

Slabs are (S, A, R) on the grid of the model: thick axial slices. Every sample is a function of
its seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from spineps_nipype.core.anatomy import CORD
from spineps_nipype.phantom import FieldOfView, Phantom, draw_plan, generate
from spineps_nipype.phantom.render import displace, render_tissue, row_shift, smooth_noise
from spineps_nipype.phantom.tissues import label_table
from training.common.loop import Batch
from training.common.phantom_seeds import phantom_seed

SPACING: Final = (5.0, 1.0, 1.0)
"""Voxel size in S, A, R (mm)."""
PATCH: Final = (8, 64, 64)
"""Voxels in S, A, R."""
SAMPLES: Final = 16
"""Samples made from one phantom."""
CONTRASTS: Final = ("EPI", "T2w", "random")
CONTRAST_SHARES: Final = (0.75, 0.1, 0.15)
CERVICAL_SHARE: Final = 0.55
"""Share of phantoms that show the neck; the others show the chest."""
NEAR_THE_CORD: Final = 0.75
"""Share of slabs around the cord."""
REPEATED: Final = 0.3
"""Share of slabs with gaps between the slices: the grid of the model then repeats them."""

Array = np.ndarray


@dataclass(frozen=True)
class EpiSamples:
    """Maker of groups of samples.

    Parameters
    ----------
    patch
        Size of a sample in voxels (S, A, R).
    """

    patch: tuple[int, int, int] = PATCH

    def __call__(self, seed: int, group: int) -> list[Batch]:
        """Samples of one group: views of one phantom."""
        rng = np.random.default_rng((seed, 3, group))
        phantom = draw_phantom(phantom_seed(seed, group), rng)
        return [self._sample(phantom, rng) for _ in range(SAMPLES)]

    def _sample(self, phantom: Phantom, rng: np.random.Generator) -> Batch:
        tissue = phantom.tissue
        grid = _slab_grid(self.patch, _centre(phantom.spine == CORD, rng), rng)
        inside = map_coordinates(np.ones(tissue.shape, np.uint8), grid, order=0, cval=0) > 0
        tissue = map_coordinates(tissue, grid, order=0, cval=0)  # axes P, I, R
        if rng.random() < 0.5:  # the cord looks the same from both sides
            tissue, inside = tissue[..., ::-1], inside[..., ::-1]
        contrast = str(rng.choice(CONTRASTS, p=CONTRAST_SHARES))
        if contrast == "EPI":  # the cord moves with the image
            tissue = displace(tissue, row_shift(tissue.shape[1], rng))
        image = render_tissue(tissue, phantom.spacing, rng, contrast=contrast, displaced=False)
        cord = label_table()[tissue] == CORD
        if rng.random() < 0.5:
            image = _add_vessels(image, label_table()[tissue] == 0, rng)
        image[~inside] = 0
        if rng.random() < 0.4:
            image = _add_ghost(image, rng)
        if rng.random() < 0.3:
            image = gaussian_filter(image, (rng.uniform(0, 0.9), 0, rng.uniform(0, 0.9)))
        image, cord = upright(image), upright(cord & inside)
        if rng.random() < REPEATED:
            rows = np.arange(len(image)) // int(rng.integers(2, 5))
            image, cord = image[rows], cord[rows]
        image = (image - image.mean()) / (image.std() + 1e-6)
        image = image * np.exp(rng.normal(0, 0.15)) + rng.normal(0, 0.2)
        return {
            "image": np.ascontiguousarray(image[None], dtype=np.float32),
            "target": np.ascontiguousarray(cord, dtype=np.int64),
        }


def upright(array: Array) -> Array:
    """From the axes of a phantom (P, I, R) to those of the network (S, A, R)."""
    return array[::-1, ::-1].transpose(1, 0, 2)


def draw_phantom(seed: int, rng: np.random.Generator) -> Phantom:
    """A stack of axial slices through neck or chest."""
    names = draw_plan(seed).levels
    cervical = rng.random() < CERVICAL_SHARE
    top = int(rng.integers(0, 4) if cervical else rng.integers(4, 15))
    fov = FieldOfView(
        top=names[top],
        bottom=names[top + int(rng.integers(4, 7))],
        width=float(rng.uniform(70, 140)),
        offset=float(rng.normal(0, 4)),
        anterior=float(rng.uniform(40, 70)),
        posterior=float(rng.uniform(50, 100)),
    )
    return generate(seed, spacing=(SPACING[1], SPACING[0], SPACING[2]), fov=fov)


def _centre(cord: Array, rng: np.random.Generator) -> list[float]:
    """Middle of a slab (P, I, R), mostly around the cord."""
    voxels = np.argwhere(cord)
    if len(voxels) and rng.random() < NEAR_THE_CORD:
        p, i, r = voxels[int(rng.integers(len(voxels)))]
        return [p + rng.normal(0, 12), i + rng.uniform(-3, 3), r + rng.normal(0, 12)]
    return [float(rng.uniform(0, n - 1)) for n in cord.shape]


def _slab_grid(
    patch: tuple[int, int, int], centre: list[float], rng: np.random.Generator
) -> list[Array]:
    """Voxel coordinates (P, I, R) of a slab, turned and scaled within its slices."""
    sizes = (patch[1], patch[0], patch[2])
    p, i, r = np.meshgrid(
        *[np.arange(n, dtype=np.float32) - (n - 1) / 2 for n in sizes], indexing="ij"
    )
    angle = np.deg2rad(rng.normal(0, 7))
    scale, aspect = np.exp(rng.uniform(np.log(0.6), np.log(1.15))), np.exp(rng.normal(0, 0.1))
    cos, sin = np.cos(angle), np.sin(angle)
    lean = rng.normal(0, 0.4)
    return [
        (cos * p - sin * r) * scale * aspect + lean * i + centre[0],
        i * rng.uniform(0.7, 1.3) + centre[1],
        (sin * p + cos * r) * scale / aspect + centre[2],
    ]


def _add_vessels(image: Array, background: Array, rng: np.random.Generator) -> Array:
    """Bright vessels and dark streaks among the muscles, of which real necks are full."""
    low, high = np.quantile(image, (0.05, 0.999))
    for _ in range(int(rng.integers(1, 4))):
        across, along = (int(n) for n in rng.integers(4, 14, 2))
        field = smooth_noise(image.shape, (across, 3, along), rng)
        shape = (field > rng.uniform(0.6, 1.8)) & background
        weight = gaussian_filter(shape.astype(np.float32), (0.6, 0, 0.6))
        image = image + weight * (rng.uniform(low, high) - image) * rng.uniform(0.5, 1.0)
    return image


def _add_ghost(image: Array, rng: np.random.Generator) -> Array:
    """Faint copy, shifted by half the image along the phase direction (P), as EPI has it."""
    shift = image.shape[0] // 2 + int(rng.integers(-4, 5))
    return np.asarray(image + rng.uniform(0.02, 0.15) * np.roll(image, shift, axis=0))

"""Samples for the search for the spine: windows on phantoms and real scans, on its coarse grid.

Arrays are (P, I, R) until the end, when the axes are reversed for the network. Every sample is a
function of its seed. Samples differ in size, as scans do; so a sample is `LOOKS` images of one
window: torch computes convolutions of single small volumes several times slower.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from scipy.ndimage import rotate
from TPTBox import NII

from spineps_nipype.core.coarse_grid import coarse_mean
from spineps_nipype.core.geometry import PIR
from spineps_nipype.models.spine_region import SPACING, coarse_image
from spineps_nipype.phantom import Anomalies, FieldOfView, Phantom, draw_plan, generate
from spineps_nipype.phantom.render import render_tissue
from training.common.loop import Batch
from training.common.patch_images import finish_patch, normalise_phantom
from training.common.patches import FINEST
from training.common.phantom_seeds import phantom_seed
from training.common.real_scans import SPINE_MASK, RealScan, kept_from_training, slice_pairs

PHANTOM_SPACING: Final = (2.5, 2.5, 2.5)
"""Grid of the phantoms: P, I, R in mm."""
STRIDE: Final = (8, 8, 2)
"""Samples are padded to multiples of it, as the network is called: voxels in P, I, R."""
SAMPLES: Final = 6
"""Samples made from one phantom, and from one round of real scans."""
LOOKS: Final = 4
"""Images in a sample: of a phantom one of each contrast."""
CONTRASTS: Final = ("T2w", "T1w", "CT", "random")
VIEWS: Final = ("lumbar", "whole", "neck", "part")
VIEW_SHARES: Final = (0.35, 0.2, 0.2, 0.25)
SCOLIOSIS_SHARE: Final = 0.25
SCOLIOSIS_DEG: Final = (10, 35)
WIDE_SHARE: Final = 0.5
ANTERIOR_MM: Final = (25, 220)
POSTERIOR_MM: Final = (70, 140)
"""Room before and behind the bodies in some views: from narrow ones to a whole trunk."""
NARROW_MM, BROAD_MM = (12, 30), (30, 100)
"""Widths of views in R."""
SCALE: Final = 0.12
ASPECT: Final = 0.06
"""Standard deviations of the logarithms of size and of its difference between axes."""
TILT_DEG: Final = 8.0
"""Standard deviation of the angle by which samples are turned in the sagittal plane."""
SPINE_SHARE: Final = 0.2
"""Share of a coarse voxel that is spine from which on it counts as spine."""
SMALLEST_SHARE: Final = 0.4
"""Smallest extent of a sample in P and I, as a share of the scan."""
THIN_SHARE, THIN_MM = 0.75, 30.0
"""Share of samples that are no wider in R than that: they cost little, and show the spine."""
UNKNOWN: Final = 2
"""Code of voxels whose masks do not say whether they are spine."""
IGNORED: Final = 255
"""Target of voxels that count for nothing."""

Array = np.ndarray


@dataclass(frozen=True)
class Scan:
    """Image, codes (0 background, 1 spine, 2 unknown), both (P, I, R), and voxel size in mm."""

    image: Array
    codes: Array
    zoom: tuple[float, float, float]


@dataclass(frozen=True)
class ScoutSamples:
    """Maker of groups of samples.

    Parameters
    ----------
    real
        Real scans with masks.
    phantom_share
        Fraction of groups that are phantoms.
    """

    real: Sequence[Scan] = ()
    phantom_share: float = 0.5

    def __call__(self, seed: int, group: int) -> list[Batch]:
        """Samples of one group."""
        rng = np.random.default_rng((seed, 3, group))
        if self.real and rng.random() >= self.phantom_share:
            chosen = rng.integers(len(self.real), size=SAMPLES)
            windows = [_window(self.real[int(i)], rng) for i in chosen]
            return [sample([window] * LOOKS, rng) for window in windows]
        phantom = draw_phantom(phantom_seed(seed, group), rng)
        return [sample(_phantom_scans(phantom, rng), rng, drawn=True) for _ in range(SAMPLES)]


def draw_phantom(seed: int, rng: np.random.Generator, view: str | None = None) -> Phantom:
    """Phantom in one of `VIEWS`: lumbar, whole, neck with head, or a part; narrow or wide."""
    bend = float(rng.uniform(*SCOLIOSIS_DEG)) if rng.random() < SCOLIOSIS_SHARE else None
    anomalies = Anomalies(scoliosis_deg=bend)
    names = draw_plan(seed, anomalies).levels
    count = len(names)
    top: str | None
    bottom: str | None
    view = view or str(rng.choice(VIEWS, p=VIEW_SHARES))
    if view == "lumbar":
        top, bottom = names[int(rng.integers(count - 9, count - 4))], "sacrum"
    elif view == "whole":
        top, bottom = None, None
    elif view == "neck":
        top, bottom = None, names[int(rng.integers(5, 14))]
    else:
        first = int(rng.integers(0, count - 6))
        top, bottom = names[first], names[min(first + int(rng.integers(3, 10)), count - 1)]
    fov = FieldOfView(
        top=top,
        bottom=bottom,
        width=float(rng.choice([rng.uniform(*NARROW_MM), rng.uniform(*BROAD_MM)])),
        offset=float(rng.normal(0, 5)),
        anterior=float(rng.uniform(*ANTERIOR_MM)) if rng.random() < WIDE_SHARE else None,
        posterior=float(rng.uniform(*POSTERIOR_MM)) if rng.random() < WIDE_SHARE else None,
    )
    return generate(seed, spacing=PHANTOM_SPACING, fov=fov, anomalies=anomalies)


def sample(scans: Sequence[Scan], rng: np.random.Generator, *, drawn: bool = False) -> Batch:
    """One sample: scans of one window, coarse and scaled, each turned and with a look of its own.

    Parameters
    ----------
    drawn
        Whether they are phantoms, whose soft tissue gets clutter.
    """
    size = np.exp(rng.normal(0, SCALE) + rng.normal(0, ASPECT, 3))
    zoom = [float(z * s) for z, s in zip(scans[0].zoom, size, strict=True)]
    looks = [_look(scan, zoom, rng, drawn) for scan in scans]
    return {key: np.stack([look[key] for look in looks]) for key in looks[0]}


def _look(scan: Scan, zoom: Sequence[float], rng: np.random.Generator, drawn: bool) -> Batch:
    image = coarse_image(scan.image, zoom)
    codes = (coarse_mean(scan.codes == 1, zoom, SPACING) >= SPINE_SHARE).astype(np.int64)
    if (scan.codes == UNKNOWN).any():
        unknown = coarse_mean(scan.codes == UNKNOWN, zoom, SPACING) > 0.5
        codes[unknown & (codes == 0)] = IGNORED
    angle = float(rng.normal(0, TILT_DEG))
    image = rotate(image, angle, reshape=False, order=1, mode="nearest")
    codes = rotate(codes, angle, reshape=False, order=0, mode="constant", cval=IGNORED)
    if rng.random() < 0.5:
        image, codes = image[..., ::-1], codes[..., ::-1]
    image = (image - image.mean()) / (image.std() + 1e-6)
    if drawn:
        image = normalise_phantom(image, codes != 1, rng)
    outside = np.zeros(image.shape, dtype=bool)
    batch = finish_patch(image.copy(), codes.copy(), outside, rng)
    return {
        "image": _padded(_normalised(batch["image"]), 0.0),
        "target": _padded(batch["target"], IGNORED),
    }


def training_slices(root: Path) -> list[Scan]:
    """Single sagittal slices with masks of all structures whose subject may train.

    Parameters
    ----------
    root
        BIDS folder of slices, see `slice_pairs`.
    """
    kept = kept_from_training()
    scans = []
    for subject, path, mask in slice_pairs(root, root / "derivatives" / "manual"):
        if subject in kept or SPINE_MASK not in mask.name:
            continue
        # the loaders of the pipeline refuse single slices
        image = NII.load(path, False).reorient(PIR)
        labels = NII.load(mask, True).reorient(PIR).get_array()
        p, i, r = (float(z) for z in image.zoom)
        scans.append(Scan(image.get_array().astype(np.float32), _codes(labels), (p, i, r)))
    return scans


def from_real(scan: RealScan) -> Scan:
    """A real scan on the finest grid, as the search learns from it."""
    return Scan(scan.image, _codes(scan.mask), FINEST)


def _codes(labels: Array) -> Array:
    """Codes of a SPIDER mask, which says nothing above and below the labelled vertebrae."""
    codes = (labels > 0).astype(np.uint8)
    rows = np.flatnonzero(codes.any(axis=(0, 2)))
    codes[:, : rows[0]] = UNKNOWN
    codes[:, rows[-1] + 1 :] = UNKNOWN
    return codes


def _window(scan: Scan, rng: np.random.Generator) -> Scan:
    """A part of a scan: at least 40 % in P and I, and mostly thin in R."""
    least = [SMALLEST_SHARE if rng.random() < 0.5 else 1.0] * 2
    box = []
    for axis, size in enumerate(scan.codes.shape):
        if axis < len(least):
            length = int(rng.uniform(least[axis], 1) * size)
        elif rng.random() < THIN_SHARE:
            length = min(round(rng.uniform(0, THIN_MM) / scan.zoom[axis]), size)
        else:
            length = size
        length = max(length, 1)
        start = int(rng.integers(0, size - length + 1))
        box.append(slice(start, start + length))
    return Scan(scan.image[tuple(box)], scan.codes[tuple(box)], scan.zoom)


def _phantom_scans(phantom: Phantom, rng: np.random.Generator) -> list[Scan]:
    """Images of one window on a phantom, one of each contrast."""
    whole = Scan(phantom.tissue, (phantom.spine > 0).astype(np.uint8), PHANTOM_SPACING)
    part = _window(whole, rng)
    return [
        Scan(
            render_tissue(part.image, PHANTOM_SPACING, rng, contrast=contrast),
            part.codes,
            PHANTOM_SPACING,
        )
        for contrast in CONTRASTS
    ]


def _normalised(image: Array) -> Array:
    return np.asarray((image - image.mean()) / (image.std() + 1e-6), dtype=np.float32)


def _padded(array: Array, value: float) -> Array:
    """Network axes (R, I, P) last, padded on both sides to multiples of the stride."""
    pads = [(0, 0)] * (array.ndim - 3)
    for size, stride in zip(array.shape[-3:], STRIDE[::-1], strict=True):
        more = -size % stride
        pads.append((more // 2, more - more // 2))
    return np.pad(array, pads, constant_values=value)

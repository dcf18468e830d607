"""Real lumbar scans whose vertebrae have sure names, for the labelling network.

A SPIDER mask joins all vertebrae, but its lowest disc is that between L5 and the sacrum: where as
many bodies as the participants table counts stand above discs, they are named from L5 upwards.
Scans with another number of lumbar vertebrae are not recognised; SPIDER does not tell them.
"""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from scipy import ndimage

from spineps_nipype.core import anatomy
from spineps_nipype.core.components import (
    component_centroids,
    component_sizes,
    label_components,
)
from spineps_nipype.core.geometry import PIR
from spineps_nipype.core.images import load_image, load_mask
from training import labeling_data
from training.labeling_data import NamedSpine, draw_samples
from training.loop import Batch
from training.real_scans import held_out_subjects, scan_pairs

logger = logging.getLogger(__name__)

VERTEBRA, DISC, CANAL = 1, 2, 3
MIN_BODY_MM3: Final = 1500.0
"""Smaller pieces of vertebrae in front of the canal are no bodies."""
MIN_DISC_MM3: Final = 300.0
"""Smaller pieces of discs part nothing."""
NEAR_DISC_MM: Final = 40.0
"""Bone further from the middle of a disc along any axis is not parted by it."""
DIVIDED: Final = 0.15
"""A disc parts a piece of which such a share lies on either side of its plane."""
CANAL_MARGIN_MM: Final = 2.0
CANAL_PART: Final = 0.02
"""Pieces below this share of the largest are no canal: interpolated masks of SPIDER have specks
of its value where discs end, half-way between background and the value of a disc."""
SACRUM_MM: Final = (30.0, 50.0)
"""How far the sacrum reaches behind and below the lowest body."""
REAL_SHARE: Final = 0.35
"""Share of groups of samples that are of real scans."""
LEVELS: Final = tuple(
    name for label, name in anatomy.VERTEBRA_NAMES.items() if label in range(1, 25)
)
"""C1 to L5."""

Array = np.ndarray


@dataclass(frozen=True)
class RawScan:
    """A scan with numbered bodies on its own grid (P, I, R)."""

    subject: str
    image: Array
    bodies: Array
    inside: Array
    spacing: tuple[float, float, float]
    names: dict[int, str]

    def on_model_grid(self, rng: np.random.Generator) -> NamedSpine:
        """A little turned and scaled."""
        grids = labeling_data.to_model_grid(
            self.image, self.bodies, self.inside, self.spacing, rng
        )
        return NamedSpine(*grids, self.names, LEVELS)


@dataclass(frozen=True)
class LabelingSamples:
    """Maker of groups of samples: phantoms, and real scans where there are any."""

    real: Sequence[RawScan] = ()
    real_share: float = REAL_SHARE

    def __call__(self, seed: int, group: int) -> list[Batch]:
        """Samples of one group."""
        rng = np.random.default_rng((seed, 4, group))
        if self.real and rng.random() < self.real_share:
            scan = self.real[int(rng.integers(len(self.real)))]
            return draw_samples(scan.on_model_grid(rng), rng)
        return labeling_data.make_group(seed, group)


def named_scans(root: Path, *, held_out: bool = False) -> Iterator[RawScan]:
    """Scans of a BIDS folder with SPIDER masks whose vertebrae have sure names.

    Parameters
    ----------
    held_out
        The subjects for evaluation instead of those for training.
    """
    counts = vertebra_counts(root)
    for subject, image_file, mask_file in scan_pairs(root):
        if (subject in held_out_subjects()) != held_out:
            continue
        image = load_image(image_file).reorient(PIR)
        mask = load_mask(mask_file).reorient(PIR).get_array()
        spacing = (float(image.zoom[0]), float(image.zoom[1]), float(image.zoom[2]))
        bodies = number_bodies(mask, spacing)
        names = lumbar_names(int(bodies.max()))
        if len(names) != counts.get(subject) or not disc_below(bodies, mask):
            logger.info("%s: names are not sure, left out", subject)
            continue
        inside = (mask > 0) | place_of_sacrum(bodies, spacing)
        yield RawScan(subject, image.get_array(), bodies, inside, spacing, names)


def number_bodies(mask: Array, spacing: Sequence[float]) -> Array:
    """Bodies of a SPIDER mask (P, I, R), numbered from the top.

    Bodies are what stands in front of the canal; discs part them, also where a bridge of bone
    around the disc joins two.
    """
    canal = _without_specks(mask == CANAL)
    rows = np.flatnonzero(canal.any(axis=(0, 2)))
    if not len(rows):
        return np.zeros(mask.shape, np.uint8)
    front = np.array([np.flatnonzero(canal[:, row].any(axis=1))[0] for row in rows])
    limit = np.interp(np.arange(mask.shape[1]), rows, front) - CANAL_MARGIN_MM / spacing[0]
    before = np.arange(mask.shape[0])[:, None] < limit[None]
    parts, count = ndimage.label((mask == VERTEBRA) & before[..., None])
    count = _part_bridged(parts, count, mask == DISC, spacing)
    sizes = np.bincount(parts.ravel()) * float(np.prod(spacing))
    kept = [k for k in range(1, count + 1) if sizes[k] >= MIN_BODY_MM3]
    heights = {k: float(np.nonzero(parts == k)[1].mean()) for k in kept}
    table = np.zeros(count + 1, np.uint8)
    for number, part in enumerate(sorted(kept, key=heights.__getitem__), start=1):
        table[part] = number
    return table[parts]


def _without_specks(canal: Array) -> Array:
    pieces, count = label_components(canal, 3)
    sizes = component_sizes(pieces, count)
    sizes[0] = 0
    return (sizes > CANAL_PART * sizes.max())[pieces]


def large_discs(discs: Array, spacing: Sequence[float]) -> tuple[Array, Array, Array]:
    """Discs of a mask (P, I, R) without its specks.

    Parameters
    ----------
    spacing
        Voxel size, mm.

    Returns
    -------
    parts, numbers, rows
        All pieces numbered, the numbers of the discs, and the row of the middle of each disc.
    """
    parts, count = label_components(discs, 1)
    sizes = component_sizes(parts, count)[1:] * float(np.prod(spacing))
    large = np.flatnonzero(sizes >= MIN_DISC_MM3)
    return parts, 1 + large, component_centroids(parts)[1:, 1][large]


def _part_bridged(parts: Array, count: int, discs: Array, spacing: Sequence[float]) -> int:
    """Cut pieces that a disc divides along the plane of the disc, in place; the new count."""
    labels, discs_count = ndimage.label(discs)
    scale = np.asarray(spacing)
    for places in (np.argwhere(labels == k + 1) * scale for k in range(discs_count)):
        if len(places) * scale.prod() < MIN_DISC_MM3:
            continue
        middle, normal = disc_plane(places)
        beside = np.all(np.abs(np.argwhere(parts) * scale - middle) < NEAR_DISC_MM, axis=1)
        near = parts[parts > 0][beside]
        for part in np.unique(near):
            bone = np.argwhere(parts == part)
            lower = (bone * scale - middle) @ normal > 0
            if min(np.count_nonzero(lower), np.count_nonzero(~lower)) < DIVIDED * len(bone):
                continue
            count += 1
            parts[tuple(bone[lower].T)] = count
    return count


def disc_plane(places: Array) -> tuple[Array, Array]:
    """Middle of a disc, and the direction in which it is thinnest, downward.

    Parameters
    ----------
    places
        Of its voxels, mm (P, I, R).
    """
    middle = places.mean(axis=0)
    normal = np.linalg.svd(np.cov((places - middle).T))[0][:, 2]
    return middle, normal * (np.sign(normal[1]) or 1.0)


def place_of_sacrum(bodies: Array, spacing: Sequence[float]) -> Array:
    """Box below the lowest body, where the pipeline's mask has a sacrum and SPIDER's has none."""
    lowest = np.argwhere(bodies == bodies.max())
    (front, _, left), (back, bottom, right) = lowest.min(axis=0), lowest.max(axis=0) + 1
    out = np.zeros(bodies.shape, bool)
    depth, height = (round(mm / step) for mm, step in zip(SACRUM_MM, spacing, strict=False))
    out[front : back + depth, bottom : bottom + height, left:right] = True
    return out


def lumbar_names(count: int) -> dict[int, str]:
    """Names of bodies that are numbered from the top, the last of which is L5."""
    if not 0 < count <= len(LEVELS):
        return {}
    return dict(enumerate(LEVELS[len(LEVELS) - count :], start=1))


def disc_below(bodies: Array, mask: Array) -> bool:
    """Whether a disc stands below the lowest body."""
    lowest = np.nonzero(bodies == bodies.max())[1].mean()
    discs, count = ndimage.label(mask == DISC)
    middles = ndimage.mean(np.indices(mask.shape)[1], discs, range(1, count + 1))
    return bool(np.max(middles, initial=-1) > lowest)


def vertebra_counts(root: Path) -> dict[str, int]:
    """Number of vertebrae in each scan of SPIDER, by subject."""
    with (root / "participants.tsv").open(encoding="utf-8") as stream:
        rows = csv.DictReader(stream, delimiter="\t")
        return {row["participant_id"]: int(row["num_vertebrae"]) for row in rows}

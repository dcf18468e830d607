"""Real lumbar scans of SPIDER whose vertebrae have certain names.

A mask joins all vertebrae, but its lowest disc is the one between L5 and the sacrum. If there are
as many bodies above discs as the participants table counts, they are named from L5 upwards. Scans
with another number of lumbar vertebrae are not recognised: SPIDER does not mark them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from spineps_nipype.core.geometry import PIR
from spineps_nipype.core.images import load_image, load_mask
from training.common.real_scans import held_out_subjects, scan_pairs
from training.common.spider_masks import (
    disc_below,
    lumbar_names,
    number_bodies,
    vertebra_counts,
)

logger = logging.getLogger(__name__)

SACRUM_MM: Final = (30.0, 50.0)
"""How far the sacrum reaches behind and below the lowest body."""

Array = np.ndarray


@dataclass(frozen=True)
class NamedScan:
    """A scan with numbered bodies on its own grid (P, I, R).

    Parameters
    ----------
    image
        Grey values.
    bodies
        Number of the body of each voxel, from the top; 0 elsewhere.
    inside
        Voxels that have any label, those of the sacrum among them.
    spacing
        Voxel size, mm.
    names
        Name of each number.
    """

    subject: str
    image: Array
    bodies: Array
    inside: Array
    spacing: tuple[float, float, float]
    names: dict[int, str]


def named_scans(root: Path, *, held_out: bool = False) -> Iterator[NamedScan]:
    """Scans of a BIDS folder with SPIDER masks whose vertebrae have certain names.

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
            logger.info("%s: names are not certain, left out", subject)
            continue
        inside = (mask > 0) | sacrum_box(bodies, spacing)
        yield NamedScan(subject, image.get_array(), bodies, inside, spacing, names)


def sacrum_box(bodies: Array, spacing: Sequence[float]) -> Array:
    """Box below the lowest body, where the pipeline's mask has a sacrum and SPIDER's has none."""
    lowest = np.argwhere(bodies == bodies.max())
    (front, _, left), (back, bottom, right) = lowest.min(axis=0), lowest.max(axis=0) + 1
    box = np.zeros(bodies.shape, bool)
    depth, height = (round(mm / step) for mm, step in zip(SACRUM_MM, spacing, strict=False))
    box[front : back + depth, bottom : bottom + height, left:right] = True
    return box

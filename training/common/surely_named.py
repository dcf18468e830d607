"""Real scans without masks whose vertebrae SPINEPS names surely.

Names of another system are no truth. But where all are probable, and go on without a gap down to
L5, they are right nearly always, and tell what no mask of such scans does.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from spineps_nipype.core.anatomy import BODY_PARTS, L5, SACRUM, VERTEBRA_NAMES
from spineps_nipype.core.geometry import PIR
from spineps_nipype.core.images import load_image
from spineps_nipype.core.tables import read_labels
from training.common.named_scans import NamedScan
from training.common.real_scans import kept_from_training
from training.common.stored_masks import final_masks

logger = logging.getLogger(__name__)

SURE: Final = 0.8
"""Least probability of the least probable name."""
FEWEST: Final = 5
"""Bodies in view."""
BODY_MM3: Final = 1500.0
"""Bodies that show less are left out."""
TABLE: Final = "_seg-vert_labels.tsv"

Array = np.ndarray


@dataclass(frozen=True)
class SureScan:
    """A scan whose names are sure, with what SPINEPS made of it (P, I, R).

    Parameters
    ----------
    image
        Grey values.
    spine
        Structures of SPINEPS.
    bodies
        Label of the vertebra in each voxel of a body, 0 elsewhere.
    spacing
        Voxel size, mm.
    labels
        Vertebrae whose bodies are in view, from the top to L5.
    """

    subject: str
    image: Array
    spine: Array
    bodies: Array
    spacing: tuple[float, float, float]
    labels: list[int]


def sure_scans(scans: Path, results: Path) -> Iterator[SureScan]:
    """Scans of subjects that training may see.

    Parameters
    ----------
    scans
        BIDS folder.
    results
        Derivatives of SPINEPS.
    """
    for table in sorted(results.glob(f"sub-*/anat/*{TABLE}")):
        subject = table.name.partition("_")[0]
        if subject in kept_from_training():
            continue
        found = table.name.removesuffix(TABLE)
        stem, _, modality = found.rpartition("_mod-")
        image = load_image(scans / subject / "anat" / f"{stem}_{modality}.nii.gz").reorient(PIR)
        spine, vert = final_masks(table.with_name(f"{found}_seg-vert_msk.nii.gz"))
        spacing = (float(image.zoom[0]), float(image.zoom[1]), float(image.zoom[2]))
        bodies = np.where(np.isin(spine, BODY_PARTS) & (vert < SACRUM), vert, 0).astype(np.uint8)
        labels = large_bodies(bodies, float(np.prod(spacing)))
        told = [row["confidence"] for row in read_labels(table)]
        sure = all(share is not None and share >= SURE for share in told)
        if not sure or len(labels) < FEWEST or labels != list(range(labels[0], L5 + 1)):
            logger.info("%s: names are not sure, left out", found)
            continue
        yield SureScan(subject, image.get_array(), spine, bodies, spacing, labels)


def surely_named_scans(scans: Path, results: Path) -> Iterator[NamedScan]:
    """The same scans with the bodies that SPINEPS found."""
    for one in sure_scans(scans, results):
        bodies = np.where(np.isin(one.bodies, one.labels), one.bodies, 0)
        names = {label: VERTEBRA_NAMES[label] for label in one.labels}
        yield NamedScan(one.subject, one.image, bodies, bodies > 0, one.spacing, names)


def large_bodies(bodies: Array, voxel_mm3: float) -> list[int]:
    """Labels of the bodies of which enough is in view."""
    sizes = np.bincount(bodies.ravel()) * voxel_mm3
    return [label for label in range(1, len(sizes)) if sizes[label] > BODY_MM3]

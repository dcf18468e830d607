"""What the semantic phase tells of its own mask without a truth: doubts of the network, form.

The probabilities of a structure say what its Dice would be if they were calibrated: twice their
sum inside the mask, divided by the sizes of both. Form says where a network is sure and wrong:
pieces that differ from each other, and structures that do not go as far as the column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..core import anatomy
from ..core.components import (
    bounding_box,
    component_centroids,
    component_sizes,
    label_components,
)

STRUCTURES: Final[Mapping[str, tuple[int, ...]]] = {
    "vertebra": (*range(anatomy.ARCUS, anatomy.CORPUS_BORDER + 1), anatomy.CORPUS),
    "disc": (anatomy.DISC,),
    "canal": (anatomy.CORD, anatomy.CANAL),
}
"""Structures of which evidence is gathered, and their labels."""
PIECES_OF: Final[Mapping[str, tuple[int, ...]]] = {
    "vertebra": (anatomy.CORPUS_BORDER, anatomy.CORPUS),
    "disc": (anatomy.DISC,),
    "canal": (anatomy.CORD, anatomy.CANAL),
}
"""Labels whose pieces are counted: bodies of vertebrae."""
MARGIN: Final = 3
"""Voxels around the labels that count."""
LEAST_PIECE: Final = 0.1
"""Pieces below this share of the median of all are specks."""

COLUMNS: Final[dict[str, dict[str, Any]]] = {
    "structure": {
        "LongName": "Structure",
        "Description": "vertebra (bodies and arches), disc, or canal (the cord in it counted), in "
        "the raw semantic mask.",
    },
    "soft_dice": {
        "LongName": "Soft Dice",
        "Description": "Dice of the mask and the probability of the structure.",
    },
    "inside": {
        "LongName": "Probability inside",
        "Description": "Mean probability of the structure in its mask.",
    },
    "outside": {
        "LongName": "Probability outside",
        "Description": "Share of the summed probability that lies outside the mask.",
    },
    "border": {
        "LongName": "Doubt at the border",
        "Description": "Mean of 4 p (1 - p) over the voxels on both sides of the border of the "
        "mask, from 0 (certain) to 1.",
    },
    "volume": {
        "LongName": "Volume",
        "Description": "Volume of the structure.",
        "Units": "mm^3",
    },
    "pieces": {
        "LongName": "Pieces",
        "Description": "Connected bodies, discs or parts of the canal, without specks.",
    },
    "irregularity": {
        "LongName": "Irregularity of volumes",
        "Description": "Mean change of the logarithm of the volume from one piece to the next, "
        "without the first and the last piece; of the canal, of the cross-sections from one row "
        "to the next.",
    },
    "gap": {
        "LongName": "Largest gap",
        "Description": "Logarithm of the largest distance between the centres of neighbouring "
        "pieces relative to the median distance: a body or disc that is missing; 0 for the canal.",
    },
    "specks": {
        "LongName": "Specks",
        "Description": "Share of the volume that is in no piece, nor cut by the upper or lower "
        "end of the image.",
    },
    "coverage": {
        "LongName": "Coverage",
        "Description": "Share of the rows of the column that show the structure.",
    },
    "roughness": {
        "LongName": "Roughness",
        "Description": "Border voxels of the mask, as a share of its voxels.",
    },
    "slice_thickness": {
        "LongName": "Slice thickness",
        "Description": "Largest voxel side of the scan.",
        "Units": "mm",
    },
}


def gather_evidence(
    mask: NDArray[np.integer[Any]],
    shares: NDArray[np.floating[Any]],
    zoom: Sequence[float],
    slice_thickness: float,
) -> list[dict[str, Any]]:
    """Evidence of each structure that a mask shows.

    Parameters
    ----------
    mask
        Raw semantic mask, (P, I, R).
    shares
        Probability of each of `STRUCTURES`, (structures, P, I, R).
    zoom
        Voxel size, mm.
    slice_thickness
        Largest voxel side of the scan, mm.

    Returns
    -------
    list of dict
        Columns of `COLUMNS`.
    """
    if not mask.any():
        return []
    box = bounding_box(mask > 0, MARGIN)
    mask, shares = mask[box], shares[(slice(None), *box)]
    column = np.isin(mask, [label for labels in STRUCTURES.values() for label in labels])
    rows = np.flatnonzero(column.any(axis=(0, 2)))
    out = []
    for (name, labels), share in zip(STRUCTURES.items(), shares, strict=True):
        own = np.isin(mask, labels)
        if own.any():
            parts = np.isin(mask, PIECES_OF[name])
            out.append(
                {
                    "structure": name,
                    **_doubts(own, share),
                    "volume": float(np.count_nonzero(own) * np.prod(zoom)),
                    **(_rows if name == "canal" else _pieces)(parts, zoom),
                    "coverage": float(own.any(axis=(0, 2)).sum() / len(rows)),
                    "slice_thickness": float(slice_thickness),
                }
            )
    return out


def _doubts(own: NDArray[np.bool_], share: NDArray[np.floating[Any]]) -> dict[str, float]:
    """How sure the network is of a mask, and how much of the mask is border."""
    size, total = int(np.count_nonzero(own)), float(share.sum(dtype=np.float64))
    inside = float(share[own].sum(dtype=np.float64))
    eroded = ndimage.binary_erosion(own, border_value=1)
    border = ndimage.binary_dilation(own) & ~eroded
    doubt = 4 * share[border] * (1 - share[border])
    return {
        "soft_dice": 2 * inside / (size + total),
        "inside": inside / size,
        "outside": 1 - inside / total if total else 1.0,
        "border": float(doubt.mean()) if border.any() else 0.0,
        "roughness": float(np.count_nonzero(own & ~eroded) / size),
    }


def _pieces(parts: NDArray[np.bool_], zoom: Sequence[float]) -> dict[str, float]:
    """Pieces from top to bottom: how many, how much they differ, gaps, what is in none."""
    labels, count = label_components(parts, 1)
    sizes = component_sizes(labels, count)[1:].astype(float)
    if not count:
        return {"pieces": 0, "irregularity": 0.0, "gap": 0.0, "specks": 0.0}
    # the median by volume, so that specks do not make it small
    order = np.argsort(sizes)
    half = np.searchsorted(np.cumsum(sizes[order]), sizes.sum() / 2)
    large = sizes >= LEAST_PIECE * sizes[order][half]
    centres = component_centroids(labels)[1 : count + 1][large] * np.asarray(zoom)
    down = np.argsort(centres[:, 1])
    distances = np.linalg.norm(np.diff(centres[down], axis=0), axis=1)
    # what is left of a body or disc that the end of the image cuts may be as small as it likes
    cut = np.isin(np.arange(1, count + 1), labels[:, [0, -1]])
    return {
        "pieces": int(large.sum()),
        "irregularity": _change(sizes[large][down][1:-1]),
        "gap": float(np.log(distances.max() / np.median(distances))) if len(distances) else 0.0,
        "specks": float(sizes[~large & ~cut].sum() / sizes.sum()),
    }


def _rows(own: NDArray[np.bool_], zoom: Sequence[float]) -> dict[str, float]:
    """The same of a tube along I: parts, change of its cross-section."""
    areas = own.sum(axis=(0, 2)).astype(float)
    return {**_pieces(own, zoom), "irregularity": _change(areas[areas > 0]), "gap": 0.0}


def _change(values: NDArray[np.float64]) -> float:
    """Mean change of the logarithm from one value to the next."""
    return float(np.abs(np.diff(np.log(values))).mean()) if len(values) > 1 else 0.0

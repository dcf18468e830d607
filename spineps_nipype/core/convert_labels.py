"""Conversion of label maps between systems, by way of canonical names.

Nothing is dropped silently: structures that the target cannot represent are returned as a list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..errors import CompatibilityError
from .anatomy import CORPUS, CORPUS_BORDER, SACRUM, VERTEBRA_PARTS
from .canonical import (
    COLUMN_OF,
    EXTENT_OF,
    STEP1_BONE,
    STEP1_C1,
    UNKNOWN_TISSUE,
    Canonical,
    Extent,
    Loss,
    Numbering,
    System,
    to_canonical,
    voxels_by_name,
)
from .nomenclature import SOME_VERTEBRA, canonical_numbers, code_of, structure

CORPUS_PARTS: Final = (CORPUS_BORDER, CORPUS)
"""Semantic labels of SPINEPS that make up a vertebral body, without the dens."""
WHOLE_VERTEBRA: Final = 40
"""Semantic label of SPINEPS for a vertebra that is not divided into parts."""
REMEDY: Final = "Convert without strict mode and read the list of losses."
NUMBERED: Final = frozenset({"vertebra", "disc", "endplate", "rib"})
"""Kinds of structures that the vertebra mask of SPINEPS numbers by vertebra."""


@dataclass(frozen=True)
class Converted:
    """A label map in the numbers of a system.

    Parameters
    ----------
    labels
        Label map; for SPINEPS the vertebra mask. uint8 if that suffices, else uint16.
    spine
        Semantic mask, for SPINEPS only.
    extent
        What the label of a vertebra covers.
    losses
        What could not be read or written, in the order of the table.
    """

    labels: NDArray[Any]
    spine: NDArray[Any] | None
    extent: Extent
    losses: tuple[Loss, ...] = ()


def convert_labels(
    labels: NDArray[Any] | None,
    source: System,
    target: System,
    *,
    spine: NDArray[Any] | None = None,
    numbering: Numbering | None = None,
    strict: bool = False,
    spacing: Sequence[float] = (1.0, 1.0, 1.0),
) -> Converted:
    """Convert a label map.

    Parameters
    ----------
    labels
        Label map of the source; for SPINEPS the vertebra mask.
    source, target
        Systems; step 1 and step 2 of TotalSpineSeg count as two systems.
    spine
        Semantic mask of SPINEPS.
    numbering
        Mandatory for the vertebra mask of SPINEPS: whether its numbers are anatomical, or the
        vertebrae were only counted from the top because no labelling model ran.
    strict
        Refuse to drop any structure. Structures may still be merged, which loses no voxels.
    spacing
        Voxel size in mm, needed for points only.

    Raises
    ------
    CompatibilityError
        If vertebrae were only counted, or in strict mode something would be dropped.
    InputError
        If masks are missing or do not fit each other.
    """
    canonical = to_canonical(source, labels, spine=spine, numbering=numbering)
    return from_canonical(canonical, target, strict=strict, spacing=spacing)


def from_canonical(
    canonical: Canonical,
    target: System,
    *,
    strict: bool = False,
    spacing: Sequence[float] = (1.0, 1.0, 1.0),
) -> Converted:
    """Write a label map; parameters and errors are those of `convert_labels`."""
    if target == "spineps":
        result = _to_spineps(canonical)
    elif target == "sct_levels":
        result = _to_points(canonical, spacing)
    else:
        result = _to_system(canonical, target)
    dropped = [loss for loss in result.losses if loss.kind == "dropped"]
    if strict and dropped:
        what = ", ".join(f"{loss.name} ({loss.voxels} voxels)" for loss in dropped)
        raise CompatibilityError(f"{target} has no place for {what}.", remedy=REMEDY)
    return result


def _to_system(canonical: Canonical, target: System) -> Converted:
    column = COLUMN_OF[target]
    losses = list(canonical.losses)
    codes: dict[str, int] = {}
    for name, voxels in voxels_by_name(canonical.labels):
        code = _step1_code(name) if target == "totalspineseg_step1" else code_of(name, column)
        if code is None:
            losses.append(_dropped(name, voxels, target))
            continue
        codes[name] = code
        if column in structure(name).shared and structure(name).kind in {"vertebra", "sacrum"}:
            losses.append(Loss(name, voxels, "merged", f"{target} knows it as {code} only"))
    labels = _to_codes(canonical.labels, codes)
    extent = canonical.extent
    if canonical.parts is not None:
        labels, extent = _drop_parts(labels, canonical, target, losses)
    return Converted(labels, None, extent, tuple(losses))


def _drop_parts(
    labels: NDArray[Any], canonical: Canonical, target: System, losses: list[Loss]
) -> tuple[NDArray[Any], Extent]:
    """Reduce vertebrae to their bodies if the target has bodies only; else merge their parts."""
    parts = canonical.parts
    assert parts is not None
    if EXTENT_OF.get(target) != "body":
        inner = int((np.isin(parts, VERTEBRA_PARTS) & (labels > 0)).sum())
        if inner:
            losses.append(Loss("parts of vertebrae", inner, "merged", f"{target} has none"))
        return labels, "whole"
    numbers = canonical_numbers()
    bones = [n for name, n in numbers.items() if name.startswith("vertebra_")]
    keep = np.isin(parts, CORPUS_PARTS) | ~np.isin(canonical.labels, bones)
    # The sacrum of SPINEPS has no parts and stays as it is.
    keep |= parts == SACRUM
    cut = int(((labels > 0) & ~keep).sum())
    if cut:
        losses.append(Loss("posterior elements", cut, "dropped", f"{target} has bodies only"))
    return np.where(keep, labels, 0).astype(labels.dtype), "body"


def _step1_code(name: str) -> int | None:
    """Number of a structure in step 1 of TotalSpineSeg, which has one for all bones but C1."""
    if name == SOME_VERTEBRA:
        return STEP1_BONE
    code = code_of(name, "totalspineseg")
    bone = structure(name).kind in {"vertebra", "sacrum"}
    return STEP1_BONE if bone and code is not None and code != STEP1_C1 else code


def _to_spineps(canonical: Canonical) -> Converted:
    losses = list(canonical.losses)
    bones: dict[str, int] = {}
    tissues: dict[str, int] = {}
    for name, voxels in voxels_by_name(canonical.labels):
        vert, tissue = code_of(name, "spineps_vert"), _tissue_code(name, canonical.extent)
        numbered = structure(name).kind in NUMBERED and structure(name).above is not None
        if vert is None and (numbered or tissue is None):
            losses.append(_dropped(name, voxels, "spineps"))
            continue
        if vert is not None:
            bones[name] = vert
        if tissue is not None:
            tissues[name] = tissue
    spine = canonical.parts
    if spine is None:
        spine = _to_codes(canonical.labels, tissues)
    else:  # the semantic mask is passed on unchanged, so none of its labels is lost
        losses = [loss for loss in losses if loss.reason != UNKNOWN_TISSUE]
    return Converted(_to_codes(canonical.labels, bones), spine, canonical.extent, tuple(losses))


def _tissue_code(name: str, extent: Extent) -> int | None:
    """Semantic label of a structure; a vertebra without one is a body, or has no known parts."""
    code = code_of(name, "spineps_spine")
    if code is None and structure(name).kind == "vertebra":
        return CORPUS_BORDER if extent == "body" else WHOLE_VERTEBRA
    return code


def _to_points(canonical: Canonical, spacing: Sequence[float]) -> Converted:
    """Keep points where they are; reduce each disc to its voxel closest to cord and canal."""
    losses = list(canonical.losses)
    numbers = canonical_numbers()
    out = np.zeros(canonical.labels.shape, np.uint8)
    if canonical.extent == "point":
        result = _to_system(canonical, "sct_levels")
        at_c1 = canonical.labels == numbers["vertebra_C1"]
        labels = np.where(at_c1, 1, result.labels).astype(np.uint8)
        kept = tuple(loss for loss in result.losses if loss.name != "vertebra_C1")
        return Converted(labels, None, "point", kept)
    inside = np.isin(canonical.labels, [numbers["spinal_cord"], numbers["spinal_canal"]])
    zoom = np.asarray(spacing, dtype=float)
    canal = cKDTree(np.argwhere(inside) * zoom) if inside.any() else None
    for name, voxels in voxels_by_name(canonical.labels):
        code = code_of(name, "sct_level")
        if code is None:
            losses.append(_dropped(name, voxels, "sct_levels"))
            continue
        points = np.argwhere(canonical.labels == numbers[name])
        if canal is not None:
            distance = canal.query(points * zoom)[0]
        else:
            distance = np.linalg.norm((points - points.mean(axis=0)) * zoom, axis=1)
        out[tuple(points[distance.argmin()])] = code
    return Converted(out, None, "point", tuple(losses))


def _to_codes(labels: NDArray[np.uint16], codes: dict[str, int]) -> NDArray[Any]:
    """Canonical label map in the numbers of a system; structures without one become 0."""
    numbers = canonical_numbers()
    kind = np.min_scalar_type(max(codes.values(), default=0))
    table = np.zeros(len(numbers) + 1, dtype=kind)
    for name, code in codes.items():
        table[numbers[name]] = code
    return np.asarray(table[labels])


def _dropped(name: str, voxels: int, target: str) -> Loss:
    return Loss(name, voxels, "dropped", f"{target} has no number for it")

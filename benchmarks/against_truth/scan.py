"""Measures of one scan: its result masks against its truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from TPTBox import NII

from benchmarks.against_truth.label_sets import VERTEBRAE
from benchmarks.against_truth.measures import (
    Instances,
    Matching,
    Overlap,
    compare_masks,
    cut_off,
    levels_agree,
    match_instances,
)
from benchmarks.against_truth.truth import Truth
from spineps_nipype.core import anatomy
from spineps_nipype.core.geometry import PIR, to_input_grid
from spineps_nipype.core.images import load_image, load_mask

DISCS: Final = tuple(anatomy.DISC_OFFSET + label for label in VERTEBRAE)
"""Labels of discs in a vertebra mask."""
BODY_MARGIN_MM: Final = 3.0
"""What lies further above the first body of a truth, or below the last, is another body."""

Array = np.ndarray


@dataclass(frozen=True)
class Score:
    """Agreement of one structure."""

    label_set: str
    structure: str
    overlap: Overlap
    truth_mm3: float
    result_mm3: float


@dataclass(frozen=True)
class KindScore:
    """Agreement of the instances of one kind.

    Parameters
    ----------
    levels
        Whether the name of a true instance was found, by its number; without unknown ones.
    """

    truth: Instances
    result: Instances
    matching: Matching
    levels: Mapping[int, bool] = field(default_factory=dict)


@dataclass(frozen=True)
class Picture:
    """Middle sagittal slice, axes P and I."""

    image: Array
    truth: Array
    spine: Array
    vert: Array
    aspect: float


@dataclass(frozen=True)
class Measured:
    """All measures of a scan."""

    scores: list[Score]
    kinds: dict[str, KindScore]
    picture: Picture


@dataclass(frozen=True)
class Result:
    """Result masks on the grid of the scan, in P, I, R."""

    spine: Array
    vert: Array


def load_scan(path: Path) -> NII:
    """The scan in P, I, R."""
    return load_image(path, average_4d=True).reorient(PIR)


def load_result(spine: Path, vert: Path, image: NII) -> Result:
    """Both result masks on the grid of the scan."""
    masks = [to_input_grid(load_mask(path), image).get_array() for path in (spine, vert)]
    return Result(*(np.asarray(mask) for mask in masks))


def measure(image: NII, truth: Truth, result: Result, *, named: bool) -> Measured:
    """Compare a result with its truth.

    Parameters
    ----------
    image
        The scan.
    named
        Whether the vertebrae of the result have names, not just numbers from top to bottom.
    """
    spacing = tuple(float(z) for z in image.zoom)
    scores = score_structures(truth, result, spacing)
    kinds = {}
    if truth.vertebrae is not None:
        kinds["vertebra"] = find_vertebrae(truth, result, spacing, named=named)
    if truth.discs is not None:
        labels = np.where(np.isin(result.vert, DISCS), result.vert, 0)
        found = Instances(labels, {}, cut_off(labels, spacing))
        kinds["disc"] = KindScore(truth.discs, found, match_instances(truth.discs, found))
    return Measured(scores, kinds, middle_slice(image, truth, result))


def score_structures(truth: Truth, result: Result, spacing: tuple[float, ...]) -> list[Score]:
    """Agreement of all structures that the truth shows; what it lacks is not judged."""
    voxel = float(np.prod(spacing))
    scores = []
    for labels, array in truth.masks:
        for name, (values, wanted) in labels.structures.items():
            true, found = np.isin(array, values), np.isin(result.spine, wanted)
            if true.any():
                if labels.bodies_only:
                    found &= judged_rows(true, spacing)
                sizes = (float(np.count_nonzero(m)) * voxel for m in (true, found))
                overlap = compare_masks(true, found, spacing)
                scores.append(Score(labels.name, name, overlap, *sizes))
    return scores


def judged_rows(true: Array, spacing: Sequence[float]) -> Array:
    """Where a truth of single bodies tells anything: between the first and the last of them.

    Such masks name some bodies and leave out those above and below that the image shows, too.

    Returns
    -------
    array
        bool, (1, I, 1).
    """
    rows = np.flatnonzero(true.any(axis=(0, 2)))
    margin = BODY_MARGIN_MM / spacing[1]
    row = np.arange(true.shape[1])
    judged = (row >= rows[0] - margin) & (row <= rows[-1] + margin)
    return np.asarray(judged[None, :, None])


def find_vertebrae(
    truth: Truth, result: Result, spacing: tuple[float, ...], *, named: bool
) -> KindScore:
    """Match vertebrae; where the truth has bodies alone, those of the result are compared."""
    assert truth.vertebrae is not None
    part = np.isin(result.vert, VERTEBRAE)
    if truth.bodies_only:
        part &= np.isin(result.spine, anatomy.BODY_PARTS)
    labels = np.where(part, result.vert, 0)
    names = {n: anatomy.VERTEBRA_NAMES[n] for n in VERTEBRAE} if named else {}
    found = Instances(labels, names, cut_off(labels, spacing))
    matching = match_instances(truth.vertebrae, found)
    levels = levels_agree(matching, truth.vertebrae, found) if named else {}
    return KindScore(truth.vertebrae, found, matching, levels)


def middle_slice(image: NII, truth: Truth, result: Result) -> Picture:
    """Sagittal slice through the middle of the truth."""
    array = next((a for labels, a in truth.masks if labels.vertebrae), truth.masks[0][1])
    place = int(np.median(np.nonzero(array)[2]))
    return Picture(
        np.asarray(image.get_array()[..., place]),
        array[..., place],
        result.spine[..., place],
        result.vert[..., place],
        float(image.zoom[1] / image.zoom[0]),
    )

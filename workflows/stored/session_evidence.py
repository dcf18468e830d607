"""What stored results tell of the names of a scan, for the other scans of its session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spineps_nipype.core.anatomy import BODY_PARTS, DISC_OFFSET
from spineps_nipype.core.convert_labels import convert_labels
from spineps_nipype.core.images import load_mask
from spineps_nipype.core.name_posterior import NamePosterior
from spineps_nipype.core.own_readers import changed_since
from spineps_nipype.core.session_names import ScanNames
from spineps_nipype.core.spine_names import names_of_length
from spineps_nipype.core.tables import read_rows
from spineps_nipype.core.volume import Volume
from spineps_nipype.results.proof import is_intact
from spineps_nipype.results.record import NO_MODEL
from spineps_nipype.results.sidecar import read_record, sidecar_of
from spineps_nipype.spineps.labeling import body_places
from spineps_nipype.spineps.numbers import in_order, is_vertebra, number_above, number_below
from spineps_nipype.spineps.session_names import names_of_table

from ..options.other_systems import SPINE_SEGMENTATION, TOTALSPINESEG

OTHERS: Final = (TOTALSPINESEG, SPINE_SEGMENTATION)
"""Systems whose names count where SPINEPS has none of a scan."""
GIVEN: Final = 0.9
"""Probability of names of a system that tells none; the rest is that of one level up or down."""


def names_of_spineps(files: Mapping[str, Path], scan: str) -> ScanNames | None:
    """What SPINEPS stored of the names of a scan; those of a reader are certain.

    Parameters
    ----------
    files
        Results by the words of `stored_files`.
    scan
        What the scan is called.

    Returns
    -------
    ScanNames or None
        None where nothing is told: vertebrae were counted, or a result is damaged or absent.
    """
    if not {"spine", "vert"} <= set(files):
        return None
    record = read_record(files["vert"])
    if record is None:  # of another program, for all we know
        return None
    given = record.get("Corrections", {})
    if "vert" in given or not is_intact(files["vert"]):
        return _of_masks(load_mask(files["spine"]), load_mask(files["vert"]), scan)
    if "labels" not in files or changed_since(files["labels"], sidecar_of(files["labels"])):
        return None
    if "names" not in given and record.get("Models", {}).get("labeling", {}).get("id") == NO_MODEL:
        return None
    return names_of_table(read_rows(files["labels"]), scan)


def names_of_other(system: str, files: Mapping[str, Path], scan: str) -> ScanNames | None:
    """What another system stored of the names of a scan.

    Bodies of TotalSpineSeg are taken to be half-way between the discs above and below, as its
    vertebrae are whole bones.
    """
    key = {TOTALSPINESEG: "totalspineseg", SPINE_SEGMENTATION: "spine_segmentation"}[system]
    if key not in files:
        return None
    mask = load_mask(files[key])
    labels = convert_labels(mask.get_array(), key, "spineps").labels  # type: ignore[arg-type]
    present = [n for n in in_order(int(v) for v in np.unique(labels)) if is_vertebra(n)]
    if not present:
        return None
    if system == SPINE_SEGMENTATION:
        places = dict(zip(present, body_places(labels, present, mask.affine), strict=True))
    else:
        places = _between_discs(labels, present, mask.affine)
    points = np.array([places[n] for n in present if n in places]).reshape(-1, 3)
    posterior = given_names(tuple(n for n in present if n in places))
    return None if posterior is None else ScanNames(f"{system}: {scan}", points, posterior)


def given_names(labels: tuple[int, ...]) -> NamePosterior | None:
    """Probabilities of names of which a system says only what they are; None if they have gaps."""
    every = [n for n in names_of_length(len(labels)) if len(labels)]
    if labels not in [n.labels for n in every]:
        return None
    tops = {labels[0], number_above(labels[0]), number_below(labels[0])}
    beside = [
        n.labels for n in every if n.labels != labels and n.anomalies == 0 and n.labels[0] in tops
    ]
    share = (1 - GIVEN) / max(len(beside), 1)
    return NamePosterior(((labels, GIVEN), *((names, share) for names in beside)))


def _between_discs(
    labels: NDArray[Any], present: Sequence[int], affine: NDArray[Any]
) -> dict[int, NDArray[np.float64]]:
    """Middle between the discs above and below each vertebra [mm]; not for those without both."""
    discs = [n + DISC_OFFSET for n in present if (labels == n + DISC_OFFSET).any()]
    centres = dict(zip(discs, body_places(labels, discs, affine), strict=True)) if discs else {}
    return {
        lower: (centres[upper + DISC_OFFSET] + centres[lower + DISC_OFFSET]) / 2
        for upper, lower in pairwise(present)
        if upper + DISC_OFFSET in centres and lower + DISC_OFFSET in centres
    }


def _of_masks(spine: Volume, vert: Volume, scan: str) -> ScanNames | None:
    """Names of a vertebra mask that a reader has corrected: they are certain."""
    bodies = np.where(np.isin(spine.get_array(), BODY_PARTS), vert.get_array(), 0)
    present = [n for n in in_order(int(v) for v in np.unique(bodies)) if is_vertebra(n)]
    if not present:
        return None
    points = body_places(bodies, present, vert.affine)
    return ScanNames(scan, points, NamePosterior(((tuple(present), 1.0),)), fixed=True)

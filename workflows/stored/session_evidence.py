"""What stored results tell of the names of a scan, for the other scans of its session."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from spineps_nipype.core.anatomy import BODY_PARTS
from spineps_nipype.core.canonical import System
from spineps_nipype.core.images import load_mask
from spineps_nipype.core.name_posterior import NamePosterior
from spineps_nipype.core.own_readers import changed_since
from spineps_nipype.core.session_names import ScanNames
from spineps_nipype.core.tables import read_rows
from spineps_nipype.core.volume import Volume
from spineps_nipype.results.proof import is_intact
from spineps_nipype.results.record import NO_MODEL
from spineps_nipype.results.sidecar import read_record, sidecar_of
from spineps_nipype.spineps.labeling import body_places
from spineps_nipype.spineps.numbers import in_order, is_vertebra
from spineps_nipype.spineps.other_names import other_names
from spineps_nipype.spineps.session_names import names_of_table

from ..options.other_systems import SPINE_SEGMENTATION, TOTALSPINESEG

KEYS: Final[Mapping[str, System]] = {
    TOTALSPINESEG: "totalspineseg",
    SPINE_SEGMENTATION: "spine_segmentation",
}
"""Words of their masks in `stored_files`."""
OTHERS: Final = tuple(KEYS)
"""Systems whose names count where SPINEPS has none of a scan."""


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

    An older output has no table of names, and one without probabilities tells none: see
    `other_names`.
    """
    key: System = KEYS[system]
    if key not in files:
        return None
    rows = read_rows(files["labels"]) if "labels" in files else []
    return other_names(key, load_mask(files[key]), rows, f"{system}: {scan}")


def _of_masks(spine: Volume, vert: Volume, scan: str) -> ScanNames | None:
    """Names of a vertebra mask that a reader has corrected: they are certain."""
    bodies = np.where(np.isin(spine.get_array(), BODY_PARTS), vert.get_array(), 0)
    present = [n for n in in_order(int(v) for v in np.unique(bodies)) if is_vertebra(n)]
    if not present:
        return None
    points = body_places(bodies, present, vert.affine)
    return ScanNames(scan, points, NamePosterior(((tuple(present), 1.0),)), fixed=True)

"""What a stored file is: as stored, corrected by a reader, damaged, or of another program."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from spineps_nipype.core.images import LABEL_NOISE
from spineps_nipype.core.marks import PICTURES, is_marked
from spineps_nipype.core.nifti_files import read_voxels
from spineps_nipype.core.stored_space import StoredSpace, read_space, same_grid, space_of
from spineps_nipype.errors import SpinepsError

from .sidecar import (
    JSON,
    PROVENANCE,
    REPLACES,
    SHA,
    has_sidecar,
    read_record,
    result_digest,
)

UNFINISHED: Final = "a run was stopped while it stored this"
UNREADABLE: Final = (
    OSError,
    ValueError,
    RecursionError,
    MemoryError,
    ArithmeticError,
    SpinepsError,
)
"""What reading of a stored file raises."""


def is_intact(path: Path) -> bool:
    """Whether a stored file is what its record says, or what it says that it replaces."""
    record = read_record(path) or {}
    return result_digest(path) in (record.get(SHA), record.get(REPLACES))


def stored_fault(path: Path, record: Mapping[str, Any]) -> str:
    """What speaks against a stored file that has a record; empty if it is what was stored."""
    if REPLACES in record:
        return UNFINISHED
    if SHA not in record:
        return "its record holds no digest"
    if record[SHA] != result_digest(path):
        return "it is empty" if not path.stat().st_size else "it is not what was stored"
    return ""


def opening_fault(path: Path) -> str:
    """What speaks against a stored file that has no record: empty, no picture, no JSON."""
    if not path.stat().st_size:
        return "it is empty"
    if path.name.endswith(PICTURES) and is_marked(path) is None:
        return "it cannot be opened"
    if path.suffix == JSON:
        try:
            json.loads(path.read_text(encoding="utf-8"))
        except UNREADABLE as fault:
            return f"it cannot be read: {fault}"
    return ""


def is_foreign(path: Path, *, unsure: bool = False) -> bool:
    """Whether a file is there that another program wrote, as far as can be told.

    Ours has a record in its sidecar or inside, or a mark.

    Parameters
    ----------
    path
        The file, which need not be there.
    unsure
        What to say of a file that cannot be opened, of which nothing can be told: False where it
        is kept under another name when its place is needed.
    """
    if not path.is_file() or not path.stat().st_size:
        return False
    if path.suffix == JSON:
        ours = _json_is_ours(path)
    elif has_sidecar(path) and read_record(path) is not None:
        ours = True
    else:
        ours = is_marked(path)
    return unsure if ours is None else not ours


def _json_is_ours(path: Path) -> bool | None:
    """Whether a JSON file holds a record; None if it cannot be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except UNREADABLE:
        return None
    header = content[0] if isinstance(content, list) and content else content
    return isinstance(header, dict) and PROVENANCE in header


def mask_fault(path: Path, reference: Path | None, labels: Collection[int] | None) -> str:
    """Why a changed mask is no correction by a reader; empty if it is one.

    Parameters
    ----------
    path
        The mask.
    reference
        Image that it must lie on, if it is there.
    labels
        Labels that it may have beside 0; None for any.
    """
    try:
        header, data = read_voxels(path)
        elsewhere = reference is not None and not _on_grid(space_of(header, path), reference)
    except UNREADABLE as fault:
        return f"it cannot be read: {_words(fault)}"
    if elsewhere:
        return "it is not on the grid of its scan"
    whole = np.rint(data)
    if not np.isfinite(data).all() or np.abs(data - whole).max(initial=0) > LABEL_NOISE:
        return "it holds values that are no labels"
    found = {int(n) for n in np.unique(whole)} - {0}
    if not found:
        return "it holds no label"
    strange = sorted(n for n in found if n < 0 or (labels is not None and n not in labels))
    if strange:
        more = " and more" if len(strange) > 3 else ""
        return f"it holds unknown labels: {', '.join(map(str, strange[:3]))}{more}"
    return ""


def _on_grid(mask: StoredSpace, reference: Path) -> bool:
    """Whether a mask has the grid of an image; what is not there has any."""
    if not reference.is_file():
        return True
    image = read_space(reference)
    return same_grid(mask.shape, mask.affine, image.shape, image.affine)


def _words(fault: Exception) -> str:
    if isinstance(fault, SpinepsError):
        return fault.what.rstrip(".")
    return (str(fault).splitlines() or [type(fault).__name__])[0]


def points_fault(path: Path) -> str:
    """Why a changed file of points is no correction by a reader; empty if it is one."""
    try:
        header, places = json.loads(path.read_text(encoding="utf-8"))
        numbers = [
            float(value)
            for parts in places.values()
            for place in parts.values()
            for value in place
        ]
        lengths = {len(place) for parts in places.values() for place in parts.values()}
    except (*UNREADABLE, TypeError, AttributeError) as fault:
        return f"it cannot be read: {_words(fault)}"
    if not isinstance(header, dict) or lengths != {3} or not all(map(math.isfinite, numbers)):
        return "it holds no points"
    return _loading_fault(path)


def _loading_fault(path: Path) -> str:
    """What keeps TPTBox, which knows several forms, from loading points on a grid."""
    from TPTBox import POI

    try:
        points = POI.load(path)
        usable = isinstance(points, POI) and np.isfinite(points.affine).all()
        usable = usable and len(points.shape_int) == len(points.zoom) == 3
    except Exception:  # it checks nothing, so whatever an odd entry makes it raise
        usable = False
    return "" if usable else "its header does not say on which grid its points lie"

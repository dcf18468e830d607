"""What a stored file is: as stored, corrected by a reader, damaged, or of another program."""

from __future__ import annotations

import gzip
import json
import math
import zlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from spineps_nipype.core.marks import PICTURES, is_marked

from .sidecar import (
    JSON,
    PROVENANCE,
    REPLACES,
    SHA,
    has_sidecar,
    read_record,
    result_digest,
)

SAME_PLACE_MM: Final = 0.1
"""Largest difference of equal affines, since programs round them [mm]."""
WHOLE: Final = 0.01
"""Largest distance of a label from a whole number in a mask that was saved with fractions."""
UNFINISHED: Final = "a run was stopped while it stored this"
UNREADABLE: Final = (
    *(OSError, EOFError, ValueError, zlib.error, RecursionError, MemoryError, ArithmeticError),
    *(ImageFileError, HeaderDataError),
)


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


def is_foreign(path: Path) -> bool:
    """Whether a file is there that another program wrote, as far as can be told.

    Ours has a record in its sidecar or inside, or a mark. Of a file that cannot be opened nothing
    can be told: it is kept under another name when its place is needed.
    """
    if not path.is_file() or not path.stat().st_size:
        return False
    if path.suffix == JSON:
        return _json_is_foreign(path)
    if has_sidecar(path) and read_record(path) is not None:
        return False
    return is_marked(path) is False


def _json_is_foreign(path: Path) -> bool:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except UNREADABLE:
        return False
    header = content[0] if isinstance(content, list) and content else content
    return not (isinstance(header, dict) and PROVENANCE in header)


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
        data, affine = _read_whole(path)
        elsewhere = reference is not None and not _on_grid(data.shape, affine, reference)
    except UNREADABLE as fault:
        said = (str(fault).splitlines() or [type(fault).__name__])[0]
        return f"it cannot be read: {said}"
    if elsewhere:
        return "it is not on the grid of its scan"
    whole = np.rint(data)
    if not np.isfinite(data).all() or np.abs(data - whole).max(initial=0) > WHOLE:
        return "it holds values that are no labels"
    found = {int(n) for n in np.unique(whole)} - {0}
    if not found:
        return "it holds no label"
    strange = sorted(n for n in found if n < 0 or (labels is not None and n not in labels))
    if strange:
        more = " and more" if len(strange) > 3 else ""
        return f"it holds unknown labels: {', '.join(map(str, strange[:3]))}{more}"
    return ""


def _on_grid(shape: Sequence[int], affine: Any, reference: Path) -> bool:
    """Whether a mask has the grid of an image; what is not there has any."""
    if not reference.is_file():
        return True
    other = nib.load(reference)
    same = tuple(shape[:3]) == tuple(other.shape[:3])
    return same and np.allclose(affine, other.affine, atol=SAME_PLACE_MM)


def _read_whole(path: Path) -> tuple[Any, Any]:
    """Voxels and affine of an image whose file is read to its end, check sum included."""
    if path.name.endswith(".gz"):
        with gzip.open(path) as stream:
            while stream.read(1 << 20):
                pass
    image = nib.load(path)
    return np.asanyarray(image.dataobj), image.affine


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
        said = (str(fault).splitlines() or [type(fault).__name__])[0]
        return f"it cannot be read: {said}"
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

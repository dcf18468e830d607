"""Smallest sizes of objects in the notation of users: ``1mm3``, ``5vox``, ``1mm3 2mm3``.

Source: Spinal Cord Toolbox 7.0, removal of small objects.
"""

from __future__ import annotations

import re
from typing import Final

from ..errors import InputError
from .settings import Numerics
from .upstream import upstream

_SIZE: Final = re.compile(r"([0-9]*\.?[0-9]+)\s*(mm3|mm³|vox)?", re.IGNORECASE)
EXAMPLES: Final = "Write for example 1mm3 or 5vox."


def smallest_voxels(
    text: str, classes: int, voxel_mm3: float, *, numerics: Numerics = "corrected"
) -> list[float]:
    """Voxels below which objects of each class are deleted.

    Parameters
    ----------
    text
        Sizes separated by blanks or commas; without a unit, in voxels.
    classes
        Number of classes. A single size applies to all of them, several apply to one each.
    voxel_mm3
        Volume of a voxel.
    numerics
        ``original``: a single size, which is a whole number; the last unit applies to all.

    Raises
    ------
    InputError
        If a size cannot be read or their number does not fit.
    """
    if upstream(numerics).one_whole_size:
        return [_original(text.split(), voxel_mm3)] * classes
    rest = _SIZE.sub("", text).strip(" ,")
    found = _SIZE.findall(text)
    if rest or not found:
        raise InputError(f"The size {text!r} of small objects cannot be read.", remedy=EXAMPLES)
    sizes = [
        float(round(float(number) / voxel_mm3)) if unit.lower().startswith("mm") else float(number)
        for number, unit in found
    ]
    if len(sizes) == 1:
        return sizes * classes
    if len(sizes) != classes:
        raise InputError(
            f"{len(sizes)} sizes of small objects were given for {classes} classes.",
            remedy="Give one size for all, or one for each class.",
        )
    return sizes


def _original(items: list[str], voxel_mm3: float) -> float:
    """The size as the original reads it."""
    unit = "mm3" if items and "mm3" in items[-1] else "vox"
    try:
        sizes = [int(item.replace(unit, "")) for item in items]
    except ValueError as err:
        raise InputError(
            f"The size of small objects is not a whole number of {unit}: {err}.", remedy=EXAMPLES
        ) from err
    if len(sizes) != 1:
        raise InputError(
            "Length mismatch for remove small object postprocessing step: threshold length of "
            f"{len(sizes)} while the number of predicted class is 1.",
            remedy="The corrected rules accept one size for each class.",
        )
    return float(round(sizes[0] / voxel_mm3) if unit == "mm3" else sizes[0])

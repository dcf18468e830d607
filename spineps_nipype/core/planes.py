"""The plane in which an image was taken, from its grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

MIN_SPACING: Final = 1.0
"""Finer spacings count as this when the plane is found [mm]."""
PLANE_ACROSS: Final[Mapping[str, str]] = {
    **dict.fromkeys("LR", "sag"),
    **dict.fromkeys("PA", "cor"),
    **dict.fromkeys("SI", "ax"),
}
"""Plane that lies across an axis, by the letter of where the axis runs to."""


def image_plane(zooms: Sequence[float], axis_codes: Sequence[str]) -> str:
    """Plane in which an image was taken: sag, cor, ax or iso.

    Parameters
    ----------
    zooms
        Voxel spacing of three axes in mm; what is finer than 1 mm counts as 1 mm.
    axis_codes
        Where each axis runs to: letters of R/L, A/P, S/I.

    Returns
    -------
    str
        The plane across the axis with the largest spacing; with two largest, the plane across
        the remaining axis; ``iso`` if all are equal, to 0.1 mm.
    """
    spacing = [round(max(float(z), MIN_SPACING), 1) for z in zooms]
    largest = [code for code, z in zip(axis_codes, spacing, strict=True) if z == max(spacing)]
    if len(largest) == 3:
        return "iso"
    if len(largest) == 1:
        return PLANE_ACROSS[largest[0]]
    (rest,) = (code for code in axis_codes if code not in largest)
    return PLANE_ACROSS[rest]

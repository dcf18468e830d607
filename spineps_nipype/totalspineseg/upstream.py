"""What TotalSpineSeg does otherwise than this package: one named switch each.

The only place that tells the numerics apart: rules ask ``upstream(numerics).name``. True means
"as version 20251028 does it"; the default, ``corrected``, has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

from ..core.switches import fault, switches

KNOWN: Final = ("corrected", "original")
"""Numerics of this system."""


@dataclass(frozen=True)
class Upstream:
    """Switches of one kind of numerics, in the order of the steps."""

    integer_voxels: bool = fault()
    """Images keep their stored integer type: fractions are cut off, at loading and after each
    step of the preparation."""
    border_voxel_lost: bool = fault()
    """An axis whose length falls short of a whole number of mm by a rounding error loses its last
    voxel at 1 mm."""
    tiles_everywhere: bool = fault()
    """Both networks compute all of the image, and what they find beside the spine counts; unless
    the options ask for tiles at the spine."""
    landmarks_by_run: bool = fault()
    """A localizer for any image of the run takes the landmarks C7-T1 and T12-L1 from all images,
    also from those that have no localizer themselves."""
    false_canal_kept: bool = fault()
    """The line along which discs and vertebrae are ordered goes through the middle of all that is
    called canal in a slice, and the largest piece is the canal, be it skin or bowel."""
    centres_of_boxes: bool = fault()
    """The line along which discs and vertebrae are ordered has no point in slices in which the
    middle between the borders of the canal lies outside it."""
    front_of_first_only: bool = fault()
    """Only the first component of discs, and of each vertebra label, is placed by its part in
    front of the canal, and at the first point of the line if it has none; all others are placed by
    their centres, arches and processes included."""
    specks_numbered: bool = fault()
    """However small, a component of the disc classes is a disc and gets a number."""
    far_parts_kept: bool = fault()
    """Components of discs and vertebrae count however far from the canal they lie."""
    sacrum_specks_kept: bool = fault()
    """All that is called sacrum is sacrum, also specks all over the image."""
    fused_whole: bool = fault()
    """Vertebrae to which the network gives one class are one where they touch, also if discs lie
    between their bodies."""
    fragments_numbered: bool = fault()
    """Pieces of a vertebra are joined only where they follow each other with the same raw label;
    other fragments get a number."""
    counted_from_landmarks: bool = fault()
    """Discs are counted up from the uppermost landmark and down from each one, whatever their
    distances and the other landmarks say."""
    unusual_top_refused: bool = fault()
    """Nothing can be counted from an uppermost disc or vertebra that a normal spine does not have,
    such as L6: the scan fails."""
    missed_discs_ignored: bool = fault()
    """All vertebrae between two discs share a label, also where the labels of the discs leave room
    for each of them."""
    canal_over_others: bool = fault()
    """Filling the canal paints over whatever other structure stands in its concave places."""
    levels_counted: bool = fault()
    """Levels are counted from the uppermost disc, so that all below a missing disc shift."""
    stepped_borders: bool = fault()
    """Masks come back to the grid of the scan by the nearest voxel: borders have steps."""


@cache
def upstream(numerics: str) -> Upstream:
    """Switches of a kind of numerics, and of rules that it names.

    Raises
    ------
    ValueError
        If there is no such kind or switch.
    """
    return switches(Upstream, numerics, KNOWN)

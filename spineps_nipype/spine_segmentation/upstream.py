"""What spine-segmentation does otherwise than this package: one named switch each.

The only place that tells the numerics apart: rules ask ``upstream(numerics).name``. True means
"as version 0.3.2 does it"; the default, ``corrected``, has none.
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
    """Images keep their stored integer type: fractions are cut off at loading."""
    single_slice_refused: bool = fault()
    """A volume of one slice is refused."""
    voxels_as_stored: bool = fault()
    """Slices are neither brought to the pixel size of the training images nor are their
    intensities normalised, whatever the settings say."""
    padding_believed: bool = fault()
    """Classes that the networks see in the padding around a slice count."""
    strays_kept: bool = fault()
    """What the network takes for bodies and discs beside the spine stays."""
    every_plane_cuts_all: bool = fault()
    """Only the largest connected component of bodies and discs is split, the plane of each piece
    of a disc cuts all bodies, also distant ones, and nothing puts right what that cuts off. A scan
    without discs is refused."""
    forked_discs_whole: bool = fault()
    """Two discs that are joined at the tip of a body are one."""
    disc_fragments_numbered: bool = fault()
    """However small, a piece of a disc beside a larger one cuts the bone."""
    long_pieces_whole: bool = fault()
    """Bone of the length of several vertebrae, between which no disc was found, is one."""
    side_by_side_numbered: bool = fault()
    """Pieces of bone at the same height are vertebrae of their own."""
    parabola_through_two: bool = fault()
    """The line of the spine is continued by a parabola also where two points leave it
    undetermined."""
    shift_only: bool = fault()
    """Names are found by one shift for all vertebrae, and discs above the first vertebra and below
    the sacrum get numbers, too; sequences and forms of vertebrae do not count."""
    none_missed: bool = fault()
    """Distances of vertebrae say nothing of others between them that were not found."""
    odd_widths_moved: bool = fault()
    """Results come back to the size of the input by cropping once more, which moves odd widths by
    one pixel."""


@cache
def upstream(numerics: str) -> Upstream:
    """Switches of a kind of numerics, and of rules that it names.

    Raises
    ------
    ValueError
        If there is no such kind or switch.
    """
    return switches(Upstream, numerics, KNOWN)

"""What SPINEPS does otherwise than this package: one named switch each, and who has it.

The only place that tells the numerics apart: phases ask ``upstream(numerics).name``. True means
"as SPINEPS does it"; the default, ``corrected``, has none. ``seed`` is the version before 2.1.3
whose names and arguments users know.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

from ..core.switches import fault, switches

NEWER: Final = "spineps-2.1.3"
SEED: Final = "seed"


KNOWN: Final = ("corrected", NEWER, SEED)
"""Numerics of this system."""


@dataclass(frozen=True)
class Upstream:
    """Switches of one kind of numerics, in the order of the phases."""

    integer_voxels: bool = fault()
    """Images keep their stored integer type: fractions are cut off, at loading and after."""
    box_cut_twice: bool = fault(NEWER)
    """A crop box is cut once more out of its own result."""
    bias_needs_bright_voxels: bool = fault()
    """Bias correction fails where no voxel reaches 60, instead of taking the whole image."""
    bias_samples_by_position: bool = fault()
    """The shrunken image of the bias correction begins where rounding of world positions puts it,
    one voxel earlier or later, instead of always the same."""
    bias_stays_outside_box: bool = fault()
    """Outside the box of the voxels from 60 on the bias stays, which makes a step at its edge."""
    half_precision: bool = fault()
    """Network input, tile weights and sums of the semantic network are float16."""
    tiles_everywhere: bool = fault()
    """Tiles without spine are computed, unless the settings ask for those at the spine."""
    own_keys_ignored: bool = fault()
    """Keys of model configurations that SPINEPS does not know do nothing: `shrink_tile`,
    `border_mm`, `spine_tile`, `spine_step`, `seed_erosion`, `anomaly_cost`, `sacrum_cost`. Weights
    of forms are not read."""
    far_cut_to_largest_box: bool = fault(SEED)
    """Far components are judged by the box of the largest alone: inside all stay, outside all
    go."""
    no_column: bool = fault()
    """What lies beside the one column of bodies and discs may become vertebrae, and pieces of
    sacrum stay, specks and those above the lowest body included."""
    top_of_sacrum_counted: bool = fault()
    """A piece of the sacrum that the network calls a body becomes a vertebra."""
    split_from_grown_parts: bool = fault(SEED)
    """A merged body is cut across the line between its two parts after they have grown."""
    odd_partner_kept: bool = fault(SEED)
    """The second partner of a prediction stays though it does not overlap the first."""
    border_smeared: bool = fault()
    """Outside the field of view of a mask its border labels are continued."""
    rounded_grid: bool = fault()
    """The grid that masks go back to has rounded numbers (TPTBox), which decides where positions
    lie half-way between two voxels."""
    stepped_borders: bool = fault()
    """Masks come back to the grid of the image by the nearest voxel: borders have steps."""
    outer_instances_kept: bool = fault()
    """Without `proc_clean_inst_by_sem`, raw numbers outside the box of the spine survive."""
    spread_in_memory_order: bool = fault()
    """In the fast spread the instance whose voxels come first in memory wins, not the lower."""
    top_in_file_axes: bool = fault()
    """The split top vertebra is looked for along axis 1 of the file, whatever that is."""
    slivers_kept: bool = fault()
    """A sliver of bone beside a vertebra counts as another vertebra."""
    top_joined_without_contact: bool = fault(SEED)
    """A small top vertebra is joined to the next whether or not both touch."""
    fragments_to_l6_only: bool = fault()
    """Detached posterior pieces of instances after 25 stay."""
    counted_through_sacrum: bool = fault()
    """Counting from the top goes through 26, the number of the sacrum."""
    patches_always_turned: bool = fault(SEED)
    """Labelling patches are turned along the spine whatever the model was trained with; where
    the angle is exactly 0, axes P and I of the patch are swapped and R is mirrored."""
    head_26_unknown: bool = fault(SEED)
    """The labelling head with 26 names is not read."""
    late_bodies_dropped: bool = fault()
    """Bodies counted beyond 25 are not shown to the labelling network."""
    t13_head_by_old_name: bool = fault()
    """The head for T13 is looked for under a name that no model gives it, as is its share."""
    greedy_path: bool = fault()
    """A path with a third T12 or L5 is dropped after it was chosen; the last lumbar costs
    nothing; 26 names without anomaly force a T13."""
    none_missed: bool = fault()
    """Names go on from one vertebra to the next, however far apart both lie."""
    bodyless_deleted: bool = fault()
    """An instance without a body voxel loses its number when vertebrae are named."""
    metal_unpainted: bool = fault(SEED)
    """Metal (80) of the semantic mask does not enter the vertebra mask."""
    sacrum_at_height_zero: bool = fault()
    """The sacrum, and vertebrae without a body, count as lying at the top: discs and endplates
    above the top vertebra become 126 and 226, or are lost above vertebra 1."""
    arches_for_bodies: bool = fault()
    """A vertebra of which only the arch is in view lies as high as that, so that the disc below it
    has the number of the one above it."""
    sacral_discs_numbered: bool = fault()
    """A remnant of a disc inside the sacrum is a piece of the disc above it."""
    cut_discs_kept: bool = fault()
    """What the border of the image leaves of a disc has a number, however little it is."""
    split_plates_ignored: bool = fault(SEED)
    """Endplates that the network has told apart already (52, 53) get no number."""
    plates_in_numeric_order: bool = fault()
    """Endplates are told apart by vertebra numbers, not by anatomy: those beside T13 are lost."""
    scans_alone: bool = fault()
    """The scans of a session know nothing of each other's names."""
    points_rounded: bool = fault()
    """Points have two decimals, that of the sacrum all."""


@cache
def upstream(numerics: str) -> Upstream:
    """Switches of a kind of numerics, and of rules that it names.

    Raises
    ------
    ValueError
        If there is no such kind or switch.
    """
    return switches(Upstream, numerics, KNOWN)

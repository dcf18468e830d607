"""What SPINEPS does otherwise than this package: one named switch each, and who has it.

This table is the only place that tells the numerics apart: phases ask
``upstream(numerics).name``. True means "as SPINEPS does it"; the default, ``corrected``, has none.
``seed`` is the version before 2.1.3 whose names and arguments users know.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, Final, get_args

from ..settings import Numerics

BOTH: Final = frozenset({"spineps-2.1.3", "seed"})
NEWER: Final = frozenset({"spineps-2.1.3"})
SEED: Final = frozenset({"seed"})


def _of(versions: frozenset[str]) -> Any:
    """Declare a switch and the numerics that have it on."""
    return field(default=False, metadata={"versions": versions})


@dataclass(frozen=True)
class Upstream:
    """Switches of one kind of numerics, in the order of the phases."""

    integer_voxels: bool = _of(BOTH)
    """Images keep their stored integer type: fractions are cut off, at loading and after."""
    box_cut_twice: bool = _of(NEWER)
    """A crop box is cut once more out of its own result."""
    bias_needs_bright_voxels: bool = _of(BOTH)
    """Bias correction fails where no voxel reaches 60, instead of taking the whole image."""
    bias_samples_by_position: bool = _of(BOTH)
    """The shrunken image of the bias correction begins where rounding of world positions puts it,
    one voxel earlier or later, instead of always the same."""
    bias_stays_outside_box: bool = _of(BOTH)
    """Outside the box of the voxels from 60 on the bias stays, which makes a step at its edge."""
    half_precision: bool = _of(BOTH)
    """Network input, tile weights and sums of the semantic network are float16."""
    tiles_everywhere: bool = _of(BOTH)
    """Tiles without spine are computed whatever the settings say."""
    own_keys_ignored: bool = _of(BOTH)
    """Keys of model configurations that SPINEPS does not know do nothing: `shrink_tile`,
    `seed_erosion`, `anomaly_cost`, `sacrum_cost`, and weights of forms are not read."""
    far_cut_to_largest_box: bool = _of(SEED)
    """Far components are judged by the box of the largest alone: inside all stay, outside all
    go."""
    far_islands_kept: bool = _of(BOTH)
    """Pieces of bone more than 50 mm from the canal may become vertebrae, and sacrum lies where
    it may."""
    top_of_sacrum_counted: bool = _of(BOTH)
    """A piece of the sacrum that the network calls a body becomes a vertebra."""
    no_ring_split: bool = _of(BOTH)
    """A merged body that erosion does not part stays whole: core and ring are written into an
    array of booleans, which cannot tell them apart."""
    split_from_grown_parts: bool = _of(SEED)
    """A merged body is cut across the line between its two parts after they have grown."""
    odd_partner_kept: bool = _of(SEED)
    """The second partner of a prediction stays though it does not overlap the first."""
    border_smeared: bool = _of(BOTH)
    """Outside the field of view of a mask its border labels are continued."""
    rounded_grid: bool = _of(BOTH)
    """The grid that masks go back to has rounded numbers (TPTBox), which decides where positions
    lie half-way between two voxels."""
    stepped_borders: bool = _of(BOTH)
    """Masks come back to the grid of the image by the nearest voxel: borders have steps."""
    outer_instances_kept: bool = _of(BOTH)
    """Without `proc_clean_inst_by_sem`, raw numbers outside the box of the spine survive."""
    spread_in_memory_order: bool = _of(BOTH)
    """In the fast spread the instance whose voxels come first in memory wins, not the lower."""
    top_in_file_axes: bool = _of(BOTH)
    """The split top vertebra is looked for along axis 1 of the file, whatever that is."""
    slivers_kept: bool = _of(BOTH)
    """A sliver of bone beside a vertebra counts as another vertebra."""
    top_joined_without_contact: bool = _of(SEED)
    """A small top vertebra is joined to the next whether or not both touch."""
    fragments_to_l6_only: bool = _of(BOTH)
    """Detached posterior pieces of instances after 25 stay."""
    counted_through_sacrum: bool = _of(BOTH)
    """Counting from the top goes through 26, the number of the sacrum."""
    patches_always_turned: bool = _of(SEED)
    """Labelling patches are turned along the spine whatever the model was trained with; where
    the angle is exactly 0, axes P and I of the patch are swapped and R is mirrored."""
    head_26_unknown: bool = _of(SEED)
    """The labelling head with 26 names is not read."""
    late_bodies_dropped: bool = _of(BOTH)
    """Bodies counted beyond 25 are not shown to the labelling network."""
    t13_head_by_old_name: bool = _of(BOTH)
    """The head for T13 is looked for under a name that no model gives it, as is its share."""
    greedy_path: bool = _of(BOTH)
    """A path with a third T12 or L5 is dropped after it was chosen; the last lumbar costs
    nothing; 26 names without anomaly force a T13."""
    bodyless_deleted: bool = _of(BOTH)
    """An instance without a body voxel loses its number when vertebrae are named."""
    metal_unpainted: bool = _of(SEED)
    """Metal (80) of the semantic mask does not enter the vertebra mask."""
    sacrum_at_height_zero: bool = _of(BOTH)
    """The sacrum, and vertebrae without a body, count as lying at the top: discs and endplates
    above the top vertebra become 126 and 226, or are lost above vertebra 1."""
    cut_discs_kept: bool = _of(BOTH)
    """What the border of the image leaves of a disc has a number, however little it is."""
    split_plates_ignored: bool = _of(SEED)
    """Endplates that the network has told apart already (52, 53) get no number."""
    plates_in_numeric_order: bool = _of(BOTH)
    """Endplates are told apart by vertebra numbers, not by anatomy: those beside T13 are lost."""
    points_rounded: bool = _of(BOTH)
    """Points have two decimals, that of the sacrum all."""


@cache
def upstream(numerics: Numerics) -> Upstream:
    """Switches of a kind of numerics.

    Raises
    ------
    ValueError
        If there is no such kind.
    """
    if numerics not in get_args(Numerics):
        raise ValueError(f"numerics is {numerics!r}; known are {', '.join(get_args(Numerics))}")
    return Upstream(**{f.name: numerics in f.metadata["versions"] for f in fields(Upstream)})

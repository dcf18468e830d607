"""What voxels mean to the two networks of TotalSpineSeg: codes, and what each says of a region.

A code holds all that both steps ask for: which disc, odd or even, or that something is unknown.
The odd vertebrae of step 2 are those below a marked disc, so it depends on the marks which half is
odd.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from scipy import ndimage
from skimage.segmentation import watershed

from spineps_nipype.core import anatomy
from spineps_nipype.phantom import Phantom
from spineps_nipype.phantom.plan import LABEL_OF
from training.common import spider_masks
from training.common.canal_contents import CAUDA, CORD_SEEN

LANDMARKS: Final = ("", "C2_C3", "C7_T1", "T12_L1", "L5_S", "?")
"""What a disc may be; ``?`` is a real one whose name is unknown."""
DISC_CODES: Final = {
    (landmark, parity): 1 + 2 * i + parity
    for i, landmark in enumerate(LANDMARKS)
    for parity in (0, 1)
}
"""Parity is that of the vertebra below, counted from the top."""
C1_CODES: Final = (13, 14)
BONE_CODES: Final = (15, 16)
"""Vertebrae other than C1, by parity."""
SACRUM, CANAL, CORD = 17, 18, 19
SOME_BONE: Final = 20
"""A vertebra of unknown number."""
SOME_CANAL: Final = 21
"""Canal or cord."""
MAYBE_BONE: Final = 22
"""Background, or bone that a mask does not show."""
CODES: Final = 23
DISCS: Final = tuple(DISC_CODES.values())

Region = tuple[frozenset[int], frozenset[int]]
"""Codes that certainly belong to it, and codes of which it is unknown."""

STEP1_LABELS: Final[Mapping[str, Sequence[int] | int]] = {
    "background": 0,
    "disc": (1, 2, 3, 4, 5),
    "disc_C2_C3": (2,),
    "disc_C7_T1": (3,),
    "disc_T12_L1": (4,),
    "disc_L5_S": (5,),
    "vertebrae": (6, 7),
    "vertebrae_C1": (7,),
    "canal": (8, 9),
    "cord": (9,),
}
STEP2_LABELS: Final[Mapping[str, Sequence[int] | int]] = {
    **{name: STEP1_LABELS[name] for name in list(STEP1_LABELS)[:6]},
    "vertebrae": (6, 7, 8, 9),
    "vertebrae_O": (7,),
    "vertebrae_E": (8,),
    "sacrum": (9,),
    "canal": (10, 11),
    "cord": (11,),
}
OUTPUTS: Final = (len(STEP1_LABELS) - 1, len(STEP2_LABELS) - 1)

Array = np.ndarray


def region_table(step: int, odd: int) -> Array:
    """What each code says of each region: 1 inside, 0 outside, -1 unknown.

    Parameters
    ----------
    step
        1 or 2.
    odd
        Parity of the vertebrae that count as odd.

    Returns
    -------
    int8 (codes, regions)
    """
    bone = {*BONE_CODES, *C1_CODES, SOME_BONE, SACRUM}
    # in the order of STEP1_LABELS and STEP2_LABELS
    regions: list[Region] = [(frozenset(DISCS), frozenset())]
    unnamed = frozenset(DISC_CODES["?", p] for p in (0, 1))
    regions += [
        (frozenset(DISC_CODES[name, p] for p in (0, 1)), unnamed) for name in LANDMARKS[1:-1]
    ]
    regions.append((frozenset(bone), frozenset({MAYBE_BONE})))
    if step == 1:
        regions.append((frozenset(C1_CODES), frozenset()))
    else:
        either = frozenset({SOME_BONE, MAYBE_BONE})
        regions += [(frozenset({BONE_CODES[p], C1_CODES[p]}), either) for p in (odd, 1 - odd)]
        regions.append((frozenset({SACRUM}), frozenset({MAYBE_BONE})))
    regions.append((frozenset({CANAL, CORD, SOME_CANAL}), frozenset()))
    regions.append((frozenset({CORD}), frozenset({SOME_CANAL})))
    table = np.zeros((CODES, len(regions)), np.int8)
    for column, (inside, unknown) in enumerate(regions):
        table[list(inside), column] = 1
        table[list(unknown), column] = -1
    return table


def marked_codes(odd: int) -> tuple[int, ...]:
    """Codes of the discs that are marked: those above an odd vertebra."""
    return tuple(code for (_, parity), code in DISC_CODES.items() if parity == odd)


def phantom_codes(phantom: Phantom) -> Array:
    """Code of every voxel of a phantom, uint8 (P, I, R); endplates are background."""
    levels = phantom.plan.levels
    of_vertebra = np.zeros(256, np.uint8)  # labels of vertebrae and of their discs
    for index, name in enumerate(levels):
        codes = C1_CODES if name == "C1" else BONE_CODES
        of_vertebra[LABEL_OF[name]] = codes[index % 2]
        below = levels[index + 1] if index + 1 < len(levels) else "S"
        landmark = {"C2": "C2_C3", "C7": "C7_T1"}.get(name, "")
        landmark = {"L1": "T12_L1", "S": "L5_S"}.get(below, landmark)
        of_vertebra[anatomy.DISC + LABEL_OF[name]] = DISC_CODES[landmark, (index + 1) % 2]
    of_rest = np.zeros(256, np.uint8)
    of_rest[[anatomy.SACRUM, anatomy.CANAL, anatomy.CORD]] = SACRUM, CANAL, CORD
    spine = phantom.spine
    part = np.isin(spine, (*anatomy.VERTEBRA_PARTS, anatomy.DISC))
    return np.asarray(np.where(part, of_vertebra[phantom.vert], of_rest[spine]), np.uint8)


def spider_codes(told: Array, spacing: Sequence[float], vertebrae: int | None = None) -> Array:
    """Code of every voxel of a SPIDER mask, uint8 (P, I, R).

    Bodies are found in front of the canal; the rest of a vertebra belongs to the body that is
    nearest within the bone. The disc without a vertebra below it is the one above the sacrum.

    Parameters
    ----------
    told
        The mask, which may tell what its canal holds, see `canal_contents`.
    vertebrae
        Number in the scan; if another number of bodies is found, discs have no names.
    """
    mask = np.where(np.isin(told, (CAUDA, CORD_SEEN)), spider_masks.CANAL, told)
    bodies = spider_masks.number_bodies(mask, spacing)
    count = int(bodies.max())
    bone = mask == spider_masks.VERTEBRA
    whole = watershed(np.zeros(mask.shape, np.uint8), bodies.astype(np.int32), mask=bone)
    codes = np.where(mask == spider_masks.CANAL, SOME_CANAL, 0).astype(np.uint8)
    codes[told == CAUDA], codes[told == CORD_SEEN] = CANAL, CORD
    codes[bone] = SOME_BONE
    for number in range(1, count + 1):
        codes[whole == number] = BONE_CODES[number % 2]
    if not count:
        return codes
    lowest = _code_discs(codes, mask, bodies, vertebrae)
    # above the first body and from the lowest disc on SPIDER leaves bone out
    row = np.arange(mask.shape[1])
    hidden = (row >= lowest) | (row < int(np.nonzero(bodies == 1)[1].min()))
    codes[(codes == 0) & hidden[None, :, None]] = MAYBE_BONE
    return codes


def _code_discs(codes: Array, mask: Array, bodies: Array, vertebrae: int | None) -> int:
    """Set the codes of the discs in place.

    Returns
    -------
    int
        First row of the disc above the sacrum, the number of rows where there is none.
    """
    count = int(bodies.max())
    heights = ndimage.mean(np.indices(mask.shape)[1], bodies, range(1, count + 1))
    certain = count == vertebrae and spider_masks.disc_below(bodies, mask)
    names = {count + 1: "L5_S", count - 4: "T12_L1"}
    discs, pieces = ndimage.label(mask == spider_masks.DISC)
    lowest = int(mask.shape[1])
    for piece in range(1, pieces + 1):
        inside = discs == piece
        rows = np.nonzero(inside)[1]
        below = 1 + int(np.searchsorted(heights, rows.mean()))
        codes[inside] = DISC_CODES[names.get(below, "") if certain else "?", below % 2]
        if below == count + 1:
            lowest = min(lowest, int(rows.min()))
    return lowest

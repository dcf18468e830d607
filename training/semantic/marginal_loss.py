"""Marginal loss: a mask that joins several labels teaches the network as much as it tells.

A target voxel carries a code. Codes 0 to 14 are single classes (background and the 14 labels of
`MR_LABELS`); further codes stand for "one of these classes". The probability of such a set is the
sum over its classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from spineps_nipype.core.anatomy import CANAL, CORD, DISC, ENDPLATE, MR_LABELS, SACRUM

CLASS_OF: Final = {0: 0, **{label: i + 1 for i, label in enumerate(MR_LABELS)}}
CLASSES: Final = len(CLASS_OF)
SPIDER_SETS: Final[Mapping[int, tuple[int, ...]]] = {
    0: (0, SACRUM, ENDPLATE),
    1: (41, 42, 43, 44, 45, 46, 47, 48, 49),
    2: (DISC,),
    3: (CORD, CANAL),
}
"""Labels that each value of a SPIDER mask may stand for. Its background may be an endplate, as
there is a gap between its discs and bodies, or sacrum, which it does not show."""
SETS: Final = (
    *SPIDER_SETS.values(),
    tuple(label for label in CLASS_OF if label not in SPIDER_SETS[1]),
    tuple(CLASS_OF),
)
"""All sets that a code may stand for: those of SPIDER, anything but a vertebra, and anything."""
NO_VERTEBRA_CODE: Final = CLASSES + len(SPIDER_SETS)
UNKNOWN_CODE: Final = NO_VERTEBRA_CODE + 1
CLASS_WEIGHTS: Final = (0.7, 2, 2, 4, 4, 4, 4, 4, 4, 1, 1.5, 1.2, 2, 1.5, 1.2)
SET_WEIGHTS: Final = (0.8, 1.5, 2.0, 1.5, 0.8, 0.0)
"""Weights of the classes and of `SETS` in the cross-entropy: small parts have more."""
SMOOTH: Final = 20.0
"""Voxels added to both sides of the Dice ratio, so that specks do not dominate."""


def set_table(sets: Sequence[Sequence[int]]) -> Tensor:
    """Which classes each code allows: bool, (codes, classes); single classes come first.

    Parameters
    ----------
    sets
        SPINEPS labels of each set, 0 for background.
    """
    table = torch.zeros((CLASSES + len(sets), CLASSES), dtype=torch.bool)
    table[:CLASSES] = torch.eye(CLASSES, dtype=torch.bool)
    for row, labels in enumerate(sets, start=CLASSES):
        table[row, [CLASS_OF[label] for label in labels]] = True
    return table


def marginal_loss(
    logits: Tensor, codes: Tensor, table: Tensor, weights: Tensor
) -> tuple[Tensor, Tensor]:
    """Cross-entropy of the sets, and one minus their Dice overlap.

    Parameters
    ----------
    logits
        (batch, classes, z, y, x).
    codes
        (batch, z, y, x), rows of `table`.
    table
        From `set_table`.
    weights
        Weight of every code in the cross-entropy.

    Returns
    -------
    cross_entropy, dice_loss
        The cross-entropy is the mean over voxels of whose code anything is known, the Dice part
        that over the codes that a sample holds, background sets excepted.
    """
    # few of the codes occur in a patch, and only these cost memory
    present, row = torch.unique(codes, return_inverse=True)
    rows = table[present]
    soft = torch.softmax(logits.float(), dim=1)
    sums = torch.einsum("bczyx,kc->bkzyx", soft, rows.to(soft.dtype))
    own = sums.gather(1, row[:, None])[:, 0].clamp_min(1e-7)
    known = ~rows.all(dim=1)[row]
    entropy = -(weights[present][row] * own.log() * known).sum() / known.sum().clamp_min(1)
    target = functional.one_hot(row.flatten(1), len(present)).to(soft.dtype)
    size = target.sum(1)
    # probability mass of set k over the voxels of code v: (batch, k, v)
    mass = torch.einsum("bkn,bnv->bkv", sums.flatten(2), target)
    overlap = mass.diagonal(dim1=1, dim2=2)
    # a joined mask says nothing about the single labels in it: neither credit nor blame
    guessed = (mass * decided(rows)).sum(2)
    dice = (2 * overlap + SMOOTH) / (guessed + size + SMOOTH)
    counts = (size > 0) & ~rows[:, 0]
    return entropy, 1 - (dice * counts).sum() / counts.sum().clamp_min(1)


def decided(rows: Tensor) -> Tensor:
    """Whether a voxel of code v decides membership of set k: float, (k, v).

    It does when all classes of v lie in k, or none does.

    Parameters
    ----------
    rows
        Classes of each code, bool (codes, classes).
    """
    inside = rows.float()
    overlaps = inside @ inside.T > 0
    within = inside @ (~rows).float().T == 0
    return (within.T | ~overlaps).float()

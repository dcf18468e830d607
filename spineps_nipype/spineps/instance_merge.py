"""From up to three views of every vertebra to one instance each.

Problem: around the seed of each vertebral body, the instance network sees a cut-out and predicts
the vertebra in its centre and the ones above and below it. So most vertebrae are predicted three
times, from their own seed and from both neighbouring ones; but seeds may be missing or doubled,
and predictions may be wrong, so that positions alone do not tell which predictions belong
together.

Model: every prediction looks for up to two partners among those of the next two seeds up and down:
the ones with the highest Dice overlap, above a minimum. A prediction with its partners is a
*couple* (the word of SPINEPS, though it has up to three members). Couples that several of their
members found count once, with their mean overlap. They are ranked by size and overlap; in this
order each becomes an instance of the voxels that enough of its members vote for and that are still
free, unless earlier instances hold most of it, because then it is the same vertebra again.

Effort: O(seeds) Dice overlaps of tight boxes, since only near seeds are compared.

Source: SPINEPS 2.1.3, instance phase, coupling and merging. Arrays are (P, I, R).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..core.components import Box
from ..errors import EmptyResultError
from .instance_cutouts import Key, Prediction
from .settings import Numerics
from .upstream import upstream

MIN_DICE: Final = 0.3
"""Overlap that a partner must exceed."""
SEED_REACH: Final = 2
"""Distance of two seeds, counted in seeds, up to which both can show the same vertebra."""
MAX_PARTNERS: Final = 2
BASE_AGREEMENT, AGREEMENT_STEP = 0.3, 0.15
"""A couple of k = 3 takes the voxels of at least two members if its mean Dice is 0.3 + 0.15 (4 -
k) or more. Smaller couples, and those that agree less, take the voxels of any member."""
MAX_TAKEN: Final = 0.6
"""Share of a couple in earlier instances above which it is dropped."""

Couple = tuple[Key, ...]
"""Predictions that show the same vertebra, in the order of their seeds."""


def couple_predictions(
    predictions: Mapping[Key, Prediction], numerics: Numerics = "corrected"
) -> dict[Couple, float]:
    """Couples of predictions with their mean agreement (Dice), the best couple first.

    Couples are ranked by (number of members + 1) * agreement.

    Parameters
    ----------
    predictions
        Predictions of all cut-outs.
    numerics
        Under ``seed`` both partners of a prediction stay even if they do not overlap each other.
    """
    keep_unrelated = upstream(numerics).odd_partner_kept
    agreements: dict[Couple, list[float]] = {}
    for key in sorted(predictions):
        partners = _partners(key, predictions, keep_unrelated)
        agreement = float(np.mean([dice for _, dice in partners])) if partners else 0.0
        members = [other for other, _ in partners] + [key]
        members.sort(key=lambda k: k[0])
        agreements.setdefault(tuple(members), []).append(agreement)
    means = {couple: float(np.mean(values)) for couple, values in agreements.items()}
    ranked = sorted(means, key=lambda c: (len(c) + 1) * means[c], reverse=True)
    return {couple: means[couple] for couple in ranked}


def merge_couples(
    couples: Mapping[Couple, float],
    predictions: Mapping[Key, Prediction],
    shape: tuple[int, ...],
) -> NDArray[np.uint16]:
    """Instances 1, 2, … in the order of the couples; earlier ones keep their voxels.

    Parameters
    ----------
    couples
        Couples with their agreement, the best one first.
    predictions
        Predictions of all cut-outs.
    shape
        Shape of the volume.

    Raises
    ------
    EmptyResultError
        If a couple has no voxel with enough votes, or no instance results.
    """
    out = np.zeros(shape, dtype=np.uint16)
    number = 0
    for couple, agreement in couples.items():
        box, region = _vote(couple, agreement, predictions)
        volume = int(region.sum())
        if volume == 0:
            raise EmptyResultError(
                "Views of one vertebra do not overlap.",
                remedy="Check the raw semantic mask; the instance model may not fit it.",
            )
        part = out[box]
        free = region & (part == 0)
        if (volume - int(free.sum())) / volume > MAX_TAKEN:
            continue
        number += 1
        part[free] = number
    if number == 0:
        raise EmptyResultError(
            "No vertebra instance was found.",
            remedy="Check the raw semantic mask; the instance model may not fit it.",
        )
    return out


def _partners(
    key: Key, predictions: Mapping[Key, Prediction], keep_unrelated: bool
) -> list[tuple[Key, float]]:
    """The best matches of a prediction in other cut-outs with their Dice, at most two."""
    seed = key[0]
    rated = [
        (other, dice_of(predictions[key], predictions[other]))
        for other in sorted(predictions)
        if other[0] != seed and abs(other[0] - seed) <= SEED_REACH
    ]
    rated.sort(key=lambda pair: pair[1], reverse=True)
    best = [pair for pair in rated[:MAX_PARTNERS] if pair[1] > MIN_DICE]
    if len(best) == MAX_PARTNERS and not keep_unrelated:
        # Both overlap this prediction; if they do not overlap each other, they are two vertebrae.
        between = dice_of(predictions[best[0][0]], predictions[best[1][0]])
        if between < MIN_DICE:
            best.pop()
    return best


def dice_of(one: Prediction, other: Prediction) -> float:
    """Dice overlap of two predictions of the same volume."""
    low = [max(a.start, b.start) for a, b in zip(one.box, other.box, strict=True)]
    high = [min(a.stop, b.stop) for a, b in zip(one.box, other.box, strict=True)]
    if any(h <= start for start, h in zip(low, high, strict=True)):
        return 0.0
    shared = _part(one, low, high) & _part(other, low, high)
    return 2 * int(shared.sum()) / (one.size + other.size)


def _part(prediction: Prediction, low: list[int], high: list[int]) -> NDArray[np.bool_]:
    """Mask of a prediction within a box of the volume that its own box contains."""
    inner = tuple(
        slice(start - side.start, stop - side.start)
        for start, stop, side in zip(low, high, prediction.box, strict=True)
    )
    return prediction.mask[inner]


def _vote(
    couple: Couple, agreement: float, predictions: Mapping[Key, Prediction]
) -> tuple[Box, NDArray[Any]]:
    """Box around all members of a couple, and the voxels in it that enough of them hold."""
    members = [predictions[key] for key in couple]
    box = tuple(
        slice(min(m.box[a].start for m in members), max(m.box[a].stop for m in members))
        for a in range(3)
    )
    votes = np.zeros([side.stop - side.start for side in box], dtype=np.uint8)
    for member in members:
        inner = tuple(
            slice(m.start - b.start, m.stop - b.start)
            for m, b in zip(member.box, box, strict=True)
        )
        votes[inner] += member.mask
    size = len(couple)
    weak = agreement < BASE_AGREEMENT + AGREEMENT_STEP * (4 - size)
    needed = 1 if size <= 2 or weak else 2
    return (box[0], box[1], box[2]), votes >= needed

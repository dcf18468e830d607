"""From up to three views of every vertebra to one instance each.

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
SEED_REACH: Final = 2
"""Seeds up and down whose cut-outs can show the same vertebra."""
MAX_PARTNERS: Final = 2
BASE_AGREEMENT, AGREEMENT_STEP = 0.3, 0.15
"""A couple of k needs an agreement of 0.3 + 0.15 (4 - k) for a majority vote."""
MAX_TAKEN: Final = 0.6
"""A couple is dropped when more than this fraction of it is taken already."""

Couple = tuple[Key, ...]


def couple_predictions(
    predictions: Mapping[Key, Prediction], numerics: Numerics = "corrected"
) -> dict[Couple, float]:
    """Groups of predictions that show the same vertebra, with their mean agreement (Dice).

    Best groups first: ranked by (size + 1) * agreement. Under ``seed`` both partners of a
    prediction stay, even if they do not overlap each other.
    """
    keep_odd = upstream(numerics).odd_partner_kept
    agreements: dict[Couple, list[float]] = {}
    for key in sorted(predictions):
        partners = _partners(key, predictions, keep_odd)
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
    """Instances 1, 2, … in rank order; earlier ones keep their voxels.

    Raises
    ------
    EmptyResultError
        If the members of a group share no voxel, or no instance results.
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
    key: Key, predictions: Mapping[Key, Prediction], keep_odd: bool
) -> list[tuple[Key, float]]:
    """The up to two best matches of a prediction in other cut-outs."""
    seed = key[0]
    rated = [
        (other, dice_of(predictions[key], predictions[other]))
        for other in sorted(predictions)
        if other[0] != seed and abs(other[0] - seed) <= SEED_REACH
    ]
    rated.sort(key=lambda pair: pair[1], reverse=True)
    best = [pair for pair in rated[:MAX_PARTNERS] if pair[1] > MIN_DICE]
    if len(best) == MAX_PARTNERS and not keep_odd:
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
    inner = tuple(
        slice(start - side.start, stop - side.start)
        for start, stop, side in zip(low, high, prediction.box, strict=True)
    )
    return prediction.mask[inner]


def _vote(
    couple: Couple, agreement: float, predictions: Mapping[Key, Prediction]
) -> tuple[Box, NDArray[Any]]:
    """Voxels with enough votes, in the box around all members."""
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

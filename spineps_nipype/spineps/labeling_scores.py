"""Scores of all names for each vertebra, from the heads of the labelling network.

Problem: a network may have several heads that judge a vertebra independently: exact names (24 or
26 classes), groups of neighbouring names, regions, first and last vertebrae of regions, T13, and
how fully the vertebra is seen. `find_path` needs one score for each vertebra and name.

Model: a weighted sum of the heads that exist. Exact names and groups are smoothed along the names
of each region, because a vertebra is easily taken for its neighbour; each term is normalised over
the names. The sum is normalised once more and multiplied by a weight of visibility: vertebrae that
are cut off by the border say less. First and last vertebrae and T13 stay separate, as negative
costs of moves between names. The effort is linear in vertebrae and classes.

Source: SPINEPS 2.1.3 (VERIDAH), scores of the vertebrae; `combine_with_form` and
`favour_last_lumbar` are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from ..core.anatomy import L5, L6
from ..errors import ModelError
from .settings import Numerics
from .upstream import upstream

FloatArray = NDArray[np.float64]

WEIGHT_VISIBLE: Final = 0.5
"""Weight of the visibility; the others are those of the heads (SPINEPS)."""
WEIGHT_NAME: Final = 0.9
WEIGHT_GROUP: Final = 0.8
WEIGHT_REGION: Final = 1.1
WEIGHT_RELATIVE: Final = 0.6
WEIGHT_T13: Final = 0.4
SMOOTH_CLASSES: Final = (0.8, 2)
"""Sigma and radius of the smoothing along the class axis."""
SMOOTH_SEQUENCE: Final = (0.6, 1)
"""Sigma and radius of the smoothing of relative positions along the vertebrae."""
EPSILON: Final = 1e-8
PROBABILITY_FLOOR: Final = 1e-3
"""Added to probabilities before they are multiplied: no network is that sure."""
CLASSIFIER_SHARE: Final = 0.7
"""Exponent of the classifier's probabilities beside those by form and look; chosen on 50
phantoms."""
FORCED_SCORE: Final = 1e6
"""Score of a name that is certain for other reasons, above every sum of the others."""
VISIBLE_DECIMALS: Final = 3

NAME_HEADS_26: Final = ("VERTEX", "VERTEXACT")
T13_HEADS: Final = ("VERTT13", "VT13")
"""SPINEPS looks for the first name only, while its models are trained with the second."""
GROUP_SIZES: Final = (2, 3, 2, 2, 2, 3, 2, 2, 1, 2, 2, 1)
"""Sizes of the twelve groups of neighbouring names, C1 to L5."""
LAST_CERVICAL, FIRST_THORACIC, LAST_THORACIC, FIRST_LUMBAR, LAST_LUMBAR = 1, 2, 3, 4, 5
"""Columns of the head VERTREL; column 0 means none of these."""


@dataclass(frozen=True)
class ClassAxis:
    """The names that a path may run through: one class each, from cranial to caudal.

    Parameters
    ----------
    labels
        Vertebra label of each class.
    regions
        First class of the cervical, thoracic and lumbar region, and the number of classes.
    """

    labels: tuple[int, ...]
    regions: tuple[int, int, int, int]

    @property
    def size(self) -> int:
        """Number of classes."""
        return len(self.labels)

    def region(self, cls: int) -> int:
        """0 cervical, 1 thoracic, 2 lumbar."""
        return int(cls >= self.regions[1]) + int(cls >= self.regions[2])


AXIS_24: Final = ClassAxis(tuple(range(1, 25)), (0, 7, 19, 24))
"""C1-C7, T1-T12, L1-L5; T13 counts as a second T12, L6 as a second L5."""
AXIS_26: Final = ClassAxis((*range(1, 20), 28, *range(20, 26)), (0, 7, 20, 26))
"""C1-C7, T1-T13, L1-L6."""


@dataclass(frozen=True)
class Scores:
    """Scores of all names for the vertebrae of one scan, from top to bottom.

    Parameters
    ----------
    axis
        The classes.
    total
        Shape (vertebrae, classes); higher is likelier.
    relative
        Shape (vertebrae, 6): cost of being the first or last of a region, 0 or negative.
    t13
        Shape (vertebrae,): cost of being a T13, 0 or negative.
    visible
        Shape (vertebrae,): weight of each vertebra by how fully it is seen, 0 to 1.
    """

    axis: ClassAxis
    total: FloatArray
    relative: FloatArray
    t13: FloatArray
    visible: FloatArray


def score_vertebrae(
    heads: Mapping[str, NDArray[Any]],
    *,
    forced: Mapping[int, int] | None = None,
    numerics: Numerics = "corrected",
) -> Scores:
    """Combine the softmax of all heads into one score for each vertebra and name.

    Parameters
    ----------
    heads
        Head name to probabilities of shape (vertebrae, classes); rows from top to bottom.
    forced
        Row to the class that is certain for other reasons.
    numerics
        The head for T13 may have either of its names; ``spineps-2.1.3`` knows one of them only.
        ``seed`` ignores the heads with 26 names.

    Raises
    ------
    ModelError
        If no head names vertebrae.
    """
    given = {name: np.asarray(value, dtype=np.float64) for name, value in heads.items()}
    exact = _head_of_26(given, numerics)
    axis = AXIS_26 if exact is not None and "VERT" not in given else AXIS_24
    rows = len(next(iter(given.values())))
    visible = _visibility(given.get("FULLYVISIBLE"), rows)
    total = _normalise(_weighted_sum(given, exact, axis)) * visible[:, None]
    for row, cls in (forced or {}).items():
        total[row] = 0
        total[row, cls] = FORCED_SCORE
    return Scores(axis, total, _relative(given, rows), _t13(given, rows, numerics), visible)


def combine_with_form(
    heads: Mapping[str, NDArray[Any]], by_form: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """Probabilities of the classifier, multiplied with those by form and look.

    The two networks count as independent witnesses. Heads that only the classifier has stay as
    they are.

    Parameters
    ----------
    heads, by_form
        Head name to probabilities, shape (vertebrae, classes).
    """
    out = dict(heads)
    for name in heads.keys() & by_form.keys():
        product = (heads[name] + PROBABILITY_FLOOR) ** CLASSIFIER_SHARE * (
            by_form[name] + PROBABILITY_FLOOR
        )
        out[name] = product / product.sum(axis=1, keepdims=True)
    return out


def favour_last_lumbar(scores: Scores, cost: float) -> Scores:
    """Scores with a price on the lowest vertebra being any other than the last lumbar one.

    Parameters
    ----------
    scores
        Scores of vertebrae of which the lowest stands on a visible sacrum.
    cost
        Taken from the scores of all names of the lowest vertebra but L5 and L6.
    """
    total = scores.total.copy()
    lumbar_end = [label in (L5, L6) for label in scores.axis.labels]
    total[-1, ~np.array(lumbar_end)] -= cost
    return replace(scores, total=total)


def _head_of_26(heads: Mapping[str, FloatArray], numerics: Numerics) -> str | None:
    """Name of the head with 26 names, if there is one; an error if no head names vertebrae."""
    known = () if upstream(numerics).head_26_unknown else NAME_HEADS_26
    exact = next((name for name in known if name in heads), None)
    if exact is None and "VERT" not in heads and "VERTGRP" not in heads:
        raise ModelError(
            f"The labelling model has no head that names vertebrae ({', '.join(heads)}).",
            remedy="Use a model with one of the heads VERT, VERTEX, VERTEXACT, VERTGRP.",
        )
    return exact


def _weighted_sum(
    heads: Mapping[str, FloatArray], exact: str | None, axis: ClassAxis
) -> FloatArray:
    """Sum of the heads that speak of names, shape (vertebrae, classes of the axis)."""
    total = np.zeros((len(next(iter(heads.values()))), axis.size))
    if "VERT" in heads:
        total += WEIGHT_NAME * _per_region(heads["VERT"], axis)
    if exact is not None:
        names = heads[exact] if axis is AXIS_26 else _to_24_classes(heads[exact])
        total += WEIGHT_NAME * _per_region(names, axis)
    if "VERTGRP" in heads and axis is AXIS_24:
        total += WEIGHT_GROUP * _per_region(np.repeat(heads["VERTGRP"], GROUP_SIZES, axis=1), axis)
    if "REGION" in heads:
        sizes = np.diff(axis.regions)
        total += WEIGHT_REGION * _normalise(np.repeat(heads["REGION"], sizes, axis=1))
    return total


def _normalise(values: FloatArray) -> FloatArray:
    return np.asarray(values / (values.sum(axis=1, keepdims=True) + EPSILON))


def _per_region(values: FloatArray, axis: ClassAxis) -> FloatArray:
    """Smooth along the classes of each region by itself, then normalise."""
    sigma, radius = SMOOTH_CLASSES
    smooth = np.empty_like(values)
    for start, stop in zip(axis.regions[:-1], axis.regions[1:], strict=True):
        smooth[:, start:stop] = gaussian_filter1d(
            values[:, start:stop], sigma, axis=1, radius=radius, mode="nearest"
        )
    return _normalise(smooth)


def _to_24_classes(values: FloatArray) -> FloatArray:
    """Reduce 26 classes to 24: T13 counts for T12, and L6 for L5."""
    t12, t13, l6 = 18, 19, 25
    folded = values.copy()
    folded[:, t12] += values[:, t13]
    folded[:, l6 - 1] += values[:, l6]
    return np.delete(folded, (t13, l6), axis=1)


def _visibility(head: FloatArray | None, rows: int) -> FloatArray:
    """Weight of each vertebra by how fully it is seen.

    Smoothing pads with 0, so that the ends of the sequence, which may be cut off, weigh less.
    """
    seen = np.ones(rows) if head is None else head[:, 1]
    sigma, radius = SMOOTH_CLASSES
    smooth = gaussian_filter1d(seen, sigma, radius=radius, mode="constant", cval=0)
    smooth = np.round(smooth, VISIBLE_DECIMALS)
    return np.asarray(np.clip(1 - WEIGHT_VISIBLE * (1 - smooth), 0, 1))


def _relative(heads: Mapping[str, FloatArray], rows: int) -> FloatArray:
    """Cost of being the first or last vertebra of a region, shape (vertebrae, 6)."""
    head = heads.get("VERTREL")
    cost = np.zeros((rows, 6))
    if head is None or head.sum() <= 0:
        return cost
    sigma, radius = SMOOTH_SEQUENCE
    smooth = gaussian_filter1d(head[:, 1:], sigma, axis=0, radius=radius, mode="nearest")
    cost[:, 1:] = -WEIGHT_RELATIVE * _share(smooth)
    return cost


def _share(values: FloatArray) -> FloatArray:
    """Divide by the sum S over the sequence if it exceeds 1, else by 1 + S.

    Each region has one first and one last vertebra: certain candidates share that role, while a
    faint one does not become certain for lack of rivals.
    """
    total = values.sum(axis=0) + EPSILON
    return np.asarray(values / np.where(total > 1, total, np.where(total < 1, 1 + total, 1)))


def _t13(heads: Mapping[str, FloatArray], rows: int, numerics: Numerics) -> FloatArray:
    """Cost of being a T13, shape (vertebrae,)."""
    old = upstream(numerics).t13_head_by_old_name
    known = T13_HEADS[:1] if old else T13_HEADS
    name = next((n for n in known if n in heads), None)
    if name is None:
        return np.zeros(rows)
    likely = heads[name][:, 1]
    if not old:  # a faint T13 must not become certain because there is no other candidate
        return np.asarray(-WEIGHT_T13 * _share(likely))
    return np.asarray(-WEIGHT_T13 * likely / (likely.sum() + EPSILON))

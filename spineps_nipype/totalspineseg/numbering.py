"""Labels of discs and vertebrae by counting from landmarks: rules on lists, without voxels.

Problem: the network labels a few landmark discs, and tells of all other parts only whether they
are disc or vertebra. Everything between the landmarks must be counted.

Rules, in this order:

1. Discs are counted up and down from the first landmark along the labels of a normal spine, and
   again downward from each further landmark along all possible labels, which overrides what came
   from above (`number_discs`, the way of the original; `disc_path` is ours).
2. Discs and vertebrae are sorted by height into one list. Heights may be wrong by a little, so
   neighbours are swapped where discs and vertebrae do not alternate (`spine_list`).
3. A vertebra gets the label that belongs below the next disc above it. Vertebrae above the first
   disc are counted upward (`number_vertebrae`). Where two labelled discs leave room for as many
   vertebrae as lie between them, these are counted, because discs were missed (ours).

Effort: linear in the number of parts.

Source: TotalSpineSeg 20251028, labeller (disc numbers, vertebra numbers).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

from ..errors import EmptyResultError
from .regions import SpineOrder
from .settings import Numerics
from .upstream import upstream

Kind = Literal["disc", "vertebra"]
TWO_DISCS: Final[list[Kind]] = ["disc", "disc"]
TWO_VERTEBRAE: Final[list[Kind]] = ["vertebra", "vertebra"]


class SpinePart(NamedTuple):
    """A disc or vertebra in the order of the spine, with the number of its component."""

    kind: Kind
    number: int


def number_discs(
    order: Sequence[int],
    landmarks: Mapping[int, int],
    spine: SpineOrder,
    *,
    numerics: Numerics = "corrected",
) -> dict[int, int]:
    """Label discs upward and downward from the landmarks, as the original does.

    Parameters
    ----------
    order
        Components of the discs, uppermost first.
    landmarks
        Component to label of at least one disc.
    spine
        Labels in order.

    Returns
    -------
    dict
        Component to label; discs beyond the ends of the spine have none.

    Raises
    ------
    EmptyResultError
        If the label of the first landmark is not that of a disc or, under ``original``, not that
        of a disc of a normal spine.
    """
    known = [number for number in order if number in landmarks]
    first = known[0]
    usual = spine.usual_discs
    if landmarks[first] not in usual and not upstream(numerics).unusual_top_refused:
        usual = spine.discs
    if landmarks[first] not in usual:
        raise EmptyResultError(
            f"The uppermost known disc has the label {landmarks[first]}, "
            "from which discs cannot be counted.",
            remedy="Name another uppermost disc, or give a localizer with more discs.",
        )
    place, index = order.index(first), usual.index(landmarks[first])
    # Both lists are aligned at the landmark; whichever is longer above it is cut.
    out = dict(
        zip(
            order[max(0, place - index) :],
            usual[max(0, index - place) :],
            strict=False,
        )
    )
    for number in known:
        start = spine.discs.index(landmarks[number])
        out.update(zip(order[order.index(number) :], spine.discs[start:], strict=False))
    return out


def spine_list(
    discs: Sequence[tuple[int, int]],
    vertebrae: Sequence[tuple[int, int]],
    first_vertebra: int = 1,
) -> list[SpinePart]:
    """Discs and vertebrae in one list from top to bottom, alternating as far as possible.

    Parameters
    ----------
    discs, vertebrae
        (height, component) of each. Of equal heights, the higher component number comes first,
        counted from 1 for each kind.
    first_vertebra
        Lowest component number of a vertebra.

    Notes
    -----
    Where two discs follow each other with two vertebrae beside them, the nearer disc and vertebra
    are swapped.
    """
    before = first_vertebra - 1
    keys = [(z, n, 0, n) for z, n in discs]
    keys += [(z, n - before, 1, n) for z, n in vertebrae]
    keys.sort(reverse=True)
    parts = [SpinePart("vertebra" if bone else "disc", number) for _, _, bone, number in keys]
    return _alternating(parts)


def _alternating(parts: list[SpinePart]) -> list[SpinePart]:
    """Swap neighbours where two discs follow each other beside two vertebrae, and at the ends."""
    out = list(parts)

    def swap(place: int) -> None:
        out[place], out[place + 1] = out[place + 1], out[place]

    for k in range(len(out) - 1):
        if _kinds(out, k) != TWO_DISCS:
            continue
        if _kinds(out, k + 2) == TWO_VERTEBRAE:
            swap(k + 1)
        elif _kinds(out, k - 2) == TWO_VERTEBRAE:
            swap(k - 1)
    # A disc at an end needs a vertebra beyond it, if there are two to choose from.
    if [part.kind for part in out[:3]] == ["disc", *TWO_VERTEBRAE]:
        swap(0)
    if [part.kind for part in out[-3:]] == [*TWO_VERTEBRAE, "disc"]:
        swap(len(out) - 2)
    return out


def _kinds(parts: Sequence[SpinePart], first: int) -> list[Kind]:
    """Kinds of two neighbours; fewer where the list ends."""
    return [part.kind for part in parts[max(first, 0) : max(first + 2, 0)]]


def number_vertebrae(
    parts: Sequence[SpinePart],
    discs: Mapping[int, int],
    spine: SpineOrder,
    *,
    numerics: Numerics = "corrected",
) -> dict[int, int]:
    """Label each vertebra by the disc above it.

    Parameters
    ----------
    parts
        Discs and vertebrae from top to bottom.
    discs
        Component to label; discs without a label are ignored.
    spine
        Labels in order.
    numerics
        Under ``original``, a first disc that a normal spine does not have is an error, and all
        components between two discs share a label. Corrected, they are counted if the labels of
        the discs leave room for exactly as many vertebrae: a disc between them was missed.

    Returns
    -------
    dict
        Component to label.
    """
    below = spine.below()
    out: dict[int, int] = {}
    current: int | None = None
    for place, part in enumerate(parts):
        if part.kind == "disc":
            if part.number not in discs:
                continue
            current = below[discs[part.number]]
            if place and not out:
                above = [p.number for p in reversed(parts[:place]) if p.kind == "vertebra"]
                out.update(zip(above, _upward(current, spine, numerics), strict=False))
        elif current is not None:
            out[part.number] = current
    _name_last(parts, out, current, spine)
    if not upstream(numerics).missed_discs_ignored:
        out.update(_count_between(parts, discs, spine))
    return out


def _count_between(
    parts: Sequence[SpinePart], discs: Mapping[int, int], spine: SpineOrder
) -> dict[int, int]:
    """Labels of the vertebrae between two discs whose labels leave room for exactly as many."""
    out: dict[int, int] = {}
    below = spine.below()
    waiting: list[int] = []
    upper: int | None = None
    for part in parts:
        if part.kind == "vertebra":
            waiting.append(part.number)
        elif part.number in discs:
            label = discs[part.number]
            if upper is not None:
                first = spine.vertebrae.index(below[upper])
                room = spine.vertebrae[first : spine.vertebrae.index(below[label])]
                usual = tuple(v for v in room if v in spine.usual_vertebrae)
                if len(waiting) == len(usual) > 1:
                    out.update(zip(waiting, usual, strict=True))
            waiting, upper = [], label
    return out


def _upward(current: int, spine: SpineOrder, numerics: Numerics) -> Sequence[int]:
    """Labels of the vertebrae above a vertebra, nearest first."""
    labels = spine.usual_vertebrae
    if current not in labels:
        if upstream(numerics).unusual_top_refused:
            raise EmptyResultError(
                f"Vertebrae cannot be counted upward from label {current}.",
                remedy='Use numerics="corrected".',
            )
        labels = spine.vertebrae
    return labels[: labels.index(current)][::-1]


def _name_last(
    parts: Sequence[SpinePart], labels: dict[int, int], current: int | None, spine: SpineOrder
) -> None:
    """Give the next label to a last vertebra that follows another one without a disc."""
    if current is None or current == spine.vertebrae[-1] or len(parts) < 2:
        return
    if parts[-1].kind == parts[-2].kind == "vertebra":
        labels[parts[-1].number] = spine.vertebrae[spine.vertebrae.index(current) + 1]

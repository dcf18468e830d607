"""Numbers of discs and vertebrae from those of a few landmarks: rules on lists, without voxels.

Source: TotalSpineSeg 20251028, labeller (disc numbers, vertebra numbers).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from ..errors import EmptyResultError
from .regions import SpineOrder
from .settings import Numerics
from .upstream import upstream

Kind = Literal["disc", "vertebra"]


class Part(NamedTuple):
    """A component in the order of the spine."""

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
        Component to label; discs beyond the ends of the spine are absent.

    Raises
    ------
    EmptyResultError
        If the first landmark is no disc, or, under ``original``, one that a normal spine does
        not have.
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
) -> list[Part]:
    """Discs and vertebrae in one list from top to bottom, with neighbours put right.

    Parameters
    ----------
    discs, vertebrae
        (height, component) of each. Of equal heights the higher component number stands above,
        counted from 1 for each kind.
    first_vertebra
        Lowest number that a vertebra component had.

    Discs and vertebrae alternate. Where two discs stand together with two vertebrae next to
    them, the nearer ones change places.
    """
    before = first_vertebra - 1
    keys = [(z, n, 0, n) for z, n in discs]
    keys += [(z, n - before, 1, n) for z, n in vertebrae]
    keys.sort(reverse=True)
    parts = [Part("vertebra" if bone else "disc", number) for _, _, bone, number in keys]
    return _alternating(parts)


def _alternating(parts: list[Part]) -> list[Part]:
    out = list(parts)
    n = len(out)

    def are(kind: Kind, *places: int) -> bool:
        return all(out[place].kind == kind for place in places)

    def swap(one: int, other: int) -> None:
        out[one], out[other] = out[other], out[one]

    for k in range(n - 1):
        if not are("disc", k, k + 1):
            continue
        if k < n - 3 and are("vertebra", k + 2, k + 3):
            swap(k + 1, k + 2)
        elif k > 1 and are("vertebra", k - 1, k - 2):
            swap(k - 1, k)
    if n > 2 and are("disc", 0) and are("vertebra", 1, 2):
        swap(0, 1)
    if n > 2 and are("disc", n - 1) and are("vertebra", n - 2, n - 3):
        swap(n - 1, n - 2)
    return out


def number_vertebrae(
    parts: Sequence[Part],
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
        Component to label; discs without a label do not count.
    spine
        Labels in order.
    numerics
        A first disc that a normal spine does not have is an error under ``original``, and all
        components between two discs share a label. Corrected, they are counted where the labels
        of the discs leave room for just as many vertebrae: a disc between them was missed.

    Returns
    -------
    dict
        Component to label. Those above the first disc are counted upward.
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
        out.update(_counted_between(parts, discs, spine))
    return out


def _counted_between(
    parts: Sequence[Part], discs: Mapping[int, int], spine: SpineOrder
) -> dict[int, int]:
    """Labels of vertebrae between two discs whose labels leave room for just as many."""
    out: dict[int, int] = {}
    below = spine.below()
    since: list[int] = []
    upper: int | None = None
    for part in parts:
        if part.kind == "vertebra":
            since.append(part.number)
        elif part.number in discs:
            label = discs[part.number]
            if upper is not None:
                first = spine.vertebrae.index(below[upper])
                room = spine.vertebrae[first : spine.vertebrae.index(below[label])]
                usual = tuple(v for v in room if v in spine.usual_vertebrae)
                if len(since) == len(usual) > 1:
                    out.update(zip(since, usual, strict=True))
            since, upper = [], label
    return out


def _upward(current: int, spine: SpineOrder, numerics: Numerics) -> Sequence[int]:
    """Labels of the vertebrae above one, nearest first."""
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
    parts: Sequence[Part], labels: dict[int, int], current: int | None, spine: SpineOrder
) -> None:
    """A vertebra that ends the list right below another one is the next, not the same."""
    if current is None or current == spine.vertebrae[-1] or len(parts) < 2:
        return
    if parts[-1].kind == parts[-2].kind == "vertebra":
        labels[parts[-1].number] = spine.vertebrae[spine.vertebrae.index(current) + 1]

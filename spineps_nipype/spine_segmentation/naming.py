"""Anatomical numbers for vertebrae and discs.

Arrays have the axes sagittal slice, posterior to anterior, inferior to superior.
Source: spine-segmentation 0.3.2, anatomical labelling, and corrected rules of our own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .long_pieces import LONG, long_parted
from .names import (
    CLASS_NAMES,
    DISC,
    ID_OF,
    NAME_OF,
    ORDER,
    SACRUM_ID,
    SMALLEST_STRUCTURE,
    VERTEBRA,
    disc_id_above,
    names_by_neighbours,
    original_names,
)
from .planes import below_plane, centroids_of, plane_normals
from .sequence import NamedVertebra, class_histograms, likeliest_names
from .settings import USUAL_NAMING, NamingSettings, Numerics
from .shift import shifted_ids
from .slivers import unslivered
from .split import Split, split_instances
from .upstream import upstream

FormJudge = Callable[[NDArray[Any], NDArray[np.bool_]], NDArray[Any]]


@dataclass(frozen=True)
class NamedSpine:
    """Result of the naming.

    Parameters
    ----------
    labels
        Id of every voxel, int16.
    id_to_label
        Id to name.
    vertebrae
        Name, share and margin of each vertebra; empty when names were found by one shift.
    """

    labels: NDArray[np.int16]
    id_to_label: dict[int, str]
    vertebrae: list[NamedVertebra] = field(default_factory=list)


def name_spine(
    semantic: NDArray[Any],
    classes: NDArray[Any],
    settings: NamingSettings = USUAL_NAMING,
    *,
    form: FormJudge | None = None,
    numerics: Numerics = "corrected",
) -> NamedSpine:
    """Split and name vertebrae, then number the discs between them.

    Parameters
    ----------
    semantic
        0 background, 1 vertebra, 2 disc.
    classes
        Classes of the second network: 0, then C2 to S1 as 1 to 25.
    settings
        Way of naming, and which variants are possible; ``original`` numerics know one way only.
    form
        From numbered bodies and the mask of the discs to probabilities of the names, as a second
        opinion for the sequence.

    Raises
    ------
    InputError, EmptyResultError
        As `split_instances`.
    """
    split = split_instances(semantic, numerics=numerics)
    bone = semantic == VERTEBRA
    if upstream(numerics).shift_only:
        ids = shifted_ids(_odd(split), classes, bone)
        labels = without_small(_with_all_discs(ids, semantic == DISC, numerics))
        return NamedSpine(labels, original_names())
    table: list[NamedVertebra] = []
    if settings.naming == "shift":
        ids = shifted_ids(_odd(split), classes, split.vertebrae > 0)
    else:
        ids, table = _named_in_order(split, classes, semantic == DISC, settings, form)
    ids = without_small(ids)
    labels = without_small(_with_discs(ids, semantic == DISC, numerics))
    present = {int(n) for n in np.unique(ids) if n}
    return NamedSpine(labels, names_by_neighbours(present), [v for v in table if v.id in present])


def _named_in_order(
    split: Split,
    classes: NDArray[Any],
    disc: NDArray[np.bool_],
    settings: NamingSettings,
    form: FormJudge | None,
) -> tuple[NDArray[np.int16], list[NamedVertebra]]:
    """Ids of the voxels and names of the pieces.

    Only C2 with its dens is long; an uppermost piece with another name is cut when it is.
    """
    vertebrae = split.vertebrae
    table = _named_pieces(vertebrae, classes, disc, settings, form)
    if table and table[0].name != CLASS_NAMES[0]:
        parted = long_parted(vertebrae, on_top=LONG)
        if parted.max() > vertebrae.max():
            vertebrae = parted
            table = _named_pieces(vertebrae, classes, disc, settings, form)
    lookup = np.zeros(int(vertebrae.max()) + 1, dtype=np.int16)
    lookup[[v.instance for v in table]] = [v.id for v in table]
    return lookup[vertebrae], table


def _named_pieces(
    vertebrae: NDArray[np.int16],
    classes: NDArray[Any],
    disc: NDArray[np.bool_],
    settings: NamingSettings,
    form: FormJudge | None,
) -> list[NamedVertebra]:
    """Names of the pieces that are no slivers."""
    histograms = class_histograms(vertebrae, classes, int(vertebrae.max()))
    by_form = None if form is None else form(vertebrae, disc)
    kept = unslivered(vertebrae)
    named = likeliest_names(histograms[kept], settings, None if by_form is None else by_form[kept])
    return [replace(v, instance=v.instance + kept.start) for v in named]


def without_small(labels: NDArray[np.int16]) -> NDArray[np.int16]:
    """Delete structures of fewer than 50 voxels."""
    low = int(labels.min())
    sizes = np.bincount((labels - low).ravel())
    return np.where(sizes[labels - low] < SMALLEST_STRUCTURE, 0, labels).astype(np.int16)


def _odd(split: Split) -> NDArray[np.int16]:
    return np.where(split.vertebrae > 0, 2 * split.vertebrae - 1, 0).astype(np.int16)


def _with_all_discs(
    ids: NDArray[np.int16], disc: NDArray[np.bool_], numerics: Numerics
) -> NDArray[np.int16]:
    """Discs by the planes of whatever numbers there are, as the original does it."""
    numbers = [int(n) for n in np.unique(ids) if n]
    below = [n + 1 for n in numbers]
    return _painted(ids, disc, numbers, [numbers[0] - 1, *below], numerics)


def _with_discs(
    ids: NDArray[np.int16], disc: NDArray[np.bool_], numerics: Numerics
) -> NDArray[np.int16]:
    """Discs after the vertebra above them; none below the sacrum and none above C2."""
    present = set(np.unique(ids).tolist())
    numbers = [ID_OF[name] for name in ORDER if ID_OF[name] in present]
    if not numbers:
        return ids
    below = [0 if n == SACRUM_ID else n + 1 for n in numbers]
    return _painted(ids, disc, numbers, [disc_id_above(numbers[0]) or 0, *below], numerics)


def _painted(
    ids: NDArray[np.int16],
    disc: NDArray[np.bool_],
    numbers: list[int],
    values: list[int],
    numerics: Numerics,
) -> NDArray[np.int16]:
    """Number disc voxels by the lowest vertebra whose plane they are below.

    Parameters
    ----------
    numbers
        Vertebrae from the top.
    values
        Number above all planes, then below each plane.
    """
    points = np.argwhere(disc & (ids == 0))
    centres = centroids_of(ids, numbers)
    painted = np.full(len(points), values[0], dtype=np.int16)
    for centre, normal, value in zip(
        centres, plane_normals(centres, numerics), values[1:], strict=True
    ):
        painted[below_plane(points, centre, normal)] = value
    out = ids.copy()
    out[tuple(points.T)] = painted
    return out


def vertebra_names(labels: NDArray[Any]) -> list[str]:
    """Names of the vertebrae in a numbered image, from the top."""
    present = {NAME_OF[n] for n in np.unique(labels).tolist() if n in NAME_OF}
    return [name for name in ORDER if name in present]

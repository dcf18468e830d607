"""Anatomical names of vertebrae and discs.

Arrays have the axes sagittal slice, posterior to anterior, inferior to superior.
Source: spine-segmentation 0.3.2, anatomical labelling, and corrected rules of our own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.missed_vertebrae import missed_between
from .long_pieces import LONG_RATIO, split_long_pieces
from .names import (
    CLASS_NAMES,
    DISC,
    ID_OF,
    MIN_STRUCTURE_VOXELS,
    ORDER,
    SACRUM_ID,
    VERTEBRA,
    disc_id_above,
    names_by_neighbours,
    original_names,
)
from .planes import below_plane, centroids_of, plane_normals
from .posterior import name_posterior, with_probabilities
from .sequence import NamedVertebra, class_histograms, likeliest_names
from .settings import USUAL_NAMING, NamingSettings, Numerics
from .shift import ids_by_shift
from .slivers import instances_without_slivers
from .split import Split, split_instances
from .upstream import upstream

FormJudge = Callable[[NDArray[Any], NDArray[np.bool_]], NDArray[Any]]
"""From numbered bodies and the mask of the discs to probabilities of the names of each body."""


@dataclass(frozen=True)
class NamedSpine:
    """Result of the naming.

    Parameters
    ----------
    labels
        Id of each voxel, int16.
    id_to_label
        Id to name.
    vertebrae
        Name, share and margin of each vertebra; empty if names were found by a single shift.
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
    """Split the vertebrae, name them, and number the discs between them.

    Parameters
    ----------
    semantic
        0 background, 1 vertebra, 2 disc.
    classes
        Classes of the second network: 0, then C2 to S1 as 1 to 25.
    settings
        How names are found, and which variants are possible; under ``original`` there is only one
        way.
    form
        Second opinion for the sequence, by the form of the bodies.

    Raises
    ------
    InputError, EmptyResultError
        As for `split_instances`.
    """
    split = split_instances(semantic, numerics=numerics)
    bone = semantic == VERTEBRA
    if upstream(numerics).shift_only:
        ids = ids_by_shift(_odd_ids(split), classes, bone)
        labels = remove_small_structures(_add_all_discs(ids, semantic == DISC, numerics))
        return NamedSpine(labels, original_names())
    table: list[NamedVertebra] = []
    if settings.naming == "shift":
        ids = ids_by_shift(_odd_ids(split), classes, split.vertebrae > 0)
    else:
        ids, table = _name_by_sequence(split, classes, semantic == DISC, settings, form, numerics)
    ids = remove_small_structures(ids)
    labels = remove_small_structures(_add_discs(ids, semantic == DISC, numerics))
    present = {int(n) for n in np.unique(ids) if n}
    return NamedSpine(labels, names_by_neighbours(present), [v for v in table if v.id in present])


def _name_by_sequence(
    split: Split,
    classes: NDArray[Any],
    disc: NDArray[np.bool_],
    settings: NamingSettings,
    form: FormJudge | None,
    numerics: Numerics,
) -> tuple[NDArray[np.int16], list[NamedVertebra]]:
    """Ids of the voxels and names of the pieces by the likeliest sequence.

    Only C2 with its dens may be long: if the uppermost piece gets another name and is long, it is
    split, and all pieces are named again.
    """
    vertebrae = split.vertebrae
    table = _name_pieces(vertebrae, classes, disc, settings, form, numerics)
    if table and table[0].name != CLASS_NAMES[0]:
        divided = split_long_pieces(vertebrae, ratio_on_top=LONG_RATIO)
        if divided.max() > vertebrae.max():
            vertebrae = divided
            table = _name_pieces(vertebrae, classes, disc, settings, form, numerics)
    lookup = np.zeros(int(vertebrae.max()) + 1, dtype=np.int16)
    lookup[[v.instance for v in table]] = [v.id for v in table]
    return lookup[vertebrae], table


def _name_pieces(
    vertebrae: NDArray[np.int16],
    classes: NDArray[Any],
    disc: NDArray[np.bool_],
    settings: NamingSettings,
    form: FormJudge | None,
    numerics: Numerics,
) -> list[NamedVertebra]:
    """Names of the pieces, without slivers at the upper and lower border."""
    histograms = class_histograms(vertebrae, classes, int(vertebrae.max()))
    by_form = None if form is None else form(vertebrae, disc)
    kept = instances_without_slivers(vertebrae)
    rows, forms = histograms[kept], None if by_form is None else by_form[kept]
    missed = () if upstream(numerics).none_missed else _missed(vertebrae)[kept.start :]
    named = likeliest_names(rows, settings, forms, missed)
    named = with_probabilities(named, name_posterior(rows, settings, forms, missed))
    return [replace(v, instance=v.instance + kept.start) for v in named]


def _missed(vertebrae: NDArray[np.int16]) -> list[dict[int, float]]:
    """Vertebrae that may be missed behind each piece, by distances in the plane of the slices."""
    numbers = np.arange(1, int(vertebrae.max()) + 1)
    places = centroids_of(vertebrae, numbers)[:, 1:]
    return missed_between(places, np.bincount(vertebrae.ravel())[1:].astype(float))


def remove_small_structures(labels: NDArray[np.int16]) -> NDArray[np.int16]:
    """Delete structures of fewer than 50 voxels."""
    low = int(labels.min())
    sizes = np.bincount((labels - low).ravel())
    return np.where(sizes[labels - low] < MIN_STRUCTURE_VOXELS, 0, labels).astype(np.int16)


def _odd_ids(split: Split) -> NDArray[np.int16]:
    """Vertebra v as 2v - 1, as the original numbers instances."""
    return np.where(split.vertebrae > 0, 2 * split.vertebrae - 1, 0).astype(np.int16)


def _add_all_discs(
    ids: NDArray[np.int16], disc: NDArray[np.bool_], numerics: Numerics
) -> NDArray[np.int16]:
    """Add the discs by the planes of all numbers that occur, as the original does."""
    numbers = [int(n) for n in np.unique(ids) if n]
    below = [n + 1 for n in numbers]
    return _number_discs(ids, disc, numbers, [numbers[0] - 1, *below], numerics)


def _add_discs(
    ids: NDArray[np.int16], disc: NDArray[np.bool_], numerics: Numerics
) -> NDArray[np.int16]:
    """Add the discs, each numbered after the vertebra above it; none below S1 or above C2."""
    present = set(np.unique(ids).tolist())
    numbers = [ID_OF[name] for name in ORDER if ID_OF[name] in present]
    if not numbers:
        return ids
    below = [0 if n == SACRUM_ID else n + 1 for n in numbers]
    return _number_discs(ids, disc, numbers, [disc_id_above(numbers[0]) or 0, *below], numerics)


def _number_discs(
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
        Ids of the vertebrae from the top.
    values
        Number of discs above all planes, then of those below each plane.
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
